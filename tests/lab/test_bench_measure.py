import json
from dataclasses import replace
from importlib.metadata import version

import pytest
import torch

from qplug import bench as room
from qplug.bench import Effort, Options, bench, bench_tables
from qplug.bench.candidates import Candidate, backends, of_backend
from qplug.bench.measure import Benchmark
from qplug.bench.problem import Outcome, Truth, circuit_problem, head_problem
from qplug.bench.sizes import Sizes
from qplug.contract.errors import NotSupported, UnknownName
from qplug.contract.interfaces import Backend, BackendCapabilities
from qplug_torch.backend import Torch

QUICK = Effort(budget=2.0, rounds=2, turn=0.0)
KEYS = {"backend", "n_qubits", "n_layers", "batch", "ms", "ratio_to_torch", "max_abs_difference", "floor_ms", "note"}


class Right(Backend):
    """Right values and gradients, from the torch backend."""

    capabilities = BackendCapabilities(interface=1, gradient="autograd")

    def expectations(self, circuit, encoding, weights):
        return Torch().expectations(circuit, encoding, weights)


class WrongInTheLastRow(Right):
    def expectations(self, circuit, encoding, weights):
        values = super().expectations(circuit, encoding, weights)
        return torch.cat([values[:-1], values[-1:] + 0.01])


class OtherWireOrder(Right):
    def expectations(self, circuit, encoding, weights):
        return super().expectations(circuit, encoding, weights).flip(1)


class HalfGradients(Right):
    def expectations(self, circuit, encoding, weights):
        values = super().expectations(circuit, encoding, weights)
        return (values + values.detach()) / 2


class NoInputGradients(Right):
    def expectations(self, circuit, encoding, weights):
        return super().expectations(circuit, encoding.detach(), weights)


class NotANumber(Right):
    def expectations(self, circuit, encoding, weights):
        return super().expectations(circuit, encoding, weights) * float("nan")


class Broken(Right):
    def expectations(self, circuit, encoding, weights):
        raise ValueError("out of luck")


class Small(Right):
    capabilities = replace(Right.capabilities, max_qubits=1)


class NoGradients(Right):
    capabilities = replace(Right.capabilities, gradient=None)


def cases(batch=2, qubits=(2,), layers=(1,)):
    return Sizes("pennylane-pqc", {}).cases(qubits, layers, [batch])


def rows(*candidates, cases, effort=QUICK, patient=False):
    benchmark = Benchmark("cpu", effort, patient=patient, say=lambda line: None)
    return list(benchmark.rows(candidates, cases))


@pytest.mark.parametrize("batch", [1, 2, 9])
def test_a_right_backend_is_timed(batch):
    (row,) = rows(of_backend("right", Right(), "cpu"), cases=cases(batch))
    assert row.max_abs_difference < 1e-6
    assert row.max_gradient_difference < 1e-5
    assert row.ms > 0
    assert row.floor_ms > 0
    assert row.ratio_to_floor == pytest.approx(row.ms / row.floor_ms)
    assert (row.calls, row.note) == (2, "")


@pytest.mark.parametrize("backend", [WrongInTheLastRow, OtherWireOrder, HalfGradients, NoInputGradients, NotANumber])
def test_a_wrong_backend_is_called_wrong_and_not_timed(backend):
    ours, wrong = rows(of_backend("torch", Torch(), "cpu"), of_backend("wrong", backend(), "cpu"), cases=cases(9))
    assert ours.ms is not None
    assert wrong.note.startswith("wrong: values differ by up to")
    assert (wrong.ms, wrong.ratio_to_torch, wrong.calls) == (None, None, 0)


def test_a_backend_that_refuses_or_fails_says_so_and_the_others_go_on():
    found = rows(
        of_backend("small", Small(), "cpu"),
        of_backend("broken", Broken(), "cpu"),
        of_backend("torch", Torch(), "cpu"),
        cases=cases(),
    )
    assert found[0].note.startswith("refused: the circuit has 2 qubits, but Small runs at most 1")
    assert found[1].note == "failed: ValueError: out of luck"
    assert found[2].ms > 0
    assert found[2].ratio_to_torch == 1.0


def test_ratios_are_medians_over_the_median_of_torch():
    ours, other = rows(of_backend("torch", Torch(), "cpu"), of_backend("other", Right(), "cpu"), cases=cases())
    assert other.ratio_to_torch == pytest.approx(other.ms / ours.ms)


def counting(calls, name="slow", **options):
    """A candidate that gives the truth and counts its calls."""

    def prepare(problem):
        step = of_backend(name, Right(), "cpu").prepare(problem)

        def counted():
            calls.append(name)
            return step()

        return counted

    return Candidate(name, prepare, **options)


def test_a_candidate_for_the_patient_is_called_once_and_only_in_the_smallest_case():
    calls = []
    small, large = rows(
        counting(calls, patient=True), cases=cases(qubits=(2, 3)), effort=Effort(budget=0.0, rounds=2, turn=0.0)
    )
    assert len(calls) == 1
    assert (small.note, small.calls) == ("one call", 1)
    assert small.ms == pytest.approx(small.first_call_s * 1e3)
    assert large.note == "skipped: minutes; timed in the smallest case unless --patient"


