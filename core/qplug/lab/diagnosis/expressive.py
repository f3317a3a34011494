"""Which states a circuit's weights can reach, and how entangled they are.

**Source:** Sim, Johnson, Aspuru-Guzik, "Expressibility and entangling capability of parameterized quantum circuits for
hybrid quantum-classical algorithms", Advanced Quantum Technologies 2, 1900070 (2019), equations 9 and 20; entanglement
is Meyer and Wallach's Q, in the form of Brennen (2003): twice one minus the mean purity of the single qubits.
**Differs from the source:** the bins of the fidelity have equal probability under Haar instead of equal width. For one
qubit the two are the same; for many, all fidelities fall into the first bin of equal width. Fidelities are those of all
pairs among states that share an input, not of pairs of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qplug.lab.diagnosis.draws import Draws
from qplug.lab.diagnosis.states import final_states

BINS = 75
"""Sim's number."""


@dataclass(frozen=True)
class StateFacts:
    """States over random parameters, inputs fixed within a group.

    Attributes:
        expressibility: KL divergence (nats) of the fidelity's distribution from that of Haar-random states; 0 is
            as expressive as can be, ln(bins) is a circuit whose weights do nothing.
        expressibility_error: its standard error, by leaving out one group after another.
        floor: what so many pairs of Haar-random states themselves would show, by chance.
        entangling: the mean of Meyer and Wallach's Q, in [0, 1]: 0 for product states.
        entangling_error: its standard error.
        n_states: states in all.
        n_pairs: pairs whose fidelity was taken.
        n_bins: bins of the fidelity.
    """

    expressibility: float
    expressibility_error: float
    floor: float
    entangling: float
    entangling_error: float
    n_states: int
    n_pairs: int
    n_bins: int = BINS


def state_facts(draws: Draws, n_groups: int) -> StateFacts:
    """Looks at the states of draws that come in ``n_groups`` groups of equal size, each with one input."""
    encoding, weights = (angles.detach().double().numpy() for angles in draws.angles())
    states = final_states(draws.circuit, encoding, weights)
    fidelities = np.stack([pair_fidelities(group) for group in np.split(states, n_groups)])
    entangled = meyer_wallach(states)
    n_qubits = draws.circuit.n_qubits
    whole = divergence_from_haar(fidelities.ravel(), n_qubits)
    without = [divergence_from_haar(np.delete(fidelities, group, 0).ravel(), n_qubits) for group in range(n_groups)]
    return StateFacts(
        expressibility=whole,
        expressibility_error=math.sqrt((n_groups - 1) * float(np.var(without))),
        floor=(BINS - 1) / (2 * fidelities.size),
        entangling=float(entangled.mean()),
        entangling_error=float(entangled.std(ddof=1) / math.sqrt(len(entangled))),
        n_states=len(states),
        n_pairs=fidelities.size,
    )


def pair_fidelities(states: NDArray[np.complexfloating]) -> NDArray[np.float64]:
    """|⟨a|b⟩|² of all pairs of the states (n, 2^n_qubits): (n (n - 1) / 2,)."""
    overlaps = np.abs(states.conj() @ states.T) ** 2
    first, second = np.triu_indices(len(states), 1)
    pairs: NDArray[np.float64] = overlaps[first, second].astype(np.float64)
    return pairs


def divergence_from_haar(fidelities: NDArray[np.float64], n_qubits: int, n_bins: int = BINS) -> float:
    """KL divergence (nats) of fidelities from Haar's P(F) = (N - 1)(1 - F)^(N - 2), N = 2^n_qubits.

    Under Haar, 1 - (1 - F)^(N - 1) is uniform in [0, 1): bins of equal width there have equal probability.
    """
    with np.errstate(divide="ignore"):
        uniform = -np.expm1((2**n_qubits - 1) * np.log1p(-np.clip(fidelities, 0, 1)))
    counts, _ = np.histogram(uniform, bins=n_bins, range=(0, 1))
    shares = counts[counts > 0] / counts.sum()
    return float((shares * np.log(shares * n_bins)).sum())


def meyer_wallach(states: NDArray[np.complexfloating]) -> NDArray[np.float64]:
    """Q = 2 (1 - mean over qubits of the purity) of each state (n, 2^n_qubits)."""
    n_qubits = int(states.shape[1]).bit_length() - 1
    purities = [_purity(states.reshape(len(states), 2**wire, 2, -1)) for wire in range(n_qubits)]
    q: NDArray[np.float64] = np.clip(2 * (1 - np.mean(purities, axis=0)), 0, 1)
    return q


def _purity(split: NDArray[np.complexfloating]) -> NDArray[np.float64]:
    """Tr ρ² of the wire on the third axis of (n, before, 2, after)."""
    zero, one = split[:, :, 0], split[:, :, 1]
    up, down = (np.square(np.abs(half)).sum((1, 2), dtype=np.float64) for half in (zero, one))
    coherence = np.abs((zero.conj() * one).sum((1, 2))).astype(np.float64)
    purity: NDArray[np.float64] = (up**2 + down**2 + 2 * coherence**2) / (up + down) ** 2
    return purity
