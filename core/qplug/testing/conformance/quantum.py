"""What holds for every quantum head."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from qplug.contract.circuit import Circuit
from qplug.contract.interfaces import QuantumHead
from qplug.testing.conformance.check import Act, Skipped, require
from qplug.testing.conformance.parts import DRAWS, check_quantum_declared
from qplug.testing.conformance.setting import Setting
from qplug.testing.conformance.simulator import Simulator
from qplug.testing.conformance.travel import leaves_the_process_alone
from qplug.testing.equivalence.failures import TOLERANCES
from qplug.testing.equivalence.head import Trial, daily_checks

_NAMES = {
    "the same circuit at each call": "same-circuit",
    "shape of the logits": "outputs",
    "the same seed gives the same parameters": "seed",
    "against the reference": "reference",
    "a batch of one in evaluation": "batch-of-one",
    "gradients reach every parameter and the layer before": "gradients",
    "state_dict, saved and loaded": "saved-weights",
    "pickle": "module-pickling",
    "deep copy": "module-copies",
    "NaN is refused": "nan-refused",
    "a wrong width is refused": "width-refused",
}
"""What the checks of ``qplug.testing.equivalence`` are called here."""
_POINTS = 3
"""Random points at which an angle may show that it does something."""
_NOTHING = 1e-9


def quantum_checks(head: QuantumHead, setting: Setting) -> Iterator[tuple[str, Act]]:
    """The checks of a quantum head, by name."""
    name = type(head).__name__
    width = head.n_inputs or setting.n_inputs or 4
    trial = Trial(
        head, setting.backend or Simulator(), width, setting.n_classes, 3, torch.float64, "cpu", 0,
        TOLERANCES[torch.float64],
    )  # fmt: skip
    yield "quantum-declared", lambda: check_quantum_declared(head)
    for told, act in daily_checks(trial):
        yield _NAMES[told], act
    yield "empty-batch", partial(_empty_batch, trial)
    yield "logits", partial(_not_probabilities, trial)
    yield "weight-angles", partial(_weight_angles, name, head, trial.module().circuit)
    yield "inputs-used", partial(_inputs_used, trial)
    yield "parameters-used", partial(_parameters_used, trial)
    yield "gradient-values", partial(_gradient_values, trial)
    yield (
        "global-state",
        lambda: leaves_the_process_alone(name, lambda: trial.module().expectations(trial.inputs()), allowed=DRAWS),
    )


def _empty_batch(trial: Trial) -> None:
    got = tuple(trial.module().eval()(trial.inputs()[:0]).shape)
    wanted = (0, trial.n_classes)
    require(got == wanted, f"{trial.name}'s module gives {got} for an empty batch, not {wanted}")


def _not_probabilities(trial: Trial) -> None:
    with torch.no_grad():
        rows = trial.module().eval()(trial.inputs())
    ones = torch.allclose(rows.sum(dim=1), torch.ones(len(rows), dtype=rows.dtype), atol=1e-6)
    within = bool(((rows >= 0) & (rows <= 1)).all())
    require(not (ones and within), f"{trial.name} gives probabilities, not logits: leave the softmax to the loss")


def _weight_angles(name: str, head: QuantumHead, circuit: Circuit) -> None:
    """Each weight angle moves with some trainable parameter."""
    if not circuit.n_weights:
        raise Skipped("its circuit has no weight angles")
    parameters = head.initial_parameters(circuit, torch.Generator().manual_seed(0)).double().requires_grad_()
    angles = head.weight_angles(parameters)
    require(tuple(angles.shape) == (circuit.n_weights,), f"{name}.weight_angles gives {tuple(angles.shape)}")
    require(angles.requires_grad, f"{name}.weight_angles cuts all angles off from the parameters")
    frozen = []
    for index, angle in enumerate(angles):
        (slope,) = torch.autograd.grad(angle, [parameters], retain_graph=True, allow_unused=True)
        if slope is None or not slope.any():
            frozen.append(index)
    told = ", ".join(map(str, frozen[:6]))
    require(not frozen, f"{name}.weight_angles: {len(frozen)} of {len(angles)} angles depend on no parameter ({told})")


def _inputs_used(trial: Trial) -> None:
    """Each input reaches some expectation value."""
    idle = _idle(trial, "inputs")
    told = ", ".join(map(str, idle[:6]))
    require(not idle, f"{trial.name}: {len(idle)} of {trial.n_inputs} inputs reach no expectation value ({told})")


def _parameters_used(trial: Trial) -> None:
    """More than half of the parameters reach some expectation value; a last turn before a measurement may not."""
    n_parameters = trial.module().circuit_parameters.numel()
    idle = _idle(trial, "parameters") if n_parameters else []
    told = f"{trial.name}: {len(idle)} of {n_parameters} trainable parameters change no expectation value"
    require(2 * len(idle) < max(1, n_parameters), f"{told}: are their angles constants?")


def _idle(trial: Trial, which: str) -> list[int]:
    """Those whose gradient is zero at several random points."""
    if not trial.trainable:
        raise Skipped("the backend that was given has no gradients")
    felt: Tensor | None = None
    for seed in range(_POINTS):
        module = trial.module(seed=seed)
        inputs = trial.inputs().requires_grad_()
        values = module.expectations(inputs)
        if not values.requires_grad:
            break
        target = inputs if which == "inputs" else module.circuit_parameters
        mixture = torch.randn(values.shape, generator=torch.Generator().manual_seed(seed)).to(values)
        (slope,) = torch.autograd.grad(values, [target], mixture, allow_unused=True)
        size = torch.zeros_like(target) if slope is None else slope.detach().abs()
        size = size.amax(dim=0) if which == "inputs" else size.reshape(-1)
        felt = size if felt is None else torch.maximum(felt, size)
    if felt is None:
        felt = torch.zeros(trial.n_inputs)
    return [index for index, size in enumerate(felt.reshape(-1).tolist()) if size <= _NOTHING]


def _gradient_values(trial: Trial) -> None:
    """Through ``encode`` and ``weight_angles``, along one random direction, against a central difference."""
    if not (trial.trainable and trial.exact):
        raise Skipped("the backend that was given is not exact, or has no gradients")
    module, inputs, step = trial.module(), trial.inputs().requires_grad_(), 1e-5
    moved = [inputs, module.circuit_parameters]
    values = module.expectations(inputs)
    draw = torch.Generator().manual_seed(1)
    mixture = torch.randn(values.shape, generator=draw, dtype=torch.float64)
    directions = [torch.randn(each.shape, generator=draw, dtype=torch.float64) for each in moved]
    require(values.requires_grad, f"{trial.name}: the values are cut off from inputs and parameters")
    slopes = torch.autograd.grad(values, moved, mixture, allow_unused=True)
    told = sum(float((s * d).sum()) for s, d in zip(slopes, directions, strict=True) if s is not None)
    ends = []
    with torch.no_grad():
        for sign in (1, -1):
            for each, direction in zip(moved, directions, strict=True):
                each.add_(sign * step * direction)
            ends.append(float((module.expectations(inputs) * mixture).sum()))
            for each, direction in zip(moved, directions, strict=True):
                each.sub_(sign * step * direction)
    right = (ends[0] - ends[1]) / (2 * step)
    near = abs(told - right) <= 1e-5 * max(1.0, abs(right), abs(told))
    require(near, f"{trial.name}: the gradient is {told:.6g} where the values change by {right:.6g}")
