"""A card carried out: its protocols as comparisons, and what they came to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qplug.atomic import write_atomically
from qplug.contract.errors import DataError, QplugError, UserError
from qplug.lab.cards.card import Card, Part, Protocol, ProtocolName, Side
from qplug.lab.cards.sentence import Finding, Ruling, ruling, sentence
from qplug.lab.comparison import compare
from qplug.lab.comparison.assess import SEED, Assessed
from qplug.lab.comparison.outcome import ComparisonOutcome
from qplug.lab.comparison.plan_file import is_comparison, read_plan
from qplug.lab.comparison.reading import cells_of
from qplug.lab.comparison.request import Request
from qplug.lab.comparison.statistics import CellAnswers, difference, estimate
from qplug.lab.runner.record import SYNTHETIC
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.files import json_bytes

RESULT = "reproduction.json"

CarryOut = Callable[[Path, Reporter], ComparisonOutcome]
"""Computes what is left of the comparison in a folder, and gives what it came to."""


@dataclass(frozen=True)
class Wanted:
    """What of a card is to be run.

    Attributes:
        part: the name of the claim's part.
        protocols: which protocols, in this order.
        smoke: short runs on generated files.
        seeds: how many, in place of what the card says; None: that.
    """

    part: str
    protocols: tuple[ProtocolName, ...] = ("original", "corrected")
    smoke: bool = False
    seeds: int | None = None


@dataclass(frozen=True)
class Tested:
    """One protocol, carried out.

    Attributes:
        protocol: which.
        found: hybrid against rival.
        interval: of each of the two means, 95 %.
        arms: what the two are called.
        commands: of the comparisons, for whoever wants them alone.
        folders: of the comparisons.
        n_seeds: how many seeds each of the two was trained with.
        n_test: different test samples.
        stamps: what is to be said of every number, such as that data are synthetic.
    """

    protocol: ProtocolName
    found: Finding
    intervals: tuple[tuple[float, float] | None, tuple[float, float] | None]
    arms: tuple[str, str]
    commands: tuple[str, ...]
    folders: tuple[str, ...]
    n_seeds: int
    n_test: int
    stamps: tuple[str, ...]


@dataclass(frozen=True)
class Reproduction:
    """A card's part, carried out."""

    card: str
    part: str
    dataset: str
    stand_in_for: str
    ruling: Ruling | None
    sentence: str
    tested: tuple[Tested, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def reproduce(
    card: Card, wanted: Wanted, out: Path, place: Workplace, reporter: Reporter, carry_out: CarryOut
) -> Reproduction:
    """Carries out a card's part, and says what becomes of the claim.

    Comparisons lie in ``out/CARD/PART``; those that are finished or begun there are gone on with. The result is
    written beside them as ``reproduction.json``.

    Args:
        card: the claim.
        wanted: what of it.
        out: where all reproductions are kept.
        place: where the data are.
        reporter: told what goes on.
        carry_out: computes a comparison that is planned.

    Raises:
        UserError: something is asked that cannot be done, or other settings lie in the folder.
    """
    name, part = card.part(wanted.part)
    folder = out / card.name / f"{name}-smoke" if wanted.smoke else out / card.name / name
    # All is planned before anything is computed, so that what is refused is refused at once.
    planned = [(protocol, _planned(part, protocol, wanted, folder, place, reporter)) for protocol in wanted.protocols]
    tested = [_tested(part, protocol, folders, reporter, carry_out) for protocol, folders in planned]
    found = {each.protocol: each.found for each in tested}
    original = found.get("original")
    result = Reproduction(
        card=card.name,
        part=name,
        dataset=part.dataset,
        stand_in_for=part.stand_in_for,
        ruling=None if original is None else ruling(original, card.says, part.advantage),
        sentence=sentence(
            original,
            found.get("corrected"),
            says=card.says,
            advantage=part.advantage,
            dataset=part.dataset,
            stand_in_for=part.stand_in_for,
        ),
        tested=tuple(tested),
    )
    write_atomically(folder / RESULT, json_bytes(result.to_json()))
    return result


def requests_of(part: Part, protocol: ProtocolName, wanted: Wanted) -> list[Request]:
    """The comparisons that a protocol consists of: of both sides at once, or of the hybrid and of its rival alone.

    Two are needed where the sides share no more than their data and splits: a comparison has one backbone.
    """
    rules = part.protocol(protocol)
    hybrid = rules.hybrid.over(part.shared)
    sides = [hybrid] if rules.rival is None else [hybrid, rules.rival.over(part.shared)]
    return [_request(part, rules, side, wanted, baselines=rules.rival is None) for side in sides]


def _request(part: Part, rules: Protocol, side: Side, wanted: Wanted, *, baselines: bool) -> Request:
    return Request(
        datasets=(part.dataset,),
        heads=() if side.head is None else (side.head,),
        recipe=side.recipe,
        features=side.features,
        backbone=side.backbone,
        reducer=side.reducer,
        assignments=side.assignments,
        seeds=tuple(range(wanted.seeds or rules.seeds)),
        folds=rules.folds,
        split=rules.split,
        epochs=None if wanted.smoke else rules.epochs,
        allow_leak=rules.allow_leak,
        smoke=wanted.smoke,
        margin=rules.margin,
        baselines=baselines,
        transpile=False,
    )


def _planned(
    part: Part, protocol: ProtocolName, wanted: Wanted, folder: Path, place: Workplace, reporter: Reporter
) -> list[Path]:
    requests = requests_of(part, protocol, wanted)
    names = [protocol, f"{protocol}-rival"][: len(requests)]
    folders = [_begun(request, folder / name, place, reporter) for name, request in zip(names, requests, strict=True)]
    _refuse_missing_rival(part.protocol(protocol).against, folders[0])
    return folders


def _refuse_missing_rival(against: str, folder: Path) -> None:
    data_set = read_plan(folder).data_sets[0]
    arms = [arm.name for arm in data_set.arms]
    if against and against not in arms:
        why = f" ({data_set.left_out[against]})" if against in data_set.left_out else ""
        raise UserError(
            f"the claim cannot be tested: {data_set.name} has no arm {against!r}{why}. "
            f"Those there are: {', '.join(arms)}"
        )


def _begun(request: Request, folder: Path, place: Workplace, reporter: Reporter) -> Path:
    if not is_comparison(folder):
        return compare.begin(request, folder.parent, place, reporter, folder=folder)
    before = read_plan(folder).request
    if replaced := sorted(name for name, value in request if getattr(before, name) != value):
        raise UserError(
            f"{folder} holds this card with other settings ({', '.join(replaced)}). Choose another folder with --out, "
            "or remove it."
        )
    return folder


# What came out


def _tested(
    part: Part, protocol: ProtocolName, folders: Sequence[Path], reporter: Reporter, carry_out: CarryOut
) -> Tested:
    outcomes = [carry_out(folder, reporter) for folder in folders]
    rules = part.protocol(protocol)
    assessed = [_assessed(folder) for folder in folders]
    arms = _arms(rules, assessed)
    first, last = assessed[0], assessed[-1]
    answers = (first.answers(arms[0]), last.answers(arms[1]))
    _refuse_other_splits(first, last, folders)
    metric, n_classes = first.request.metric, first.n_classes
    both = [estimate(each, metric, n_classes, seed=SEED) for each in answers]
    stamps = first.data_set.stamps
    return Tested(
        protocol=protocol,
        found=_finding(answers, (both[0].mean, both[1].mean), first, synthetic=SYNTHETIC in stamps),
        intervals=(both[0].interval, both[1].interval),
        arms=arms,
        commands=tuple(outcome.command for outcome in outcomes),
        folders=tuple(map(str, folders)),
        n_seeds=len(first.request.seeds),
        n_test=outcomes[0].data_sets[0].n_test,
        stamps=stamps,
    )


def _assessed(folder: Path) -> Assessed:
    plan = read_plan(folder)
    data_set = plan.data_sets[0]
    cells = cells_of(folder, plan).get(data_set.name, {})
    whole = {arm: found for arm, found in cells.items() if len(found) == len(data_set.splits)}
    return Assessed(plan.request, data_set, whole, {})


def _arms(rules: Protocol, assessed: Sequence[Assessed]) -> tuple[str, str]:
    first, last = assessed[0], assessed[-1]
    hybrid = next(_asked(first))
    rival = rules.against or next(_asked(last))
    for found, arm in ((first, hybrid), (last, rival)):
        if arm not in found.cells:
            raise QplugError(f"the claim cannot be tested: cells of {arm!r} on {found.data_set.name} failed.")
    return hybrid, rival


def _asked(found: Assessed) -> Iterator[str]:
    return (arm.name for arm in found.data_set.arms if arm.role == "asked")


def _refuse_other_splits(first: Assessed, last: Assessed, folders: Sequence[Path]) -> None:
    hashes = [[(split.seed, split.fold, split.hash) for split in each.data_set.splits] for each in (first, last)]
    if hashes[0] != hashes[1]:
        raise DataError(f"{folders[0]} and {folders[-1]} divide the samples otherwise; remove both and begin anew.")


def _finding(
    answers: tuple[Sequence[CellAnswers], Sequence[CellAnswers]],
    means: tuple[float, float],
    found: Assessed,
    *,
    synthetic: bool,
) -> Finding:
    request = found.request
    apart = difference(*answers, request.metric, found.n_classes, margin=request.margin, seed=SEED)
    return Finding(
        hybrid=means[0],
        rival=means[1],
        difference=apart.value,
        interval=apart.interval,
        margin=request.margin,
        synthetic=synthetic,
        reason=apart.reason,
    )
