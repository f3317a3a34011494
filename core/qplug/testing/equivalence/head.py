"""A quantum head on a backend: against the reference, and as a torch module in daily use."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from qplug.contract.errors import UserError
from qplug.contract.interfaces import Backend, QuantumHead
from qplug.heads.quantum_module import QuantumModule
from qplug.testing.equivalence.failures import (
    TOLERANCES,
    BrokenPromise,
    Tolerance,
    WrongGradients,
    WrongValues,
    compare,
    run_all,
)
from qplug.testing.reference import expectations, jacobians

BOTH = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Trial:
    """One head on one backend at one dtype, and the inputs to try it with."""

    head: QuantumHead
    backend: Backend
    n_inputs: int
    n_classes: int
    batch: int
    dtype: torch.dtype
    device: str
    seed: int
    tolerance: Tolerance

    @property
    def name(self) -> str:
        """The head's class."""
        return type(self.head).__name__

    @property
    def exact(self) -> bool:
        """Whether values can be held to the reference's."""
        return self.backend.capabilities.exact and not self.backend.capabilities.noise

    @property
    def trainable(self) -> bool:
        """Whether the backend gives gradients."""
        return self.backend.capabilities.gradient is not None

    def module(self, backend: Backend | None = None, seed: int | None = None) -> QuantumModule:
        """The module, with the same parameters at every call unless another seed is given."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed if seed is None else seed)
            module = QuantumModule(self.head, backend or self.backend, self.n_inputs, self.n_classes)
        if not isinstance(module, QuantumModule):
            raise BrokenPromise(f"{type(self.head).__name__}.on must give a QuantumModule; got {type(module)}.")
        return module.to(self.device, self.dtype)

    def inputs(self) -> Tensor:
        """(batch, n_inputs), the same at every call."""
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.randn(self.batch, self.n_inputs, generator=generator)
        return drawn.to(self.device, self.dtype)


def check_head(
    head: QuantumHead,
    backend: Backend,
    *,
    n_inputs: int | None = None,
    n_classes: int = 3,
    batch: int = 4,
    dtypes: Sequence[torch.dtype] = BOTH,
    device: str = "cpu",
    seed: int = 0,
    tolerances: Mapping[torch.dtype, Tolerance] = TOLERANCES,
) -> None:
    """Checks a quantum head on a backend: numbers and gradients against the reference, and daily use as a module.

    Daily use: logits of the right shape, gradients to every parameter and to a layer before the head, ``state_dict``,
    ``torch.save``, pickle, deep copies, a batch of one in evaluation, and refusal of NaN and of inputs of a wrong
    width. On a backend without exact values or without gradients, what needs them is left out.

    Args:
        head: the head.
        backend: the backend.
        n_inputs: number of inputs; by default what the head asks for, else 4.
        n_classes: number of classes, as the read-out allows.
        batch: number of samples, at least 2.
        dtypes: dtypes of inputs and parameters to try.
        device: the torch device to try.
        seed: of parameters and inputs.
        tolerances: how far numbers may differ, per dtype.

    Raises:
        WrongValues: expectation values or logits differ.
        WrongGradients: gradients differ or do not arrive.
        BrokenPromise: something else does not hold, such as a copy that is not independent.
        NotSupported: the head's circuit does not run on the backend.
    """
    width = n_inputs or head.n_inputs or 4
    for dtype in dtypes:
        trial = Trial(head, backend, width, n_classes, batch, dtype, device, seed, tolerances[dtype])
        trial.module()  # a combination that cannot work is the caller's mistake, not a failure
        run_all(f"{type(head).__name__} on {type(backend).__name__}, {dtype}, {device}", daily_checks(trial))


def daily_checks(trial: Trial) -> Iterator[tuple[str, Callable[[], None]]]:
    """The checks of a head on a backend, by name."""
    yield "the same circuit at each call", partial(_check_circuit, trial)
    yield "shape of the logits", partial(_check_shape, trial)
    yield "the same seed gives the same parameters", partial(_check_seed, trial)
    if trial.exact:
        yield "against the reference", partial(_check_reference, trial)
        yield "a batch of one in evaluation", partial(_check_single, trial)
    if trial.trainable:
        yield "gradients reach every parameter and the layer before", partial(_check_training, trial)
    yield "state_dict, saved and loaded", partial(_check_state_dict, trial)
    yield "pickle", partial(_check_pickle, trial)
    yield "deep copy", partial(_check_deepcopy, trial)
    yield "NaN is refused", partial(_check_nan, trial)
    yield "a wrong width is refused", partial(_check_width, trial)


def _check_circuit(trial: Trial) -> None:
    one, two = trial.head.circuit(trial.n_inputs), trial.head.circuit(trial.n_inputs)
    if one != two or hash(one) != hash(two) or trial.module().circuit != one:
        raise BrokenPromise(f"circuit({trial.n_inputs}) gives another circuit at the second call.")


def _check_shape(trial: Trial) -> None:
    with torch.no_grad():
        logits = trial.module()(trial.inputs())
    if tuple(logits.shape) != (trial.batch, trial.n_classes) or logits.dtype != trial.dtype:
        raise BrokenPromise(
            f"logits must be ({trial.batch}, {trial.n_classes}) of {trial.dtype}; got {tuple(logits.shape)} of "
            f"{logits.dtype}."
        )
    if not logits.isfinite().all():
        raise WrongValues("logits are not finite for inputs that are.")


def _check_seed(trial: Trial) -> None:
    _same_state(trial.module(), trial.module(), "a module built again with the same seed")


def _check_reference(trial: Trial) -> None:
    """Values and, if there are any, gradients to inputs and parameters, against the reference."""
    module, inputs = trial.module(), trial.inputs().requires_grad_(trial.trainable)
    parameters = module.circuit_parameters
    encoding = trial.head.encode(inputs, parameters)
    weights = trial.head.weight_angles(parameters)
    angles = encoding.detach().cpu().double().numpy(), weights.detach().cpu().double().numpy()
    with torch.set_grad_enabled(trial.trainable):
        values = module.expectations(inputs)
    right = expectations(module.circuit, *angles)
    axes = ("sample", "observable")
    compare(WrongValues, "expectation values", _numpy(values), right, trial.tolerance.values, axes)
    if not trial.trainable:
        return
    mixture = _mixture(trial, right.shape)
    by_encoding, by_weights = jacobians(module.circuit, *angles)
    through = [
        (encoding, np.einsum("bo,boe->be", mixture, by_encoding)),
        (weights, np.einsum("bo,bow->w", mixture, by_weights)),
    ]
    attached = [(angle, _tensor(trial, slope)) for angle, slope in through if angle.requires_grad]
    got = _gradients(values, _tensor(trial, mixture), inputs, parameters)
    expected = torch.autograd.grad(
        [angle for angle, _ in attached],
        [inputs, parameters],
        [slope for _, slope in attached],
        allow_unused=True,
    )
    _compare_gradients(got, expected, trial.tolerance.gradients)


def _gradients(values: Tensor, mixture: Tensor, inputs: Tensor, parameters: Tensor) -> tuple[Tensor | None, ...]:
    if not values.requires_grad:
        raise WrongGradients("the values are cut off from inputs and parameters: no gradient can reach them.")
    return torch.autograd.grad(values, [inputs, parameters], mixture, allow_unused=True)


def _compare_gradients(got: Sequence[Tensor | None], expected: Sequence[Tensor | None], tolerance: float) -> None:
    for word, axes, ours, right in zip(
        ("inputs", "parameters"), (("sample", "input"), None), got, expected, strict=True
    ):
        if right is None or not right.numel():
            continue
        if ours is None:
            raise WrongGradients(f"no gradient arrives at the {word}.")
        names = axes or tuple(f"parameter axis {axis}" for axis in range(right.ndim))
        compare(WrongGradients, f"gradients to the {word}", _numpy(ours), _numpy(right), tolerance, names)


def _check_single(trial: Trial) -> None:
    module, inputs = trial.module().eval(), trial.inputs()
    with torch.no_grad():
        together, alone = module(inputs), module(inputs[:1])
    axes = ("sample", "class")
    what = "logits of a row alone, against the same row in a batch,"
    compare(WrongValues, what, _numpy(alone), _numpy(together[:1]), 10 * trial.tolerance.values, axes)


def _check_training(trial: Trial) -> None:
    """One step of training, with a layer before the head as in a hybrid network."""
    module = trial.module()
    before = nn.Linear(trial.n_inputs, trial.n_inputs).to(trial.device, trial.dtype)
    labels = torch.arange(trial.batch, device=trial.device) % trial.n_classes
    loss = nn.functional.cross_entropy(module(before(trial.inputs())), labels)
    torch.autograd.backward(loss)
    for name, parameter in [*module.named_parameters(), *before.named_parameters(prefix="the layer before")]:
        if not parameter.requires_grad or not parameter.numel():
            continue
        if parameter.grad is None:
            raise WrongGradients(f"no gradient arrives at {name}.")
        if not parameter.grad.isfinite().all():
            raise WrongGradients(f"the gradient at {name} is not finite.")
    if module.circuit.n_encoding and before.weight.grad is not None and not before.weight.grad.any():
        raise WrongGradients("the gradient at the layer before the head is zero throughout.")


def _check_state_dict(trial: Trial) -> None:
    """Weights that were saved come back in a module that began with others."""
    module, other = trial.module(), trial.module(seed=trial.seed + 1)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    _same(trial, module, other, "a module that loaded the state_dict of another")


def _check_pickle(trial: Trial) -> None:
    module = trial.module()
    _run(trial, module)  # what a run leaves behind must be picklable too
    again = pickle.loads(pickle.dumps(module))  # noqa: S301, TID251 - its own bytes, written one line above
    _same(trial, module, again, "a pickled module")


def _check_deepcopy(trial: Trial) -> None:
    module = trial.module()
    _run(trial, module)
    again = copy.deepcopy(module)
    _same(trial, module, again, "a deep copy")
    before = [parameter.detach().clone() for parameter in module.parameters()]
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.add_(1)
    if not all(torch.equal(now, then) for now, then in zip(module.parameters(), before, strict=True)):
        raise BrokenPromise("a deep copy shares its parameters with the original.")


def _check_nan(trial: Trial) -> None:
    if not trial.module().circuit.n_encoding:
        return
    inputs = trial.inputs()
    inputs[0] = torch.nan
    _must_refuse(trial, inputs, "inputs that are NaN")


def _check_width(trial: Trial) -> None:
    inputs = trial.inputs()
    _must_refuse(trial, torch.cat([inputs, inputs[:, :1]], dim=1), f"{trial.n_inputs + 1} inputs")
    _must_refuse(trial, inputs[:, 1:], f"{trial.n_inputs - 1} inputs")


def _must_refuse(trial: Trial, inputs: Tensor, what: str) -> None:
    try:
        with torch.no_grad():
            trial.module()(inputs)
    except UserError:
        return
    except Exception as error:
        raise BrokenPromise(
            f"a module for {trial.n_inputs} inputs meets {what} with {type(error).__name__} ({error}); "
            "a UserError is due."
        ) from error
    raise BrokenPromise(f"a module for {trial.n_inputs} inputs takes {what}; a UserError is due.")


def _same(trial: Trial, one: QuantumModule, other: QuantumModule, what: str) -> None:
    """Equal parameters and, where values do not vary from call to call, equal logits."""
    _same_state(one, other, what)
    if trial.exact:
        allowed = 10 * trial.tolerance.values
        compare(WrongValues, f"logits of {what}", _run(trial, other), _run(trial, one), allowed, ("sample", "class"))


def _same_state(one: nn.Module, other: nn.Module, what: str) -> None:
    ours, theirs = one.state_dict(), other.state_dict()
    differ = [name for name in ours if name not in theirs or not torch.equal(ours[name], theirs[name])]
    if differ or len(ours) != len(theirs):
        raise BrokenPromise(f"{what} has another state: {', '.join(differ) or 'more entries'}.")


def _run(trial: Trial, module: nn.Module) -> np.ndarray:
    with torch.no_grad():
        return _numpy(module.eval()(trial.inputs()))


def check_pair(
    head: QuantumHead,
    backend: Backend,
    reference_backend: Backend,
    *,
    n_inputs: int | None = None,
    n_classes: int = 3,
    batch: int = 4,
    dtypes: Sequence[torch.dtype] = BOTH,
    device: str = "cpu",
    seed: int = 0,
    tolerances: Mapping[torch.dtype, Tolerance] = TOLERANCES,
) -> None:
    """Checks that a head with the same weights gives the same numbers and gradients on two exact backends.

    For circuits that are too large for the reference. Gradients to inputs and parameters are compared if both
    backends declare them.

    Args:
        head: the head.
        backend: the backend to judge.
        reference_backend: the backend that is taken to be right.
        n_inputs: number of inputs; by default what the head asks for, else 4.
        n_classes: number of classes, as the read-out allows.
        batch: number of samples.
        dtypes: dtypes of inputs and parameters to try.
        device: the torch device of both.
        seed: of parameters and inputs.
        tolerances: how far numbers may differ, per dtype.

    Raises:
        WrongValues: expectation values differ.
        WrongGradients: gradients differ or do not arrive.
        BrokenPromise: the weights of one do not load into the other.
        UserError: one of the backends is not exact.
        NotSupported: the head's circuit does not run on one of the backends.
    """
    for one in (backend, reference_backend):
        if not one.capabilities.exact or one.capabilities.noise:
            raise UserError(f"{type(one).__name__} does not declare exact values, so it cannot be compared.")
    title = f"{type(head).__name__} on {type(backend).__name__} and {type(reference_backend).__name__}"
    width = n_inputs or head.n_inputs or 4
    for dtype in dtypes:
        trial = Trial(head, backend, width, n_classes, batch, dtype, device, seed, tolerances[dtype])
        trial.module(), trial.module(reference_backend)
        run_all(f"{title}, {dtype}, {device}", [("same weights", partial(_check_pair, trial, reference_backend))])


def _check_pair(trial: Trial, reference_backend: Backend) -> None:
    module, right = trial.module(), trial.module(reference_backend, seed=trial.seed + 1)
    right.load_state_dict(module.state_dict())
    trainable = trial.trainable and reference_backend.capabilities.gradient is not None
    inputs = trial.inputs().requires_grad_(trainable)
    with torch.set_grad_enabled(trainable):
        ours, theirs = module.expectations(inputs), right.expectations(inputs)
    axes = ("sample", "observable")
    compare(WrongValues, "expectation values", _numpy(ours), _numpy(theirs), trial.tolerance.values, axes)
    if trainable:
        mixture = _tensor(trial, _mixture(trial, tuple(ours.shape)))
        got = _gradients(ours, mixture, inputs, module.circuit_parameters)
        expected = _gradients(theirs, mixture, inputs, right.circuit_parameters)
        _compare_gradients(got, expected, trial.tolerance.gradients)


def _mixture(trial: Trial, shape: tuple[int, ...]) -> np.ndarray:
    """Factors in [-1, 1) that mix all values into one number to differentiate, the same in both precisions."""
    return np.random.default_rng(trial.seed).uniform(-1, 1, shape).astype(np.float32).astype(float)


def _tensor(trial: Trial, array: np.ndarray) -> Tensor:
    return torch.as_tensor(array, dtype=trial.dtype, device=trial.device)


def _numpy(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().cpu().numpy()
    return array
