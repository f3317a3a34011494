import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from torch import nn

from qplug import catalogue
from qplug.circuits.spectrum import accessible
from qplug.contract.circuit import GATES, Circuit, Encoding, Gate, Observable, Weight
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import HeadCapabilities, QuantumHead
from qplug.lab.diagnosis import advice
from qplug.lab.diagnosis.diagnose import Asked, diagnose
from qplug.lab.diagnosis.diagnosis import digest, sealed
from qplug.lab.diagnosis.draws import all_encoded, anywhere, as_training_starts
from qplug.lab.diagnosis.expressive import BINS, divergence_from_haar, meyer_wallach, pair_fidelities, state_facts
from qplug.lab.diagnosis.files import write
from qplug.lab.diagnosis.plateau import fitted_decay, gradient_facts
from qplug.lab.diagnosis.prediction import predict
from qplug.lab.diagnosis.scales import Rung, Seen, scale_facts
from qplug.lab.diagnosis.seen import standard_normal
from qplug.lab.diagnosis.states import final_states
from qplug.lab.judging.angles import linear_shares
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace
from qplug.testing import reference

OWN = {"n_qubits": 2, "n_layers": 1}
Z0 = (Observable("Z", (0,)),)


class Made(QuantumHead):
    """A head around any circuit; its inputs and parameters are the angles."""

    capabilities = HeadCapabilities(interface=1, quantum=True)

    def __init__(self, circuit: Circuit) -> None:
        self.made, self.n_inputs = circuit, circuit.n_encoding

    def circuit(self, n_inputs: int) -> Circuit:
        return self.made


def of(gates: list[tuple], n_qubits: int, observables=Z0) -> Made:
    return Made(Circuit(n_qubits, tuple(Gate(*gate) for gate in gates), observables))


def facts(head: Made, n_groups: int = 8, n_each: int = 32):
    return state_facts(anywhere(head, head.n_inputs, n_groups, n_each, seed=0), n_groups)


@pytest.fixture(scope="module")
def backend():
    return catalogue.create("backend", "torch")


def every_gate() -> Circuit:
    """Each standard gate once, with a weight, an encoding angle and a constant in turn, on entangled wires."""
    gates = [Gate("h", (wire,)) for wire in range(3)] + [Gate("ry", (wire,), (Encoding(wire),)) for wire in range(3)]
    n_encoding, n_weights = 3, 0
    for number, (name, kind) in enumerate(GATES.items()):
        wires = tuple((number + step) % 3 for step in range(kind.n_wires))
        angles: list = []
        for _ in range(kind.n_angles):
            which = (n_encoding + n_weights) % 3
            angles.append([Encoding(n_encoding), Weight(n_weights), 0.7][which])
            n_encoding, n_weights = n_encoding + (which == 0), n_weights + (which == 1)
            if which == 2:
                gates.append(Gate("rx", (wires[0],), (Weight(n_weights),)))
                n_weights += 1
        gates.append(Gate(name, wires, tuple(angles)))
    return Circuit(3, tuple(gates), Z0)


def test_states_are_those_of_the_reference_for_every_gate() -> None:
    circuit, generator = every_gate(), np.random.default_rng(0)
    assert set(circuit.gate_counts) == set(GATES)
    encoding = generator.uniform(0, 6, (5, circuit.n_encoding))
    weights = generator.uniform(0, 6, circuit.n_weights)
    right = reference.final_states(circuit, encoding, weights).reshape(5, -1)
    assert np.abs(final_states(circuit, encoding, np.tile(weights, (5, 1))) - right).max() < 1e-5


def test_each_draw_has_weights_of_its_own() -> None:
    circuit = Circuit(2, (Gate("ry", (0,), (Weight(0),)), Gate("cx", (0, 1))), Z0)
    states = final_states(circuit, np.zeros((2, 0)), np.array([[0.0], [math.pi]]))
    assert np.abs(states) == pytest.approx(np.array([[1, 0, 0, 0], [0, 0, 0, 1]]), abs=1e-6)


