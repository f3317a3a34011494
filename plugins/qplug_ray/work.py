"""What a worker of the cluster does. Only strings come in and go out, and nothing heavy is imported here."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict

from qplug.contract.interfaces.executor import attempt


def carry_out(work: str, key: str, spec: str) -> str:
    """One cell, and the fields of its ``Done`` as JSON."""
    return json.dumps(asdict(attempt(work, key, spec, f"process {os.getpid()} on {platform.node()}")))
