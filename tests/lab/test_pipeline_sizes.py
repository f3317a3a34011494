"""Components too large for any memory are refused before anything is allocated."""

import pytest
import torch
from torch import nn

from qplug.contract.errors import NotSupported
from qplug.lab.pipeline.classifier import build_backbone
from qplug.lab.pipeline.sizes import bounded
from qplug_models.cnn3 import Cnn3


def test_an_absurd_backbone_is_refused() -> None:
    with pytest.raises(NotSupported, match=r"backbone Cnn3 would take at least [\d,]+ GB"):
        build_backbone(Cnn3(n_features=2**31 - 1), (1, 32, 32), seed=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(300_000_000, 300_000),
        lambda: torch.zeros(10**15),
        lambda: torch.arange(10**15),
        lambda: torch.eye(10**8),
        lambda: torch.empty(2**62, 2**62),
    ],
)
def test_whatever_makes_a_tensor_is_seen(make) -> None:
    with pytest.raises(NotSupported, match="head X would take at least"), bounded("head X"):
        make()


def test_the_sum_counts() -> None:
    with pytest.raises(NotSupported, match="head X"), bounded("head X", limit=10_000):
        nn.Sequential(*(nn.Linear(20, 20) for _ in range(10)))


def test_what_fits_is_the_same() -> None:
    torch.manual_seed(0)
    plain = nn.Linear(3, 4)
    torch.manual_seed(0)
    with bounded("head X"):
        watched = nn.Linear(3, 4)
    assert torch.equal(plain.weight, watched.weight)
