"""Statistics of a comparison: known formulas, what simulated data must show, and what is refused."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, f1_score

from qplug.contract.errors import ConfigError, DataError, NotSupported
from qplug.lab.comparison.outcome import PairOutcome
from qplug.lab.comparison.statistics import (
    CellAnswers,
    MetricName,
    difference,
    estimate,
    holm,
    kept_share,
    score,
    verdicts,
)
from qplug.lab.comparison.statistics.differences import Difference
from qplug.lab.comparison.statistics.judged import written_p
from qplug.lab.comparison.statistics.scores import additions
from qplug.lab.comparison.statistics.spread import CrossedSpread, crossed, effective

METRICS: tuple[MetricName, ...] = ("accuracy", "balanced_accuracy", "macro_f1")


def cells(right: np.ndarray, groups: int = 0, folds: int = 0) -> list[CellAnswers]:
    """Cells of two classes whose answers are right as told: (n_seeds, n)."""
    n = right.shape[1]
    ids = np.array([f"s{i:05d}" for i in range(n)])
    of_group = np.arange(n) % groups if groups else np.arange(n)
    names = np.array([f"g{group:05d}" for group in of_group])
    labels = np.arange(n) // 2 % 2
    made = []
    for fold in range(folds or 1):
        rows = of_group % folds == fold if folds else np.ones(n, bool)
        for seed, row in enumerate(right):
            answers = np.where(row, labels, 1 - labels)[rows]
            part = (ids[rows], names[rows], labels[rows], answers)
            made.append(CellAnswers(seed, fold if folds else None, n - int(rows.sum()) or n, *part))
    return made


def drawn(rng: np.random.Generator, chance: float, n_seeds: int, n: int) -> np.ndarray:
    return rng.random((n_seeds, n)) < chance


def test_scores_are_those_of_the_records() -> None:
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 3, 60), rng.integers(0, 5, 60)
    occurring = list(range(3))
    assert score("accuracy", labels, predicted, 5) == pytest.approx((labels == predicted).mean())
    recall = balanced_accuracy_score(labels, np.where(predicted > 2, (labels + 1) % 3, predicted))
    assert score("balanced_accuracy", labels, predicted, 5) == pytest.approx(recall)
    f1 = f1_score(labels, predicted, labels=occurring, average="macro")
    assert score("macro_f1", labels, predicted, 5) == pytest.approx(f1)
    with pytest.raises(NotSupported, match="'cross_entropy'"):
        score("cross_entropy", labels, predicted, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", METRICS)
def test_what_a_sample_adds_is_what_leaving_it_out_takes_away(metric: MetricName) -> None:
    rng = np.random.default_rng(1)
    labels, predicted = rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    added = additions(metric, labels, predicted[None], 3)
    whole = score(metric, labels, predicted, 3)
    without = np.array([score(metric, np.delete(labels, i), np.delete(predicted, i), 3) for i in range(300)])
    first_order = added.terms[0] - added.shares * whole
    np.testing.assert_allclose(whole - without, first_order, atol=2e-4)
    assert added.shares.sum() == pytest.approx(1)


def test_the_variance_is_that_of_two_crossed_drawings() -> None:
    table = np.array([[1.0, 2.0, 4.0], [2.0, 2.0, 5.0]]) / 3
    spread = crossed(table, np.full(3, 1 / 3))
    by_group, by_seed = np.array([1.5, 2, 4.5]), np.array([7, 9]) / 3
    rest = 3 * table - by_group - by_seed[:, None] + 8 / 3
    assert spread.value == pytest.approx(8 / 3)
    assert spread.groups == pytest.approx(by_group.var(ddof=1) / 3)
    assert spread.seeds == pytest.approx(by_seed.var(ddof=1) / 2)
    assert spread.cells == pytest.approx((rest**2).sum() / (2 * 1) / 6)
    assert spread.of_groups(4) == pytest.approx(spread.groups - spread.cells / 2)
    assert spread.of_seeds(4) == pytest.approx(
        spread.seeds / 2
    )  # twice what is beyond the cells would be more than all
    assert replace(spread, cells=0.08).of_seeds(2) == pytest.approx(2 * (spread.seeds - 0.08))
    assert effective(np.full(7, 1 / 7)) == pytest.approx(7)
    assert effective(np.array([0.97, 0.01, 0.01, 0.01])) < 1.01


def test_an_interval_reaches_as_far_as_both_drawings_together() -> None:
    spread = CrossedSpread(value=0, groups=4.0, groups_df=30, seeds=9.0, n_seeds=5, cells=3.0)
    by_group, by_seed = (stats.t.ppf(0.975, df) * np.sqrt(v) for df, v in ((30, 4.0), (4, 9.0)))
    assert spread.reach(0.025, 5) == pytest.approx(np.hypot(by_group, by_seed))
    assert spread.tail(float(spread.reach(0.003, 5)), 5) == pytest.approx(0.003)
    assert spread.tail(-float(spread.reach(0.003, 5)), 5) == pytest.approx(0.997)
    fixed = replace(spread, seeds=3.0)  # no more than cells scatter: seeds add nothing
    assert fixed.reach(0.025, 5) == pytest.approx(by_group)
    assert replace(fixed, floor=16.0).reach(0.025, 5) == pytest.approx(2 * by_group)


@pytest.mark.parametrize(
    ("of_seed", "of_cell", "low", "high"),
    [(0.5, 0.5, 0.95, 0.975), (0.0, 4.0, 0.95, 0.975)],
    ids=["seeds differ more than groups do", "seeds differ no more than their cells"],
)
def test_an_interval_of_three_seeds_holds_the_truth(of_seed: float, of_cell: float, low: float, high: float) -> None:
    """One t with Satterthwaite's degrees of freedom holds it in 92.6 and in 98.0 % of these."""
    rng, n_seeds, n_groups, repetitions = np.random.default_rng(9), 3, 60, 4000
    held = 0
    for _ in range(repetitions):
        table = rng.normal(0, of_seed, (n_seeds, 1)) + rng.normal(0, 1, n_groups)
        table += rng.normal(0, of_cell, (n_seeds, n_groups))
        spread = crossed(table / n_groups, np.full(n_groups, 1 / n_groups))
        held += abs(spread.value) <= spread.reach(0.025, n_seeds)
    assert low <= held / repetitions <= high


