"""Prediction sees exactly what training saw: every feature extractor, every format, every orientation, every depth."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import soundfile

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Audio, FeatureExtractor, Modality, Sample
from qplug.contract.interfaces.dataset import checked_signal
from qplug.lab.data.extraction import extract_chunk
from qplug.lab.runner.loaded import features_of, load_run, usable_features
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runner.workplace import Workplace
from qplug.signals import read_image, read_signal
from qplug_audio.efficientat_mel import EfficientAtMel
from qplug_audio.mel import Mel
from qplug_audio.mfcc import Mfcc
from qplug_audio.raw import Raw
from qplug_folder.folder import Folder
from qplug_hf.features import HfFeatures

RATE = 16_000


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings of a tiny Hugging Face model for each modality."""
    transformers = pytest.importorskip("transformers")
    from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil

    homes = {"audio": tmp_path_factory.mktemp("hubert"), "image": tmp_path_factory.mktemp("convnext")}
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(homes["audio"])
    ConvNextImageProcessorPil(size={"shortest_edge": 32}).save_pretrained(homes["image"])
    transformers.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2).save_pretrained(homes["image"])
    transformers.HubertConfig().save_pretrained(homes["audio"])
    return {modality: str(home) for modality, home in homes.items()}


def extractors(models: dict[str, str]) -> Iterator[FeatureExtractor]:
    """Each that is installed with qplug, for each modality that it takes."""
    for entry in entry_points(group="qplug.features"):
        if not entry.value.startswith("qplug_"):
            continue
        if entry.name == "hf-features":
            for modality, model in models.items():
                yield entry.load()(model=model, modality=modality, duration=0.5)
        else:
            yield entry.load()()


def write_images(folder: Path) -> None:
    """Noise in every format, depth and orientation, none of it square."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
    colour, grey = PIL.Image.fromarray(noise), PIL.Image.fromarray(noise[..., 0])
    for suffix in ("png", "jpg", "bmp", "gif", "tif", "webp", "ppm"):
        colour.save(folder / f"colour.{suffix}")
        grey.save(folder / f"grey.{suffix}")
    for orientation in range(1, 9):
        exif = PIL.Image.Exif()
        exif[0x0112] = orientation
        for suffix in ("jpg", "png", "webp", "tif"):
            colour.save(folder / f"turned{orientation}.{suffix}", exif=exif)
    for mode in ("1", "LA", "P", "RGBA"):
        colour.convert(mode).save(folder / f"mode{mode}.png")
    colour.convert("CMYK").save(folder / "cmyk.jpg")
    deep = noise[..., 0].astype(np.uint16) * 257
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    grey.save(folder / "greyturned.tif", exif=exif)
    for suffix in ("png", "tif"):
        PIL.Image.fromarray(deep).save(folder / f"deep.{suffix}")
        PIL.Image.fromarray(deep).save(folder / f"deepturned.{suffix}", exif=exif)
    PIL.Image.fromarray((deep / 65_535).astype(np.float32)).save(folder / "float.tif")
    PIL.Image.fromarray((noise[..., 0].astype(np.int64) * (2**31 // 256)).astype(np.int32)).save(folder / "int32.tif")


def write_sounds(folder: Path) -> None:
    """Noise in every format and depth, mono and stereo, at several rates."""
    noise = np.random.default_rng(0)
    kinds = [
        ("wav", "WAV", ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM")),
        ("wav", "WAVEX", ("PCM_16",)),
        ("wav", "RF64", ("PCM_16",)),
        ("w64", "W64", ("PCM_16",)),
        ("aiff", "AIFF", ("PCM_16", "FLOAT")),
        ("flac", "FLAC", ("PCM_16", "PCM_24")),
        ("ogg", "OGG", ("VORBIS", "OPUS")),
        ("mp3", "MP3", ("MPEG_LAYER_III",)),
        ("au", "AU", ("PCM_16", "ULAW")),
        ("caf", "CAF", ("PCM_16", "ALAC_16")),
    ]
    for suffix, format, subtypes in kinds:
        for subtype in subtypes:
            for channels, rate in ((1, 16_000), (2, 48_000)):
                path = folder / f"{format}-{subtype}-{channels}.{suffix}"
                wave = 0.3 * noise.standard_normal((rate // 2, channels)).clip(-3, 3)
                soundfile.write(path, wave, rate, subtype=subtype, format=format)


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of files for each modality, and among them what must be refused: half of each, text, a pointer."""
    homes = {}
    for modality, write, suffix in (("audio", write_sounds, "wav"), ("image", write_images, "png")):
        home = homes[modality] = tmp_path_factory.mktemp(modality) / "some"
        home.mkdir()
        write(home)
        for path in sorted(home.iterdir()):
            (home / f"cut-{path.name}").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        (home / f"bad-text.{suffix}").write_text("no signal")
        (home / f"bad-empty.{suffix}").touch()
        (home / f"bad-pointer.{suffix}").write_text("version https://git-lfs.github.com/spec/v1\n")
    soundfile.write(homes["audio"] / "bad-nan.wav", np.full(800, np.nan), RATE, subtype="FLOAT")
    soundfile.write(homes["audio"] / "bad-loud.wav", np.full(800, 1e30), RATE, subtype="FLOAT")
    PIL.Image.fromarray(np.full((9, 9), 200, np.float32)).save(homes["image"] / "bad-range.tif")
    return homes


