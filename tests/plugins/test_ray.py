"""The executor ``ray``, on a cluster of this machine's loopback with a token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from qplug.contract.errors import UserError
from qplug.contract.interfaces import Cell, Needs
from qplug.installation import install
from qplug_ray import cluster as connecting
from qplug_ray.crew import Crew
from qplug_ray.executor import Ray

from .ray_cluster import Cluster, cluster

WORK = Path(__file__).parent.parent / "lab"  # of its cells
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")


@pytest.fixture(autouse=True)
def no_cluster_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)


# A real cluster


@pytest.fixture(scope="module")
def small() -> Iterator[Cluster]:
    with cluster(2, path=str(WORK)) as made:
        yield made


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_cells_end_an_exception_is_told_and_a_lost_worker_is_replaced(
    small: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in small.environment.items():
        monkeypatch.setenv(name, value)
    folders = {"1": str(tmp_path), "2": str(tmp_path), "dies": str(tmp_path), "fails": str(tmp_path / "gone")}
    orders = {key: {"folder": folder, "key": key, "dies": key == "dies"} for key, folder in folders.items()}
    cells = [Cell(key, json.dumps(order)) for key, order in orders.items()]
    before = dict(os.environ)
    done = {each.key: each for each in Ray(address=small.address)("cells_that_act:note", cells)}
    assert {key: each.tries for key, each in done.items()} == {"1": 1, "2": 1, "dies": 2, "fails": 1}
    assert done["dies"].result == json.dumps(["dies", 2])
    assert done["1"].where.startswith("process ")
    assert "FileNotFoundError" in done["fails"].problem
    assert not done["fails"].lost
    assert dict(os.environ) == before
    _without_the_token(small, monkeypatch)


def _without_the_token(small: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of its own, since Ray reads its token once."""
    script = (
        "import sys; from qplug_ray.executor import Ray; from qplug.contract.interfaces import Cell\n"
        "list(Ray(address=sys.argv[1])('qplug.testing.cells:echo', [Cell('a', '1')]))"
    )
    environment = {**os.environ, "RAY_AUTH_TOKEN": "5" * 48}
    words = [sys.executable, "-c", script, small.address]
    told = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=600).stderr
    assert f"the cluster of Ray at '{small.address}' wants a token, and this process has none or another one" in told
    assert "5" * 48 not in told
    assert small.environment["RAY_AUTH_TOKEN"] not in told


# Refused before anything is sent


