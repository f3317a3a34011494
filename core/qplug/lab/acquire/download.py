"""One file over HTTP: resumed where it was cut off, checked, and in place whole or not at all."""

from __future__ import annotations

import contextlib
import re
import shutil
import threading
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

# requests and not pooch: pooch starts anew after every cut, and what it would leave to use is comparing one hash.
import requests
import urllib3

from qplug.atomic import storage_error
from qplug.contract.errors import DataError, QplugError, UserError
from qplug.lab.acquire import checksums
from qplug.lab.acquire.meter import Meter
from qplug.lab.data.disk import readable

PART = ".part"
"""Ending of a file that is not complete yet."""

_TAG = ".tag"
_BLOCK = 1 << 15  # what an interruption may cost
_TIMEOUT = (10.0, 20.0)  # seconds to connect, and between two packets
_ATTEMPTS = 4  # in a row without a single new byte
_LONGEST_PAUSE = 60.0
_BUSY = {429, 500, 502, 503, 504}
_KEPT = "What was downloaded is kept; run the same command again to go on from there."


class Stopped(Exception):
    """Another thread asked for the end; what is there is kept."""


class _Cut(Exception):
    """The transfer ended early; trying again may help."""

    def __init__(self, why: str, pause: float | None = None) -> None:
        super().__init__(why)
        self.pause = pause