def test_arms_that_no_seed_changes_are_compared_by_the_paired_t_test() -> None:
    rng = np.random.default_rng(2)
    a, b = drawn(rng, 0.8, 1, 400), drawn(rng, 0.7, 1, 400)
    found = difference(cells(a.repeat(5, axis=0)), cells(b.repeat(5, axis=0)), "accuracy", 2, margin=0.01)
    known = stats.ttest_rel(a[0].astype(float), b[0].astype(float))
    assert found.p == pytest.approx(known.pvalue)
    assert found.interval == pytest.approx(tuple(known.confidence_interval()))
    low, high = known.confidence_interval(0.9)
    assert found.equivalence_interval == pytest.approx((low, high))
    table = ((a & ~b).sum(), (b & ~a).sum())
    assert found.p_mcnemar == pytest.approx(min(1, 2 * stats.binomtest(min(table), sum(table)).pvalue))


def test_one_seed_on_one_test_set_has_mcnemar_and_no_verdict() -> None:
    a, b = np.ones((1, 50), bool), np.ones((1, 50), bool)
    a[0, :2], b[0, :12] = False, False
    a[0, 2], b[0, 0] = False, True  # 10 samples for a, 2 for b: p = 2 * (1 + 12 + 66) / 4096 by hand
    found = difference(cells(a), cells(b), "accuracy", 2, margin=0.01)
    wins, losses = int((a & ~b).sum()), int((b & ~a).sum())
    assert found.p_mcnemar == pytest.approx(stats.binomtest(losses, wins + losses).pvalue)
    assert (found.p, found.interval, found.equivalence_interval) == (None, None, None)
    (judged,) = verdicts([found], 0.01, [("x", "y")])
    assert (judged.verdict, judged.p_holm) == ("undecided", None)
    assert judged.sentence.startswith("undecided: one seed cannot tell")
    few = estimate(cells(a.repeat(4, axis=0)), "accuracy", 2)
    assert few.interval is None
    assert few.reason == (
        "4 seeds tell too little of how much the next one would change; at least 5 are needed, and 10 are better"
    )


