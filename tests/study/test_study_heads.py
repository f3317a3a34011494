"""A head as a module in anyone's network."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn

import qplug
from qplug.contract.errors import NotSupported, ParameterError, UnknownName, UserError

HEADS: dict[str, dict[str, Any]] = {
    "qiskit-qnn": {"n_inputs": 2, "n_qubits": 2},
    "pennylane-pqc": {"n_inputs": 2, "n_qubits": 2, "n_layers": 1},
    "mlp": {"n_inputs": 2},
}


def made(name: str, **more: Any) -> nn.Module:
    pytest.importorskip({"qiskit-qnn": "qiskit", "pennylane-pqc": "pennylane"}.get(name, "torch"))
    return qplug.head(name, n_classes=3, **(HEADS[name] | more))


@pytest.mark.parametrize("name", HEADS)
def test_a_head_learns_in_anyones_network(name: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 2), made(name, backend="torch"))
    inputs, labels = torch.randn(12, 5), torch.arange(12) % 3
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    losses = []
    for _ in range(12):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(network(inputs), labels)
        loss.backward()
        assert all(parameter.grad is not None for parameter in network.parameters())
        assert network[0].weight.grad.abs().sum() > 0
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", HEADS)
def test_a_head_is_copied_stored_and_loaded(name: str) -> None:
    head = made(name, seed=1).eval()
    inputs = torch.randn(4, 2)
    expected = head(inputs)
    other = made(name, seed=2).eval()
    assert not torch.equal(other(inputs), expected)
    other.load_state_dict(head.state_dict())
    for twin in (other, copy.deepcopy(head), pickle.loads(pickle.dumps(head))):  # noqa: S301, TID251 - its own
        assert torch.equal(twin(inputs), expected)
    assert torch.equal(made(name, seed=1).eval()(inputs), expected)


def test_initial_weights_are_those_of_torchs_random_state_or_of_a_seed() -> None:
    torch.manual_seed(4)
    first = made("mlp").state_dict()
    torch.manual_seed(4)
    before = torch.get_rng_state()
    made("mlp", seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, first[key]) for key, value in made("mlp").state_dict().items())


def test_a_backend_is_given_by_name_table_or_object() -> None:
    table = {"name": "torch", "shots": 7}
    tabled: Any = made("pennylane-pqc", backend=table)
    assert table == {"name": "torch", "shots": 7}
    assert tabled.backend.shots == 7
    given: Any = made("pennylane-pqc", backend=tabled.backend)
    assert given.backend.shots == 7
    assert given.backend is not tabled.backend


def test_one_object_makes_several_networks() -> None:
    head = type(made("pennylane-pqc").head)(n_qubits=2, n_layers=1)  # type: ignore[operator, union-attr]
    first, second = (qplug.head(head, n_inputs=2, n_classes=2) for _ in range(2))
    assert first.head is not second.head is not head
    wider: Any = qplug.head(type(head), n_inputs=3, n_classes=2, n_qubits=3)
    assert wider.circuit.n_qubits == 3


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"name": "penylane-pqc"}, UnknownName, "penylane-pqc"),
        ({"name": "mlp", "layers": 2}, UnknownName, "layers"),
        ({"name": "mlp", "hidden": "many"}, (ParameterError, UnknownName), "many|hidden"),
        ({"name": "pennylane-pqc", "n_qubits": 3}, NotSupported, "'pennylane-pqc' takes 3 inputs .* n_inputs=2"),
        ({"name": "svm-rbf"}, NotSupported, "'svm-rbf' is fitted in one step"),
        ({"name": "pennylane-pqc", "n_qubits": 2, "backend": "no-such"}, UnknownName, "no-such"),
        ({"name": nn.Linear(2, 2)}, UserError, r"head=Linear\(.* is no component"),
    ],
)
def test_what_is_no_head_is_refused(asked: dict[str, Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        qplug.head(**asked, n_inputs=2, n_classes=2)
