"""Pre-processing code becomes angles: what is affine is found, and everything computes what it computed."""

import copy
import pickle
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from qplug.contract.circuit import Encoding, Weight
from qplug.contract.errors import CircuitError
from qplug.heads.angles import TracedAngles, trace

MATRIX = torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.25, 0.0]], dtype=torch.float64)

FUNCTIONS: dict[str, Callable[[Tensor, Tensor], Sequence[Tensor]]] = {
    "as they are": lambda z, w: [*z, *w],
    "shuffled and repeated": lambda z, w: [z[2], z[0], w[1], z[0], w[0], w[1]],
    "scaled and shifted": lambda z, w: [2 * z[0] + 1, -z[1] / 4, torch.pi - z[2], 0.5 * (w[0] - 3)],
    "sums": lambda z, w: [z.sum(), z[0] - 2 * z[2], z.mean() + 1, w[0] + w[1]],
    "inputs plus weights": lambda z, w: [z[0] + w[0], w[1] - 2 * z[1]],
    "a fixed matrix": lambda z, w: list(MATRIX @ z),
    "products": lambda z, w: [z[0] * z[1], w[0] * z[2], w[0] * w[1], z[1] ** 2, w[0] / w[1]],
    "element by element": lambda z, w: [*(2 * torch.atan(z)), *torch.tanh(w)],
    "a network": lambda z, w: list(torch.tanh(MATRIX @ z) + w),
    "nested": lambda z, w: [torch.sin(2 * torch.cos(z[0] * w[0]) + 1) * 3 - w[1]],
    "feature map": lambda z, w: [2 * (torch.pi - z[i]) * (torch.pi - z[j]) for i in range(3) for j in range(i)],
    "powers": lambda z, w: [*(z**2), z[0] ** 3, w[0] * torch.cos(z[1]) * torch.cos(z[2]), (z * z).sum() * w[1]],
    "broadcast": lambda z, w: list((z[:, None] * w[None, :] * torch.tensor([1.0, 2.0]).double()).reshape(-1)),
    "a constant over a value": lambda z, w: [1 / (3 + torch.exp(z[0])), torch.atan2(z[1], z[2])],
    "network of elements": lambda z, w: [torch.tanh(z[0] + torch.sin(w[0] * z[1])) * 2 + z[2], torch.sin(z[0])],
    "sorted": lambda z, w: [*torch.sort(z).values, w[0], w[1]],
    "clamped": lambda z, w: list(torch.clamp(z, -0.5, 0.5)),
    "where": lambda z, w: list(torch.where(z > 0, z, 2 * z)),
    "rearranged": lambda z, w: list(torch.cat([z.flip(0), torch.stack([w[1], w[0]])]).reshape(5, 1)[:, 0]),
    "with a constant": lambda z, w: [torch.tensor(0.7, dtype=torch.float64), z[0], w[0]],
    "nothing": lambda z, w: [],
    "inputs only": lambda z, w: [z[1]],
}


def assembled(traced: TracedAngles, inputs: Tensor, parameters: Tensor) -> Tensor:
    """The angles (batch, n_angles) that the maps give, in the order of the function."""
    encoding, weights = traced.encode(inputs, parameters), traced.weight_angles(parameters)
    columns = [torch.zeros(len(inputs), 0, dtype=inputs.dtype)]
    for angle in traced.angles:
        if isinstance(angle, Encoding):
            columns.append(encoding[:, angle.index, None])
        elif isinstance(angle, Weight):
            columns.append(weights[angle.index].expand(len(inputs), 1))
        else:
            columns.append(torch.full((len(inputs), 1), angle, dtype=inputs.dtype))
    return torch.cat(columns, 1)


def expected(function: Callable[[Tensor, Tensor], Sequence[Tensor]], inputs: Tensor, parameters: Tensor) -> Tensor:
    rows = [[angle.reshape(()) for angle in function(sample, parameters)] for sample in inputs]
    return torch.stack([torch.stack(row) if row else torch.zeros(0, dtype=inputs.dtype) for row in rows])


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("batch", [1, 5])
def test_values_and_gradients_are_those_of_the_function(name: str, batch: int) -> None:
    function = FUNCTIONS[name]
    generator = torch.Generator().manual_seed(batch)
    inputs = (2 * torch.randn(batch, 3, generator=generator, dtype=torch.float64)).requires_grad_()
    parameters = torch.randn(2, generator=generator, dtype=torch.float64).requires_grad_()
    got = assembled(trace(function, 3, 2), inputs, parameters)
    wanted = expected(function, inputs, parameters)
    torch.testing.assert_close(got, wanted, atol=1e-12, rtol=1e-12)
    if got.requires_grad or wanted.requires_grad:
        factors = torch.randn(got.shape, generator=generator, dtype=torch.float64)
        gradients = [
            torch.autograd.grad((values * factors).sum(), [inputs, parameters], materialize_grads=True)
            for values in (got, wanted)
        ]
        torch.testing.assert_close(gradients[0], gradients[1], atol=1e-11, rtol=1e-11)


