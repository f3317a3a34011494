"""What stands on the page, as plain text and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from qplug import catalogue
from qplug.contract.circuit import Circuit
from qplug.lab.measures import METRICS, percent
from qplug.lab.report.source import FinishedRun
from qplug.lab.runs.run_record import RunRecord, Scores, Torch

Rows = list[tuple[str, str]]
"""Names with values."""


@dataclass(frozen=True)
class Step:
    """A row of the pipeline's table."""

    kind: str
    name: str
    shape: str
    computed: str
    parameters: Rows


@dataclass(frozen=True)
class CircuitFacts:
    """What is said about a circuit."""

    name: str
    facts: Rows
    gates: Rows


def sentence(run: FinishedRun) -> str:
    """What was run and what came of it, in one sentence."""
    record, test = run.record, run.record.test
    low, high = test.accuracy_interval
    circuits = list(run.circuits.values())
    what = f"a classifier with head {record.head}"
    if circuits:
        sizes = " and ".join(str(circuit.n_qubits) for circuit in circuits)
        what += f" (circuit of {sizes} qubits)" if len(circuits) == 1 else f" (circuits of {sizes} qubits)"
    return (
        f"On {record.dataset} ({which_split(run)}), {what} puts {percent(test.accuracy)} of {test.n:,} "
        f"test samples into the right one of {len(test.per_class)} classes "
        f"(95 % interval {percent(low)} to {percent(high)})."
    )


def which_split(run: FinishedRun) -> str:
    """The split, and which of its folds is the test part."""
    split, fold = run.record.split.name, run.record.split.fold
    if fold is None:
        return f"split {split}"
    return f"split {split}, fold {fold}" + (f" of {len(run.fold_set.numbers)}" if run.fold_set else "")


def over_all_folds(run: FinishedRun) -> str:
    """The mean over the set of folds that the run belongs to; empty if there is none, or it is unfinished."""
    found = run.fold_set
    if found is None or not found.test:
        return ""
    numbers = [
        f"{METRICS[key].title} {percent(found.test[key][0])} ± {percent(found.test[key][1])}"
        for key in ("accuracy", "balanced_accuracy")
        if key in found.test
    ]
    return (
        f"This is fold {run.record.split.fold} of the {len(found.numbers)} in {found.name}. Over all of them, "
        f"mean and standard deviation on the test parts: {', '.join(numbers)}."
    )


def tiles(run: FinishedRun) -> list[tuple[str, str, str]]:
    """The numbers that are seen first: name, value, and a line below."""
    test, parameters = run.record.test, run.record.training.parameters
    low, high = test.accuracy_interval
    balanced, loss = METRICS["balanced_accuracy"], METRICS["cross_entropy"]
    quantum = f"{parameters.quantum:,} in circuits" if parameters.quantum else "no circuit"
    return [
        ("test accuracy", percent(test.accuracy), f"95 % interval {percent(low)} to {percent(high)}"),
        (
            balanced.title,
            percent(test.balanced_accuracy),
            f"always the same class: {percent(chance(test))}",
        ),
        (loss.title, loss.written(test.cross_entropy), f"{loss.unit}; {loss.better} is better"),
        ("trained weights", f"{parameters.trainable:,}", quantum),
    ]


def chance(test: Scores) -> float:
    """The balanced accuracy of whoever always answers the same."""
    occurring = [name for name, row in test.per_class.items() if row.support]
    return 1 / max(1, len(occurring))


def scores(run: FinishedRun) -> list[tuple[str, str, str]]:
    """Each metric with its value on validation and test."""
    validation, test = run.record.validation, run.record.test
    rows = [
        (metric.title, metric.written(getattr(validation, key)), metric.written(getattr(test, key)))
        for key, metric in METRICS.items()
        if key in test.model_fields_set
    ]
    interval = ("95 % interval of accuracy", _interval(validation), _interval(test))
    return [rows[0], interval, *rows[1:]]


def _interval(part: Scores) -> str:
    low, high = part.accuracy_interval
    return f"{percent(low)} to {percent(high)}"


def classes(run: FinishedRun) -> list[tuple[str, float, float, float, int]]:
    """Each class with precision, recall, F1 and the number of its test samples."""
    return [(name, row.precision, row.recall, row.f1, row.support) for name, row in run.record.test.per_class.items()]


def pipeline(run: FinishedRun) -> list[Step]:
    """The way of the data, each step with all its parameters."""
    tables = iter(_components(run.record.configuration))
    found = []
    for step in run.record.training.pipeline:
        kind = step.kind
        parameters = next((table for name, table in tables if name == kind), {}) if kind != "logits" else {}
        learnt = f"{step.trainable:,} weights" if step.trainable else ""
        computed = " · ".join(filter(None, (step.computed, learnt, step.note)))
        shape = " × ".join(str(size) for size in step.shape)
        found.append(Step(kind, step.name, shape, computed, list(parameters_of(parameters))))
    return found


def table_of(record: RunRecord, name: str) -> Mapping[str, Any]:
    """A table of the run's configuration; empty if it has none of that name."""
    table = record.configuration.get(name)
    return table if isinstance(table, dict) else {}


