"""Circuits with a part of them taken away: entanglers, trainable gates, re-uploads.

Each function gives another circuit on the same wires with the same observables, whatever is left of the gates: a wire
without gates stays in |0>, and an observable on it has its value there. Angles that no gate uses any more vanish, and
those that stay are numbered anew without a hole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from qplug.contract.circuit import Angle, Circuit, Encoding, Gate, Weight

_Index = TypeVar("_Index", Encoding, Weight)


@dataclass(frozen=True)
class Rewritten:
    """A circuit, and which angles of the one that it was made of are left.

    Attributes:
        circuit: the new circuit.
        encoding: for each of its encoding angles, rising, the old index.
        weights: the same for its weight angles.
    """

    circuit: Circuit
    encoding: tuple[int, ...]
    weights: tuple[int, ...]

    @cached_property
    def new_encoding(self) -> dict[int, int]:
        """Old index to new index of the encoding angles that are left."""
        return {old: new for new, old in enumerate(self.encoding)}

    @cached_property
    def new_weights(self) -> dict[int, int]:
        """Old index to new index of the weight angles that are left."""
        return {old: new for new, old in enumerate(self.weights)}


def as_it_is(circuit: Circuit) -> Rewritten:
    """The circuit itself."""
    return _renumbered(circuit, circuit.gates)


def without_entanglers(circuit: Circuit) -> Rewritten:
    """The circuit without its gates on two and more wires, whatever their angles are."""
    return _renumbered(circuit, [gate for gate in circuit.gates if len(gate.wires) == 1])


def without_trainable_gates(circuit: Circuit) -> Rewritten:
    """The circuit with 0 for each weight angle; gates of which only zeros are left, which do nothing, are gone.

    A gate that has an encoding angle or another constant beside it stays.
    """
    return _renumbered(circuit, _changed(circuit.gates, lambda angle: 0.0 if isinstance(angle, Weight) else angle))


def without_reuploads(circuit: Circuit, uploads: Sequence[int] | None = None) -> Rewritten:
    """The circuit in which only the first gate that uploads something still does; later ones have 0 in its place.

    Gates of which only zeros are left, which do nothing, are gone.

    Args:
        circuit: the circuit.
        uploads: for each encoding angle what it uploads; angles with the same number upload the same. None: each its
            own, so that an angle is uploaded again only where its index is.
    """
    of = range(circuit.n_encoding) if uploads is None else uploads
    first: dict[int, int] = {}
    for position, gate in enumerate(circuit.gates):
        for angle in gate.angles:
            if isinstance(angle, Encoding):
                first.setdefault(of[angle.index], position)
    gates: list[Gate] = []
    for position, gate in enumerate(circuit.gates):
        here = {upload for upload, begun in first.items() if begun == position}
        gates += _changed([gate], lambda angle, here=here: _kept(angle, of, here))  # type: ignore[misc]
    return _renumbered(circuit, gates)


def with_joined_uploads(circuit: Circuit, uploads: Sequence[int]) -> Rewritten:
    """The circuit in which angles that upload the same are one angle, such as for its accessible frequencies.

    Args:
        circuit: the circuit.
        uploads: for each encoding angle the one that stands for it.
    """

    def joined(angle: Angle) -> Angle:
        return Encoding(uploads[angle.index]) if isinstance(angle, Encoding) else angle

    gates = [replace(gate, angles=tuple(joined(angle) for angle in gate.angles)) for gate in circuit.gates]
    return _renumbered(circuit, gates)


def _kept(angle: Angle, of: Sequence[int], here: set[int]) -> Angle:
    return 0.0 if isinstance(angle, Encoding) and of[angle.index] not in here else angle


def _changed(gates: Iterable[Gate], change: Callable[[Angle], Angle]) -> list[Gate]:
    """The gates with their angles changed; every gate with angles is the identity where all of them are 0."""
    found = []
    for gate in gates:
        angles = tuple(change(angle) for angle in gate.angles)
        if angles == gate.angles:
            found.append(gate)
        elif any(angle != 0.0 for angle in angles):
            found.append(replace(gate, angles=angles))
    return found


def _renumbered(circuit: Circuit, gates: Sequence[Gate]) -> Rewritten:
    encoding, weights = _left(gates, Encoding), _left(gates, Weight)
    new: Mapping[Angle, Angle] = {
        **{Encoding(old): Encoding(number) for number, old in enumerate(encoding)},
        **{Weight(old): Weight(number) for number, old in enumerate(weights)},
    }
    renamed = tuple(replace(gate, angles=tuple(new.get(angle, angle) for angle in gate.angles)) for gate in gates)
    return Rewritten(replace(circuit, gates=renamed), encoding, weights)


def _left(gates: Iterable[Gate], kind: type[_Index]) -> tuple[int, ...]:
    return tuple(sorted({angle.index for gate in gates for angle in gate.angles if isinstance(angle, kind)}))
