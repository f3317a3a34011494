"""One row of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["ready", "needs-extra", "not-installed", "quarantined", "disabled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A component (or a hook plugin, or a plugin's command) that is installed, known, or both.

    Attributes:
        kind: one of ``KINDS``, ``"hook"`` or ``"command"``.
        name: what the user writes.
        status: ``ready``; ``needs-extra``: announced, but packages are missing; ``not-installed``: known, and some
            other distribution brings it; ``quarantined``: it cannot be used, see ``reason``; ``disabled``: the user
            said so.
        provider: the distribution that brings it.
        version: that distribution's version, if it is installed.
        summary: one line.
        reason: why it is not ready; or a remark on one that is (prints, or is slow, when imported).
        install: the command that installs what is missing; empty where nothing is.
        target: ``package.module:Class``, if it is installed.
        paper: the paper or standard it follows.
        licence: of the component, or of the data behind it.
        homepage: where to read more.
    """

    kind: str
    name: str
    status: Status
    provider: str
    version: str = ""
    summary: str = ""
    reason: str = ""
    install: str = ""
    target: str = ""
    paper: str = ""
    licence: str = ""
    homepage: str = ""
