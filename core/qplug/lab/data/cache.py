"""Features that are computed once: kept on disk by content, mapped into memory at every later run."""

from __future__ import annotations

import functools
import hashlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qplug import signals
from qplug.contract.errors import DataError, Interrupted, some_of
from qplug.contract.interfaces import INTERFACE, Component, Dataset, FeatureExtractor, Sample, Unusable
from qplug.lab.data.code import code_hash, hash_of, sources
from qplug.lab.data.disk import exclusive, writing_to
from qplug.lab.data.extraction import extract
from qplug.lab.data.fingerprint import CHANGED, Unchanged, identity_hash, sample_key, source_hashes
from qplug.lab.data.store import Entry, Store
from qplug.version import PROJECT, __version__

Progress = Callable[[int, int], None]
"""Called with how many samples are done, and of how many."""

BadFiles = Literal["refuse", "skip"]
_LAYOUT = 1  # of the files in the cache
_SHOWN = 12
_IMPORT = re.compile(rb"^\s*(?:import|from)\s+(\w+)", re.MULTILINE)
_DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn"}  # packages that are installed under another name


@dataclass(frozen=True, eq=False)
class Features:
    """The features of a data set.

    Attributes:
        values: (sample, *shape), float32, mapped from disk and read-only; row i belongs to ``kept[i]``.
        kept: the samples that can be used, in the data set's order.
        skipped: the others, by id and each with the reason, and what of the data set makes no sample.
        digests: for each row 16 bytes that are equal exactly where rows are.
        keys: for each row the 32 bytes under which it is cached.
        identity: SHA-256 (hex) of what made the features, the signals apart.
    """

    values: NDArray[np.float32]
    kept: tuple[Sample, ...]
    skipped: tuple[Unusable, ...]
    digests: tuple[bytes, ...]
    keys: tuple[bytes, ...]
    identity: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one feature."""
        return tuple(self.values.shape[1:])


def features(
    dataset: Dataset,
    extractor: FeatureExtractor,
    samples: Sequence[Sample],
    *,
    identity: Mapping[str, Any],
    title: str,
    cache: Path,
    folder: Path | None = None,
    workers: int | None = None,
    most_workers: int | None = None,
    unusable: Sequence[Unusable] = (),
    on_bad_file: BadFiles = "refuse",
    progress: Progress = lambda done, total: None,
    reading: Progress = lambda done, total: None,
) -> Features:
    """The features of ``samples``, from the cache where they are there, else extracted into it.

    A feature is found again as long as the bytes of its source file, the sample's id, record and keys, and the
    identity are the same. A fill that is interrupted in any way goes on where it was; a second process that needs the
    same features waits for the first and then uses them.

    Args:
        dataset: loads the signals.
        extractor: makes the features.
        samples: what to extract; at least one.
        identity: what else the numbers depend on: names and all parameters of data set and extractor. Added here are
            the source code of the two plugins and of what reads files, the versions of the packages that these
            import, and qplug's.
        title: the data set's name, for messages and for the name of the cache's sub-folder.
        cache: the cache folder; see ``qplug.variables.cache_folder``.
        folder: the data set's folder; files are named relative to it in messages.
        workers: how many processes; None: as it is quickest.
        most_workers: how many at most where it is not said; None: one per core.
        unusable: what of the data set makes no sample; reported together with the files that cannot be read.
        on_bad_file: refuse the data set after all files were tried, or go on without what cannot be used.
        progress: told about samples that are done, cached ones included.
        reading: told about new or changed files that are read for their hash, which comes first.

    Raises:
        DataError: files are damaged or missing or make no sample and ``on_bad_file`` is ``"refuse"``, or no sample
            is left.
        UserError: the cache folder is full or cannot be written.
        PluginError: data set or extractor failed in a way that is not one of qplug's errors.
        Interrupted: the user pressed Ctrl-C; what is done is kept.
    """
    full = full_identity(identity, dataset, extractor)
    name = identity_hash(full)
    keys, bad = _keys(samples, cache, reading)
    wanted = list(dict.fromkeys(keys.values()))
    home = cache / "features" / f"{_file_name(title)}-{name[:20]}"
    with writing_to(home, n_bytes=0):
        store = Store(home, extractor.shape)
        entries = store.intact(wanted)
    if any(key not in entries for key in wanted):
        fill = _Fill(dataset, extractor, store, (workers, most_workers), lambda done: progress(done, len(samples)))
        bad |= fill.run([(keys[sample.id], sample) for sample in samples if sample.id in keys], full)
        entries = store.entries()
    progress(len(samples), len(samples))
    return _gather(store, samples, keys, entries, bad, unusable, name, title, folder, on_bad_file)


def full_identity(identity: Mapping[str, Any], dataset: Dataset, extractor: FeatureExtractor) -> dict[str, Any]:
    """All that features depend on beside the signals; ``features`` says what of it is added."""
    return {
        "layout": _LAYOUT,
        "interface": INTERFACE,
        "qplug": __version__,
        "shape": list(extractor.shape),
        "dataset": _describe(dataset),
        "features": _describe(extractor),
        "signals": _readers(),
        "identity": dict(identity),
    }


def _describe(part: Component) -> dict[str, Any]:
    """Class, source code and plain parameters of a component: a second line of defence against stale features."""
    names = inspect.signature(type(part)).parameters
    stored = {name: getattr(part, name, None) for name in names}
    plain = {name: value for name, value in stored.items() if isinstance(value, str | int | float | list | tuple)}
    return {
        "class": f"{type(part).__module__}.{type(part).__qualname__}",
        "code": code_hash(part),
        "packages": packages_of(part),
        "parameters": plain,
        **settings_hashes(part),
    }


def _readers() -> dict[str, Any]:
    """Source code of the room that reads files, and the versions of the packages that it imports."""
    files = [file.read_bytes() for file in sorted(Path(signals.__file__).parent.glob("*.py"))]
    return {"code": hash_of(files), "packages": _packages(files)}


def settings_hashes(part: Component) -> dict[str, Any]:
    """What a component's settings files add to its identity: SHA-256 (hex) by name; empty if it has none.

    Raises:
        DataError: one of them cannot be read.
    """
    try:
        files = {
            name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(part.settings_files().items())
        }
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror or error}.") from error
    return {"settings": files} if files else {}


def packages_of(part: Component) -> dict[str, str]:
    """The versions of the packages that a component's source code imports, by name."""
    return _packages(sources(part))


