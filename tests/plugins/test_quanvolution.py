"""Quanvolution: patches, circuits and shapes as the sources have them, whatever is at once in memory."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import nn

from qplug.contract.circuit import Circuit, Observable
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import BackboneCapabilities
from qplug.heads.quantum_module import QuantumModule, circuits_on
from qplug.testing.components import check_backbone
from qplug.testing.reference import expectations
from qplug_circuits.quanvolution import Patches, Quanvolution, random_layers
from qplug_torch.backend import Torch

Z = tuple(Observable("Z", (wire,)) for wire in range(4))


def built(shape: tuple[int, ...] = (1, 4, 6), **parameters: object) -> nn.Sequential:
    torch.manual_seed(0)
    made = Quanvolution(**parameters).module(shape, place=circuits_on(Torch()))  # type: ignore[arg-type]
    assert isinstance(made, nn.Sequential)
    return made


def circuit_of(module: nn.Module) -> Circuit:
    (found,) = (each.circuit for each in module.modules() if isinstance(each, QuantumModule))
    return found


@pytest.mark.parametrize("shape", [(1, 5, 7), (3, 4, 4)])
def test_each_patch_is_a_row_of_the_circuit_and_each_qubit_a_channel(shape: tuple[int, int, int]) -> None:
    module = built(shape, n_layers=2, seed=3)
    pictures = torch.rand(2, *shape)
    maps = module[0](pictures)
    n_channels, rows, columns = shape[0], shape[1] // 2, shape[2] // 2
    assert maps.shape == (2, 4 * n_channels, rows, columns)
    circuit = circuit_of(module)
    for channel, row, column in ((0, 0, 0), (n_channels - 1, rows - 1, columns - 1)):
        patch = pictures[1, channel, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].flatten().double().numpy()
        wanted = expectations(circuit, math.pi * patch[None], np.zeros(0))[0]
        assert np.allclose(maps[1, 4 * channel : 4 * channel + 4, row, column], wanted, atol=1e-6)
    assert torch.equal(module(pictures), maps.flatten(1))


def test_random_layers_have_the_structure_of_pennylanes() -> None:
    for seed in range(4):
        gates = list(random_layers(4, 3, seed, trained=True))
        weights = np.arange(12.0).reshape(3, 4)
        theirs = qml.RandomLayers.compute_decomposition(
            weights, range(4), 0.3, qml.CNOT, [qml.RX, qml.RY, qml.RZ], seed
        )
        names = {"RX": "rx", "RY": "ry", "RZ": "rz", "CNOT": "cx"}
        assert [(gate.name, gate.wires) for gate in gates] == [(names[op.name], tuple(op.wires)) for op in theirs]
        angles = [angle.index for gate in gates for angle in gate.angles]  # type: ignore[union-attr]
        assert angles == [int(parameter) for op in theirs for parameter in op.parameters]


def test_a_seed_draws_gates_and_angles_and_a_trained_circuit_keeps_the_gates() -> None:
    first, again, other = (circuit_of(built(seed=seed)) for seed in (5, 5, 6))
    assert first == again != other
    assert first.n_weights == 0
    assert all(0 <= angle < 2 * math.pi for gate in first.gates[4:] for angle in gate.angles)  # type: ignore[operator]
    trained = circuit_of(built(seed=5, circuit="trained"))
    assert trained.n_weights == 4
    assert [(gate.name, gate.wires) for gate in trained.gates] == [(gate.name, gate.wires) for gate in first.gates]


@pytest.mark.parametrize(
    ("parameters", "frozen", "learns"),
    [
        ({}, True, set()),
        ({"after": "cnn"}, False, {"network"}),
        ({"circuit": "trained"}, False, {"circuit"}),
        ({"circuit": "trained", "preset": None, "after": "cnn"}, False, {"circuit", "network"}),
    ],
)
def test_what_learns_gets_gradients_and_the_rest_stays(
    parameters: dict[str, str | None], frozen: bool, learns: set[str]
) -> None:
    given = {name: value for name, value in parameters.items() if value}
    assert Quanvolution(**given).frozen is frozen  # type: ignore[arg-type]
    module = built((1, 8, 8), **given).eval()
    outputs = module(torch.rand(3, 1, 8, 8))
    assert outputs.shape == (3, 64)
    felt = {name for name, each in module.named_parameters() if each.requires_grad and each.numel()}
    assert {"circuit" if "circuit" in name else "network" for name in felt} == learns
    if learns:
        (outputs**2).sum().backward()
        slopes = {name: each.grad for name, each in module.named_parameters() if name in felt}
        assert all(slope is not None and slope.abs().sum() > 0 for slope in slopes.values())


@pytest.mark.parametrize("parameters", [{}, {"circuit": "trained", "after": "cnn"}])
def test_it_keeps_what_every_backbone_promises(parameters: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = Quanvolution(**parameters)  # type: ignore[arg-type]
    check_backbone(backbone, (1, 8, 8))
    monkeypatch.setattr(backbone, "capabilities", BackboneCapabilities(interface=1, input_axes=3))
    with pytest.raises(
        AssertionError, match=r"Quanvolution is a QuantumBackbone .* BackboneCapabilities\(…, quantum=True"
    ):
        check_backbone(backbone, (1, 8, 8))


def test_pieces_of_bounded_size_give_what_all_at_once_gives() -> None:
    whole, pieces = built(circuit="trained"), built(circuit="trained")
    pieces.load_state_dict(whole.state_dict())
    patches = pieces[0]
    assert isinstance(patches, Patches)
    assert patches.at_once == 65536
    patches.at_once = 5
    sizes: list[int] = []
    patches.circuit.register_forward_hook(lambda module, inputs, output: sizes.append(len(inputs[0])))
    features = torch.rand(3, 1, 4, 6)
    for module in (whole, pieces):
        module(features).square().sum().backward()
    assert max(sizes) == 5
    slopes = [next(module.parameters()).grad for module in (whole, pieces)]
    assert torch.allclose(slopes[0], slopes[1], atol=1e-5)  # type: ignore[arg-type]
    with torch.no_grad():
        assert torch.allclose(whole(features), pieces(features), atol=1e-6)


def test_normalised_values_are_brought_between_zero_and_one() -> None:
    features = torch.randn(2, 1, 4, 6)
    plain, mapped = built(seed=2), built(seed=2, unit_map="sigmoid")
    assert torch.allclose(mapped(features), plain(torch.sigmoid(features)), atol=1e-6)


def test_values_outside_of_zero_and_one_are_told_with_the_cure() -> None:
    normalised = torch.tensor([-0.42, 0.5, 1.0, 2.8]).reshape(1, 1, 2, 2)
    with pytest.warns(UserWarning, match=r"got -0.42 to 2.8, .*features.normalise=none, .*backbone.unit_map=sigmoid"):
        built((1, 2, 2))(normalised)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        built((1, 2, 2))(normalised.clip(0, 1))
        built((1, 2, 2), unit_map="sigmoid")(normalised)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(NotSupported, match=r"patches of 3 x 3 .* have the shape \(1, 2, 9\)"):
        built((1, 2, 9), patch=3)
    with pytest.raises(NotSupported, match=r"leaves 2 x 3 patches of features of the shape \(1, 4, 6\)"):
        built(after="cnn")
    with pytest.raises(NotSupported, match=r"takes features with 3 axes, but these have the shape \(16,\)"):
        built((16,))
    with pytest.raises(NotSupported, match="Quanvolution holds circuits"):
        Quanvolution().module((1, 4, 6))
