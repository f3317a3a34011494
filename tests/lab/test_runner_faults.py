"""A fault at every operation of a short run that changes the disk, and nothing started or called that is not declared.

One layer at the border to the operating system, an audit hook and ``os.fsync``, sees each file opened for writing, each
fsync, rename and new folder. Each such place of a run is made to fail once, in turn with a full disk, a broken disk and
a kill. From then on until the run has ended every change fails, as it would on a full disk or for a dead process.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from qplug.contract.errors import QplugError
from qplug.lab.config.layers import from_assignments
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import resume_run, run_once
from qplug.lab.runner.verify import verify
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.files import csv_rows
from qplug.lab.training.checkpoint import load

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names of open files are read from /proc")

CHANGES = ("os.rename", "os.mkdir", "os.fsync", "open")
KINDS = ("ENOSPC", "kill", "EIO")
"""Each place meets one of them, so that each is tried, and each kind at every third."""
REMOVALS = ("os.remove", "os.rmdir")
DECLARED = {"subprocess.Popen git"}
Site = tuple[str, str, int]
"""An operation, the file's name, and which time."""


class Killed(BaseException):
    """The process is gone: nothing may handle this."""


class Border:
    """What happens between a run and the operating system; the audit hook stays, so it is told when to look."""

    def __init__(self) -> None:
        self.root: Path | None = None
        self.fault: tuple[Site, str] | None = None
        self.begin(None)
        sys.addaudithook(self._audit)

    def begin(self, root: Path | None, fault: tuple[Site, str] | None = None) -> None:
        self.root, self.fault = root, fault
        self.sites: list[Site] = []
        self.foreign: list[str] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.broken = False

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.root is None:
            return
        if event in ("subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork", "os.forkpty"):
            self.foreign.append(f"{event} {arguments[0] if arguments else ''}")
        elif event.startswith("socket."):
            self.foreign.append(event)
        elif event in (*CHANGES, *REMOVALS) and (event != "open" or _writes(arguments)):
            self.happens(event, arguments[0])

    def fsync(self, descriptor: int) -> None:
        if self.root is not None:
            self.happens("os.fsync", Path(f"/proc/self/fd/{descriptor}").readlink())

    def happens(self, event: str, path: object) -> None:
        if not isinstance(path, str | os.PathLike) or not Path(path).is_relative_to(str(self.root)):
            return
        name = re.sub(r"\.[0-9a-f]{12}\.part$|^\d{8}-\d{6}-", "", Path(path).name)
        self.counts[event, name] += 1
        site = (event, name, self.counts[event, name])
        self.sites.append(site)
        if self.fault is None:
            return
        self.broken = self.broken or site == self.fault[0]
        if self.broken and self.fault[1] == "kill":
            raise Killed
        if self.broken and event in CHANGES:
            number = getattr(errno, self.fault[1])
            raise OSError(number, os.strerror(number), str(path))


def _writes(arguments: tuple[Any, ...]) -> bool:
    mode, flags = arguments[1], arguments[2] or 0
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or (
        isinstance(mode, str) and bool(set("wxa+") & {*mode})
    )


BORDER = Border()


@pytest.fixture
def border(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        BORDER.fsync(descriptor)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    yield BORDER
    BORDER.begin(None)


def without_figures(folder: Path) -> Workplace:
    """Figures go through the same writer as all else, and would take nine tenths of the time."""
    return Workplace(cache=folder / "cache", figures=False)


def layers() -> list[dict[str, Any]]:
    few = ["dataset.n_samples=100", "features.n_mels=8", "backbone.channels=2,2,2", "backbone.n_features=2"]
    return [from_assignments([*few, "training.epochs=1"]), {"dataset": {"name": "chirps"}, "head": {"name": "linear"}}]


def refuse_half_files(run: Path) -> None:
    """Reads every file that has its name."""
    for path in (path for path in run.rglob("[!.]*") if path.is_file()):
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".toml":
            tomllib.loads(path.read_text())
        elif path.suffix == ".csv":
            assert csv_rows(path.read_text())
        elif path.suffix == ".ckpt":
            load(path)
        else:
            assert path.suffix == ".safetensors"
            RunDirectory.open(run).read_weights(path.name)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_anywhere_leaves_no_half_file_and_a_run_that_goes_on(border: Border, tmp_path: Path, kind: str) -> None:
    out, cache, place = tmp_path / "runs", tmp_path / "cache", without_figures(tmp_path)
    border.begin(tmp_path)
    whole = run_once(layers(), out, Silent(), workplace=place)
    sites = [site for site in border.sites if site[0] in CHANGES]
    of_the_cache = {site for site in sites if site[1].endswith(("rows.f32", "keys.bin", "about.json"))}
    sites = [site for site in sites if site not in of_the_cache or site[2] == 1]
    border.begin(None)
    assert {name for _, name, _ in sites} >= {".run.toml", ".record.json", ".last.ckpt", "rows.f32", "keys.bin"}
    warm = tmp_path / "warm"
    cache.rename(warm)
    for site in sites[KINDS.index(kind) :: len(KINDS)]:
        shutil.rmtree(out, ignore_errors=True)
        shutil.rmtree(cache, ignore_errors=True)
        if site not in of_the_cache:
            shutil.copytree(warm, cache)
        border.begin(tmp_path, (site, kind))
        failed: BaseException | None = None
        try:
            run_once(layers(), out, Silent(), workplace=place)
        except (QplugError, Killed) as error:
            failed = error
        border.begin(None)
        assert failed is None or isinstance(failed, Killed) == (kind == "kill"), (site, kind, failed)
        for run in out.iterdir() if out.exists() else ():
            refuse_half_files(run)
            if kind != "kill":
                assert not list(run.rglob("*.part")), (site, kind)
            if not (run / "run.toml").exists():
                assert kind == "kill", (site, kind)
                continue
            if RunDirectory.open(run).status != "finished":
                assert resume_run(run, Silent(), workplace=place)["test"] == whole["test"], (site, kind)
            assert verify(run).faults == [], (site, kind)
            assert not list(run.rglob("*.part")), (site, kind)


def test_a_run_starts_no_process_and_opens_no_socket_that_is_not_declared(border: Border, tmp_path: Path) -> None:
    border.begin(tmp_path)
    run_once(layers(), tmp_path / "runs", Silent(), workplace=without_figures(tmp_path))
    started = set(border.foreign)
    border.begin(None)
    assert started <= DECLARED
