"""Small pieces of work for trying executors with. Workers import this module, so it imports nothing heavy."""

from __future__ import annotations

import json
import os


def echo(spec: str) -> str:
    """Its spec, as it came."""
    return spec


def act(spec: str) -> str:
    """Does what the spec says: ``{"do": "echo" | "raise" | "exit" | "die" | "return", "with": value}``."""
    order = json.loads(spec)
    match order["do"]:
        case "raise":
            raise ValueError(order["with"])
        case "exit":
            raise SystemExit(order["with"])
        case "die":
            os._exit(order["with"])
        case "return":
            wrong: str = order["with"]  # whatever it is
            return wrong
        case _:
            return json.dumps(order["with"])


def threads(spec: str) -> str:
    """What tells numerical libraries how many threads they have, as a worker sees it."""
    return json.dumps(os.environ.get("OMP_NUM_THREADS"))
