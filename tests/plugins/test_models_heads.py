"""The classical heads."""

import pytest
import torch

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Head
from qplug.testing.components import check_head
from qplug_models.heads import LinearHead, Mlp, matching_widths


def test_linear_head_is_one_affine_map() -> None:
    module = LinearHead().build(3, 2)
    assert sum(p.numel() for p in module.parameters()) == 3 * 2 + 2
    z, other = torch.randn(5, 3), torch.randn(5, 3)
    torch.testing.assert_close(module(z) - module(other), module(z - other) - module(torch.zeros(5, 3)))


@pytest.mark.parametrize(("hidden", "n_parameters"), [((), 8), ((4,), 26), ((4, 5), 53)])
def test_mlp_has_the_layers_that_were_asked_for(hidden: tuple[int, ...], n_parameters: int) -> None:
    module = Mlp(hidden=hidden).build(3, 2)
    assert module(torch.randn(7, 3)).shape == (7, 2)
    assert sum(p.numel() for p in module.parameters()) == n_parameters


def test_mlp_learns_what_no_linear_head_can() -> None:
    torch.manual_seed(0)
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    labels = torch.tensor([0, 1, 1, 0])
    module = Mlp(hidden=(16,)).build(2, 2)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(corners), labels).backward()
        optimiser.step()
    assert torch.equal(module(corners).argmax(1), labels)


def test_mlp_dropout_acts_in_training_only() -> None:
    module = Mlp(hidden=(64,), dropout=0.5).build(3, 2)
    z = torch.randn(4, 3)
    assert not torch.equal(module.train()(z), module(z))
    assert torch.equal(module.eval()(z), module(z))


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(
    ("n_inputs", "n_classes", "wanted"), [(8, 6, 118), (8, 2, 82), (4, 10, 82), (8, 10, 154), (16, 10, 1000)]
)
def test_mlp_has_as_many_parameters_as_it_is_to_match(
    n_inputs: int, n_classes: int, wanted: int, batch_norm: bool
) -> None:
    module = Mlp(match_parameters=wanted, batch_norm=batch_norm).build(n_inputs, n_classes)
    n_parameters = sum(p.numel() for p in module.parameters())
    assert abs(n_parameters - wanted) <= 0.05 * wanted
    assert module(torch.randn(3, n_inputs)).shape == (3, n_classes)


def test_one_hidden_layer_is_preferred() -> None:
    assert matching_widths(8, 2, 82) == ((7,), True)
    assert matching_widths(8, 6, 118) == ((8,), False)
    assert matching_widths(8, 10, 154) == ((8,), False)
    assert len(matching_widths(16, 10, 182)[0]) == 2


def test_a_number_that_no_perceptron_has_is_refused_with_the_closest() -> None:
    with pytest.raises(NotSupported, match="8 inputs and 10 classes has 25 parameters within 5%; the closest has 28"):
        Mlp(match_parameters=25).build(8, 10)


def test_tanh_bounds_the_hidden_values() -> None:
    torch.manual_seed(0)
    module = Mlp(hidden=(16,), activation="tanh").build(4, 3)
    assert isinstance(module, torch.nn.Sequential)
    hidden = module[:-1](100 * torch.randn(64, 4))
    assert hidden.abs().max() <= 1
    assert hidden.min() < -0.9


def test_batch_norm_makes_the_last_layer_blind_to_the_scale_of_hidden_values() -> None:
    torch.manual_seed(0)
    module = Mlp(hidden=(16,), batch_norm=True).build(4, 3).train()
    z = torch.randn(64, 4)
    assert isinstance(module, torch.nn.Sequential)
    before = module(z)
    with torch.no_grad():
        module[0].weight.mul_(100)
        module[0].bias.mul_(100)
    torch.testing.assert_close(module(z), before, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("head", [LinearHead(), Mlp(), Mlp(batch_norm=True), Mlp(match_parameters=100)])
def test_heads_keep_the_contract(head: Head) -> None:
    check_head(head)
