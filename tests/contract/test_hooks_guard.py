"""Nothing that a hook does to its arguments or to the process reaches the run, and the plugin is named."""

import gc
import logging
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from qplug.contract.hooks import RunInfo, hookimpl
from qplug.hooks import Hooks
from qplug.hooks.guard import ASPECTS, put_back

ACTS: dict[str, Callable[[], object]] = {
    "torch's default dtype": lambda: torch.set_default_dtype(torch.float64),
    "torch's threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "torch's gradient mode": lambda: torch.set_grad_enabled(False),
    "torch's choice of algorithms": lambda: torch.use_deterministic_algorithms(True),
    "torch's precision of products": lambda: torch.set_float32_matmul_precision("medium"),
    "torch's anomaly detection": lambda: torch.autograd.set_detect_anomaly(True),
    "torch's hooks on all modules": lambda: torch.nn.modules.module.register_module_forward_hook(
        lambda module, inputs, output: output * 0
    ),
    "torch's random state": lambda: torch.manual_seed(7),
    "numpy's random state": lambda: np.random.seed(7),
    "numpy's handling of errors": lambda: np.seterr(all="raise"),
    "Python's random state": lambda: random.seed(7),
    "the working directory": lambda: os.chdir("/"),
    "the modes of new files": lambda: os.umask(0o777),
    "the environment": lambda: os.environ.update(OMP_NUM_THREADS="99", QPLUG_SEEN="1"),
    "the import path": lambda: sys.path.insert(0, "/nowhere"),
    "how warnings are shown": lambda: setattr(warnings, "showwarning", print),
    "logging": lambda: logging.disable(logging.CRITICAL),
    "the handling of signals": lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "the standard streams": lambda: setattr(sys, "excepthook", print),
    "the limit of recursion": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1),
    "garbage collection": gc.disable,
    "replaced functions": lambda: setattr(torch.nn.functional, "cross_entropy", None),
}


def run(**config: Any) -> RunInfo:
    return RunInfo(directory=Path("runs/one"), config=config, dataset="chirps", head="mlp", backend="", seed=0)


class Hostile:
    def __init__(self, act: Callable[..., object]) -> None:
        self.act = act

    @hookimpl
    def epoch_ended(self) -> None:
        self.act()


@pytest.mark.parametrize("name", ACTS)
def test_what_a_hook_changes_for_the_process_is_put_back_and_named(name: str, caplog: pytest.LogCaptureFixture) -> None:
    (aspect,) = (aspect for aspect in ASPECTS if aspect.name == name)
    hooks = Hooks()
    hooks.register(Hostile(ACTS[name]), "vandal")
    before = aspect.read()
    for epoch in (1, 2):
        hooks.epoch_ended(run(), epoch, {})
    assert before == aspect.read()
    (told,) = [record.getMessage() for record in caplog.records]  # once, not at each epoch
    assert told.startswith("the hook plugin 'vandal' changed ")
    assert name in told


def test_filters_of_warnings_are_put_back() -> None:
    hooks, before = Hooks(), list(warnings.filters)
    hooks.register(Hostile(lambda: warnings.simplefilter("error")), "strict")
    hooks.epoch_ended(run(), 1, {})
    assert list(warnings.filters) == before


class Forger:
    """Writes into all that it is given, and past the class that refuses it."""

    @hookimpl
    def epoch_ended(self, run: RunInfo, metrics: dict[str, Any]) -> None:
        dict.__setitem__(metrics, "accuracy", 0.999)
        dict.pop(run.config["head"], "name")
        metrics.pop("accuracy")


def test_a_hook_cannot_change_what_it_is_given(caplog: pytest.LogCaptureFixture) -> None:
    hooks, metrics, info = Hooks(), {"accuracy": 0.5}, run(head={"name": "mlp"})
    hooks.register(Forger(), "forger")
    hooks.epoch_ended(info, 1, metrics)
    assert metrics == {"accuracy": 0.5}
    assert info.config == {"head": {"name": "mlp"}}
    assert "the hook plugin 'forger' raised TypeError in epoch_ended: what a hook is given cannot be" in caplog.text


class Speechless(Exception):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("\x1b[2Jgone"), r"raised RuntimeError in epoch_ended: \x1b[2Jgone."),
        (Speechless(), "raised Speechless in epoch_ended: (its text cannot be had: ValueError)."),
        (GeneratorExit("x"), "raised GeneratorExit in epoch_ended: x."),
    ],
)
def test_any_exception_of_a_hook_is_told_without_steering_a_terminal(
    error: BaseException, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    def throw() -> None:
        raise error

    hooks = Hooks()
    hooks.register(Hostile(throw), "thrower")
    hooks.epoch_ended(run(), 1, {})
    assert words in caplog.text
    assert "\x1b" not in caplog.text
    assert hooks.names == []


def test_a_draw_at_an_import_is_put_back_without_a_word() -> None:
    random.seed(3)
    before = random.getstate()
    with put_back(at_import=True) as changed:
        random.random()
    assert random.getstate() == before
    assert changed == []
    with put_back() as changed:
        random.random()
    assert random.getstate() == before
    assert changed == ["Python's random state"]
