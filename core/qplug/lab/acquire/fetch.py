"""A whole data set: its files downloaded, checked, unpacked and put into place; what is there is kept."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests

from qplug.atomic import storage_error
from qplug.contract.errors import DataError, Interrupted, UserError
from qplug.contract.interfaces import Dataset, RemoteFile
from qplug.lab.acquire import checksums
from qplug.lab.acquire.download import PART, Stopped, download
from qplug.lab.acquire.meter import Meter, Progress, silent
from qplug.lab.acquire.paths import parts_of
from qplug.lab.acquire.receipt import Receipt
from qplug.lab.acquire.survey import Survey, survey
from qplug.lab.acquire.unpack import Unpacked, unpack
from qplug.lab.data.disk import exclusive, make_folder, readable

WORKSHOP = ".downloads"
"""Sub-folder of a data set's folder in which unfinished downloads lie; it goes when all is done."""

_AT_ONCE = 4
_POLL = 0.2  # seconds; a waiting main thread hears of Ctrl-C between two of them


@dataclass(frozen=True)
class Fetched:
    """What a fetch came to.

    Attributes:
        folder: the data set's folder.
        n_files: how many files were downloaded.
        n_bytes: how many bytes came over the network, or were kept from an earlier attempt.
        n_samples: how many samples the folder holds now.
        differing: paths of files that were there before, differ from what the source publishes, and were kept.
    """

    folder: Path
    n_files: int
    n_bytes: int
    n_samples: int
    differing: tuple[str, ...]


def fetch(
    dataset: Dataset,
    folder: Path,
    *,
    repair: bool = False,
    progress: Progress = silent,
    at_once: int = _AT_ONCE,
    pause: float = 1.0,
) -> Fetched:
    """Gets what is missing of a data set. Interrupted in any way, the next call goes on where this one was.

    Args:
        dataset: declares ``files``, or overrides ``fetch``.
        folder: where it goes; it is made if it is missing.
        repair: get files again that differ from what the source publishes. Otherwise they are kept.
        progress: told what is going on, in bytes.
        at_once: how many files are downloaded at the same time.
        pause: seconds before a second attempt, see ``download``.

    Raises:
        DataError: the data set must be got by hand; a file is damaged; or the files make no data set.
        UserError: the disk is full, or the folder cannot be written.
        QplugError: a file cannot be had from its server.
        Interrupted: the user pressed Ctrl-C; what was downloaded is kept.
    """
    workshop = folder / WORKSHOP
    try:
        make_folder(workshop)
    except OSError as error:
        raise storage_error(workshop, error, advice="Choose another folder with --data-dir.") from error
    with exclusive(workshop / "lock", waiting=lambda: progress("another process fetches this data set", 0, None)):
        if type(dataset).fetch is not Dataset.fetch:
            dataset.fetch(folder)
            done = Fetched(folder, 0, 0, len(dataset.inventory(folder)[0]), ())
        else:
            done = _Fetch(dataset, folder, repair, progress, at_once, pause).run()
        shutil.rmtree(workshop, ignore_errors=True)
    return done


