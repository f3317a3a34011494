"""The second stage of a run: features of all samples, normalised on the training part."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from qplug.contract.errors import some_of
from qplug.contract.interfaces import Modality, Part, Sample
from qplug.lab.config.model import RunConfig
from qplug.lab.config.toml import to_layer
from qplug.lab.data.cache import Features, features, settings_hashes
from qplug.lab.data.copies import copies_across_parts
from qplug.lab.data.embeddings import embeddings
from qplug.lab.data.fingerprint import duplicates, duplicates_across_parts, identity_hash
from qplug.lab.data.labelled import Labelled
from qplug.lab.data.likeness import Alike
from qplug.lab.data.normalise import fit_normalise
from qplug.lab.data.remarks import folder_remarks
from qplug.lab.data.row_source import resolve_device
from qplug.lab.data.silence import empty_samples
from qplug.lab.data.splits import Split
from qplug.lab.pipeline.classifier import Front
from qplug.lab.pipeline.components import Components
from qplug.lab.runner.examine import Examined
from qplug.lab.runner.inventory import Inventory
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.workplace import Workplace


@dataclass(frozen=True)
class Prepared:
    """Everything about a run's data that training and judging need.

    Attributes:
        split: the parts.
        features: the features of all samples that could be used.
        normalise: fitted on the training part.
        labels: (sample,) class numbers, in the features' order.
        positions: where the samples of each part stand in the features.
        warnings: what a reader of the results should know.
    """

    split: Split
    features: Features
    normalise: nn.Module
    labels: NDArray[np.int64]
    positions: Mapping[Part, NDArray[np.int64]]
    warnings: tuple[str, ...]

    def samples(self, part: Part) -> Sequence[Sample]:
        """The samples of a part, in the order of its positions."""
        return [self.features.kept[row] for row in self.positions[part]]

    def labelled(self, part: Part) -> Labelled:
        """A part as it is judged."""
        chosen = self.positions[part]
        return Labelled(part, chosen, self.labels[chosen], self.samples(part), tuple(self.split.classes))


def prepare(examined: Examined, reporter: Reporter) -> Prepared:
    """Extracts the features of what was examined, or takes them from the cache.

    Raises:
        DataError: files are damaged or make no sample.
        LeakError: a group stands in two parts.
    """
    components, split, found = examined.components, examined.split, examined.inventory
    remarks = folder_remarks(components.dataset, found.folder)
    for remark in remarks:
        reporter.note(f"data: {remark}")
    extracted = extract(examined.config, components, found, examined.workplace, reporter)
    if extracted.skipped:
        split = split.keep(extracted.kept)
    modality = components.dataset.capabilities.modality
    alike = _alike(examined, extracted, split)
    empty = _empty(empty_samples(extracted, components.features), modality)
    training = split.training(extracted.values, extracted.kept)
    normalise = fit_normalise(training, components.features.shared_axes)
    return Prepared(
        split=split,
        features=extracted,
        normalise=normalise,
        labels=split.labels(extracted.kept),
        positions={part: split.indices(extracted.kept, part) for part in ("train", "validation", "test")},
        warnings=(
            *remarks,
            *split.warnings,
            *_skipped(extracted),
            *empty,
            *_duplicates(extracted, split, modality),
            *alike,
            *_remarks_of_backbone(examined, normalise, next(iter(training.chunks(_REMARKED_ON)))),
        ),
    )


_REMARKED_ON = 64
"""So many training samples show a backbone what features it is given."""


def _remarks_of_backbone(examined: Examined, normalise: nn.Module, features: NDArray[np.float32]) -> tuple[str, ...]:
    """What a backbone with circuits warns of, whether its embeddings will be computed or come from the cache."""
    if not examined.components.backbone.capabilities.quantum:
        return ()
    network = examined.model.front.backbone
    was_training = network.training
    with warnings.catch_warnings(record=True) as told, torch.no_grad():
        warnings.simplefilter("always")
        network.eval()(normalise(torch.from_numpy(np.array(features))))
    network.train(was_training)
    return tuple(dict.fromkeys(str(each.message) for each in told if each.category is UserWarning))


def extract(
    config: RunConfig, components: Components, found: Inventory, workplace: Workplace, reporter: Reporter
) -> Features:
    """The features of some samples of the run's data set, cached ones from the cache.

    Args:
        config: the run.
        components: its components.
        found: what to extract; what makes no sample is reported together with the files that cannot be read.
        workplace: where it is done.
        reporter: told what goes on.

    Raises:
        DataError: files are missing or damaged, unless the run leaves these out.
    """
    reporter.stage(f"features of {len(found.samples)} samples")
    return features(
        components.dataset,
        components.features,
        found.samples,
        identity=_identity(config),
        title=config.dataset.name,
        folder=found.folder,
        cache=workplace.cache,
        most_workers=workplace.workers,
        unusable=found.unusable,
        on_bad_file=config.on_bad_file,
        progress=reporter.progress,
    )


def embedded(
    config: RunConfig, components: Components, front: Front, found: Features, cache: Path, reporter: Reporter
) -> NDArray[np.float32]:
    """The embeddings (sample, n_features) of all features behind a frozen front, cached ones from the cache."""
    reporter.stage(f"embeddings of {len(found.kept)} samples")
    return embeddings(
        front,
        found,
        identity={"backbone": to_layer(config)["backbone"], **settings_hashes(components.backbone)},
        cache=cache,
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


_SEEN: dict[tuple[str, str, str], tuple[str, ...]] = {}
"""What was said of the last splits in this process: many runs of a comparison share one, and looking takes a second."""
_MOST_SEEN = 256


def _alike(examined: Examined, extracted: Features, split: Split) -> tuple[str, ...]:
    """Copies that ``_duplicates`` does not see, by prints that do not depend on the run's features."""
    if examined.components.dataset.capabilities.synthetic:
        return ()  # what is generated holds no copies of anything
    ids = [sample.id for sample in extracted.kept]
    key = (
        examined.config.dataset.name,
        identity_hash({"ids": ids, "files": list(extracted.digests)}),
        split.hashes["all"],
    )
    if key not in _SEEN:
        while len(_SEEN) >= _MOST_SEEN:
            _SEEN.pop(next(iter(_SEEN)))
        _SEEN[key] = tuple(_said_of_copies(examined, extracted, split))
    return _SEEN[key]


def _said_of_copies(examined: Examined, extracted: Features, split: Split) -> Iterator[str]:
    dataset, place = examined.components.dataset, examined.workplace
    modality, name = dataset.capabilities.modality, examined.config.dataset.name
    pairs = copies_across_parts(dataset, extracted, split, name=name, cache=place.cache, most_workers=place.workers)
    digests = {sample.id: digest for sample, digest in zip(extracted.kept, extracted.digests, strict=True)}
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
