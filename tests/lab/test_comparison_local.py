"""The executor ``local``: nothing lost, nothing left running, whatever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qplug.catalogue import load
from qplug.contract.errors import QplugError, UserError
from qplug.contract.interfaces import Cell, Done, Needs
from qplug.lab.comparison.local import Local
from qplug.testing.executors import check_executor

from .processes import is_alive, wait_for, workers

HERE = Path(__file__).parent

pytestmark = pytest.mark.timeout(900)
posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills and forks processes")


@pytest.fixture(autouse=True)
def work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own work can be imported; workers have this process's path."""
    monkeypatch.syspath_prepend(HERE)


def cells(folder: Path, n: int, **orders: Any) -> Iterator[Cell]:
    for index in range(n):
        key = f"{index:02}"
        order = {name: value(key) if callable(value) else value for name, value in orders.items()}
        yield Cell(key, json.dumps({"folder": str(folder), "key": key, **order}))


def by_key(outcomes: Iterator[Done]) -> dict[str, Done]:
    listed = list(outcomes)
    found = {done.key: done for done in listed}
    assert len(found) == len(listed)
    return found


def test_it_keeps_the_contract_of_executors() -> None:
    check_executor(load("executor", "local")(slots=2))


@posix
def test_of_sixty_cells_none_is_lost_and_only_those_are_repeated_whose_worker_was_killed(tmp_path: Path) -> None:
    dies = {"05": 1, "17": 2, "41": 1}
    done = by_key(Local(slots=2)("cells_that_act:note", cells(tmp_path, 60, dies=lambda key: dies.get(key, 0))))
    assert len(done) == 60
    assert all(outcome.problem == "" for outcome in done.values())
    begun = {key: len((tmp_path / key).read_text().splitlines()) for key in done}
    assert begun == {key: 1 + dies.get(key, 0) for key in done}
    assert {key: outcome.tries for key, outcome in done.items()} == begun
    assert not workers(os.getpid())


@posix
def test_a_worker_killed_from_outside_costs_its_cell_and_no_other(tmp_path: Path) -> None:
    outcomes = Local(slots=2)("cells_that_act:note", cells(tmp_path, 6, seconds=0.3))
    first = next(outcomes)
    os.kill(int(first.where.removeprefix("process ")), signal.SIGKILL)  # it was given its next cell already
    done = by_key(iter([first, *outcomes]))
    assert {outcome.problem for outcome in done.values()} == {""}
    assert Counter(outcome.tries for outcome in done.values()) == {1: 5, 2: 1}


@posix
def test_a_cell_that_always_kills_its_worker_is_given_up_and_the_others_go_on(tmp_path: Path) -> None:
    done = by_key(Local(slots=2)("cells_that_act:note", cells(tmp_path, 5, dies=lambda key: 9 * (key == "01"))))
    assert done["01"].lost
    assert done["01"].tries == 3
    assert "3 processes in a row died at this cell; the last one killed by SIGKILL" in done["01"].problem
    assert (tmp_path / "01").read_text() == "begun\n" * 3
    assert [key for key, outcome in done.items() if outcome.problem] == ["01"]


def test_an_exception_is_told_with_type_text_and_traceback_and_is_not_tried_again() -> None:
    order = json.dumps({"do": "raise", "with": "for https://me:secret@host/"})
    (done,) = Local(slots=1)("qplug.testing.cells:act", [Cell("a", order)])
    assert (done.result, done.lost, done.tries) == (None, False, 1)
    assert done.problem == "ValueError: for https://***@host/"
    assert "in act" in done.trace
    assert "secret" not in done.trace


@posix
def test_a_child_that_holds_the_dead_workers_pipe_hides_nothing_and_is_ended_too(tmp_path: Path) -> None:
    (done,) = Local(slots=1)("cells_that_act:bear_and_die", [Cell("a", json.dumps(str(tmp_path)))])
    assert done.lost
    children = [int(path.name.removeprefix("child-")) for path in tmp_path.iterdir()]
    assert len(children) == 3
    wait_for(lambda: not any(map(is_alive, children)))


