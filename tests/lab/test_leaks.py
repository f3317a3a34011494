"""Planted leaks: each is caught by name or made impossible. ``docs/explanation/leaks.md`` tells of the same list.

The planted data set is small: two classes, eight speakers, five clips of each, told apart by pitch.
"""

from __future__ import annotations

import dataclasses
import inspect
import io
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import PIL.Image
import pytest
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from qplug import Dataset, DatasetCapabilities, Sample, SplitRule
from qplug.contract.errors import DataError, LeakError, NotSupported, PluginError
from qplug.contract.interfaces import Audio, Head, Image, Reducer, TrainingPart
from qplug.lab.audit.audit import audit
from qplug.lab.config.augmentation import AugmentationOptions
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import to_layer
from qplug.lab.config.training import TrainingOptions
from qplug.lab.data import copies
from qplug.lab.data.cache import Features, features
from qplug.lab.data.embeddings import embeddings
from qplug.lab.data.kept import clear, kept
from qplug.lab.data.likeness import Alike, _nearest, alike, alike_across_parts
from qplug.lab.data.normalise import fit_normalise
from qplug.lab.data.prints import Print, prints
from qplug.lab.data.splits import PARTS, Split, make_split
from qplug.lab.data.training_part import training_part
from qplug.lab.judging.logits import predict_logits
from qplug.lab.pipeline.augment import Augment
from qplug.lab.pipeline.classifier import Front, build_backbone
from qplug.lab.pipeline.components import assemble
from qplug.lab.runner import prepare as runner_prepare
from qplug.lab.runner.examine import examine
from qplug.lab.runner.prepare import prepare
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.listing import list_runs
from qplug.lab.training.fit import fit
from qplug.signals import read_audio
from qplug_audio.birdsong import Birdsong
from qplug_audio.gtzan import Gtzan
from qplug_audio.mel import Mel
from qplug_audio.ravdess import Ravdess
from qplug_audio.urbansound8k import UrbanSound8K
from qplug_models.lda import Lda
from qplug_models.reducers import Pca

from .places import without_figures

RATE = 16_000
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "leaks.md"
SPEAKER = SplitRule(description="whole speakers", test="groups", n_folds=4, validation=0.25)


class Clips(Dataset):
    """Recordings ``{class}_{speaker}_{number}.ext``; the speaker is the group."""

    capabilities = DatasetCapabilities(interface=1, modality="audio")
    classes = ("high", "low")
    splits: Mapping[str, SplitRule] = {"speaker": SPEAKER}
    layout = "{class}_{speaker}_{number}.wav"

    def samples(self, folder: Path) -> Iterable[Sample]:
        paths = sorted(path for path in folder.iterdir() if path.suffix in (".wav", ".flac", ".ogg", ".mp3"))
        return [Sample(path.stem, path.stem.split("_")[0], path.stem.split("_")[1], path) for path in paths]

    def load(self, sample: Sample) -> Audio:
        waveform, rate = soundfile.read(sample.source, dtype="float32", always_2d=True)
        return Audio(np.ascontiguousarray(waveform.T), rate)


