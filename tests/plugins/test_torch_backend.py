"""The torch backend: equivalence, and what a part of a training program must bear."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from qplug.contract.circuit import Circuit, Encoding, Gate, Observable, Weight
from qplug.contract.errors import NotInstalled, NotSupported, UserError
from qplug.testing.circuits import (
    angle_embedding_strongly_entangling,
    random_circuit,
    zz_feature_map_real_amplitudes,
)
from qplug.testing.equivalence import check_backend, check_circuit
from qplug_torch import backend as backend_module
from qplug_torch.backend import Torch

KERNELS = ("torch", "numba")
CIRCUIT = angle_embedding_strongly_entangling(4, 2)


def angles(circuit, batch, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    encoding = torch.randn(batch, circuit.n_encoding, generator=generator, dtype=dtype)
    return encoding.requires_grad_(), torch.randn(circuit.n_weights, generator=generator, dtype=dtype).requires_grad_()


def gradients(backend, circuit, batch, dtype=torch.float32):
    inputs = angles(circuit, batch, dtype)
    values = backend(circuit, *inputs)
    direction = torch.linspace(-1, 2, values.numel(), dtype=dtype).reshape(values.shape)
    return values.detach(), *torch.autograd.grad((values * direction).sum(), inputs)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("n_qubits", "seed"), [(6, 0), (7, 1), (9, 2)])
def test_larger_random_circuits_agree_with_the_reference(kernel, n_qubits, seed):
    circuit = random_circuit(n_qubits, 60, seed, n_observables=12)
    check_circuit(Torch(kernel=kernel), circuit, batch=2, dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [1, 7, 16, 17, 33, 70])
def test_both_kernels_agree_at_any_batch_size(batch, dtype):
    tolerance = 2e-5 if dtype == torch.float32 else 1e-12
    for circuit in (angle_embedding_strongly_entangling(8, 3), zz_feature_map_real_amplitudes(5, 2, 2)):
        results = [gradients(Torch(kernel=kernel), circuit, batch, dtype) for kernel in KERNELS]
        for one, other in zip(*results, strict=True):
            torch.testing.assert_close(one, other, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_empty_batch_gives_no_rows(kernel):
    values = Torch(kernel=kernel)(CIRCUIT, torch.zeros(0, 4), torch.zeros(24))
    assert values.shape == (0, 4)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_circuit_without_angles_or_gates_runs(kernel):
    circuit = Circuit(2, (), (Observable("Z", (0,)), Observable("X", (1,))))
    values = Torch(kernel=kernel)(circuit, torch.zeros(3, 0), torch.zeros(0))
    torch.testing.assert_close(values, torch.tensor([[1.0, 0.0]]).expand(3, 2))


@pytest.mark.parametrize("kernel", KERNELS)
def test_many_threads_change_nothing(kernel):
    circuit = angle_embedding_strongly_entangling(10, 2)
    backend, before = Torch(kernel=kernel), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = gradients(backend, circuit, 100, torch.float64)
        torch.set_num_threads(3)
        shared = gradients(backend, circuit, 100, torch.float64)
    finally:
        torch.set_num_threads(before)
    for one, other in zip(alone, shared, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_calls_from_several_threads_do_not_disturb_each_other(kernel):
    backend = Torch(kernel=kernel)
    circuits = [random_circuit(5, 40, seed) for seed in range(6)]
    expected = [gradients(backend, circuit, 40) for circuit in circuits]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: gradients(backend, circuits[number % 6], 40), range(24)))
    for number, result in enumerate(found):
        for one, other in zip(result, expected[number % 6], strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_batch_split_over_threads_sums_its_weight_gradients(kernel):
    backend = Torch(kernel=kernel)
    encoding, weights = angles(CIRCUIT, 8, torch.float64)
    whole = torch.autograd.grad(backend(CIRCUIT, encoding, weights).sum(), weights)[0]
    replicas = [weights.detach().clone().requires_grad_() for _ in range(2)]

    def half(number):
        backend(CIRCUIT, encoding.detach()[4 * number : 4 * number + 4], replicas[number]).sum().backward()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(half, range(2)))
    torch.testing.assert_close(replicas[0].grad + replicas[1].grad, whole)


@pytest.mark.parametrize("kernel", ["auto", *KERNELS])
def test_vmap_over_weights_runs_seeds_in_one_pass(kernel):
    backend = Torch(kernel=kernel)
    encoding = torch.randn(3, 4, dtype=torch.float64)
    weights = torch.randn(10, 24, dtype=torch.float64)

    def loss(weight):
        return backend(CIRCUIT, encoding, weight).square().sum()

    slopes, losses = torch.func.vmap(torch.func.grad_and_value(loss))(weights)
    for seed in range(10):
        leaf = weights[seed].clone().requires_grad_()
        alone = loss(leaf)
        torch.testing.assert_close(losses[seed], alone.detach())
        torch.testing.assert_close(slopes[seed], torch.autograd.grad(alone, leaf)[0])


@pytest.mark.parametrize("encoding_per_set", [False, True])
def test_the_kernels_run_each_set_of_a_vmap_that_autograd_looks_at_from_outside(encoding_per_set):
    backend, generator = Torch(kernel="numba"), torch.Generator().manual_seed(0)
    encoding = torch.randn(3, 20, 4, generator=generator)
    weights = torch.randn(24, 3, generator=generator)
    sets = [(encoding[number if encoding_per_set else 0], weights[:, number]) for number in range(3)]
    alone = [leaf for pair in sets for leaf in (each.clone().requires_grad_() for each in pair)]
    expected = [backend(CIRCUIT, *alone[2 * number : 2 * number + 2]) for number in range(3)]
    expected_slopes = torch.autograd.grad(sum(values.square().sum() for values in expected), alone)

    given = (encoding if encoding_per_set else encoding[0]).requires_grad_(), weights.requires_grad_()
    over = torch.func.vmap(lambda *pair: backend(CIRCUIT, *pair), in_dims=(0 if encoding_per_set else None, 1))
    values = over(*given)
    slopes = torch.autograd.grad(values.square().sum(), given)

    assert torch.equal(values, torch.stack(expected))
    of_encoding = torch.stack(expected_slopes[::2])
    torch.testing.assert_close(slopes[0], of_encoding if encoding_per_set else of_encoding.sum(0))
    assert torch.equal(slopes[1], torch.stack(expected_slopes[1::2], dim=1))


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_copy_and_a_pickled_copy_give_the_same(kernel):
    backend = Torch(kernel=kernel, precision="complex128", seed=3)
    expected = gradients(backend, CIRCUIT, 5)
    for twin in (copy.deepcopy(backend), pickle.loads(pickle.dumps(backend))):  # noqa: S301, TID251
        assert vars(twin) == vars(backend)
        for one, other in zip(gradients(twin, CIRCUIT, 5), expected, strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kernel", KERNELS)
def test_without_gradients_no_graph_is_kept(kernel):
    inputs = angles(CIRCUIT, 40)
    expected = Torch(kernel=kernel)(CIRCUIT, *inputs)
    with torch.no_grad():
        values = Torch(kernel=kernel)(CIRCUIT, *inputs)
    with torch.inference_mode():
        inferred = Torch(kernel=kernel)(CIRCUIT, *inputs)
    assert expected.requires_grad
    assert not values.requires_grad
    torch.testing.assert_close(values, expected.detach())
    torch.testing.assert_close(inferred.clone(), expected.detach())


@pytest.mark.parametrize("kernel", KERNELS)
def test_autocast_does_not_lower_the_precision(kernel):
    linear = torch.nn.Linear(6, 4)
    inputs, weights = torch.randn(5, 6), torch.randn(24, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = linear(inputs)
        values = Torch(kernel=kernel)(CIRCUIT, low, weights)
    assert low.dtype == torch.bfloat16
    assert values.dtype == torch.float32
    exact = Torch(kernel=kernel)(CIRCUIT, low.detach().double(), weights.detach().double())
    torch.testing.assert_close(values.detach().double(), exact, atol=2e-6, rtol=0)
    values.sum().backward()
    assert linear.weight.grad.abs().sum() > 0
    assert weights.grad.abs().sum() > 0


@pytest.mark.parametrize("kernel", KERNELS)
def test_precision_can_be_set_against_the_angles(kernel):
    encoding, weights = (tensor.detach() for tensor in angles(CIRCUIT, 4, torch.float64))
    exact = Torch(kernel=kernel)(CIRCUIT, encoding, weights)
    low = Torch(kernel=kernel, precision="complex64")(CIRCUIT, encoding, weights)
    high = Torch(kernel=kernel, precision="complex128")(CIRCUIT, encoding.float(), weights.float())
    assert (low.dtype, high.dtype) == (torch.float64, torch.float32)
    assert 1e-9 < (low - exact).abs().max() < 1e-5
    torch.testing.assert_close(high.double(), exact, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_second_derivatives_are_right(kernel):
    circuit = random_circuit(3, 12, 4)
    inputs = angles(circuit, 2, torch.float64)
    backend = Torch(kernel=kernel)
    assert torch.autograd.gradgradcheck(lambda *parts: backend(circuit, *parts).square(), inputs)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_backward_can_run_twice(kernel):
    inputs = angles(CIRCUIT, 3)
    values = Torch(kernel=kernel)(CIRCUIT, *inputs)
    first = torch.autograd.grad(values.sum(), inputs, retain_graph=True)
    second = torch.autograd.grad(values.sum(), inputs)
    for one, other in zip(first, second, strict=True):
        torch.testing.assert_close(one, other)


def test_more_qubits_than_fit_are_refused_with_the_bytes_they_need():
    circuit = Circuit(25, (Gate("ry", (24,), (Encoding(0),)),), (Observable("Z", (24,)),))
    with pytest.raises(NotSupported, match="25 qubits takes 268,435,456 bytes"):
        Torch().accept(circuit)
    with pytest.raises(NotSupported, match="25 qubits takes 268,435,456 bytes"):
        Torch()(circuit, torch.zeros(1, 1), torch.zeros(0))


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_batch_that_does_not_fit_is_refused_before_it_is_allocated(kernel):
    circuit = Circuit(24, (Gate("ry", (0,), (Encoding(0),)),), (Observable("Z", (0,)),))
    with pytest.raises(NotSupported, match=r"100000 samples of 24 qubits need \d\d,\d\d\d,\d\d\d,\d\d\d,\d\d\d bytes"):
        Torch(kernel=kernel)(circuit, torch.zeros(100000, 1), torch.zeros(0))


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_batch_that_does_not_fit_is_refused_before_there_are_angles(kernel):
    circuit = Circuit(24, (Gate("ry", (0,), (Encoding(0),)),), (Observable("Z", (0,)),))
    backend = Torch(kernel=kernel)
    with pytest.raises(NotSupported, match=r"100000 samples of 24 qubits need .*--set training.batch_size=…"):
        backend.accept_batch(circuit, 100_000, torch.device("cpu"))
    backend.accept_batch(CIRCUIT, 64, torch.device("cpu"))


def test_angles_that_are_not_finite_are_refused():
    with pytest.raises(UserError, match="encoding angles must be finite; 1 of 8"):
        Torch()(CIRCUIT, torch.tensor([[0.0, 1, 2, 3], [0, float("nan"), 2, 3]]), torch.zeros(24))


def test_without_numba_torch_runs_and_a_wish_for_numba_is_refused(monkeypatch):
    monkeypatch.setattr(backend_module, "_has_numba", lambda: False)
    expected = gradients(Torch(kernel="torch"), CIRCUIT, 3)
    for one, other in zip(gradients(Torch(), CIRCUIT, 3), expected, strict=True):
        assert torch.equal(one, other)
    with pytest.raises(NotInstalled, match="kernel='numba'"):
        gradients(Torch(kernel="numba"), CIRCUIT, 3)


def test_angles_elsewhere_than_on_the_cpu_are_refused_by_numba():
    circuit = Circuit(1, (Gate("rx", (0,), (Weight(0),)),), (Observable("Z", (0,)),))
    with pytest.raises(NotSupported, match="lie on meta"):
        Torch(kernel="numba").expectations(circuit, torch.zeros(1, 0, device="meta"), torch.zeros(1, device="meta"))


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_state_larger_than_the_first_cache_agrees_with_the_other_kernel(kernel):
    circuit = random_circuit(11, 80, 5, n_observables=4)
    found = gradients(Torch(kernel=kernel), circuit, 5, torch.float64)
    single = [gradients(Torch(kernel="torch"), circuit, 5, torch.float64)]
    for one, other in zip(found, single[0], strict=True):
        torch.testing.assert_close(one, other, atol=1e-11, rtol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_agrees_with_the_reference_on_cuda():
    check_backend(Torch(), device="cuda")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e7, 1e10, 1e15])
def test_both_kernels_agree_at_angles_of_any_size(size, dtype):
    circuit = Circuit(
        2,
        (
            Gate("ry", (0,), (Encoding(0),)),
            Gate("crz", (0, 1), (Encoding(1),)),
            Gate("ry", (1,), (Weight(0),)),
            Gate("h", (1,)),
            Gate("rzz", (0, 1), (Weight(1),)),
            Gate("rx", (1,), (Encoding(1),)),
        ),
        (Observable("Z", (0,)), Observable("XZ", (0, 1))),
    )
    generator = torch.Generator().manual_seed(1)
    encoding = torch.randn(5, 2, generator=generator, dtype=torch.float64) * size
    weights = torch.randn(2, generator=generator, dtype=torch.float64) * size
    results = []
    for kernel in KERNELS:
        inputs = [angle.to(dtype).requires_grad_() for angle in (encoding, weights)]
        values = Torch(kernel=kernel)(circuit, *inputs)
        results.append([values.detach(), *torch.autograd.grad(values.sum(), inputs)])
    exact = [angle.to(dtype).double() for angle in (encoding, weights)]
    results.append([Torch(kernel="torch")(circuit, *exact)])
    tolerance = 3e-5 if dtype == torch.float32 else 2e-14 * max(1, size * 1e-2)
    for kernel in results[:2]:
        torch.testing.assert_close(kernel[0].double(), results[2][0], atol=tolerance, rtol=0)
    for one, other in zip(*results[:2], strict=True):
        torch.testing.assert_close(one, other, atol=tolerance, rtol=0)