def test_a_circuit_whose_weights_do_nothing_is_as_inexpressive_as_can_be() -> None:
    idle = facts(of([("ry", (0,), (Encoding(0),)), ("cx", (0, 1)), ("rz", (1,), (Encoding(1),))], 2))
    assert idle.expressibility == pytest.approx(math.log(BINS))
    assert idle.expressibility_error == 0.0


def test_any_rotation_of_one_qubit_is_near_haar_and_one_axis_is_not() -> None:
    # rz(a) ry(b) rz(c) is not Haar for uniform b; two such in a row are near it.
    euler = [(f"r{axis}", (0,), (Weight(number),)) for number, axis in enumerate("zyzyz")]
    near = facts(of(euler, 1))
    assert near.expressibility < 0.06
    # h, then rz: the fidelity is cos²(a/2) of a uniform angle, whose density is 1/(π √(F (1 - F))). Against the uniform
    # density that is ln(4/π) = 0.2416; bins blur it a little.
    arc = facts(of([("h", (0,)), ("rz", (0,), (Weight(0),))], 1), n_each=64)
    assert 0.19 < arc.expressibility < 0.29


def test_haar_random_states_show_no_more_than_the_floor_on_any_number_of_qubits() -> None:
    generator = np.random.default_rng(1)
    for n_qubits in (1, 3, 10):
        states = generator.normal(size=(128, 2**n_qubits)) + 1j * generator.normal(size=(128, 2**n_qubits))
        states /= np.linalg.norm(states, axis=1, keepdims=True)
        fidelities = pair_fidelities(states)
        floor = (BINS - 1) / (2 * len(fidelities))
        assert divergence_from_haar(fidelities, n_qubits) < 3 * floor


def test_entanglement_of_known_states() -> None:
    ghz = np.zeros((1, 8), complex)
    ghz[0, [0, 7]] = 0.5**0.5
    product = np.kron(np.kron([0.6, 0.8j], [0.5**0.5, 0.5**0.5]), [1, 0])[None]
    bell_and_one = np.kron(np.array([1, 0, 0, 1]) / 2**0.5, [1, 0])[None]
    assert meyer_wallach(ghz) == pytest.approx([1.0])
    assert meyer_wallach(product) == pytest.approx([0.0])
    assert meyer_wallach(bell_and_one) == pytest.approx([2 / 3])


def test_a_circuit_without_entanglers_makes_product_states() -> None:
    turns = [("ry", (wire,), (Weight(wire),)) for wire in range(3)]
    assert facts(of(turns, 3)).entangling == pytest.approx(0.0, abs=1e-6)
    assert facts(of([*turns, ("cx", (0, 1)), ("cx", (1, 2))], 3)).entangling > 0.3


def test_the_gradients_of_a_product_of_all_qubits_halve_with_each_further_one(backend) -> None:
    # ⟨Z…Z⟩ behind ry(w) on each of n qubits is Π cos(w): each slope has the variance 2^-n exactly.
    found = []
    for n in (2, 3, 4, 5, 6):
        every = (Observable("Z" * n, tuple(range(n))),)
        head = of([("ry", (wire,), (Weight(wire),)) for wire in range(n)], n, every)
        seen = gradient_facts(as_training_starts(head, 0, 500, seed=n), backend, seed=0)
        assert abs(seen.variance - 2**-n) < 5 * seen.error
        assert seen.direction_variance == pytest.approx(seen.variance, rel=0.3)
        found.append(seen.variance)
    decay = fitted_decay(None, [2, 3, 4, 5, 6], found)
    assert decay is not None
    assert decay.low < 0.5 < decay.high
    assert decay.factor == pytest.approx(0.5, abs=0.06)


def test_gradients_tell_observables_apart_and_leave_out_what_is_constant(backend) -> None:
    # The weight moves the first qubit alone, and always by the same amount: ⟨Z⟩ = cos(w), ⟨Z⟩ of the other is 1.
    head = of([("ry", (0,), (Weight(0),))], 2, (Observable("Z", (0,)), Observable("Z", (1,))))
    seen = gradient_facts(as_training_starts(head, 0, 800, seed=0), backend, seed=0)
    assert seen.by_observable == pytest.approx((0.5, 0.0), abs=0.05)
    assert seen.variance == pytest.approx(0.25, abs=0.03)


