"""The networks without published weights: audio-cnn-big, image-cnn and no network at all."""

import re

import pytest
import torch

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backbone
from qplug.testing.components import check_backbone
from qplug_models.audio_cnn_big import AudioCnnBig
from qplug_models.identity import IdentityBackbone
from qplug_models.image_cnn import ImageCnn

NETWORKS: list[type[AudioCnnBig | ImageCnn]] = [AudioCnnBig, ImageCnn]


@pytest.mark.parametrize(
    ("backbone", "shape"),
    [
        (AudioCnnBig(), (1, 64, 87)),
        (AudioCnnBig(frozen=True), (2, 40, 20)),
        (ImageCnn(), (1, 28, 28)),
        (ImageCnn(channels=(8,)), (3, 5, 9)),
        (ImageCnn(), (3, 35, 8)),
        (IdentityBackbone(), (2, 3, 4)),
    ],
)
def test_keep_the_contract(backbone: Backbone, shape: tuple[int, ...]) -> None:
    check_backbone(backbone, shape)


def test_audio_cnn_big_embeds_in_256_numbers_whatever_the_duration() -> None:
    short, long = AudioCnnBig().build((1, 64, 30)), AudioCnnBig().build((1, 64, 300))
    assert short.eval()(torch.randn(2, 1, 64, 30)).shape == (2, 256)
    assert [p.shape for p in short.parameters()] == [p.shape for p in long.parameters()]
    long.load_state_dict(short.state_dict())
    assert long.eval()(torch.randn(2, 1, 64, 300)).shape == (2, 256)


def test_the_global_mean_makes_a_shifted_sound_nearly_the_same() -> None:
    torch.manual_seed(0)
    module = AudioCnnBig().build((1, 64, 64)).eval()
    sound = torch.zeros(1, 1, 64, 64)
    sound[..., 16:32, 16:32] = torch.randn(16, 16)
    shifted = sound.roll((16, 16), (2, 3))
    other = sound.clone()
    other[..., 16:32, 16:32] = torch.randn(16, 16)
    assert (module(sound) - module(shifted)).norm() < 0.5 * (module(sound) - module(other)).norm()


@pytest.mark.parametrize("network", NETWORKS)
def test_n_features_and_channels_reach_the_network(network: type[AudioCnnBig | ImageCnn]) -> None:
    module = network(channels=(3, 5), n_features=7).build((2, 16, 16))
    assert module.eval()(torch.randn(4, 2, 16, 16)).shape == (4, 7)
    widths = {layer.out_channels for layer in module.modules() if isinstance(layer, torch.nn.Conv2d)}
    assert widths == {3, 5}


@pytest.mark.parametrize(("network", "least"), [(AudioCnnBig, 16), (ImageCnn, 8)])
def test_too_few_pixels_are_refused_with_the_shape(network: type[AudioCnnBig | ImageCnn], least: int) -> None:
    network().build((1, least, 40))
    shape = (1, 40, least - 1)
    with pytest.raises(NotSupported, match=rf"at least {least} .*{re.escape(str(shape))}"):
        network().build(shape)


@pytest.mark.parametrize("network", NETWORKS)
def test_frozen_leaves_nothing_to_train(network: type[AudioCnnBig | ImageCnn]) -> None:
    assert not any(p.requires_grad for p in network(frozen=True).build((1, 16, 16)).parameters())
    assert all(p.requires_grad for p in network().build((1, 16, 16)).parameters())


def test_identity_keeps_every_number_in_order() -> None:
    features = torch.arange(24.0).reshape(2, 3, 2, 2)
    assert torch.equal(IdentityBackbone().module((3, 2, 2))(features), torch.arange(24.0).reshape(2, 12))
    assert IdentityBackbone().frozen
