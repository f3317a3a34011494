"""``qplug reproduce``: a published claim put to the test."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qplug.contract.errors import QplugError
from qplug_cli import output
from qplug_cli.options import Jobs, Json, NoPlugin, PluginFile

if TYPE_CHECKING:
    from qplug.lab.cards.card import Card
    from qplug.lab.cards.reproduce import Reproduction, Tested

EXAMPLES = """
**Examples**

`qplug reproduce mari-2019 --data-dir ~/data/ravdess` – both protocols, with five seeds or more

`qplug reproduce image-hybrid --part cifar-10 --data-dir ~/data/cifar10 --protocol corrected`

`qplug reproduce hur-2022 --smoke` – on generated data, which decide nothing

`qplug cards` – all claims
"""


class Which(StrEnum):
    """Which of a card's protocols."""

    original = "original"
    corrected = "corrected"
    both = "both"


def reproduce(
    name: Annotated[str, typer.Argument(metavar="CARD", help="A claim: qplug cards.", show_default=False)],
    protocol: Annotated[Which, typer.Option(help="The claim's own protocol, the corrected one, or both.")] = Which.both,
    part: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which part of the claim.  [default: the first]")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=2, help="How many seeds.  [default: what the card says]")] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Short runs on generated files; they decide nothing.")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the data set, or of all data sets.")] = None,
    out: Annotated[Path, typer.Option(help="Where reproductions are kept.")] = Path("reproductions"),
    jobs: Jobs = None,
    again: Annotated[bool, typer.Option("--again", help="Try cells again that failed.")] = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
    json: Json = False,
) -> None:
    """Put a published claim to the test: by its own protocol as far as the source tells it, and by a corrected one.

    Both are comparisons that lie in the folder of --out, with their reports; what is finished is kept, so that the
    command goes on where it was stopped. It ends with a sentence, whose rules stand in docs/explanation/claims.md.
    """
    from qplug.lab.cards.card import card as known

    card = known(name)
    wanted_part, _ = card.part(part)
    from qplug_cli.progress import TerminalReporter, loading

    with loading():
        from qplug.lab.cards.reproduce import Wanted
        from qplug.lab.cards.reproduce import reproduce as carry_out
        from qplug.lab.comparison.computing import Computing
        from qplug.lab.comparison.executors import executor_of
        from qplug.lab.comparison.outcome import ComparisonOutcome
        from qplug.lab.comparison.plan_file import read_plan
        from qplug.lab.runner.reporter import Reporter
        from qplug.lab.runner.workplace import Workplace
    from qplug_cli.commands.compare import completed

    place = Workplace.from_environment().with_data_dir(None if data_dir is None else data_dir.expanduser().resolve())
    wanted = Wanted(part=wanted_part, protocols=_protocols(protocol), smoke=smoke, seeds=seeds)
    with TerminalReporter() as terminal:

        def compared(folder: Path, _: Reporter) -> ComparisonOutcome:
            by = executor_of(None, jobs, None, place, {})
            work = Computing(
                folder, read_plan(folder), place, by, again=again, at_once=jobs or 1, may_spread=jobs is None
            )
            outcome, failed = completed(work, terminal)
            if outcome is None or failed:
                raise QplugError(failed or f"{folder} is not finished; go on with: qplug resume {folder}")
            return outcome

        found = carry_out(card, wanted, out.expanduser().resolve(), place, terminal, compared)
    show(card, found, json=json)


def show(card: Card, found: Reproduction, *, json: bool) -> None:
    """Prints what became of a claim; its sentence stands last."""
    if json:
        output.document(found.to_json())
        return
    from qplug_cli.words import Text, styled

    console = output.console()
    stand_in = f", a stand-in for {found.stand_in_for}" if found.stand_in_for else ""
    console.print(styled((card.name, "bold"), f" · {found.part} ({found.dataset}{stand_in})"))
    console.print(Text(card.claim))
    for label, texts in (("assumed", card.assumed), ("differs", card.differs)):
        for text in texts:
            console.print(Text(f"{label}: {text}", "dim"))
    console.print()
    for tested in found.tested:
        for line in _lines(tested):
            console.print(line, soft_wrap=True)
    console.print()
    console.print(Text(found.sentence, "bold"))


def _lines(tested: Tested) -> Iterator[Any]:
    from qplug_cli.words import Text, styled

    stamps = [(f" {stamp}", "bold red") for stamp in tested.stamps]
    yield styled((f"{tested.protocol} protocol", "underline"), f": {tested.n_seeds} seeds", *stamps)
    means = (tested.found.hybrid, tested.found.rival)
    for what, arm, mean, interval in zip(("hybrid", "rival"), tested.arms, means, tested.intervals, strict=True):
        ends = "" if interval is None else f" (95 % interval {100 * interval[0]:.2f} to {100 * interval[1]:.2f})"
        yield Text(f"  {what:<6} {arm}: {100 * mean:.2f} %{ends}")
    for command in tested.commands:
        yield Text(f"  {command}", "dim")


def _protocols(asked: Which) -> tuple[Any, ...]:
    return ("original", "corrected") if asked is Which.both else (asked.value,)
