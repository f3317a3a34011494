"""How fast a quantum head is: forward and backward on every backend, and through other libraries, in one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from qplug.bench.report import AXES, Report, Row, StepRow, along, markdown
from qplug.bench.timing import Effort
from qplug.contract.errors import NotSupported

TABLE = {
    "qubits": (2, 4, 6, 8, 10, 12, 14, 16, 18),
    "batch": (1, 4, 16, 32, 64, 256, 1024),
    "layers": (1, 2, 4, 8, 16),
}
"""The sizes of ``bench_tables`` along each axis."""
BASE: dict[str, int] = {"qubits": 8, "batch": 32, "layers": 2}
"""The size from which one axis at a time departs."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Who takes part in a benchmark, and under which conditions.

    Attributes:
        settings: values of the head's other parameters.
        kind: ``backbone`` for the first circuit that a backbone holds, instead of a head's.
        backends: names; None for every installed backend that gives gradients.
        peers: whether other libraries take part.
        step: whether whole training steps are timed too.
        device: ``cpu`` or ``cuda``.
        threads: torch's CPU threads; None: as many as it takes by itself.
        patient: try everything, however long it would take.
        effort: how long to measure.
        say: is told what happens.
    """

    settings: Mapping[str, Any]
    kind: Literal["head", "backbone"] = "head"
    backends: Sequence[str] | None = None
    peers: bool = False
    step: bool = False
    device: str = "cpu"
    threads: int | None = None
    patient: bool = False
    effort: Effort = field(default_factory=Effort)
    say: Callable[[str], None] = lambda line: None


def bench(head: str, qubits: Sequence[int], layers: Sequence[int], batches: Sequence[int], options: Options) -> Report:
    """Every combination of sizes on every backend.

    Args:
        head: the name of a quantum head, or of a backbone that holds circuits, as ``options.kind`` says.
        qubits: empty for the head's default.
        layers: likewise.
        batches: samples per call.
        options: who takes part, and how.

    Raises:
        UnknownName: no head or backend has that name.
        NotSupported: the head has no circuit, or no backend gives gradients, or there is no such device.
        UserError: the head has no parameter for a size that is asked for.
    """
    from qplug.bench.sizes import Sizes

    return _report(Sizes(head, options.settings, options.kind).cases(qubits, layers, batches), head, options)


def bench_tables(head: str, axes: Mapping[str, Sequence[int]], options: Options) -> tuple[Report, str]:
    """One axis at a time from the size ``BASE``: the report, and its tables in Markdown.

    Args:
        head: the name of a quantum head, or of a backbone that holds circuits, as ``options.kind`` says.
        axes: sizes by name of axis; ``TABLE`` where an axis is missing or empty.
        options: who takes part, and how.

    Raises:
        QplugError: see ``bench``.
    """
    from qplug.bench.sizes import Sizes

    sizes, wanted = Sizes(head, options.settings, options.kind), {axis: axes.get(axis) or TABLE[axis] for axis in TABLE}
    points = [{**BASE, axis: number} for axis, numbers in wanted.items() for number in numbers]
    distinct = dict.fromkeys((point["qubits"], point["layers"], point["batch"]) for point in points)
    report = _report([sizes.case(*point) for point in distinct], head, options)
    sections = [f"`{report.conditions()}`"]
    for axis in AXES:
        fixed = ", ".join(f"{BASE[other]} {other}" if other != "batch" else f"batch {BASE[other]}"
                          for other in BASE if other != axis)  # fmt: skip
        rows = along(axis, report.rows, wanted[axis], BASE)
        sections.append(f"### By {axis} ({fixed})\n\n{markdown(axis, rows)}")
    return report, "\n\n".join(sections) + "\n"


def _report(cases: Sequence[Any], head: str, options: Options) -> Report:
    import torch

    from qplug import catalogue
    from qplug.bench import candidates, conditions, peers
    from qplug.bench.measure import Benchmark
    from qplug.bench.problem import GRADIENTS, VALUES
    from qplug.bench.training_step import training_steps

    if options.device == "cuda" and not torch.cuda.is_available():
        raise NotSupported("--device cuda was asked for, but torch finds no CUDA device here. Use --device cpu.")
    chosen, left_out = candidates.backends(options.backends)
    taking_part, elsewhere = candidates.on_devices(chosen, options.device)
    left_out |= elsewhere
    packages = [catalogue.entry("backend", name).provider for name, _ in chosen]
    if options.peers:
        others, missing = peers.peers()
        taking_part += others
        left_out |= missing
        packages += peers.packages()
    for name, reason in left_out.items():
        options.say(f"{name} does not take part: {reason}")
    benchmark = Benchmark(options.device, options.effort, patient=options.patient, say=options.say)
    with conditions.threads(options.threads) as threads:
        rows = list(benchmark.rows(taking_part, cases))
        steps = list(training_steps(benchmark, chosen, cases)) if options.step else []
    return Report(
        head=head,
        settings=dict(options.settings),
        device=options.device,
        device_name=conditions.device_name(options.device),
        threads=threads,
        versions=conditions.versions(packages),
        tolerances={"values": VALUES, "gradients": GRADIENTS},
        rows=rows,
        steps=steps,
        left_out=left_out,
    )


__all__ = ["BASE", "TABLE", "Effort", "Options", "Report", "Row", "StepRow", "bench", "bench_tables"]
