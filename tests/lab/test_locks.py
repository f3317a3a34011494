"""One process at a time has a lock, whatever the file system offers."""

from __future__ import annotations

import errno
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from qplug.contract.errors import QplugError, UserError
from qplug.lab.data.disk import exclusive
from qplug.lab.locks import is_taken, take
from qplug.lab.runs.lock import Lock

fcntl = pytest.importorskip("fcntl")
WITHOUT = [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP]


def failing(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, "flock fails here")

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.fixture(params=[None, *WITHOUT], ids=lambda number: errno.errorcode.get(number, "flock"))
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A lock file, on file systems with locks and without."""
    if request.param is not None:
        failing(monkeypatch, request.param)
    return tmp_path / "lock"


def test_one_at_a_time_has_it(path: Path) -> None:
    assert not is_taken(path)
    first = take(path)
    assert first is not None
    assert take(path) is None
    assert is_taken(path)
    first.release()
    second = take(path)
    assert second is not None
    first.release()  # a second time: takes nothing from others
    assert is_taken(path)
    second.release()
    assert not is_taken(path)


def test_a_run_has_one_owner(path: Path) -> None:
    lock = Lock(path.parent)
    with pytest.raises(UserError, match=f"another process works in {path.parent}"):
        Lock(path.parent)
    lock.release()
    Lock(path.parent).release()


def test_a_cache_has_one_writer(path: Path) -> None:
    waited = []

    def give_up() -> None:
        waited.append(True)
        raise TimeoutError

    with exclusive(path):
        with pytest.raises(TimeoutError), exclusive(path, waiting=give_up):
            pytest.fail("two writers")  # pragma: no cover
        assert waited == [True]
    with exclusive(path, waiting=give_up):
        assert is_taken(path)


@pytest.mark.parametrize("number", [None, errno.ENOLCK])
def test_a_killed_owner_leaves_a_lock_that_can_be_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int | None
) -> None:
    code = f"""
        import fcntl, os, signal, sys
        from pathlib import Path
        from qplug.lab.locks import take
        def flock(*_):
            raise OSError({number}, "")
        if {number} is not None:
            fcntl.flock = flock
        assert take(Path(sys.argv[1]))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    path = tmp_path / "lock"
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(path)], check=False).returncode == -9
    if number is not None:
        failing(monkeypatch, number)
    assert take(path) is not None


def test_another_failure_is_told_and_gives_nobody_the_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failing(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="flock fails here"):
        take(tmp_path / "lock")
    with pytest.raises(QplugError, match=f"{tmp_path} cannot be written: flock fails here"):
        Lock(tmp_path)
