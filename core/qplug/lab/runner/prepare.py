"""A run's data: indexed, split, turned into features, normalised on the training part."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from qplug.contract.errors import some_of
from qplug.contract.interfaces import Backbone, Modality, Part, Sample, Unusable
from qplug.lab.acquire.weights import obtain
from qplug.lab.atomic import PARTIAL, temporary
from qplug.lab.config.model import RunConfig
from qplug.lab.config.toml import to_layer
from qplug.lab.data.cache import Features, features, settings_hashes
from qplug.lab.data.code import code_hash
from qplug.lab.data.disk import UNUSED
from qplug.lab.data.embeddings import embeddings
from qplug.lab.data.fingerprint import duplicates, duplicates_across_parts
from qplug.lab.data.folders import cache_folder, data_folder
from qplug.lab.data.labelled import Labelled
from qplug.lab.data.likeness import Alike, alike_across_parts
from qplug.lab.data.normalise import fit_normalise
from qplug.lab.data.prints import prints
from qplug.lab.data.remarks import folder_remarks
from qplug.lab.data.row_source import resolve_device
from qplug.lab.data.silence import empty_samples
from qplug.lab.data.splits import Split, make_split
from qplug.lab.pipeline.classifier import Front, build_backbone
from qplug.lab.pipeline.parts import Parts
from qplug.lab.runner.reporter import Reporter
from qplug.version import __version__


@dataclass(frozen=True)
class Prepared:
    """Everything about a run's data that training and judging need.

    Attributes:
        split: the parts.
        features: the features of all samples that could be used.
        normalise: fitted on the training part.
        labels: (sample,) class numbers, in the features' order.
        rows: which rows of the features belong to each part.
        warnings: what a reader of the results should know.
    """

    split: Split
    features: Features
    normalise: nn.Module
    labels: NDArray[np.int64]
    rows: Mapping[Part, NDArray[np.int64]]
    warnings: tuple[str, ...]

    def samples(self, part: Part) -> Sequence[Sample]:
        """The samples of a part, in the order of its rows."""
        return [self.features.kept[row] for row in self.rows[part]]

    def labelled(self, part: Part) -> Labelled:
        """A part as it is judged."""
        rows = self.rows[part]
        return Labelled(part, rows, self.labels[rows], self.samples(part), tuple(self.split.classes))


def index(config: RunConfig, parts: Parts) -> tuple[Path, list[Sample]]:
    """The data set's folder and its samples; what makes no sample is left to ``prepare``, which reports all faults.

    Raises:
        DataError: there is no folder, or it is not in the expected layout.
    """
    folder = dataset_folder(config, parts)
    samples, _ = parts.dataset.inventory(folder)
    return folder, samples


def dataset_folder(config: RunConfig, parts: Parts) -> Path:
    """The data set's folder; for a smoke run, one of generated files.

    Raises:
        DataError: there is no such folder.
    """
    if config.smoke and parts.dataset.capabilities.needs_folder:
        return example_folder(config, parts)
    return data_folder(config.dataset.name, parts.dataset, config.data_dir)


def example_folder(config: RunConfig, parts: Parts) -> Path:
    """A folder of generated example files in the data set's official layout, made once and kept in the cache.

    It is made anew when the code of the data set's plugin changes. What older code made is removed once it was not used
    for a day, so that no run that still goes on loses its files.

    Raises:
        NotSupported: the data set makes no example.
    """
    parameters = sorted(config.dataset.parameters.items())
    made_of = repr((__version__, config.dataset.name, parameters, code_hash(parts.dataset)))
    name = f"{config.dataset.name}-{hashlib.sha256(made_of.encode()).hexdigest()[:8]}"
    home = cache_folder() / "examples"
    if not (home / name).is_dir():
        home.mkdir(parents=True, exist_ok=True)
        half_written = temporary(home / name)
        half_written.mkdir()
        try:
            parts.dataset.write_example(half_written)
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


def split_of(config: RunConfig, parts: Parts, samples: Sequence[Sample]) -> Split:
    """The split that the configuration names.

    Raises:
        UserError: no such split or fold, a split that leaks, or one whose validation part lacks a class without which
            the monitored metric is not defined.
    """
    split = make_split(
        parts.dataset,
        samples,
        name=config.split,
        fold=config.fold,
        seed=config.seed,
        allow_leak=config.allow_leak,
    )
    validation = split.labels(split.parts["validation"])
    config.training.refuse_unsuited_monitor(len(split.classes), validation.tolist())
    return split


def prepare(config: RunConfig, parts: Parts, reporter: Reporter) -> Prepared:
    """Indexes, splits and extracts, or takes the features from the cache.

    Raises:
        DataError: files are missing or damaged or make no sample.
        LeakError: a group stands in two parts.
    """
    folder = dataset_folder(config, parts)
    samples, unusable = parts.dataset.inventory(folder)
    split = split_of(config, parts, samples)
    remarks = folder_remarks(parts.dataset, folder)
    for remark in remarks:
        reporter.note(f"data: {remark}")
    extracted = extract(config, parts, folder, samples, unusable, reporter)
    if extracted.skipped:
        split = split.keep(extracted.kept)
    modality = parts.dataset.capabilities.modality
    alike = _alike(config, parts, extracted, split)
    empty = _empty(empty_samples(extracted, parts.features), modality)
    training = split.training(extracted.values, extracted.kept)
    return Prepared(
        split=split,
        features=extracted,
        normalise=fit_normalise(training, parts.features.shared_axes),
        labels=split.labels(extracted.kept),
        rows={part: split.indices(extracted.kept, part) for part in ("train", "validation", "test")},
        warnings=(
            *remarks,
            *split.warnings,
            *_skipped(extracted),
            *empty,
            *_duplicates(extracted, split, modality),
            *alike,
        ),
    )


def extract(
    config: RunConfig,
    parts: Parts,
    folder: Path,
    samples: Sequence[Sample],
    unusable: Sequence[Unusable],
    reporter: Reporter,
) -> Features:
    """The features of some samples of the run's data set, cached ones from the cache.

    Args:
        config: the run.
        parts: its components.
        folder: the data set's folder.
        samples: what to extract.
        unusable: what of the data set makes no sample; reported together with the files that cannot be read.
        reporter: told what goes on.

    Raises:
        DataError: files are missing or damaged, unless the run leaves these out.
    """
    reporter.stage(f"features of {len(samples)} samples")
    return features(
        parts.dataset,
        parts.features,
        samples,
        identity=_identity(config),
        title=config.dataset.name,
        folder=folder,
        cache=cache_folder(),
        unusable=unusable,
        on_bad_file=config.on_bad_file,
        progress=reporter.progress,
    )


def learnt_network(config: RunConfig, parts: Parts, reporter: Reporter) -> nn.Module:
    """The backbone's network with its learnt weights, which are downloaded first if they are not there.

    Raises:
        NotSupported: the features do not fit it.
        DataError: the weights are damaged or for another network; the message names the first key.
        QplugError: they cannot be downloaded; the message says where to put the file by hand.
    """
    weights = _weights_path(config, parts.backbone, reporter)
    return build_backbone(parts.backbone, parts.features.shape, seed=config.seed, weights=weights)


def _weights_path(config: RunConfig, backbone: Backbone, reporter: Reporter) -> Path | None:
    declared = backbone.weights_file()
    if declared is None:
        return None

    def progress(what: str, done: int, total: int | None) -> None:
        if total is not None:
            reporter.progress(done, total)

    def tell(text: str) -> None:
        reporter.note(text)
        reporter.stage("downloading weights, bytes")

    return obtain(declared, config.backbone.name, tell=tell, progress=progress)


def embedded(config: RunConfig, parts: Parts, front: Front, found: Features, reporter: Reporter) -> NDArray[np.float32]:
    """The embeddings (sample, n_features) of all features behind a frozen front, cached ones from the cache."""
    reporter.stage(f"embeddings of {len(found.kept)} samples")
    return embeddings(
        front,
        found,
        identity={"backbone": to_layer(config)["backbone"], **settings_hashes(parts.backbone)},
        cache=cache_folder(),
        device=resolve_device(config.device),
        progress=reporter.progress,
    )


def _duplicates(extracted: Features, split: Split, modality: Modality) -> Iterator[str]:
    found = duplicates_across_parts(duplicates(extracted.kept, extracted.digests), split)
    if found:
        some = "; ".join(" = ".join(duplicate.ids[:3]) for duplicate in found[:3])
        noun = "recording" if modality == "audio" else "image"
        many = f"{noun} stands" if len(found) == 1 else f"{noun}s stand"
        yield f"{len(found)} {many} in more than one part under different names ({some})"


def _alike(config: RunConfig, parts: Parts, extracted: Features, split: Split) -> Iterator[str]:
    """Copies that ``_duplicates`` does not see, by prints that do not depend on the run's features."""
    modality = parts.dataset.capabilities.modality
    if parts.dataset.capabilities.synthetic:
        return  # what is generated holds no copies of anything
    found = prints(parts.dataset, extracted.kept, name=config.dataset.name, cache=cache_folder())
    digests = {sample.id: digest for sample, digest in zip(extracted.kept, extracted.digests, strict=True)}
    pairs = alike_across_parts(found.values, found.kept, split, modality)
    pairs = [pair for pair in pairs if digests[pair.ids[0]] != digests[pair.ids[1]]]
    if pairs:
        some = "; ".join(_pair(pair) for pair in pairs[:3])
        noun, sound = ("recording", "sound") if modality == "audio" else ("image", "look")
        many = f"{noun} {sound}s" if len(pairs) == 1 else f"{noun}s {sound}"
        yield f"{len(pairs)} {many} like one of another part, as copies stored with loss do ({some})"