class _Fetch:
    """The rounds of one fetch: a list that was downloaded may name further files."""

    def __init__(
        self, dataset: Dataset, folder: Path, repair: bool, progress: Progress, at_once: int, pause: float
    ) -> None:
        self.dataset = dataset
        self.folder = folder
        self.repair = repair
        self.progress = progress
        self.at_once = at_once
        self.pause = pause
        self.receipt = Receipt.of(folder)
        self.stop = threading.Event()
        self.threads = threading.local()
        self.n_bytes = 0

    def run(self) -> Fetched:
        got: set[str] = set()
        while True:
            found = survey(self.dataset, self.folder, repair=self.repair, progress=self.progress)
            if found.how == "by-hand":
                raise DataError(f"this data set cannot be downloaded automatically. {self.dataset.layout}")
            files = [file for file in found.missing if file.url not in got]
            if not files:
                break
            self._check_room(files)
            self.receipt.write()  # from here on the folder is known as one that was begun
            try:
                self._get(files)
            finally:
                self.receipt.write()
            got.update(file.url for file in files)
        n_samples = len(self.dataset.inventory(self.folder)[0])
        return Fetched(self.folder, len(got), self.n_bytes, n_samples, self._kept_differing(found))

    def _kept_differing(self, found: Survey) -> tuple[str, ...]:
        return () if self.repair else found.differing

    def _check_room(self, files: Sequence[RemoteFile]) -> None:
        """Refuses before the first byte what cannot fit, as far as sizes are published."""
        there = sum(part.stat().st_size for part in (self.folder / WORKSHOP).rglob(f"*{PART}"))
        needed = sum(file.size or 0 for file in files) - there
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise UserError(
                f"{readable(needed)} are to be downloaded, and {readable(free)} are free in {self.folder}. "
                "Free some space, or choose another folder with --data-dir. Nothing was changed."
            )

    def _get(self, files: Sequence[RemoteFile]) -> None:
        meter = Meter(f"downloading {_named(files)}", self.progress, _total(files))
        try:
            if len(files) == 1:
                self._one(files[0], meter)  # in this thread, which Ctrl-C ends at once, however slow the server
            else:
                self._several(files, meter)
        except KeyboardInterrupt as error:
            raise Interrupted(
                f"stopped: {readable(meter.done)} of this download are kept in {self.folder}. "
                "Run the same command again to go on from there."
            ) from error
        finally:
            self.n_bytes += meter.done

    def _several(self, files: Sequence[RemoteFile], meter: Meter) -> None:
        with ThreadPoolExecutor(self.at_once) as pool:
            futures = [pool.submit(self._one, file, meter) for file in files]
            try:
                _await(futures)
            except BaseException:
                self.stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(self, file: RemoteFile, meter: Meter) -> None:
        parts = parts_of(file.path, where=f"the list of {file.url}")
        lying = self.folder / WORKSHOP / _workshop_path(file)
        if not lying.exists():  # otherwise it was downloaded whole before, and something went wrong behind
            if not hasattr(self.threads, "session"):
                self.threads.session = requests.Session()
            download(
                file.url,
                lying,
                size=file.size,
                checksum=file.checksum,
                session=self.threads.session,
                meter=meter,
                stop=self.stop,
                pause=self.pause,
            )
        if file.unpack:
            self._unpack(file, lying, parts)
        else:
            self._place(lying, parts)

    def _unpack(self, file: RemoteFile, archive: Path, parts: tuple[str, ...]) -> None:
        meter = Meter(f"unpacking {archive.name}", self.progress, archive.stat().st_size)
        home = self.folder.joinpath(*parts)
        try:
            found = unpack(archive, home, strip=file.strip, replace=self.repair, meter=meter)
        except DataError:
            archive.unlink(missing_ok=True)  # it will not get better
            raise
        prefix = "".join(f"{part}/" for part in parts)
        named = {prefix + path: what for path, what in found.items()}
        self.receipt.files.update(named)
        self.receipt.archives[file.url] = list(named)
        archive.unlink()

    def _place(self, lying: Path, parts: tuple[str, ...]) -> None:
        target = self.folder.joinpath(*parts)
        came = Unpacked(lying.stat().st_size, checksums.of_file(lying))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            lying.replace(target)
        except OSError as error:
            raise storage_error(target, error) from error
        self.receipt.files["/".join(parts)] = came


def _await(futures: Sequence[Future[None]]) -> None:
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, timeout=_POLL, return_when=FIRST_EXCEPTION)
        errors = [error for future in done if (error := future.exception()) is not None]
        real = [error for error in errors if not isinstance(error, Stopped)]
        if errors:
            raise (real or errors)[0]


def _named(files: Sequence[RemoteFile]) -> str:
    if len(files) > 1:
        return f"{len(files):,} files"
    return unquote(urlsplit(files[0].url).path.rpartition("/")[2]) or files[0].url


def _total(files: Sequence[RemoteFile]) -> int | None:
    known = [file.size for file in files if file.size is not None]
    return sum(known) if known else None


def _workshop_path(file: RemoteFile) -> str:
    """A place for a file on its way: its own for every address and target, under a readable name."""
    mark = checksums.of_text(f"{file.url} {file.path}")[:10]
    base = unquote(urlsplit(file.url).path.rpartition("/")[2])
    plain = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in base)[-60:]
    return f"{mark}/{plain.lstrip('.') or 'file'}"
