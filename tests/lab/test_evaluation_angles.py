"""Angles that saturate, or that spread so far that the read-out sees nothing linear, are found out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from qplug import catalogue, parameters
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.model import Branch, Choice
from qplug.lab.judging.angles import AngleFacts, angle_facts


def head(**values: object) -> QuantumModule:
    backend = parameters.create(catalogue.load("backend", "torch"), {}, what="backend torch")
    made = parameters.create(catalogue.load("head", "pennylane-pqc"), {"n_qubits": 6, **values}, what="head")
    torch.manual_seed(0)
    module = QuantumModule(made, backend, 6, 3)  # type: ignore[attr-defined]
    assert isinstance(module, QuantumModule)
    return module


def branch(reducer: dict[str, object] | None = None, **values: object) -> Branch:
    return Branch(Choice("linear", reducer or {}), Choice("pennylane-pqc", values))


@pytest.fixture
def embeddings() -> torch.Tensor:
    return torch.randn(400, 6, generator=torch.Generator().manual_seed(1))


def test_small_angles_leave_most_of_the_outputs_linear(embeddings: torch.Tensor) -> None:
    facts = angle_facts(nn.Identity(), head(scale=0.25), embeddings)
    assert facts.linear_share > 0.6
    assert facts.spread == pytest.approx(0.25, rel=0.1)
    assert facts.saturated == 0.0
    assert facts.warnings(branch()) == []


def test_angles_as_wide_as_pi_leave_nothing_linear(embeddings: torch.Tensor) -> None:
    facts = angle_facts(nn.Identity(), head(scale=math.pi), embeddings)
    assert facts.linear_share < 0.05
    (warning,) = facts.warnings(branch(scale=math.pi))
    assert "pennylane-pqc carry almost nothing linear" in warning
    assert "--set head.scale=0.4" in warning


@pytest.mark.parametrize(
    ("seen", "its", "cure"),
    [
        (9.5, branch(scale=0.5), "--set head.scale=0.02"),
        (3.0, branch({"scale": 2.0}), "--set reducer.scale=0.3"),
        (0.3, branch(scale=0.05), "--set head.scale=0.03"),  # a circuit that is spread wide by few radians
        (0.0, branch(scale=0.5), "--set head.scale=0.2"),
        (3.0, branch(), "Smaller angles help."),
    ],
)
def test_the_cure_makes_the_angles_smaller_from_where_they_are(seen: float, its: Branch, cure: str) -> None:
    (warning,) = AngleFacts(spread=seen, saturated=0.0, linear_share=0.0).warnings(its)
    assert warning.endswith(cure)


def test_the_advised_scale_is_a_cure(embeddings: torch.Tensor) -> None:
    (warning,) = angle_facts(nn.Identity(), head(scale=2.0), 3 * embeddings).warnings(branch(scale=2.0))
    scale = float(warning.rpartition("=")[2])
    assert angle_facts(nn.Identity(), head(scale=scale), 3 * embeddings).warnings(branch(scale=scale)) == []


def test_in_one_of_several_branches_the_cure_names_it() -> None:
    facts = AngleFacts(spread=4.0, saturated=0.5, linear_share=0.0)
    saturated, linear = facts.warnings(branch(scale=1.0, angle_map="tanh"), "branch2.")
    assert saturated.endswith("or no map: --set branch2.head.angle_map=none")
    assert linear.endswith("--set branch2.head.scale=0.1")
    (saturated, _) = facts.warnings(branch({"range_map": "arctan"}, angle_map="none"))
    assert saturated.endswith("or no map: --set reducer.range_map=none")


def test_a_flat_map_in_the_head_is_found(embeddings: torch.Tensor) -> None:
    facts = angle_facts(nn.Identity(), head(scale=0.5, angle_map="tanh"), 5 * embeddings)
    assert facts.saturated > 0.3
    assert "saturate" in facts.warnings(branch())[0]


def test_a_flat_map_in_the_reducer_is_found(embeddings: torch.Tensor) -> None:
    facts = angle_facts(nn.Tanh(), head(scale=0.5), 5 * embeddings)
    assert facts.saturated > 0.3


def test_the_linear_share_grows_as_the_scale_shrinks(embeddings: torch.Tensor) -> None:
    shares = [angle_facts(nn.Identity(), head(scale=scale), embeddings).linear_share for scale in (0.25, 0.5, 1.0, 3.0)]
    assert shares == sorted(shares, reverse=True)


def test_too_few_samples_warn_of_nothing() -> None:
    facts = angle_facts(nn.Identity(), head(scale=0.25), torch.randn(5, 6))
    assert facts.linear_share == 1.0


def test_no_warning_between_the_bounds() -> None:
    assert AngleFacts(spread=0.5, saturated=0.05, linear_share=0.05).warnings(branch()) == []
