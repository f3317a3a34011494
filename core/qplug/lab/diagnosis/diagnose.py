"""Diagnosing a head: sizes, states, gradients, frequencies, and what it sees of its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, cast

from torch import Tensor

from qplug import catalogue
from qplug.bench.conditions import threads
from qplug.bench.sizes import LAYERS, QUBITS, Case, Kind, Sizes
from qplug.bench.timing import Effort, interleaved
from qplug.bench.training_step import head_module, training_step
from qplug.circuits.spectrum import accessible
from qplug.contract.errors import NotSupported, ParameterError
from qplug.contract.interfaces import Backend
from qplug.lab.config.model import RunConfig
from qplug.lab.diagnosis import advice
from qplug.lab.diagnosis.diagnosis import Diagnosis, SizeFacts
from qplug.lab.diagnosis.draws import anywhere, as_training_starts
from qplug.lab.diagnosis.expressive import state_facts
from qplug.lab.diagnosis.plateau import Decay, fitted_decay, gradient_facts
from qplug.lab.diagnosis.prediction import predict
from qplug.lab.diagnosis.scales import Seen, scale_facts
from qplug.lab.diagnosis.seen import drawn_evenly, of_backbone, of_run, standard_normal
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.workplace import Workplace

DEFAULT_QUBITS, DEFAULT_LAYERS = (2, 4, 6, 8, 10, 12), (1, 2, 4, 8)
MOST_QUBITS = 14
GRADIENT_DRAWS, GROUPS, GROUP_STATES = 240, 8, 32
BATCH = 32


@dataclass(frozen=True)
class Asked:
    """What is to be diagnosed.

    Attributes:
        head: a quantum head's name, or that of a backbone, whose first circuit is looked at.
        settings: values of its parameters; those of the configuration, where there is one.
        qubits: sizes; None for the usual ones, where the head has a parameter for them.
        layers: likewise.
        config: a pipeline around it, for what it sees of a data set; None: standard normal inputs, or, of a backbone,
            features drawn evenly from [0, 1).
        seed: of all draws.
        kind: what ``head`` names.
    """

    head: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    qubits: Sequence[int] | None = None
    layers: Sequence[int] | None = None
    config: RunConfig | None = None
    seed: int = 0
    kind: Kind = "head"


def diagnose(asked: Asked, workplace: Workplace, reporter: Reporter) -> Diagnosis:
    """Looks at a head, at all its sizes and at what it sees; trains nothing.

    Raises:
        UnknownName: there is no such head or backbone.
        NotSupported: it has no circuit, or one that is too large.
        UserError: a size is asked for that the head has no parameter for, or data that cannot be used.
    """
    Sizes(asked.head, asked.settings, asked.kind)  # what cannot be diagnosed is refused before data are read
    backend = cast(Backend, catalogue.create("backend", catalogue.registry().defaults.training_backend))
    if asked.kind == "backbone":
        with threads(1):
            return _of_backbone(asked, workplace, backend, reporter)
    seen = None if asked.config is None else of_run(asked.config, workplace, reporter)
    sizes = Sizes(asked.head, asked.settings) if seen is None else Sizes(seen.name, seen.parameters)
    with threads(1):
        return _diagnosed(asked, sizes, seen, backend, reporter)


def _of_backbone(asked: Asked, workplace: Workplace, backend: Backend, reporter: Reporter) -> Diagnosis:
    settings = asked.settings if asked.config is None else asked.config.backbone.parameters
    sizes = Sizes(asked.head, settings, "backbone")
    if asked.config is None:
        seen = drawn_evenly(asked.head, settings, backend, seed=asked.seed)
    else:
        seen = of_backbone(asked.config, workplace, reporter)
    return _diagnosed(asked, sizes, seen, backend, reporter)


def _diagnosed(asked: Asked, sizes: Sizes, seen: Seen | None, backend: Backend, reporter: Reporter) -> Diagnosis:
    own = sizes.case(None, None, BATCH)
    _refuse_large(own)
    cases, notes = _cases(sizes, own, asked)
    if sizes.kind == "backbone":
        notes.append(
            "The rule of the prediction was tried on heads; what stands behind a backbone can make up for much."
        )
    for note in notes:
        reporter.note(note)
    reporter.stage(f"{len(cases)} size{'s' * (len(cases) != 1)} of {sizes.name}")
    measured = []
    for number, case in enumerate(cases, start=1):
        # A backbone's circuit is not shown whitened components.
        shown = seen.embeddings if seen is not None and asked.kind == "backbone" else None
        measured.append(_size(case, backend, asked.seed, shown if case.n_inputs == own.n_inputs else None))
        reporter.progress(number, len(cases))
    seen = seen or standard_normal(own.head, sizes.name, sizes.settings | _scale(own), own.n_inputs, seed=asked.seed)
    reporter.stage("scales of the angles")
    scales = scale_facts(seen, backend, seed=asked.seed, progress=reporter.progress)
    mine = next(size for size in measured if (size.n_qubits, size.n_layers) == (own.n_qubits, own.n_layers))
    decays = tuple(_decays(measured))
    decay = next((each for each in decays if each.n_layers == mine.n_layers), None)
    frequencies = accessible(own.circuit)
    return Diagnosis(
        head=sizes.name,
        kind=sizes.kind,
        settings=dict(sizes.settings),
        sizes=tuple(measured),
        own=mine,
        decays=decays,
        frequencies=frequencies,
        scales=scales,
        prediction=predict(scales.current, mine.gradients),
        advice={
            "gradients": advice.on_gradients(mine.gradients, mine.n_qubits, decay),
            "expressibility": advice.on_expressibility(mine.states, mine.n_parameters),
            "entanglement": advice.on_entanglement(mine.states, mine.n_qubits),
            "frequencies": advice.on_frequencies(frequencies),
            "saturation": advice.on_saturation(scales),
            "linearity": advice.on_linearity(scales),
            "scale": advice.on_scale(scales),
            "time": f"A training step on {BATCH} samples takes {mine.step_ms:.3g} ms on one thread.",
        },
        notes=tuple(notes),
        seed=asked.seed,
    )


def _scale(own: Case) -> dict[str, Any]:
    """The head's own scale by name, where the settings leave it at its default."""
    scale = getattr(own.head, "scale", None)
    return {"scale": scale} if isinstance(scale, (int, float)) else {}


