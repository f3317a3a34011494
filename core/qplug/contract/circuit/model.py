"""Gate, observable and circuit: immutable, hashable, checked when built."""

from __future__ import annotations

import math
import numbers
import operator
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from qplug.contract.circuit.standard import GATES
from qplug.contract.errors import CircuitError, UnknownName


@dataclass(frozen=True, slots=True)
class Encoding:
    """An angle that differs per sample: column ``index`` of the (batch, n_encoding) array."""

    index: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", _whole(self.index, "an encoding angle's index"))

    def __str__(self) -> str:
        return f"x{self.index}"


@dataclass(frozen=True, slots=True)
class Weight:
    """An angle that the whole batch shares: entry ``index`` of the (n_weights,) array."""

    index: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", _whole(self.index, "a weight angle's index"))

    def __str__(self) -> str:
        return f"w{self.index}"


Angle: TypeAlias = float | Encoding | Weight
"""A constant in radians, or which encoding or weight angle to use."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One standard gate on given wires.

    Lists and numpy's numbers are taken too; they become tuples, ``int`` and ``float``.

    Attributes:
        name: OpenQASM 3 standard name, one of ``GATES``.
        wires: positions in the circuit; controls first.
        angles: one entry per angle of the gate, radians.

    Raises:
        UnknownName: no standard gate has that name.
        CircuitError: wrong number of wires or angles, a wire used twice, a wire that is not a whole number, a
            constant that is not a finite real number, or an index below zero.
    """

    name: str
    wires: tuple[int, ...]
    angles: tuple[Angle, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name not in GATES:
            raise UnknownName.of("standard gate", str(self.name), GATES)
        kind = GATES[self.name]
        object.__setattr__(self, "wires", _wires(self.wires, f"a wire of the gate {self.name!r}"))
        object.__setattr__(self, "angles", _angles(self.angles, self.name))
        if len(self.wires) != kind.n_wires:
            raise CircuitError(f"{self} acts on {len(self.wires)} wires, but {self.name!r} takes {kind.n_wires}.")
        if len(self.angles) != kind.n_angles:
            raise CircuitError(f"{self} has {len(self.angles)} angles, but {self.name!r} takes {kind.n_angles}.")
        if len(set(self.wires)) != len(self.wires):
            raise CircuitError(f"{self} uses a wire twice; the wires of one gate must differ.")
        for angle in self.angles:
            if isinstance(angle, Encoding | Weight):
                if angle.index < 0:
                    raise CircuitError(f"{self} has the angle index {angle.index}; indices start at 0.")
            elif not math.isfinite(angle):
                raise CircuitError(f"{self} has the angle {angle}; a constant angle must be finite.")

    def __str__(self) -> str:
        angles = f"({', '.join(_angle_text(angle) for angle in self.angles)})" if self.angles else ""
        return f"{self.name}{angles} on {', '.join(map(str, self.wires))}"


@dataclass(frozen=True, slots=True)
class Observable:
    """A Pauli string, such as ``Observable("ZZ", (0, 3))`` for Z on wires 0 and 3 and the identity elsewhere.

    Attributes:
        paulis: letters X, Y or Z, one per wire.
        wires: the wires they act on, each once.

    Raises:
        CircuitError: another letter, or letters and wires that do not pair up.
    """

    paulis: str
    wires: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "wires", _wires(self.wires, f"a wire of the observable {self.paulis!r}"))
        if not isinstance(self.paulis, str) or not self.paulis or set(self.paulis) - set("XYZ"):
            raise CircuitError(f"the observable {self.paulis!r} must be made of the letters X, Y and Z.")
        if len(self.paulis) != len(self.wires) or len(set(self.wires)) != len(self.wires):
            raise CircuitError(
                f"the observable {self.paulis!r} needs one wire per letter, each once; got {self.wires}."
            )

    def __str__(self) -> str:
        return " ".join(f"{letter}{wire}" for letter, wire in zip(self.paulis, self.wires, strict=True))