def test_with_patience_it_is_called_in_every_case():
    calls = []
    found = rows(
        counting(calls, patient=True),
        cases=cases(qubits=(2, 3)),
        effort=Effort(budget=0.0, rounds=2, turn=0.0),
        patient=True,
    )
    assert [row.note for row in found] == ["one call", "one call"]


def test_a_slow_first_call_that_may_have_compiled_is_not_taken_for_the_time():
    calls = []
    (row,) = rows(counting(calls), cases=cases(), effort=Effort(budget=0.0, rounds=2, turn=0.0))
    assert len(calls) == 2
    assert row.ms != pytest.approx(row.first_call_s * 1e3, abs=0)


def test_the_circuit_problem_has_the_angles_of_the_head_problem():
    (case,) = cases(batch=5)
    head, circuit = head_problem(case, "cpu"), circuit_problem(case, "cpu")
    encoding, weights = head.angles(head.inputs, head.parameters)
    torch.testing.assert_close(circuit.inputs, encoding)
    torch.testing.assert_close(circuit.parameters, weights)


def test_the_truth_is_that_of_a_right_backend_also_at_the_circuits_level():
    (case,) = cases(batch=5, layers=(2,))
    problem = circuit_problem(case, "cpu")
    difference = Truth(problem).difference(of_backend("right", Right(), "cpu").prepare(problem)())
    assert not difference.too_large


def test_a_gradient_of_one_wrong_row_is_seen():
    (case,) = cases(batch=9)
    problem = head_problem(case, "cpu")
    values, by_inputs, by_parameters = of_backend("right", Right(), "cpu").prepare(problem)()
    by_inputs = by_inputs.clone()
    by_inputs[7] += 0.01
    assert Truth(problem).difference(Outcome(values, by_inputs, by_parameters)).too_large


def test_backends_without_gradients_do_not_take_part(site):
    source = (
        "from qplug.contract.interfaces import Backend, BackendCapabilities\n"
        "class Part(Backend):\n"
        "    summary = 'values only'\n"
        "    capabilities = BackendCapabilities(interface=1, gradient=None)\n"
        "    def expectations(self, circuit, encoding, weights):\n"
        "        raise NotImplementedError\n"
    )
    site.add("qplug-mute", {"qplug.backends": {"mute": "mute_plugin:Part"}}, {"mute_plugin": source})
    chosen, left_out = backends(None)
    assert chosen[0][0] == "torch"
    assert left_out["mute"] == "gives no gradients"
    with pytest.raises(NotSupported, match=r"no backend here gives gradients \(mute: gives no gradients\)"):
        backends(["mute"])


def test_an_unknown_backend_is_refused_with_near_names():
    with pytest.raises(UnknownName, match=r"no backend is called 'torhc'\. Did you mean 'torch'"):
        backends(["torhc"])


def options(**more):
    return Options(settings={}, backends=["torch", "default.qubit"], effort=QUICK, **more)


def test_a_report_is_json_with_a_row_per_backend_and_case():
    report = bench("pennylane-pqc", [2], [1], [2, 3], options(threads=1))
    told = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert [(row["backend"], row["batch"]) for row in told["rows"]] == [
        ("torch", 2),
        ("default.qubit", 2),
        ("torch", 3),
        ("default.qubit", 3),
    ]
    assert all(row.keys() >= KEYS for row in told["rows"])
    assert (told["head"], told["device"], told["threads"], told["steps"]) == ("pennylane-pqc", "cpu", 1, [])
    assert told["versions"]["torch"] == version("torch")  # torch.__version__ may name the CUDA it was built for


def test_the_number_of_threads_is_put_back():
    before = torch.get_num_threads()
    bench("pennylane-pqc", [2], [1], [2], options(threads=before + 1))
    assert torch.get_num_threads() == before


def test_training_steps_stand_beside_a_network_of_as_many_parameters():
    report = bench("pennylane-pqc", [4], [2], [4], options(step=True))
    assert [row.backend for row in report.steps] == ["torch", "default.qubit"]
    for row in report.steps:
        assert row.ratio_to_mlp == pytest.approx(row.ms / row.mlp_ms)
        assert abs(row.n_parameters - row.mlp_parameters) <= 6


def test_tables_vary_one_axis_at_a_time(monkeypatch):
    monkeypatch.setattr(room, "BASE", {"qubits": 2, "batch": 2, "layers": 1})
    axes = {"qubits": [2, 3], "batch": [1, 2], "layers": [1]}
    report, text = bench_tables("pennylane-pqc", axes, options())
    assert {(row.n_qubits, row.batch) for row in report.rows} == {(2, 2), (3, 2), (2, 1)}
    assert "### By qubits (batch 2, 1 layers)" in text
    (line,) = [line for line in text.splitlines() if line.startswith("| 3 |")]
    assert line.count("|") == 5
    assert "× floor)" in line


def test_cuda_is_refused_where_there_is_none():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(NotSupported, match="--device cuda"):
        bench("pennylane-pqc", [2], [1], [2], options(device="cuda"))
