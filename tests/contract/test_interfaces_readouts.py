"""Read-outs."""

import pytest
import torch

from qplug.contract.errors import NotSupported
from qplug.heads.quantum_module import LinearReadout
from qplug.heads.readouts import (
    LinearCombination,
    MeasuredReadoutName,
    ParityReadout,
    ScaledReadout,
    basis_probabilities,
    readout,
)


def test_z_scales_the_first_values_and_learns_the_factor() -> None:
    module = ScaledReadout(4, 3, factor=2.0)
    values = torch.tensor([[0.1, -0.2, 0.3, 0.9]])
    torch.testing.assert_close(module(values), torch.tensor([[0.2, -0.4, 0.6]]))
    module(values).sum().backward()
    assert module.log_factor.grad.abs() > 0


def test_z_needs_a_qubit_for_each_class() -> None:
    with pytest.raises(NotSupported, match="4 qubits for 10 classes"):
        readout("z", 4, 10)


def test_parity_favours_even_for_a_positive_value() -> None:
    logits = ParityReadout(2)(torch.tensor([[0.5], [-0.5]]))
    assert logits.argmax(1).tolist() == [0, 1]


def test_parity_is_for_two_classes() -> None:
    with pytest.raises(NotSupported, match="two classes apart, but there are 3"):
        readout("parity", 1, 3)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_linear_normalises_if_asked(batch_norm: bool) -> None:
    module = readout("linear", 4, 3, batch_norm=batch_norm)
    assert isinstance(module, LinearReadout)
    assert isinstance(module.norm, torch.nn.BatchNorm1d) == batch_norm


def test_a_linear_combination_adds_up() -> None:
    module = LinearCombination(torch.tensor([[0.5, 2.0]]), torch.tensor([1.0]))
    torch.testing.assert_close(module(torch.tensor([[0.2, 0.3]])), torch.tensor([[1.7]]))
    assert not module.is_trivial
    assert LinearCombination(torch.eye(2), torch.zeros(2)).is_trivial
    assert module.state_dict() == {}


def test_probabilities_of_basis_states_are_logits_whose_softmax_are_their_shares() -> None:
    module = readout("probabilities", 4, 3)
    chances = module(torch.tensor([[0.4, 0.2, 0.2, 0.2]])).softmax(1)
    torch.testing.assert_close(chances, torch.tensor([[0.5, 0.25, 0.25]]))
    assert module(torch.tensor([[1.0, 0.0, -0.01, 0.0]])).isfinite().all()


def test_parity_classes_count_ones() -> None:
    shares = torch.arange(8.0)[None] / 28
    two, three = (readout("parity-classes", 8, n_classes)(shares).exp() for n_classes in (2, 3))
    torch.testing.assert_close(two, torch.tensor([[0 + 3 + 5 + 6, 1 + 2 + 4 + 7.0]]) / 28)
    torch.testing.assert_close(three, torch.tensor([[0 + 7, 1 + 2 + 4, 3 + 5 + 6.0]]) / 28)


@pytest.mark.parametrize(
    ("name", "told"), [("probabilities", "at most 4 classes apart, but there are 5"), ("parity-classes", "at most 3")]
)
def test_basis_states_must_suffice_for_the_classes(name: MeasuredReadoutName, told: str) -> None:
    with pytest.raises(NotSupported, match=f"{name}' of 4 basis states tells {told}"):
        readout(name, 4, 5)


def test_probabilities_come_from_strings_of_z() -> None:
    strings, values = basis_probabilities((2, 0))
    assert strings == [(0,), (2,), (2, 0)]
    # |1> on wire 2 and |0> on wire 0
    torch.testing.assert_close(values(torch.tensor([[1.0, -1.0, -1.0]])), torch.tensor([[0.0, 0.0, 1.0, 0.0]]))
