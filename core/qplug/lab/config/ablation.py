"""What can be put in a quantum head's place to see what its circuit is worth."""

from __future__ import annotations

from typing import Literal, TypeAlias

Ablation: TypeAlias = Literal[
    "frozen", "no-entanglers", "no-trainable-gates", "no-reuploads", "identity", "tanh", "fourier"
]
"""The name of an ablation."""

ABLATIONS: dict[Ablation, str] = {
    "frozen": "the circuit as it is, its parameters left at their random start; the read-out is trained",
    "no-entanglers": "the circuit without its gates on two and more qubits",
    "no-trainable-gates": "the circuit with 0 for each weight angle",
    "no-reuploads": "the circuit in which each input is uploaded once, by the first gate that does",
    "identity": "no circuit: a linear read-out of the head's inputs",
    "tanh": "no circuit: a linear read-out of tanh of each encoding angle",
    "fourier": "no circuit: a linear read-out of random Fourier features with frequencies of the circuit, as many as "
    "give the head's number of trainable parameters",
}
"""What each ablation puts in the place of a quantum head, in words."""