@dataclass(frozen=True)
class Circuit:
    """A parametrised circuit and what is measured at its end, starting from |0…0>.

    Its hash is computed once, so that it serves as the key of a cache; copies are the object itself.

    Attributes:
        n_qubits: number of wires, at least 1.
        gates: in the order in which they act.
        observables: Pauli strings whose expectation values are the circuit's outputs, at least one.

    Raises:
        CircuitError: a wire outside the circuit (naming the gate and its position), or an encoding or weight index
            that is skipped: the indices used must be 0 … n-1 without a hole.
    """

    n_qubits: int
    gates: tuple[Gate, ...]
    observables: tuple[Observable, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_qubits", _whole(self.n_qubits, "a circuit's number of qubits"))
        object.__setattr__(self, "gates", _all_of(Gate, self.gates, "gate"))
        object.__setattr__(self, "observables", _all_of(Observable, self.observables, "observable"))
        if self.n_qubits < 1:
            raise CircuitError(f"a circuit needs at least 1 qubit; got {self.n_qubits}.")
        if not self.observables:
            raise CircuitError("a circuit needs at least one observable; got none.")
        for position, gate in enumerate(self.gates):
            self._check_wires(f"gate {position} ({gate})", gate.wires)
        for position, observable in enumerate(self.observables):
            self._check_wires(f"observable {position} ({observable})", observable.wires)
        for kind in (Encoding, Weight):
            self._check_indices(kind)

    def _check_wires(self, what: str, wires: Iterable[int]) -> None:
        for wire in wires:
            if not 0 <= wire < self.n_qubits:
                raise CircuitError(f"{what} uses wire {wire}, but the circuit has wires 0 to {self.n_qubits - 1}.")

    def _check_indices(self, kind: type[Encoding] | type[Weight]) -> None:
        used = {angle.index for angle in self._angles() if isinstance(angle, kind)}
        last = max(used, default=-1)
        if len(used) <= last:
            word = kind.__name__.lower()
            missing = next(index for index in range(last) if index not in used)
            position, gate = next((n, each) for n, each in enumerate(self.gates) if kind(last) in each.angles)
            raise CircuitError(
                f"gate {position} ({gate}) uses {word} angle {last}, but {word} angle {missing} is used by no gate; "
                f"number the {word} angles 0 to n-1 without a hole."
            )

    def _angles(self) -> Iterator[Angle]:
        for gate in self.gates:
            yield from gate.angles

    @cached_property
    def n_encoding(self) -> int:
        """How many angles differ per sample."""
        return max((angle.index + 1 for angle in self._angles() if isinstance(angle, Encoding)), default=0)

    @cached_property
    def n_weights(self) -> int:
        """How many angles the batch shares."""
        return max((angle.index + 1 for angle in self._angles() if isinstance(angle, Weight)), default=0)

    @cached_property
    def depth(self) -> int:
        """The number of gate layers when each gate starts as soon as its wires are free."""
        level = [0] * self.n_qubits
        for gate in self.gates:
            new = max(level[wire] for wire in gate.wires) + 1
            for wire in gate.wires:
                level[wire] = new
        return max(level)

    @property
    def gate_counts(self) -> dict[str, int]:
        """How often each gate name occurs, most frequent first."""
        return dict(Counter(gate.name for gate in self.gates).most_common())

    @cached_property
    def _hash(self) -> int:
        return hash((self.n_qubits, self.gates, self.observables))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Circuit):
            return NotImplemented
        # The cached hashes tell most circuits apart without looking at their gates.
        return self._hash == other._hash and self._fields() == other._fields()

    def _fields(self) -> tuple[int, tuple[Gate, ...], tuple[Observable, ...]]:
        return self.n_qubits, self.gates, self.observables

    def __copy__(self) -> Circuit:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Circuit:
        return self

    def __reduce__(self) -> tuple[type[Circuit], tuple[int, tuple[Gate, ...], tuple[Observable, ...]]]:
        # The cached properties stay behind: hashes of strings differ from process to process.
        return Circuit, self._fields()


def _whole(number: Any, what: str) -> int:
    """A Python ``int`` from any kind of integer; a bool or a float would be a slip."""
    if isinstance(number, numbers.Integral) and not isinstance(number, bool):
        return operator.index(number)
    raise CircuitError(f"{what} must be a whole number; got {number!r}.")


def _wires(wires: Any, what: str) -> tuple[int, ...]:
    if isinstance(wires, str) or not isinstance(wires, Iterable):
        raise CircuitError(f"{what} must stand in a tuple, such as (0,); got {wires!r}.")
    return tuple(_whole(wire, what) for wire in wires)


def _angles(angles: Any, gate: str) -> tuple[Angle, ...]:
    if isinstance(angles, str) or not isinstance(angles, Iterable):
        raise CircuitError(f"the angles of the gate {gate!r} must stand in a tuple, such as (0.5,); got {angles!r}.")
    return tuple(_angle(angle, gate) for angle in angles)


def _angle(angle: Any, gate: str) -> Angle:
    if isinstance(angle, Encoding | Weight):
        return angle
    if isinstance(angle, numbers.Real) and not isinstance(angle, bool):
        return float(angle)
    raise CircuitError(
        f"an angle of the gate {gate!r} must be a real number, an Encoding or a Weight; got {angle!r} "
        f"({type(angle).__name__})."
    )


def _all_of(kind: type[Any], members: Iterable[Any], word: str) -> tuple[Any, ...]:
    whole = tuple(members)
    for position, member in enumerate(whole):
        if not isinstance(member, kind):
            raise CircuitError(f"{word} {position} must be a {kind.__name__}; got {member!r}.")
    return whole


def _angle_text(angle: Angle) -> str:
    return f"{angle:.4g}" if isinstance(angle, float) else str(angle)