def sound(seed: int, *, pitch: float = 400.0) -> NDArray[np.float64]:
    """Half a second of syllables of their own lengths and levels, in noise of their own, like no other seed's."""
    rng = np.random.default_rng(seed)
    syllables = [np.full(rng.integers(400, 1600), rng.uniform(0.1, 1.0)) for _ in range(30)]
    envelope = np.concatenate(syllables)[: RATE // 2]
    time = np.arange(envelope.size) / RATE
    tone = np.sin(2 * np.pi * pitch * rng.uniform(0.9, 1.1) * time)
    waveform: NDArray[np.float64] = 0.5 * envelope * (tone + rng.normal(0, 0.2, time.size)) + rng.normal(
        0, 0.003, time.size
    )
    return np.clip(waveform, -1, 1)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(80):
        label, speaker, take = ("high", "low")[number % 2], number // 10, number % 10 // 2
        wave = sound(number, pitch=900 if label == "high" else 300)
        soundfile.write(folder / f"{label}_s{speaker}_{take}.wav", wave, RATE, subtype="PCM_16")
    return folder


def split_of(folder: Path, name: str = "speaker", *, allow_leak: bool = False, fold: int | None = None) -> Split:
    return make_split(Clips(), Clips().index(folder), name=name, allow_leak=allow_leak, fold=fold)


def extracted(folder: Path, tmp_path: Path, mel: Mel | None = None) -> Features:
    mel = mel or Mel(duration=0.5, n_mels=16)
    return features(
        Clips(), mel, Clips().index(folder), identity={"features": vars(mel)}, title="clips", cache=tmp_path / "cache",
        workers=1,
    )  # fmt: skip


def poisoned(found: Features, split: Split) -> NDArray[np.float32]:
    """The features with everything that is not training replaced by nonsense."""
    values = np.array(found.values)
    for part in ("validation", "test"):
        values[split.indices(found.kept, cast(Any, part))] = 1e6
    return values


def in_part(split: Split, part: str) -> Path:
    source = split.parts[cast(Any, part)][0].source
    assert source is not None
    return source


def warned(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_mels: int = 16) -> str:
    """What a run on these clips says about its data."""
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "cache"))
    config = resolve([{"dataset": {"name": "chirps"}, "features": {"name": "mel", "duration": 0.5, "n_mels": n_mels},
                       "backbone": {"name": "identity"}, "head": {"name": "linear"}, "data_dir": folder}])  # fmt: skip
    parts = dataclasses.replace(assemble(config), dataset=Clips())
    return " ".join(prepare(examine(config, Workplace.from_environment(), Silent(), parts), Silent()).warnings)


# Parts that share what they must not


def test_one_speaker_in_two_parts_is_refused(clips: Path) -> None:
    with pytest.raises(LeakError, match=r"'random' puts [78] of the groups into more than one part \(s0, s1, "):
        split_of(clips, "random")


def test_a_leak_that_is_allowed_stamps_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "cache"))
    Ravdess().write_example(tmp_path / "ravdess")
    layer = {"dataset": {"name": "ravdess"}, "data_dir": tmp_path / "ravdess", "split": "random", "allow_leak": True,
             "backbone": {"name": "cnn3", "channels": "2,2,4", "n_features": 4}, "head": {"name": "linear"},
             "features": {"name": "mel", "n_mels": 16, "duration": 0.5}, "training": {"epochs": 1}}  # fmt: skip
    summary = run_once([layer], tmp_path / "runs", Silent(), workplace=without_figures())
    assert summary["stamps"] == ["LEAKY"]
    assert summary["warnings"][0] == "the split leaks: 23 groups stand in more than one part"
    run = Path(summary["run"])
    for name in ("record.json", "split.json"):
        told = json.loads((run / name).read_text())
        assert told.get("stamps") == ["LEAKY"] or told["leaky"] is True
    for name in ("predictions.csv", "history.csv"):
        rows = RunDirectory.open(run).read_csv(name)
        assert {row["stamps"] for row in rows} == {"LEAKY"}
    assert list_runs(tmp_path / "runs")[0].stamps == ("LEAKY",)


def test_a_missing_group_is_refused_not_guessed(clips: Path) -> None:
    class Grouped(Clips):
        splits: Mapping[str, SplitRule] = {"room": dataclasses.replace(SPEAKER, group="room")}

    with pytest.raises(PluginError, match=r"keeps 'room' together, but sample 'high_s0_0' has no such key"):
        make_split(Grouped(), Grouped().index(clips))


def test_segments_of_one_recording_stay_in_one_part(tmp_path: Path) -> None:
    for species in ("merula", "major"):
        for number in range(10):
            (tmp_path / species).mkdir(exist_ok=True)
            soundfile.write(tmp_path / species / f"XC{number}.wav", np.tile(sound(number), 12), RATE)
    birds = Birdsong(segment=2.0)
    samples = birds.index(tmp_path)
    assert len(samples) == 60
    split = make_split(birds, samples)
    places = {s.group: {part for part in PARTS if s in split.parts[part]} for s in samples}
    assert len(places) == 20
    assert all(len(its) == 1 for its in places.values())
    with pytest.raises(LeakError, match=r"'random' puts \d+ of the groups into more than one part \(major/XC1, "):
        make_split(birds, samples, name="random")


