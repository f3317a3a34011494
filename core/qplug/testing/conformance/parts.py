"""What holds for backbones, reducers and classical heads, beside what holds for their modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qplug import parameters
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backbone, Head, Place, QuantumBackbone, QuantumHead, Reducer
from qplug.testing.conformance.check import Act, raised, require, require_raises
from qplug.testing.conformance.modules import Built, module_checks
from qplug.testing.conformance.setting import Setting
from qplug.testing.conformance.travel import leaves_the_process_alone
from qplug.testing.trials import normal, training_part

if TYPE_CHECKING:
    from torch import Tensor, nn

DRAWS = ("torch's random state", "numpy's random state", "Python's random state")
"""What building a module may use: the core seeds torch's generator for it."""

SHAPES = ((1, 32, 32), (3, 32, 32), (1, 128, 64), (1, 4000), (16,))
"""Shapes of features that a backbone is tried with, the first that it takes."""

_BATCH = 6
_WIDTH = 8


def backbone_checks(backbone: Backbone, setting: Setting) -> Iterator[tuple[str, Act]]:
    """The checks of a backbone, by name."""
    place, name = _place(backbone, setting), type(backbone).__name__
    shape = setting.feature_shape or _taken(backbone, place)
    features = normal((_BATCH, *shape), seed=0)
    built = Built(name, lambda: backbone.module(shape, place=place), features, trainable=not backbone.frozen)
    yield "quantum-declared", lambda: check_quantum_declared(backbone)
    yield from module_checks(built)
    yield "learnt-weights", lambda: _learnt_weights(backbone, shape, features, place)
    yield "global-state", lambda: _module_leaves_the_process_alone(built)


def _place(backbone: Backbone, setting: Setting) -> Place | None:
    """Where the circuits of a backbone run that holds any."""
    if not isinstance(backbone, QuantumBackbone):
        return None
    from qplug.heads.quantum_module import circuits_on
    from qplug.testing.conformance.simulator import Simulator

    return circuits_on(setting.backend or Simulator())


def _taken(backbone: Backbone, place: Place | None) -> tuple[int, ...]:
    """The first usual shape that it takes; its refusal is told by the checks where it takes none."""
    for shape in SHAPES:
        try:
            backbone.untaught(shape, place)
        except NotSupported:
            continue
        except Exception:  # the checks tell what it is
            break
        return shape
    return SHAPES[0]


def _learnt_weights(backbone: Backbone, shape: tuple[int, ...], features: Tensor, place: Place | None) -> None:
    made = backbone.untaught(shape, place), backbone.module(shape, place=place)
    built, learnt = (_state_shapes(each, features) for each in made)
    name = type(backbone).__name__
    require(built == learnt, f"{name}.load_weights changes which weights there are, so a run could not be opened")


def _state_shapes(module: nn.Module, inputs: Tensor) -> dict[str, tuple[int, ...]]:
    import torch

    with torch.no_grad():
        module.eval()(inputs)  # some layers find their size with the first batch
    return {key: tuple(value.shape) for key, value in module.state_dict().items()}


def reducer_checks(reducer: Reducer, setting: Setting) -> Iterator[tuple[str, Act]]:
    """The checks of a reducer, by name."""
    name, width = type(reducer).__name__, setting.n_inputs or _WIDTH
    n_outputs = _possible(reducer, width)
    fitted = reducer.capabilities.fitted
    training = training_part(width, n_classes=3)
    built = Built(name, lambda: reducer.module(width, n_outputs), training.inputs[:_BATCH], trainable=False)
    if fitted:
        built.fit, built.training = lambda part: reducer.fit(part, n_outputs), training
        built.other = training_part(width, n_classes=3, n_samples=30, seed=9)
    else:
        yield (
            "no-fit",
            lambda: require_raises(
                NotSupported, lambda: reducer.fit(training, n_outputs), f"{name}.fit, though it is not fitted"
            ),
        )
    checks = module_checks(built)
    yield next(checks)
    yield (
        "width",
        lambda: require(
            built.outputs.shape[1] == n_outputs,
            f"{name} promised {n_outputs} outputs and gave {built.outputs.shape[1]}",
        ),
    )
    yield from checks
    if fitted:
        yield "not-fitted-here", lambda: _not_fitted_here(reducer, built, width, n_outputs)
    yield "global-state", lambda: _module_leaves_the_process_alone(built)


