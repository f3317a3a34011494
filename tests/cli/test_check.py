"""``qplug check``: a component held against every promise of its kind."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer

from qplug.contract.errors import UnknownName
from qplug_cli.commands import check as command

BROKEN = """
from qplug import Head, HeadCapabilities
from torch import nn


class Probable(Head):
    summary = "a head that gives probabilities"
    capabilities = HeadCapabilities(interface=1)

    def build(self, n_inputs, n_classes):
        return nn.Sequential(nn.Linear(n_inputs, n_classes), nn.Softmax(dim=1))
"""


def document(capsys: Any, *arguments: str, **options: Any) -> dict[str, Any]:
    command.check(*arguments, json=True, **options)
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_a_component_that_keeps_its_promises_is_told_so(site: Any, capsys: Any) -> None:
    asked = ["logits", "gradient-values", "constructor", "outputs"]
    told = document(capsys, "heads", "linear", only=asked, skip=["outputs"])
    assert (told["kind"], told["passed"], told["failed"]) == ("head", 3, 0)
    assert [each["name"] for each in told["checks"]] == ["constructor", "logits", "gradient-values"]


def test_a_broken_promise_ends_with_1_and_is_named(site: Any, capsys: Any) -> None:
    (site.folder / "probable_parts.py").write_text(BROKEN, "utf-8")
    with pytest.raises(typer.Exit) as ended:
        command.check("head", "probable_parts:Probable", only=["logits", "outputs", "documentation"])
    assert ended.value.exit_code == 1
    out = capsys.readouterr().out
    assert "outputs        passed" in out
    assert "Probable gives probabilities, not logits" in out
    assert "Probable has no docstring that says what it is" in out
    assert out.endswith("1 passed, 2 failed\n")


def test_a_check_that_does_not_exist_is_refused_with_a_near_one(site: Any) -> None:
    with pytest.raises(UnknownName, match=r"no check is called 'logit'\. Did you mean 'logits'"):
        command.check("head", "linear", only=["logit"])
    with pytest.raises(UnknownName, match=r"no check is called 'logitz'\. Did you mean 'logits'"):
        command.check("head", "linear", skip=["logitz"])


def test_nothing_is_sent_to_a_device_unasked(site: Any, capsys: Any, tmp_path: Any) -> None:
    pytest.importorskip("qiskit_ibm_runtime")
    settings = ["fake=FakeLagosV2", f"folder={tmp_path / 'jobs'}"]
    told = document(capsys, "backend", "ibm", settings=settings, only=["sent-and-collected", "cancelled"])
    assert told["skipped"] == 2
    assert "--send" in told["checks"][0]["told"]
    assert not (tmp_path / "jobs").exists()


def test_a_hook_plugin_is_checked_too(site: Any, capsys: Any) -> None:
    site.add("qplug-diary", {"qplug.hooks": {"diary": "diary_hook"}}, {"diary_hook": """
        '''Tells when a run is done.'''
        from qplug.contract.hooks import hookimpl

        @hookimpl
        def run_ended(run, metrics):
            metrics["test"]["accuracy"]
    """})  # fmt: skip
    told = document(capsys, "hook", "diary")
    assert (told["passed"], told["failed"]) == (5, 0)
