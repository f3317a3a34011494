"""What a remote backend gave, as the content of a file, without pickle."""

from __future__ import annotations

import io
import json

import numpy as np

from qplug.contract.interfaces import Values


def pack(values: Values) -> bytes:
    """The content of an ``.npz`` file; ``unpack`` gives back equal values."""
    told = {"usage_seconds": values.usage_seconds, "facts": dict(values.facts)}
    arrays = {f"values/{number}": each for number, each in enumerate(values.expectations)}
    arrays |= {f"raw/{name}": each for name, each in values.raw.items()}
    arrays["facts"] = np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def unpack(content: bytes) -> Values:
    """What ``pack`` packed.

    Raises:
        Exception: it is damaged; a damaged archive fails in many ways.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        told = json.loads(arrays["facts"].tobytes())
        count = sum(name.startswith("values/") for name in arrays.files)
        return Values(
            tuple(arrays[f"values/{number}"] for number in range(count)),
            told["usage_seconds"],
            {name.removeprefix("raw/"): arrays[name] for name in arrays.files if name.startswith("raw/")},
            told["facts"],
        )
