from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qplug import Audio, Dataset, DatasetCapabilities, Sample, SplitRule
from qplug.contract.errors import DataError, LeakError, PluginError, UnknownName, UserError
from qplug.lab.data.splits import PARTS, Split, TrainingFeatures, folds, make_split, split_rules


class Listed(Dataset):
    """A data set that lists whatever samples a test gives it."""

    capabilities = DatasetCapabilities(interface=1, modality="audio", needs_folder=False)

    def __init__(self, classes: Sequence[str], **splits: SplitRule) -> None:
        self.classes = tuple(classes)
        self.splits = splits  # type: ignore[misc]  # one class stands for many data sets

    def samples(self, folder: Path) -> list[Sample]:
        return []

    def load(self, sample: Sample) -> Audio:
        return Audio(np.zeros((1, 8), dtype=np.float32), 8000)


PART = SplitRule(description="official", test="part")
FOLD = SplitRule(description="official folds", test="fold")
GROUPS = SplitRule(description="five folds of speakers", test="groups", n_folds=5)
DRAWN = SplitRule(description="whole groups", test="groups")


def clip(i: int, label: str, group: str | None = None, **rest: object) -> Sample:
    return Sample(id=f"c{i:04d}", label=label, group=group or f"c{i:04d}", **rest)  # type: ignore[arg-type]


def speakers(n: int = 20, each: int = 6, classes: str = "ab") -> list[Sample]:
    return [clip(i, classes[i % len(classes)], f"s{i // each}") for i in range(n * each)]


def ids(split: Split) -> dict[str, set[str]]:
    return {part: {sample.id for sample in split.parts[part]} for part in PARTS}


def test_official_parts_are_taken_as_they_are() -> None:
    samples = [clip(i, "ab"[i % 2], part=("train", "validation", "test")[i % 3]) for i in range(12)]
    split = make_split(Listed("ab", official=PART), samples, seed=7)
    assert split.name == "official"
    assert all(sample.part == part for part in PARTS for sample in split.parts[part])
    assert sum(map(len, split.parts.values())) == 12


def test_validation_is_held_out_of_train_where_the_samples_do_not_say() -> None:
    samples = [clip(i, "ab"[i % 2], part="test" if i < 40 else "train") for i in range(240)]
    one, other = (make_split(Listed("ab", official=PART), samples, seed=seed) for seed in (1, 2))
    assert ids(one)["test"] == ids(other)["test"] == {f"c{i:04d}" for i in range(40)}
    assert Counter(s.label for s in one.parts["validation"]) == {"a": 15, "b": 15}
    assert ids(one)["validation"] != ids(other)["validation"]


def test_samples_outside_the_protocol_are_left_out() -> None:
    samples = [clip(i, "a", part=(None, "train", "test")[i % 3]) for i in range(30)]
    split = make_split(Listed("a", official=PART), samples)
    assert [s.id for s in split.left_out] == [f"c{i:04d}" for i in range(0, 30, 3)]
    assert sum(map(len, split.parts.values())) == 20