def _packages(files: Sequence[bytes]) -> dict[str, str]:
    """The versions of the packages that source code imports."""
    imported = {name.decode() for source in files for name in _IMPORT.findall(source)}
    versions = {}
    for name in sorted(imported - sys.stdlib_module_names):
        with suppress(PackageNotFoundError):
            versions[name] = _version(_DISTRIBUTIONS.get(name, name))
    return versions


@functools.cache
def _version(distribution: str) -> str:
    """Looked up once: what a process has imported stays what it is, whatever is installed meanwhile."""
    return __version__ if distribution == PROJECT else version(distribution)


def _file_name(title: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", title)[:40]


def _keys(samples: Sequence[Sample], cache: Path, reading: Progress) -> tuple[dict[str, bytes], dict[str, str]]:
    """The cache key of each sample by id, and the reasons for those whose file cannot be read."""
    hashes = source_hashes(samples, cache, progress=reading)
    if _LAST and _LAST[0][:2] == (list(samples), hashes):  # the cells of a comparison share their samples
        return dict(_LAST[0][2]), dict(_LAST[0][3])
    keys: dict[str, bytes] = {}
    bad: dict[str, str] = {}
    for sample in samples:
        source = "" if sample.source is None else hashes[sample.source]
        if isinstance(source, OSError):
            bad[sample.id] = (source.strerror or str(source)).lower()
        else:
            keys[sample.id] = sample_key(sample, source)
    _LAST[:] = [(list(samples), hashes, dict(keys), dict(bad))]
    return keys, bad


_LAST: list[tuple[list[Sample], dict[Path, str | OSError], dict[str, bytes], dict[str, str]]] = []
"""The samples that this process was asked for last, the hashes of their files, and what ``_keys`` gave."""


class _Fill:
    """Extracts what a store lacks, one process at a time."""

    def __init__(
        self,
        dataset: Dataset,
        extractor: FeatureExtractor,
        store: Store,
        workers: tuple[int | None, int | None],
        progress: Callable[[int], None],
    ) -> None:
        self.dataset = dataset
        self.extractor = extractor
        self.store = store
        self.workers = workers
        self.progress = progress

    def run(self, keyed: Sequence[tuple[bytes, Sample]], about: Mapping[str, Any]) -> dict[str, str]:
        """Fills the store; gives the reasons, by id, for samples that cannot be used."""
        home = self.store.folder
        with writing_to(home, n_bytes=0), exclusive(self.store.lock, waiting=lambda: self.progress(len(self.store))):
            self.store.describe(about)
            there = self.store.intact(key for key, _ in keyed)
            missing = [(key, sample) for key, sample in keyed if key not in there]
            with writing_to(home, n_bytes=len(missing) * self.store.row_bytes):
                return self._extract(missing, len(keyed))

    def _extract(self, missing: Sequence[tuple[bytes, Sample]], total: int) -> dict[str, str]:
        key_of = {sample.id: key for key, sample in missing}
        unchanged = Unchanged()
        bad: dict[str, str] = {}
        done = total - len(missing)
        try:
            workers, most = self.workers
            found = [sample for _, sample in missing]
            chunks = extract(self.dataset, self.extractor, found, workers=workers, most_workers=most)
            for chunk in chunks:
                bad.update((s.id, why) for s, why in zip(chunk.samples, chunk.reasons, strict=True) if why is not None)
                read = [s for s, why in zip(chunk.samples, chunk.reasons, strict=True) if why is None]
                kept = [unchanged(s, key_of[s.id]) for s in read]
                bad.update((s.id, CHANGED) for s, same in zip(read, kept, strict=True) if not same)
                if any(kept):
                    good = [key_of[s.id] for s, same in zip(read, kept, strict=True) if same]
                    self.store.append(good, chunk.values[np.asarray(kept)])
                done += len(chunk.samples)
                self.progress(done)
        except KeyboardInterrupt as error:
            raise Interrupted(
                f"interrupted: the features of {done} of {total} samples are kept in {self.store.folder}. "
                "Run the same command again to go on from there."
            ) from error
        return bad


def _gather(
    store: Store,
    samples: Sequence[Sample],
    keys: Mapping[str, bytes],
    entries: Mapping[bytes, Entry],
    bad: Mapping[str, str],
    unusable: Sequence[Unusable],
    name: str,
    title: str,
    folder: Path | None,
    on_bad_file: BadFiles,
) -> Features:
    kept = [sample for sample in samples if sample.id not in bad]
    faulty = [(sample, bad[sample.id]) for sample in samples if sample.id in bad]
    if not kept or ((faulty or unusable) and on_bad_file == "refuse"):
        faults = [f"{_shown_name(sample, folder)}: {reason}" for sample, reason in faulty]
        faults += [f"{entry.id}: {entry.reason}" for entry in unusable]
        raise damaged(title, faults, len(samples) + len(unusable), final=not kept)
    found = [entries[keys[sample.id]] for sample in kept]
    with writing_to(store.folder, n_bytes=0):
        values = store.values(found)
    return Features(
        values=values,
        kept=tuple(kept),
        skipped=(*(Unusable(sample.id, reason) for sample, reason in faulty), *unusable),
        digests=tuple(entry.digest for entry in found),
        keys=tuple(keys[sample.id] for sample in kept),
        identity=name,
    )


def damaged(title: str, faults: Sequence[str], total: int, *, final: bool) -> DataError:
    """The error that names files which cannot be used.

    Args:
        title: the data set's name.
        faults: each file with its fault.
        total: of how many.
        final: whether nothing is left without them.
    """
    cure = "No sample is left to go on with." if final else "To go on without them: --on-bad-file skip"
    noun = "file" if total == 1 else "files"
    return DataError(
        f"{title}: {len(faults)} of {total} {noun} cannot be used ({some_of(faults, _SHOWN)}). "
        f"Nothing was changed. {cure}"
    )


def _shown_name(sample: Sample, folder: Path | None) -> str:
    if sample.source is None:
        return sample.id
    inside = folder is not None and sample.source.is_relative_to(folder)
    name = str(sample.source.relative_to(folder) if inside and folder is not None else sample.source)
    record = "" if sample.offset is None else f" record {sample.offset}"
    return name.encode("utf-8", "backslashreplace").decode() + record
