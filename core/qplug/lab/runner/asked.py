"""What a finished run is asked again: the samples, the truth about them, and the inputs of its classifier."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from qplug.catalogue.layers import Layer
from qplug.contract.errors import ConfigError, UnknownName, some_of
from qplug.contract.interfaces import Backend, Sample
from qplug.lab.config.layers import from_file
from qplug.lab.config.model import RunConfig
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import to_layer
from qplug.lab.data.cache import Features
from qplug.lab.data.labelled import Labelled
from qplug.lab.data.splits import class_numbers, make_split
from qplug.lab.judging.view import View
from qplug.lab.pipeline.components import Components, assemble
from qplug.lab.runner.changes import refuse_changed_part
from qplug.lab.runner.inventory import Inventory, inventory
from qplug.lab.runner.loaded import Loaded, load_classifier
from qplug.lab.runner.prepare import embedded, extract
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import CONFIG, SETTINGS, RunDirectory
from qplug.lab.runs.evaluations import (
    EVALUATIONS,
)
from qplug.lab.runs.record_file import read_record

_OF_THE_DATA = ("dataset", "data_dir", "split", "fold", "smoke")


@dataclass(frozen=True)
class Asked:
    """What a run is asked again.

    Attributes:
        settings: what differs from the run's own: the table ``backend``, and of the data ``dataset``, ``data_dir``,
            ``split`` and ``fold``.
        part: which part of the split is judged.
        classes: names of the other data set's classes → the run's, where they differ.
        size: how many samples are judged, and with how many shots each a device runs them; None: all samples, or as a
            device's budget buys.
        attempt: counts the times that a device is asked the same again, each an evaluation of its own; 0 is the first.
    """

    settings: Layer = field(default_factory=dict)
    part: Literal["test", "validation"] = "test"
    classes: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int | None, int | None] = (None, None)
    attempt: int = 0

    @property
    def other_data(self) -> bool:
        """Whether another data set is judged than the run was made of."""
        return "dataset" in self.settings


@dataclass(frozen=True)
class Again:
    """A run that is judged again.

    Attributes:
        directory: the run.
        config: its configuration with what was asked.
        components: the components of that.
        loaded: the run's classifier, as it was trained.
        asked: what was asked.
        workplace: where it is judged.
    """

    directory: RunDirectory
    config: RunConfig
    components: Components
    loaded: Loaded
    asked: Asked
    workplace: Workplace

    @property
    def backend(self) -> Backend | None:
        """Where the circuits are to run; the training backend itself if the two have the same settings."""
        own = self.loaded.components
        if own.backend is own.training_backend and self.config.backend == self.loaded.config.backend:
            return own.training_backend
        return self.components.backend

    @property
    def name(self) -> str:
        """Says what was asked; the same for the same question, another for any other."""
        layer = to_layer(self.config)
        backend = layer["backend"] if self.backend is not None else {"name": "no-circuit"}
        question = {"part": self.asked.part, "backend": backend, "classes": dict(self.asked.classes)}
        if self.asked.size != (None, None):
            question["size"] = self.asked.size
        if self.asked.attempt:
            question["attempt"] = self.asked.attempt
        words = [self.asked.part, backend["name"]]
        if self.asked.other_data:
            question["data"] = {key: layer[key] for key in ("dataset", "split", "fold") if key in layer}
            words.insert(0, self.config.dataset.name)
        digest = hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode()).hexdigest()
        return "-".join([*words, digest[:8]])

    @property
    def home(self) -> Path:
        """The evaluation's folder."""
        return self.directory.path / EVALUATIONS / self.name

    @property
    def stamps(self) -> list[str]:
        """The run's own, and those of the data that are judged now."""
        from qplug.lab.runner.record import SYNTHETIC

        synthetic = self.components.dataset.capabilities.synthetic or self.config.smoke
        own = read_record(self.directory.path).stamps
        return list(dict.fromkeys([*own, *([SYNTHETIC] if synthetic else [])]))


def again_of(directory: RunDirectory, asked: Asked, workplace: Workplace, reporter: Reporter) -> Again:
    """A finished run, ready to be judged again.

    Raises:
        UserError: it is not finished, or what was asked cannot be had.
        DataError: files are missing or damaged.
    """
    return asking(directory, load_classifier(directory, reporter.warn), asked, workplace, reporter)