def test_official_folds_are_never_reshuffled() -> None:
    numbers = (1, 2, 3, 10)
    samples = [clip(i, "ab"[i % 2], f"g{i // 2}", fold=numbers[i // 2 % 4]) for i in range(160)]
    dataset = Listed("ab", official=FOLD)
    assert folds(dataset, samples) == [1, 2, 3, 10]
    for fold in numbers:
        for seed in (0, 1):
            split = make_split(dataset, samples, fold=fold, seed=seed)
            assert ids(split)["test"] == {s.id for s in samples if s.fold == fold}
            assert not {s.group for s in split.parts["validation"]} & {s.group for s in split.parts["train"]}
    assert make_split(dataset, samples).fold == 1


def test_a_fold_that_does_not_exist_is_refused_with_those_that_do() -> None:
    samples = [clip(i, "a", fold=(1, 2, 3, 10)[i % 4]) for i in range(40)]
    with pytest.raises(UnknownName, match=r"'official' has no fold 11. Its folds: 1, 2, 3, 10"):
        make_split(Listed("a", official=FOLD), samples, fold=11)


def test_a_fold_is_refused_where_the_split_has_none() -> None:
    samples = [clip(i, "a", part="train" if i % 2 else "test", fold=i % 3) for i in range(40)]
    with pytest.raises(UserError, match=r"'official' has no folds, so fold 3 .* Splits with folds: ten"):
        make_split(Listed("a", official=PART, ten=FOLD), samples, fold=3)


def test_an_unknown_split_is_refused_with_near_ones() -> None:
    with pytest.raises(UnknownName, match=r"'oficial'. Did you mean 'official'"):
        make_split(Listed("a", official=PART), [clip(0, "a")], name="oficial")


def test_every_data_set_offers_a_random_split_that_is_not_official() -> None:
    dataset = Listed("ab", official=PART)
    assert not split_rules(dataset)["random"].official
    split = make_split(dataset, [clip(i, "ab"[i % 2]) for i in range(200)], name="random", seed=3)
    assert [len(split.parts[part]) for part in PARTS] == [136, 24, 40]
    assert split.to_json()["official"] is False


def test_dealt_folds_are_the_same_for_every_seed_and_cover_everything_once() -> None:
    samples, dataset = speakers(), Listed("ab", disjoint=GROUPS)
    tests = [ids(make_split(dataset, samples, fold=k, seed=0))["test"] for k in folds(dataset, samples)]
    again = [ids(make_split(dataset, samples, fold=k, seed=99))["test"] for k in folds(dataset, samples)]
    assert tests == again
    assert set().union(*tests) == {s.id for s in samples}
    assert sum(map(len, tests)) == len(samples)
    assert [len(test) for test in tests] == [24] * 5


def test_groups_drawn_at_random_follow_the_seed() -> None:
    dataset = Listed("ab", drawn=DRAWN)
    tests = {frozenset(ids(make_split(dataset, speakers(), seed=seed))["test"]) for seed in range(5)}
    assert len(tests) > 1


def test_the_order_of_the_samples_does_not_matter() -> None:
    samples = speakers()
    for name in ("disjoint", "random"):
        one = make_split(Listed("ab", disjoint=GROUPS), samples, name=name, allow_leak=True)
        other = make_split(Listed("ab", disjoint=GROUPS), samples[::-1], name=name, allow_leak=True)
        assert one.hashes == other.hashes


def test_a_group_in_two_parts_is_refused() -> None:
    with pytest.raises(LeakError, match=r"'random' puts 16 of the groups into more than one part \(s1, s10, .*…\)"):
        make_split(Listed("ab", disjoint=GROUPS), speakers(), name="random")


def test_a_leak_that_is_allowed_is_marked() -> None:
    split = make_split(Listed("ab", disjoint=GROUPS), speakers(), name="random", allow_leak=True)
    assert split.leaky
    assert split.to_json()["leaky"] is True
    assert len(split.shared_groups) == 16
    assert not make_split(Listed("ab", disjoint=GROUPS), speakers()).leaky


def test_a_split_may_keep_something_else_together() -> None:
    samples = [replace(s, keys={"sentence": f"t{i % 12}"}) for i, s in enumerate(speakers())]
    rule = SplitRule(description="by sentence", test="groups", group="sentence", n_folds=4)
    split = make_split(Listed("ab", by_sentence=rule), samples)
    sentences = [{s.keys["sentence"] for s in split.parts[part]} for part in PARTS]
    assert not sentences[0] & sentences[1] | sentences[0] & sentences[2] | sentences[1] & sentences[2]
    with pytest.raises(PluginError, match="keeps 'sentence' together, but sample 'c0000' has no such key"):
        make_split(Listed("ab", by_sentence=rule), speakers())


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(DataError, match=r"no sample for validation \(train 1, validation 0, test 1\)"):
        make_split(Listed("a", official=PART), [clip(0, "a", part="train"), clip(1, "a", part="test")])


def test_a_class_without_training_samples_is_refused_and_one_without_test_samples_is_told() -> None:
    train = [clip(i, "ab"[i % 2], part="train") for i in range(40)]
    test = [clip(i, "a", part="test") for i in range(40, 60)]
    split = make_split(Listed("ab", official=PART), train + test)
    assert split.warnings == ("split 'official' has no test sample of b",)
    with pytest.raises(DataError, match="no training sample of c, so"):
        make_split(Listed("abc", official=PART), train + [replace(s, label="c") for s in test])


def test_skipped_samples_leave_the_rest_where_it_was() -> None:
    split = make_split(Listed("ab", disjoint=GROUPS), speakers())
    gone = split.parts["test"][0]
    fewer = split.keep(s for s in speakers() if s.id != gone.id)
    assert ids(fewer)["test"] == ids(split)["test"] - {gone.id}
    assert fewer.hashes["train"] == split.hashes["train"]
    assert fewer.hashes["all"] != split.hashes["all"]


def test_the_small_class_reaches_every_part_when_it_has_groups_enough() -> None:
    samples = [clip(i, "a", f"g{i // 4}") for i in range(200)] + [clip(i, "b", f"h{i // 4}") for i in range(200, 212)]
    split = make_split(Listed("ab", drawn=DRAWN), samples)
    assert split.warnings == ()


def test_training_features_hold_the_training_rows_only() -> None:
    samples = speakers()
    split = make_split(Listed("ab", disjoint=GROUPS), samples)
    values = np.arange(len(samples), dtype=np.float32)[:, None]
    training = split.training(values, samples)
    rows = np.concatenate(list(training.chunks(7)))[:, 0]
    assert {samples[int(i)].id for i in rows} == ids(split)["train"]
    assert [split.classes[k] for k in training.labels] == [samples[int(i)].label for i in rows]
    with pytest.raises(ValueError, match="3 rows were given for 120 samples"):
        TrainingFeatures(split, values[:3], samples)


@st.composite
def lists(draw: st.DrawFn) -> list[Sample]:
    n_classes = draw(st.integers(2, 4))
    n_groups = draw(st.integers(6 * n_classes, 40))
    sizes = draw(st.lists(st.integers(1, 5), min_size=n_groups, max_size=n_groups))
    groups = [g for g, size in enumerate(sizes) for _ in range(size)]
    return [clip(i, "abcd"[g % n_classes], f"g{g}") for i, g in enumerate(groups)]


@settings(max_examples=60, deadline=None)
@given(samples=lists(), seed=st.integers(0, 2**32), rule=st.sampled_from([GROUPS, DRAWN]), turned=st.randoms())
def test_parts_are_disjoint_complete_whole_and_repeatable(samples, seed, rule, turned) -> None:  # type: ignore[no-untyped-def]
    classes = sorted({s.label for s in samples})
    split = make_split(Listed(classes, it=rule), samples, seed=seed)
    assert sorted(s.id for part in PARTS for s in split.parts[part]) == sorted(s.id for s in samples)
    groups = [{s.group for s in split.parts[part]} for part in PARTS]
    assert sum(map(len, groups)) == len(set().union(*groups))
    assert split.warnings == ()
    mixed = list(samples)
    turned.shuffle(mixed)
    assert make_split(Listed(classes, it=rule), mixed, seed=seed).hashes == split.hashes


@settings(max_examples=40, deadline=None)
@given(counts=st.lists(st.integers(10, 60), min_size=2, max_size=5), seed=st.integers(0, 1000))
def test_the_random_split_is_stratified(counts: list[int], seed: int) -> None:
    labels = [label for label, n in zip("abcde", counts, strict=False) for _ in range(n)]
    split = make_split(
        Listed("abcde"[: len(counts)]), [clip(i, k) for i, k in enumerate(labels)], name="random", seed=seed
    )
    for label, n in zip("abcde", counts, strict=False):
        tested = sum(s.label == label for s in split.parts["test"])
        assert abs(tested - 0.2 * n) <= 1