def _pair(pair: Alike) -> str:
    one, other = (f"{id_} in {part}" for id_, part in zip(pair.ids, pair.parts, strict=True))
    return f"{one} ≈ {other}, {pair.likeness:.2f}"


def _skipped(extracted: Features) -> Iterator[str]:
    if extracted.skipped:
        n_samples = len(extracted.kept) + len(extracted.skipped)
        names = ", ".join(f"{entry.id} ({entry.reason})" for entry in extracted.skipped[:5])
        more = f", and {len(extracted.skipped) - 5} more, see split.json" if len(extracted.skipped) > 5 else ""
        verb = "was" if len(extracted.skipped) == 1 else "were"
        yield f"{len(extracted.skipped)} of {n_samples} samples {verb} skipped: {names}{more}"


def _empty(samples: Sequence[Sample], modality: Modality) -> Iterator[str]:
    if samples:
        noun, what = ("recording", "silent") if modality == "audio" else ("image", "black")
        many = f"{noun} is" if len(samples) == 1 else f"{noun}s are"
        yield f"{len(samples)} {many} {what} ({some_of([sample.id for sample in samples], 5)})"


def _identity(config: RunConfig) -> Mapping[str, Any]:
    """What features depend on beside the signals themselves: data set and extractor with their parameters."""
    layer = to_layer(config)
    return {"dataset": layer["dataset"], "features": layer["features"]}