def test_the_official_folds_of_urbansound8k_cannot_be_reshuffled(tmp_path: Path) -> None:
    dataset = UrbanSound8K()
    dataset.write_example(tmp_path)
    samples = dataset.index(tmp_path)
    for seed in (0, 1, 2):
        split = make_split(dataset, samples[::-1], fold=3, seed=seed)
        assert {s.id for s in split.parts["test"]} == {s.id for s in samples if s.fold == 3}
    moved = in_part(make_split(dataset, samples, fold=3), "test")
    shutil.move(moved, tmp_path / "audio" / "fold4" / moved.name)
    with pytest.raises(DataError, match=rf"fold4/{moved.name}: no row for fold4 in UrbanSound8K\.csv"):
        dataset.index(tmp_path)


def test_the_random_split_of_gtzan_is_refused_and_stamped(tmp_path: Path) -> None:
    gtzan = Gtzan(genres=("blues", "metal"))
    gtzan.write_example(tmp_path)
    samples = gtzan.index(tmp_path)
    with pytest.raises(
        LeakError, match=r"'random' leaks: copies, excerpts of one recording and artists stand in several"
    ):
        make_split(gtzan, samples, name="random")
    split = make_split(gtzan, samples, name="random", allow_leak=True)
    assert split.leaky
    assert split.to_json()["leak"].startswith("copies")
    assert not make_split(gtzan, samples).leaky


# Copies