def download(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    checksum: str | None = None,
    session: requests.Session | None = None,
    meter: Meter | None = None,
    stop: threading.Event | None = None,
    pause: float = 1.0,
) -> None:
    """Downloads a file. What an earlier call left unfinished is gone on with if the server can do that.

    Args:
        url: ``https://`` or ``http://``; redirections are followed, but not from https to http.
        target: where the file appears when it is complete and right. Until then it is beside it, with ``.part``.
        size: bytes, if known.
        checksum: ``"sha256:…"`` or ``"md5:…"``, if known.
        session: keeps connections open from one file to the next.
        meter: told how many bytes are there.
        stop: ends the transfer as soon as it is set.
        pause: seconds before the second attempt, doubled before each further one.

    Raises:
        DataError: the file has another size or checksum than it should. Nothing of it is kept.
        UserError: the disk is full, or the folder cannot be written.
        QplugError: the server does not have the file, or cannot be reached. What is there is kept.
        Stopped: ``stop`` was set. What is there is kept.
    """
    transfer = _Transfer(url, target, size, checksum, session or requests.Session(), meter or Meter(""), stop)
    with _storage(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        before = transfer.have()
    transfer.meter.add(before)
    failures = 0
    while True:
        try:
            transfer.receive()
            break
        except _Cut as cut:
            failures = failures + 1 if transfer.have() <= before else 1
            before = transfer.have()
            if failures >= _ATTEMPTS:
                raise QplugError(f"{url} cannot be downloaded: {cut}. {transfer.so_far()}") from cut
            transfer.wait(cut.pause if cut.pause is not None else pause * 2 ** (failures - 1))
    transfer.finish()


class _Transfer:
    """One file on its way."""

    def __init__(
        self,
        url: str,
        target: Path,
        size: int | None,
        checksum: str | None,
        session: requests.Session,
        meter: Meter,
        stop: threading.Event | None,
    ) -> None:
        self.url = url
        self.target = target
        self.part = target.with_name(target.name + PART)
        self.tag = target.with_name(target.name + PART + _TAG)
        self.size = size
        self.checksum = checksum
        self.session = session
        self.meter = meter
        self.stop = stop or threading.Event()
        self._announced = False

    def have(self) -> int:
        """How many bytes are there."""
        return self.part.stat().st_size if self.part.exists() else 0

    def so_far(self) -> str:
        """What is kept, for errors."""
        if not self.have():
            return "Nothing of it came; try again later."
        return f"{readable(self.have())} are kept in {self.part}; run the same command again to go on from there."

    def wait(self, seconds: float) -> None:
        """Pauses, unless the end is asked for."""
        if self.stop.wait(min(seconds, _LONGEST_PAUSE)):
            raise Stopped

    def receive(self) -> None:
        """Gets what is missing.

        Raises:
            _Cut: not all of it came.
        """
        have = self.have()
        if self.size is not None and have == self.size:
            return
        headers = {"Accept-Encoding": "identity"}
        if have and self._resumable():
            headers["Range"] = f"bytes={have}-"
            if self.tag.exists():
                headers["If-Range"] = self.tag.read_text("utf-8")
        elif have:
            self._restart()
            have = 0
        with self._response(headers) as response:
            if response.status_code == 416:
                self._after_the_end(response, have)
                return
            self._refuse(response)
            self._take(response, have)

    def _resumable(self) -> bool:
        """Without a checksum or the server's mark of a version, two versions of a file could be joined unseen."""
        return self.checksum is not None or self.tag.exists()

    def _restart(self) -> None:
        self.meter.add(-self.have())
        with _storage(self.part):
            self.part.unlink(missing_ok=True)
            self.tag.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _response(self, headers: dict[str, str]) -> Iterator[requests.Response]:
        try:
            response = self.session.get(self.url, headers=headers, stream=True, timeout=_TIMEOUT)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
            raise QplugError(f"{self.url!r} is no address that can be downloaded from (http:// or https://).") from None
        except requests.exceptions.TooManyRedirects:
            raise QplugError(f"{self.url} is redirected without end. Try later, or get the file by hand.") from None
        except requests.RequestException as error:
            raise _Cut(_reason(error)) from error
        with contextlib.closing(response):
            yield response

    def _refuse(self, response: requests.Response) -> None:
        """Raises unless the answer carries the file."""
        hops = [hop.url for hop in (*response.history, response)]
        if self.url.startswith("https://") and any(hop.startswith("http://") for hop in hops):
            raise QplugError(f"{self.url} is redirected to {hops[-1]}, which is not encrypted. Get the file by hand.")
        status = response.status_code
        if status in _BUSY:
            told = response.headers.get("Retry-After", "")
            raise _Cut(f"the server says {status} {response.reason}", float(told) if told.isdecimal() else None)
        if status not in (200, 206):
            raise QplugError(
                f"{self.url} cannot be downloaded: the server says {status} {response.reason}. "
                "If the file has moved, its homepage may know where; otherwise try again later."
            )

    def _after_the_end(self, response: requests.Response, have: int) -> None:
        """The server has nothing behind what is there: it is complete, or it is something else."""
        whole = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
        if whole is None or int(whole[1]) != have:
            self._restart()
            raise _Cut("the server holds another file than the one that was begun", pause=0.0)

    def _take(self, response: requests.Response, have: int) -> None:
        if response.status_code == 206:
            span = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if span is None or int(span[1]) != have:
                self._restart()
                raise _Cut("the server sent another part than it was asked for", pause=0.0)
        elif have:  # it cannot resume, or the file is a newer one: all of it is on its way
            self._restart()
            have = 0
        length = response.headers.get("Content-Length", "")
        to_come = int(length) if length.isdecimal() else None
        self._check_room(to_come if to_come is not None else max(0, (self.size or 0) - have))
        self._announce(have, to_come)
        self._remember(response)
        self._write(response)
        if to_come is not None and self.have() < have + to_come:
            raise _Cut(f"the connection was cut after {readable(self.have())} of {readable(have + to_come)}")

    def _announce(self, have: int, to_come: int | None) -> None:
        """Compares the length with the published one before the first byte, or tells the meter of it."""
        if to_come is None:
            return
        if self.size is not None and have + to_come != self.size:
            self._restart()
            raise DataError(self._wrong(f"{have + to_come} bytes", f"{self.size} bytes"))
        if self.size is None and not self._announced:
            self.meter.expect(have + to_come)
            self._announced = True

    def _check_room(self, n_bytes: int) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if n_bytes > free:
            raise UserError(
                f"{self.target.name} needs {readable(n_bytes)} more, and {readable(free)} are free in "
                f"{self.part.parent}. Free some space, or choose another folder with --data-dir. {_KEPT}"
            )

    def _remember(self, response: requests.Response) -> None:
        tag = response.headers.get("ETag", "")
        mark = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
        if mark and not self.tag.exists():
            with _storage(self.tag):
                self.tag.write_text(mark, "utf-8")

    def _write(self, response: requests.Response) -> None:
        # Unbuffered, so that all that came is on disk however this ends. Undecoded: .gz must stay .gz.
        with _storage(self.part), self.part.open("ab", buffering=0) as file:
            try:
                for block in response.raw.stream(_BLOCK, decode_content=False):
                    if self.stop.is_set():
                        raise Stopped
                    _write_all(file, block)
                    self.meter.add(len(block))
            except urllib3.exceptions.HTTPError as error:
                raise _Cut(_reason(error)) from error

    def finish(self) -> None:
        """Checks the file and puts it into its place."""
        try:
            if self.size is not None and self.have() != self.size:
                raise DataError(self._wrong(f"{self.have()} bytes", f"{self.size} bytes"))
            if self.checksum is not None:
                right, got = checksums.matches(self.part, self.checksum)
                if not right:
                    raise DataError(self._wrong(got, self.checksum))
        except DataError:
            self._restart()
            raise
        with _storage(self.target):
            self.part.replace(self.target)
            self.tag.unlink(missing_ok=True)

    def _wrong(self, got: str, wanted: str) -> str:
        return (
            f"{self.url} is damaged or has changed: it came with {got}, and {wanted} is published. It was removed. "
            "Run the same command again; if this stays so, the source has changed, and its homepage may say why."
        )


def _write_all(file: FileIO, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


@contextlib.contextmanager
def _storage(path: Path) -> Iterator[None]:
    """Says of what the disk refuses that it was the disk."""
    try:
        yield
    except OSError as error:
        if isinstance(error, requests.RequestException):
            raise
        raise storage_error(path, error, advice=f"Free some space, or choose another folder. {_KEPT}") from error


def _reason(error: Exception) -> str:
    """The innermost words of an error of the network, without the object addresses that urllib3 prints."""
    inner: BaseException = error
    while (deeper := inner.__cause__ or inner.__context__) is not None:
        inner = deeper
    words = getattr(inner, "strerror", None) or str(inner)
    return re.sub(r"<[^>]*>:? ?", "", str(words)).strip("() ") or type(inner).__name__
