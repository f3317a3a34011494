"""A head from an OpenQASM 3 file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, final

from pydantic import AfterValidator, Field
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.qasm3 import loads
from qiskit.quantum_info import SparsePauliOp

from qplug.contract.errors import CircuitError, DataError, NotSupported
from qplug.heads.head_parameters import BatchNorm, ReadOut

from .given import Parametrised
from .head import QiskitHead

_COPY = "circuit.qasm"


@final
@dataclass(kw_only=True, eq=False)
class CircuitFile(QiskitHead):
    """A circuit from an OpenQASM 3 file whose ``input`` parameters are the head's inputs and weights.

    Every parameter whose name begins with ``inputs`` is an input, every other one a weight, each in the order of the
    numbers in their names: x2 comes before x10. Angles may be expressions, such as ``ry(2.0 * x0 + pi / 2)``. What is
    measured is ⟨Z⟩ of every qubit, or what comments of the form ``// observable: Z0 X3`` say; ``circuit.qasm`` of a run
    can be read.

    **Source:** OpenQASM 3 (arXiv:2104.14722), as Qiskit's importer reads it.
    """

    summary = "a circuit from an OpenQASM 3 file, with named inputs and weights"
    source = "arXiv:2104.14722"

    path: Annotated[
        str | None,
        AfterValidator(lambda path: path and str(Path(path).expanduser().absolute())),  # for a repetition elsewhere
        Field(description="the OpenQASM 3 file"),
    ] = None
    inputs: Annotated[str, Field(min_length=1, description="how the names of inputs begin")] = "x"
    read_out: ReadOut = "linear"
    batch_norm: BatchNorm = True

    def __post_init__(self) -> None:
        self._parts: tuple[str, Parametrised] | None = None
        self._copy: Path | None = None

    def settings_files(self) -> Mapping[str, Path]:
        """The circuit's file."""
        return {} if self.path is None else {_COPY: Path(self.path)}

    def use_copies(self, folder: Path) -> None:
        """From now on reads the copy in ``folder``."""
        self._copy = folder / _COPY

    @property
    def n_inputs(self) -> int:  # type: ignore[override]
        """The number of parameters whose names begin with ``inputs``."""
        return len(self.parametrised().inputs)

    def parametrised(self) -> Parametrised:
        """The file's circuit.

        Raises:
            NotSupported: no file is named.
            DataError: the file cannot be read.
            CircuitError: it is not OpenQASM 3, or none of its parameters is an input.
        """
        return self._read()[1]

    def observables(self, circuit: QuantumCircuit) -> list[SparsePauliOp]:
        """What the file's comments say, else what the read-out needs."""
        found = re.findall(r"^\s*//\s*observable:\s*(.+?)\s*$", self._read()[0], re.MULTILINE)
        if not found:
            return super().observables(circuit)
        return [_observable(text, circuit.num_qubits) for text in found]

    def _read(self) -> tuple[str, Parametrised]:
        if self._parts is None:
            text = self._text()
            try:
                circuit = loads(text)
            except Exception as error:  # the importer lets its parser's own errors through
                raise CircuitError(f"{self.path} cannot be read as OpenQASM 3: {error}") from error
            ordered = sorted(circuit.parameters, key=_natural)
            inputs = [parameter for parameter in ordered if parameter.name.startswith(self.inputs)]
            weights = [parameter for parameter in ordered if not parameter.name.startswith(self.inputs)]
            if not inputs:
                names = ", ".join(parameter.name for parameter in ordered) or "none"
                raise CircuitError(
                    f"no parameter of {self.path} begins with {self.inputs!r}, so the circuit has no inputs; its "
                    f"parameters: {names}. Say how the names of inputs begin: --set head.inputs=…"
                )
            self._parts = text, Parametrised(circuit, inputs, weights)
        return self._parts

    def _text(self) -> str:
        if self.path is None:
            raise NotSupported("circuit-file needs a file: --set head.path=FILE, an OpenQASM 3 program.")
        try:
            return (self._copy or Path(self.path)).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"the circuit file {self.path} cannot be read: {error}") from error


def _natural(parameter: Parameter) -> list[tuple[int, str]]:
    """Sorts the numbers in names as numbers, however long: by how many digits they have, then by these."""
    pieces = re.split(r"([0-9]+)", parameter.name)
    numbers = (piece.lstrip("0") if piece[:1].isdigit() else None for piece in pieces)
    return [
        (-1, piece) if number is None else (len(number), number) for piece, number in zip(pieces, numbers, strict=True)
    ]


def _observable(text: str, n_qubits: int) -> SparsePauliOp:
    factors = [re.fullmatch(r"([XYZ])([0-9]{1,9})", word) for word in text.split()]
    if not all(factors) or any(int(factor[2]) >= n_qubits for factor in factors if factor):
        raise CircuitError(
            f"the observable {text!r} is not of the form 'Z0 X3': letters X, Y or Z, each with a qubit from 0 to "
            f"{n_qubits - 1}."
        )
    letters = "".join(factor[1] for factor in factors if factor)
    return SparsePauliOp.from_sparse_list([(letters, [int(f[2]) for f in factors if f], 1.0)], n_qubits)
