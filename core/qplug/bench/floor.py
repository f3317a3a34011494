"""The floor: the bare matrix products and memory passes that forward and backward of a circuit need.

Counted, on states of ``batch · 2^n`` complex64 amplitudes, from the circuit alone:

* One-qubit gates that follow one another on a wire are one gate. Gates are gathered into layers of two sorts: those
  that only permute basis states or multiply them by phases (``cx``, ``swap``, ``rz``, ``rzz``, …), and all others. A
  gate joins the earliest layer of its sort that its wires allow.
* One-qubit gates before a wire's first gate on several qubits act on a product state, which is expanded once: one
  pass.
* A layer of the first sort is one gather, unless its permutations undo one another, and one multiplication by a phase,
  if it has phases. A layer of the second sort is one product with a (16, 16) complex matrix per group of four wires.
* All of this once forward and twice backward (the state is undone, and its adjoint carried along).
* Read-out: one pass over the state forward, and one backward.

Not counted: the inner products behind the gradients, the angles' sines and cosines, the building of matrices. The
floor is measured, operation after operation, in torch on buffers that lie ready, on one thread and on all, of which
the faster counts; it is a yardstick, not a proof: an engine that computes something else, or whose products are
quicker than torch's, can be below it.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from qplug.bench.timing import Step
from qplug.contract.circuit import GATES, Circuit, Gate

GROUP = 4
"""Wires in one matrix product."""


@dataclass
class _Layer:
    monomial: bool
    gates: list[Gate] = field(default_factory=list)

    def passes(self) -> Counter[str]:
        if not self.monomial:
            return Counter(product=math.ceil(len({wire for gate in self.gates for wire in gate.wires}) / GROUP))
        phase = any(not GATES[gate.name].permutation for gate in self.gates)
        return Counter(gather=int(_moves_something(self.gates)), phase=int(phase))


def passes(circuit: Circuit) -> Counter[str]:
    """How often forward needs each elementary operation: ``start``, ``product``, ``gather``, ``phase``."""
    return sum((layer.passes() for layer in _layers(circuit)), Counter(start=1))


def _layers(circuit: Circuit) -> list[_Layer]:
    layers: list[_Layer] = []
    last = [-1] * circuit.n_qubits
    waiting: list[list[Gate]] = [[] for _ in last]
    entangled = [False] * circuit.n_qubits

    def place(gates: Sequence[Gate]) -> None:
        monomial, wires = all(_is_monomial(gate) for gate in gates), gates[0].wires
        earliest = max(0, *(last[wire] for wire in wires))
        fitting = [number for number in range(earliest, len(layers)) if layers[number].monomial == monomial]
        if not fitting:
            layers.append(_Layer(monomial))
        number = fitting[0] if fitting else len(layers) - 1
        layers[number].gates += gates
        for wire in wires:
            last[wire] = number

    def release(wire: int) -> None:
        if waiting[wire] and entangled[wire]:
            place(waiting[wire])
        waiting[wire] = []

    for gate in circuit.gates:
        if len(gate.wires) == 1:
            waiting[gate.wires[0]].append(gate)
            continue
        for wire in gate.wires:
            release(wire)
            entangled[wire] = True
        place([gate])
    for wire in range(circuit.n_qubits):
        release(wire)
    return layers


def _is_monomial(gate: Gate) -> bool:
    return GATES[gate.name].diagonal or GATES[gate.name].permutation


def _moves_something(gates: Sequence[Gate]) -> bool:
    """Whether the permutations among the gates move any basis state; tried on those with one bit and on some others."""
    wires = sorted({wire for gate in gates for wire in gate.wires})
    chance = random.Random(0)
    states = [{wire: wire == one for wire in wires} for one in wires]
    states += [{wire: chance.random() < 0.5 for wire in wires} for _ in range(32)]
    return any(_moved(state, gates) != state for state in states)


def _moved(state: dict[int, bool], gates: Sequence[Gate]) -> dict[int, bool]:
    bits = dict(state)
    for gate in gates:
        if gate.name == "swap":
            first, second = gate.wires
            bits[first], bits[second] = bits[second], bits[first]
        elif GATES[gate.name].permutation:  # x, cx, ccx: the last wire is flipped where all others are 1
            *controls, target = gate.wires
            bits[target] ^= all(bits[wire] for wire in controls)
    return bits


def floor_steps(circuit: Circuit, batch: int, device: str) -> list[Step]:
    """Calls that do the circuit's bare operations one after the other, on numbers without meaning.

    On all threads, and where there are several on the CPU, on one too: small operations are quicker without company.
    """
    operations = _operations(circuit.n_qubits, batch, device)
    # Forward once, backward twice; the product state is expanded once and contracted once.
    counts = {kind: count * (2 if kind == "start" else 3) for kind, count in passes(circuit).items()}
    plan = [operations[kind] for kind in [*Counter(counts).elements(), "read", "seed"]]

    def step() -> None:
        with torch.inference_mode():
            for operation in plan:
                operation()

    threads = torch.get_num_threads()

    def alone() -> None:
        torch.set_num_threads(1)
        step()
        torch.set_num_threads(threads)

    return [step, alone] if device == "cpu" and threads > 1 else [step]


def _operations(n_qubits: int, batch: int, device: str) -> dict[str, Callable[[], object]]:
    size, group, first = 2**n_qubits, 2 ** min(n_qubits, GROUP), 2 ** (n_qubits // 2)
    generator = torch.Generator().manual_seed(0)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.view_as_complex(torch.randn(*shape, 2, generator=generator)).to(device)

    state, target = numbers(size, batch), numbers(size, batch)
    left, right = numbers(first, 1, batch), numbers(1, size // first, batch)
    expanded = target.view(first, size // first, batch)
    rows, new_rows, matrix = state.view(-1, group), target.view(-1, group), numbers(group, group)
    phase, order = numbers(size, 1), torch.randperm(size, generator=generator).to(device)
    real, new_real, sign = torch.view_as_real(state), torch.view_as_real(target), numbers(size, 1).real[..., None]
    return {
        "start": lambda: torch.mul(left, right, out=expanded),
        "product": lambda: torch.mm(rows, matrix, out=new_rows),
        "phase": lambda: torch.mul(state, phase, out=target),
        "gather": lambda: torch.index_select(state, 0, order, out=target),
        "read": lambda: torch.mul(real, real, out=new_real),
        "seed": lambda: torch.mul(real, sign, out=new_real),
    }
