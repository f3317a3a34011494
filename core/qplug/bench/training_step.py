"""A whole training step of a head, beside that of a classical network with as many parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from qplug.bench.measure import Benchmark, settle
from qplug.bench.report import StepRow
from qplug.bench.sizes import Case
from qplug.bench.timing import Step, Timing, interleaved
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backend
from qplug.heads.quantum_module import QuantumModule

_MLP = "(mlp)"
CLASSES = (6, 2)
"""How many classes are told apart: the first number that the head's read-out allows."""


def training_steps(
    benchmark: Benchmark, backends: Sequence[tuple[str, Backend]], cases: Sequence[Case]
) -> Iterator[StepRow]:
    """One row per case and backend; the classical network takes its turn beside them.

    Args:
        benchmark: knows how long to measure, and who was too slow in its smaller cases.
        backends: by name.
        cases: the sizes.
    """
    for case in sorted(cases, key=lambda case: case.work):
        benchmark.say(f"training step, {case}:")
        yield from _case(benchmark, backends, case)


def _case(benchmark: Benchmark, backends: Sequence[tuple[str, Backend]], case: Case) -> list[StepRow]:
    rows: dict[str, StepRow] = {}
    steps: dict[str, Step] = {}
    for name, backend in backends:
        rows[name] = StepRow(backend=name, n_qubits=case.n_qubits, n_layers=case.n_layers, batch=case.batch)
        try:
            if reason := benchmark.refusal(name, case):
                raise NotSupported(reason)
            module, n_classes = head_module(case, backend, benchmark.device)
            step = training_step(module, case.n_inputs, n_classes, case.batch, benchmark.device)
            step()
        except Exception as error:  # a backend may raise anything, and the others go on
            rows[name] = replace(rows[name], note=str(error))
            continue
        mlp = matched_mlp(case.n_inputs, n_classes, count(module)).to(benchmark.device)
        rows[name] = replace(rows[name], n_parameters=count(module), mlp_parameters=count(mlp))
        steps |= {name: step, _MLP: training_step(mlp, case.n_inputs, n_classes, case.batch, benchmark.device)}
    timings = interleaved(steps, benchmark.effort, settle(benchmark.device))
    for name in rows.keys() & timings.keys():
        rows[name] = _finished(rows[name], timings[name], timings[_MLP])
        benchmark.say(f"  {name} {rows[name].ms:.3g} ms, MLP {rows[name].mlp_ms:.3g} ms")
    return list(rows.values())


def _finished(row: StepRow, timing: Timing, mlp: Timing) -> StepRow:
    return replace(
        row,
        ms=timing.seconds * 1e3,
        mlp_ms=mlp.seconds * 1e3,
        ratio_to_mlp=timing.seconds / mlp.seconds,
        note="one call" if len(timing.calls) == 1 else "",
    )


def head_module(case: Case, backend: Backend, device: str) -> tuple[nn.Module, int]:
    """The head with its read-out, and its number of classes.

    Raises:
        NotSupported: the backend refuses the circuit.
    """
    torch.manual_seed(0)
    *others, last = CLASSES
    for n_classes in others:
        try:
            return QuantumModule(case.head, backend, case.n_inputs, n_classes).to(device), n_classes
        except NotSupported:
            continue
    return QuantumModule(case.head, backend, case.n_inputs, last).to(device), last


def matched_mlp(n_inputs: int, n_classes: int, n_parameters: int) -> nn.Module:
    """Two linear layers with a ReLU between them, as wide as brings them nearest to ``n_parameters``."""
    width = max(1, round((n_parameters - n_classes) / (n_inputs + 1 + n_classes)))
    return nn.Sequential(nn.Linear(n_inputs, width), nn.ReLU(), nn.Linear(width, n_classes))


def count(module: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def training_step(module: nn.Module, n_inputs: int, n_classes: int, batch: int, device: str) -> Step:
    """One step: logits, cross-entropy, gradients of parameters and inputs, Adam.

    The inputs ask for gradients too, as behind a backbone that learns. A backbone's circuit has as many outputs as it
    has, and may have no weights.
    """
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(batch, n_inputs, generator=generator).to(device).requires_grad_()
    with torch.no_grad():
        n_outputs = int(module(inputs).shape[1])
    labels = torch.randint(min(n_classes, n_outputs), (batch,), generator=generator).to(device)
    optimisers = [torch.optim.Adam(module.parameters(), lr=1e-3)] if any(True for _ in module.parameters()) else []
    loss_of = nn.CrossEntropyLoss()

    def step() -> Tensor:
        for optimiser in optimisers:
            optimiser.zero_grad()
        inputs.grad = None
        loss: Tensor = loss_of(module(inputs), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers:
            optimiser.step()
        return loss

    return step