def test_every_extractor_gets_the_same_of_every_file(models: dict[str, str], homes: dict[str, Path]) -> None:
    names = set()
    for extractor in extractors(models):
        modality = extractor.capabilities.modality
        names.add((type(extractor).__name__, modality))
        files = sorted(homes[modality].iterdir())
        samples = [Sample(path.name, "some", path.name, path) for path in files]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # transformers' own about short signals
            chunk = extract_chunk(Folder(modality=modality), extractor, samples)
            good = [file for file, reason in zip(files, chunk.reasons, strict=True) if reason is None]
            seen = features_of(extractor, good)
        assert {file.name for file in files if file.name.startswith(("cut-", "bad-"))} == {
            file.name for file, reason in zip(files, chunk.reasons, strict=True) if reason is not None
        }
        np.testing.assert_array_equal(seen.numpy(), chunk.values, err_msg=repr(extractor))
        refused = [(file, reason) for file, reason in zip(files, chunk.reasons, strict=True) if reason is not None]
        with pytest.raises(DataError, match=rf"^{len(refused)} of {len(files)} files cannot be used\.") as caught:
            features_of(extractor, files)
        for file, reason in refused:
            assert f"{file}: {reason}." in str(caught.value)
        assert "--on-bad-file" not in str(caught.value)
    assert {("HfFeatures", "audio"), ("HfFeatures", "image"), ("Mel", "audio"), ("Pixels", "image")} <= names


def test_what_is_decoded_of_a_long_recording_gives_the_numbers_of_the_whole(
    tmp_path: Path, models: dict[str, str]
) -> None:
    noise = np.random.default_rng(0)
    read: list[float] = []
    for rate, subtype in ((8000, "PCM_16"), (16_000, "IMA_ADPCM"), (44_100, "PCM_24"), (16_000, "FLOAT")):
        path = tmp_path / f"{rate}-{subtype}.wav"
        soundfile.write(path, 0.1 * noise.standard_normal((rate * 9 + 1, 1)), rate, subtype=subtype)
        sample = Sample("a", "a", "a", path)
        for crop in ("start", "center", "loudest"):
            own = [kind(crop=crop, duration=1.0) for kind in (Raw, Mel, Mfcc, EfficientAtMel)]
            for extractor in (*own, HfFeatures(model=models["audio"], duration=1.0)):
                whole = Folder().load(sample)
                part = Folder().read(sample, extractor.excerpt)
                assert isinstance(whole, Audio)
                assert isinstance(part, Audio)
                read.append(part.waveform.shape[1] / rate)
                np.testing.assert_array_equal(extractor(part), extractor(whole), err_msg=f"{path.name} {extractor}")
    assert sorted({round(seconds) for seconds in read}) == [1, 2, 9]


