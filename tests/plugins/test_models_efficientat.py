"""EfficientAT: the network, its published weights, and what it hears."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from qplug.contract.errors import DataError, NotSupported
from qplug.signals import read_audio
from qplug.testing.components import check_backbone
from qplug_audio.efficientat_mel import EfficientAtMel
from qplug_audio.urbansound8k import UrbanSound8K
from qplug_models.efficientat import EfficientAt
from qplug_models.mobilenet_audio import AudioTagger, scaled
from qplug_models.pretrained import load_strictly, read_state_dict

SHAPE = (1, 128, 40)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Made-up weights in the published layout, width 0.4; batch norm has seen something."""
    torch.manual_seed(3)
    network = AudioTagger(0.4).train()
    network(torch.randn(4, 1, 128, 64))
    torch.save(network.state_dict(), tmp_path / "mn04.pt")
    return tmp_path / "mn04.pt"


def test_mn04_has_as_many_parameters_as_the_published_file() -> None:
    assert sum(p.numel() for p in AudioTagger(0.4).parameters()) == 983_599


@pytest.mark.parametrize(("width", "millions"), [(0.5, 1.43), (1.0, 4.88), (2.0, 17.91)])
def test_other_widths_have_the_published_size(width: float, millions: float) -> None:
    assert round(sum(p.numel() for p in AudioTagger(width).parameters()) / 1e6, 2) == millions


@pytest.mark.parametrize(("width", "n_features"), [(0.4, 384), (1.0, 960)])
def test_the_embedding_is_as_wide_as_the_last_feature_map(width: float, n_features: int) -> None:
    assert AudioTagger(width).eval()(torch.randn(1, *SHAPE)).shape == (1, 527)
    assert EfficientAt(width=width, frozen=False).build(SHAPE).eval()(torch.randn(2, *SHAPE)).shape == (2, n_features)


@pytest.mark.parametrize(("channels", "width", "rounded"), [(16, 0.4, 8), (72, 0.4, 32), (64, 0.4, 24), (40, 1, 40)])
def test_channel_counts_are_multiples_of_eight_and_never_lose_a_tenth(
    channels: int, width: float, rounded: int
) -> None:
    assert scaled(channels, width) == rounded


def test_keeps_the_contract(saved: Path) -> None:
    check_backbone(EfficientAt(width=0.2, frozen=False), SHAPE)
    check_backbone(EfficientAt(weights=str(saved)), SHAPE)
    check_backbone(EfficientAt(weights=str(saved), trainable_blocks=3), SHAPE)


def test_the_embedding_is_the_mean_of_the_last_feature_map(saved: Path) -> None:
    network = AudioTagger(0.4)
    network.load_state_dict(read_state_dict(saved))
    spectrograms = torch.randn(3, *SHAPE)
    with torch.no_grad():
        expected = network.eval().features(spectrograms).mean((2, 3))
        embeddings = EfficientAt(weights=str(saved)).module(SHAPE).eval()(spectrograms)
    assert torch.equal(embeddings, expected)


@pytest.mark.parametrize(("trainable_blocks", "first"), [(1, "16"), (3, "14")])
def test_partly_frozen_means_the_last_blocks_learn(saved: Path, trainable_blocks: int, first: str) -> None:
    backbone = EfficientAt(weights=str(saved), trainable_blocks=trainable_blocks)
    assert not backbone.frozen
    learning = {name.split(".")[2] for name, p in backbone.build(SHAPE).named_parameters() if p.requires_grad}
    assert min(learning, key=int) == first
    assert len(learning) == trainable_blocks


def test_with_weights_all_is_frozen_and_without_frozen_all_learns(saved: Path) -> None:
    assert EfficientAt(weights=str(saved)).frozen
    assert not any(p.requires_grad for p in EfficientAt(weights=str(saved)).build(SHAPE).parameters())
    assert all(p.requires_grad for p in EfficientAt(weights=str(saved), frozen=False).build(SHAPE).parameters())


def test_frozen_without_weights_is_refused() -> None:
    with pytest.raises(NotSupported, match=r"has learnt nothing.*backbone\.weights=.*backbone\.frozen=false"):
        EfficientAt().build(SHAPE)


@pytest.mark.parametrize("shape", [(1, 64, 40), (3, 128, 40)])
def test_features_that_do_not_fit_are_refused_with_those_that_do(saved: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(NotSupported, match=rf"\(1, 128, frames\).*{shape[0]}, {shape[1]}.*--features efficientat-mel"):
        EfficientAt(weights=str(saved)).module(shape)


def test_weights_of_another_width_are_refused_by_the_first_key(saved: Path) -> None:
    with pytest.raises(
        DataError, match=r"mn04\.pt are for another network: 'features\.0\.0\.weight' has the shape \(8, 1, 3, 3\)"
    ):
        EfficientAt(width=1, weights=str(saved)).module(SHAPE)


def test_a_wrong_checksum_is_refused(saved: Path) -> None:
    with pytest.raises(DataError, match="not " + "a" * 64):
        EfficientAt(weights=str(saved), sha256="a" * 64).module(SHAPE)


@pytest.mark.real_data
def test_the_published_network_names_real_sounds(real_folder: Callable[[str], Path]) -> None:
    folder = real_folder("weights")
    network = AudioTagger(0.4).eval()
    load_strictly(network, read_state_dict(folder / "mn04_as_mAP_432.pt"), where="mn04")
    with (folder / "audioset_class_labels_indices.csv").open(encoding="utf-8") as file:
        names = [row["display_name"] for row in csv.DictReader(file)]
    extractor, dataset = EfficientAtMel(), UrbanSound8K(metadata="UrbanSound8K_subset.csv")
    samples = [sample for sample in dataset.index(real_folder("urbansound8k")) if sample.label == "dog_bark"][:10]
    barks = [dataset.read(sample) for sample in samples]
    birds = real_folder("birds")
    owls, rooks = ([read_audio(path) for path in sorted((birds / kind).glob("*.wav"))] for kind in ("Barnowl", "Rook"))
    for recordings, sound in ((barks, {"Dog", "Bark"}), (owls, {"Owl"}), (rooks, {"Crow", "Caw"})):
        features = torch.stack([torch.from_numpy(extractor(recording)) for recording in recordings])
        with torch.no_grad():
            best = network(features).topk(3).indices
        heard = [bool(sound & {names[index] for index in row}) for row in best.tolist()]
        assert sum(heard) >= 0.6 * len(heard), f"{sound}: {heard}"