def _components(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The tables of ``run.toml`` in the order of the data's way."""
    for kind in ("features", "backbone"):
        yield kind, config.get(kind, {})
    for branch in config.get("branch", [config]):
        for kind in ("reducer", "head"):
            yield kind, branch.get(kind, {})


def parameters_of(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The parameters of a component. A file is named without its folder, which says more about a machine than a run."""
    for name, value in table.items():
        if name != "name":
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield name, PurePath(text).name if isinstance(value, str) and PurePath(text).is_absolute() else text


def training(run: FinishedRun) -> Rows:
    """How training went."""
    facts = run.record.training
    ended = ", stopped early" if facts.stopped_early else ""
    rows = [("time", f"{facts.seconds:.1f} s")]
    if facts.epochs:
        rows.append(("epochs", f"{facts.epochs}{ended}; number {facts.best_epoch} was kept"))
    if table_of(run.record, "training").get("learn_branch_weights"):
        rows.append(("learnt factors of the branches", ", ".join(f"{one:.3g}" for one in facts.branch_weights)))
    return rows


def options(run: FinishedRun) -> Rows:
    """How it was trained."""
    return [(name.replace("_", " "), text) for name, text in parameters_of(table_of(run.record, "training"))]


def circuit_facts(run: FinishedRun) -> list[CircuitFacts]:
    """What there is to say about each circuit."""
    return [_circuit(name, circuit) for name, circuit in run.circuits.items()]


def _circuit(name: str, circuit: Circuit) -> CircuitFacts:
    sizes = [len(gate.wires) for gate in circuit.gates]
    facts = [
        ("qubits", str(circuit.n_qubits)),
        ("depth", str(circuit.depth)),
        ("gates", str(len(sizes))),
        ("on one qubit", str(sizes.count(1))),
        ("on two qubits", str(sizes.count(2))),
        ("encoding angles", str(circuit.n_encoding)),
        ("weight angles", str(circuit.n_weights)),
        ("observables", str(len(circuit.observables))),
    ]
    if any(size > 2 for size in sizes):
        facts.insert(5, ("on more", str(sum(size > 2 for size in sizes))))
    return CircuitFacts(name, facts, [(gate, str(count)) for gate, count in circuit.gate_counts.items()])


def where_circuits_ran(run: FinishedRun) -> str:
    """On what the circuits ran, without any doubt left."""
    judged, facts = run.record.judgement("test"), run.record.training
    backend, trained_on = judged.backend, facts.trained_on
    seconds = f"Training took {facts.seconds:.1f} s."
    if judged.hardware and backend == trained_on:
        return f"Trained and judged on a device through {backend}. {seconds}"
    if judged.hardware:
        return (
            f"Trained on the simulator {trained_on}; the test part was judged on a device through {backend}. {seconds}"
        )
    if trained_on is not None and trained_on != run.record.judgement("validation").backend:
        return (
            f"{trained_on} was asked for the values of each training step (what was sent stands in the folder "
            f"training); the trained circuit was judged on {backend}, a simulator. {seconds}"
        )
    both = f"on {trained_on} in training and on {backend} for the test part"
    where = f"on {backend}" if backend == trained_on else both
    if judged.modelled_noise:
        settings = ", ".join(f"{name} {text}" for name, text in parameters_of(judged.settings))
        where += f" with modelled noise, a fake device ({settings})"
    return f"The circuit was simulated on an ordinary computer, {where}; no quantum device took part. {seconds}"


def parts(run: FinishedRun) -> list[tuple[str, str, str]]:
    """Each part of the split: its name, size, and the SHA-256 of its ids."""
    split = run.record.split
    return [(name, f"{size:,}", split.hashes.get(name, "–")) for name, size in split.sizes.items()]


def split_notes(run: FinishedRun) -> Rows:
    """What a reader must know about the split."""
    split = run.record.split
    shared = split.n_shared_groups
    rows = [
        ("split", f"{split.name}: {split.description}"),
        ("official", "yes, as the data set's authors give it" if split.official else "no"),
        ("groups", f"{shared} stand in more than one part" if shared else "none stands in more than one part"),
        ("SHA-256 of all parts", split.hashes.get("all", "–")),
    ]
    if split.leak:
        rows.append(("LEAKY", split.leak))
    if split.fold is not None:
        rows.insert(1, ("fold", str(split.fold)))
    if split.n_left_out:
        rows.append(("left out", f"{split.n_left_out:,} samples"))
    return rows


def data_notes(run: FinishedRun) -> Rows:
    """Whose data they are, as far as the registry knows."""
    name = run.record.dataset
    known = catalogue.registry().components.get(("dataset", name))
    if known is None:
        return [("data set", name)]
    rows = [("data set", f"{name}: {known.summary}"), ("source", known.paper), ("licence", known.licence)]
    return [(key, value) for key, value in rows if value]


def environment(run: FinishedRun) -> Rows:
    """What it ran on, without the packages."""
    found = run.record.environment
    torch, git = found.torch or Torch(), found.git
    rows = [
        ("qplug", found.qplug),
        ("Python", f"{found.python} ({found.implementation})"),
        ("platform", found.platform),
        (
            "processor",
            f"{found.cpu}, {found.cpu_count} logical cores, {torch.threads} used by torch",
        ),
        ("GPU", ", ".join(torch.devices) or "none"),
        ("git commit", f"{git.commit}{' with changes' if git.changed else ''}" if git else None),
        ("seed", run.record.seed),
    ]
    return [(name, str(value)) for name, value in rows if value is not None]


def packages(run: FinishedRun) -> Sequence[tuple[str, str]]:
    """Name and version of the packages that were installed."""
    return list(run.record.environment.packages.items())


def loading(run: FinishedRun) -> str:
    """Python that loads the run's model and classifies a file."""
    example = "new.png" if run.record.modality == "image" else "new.wav"
    return (
        "from qplug import load_run\n\n"
        f'run = load_run("{run.name}")\n'
        "print(run.classes, run.model)\n"
        f'for answer in run.predict(["{example}"]):\n'
        '    print(answer["file"], answer["label"], answer["probabilities"])\n'
    )
