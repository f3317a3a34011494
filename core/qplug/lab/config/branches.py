"""Several heads in a few characters: ``linear + 0.5*linear:pennylane-pqc``."""

from __future__ import annotations

import re
from typing import Any

from qplug import catalogue
from qplug.catalogue.layers import Layer
from qplug.contract.errors import ConfigError

_BRANCH = re.compile(r"(?:(?P<weight>[^*:]+)\*)?(?:(?P<reducer>[^*:]+):)?(?P<head>[^*:]+)")


def from_head(text: str) -> Layer:
    """The layer that ``--head`` describes: one head by name or as ``module:Class``, or a weighted sum of branches.

    A branch is ``weight*reducer:head``; the weight is 1 unless given. Without a reducer a classical head reads the
    whole embedding, and a quantum head a reduction of it that suits the backbone.

    Raises:
        ConfigError: a branch that cannot be read.
    """
    if catalogue.is_code(text.strip()) or not set(text) & set("+*:"):
        return {"head": {"name": text.strip()}}
    return {"branch": [_branch(part, text) for part in text.split("+")]}


def _branch(part: str, text: str) -> dict[str, Any]:
    found = _BRANCH.fullmatch(part.replace(" ", ""))
    if found is None:
        raise ConfigError(
            f"the branch {part.strip()!r} of --head {text!r} cannot be read. "
            "A branch is WEIGHT*REDUCER:HEAD, such as 0.5*linear:pennylane-pqc; weight and reducer may be left out."
        )
    branch: dict[str, Any] = {"head": {"name": found["head"]}}
    if found["reducer"]:
        branch["reducer"] = {"name": found["reducer"]}
    if found["weight"]:
        branch["weight"] = _weight(found["weight"], part)
    return branch


def _weight(text: str, part: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"the weight {text!r} of the branch {part.strip()!r} is no number.") from None
