"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import pytest

from qplug.atomic import remove_partial_files, storage_error, write_atomically
from qplug.contract.errors import QplugError, UserError


def test_content_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_a_write_that_fails_in_the_middle_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(UserError, match=r"a\.txt cannot be written: it is larger"):
            write_atomically(path, bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_the_file_gets_the_usual_permissions(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.touch()
    write_atomically(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == usual.stat().st_mode


def test_a_missing_folder_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone/a\.txt cannot be written: its folder does not exist"):
        write_atomically(tmp_path / "gone" / "a.txt", b"x")


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, UserError, "x/y cannot be written: the disk is full. Free some space or choose"),
        (errno.EROFS, UserError, "x/y cannot be written: it lies on a read-only file system. Choose another"),
        (errno.EIO, QplugError, "x/y cannot be written: broken"),
    ],
)
def test_a_full_or_read_only_disk_is_the_users_and_a_broken_one_the_worlds(
    number: int, kind: type[QplugError], words: str
) -> None:
    error = storage_error(Path("x/y"), OSError(number, "broken"))
    assert type(error) is kind
    assert words in str(error)


def test_leftovers_of_killed_writers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".last.ckpt.0123.part").touch()
    (tmp_path / "part").touch()
    (tmp_path / "b.part").touch()
    remove_partial_files(tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["b.part", "part"]


def test_what_a_killed_writer_of_the_same_file_left_goes_with_the_next_write(tmp_path: Path) -> None:
    names = [".a.html.0123456789ab.part", ".a.html.abcdef012345.part", ".b.html.0123456789ab.part", ".a.html.mine.part"]
    for name in names:
        (tmp_path / name).touch()
    fcntl = pytest.importorskip("fcntl")
    with (tmp_path / names[1]).open("rb") as written_now:
        fcntl.flock(written_now, fcntl.LOCK_EX)
        write_atomically(tmp_path / "a.html", b"new")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([*names[1:], "a.html"])
