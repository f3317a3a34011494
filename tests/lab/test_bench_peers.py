import re
from pathlib import Path

import numpy as np
import pytest
import torch

from qplug.bench import conditions
from qplug.bench.peers import packages, peers
from qplug.bench.problem import Problem, Truth
from qplug.contract.circuit import GATES, Circuit, Encoding, Gate, Observable, Weight

HERE, LEFT_OUT = peers()
OBSERVABLES = (Observable("Z", (0,)), Observable("X", (2,)), Observable("YZ", (2, 1)))
# One circuit for the gates that nobody needs to transpile, one for the others, small enough for TorchConnector.
NAMES = sorted(GATES)


def circuit(names):
    """The named gates on three wires, half of their angles encoding and half weights."""
    gates = [Gate("ry", (wire,), (Encoding(wire),)) for wire in range(3)]
    for number, name in enumerate(names):
        wires = tuple((number + step) % 3 for step in range(GATES[name].n_wires))
        gates.append(Gate(name, wires, tuple(0.3 + 0.1 * step for step in range(GATES[name].n_angles))))
        gates.append(Gate("rx", (number % 3,), (Weight(number),)))
    return Circuit(3, tuple(gates), OBSERVABLES)


def problem(made, batch=3):
    generator = torch.Generator().manual_seed(5)
    return Problem(
        circuit=made,
        inputs=torch.randn(batch, made.n_encoding, generator=generator).requires_grad_(),
        parameters=torch.randn(made.n_weights, generator=generator).requires_grad_(),
        cotangent=torch.rand(batch, 3, generator=generator),
        angles=lambda encoding, weights: (encoding, weights),
        n_distinct=batch,
    )


@pytest.mark.parametrize("peer", HERE, ids=lambda peer: peer.name)
@pytest.mark.parametrize("names", [NAMES[:9], NAMES[9:18], NAMES[18:]], ids=["first", "second", "third"])
def test_a_peer_runs_the_same_circuit_with_the_same_gradients(peer, names):
    asked = problem(circuit(names))
    outcome = peer.prepare(asked)()
    difference = Truth(asked).difference(outcome)
    assert difference.values < 1e-5
    assert difference.gradients < 1e-4
    assert np.shape(outcome.by_inputs) == (3, 3)


def test_peers_that_are_not_installed_are_named_with_what_they_lack():
    assert {peer.name for peer in HERE} | LEFT_OUT.keys() == {
        "TorchLayer default.qubit",
        "TorchLayer lightning.qubit",
        "tensorcircuit-ng jax",
        "TorchConnector",
    }
    assert all(reason.endswith("is not installed") for reason in LEFT_OUT.values())


PLUGIN = """
    from qplug.bench.peers import Peer

    ONE = Peer(prepare=lambda problem: lambda: None, requires=("json",), packages=("qplug-mirror",), patient=True)
    LACKING = Peer(prepare=None, requires=("no_such_library",))
    NONE = "a text"
"""


def test_a_plugin_brings_a_peer_and_one_that_is_none_is_left_out_with_its_reason(site, monkeypatch):
    announced = {"mirror": "ONE", "far": "LACKING", "odd": "NONE", "gone": "TWO", "off": "ONE"}
    entries = {"qplug.peers": {name: f"mirror_plugin:{path}" for name, path in announced.items()}}
    site.add("qplug-mirror", entries, {"mirror_plugin": PLUGIN}, version="3.1")
    monkeypatch.setenv("QPLUG_DISABLE", "off")
    here, left_out = peers()
    assert "mirror" in [peer.name for peer in here if peer.patient]
    assert left_out["far"] == "no_such_library is not installed"
    assert left_out["odd"] == "'a text' is no Peer"
    assert left_out["gone"] == "the module 'mirror_plugin' has no 'TWO' (qplug-mirror 3.1)"
    assert left_out["off"].startswith("disabled by 'off'")
    assert conditions.versions(packages())["qplug-mirror"] == "3.1"


def test_the_bench_names_no_other_library():
    modules = Path(conditions.__file__).parent.rglob("*.py")
    named = re.compile("pennylane|qiskit|tensorcircuit|lightning|jax|default.qubit|aer", re.IGNORECASE)
    assert {
        path.name: named.findall(path.read_text("utf-8")) for path in modules if named.search(path.read_text())
    } == {}
