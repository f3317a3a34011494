"""The fourth stage of a run: what the trained classifier answers, on validation and, once, on test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qplug.contract.interfaces import Backend, Part
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.judging.angles import AngleFacts, angle_facts
from qplug.lab.judging.judge import Judgement, judge
from qplug.lab.runner.examine import Examined
from qplug.lab.runner.prepare import Prepared
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.train import Trained

ANGLE_SAMPLES = 512
"""How many training samples the angles are looked at on."""


@dataclass(frozen=True)
class Judged:
    """What a trained classifier answered.

    Attributes:
        validation: on the part that chose it, on the backend that trained it.
        test: on the test part, on the backend that was asked for; on the one that trained it where that one is remote,
            for no forward pass waits for a device.
        angles: what the quantum heads' angles look like on some training samples, by branch.
    """

    validation: Judgement
    test: Judgement
    angles: Mapping[int, AngleFacts]


def judge_trained(examined: Examined, prepared: Prepared, trained: Trained, reporter: Reporter) -> Judged:
    """Judges both parts; writes nothing, and leaves the classifier on the backend that trained it."""

    def judged(part: Part, backend: Backend | None) -> Judgement:
        reporter.stage(f"judging on {part}")
        on, device = prepared.labelled(part), examined.config.device
        return judge(trained.view, on, backend=backend, device=device, on_step=reporter.progress)

    validation = judged("validation", None)
    angles = _angles(examined, prepared, trained)
    backend = examined.components.backend
    asked_later = backend is not None and backend.capabilities.remote
    return Judged(validation, judged("test", None if asked_later else backend), angles)


def _angles(examined: Examined, prepared: Prepared, trained: Trained) -> dict[int, AngleFacts]:
    if not examined.components.quantum:
        return {}
    embeddings = trained.view.embeddings(prepared.positions["train"][:ANGLE_SAMPLES])
    return {
        number: angle_facts(reducer, head, embeddings)
        for number, (reducer, head) in enumerate(trained.view.model.branches.pairs(), start=1)
        if isinstance(head, QuantumModule)
    }
