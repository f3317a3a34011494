"""Cases with a known answer: a data set whose labels an entangled circuit made, and heads that need it or do not.

``Entangled`` is the circuit that made the labels of ``Planted``, with parameters to be found: what it is worth lies in
its entanglers and in its training. ``Idle`` has entanglers, trainable gates and re-uploads none of which changes what
it measures, and is as good on ``Planted(labels="linear")`` without them. To have all three in ``qplug`` itself::

    site.add("qplug-planted", ENTRY_POINTS, {"planted": Path(planted.__file__).read_text()})
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from torch import Tensor

from qplug import (
    Circuit,
    Dataset,
    DatasetCapabilities,
    Encoding,
    Gate,
    HeadCapabilities,
    Image,
    Observable,
    QuantumHead,
    Sample,
    SplitRule,
    Weight,
)
from qplug.testing.reference import expectations

ENTRY_POINTS = {
    "qplug.datasets": {"planted": "planted:Planted"},
    "qplug.heads": {"entangled": "planted:Entangled", "idle": "planted:Idle"},
}
N = 4
"""Pixels of an image, inputs of a head and qubits of its circuit."""
LABELLING = 2
"""The qubit whose ⟨Z⟩ gives the label: it depends on the product of the sines of the first three angles."""
Z_ON_EACH = tuple(Observable("Z", (wire,)) for wire in range(N))


class Planted(Dataset):
    """Images of 2×2 random pixels; which class one is of, the sign of ⟨Z⟩ of a circuit says, or of a linear form."""

    summary = "random pixels labelled by a circuit"
    capabilities = DatasetCapabilities(interface=1, modality="image", needs_folder=False)
    classes = ("minus", "plus")
    splits = {"random": SplitRule(description="drawn at random", test="random", official=False)}  # noqa: RUF012
    defaults = {  # noqa: RUF012
        "features": "pixels",
        "features.size": 2,
        "features.channels": 1,
        "features.normalise": "none",
        "backbone": "identity",
        "reducer": "identity",
        "training.epochs": 40,
        "training.learning_rate": 0.05,
    }
    layout, citation, licence = "nothing is needed.", "made up", "none"

    def __init__(
        self,
        *,
        labels: Annotated[Literal["entangled", "linear"], Field(description="what the label is made of")] = "entangled",
        n_samples: Annotated[int, Field(ge=10, description="how many images")] = 300,
    ) -> None:
        self.labels = labels
        self.n_samples = n_samples

    def samples(self, folder: Path) -> Iterable[Sample]:
        for index, value in enumerate(self.drawn()[1]):
            name = f"planted_{index:04d}"
            yield Sample(id=name, label=self.classes[int(value > 0)], group=name, offset=index)

    def load(self, sample: Sample) -> Image:
        return Image(self.drawn()[0][sample.offset].reshape(1, 2, 2))

    def drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (n_samples, 4), float32 in [0, 1], and the values (n_samples,) whose sign is the label."""
        pixels = np.random.default_rng(0).uniform(0, 1, (4 * self.n_samples, N)).astype(np.float32)
        angles = math.pi * (pixels.astype(np.float64) - 0.5)
        made_by = expectations(Entangled().circuit(N), angles, np.full(N, math.pi / 2))[:, LABELLING]
        values = made_by if self.labels == "entangled" else angles.sum(1)
        clear = np.abs(values) > 0.1
        return pixels[clear][: self.n_samples], values[clear][: self.n_samples]


class Entangled(QuantumHead):
    """Turns of each qubit by its input and by a parameter, then a chain of CX: products of shifted cosines."""

    summary = "the circuit that labelled the planted data, to be trained"
    capabilities = HeadCapabilities(interface=1, quantum=True)
    n_inputs = N

    def circuit(self, n_inputs: int) -> Circuit:
        turns = [Gate("ry", (wire,), (angle,)) for wire in range(N) for angle in (Encoding(wire), Weight(wire))]
        return Circuit(N, (*turns, *(Gate("cx", (wire, wire + 1)) for wire in range(N - 1))), Z_ON_EACH)

    def encode(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        return math.pi * (inputs - 0.5)


class Idle(QuantumHead):
    """⟨Z⟩ of each qubit is the sine of its own angle, whatever else stands in the circuit."""

    summary = "a circuit of which nothing matters but one turn of each qubit"
    capabilities = HeadCapabilities(interface=1, quantum=True)
    n_inputs = N

    def circuit(self, n_inputs: int) -> Circuit:
        wires = range(N)
        turns = [Gate("ry", (wire,), (angle,)) for wire in wires for angle in (Encoding(wire), -math.pi / 2)]
        undone = [Gate("cx", (wire, wire + 1)) for wire in (0, 0, 1, 1, 2, 2)]
        phases = [Gate("rz", (wire,), (angle,)) for wire in wires for angle in (Weight(wire), Encoding(wire))]
        return Circuit(N, (*turns, *undone, *phases), Z_ON_EACH)

    def encode(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        return math.pi * (inputs - 0.5)
