"""Whatever installed parts do when they are listed, imported or described, runs have the numbers of runs without."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from qplug import catalogue, parameters
from qplug.contract.errors import QplugError
from qplug.hooks.guard import ASPECTS, put_back
from qplug.lab.config.layers import from_assignments
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runner.workplace import Workplace
from qplug_cli.visible import visible

from .test_hostile_hooks import numbers

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="parts do this with processes of POSIX")


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """Imports may set up the process for good, such as its environment; the tests behind these must not find it so."""
    with put_back():
        yield


KINDS = {
    "head": ("heads", "Head", "HeadCapabilities(interface=1)"),
    "backend": ("backends", "Backend", "BackendCapabilities(interface=1, gradient='autograd')"),
    "dataset": ("datasets", "Dataset", "DatasetCapabilities(interface=1, modality='image')"),
    "features": ("features", "FeatureExtractor", "FeatureCapabilities(interface=1, modality='image')"),
    "executor": ("executors", "Executor", "ExecutorCapabilities(interface=1, machines='one')"),
}

IMPORTED: dict[str, tuple[str, str]] = {
    "doubles": ("head", "import torch\ntorch.set_default_dtype(torch.float64)"),
    "seeds": ("backend", "import torch, random, numpy\ntorch.manual_seed(1)\nrandom.seed(1)\nnumpy.random.seed(1)"),
    "deterministic": ("features", "import torch\ntorch.use_deterministic_algorithms(True)"),
    "no-gradients": ("executor", "import torch\ntorch.set_grad_enabled(False)"),
    "errors-all": ("dataset", "import warnings\nwarnings.simplefilter('error')"),
    "no-signals": ("head", "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)"),
    "environment": ("backend", "import os\nos.environ.update(OMP_NUM_THREADS='7', QPLUG_CACHE='/nowhere', HOME='/')"),
    "first-path": ("features", "import sys\nsys.path.insert(0, '/nowhere')"),
    "no-paths": ("dataset", "import sys\nsys.path[:] = sys.path[::-1]"),
    "prints": ("executor", "import sys\nprint('{\\x1b[31m' * 99)\nprint('x' * 999, file=sys.stderr)"),
    "threads": ("head", "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()"),
    "forks": ("backend", "import os\nos.fork() or os._exit(0)"),
    "wanders": ("features", "import os\nos.chdir('/')\nos.umask(0o777)"),
    "silences": ("executor", "import logging, sys\nlogging.disable()\nsys.stderr = open(2, 'w', closefd=False)"),
    "exits": ("head", "import atexit\natexit.register(print, 'gone')\nraise SystemExit(0)"),
    "interrupts": ("dataset", "raise KeyboardInterrupt"),
    "recurses": ("backend", "def again(): again()\nagain()"),
    "leaves": ("features", "raise GeneratorExit('no luck')"),
}
"""What each does when it is imported."""

DESCRIBED: dict[str, tuple[str, str]] = {
    "escapes": ("head", "summary = '\\x1b[2J\\x1b]0;title\\x07' + '\\u202e' * 99 + '[/bold]$x$' * 999"),
    "no-summary": ("backend", "summary = 3.5"),
    "shy": ("dataset", "__eq__ = __hash__ = __repr__ = __str__ = lambda *_: 1 / 0"),
    "lies": ("features", "capabilities = type('Lie', (), {'__getattr__': lambda self, name: 10**30})()"),
    "no-capabilities": ("executor", "capabilities = None"),
    "endless": ("head", "def __init__(self, *, model: 'Part | list[Part] | None' = None) -> None: ..."),
    "unknown-type": ("backend", "def __init__(self, *, x: 'NotThere' = 1) -> None: ..."),
    "unprintable-default": ("features", "def __init__(self, *, x: object = type('X', (), {'__repr__': 0})()): ..."),
    "raises": ("dataset", "def __init__(self) -> None: raise MemoryError('none left')"),
    "gives-up": ("executor", "def __init__(self) -> None: raise SystemExit(0)"),
    "refuses-all": ("head", "def __getattribute__(self, name): raise LookupError(name)"),
    "another": ("backend", "def __new__(cls, *_, **__): return 'a backend'"),
    "preset": ("features", "presets = {'a': {'preset': 'b'}, 'b': None}"),
    "older": ("dataset", "capabilities = DatasetCapabilities(interface=-(10**9), modality='smell')"),
}
"""What stands in the class of each, or what it does when an object is made."""


_WHOLE = "Part.__abstractmethods__ = frozenset()\n"  # else each would be put aside as unfinished


def source(kind: str, act: str, body: str) -> str:
    _, base, capabilities = KINDS[kind]
    inside = body if "capabilities =" in body else f"capabilities = {capabilities}\n    {body}"
    facts = capabilities.partition("(")[0]
    return f"{act}\nfrom qplug import {base}, {facts}\nclass Part({base}):\n    {inside}\n{_WHOLE}"


def install(site: Any) -> dict[str, str]:
    """All of them in one package, so that one process tries them; gives the kind of each."""
    parts = {name: (kind, source(kind, act, "pass")) for name, (kind, act) in IMPORTED.items()}
    parts |= {name: (kind, source(kind, "", body)) for name, (kind, body) in DESCRIBED.items()}
    entries: dict[str, dict[str, str]] = {f"qplug.{group}": {} for group, _, _ in KINDS.values()}
    for name, (kind, _) in parts.items():
        entries[f"qplug.{KINDS[kind][0]}"][name] = f"hostile_parts.{name.replace('-', '_')}:Part"
    (site.folder / "hostile_parts").mkdir()
    modules = {f"hostile_parts/{name.replace('-', '_')}": text for name, (_, text) in parts.items()}
    site.add("qplug-hostile-parts", entries, modules)
    return {name: kind for name, (kind, _) in parts.items()}


def look_at(kind: str, name: str) -> None:
    """All that is asked of a part that is not used: the class, what it can be set to, an object of it."""
    with contextlib.suppress(QplugError):
        found = catalogue.load(kind, name)
        parameters.describe(found)
        parameters.resolved(found, {})


def test_a_run_among_hostile_parts_has_the_numbers_of_one_without(site: Any, tmp_path: Path) -> None:
    layers = [from_assignments(["training.epochs=1"]), {"dataset": {"name": "digits"}, "head": {"name": "linear"}}]
    place = replace(Workplace.from_environment(), figures=False, workers=1)
    alone = Path(run_once(layers, tmp_path / "alone", Silent(), workplace=place)["run"])
    kinds = install(site)
    assert len(kinds) >= 28
    rows = {(row.kind, row.name): row for row in catalogue.entries() if row.provider == "qplug-hostile-parts"}
    assert set(rows) == {(kind, name) for name, kind in kinds.items()}
    for name in ("exits", "interrupts", "recurses", "leaves", "no-capabilities", "older"):
        assert rows[kinds[name], name].status == "quarantined", rows[kinds[name], name]
    assert "changes torch's default dtype" in rows["head", "doubles"].reason
    assert "\x1b" not in visible(rows["head", "escapes"].summary)
    for name, kind in kinds.items():
        look_at(kind, name)
    assert torch.get_default_dtype() == torch.float32
    among = Path(run_once(layers, tmp_path / "among", Silent(), workplace=place)["run"])
    assert numbers(among) == numbers(alone)
    weights, others = (load_file(run / "model.safetensors") for run in (alone, among))
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[name], others[name]) for name in weights)


MADE: dict[str, tuple[str, str, str]] = {
    "doubles-late": ("head", "import torch; torch.set_default_dtype(torch.float64)", "torch's default dtype"),
    "seeds-late": ("backend", "import torch; torch.manual_seed(1)", "torch's random state"),
    "wanders-late": ("features", "import os; os.chdir('/')", "the working directory"),
    "masks-late": ("dataset", "import os; os.umask(0o777)", "the modes of new files"),
    "deaf-late": (
        "executor",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "the handling of signals",
    ),
    "no-gradients-late": ("head", "import torch; torch.set_grad_enabled(False)", "torch's gradient mode"),
}
"""What each does when an object of it is made, and what that changes."""


@pytest.mark.parametrize("name", MADE)
def test_what_a_constructor_changes_is_put_back_and_told(
    site: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    kind, act, aspect = MADE[name]
    group, module = f"qplug.{KINDS[kind][0]}", name.replace("-", "_")
    text = source(kind, "", f"def __init__(self): {act}")
    site.add("qplug-hostile-late", {group: {name: f"{module}:Part"}}, {module: text})
    read = {each.name: each.read for each in ASPECTS}[aspect]
    before = read()
    made = catalogue.create(kind, name)
    assert type(made).__module__ == module
    assert read() == before
    told = f"{kind} {name!r} changed {aspect} for the whole process when it was made. It was put back."
    assert told in [record.getMessage() for record in caplog.records]
