"""Features of many samples: in this process where that is quickest, over all cores where it is not."""

from __future__ import annotations

import ctypes
import multiprocessing
import pickle
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qplug.contract import errors
from qplug.contract.errors import DataError, PluginError, QplugError
from qplug.contract.interfaces import Dataset, FeatureExtractor, Sample
from qplug.lab.data.workers import (
    ONE_THREAD,
    deaf_to_signals,
    environment,
    one_thread,
    prepare_worker,
    without_script,
)
from qplug.variables import usable_cores

_CHUNK_SECONDS = 0.5  # the work that an interruption may cost
_CHUNK_BYTES = 16_000_000
_CHUNK_SAMPLES = 256
_POOL_SECONDS = 3.0  # what starting workers costs: each imports the plugin and its libraries anew
_TRIAL = 8


@dataclass(frozen=True)
class Chunk:
    """The outcome for some samples.

    Attributes:
        samples: those that were tried.
        reasons: for each, why it cannot be used; None if it can.
        values: (usable sample, *shape), float32.
    """

    samples: Sequence[Sample]
    reasons: Sequence[str | None]
    values: NDArray[np.float32]


def extract(
    dataset: Dataset,
    extractor: FeatureExtractor,
    samples: Sequence[Sample],
    *,
    workers: int | None = None,
    most_workers: int | None = None,
) -> Iterator[Chunk]:
    """The features of ``samples``, in their order, a chunk at a time; memory does not grow with their number.

    The first few are timed to decide whether worker processes pay. The numbers are the same either way.

    Args:
        dataset: loads the signals.
        extractor: makes the features.
        samples: what to extract.
        workers: how many processes; 1: this one only; None: as many as ``most_workers`` says, if that is quicker.
        most_workers: how many at most; None: one per core.

    Raises:
        PluginError: data set or extractor raised something that is not one of qplug's errors.
        QplugError: they refused the signals as a whole, or a worker died.
    """
    n = workers or most_workers or usable_cores()
    done = 0
    seconds = 0.0
    for count in (1, _TRIAL):  # the first sample pays for imports and compilation, so it tells nothing about speed
        if done < len(samples):
            start = time.perf_counter()
            yield extract_chunk(dataset, extractor, samples[done : done + count])
            seconds = (time.perf_counter() - start) / count
            done = min(done + count, len(samples))
    rest = samples[done:]
    chunks = _chunks(rest, seconds, 4 * int(np.prod(extractor.shape)))
    gain = seconds * len(rest) * (1 - 1 / n)
    if n > 1 and _travels(dataset, extractor) and (workers is not None or gain > _POOL_SECONDS):
        yield from _over_processes(dataset, extractor, chunks, n)
    else:
        for chunk in chunks:
            yield extract_chunk(dataset, extractor, chunk)


def extract_chunk(
    dataset: Dataset, extractor: FeatureExtractor, samples: Sequence[Sample], stop: ctypes.c_bool | None = None
) -> Chunk:
    """The features of a few samples, one after the other, on one thread.

    Args:
        dataset: loads the signals.
        extractor: makes the features.
        samples: what to extract.
        stop: leave off as soon as it is set; the rest is then missing from the chunk.
    """
    reasons: list[str | None] = []
    values = []
    with one_thread():
        for sample in samples:
            if stop is not None and stop.value:
                break
            feature, reason = _extract_one(dataset, extractor, sample)
            reasons.append(reason)
            if feature is not None:
                values.append(feature)
    stacked = np.stack(values) if values else np.empty((0, *extractor.shape), dtype=np.float32)
    return Chunk(samples[: len(reasons)], reasons, stacked)


