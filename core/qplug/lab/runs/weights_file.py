"""A file of weights as it is stored, without the seconds that torch takes to load."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from qplug.contract.errors import DataError


def with_metadata(path: Path, content: bytes, more: Mapping[str, Any]) -> tuple[bytes, int]:
    """A file with further metadata, each value as JSON text, and the number of its tensors, which stay as they are.

    Args:
        path: the file.
        content: what it holds.
        more: what is added.

    **Source:** the safetensors format: eight bytes for the length of a header of JSON, the header, the tensors.

    Raises:
        DataError: the file is damaged.
    """
    with naming_damage(path):
        with safe_open(path, framework="numpy") as file:  # checks what it opens
            n_tensors = len(file.keys())
        start = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:start])
    added = {name: json.dumps(value) for name, value in more.items()}
    header["__metadata__"] = {**header.get("__metadata__", {}), **added}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the tensors begin at a multiple of eight
    return len(text).to_bytes(8, "little") + text + content[start:], n_tensors


@contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Inside, the failure to read a file of weights becomes a DataError that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"there is no weights file {path}; the run may not have ended.") from error
    except (OSError, SafetensorError, ValueError) as error:
        raise DataError(f"{path} is damaged or not a safetensors file: {error}.") from error
