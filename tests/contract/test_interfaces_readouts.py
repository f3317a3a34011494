"""Read-outs."""

import pytest
import torch

from qplug.contract.errors import NotSupported
from qplug.heads.quantum_module import LinearReadout
from qplug.heads.readouts import LinearCombination, ParityReadout, ScaledReadout, readout


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
