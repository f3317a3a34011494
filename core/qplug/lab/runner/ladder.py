"""From exact values to a device in steps, each with what was thought before and what came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from qplug import catalogue
from qplug.catalogue.layers import Layer
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backend, RemoteBackend, Task, Work
from qplug.lab.hardware.budget import stratified_subset
from qplug.lab.judging.given import judge_with_angles, some_of_part
from qplug.lab.judging.stages import order_in
from qplug.lab.measures import percent
from qplug.lab.runner.asked import Again, Asked, again_of, asking, inputs
from qplug.lab.runner.evaluate import evaluated
from qplug.lab.runner.on_device import Spending
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.thought import Thought
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.evaluations import EVALUATIONS
from qplug.lab.runs.ladder_record import LADDER, VERSION, LadderRecord, Rung, StepOfLadder
from qplug.lab.runs.record_file import read_record

SAMPLES, SHOTS = 64, 1024
"""What is sent where nobody says otherwise; a fake device of 8 qubits takes seconds for them."""


@dataclass(frozen=True)
class Climb:
    """What a ladder is climbed with.

    Attributes:
        samples: how many of the part, drawn by class with the run's seed; the same ones on each step.
        shots: of each.
        device: the table ``backend`` of a last step, such as a real device; None: there is none.
        part: which part of the split.
    """

    samples: int = SAMPLES
    shots: int = SHOTS
    device: Layer | None = None
    part: Literal["test", "validation"] = "test"


def climb(
    path: Path,
    ladder: Climb,
    reporter: Reporter,
    *,
    workplace: Workplace | None = None,
    spending: Spending | None = None,
) -> dict[str, Any]:
    """Judges a finished run exactly, with shots, on a fake device and, if asked, on a device; each step is kept.

    Args:
        path: the run directory.
        ladder: what is sent.
        reporter: told what goes on.
        workplace: where it is worked on; None: as the environment says.
        spending: what the device may cost.

    Returns:
        The ladder's record, as ``qplug evaluate --ladder --json`` prints it.

    Raises:
        NotSupported: the run has no circuit.
        UserError, QplugError: as ``evaluate``; steps that were climbed are kept, and asking again goes on.
    """
    directory, place = RunDirectory.open(path), workplace or Workplace.from_environment()
    record = read_record(directory.path)
    if record.training.trained_on is None:
        raise NotSupported(f"{path} has no circuit, so no device can change what it answers.")
    exact_on: Layer = {"backend": {"name": record.judgement("validation").backend}}
    again = again_of(directory, Asked(exact_on, ladder.part), place, reporter)
    thinking = _thinking(again, ladder, reporter)
    found: list[StepOfLadder] = []
    for name, backend, size in _steps(ladder, exact_on["backend"]):
        asked = Asked({"backend": dict(backend)}, ladder.part, {}, size)
        step = asking(directory, again.loaded, asked, place, reporter)
        # A fake device stands for the device; what came out there is the best that is known of it.
        thought = found[-1].accuracy if name == "device" else thinking.accuracy_on(name, step.backend, ladder.shots)
        reporter.note(f"{name}: {percent(thought)} are thought to come out right")
        told = evaluated(step, reporter, spending)
        if "waiting" in told:
            return told
        found.append(_step(name, told, thought))
    written = LadderRecord(
        version=VERSION, part=ladder.part, n_samples=ladder.samples, shots=ladder.shots, steps=tuple(found),
        sentence=_sentence(found, ladder.shots),
    )  # fmt: skip
    (directory.path / EVALUATIONS).mkdir(exist_ok=True)
    RunDirectory(directory.path / EVALUATIONS).write_json(LADDER, written.model_dump(mode="json"))
    return {"run": str(directory.path), **written.model_dump(mode="json")}


def _steps(ladder: Climb, exact: Mapping[str, Any]) -> Iterator[tuple[Rung, Mapping[str, Any], tuple[int, int | None]]]:
    """Name, backend and size of each step."""
    defaults = catalogue.registry().defaults
    yield "exact", exact, (ladder.samples, None)
    yield "shots", {"name": defaults.training_backend, "shots": ladder.shots}, (ladder.samples, None)
    if defaults.modelled_device:
        yield "modelled noise", defaults.modelled_device, (ladder.samples, ladder.shots)
    if ladder.device is not None:
        yield "device", ladder.device, (ladder.samples, ladder.shots)


@dataclass(frozen=True)
class _Thinking:
    """What is known before a step: exact values and read-outs.

    Attributes:
        tasks: circuits and angles.
        thought: what shots do to the exact answers.
        run_accuracy: of the part in the run itself.
    """

    tasks: tuple[Task, ...]
    thought: Thought
    run_accuracy: float

    def accuracy_on(self, step: Rung, backend: Backend | None, shots: int) -> float:
        """The accuracy that is thought to come out.

        Shots scatter each value; noise, as far as a backend tells the circuits' fidelity, draws all towards zero.
        """
        if step == "exact":
            return self.run_accuracy
        fidelity = 1.0 if step == "shots" else self._fidelity(backend, shots)
        labels = self.thought.exact.labels.numpy()
        return float(np.mean([(drawn == labels).mean() for drawn in self.thought.labels(shots, fidelity)]))

    def _fidelity(self, backend: Backend | None, shots: int) -> float:
        if backend is None or not backend.capabilities.remote:
            return 1.0
        told = cast(RemoteBackend, backend).forecast(Work(self.tasks, shots)).facts.get("predicted_fidelity")
        return float(told) if isinstance(told, (int, float)) else 1.0


def _thinking(again: Again, ladder: Climb, reporter: Reporter) -> _Thinking:
    view, on = inputs(again, reporter)
    on = some_of_part(on, stratified_subset(on.labels, min(ladder.samples, len(on.labels)), again.config.seed))
    exact, tasks = judge_with_angles(view, on, device=again.config.device)
    thought = Thought(view, exact, order_in(view, on).n_stages > 1)
    record = read_record(again.directory.path)
    return _Thinking(tasks, thought, record.judgement(ladder.part).scores.accuracy)


def _step(name: Rung, told: Mapping[str, Any], thought: float) -> StepOfLadder:
    scores = told[told["part"]]
    agreed = told["against_training_backend"]
    return StepOfLadder(
        step=name,
        backend=told["backend"],
        device=told.get("device"),
        fake=bool(told.get("fake", False)),
        accuracy=scores["accuracy"],
        interval=tuple(scores["accuracy_interval"]),
        thought=thought,
        label_agreement=None if agreed is None else agreed["label_agreement"],
        evaluation=told["name"],
    )


def _sentence(steps: list[StepOfLadder], shots: int) -> str:
    """Which step lost what, in one sentence."""
    told = []
    for before, step in pairwise(steps):
        name = {"shots": f"{shots:,} shots", "modelled noise": f"the noise of {step.device}"}.get(step.step)
        lost = 100 * (before.accuracy - step.accuracy)
        told.append(
            f"{abs(lost):.1f} points {'gained by' if lost < 0 else 'lost to'} {name or f'device {step.device}'}"
        )
    return f"Accuracy is {percent(steps[0].accuracy)} without shots and noise; {', '.join(told)}."
