"""IBM's primitives of either generation, behind one face.

Up to version 0.49 of the client ``SamplerV2`` and ``EstimatorV2`` sent circuits to primitives that run at the service.
From 0.50 on these are deprecated: ``executor_sampler.Sampler`` and ``executor_estimator.Estimator`` prepare and
evaluate here, and send what is to be executed. Both take the same options, as far as they are used here.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

from .ibm_work import Kind, twirled_shots

Generation = Literal["executor", "v2"]

_PLACES: Mapping[tuple[Generation, Kind], tuple[str, str]] = {
    ("executor", "sampler"): ("qiskit_ibm_runtime.executor_sampler", "Sampler"),
    ("executor", "estimator"): ("qiskit_ibm_runtime.executor_estimator", "Estimator"),
    ("v2", "sampler"): ("qiskit_ibm_runtime", "SamplerV2"),
    ("v2", "estimator"): ("qiskit_ibm_runtime", "EstimatorV2"),
}


_NOISE_FACTORS = 3
"""Level 2 runs each circuit with its noise made larger by so many factors."""


@dataclass(frozen=True)
class Mitigation:
    """What is done against errors; None: as the resilience level has it.

    Attributes:
        resilience_level: 0, 1 or 2, of estimators.
        twirling: whether gates and measurements are twirled.
        decoupling: the sequence of dynamical decoupling; "none" for none.
        readout: whether readout errors are mitigated, of estimators.
    """

    resilience_level: int
    twirling: bool | None
    decoupling: str
    readout: bool | None

    def options(self, kind: Kind) -> dict[str, Any]:
        """In the client's words."""
        options: dict[str, Any] = {}
        if self.twirling is not None:
            options["twirling"] = {"enable_gates": self.twirling, "enable_measure": self.twirling}
        if self.decoupling != "none":
            options["dynamical_decoupling"] = {"enable": True, "sequence_type": self.decoupling}
        if kind == "estimator":
            options["resilience_level"] = self.resilience_level
            if self.readout is not None:
                options["resilience"] = {"measure_mitigation": self.readout}
        return options

    def executions(self, kind: Kind, circuits: int, shots: int) -> int:
        """How often something is really run for one PUB: twirling rounds shots up, mitigation measures more.

        Args:
            kind: sampler or estimator.
            circuits: rows × bases.
            shots: of each.
        """
        level = self.resilience_level if kind == "estimator" else 0
        learns = kind == "estimator" and (level > 0 if self.readout is None else self.readout)
        twirls = learns or (level > 1 if self.twirling is None else self.twirling)
        each = twirled_shots(shots) if twirls else shots
        return each * (circuits * (_NOISE_FACTORS if level > 1 else 1) + learns)


def newest_generation() -> Generation:
    """What the installed client is made for."""
    return "executor" if find_spec("qiskit_ibm_runtime.executor_sampler") is not None else "v2"


def run_primitive(
    generation: Generation, kind: Kind, mode: Any, pubs: Sequence[tuple[Any, ...]], options: Mapping[str, Any]
) -> Any:
    """The job that runs some PUBs.

    Args:
        generation: which primitives.
        kind: sampler or estimator.
        mode: a device, a batch, a session or a simulator.
        pubs: what is run.
        options: in the client's words.
    """
    module, name = _PLACES[generation, kind]
    return getattr(importlib.import_module(module), name)(mode=mode, options=dict(options)).run(list(pubs))
