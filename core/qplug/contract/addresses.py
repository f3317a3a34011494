"""Addresses as they may be shown: without the passwords and tokens that people write into them."""

from __future__ import annotations

import re

HIDDEN = "***"
_ADDRESS = r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>]+"
_USER = r"://[^/?#]*@"
_VALUE = r"([?&][^=&#]*=)[^&#]+"


def redacted(text: str) -> str:
    """``text`` with user names, passwords and the values of queries in its addresses hidden.

    Every text that can hold an address goes through here before it is shown, logged or written as an error.
    """
    return re.sub(_ADDRESS, _hide, text) if "://" in text else text


def _hide(found: re.Match[str]) -> str:
    return re.sub(_VALUE, rf"\g<1>{HIDDEN}", re.sub(_USER, f"://{HIDDEN}@", found[0], count=1))
