"""What is known of published claims: ``cards.toml``, read and checked. Nothing heavy is imported."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from qplug.catalogue.registry import shipped
from qplug.contract.errors import QplugError, UnknownName

CARDS = "cards.toml"

ProtocolName: TypeAlias = Literal["original", "corrected"]
Read: TypeAlias = Literal["abstract", "repository", "page", "not verified"]
Said: TypeAlias = Literal["better", "comparable", "worse"]
Text: TypeAlias = Annotated[str, Field(min_length=1)]
Setting: TypeAlias = bool | int | float | str | list[bool | int | float | str]

READ: Mapping[Read, str] = {
    "abstract": "abstract only",
    "repository": "abstract and the authors' repository",
    "page": "the page itself",
    "not verified": "not verified",
}
"""How a source was read, in words."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Reported(_Table):
    """One number that the source reports.

    Attributes:
        of: which model, on which data.
        value: the number.
        unit: of the number.
    """

    of: Text
    value: float
    unit: str = "%"


class Side(_Table):
    """One of the two classifiers that are compared, as options of ``qplug compare``; what is left out is as it was.

    Attributes:
        set: as after ``--set``, by target.
    """

    recipe: str | None = None
    features: str | None = None
    backbone: str | None = None
    reducer: str | None = None
    head: str | None = None
    set: dict[str, Setting] = {}

    def over(self, below: Side) -> Side:
        """This side with what it does not say taken from another one."""
        own = self.model_dump(exclude_unset=True)
        return Side(**{**below.model_dump(exclude_unset=True), **own, "set": {**below.set, **self.set}})

    @property
    def assignments(self) -> tuple[str, ...]:
        """What is set, as the command line takes it."""
        return tuple(f"{target}={_written(value)}" for target, value in self.set.items())


class Protocol(_Table):
    """How a claim is put to the test: two classifiers on the same splits.

    Attributes:
        hybrid: the classifier with the circuit, above what its part sets for both protocols.
        rival: the classifier that it is set against, above what its part sets for both protocols.
        against: instead of ``rival``, one of the baselines that ``qplug compare`` sets beside every head.
        split: the split; None: the data set's own.
        folds: each fold in turn, or one of them.
        seeds: how many.
        allow_leak: whether the split puts samples of one group into several parts, as the source's does.
        margin: differences up to it do not matter.
    """

    hybrid: Side = Side()
    rival: Side | None = None
    against: str = ""
    split: str | None = None
    folds: Literal["all"] | Annotated[int, Field(ge=0)] = "all"
    seeds: Annotated[int, Field(ge=2)] = 5
    epochs: Annotated[int, Field(ge=1)] | None = None
    allow_leak: bool = False
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.01

    @model_validator(mode="after")
    def _one_opponent(self) -> Protocol:
        if (self.rival is None) == (not self.against):
            raise ValueError("it names either a rival or, by against, a baseline of qplug compare")
        return self


class Part(_Table):
    """A claim on one data set.

    Attributes:
        stand_in_for: the data that this data set stands in for; empty: the claim's own.
        advantage: points by which the source says that its hybrid is better than its rival; None: it gives no numbers.
        shared: what both sides have under both protocols.
    """

    dataset: Text
    stand_in_for: str = ""
    advantage: float | None = None
    shared: Side = Side()
    original: Protocol
    corrected: Protocol

    def protocol(self, name: ProtocolName) -> Protocol:
        """One of the two."""
        return self.original if name == "original" else self.corrected


class Card(_Table):
    """One published claim.

    Attributes:
        name: what the user writes.
        claim: what the source says.
        says: whether its hybrid is better than its rival, comparable with it, or worse.
        source: where it is published.
        read: how the source was read for this card.
        read_in: exactly which files or pages were read; what stands in none of them is not stated here.
        data: what the claim is about.
        circuit: the quantum part.
        baseline: what the claim sets it against.
        original: the claim's own protocol, as far as the source tells it.
        corrected: what the corrected protocol changes, and why.
        reported: numbers that the source gives.
        differs: what is done otherwise here than in the source, and why.
        assumed: what the source does not tell, and what is taken in its place.
        parts: by name; the first is run where none is named.
    """

    name: str
    claim: Text
    says: Said = "better"
    source: Text
    read: Read
    read_in: tuple[Text, ...] = ()
    data: Text
    circuit: Text
    baseline: Text
    original: Text
    corrected: Text
    reported: tuple[Reported, ...] = ()
    differs: Annotated[tuple[Text, ...], Field(min_length=1)]
    assumed: Annotated[tuple[Text, ...], Field(min_length=1)]
    parts: Annotated[dict[str, Part], Field(min_length=1, alias="part")]

    @model_validator(mode="after")
    def _read_somewhere(self) -> Card:
        if (self.read == "not verified") == bool(self.read_in):
            raise ValueError(
                f"read_in names what was read, and nothing where read is 'not verified'; read is {self.read!r}"
            )
        return self

    @property
    def how_read(self) -> str:
        """How the source was read, with what of it, in words."""
        return f"{READ[self.read]}: {'; '.join(self.read_in)}" if self.read_in else READ[self.read]

    def part(self, name: str | None = None) -> tuple[str, Part]:
        """A part with its name; the first where none is named.

        Raises:
            UnknownName: there is none of that name.
        """
        name = name or next(iter(self.parts))
        if name not in self.parts:
            raise UnknownName.of(f"part of card {self.name!r}", name, self.parts)
        return name, self.parts[name]


@functools.cache
def cards() -> Mapping[str, Card]:
    """All cards of this installation, by name."""
    return read_cards(shipped(CARDS))


def card(name: str) -> Card:
    """The card of that name.

    Raises:
        UnknownName: there is none, with near ones.
    """
    if name not in cards():
        raise UnknownName.of("card", name, cards(), advice="All cards: qplug cards")
    return cards()[name]


def read_cards(path: Path) -> dict[str, Card]:
    """The cards in a TOML file: one table ``[card.NAME]`` for each, with its parts ``[card.NAME.part.PART]``.

    Raises:
        QplugError: the file cannot be read, is not TOML, or has a card that is not shaped like one; the message names
            the card and the place in it.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise QplugError(f"the cards {path} cannot be read: {error}.") from error
    if other := sorted(tables.keys() - {"card"}):
        raise QplugError(f"the cards {path} have {other[0]!r} at the top, where only tables [card.NAME] belong.")
    return {name: _card(path, name, table) for name, table in tables.get("card", {}).items()}


def _card(path: Path, name: str, table: Any) -> Card:
    content = {**table, "name": name} if isinstance(table, dict) else table
    try:
        return Card.model_validate(_with_tuples(content))
    except ValidationError as error:
        raise QplugError(f"{path}, card {name!r}: {'; '.join(_problems(error))}.") from None


def _problems(error: ValidationError) -> Iterator[str]:
    for each in error.errors():
        place = ".".join(str(step) for step in each["loc"]) or "the table"
        got = "" if each["type"] == "missing" else f", got {str(each['input'])[:60]!r}"
        yield f"{place}: {each['msg'].removeprefix('Value error, ')}{got}"


def _with_tuples(content: Any) -> Any:
    """TOML knows lists only, and the lists of a card are tuples."""
    if not isinstance(content, dict):
        return content
    lists = ("read_in", "reported", "differs", "assumed")
    return {key: tuple(value) if key in lists and isinstance(value, list) else value for key, value in content.items()}


def _written(value: Setting) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(_written, value)) if isinstance(value, list) else str(value)
