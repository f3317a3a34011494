"""A backend against the reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from qplug.contract.circuit import Circuit
from qplug.contract.errors import NotSupported, UserError
from qplug.contract.interfaces import Backend
from qplug.testing.circuits import angle_embedding_strongly_entangling
from qplug.testing.equivalence.cases import Expected, backend_cases, expected
from qplug.testing.equivalence.failures import (
    TOLERANCES,
    BrokenPromise,
    Tolerance,
    WrongGradients,
    WrongValues,
    compare,
    run_all,
)

BOTH = (torch.float32, torch.float64)


def check_backend(
    backend: Backend,
    *,
    dtypes: Sequence[torch.dtype] = BOTH,
    device: str = "cpu",
    max_qubits: int = 5,
    n_random: int = 10,
    seed: int = 0,
    tolerances: Mapping[torch.dtype, Tolerance] = TOLERANCES,
) -> None:
    """Checks an exact backend against the reference, through its public call ``backend(circuit, encoding, weights)``.

    Values and, if the backend declares gradients, gradients to encoding and weight angles for each of
    ``backend_cases``; batches of one; what the interface promises about dtypes, graphs and refusals.

    Args:
        backend: a backend whose capabilities say exact and without noise.
        dtypes: dtypes of the angles to try.
        device: the torch device to try.
        max_qubits: circuits with more are left out, as are those with more than the backend runs.
        n_random: number of random circuits.
        seed: of random circuits and angles.
        tolerances: how far numbers may differ, per dtype.

    Raises:
        WrongValues: expectation values differ.
        WrongGradients: gradients differ or do not arrive.
        BrokenPromise: something else that the interface promises does not hold.
        UserError: the backend is not exact; see ``check_shots``.
    """
    name = type(backend).__name__
    if not backend.capabilities.exact or backend.capabilities.noise:
        raise UserError(f"{name} does not declare exact values, so it cannot be held to them. Use check_shots.")
    most = min(max_qubits, backend.capabilities.max_qubits or max_qubits)
    cases = backend_cases(max_qubits=most, n_random=n_random, seed=seed)
    for dtype in dtypes:
        checks = partial(check_circuit, backend, dtype=dtype, device=device, tolerances=tolerances)
        every = [(case, partial(checks, circuit, batch=3, seed=seed)) for case, circuit in cases.items()]
        single = angle_embedding_strongly_entangling(min(3, most), 2)
        every.append(("batch of one", partial(checks, single, batch=1, seed=seed)))
        every += promises(backend, single, dtype, device, tolerances[dtype])
        run_all(f"{name}, {dtype}, {device}", every)


def check_circuit(
    backend: Backend,
    circuit: Circuit,
    *,
    batch: int = 3,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    device: str = "cpu",
    tolerances: Mapping[torch.dtype, Tolerance] = TOLERANCES,
) -> None:
    """Checks one circuit on an exact backend: values, and gradients if it declares them, at random angles.

    Args:
        backend: an exact backend.
        circuit: any circuit of a few qubits.
        batch: number of samples.
        seed: of the angles.
        dtype: of the angles.
        device: the torch device.
        tolerances: how far numbers may differ, per dtype.

    Raises:
        WrongValues: expectation values differ.
        WrongGradients: gradients differ or do not arrive.
        BrokenPromise: dtype or device of the result is not that of the angles, or the angles have changed.
    """
    right = expected(circuit, batch, seed)
    encoding, weights = _angles(right, dtype, device)
    with torch.no_grad():
        values = backend(circuit, encoding, weights)
    fresh = _angles(right, dtype, device)
    if not all(torch.equal(now, before) for now, before in zip((encoding, weights), fresh, strict=True)):
        raise BrokenPromise("the call has changed the angles that it was given.")
    if values.dtype != dtype or values.device.type != encoding.device.type:
        raise BrokenPromise(
            f"the values must have the angles' dtype and device, {dtype} on {encoding.device}; "
            f"got {values.dtype} on {values.device}."
        )
    compare(
        WrongValues,
        f"expectation values ({_observables(circuit)})",
        values.cpu().numpy(),
        right.values,
        tolerances[dtype].values,
        ("sample", "observable"),
    )
    if backend.capabilities.gradient is not None:
        _check_gradients(backend, circuit, right, (encoding, weights), tolerances[dtype].gradients)


def _angles(right: Expected, dtype: torch.dtype, device: str) -> tuple[Tensor, Tensor]:
    # Copies: a backend that writes into its arguments must not reach the kept answers.
    return (
        torch.tensor(right.encoding, dtype=dtype, device=device),
        torch.tensor(right.weights, dtype=dtype, device=device),
    )


def _observables(circuit: Circuit) -> str:
    names = [str(observable) for observable in circuit.observables]
    return ", ".join(names if len(names) <= 6 else [*names[:5], "…"])


def _check_gradients(
    backend: Backend, circuit: Circuit, right: Expected, angles: tuple[Tensor, Tensor], tolerance: float
) -> None:
    """Gradients of a random mixture of all values, to both arguments at once."""
    encoding, weights = (tensor.clone().requires_grad_() for tensor in angles)
    values = backend(circuit, encoding, weights)
    if circuit.n_encoding + circuit.n_weights == 0:
        return
    mixture = np.random.default_rng(0).uniform(-1, 1, right.values.shape).astype(np.float32).astype(float)
    if not values.requires_grad:
        raise WrongGradients("the values are cut off from the angles: no gradient can reach them.")
    torch.autograd.backward(values, torch.as_tensor(mixture, dtype=values.dtype, device=values.device))
    by_encoding = np.einsum("bo,boe->be", mixture, right.by_encoding)
    _compare_gradient("encoding", encoding, by_encoding, tolerance, ("sample", "encoding angle"))
    by_weights = np.einsum("bo,bow->w", mixture, right.by_weights)
    _compare_gradient("weight", weights, by_weights, tolerance, ("weight angle",))


def _compare_gradient(word: str, angles: Tensor, right: np.ndarray, tolerance: float, axes: Sequence[str]) -> None:
    if not angles.numel():
        return
    if angles.grad is None:
        raise WrongGradients(f"no gradient arrives at the {word} angles.")
    got = angles.grad.cpu().numpy()
    compare(WrongGradients, f"gradients to the {word} angles", got, right, tolerance, axes)


def promises(
    backend: Backend, circuit: Circuit, dtype: torch.dtype, device: str, tolerance: Tolerance
) -> Iterator[tuple[str, partial[None]]]:
    """What the interface promises of tensors, gradients and refusals, by name."""
    angles = _angles(expected(circuit, 4, 1), dtype, device)
    yield "rows that are alone", partial(_check_rows, backend, circuit, angles, tolerance)
    yield "angles that lie scattered in memory", partial(_check_strides, backend, circuit, angles, tolerance)
    if backend.capabilities.gradient is None:
        yield "gradients are refused", partial(_check_refusal, backend, circuit, angles)
    else:
        yield "gradients to one argument alone", partial(_check_one_argument, backend, circuit, angles, tolerance)
        yield "a layer before and after", partial(_check_chain, backend, circuit, angles, tolerance)
    if backend.capabilities.max_qubits is not None:
        yield "too many qubits are refused", partial(_check_too_many, backend, backend.capabilities.max_qubits)


def _check_rows(backend: Backend, circuit: Circuit, angles: tuple[Tensor, Tensor], tolerance: Tolerance) -> None:
    encoding, weights = angles
    together = backend(circuit, encoding, weights).cpu().numpy()
    alone = torch.cat([backend(circuit, row[None], weights) for row in encoding]).cpu().numpy()
    what = "values of rows in a batch, against each row alone,"
    compare(WrongValues, what, together, alone, 2 * tolerance.values, ("sample", "observable"))


def _check_strides(backend: Backend, circuit: Circuit, angles: tuple[Tensor, Tensor], tolerance: Tolerance) -> None:
    encoding, weights = angles
    scattered = encoding.t().contiguous().t(), torch.stack([weights, weights], dim=1)[:, 0]
    got, right = backend(circuit, *scattered).cpu().numpy(), backend(circuit, *angles).cpu().numpy()
    what = "values for angles that are not contiguous"
    compare(WrongValues, what, got, right, 2 * tolerance.values, ("sample", "observable"))


def _check_refusal(backend: Backend, circuit: Circuit, angles: tuple[Tensor, Tensor]) -> None:
    try:
        backend(circuit, angles[0].clone().requires_grad_(), angles[1])
    except NotSupported:
        return
    raise BrokenPromise("the backend declares no gradients but takes angles that ask for them; NotSupported is due.")


def _check_one_argument(
    backend: Backend, circuit: Circuit, angles: tuple[Tensor, Tensor], tolerance: Tolerance
) -> None:
    """The gradient to one argument is the same, whether or not the other asks for one."""
    both = [tensor.clone().requires_grad_() for tensor in angles]
    torch.autograd.backward(backend(circuit, *both).sum())
    for position, word in enumerate(("encoding", "weight")):
        alone = [tensor.clone() for tensor in angles]
        alone[position].requires_grad_()
        values = backend(circuit, *alone)
        if not values.requires_grad:
            raise WrongGradients(f"no gradient arrives at the {word} angles if they alone ask for it.")
        torch.autograd.backward(values.sum())
        right = both[position].grad
        if right is None:
            raise WrongGradients(f"no gradient arrives at the {word} angles.")
        axes = ("sample", "encoding angle") if word == "encoding" else ("weight angle",)
        _compare_gradient(word, alone[position], right.cpu().numpy(), 2 * tolerance.gradients, axes)


def _check_chain(backend: Backend, circuit: Circuit, angles: tuple[Tensor, Tensor], tolerance: Tolerance) -> None:
    """Angles that were computed, values that are computed with: the chain rule holds through the backend."""
    scale = torch.tensor(1.0, dtype=angles[0].dtype, device=angles[0].device, requires_grad=True)
    leaf = angles[0].clone().requires_grad_()
    torch.autograd.backward(backend(circuit, leaf, angles[1]).square().sum())
    torch.autograd.backward(backend(circuit, angles[0] * scale, angles[1]).square().sum())
    if leaf.grad is None or scale.grad is None:
        raise WrongGradients("no gradient arrives at the layer before the encoding angles.")
    right = float((leaf.grad * angles[0]).sum())
    compare(WrongGradients, "gradients to the layer before", scale.grad.item(), right, 10 * tolerance.gradients, ())


def _check_too_many(backend: Backend, most: int) -> None:
    try:
        backend.accept(angle_embedding_strongly_entangling(most + 1, 1))
    except NotSupported:
        return
    raise BrokenPromise(f"the backend declares at most {most} qubits but accepts a circuit with {most + 1}.")
