"""``qplug cards``: published claims by name, and one of them in full for ``qplug show card``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from qplug_cli import output
from qplug_cli.options import Json

if TYPE_CHECKING:
    from qplug.lab.cards.card import Card, Part, Protocol, Side

EXAMPLES = """
**Examples**

`qplug cards` – all of them

`qplug show card hur-2022` – the claim, both protocols, what is assumed and what differs

`qplug reproduce hur-2022 --data-dir ~/data/mnist` – put it to the test

`qplug reproduce hur-2022 --smoke` – on generated data, in a minute or two
"""


def cards(json: Json = False) -> None:
    """Every card: a published claim, where it is published, and what it can be run on."""
    from qplug.lab.cards.card import cards as known

    if json:
        output.document([as_json(card) for card in known().values()])
        return
    from rich.padding import Padding

    from qplug_cli.words import Text

    console = output.console()
    for card in known().values():
        console.print(Text(card.name, "bold"))
        console.print(Padding(Text(card.claim), (0, 0, 0, 2)))
        for label, text in (("source", _source(card)), *(("part", part_line(*each)) for each in card.parts.items())):
            console.print(Padding(Text(f"{label}: {text}", "dim"), (0, 0, 0, 2)))


def as_json(card: Card) -> dict[str, Any]:
    """A card as plain data."""
    return {"kind": "card", **card.model_dump(mode="json")}


def part_line(name: str, part: Part) -> str:
    """A part in a line; a stand-in is called one."""
    stands = f", a stand-in for {part.stand_in_for}" if part.stand_in_for else ""
    return f"{name} ({part.dataset}{stands})"


def show(card: Card, *, json: bool) -> None:
    """Prints a card in full."""
    if json:
        output.document(as_json(card))
        return
    from rich.table import Table

    from qplug_cli.words import Text, styled

    console = output.console()
    console.print(styled((card.name, "bold"), "  card"))
    console.print(Text(card.claim))
    console.print()
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, style="dim", min_width=14)
    table.add_column(overflow="fold")
    for label, text in _facts(card):
        table.add_row(label, Text(text))
    console.print(table)
    console.print(f"\nput it to the test: qplug reproduce {card.name}", style="dim", soft_wrap=True)


def _facts(card: Card) -> Iterator[tuple[str, str]]:
    yield "source", card.source
    yield "read", card.how_read
    yield "data", card.data
    yield "circuit", card.circuit
    yield "baseline", card.baseline
    for each in card.reported:
        yield "reported", f"{each.of}: {each.value:g} {each.unit}"
    if not card.reported:
        yield "reported", "no numbers that were checked"
    yield "original", card.original
    yield "corrected", card.corrected
    for text in card.assumed:
        yield "assumed", text
    for text in card.differs:
        yield "differs", text
    for name, part in card.parts.items():
        yield "part", part_line(name, part)
        for protocol in ("original", "corrected"):
            yield f"  {protocol}", _told(part, getattr(part, protocol))


def _source(card: Card) -> str:
    from qplug.lab.cards.card import READ

    return f"{card.source} (read: {READ[card.read]})"


def _told(part: Part, rules: Protocol) -> str:
    rival = f"baseline {rules.against}" if rules.rival is None else _side(rules.rival.over(part.shared))
    split = f"split {rules.split}" if rules.split else "the data set's own split"
    leak = ", with groups in several parts" if rules.allow_leak else ""
    return f"{_side(rules.hybrid.over(part.shared))}; against {rival}; {split}{leak}; {rules.seeds} seeds"


def _side(side: Side) -> str:
    named = [f"{kind} {name}" for kind in ("recipe", "features", "backbone", "reducer", "head")
             if (name := getattr(side, kind))]  # fmt: skip
    return ", ".join([*named, *side.assignments])
