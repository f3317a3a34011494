"""Texts of users, files and plugins on their way to a terminal, which obeys nothing in them."""

from __future__ import annotations

import logging
import re

# Controls of the terminal (C0 and C1) but for tab and newline, and the signs that turn the direction of a line.
_UNSEEN = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"


def visible(text: str) -> str:
    """``text`` with an escape for every character that a terminal would obey or cannot show.

    Names of files that are no UTF-8 come from Python with lone surrogates, which no stream takes; they are escaped too.
    """
    return re.sub(_UNSEEN, lambda found: ascii(found[0])[1:-1], text)


class VisibleFormatter(logging.Formatter):
    """A log line of which a terminal obeys nothing."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return visible(super().format(record))
