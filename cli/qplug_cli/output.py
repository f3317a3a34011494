"""Results on stdout, everything else on stderr."""

from __future__ import annotations

import io
import os
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console

_PIPED_WIDTH = 100_000
_CONTROLS = "[\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
"""What a terminal obeys and JSON, which escapes all below the blank, would let through."""
_reserved: TextIO | None = None


def reserve_stdout() -> None:
    """From now on only ``document`` reaches stdout; what plugins and libraries print there goes to stderr.

    For ``--json``: one print in someone's ``load`` would spoil the document.
    """
    global _reserved
    if _reserved is not None:
        return
    sys.stdout.flush()
    try:
        descriptor = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    except (OSError, io.UnsupportedOperation):
        _reserved = sys.stdout  # replaced by something without a descriptor, as in tests
    else:
        _reserved = os.fdopen(descriptor, "w", encoding="utf-8")
    sys.stdout = sys.stderr


def document(value: Any) -> None:
    """Prints ``value`` as the one JSON document on stdout."""
    import json  # help needs none of it

    stream = _reserved or sys.stdout
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=str)
    text = re.sub(_CONTROLS, lambda found: f"\\u{ord(found[0]):04x}", text)
    # Names of folders that are no UTF-8 come from Python with lone surrogates, which have to be written as escapes.
    stream.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
    stream.flush()


def console() -> Console:
    """A console on stdout: the terminal's width, or, where the output is piped, one unbroken line per row."""
    from qplug_cli.words import PlainConsole

    if sys.stdout.isatty():
        return PlainConsole()
    width = None if "COLUMNS" in os.environ else _PIPED_WIDTH
    return PlainConsole(file=cast(TextIO, _Trimmed(sys.stdout)), width=width)


def is_for_people() -> bool:
    """Whether stdout is shown on a terminal; where it plainly is not, rich is not loaded to learn that."""
    asked = any(os.environ.get(name) for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))
    return (asked or sys.stdout.isatty()) and console().is_terminal


class _Trimmed(io.TextIOBase):
    """A stream without the blanks with which tables fill their last column."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(re.sub(r" +(?=\n)", "", text))

    def flush(self) -> None:
        self._stream.flush()