def _not_fitted_here(reducer: Reducer, built: Built, width: int, n_outputs: int) -> None:
    """A process that opens a finished run fits nothing: the module has the same shapes and takes the saved values."""
    import torch

    values = {each.name: getattr(reducer, each.name) for each in parameters.describe(type(reducer))}
    try:
        module = type(reducer)(**values).module(width, n_outputs)
        module.load_state_dict(built.module.state_dict())
    except Exception as error:
        raise AssertionError(
            f"{built.name} that was not fitted gives no module to load weights into: {raised(error)}"
        ) from error
    same = torch.equal(built.of(module), built.outputs)
    require(same, f"{built.name} that was not fitted gives other outputs with the weights of one that was")


def _possible(reducer: Reducer, width: int) -> int:
    """What it makes of so many inputs, or, where that cannot be had of three classes, as much as can."""
    wanted = reducer.outputs(width, None)
    for n_outputs in range(wanted, 0, -1):
        try:
            reducer.refuse_outputs(width, n_outputs, 3)
        except NotSupported:
            continue
        return n_outputs
    return wanted


def head_checks(head: Head, setting: Setting) -> Iterator[tuple[str, Act]]:
    """The checks of a classical head, by name."""
    name = type(head).__name__
    width, n_classes = head.n_inputs or setting.n_inputs or _WIDTH, setting.n_classes
    fitted = head.capabilities.fitted
    training = training_part(width, n_classes=n_classes)
    built = Built(name, lambda: head.build(width, n_classes), training.inputs[:_BATCH], trainable=not fitted)
    yield "quantum-declared", lambda: check_quantum_declared(head)
    if fitted:
        built.fit, built.training = head.fit, training
        built.other = training_part(width, n_classes=n_classes, n_samples=30, seed=9)
    else:
        yield (
            "no-fit",
            lambda: require_raises(
                NotSupported, lambda: head.fit(training), f"{name}.fit, though it is trained by gradients"
            ),
        )
    checks = module_checks(built)
    yield next(checks)
    yield "logits", lambda: _logits(built, n_classes)
    yield from checks
    yield "global-state", lambda: _module_leaves_the_process_alone(built)


def check_quantum_declared(part: Head | Backbone) -> None:
    """``capabilities.quantum`` says whether it is a ``QuantumHead`` or ``QuantumBackbone``, for every instance."""
    declared, name = part.capabilities.quantum, type(part).__name__
    kind = "Head" if isinstance(part, Head) else "Backbone"
    if isinstance(part, QuantumHead | QuantumBackbone):
        require(
            declared,
            f"{name} is a Quantum{kind} and declares quantum=False: write {kind}Capabilities(…, quantum=True)",
        )
    else:
        require(not declared, f"{name} declares quantum=True and is no Quantum{kind}")


def _logits(built: Built, n_classes: int) -> None:
    """One for each class, of any size: the loss turns them into probabilities itself."""
    import torch

    logits, name = built.outputs, built.name
    require(logits.shape[1] == n_classes, f"{name} gave {logits.shape[1]} logits for {n_classes} classes")
    loud = built.of(built.module, 5 * built.inputs)
    rows = torch.cat([logits, loud])
    within = bool(((rows >= 0) & (rows <= 1)).all())
    sums = rows.sum(dim=1)
    ones = torch.allclose(sums, torch.ones_like(sums), atol=1e-4)
    require(not (within and ones), f"{name} gives probabilities, not logits: leave the softmax to the loss")


def _module_leaves_the_process_alone(built: Built) -> None:
    def use() -> None:
        if built.fit is not None and built.training is not None:
            built.fit(built.training)
        built.build().eval()(built.inputs)

    leaves_the_process_alone(built.name, use, allowed=DRAWS)
