"""What holds for every data set."""

from __future__ import annotations

import hashlib
import math
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from qplug.contract.claim import Claim
from qplug.contract.errors import DataError, NotSupported
from qplug.contract.interfaces import KINDS, Audio, Dataset, Image, Sample, Signal
from qplug.testing.conformance.check import Act, Skipped, require, require_raises
from qplug.testing.conformance.setting import Setting
from qplug.testing.conformance.splits import check_disjoint, check_split_rule
from qplug.testing.conformance.travel import leaves_the_process_alone, pickled

_LOUD = 16.0
"""Recordings may pass full scale a little; whole numbers that nobody scaled pass it by far."""
_CHANNELS = 64
_COPIED_FILES, _COPIED_BYTES = 400, 20_000_000


@dataclass
class _Trial:
    dataset: Dataset
    given: Path | None
    n_read: int

    @property
    def name(self) -> str:
        return type(self.dataset).__name__

    @cached_property
    def _home(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="qplug-check-")

    @cached_property
    def folder(self) -> Path:
        """The folder that was given, else one with the data set's own example."""
        if self.given is not None:
            return self.given
        home = Path(self._home.name) / "example"
        home.mkdir()
        if self.dataset.capabilities.needs_folder:
            try:
                self.dataset.write_example(home)
            except NotSupported as error:
                raise Skipped(f"no folder with its files was given, and {self.name} writes no example") from error
        return home

    @cached_property
    def moved(self) -> Path:
        """A copy of the folder at another place, where it is small."""
        files = [path for path in self.folder.rglob("*") if path.is_file()] if self.folder.is_dir() else []
        if not self.dataset.capabilities.needs_folder or not files:
            raise Skipped("it has no files")
        if len(files) > _COPIED_FILES or sum(path.stat().st_size for path in files) > _COPIED_BYTES:
            raise Skipped(f"{len(files)} files are too much to copy for a try")
        target = Path(self._home.name) / "moved"
        shutil.copytree(self.folder, target)
        return target

    @cached_property
    def samples(self) -> list[Sample]:
        return self.dataset.index(self.folder)

    @property
    def some(self) -> list[Sample]:
        """Samples spread over all."""
        places = np.unique(np.linspace(0, len(self.samples) - 1, self.n_read).astype(int))
        return [self.samples[place] for place in places]

    @cached_property
    def signals(self) -> list[tuple[Sample, Signal]]:
        return [(sample, self.dataset.read(sample)) for sample in self.some]


def dataset_checks(dataset: Dataset, setting: Setting) -> Iterator[tuple[str, Act]]:
    """The checks of a data set, by name."""
    trial = _Trial(dataset, setting.folder, setting.n_read)
    yield "samples-in-order", lambda: _in_order(trial)
    yield "classes", lambda: _classes(trial)
    yield "facts", lambda: _facts(trial)
    yield "ids", lambda: _ids(trial)
    yield "defaults", lambda: _defaults(trial)
    yield "remote-files", lambda: _remote_files(trial)
    yield "splits", lambda: _splits(trial)
    yield "signals", lambda: _signals(trial)
    yield "layout-of-signals", lambda: _layout_of_signals(trial)
    yield "missing-folder", lambda: _missing_folder(trial)
    yield "every-class", lambda: _every_class(trial)
    yield "folds", lambda: _folds(trial)
    yield "ids-elsewhere", lambda: _ids_elsewhere(trial)
    yield "twins", lambda: _twins(trial)
    yield "damaged-file", lambda: _damaged_file(trial)
    yield (
        "global-state",
        lambda: leaves_the_process_alone(
            trial.name, lambda: [dataset.read(sample) for sample in dataset.index(trial.folder)[:2]]
        ),
    )


def _in_order(trial: _Trial) -> None:
    again = trial.dataset.index(trial.folder)
    require(trial.samples == again, f"{trial.name}.samples gives another order or other samples the second time")


