"""A circuit as the numba kernels take it, and how its samples are shared among threads."""

from __future__ import annotations

from qplug_torch.lowering import Lowered

_WORTH_A_TASK = 2**19
"""Amplitudes times gates of all samples that are worth handing to another thread (about 0.1 ms)."""


class Job:
    """A circuit for the kernels.

    Args:
        n_qubits: number of wires.
        lowered: the circuit's arrays.
    """

    def __init__(self, n_qubits: int, lowered: Lowered) -> None:
        self.n_qubits, self.lowered = n_qubits, lowered
        self.passes = len(lowered.gates) + len(lowered.operations)

    def ranges(self, batch: int, lanes: int, n_threads: int) -> list[tuple[int, int]]:
        """The blocks of a batch, divided into ranges (begin, end): a few for each thread if there is enough to do."""
        n_blocks = -(-batch // lanes)
        work = (n_blocks * lanes * self.passes) << self.n_qubits
        n = max(1, min(n_blocks, 4 * n_threads, work // _WORTH_A_TASK)) if n_threads > 1 else 1
        return [(n_blocks * i // n, n_blocks * (i + 1) // n) for i in range(n)]
