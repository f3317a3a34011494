"""Common layers are written as ONNX without torch's exporter, and what is not certain is left to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from qplug.lab.export import network  # noqa: E402
from qplug.lab.export.layers import Unwritten, written  # noqa: E402


class Calls(nn.Module):
    """Any function of tensors."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def shaken(module: nn.Module) -> nn.Module:
    """With parameters and running statistics that are neither 0 nor 1."""
    for number, value in enumerate(module.state_dict().values()):
        if value.is_floating_point():
            value.copy_(random(*value.shape, seed=number).abs() + 0.1)
    return module.eval()


NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "convolution": (
        nn.Sequential(
            nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(1, 2), groups=2),
            nn.BatchNorm2d(6, eps=0.5),
            nn.MaxPool2d((3, 2), stride=(1, 2), padding=(1, 0)),
            nn.ReLU(inplace=True),
            Calls(lambda maps: maps.mean((2, 3))),
        ),
        (4, 9, 8),
    ),
    "one-dimensional": (nn.Sequential(nn.Conv1d(2, 3, 3, bias=False), nn.Sigmoid(), nn.Flatten()), (2, 7)),
    "perceptron": (
        nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Dropout(0.5), nn.BatchNorm1d(4, affine=False), nn.Linear(4, 2)),
        (5,),
    ),
    "bare": (nn.Sequential(nn.Linear(5, 3, bias=False), Calls(lambda values: (values * 0.5 - 1) / 3 + values)), (5,)),
    "sums": (Calls(lambda values: torch.stack([values, values * 2], 1).sum(1, keepdim=True)), (3,)),
    "joined": (Calls(lambda values: torch.cat([values, values.sigmoid()], 1)), (3,)),
    "places": (Calls(lambda values: values.index_select(1, torch.tensor([2, 0, 2]))), (3,)),
    "constants": (Calls(lambda values: values @ torch.arange(6.0).view(2, 3).T), (3,)),
    "itself": (nn.Identity(), (3,)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_common_layers_are_the_same_in_onnx_for_any_batch(name: str) -> None:
    module, shape = NETWORKS[name]
    proto = written(shaken(module), [random(2, *shape)], ["inputs"], ["outputs"])
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    for n in (1, 2, 5):
        given = random(n, *shape, seed=n)
        (found,) = session.run(None, {"inputs": given.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(found, module(given.clone()).numpy(), rtol=1e-4, atol=1e-5)


def test_parameters_keep_their_names() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)).eval()
    proto = written(module, [random(2, 1, 4, 4)], ["inputs"], ["outputs"])
    assert set(dict(module.named_parameters())) <= {each.name for each in proto.graph.initializer}


def seen_before(values: Tensor) -> Tensor:
    doubled = values * 2
    before = doubled.view(2, 3)
    return functional.relu_(doubled) + before


def seen_behind(values: Tensor) -> Tensor:
    doubled = values * 2
    return functional.relu_(doubled.view(2, 3)) + doubled


UNCERTAIN: dict[str, Callable[[Tensor], Any]] = {
    "another operation": lambda values: values.cumsum(1),
    "another form": lambda values: torch.add(values, values, alpha=2),
    "written into, seen before": seen_before,
    "written into, seen behind": seen_behind,
    "written into, the input": functional.relu_,
    "samples mixed": lambda values: values.view(-1, 1) * 2,
    "another result": lambda values: functional.max_pool2d(values.view(2, 1, 1, 3), 1, return_indices=True)[1],
    "double precision": lambda values: values * torch.ones(3, dtype=torch.float64),
    "decided by a value": lambda values: values * 2 if values.sum() > 0 else values,
}


@pytest.mark.parametrize("name", UNCERTAIN)
def test_what_is_not_certain_is_left_to_torch(name: str) -> None:
    with pytest.raises(Unwritten):
        written(Calls(UNCERTAIN[name]), [random(2, 3)], ["inputs"], ["outputs"])


@pytest.mark.parametrize(
    "function",
    [
        lambda values: values * torch.ones(len(values), 1),
        lambda values: values * float(values.detach().numpy()[0, 0]),
    ],
    ids=["size", "value"],
)
def test_a_size_or_a_value_that_became_part_of_the_network_is_noticed(function: Callable[[Tensor], Tensor]) -> None:
    module, given = Calls(function), random(2, 3)
    proto = written(module, [given.flip(0)], ["inputs"], ["outputs"])
    assert network._distance(module, [given], ["inputs"], proto.SerializeToString()) is not None


def test_neither_torch_s_exporter_nor_its_compiler_is_loaded_for_common_layers() -> None:
    code = (
        "import sys, torch\n"
        "from torch import nn\n"
        "from qplug.lab.export.network import _network\n"
        "_network(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), [torch.ones(2, 3)], ['inputs'], ['outputs'], {})\n"
        "print(sorted({'onnxscript', 'torch._dynamo', 'sympy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
