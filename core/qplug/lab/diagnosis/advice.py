"""One sentence on each thing that was looked at."""

from __future__ import annotations

from collections.abc import Sequence

from qplug.lab.diagnosis.expressive import StateFacts
from qplug.lab.diagnosis.plateau import Decay, GradientFacts
from qplug.lab.diagnosis.prediction import BLIND, NEARLY_LINEAR, SMALLEST_SLOPE
from qplug.lab.diagnosis.scales import ENOUGH_LINEAR, ScaleFacts
from qplug.lab.judging.angles import MOST_SATURATED

HALVED_IN_TWO = 0.5**0.5
"""A factor per qubit at which the variance halves with every two qubits."""
FEW_STATES, MANY_STATES = 0.5, 0.05
ENTANGLED, PRODUCT = 0.75, 0.05


def on_gradients(own: GradientFacts, n_qubits: int, decay: Decay | None) -> str:
    """Whether the circuit can be trained at its size, and what happens with more qubits."""
    if not own.n_parameters:
        return "The circuit has no trainable parameters; only what stands around it learns."
    size = f"at {n_qubits} qubits a slope of an expectation value is typically {own.size:.2g}"
    if own.size < SMALLEST_SLOPE:
        return f"Barren: {size}, too little to train on. Take fewer qubits or layers."
    if decay is None:
        return f"Trainable: {size}."
    speed = f"each further qubit multiplies the variance by {decay.factor:.2f} ({decay.low:.2f} to {decay.high:.2f})"
    if decay.factor <= HALVED_IN_TWO:
        return f"Trainable as it is, and on the way to a barren plateau: {size}, and {speed}."
    return f"Trainable: {size}; {speed}."


def on_expressibility(states: StateFacts, n_parameters: int) -> str:
    """How much of the state space the weights reach."""
    value = f"KL divergence from Haar {states.expressibility:.2f}, where chance alone gives {states.floor:.2f}"
    if not n_parameters:
        return f"The weights reach one state for each input: there are none ({value})."
    if states.expressibility - states.floor < MANY_STATES:
        return f"The weights reach nearly all states evenly ({value}); more layers add cost and no reach."
    if states.expressibility < FEW_STATES:
        return f"The weights reach many states, not evenly ({value})."
    return f"The weights reach few states ({value}); more layers or other gates would reach more."


def on_entanglement(states: StateFacts, n_qubits: int) -> str:
    """How entangled the states are."""
    value = f"Meyer-Wallach Q {states.entangling:.2f}"
    if n_qubits == 1:
        return "One qubit has nothing to be entangled with."
    if states.entangling < PRODUCT:
        return f"Hardly entangled ({value}): the qubits work side by side, as so many one-qubit circuits would."
    if states.entangling > ENTANGLED:
        return f"Strongly entangled ({value}): each <Z> is a product over many qubits, so keep the angles small."
    return f"Moderately entangled ({value})."


def on_frequencies(frequencies: Sequence[Sequence[float]]) -> str:
    """How fine a function of each input the expectation values can be."""
    if not frequencies:
        return "No angle depends on the inputs: the circuit gives every sample the same values."
    most = [max(each) for each in frequencies]
    low, high = min(most), max(most)
    reach = f"up to {high:g}" if low == high else f"up to {low:g} to {high:g}"
    if high == 0:
        return "No expectation value depends on any input."
    plain = "; one sine wave in each angle, and what products of them give" if high == 1 else ""
    return f"Frequencies {reach} per radian of an encoding angle{plain}. Uploading inputs again adds higher ones."


def on_scale(facts: ScaleFacts) -> str:
    """The scale to take."""
    now = (
        f"angles spread by {facts.current.spread:.2g} rad, {facts.current.linear_share:.0%} of the variance of the "
        f"expectation values is linear in the inputs, and they spread by {facts.current.output_spread:.2g}"
    )
    best = facts.recommended
    if facts.target is None:
        return f"Nothing sets the scale of its angles: {now}."
    if best is None:
        most = max(rung.linear_share for rung in facts.ladder)
        if most < ENOUGH_LINEAR:
            return (
                f"No scale helps: at best {most:.0%} of the variance would be linear in the inputs, since this circuit "
                f"sees little but products and squares of them; now {now}."
            )
        return f"No scale is good: where the expectation values are linear in the inputs, they hardly vary; now {now}."
    assert best.scale is not None
    if best.scale == facts.current.scale:
        return f"Keep the scale: {now}."
    step = "smaller" if best.scale < (facts.current.scale or 0) else "larger"
    return (
        f"Take a {step} scale, --set {facts.target}={best.scale:.3g}: now {now}; there {best.linear_share:.0%} would "
        f"be linear, with a spread of {best.output_spread:.2g}."
    )


def on_saturation(facts: ScaleFacts) -> str:
    """Whether the angles' map is flat where the samples are."""
    share = facts.current.saturated
    if share > MOST_SATURATED:
        return f"Saturated: {share:.0%} of the angles lie where their map is flat; scale down before the map."
    return f"Not saturated: {share:.0%} of the angles lie where their map is flat."


def on_linearity(facts: ScaleFacts) -> str:
    """Whether a linear head would do."""
    share = facts.current.linear_share
    spans = f"{min(facts.current.linear_shares):.0%} to {max(facts.current.linear_shares):.0%} by expectation value"
    if share >= NEARLY_LINEAR:
        return f"Nearly linear ({share:.0%}; {spans}): a linear head would do about the same for less."
    if share < BLIND:
        return f"Scrambled ({share:.0%} linear; {spans}): what the inputs say hardly reaches the read-out."
    return f"Part linear, part not ({share:.0%} linear; {spans})."
