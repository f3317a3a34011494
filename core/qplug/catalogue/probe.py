"""Trying plugins that nobody vouches for, in processes of their own."""

from __future__ import annotations

import json
import logging
import math
import os
import secrets
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from threading import Event
from typing import Any

from qplug import variables
from qplug.catalogue.isolation import End, run_isolated
from qplug.catalogue.offers import Offer, same_distribution
from qplug.catalogue.verdicts import Verdict
from qplug.contract.errors import UserError

TIME_LIMIT = 60.0
"""Seconds of work that the plugins of one package may take, unless ``QPLUG_IMPORT_LIMIT`` says otherwise."""

_log = logging.getLogger("qplug")


def import_limit() -> float:
    """Seconds of work that the plugins of one package may take to be imported.

    Raises:
        UserError: ``QPLUG_IMPORT_LIMIT`` is no positive number.
    """
    text = variables.import_limit() or str(TIME_LIMIT)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UserError(
            f"QPLUG_IMPORT_LIMIT is the number of seconds that a plugin may take to be imported, such as 120; "
            f"got {text!r}."
        )
    return seconds


def probe(offers: Iterable[Offer], *, time_limit: float | None = None) -> dict[Offer, Verdict]:
    """Imports and checks each claimed plugin in a child process, packages side by side.

    Time is that in which a process works or sleeps; what it waits for a busy machine does not count.

    Args:
        offers: what to try.
        time_limit: seconds for the plugins of one package; one that takes longer is quarantined for the moment, unless
            it comes with qplug. None: ``import_limit()``.

    Returns:
        A verdict for each offer; none for those where no child process could be started at all.

    Raises:
        UserError: see ``import_limit``.
    """
    limit = import_limit() if time_limit is None else time_limit
    by_process = sorted(offers, key=_process)
    batches = [list(batch) for _, batch in groupby(by_process, key=_process)]
    verdicts: dict[Offer, Verdict] = {}
    stop = Event()
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        try:
            for found in pool.map(partial(_probe_batch, time_limit=limit, stop=stop), batches):
                verdicts |= found
        except BaseException:
            stop.set()  # the children are in sessions of their own: nobody but us ends them
            raise
    return {offer: _unless_shipped(offer, verdict) for offer, verdict in verdicts.items()}


def _process(offer: Offer) -> tuple[str, str]:
    """What is tried in one process: a package; and all that comes with qplug, which shares most of its libraries."""
    return (offer.provider, "" if _is_shipped(offer) else offer.package)


def _is_shipped(offer: Offer) -> bool:
    return same_distribution(offer.provider, "qplug")


def _unless_shipped(offer: Offer, verdict: Verdict) -> Verdict:
    """What comes with qplug is never quarantined for slowness, which says something about the machine only."""
    if not (verdict.momentary and _is_shipped(offer)):
        return verdict
    _log.warning("%s %r of qplug was not tried to its end: %s", offer.kind, offer.name, verdict.reason)
    return replace(verdict, ok=True, reason="")


def _probe_batch(batch: Sequence[Offer], *, time_limit: float, stop: Event) -> dict[Offer, Verdict]:
    verdicts: dict[Offer, Verdict] = {}
    left, again = list(batch), set[Offer]()
    while left and not stop.is_set():
        packages = {offer.package for offer in left}
        answers, end = _probe_in_process(left, time_limit * len(packages), stop)
        if answers is None:
            _log.warning("plugins of %s could not be tried: %s", left[0].provider, end.reason)
            break
        verdicts |= {offer: answers[offer.key] for offer in left if offer.key in answers}
        left = [offer for offer in left if offer.key not in answers]
        if left:  # the first without a verdict is the one that ended or blocked the process
            if end.killed and left[0] not in again:  # by itself, or with all that was interrupted: once more shows it
                again.add(left[0])
                continue
            guilty = left.pop(0)
            verdicts[guilty] = Verdict(False, end.reason, momentary=end.late)
            if end.late or end.loud:  # its package would do the same again
                same = [offer for offer in left if offer.package == guilty.package]
                verdicts |= dict.fromkeys(same, verdicts[guilty])
                left = [offer for offer in left if offer not in same]
    return verdicts


def _probe_in_process(offers: Sequence[Offer], time_limit: float, stop: Event) -> tuple[dict[str, Verdict] | None, End]:
    """The child process's verdicts by the offers' keys, None if it never started; and how it ended."""
    seal = secrets.token_hex()
    with tempfile.TemporaryDirectory(prefix="qplug-", ignore_cleanup_errors=True) as folder:
        results, printed = Path(folder, "results"), Path(folder, "printed")
        request = json.dumps([asdict(offer) | {"folder": None} for offer in offers])
        command = [sys.executable, "-P", "-m", "qplug.catalogue.trial", request, str(results), str(printed)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        end = run_isolated(command, environment, printed, time_limit, stop, seal.encode())
        lines = list(_lines(results, seal))
    return ({str(line.get("about")): _verdict(line) for line in lines[1:]} if lines else None), end


def _lines(results: Path, seal: str) -> Iterator[dict[str, Any]]:
    """The child's answers, which carry its seal; what else stands there, a plugin wrote."""
    try:
        text = results.read_text("utf-8", "replace")
    except OSError:
        return
    for line in text.split("\n"):
        if seal not in line:
            continue
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(answer, dict) and answer.get("seal") == seal:
            yield answer


def _verdict(answer: dict[str, Any]) -> Verdict:
    return Verdict(answer.get("ok") is True, str(answer.get("reason", "")), str(answer.get("summary", "")))
