"""Training on backends without cheap gradients: one question a step, a forecast, a budget, nothing paid for twice."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from toy_remote import fail, jobs, serve

from qplug.contract.errors import NotSupported, QplugError, UserError
from qplug.lab.comparison.grid import Arm, Grid
from qplug.lab.comparison.sets import run_set
from qplug.lab.hardware.journal import JOURNAL, Journal
from qplug.lab.report.content import where_circuits_ran
from qplug.lab.report.source import read_run
from qplug.lab.runner.jobs import cancel, sent_work
from qplug.lab.runner.loaded import load_run
from qplug.lab.runner.on_device import Spending
from qplug.lab.runner.plan import plan
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import resume_run, run_once
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import TRAINING
from qplug.lab.runs.record_file import read_record
from qplug.lab.runs.sent_training import read_training

SHOTS = 40
SECONDS = 1 + 0.001 * 2 * 30 * SHOTS
"""Of the toy device, for a step of simultaneous perturbation with 30 samples."""


class Notes(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(f"warning: {text}")


class Home:
    """A folder with a queue, and runs that train on its device."""

    def __init__(self, path: Path) -> None:
        self.path, self.queue, self.notes = path, path / "queue", Notes()
        self.place = Workplace(cache=path / "cache", figures=False)
        self.queue.mkdir()

    def layers(self, **training: Any) -> list[dict[str, Any]]:
        own = {"epochs": 2, "batch_size": 30, "backend": "folder-queue", "shots": SHOTS, "gradient": "spsa", **training}
        return [
            {
                "dataset": {"name": "chirps", "n_samples": 100},
                "features": {"name": "mel", "n_mels": 8},
                "backbone": {"name": "identity"},
                "reducer": {"name": "linear", "n_outputs": 2},
                "head": {"name": "pennylane-pqc", "n_layers": 1, "n_qubits": 2},
                "backend": {"name": "folder-queue", "folder": str(self.queue)},
                "training": own,
                "device": "cpu",
            }
        ]

    def spending(self, **more: Any) -> Spending:
        """All that is asked for is allowed, and the device works while somebody waits for it."""
        free = {"budget": 1000, "allow": lambda _: True, "sleep": lambda _: serve(self.queue), "size": (4, SHOTS)}
        return Spending(**{**free, **more})

    def run(self, spending: Spending | None = None, **training: Any) -> dict[str, Any]:
        spending = spending or self.spending()
        return run_once(
            self.layers(**training), self.path / "runs", self.notes, workplace=self.place, spending=spending
        )

    @property
    def made(self) -> Path:
        (found,) = (self.path / "runs").iterdir()
        return found

    def steps(self) -> list[dict[str, Any]]:
        """What was sent for training: without weights, since each row has its own."""
        sent = [json.loads(path.read_text("utf-8")) for path in self.queue.glob("*.job")]
        return [each for each in sent if all(not weights for _, _, weights in each["tasks"])]


@pytest.fixture
def home(tmp_path: Path, site: Any) -> Home:
    site.add("toy-device", {"qplug.backends": {"folder-queue": "toy_remote:FolderQueue"}})
    return Home(tmp_path)


def test_a_training_on_a_device_is_one_job_a_step(home: Home) -> None:
    told = home.run()
    sent = home.steps()
    assert len(sent) == 4  # two epochs of 60 samples
    assert {np.shape(encoding) for each in sent for _, encoding, _ in each["tasks"]} == {(2 * 30, 2 + 6)}
    assert {each["shots"] for each in sent} == {SHOTS}
    offer = f"training on folder-queue: 4 jobs, one a step (spsa, {SHOTS} shots), 9,600 executions, about 13.6 s of"
    assert home.notes.said[0].startswith(offer)
    record = read_record(home.made)
    assert (record.training.trained_on, record.training.epochs) == ("folder-queue", 2)
    assert [judged.backend for judged in record.judgements] == ["torch", "torch"]  # no forward pass asks a device
    settled, journal = read_training(home.made / TRAINING), Journal(home.made / TRAINING / JOURNAL)
    assert settled is not None
    assert journal.spent_seconds() == pytest.approx(settled.forecast_seconds) == pytest.approx(4 * SECONDS)
    assert told["verification"]["n_samples"] == 4
    assert load_run(home.made).model is not None  # and sends nothing
    where = where_circuits_ran(read_run(home.made))
    assert where.startswith("folder-queue was asked for the values of each training step")
    assert len(jobs(home.queue)) == 5


def test_nothing_is_sent_without_a_budget_and_leave(home: Home) -> None:
    offer = r"training on folder-queue: 4 jobs, .* about 13\.6 s of the device\. Nothing was sent, for "
    for spending, told in (
        (home.spending(budget=None), offer + r"a training needs a budget of its own: --budget TIME"),
        (home.spending(allow=None), offer + "without a terminal nobody can be asked"),
        (home.spending(allow=lambda _: False), "nothing was sent"),
        (home.spending(budget=2), r"The first step alone would take 3\.4 s, but 2 s may be spent\. Nothing was sent"),
        (home.spending(wait=False), "--no-wait leaves work with the device"),
    ):
        with pytest.raises(UserError, match=told):
            home.run(spending)
    asked: list[str] = []
    with pytest.raises(UserError, match="nothing was sent"):
        home.run(home.spending(budget=7, allow=lambda offer: bool(asked.append(offer))))
    assert asked[0].endswith("about 13.6 s of the device, of which 7 s may be spent?")
    assert jobs(home.queue) == []
    assert list((home.path / "runs").iterdir()) == []


def test_a_budget_ends_a_training_before_the_step_that_would_exceed_it(home: Home) -> None:
    with pytest.raises(UserError, match=r"would take 1\.16 s of the device, but the budget is 0 s"):
        home.run(home.spending(budget=11))  # nothing is left to ask the device about the test part
    record = read_record(home.made)
    assert (len(home.steps()), record.training.epochs) == (3, 2)
    ended = "the training ended early: the budget does not buy step 4 of 4, which would take 3.4 s; 10.2 s of 11 s are "
    assert any(warning.startswith(ended) for warning in record.warnings)
    assert f"warning: {record.warnings[-1]}" in home.notes.said or any(ended in said for said in home.notes.said)
    assert sum(json.loads(path.read_text("utf-8"))["seconds"] for path in home.queue.glob("*.answer")) <= 11


def test_a_training_goes_on_where_it_was_and_pays_for_no_step_twice(home: Home) -> None:
    def dies(_: float) -> None:
        if len(jobs(home.queue)) == 4:
            raise KeyboardInterrupt
        serve(home.queue)

    with pytest.raises(QplugError, match=r"The last finished epoch is kept\. Go on with: qplug resume"):
        home.run(home.spending(sleep=dies))
    assert len(home.steps()) == 4  # the last is in flight
    (listed,) = sent_work(home.made)
    assert (listed.evaluation, listed.state, listed.n_samples) == ("training", "with the device", None)
    assert (listed.backend["folder"], listed.attempts, listed.usage_seconds) == (str(home.queue), 4, 3 * SECONDS)
    told = resume_run(home.made, home.notes, workplace=home.place, spending=home.spending(budget=None))
    assert (told["epochs"], len(home.steps())) == (2, 4)
    sent = [line["unit"] for line in Journal(home.made / TRAINING / JOURNAL).lines() if line["event"] == "submitted"]
    assert len(sent) == len(set(sent)) == 4


def test_the_step_of_a_training_that_waits_is_stopped_by_hand_and_sent_again(home: Home) -> None:
    def dies(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(QplugError, match="Go on with: qplug resume"):
        home.run(home.spending(sleep=dies), gradient="shift", batch_size=60, epochs=1)
    (stopped,) = cancel(home.made)
    assert (stopped.evaluation, stopped.state, len(home.steps())) == ("training", "cancelled", 1)
    with pytest.raises(UserError, match=f"no work of {home.made} is with a device"):
        cancel(home.made)
    told = resume_run(home.made, home.notes, workplace=home.place, spending=home.spending(budget=None))
    # Each sample at its own angles, and at two shifts of 2 encoding and 6 weight angles; sent once more after it.
    assert {np.shape(rows) for each in home.steps() for _, rows, _ in each["tasks"]} == {((1 + 2 * 8) * 60, 2 + 6)}
    assert (told["trained_on"], len(home.steps()), sent_work(home.made)[0].state) == ("folder-queue", 2, "done")


def test_what_was_paid_for_before_the_first_checkpoint_is_kept(home: Home) -> None:
    def breaks(_: float) -> None:
        if len(jobs(home.queue)) == 2:
            for job in jobs(home.queue):
                fail(home.queue, job, "the device is in maintenance.")
        serve(home.queue)

    with pytest.raises(QplugError, match=r"the device is in maintenance\. It may succeed when it is sent again"):
        home.run(home.spending(sleep=breaks))
    told = resume_run(home.made, home.notes, workplace=home.place, spending=home.spending(budget=None))
    assert (told["epochs"], len(home.steps())) == (2, 5)  # that which failed was sent again, that before it was not


def test_a_dry_run_tells_what_training_and_evaluation_would_cost(home: Home) -> None:
    told = plan(home.layers(), home.place).work
    assert any(
        line.startswith("device: training on folder-queue: 4 jobs, ") and "about 13.6 s of" in line for line in told
    )
    assert any("device: all 20 test samples with 1,024 shots on folder-queue: 20,480 executions, about 21.5 s" in line
               for line in told)  # fmt: skip
    home.queue.rmdir()
    told = plan(home.layers(), home.place).work
    assert any(line.startswith(f"device: there is no forecast, for there is no queue '{home.queue}'") for line in told)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"devices": 2}, r"in one process and full precision: leave training\.devices=2 out"),
        ({"gradient": "shift", "shots": 200_000}, "training.shots is 200,000, but folder-queue takes 100,000"),
    ],
)
def test_what_is_not_built_is_refused(home: Home, changed: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        home.run(**changed)


def test_a_backbone_that_learns_and_a_set_are_refused(home: Home) -> None:
    (layer,) = home.layers()
    learning = {**layer, "backbone": {"name": "cnn3", "channels": [2, 2, 2], "n_features": 3}}
    with pytest.raises(NotSupported, match=r"training on folder-queue .* but backbone 'cnn3' learns too"):
        run_once([learning], home.path / "runs", home.notes, workplace=home.place, spending=home.spending())
    with pytest.raises(NotSupported, match=r"'folder-queue' is remote"):
        run_set(Grid([Arm("", [layer])], (0, 1), False), home.path / "set", Silent())


@pytest.mark.parametrize(
    ("backend", "training", "told"),
    [
        ({"name": "torch", "shots": 200}, {"gradient": "auto", "batch_size": 20}, "torch: 3 steps (shift, 340 rows"),
        ({"name": "aer", "noise": "FakeOslo", "shots": 5}, {"batch_size": 60}, "aer: 1 steps (spsa, 120 rows"),
    ],
)
def test_a_noisy_simulator_trains_by_the_same_seam_and_says_how_long_it_takes(
    backend: dict[str, Any], training: dict[str, Any], told: str, home: Home
) -> None:
    (layer,) = home.layers(backend=backend["name"], epochs=1, **training)
    found = run_once([{**layer, "backend": backend}], home.path / "runs", home.notes, workplace=home.place)
    assert (found["trained_on"], found["backend"]) == (backend["name"], backend["name"])
    assert found["modelled_noise"] == ("noise" in backend)
    assert home.notes.said[0].startswith(f"training on {told} of angles) of ")