def test_folds_and_their_overlap_widen_the_corrected_t() -> None:
    rng = np.random.default_rng(3)
    a, b = drawn(rng, 0.8, 5, 200), drawn(rng, 0.7, 5, 200)
    found = difference(cells(a, folds=4), cells(b, folds=4), "accuracy", 2, margin=0.01)
    scores = np.array([(a[:, k::4].mean() - b[:, k::4].mean()) for k in range(4)])
    t = scores.mean() / np.sqrt(scores.var(ddof=1) * (1 / 4 + 50 / 150))
    assert found.p_corrected_t == pytest.approx(2 * stats.t.sf(abs(t), 3))
    assert found.value == pytest.approx(scores.mean())
    assert "in 4 folds and 5 seeds" in found.method


def test_a_test_part_drawn_by_the_seed_is_judged_by_the_corrected_t() -> None:
    rng = np.random.default_rng(4)
    arms = []
    for chance in (0.8, 0.6):
        arm = [replace(cells(drawn(rng, chance, 1, 60))[0], seed=seed, n_train=240) for seed in range(8)]
        arms.append([replace(cell, ids=np.char.add(f"{cell.seed}-", cell.ids)) for cell in arm])
    found = difference(*arms, "accuracy", 2, margin=0.01)
    scores = np.array([(x.predicted == x.labels).mean() - (y.predicted == y.labels).mean()
                       for x, y in zip(*arms, strict=True)])  # fmt: skip
    t = scores.mean() / np.sqrt(scores.var(ddof=1) * (1 / 8 + 60 / 240))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), 7))
    assert difference(arms[0][:4], arms[1][:4], "accuracy", 2, margin=0.01).reason.startswith("4 drawings")


def test_intervals_and_p_say_the_same() -> None:
    rng = np.random.default_rng(5)
    seen = set()
    for chance, n in ((0.6, 500), (0.66, 500), (0.7, 500), (0.7, 60), (0.68, 3000), (0.72, 500)):
        a, b = cells(drawn(rng, chance, 5, n)), cells(drawn(rng, 0.7, 5, n))
        found = difference(a, b, "accuracy", 2, margin=0.05)
        assert found.interval
        assert found.equivalence_interval
        assert found.p is not None
        assert (found.p < 0.05) == (found.interval[0] > 0 or found.interval[1] < 0)
        inside = max(map(abs, found.equivalence_interval)) < 0.05
        assert (found.p_equivalence < 0.05) == inside  # type: ignore[operator]
        seen.add((found.p < 0.05, inside))
    assert len(seen) == 4


def test_equal_arms_are_equivalent_only_on_enough_samples() -> None:
    few, many = np.ones((5, 40), bool), np.ones((5, 2000), bool)
    sentences = {}
    for name, right in (("few", few), ("many", many)):
        found = difference(cells(right), cells(right), "accuracy", 2, margin=0.01)
        sentences[name] = verdicts([found], 0.01, [("x", "the MLP")])[0]
    assert sentences["few"].verdict == "undecided"
    assert "1 point cannot be seen with so few test samples" in sentences["few"].sentence
    assert sentences["many"].sentence == "within 1 point of the MLP (90 % interval -0.4 to 0.4): equivalent"


def test_few_groups_are_refused_with_their_number() -> None:
    right = drawn(np.random.default_rng(6), 0.7, 5, 80)
    assert difference(cells(right, groups=4), cells(~right, groups=4), "accuracy", 2, margin=0.01).reason.startswith(
        "4 test groups are too few"
    )
    assert estimate(cells(right, groups=4), "accuracy", 2).interval is None
    assert kept_share(cells(right, groups=4), cells(right, groups=4), "accuracy", 2, chance=0.5).interval is None
    unequal = [replace(cell, groups=np.where(np.arange(80) < 70, "all", cell.groups)) for cell in cells(right)]
    assert "so unequal that they count as 1.0" in estimate(unequal, "accuracy", 2).reason