def _refuse_large(case: Case) -> None:
    if case.n_qubits > MOST_QUBITS:
        raise NotSupported(
            f"a circuit of {case.n_qubits} qubits was asked for, but states are looked at up to {MOST_QUBITS} qubits. "
            "Diagnose a smaller one: the trend with the qubits says what becomes of larger ones."
        )


def _cases(sizes: Sizes, own: Case, asked: Asked) -> tuple[list[Case], list[str]]:
    """The sizes, small ones first, the head's own among them; and what is left out."""
    notes: list[str] = []
    qubits = _axis(sizes, "qubits", QUBITS, asked.qubits, DEFAULT_QUBITS, notes)
    layers = _axis(sizes, "layers", LAYERS, asked.layers, DEFAULT_LAYERS, notes)
    found = {(own.n_qubits, own.n_layers): own}
    for n_layers, n_qubits in product(layers, qubits):
        try:
            case = sizes.case(n_qubits, n_layers, BATCH)
            _refuse_large(case)
        except ParameterError as error:
            if asked.qubits is not None and asked.layers is not None:
                raise
            notes.append(f"{n_qubits} qubits with {n_layers} layers are left out: {error}")
            continue
        found.setdefault((case.n_qubits, case.n_layers), case)
    return [found[size] for size in sorted(found, key=lambda size: (size[1] or 0, size[0]))], notes


def _axis(
    sizes: Sizes, what: str, names: Sequence[str], asked: Sequence[int] | None, usual: Sequence[int], notes: list[str]
) -> Sequence[int | None]:
    if asked is not None:
        return asked
    if not set(names) & set(sizes.names):
        notes.append(
            f"The {sizes.kind} {sizes.name!r} has no parameter for its number of {what}, so it is looked at with those "
            "it has."
        )
        return [None]
    return usual


def _size(case: Case, backend: Backend, seed: int, among: Tensor | None) -> SizeFacts:
    n_observables = len(case.circuit.observables)
    n_draws = max(GRADIENT_DRAWS, 4 * n_observables)
    starts = as_training_starts(case.head, case.n_inputs, n_draws, seed=seed, among=among)
    spread = anywhere(case.head, case.n_inputs, GROUPS, GROUP_STATES, seed=seed + 1, among=among)
    return SizeFacts(
        n_qubits=case.n_qubits,
        n_layers=case.n_layers,
        n_parameters=starts.parameters.shape[1],
        gradients=gradient_facts(starts, backend, seed=seed + 2),
        states=state_facts(spread, GROUPS),
        step_ms=_step_ms(case, backend),
    )


def _step_ms(case: Case, backend: Backend) -> float:
    module, n_classes = head_module(case, backend, "cpu")
    step = training_step(module, case.n_inputs, n_classes, case.batch, "cpu")
    step()
    return 1e3 * min(interleaved({"step": step}, Effort(budget=0.2, rounds=5))["step"].calls)


def _decays(sizes: Sequence[SizeFacts]) -> Iterator[Decay]:
    for n_layers in dict.fromkeys(size.n_layers for size in sizes):
        mine = [size for size in sizes if size.n_layers == n_layers]
        fitted = fitted_decay(n_layers, [s.n_qubits for s in mine], [s.gradients.variance for s in mine])
        if fitted is not None:
            yield fitted
