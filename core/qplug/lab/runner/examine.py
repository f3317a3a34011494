"""The first stage of a run: its configuration becomes components, samples, a split and a network, or is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from torch import nn

from qplug import catalogue
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backbone, RemoteBackend
from qplug.hooks import Hooks
from qplug.lab.acquire.weights import obtain
from qplug.lab.config.model import RunConfig
from qplug.lab.data.splits import Split
from qplug.lab.data.workers import blas_on, environment
from qplug.lab.pipeline.classifier import Classifier, build_backbone
from qplug.lab.pipeline.components import Components, assemble
from qplug.lab.pipeline.describe import Description, blank_classifier, describe
from qplug.lab.pipeline.memory import refuse_large_batches
from qplug.lab.pipeline.placing import place_in_backbone
from qplug.lab.pipeline.suspects import suspects
from qplug.lab.runner.code import code_of
from qplug.lab.runner.inventory import Inventory, inventory, split_of
from qplug.lab.runner.refusals import refuse_small_parts
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.workplace import Workplace
from qplug.lab.training.devices import check_devices, per_device
from qplug.variables import thread_variables

THREADS = ((2**20, 1), (2**24, 2))
"""Batches of fewer feature values than the first number are computed on so many threads; larger ones on four."""


@dataclass(frozen=True)
class Examined:
    """A run about which all is known that can be known before anything is computed.

    Attributes:
        config: the configuration with split, fold, folder, threads and device written out.
        components: its components.
        inventory: what the data set's folder holds.
        split: which sample stands in which part.
        model: the classifier with learnt weights where the backbone has any, untrained, without normalisation.
        description: its steps with their shapes, and its parameter counts.
        code: of each part, where its code comes from and its SHA-256.
        hooks: the hook plugins of this run.
        workplace: where it is worked on.
    """

    config: RunConfig
    components: Components
    inventory: Inventory
    split: Split
    model: Classifier
    description: Description
    code: Mapping[str, Mapping[str, str]]
    hooks: Hooks
    workplace: Workplace


def examine(
    config: RunConfig,
    workplace: Workplace,
    reporter: Reporter,
    components: Components | None = None,
    found: Inventory | None = None,
) -> Examined:
    """Looks at all of a run that can be looked at before work begins: data, split, weights, components, machine.

    Learnt weights are read here, once, and downloaded if need be.

    Args:
        config: what runs.
        workplace: where.
        reporter: told of downloads.
        components: its components; None: as the configuration names them.
        found: what its data set's folder holds; None: it is looked at.

    Raises:
        UserError: something was asked that cannot be done.
        PluginError: a component raised while it was looked at.
    """
    components = components or assemble(config)
    with catalogue.naming_faults(suspects(config, components), "the run was examined"):
        return _examined(config, workplace, reporter, components, found)


def _examined(
    config: RunConfig, workplace: Workplace, reporter: Reporter, components: Components, found: Inventory | None
) -> Examined:
    if components.backend is not None and components.backend.capabilities.remote:
        cast(RemoteBackend, components.backend).check()
    asked = None if components.training is None else components.training.asked
    if asked is not None and asked is not components.backend and asked.capabilities.remote:
        cast(RemoteBackend, asked).check()
    device = check_devices(config.training, config.device)
    refuse_head_first_behind_frozen(config, components)
    found = found or inventory(config, components, workplace)
    split = split_of(config, components, found.samples)
    threads = config.threads or suitable_threads(config.training.batch_size * math.prod(components.features.shape))
    batch = per_device(config.training, device, len(split.parts["train"]))
    # Each thread has scratch memory of its own, and where there is little to do many of them cost more than they do.
    with computing_on(threads):
        model = blank_classifier(config, components, learnt_network(config, components, workplace, reporter))
        description = describe(config, components, model)
        refuse_small_parts(config, components, split, description)
        refuse_large_batches(components, description, batch, torch.device(device))
    resolved = replace(
        config,
        split=split.name,
        fold=split.fold,
        data_dir=found.folder.resolve() if components.dataset.capabilities.needs_folder else None,
        device=device,
        threads=threads,
    )
    code = code_of(resolved, components)
    hooks = catalogue.hooks(workplace.loggers)
    return Examined(resolved, components, found, split, model, description, code, hooks, workplace)


def refuse_head_first_behind_frozen(config: RunConfig, components: Components) -> None:
    """Refuses a phase in which the head alone learns where nothing else ever does.

    Raises:
        NotSupported: ``training.head_epochs`` is set and the backbone is frozen.
    """
    if config.training.head_epochs and components.backbone.frozen:
        raise NotSupported(
            f"training.head_epochs is {config.training.head_epochs}, but backbone {config.backbone.name!r} is frozen, "
            "so the head alone is trained anyway. Leave training.head_epochs out and set training.epochs."
        )


def suitable_threads(batch_values: int) -> int:
    """How many CPU threads suit a batch of that many feature values, whatever machine this is.

    The number is part of a run's configuration, because sums over several threads round differently: a run gives the
    same numbers on a machine with more cores. On small batches a second thread gains little, and on a busy machine it
    costs several times what it gains.
    """
    return next((threads for values, threads in THREADS if batch_values < values), 4)


@contextmanager
def computing_on(n_threads: int | None) -> Iterator[None]:
    """Inside, torch and the libraries below numpy and scikit-learn compute on so many threads; None: as before.

    A library that is first loaded inside takes its number from the environment.
    """
    before = torch.get_num_threads()
    n = n_threads or before
    with environment(thread_variables(n)), blas_on(n):
        torch.set_num_threads(n)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def learnt_network(config: RunConfig, components: Components, workplace: Workplace, reporter: Reporter) -> nn.Module:
    """The backbone's network with its learnt weights, which are downloaded first if they are not there.

    Raises:
        NotSupported: the features do not fit it.
        DataError: the weights are damaged or for another network; the message names the first key.
        QplugError: they cannot be downloaded; the message says where to put the file by hand.
    """
    weights = _weights_path(config, components.backbone, workplace, reporter)
    place = place_in_backbone(components)
    return build_backbone(
        components.backbone, components.features.shape, seed=config.seed, weights=weights, place=place
    )


def _weights_path(config: RunConfig, backbone: Backbone, workplace: Workplace, reporter: Reporter) -> Path | None:
    declared = backbone.weights_file()
    if declared is None:
        return None

    def progress(what: str, done: int, total: int | None) -> None:
        if total is not None:
            reporter.progress(done, total)

    def tell(text: str) -> None:
        reporter.note(text)
        reporter.stage("downloading weights, bytes")

    return obtain(declared, config.backbone.name, home=workplace.data, tell=tell, progress=progress)
