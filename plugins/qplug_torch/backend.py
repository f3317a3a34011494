"""The `torch` backend."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Literal, final

import torch
from pydantic import Field
from torch import Tensor

from qplug.contract.circuit import Circuit
from qplug.contract.errors import NotInstalled, NotSupported
from qplug.contract.interfaces import Backend, BackendCapabilities
from qplug_torch.adjoint import Adjoint, evolve, read
from qplug_torch.compiled import compiled
from qplug_torch.mapped import n_sets, run_mapped
from qplug_torch.memory import native_bytes, refuse_too_large, refuse_without_memory, torch_bytes
from qplug_torch.shots import sampled

MAX_QUBITS = 24

Precision = Literal["auto", "complex64", "complex128"]
Kernel = Literal["auto", "torch", "numba"]


@final
@dataclass(kw_only=True, eq=False)
class Torch(Backend):
    """Batched, differentiable statevector simulation, fused for speed: exact, or sampled from the exact distribution.

    On the CPU numba's kernels run whole blocks of samples, also under one ``torch.func.vmap`` over weights; on CUDA,
    without numba, and under other transforms of torch.func the same program runs in torch's operations.

    Args:
        precision: of the amplitudes; auto takes complex128 for float64 angles and complex64 otherwise.
        shots: measurements per basis; None for exact values. Sampled values have no gradient.
        seed: of the shots; the same angles and seed give the same values.
        kernel: numba's kernels on the CPU, torch's operations on any device, or what is faster.
    """

    summary = "fast batched statevector engine with exact gradients, on CPU and CUDA"
    source = "qplug's own"
    capabilities = BackendCapabilities(interface=1, gradient="autograd", devices=("cpu", "cuda"), max_qubits=MAX_QUBITS)

    precision: Annotated[Precision, Field(description="amplitudes: auto follows the angles' dtype")] = "auto"
    shots: Annotated[int | None, Field(ge=1, description="measurements per basis; none for exact values")] = None
    seed: Annotated[int, Field(ge=0, lt=2**31, description="seed of the shots")] = 0
    kernel: Annotated[Kernel, Field(description="what runs the circuit; auto takes the faster")] = "auto"

    def __post_init__(self) -> None:
        if self.shots is not None:
            self.capabilities = replace(type(self).capabilities, exact=False, gradient=None)

    def accept(self, circuit: Circuit) -> None:
        """Refuses a circuit whose single state is too large, naming the bytes that it needs.

        Raises:
            NotSupported: it has more than 24 qubits.
        """
        refuse_too_large(circuit.n_qubits, MAX_QUBITS)

    def accept_batch(self, circuit: Circuit, batch: int, device: torch.device) -> None:
        """Refuses a batch whose states do not fit into the free memory, naming the bytes that it needs.

        Raises:
            NotSupported: it does not fit.
        """
        dtype = torch.float64 if self.precision == "complex128" else torch.float32
        native = self._native(circuit.n_qubits, batch, device)
        _refuse_without_memory(circuit.n_qubits, batch, dtype, device, native=native)

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        """Expectation values (batch, n_observables); see `Backend.expectations`.

        Values have the angles' dtype; for angles of lower precision than float32 they are float32.

        Raises:
            NotSupported: more than 24 qubits, or the states of the batch do not fit in the free memory.
            NotInstalled: numba was asked for and is missing.
        """
        self.accept(circuit)
        result = encoding.dtype if encoding.dtype == torch.float64 else torch.float32
        wide = self.precision == "complex128" or (self.precision == "auto" and result == torch.float64)
        dtype = torch.float64 if wide else torch.float32
        values = self._run(circuit, encoding.to(dtype), weights.to(dtype))
        return values.to(result)

    def _run(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        n, batch = circuit.n_qubits, encoding.shape[0]
        sets = n_sets(encoding, weights)
        transformed = not sets and (_transformed(encoding) or _transformed(weights))
        native = not transformed and self._native(n, batch, encoding.device)
        _refuse_without_memory(n, max(1, sets) * batch, encoding.dtype, encoding.device, native=native)
        if native and sets:
            return run_mapped(compiled(circuit), encoding, weights)
        if native:
            return _run_native(circuit, encoding, weights)
        if self.shots is not None:
            return sampled(circuit, encoding, weights, self.shots, self.seed)
        return _run_torch(circuit, encoding, weights)

    def _native(self, n_qubits: int, batch: int, device: torch.device) -> bool:
        """Whether the numba kernels run a batch that no transform of torch.func is at work on."""
        if self.kernel == "torch" or self.shots is not None:
            return False
        if self.kernel == "numba":
            _refuse_without_numba(device)
            return True
        # A vector has the width of 8 or 16 samples: a few samples of a large state are better off without.
        fits = n_qubits < _LARGE or (batch >= _FEW and n_qubits <= _TOO_LARGE)
        return fits and device.type == "cpu" and _has_numba()


_LARGE, _FEW, _TOO_LARGE = 15, 4, 20
"""Qubits from which, with fewer samples than the second number, torch's operations are faster, by measurement; and
qubits from which the kernels' scratch states, 128 bytes an index, are too much."""


@cache
def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None


def _refuse_without_numba(device: torch.device) -> None:
    if not _has_numba():
        raise NotInstalled("Torch(kernel='numba') needs numba, which is not installed. Install it: pip install numba")
    if device.type != "cpu":
        raise NotSupported(f"Torch(kernel='numba') runs on the CPU; the angles lie on {device}. Use kernel='auto'.")


def _transformed(tensor: Tensor) -> bool:
    """Whether a transform of torch.func is at work on the tensor, whose values cannot be looked at then."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(tensor))


def _refuse_without_memory(
    n_qubits: int, batch: int, dtype: torch.dtype, device: torch.device, *, native: bool
) -> None:
    needed = (native_bytes if native else torch_bytes)(n_qubits, batch, dtype)
    refuse_without_memory(needed, n_qubits, batch, device)


def _run_native(circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
    from qplug_torch.native import Native

    keep = torch.is_grad_enabled() and (encoding.requires_grad or weights.requires_grad)
    values: Tensor = Native.apply(compiled(circuit), keep, encoding.contiguous(), weights.contiguous())  # type: ignore[no-untyped-call]
    return values


def _run_torch(circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
    plan = compiled(circuit).plan(encoding.dtype, encoding.device)
    with torch.autocast(encoding.device.type, enabled=False):
        parameters = plan.parameters(encoding, weights)
        if any(_transformed(tensor) for tensor in parameters):
            # torch.func transforms plain operations; the reversible backward stays out of their way.
            return read(plan, evolve(plan, parameters, encoding.shape[0]))
        values: Tensor = Adjoint.apply(plan, encoding.shape[0], *parameters)  # type: ignore[no-untyped-call]
        return values
