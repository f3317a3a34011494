"""``qplug cache``."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from qplug.lab.data.disk import exclusive

Qplug = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with a feature file of 1,000 bytes, a note, and a file that is none of qplug's."""
    home = tmp_path / "cache"
    (home / "features" / "fsdd-0123").mkdir(parents=True)
    (home / "features" / "fsdd-0123" / "rows.f32").write_bytes(bytes(1000))
    (home / "plugins.json").write_text("{}")
    (home / "mine.txt").write_text("mine")
    return home


@pytest.fixture
def qplug(cache: Path, forking: Callable[..., subprocess.CompletedProcess[str]]) -> Qplug:
    return lambda *words: forking(words, cache.parent, os.environ | {"QPLUG_CACHE": str(cache)})


def test_what_is_kept_is_shown_by_kind(cache: Path, qplug: Qplug) -> None:
    shown = qplug("cache")
    assert shown.returncode == 0
    lines = shown.stdout.splitlines()
    assert lines[0].startswith(f"{cache}: 1")
    assert [line.split()[0] for line in lines[1:]] == ["features", "plugins"]
    told = json.loads(qplug("cache", "--json").stdout)
    assert (told["bytes"], told["cleared"]) == (1002, False)
    assert told["kinds"]["features"] == {"files": 1, "bytes": 1000}
    assert told["kinds"]["embeddings"] == {"files": 0, "bytes": 0}


def test_it_is_cleared_when_asked_for_and_only_of_what_is_qplugs(cache: Path, qplug: Qplug) -> None:
    refused = qplug("cache", "--clear")
    assert refused.returncode == 2
    assert "nothing was removed: nobody can be asked here" in refused.stderr
    assert (cache / "plugins.json").exists()
    done = qplug("cache", "--clear", "--yes")
    assert done.returncode == 0
    assert "removed" in done.stdout
    assert [path.name for path in cache.iterdir()] == ["mine.txt"]
    assert qplug("cache", "--clear", "--yes").returncode == 0


def test_what_a_run_is_filling_is_left(cache: Path, qplug: Qplug) -> None:
    with exclusive(cache / "features" / "fsdd-0123" / "lock"):
        refused = qplug("cache", "--clear", "--yes")
    assert refused.returncode == 2
    assert "a run is filling" in refused.stderr
    assert (cache / "features" / "fsdd-0123" / "rows.f32").exists()
