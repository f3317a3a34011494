"""Addresses as they may be shown: without the passwords and tokens that people write into them."""

from __future__ import annotations

import re

HIDDEN = "***"
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>]+")
_USER = re.compile(r"://[^/?#]*@")
_VALUE = re.compile(r"([?&][^=&#]*=)[^&#]+")


def redacted(text: str) -> str:
    """``text`` with user names, passwords and the values of queries in its addresses hidden.

    Every text that can hold an address goes through here before it is shown, logged or written as an error.
    """
    return _ADDRESS.sub(_hide, text) if "://" in text else text


def _hide(found: re.Match[str]) -> str:
    return _VALUE.sub(rf"\g<1>{HIDDEN}", _USER.sub(f"://{HIDDEN}@", found[0], count=1))
