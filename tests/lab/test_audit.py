import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile

from qplug import Audio, DataError, Dataset, DatasetCapabilities, Image, Sample, SplitRule
from qplug.lab.audit.audit import audit
from qplug.lab.audit.figure import figure, png
from qplug.lab.audit.folder import modality_of
from qplug.lab.audit.measure import Measure, measures
from qplug.lab.audit.report import Report
from qplug.lab.audit.splits import counted

RATE = 8000
SPEAKERS = ("ann", "bob", "cat", "dan", "eve", "fay")


class Spoken(Dataset):
    """``{label}_{speaker}_{number}.{wav,flac}`` in one folder."""

    capabilities = DatasetCapabilities(interface=1, modality="audio")
    classes = ("yes", "no")
    splits: Mapping[str, SplitRule] = {
        "speaker": SplitRule(description="unseen speakers", test="groups", n_folds=3, validation=0.3, official=False),
        "number": SplitRule(
            description="unseen numbers", test="groups", group="number", n_folds=3, validation=0.3, official=False
        ),
    }
    layout = "wav files"

    def samples(self, folder: Path) -> Iterable[Sample]:
        for path in sorted(folder.iterdir()):
            label, speaker, number = path.stem.split("_")
            yield Sample(path.stem, label, speaker, path, keys={"number": number})

    def load(self, sample: Sample) -> Audio:
        try:
            wave, rate = soundfile.read(sample.source, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise DataError(f"{sample.source}: not a recording. Remove it.") from error
        return Audio(np.ascontiguousarray(wave.T), rate)


class Blots(Dataset):
    """Generated pictures, the first of which is blank."""

    capabilities = DatasetCapabilities(interface=1, modality="image", needs_folder=False, synthetic=True)
    classes = ("a", "b")
    splits: Mapping[str, SplitRule] = {}

    def samples(self, folder: Path) -> Iterable[Sample]:
        return [Sample(f"{'ab'[i % 2]}{i}", "ab"[i % 2], f"{i}", offset=i) for i in range(40)]

    def load(self, sample: Sample) -> Image:
        side = 8 if sample.label == "a" else 6
        pixels = np.random.default_rng(sample.offset).random((3, side, 8)).astype(np.float32)
        return Image(np.full_like(pixels, 0.5) if sample.offset == 0 else pixels)


def write(folder: Path) -> None:
    """Six speakers, both words, three numbers each: 36 recordings of 0.1 to 0.3 s."""
    generator = np.random.default_rng(0)
    for label in Spoken.classes:
        for speaker in SPEAKERS:
            for number in range(3):
                wave = generator.uniform(-0.5, 0.5, RATE // 10 * (number + 1))
                soundfile.write(folder / f"{label}_{speaker}_{number}.wav", wave, RATE, subtype="PCM_16")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spoken").mkdir()
    write(tmp_path / "spoken")
    return tmp_path / "spoken"


@pytest.fixture
def planted(folder: Path) -> Path:
    """The same, with one of each fault."""
    shutil.copy(folder / "yes_ann_0.wav", folder / "yes_bob_7.wav")  # the same bytes under another speaker's name
    wave, rate = soundfile.read(folder / "yes_cat_1.wav", dtype="int16")
    soundfile.write(folder / "no_dan_7.flac", wave, rate)  # the same samples in another format, under another label
    soundfile.write(folder / "yes_eve_7.wav", np.full(800, 1e-4), 16_000)
    time = np.arange(1600) / RATE
    soundfile.write(folder / "yes_eve_8.wav", np.clip(2 * np.sin(2 * np.pi * 100 * time), -1, 1), RATE)
    (folder / "no_fay_7.wav").write_bytes(b"not a recording")
    return folder


def run(folder: Path) -> Report:
    return audit("spoken", Spoken(), folder, workers=1)


def test_counts_are_those_of_the_files(folder: Path) -> None:
    report = run(folder)
    assert report.n_samples == 36
    assert report.classes == {"yes": 18, "no": 18}
    assert report.groups == dict.fromkeys(SPEAKERS, 6)
    assert report.class_groups == {"yes": 6, "no": 6}
    assert report.sample_rates == {RATE: 36}
    assert report.channels == {1: 36}
    assert np.unique(report.durations.round(6)).tolist() == [0.1, 0.2, 0.3]
    assert report.durations.sum() == pytest.approx(7.2)
    assert report.levels == pytest.approx(np.full(36, 20 * np.log10(0.5 / np.sqrt(3))), abs=0.5)
    assert (report.duplicates, report.unreadable, report.silent, report.clipped) == ((), {}, (), ())
    assert (report.largest_share, report.imbalance) == (0.5, 1.0)


def test_every_planted_fault_is_found_and_nothing_else(planted: Path) -> None:
    report = run(planted)
    assert [duplicate.ids for duplicate in report.duplicates] == [
        ("no_dan_7", "yes_cat_1"),
        ("yes_ann_0", "yes_bob_7"),
    ]
    assert [duplicate.ids for duplicate in report.conflicts] == [("no_dan_7", "yes_cat_1")]
    assert report.unreadable == {"no_fay_7": "not a recording"}
    assert report.silent == ("yes_eve_7",)
    assert report.clipped == ("yes_eve_8",)
    assert report.sample_rates == {RATE: 39, 16_000: 1}


def test_each_split_tells_what_stands_in_two_parts(planted: Path) -> None:
    splits = run(planted).splits
    assert list(splits) == ["speaker", "number", "random"]
    assert splits["speaker"].shared_groups == ()
    assert list(splits["speaker"].folds) == [1, 2, 3]
    assert set(splits["random"].shared_groups) <= set(SPEAKERS)
    assert len(splits["random"].shared_groups) >= 5
    assert splits["random"].shared["group"] == (len(splits["random"].shared_groups), 6)
    assert splits["number"].shared_groups == ()
    assert splits["number"].shared["group"] == (6, 6)
    assert splits["speaker"].shared == {"group": (0, 6), "number": (4, 5)}
    assert all(sum(facts.sizes.values()) == 41 for facts in splits.values())
    # The copy under another speaker's name passes the guard of names; its content does not, in one fold at least.
    assert splits["speaker"].duplicates >= 1


def test_split_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name in ("yes_ann_0", "yes_bob_0", "no_ann_0"):
        soundfile.write(tmp_path / f"{name}.wav", generator.uniform(-0.5, 0.5, 800), RATE)
    facts = run(tmp_path).splits["speaker"]
    assert "split 'speaker'" in facts.problem
    assert facts.to_json()["train"] == 0


def test_json_has_the_promised_keys_and_survives_a_round_trip(planted: Path) -> None:
    told = json.loads(json.dumps(run(planted).to_json(), allow_nan=False))
    assert {"dataset", "n_samples", "classes", "n_groups", "sample_rates", "duplicates", "unreadable", "silent"} < set(
        told
    )
    assert (told["dataset"], told["n_samples"], told["n_groups"]) == ("spoken", 41, 6)
    assert told["classes"] == {"yes": 21, "no": 20}
    assert told["sample_rates"] == {"8000": 39, "16000": 1}
    assert told["duplicates"] == [["no_dan_7", "yes_cat_1"], ["yes_ann_0", "yes_bob_7"]]
    assert told["unreadable"] == [{"id": "no_fay_7", "reason": "not a recording"}]
    assert told["silent"] == ["yes_eve_7"]
    for split in told["splits"].values():
        assert {"train", "validation", "test", "shared_groups"} < set(split)
    assert told["splits"]["speaker"]["shared_groups"] == 0
    assert told["splits"]["random"]["shared_groups"] == len(told["splits"]["random"]["shared_group_names"])
    assert sum(told["durations"]["histogram"]["counts"]) == 40


def test_several_processes_find_the_same_as_one(planted: Path) -> None:
    from qplug_folder.folder import Folder

    home = planted.parent / "folders"
    for path in planted.iterdir():
        (home / path.stem.split("_")[0]).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, home / path.stem.split("_")[0])
    one, two = (audit("folder", Folder(), home, workers=n).to_json() for n in (1, 2))
    assert one == two
    assert one["n_samples"] == 41


def test_progress_reaches_the_end(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    audit("spoken", Spoken(), folder, progress=lambda done, total: told.append((done, total)), workers=1)
    assert told[-1] == (36, 36)


def test_folder_of_which_nothing_can_be_read_is_refused(tmp_path: Path) -> None:
    for name in ("yes_ann_0", "no_bob_0"):
        (tmp_path / f"{name}.wav").write_bytes(b"noise")
    with pytest.raises(
        DataError, match=r"none of the 2 samples can be read; the first is no_bob_0 \(not a recording\)"
    ):
        run(tmp_path)


def test_images_are_measured_by_size_and_brightness() -> None:
    report = audit("blots", Blots(), Path(), workers=1)
    assert report.sizes == {"8×8": 20, "6×8": 20}
    assert report.silent == ("a0",)
    assert report.sample_rates == {}
    assert report.durations.size == 0
    assert report.measures.level == pytest.approx(np.full(40, 0.5), abs=0.15)
    assert report.folder is None


# One signal


def one(wave: np.ndarray, rate: int = RATE) -> tuple[float, bool, bytes]:
    row = Measure("audio")(Audio(np.atleast_2d(wave).astype(np.float32), rate))
    told = measures(row[None])
    return float(told.peak[0]), bool(told.clipped[0]), told.digests[0]


def test_long_recordings_keep_their_exact_length() -> None:
    row = Measure("audio")(Audio(np.zeros((1, 20_000_001), dtype=np.float32), 192_000))
    told = measures(row[None])
    assert (told.length[0], told.rate[0]) == (20_000_001, 192_000)


def test_loud_is_not_clipped() -> None:
    time = np.arange(RATE) / RATE
    tone = np.sin(2 * np.pi * 441.7 * time)
    assert not one(tone)[1]
    assert one(np.clip(1.5 * tone, -1, 1))[1]
    assert not one(0.5 * np.clip(1.5 * tone, -1, 1))[1]
    assert not one(np.ones(2))[1]


def test_digest_changes_with_any_sample_and_with_the_rate() -> None:
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 1000)
    changed = wave.copy()
    changed[500] += 1e-4
    digests = {one(wave)[2], one(changed)[2], one(wave, 16_000)[2], one(wave[:-1])[2]}
    assert len(digests) == 4
    assert one(wave)[2] == one(wave.copy())[2]


# The figure and the folder


@pytest.mark.parametrize("kind", ["planted", "images"])
def test_figure_is_a_png_that_fits_its_words(kind: str, planted: Path) -> None:
    report = run(planted) if kind == "planted" else audit("blots", Blots(), Path(), workers=1)
    drawn = figure(report)
    content = png(drawn)
    assert content.startswith(b"\x89PNG")
    renderer = drawn.canvas.get_renderer()  # type: ignore[attr-defined]
    page = drawn.bbox
    words = [text for axes in drawn.axes for text in (axes.title, axes.xaxis.label, *axes.texts)] + list(drawn.texts)
    words += [label for axes in drawn.axes for label in axes.get_yticklabels()]
    for text in words:
        if text.get_text():
            box = text.get_window_extent(renderer)
            assert page.x0 <= box.x0, text.get_text()
            assert box.x1 <= page.x1, text.get_text()
            assert page.y0 <= box.y0, text.get_text()
            assert box.y1 <= page.y1, text.get_text()
    said = " ".join(text.get_text() for text in drawn.texts)
    assert ("SYNTHETIC DATA" in said) is (kind == "images")
    if kind == "planted":
        assert "41 recordings (8 s of them readable), 2 classes, 6 groups; 2 duplicated, 1 unreadable, 1 silent" in said
        verdicts = [text.get_text() for text in drawn.axes[-1].texts]
        assert any("1 duplicate in two parts" in verdict for verdict in verdicts)


@pytest.mark.parametrize(("n", "words"), [(0, "0 groups"), (1, "1 group"), (1302, "1,302 groups")])
def test_one_thing_is_told_as_one(n: int, words: str) -> None:
    assert counted(n, "group") == words


@pytest.mark.parametrize(
    ("names", "modality"),
    [(["a/x.png", "a/y.JPG", "b/z.wav"], "image"), (["a/x.flac", "b/y.mp3", "b/cover.png"], "audio"), ([], "audio")],
)
def test_modality_is_told_by_most_names(names: list[str], modality: str, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert modality_of(tmp_path) == modality


@pytest.mark.real_data
@pytest.mark.slow
def test_real_digits_are_clean_and_random_splits_of_emotions_leak(request: pytest.FixtureRequest) -> None:
    import os

    from qplug_audio.fsdd import FreeSpokenDigits
    from qplug_audio.ravdess import Ravdess

    home = Path(os.environ.get("QPLUG_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (home / "fsdd").is_dir() or not (home / "ravdess").is_dir():
        pytest.skip(f"no real data in {home}; set QPLUG_TEST_DATA to the folder that holds fsdd and ravdess")
    digits = audit("fsdd", FreeSpokenDigits(), home / "fsdd")
    assert (digits.n_samples, digits.sample_rates, len(digits.duplicates)) == (3000, {8000: 3000}, 0)
    assert digits.splits["official"].shared["speaker"] == (6, 6)
    assert digits.splits["speaker"].shared["speaker"][0] == 0
    emotions = audit("ravdess", Ravdess(), home / "ravdess")
    assert emotions.splits["speaker"].shared_groups == ()
    assert len(emotions.splits["random"].shared_groups) == len(emotions.groups)
