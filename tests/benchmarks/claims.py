"""Fills the table and the sections of docs/explanation/claims.md: from the cards, and from what was carried out.

    qplug reproduce hur-2022 --data-dir ~/data/mnist --out reproductions
    python tests/benchmarks/claims.py docs/explanation/claims.md reproductions

What stands above the table stays as it is; a part that was not carried out gets dashes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qplug.lab.cards.card import Card, Part, cards
from qplug.lab.cards.reproduce import RESULT

RULE = "|---|---|---|---|---|---|---|---|\n"
BELOW = "\nThe command of each row"
BOTH = ("original", "corrected")


def filled(page: str, kept: Path) -> str:
    """The page with its table and sections made anew.

    Args:
        page: as it is.
        kept: where reproductions were written.
    """
    above, _, rest = page.partition(RULE)
    between = rest[rest.index(BELOW) :].partition("\n### ")[0].rstrip()
    rows = [row(card, name, result_of(kept, card, name)) for card in cards().values() for name in card.parts]
    sections = [line for card in cards().values() for line in section(card, kept)]
    return above + RULE + "\n".join(rows) + f"\n{between}\n\n" + "\n".join(sections).rstrip() + "\n"


def result_of(kept: Path, card: Card, part: str) -> dict[str, Any] | None:
    """What a part came to; None where it was not carried out."""
    path = kept / card.name / part / RESULT
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def row(card: Card, name: str, result: dict[str, Any] | None) -> str:
    """A part's line in the table."""
    start = f"| {card.name} | {name} | {where(card.parts[name])} |"
    if result is None:
        return f"{start} – | – | – | – | – |"
    tested = {each["protocol"]: each for each in result["tested"]}
    numbers = " | ".join(" | ".join(told(tested.get(protocol))) for protocol in BOTH)
    _, _, left = result["sentence"].partition("under the corrected protocol ")
    ruled = [result["ruling"], left.partition(" (")[0].rstrip(".")]
    return f"{start} {numbers} | {'; '.join(filter(None, ruled))} |"


def told(tested: Mapping[str, Any] | None) -> tuple[str, str]:
    """The two means of a protocol, and their difference with its interval."""
    if tested is None:
        return "–", "–"
    found = tested["found"]
    means = f"{100 * found['hybrid']:.2f} / {100 * found['rival']:.2f}"
    if found["interval"] is None:
        return means, f"{100 * found['difference']:+.2f}, no interval"
    low, high = found["interval"]
    return means, f"{100 * found['difference']:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"


def where(part: Part) -> str:
    """What a part is run on; a stand-in is called one."""
    return f"{part.dataset}, a stand-in for {part.stand_in_for}" if part.stand_in_for else part.dataset


def section(card: Card, kept: Path) -> Iterator[str]:
    """All that is said of a card."""
    reported = "; ".join(f"{each.of}: {each.value:g} {each.unit}" for each in card.reported)
    yield from (f"### {card.name}", "", card.claim, "")
    yield from (f"**Source:** {card.source}. **Read:** {card.how_read}.", "")
    yield from (f"**Data:** {card.data}. **Circuit:** {card.circuit}. **Set against:** {card.baseline}.", "")
    yield from (f"**Reported:** {reported or 'no numbers that were checked'}.", "")
    yield from (f"**Original protocol:** {card.original}. **Corrected:** {card.corrected}.", "")
    yield from ("**Assumed,** since the source does not tell it:", "", *(f"- {each}" for each in card.assumed), "")
    yield from ("**What differs here, and why:**", "", *(f"- {each}" for each in card.differs), "")
    for name, part in card.parts.items():
        chosen = f" --part {name}" if len(card.parts) > 1 else ""
        yield from ("```", f"qplug reproduce {card.name}{chosen}", "```", "")
        yield from (outcome(part, result_of(kept, card, name)), "")


def outcome(part: Part, result: dict[str, Any] | None) -> str:
    """What a part came to, in sentences."""
    if result is None:
        return f"On {where(part)}: not run for this page."
    runs = [f"{each['n_seeds']} seeds and {each['n_test']:,} test samples ({each['protocol']})"
            for each in result["tested"]]  # fmt: skip
    return f"On {where(part)}, {', '.join(runs)}. {result['sentence']}"


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.write_text(filled(place.read_text("utf-8"), Path(sys.argv[2])), "utf-8")
