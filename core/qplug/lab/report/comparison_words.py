"""How the numbers of a comparison are written: for its page, its LaTeX tables and the terminal alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qplug.lab.comparison.outcome import AblationOutcome, ArmOutcome, DataSetOutcome, PairOutcome
from qplug.lab.measures import METRICS

NONE = "–"
MINUS = "−"

Interval = tuple[float | None, float | None]

VERDICTS = {
    "better": "The interval of the difference lies above 0, also after Holm's correction over all pairs: the first arm "
    "does better on these data.",
    "worse": "The same the other way round: the first arm does worse on these data.",
    "equivalent": "Two one-sided tests put the difference within the margin that was declared before, in both "
    "directions (at 5 %; the 90 % interval lies inside). Arms may be equivalent and yet differ by a little.",
    "undecided": "Neither: the data at hand cannot tell. It does not say that the arms are equal. The smallest "
    "detectable difference says what this design could have found with 80 % power.",
}
"""What each verdict says."""


@dataclass(frozen=True)
class Measure:
    """How values of a metric, and differences of them, are written.

    Attributes:
        title: the metric's name.
        factor: by which values are multiplied.
        unit: of a value so written; empty where there is none.
        points: of a difference.
        higher: whether more is better.
    """

    title: str
    factor: float
    unit: str
    points: str
    higher: bool

    def value(self, value: float | None) -> str:
        """A value without its unit."""
        return NONE if value is None else self._digits(value)

    def with_unit(self, value: float | None) -> str:
        """A value with its unit."""
        return NONE if value is None else self._digits(value) + (f"\N{NO-BREAK SPACE}{self.unit}" if self.unit else "")

    def difference(self, value: float | None) -> str:
        """A difference with its sign and without its unit."""
        if value is None:
            return NONE
        written = self._digits(value)
        return written if written.startswith(MINUS) or not written.strip("0.") else f"+{written}"

    def interval(self, interval: Interval | None, *, signed: bool = False) -> str:
        """An interval, without its unit; a dash where there is none."""
        ends = known(interval)
        if ends is None:
            return NONE
        write = self.difference if signed else self.value
        return f"{write(ends[0])} to {write(ends[1])}"

    def scaled(self, value: float | None) -> float | None:
        """A value in the unit in which it is written."""
        return None if value is None else self.factor * value

    def scaled_interval(self, interval: Interval | None) -> tuple[float, float] | None:
        """An interval likewise."""
        ends = known(interval)
        return None if ends is None else (self.factor * ends[0], self.factor * ends[1])

    @property
    def headed(self) -> str:
        """The title and unit of a value, as they stand above a column."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    @property
    def heads_difference(self) -> str:
        """The same of a difference."""
        return f"difference, {self.points}" if self.points else "difference"

    def _digits(self, value: float) -> str:
        digits = 1 if self.factor == 100 else 3
        written = f"{self.factor * value:.{digits}f}"
        if not written.strip("-0."):
            written = written.lstrip("-")
        return written.replace("-", MINUS)


def measure(metric: str) -> Measure:
    """How a metric is written; one that is not known as a plain number of which more is better."""
    found = METRICS.get(metric)
    if found is None:
        return Measure(metric.replace("_", " "), 1, "", "", higher=True)
    share = found.shown == "share"
    unit, points = ("%", "points") if share else (found.unit, found.unit)
    return Measure(found.title, 100 if share else 1, unit, points, higher=found.better == "higher")


def known(interval: Interval | None) -> tuple[float, float] | None:
    """An interval both of whose ends are known."""
    if interval is None or interval[0] is None or interval[1] is None:
        return None
    return interval[0], interval[1]


def probability(p: float | None) -> str:
    """A p value."""
    if p is None:
        return NONE
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def seconds(value: float | None) -> str:
    """A time in seconds, with three digits."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def whole(value: int | None) -> str:
    """A count."""
    return NONE if value is None else f"{value:,}"


def share(value: float | None) -> str:
    """A share in percent, without the sign."""
    return NONE if value is None else f"{100 * value:.0f}".replace("-", MINUS)


def share_interval(interval: Interval | None) -> str:
    """An interval of shares likewise."""
    ends = known(interval)
    return NONE if ends is None else f"{share(ends[0])} to {share(ends[1])}"


def margin(data: DataSetOutcome) -> str:
    """The margin within which arms count as equal, with its unit."""
    how = measure(data.metric)
    number = f"{how.factor * data.margin:g}"
    points = how.points.removesuffix("s") if number == "1" and how.points == "points" else how.points
    return f"±{number} {points}".strip()


def counted(pairs: Sequence[PairOutcome]) -> str:
    """How many pairs came to which verdict."""
    numbers = {verdict: sum(pair.verdict == verdict for pair in pairs) for verdict in VERDICTS}
    return f"{len(pairs)} pairs: " + ", ".join(f"{n} {verdict}" for verdict, n in numbers.items() if n)


def verdict_line(pair: PairOutcome) -> str:
    """A pair's verdict as a line of words: who against whom, what it came to, and why not where nothing can be said."""
    return f"{pair.a} against {pair.b}: {_came_to(pair, pair.sentence)}"


def verdict_lines(pairs: Iterable[PairOutcome]) -> list[tuple[str, str]]:
    """Verdicts, each with the words behind it; an arm against several is one line where it came to the same words.

    Args:
        pairs: arms that were compared.
    """
    against: dict[tuple[str, str, str], list[str]] = {}
    for pair in pairs:
        words = _came_to(pair, pair.sentence.removeprefix(f"{pair.verdict}: "))
        against.setdefault((pair.verdict, pair.a, words), []).append(pair.b)
    return [(verdict, f"{a} against {', '.join(b)}: {words}") for (verdict, a, words), b in against.items()]


def _came_to(pair: PairOutcome, sentence: str) -> str:
    return sentence if pair.reason in pair.sentence else f"{sentence} ({pair.reason})"


def stamps_of(data_sets: Iterable[DataSetOutcome]) -> list[str]:
    """What stands on any of the data sets."""
    return list(dict.fromkeys(stamp for data in data_sets for stamp in data.stamps))


def main_pairs(data: DataSetOutcome) -> list[PairOutcome]:
    """The pairs without a rewritten circuit in them."""
    rewritten = {arm.name for arm in data.arms if arm.role == "ablation"}
    return [pair for pair in data.pairs if not {pair.a, pair.b} & rewritten]


def ablation_pairs(data: DataSetOutcome) -> list[PairOutcome]:
    """The pairs with a rewritten circuit in them."""
    main = main_pairs(data)
    return [pair for pair in data.pairs if pair not in main]


def of_role(data: DataSetOutcome, *roles: str) -> Sequence[ArmOutcome]:
    """The arms with one of these roles."""
    return [arm for arm in data.arms if arm.role in roles]


def kept(found: AblationOutcome) -> str:
    """How much an ablation keeps, in words."""
    ends = known(found.interval)
    told = f" [{share(ends[0])}, {share(ends[1])}]" if ends else ", no interval"
    return f"{share(found.kept)} %{told}" if found.kept is not None else "not known"


def ablation_line(found: AblationOutcome) -> str:
    """What an ablation came to as a line of words, which begins with the head."""
    told = found.sentence.startswith(found.arm)
    return found.sentence if told else f"{found.arm}, {found.ablation}: {found.sentence}"