def test_a_circuit_without_weights_has_no_gradients(backend) -> None:
    head = of([("ry", (0,), (Encoding(0),))], 1)
    seen = gradient_facts(as_training_starts(head, 1, 8, seed=0), backend, seed=0)
    assert (seen.variance, seen.n_parameters) == (0.0, 0)
    assert "no trainable parameters" in advice.on_gradients(seen, 1, None)


def test_weights_become_encoding_angles_behind_those_that_are_there(backend) -> None:
    circuit = Circuit(1, (Gate("ry", (0,), (Encoding(0),)), Gate("ry", (0,), (Weight(0),))), Z0)
    made = all_encoded(circuit)
    assert (made.n_encoding, made.n_weights) == (2, 0)
    values = backend(made, torch.tensor([[0.3, 0.4], [0.1, 0.5]]), torch.zeros(0))
    assert values[:, 0].tolist() == pytest.approx([math.cos(0.7), math.cos(0.6)], abs=1e-6)


def test_a_decay_needs_three_sizes() -> None:
    assert fitted_decay(2, [2, 4], [0.1, 0.01]) is None
    exact = fitted_decay(2, [2, 4, 6], [0.04, 0.01, 0.0025])
    assert exact is not None
    assert (exact.factor, exact.low, exact.high) == pytest.approx((0.5, 0.5, 0.5))


def test_the_linear_share_of_each_output() -> None:
    inputs = torch.randn(400, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    outputs = torch.stack([inputs @ torch.tensor([1.0, 2.0], dtype=torch.float64), inputs[:, 0] * inputs[:, 1]], dim=1)
    assert linear_shares(inputs, outputs).tolist() == pytest.approx([1.0, 0.0], abs=0.03)


def rung(**changes: float) -> Rung:
    given = {"scale": 0.5, "spread": 0.5, "saturated": 0.0, "linear_share": 0.6, "output_spread": 0.05, **changes}
    return Rung(**given, linear_shares=(0.6,), output_spreads=(0.05,))


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, "works", "sound"),
        ({"linear_share": 0.9}, "linear", "nearly linear"),
        ({"linear_share": 0.05}, "fails", "scrambled"),
        ({"linear_share": 0.05, "saturated": 0.6}, "fails", "saturated"),
        ({"output_spread": 1e-4}, "fails", "dark"),
    ],
)
def test_the_prediction_says_why(backend, changes, verdict, reason) -> None:
    head = of([("ry", (0,), (Weight(0),))], 1)
    seen = gradient_facts(as_training_starts(head, 0, 8, seed=0), backend, seed=0)
    said = predict(rung(**changes), seen)
    assert (said.verdict, said.reason) == (verdict, reason)


def test_a_scale_is_recommended_that_leaves_half_linear_and_the_values_apart(backend) -> None:
    name, parameters = "pennylane-pqc", {"n_qubits": 4, "scale": 2.0}
    head = catalogue.create("head", name, parameters)
    inputs = torch.randn(256, 4, generator=torch.Generator().manual_seed(0))
    seen = Seen(head, name, parameters, nn.Identity(), inputs, 4, 2, "numbers")
    found = scale_facts(seen, backend, seed=0, progress=lambda done, total: None)
    assert found.current.scale == 2.0
    assert [each.scale for each in found.ladder] == sorted(each.scale for each in found.ladder)
    best = found.recommended
    assert best is not None
    assert best.scale in (0.25, 0.5)
    larger = [each for each in found.ladder if each.scale > best.scale]
    assert larger
    assert all(each.linear_share < 0.5 for each in larger)
    assert f"--set head.scale={best.scale:.3g}" in advice.on_scale(found)


