"""The autoencoder as a reducer."""

import pytest
import torch

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import TrainingPart
from qplug.testing.components import training_part
from qplug_models.autoencoder import Autoencoder


def curve(seed: int = 0) -> TrainingPart:
    """300 points of a curve in six dimensions: one number tells where on it they are."""
    generator = torch.Generator().manual_seed(seed)
    where = torch.rand(300, 1, generator=generator) * 2 - 1
    inputs = torch.cat([where, where**2, where**3, torch.sin(3 * where), torch.cos(2 * where), -where], 1) * 5 + 2
    return TrainingPart(inputs, torch.zeros(300, dtype=torch.int64), 2, seed)


def test_one_number_restores_a_curve_better_than_a_straight_line_can() -> None:
    training = curve()
    reducer = Autoencoder(epochs=150)
    reducer.fit(training, 1)
    explained = float(reducer.module(6, 1).explained_variance_ratio)
    standardised = (training.inputs - training.inputs.mean(0)) / training.inputs.std(0)
    line = torch.linalg.svdvals(standardised).square()
    assert explained > 0.9
    assert float(line[0] / line.sum()) < 0.65


def test_outputs_have_unit_variance_on_the_training_part() -> None:
    training = training_part(10, 3)
    reducer = Autoencoder(epochs=5)
    reducer.fit(training, 4)
    outputs = reducer.module(10, 4)(training.inputs)
    torch.testing.assert_close(outputs.std(0), torch.ones(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(outputs.mean(0), torch.zeros(4), atol=1e-4, rtol=0)


def test_only_the_training_parts_seed_decides_and_torchs_generator_is_left_alone() -> None:
    outputs = []
    for state in (1, 2):
        torch.manual_seed(state)
        reducer = Autoencoder(epochs=2)
        reducer.fit(training_part(5, 2), 2)
        outputs.append(reducer.module(5, 2)(torch.ones(1, 5)))
        after = torch.rand(1)
        torch.manual_seed(state)
        Autoencoder(epochs=2).module(5, 2)  # what building draws
        assert torch.equal(after, torch.rand(1))
    assert torch.equal(*outputs)
    other = Autoencoder(epochs=2)
    other.fit(training_part(5, 2, seed=1), 2)
    assert not torch.equal(other.module(5, 2)(torch.ones(1, 5)), outputs[0])


@pytest.mark.parametrize("trainable", [False, True])
def test_is_frozen_unless_asked(trainable: bool) -> None:
    reducer = Autoencoder(epochs=1, trainable=trainable)
    reducer.fit(training_part(5, 2), 2)
    assert {p.requires_grad for p in reducer.module(5, 2).parameters()} == {trainable}


def test_unfitted_it_gives_nothing() -> None:
    assert Autoencoder().module(5, 2)(torch.ones(3, 5)).isnan().all()


def test_a_feature_without_spread_does_no_harm() -> None:
    training = training_part(5, 2)
    training.inputs[:, 1] = 3.0
    reducer = Autoencoder(epochs=3)
    reducer.fit(training, 2)
    assert reducer.module(5, 2)(training.inputs).isfinite().all()


def test_too_few_samples_and_other_sizes_are_refused() -> None:
    with pytest.raises(NotSupported, match="at least 2 training samples; there are 1"):
        Autoencoder().fit(training_part(5, 2, n_samples=1), 2)
    reducer = Autoencoder(epochs=1)
    reducer.fit(training_part(5, 2), 2)
    with pytest.raises(NotSupported, match="fitted for 5 features and 2 outputs, not for 5 and 3"):
        reducer.module(5, 3)
