"""Rows on disk that several processes read and write at once."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from qplug.lab.data.disk import UNUSED, write_json
from qplug.lab.data.store import Store, digest


def ask(store: Store, order: Iterable[int]) -> np.memmap:  # type: ignore[type-arg]
    entries = store.entries()
    return cast(np.memmap, store.values([entries[bytes([n]) * 32] for n in order]))  # type: ignore[type-arg]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path, (3,))
    store.append([bytes([n]) * 32 for n in range(5)], np.arange(15, dtype=np.float32).reshape(5, 3))
    return store


def test_copies_in_other_orders_stand_beside_one_another(store: Store) -> None:
    one = ask(store, [4, 0])
    two = ask(store, [2, 1])
    assert len(list(store.folder.glob("ordered-*.f32"))) == 2
    np.testing.assert_array_equal(one[:, 0], [12, 0])
    np.testing.assert_array_equal(two[:, 0], [6, 3])


def test_many_first_readers_do_not_take_one_anothers_copies(store: Store) -> None:
    orders = [list(order) for order in permutations(range(5))] * 2
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda order: ask(store, order)[:, 0] / 3, orders))
    np.testing.assert_array_equal(found, orders)


def test_a_copy_that_nobody_asked_for_is_removed_and_one_in_use_stays(store: Store) -> None:
    unused, used = (ask(store, order) for order in ([4, 0], [2, 1]))
    for copy in (unused, used):
        os.utime(copy.filename, (0, 0))
    ask(store, [2, 1])
    ask(store, [3, 2])
    left = {path.name for path in store.folder.glob("ordered-*.f32")}
    assert UNUSED > 3600
    assert Path(str(used.filename)).name in left
    assert Path(str(unused.filename)).name not in left
    np.testing.assert_array_equal(unused[:, 0], [12, 0])


def test_writers_with_one_process_number_do_not_share_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers number their processes from 1 each."""
    half_written = []

    def replace(partial: Path, target: Path) -> None:
        half_written.append(partial.name)
        partial.rename(target)

    monkeypatch.setattr(os, "getpid", lambda: 1)
    monkeypatch.setattr(Path, "replace", replace)
    for _ in range(2):
        write_json(tmp_path / "about.json", {"a": 1})
    assert len(set(half_written)) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["about.json"]


def test_a_damaged_copy_is_made_again(store: Store) -> None:
    copy = Path(str(ask(store, [4, 0]).filename))
    copy.write_bytes(bytes(24))
    np.testing.assert_array_equal(ask(store, [4, 0])[:, 0], [12, 0])


def test_damaged_rows_are_left_out_until_they_are_written_again(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    keys = [bytes([n]) * 32 for n in range(5)]
    assert set(store.intact(keys)) == set(keys)
    with (store.folder / "rows.f32").open("r+b") as file:
        file.seek(2 * 12)
        file.write(b"\x01")
    with (store.folder / "keys.bin").open("r+b") as file:
        file.seek(3 * 48 + 40)
        file.write(b"\x01")
    assert set(store.intact(keys)) == {keys[0], keys[1], keys[4]}
    assert f"2 of 5 rows in {store.folder} are damaged; they are made again." in caplog.text
    store.append(keys[2:4], np.full((2, 3), 7, dtype=np.float32))
    assert set(store.intact(keys)) == set(keys)
    np.testing.assert_array_equal(ask(store, range(5))[:, 0], [0, 3, 7, 7, 12])


def test_rows_that_were_found_whole_are_read_again_once_somebody_wrote_to_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []
    monkeypatch.setattr("qplug.lab.data.store.digest", lambda row: read.append(bytes(row)) or digest(row))
    keys = [bytes([n]) * 32 for n in range(5)]
    monkeypatch.setattr("qplug.lab.data.store._SETTLED", -1e9)
    assert len(store.intact(keys)) == 5
    assert len(store.intact(keys)) == 5
    assert len(read) == 5
    assert len(store.intact(keys[:2])) == 5  # others than were looked at
    assert len(read) == 7
    path = store.folder / "rows.f32"
    content = bytearray(path.read_bytes())
    content[4] ^= 1
    os.utime(path, ns=(0, 0))
    path.write_bytes(content)
    assert keys[0] not in store.intact(keys[:2])
    assert keys[0] not in store.intact(keys[:2])  # what is damaged is never taken for whole


def test_rows_written_a_moment_ago_are_always_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of files go in steps of some milliseconds, so two writes may leave the same."""
    read: list[bytes] = []
    monkeypatch.setattr("qplug.lab.data.store.digest", lambda row: read.append(bytes(row)) or digest(row))
    for _ in range(2):
        store.intact([bytes([0]) * 32])
    assert len(read) == 2