def test_a_copy_under_another_name_is_reported(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = split_of(clips)
    assert warned(clips, tmp_path, monkeypatch) == ""
    source, speaker = in_part(split, "test"), split.parts["train"][0].group
    shutil.copy(source, clips / f"{source.stem.split('_')[0]}_{speaker}_99.wav")
    said = warned(clips, tmp_path, monkeypatch)
    assert "1 recording stands in more than one part under different names" in said
    assert source.stem in said


def test_a_copy_with_another_label_is_reported(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = split_of(clips)
    source, speaker = in_part(split, "test"), split.parts["train"][0].group
    other = "low" if source.stem.startswith("high") else "high"
    shutil.copy(source, clips / f"{other}_{speaker}_99.wav")
    assert "1 recording stands in more than one part" in warned(clips, tmp_path, monkeypatch)


def test_a_lossless_copy_is_reported(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = split_of(clips)
    wave, rate = soundfile.read(in_part(split, "test"), dtype="int16")
    name = f"{in_part(split, 'test').stem.split('_')[0]}_{split.parts['train'][0].group}_99"
    soundfile.write(clips / f"{name}.flac", wave, rate)
    said = warned(clips, tmp_path, monkeypatch)
    assert "1 recording stands in more than one part" in said
    assert name in said


def as_ogg(path: Path, wave: NDArray[Any]) -> Path:
    soundfile.write(path.with_suffix(".ogg"), wave, RATE)
    return path.with_suffix(".ogg")


def as_mp3(path: Path, wave: NDArray[Any]) -> Path:
    soundfile.write(path.with_suffix(".mp3"), wave, RATE)
    return path.with_suffix(".mp3")


def at_half_the_rate(path: Path, wave: NDArray[Any]) -> Path:
    soundfile.write(path.with_suffix(".wav"), soxr.resample(wave, RATE, RATE // 2), RATE // 2)
    return path.with_suffix(".wav")


def at_a_fifth_of_the_level(path: Path, wave: NDArray[Any]) -> Path:
    soundfile.write(path.with_suffix(".wav"), 0.2 * wave, RATE)
    return path.with_suffix(".wav")


def with_eight_bits(path: Path, wave: NDArray[Any]) -> Path:
    soundfile.write(path.with_suffix(".wav"), wave, RATE, subtype="PCM_U8")
    return path.with_suffix(".wav")


def cut_at_both_ends(path: Path, wave: NDArray[Any]) -> Path:
    soundfile.write(path.with_suffix(".wav"), wave[RATE // 17 : -RATE // 19], RATE)
    return path.with_suffix(".wav")


@pytest.mark.parametrize(
    "stored", [as_ogg, as_mp3, at_half_the_rate, at_a_fifth_of_the_level, with_eight_bits, cut_at_both_ends]
)
def test_a_copy_stored_with_loss_is_reported(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: Callable[[Path, NDArray[Any]], Path]
) -> None:
    split = split_of(clips)
    source, speaker = in_part(split, "test"), split.parts["train"][0].group
    wave, _ = soundfile.read(source)
    copy = stored(clips / f"{source.stem.split('_')[0]}_{speaker}_99", wave)
    said = warned(clips, tmp_path, monkeypatch)
    assert "1 recording sounds like one of another part" in said
    part_of = {sample.id: part for part, samples in split_of(clips).parts.items() for sample in samples}
    assert all(f"{name} in {part_of[name]}" in said for name in (source.stem, copy.stem))
    report = audit("clips", Clips(), clips, workers=1)
    assert [set(pair.ids) for pair in report.alike] == [{source.stem, copy.stem}]
    assert report.splits["speaker"].duplicates == 1


def test_a_copy_is_found_and_nothing_else_whatever_the_features(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "like one of another part" not in warned(clips, tmp_path, monkeypatch, n_mels=4)
    split = split_of(clips)
    source, speaker = in_part(split, "test"), split.parts["train"][0].group
    wave, _ = soundfile.read(source)
    at_a_fifth_of_the_level(clips / f"{source.stem.split('_')[0]}_{speaker}_99", wave)
    said = warned(clips, tmp_path, monkeypatch, n_mels=4)
    assert said.count("1 recording sounds like one of another part") == 1


def test_an_image_stored_with_loss_is_alike_and_others_are_not() -> None:
    noise = torch.rand(30, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    images = torch.nn.functional.interpolate(noise, (32, 40), mode="bicubic").clamp(0, 1).numpy()
    file = io.BytesIO()
    pixels = (0.7 * images[4] * 255).astype(np.uint8).transpose(1, 2, 0)
    PIL.Image.fromarray(pixels).resize((60, 48)).save(file, "JPEG", quality=90)
    copy = np.asarray(PIL.Image.open(file), dtype=np.float32).transpose(2, 0, 1) / 255
    maker = Print("image")
    rows = np.stack([maker(Image(np.ascontiguousarray(pixels))) for pixels in [*images, copy]])
    samples = [Sample(id=str(number), label="a", group=str(number)) for number in range(31)]
    assert [pair.ids for pair in alike(rows, samples, "image")] in ([("4", "30")], [("30", "4")])


def test_recordings_that_are_no_copies_are_not_reported(clips: Path, tmp_path: Path) -> None:
    found = prints(Clips(), Clips().index(clips), name="clips", cache=tmp_path / "cache")
    for name in ("speaker", "random"):
        assert alike_across_parts(found.values, found.kept, split_of(clips, name, allow_leak=True), "audio") == []
    assert alike(found.values, found.kept, "audio") == []


def test_what_was_seen_of_one_split_serves_another_and_no_other_recordings(clips: Path, tmp_path: Path) -> None:
    found = prints(Clips(), Clips().index(clips), name="clips", cache=tmp_path / "cache")
    split = split_of(clips)
    values = np.array(found.values)
    test, train = split.indices(found.kept, "test"), split.indices(found.kept, "train")
    values[train[0]] = values[test[0]]
    ids = {found.kept[test[0]].id, found.kept[train[0]].id}
    before = alike_across_parts(values, found.kept, split, "audio")
    other = alike_across_parts(values, found.kept, split_of(clips, "random", allow_leak=True), "audio")
    assert [set(pair.ids) for pair in before] == [ids]
    assert [set(pair.ids) for pair in other] in ([], [ids])  # where the draw puts both into one part
    assert alike_across_parts(found.values, found.kept, split, "audio") == []
    assert alike_across_parts(values, found.kept, split, "audio") == before


def test_many_copies_in_the_own_part_hide_none_in_another_whichever_split_comes_first(
    clips: Path, tmp_path: Path
) -> None:
    found = prints(Clips(), Clips().index(clips), name="clips", cache=tmp_path / "cache")
    values = np.array(found.values)
    values[:50] = values[0]  # more than are kept between splits
    own, across = np.arange(80), np.full(80, -1)
    across[:49], across[49], across[50:] = 2, 0, 1
    for _ in range(2):
        assert len(list(_nearest(values, own, own, "audio", 10**6))) == 50
        pairs = list(_nearest(values, np.arange(49), across, "audio", 10**6))
        assert [(row, other) for row, other, _ in pairs] == [(row, 49) for row in range(49)]


def searched(monkeypatch: pytest.MonkeyPatch) -> list[Split]:
    """The splits for which copies are searched from now on, in this process as in a new one."""
    monkeypatch.setattr(runner_prepare, "_SEEN", {})
    monkeypatch.setattr(copies, "_LAST", {})
    asked: list[Split] = []

    def search(values: Any, samples: Any, split: Split, *others: Any, **more: Any) -> list[Alike]:
        asked.append(split)
        return alike_across_parts(values, samples, split, *others, **more)

    monkeypatch.setattr(copies, "alike_across_parts", search)
    return asked


def test_copies_are_searched_once_for_a_split_of_the_same_recordings(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    split = split_of(clips)
    wave, _ = soundfile.read(in_part(split, "test"))
    copy = clips / f"high_{split.parts['train'][0].group}_99"
    at_a_fifth_of_the_level(copy, wave)
    asked = searched(monkeypatch)
    said = warned(clips, tmp_path, monkeypatch)
    assert "1 recording sounds like one of another part" in said
    assert len(asked) == 1
    for n_mels in (16, 4):  # whatever the features
        assert searched(monkeypatch) == []
        assert warned(clips, tmp_path, monkeypatch, n_mels) == said
        assert searched(monkeypatch) == []
    assert [(each.kind, each.n_files) for each in kept(tmp_path / "cache") if each.kind == "copies"] == [("copies", 1)]

    path = next((tmp_path / "cache" / "copies").rglob("*.json"))
    for damage in (path.read_text().replace("0.9", "0.8"), path.read_text()[:-40], "[]"):
        path.write_text(damage)
        again = searched(monkeypatch)
        assert warned(clips, tmp_path, monkeypatch) == said
        assert len(again) == 1
    assert "is damaged; copies are searched for again" in caplog.text

    soundfile.write(copy.with_suffix(".wav"), sound(1000), RATE)
    again = searched(monkeypatch)
    assert "like one of another part" not in warned(clips, tmp_path, monkeypatch)
    assert len(again) == 1
    clear(tmp_path / "cache")
    assert not (tmp_path / "cache" / "copies").exists()


def test_the_check_for_copies_stays_within_its_bound(clips: Path, tmp_path: Path) -> None:
    found = prints(Clips(), Clips().index(clips), name="clips", cache=tmp_path / "cache")
    split = split_of(clips)
    values = np.array(found.values)
    test, train = split.indices(found.kept, "test"), split.indices(found.kept, "train")
    values[train[: len(test)]] = values[test]
    assert len(alike_across_parts(values, found.kept, split, "audio")) == len(test)
    judged = len(test) + len(split.parts["validation"])
    fewer = alike_across_parts(values, found.kept, split, "audio", max_pairs=judged * len(values) // 2)
    assert 0 < len(fewer) < len(test)


# What is fitted


@pytest.mark.parametrize("shared_axes", [(2,), (0, 1, 2)])
def test_normalisation_sees_the_training_part_alone(clips: Path, tmp_path: Path, shared_axes: Sequence[int]) -> None:
    found, split = extracted(clips, tmp_path), split_of(clips)
    as_it_is = fit_normalise(split.training(np.asarray(found.values), found.kept), shared_axes)
    nonsense = fit_normalise(split.training(poisoned(found, split), found.kept), shared_axes)
    for name, value in as_it_is.state_dict().items():
        assert torch.equal(value, nonsense.state_dict()[name])


@pytest.mark.parametrize("reducer", [Pca, Lda])
def test_a_reducer_sees_the_training_part_alone(clips: Path, tmp_path: Path, reducer: type[Reducer]) -> None:
    found, split = extracted(clips, tmp_path), split_of(clips)
    fitted = []
    for values in (np.asarray(found.values), poisoned(found, split)):
        one = reducer()
        part = training_part(split.training(values, found.kept), seed=0)
        one.fit(part, 1)
        fitted.append(one.module(part.inputs.shape[1], 1).state_dict())
    assert list(fitted[0])
    for name, value in fitted[0].items():
        assert torch.equal(value, fitted[1][name])


def test_fitting_takes_a_training_part_and_nothing_else() -> None:
    for kind in (Reducer, Head):
        first = list(inspect.signature(kind.fit).parameters.values())[1]
        assert first.annotation == "TrainingPart"
    assert not {"test", "validation"} & {field.name for field in dataclasses.fields(TrainingPart)}


def test_a_part_that_is_handed_over_holds_training_rows_only(clips: Path, tmp_path: Path) -> None:
    found, split = extracted(clips, tmp_path), split_of(clips)
    training = split.training(np.asarray(found.values), found.kept)
    rows = np.concatenate(list(training.chunks(7)))
    np.testing.assert_array_equal(rows, found.values[split.indices(found.kept, "train")])


def test_class_weights_and_the_best_epoch_do_not_know_the_test_part(clips: Path, tmp_path: Path) -> None:
    given = inspect.signature(fit).parameters
    assert {"training", "validation"} <= set(given)
    assert not any("test" in name for name in given)
    found, split = extracted(clips, tmp_path), split_of(clips)
    labels = split.labels(found.kept)
    histories = []
    for changed in (False, True):
        values, its_labels = np.array(found.values), labels.copy()
        if changed:
            test = split.indices(found.kept, "test")
            values[test], its_labels[test] = 1e6, 0  # other inputs, and all of one class
        parts = {
            part: (torch.from_numpy(values[rows]).flatten(1), torch.from_numpy(its_labels[rows]))
            for part in ("train", "validation")
            for rows in [split.indices(found.kept, cast(Any, part))]
        }
        torch.manual_seed(0)
        model = nn.Sequential(nn.BatchNorm1d(parts["train"][0].shape[1]), nn.LazyLinear(2))
        model(parts["train"][0])
        options = TrainingOptions(epochs=3, class_weights=True)
        done = fit(model, parts["train"], parts["validation"], n_classes=2, options=options, seed=0,
                   checkpoints=tmp_path / f"checkpoints-{changed}", device="cpu")  # fmt: skip
        histories.append([{name: value for name, value in row.items() if name != "seconds"} for row in done.history])
    assert histories[0] == histories[1]


def test_a_reducer_of_another_fold_is_never_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "cache"))
    layer = {"dataset": {"name": "chirps", "n_samples": 100, "n_recordings": 10}, "split": "recording",
             "features": {"name": "mel", "n_mels": 8}, "backbone": {"name": "identity"},
             "reducer": {"name": "pca", "n_outputs": 2}, "head": {"name": "linear"},
             "training": {"epochs": 1}}  # fmt: skip

    def weights(folds: Iterable[int], out: str) -> list[Mapping[str, torch.Tensor]]:
        place = without_figures()
        runs = [run_once([{"fold": fold}, layer], tmp_path / out, Silent(), workplace=place)["run"] for fold in folds]
        return [load_file(Path(run) / "model.safetensors") for run in runs]

    (alone,) = weights([2], out="alone")
    other, after_another = weights([1, 2], out="both")
    assert all(torch.equal(alone[name], after_another[name]) for name in alone)
    assert any(not torch.equal(alone[name], other[name]) for name in alone if alone[name].shape == other[name].shape)


# Caches


def test_features_with_other_parameters_are_other_features(clips: Path, tmp_path: Path) -> None:
    one, other = extracted(clips, tmp_path), extracted(clips, tmp_path, Mel(duration=0.5, n_mels=16, f_min=200.0))
    assert one.identity != other.identity
    assert not np.array_equal(one.values, other.values)
    again = extracted(clips, tmp_path)
    assert again.identity == one.identity
    np.testing.assert_array_equal(again.values, one.values)


def test_a_file_that_changed_is_extracted_anew(clips: Path, tmp_path: Path) -> None:
    before = np.array(extracted(clips, tmp_path).values[0])
    first = sorted(clips.iterdir())[0]
    soundfile.write(first, sound(999), RATE, subtype="PCM_16")
    assert not np.array_equal(before, extracted(clips, tmp_path).values[0])


def test_embeddings_of_another_split_are_not_taken_from_the_cache(clips: Path, tmp_path: Path) -> None:
    found = extracted(clips, tmp_path)
    made = []
    for fold in (1, 2, 1):
        training = split_of(clips, fold=fold).training(found.values, found.kept)
        front = Front(fit_normalise(training, (2,)), nn.Flatten())
        made.append(embeddings(front, found, identity={"backbone": "flat"}, cache=tmp_path / "cache"))
    assert not np.array_equal(made[0], made[1])
    np.testing.assert_array_equal(made[0], made[2])
    assert len(list((tmp_path / "cache" / "embeddings").iterdir())) == 2


# What an input tells beside its sound


def test_a_label_in_tags_never_reaches_a_feature(tmp_path: Path) -> None:
    plain, tagged = tmp_path / "plain.wav", tmp_path / "tagged.wav"
    wave = sound(1)
    soundfile.write(plain, wave, RATE, subtype="PCM_16")
    with soundfile.SoundFile(tagged, "w", RATE, 1, subtype="PCM_16") as file:
        file.title, file.comment, file.genre = "low", "label: low", "low"
        file.write(wave)
    assert plain.read_bytes() != tagged.read_bytes()
    mel = Mel(duration=0.5)
    np.testing.assert_array_equal(mel(read_audio(plain)), mel(read_audio(tagged)))
    assert [field.name for field in dataclasses.fields(Audio)] == ["waveform", "rate"]


@pytest.mark.parametrize("name", ["speaker", "random"])
def test_a_label_in_the_order_of_files_decides_nothing(clips: Path, name: str) -> None:
    samples = sorted(Clips().index(clips), key=lambda sample: sample.label)  # all of one class, then all of the other
    one = make_split(Clips(), samples, name=name, allow_leak=True)
    other = make_split(Clips(), samples[::-1], name=name, allow_leak=True)
    assert one.hashes == other.hashes
    for part in PARTS:
        assert {sample.label for sample in one.parts[part]} == {"high", "low"}


def test_a_feature_depends_on_its_own_signal_alone(clips: Path, tmp_path: Path) -> None:
    whole = extracted(clips, tmp_path)
    loudest = clips / "high_s9_0.wav"
    soundfile.write(loudest, np.sign(sound(5)), RATE)  # a new greatest value in the data set
    with_it = extracted(clips, tmp_path / "other")
    rows = [i for i, sample in enumerate(with_it.kept) if sample.id != "high_s9_0"]
    np.testing.assert_array_equal(whole.values, with_it.values[rows])


def test_a_test_sample_is_judged_alike_alone_and_among_others() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    model.train()
    model(torch.randn(32, 6))
    inputs = torch.randn(9, 6)
    together = predict_logits(model, inputs)
    alone = torch.cat([predict_logits(model, row[None]) for row in inputs])
    torch.testing.assert_close(together, alone)


# Augmentation


def test_nothing_is_varied_before_the_split(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "cache"))
    layer: dict[str, Any] = {"dataset": {"name": "chirps", "n_samples": 100}, "head": {"name": "linear"}}
    plain, varied = (resolve([{**layer, "augmentation": its}]) for its in ({}, {"noise": 0.5, "time_mask": 0.3}))
    one, other = (
        prepare(examine(config, Workplace.from_environment(), Silent()), Silent()) for config in (plain, varied)
    )
    assert one.features.identity == other.features.identity
    assert one.split.hashes == other.split.hashes
    np.testing.assert_array_equal(one.features.values, other.features.values)
    assert to_layer(plain)["features"] == to_layer(varied)["features"]


def test_validation_and_test_are_never_varied() -> None:
    strong = Augment(AugmentationOptions(noise=10, gain=10, time_mask=0.9, frequency_mask=0.9, shift=0.9))
    torch.manual_seed(0)
    front = Front(nn.Identity(), nn.Flatten())
    front.augment = strong
    inputs = torch.randn(20, 1, 8, 8)
    front.train()
    assert not torch.equal(front(inputs), inputs.flatten(1))
    assert torch.equal(predict_logits(front, inputs), inputs.flatten(1))  # what judges every part


def test_cached_embeddings_are_never_varied() -> None:
    config = resolve([{"dataset": {"name": "chirps"}, "backbone": {"name": "identity"}, "head": {"name": "linear"},
                       "augmentation": {"noise": 0.1}}])  # fmt: skip
    with pytest.raises(
        NotSupported, match=r"augmentation \(noise\) varies .* frozen: its embeddings are computed once"
    ):
        assemble(config)
    plain = assemble(dataclasses.replace(config, augmentation=AugmentationOptions()))
    front = Front(nn.Identity(), build_backbone(plain.backbone, plain.features.shape, seed=0))
    assert not any(isinstance(module, Augment) for module in front.modules())


# The page


def test_the_page_names_every_test_and_no_other() -> None:
    page = PAGE.read_text(encoding="utf-8")
    source = Path(__file__).read_text(encoding="utf-8")
    tests = {line.split("(")[0].removeprefix("def ") for line in source.splitlines() if line.startswith("def test_")}
    tests -= {"test_the_page_names_every_test_and_no_other"}
    named = {word.strip("`") for line in page.splitlines() for word in line.split() if word.startswith("`test_")}
    assert named == tests
    assert sum(line.startswith("| ") and line[2].isdigit() for line in page.splitlines()) >= 20