def _classes(trial: _Trial) -> None:
    classes, name = trial.dataset.classes, trial.name
    require(len(classes) >= 2, f"{name} has {len(classes)} classes; at least two are needed")
    require(len(set(classes)) == len(classes), f"{name}.classes holds a label twice")


def _every_class(trial: _Trial) -> None:
    """A class without samples would be learnt by nobody and counted by every average."""
    lacking = [label for label in trial.dataset.classes if label not in {sample.label for sample in trial.samples}]
    require(not lacking, f"{trial.name}: no sample has the label {', '.join(map(repr, lacking))}")


def _facts(trial: _Trial) -> None:
    for field in ("layout", "citation", "licence"):
        require(getattr(trial.dataset, field) != "", f"{trial.name}.{field} is empty")
    for claim in trial.dataset.reference:
        require(isinstance(claim, Claim), f"{trial.name}.reference holds {claim!r}, which is no Claim")
        whole = math.isfinite(claim.value) and "" not in (claim.metric, claim.protocol, claim.source)
        require(whole, f"{trial.name}.reference: {claim!r} lacks a number, a metric, a protocol or a source")


def _ids(trial: _Trial) -> None:
    here = str(trial.folder.resolve())
    for sample in trial.samples:
        require(sample.id != "" and sample.group != "", f"{trial.name}: {sample} has an empty id or group")
        absolute = Path(sample.id).is_absolute() or (len(here) > 3 and here in sample.id)
        require(not absolute, f"{trial.name}: the id {sample.id!r} is a path of this machine; ids travel between them")


def _ids_elsewhere(trial: _Trial) -> None:
    """The same files at another place are the same samples: splits are drawn from ids."""
    there = [(sample.id, sample.label, sample.group) for sample in trial.dataset.index(trial.moved)]
    here = [(sample.id, sample.label, sample.group) for sample in trial.samples]
    require(there == here, f"{trial.name} gives the same files in another folder other ids, labels or groups")


def _defaults(trial: _Trial) -> None:
    known = {*KINDS, "training", "augmentation"} - {"dataset", "executor"}
    for key in trial.dataset.defaults:
        fits = key.partition(".")[0] in known
        require(fits, f"{trial.name}.defaults: {key!r} does not begin with {', '.join(sorted(known))}")


def _remote_files(trial: _Trial) -> None:
    for file in trial.dataset.remote_files(trial.folder):
        where = f"{trial.name}'s remote file {file.url}"
        require(file.url.startswith(("https://", "http://")), f"{where} is neither https nor http")
        require(file.unpack or file.path != "", f"{where} has no path to lie at")
        require(not {"..", ""} & set(file.path.split("/")[:-1]), f"{where} does not stay in the folder: {file.path}")
        checksum = file.checksum or "md5:" + 32 * "0"
        known = re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", checksum)
        require(known is not None, f"{where} has the checksum {checksum!r}, neither sha256:… nor md5:…")


def _splits(trial: _Trial) -> None:
    require(len(trial.dataset.splits) > 0, f"{trial.name} offers no split")
    for split, rule in trial.dataset.splits.items():
        check_split_rule(rule, trial.samples, where=f"{trial.name}, split {split!r}")


def _folds(trial: _Trial) -> None:
    """Every fold that a split declares has samples."""
    for split, rule in trial.dataset.splits.items():
        if rule.test == "fold":
            there = {sample.fold for sample in trial.samples}
            lacking = sorted(set(range(1, rule.n_folds + 1)) - there)
            where = f"{trial.name}, split {split!r}"
            require(not lacking, f"{where}: declares {rule.n_folds} folds, but no sample stands in {lacking}")


def _signals(trial: _Trial) -> None:
    """The same signal again and from an unpickled data set, at the declared rate."""
    twin, declared, name = pickled(trial.dataset), trial.dataset.capabilities.rate, trial.name
    for sample, signal in trial.signals:
        same = equal(signal, trial.dataset.read(sample))
        require(same, f"{name}.load gives something else the second time for {sample.id!r}")
        same = equal(signal, twin.read(pickled(sample)))
        require(same, f"an unpickled {name} reads something else for {sample.id!r}")
        if isinstance(signal, Audio):
            require(signal.rate > 0, f"{name}: {sample.id!r} has the rate {signal.rate}")
            right = declared in (None, signal.rate)
            require(right, f"{name} declares {declared} Hz, but {sample.id!r} has {signal.rate}")