PARENT = """
import json, sys
from pathlib import Path
from qplug.contract.interfaces import Cell
from qplug.lab.comparison.local import Local

sys.path.insert(0, sys.argv[1])
(Path(sys.argv[2]) / "ran-main").open("a").write("once\\n")
cells = [Cell(str(index), json.dumps(sys.argv[2])) for index in range(4)]
for done in Local(slots=2)("cells_that_act:sleep_with_child", cells):
    print(done)
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], set[int]]]:
    """A script whose two cells sleep, each with a child of its own, and the four processes below it."""
    script = tmp_path / "script.py"
    script.write_text(PARENT)
    notes = tmp_path / "notes"
    notes.mkdir()
    words = [sys.executable, str(script), str(HERE), str(notes)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(lambda: len(list(notes.glob("*-*[0-9]"))) == 2)
    below = {int(pid) for note in notes.glob("*-*[0-9]") for pid in note.name.split("-")}
    assert len(below) == 4
    assert all(map(is_alive, below))
    assert (notes / "ran-main").read_text() == "once\n"  # workers do not run the caller's script again
    yield process, below
    for pid in [process.pid, *below]:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)
    process.communicate()


@posix
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_the_parent_is_ended_no_process_is_left(parent, ending: signal.Signals) -> None:
    process, below = parent
    os.kill(process.pid, ending)
    process.wait(600)
    wait_for(lambda: not any(map(is_alive, below)))


@posix
def test_ctrl_c_in_the_caller_ends_all_workers(tmp_path: Path) -> None:
    outcomes = Local(slots=2)("cells_that_act:note", cells(tmp_path, 6, seconds=lambda key: 60 * (key > "01")))
    assert next(outcomes).problem == ""
    assert len(workers(os.getpid())) == 2
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        for _ in outcomes:
            pass
        raise AssertionError("nobody heard Ctrl-C")
    assert not workers(os.getpid())


@posix
@pytest.mark.parametrize("leave", ["close", "delete", "error in the cells"])
def test_whoever_leaves_early_leaves_nothing_running(leave: str, tmp_path: Path) -> None:
    def given() -> Iterator[Cell]:
        yield from cells(tmp_path, 3, seconds=lambda key: 60 * (key > "00"))
        if leave == "error in the cells":
            raise OSError("no more of table 7")

    outcomes = Local(slots=4)("cells_that_act:note", given())
    if leave == "error in the cells":
        with pytest.raises(OSError, match="no more of table 7"):
            next(outcomes)
    else:
        assert next(outcomes).key == "00"
        assert workers(os.getpid())
        outcomes.close() if leave == "close" else None
        del outcomes
    assert not workers(os.getpid())


def test_outcomes_come_as_cells_end_not_as_they_stand(tmp_path: Path) -> None:
    given = cells(tmp_path, 4, after=lambda key: "03" if key == "00" else "")
    done = Local(slots=2)("cells_that_act:note", given)
    assert [outcome.key for outcome in done] == ["01", "02", "03", "00"]


def test_what_a_cell_prints_or_reads_does_not_disturb_its_outcome(capfd) -> None:
    done = by_key(Local(slots=1)("cells_that_act:talk", [Cell("a", "0"), Cell("b", "0")]))
    assert {outcome.result for outcome in done.values()} == {'"nothing to read"'}
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("said aloud") == err.count("said below") == 2


@posix
def test_ctrl_c_is_for_the_caller_alone() -> None:
    (done,) = Local(slots=1)("cells_that_act:hear_ctrl_c", [Cell("a", "1")])
    assert (done.result, done.tries) == ("1", 1)


def test_a_cell_may_start_processes() -> None:
    (done,) = Local(slots=1)("cells_that_act:share_out", [Cell("a", '"four"')])
    assert (done.result, done.problem) == ("[6, 6]", "")


def told(executor: Local, needs: list[Needs], **order: Any) -> list[dict[str, Any]]:
    given = [Cell(str(index), json.dumps(order), each) for index, each in enumerate(needs)]
    done = by_key(executor("cells_that_act:surroundings", iter(given)))
    assert {outcome.problem for outcome in done.values()} == {""}
    return [json.loads(done[str(index)].result or "") for index in range(len(needs))]


def test_one_process_takes_cell_after_cell_and_is_no_copy_of_the_callers(monkeypatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "3")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    seen = told(Local(slots=1), [Needs()] * 4)
    assert len({each["pid"] for each in seen}) == 1
    assert seen[0]["main"] is None
    assert seen[0]["SLURM_PROCID"] == "3"


def test_a_cell_computes_with_the_threads_it_needs_and_cores_are_shared_out(monkeypatch) -> None:
    monkeypatch.setenv("QPLUG_WORKERS", "4")
    needs = [Needs(), Needs(threads=2), Needs(threads=4), Needs(threads=9), Needs()]
    seen = told(Local(slots=2), needs, seconds=0.2)
    assert [each["OMP_NUM_THREADS"] for each in seen] == ["1", "2", "4", "9", "1"]
    assert all(each["OMP_NUM_THREADS"] == each["MKL_NUM_THREADS"] == each["QPLUG_WORKERS"] for each in seen)
    spans = [each["span"] for each in seen]
    assert not any(overlaps(spans[2], other) for other in (spans[0], spans[1], spans[3], spans[4]))
    assert not any(overlaps(spans[3], other) for other in (spans[0], spans[1], spans[4]))


@pytest.mark.parametrize(
    ("slots", "threads", "needs"),
    [(2, None, Needs(threads=2)), (4, None, Needs()), (1, 4, Needs(threads=3)), (None, 2, Needs(threads=2))],
)
def test_as_many_cells_run_at_once_as_there_are_slots(slots, threads, needs, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QPLUG_WORKERS", "4")
    n = slots or 2
    seen = told(Local(slots=slots, threads=threads), [needs] * n, folder=str(tmp_path), all=n)
    assert len({each["pid"] for each in seen}) == n


def overlaps(one: list[float], other: list[float]) -> bool:
    return max(one[0], other[0]) < min(one[1], other[1])


def test_gpus_are_given_by_name_and_shared_as_often_as_asked(monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-9a,-1,5")
    seen = told(Local(slots=4, threads=1), [Needs(gpus=1)] * 4 + [Needs()], seconds=0.2)
    assert {each["CUDA_VISIBLE_DEVICES"] for each in seen[:4]} == {"3", "GPU-9a"}
    assert seen[4]["CUDA_VISIBLE_DEVICES"] == ""
    for one, other in ((one, other) for one in seen[:4] for other in seen[:4] if one is not other):
        same = one["CUDA_VISIBLE_DEVICES"] == other["CUDA_VISIBLE_DEVICES"]
        assert not (same and overlaps(one["span"], other["span"]))


def test_cells_that_share_gpus_run_at_once_each_on_as_many_as_it_needs(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    seen = told(Local(slots=2, threads=1, per_gpu=2), [Needs(gpus=2)] * 2, folder=str(tmp_path), all=2)
    assert {each["CUDA_VISIBLE_DEVICES"] for each in seen} == {"0,1"}


def test_a_cell_that_needs_more_gpus_than_there_are_is_refused_and_the_others_run(monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    given = [Cell("a", "1", Needs(gpus=3)), Cell("b", "2")]
    done = by_key(Local(slots=1)("qplug.testing.cells:echo", given))
    assert "needs gpus=3, and the number of GPUs here is 1;" in done["a"].problem
    assert done["b"].result == "2"


def test_workers_that_cannot_begin_are_an_error_and_no_endless_loop(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os; os._exit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(QplugError, match="3 worker processes in a row ended with exit code 9 before they could begin"):
        list(Local(slots=1)("qplug.testing.cells:echo", [Cell("a", "1")]))


def test_no_process_starts_for_no_cells_nor_for_names_that_are_none() -> None:
    assert list(Local()("qplug.testing.cells:echo", iter(()))) == []
    with pytest.raises(UserError, match=r"package\.module:function'; got 'os\.system'"):
        Local()("os.system", [])


def test_the_caller_needs_neither_torch_nor_a_plugin() -> None:
    code = (
        "import sys\nfrom qplug.contract.interfaces import Cell\nfrom qplug.lab.comparison.local import Local\n"
        "(done,) = Local(slots=1)('qplug.testing.cells:echo', [Cell('a', '1')])\n"
        "print(done.result, sorted({'torch', 'numpy', 'pennylane', 'lightning'} & sys.modules.keys()))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "1 []\n"