@needs_ray
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ray://head:10001", "got 'ray://head:10001'. Start the command on a machine of the cluster"),
        ("local", "got 'local'"),
        ("head", "HOST:PORT; got 'head'"),
        ("head:0", "HOST:PORT; got 'head:0'"),
        ("127.0.0.1:1", "no cluster of Ray answers at 127.0.0.1:1 "),
    ],
)
def test_what_is_no_address_of_a_cluster_is_refused(address: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        list(Ray(address=address)("qplug.testing.cells:echo", [Cell("a", "1")]))


def test_the_users_address_stands_for_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(UserError, match=r"no cluster of Ray answers at 127\.0\.0\.1:1 "):
        list(Ray()("qplug.testing.cells:echo", [Cell("a", "1")]))


def test_no_token_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(UserError, match=r"RAY_AUTH_MODE=disabled would let anybody.*ray get-auth-token --generate"):
        list(Ray()("qplug.testing.cells:echo", [Cell("a", "1")]))


def test_a_token_is_told_to_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("cafe" * 12 + "\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("RAY_AUTH_TOKEN", "beef" * 12)
    text = f"Bearer {'cafe' * 12} or {'beef' * 12} is wrong"
    assert connecting.without_token(text) == "Bearer *** or *** is wrong"


# Without Ray


def test_without_the_extra_the_way_to_it_is_told_and_nothing_of_ray_is_imported() -> None:
    script = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'ray' else find(name, *rest)\n"
        "from qplug import catalogue; from qplug.contract.errors import UserError\n"
        "try: catalogue.create('executor', 'ray', {})\n"
        "except UserError as error: print(error)\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'ray'])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=600)
    assert told.stdout.splitlines() == [
        "executor 'ray' needs ray, not installed here. Install what it needs with: " + install("ray"),
        "[]",
    ]
    assert told.stderr == ""


# What is sent: how much at once, and with what it computes. Another plays the library's part and keeps what it gets.


class Exceptions:
    class RayError(Exception): ...

    class RayTaskError(RayError): ...

    class TaskUnschedulableError(RayError): ...

    class NodeDiedError(RayError): ...


class Future:
    def __init__(self, outcome: str | Exception) -> None:
        self.outcome = outcome

    def exception(self) -> Exception | None:
        return self.outcome if isinstance(self.outcome, Exception) else None

    def result(self) -> str | Exception:
        return self.outcome

    def add_done_callback(self, call) -> None:
        self.call = lambda: call(self)


class Library:
    """Keeps what it is given, and answers one at a time, when it is asked which machines there are or is waited for."""

    exceptions = Exceptions

    def __init__(self, nodes, answers=()) -> None:
        self.asked, self.waiting, self.cancelled, self.most = [], [], [], 0
        self._nodes, self._answers = nodes, list(answers)

    def nodes(self):
        return [{"Alive": alive, "Resources": resources} for alive, resources in self._nodes]

    def remote(self, function):
        self.function = function
        return self

    def options(self, **asked):
        self.asked.append(asked)
        outer = self

        class Bound:
            def remote(self, work, key, spec):
                return outer.sent(outer.function(work, key, spec))

        return Bound()

    def sent(self, result):
        future = Future(self._answers.pop(0) if self._answers else result)
        self.waiting.append(future)
        self.most = max(self.most, len(self.waiting))
        return type("Reference", (), {"future": lambda _: future})()

    def cancel(self, reference, force):
        assert force
        self.cancelled.append(reference)


def outcomes(library: Library, cells, **options):
    crew = Crew(
        library, "qplug.testing.cells:echo", iter(cells), **{"slots": None, "per_gpu": 1, "growing": False} | options
    )
    listen = crew._listen

    def answer_and_listen() -> None:
        library.waiting.pop(0).call()
        listen()

    crew._listen = answer_and_listen
    return {done.key: done for done in crew.run()}


def many(n: int, **needs: int) -> list[Cell]:
    return [Cell(str(index), "1", Needs(**needs)) for index in range(n)]


@pytest.mark.parametrize(
    ("nodes", "needs", "options", "most"),
    [
        ([(True, {"CPU": 2.0}), (True, {"CPU": 1.0}), (False, {"CPU": 9.0})], {}, {}, 6),
        ([(True, {"CPU": 4.0})], {"threads": 2}, {}, 4),
        ([(True, {"CPU": 2.0})], {"threads": 8}, {}, 2),
        ([(True, {"CPU": 9.0, "GPU": 2.0})], {"gpus": 1}, {}, 4),
        ([(True, {"CPU": 9.0, "GPU": 1.0})], {"gpus": 1}, {"per_gpu": 4}, 8),
        ([(True, {"CPU": 9.0})], {}, {"slots": 3}, 3),
        ([], {}, {}, 1),
    ],
)
def test_at_most_two_cells_for_each_that_can_run_are_with_the_cluster(nodes, needs, options, most: int) -> None:
    library = Library(nodes)
    done = outcomes(library, many(20, **needs), **options)
    assert {each.result for each in done.values()} == {"1"}
    assert len(done) == 20
    assert library.most == most


def test_a_cell_asks_for_what_it_needs() -> None:
    library = Library([(True, {"CPU": 8.0, "GPU": 4.0})])
    cells = [Cell("a", "1", Needs(threads=3)), Cell("b", "1", Needs(gpus=1)), Cell("c", "1", Needs(gpus=2))]
    outcomes(library, cells, per_gpu=4)
    asked = [(each["num_cpus"], each["num_gpus"]) for each in library.asked]
    assert asked == [(3.0, 0.0), (1.0, 0.25), (1.0, 2.0)]
    seen = [each["runtime_env"]["env_vars"] for each in library.asked]
    assert [each["OMP_NUM_THREADS"] for each in seen] == ["3", "1", "1"]
    assert [each.get("CUDA_VISIBLE_DEVICES") for each in seen] == ["", None, None]
    assert {each["max_retries"] for each in library.asked} == {0}


def test_more_gpus_than_any_machine_has_are_refused_unless_machines_may_join() -> None:
    nodes = [(True, {"CPU": 2.0, "GPU": 1.0})]
    (refused,) = outcomes(Library(nodes), many(1, gpus=2)).values()
    assert "needs gpus=2, and the most that a machine of the cluster has is 1" in refused.problem
    assert refused.tries == 0
    (waited,) = outcomes(Library(nodes), many(1, gpus=2), growing=True).values()
    assert waited.result == "1"


def test_a_lost_cell_is_begun_at_most_three_times_and_what_failed_once() -> None:
    lost = [Exceptions.NodeDiedError("10.0.0.7 fell silent")] * 3
    (done,) = outcomes(Library([(True, {"CPU": 1.0})], lost), many(1)).values()
    assert (done.lost, done.tries, done.result) == (True, 3, None)
    assert "3 workers in a row were lost at this cell, the last one with NodeDiedError" in done.problem
    assert "10.0.0.7" not in done.problem
    (saved,) = outcomes(Library([(True, {"CPU": 1.0})], lost[:2]), many(1)).values()
    assert (saved.result, saved.tries) == ("1", 3)
    wrong = Exceptions.RayTaskError("Traceback\nModuleNotFoundError: No module named 'qplug_ray'")
    (failed,) = outcomes(Library([(True, {"CPU": 1.0})], [wrong]), many(1)).values()
    assert (failed.lost, failed.tries) == (False, 1)
    assert "No module named 'qplug_ray'. All machines of the cluster need the same qplug" in failed.problem


def test_leaving_cancels_what_is_with_the_cluster() -> None:
    library = Library([(True, {"CPU": 2.0})])
    crew = Crew(library, "qplug.testing.cells:echo", iter(many(9)), slots=None, per_gpu=1, growing=False)
    crew._fill()
    library.waiting[0].call()
    running = crew.run()
    assert next(running).result == "1"
    running.close()
    assert len(library.cancelled) == 4  # one ended, and the next was sent before that was told
