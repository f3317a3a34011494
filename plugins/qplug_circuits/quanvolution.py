"""Quanvolution: one circuit on every patch of a picture or of a spectrogram."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeAlias, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from qplug.contract.circuit import Angle, Circuit, Encoding, Gate, Observable, Weight
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import BackboneCapabilities, HeadCapabilities, Place, QuantumBackbone, QuantumHead

UnitMap: TypeAlias = Literal["none", "sigmoid"]

_MAPS: dict[str, Callable[[Tensor], Tensor]] = {"none": lambda inputs: inputs, "sigmoid": torch.sigmoid}
_ROTATIONS = ("rx", "ry", "rz")
_IMPRIMITIVE = 0.3
"""The share of CNOTs among the gates that are drawn."""
_ROUNDING = 1e-3
"""So far outside of [0, 1] a value may lie unremarked."""
_AMPLITUDES_AT_ONCE = 1 << 20
"""So many amplitudes of all patches at once: 65,536 patches of four qubits, and fewer of more."""


@final
@dataclass(kw_only=True, eq=False)
class Quanvolution(QuantumBackbone):
    """Each patch of a feature (channel, height, width) goes through one circuit, whose ⟨Z⟩ are channels of a new one.

    The values of a patch turn one qubit each, RY(π x), then come ``n_layers`` random layers: rotations about random
    axes of random qubits, as many as there are qubits, and between them CNOTs of random pairs. Every channel goes
    through the same circuit. What is at the border and fills no patch is left out.

    ``circuit=random`` leaves the drawn angles as they are; with ``after=flatten`` nothing learns then, and the values
    are computed once. ``circuit=trained`` trains them from a random start. ``after=cnn`` puts a small trained
    network behind; a random circuit in front of it is computed anew in every epoch.

    **Source:** Henderson, Shakya, Pradhan, Cook, Quanvolutional neural networks, 2019 (arXiv:1904.04767); Yang and
    others, Decentralizing feature extraction with quantum convolutional neural network for automatic speech
    recognition, 2021 (arXiv:2010.13309): RY(π x), ⟨Z⟩ of each qubit. Random layers are drawn as PennyLane's
    RandomLayers are, with the same structure for the same seed.
    **Differs from the source:** the first paper turns qubits by a threshold, decodes by counting ones and draws
    a circuit per filter; here one circuit gives as many channels as it has qubits. The sizes of the network behind are
    this project's. Values are expected in [0, 1], which normalised features are not: leave the normalisation out
    (``--set features.normalise=none`` for pictures) or set ``unit_map=sigmoid``.
    """

    summary = "one circuit, random or trained, on every patch of a picture or a spectrogram"
    source = "arXiv:1904.04767"
    capabilities = BackboneCapabilities(interface=1, input_axes=3, quantum=True)
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "henderson-2019": {"after": "cnn"},
        "yang-2021": {"unit_map": "sigmoid"},
    }

    patch: Annotated[int, Field(ge=1, le=4, description="height and width of a patch; its area is the qubits")] = 2
    stride: Annotated[int, Field(ge=1, le=64, description="from one patch to the next, both ways")] = 2
    n_layers: Annotated[int, Field(ge=1, le=64, description="random layers of the circuit")] = 1
    seed: Annotated[int, Field(ge=0, lt=2**31, description="draws the gates, and the angles of a random circuit")] = 0
    circuit: Annotated[
        Literal["random", "trained"], Field(description="whether its angles stay as drawn or are trained")
    ] = "random"
    unit_map: Annotated[
        UnitMap, Field(description="brings values to [0, 1]: none if they are, sigmoid for normalised ones")
    ] = "none"
    after: Annotated[Literal["flatten", "cnn"], Field(description="what comes behind: nothing, or a small CNN")] = (
        "flatten"
    )
    n_features: Annotated[int, Field(ge=1, description="width of the embedding behind the CNN")] = 64

    def __post_init__(self) -> None:
        self.frozen = self.circuit == "random" and self.after == "flatten"

    def build_on(self, feature_shape: tuple[int, ...], place: Place) -> nn.Module:
        """A module (batch, channel, height, width) → (batch, n_features).

        Raises:
            NotSupported: a patch is larger than a feature, or too few are left for the network behind.
        """
        channels, height, width = feature_shape
        rows, columns = ((size - self.patch) // self.stride + 1 for size in (height, width))
        if min(height, width) < self.patch:
            raise NotSupported(
                f"quanvolution with patches of {self.patch} x {self.patch} needs features of at least that size; these "
                f"have the shape {feature_shape}. Use larger features, or smaller patches: --set backbone.patch=1"
            )
        area = self.patch**2
        head = PatchCircuit(self.patch, self.n_layers, self.seed, self.circuit == "trained", self.unit_map)
        circuit = place(head, area, area)
        if self.circuit == "random":
            circuit.requires_grad_(False)
        patches = Patches(circuit, self.patch, self.stride, area, is_mapped=self.unit_map != "none")
        if self.after == "flatten":
            return nn.Sequential(patches, nn.Flatten())
        if min(rows, columns) < _HALVINGS:
            raise NotSupported(
                f"quanvolution leaves {rows} x {columns} patches of features of the shape {feature_shape}, and the "
                f"network behind needs at least {_HALVINGS} x {_HALVINGS}. Use larger features, a smaller stride, or "
                "--set backbone.after=flatten"
            )
        return nn.Sequential(patches, *_network(channels * area, rows, columns, self.n_features))


class PatchCircuit(QuantumHead):
    """The circuit of one patch: (batch, area) → ⟨Z⟩ of each qubit (batch, area).

    Args:
        patch: height and width of the patch.
        n_layers: random layers.
        seed: draws the gates, and the angles where they are not trained.
        trained: whether the angles are weights.
        unit_map: brings the values to [0, 1].
    """

    summary = "the circuit of one patch"
    capabilities = HeadCapabilities(interface=1, quantum=True)

    def __init__(self, patch: int, n_layers: int, seed: int, trained: bool, unit_map: UnitMap) -> None:
        self.n_inputs = patch**2
        self._unit_map = unit_map
        wires = range(self.n_inputs)
        encoded = [Gate("ry", (wire,), (Encoding(wire),)) for wire in wires]
        drawn = random_layers(self.n_inputs, n_layers, seed, trained=trained)
        self._circuit = Circuit(self.n_inputs, (*encoded, *drawn), tuple(Observable("Z", (wire,)) for wire in wires))

    def circuit(self, n_inputs: int) -> Circuit:
        """The same for any number."""
        return self._circuit

    def encode(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        """π times the values."""
        return math.pi * _MAPS[self._unit_map](inputs)

    def readout(self, n_observables: int, n_classes: int) -> nn.Module:
        """The expectation values themselves."""
        return nn.Identity()


def random_layers(n_qubits: int, n_layers: int, seed: int, *, trained: bool) -> Iterator[Gate]:
    """The gates of random layers.

    Args:
        n_qubits: how many qubits, and rotations in a layer.
        n_layers: how many layers.
        seed: draws gates, wires and angles.
        trained: whether angles are weights, numbered as they come; otherwise they are drawn from [0, 2π).
    """
    draw = np.random.default_rng(seed)
    angles = iter(np.random.default_rng([seed, 1]).uniform(0, 2 * math.pi, n_layers * n_qubits).tolist())
    for n_before in range(0, n_layers * n_qubits, n_qubits):
        left = n_qubits
        while left:
            if draw.random() > _IMPRIMITIVE:
                name = _ROTATIONS[draw.choice(len(_ROTATIONS))]
                wire = int(draw.choice(n_qubits, 1, replace=False)[0])
                angle: Angle = next(angles)
                yield Gate(name, (wire,), (Weight(n_before + n_qubits - left) if trained else angle,))
                left -= 1
            elif n_qubits > 1:
                yield Gate("cx", tuple(draw.choice(n_qubits, 2, replace=False).tolist()))


class Patches(nn.Module):
    """(batch, channel, height, width) → (batch, channel · n_outputs, rows, columns): a module on each patch.

    Args:
        circuit: (batch, area) → (batch, n_outputs).
        patch: height and width of a patch.
        stride: from one to the next.
        n_outputs: channels that one channel becomes.
        is_mapped: whether the module brings values to [0, 1]; features that are not there are remarked otherwise.
    """

    def __init__(self, circuit: nn.Module, patch: int, stride: int, n_outputs: int, *, is_mapped: bool = False) -> None:
        super().__init__()
        self.circuit, self._is_quiet = circuit, is_mapped
        self.patch, self.stride, self.n_outputs = patch, stride, n_outputs
        self.at_once = max(1, _AMPLITUDES_AT_ONCE >> patch**2)

    def forward(self, features: Tensor) -> Tensor:
        """What the module gives for each patch, where the patch stood."""
        self._look(features)
        batch, channels, height, width = features.shape
        rows, columns = ((size - self.patch) // self.stride + 1 for size in (height, width))
        alone = features.reshape(batch * channels, 1, height, width)
        patches = nn.functional.unfold(alone, self.patch, stride=self.stride).transpose(1, 2)
        values = self._each(patches.reshape(-1, self.patch**2))
        laid = values.reshape(batch, channels, rows, columns, self.n_outputs).permute(0, 1, 4, 2, 3)
        return laid.reshape(batch, channels * self.n_outputs, rows, columns)

    def _look(self, features: Tensor) -> None:
        if self._is_quiet or not features.numel() or torch.compiler.is_compiling():
            return
        # Sizes alone, a graph, or many models at once have no values to look at.
        with contextlib.suppress(RuntimeError):
            low, high = (float(each) for each in features.detach().aminmax())
            self._is_quiet = _told_outside(low, high)  # once is enough

    def _each(self, patches: Tensor) -> Tensor:
        """A row each, so many at once that memory stays bounded: in training what is needed twice is computed twice."""
        if torch.compiler.is_exporting():  # a graph is for any number of rows
            return self._one(patches)
        pieces = torch.split(patches, self.at_once)
        if len(pieces) == 1:
            return self._one(pieces[0])
        if torch.is_grad_enabled() and any(each.requires_grad for each in (patches, *self.circuit.parameters())):
            return torch.cat([checkpoint(self._one, piece, use_reentrant=False) for piece in pieces])
        return torch.cat([self._one(piece) for piece in pieces])

    def _one(self, patches: Tensor) -> Tensor:
        values: Tensor = self.circuit(patches)
        return values.to(patches.dtype)


def _told_outside(low: float, high: float) -> bool:
    """Warns where values lie outside [0, 1]: turned by π times that, unlike ones look the same to the circuit."""
    is_outside = low < -_ROUNDING or high > 1 + _ROUNDING
    if is_outside:
        warnings.warn(
            f"quanvolution expects values in [0, 1] and got {low:.2g} to {high:.2g}, so that unlike values turn a "
            "qubit alike. Leave the normalisation out, --set features.normalise=none, or map them, "
            "--set backbone.unit_map=sigmoid",
            stacklevel=2,
        )
    return is_outside


_HALVINGS = 4
"""Rows and columns that two halvings leave one of."""


def _network(channels: int, rows: int, columns: int, n_features: int) -> list[nn.Module]:
    """Two convolutions, each halved by max-pooling, and one fully connected layer."""
    return [
        *(nn.Conv2d(channels, 32, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * (rows // 4) * (columns // 4), n_features), nn.ReLU()),
    ]