def test_seeds_needed_grow_less_with_more_seeds_and_end_where_samples_are_too_few() -> None:
    rng = np.random.default_rng(7)

    def arm(n: int) -> list[CellAnswers]:
        of_seed = rng.normal(0.7, 0.03, 5)
        return cells(rng.random((5, n)) < of_seed[:, None])

    found = difference(arm(3000), arm(3000), "accuracy", 2, margin=0.03)
    assert found.seeds_needed is not None
    assert found.seeds_needed > 5
    assert found.smallest_detectable is not None
    assert found.smallest_detectable > 0.03
    (judged,) = verdicts([found], 0.03, [("x", "y")])
    assert judged.sentence == f"undecided: about {found.seeds_needed - 5} more seeds would be needed for 3 points"
    right = drawn(rng, 0.5, 1, 60).repeat(5, axis=0), drawn(rng, 0.5, 1, 60).repeat(5, axis=0)
    assert difference(cells(right[0]), cells(right[1]), "accuracy", 2, margin=0.01).seeds_needed is None


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_p_below_the_level_is_written_as_one() -> None:
    written = [written_p(p) for p in (0.0004, 0.003, 0.034, 0.0461, 0.04999, 0.05, 0.2)]
    assert written == [
        "p < 0.001", "p = 0.003", "p = 0.03", "p = 0.046", "p = 0.049", "p = 0.05", "p = 0.20"
    ]  # fmt: skip


def test_verdicts_count_all_pairs() -> None:
    rng = np.random.default_rng(8)
    base = drawn(rng, 0.7, 5, 900)
    better = base | drawn(rng, 0.2, 5, 900)
    found = difference(cells(better), cells(base), "accuracy", 2, margin=0.01)
    turned = difference(cells(base), cells(better), "accuracy", 2, margin=0.01)
    equal = difference(cells(base), cells(base), "accuracy", 2, margin=0.01)
    judged = verdicts([found, turned, equal], 0.01, [("a", "b"), ("b", "a"), ("b", "b2")])
    assert [each.verdict for each in judged] == ["better", "worse", "equivalent"]
    assert judged[0].sentence == f"better by {100 * found.value:.1f} points than b, p < 0.001 after Holm"
    assert judged[0].p_holm == pytest.approx(3 * (found.p or 0))
    slight = replace(found, p=0.04, p_equivalence=0.2)
    assert [each.verdict for each in verdicts([slight, equal], 0.01, [("a", "b")] * 2)] == ["undecided", "equivalent"]
    with pytest.raises(ConfigError, match="2 pairs have names for 1"):
        verdicts([found, turned], 0.01, [("a", "b")])


def test_a_sure_difference_within_the_margin_is_told_as_both() -> None:
    base = np.ones((5, 5000), bool)
    base[:, :500] = False
    slightly = base.copy()
    slightly[:, :60] = True
    found = difference(cells(slightly), cells(base), "accuracy", 2, margin=0.03)
    (judged,) = verdicts([found], 0.03, [("a", "b")])
    assert judged.verdict == "equivalent"
    assert judged.sentence.endswith("though not equal (p < 0.001 after Holm)")


def test_kept_shares() -> None:
    rng = np.random.default_rng(9)
    full = drawn(rng, 0.9, 5, 1500)
    half = np.where(rng.random(full.shape) < 0.5, full, drawn(rng, 0.5, 5, 1500))
    found = kept_share(cells(full), cells(half), "accuracy", 2, chance=0.5)
    assert found.interval
    assert found.interval[0] < 0.5 < found.interval[1]
    assert found.interval[1] < 0.62
    same = kept_share(cells(full), cells(full), "accuracy", 2, chance=0.5)
    assert same.mean == pytest.approx(1)
    assert same.interval
    assert 0.99 < same.interval[0] < 1 < same.interval[1] < 1.01
    stuck = np.stack([drawn(rng, rate, 1, 300)[0] for rate in (0.9, 0.9, 0.5, 0.4, 0.4)])
    for arm, told in ((drawn(rng, 0.4, 5, 300), "is not above chance"), (stuck, "is not surely above chance")):
        useless = kept_share(cells(arm), cells(full[:, :300]), "accuracy", 2, chance=0.5)
        assert np.isnan(useless.mean)
        assert useless.interval is None
        assert told in useless.reason
    with pytest.raises(ConfigError, match=r"chance is 1\.5"):
        kept_share(cells(full), cells(half), "accuracy", 2, chance=1.5)


