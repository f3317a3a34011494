"""Which frequencies a circuit's expectation values can have as functions of its encoding angles.

An expectation value is a Fourier series in the encoding angles, whatever the weights are. A gate exp(-i a H) brings the
differences of H's eigenvalues, and gates that share an angle bring all sums of what each brings: ``rx(x)`` brings
{-1, 0, 1}, k of them {-k, …, k}, and ``crx(x)``, which has the eigenvalues 0 and ±1/2, halves too: {0, ±1/2, ±1}.

These are the frequencies that are possible: a gate outside the causal cone of what is measured brings none, but that
the coefficient of some frequency is zero for a reason within the cone (``rz`` on the state |0>, say) is not seen.

**Source:** M. Schuld, R. Sweke, J. J. Meyer, "Effect of data encoding on the expressive power of variational
quantum-machine-learning models", Physical Review A 103, 032430 (2021), section II.
"""

from __future__ import annotations

from typing import TypeAlias

from qplug.contract.circuit import Circuit, Encoding, Gate, Observable

Frequencies: TypeAlias = tuple[float, ...]
"""Rising, symmetric around 0, multiples of 1/2, per radian of the angle; (0.0,) where the angle is not seen."""

HALVES = frozenset({"crx", "cry", "crz"})
"""Gates whose generator also has the eigenvalue 0 half-way between two others; all other gates bring {-1, 0, 1}."""


def accessible(circuit: Circuit) -> tuple[Frequencies, ...]:
    """For each encoding angle the frequencies that any of the circuit's expectation values can have in it."""
    of_each = accessible_to_each(circuit)
    return tuple(
        tuple(sorted({frequency for seen in of_each for frequency in seen[index]}))
        for index in range(circuit.n_encoding)
    )


def accessible_to_each(circuit: Circuit) -> tuple[tuple[Frequencies, ...], ...]:
    """For each observable, for each encoding angle: the frequencies that its expectation value can have in it.

    Its joint frequencies are among the product of these: one entry for each angle.
    """
    return tuple(_of_one(circuit, observable) for observable in circuit.observables)


def causal_cone(circuit: Circuit, observable: Observable) -> tuple[Gate, ...]:
    """The gates that can have an influence on an observable, by the wires that join them to it."""
    wires, gates = set(observable.wires), []
    for gate in reversed(circuit.gates):
        if not wires.isdisjoint(gate.wires):
            wires.update(gate.wires)
            gates.append(gate)
    return tuple(reversed(gates))


def _of_one(circuit: Circuit, observable: Observable) -> tuple[Frequencies, ...]:
    uses, halves = [0] * circuit.n_encoding, [False] * circuit.n_encoding
    for gate in causal_cone(circuit, observable):
        for angle in gate.angles:
            if isinstance(angle, Encoding):
                uses[angle.index] += 1
                halves[angle.index] |= gate.name in HALVES
    return tuple(_sums(number, half) for number, half in zip(uses, halves, strict=True))


def _sums(uses: int, halves: bool) -> Frequencies:
    """All sums of one frequency from each of the uses; one half among them makes every half possible."""
    steps = 2 if halves else 1
    return tuple(number / steps for number in range(-uses * steps, uses * steps + 1))
