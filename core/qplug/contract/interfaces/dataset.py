"""Data sets: labelled recordings or images, their groups, and the splits that their official protocol defines."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from qplug.contract.claim import Claim
from qplug.contract.errors import DataError, NotSupported, PluginError, some_of
from qplug.contract.interfaces.component import Capabilities, Component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Part: TypeAlias = Literal["train", "validation", "test"]
Modality: TypeAlias = Literal["audio", "image"]

LOUDEST = 2.0**31
"""No recording holds more than the largest number of any integer format, even if nobody scaled it to [-1, 1]."""

_ROUNDING = 1e-3
_SHOWN = 12
"""How many faults an error names."""


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """A recording.

    Attributes:
        waveform: (channel, sample), float32, full scale is [-1, 1].
        rate: samples per second, Hz.
    """

    waveform: NDArray[np.float32]
    rate: int


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A picture: ``pixels`` (channel, height, width), float32 in [0, 1]; one channel is grey, three are RGB."""

    pixels: NDArray[np.float32]


Signal: TypeAlias = Audio | Image

Excerpt: TypeAlias = Callable[[int, int], tuple[int, int] | None]
"""From the samples of each channel and their rate in Hz to the first one that is needed and the one behind the last;
None: all of them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled example, before its signal is read.

    Attributes:
        id: unique within the data set and stable across machines, such as ``"0_jackson_3"``.
        label: one of the data set's ``classes``.
        group: what must not stand in two parts: speaker, recording or artist. A sample of its own: its id.
        source: the file that holds the signal; ``None`` if it is generated or packaged.
        offset: which record of ``source`` it is, where one file holds many.
        part: the part that the official split gives it, if there is one.
        fold: the official fold, if there are folds.
        keys: further groupings that a split may name, such as ``{"sentence": "IEO"}``.
    """

    id: str
    label: str
    group: str
    source: Path | None = None
    offset: int | None = None
    part: Part | None = None
    fold: int | None = None
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unusable:
    """What belongs to a data set and can be no sample: a file without a row in the table, a name that tells no label.

    A file that cannot be decoded is none of these: it is a sample, and ``load`` says what is wrong with it. The same
    holds for a file that is missing, if all that a sample must say is known.

    Attributes:
        id: what it is, for people: a path below the data set's folder, or a place in a table.
        reason: why it cannot be used, as a phrase such as ``"no row in table.csv"``.
    """

    id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """How one named split of a data set comes about.

    Attributes:
        description: one sentence, with the source if it is official.
        test: where the test part comes from: the samples' own ``part``, their ``fold``, whole groups drawn at
            random (seeded), or samples drawn at random (seeded, stratified by class).
        group: what must not stand in two parts: ``"group"``, or one of the samples' ``keys``.
        n_folds: how many folds ``--fold`` may name; 0 if the split has none. With ``test="groups"`` the groups are
            dealt into that many folds.
        validation: the share of the remaining samples that is held out for validation, in (0, 1), where the samples
            do not say so themselves; whole groups where groups are shared by samples.
        official: whether the data set's authors define it.
        leak: why it leaks although the samples' groups do not show it; empty if it does not. Such a split is refused
            without ``--allow-leak``, and its results are stamped.
    """

    description: str
    test: Literal["part", "fold", "groups", "random"]
    group: str = "group"
    n_folds: int = 0
    validation: float = 0.15
    official: bool = True
    leak: str = ""


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file of a data set's official source, declared so that the core can download, check and unpack it.

    Attributes:
        url: where it is, ``https://`` or ``http://``.
        path: where it goes, relative to the data set's folder with slashes: a file's name such as
            ``"AudioWAV/a.wav"``; for an archive the folder it is unpacked into, empty for the data set's own.
        checksum: what the source publishes, as ``"sha256:…"`` or ``"md5:…"`` in hexadecimal digits; None if nothing.
        size: bytes, if known.
        unpack: whether it is a zip or tar archive (plain, gz, bz2 or xz) to unpack.
        strip: how many leading folders of an archive's paths are left out.
    """

    url: str
    path: str = ""
    checksum: str | None = None
    size: int | None = None
    unpack: bool = False
    strip: int = 0


@dataclass(frozen=True, kw_only=True)
class DatasetCapabilities(Capabilities):
    """What a data set declares.

    Attributes:
        modality: whether its signals are ``Audio`` or ``Image``.
        needs_folder: whether it reads files that the user must have (False: generated, or carried by a package).
        synthetic: whether its signals are generated; every place that shows it then says so.
        rate: sample rate of its recordings in Hz, if they share one.
    """

    modality: Modality
    needs_folder: bool = True
    synthetic: bool = False
    rate: int | None = None


class Dataset(Component):
    """Labelled signals. Authors write ``samples`` and ``load``; callers use ``index`` or ``inventory``, and ``read``.

    Attributes:
        classes: the labels, in the order in which classifiers number them.
        splits: the splits on offer by name; the first is the default.
        defaults: what suits the data set, as ``--set`` would say it: ``{"features": "mel", "features.n_mels": 40}``.
            Names are the kinds, ``kind.parameter``, ``training.option``, ``augmentation.option``.
        layout: the folder layout that ``samples`` reads, and how to get the data, for people.
        citation: whom to cite.
        licence: the licence of the data.
        homepage: where it comes from.
        reference: known results to show beside a run's. Where parameters choose some of the classes, an instance's
            own, which say (``Claim.about``) that they are about another task.
        files: what ``qplug data fetch`` downloads; empty if the data set must be got by hand.
    """

    kind = "dataset"
    capabilities: DatasetCapabilities
    classes: Sequence[str]
    splits: ClassVar[Mapping[str, SplitRule]]
    defaults: ClassVar[Mapping[str, Any]] = {}
    layout: ClassVar[str] = ""
    citation: ClassVar[str] = ""
    licence: ClassVar[str] = ""
    homepage: ClassVar[str] = ""
    reference: ClassVar[Sequence[Claim]] = ()
    files: ClassVar[Sequence[RemoteFile]] = ()

    @abstractmethod
    def samples(self, folder: Path) -> Iterable[Sample | Unusable]:
        """All samples, in a fixed order, without reading their signals, and among them what can be none.

        What is given as ``Unusable`` refuses the data set together with all files that cannot be read, in one error,
        or is left out and reported if the user says ``--on-bad-file skip``.

        Args:
            folder: the data set's folder; meaningless where ``needs_folder`` is False.

        Raises:
            DataError: the folder is not in the expected layout, so that nothing of it can be used.
        """

    def remarks(self, folder: Path) -> Sequence[str]:
        """What is odd about the folder and no fault, such as an empty class folder: said in the audit and by each run.

        It is asked only of a folder that can be read.
        """
        return ()

    @abstractmethod
    def load(self, sample: Sample) -> Signal:
        """The signal of one sample, as stored: any rate, any number of channels.

        Raises:
            DataError: the file cannot be decoded, is empty or is cut short.
        """

    def load_excerpt(self, sample: Sample, excerpt: Excerpt) -> Signal:
        """What features need of the signal of one sample; all of it, unless an author writes this.

        Args:
            sample: the sample.
            excerpt: which part of its recording is enough; see ``qplug.signals.read_signal``.

        Raises:
            DataError: as ``load``.
        """
        return self.load(sample)

    def fetch(self, folder: Path) -> None:
        """Downloads the data set into ``folder`` in a way of its own. Most declare ``files`` instead.

        Raises:
            DataError: it cannot be fetched automatically; the message tells how to get it by hand.
        """
        raise DataError(f"{type(self).__name__} cannot be downloaded automatically. {self.layout}")

    def remote_files(self, folder: Path) -> Sequence[RemoteFile]:
        """The files to download, as far as they are known: ``files``, unless a list must be downloaded first.

        It is asked again after each round, with what ``folder`` holds by then, until nothing new is named.
        """
        return self.files

    def manifest(self, folder: Path) -> Mapping[str, tuple[int | None, str | None]]:
        """Size in bytes and checksum that the source publishes, by path below ``folder``, of files as they lie there.

        The data set's folder may hold the published list itself.
        """
        return {file.path: (file.size, file.checksum) for file in self.remote_files(folder) if not file.unpack}

    def write_example(self, folder: Path, *, seed: int = 0) -> None:
        """Writes a few small generated files in the official layout, for ``qplug run --smoke`` and for tests.

        They are synthetic: a run on them shows that everything works, and nothing else.

        Args:
            folder: an empty folder, which then is a data set's folder.
            seed: decides the files' content.

        Raises:
            NotSupported: this data set makes no example.
        """
        raise NotSupported(f"{type(self).__name__} makes no example files, so there is no --smoke run of it.")

    def index(self, folder: Path) -> list[Sample]:
        """All samples, checked, of a data set in which everything can be used.

        Raises:
            DataError: something makes no sample, or what ``inventory`` raises.
            PluginError: what ``inventory`` raises.
        """
        samples, unusable = self.inventory(folder)
        if unusable:
            raise DataError(f"{folder}: {_listed(unusable)}. Mend or remove what is named.")
        return samples

    def inventory(self, folder: Path) -> tuple[list[Sample], list[Unusable]]:
        """All samples, checked (unique ids, known labels, at least one), and what makes no sample.

        Raises:
            DataError: the folder holds no sample.
            PluginError: two samples share an id, or a label is not one of ``classes``.
        """
        entries = list(self.samples(folder))
        samples = [entry for entry in entries if isinstance(entry, Sample)]
        unusable = [entry for entry in entries if not isinstance(entry, Sample)]
        if not samples:
            why = f" ({_listed(unusable)})" if unusable else ""
            raise DataError(f"no sample was found in {folder}{why}. Expected layout: {self.layout}")
        if len({sample.id for sample in samples}) != len(samples):
            seen: set[str] = set()
            twice = next(sample.id for sample in samples if sample.id in seen or seen.add(sample.id))  # type: ignore[func-returns-value]
            raise PluginError(f"{type(self).__name__}.samples gave the id {twice!r} twice; ids must be unique.")
        known = set(self.classes)
        for sample in samples:
            if sample.label not in known:
                raise PluginError(
                    f"{type(self).__name__}.samples gave {sample.id!r} the label {sample.label!r}, "
                    f"which is none of its classes ({', '.join(self.classes)})."
                )
        return samples, unusable

    def read(self, sample: Sample, excerpt: Excerpt | None = None) -> Signal:
        """The signal of one sample, checked: right type, float32, two or three axes, not empty, finite.

        Args:
            sample: the sample.
            excerpt: what is needed of a recording; None: all of it.

        Raises:
            DataError: what the file holds cannot be used: no samples, or values that are not finite.
            PluginError: ``load`` returned something else than the declared modality.
        """
        signal = self.load(sample) if excerpt is None else self.load_excerpt(sample, excerpt)
        return checked_signal(signal, self.capabilities.modality, where=str(sample.source or sample.id))


def _listed(unusable: Sequence[Unusable]) -> str:
    return some_of([f"{entry.id}: {entry.reason}" for entry in unusable], _SHOWN)


def checked_signal(signal: Signal, modality: Modality, *, where: str) -> Signal:
    """``signal`` itself, if it is what the modality promises.

    Args:
        signal: what a data set's ``load`` or a file reader gave.
        modality: ``"audio"`` or ``"image"``.
        where: the file or sample, for the error.

    Raises:
        DataError: it holds no samples, values that are not finite, or values beyond all that sound is stored as.
        PluginError: it has another type, dtype or number of axes, or pixels outside [0, 1].
    """
    kind, axes = (Audio, 2) if modality == "audio" else (Image, 3)
    if not isinstance(signal, kind):
        raise PluginError(f"{where}: expected {kind.__name__}, got {type(signal).__name__}.")
    values = signal.waveform if isinstance(signal, Audio) else signal.pixels
    if values.dtype.name != "float32" or values.ndim != axes:
        raise PluginError(f"{where}: expected float32 with {axes} axes, got {values.dtype} with {values.ndim}.")
    if values.size == 0:
        raise DataError.of_file(where, "holds no samples")
    _refuse_values(where, float(values.min()), float(values.max()), modality)
    return signal


def _refuse_values(where: str, low: float, high: float, modality: Modality) -> None:
    """Raises for numbers that no feature can be made of; ``low`` and ``high`` are NaN if one of them is."""
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError.of_file(where, "holds values that are not finite (NaN or infinity)")
    largest = max(-low, high)
    if modality == "audio" and largest > LOUDEST:
        raise DataError.of_file(where, f"holds values up to {largest:.3g}, where full scale is 1")
    if modality == "image" and not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        raise PluginError(f"{where}: expected pixels in [0, 1], got {low:.4g} to {high:.4g}. Divide by full scale.")
