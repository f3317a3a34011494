"""TensorCircuit-NG on JAX: jitted, vmapped over the batch, as its documentation shows it."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

from qplug.bench.peers import Peer
from qplug.bench.problem import Outcome, Problem
from qplug.bench.timing import Step
from qplug.contract.circuit import Circuit, Encoding, Observable, Weight

_NAMES = {"sdg": "sd", "tdg": "td", "p": "phase", "cx": "cnot", "cp": "cphase", "ccx": "toffoli"}
_ANGLES = {"u": ("theta", "phi", "lbd")}


def jitted(problem: Problem) -> Step:
    """Value and gradients in one compiled function; the first call compiles it."""
    jax: Any = import_module("jax")
    tc: Any = import_module("tensorcircuit")
    backend = tc.set_backend("jax")
    tc.set_dtype("complex64")
    jnp = jax.numpy

    def values_of(encoding: Any, weights: Any) -> Any:
        return jnp.stack(_expectations(tc, problem.circuit, encoding, weights))

    def loss(encoding: Any, weights: Any, cotangent: Any) -> Any:
        values = backend.vmap(values_of, vectorized_argnums=0)(encoding, weights)
        return (values * cotangent).sum(), values

    compiled = backend.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))
    arguments = [
        jnp.asarray(tensor.detach().cpu().numpy()) for tensor in (problem.inputs, problem.parameters, problem.cotangent)
    ]

    def step() -> Outcome:
        (_, values), gradients = jax.block_until_ready(compiled(*arguments))
        return Outcome(values, *gradients)

    return step


def _expectations(tc: Any, circuit: Circuit, encoding: Any, weights: Any) -> list[Any]:
    built = tc.Circuit(circuit.n_qubits)
    for gate in circuit.gates:
        angles = [_value(angle, encoding, weights) for angle in gate.angles]
        if gate.name == "ch":
            built.multicontrol(*gate.wires, ctrl=[1], unitary=tc.gates._h_matrix)
        elif gate.name == "sx":  # the same up to a phase that nobody sees
            built.rx(*gate.wires, theta=math.pi / 2)
        else:
            names = _ANGLES.get(gate.name, ("theta",))
            getattr(built, _NAMES.get(gate.name, gate.name))(*gate.wires, **dict(zip(names, angles, strict=False)))
    return [tc.backend.real(built.expectation_ps(**_paulis(each))) for each in circuit.observables]


def _paulis(observable: Observable) -> dict[str, list[int]]:
    return {
        letter.lower(): [w for own, w in zip(observable.paulis, observable.wires, strict=True) if own == letter]
        for letter in set(observable.paulis)
    }


def _value(angle: Any, encoding: Any, weights: Any) -> Any:
    match angle:
        case Encoding(index):
            return encoding[index]
        case Weight(index):
            return weights[index]
        case _:
            return angle


JITTED = Peer(prepare=jitted, requires=("tensorcircuit",), packages=("tensorcircuit-ng", "jax"), compiles=True)
"""TensorCircuit, compiled by JAX."""
