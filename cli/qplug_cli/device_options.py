"""Options of commands that may ask a remote backend: what it may cost, and who says so."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from qplug.contract.errors import UserError

if TYPE_CHECKING:
    from qplug.lab.runner.on_device import Spending
    from qplug_cli.progress import TerminalReporter

_PANEL = "Remote backends"

Samples = Annotated[
    int | None,
    typer.Option(min=1, help="How many samples are sent, drawn by class.  [default: as the budget buys]",
                 rich_help_panel=_PANEL),
]  # fmt: skip
Shots = Annotated[
    int | None,
    typer.Option(min=1, help="Shots of each sample.  [default: as many as keep the labels, as the budget buys]",
                 rich_help_panel=_PANEL),
]  # fmt: skip
Budget = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Time of the device that may be spent, such as 30s or 2m.  [default: 60s]",
                 rich_help_panel=_PANEL),
]  # fmt: skip
Yes = Annotated[
    bool,
    typer.Option("--yes", help="Send what the budget allows without asking.", rich_help_panel=_PANEL),
]
NoWait = Annotated[
    bool,
    typer.Option("--no-wait", help="Leave the work with the device and end; qplug resume fetches it.",
                 rich_help_panel=_PANEL),
]  # fmt: skip


def seconds_of(budget: str | None) -> float | None:
    """The seconds of a time such as ``90``, ``90s``, ``1.5m`` or ``2min``; None for none.

    Raises:
        UserError: it is no time.
    """
    if budget is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d*)?)\s*(s|sec|m|min)?", budget.strip())
    if not found:
        raise UserError(f"--budget {budget!r} is no time. Give seconds or minutes of the device, such as 30s or 2m.")
    return float(found[1]) * (60 if (found[2] or "s").startswith("m") else 1)


def spending(
    reporter: TerminalReporter,
    budget: str | None,
    *,
    yes: bool,
    no_wait: bool,
    size: tuple[int | None, int | None] = (None, None),
) -> Spending:
    """What may be spent; whoever sits at the terminal is asked before anything is sent.

    Args:
        reporter: its bars pause while the user thinks.
        budget: as it was given.
        yes: whether the user said so already.
        no_wait: whether to end once the work is sent.
        size: samples and shots, for a run that asks a device by itself.
    """
    from qplug.lab.runner.on_device import Spending

    def ask(offer: str) -> bool:
        reporter.bars.live.stop()
        try:
            return typer.confirm(offer, err=True)
        except typer.Abort:
            raise KeyboardInterrupt from None
        finally:
            if reporter.draws:
                reporter.bars.live.start()

    asks = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    allow = (lambda _: True) if yes else ask if asks else None
    return Spending(seconds_of(budget), allow, wait=not no_wait, size=size)