def test_angles_are_sorted_by_what_they_depend_on() -> None:
    traced = trace(lambda z, w: [z[0], w[0], torch.tensor(0.5), z[0] * w[0], w[0] + 1, 0 * z[0]], 1, 1)
    assert traced.angles == (Encoding(0), Weight(0), 0.5, Encoding(1), Weight(1), 0.0)


@pytest.mark.parametrize("name", ["as they are", "shuffled and repeated", "scaled and shifted", "sums"])
def test_affine_code_leaves_no_step_behind(name: str) -> None:
    traced = trace(FUNCTIONS[name], 3, 2)
    assert traced.encoding.steps == ()
    assert traced.weights.steps == ()


def test_inputs_that_are_angles_already_are_handed_on_without_a_copy() -> None:
    traced = trace(lambda z, w: [*z, *w], 3, 2)
    inputs = torch.randn(4, 3)
    assert traced.encode(inputs, torch.randn(2)) is inputs


@pytest.mark.parametrize("name", ["sums", "products", "a network"])
def test_float32_stays_float32(name: str) -> None:
    traced = trace(FUNCTIONS[name], 3, 2)
    inputs, parameters = torch.randn(4, 3), torch.randn(2)
    assert traced.encode(inputs, parameters).dtype == torch.float32
    torch.testing.assert_close(
        assembled(traced, inputs, parameters).double(),
        expected(FUNCTIONS[name], inputs.double(), parameters.double()),
        atol=1e-5,
        rtol=1e-5,
    )


@pytest.mark.parametrize("name", ["sums", "a network", "sorted"])
def test_copies_and_pickles_compute_the_same(name: str) -> None:
    traced = trace(FUNCTIONS[name], 3, 2)
    inputs, parameters = torch.randn(4, 3), torch.randn(2)
    values = traced.encode(inputs, parameters)
    pickled = pickle.loads(pickle.dumps(traced))  # noqa: S301, TID251 made in this line
    for twin in (copy.deepcopy(traced), pickled):
        assert torch.equal(twin.encode(inputs, parameters), values)


@pytest.mark.parametrize("name", ["inputs plus weights", "products", "scaled and shifted"])
def test_many_sets_of_parameters_go_through_vmap(name: str) -> None:
    traced = trace(FUNCTIONS[name], 3, 2)
    inputs, parameters = torch.randn(4, 3), torch.randn(6, 2)
    together = torch.vmap(traced.encode, in_dims=(None, 0))(inputs, parameters)
    singly = torch.stack([traced.encode(inputs, one) for one in parameters])
    torch.testing.assert_close(together, singly)


def test_code_that_decides_by_values_is_refused() -> None:
    with pytest.raises(CircuitError, match=r"decides by the values.*torch\.where"):
        trace(lambda z, w: [z[0] if z[0] > 0 else w[0]], 1, 1)


def test_code_that_writes_in_place_is_refused_with_the_operation() -> None:
    def function(z: Tensor, w: Tensor) -> list[Tensor]:
        twice = z.clone()
        twice[0] = 2 * w[0]
        return list(twice)

    with pytest.raises(CircuitError, match=r"in place \(aten\.copy_"):
        trace(function, 2, 1)


@pytest.mark.parametrize(("n_inputs", "n_parameters"), [(2, 0), (0, 2), (0, 0)])
def test_inputs_or_parameters_may_be_absent(n_inputs: int, n_parameters: int) -> None:
    traced = trace(lambda z, w: [*(2 * z), *torch.tanh(w)], n_inputs, n_parameters)
    inputs, parameters = torch.randn(3, n_inputs), torch.randn(n_parameters)
    torch.testing.assert_close(traced.encode(inputs, parameters), 2 * inputs)
    torch.testing.assert_close(traced.weight_angles(parameters), torch.tanh(parameters))


def test_elements_of_one_kind_are_computed_in_one_step() -> None:
    steps = trace(FUNCTIONS["feature map"], 3, 0).encoding.steps
    assert len(steps) == 1
    assert len(trace(lambda z, w: list(torch.tanh(z) + 1), 3, 0).encoding.steps) == 1


@pytest.mark.parametrize("name", ["scaled and shifted", "feature map", "a network", "sorted"])
def test_an_export_in_between_changes_no_angle(name: str) -> None:
    class Encode(torch.nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return traced.encode(inputs, parameters)

    traced = trace(FUNCTIONS[name], 3, 2)
    inputs = torch.rand(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    parameters = torch.tensor([0.3, 0.5], dtype=torch.float64)
    program = torch.export.export(Encode(), (inputs,))
    angles = traced.encode(inputs, parameters)
    assert type(angles) is Tensor
    assert torch.equal(program.module()(inputs), angles)
    assert torch.allclose(assembled(traced, inputs, parameters), expected(FUNCTIONS[name], inputs, parameters))
