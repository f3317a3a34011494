"""Trying plugins that nobody vouches for, in processes of their own."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from qplug.catalogue.claims import Claim
from qplug.catalogue.verdicts import Verdict

TIME_LIMIT = 60.0
"""Seconds that one process may take for the plugins of one package."""

_log = logging.getLogger("qplug")


def probe(claims: Iterable[Claim], *, time_limit: float = TIME_LIMIT) -> dict[Claim, Verdict]:
    """Imports and checks each claimed plugin in a child process, packages side by side.

    Args:
        claims: what to try.
        time_limit: seconds for the plugins of one package; one that takes longer is quarantined.

    Returns:
        A verdict for each claim; none for those where no child process could be started at all.
    """
    by_package = sorted(claims, key=lambda claim: (claim.provider, claim.package))
    batches = [list(batch) for _, batch in groupby(by_package, key=lambda claim: (claim.provider, claim.package))]
    verdicts: dict[Claim, Verdict] = {}
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for found in pool.map(lambda batch: _probe_batch(batch, time_limit), batches):
            verdicts |= found
    return verdicts


def _probe_batch(batch: Sequence[Claim], time_limit: float) -> dict[Claim, Verdict]:
    verdicts: dict[Claim, Verdict] = {}
    left = list(batch)
    while left:
        lines, end = _run_child(left, time_limit)
        if not lines:
            _log.warning("plugins of %s could not be tried: %s", left[0].provider, end)
            break
        for line in lines[1:]:
            verdicts[left.pop(0)] = Verdict(**line)
        if left:  # the first without a verdict is the one that ended or blocked the process
            verdicts[left.pop(0)] = Verdict(False, end)
    return verdicts


def _run_child(claims: Sequence[Claim], time_limit: float) -> tuple[list[dict[str, Any]], str]:
    """What the child process wrote, and how it ended."""
    with tempfile.TemporaryDirectory(prefix="qplug-") as folder:
        results, printed = Path(folder, "results"), Path(folder, "printed")
        request = json.dumps([asdict(claim) | {"folder": None} for claim in claims])
        command = [sys.executable, "-P", "-m", "qplug.catalogue.trial", request, str(results), str(printed)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        with printed.open("wb") as output:
            end = _wait(command, environment, output.fileno(), time_limit)
        return _read_lines(results), end


def _wait(command: list[str], environment: dict[str, str], output: int, time_limit: float) -> str:
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            timeout=time_limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"importing it took longer than {time_limit:g} s"
    except OSError as error:
        return str(error)
    return f"importing it ended the process with exit code {done.returncode}"


def _read_lines(results: Path) -> list[dict[str, Any]]:
    try:
        text = results.read_text("utf-8")
    except OSError:
        return []
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