def _extract_one(
    dataset: Dataset, extractor: FeatureExtractor, sample: Sample
) -> tuple[NDArray[np.float32] | None, str | None]:
    author: Dataset | FeatureExtractor = dataset
    try:
        signal = dataset.read(sample, extractor.excerpt)
        author = extractor
        return extractor(signal), None
    except (DataError, OSError) as error:
        return None, _reason(error, sample)
    except PluginError as error:
        raise PluginError(f"{sample.id!r}: {error}") from error
    except QplugError:
        raise
    except Exception as error:
        package = type(author).__module__.partition(".")[0]
        raise PluginError(
            f"{author.kind} {type(author).__name__} of the package {package} failed on {sample.id!r}: "
            f"{type(error).__name__}: {error}. This is a fault of the plugin, or of a file that it does not expect."
        ) from error


def _reason(error: DataError | OSError, sample: Sample) -> str:
    """The first sentence of the error, without the file's name in front: the list of files says it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, DataError) and error.reason:
        return error.reason
    text = str(error)
    for name in (str(sample.source), sample.source.name if sample.source else "", sample.id):
        text = text.removeprefix(name).lstrip(": ") if name else text
    first, *others = text.split(". ")
    while others and first.count("(") > first.count(")"):  # a full stop inside brackets ends no sentence
        first = f"{first}. {others.pop(0)}"
    return first.rstrip(".") or type(error).__name__


def _chunks(samples: Sequence[Sample], seconds: float, row_bytes: int) -> Iterator[Sequence[Sample]]:
    by_time = int(_CHUNK_SECONDS / max(seconds, 1e-6))
    size = max(1, min(by_time, _CHUNK_BYTES // max(row_bytes, 1), _CHUNK_SAMPLES))
    return (samples[start : start + size] for start in range(0, len(samples), size))


def _travels(*parts: object) -> bool:
    """Whether these can be sent to another process: classes typed into a session cannot."""
    if any(type(part).__module__ == "__main__" for part in parts):
        return False
    try:
        pickle.dumps(parts)
    except Exception:  # whatever a plugin's object raises, it stays here
        return False
    return True


def _over_processes(
    dataset: Dataset, extractor: FeatureExtractor, chunks: Iterator[Sequence[Sample]], n_workers: int
) -> Iterator[Chunk]:
    context = multiprocessing.get_context("spawn")  # a fork of a process with running threads may hang
    stop = context.RawValue(ctypes.c_bool, False)  # without a lock, which a worker could take to its grave
    pool = ProcessPoolExecutor(n_workers, context, _receive, (dataset, extractor, stop))
    waiting: deque[Future[Chunk | tuple[type[QplugError], str]]] = deque()
    try:
        while True:
            while len(waiting) < 2 * n_workers and (chunk := next(chunks, None)) is not None:
                with environment(ONE_THREAD), deaf_to_signals(), without_script():  # tasks start the workers
                    waiting.append(pool.submit(_work, chunk))
            if not waiting:
                return
            outcome = waiting.popleft().result()
            if not isinstance(outcome, Chunk):
                raise outcome[0](outcome[1])
            yield outcome
    except BrokenProcessPool as error:
        raise QplugError(
            "a worker process of the feature extraction died; most often the machine ran out of memory. "
            "What was extracted is kept. Run the same command again to go on, with fewer processes if it happens "
            "again: QPLUG_WORKERS=1"
        ) from error
    finally:
        stop.value = True
        pool.shutdown(cancel_futures=True)


_here: tuple[Dataset, FeatureExtractor, ctypes.c_bool] | None = None


def _receive(dataset: Dataset, extractor: FeatureExtractor, stop: ctypes.c_bool) -> None:
    global _here
    prepare_worker()
    _here = (dataset, extractor, stop)


def _work(samples: Sequence[Sample]) -> Chunk | tuple[type[QplugError], str]:
    """Errors travel as class and text: a plugin's own error class may not survive the way."""
    if _here is None:
        raise RuntimeError("the worker was not prepared")
    dataset, extractor, stop = _here
    try:
        return extract_chunk(dataset, extractor, samples, stop)
    except QplugError as error:
        ours = next(cls for cls in type(error).__mro__ if cls.__module__ == errors.__name__)
        return ours, str(error)
