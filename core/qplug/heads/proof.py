"""No tracing is believed until it is proven: the original is run again, and must give the same gates and angles.

Tracing runs the original once. What leaves torch in that run (``inputs.tolist()``, ``np.arctan(inputs)``), or is drawn
anew at each call, would stay as it was in that moment; fresh inputs and weights show it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from qplug.contract.circuit import Circuit, Encoding, Observable, Weight
from qplug.contract.errors import CircuitError
from qplug.heads.angles import TracedAngles
from qplug.heads.readouts import LinearCombination
from qplug.heads.reads import Reads

_SCALES = ((0.1, 0.9), (0.1, 0.9), (-3.0, 3.0), (-3.0, 3.0), (-9.0, 9.0))
"""The first lie in the domain of most functions; where the original fails in the others, it is not asked there."""
_BATCH = 5


@dataclass(frozen=True)
class Evaluated:
    """What the original is for given inputs and weights.

    Attributes:
        gates: name and wires of each gate, as in the traced circuit.
        angles: (n_angles,), or (batch, n_angles) for a batch; every angle of every gate in turn.
        observables: the Pauli strings that are measured.
        values: the sums of them; None: as traced.
        factors: what the sums are made of as the original gives it, such as the factors of a Hamiltonian.
    """

    gates: Sequence[tuple[str, tuple[int, ...]]]
    angles: Tensor
    observables: tuple[Observable, ...]
    values: LinearCombination | None = None
    factors: Sequence[Any] = ()


Original: TypeAlias = Callable[[Tensor, Tensor], Evaluated | None]
"""(n_inputs,) or (batch, n_inputs), and (n_parameters,), float64 → what it is there; None: it takes no batch."""


def prove(
    original: Original,
    circuit: Circuit,
    angles: TracedAngles,
    values: LinearCombination,
    n_inputs: int,
    n_parameters: int,
    *,
    batched: Original | None = None,
    in_torch: bool = True,
) -> None:
    """Runs the original at fresh inputs and weights and compares it with what was traced.

    Gates, angles, observables and their factors must agree, and gradients where the original is torch code. The random
    state is another one at each run, and as before afterwards.

    Args:
        original: what was traced, for one sample.
        circuit: the circuit that tracing gave.
        angles: the code of its angles.
        values: the sums of its observables.
        n_inputs: number of inputs.
        n_parameters: number of weights.
        batched: the same for a whole batch, if it is also used that way.
        in_torch: whether the original computes in torch, so that values that leave it are suspect; another framework
            binds numbers.

    Raises:
        CircuitError: they differ; it says where, and what in the original reads values outside torch.
    """
    traced = (circuit, angles, values)
    generator = torch.Generator().manual_seed(20)
    with _random_state_kept():
        for number, scale in enumerate(_SCALES):
            for size, run in ((1, original), (_BATCH, batched)):
                if run is not None:
                    inputs = _draw(generator, scale, size, n_inputs)
                    parameters = _draw(generator, scale, n_parameters)
                    _seed(2 * number + size)
                    at = (inputs[0] if size == 1 else inputs, parameters)
                    _compare_at(
                        run,
                        traced,
                        at,
                        must_run=size == 1 and number < 2,
                        differentiated=number == 0,
                        in_torch=in_torch,
                    )


def _compare_at(
    run: Original, traced: Any, at: tuple[Tensor, Tensor], *, must_run: bool, differentiated: bool, in_torch: bool
) -> None:
    reads = Reads(at if in_torch else ())
    # Where there is nothing to follow, it would only be asked at each operation.
    watch: Reads | nullcontext[None] = reads if in_torch else nullcontext()
    advice = reads.advice if in_torch else lambda: " Give random structure a seed, and the same circuit at every call."
    try:
        with watch:
            seen = run(*at)
    except Exception as error:
        if must_run or isinstance(error, CircuitError):
            raise CircuitError(f"the original fails for fresh inputs and weights: {error}{advice()}") from error
        return
    if seen is None:
        return
    difference = _difference(seen, traced, at)
    if difference is None and reads.depends(seen.factors):
        difference = "the factors of its observables see inputs or weights: factors must be constant"
    if difference is None and reads.by_the_author:
        difference = "it reads values of its inputs or weights outside torch"
    if difference is None and differentiated:
        difference = _gradient_difference(run, traced, at)
    if difference:
        raise CircuitError(
            f"the circuit cannot be traced: {difference}. What the original computes outside torch, or draws anew at "
            f"each call, would stay as it was when the head was made.{advice()}"
        )


def _difference(seen: Evaluated, traced: Any, at: tuple[Tensor, Tensor]) -> str | None:
    circuit, angles, values = traced
    gates = [(gate.name, gate.wires) for gate in circuit.gates]
    kind = "a batch of inputs" if at[0].ndim == 2 else "other inputs and weights"
    if list(seen.gates) != gates:
        pairs = enumerate(zip(seen.gates, gates, strict=False))
        where = next((place for place, (a, b) in pairs if a != b), min(len(gates), len(seen.gates)))
        return f"with {kind} its gates are others, from gate {where} on"
    wanted, got = seen.angles.double(), _angles(circuit, angles, at)
    wrong = ~torch.isclose(wanted, got, rtol=1e-9, atol=1e-9, equal_nan=True)
    if wrong.any():
        place = int(wrong.reshape(-1, wrong.shape[-1]).any(0).nonzero()[0])
        owner = [gate for gate in circuit.gates for _ in gate.angles][place]
        return f"with {kind} the angle of {owner.name} on {', '.join(map(str, owner.wires))} is not what tracing found"
    if seen.observables != circuit.observables or (seen.values is not None and not _same(seen.values, values)):
        return f"with {kind} its observables, or their factors, are others: factors must be constant"
    return None


def _gradient_difference(run: Original, traced: Any, at: tuple[Tensor, Tensor]) -> str | None:
    leaves = [value.clone().requires_grad_() for value in at]
    try:
        seen = run(leaves[0], leaves[1])
        wanted = None if seen is None else _gradients(seen.angles, leaves)
    except RuntimeError as error:
        found = re.search(r"derivative for aten::(\w+) is not implemented", str(error))
        raise CircuitError(
            f"the circuit's classical pre-processing cannot be differentiated: {_no_derivative(found, error)}. Write "
            "it with functions that have a derivative: torch.floor(x / y) for x // y, torch.where for torch.heaviside."
        ) from error
    if seen is None or not seen.angles.is_floating_point():
        return None
    if wanted is None:
        return None
    fresh = [value.clone().requires_grad_() for value in at]
    got = _gradients(_angles(traced[0], traced[1], (fresh[0], fresh[1])), fresh)
    same = all(torch.allclose(a, b, rtol=1e-7, atol=1e-7, equal_nan=True) for a, b in zip(wanted, got, strict=True))
    return None if same else "the gradients of its angles are not what tracing found"


def _no_derivative(found: re.Match[str] | None, error: RuntimeError) -> str:
    return f"torch.{found[1]} has no derivative" if found else str(error).splitlines()[0]


def _gradients(angles: Tensor, leaves: list[Tensor]) -> tuple[Tensor, ...]:
    if not angles.requires_grad:
        return tuple(torch.zeros_like(leaf) for leaf in leaves)
    factors = torch.linspace(1, 2, angles.shape[-1], dtype=torch.float64)
    return torch.autograd.grad((angles * factors).sum(), leaves, materialize_grads=True)


def _angles(circuit: Circuit, angles: TracedAngles, at: tuple[Tensor, Tensor]) -> Tensor:
    inputs = at[0] if at[0].ndim == 2 else at[0][None]
    try:
        encoding, weights = angles.encode(inputs, at[1]), angles.weight_angles(at[1])
    except RuntimeError as error:
        operation = re.search(r"aten::_?(\w+)", str(error))
        named = f"torch.{operation[1]}" if operation else "a function"
        raise CircuitError(
            f"the circuit's classical pre-processing calls {named}, which torch "
            "cannot compute for a batch of samples at once. Write it with functions whose result has the same size for "
            "all values, such as torch.where, torch.sort and sums."
        ) from error
    columns = []
    for angle in (angle for gate in circuit.gates for angle in gate.angles):
        match angle:
            case Encoding(index):
                columns.append(encoding[:, index])
            case Weight(index):
                columns.append(weights[index].expand(len(inputs)))
            case _:
                columns.append(inputs.new_full((len(inputs),), angle))
    found = torch.stack(columns, 1) if columns else inputs.new_zeros(len(inputs), 0)
    return found if at[0].ndim == 2 else found[0]


def _same(first: LinearCombination, second: LinearCombination) -> bool:
    pairs = ((first.matrix, second.matrix), (first.offset, second.offset))
    return all(a.shape == b.shape and torch.allclose(a, b) for a, b in pairs)


def _draw(generator: torch.Generator, scale: tuple[float, float], *shape: int) -> Tensor:
    low, high = scale
    return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)


def _seed(seed: int) -> None:
    # Of the CPU alone, whose state is put back; torch.manual_seed seeds all devices, and notes a call stack for each.
    torch.default_generator.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


@contextmanager
def _random_state_kept() -> Iterator[None]:
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
