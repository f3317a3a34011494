"""Rows on disk that several processes read and write at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from qplug.lab.data.disk import UNUSED, write_json
from qplug.lab.data.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path, (3,))
    store.append([bytes([n]) * 32 for n in range(5)], np.arange(15, dtype=np.float32).reshape(5, 3))
    return store


def test_copies_in_other_orders_stand_beside_one_another(store: Store) -> None:
    one = store.values([4, 0])
    two = store.values([2, 1])
    assert len(list(store.folder.glob("ordered-*.f32"))) == 2
    np.testing.assert_array_equal(one[:, 0], [12, 0])
    np.testing.assert_array_equal(two[:, 0], [6, 3])


def test_many_first_readers_do_not_take_one_anothers_copies(store: Store) -> None:
    orders = [list(order) for order in permutations(range(5))] * 2
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda order: store.values(order)[:, 0] / 3, orders))
    np.testing.assert_array_equal(found, orders)


def test_a_copy_that_nobody_asked_for_is_removed_and_one_in_use_stays(store: Store) -> None:
    unused, used = (store.values(order) for order in ([4, 0], [2, 1]))
    for copy in (unused, used):
        os.utime(copy.filename, (0, 0))  # type: ignore[attr-defined]
    store.values([2, 1])
    store.values([3, 2])
    left = {path.name for path in store.folder.glob("ordered-*.f32")}
    assert UNUSED > 3600
    assert Path(str(used.filename)).name in left  # type: ignore[attr-defined]
    assert Path(str(unused.filename)).name not in left  # type: ignore[attr-defined]
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