def asking(directory: RunDirectory, loaded: Loaded, asked: Asked, workplace: Workplace, reporter: Reporter) -> Again:
    """A finished run whose classifier was loaded before, ready for one more question."""
    config = _for_this_machine(resolve([asked.settings, _own_settings(directory, asked)]), reporter)
    return Again(directory, config, assemble(config, directory.path / SETTINGS), loaded, asked, workplace)


def _for_this_machine(config: RunConfig, reporter: Reporter) -> RunConfig:
    """The configuration, with another device where the run's is not to be had: judging needs no certain one."""
    if config.device == "cuda" and not torch.cuda.is_available():
        reporter.note("the run was made on CUDA; there is none here, so it is judged on the CPU")
        return replace(config, device="cpu")
    return config


def _own_settings(directory: RunDirectory, asked: Asked) -> Layer:
    """The run's own settings; of the data none if others are judged."""
    own = from_file(directory.path / CONFIG)
    return {key: value for key, value in own.items() if not asked.other_data or key not in _OF_THE_DATA}


def inputs(again: Again, reporter: Reporter) -> tuple[View, Labelled]:
    """The inputs of the part that is judged, and the truth about them."""
    asked, directory = again.asked, again.directory
    found = inventory(again.config, again.components, again.workplace)
    if asked.other_data:
        taken = _features_of(again, replace(found, samples=_part_of_other_data(again, found.samples)), reporter)
    else:
        chosen = _part_of_the_run(directory, found.samples, asked.part)
        taken = _features_of(again, Inventory(found.folder, chosen, ()), reporter)
        refuse_changed_part(str(directory.path), directory.read_json("split.json", whole=True), asked.part, taken)
    classes = again.loaded.classes
    labels = class_numbers(_renamed(taken.kept, asked.classes), classes)
    on = Labelled(asked.part, np.arange(len(taken.kept)), labels, taken.kept, classes)
    return View(again.loaded.model, _inputs_of_the_model(again, taken, reporter), taken.values), on


def _features_of(again: Again, found: Inventory, reporter: Reporter) -> Features:
    return extract(again.config, again.components, found, again.workplace, reporter)


def _inputs_of_the_model(again: Again, found: Features, reporter: Reporter) -> NDArray[np.float32]:
    model = again.loaded.model
    if not model.frozen_front:
        return found.values
    return embedded(again.config, again.components, model.front.eval(), found, again.workplace.cache, reporter)


def _part_of_the_run(directory: RunDirectory, samples: Sequence[Sample], part: str) -> list[Sample]:
    ids = set(directory.read_json("split.json", whole=True)["parts"][part])
    found = [sample for sample in samples if sample.id in ids]
    if len(found) < len(ids):
        missing = sorted(ids - {sample.id for sample in found})
        raise ConfigError(
            f"{directory.path} was judged on {len(ids)} {part} samples; {len(missing)} of them are no longer there "
            f"({some_of(missing, 3)}). Put them back, or name the folder that has them with --data-dir."
        )
    return found


def _part_of_other_data(again: Again, samples: Sequence[Sample]) -> tuple[Sample, ...]:
    config, dataset = again.config, again.components.dataset
    theirs = dataset.classes or sorted({sample.label for sample in samples})
    _refuse_other_classes(config.dataset.name, theirs, again.loaded.classes, again.asked.classes)
    split = make_split(
        dataset, samples, name=config.split, fold=config.fold, seed=config.seed, allow_leak=config.allow_leak
    )
    return split.parts[again.asked.part]


def _refuse_other_classes(name: str, theirs: Sequence[str], ours: Sequence[str], classes: Mapping[str, str]) -> None:
    for left, right in classes.items():
        if left not in theirs:
            raise UnknownName.of(f"class of {name}", left, theirs)
        if right not in ours:
            raise UnknownName.of("class of the run", right, ours)
    strange = [label for label in theirs if classes.get(label, label) not in ours]
    if strange:
        raise ConfigError(
            f"{name} has {len(strange)} of {len(theirs)} classes that the run does not know: {', '.join(strange)}. "
            f"The run's classes are {', '.join(ours)}. Say which is which with --map {strange[0]}=NAME, or leave "
            "classes out with a parameter of the data set."
        )


def _renamed(samples: Sequence[Sample], classes: Mapping[str, str]) -> list[Sample]:
    return [replace(sample, label=classes.get(sample.label, sample.label)) for sample in samples]
