"""A remote backend without any service: a folder is its queue, and whoever runs ``serve`` is its device.

As a program: ``toy_remote.py FOLDER`` is the device, in a process of its own, until the queue is empty.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, final

import numpy as np
from pydantic import Field

from qplug.circuits.json_text import dump, load
from qplug.contract.errors import QplugError, UserError
from qplug.contract.interfaces import Failed, Forecast, NotYet, RemoteBackend, RemoteCapabilities, Values, Work
from qplug.testing.reference import expectations


@final
@dataclass(kw_only=True, eq=False)
class FolderQueue(RemoteBackend):
    """Sends work as files into a folder."""

    summary = "a folder as queue, for tests"
    capabilities = RemoteCapabilities(interface=1, gradient=None, hardware=True, max_qubits=6)

    folder: Annotated[str, Field(description="the queue")] = ""

    def check(self) -> None:
        if not self.folder or not Path(self.folder).is_dir():
            raise UserError(f"there is no queue {self.folder!r}. Make the folder.")

    def forecast(self, work: Work) -> Forecast:
        rows = sum(len(task.encoding) for task in work.tasks)
        return Forecast(rows * work.shots, 1 + 0.001 * rows * work.shots, "1 s + 1 ms an execution")

    def submit(self, work: Work) -> str:
        self._answering()
        tasks = [[dump(task.circuit), task.encoding.tolist(), task.weights.tolist()] for task in work.tasks]
        job = uuid.uuid4().hex
        sent = {"tag": work.tag, "shots": work.shots, "max_seconds": work.max_seconds, "tasks": tasks}
        self._stuck("before")
        partial = Path(self.folder) / f"{job}.sending"
        partial.write_text(json.dumps(sent), "utf-8")
        partial.rename(partial.with_suffix(".job"))
        self._stuck("after")
        return job

    def find(self, work: Work) -> str | None:
        self._answering()
        for path in Path(self.folder).glob("*.job"):
            if json.loads(path.read_text("utf-8"))["tag"] == work.tag:
                return path.stem
        return None

    def collect(self, handle: str) -> Values | NotYet | Failed:
        self._answering()
        answer = Path(self.folder) / f"{handle}.answer"
        if not (Path(self.folder) / f"{handle}.job").exists():
            return Failed("the queue knows no such job.", retry=True)
        if not answer.exists():
            return NotYet("queued")
        told = json.loads(answer.read_text("utf-8"))
        if "reason" in told:
            return Failed(told["reason"], retry=told["retry"])
        values = tuple(np.asarray(each) for each in told["values"])
        return Values(values, told["seconds"], {"ones": np.asarray(told["ones"])}, {"device": "folder"})

    def cancel(self, handle: str) -> None:
        fail(Path(self.folder), handle, "it was cancelled.")

    def _stuck(self, how: str) -> None:
        """Waits before or after a second job is sent, while the queue says so."""
        while (Path(self.folder) / f"stuck {how}").exists() and len(jobs(Path(self.folder))) == 1 + (how == "after"):
            time.sleep(0.02)

    def _answering(self) -> None:
        if (Path(self.folder) / "deaf").exists():
            raise QplugError(f"the queue {self.folder} does not answer.")


def fail(folder: Path, job: str, reason: str, *, retry: bool = True) -> None:
    """What the device does where it gives up."""
    if not (folder / f"{job}.answer").exists():
        (folder / f"{job}.answer").write_text(json.dumps({"reason": reason, "retry": retry}), "utf-8")


def jobs(folder: Path) -> list[str]:
    """All that was ever sent."""
    return sorted(path.stem for path in folder.glob("*.job"))


def serve(folder: Path, *, exact: float | None = None) -> None:
    """Does all that waits: shots drawn from the right chances, or the right values times ``exact``."""
    for job in jobs(folder):
        answer = folder / f"{job}.answer"
        if answer.exists():
            continue
        sent = json.loads((folder / f"{job}.job").read_text("utf-8"))
        seed = int.from_bytes(hashlib.sha256(sent["tag"].encode()).digest()[:8], "big")
        draw = np.random.default_rng(seed)
        values, executions = [], 0
        for circuit, encoding, weights in sent["tasks"]:
            right = expectations(load(circuit), np.asarray(encoding), np.asarray(weights))
            ones = draw.binomial(sent["shots"], np.clip((1 - right) / 2, 0, 1))
            values.append((1 - 2 * ones / sent["shots"] if exact is None else np.clip(exact * right, -1, 1)).tolist())
            executions += sent["shots"] * len(encoding)
        told = {"values": values, "seconds": 1 + 0.001 * executions, "ones": ones.tolist()}
        partial = folder / f"{job}.partial"
        partial.write_text(json.dumps(told), "utf-8")
        partial.rename(answer)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
