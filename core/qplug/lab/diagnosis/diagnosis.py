"""The whole of a diagnosis, as plain data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from qplug.lab.diagnosis.expressive import StateFacts
from qplug.lab.diagnosis.plateau import Decay, GradientFacts
from qplug.lab.diagnosis.prediction import Prediction
from qplug.lab.diagnosis.scales import RULE, ScaleFacts
from qplug.version import __version__

FORMAT = 1


@dataclass(frozen=True)
class SizeFacts:
    """One size of a head.

    Attributes:
        n_qubits: qubits of its circuit.
        n_layers: its layers; None for a head without.
        n_parameters: trainable parameters of the circuit.
        gradients: over random points.
        states: over random parameters.
        step_ms: milliseconds of one training step on a batch of 32, with read-out, loss and optimiser.
    """

    n_qubits: int
    n_layers: int | None
    n_parameters: int
    gradients: GradientFacts
    states: StateFacts
    step_ms: float


@dataclass(frozen=True)
class Diagnosis:
    """What can be said of a head before it is trained.

    Attributes:
        head: its name, or that of the backbone whose first circuit was looked at.
        kind: which of the two.
        settings: its parameters.
        sizes: all sizes that were looked at, by layers and qubits.
        own: the head as it is set.
        decays: of the gradient's variance with the qubits, for each number of layers.
        frequencies: of each encoding angle, those that the expectation values can have in it; per radian.
        scales: what it sees of its inputs.
        prediction: whether it will learn, and why.
        advice: one sentence each, by subject.
        notes: what was left out, and why.
        seed: of all draws.
    """

    head: str
    kind: Literal["head", "backbone"]
    settings: Mapping[str, Any]
    sizes: tuple[SizeFacts, ...]
    own: SizeFacts
    decays: tuple[Decay, ...]
    frequencies: tuple[tuple[float, ...], ...]
    scales: ScaleFacts
    prediction: Prediction
    advice: Mapping[str, str]
    notes: tuple[str, ...]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """As plain data; times of steps are the only numbers that differ from one call to the next."""
        found = asdict(self)
        recommended = self.scales.recommended
        found["scales"] |= {"rule": RULE, "recommended": None if recommended is None else recommended.scale}
        return {"format": FORMAT, "qplug": __version__, **found}


def sealed(content: Mapping[str, Any], now: datetime | None = None) -> dict[str, Any]:
    """The content with its date, and the SHA-256 of all else: that it was written before, and not changed since."""
    dated = {**content, "date": (now or datetime.now(UTC)).isoformat(timespec="seconds")}
    return {**dated, "sha256": digest(dated)}


def digest(content: Mapping[str, Any]) -> str:
    """The SHA-256 of a sealed content, its own entry left out."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, allow_nan=False).encode()).hexdigest()
