"""A backend that was named in vain is told of, in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qplug.lab.config.layers import from_names
from qplug.lab.config.toml import to_layer
from qplug.lab.runner.plan import Plan, plan
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once

from .places import without_figures

PARTS: dict[str, Any] = {
    "dataset": {"name": "digits"}, "backbone": {"name": "identity"}, "device": "cpu", "training": {"epochs": 1},
}  # fmt: skip
UNUSED = "backend {} is not used, because no head has a circuit (linear)"


def planned(**names: str) -> Plan:
    return plan([from_names(names), PARTS])


def told(work: tuple[str, ...]) -> list[str]:
    return [line for line in work if line.startswith("backend")]


@pytest.mark.parametrize("backend", ["aer", "torch", "default.qubit"])
def test_a_plan_of_classical_heads_tells_that_a_named_backend_is_not_used(backend: str) -> None:
    assert told(planned(head="linear", backend=backend).work) == [UNUSED.format(backend)]


def test_nothing_is_told_where_the_backend_is_used_was_not_named_or_stands_in_a_whole_configuration() -> None:
    assert told(planned(head="pennylane-pqc", backend="default.qubit").work) == []
    classical = planned(head="linear")
    assert told(classical.work) == []
    assert told(plan([to_layer(classical.config)]).work) == []


class Notes(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def test_a_run_tells_it_once_and_goes_on(tmp_path: Path) -> None:
    reporter = Notes()
    summary = run_once(
        [from_names({"head": "linear", "backend": "aer"}), PARTS], tmp_path, reporter, workplace=without_figures()
    )
    assert reporter.said.count(UNUSED.format("aer")) == 1
    assert summary["backend"] is None
