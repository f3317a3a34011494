"""Batch norm's statistics before the first step: set from the training part where no data has set them."""

from __future__ import annotations

import copy

import torch
from torch import nn

from qplug.lab.pipeline.statistics import estimate_statistics


def network(seed: int = 0) -> nn.Sequential:
    """Weights so small that untouched statistics let next to nothing through in evaluation mode."""
    torch.manual_seed(seed)
    layers = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 4))
    with torch.no_grad():
        layers[0].weight.mul_(1e-8)
        layers[0].bias.zero_()
    return layers


def test_evaluation_then_agrees_with_training() -> None:
    inputs = torch.randn(64, 6, generator=torch.Generator().manual_seed(1))
    module = network().eval()
    module[1].eps = 1e-30
    blind = module(inputs).std(0)
    estimate_statistics(module, [inputs])
    seen = module(inputs).std(0)
    assert float(blind.max()) < 1e-7
    assert float(seen.min()) > 1e-2


def test_the_mean_over_all_batches_counts_and_a_batch_of_one_does_not() -> None:
    batches = [torch.full((4, 6), value) + torch.eye(4, 6) for value in (1.0, 5.0)]
    module = nn.Sequential(nn.BatchNorm1d(6))
    estimate_statistics(module, [*batches, torch.full((1, 6), 1e6)])
    mean = torch.stack([batch.mean(0) for batch in batches]).mean(0)
    torch.testing.assert_close(module[0].running_mean, mean)
    assert module[0].momentum == 0.1
    assert module.training


def test_statistics_that_came_with_weights_stay_and_nothing_random_is_drawn() -> None:
    module = network()
    module(torch.randn(8, 6))
    before, state = copy.deepcopy(module.state_dict()), torch.random.get_rng_state()
    estimate_statistics(module, [torch.ones(8, 6)])
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    fresh = network(1)
    torch.random.set_rng_state(state)
    estimate_statistics(fresh, [torch.randn(8, 6, generator=torch.Generator().manual_seed(2))])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert fresh[1].running_var.max() < 1
