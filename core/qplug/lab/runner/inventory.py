"""A run's data as they are found: folder, samples, what makes no sample, and the split. Looked at once per run."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qplug.atomic import PARTIAL, temporary
from qplug.contract.interfaces import Sample, Unusable
from qplug.lab.config.model import RunConfig
from qplug.lab.data.code import code_hash
from qplug.lab.data.disk import UNUSED
from qplug.lab.data.folders import data_folder
from qplug.lab.data.splits import Split, make_split
from qplug.lab.pipeline.components import Components
from qplug.lab.runner.workplace import Workplace
from qplug.version import __version__


@dataclass(frozen=True)
class Inventory:
    """What a data set's folder holds.

    Attributes:
        folder: the data set's own folder.
        samples: in the data set's order.
        unusable: what makes no sample.
    """

    folder: Path
    samples: Sequence[Sample]
    unusable: Sequence[Unusable]


def inventory(config: RunConfig, components: Components, workplace: Workplace) -> Inventory:
    """The data set's folder and what it holds.

    Raises:
        DataError: there is no folder, or it is not in the expected layout.
    """
    folder = dataset_folder(config, components, workplace)
    samples, unusable = components.dataset.inventory(folder)
    return Inventory(folder, samples, unusable)


def dataset_folder(config: RunConfig, components: Components, workplace: Workplace) -> Path:
    """The data set's folder; for a smoke run, one of generated files.

    Raises:
        DataError: there is no such folder.
    """
    if config.smoke and components.dataset.capabilities.needs_folder:
        return example_folder(config, components, workplace.cache)
    named = workplace.data_dir or config.data_dir
    return data_folder(config.dataset.name, components.dataset, named, home=workplace.data)


def example_folder(config: RunConfig, components: Components, cache: Path) -> Path:
    """A folder of generated example files in the data set's official layout, made once and kept in the cache.

    It is made anew when the code of the data set's plugin changes. What older code made is removed once it was not used
    for a day, so that no run that still goes on loses its files.

    Raises:
        NotSupported: the data set makes no example.
    """
    parameters = sorted(config.dataset.parameters.items())
    made_of = repr((__version__, config.dataset.name, parameters, code_hash(components.dataset)))
    name = f"{config.dataset.name}-{hashlib.sha256(made_of.encode()).hexdigest()[:8]}"
    home = cache / "examples"
    if not (home / name).is_dir():
        home.mkdir(parents=True, exist_ok=True)
        half_written = temporary(home / name)
        half_written.mkdir()
        try:
            components.dataset.write_example(half_written)
            with contextlib.suppress(OSError):  # another process was quicker
                half_written.rename(home / name)
        finally:
            shutil.rmtree(half_written, ignore_errors=True)
    with contextlib.suppress(OSError):  # a cache that cannot be written to
        os.utime(home / name)
    _remove_old_examples(home, config.dataset.name, keep=name)
    return home / name


def _remove_old_examples(home: Path, dataset: str, *, keep: str) -> None:
    made = rf"{re.escape(dataset)}-[0-9a-f]{{8}}"
    left_by_a_kill = rf"\.{made}\.[0-9a-f]{{12}}{re.escape(PARTIAL)}"
    ours = re.compile(f"{made}|{left_by_a_kill}")
    for folder in home.iterdir():
        with contextlib.suppress(OSError):  # gone by now
            if ours.fullmatch(folder.name) and folder.name != keep and time.time() - folder.stat().st_mtime > UNUSED:
                shutil.rmtree(folder, ignore_errors=True)


def split_of(config: RunConfig, components: Components, samples: Sequence[Sample]) -> Split:
    """The split that the configuration names.

    Raises:
        UserError: no such split or fold, a split that leaks, or one whose validation part lacks a class without which
            the monitored metric is not defined.
    """
    split = make_split(
        components.dataset,
        samples,
        name=config.split,
        fold=config.fold,
        seed=config.seed,
        allow_leak=config.allow_leak,
    )
    validation = split.labels(split.parts["validation"])
    config.training.refuse_unsuited_monitor(len(split.classes), validation.tolist())
    return split
