"""What ``qplug doctor`` tells of the IBM Quantum account: its plan, and what is left of it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from qplug.contract.interfaces import RemoteBackend

LONGEST = 20.0
"""Seconds that the service is waited for, the client's import among them."""


def allowance(where: str | None, *, offline: bool = False, longest: float = LONGEST) -> str:
    """Plan and allowance in words, or why they are not known; empty without an account.

    The service is asked in a thread that nobody waits for longer, since the client repeats what fails for minutes.

    Args:
        where: where the account is configured.
        offline: whether nobody is asked.
        longest: seconds.
    """
    if where is None:
        return ""
    if offline:
        return "its plan and what is left were not asked for (--offline)"
    told: list[str] = []
    asking = threading.Thread(target=lambda: told.append(_asked()), daemon=True)
    asking.start()
    asking.join(longest)
    return told[0] if told else f"the service did not tell its plan within {longest:g} s; look at the network"


def _asked() -> str:
    from qplug import catalogue
    from qplug.contract.errors import QplugError

    try:
        found = cast("RemoteBackend", catalogue.create("backend", "ibm")).account()
    except QplugError as error:
        return f"its plan is not known: {error}"
    except Exception as error:  # the client may raise anything; its words may hold a token
        return f"its plan is not known: IBM's client failed with {type(error).__name__}"
    left = found.get("left_seconds")
    plan = f"plan {found['plan']}" if found.get("plan") else "the service does not tell its plan"
    return f"{plan}, {'what is left is not told' if left is None else f'{left:,.0f} s of a device left'}"
