"""``qplug cache``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qplug.lab.data.disk import exclusive
from qplug_cli import main


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with a feature file of 1,000 bytes, a note, and a file that is none of qplug's."""
    home = tmp_path / "cache"
    (home / "features" / "fsdd-0123").mkdir(parents=True)
    (home / "features" / "fsdd-0123" / "rows.f32").write_bytes(bytes(1000))
    (home / "plugins.json").write_text("{}")
    (home / "mine.txt").write_text("mine")
    monkeypatch.setenv("QPLUG_CACHE", str(home))
    return home


def qplug(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main.run([*words])
    return int(end.value.code or 0)


def test_what_is_kept_is_shown_by_kind(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert qplug("cache") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{cache}: 1")
    assert [line.split()[0] for line in lines[1:]] == ["features", "plugins"]
    assert qplug("cache", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["bytes"], told["cleared"]) == (1002, False)
    assert told["kinds"]["features"] == {"files": 1, "bytes": 1000}
    assert told["kinds"]["embeddings"] == {"files": 0, "bytes": 0}


def test_it_is_cleared_when_asked_for_and_only_of_what_is_qplugs(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert qplug("cache", "--clear") == 2
    assert "nothing was removed: nobody can be asked here" in capsys.readouterr().err
    assert (cache / "plugins.json").exists()
    assert qplug("cache", "--clear", "--yes") == 0
    assert "removed" in capsys.readouterr().out
    assert [path.name for path in cache.iterdir()] == ["mine.txt"]
    assert qplug("cache", "--clear", "--yes") == 0


def test_what_a_run_is_filling_is_left(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with exclusive(cache / "features" / "fsdd-0123" / "lock"):
        assert qplug("cache", "--clear", "--yes") == 2
    assert "a run is filling" in capsys.readouterr().err
    assert (cache / "features" / "fsdd-0123" / "rows.f32").exists()
