"""The suite itself: items of pytest, expected failures, what is told of what was left out and of what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
import torch
from pydantic import Field
from torch import Tensor, nn

from qplug.contract.circuit import Circuit
from qplug.contract.errors import UnknownName
from qplug.contract.interfaces import Backend, BackendCapabilities, Head, HeadCapabilities
from qplug.testing.conformance import Check, Setting, Skipped, checks_for, conformance, outcome, outcomes
from qplug.testing.conformance.simulator import Simulator

QUICK = Setting(imports=False)


@dataclass(kw_only=True, eq=False)
class OneLayer(Head):
    """One layer.

    **Source:** nobody's.
    """

    summary = "one layer"
    capabilities = HeadCapabilities(interface=1)

    bias: Annotated[bool, Field(description="whether there is one")] = True

    def build(self, n_inputs: int, n_classes: int) -> nn.Module:
        return nn.Linear(n_inputs, n_classes, bias=self.bias)


class Softmax(OneLayer):
    def build(self, n_inputs: int, n_classes: int) -> nn.Module:
        return nn.Sequential(super().build(n_inputs, n_classes), nn.Softmax(dim=1))


class Raising(OneLayer):
    def build(self, n_inputs: int, n_classes: int) -> nn.Module:
        raise KeyError("no such layer")


class TwoQubits(Backend):
    """The simulator, of two qubits."""

    summary = "two qubits"
    source = "nobody's"
    capabilities = BackendCapabilities(interface=1, gradient=None, max_qubits=2)

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        return Simulator().expectations(circuit, encoding, weights)


@conformance(OneLayer(), OneLayer(bias=False), setting=QUICK)
def test_an_honest_head_passes_under_pytest(check: Any) -> None:
    check()


@conformance(Softmax(), setting=QUICK, expected_failures={"logits": "it is meant to be a mixture of experts"})
def test_a_failure_that_is_expected_by_name_is_no_failure(check: Any) -> None:
    check()


def items(mark: Any) -> dict[str, Any]:
    return {item.id: item for item in mark.args[1]}


def test_each_item_is_called_by_component_and_check() -> None:
    found = items(conformance(OneLayer(), setting=QUICK))
    assert {"one-layer-logits", "one-layer-gradient-values", "one-layer-deep-copy"} <= set(found)
    assert len(found) == len(checks_for(OneLayer(), QUICK))


def test_an_expected_failure_is_strict_and_has_its_reason() -> None:
    [mark] = items(conformance(Softmax(), setting=QUICK, expected_failures={"logits": "why"}))["softmax-logits"].marks
    assert mark.kwargs == {"reason": "why", "strict": True, "raises": AssertionError}


def test_an_expected_failure_of_no_check_is_refused() -> None:
    with pytest.raises(UnknownName, match=r"no check is called 'logitz'\. Did you mean 'logits'"):
        conformance(OneLayer(), setting=QUICK, expected_failures={"logitz": "why"})


def test_what_a_component_raises_itself_is_told_with_its_place() -> None:
    found = {each.name: each for each in outcomes(checks_for(Raising(), QUICK))}
    assert found["outputs"].status == "failed"
    assert (
        "Raising, outputs: raised KeyError: 'no such layer' (test_conformance_suite.py, line" in found["outputs"].told
    )
    assert found["declaration"].status == "passed"


def test_a_check_that_cannot_be_made_is_skipped_and_says_why() -> None:
    def act() -> None:
        raise Skipped("no folder was given")

    assert (outcome(Check("a", act)).status, outcome(Check("a", act)).told) == ("skipped", "no folder was given")


def test_a_check_puts_back_what_the_component_changed() -> None:
    def act() -> None:
        torch.set_default_dtype(torch.float64)

    Check("a", act)()
    assert torch.get_default_dtype() == torch.float32


def test_a_backend_of_two_qubits_is_told_what_was_left_out() -> None:
    every = checks_for(TwoQubits(), Setting(imports=False, dtypes=(torch.float64,), n_random=1))
    found = {each.name: outcome(each) for each in every if each.name in ("gates", "order", "observables")}
    assert [each for each in found.values() if each.status == "failed"] == []
    assert found["gates"].told == "left out, since it runs at most 2 qubits: gate ccx (3 qubits)"
    assert "order of qubits (3 qubits)" in found["order"].told
    assert found["observables"].status == "skipped"
