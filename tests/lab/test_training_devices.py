"""What the machine must have is told before any work; circuits stay in full precision when the rest does not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from qplug import catalogue
from qplug.contract.circuit import Circuit
from qplug.contract.errors import NotSupported, ParameterError
from qplug.contract.interfaces import Backend, BackendCapabilities, QuantumHead
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.training import TrainingOptions
from qplug.lab.training.devices import check_devices, per_device
from qplug.lab.training.fit import fit


class Listening(Backend):
    """Hands everything on to the torch engine, and remembers what it was given."""

    summary = "a backend that remembers dtypes"
    capabilities = BackendCapabilities(interface=1, gradient="autograd")

    def __init__(self) -> None:
        self.inner: Any = catalogue.load("backend", "torch")()
        self.dtypes: set[torch.dtype] = set()
        self.autocast: set[bool] = set()

    def expectations(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        self.dtypes |= {encoding.dtype, weights.dtype}
        self.autocast.add(torch.is_autocast_enabled(encoding.device.type))
        values: Tensor = self.inner(circuit, encoding, weights)
        return values


class MatrixEncoding(nn.Module):
    """A pipeline whose reducer is a matrix product, which autocast rounds."""

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        head = catalogue.load("head", "pennylane-pqc")(n_qubits=3)
        assert isinstance(head, QuantumHead)
        self.reducer = nn.Linear(5, 3)
        self.quantum = QuantumModule(head, backend, 3, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.quantum(self.reducer(inputs))
        return logits


def test_a_circuit_computes_in_full_precision_under_autocast() -> None:
    torch.manual_seed(0)
    backend = Listening()
    model = MatrixEncoding(backend).eval()
    inputs = torch.randn(16, 5)
    with torch.autocast("cpu", torch.bfloat16):
        reduced = model.reducer(inputs)
        logits = model(inputs)
        logits.float().square().sum().backward()
    assert reduced.dtype == torch.bfloat16, "autocast must be at work for this test to mean anything"
    assert logits.dtype == torch.bfloat16
    assert backend.dtypes == {torch.float32}
    assert backend.autocast == {False}
    assert isinstance(model.quantum, QuantumModule)
    gradient = model.quantum.circuit_parameters.grad
    assert gradient is not None
    assert gradient.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model.quantum.expectations(reduced)
    assert torch.equal(rounded, model.quantum.expectations(reduced.float()))


def test_half_precision_inputs_reach_the_circuit_as_float32_without_autocast_too() -> None:
    backend = Listening()
    model = MatrixEncoding(backend)
    assert isinstance(model.quantum, QuantumModule)
    inputs = torch.rand(4, 3)
    for dtype in (torch.float16, torch.bfloat16):
        assert model.quantum.expectations(inputs.to(dtype)).dtype == torch.float32
    assert backend.dtypes == {torch.float32}
    assert model.quantum.double().expectations(inputs.double()).dtype == torch.float64


class Elsewhere(Listening):
    """Takes tensors on a device of its own, and says which it was given."""

    capabilities = BackendCapabilities(interface=1, gradient="autograd", devices=("meta",))

    def __call__(self, circuit: Circuit, encoding: Tensor, weights: Tensor) -> Tensor:
        self.given = {encoding.device.type, weights.device.type}
        return torch.zeros(len(encoding), len(circuit.observables))


def test_angles_are_brought_to_a_device_that_the_backend_takes_and_no_others_are_moved() -> None:
    model = MatrixEncoding(backend := Elsewhere())
    assert isinstance(model.quantum, QuantumModule)
    assert model.quantum.expectations(torch.rand(4, 3)).device.type == "cpu"
    assert backend.given == {"meta"}
    backend.capabilities = BackendCapabilities(interface=1, gradient="autograd", devices=("meta", "cpu"))
    model.quantum.expectations(torch.rand(4, 3))
    assert backend.given == {"cpu"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_backend_on_the_cpu_takes_part_in_a_model_on_cuda() -> None:
    torch.manual_seed(0)
    model = MatrixEncoding(catalogue.load("backend", "default.qubit")())
    inputs = torch.randn(6, 5)
    found = []
    for device in ("cpu", "cuda"):
        model.to(device).zero_grad()
        logits = model.eval()(inputs.to(device))
        logits.square().sum().backward()
        found.append((logits.cpu(), [parameter.grad.cpu() for parameter in model.parameters()]))  # type: ignore[union-attr]
    (ours, our_gradients), (theirs, their_gradients) = found
    assert theirs.allclose(ours, atol=1e-5)
    for one, other in zip(our_gradients, their_gradients, strict=True):
        assert other.allclose(one, atol=1e-4)


def test_mixed_precision_is_refused_on_the_cpu(tmp_path: Path) -> None:
    options = TrainingOptions(mixed_precision=True)
    with pytest.raises(NotSupported, match=r"training\.mixed_precision is true, but .* on the CPU.*--device cuda"):
        check_devices(options, "cpu")
    part = (torch.randn(20, 3), torch.zeros(20, dtype=torch.int64))
    with pytest.raises(NotSupported, match=r"mixed_precision is true"):
        fit(nn.Linear(3, 2), part, part, n_classes=2, options=options, seed=0, checkpoints=tmp_path, device="cpu")
    assert list(tmp_path.iterdir()) == []


def test_a_batch_too_small_to_share_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"batch_size is 7, too few for training\.devices=4.*Raise it to 8"):
        check_devices(TrainingOptions(batch_size=7, devices=4), "cpu")
    assert check_devices(TrainingOptions(batch_size=8, devices=4), "cpu") == "cpu"
    assert check_devices(TrainingOptions(batch_size=1), "cpu") == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_more_gpus_than_there_are_is_refused() -> None:
    n = torch.cuda.device_count()
    with pytest.raises(NotSupported, match=rf"training\.devices is {n + 1}, but torch finds {n} CUDA devices"):
        check_devices(TrainingOptions(devices=n + 1, batch_size=64), "cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_mixed_precision_learns_on_cuda_with_the_circuit_in_full_precision(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 5, generator=generator)
    part = (inputs, (inputs[:, 0] > 0).long())
    torch.manual_seed(0)
    model = MatrixEncoding(catalogue.load("backend", "torch")())
    options = TrainingOptions(mixed_precision=True, epochs=15, learning_rate=0.02)
    fitted = fit(model, part, part, n_classes=2, options=options, seed=0, checkpoints=tmp_path, device="cuda")
    assert fitted.history[-1]["validation_accuracy"] > 0.85
    assert math.isfinite(fitted.history[-1]["train_cross_entropy"])


@pytest.mark.parametrize(("device", "n_samples", "held"), [("cpu", None, 64), ("cuda", None, 22), ("cuda", 10, 4)])
def test_a_gpu_holds_its_share_of_a_batch_and_the_cpu_all_of_it(
    device: Literal["cpu", "cuda"], n_samples: int | None, held: int
) -> None:
    assert per_device(TrainingOptions(batch_size=64, devices=3), device, n_samples) == held
