"""How large a circuit of another framework may be."""

from __future__ import annotations

from qplug.contract.errors import CircuitError

MOST_ANGLES = 8_000
"""Tracing takes some milliseconds for each."""


def refuse_many(n_angles: int) -> None:
    """Refuses, before the work is done, what would take minutes to trace.

    Raises:
        CircuitError: more than 8,000 angles depend on inputs or weights.
    """
    if n_angles > MOST_ANGLES:
        raise CircuitError(
            f"{n_angles:,} angles of the circuit depend on inputs or weights; at most {MOST_ANGLES:,} can be traced. "
            f"Use fewer qubits, layers or repetitions: {MOST_ANGLES / n_angles:.0%} of what they come to now."
        )
