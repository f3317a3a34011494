"""Aer and Qiskit Machine Learning run any circuit."""

import copy
import pickle

import numpy as np
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from qplug.contract.circuit import Circuit, Encoding, Gate, Observable, Weight
from qplug.contract.errors import NotSupported, UnknownName
from qplug.testing import reference
from qplug.testing.circuits import angle_embedding_strongly_entangling, each_gate, random_angles, random_circuit
from qplug.testing.equivalence import check_shots
from qplug_qiskit.aer import Aer
from qplug_qiskit.devices import DENSITY_MATRIX_QUBITS, fake_device, on_device, placed, without_phases
from qplug_qiskit.programs import measurable_together, with_slots
from qplug_qiskit.qiskit_ml import QiskitMl
from qplug_qiskit.shift import Slots


def tensors(circuit: Circuit, batch: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    encoding, weights = random_angles(circuit, batch, seed)
    return torch.tensor(encoding), torch.tensor(weights)


def test_qiskit_ml_is_exact_with_gradients() -> None:
    # One circuit at a time: two small circuits take seconds, and the connector rounds to float32.
    backend = QiskitMl()
    for circuit in (angle_embedding_strongly_entangling(2, 1), each_gate(("crz",))["crz"]):
        encoding, weights = (each.requires_grad_() for each in tensors(circuit, 2))
        values = backend(circuit, encoding, weights)
        wanted = Aer()(circuit, encoding, weights)
        torch.testing.assert_close(values, wanted, atol=1e-6, rtol=0)
        gradients = [torch.autograd.grad(each.square().sum(), [encoding, weights]) for each in (values, wanted)]
        torch.testing.assert_close(gradients[0], gradients[1], atol=1e-5, rtol=0)


def test_shots_have_the_spread_of_so_many_shots() -> None:
    check_shots(lambda shots: Aer(shots=shots, gradient="shift", seed=1), shots=(64, 1024), rows=64)


def test_the_same_seed_gives_the_same_values_and_another_does_not() -> None:
    circuit = random_circuit(2, 10, 0)
    angles = tensors(circuit, 3)
    values = [Aer(shots=50, seed=seed)(circuit, *angles) for seed in (0, 0, 1)]
    assert torch.equal(values[0], values[1])
    assert not torch.equal(values[0], values[2])


def test_a_circuit_without_angles_is_sampled_for_every_row() -> None:
    circuit = Circuit(1, (Gate("h", (0,)),), (Observable("Z", (0,)),))
    values = Aer(shots=100)(circuit, torch.zeros(20, 0), torch.zeros(0))
    assert values.shape == (20, 1)
    assert values.std() > 0
    exact = Aer()(circuit, torch.zeros(20, 0), torch.zeros(0))
    torch.testing.assert_close(exact, torch.zeros(20, 1), atol=1e-7, rtol=0)


def test_sampled_values_have_no_gradients_unless_asked() -> None:
    circuit = random_circuit(2, 10, 0)
    encoding, weights = tensors(circuit, 2)
    for backend in (Aer(shots=10), Aer(noise="FakeManilaV2"), Aer(gradient="none")):
        with pytest.raises(NotSupported, match="Aer gives no gradients"):
            backend(circuit, encoding, weights.clone().requires_grad_())
    Aer(shots=10, gradient="shift")(circuit, encoding, weights.requires_grad_()).sum().backward()
    assert weights.grad is not None


def test_sampled_gradients_are_one_call_of_two_runs_per_angle(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = Circuit(
        2,
        (Gate("ry", (0,), (Encoding(0),)), Gate("crx", (0, 1), (Weight(0),)), Gate("rz", (1,), (0.3,))),
        (Observable("Z", (1,)), Observable("X", (0,))),
    )
    backend = Aer(shots=100, gradient="shift")
    encoding, weights = (each.requires_grad_() for each in tensors(circuit, 5))
    values = backend(circuit, encoding, weights)
    calls: list[int] = []
    program = backend._programs[circuit]
    run = program.run

    def counted(rows: np.ndarray) -> np.ndarray:
        calls.append(len(rows))
        return run(rows)

    values.grad_fn.run = counted
    values.sum().backward()
    assert calls == [5 * (2 + 4)]  # crx has a shift rule of four terms


def test_slots_are_the_angles_that_are_not_constant() -> None:
    circuit = Circuit(
        1, (Gate("u", (0,), (Encoding(0), 0.5, Weight(0))), Gate("rx", (0,), (Encoding(0),))), (Observable("Z", (0,)),)
    )
    slots = Slots.of(circuit)
    assert slots.sources == (Encoding(0), Weight(0), Encoding(0))
    np.testing.assert_allclose(slots.values(np.array([[1.0], [2.0]]), np.array([3.0])), [[1, 3, 1], [2, 3, 2]])
    assert len(with_slots(circuit)[1]) == 3


def test_observables_that_agree_on_every_wire_are_measured_together() -> None:
    observables = [Observable("ZZ", (0, 1)), Observable("X", (0,)), Observable("Z", (1,)), Observable("XY", (0, 2))]
    assert measurable_together(observables) == [[0, 2], [1, 3]]


@pytest.mark.parametrize("name", ["FakeManilaV2", "manila", "fake_manila"])
def test_a_device_is_found_by_any_spelling(name: str) -> None:
    assert fake_device(name).num_qubits == 5


def test_an_unknown_device_is_refused_with_near_ones() -> None:
    with pytest.raises(UnknownName, match=r"modelled device is called 'FakeManilla'.*FakeManilaV2"):
        Aer(noise="FakeManilla").accept(random_circuit(2, 5, 0))


def test_more_qubits_than_the_device_has_are_refused() -> None:
    with pytest.raises(NotSupported, match="6 qubits, but Aer runs at most 5"):
        Aer(noise="FakeManilaV2").accept(angle_embedding_strongly_entangling(6, 1))


def test_noise_pulls_values_towards_zero() -> None:
    circuit = angle_embedding_strongly_entangling(3, 2)
    encoding, weights = tensors(circuit, 16)
    backend = Aer(noise="FakeManilaV2", shots=2048)
    backend.accept(circuit)
    noisy, exact = backend(circuit, encoding, weights), Aer()(circuit, encoding, weights)
    slope = float((noisy * exact).sum() / exact.square().sum())
    assert 0.6 < slope < 0.97
    assert float((noisy - slope * exact).std()) < 0.06


def test_the_reduced_device_behaves_as_the_whole_one() -> None:
    circuit = angle_embedding_strongly_entangling(2, 2)
    encoding, weights = random_angles(circuit, 1, 3)
    made, parameters = with_slots(circuit)
    values = Slots.of(circuit).values(encoding, weights)[0]
    bound = made.assign_parameters(dict(zip(parameters, values, strict=True)))
    bound.measure_all()
    device = fake_device("FakeManilaV2")
    small, noise = on_device(bound, device)
    assert small.num_qubits == 2
    shots = 100_000
    reduced = AerSimulator(noise_model=noise, method="density_matrix").run(small, shots=shots, seed_simulator=0)
    # The same circuit on the whole device, at the place that the reduction took it from.
    whole = on_whole_device(bound, device)
    right = AerSimulator(noise_model=NoiseModel.from_backend(device)).run(whole, shots=shots, seed_simulator=1)
    counts = [job.result().get_counts() for job in (reduced, right)]
    for outcome in ("00", "01", "10", "11"):
        assert abs(counts[0].get(outcome, 0) - counts[1].get(outcome, 0)) / shots < 0.01


def on_whole_device(circuit: QuantumCircuit, device: object) -> QuantumCircuit:
    return placed(circuit, device, most=DENSITY_MATRIX_QUBITS).circuit


def test_phases_that_are_bound_later_do_not_double_the_time_of_compiling_each() -> None:
    angles = [Encoding(number) for number in range(4)]
    gates = (Gate("u", (0,), (*angles[:2], 0.3)), Gate("p", (1,), (angles[2],)), Gate("cp", (0, 1), (angles[3],)))
    turned = tuple(Gate("ry", (wire,), (0.7,)) for wire in (0, 1))
    made, parameters = with_slots(Circuit(2, (*turned, *gates, *turned), (Observable("Z", (0,)),)))
    values = dict(zip(parameters, np.linspace(0.2, 1.9, len(parameters)), strict=True))
    bound = Operator(without_phases(made).assign_parameters(values))
    assert bound.equiv(Operator(made.assign_parameters(values)))
    phases = tuple(Gate(name, wires, (angles[0],)) for name, wires in [("p", (0,)), ("cp", (1, 0))] * 40)
    many, _ = with_slots(Circuit(2, (*turned, *phases, *turned), (Observable("Z", (0,)),)))
    many.measure_all()
    assert placed(many, fake_device("FakeManilaV2"), [0]).circuit.count_ops()["rz"] >= 40


@pytest.mark.parametrize("further", [(), (Gate("ry", (0,), (Encoding(1),)),)])
def test_angles_that_no_measurement_shows_are_no_matter_to_a_modelled_device(further: tuple[Gate, ...]) -> None:
    circuit = Circuit(1, (*further, Gate("rz", (0,), (Encoding(0),))), (Observable("Z", (0,)),))
    encoding = torch.tensor([[0.3, 0.0], [1.0, np.pi]])[:, : circuit.n_encoding]
    values = Aer(noise="FakeManilaV2", shots=2000)(circuit, encoding, torch.zeros(0))
    wanted = torch.tensor([[1.0], [-1.0]] if further else [[1.0], [1.0]])
    torch.testing.assert_close(values, wanted, atol=0.2, rtol=0)


@pytest.mark.parametrize("parameters", [{}, {"shots": 100}, {"noise": "FakeManilaV2", "shots": 100}])
def test_a_used_backend_can_be_copied_and_pickled(parameters: dict[str, object]) -> None:
    circuit = random_circuit(2, 8, 0)
    angles = tensors(circuit, 2)
    backend = Aer(**parameters)  # type: ignore[arg-type]
    values = backend(circuit, *angles)
    pickled = pickle.loads(pickle.dumps(backend))  # noqa: S301, TID251 made in this line
    for twin in (copy.deepcopy(backend), pickled):
        torch.testing.assert_close(twin(circuit, *angles), values)


def test_capabilities_say_what_the_parameters_make_of_it() -> None:
    exact, shots, noisy = Aer().capabilities, Aer(shots=5).capabilities, Aer(noise="FakeManilaV2").capabilities
    assert (exact.exact, exact.noise, exact.gradient) == (True, False, "shift")
    assert (shots.exact, shots.noise, shots.gradient) == (False, False, None)
    assert (noisy.exact, noisy.noise, noisy.gradient) == (False, True, None)


def test_values_are_the_references_for_rows_of_one_circuit() -> None:
    circuit = angle_embedding_strongly_entangling(4, 2)
    encoding, weights = random_angles(circuit, 40, 0)
    got = Aer()(circuit, torch.tensor(encoding), torch.tensor(weights))
    np.testing.assert_allclose(got, reference.expectations(circuit, encoding, weights), atol=1e-10)
