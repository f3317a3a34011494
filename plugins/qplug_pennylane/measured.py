"""What PennyLane measures, as sums of Pauli strings."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
import torch

from qplug.contract.circuit import Observable
from qplug.contract.errors import CircuitError
from qplug.heads.readouts import LinearCombination

_MOST_PROBABILITIES = 6
_MOST_MATRIX_WIRES = 4


def measured(measurements: Sequence[Any], position: dict[Any, int]) -> tuple[tuple[Observable, ...], LinearCombination]:
    """The Pauli strings that occur, and how each value is a sum of them.

    Args:
        measurements: expectation values, and probabilities of at most 6 wires.
        position: the circuit's wire for each of PennyLane's.

    Raises:
        CircuitError: a measurement or an observable that is no such sum.
    """
    sentences = [sentence for measurement in measurements for sentence in _sentences(measurement)]
    rows = [{_observable(word, position): _real(f) for word, f in each.items() if len(word)} for each in sentences]
    offsets = [float(sum(_real(f) for word, f in each.items() if not len(word))) for each in sentences]
    observables = list(dict.fromkeys(observable for row in rows for observable in row))
    if not observables:
        raise CircuitError("the quantum function measures nothing; end it with qml.expval(…) of Pauli operators.")
    matrix = torch.tensor([[row.get(observable, 0.0) for observable in observables] for row in rows])
    return tuple(observables), LinearCombination(matrix, torch.tensor(offsets))


def factors_of(measurements: Sequence[Any]) -> list[Any]:
    """What the observables are made of: factors, matrices, basis states."""
    return [list(measurement.obs.data) for measurement in measurements if measurement.obs is not None]


def _sentences(measurement: Any) -> list[Any]:
    if isinstance(measurement, qml.measurements.ProbabilityMP) and measurement.mv is None and measurement.obs is None:
        return _probabilities(list(measurement.wires))
    if not isinstance(measurement, qml.measurements.ExpectationMP):
        raise CircuitError(
            f"the measurement {measurement} is not an expectation value. A qplug circuit measures qml.expval, and "
            "qml.probs(wires=…); use for instance qml.expval(qml.PauliZ(0))."
        )
    return [_sentence(measurement.obs)]


def _probabilities(wires: list[Any]) -> list[Any]:
    """p(x) = 2⁻ⁿ Σ_S (−1)^{x·S} ⟨Z_S⟩ for every x; the first wire is the most significant bit."""
    n = len(wires)
    if not n:
        raise CircuitError("qml.probs() leaves open which wires it measures; name them: qml.probs(wires=[0, 1]).")
    if n > _MOST_PROBABILITIES:
        raise CircuitError(
            f"qml.probs of {n} wires is not an expectation value but a sum of {2**n} of them; at most "
            f"{_MOST_PROBABILITIES} wires are possible."
        )
    return [_projector(wires, bits) for bits in itertools.product((0, 1), repeat=n)]


def _projector(wires: Sequence[Any], bits: Sequence[int]) -> Any:
    sets = itertools.product((0, 1), repeat=len(wires))
    return {
        qml.pauli.PauliWord({wire: "Z" for wire, taken in zip(wires, chosen, strict=True) if taken}): (
            (-1) ** sum(a * b for a, b in zip(bits, chosen, strict=True)) / 2 ** len(wires)
        )
        for chosen in sets
    }


def _sentence(observable: Any) -> Any:
    sentence = getattr(observable, "pauli_rep", None)
    if sentence is not None:
        return sentence
    if len(observable.wires) <= _MOST_MATRIX_WIRES and observable.has_matrix:
        matrix = np.asarray(qml.matrix(observable))
        if np.allclose(matrix, matrix.conj().T):
            return _decomposed(matrix.tobytes(), matrix.dtype.str, tuple(observable.wires))
    raise CircuitError(
        f"the observable {observable} is not a sum of Pauli strings. A qplug circuit measures products and sums of "
        f"qml.PauliX, qml.PauliY and qml.PauliZ, and Hermitian matrices on at most {_MOST_MATRIX_WIRES} wires."
    )


@functools.lru_cache(maxsize=64)
def _decomposed(matrix: bytes, dtype: str, wires: tuple[Any, ...]) -> Any:
    """A Hermitian matrix as a sum of Pauli words: the proof of a tracing asks for the same one again and again."""
    square = np.frombuffer(matrix, dtype).reshape(2 ** len(wires), 2 ** len(wires)).copy()
    return qml.pauli_decompose(square, wire_order=wires, pauli=True)


def _real(factor: Any) -> float:
    value = complex(factor)
    if abs(value.imag) > 1e-12:
        raise CircuitError(
            f"the observable has the factor {value}, which is not real: it is not Hermitian. Products of Pauli "
            "operators on one wire can be; write the operator that they give."
        )
    return value.real


def _observable(word: Any, position: dict[Any, int]) -> Observable:
    letters = sorted((position[wire], letter) for wire, letter in word.items())
    return Observable("".join(letter for _, letter in letters), tuple(wire for wire, _ in letters))