def test_a_head_without_a_scale_is_given_one_in_front_of_it(backend) -> None:
    head = of([("ry", (0,), (Encoding(0),)), ("ry", (0,), (Weight(0),))], 1)
    found = scale_facts(
        standard_normal(head, "made", {}, 1, seed=0), backend, seed=0, progress=lambda done, total: None
    )
    assert (found.target, found.current.scale) == ("reducer.scale", 1.0)
    spreads = [each.spread for each in found.ladder]
    assert spreads == pytest.approx([found.current.spread * each.scale for each in found.ladder])


@pytest.fixture(scope="module")
def small():
    asked = Asked("pennylane-pqc", OWN, (2, 3, 4), (1,))
    return diagnose(asked, Workplace.from_environment({}), Silent())


def test_a_diagnosis_is_plain_data_and_has_the_heads_own_size(small) -> None:
    told = json.loads(json.dumps(small.to_json(), allow_nan=False))
    assert [(size["n_qubits"], size["n_layers"]) for size in told["sizes"]] == [(2, 1), (3, 1), (4, 1)]
    assert told["own"]["n_qubits"] == 2
    assert [decay["n_layers"] for decay in told["decays"]] == [1]
    own = catalogue.create("head", "pennylane-pqc", OWN)
    assert told["frequencies"] == [list(each) for each in accessible(own.circuit(2))]
    assert set(told["advice"]) == {
        "gradients", "expressibility", "entanglement", "frequencies", "saturation", "linearity", "scale", "time",
    }  # fmt: skip
    assert told["scales"]["target"] == "head.scale"
    assert told["prediction"]["verdict"] in ("fails", "linear", "works")


def test_the_same_seed_gives_the_same_diagnosis_but_for_times(small) -> None:
    again = diagnose(Asked("pennylane-pqc", OWN, (2,), (1,)), Workplace.from_environment({}), Silent())
    assert (again.own.gradients, again.own.states) == (small.own.gradients, small.own.states)
    assert again.prediction == small.prediction


def test_what_is_written_is_sealed_with_date_and_hash(small, tmp_path) -> None:
    written = write(small, tmp_path / "new" / "folder")
    assert sorted(path.name for path in written) == ["diagnosis.json", "diagnosis.png"]
    content = json.loads((tmp_path / "new" / "folder" / "diagnosis.json").read_text("utf-8"))
    assert content["sha256"] == digest(content)
    assert datetime.fromisoformat(content["date"]).tzinfo is not None
    content["prediction"]["verdict"] = "works" if content["prediction"]["verdict"] != "works" else "fails"
    assert content["sha256"] != digest(content)
    assert (tmp_path / "new" / "folder" / "diagnosis.png").read_bytes()[:4] == b"\x89PNG"


def test_a_seal_holds_the_date_too() -> None:
    first, second = (sealed({"a": 1}, datetime(2026, 1, day, tzinfo=UTC)) for day in (1, 2))
    assert first["sha256"] != second["sha256"]


def test_a_circuit_that_is_too_large_is_refused() -> None:
    with pytest.raises(NotSupported, match="a circuit of 16 qubits was asked for, but states are looked at up to 14"):
        diagnose(Asked("pennylane-pqc", {"n_qubits": 16}, (2,), (1,)), Workplace.from_environment({}), Silent())


def test_a_prediction_is_held_against_half_of_what_a_linear_head_gains(benchmark_script) -> None:
    script = benchmark_script("diagnoses")
    truth = {"dataset": "some", "reason": "sound", "linear_share": 0.5, "linear_accuracy": 0.9, "chance": 0.1}
    right = script.Cell(head="a", predicted="works", accuracy=0.51, **truth)
    missed = script.Cell(head="b", predicted="linear", accuracy=0.49, **truth)
    alarm = script.Cell(head="c", predicted="fails", accuracy=0.6, **truth)
    told = script.summary([right, missed, alarm], [sealed({"dataset": "some"})])
    assert (told["hits"], told["failures"], told["failures_foretold"]) == (1, 1, 0)
    assert (told["missed_failures"], told["false_alarms"]) == (1, 1)
    text = script.markdown(told)
    assert "1 of 3 right" in text
    assert "- missed: b on some, predicted linear (sound), kept 49%" in text
    assert "| a | 0.51, 51%; works |" in text
