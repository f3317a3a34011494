"""The three-block convolutional network."""

import re

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from qplug.contract.errors import NotSupported
from qplug_models.cnn3 import Cnn3
from qplug_models.layers import Halving


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 40, 51), (2, 128, 9)])
def test_embeds_features_of_any_size_from_8x8(shape: tuple[int, ...]) -> None:
    module = Cnn3(n_features=5).module(shape)
    assert module(torch.randn(4, *shape)).shape == (4, 5)


@pytest.mark.parametrize("shape", [(1, 7, 40), (1, 40, 7)])
def test_too_small_a_feature_is_refused_with_its_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(NotSupported, match=rf"at least 8 rows and columns.*{re.escape(str(shape))}"):
        Cnn3().module(shape)


def test_a_feature_without_channels_is_refused() -> None:
    with pytest.raises(NotSupported, match=r"3 axes.*\(40, 40\)"):
        Cnn3().module((40, 40))


@pytest.mark.parametrize(("parameters", "named"), [({"kernel": 4}, "kernel=4"), ({"channels": (8, 0, 8)}, "8, 0, 8")])
def test_an_impossible_plan_is_refused(parameters: dict[str, object], named: str) -> None:
    with pytest.raises(NotSupported, match=named):
        Cnn3(**parameters).module((1, 16, 16))  # type: ignore[arg-type]


def test_channels_and_kernel_reach_the_convolutions() -> None:
    module = Cnn3(channels=(2, 3, 4), kernel=5).build((1, 16, 16))
    shapes = [tuple(layer.weight.shape) for layer in module.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert shapes == [(2, 1, 5, 5), (3, 2, 5, 5), (4, 3, 5, 5)]


def test_frozen_leaves_nothing_to_train() -> None:
    assert not any(p.requires_grad for p in Cnn3(frozen=True).build((1, 16, 16)).parameters())
    assert all(p.requires_grad for p in Cnn3().build((1, 16, 16)).parameters())


def test_dropout_acts_in_training_only() -> None:
    module = Cnn3(dropout=0.9, n_features=4).build((1, 16, 16))
    inputs = torch.randn(2, 1, 16, 16)
    assert not torch.equal(module.train()(inputs), module(inputs))
    assert torch.equal(module.eval()(inputs), module(inputs))


def test_relu_after_pooling_gives_the_very_numbers_of_relu_before_it() -> None:
    torch.manual_seed(0)
    module = Cnn3().build((1, 17, 24)).eval()
    layers = list(module)
    for pool in (1, 4, 7):
        assert isinstance(layers[pool], torch.nn.MaxPool2d)
        layers[pool], layers[pool + 1] = layers[pool + 1], layers[pool]
    inputs = torch.randn(4, 1, 17, 24)
    inputs[:, :, :, 12:] = 0.5  # silence: many cells of one value, where the largest is not one alone
    found = []
    for network in (module, torch.nn.Sequential(*layers)):
        module.zero_grad()
        values = network(inputs)
        values.square().sum().backward()
        found.append([values.detach(), *(parameter.grad.clone() for parameter in module.parameters())])
    assert all(torch.equal(after, before) for after, before in zip(*found, strict=True))


@pytest.mark.parametrize("shape", [(3, 2, 16, 24), (2, 3, 17, 25), (1, 1, 9, 8)])
def test_pooling_without_gradients_gives_the_very_numbers_of_torch(shape: tuple[int, ...]) -> None:
    maps = torch.randn(shape)
    maps[..., :4] = 0.5
    maps[0, 0, 5, 5] = float("nan")
    for its in (maps, maps.contiguous(memory_format=torch.channels_last), maps.transpose(2, 3)):
        assert torch.equal(Halving()(its).nan_to_num(9.0), torch.nn.MaxPool2d(2)(its).nan_to_num(9.0))


def test_pooling_stays_one_operation_where_the_network_is_drawn_up() -> None:
    module = Cnn3().build((1, 16, 16)).eval()
    inputs = torch.randn(2, 1, 16, 16)
    with torch.no_grad():
        for graph in (torch.export.export(module, (inputs,)).graph, make_fx(module)(inputs).graph):
            names = [str(node.target) for node in graph.nodes]
            assert sum("max_pool2d" in name for name in names if "getitem" not in name) == 3
            assert not any("maximum" in name for name in names)


def test_learns_to_tell_stripes_apart() -> None:
    torch.manual_seed(0)
    labels = torch.arange(64) % 2
    stripes = (torch.arange(16) % 2).float().expand(16, 16)
    images = torch.stack([stripes if label else stripes.T for label in labels])[:, None]
    images = images + 0.3 * torch.randn_like(images)
    net = torch.nn.Sequential(Cnn3(n_features=8).build((1, 16, 16)), torch.nn.Linear(8, 2))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(30):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(images), labels).backward()
        optimiser.step()
    assert (net.eval()(images).argmax(1) == labels).float().mean() == 1