def test_samples_may_stand_in_any_order() -> None:
    rng = np.random.default_rng(10)
    a, b = cells(drawn(rng, 0.8, 5, 90), groups=9, folds=3), cells(drawn(rng, 0.7, 5, 90), groups=9, folds=3)
    turned = [replace(cell, **{name: getattr(cell, name)[::-1] for name in ("ids", "groups", "labels", "predicted")})
              for cell in b[::-1]]  # fmt: skip
    turned[2] = next(cell for cell in b if (cell.seed, cell.fold) == (turned[2].seed, turned[2].fold))
    for metric in METRICS:
        found, again = (difference(a, other, metric, 2, margin=0.01) for other in (b, turned))
        assert found.interval is not None
        assert found.interval == pytest.approx(again.interval)
        assert found.p == pytest.approx(again.p)


def test_what_cannot_be_paired_is_named() -> None:
    rng = np.random.default_rng(11)
    a, b = cells(drawn(rng, 0.8, 3, 80), folds=2), cells(drawn(rng, 0.7, 3, 80), folds=2)
    others = [replace(cell, ids=np.char.add("x", cell.ids)) for cell in b]
    wrong = [replace(cell, labels=1 - cell.labels) if (cell.seed, cell.fold) == (1, 0) else cell for cell in a]
    with pytest.raises(DataError, match=r"1 of 6 cells are missing \(seed 2, fold 1\)"):
        difference(a[:-1], b, "accuracy", 2, margin=0.01)
    with pytest.raises(DataError, match=r"only one of them has a cell of seed 2, fold 0 \(6 cells against 4"):
        difference(a, [cell for cell in b if cell.seed != 2], "accuracy", 2, margin=0.01)
    with pytest.raises(DataError, match="seed 0, fold 0 is there twice"):
        estimate([*a, a[0]], "accuracy", 2)
    with pytest.raises(DataError, match="test parts of 40 and 40 samples differ"):
        difference(a, others, "accuracy", 2, margin=0.01)
    with pytest.raises(DataError, match="seed 1, fold 0 has other labels or groups than that of seed 0"):
        estimate(wrong, "accuracy", 2)
    with pytest.raises(DataError, match="answers outside the 2 classes: 7"):
        estimate([replace(cell, predicted=np.full(40, 7)) for cell in a], "accuracy", 2)
    with pytest.raises(DataError, match="without a finished cell"):
        estimate([], "accuracy", 2)
    with pytest.raises(ConfigError, match=r"margin is 0;"):
        difference(a, b, "accuracy", 2, margin=0)


@pytest.mark.parametrize("groups", [0, 20])
def test_intervals_hold_the_truth_and_tests_their_level(groups: int) -> None:
    """Random effects of group and seed in the difference of two arms; each seed and group is a draw."""
    rng, repetitions, n_seeds, n = np.random.default_rng(12), 100, 5, 100
    held = {"difference": 0, "arm": 0}
    for _ in range(repetitions):
        arms = []
        for _ in range(2):
            of_group = rng.normal(0, 0.1, groups or n)[np.arange(n) % (groups or n)]
            of_seed = rng.normal(0, 0.02, n_seeds)[:, None]
            arms.append(cells(rng.random((n_seeds, n)) < 0.7 + of_group + of_seed, groups=groups))
        p = difference(*arms, "accuracy", 2, margin=0.01).p
        held["difference"] += p is not None and p >= 0.05
        interval = estimate(arms[0], "accuracy", 2).interval
        held["arm"] += interval is not None and interval[0] <= 0.7 <= interval[1]
    # 95 % of 100, with a standard deviation of 2.2.
    assert all(88 <= count <= 99 for count in held.values()), held


def test_every_test_of_a_pair_is_told_in_the_outcome() -> None:
    tests = {each.name for each in fields(Difference) if each.name.startswith("p_")}
    assert "p_corrected_t" in tests
    assert tests <= PairOutcome.model_fields.keys()