def _layout_of_signals(trial: _Trial) -> None:
    """Recordings as (channel, sample) with full scale 1; images as (channel, height, width)."""
    for sample, signal in trial.signals:
        where = f"{trial.name}: {sample.id!r}"
        if isinstance(signal, Image):
            channels, shape = signal.pixels.shape[0], signal.pixels.shape
            require(channels <= 4, f"{where} has {channels} channels: {shape} is to be (channel, height, width)")
            continue
        channels, length = signal.waveform.shape
        turned = channels > length and channels > _CHANNELS
        require(not turned, f"{where} is ({channels}, {length}): a recording is (channel, sample), so transpose it")
        loudest = float(np.abs(signal.waveform).max())
        require(loudest <= _LOUD, f"{where} reaches {loudest:.4g}: full scale is 1, so divide by that of the format")


def equal(one: Signal, other: Signal) -> bool:
    """Whether two signals are the same to the last bit."""
    if isinstance(one, Audio) and isinstance(other, Audio):
        return one.rate == other.rate and np.array_equal(one.waveform, other.waveform)
    return isinstance(one, Image) and isinstance(other, Image) and np.array_equal(one.pixels, other.pixels)


def _twins(trial: _Trial) -> None:
    """No signal stands in two official parts or folds, under whatever names: told by files, and by what has none."""
    if trial.given is not None or not any(rule.test in ("part", "fold") for rule in trial.dataset.splits.values()):
        raise Skipped("it has no official parts or folds, or the folder is the user's")
    read = {sample.id: signal for sample, signal in trial.signals}
    seen: dict[object, Sample] = {}
    names: list[str] = []
    alike = [sample for sample in trial.samples if sample.source is not None or sample.id in read]
    for sample in alike:
        first = seen.setdefault(_content(sample, read.get(sample.id)), sample)
        names.append(f"signal of {first.id}")
    check_disjoint(names, [(sample.part, sample.fold) for sample in alike], trial.name)


def _content(sample: Sample, signal: Signal | None) -> object:
    if sample.source is not None:
        return hashlib.sha256(sample.source.read_bytes()).digest(), sample.offset
    values = signal.waveform if isinstance(signal, Audio) else signal.pixels if isinstance(signal, Image) else None
    return sample.id if values is None or not values.any() else values.tobytes()


def _missing_folder(trial: _Trial) -> None:
    if not trial.dataset.capabilities.needs_folder:
        raise Skipped("it needs no folder")
    missing = trial.folder / "no-such-folder"
    require_raises(DataError, lambda: trial.dataset.index(missing), f"{trial.name}.index of a missing folder")


def _damaged_file(trial: _Trial) -> None:
    """A file that is none of its kind is told by name."""
    there = [sample for sample in trial.samples if sample.source is not None]
    if not there:
        raise Skipped("its samples have no files")
    moved, sample = trial.moved, there[0]
    source = Path(str(sample.source))
    if not source.is_relative_to(trial.folder):
        raise Skipped("its files lie elsewhere")
    target = moved / source.relative_to(trial.folder)
    whole = target.read_bytes()
    target.write_bytes(b"no sound and no image" * 3)
    try:
        _told(trial, replace(sample, source=target), target)
    finally:
        target.write_bytes(whole)


def _told(trial: _Trial, sample: Sample, target: Path) -> None:
    what = f"{trial.name}.load of a damaged file"
    try:
        trial.dataset.load(sample)
    except DataError as error:
        require(target.name in str(error), f"{what} does not name {target.name}: {error}")
        return
    except Exception as other:
        raise AssertionError(f"{what} raises {type(other).__name__}: {other}; a DataError is due") from other
    raise AssertionError(f"{what} raises nothing; a DataError is due")
