"""Training inputs are varied at random; what is judged never is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qplug.contract.errors import NotSupported, ParameterError, UnknownName
from qplug.lab.config.augmentation import AugmentationOptions
from qplug.lab.config.layers import checked, from_assignments
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import to_layer
from qplug.lab.pipeline.augment import Augment, masked, refuse_augmentation, shifted
from qplug.lab.pipeline.classifier import Classifier, Front, build_backbone, build_classifier
from qplug.lab.pipeline.components import assemble
from qplug.lab.pipeline.describe import describe
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once

from .places import without_figures

EVERYTHING = AugmentationOptions(time_mask=0.4, frequency_mask=0.4, masks=2, shift=0.3, gain=0.5, noise=0.1)
FEATURE = (1, 12, 20)
SMALL = ["backbone.channels=2,2,4", "backbone.n_features=4", "training.epochs=2"]


def drawn(seed: int, n: int = 64) -> Tensor:
    return torch.randn(n, *FEATURE, generator=torch.Generator().manual_seed(seed))


def augmented(module: nn.Module, features: Tensor, seed: int) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        varied: Tensor = module(features)
        return varied


def layers(*assignments: str, **options: Any) -> list[dict[str, Any]]:
    base = {"dataset": {"name": "chirps"}, "head": {"name": "linear"}, "features": {"name": "mel"}}
    return [from_assignments([*assignments, *SMALL]), {**base, **options}]


def untrained(*assignments: str) -> Classifier:
    config = resolve(layers(*assignments))
    parts = assemble(config)
    front = Front(nn.Identity(), build_backbone(parts.backbone, parts.features.shape, seed=0))
    return build_classifier(parts, front, parts.features.shape, n_classes=len(parts.dataset.classes), seed=0)


def test_in_evaluation_mode_the_very_same_tensor_comes_back() -> None:
    features = drawn(0)
    assert Augment(EVERYTHING).eval()(features) is features


@pytest.mark.parametrize("option", EVERYTHING.active)
def test_each_option_alone_varies_training_inputs_and_keeps_their_shape(option: str) -> None:
    features = drawn(0)
    module = Augment(AugmentationOptions.model_validate({option: 0.5})).train()
    varied = augmented(module, features, seed=1)
    assert varied.shape == features.shape
    assert not torch.equal(varied, features)
    assert module.eval()(features) is features


def test_the_same_seed_varies_alike_and_another_one_otherwise() -> None:
    module, features = Augment(EVERYTHING).train(), drawn(0)
    assert torch.equal(augmented(module, features, seed=3), augmented(module, features, seed=3))
    assert not torch.equal(augmented(module, features, seed=3), augmented(module, features, seed=4))


def test_nothing_is_varied_by_default() -> None:
    features = drawn(0)
    assert AugmentationOptions().active == ()
    assert torch.equal(Augment(AugmentationOptions()).train()(features), features)


@pytest.mark.parametrize(("axis", "greatest"), [(-1, 8), (-2, 4)])
def test_a_mask_hides_one_stretch_of_at_most_its_share(axis: int, greatest: int) -> None:
    features = torch.ones(4000, *FEATURE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        hidden = masked(features, 0.4, axis=axis) == 0
    along = hidden.movedim(axis, -1).flatten(1, -2)
    assert bool((along == along[:, :1]).all())  # whole frames, or whole bands
    line = along[:, 0].int()
    widths = line.sum(dim=1)
    assert set(widths.tolist()) == set(range(greatest + 1))
    edges = line.diff(dim=1).abs().sum(dim=1) + line[:, 0] + line[:, -1]
    assert bool(((edges == 2) | (widths == 0)).all())
    shares = torch.bincount(widths).double() / len(widths)
    assert float((shares - 1 / (greatest + 1)).abs().max()) < 0.03
    assert bool((line.sum(dim=0) > 0).all())  # every position is reached


def test_a_shift_moves_each_sample_and_leaves_nothing_of_the_other_end() -> None:
    ramp = torch.arange(1.0, 21.0).expand(2000, *FEATURE).contiguous()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        moved = shifted(ramp, 0.25)
    row = moved[:, 0, 0]
    by = torch.where(row[:, 0] == 0, (row == 0).sum(dim=1), 1 - row[:, 0].long())
    assert set(by.tolist()) == set(range(-5, 6))
    for offset in range(-5, 6):
        expected = torch.zeros(20)
        expected[max(offset, 0) : 20 + min(offset, 0)] = ramp[0, 0, 0, max(-offset, 0) : 20 - max(offset, 0)]
        assert torch.equal(row[by == offset][0], expected)


def test_gain_adds_one_number_per_sample_and_noise_has_its_deviation() -> None:
    features = torch.zeros(2000, *FEATURE)
    louder = augmented(Augment(AugmentationOptions(gain=0.5)).train(), features, seed=0).flatten(1)
    assert bool((louder == louder[:, :1]).all())
    assert 0.49 < float(louder.max()) <= 0.5
    assert -0.5 <= float(louder.min()) < -0.49
    noisy = augmented(Augment(AugmentationOptions(noise=0.2)).train(), features, seed=0)
    assert float(noisy.std()) == pytest.approx(0.2, abs=0.002)


def test_gradients_pass_through() -> None:
    features = drawn(0).requires_grad_()
    augmented(Augment(EVERYTHING).train(), features, seed=0).sum().backward()
    assert features.grad is not None
    assert float(features.grad.abs().sum()) > 0


def test_a_classifier_varies_its_inputs_in_training_alone_and_stores_nothing_of_it() -> None:
    plain, varying = untrained(), untrained("augmentation.noise=0.5")
    assert list(plain.state_dict()) == list(varying.state_dict())
    features = torch.randn(4, *assemble(resolve(layers())).features.shape)
    assert torch.equal(plain.eval()(features), varying.eval()(features))
    varying.front.backbone.eval()
    varying.front.augment.train()
    assert not torch.equal(augmented(varying, features, seed=0), plain(features))


def test_a_frozen_backbone_is_refused_with_the_cure() -> None:
    with pytest.raises(NotSupported, match=r"\(time_mask, noise\) varies .*augmentation\.time_mask=0 --set augm"):
        assemble(resolve(layers("backbone.frozen=true", "augmentation.time_mask=0.1", "augmentation.noise=0.1")))


@pytest.mark.parametrize("option", ["time_mask", "frequency_mask", "gain"])
def test_what_makes_no_sense_for_images_is_refused(option: str) -> None:
    given = [from_assignments([f"augmentation.{option}=0.1"]), {"dataset": {"name": "digits"}}]
    with pytest.raises(NotSupported, match=rf"augmentation\.{option} is for recordings.*shift, noise"):
        assemble(resolve(given))


def test_bands_are_needed_to_hide_them() -> None:
    with pytest.raises(NotSupported, match=r"features have the shape \(1, 16000\) and no axis of bands"):
        refuse_augmentation(AugmentationOptions(frequency_mask=0.1), "audio", (1, 16_000), frozen=False)
    refuse_augmentation(AugmentationOptions(time_mask=0.1), "audio", (1, 16_000), frozen=False)


@pytest.mark.parametrize(
    ("assignment", "error", "said"),
    [
        ("augmentation.time_mask=1.0", ParameterError, "time_mask"),
        ("augmentation.gain=-1", ParameterError, "gain"),
        ("augmentation.time_masc=0.1", UnknownName, "'time_masc'. Did you mean 'time_mask'"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(assignment: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        resolve(layers(assignment))


def test_the_table_survives_run_toml() -> None:
    config = resolve(layers("augmentation.time_mask=0.1", "augmentation.masks=2"))
    assert resolve([checked(to_layer(config), where="run.toml")]) == config
    assert config.augmentation == AugmentationOptions(time_mask=0.1, masks=2)


def test_a_plan_says_what_is_varied() -> None:
    config = resolve(layers("augmentation.shift=0.1"))
    (backbone,) = [step for step in describe(config, assemble(config)).steps if step.kind == "backbone"]
    assert backbone.note == "training inputs varied: shift 0.1"


def test_a_run_repeats_itself_and_differs_from_a_plain_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "cache"))
    given: Sequence[Any] = layers("augmentation.time_mask=0.3", "augmentation.noise=0.3", "dataset.n_samples=100")
    first, again = (run_once(given, tmp_path / "runs", Silent(), workplace=without_figures()) for _ in range(2))
    plain = run_once(layers("dataset.n_samples=100"), tmp_path / "runs", Silent(), workplace=without_figures())
    assert first["validation"] == again["validation"]
    assert first["validation"]["cross_entropy"] != plain["validation"]["cross_entropy"]