def test_every_orientation_gives_the_picture_upright(homes: dict[str, Path]) -> None:

    home = homes["image"]
    stored = np.asarray(PIL.Image.open(home / "colour.png"), np.float32) / 255
    turns = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
             5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, -1),
             7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1], 8: lambda a: np.rot90(a)}  # fmt: skip
    for orientation, turned in turns.items():
        for suffix in ("png", "tif"):
            pixels = read_image(home / f"turned{orientation}.{suffix}").pixels.transpose(1, 2, 0)
            np.testing.assert_array_equal(pixels, turned(stored), err_msg=f"{orientation} {suffix}")
    grey = np.rot90(stored[..., 0], -1)
    np.testing.assert_array_equal(read_image(home / "greyturned.tif").pixels[0], grey)
    deep = read_image(home / "deep.png").pixels
    for name in ("deepturned.png", "deepturned.tif"):
        np.testing.assert_array_equal(read_image(home / name).pixels[0], np.rot90(deep[0], -1), err_msg=name)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes of photographs in all formats and orientations."""
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "cache"))
    for label in ("one", "two"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        write_images(tmp_path / "pictures" / label)
    return tmp_path / "pictures"


@pytest.mark.parametrize("features", ["hf-features", "pixels"])
def test_a_run_predicts_on_its_test_part_what_it_wrote_down(
    pictures: Path, models: dict[str, str], features: str
) -> None:
    chosen: dict[str, Any] = {"name": features}
    if features == "hf-features":
        chosen |= {"model": models["image"], "modality": "image"}
    config = {
        "dataset": {"name": "folder", "modality": "image"},
        "data_dir": pictures,
        "features": chosen,
        "backbone": {"name": "identity"},
        "reducer": {"name": "pca", "n_outputs": 2},
        "head": {"name": "linear"},
        "training": {"epochs": 1},
    }
    place = replace(Workplace.from_environment(), figures=False)
    summary = run_once([config], pictures.parent, Silent(), workplace=place)
    with (Path(summary["run"]) / "predictions.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "test"]
    answers = load_run(summary["run"]).predict([pictures / row["id"] for row in rows])
    assert len(rows) > 5
    for row, answer in zip(rows, answers, strict=True):
        assert answer["label"] == row["predicted"]
        for name, share in answer["probabilities"].items():
            assert share == pytest.approx(float(row[f"p_{name}"]), abs=2e-6), row["id"]


def test_files_with_changed_bytes_are_read_or_refused_and_nothing_else(homes: dict[str, Path], tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    reasons = []
    modalities: tuple[Modality, ...] = ("audio", "image")
    for modality in modalities:
        for path in sorted(homes[modality].glob("[!cb]*")) * 3:
            content = bytearray(path.read_bytes())
            for place in generator.integers(0, min(len(content), 400), 4):
                content[place] = generator.integers(0, 256)
            (tmp_path / path.name).write_bytes(content)
            try:
                checked_signal(read_signal(tmp_path / path.name, modality), modality, where=path.name)
            except DataError as error:
                reasons.append(error.reason)
    assert len(reasons) > 20
    assert all(reasons)


def test_one_bad_file_refuses_all_or_is_left_out(homes: dict[str, Path]) -> None:
    from qplug_image.pixels import Pixels

    bad = homes["image"] / "bad-range.tif"
    good = next(file for file in sorted(homes["image"].iterdir()) if not file.name.startswith(("bad-", "cut-")))
    told: list[str] = []
    ((file, features),) = usable_features(Pixels(), [bad, good], skipped=told.append, advice=" Skip it.")
    assert file == good
    assert tuple(features.shape) == Pixels().shape
    assert [text.startswith(f"left out: {bad}: ") for text in told] == [True]
    with pytest.raises(DataError, match=r"^1 of 2 files cannot be used\. .*bad-range\.tif.* Skip it\.$"):
        usable_features(Pixels(), [bad, good], advice=" Skip it.")
    with pytest.raises(DataError, match=r"^1 of 1 files cannot be used\. .*bad-range\.tif"):
        usable_features(Pixels(), [bad], skipped=told.append)
