"""The quantum convolutional neural network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, final

from pydantic import Field
from torch import Tensor

from qplug.contract.errors import NotSupported
from qplug.heads.head_parameters import INPUT_MAPS, BatchNorm, InputMap

from .written import MeasuredReadOut, Written, WrittenHead, on_each

_SIZES = {"su4": 15, "ttn": 2}
"""Parameters of a convolution circuit."""
_POOLING = 2


@final
@dataclass(kw_only=True, eq=False)
class Qcnn(WrittenHead):
    """Angle embedding, then convolution and pooling in turns, until ``n_left`` of ``n_qubits`` qubits are left.

    A convolution applies one circuit to all neighbouring pairs of the qubits that are left, which lie on a ring, with
    the same parameters: first to (0, 1), (2, 3), …, then to (1, 2), …, and the last with the first. A pooling lets
    every second qubit turn the one before it: CRZ where it is 1, CRX where it is 0; then it is left alone. Each
    convolution and each pooling has parameters of its own. What is left is read.

    * ``su4``: 15 parameters, any transformation of two qubits: U on both, CNOT, RY and RZ, CNOT back, RY, CNOT, U on
      both.
    * ``ttn``: 2 parameters: RY on both, CNOT.

    **Source:** Cong, Choi, Lukin, Quantum convolutional neural networks, 2019 (arXiv:1810.03787); circuits as in Hur,
    Kim, Park, Quantum convolutional neural network for classical data classification, 2022 (arXiv:2108.00661): of its
    nine convolution circuits the smallest (a tree tensor network's) and the largest (SU(4)), and its pooling circuit.
    **Differs from the source:** half of the qubits are left by default and read by a linear layer, for any number of
    classes; the source leaves one qubit, whose probabilities are those of two classes: preset ``hur-2022``. Inputs
    are turned by ``scale`` radians a unit; the source scales them to [0, π].
    """

    summary = "quantum convolutional network: shared circuits on neighbours, pooling by controlled rotations"
    source = "arXiv:2108.00661"
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {"hur-2022": {"n_left": 1, "read_out": "probabilities"}}

    n_qubits: Annotated[
        int, Field(ge=2, le=16, description="number of qubits, and of inputs: a power of two, such as 4 or 8")
    ] = 8
    n_left: Annotated[
        int | None,
        Field(ge=1, le=8, description="how many qubits are left and read: a power of two; unset: half of them"),
    ] = None
    convolution: Annotated[
        Literal["su4", "ttn"], Field(description="circuit of a pair: su4 has 15 parameters, ttn has 2")
    ] = "su4"
    scale: Annotated[float, Field(gt=0, description="radians per unit of input")] = 0.5
    angle_map: InputMap = "none"
    read_out: MeasuredReadOut = "linear"
    batch_norm: BatchNorm = True

    def __post_init__(self) -> None:
        self.n_inputs = self.n_qubits

    @property
    def n_parameters(self) -> int:
        """Those of a convolution and a pooling, for each time that the qubits are halved.

        Raises:
            NotSupported: the numbers of qubits are no powers of two, or none are left out.
        """
        return len(self._widths()) * (_SIZES[self.convolution] + _POOLING)

    def read_wires(self) -> Sequence[int]:
        """The qubits that are left."""
        return range(0, self.n_qubits, self.n_qubits // self._left)

    def gates(self, inputs: Tensor, parameters: Tensor) -> Iterator[Written]:
        """The embedding, then convolution and pooling for each width."""
        encoded = self.scale * INPUT_MAPS[self.angle_map](inputs)
        yield from on_each("ry", range(self.n_qubits), encoded)
        size = _SIZES[self.convolution]
        for width, layer in zip(self._widths(), parameters.reshape(-1, size + _POOLING), strict=True):
            wires = list(range(0, self.n_qubits, self.n_qubits // width))
            for pair in _neighbours(wires):
                yield from (_su4 if self.convolution == "su4" else _ttn)(pair, layer[:size])
            for target, source in zip(wires[::2], wires[1::2], strict=True):
                yield "crz", (source, target), (layer[size],)
                yield "x", (source,), ()
                yield "crx", (source, target), (layer[size + 1],)

    @property
    def _left(self) -> int:
        return self.n_left or self.n_qubits // 2

    def _widths(self) -> list[int]:
        """How many qubits are there before each pooling."""
        if self.n_qubits & (self.n_qubits - 1) or self._left & (self._left - 1) or self._left >= self.n_qubits:
            raise NotSupported(
                f"qcnn halves its qubits, so n_qubits and n_left must be powers of two, n_left the smaller; got "
                f"n_qubits={self.n_qubits} and n_left={self._left}. Such as: --set head.n_qubits=8 --set head.n_left=1"
            )
        width, widths = self.n_qubits, []
        while width > self._left:
            widths.append(width)
            width //= 2
        return widths


def _neighbours(wires: list[int]) -> list[tuple[int, int]]:
    """The pairs on a ring, those that begin at an even place first."""
    pairs = list(zip(wires, wires[1:] + wires[:1], strict=True))
    return pairs[:1] if len(wires) == 2 else pairs[::2] + pairs[1::2]


def _ttn(pair: tuple[int, int], w: Tensor) -> Iterator[Written]:
    yield from on_each("ry", pair, w)
    yield "cx", pair, ()


def _su4(pair: tuple[int, int], w: Tensor) -> Iterator[Written]:
    first, second = pair
    yield "u", (first,), (w[0], w[1], w[2])
    yield "u", (second,), (w[3], w[4], w[5])
    yield "cx", pair, ()
    yield "ry", (first,), (w[6],)
    yield "rz", (second,), (w[7],)
    yield "cx", (second, first), ()
    yield "ry", (first,), (w[8],)
    yield "cx", pair, ()
    yield "u", (first,), (w[9], w[10], w[11])
    yield "u", (second,), (w[12], w[13], w[14])
