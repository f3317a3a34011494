"""The backend ibm on modelled devices: the whole path but for the network."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import qplug_qiskit.ibm
from qplug.contract.circuit import Circuit, Encoding, Gate, Observable
from qplug.contract.errors import DataError, NotSupported, UnknownName
from qplug.contract.interfaces import Failed, Task, Values, Work
from qplug.testing.circuits import angle_embedding_strongly_entangling, random_angles
from qplug.testing.remote import check_remote, trial_work
from qplug_qiskit.aer import Aer
from qplug_qiskit.devices import fake_device, placed
from qplug_qiskit.ibm import Ibm
from qplug_qiskit.ibm_circuits import compile_for
from qplug_qiskit.ibm_work import EXECUTIONS_OF_A_JOB, Handle, Shape, parts_of
from qplug_qiskit.programs import measured_in_basis, with_slots

LAGOS = "FakeLagosV2"


def work_of(*circuits: Circuit, rows: int = 3, shots: int = 400, tag: str = "work") -> Work:
    tasks = [Task(circuit, *random_angles(circuit, rows, seed)) for seed, circuit in enumerate(circuits)]
    return Work(tuple(tasks), shots, tag)


def made(folder: Path, **parameters: Any) -> Ibm:
    return Ibm(**{"fake": LAGOS, "layout_seeds": 2, "folder": str(folder), **parameters})


def settled(backend: Ibm, work: Work) -> Values:
    values = backend.collect(backend.submit(work))
    assert isinstance(values, Values)
    return values


def asymmetric(paulis: str = "Z") -> Circuit:
    """Each wire has another expectation value, and so has each pair."""
    gates = (
        Gate("ry", (0,), (Encoding(0),)), Gate("ry", (1,), (Encoding(1),)), Gate("cx", (0, 2)),
        Gate("ry", (2,), (0.4,)), Gate("cx", (1, 0)), Gate("rx", (1,), (Encoding(2),)),
    )  # fmt: skip
    strings = [Observable(paulis, (wire,)) for wire in (2, 0, 1)]
    return Circuit(3, gates, (*strings, Observable(paulis * 2, (2, 0))))


@pytest.mark.parametrize("generation", ["executor", "v2"])
def test_what_holds_for_every_remote_backend(tmp_path: Path, generation: str) -> None:
    check_remote(made(tmp_path, generation=generation), lambda: None, shots=200)


def test_values_are_those_of_aer_with_the_same_noise_in_the_right_order(tmp_path: Path) -> None:
    circuit, shots = asymmetric(), 4000
    encoding, weights = np.array([[0.3, 1.2, 0.7], [2.2, 0.4, 1.9]]), np.zeros(0)
    work = Work((Task(circuit, encoding, weights),), shots, "order")
    got = settled(made(tmp_path, layout_seeds=10), work).expectations[0]
    right = Aer(noise=LAGOS, shots=40_000)(circuit, torch.tensor(encoding), torch.tensor(weights)).numpy()
    np.testing.assert_allclose(got, right, atol=5 / shots**0.5)
    # In another order the values would be far away.
    assert all(
        np.abs(got[:, list(order)] - right).max() > 0.1 for order in permutations(range(4)) if order != (0, 1, 2, 3)
    )


def test_an_estimator_gives_what_a_sampler_gives(tmp_path: Path) -> None:
    work = replace(work_of(asymmetric()), shots=4000)
    sampled = settled(made(tmp_path / "s"), work)
    for number, generation in enumerate(("executor", "v2")):
        estimated = settled(made(tmp_path / str(number), primitive="estimator", generation=generation), work)
        np.testing.assert_allclose(estimated.expectations[0], sampled.expectations[0], atol=7 / 4000**0.5)
        assert estimated.raw["task0/standard_error"].shape == (3, 4)
        assert estimated.facts["circuits"][0]["primitive"] == "estimator"


def test_other_bases_go_to_an_estimator_and_z_to_a_sampler_of_the_same_work(tmp_path: Path) -> None:
    mixed = replace(asymmetric(), observables=(Observable("X", (2,)), Observable("ZY", (0, 1)), Observable("Z", (2,))))
    backend = made(tmp_path)
    work = work_of(mixed, asymmetric(), shots=2000)
    values = settled(backend, work)
    assert [each["primitive"] for each in values.facts["circuits"]] == ["estimator", "sampler"]
    assert len(values.facts["job_ids"]) == 2
    assert [each.shape for each in values.expectations] == [(3, 3), (3, 4)]
    task = work.tasks[0]
    right = Aer(noise=LAGOS, shots=20_000)(mixed, torch.tensor(task.encoding), torch.tensor(task.weights)).numpy()
    np.testing.assert_allclose(values.expectations[0], right, atol=0.15)
    assert backend.forecast(work).executions == (2 + 1) * 3 * 2000
    with pytest.raises(NotSupported, match=r"this circuit's read-out needs 2\. Take an estimator"):
        made(tmp_path, primitive="sampler").forecast(work_of(mixed))


def test_readout_mitigation_needs_an_estimator_and_brings_values_nearer(tmp_path: Path) -> None:
    circuit = Circuit(1, (Gate("ry", (0,), (Encoding(0),)),), (Observable("Z", (0,)),))
    work = Work((Task(circuit, np.array([[0.0]]), np.zeros(0)),), 4000, "still")
    plain = settled(made(tmp_path / "0"), work).expectations[0].item()
    mitigated = settled(made(tmp_path / "1", readout_mitigation=True), work)
    assert mitigated.facts["circuits"][0]["primitive"] == "estimator"
    assert plain < 0.99 < mitigated.expectations[0].item()


def test_counts_are_kept_and_give_the_values_again(tmp_path: Path) -> None:
    work = work_of(asymmetric(), shots=300)
    values = settled(made(tmp_path), work)
    row, outcome, count = (values.raw[f"task0/{name}"] for name in ("row", "outcome", "count"))
    wires = np.unpackbits(outcome, axis=1)
    for number in range(3):
        here = row == number
        assert count[here].sum() == 300
        for position, observable in enumerate(asymmetric().observables):
            sign = 1 - 2.0 * (wires[here][:, list(observable.wires)].sum(1) % 2)
            expected = values.expectations[0][number, position]
            assert (sign * count[here]).sum() / 300 == pytest.approx(expected)


def test_a_circuit_whose_angles_do_nothing_is_run_once_for_all_rows(tmp_path: Path) -> None:
    # The compiler drops a rotation about z ahead of the measurement, and the angle with it.
    circuit = Circuit(1, (Gate("h", (0,)), Gate("rz", (0,), (Encoding(0),))), (Observable("Z", (0,)),))
    values = settled(made(tmp_path), work_of(circuit, rows=4))
    assert values.expectations[0].shape == (4, 1)
    assert abs(values.expectations[0]).max() < 0.4


def test_each_circuit_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []

    def counted(circuit: Circuit, *rest: Any) -> Any:
        compiled.append(circuit)
        return compile_for(circuit, *rest)

    monkeypatch.setattr(qplug_qiskit.ibm, "compile_for", counted)
    backend, work = made(tmp_path), work_of(asymmetric(), angle_embedding_strongly_entangling(2, 1))
    for shots in (10, 20):
        backend.forecast(replace(work, shots=shots))
    settled(backend, work)
    settled(backend, replace(work, tag="again"))
    assert compiled == [task.circuit for task in work.tasks]


def test_the_best_layout_is_kept_and_told(tmp_path: Path) -> None:
    circuit = angle_embedding_strongly_entangling(5, 2)
    measured = measured_in_basis(with_slots(circuit)[0], circuit.observables)
    alone = [placed(measured, fake_device(LAGOS), [seed]).fidelity for seed in range(6)]
    assert len(set(alone)) > 1
    told = made(tmp_path, layout_seeds=6).forecast(work_of(circuit)).facts
    assert told["predicted_fidelity"] == max(alone)
    (facts,) = told["circuits"]
    assert (facts["layouts_tried"], facts["layout_seed"]) == (6, alone.index(max(alone)))
    assert len(set(facts["layout"])) == 5
    assert {each["qubit"] for each in facts["qubits"]} >= set(facts["layout"])
    assert all(0 < each["error"] < 1 for each in facts["pairs"])
    assert all(each["t1_seconds"] > 0 and 0 < each["readout_error"] < 1 for each in facts["qubits"])


def test_the_forecast_follows_the_rule_and_says_that_a_fake_costs_nothing(tmp_path: Path) -> None:
    forecast = made(tmp_path).forecast(work_of(asymmetric(), rows=50, shots=1000))
    assert forecast.executions == 50_000
    assert forecast.seconds == pytest.approx(2 + 0.00035 * 50_000)
    assert forecast.left_seconds is None
    assert f"fake device {LAGOS}: nothing is charged" in forecast.note
    assert (forecast.facts["device"], forecast.facts["fake"]) == (f"fake device {LAGOS}", True)
    assert json.loads(json.dumps(dict(forecast.facts))) == forecast.facts
    assert settled(made(tmp_path), work_of(asymmetric())).usage_seconds == 0


@pytest.mark.parametrize(("fake", "n_qubits"), [("FakeAlgiers", 27), ("torino", 133)])
def test_larger_models_are_simulated_on_the_qubits_in_use(tmp_path: Path, fake: str, n_qubits: int) -> None:
    values = settled(made(tmp_path, fake=fake), work_of(angle_embedding_strongly_entangling(4, 1), rows=2, shots=100))
    assert values.expectations[0].shape == (2, 4)
    assert values.facts["device_qubits"] == n_qubits
    assert values.facts["device"].startswith("fake device Fake")


def test_another_process_finds_the_result(tmp_path: Path, forking: Any) -> None:
    folder = tmp_path / "facts"
    folder.mkdir()
    backend, work = made(folder), trial_work(100, "elsewhere")
    handle = backend.submit(work)
    ask = (
        "import sys, numpy, qplug_qiskit.ibm as ibm\n"
        "values = ibm.Ibm(folder=sys.argv[1]).collect(sys.argv[2])\n"
        "print(values.expectations[0].tolist(), values.facts['device'])"
    )
    done = forking(["-c", ask, folder, handle], tmp_path, os.environ)
    assert done.returncode == 0, done.stderr
    here = backend.collect(handle)
    assert isinstance(here, Values)
    assert done.stdout.strip() == f"{here.expectations[0].tolist()} fake device {LAGOS}"
    assert not [path for path in folder.iterdir() if path.suffix != ".npz"]


def test_results_lie_in_the_cache_unless_a_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "cache"))
    work = work_of(asymmetric(), shots=10)
    handle = Ibm(fake=LAGOS, layout_seeds=1).submit(work)
    (kept,) = (tmp_path / "cache" / "ibm").iterdir()
    assert isinstance(Ibm().collect(handle), Values)
    kept.write_bytes(b"damaged")
    with pytest.raises(DataError, match=rf"{kept.name}, what a fake device gave, is damaged"):
        Ibm().collect(handle)
    kept.unlink()
    gone = Ibm().collect(handle)
    assert isinstance(gone, Failed)
    assert gone.retry
    assert "is not in" in gone.reason


def test_the_same_work_gives_the_same_values_and_another_seed_others(tmp_path: Path) -> None:
    work = work_of(asymmetric())
    values = [settled(made(tmp_path / str(n), seed=seed), work).expectations[0] for n, seed in enumerate((0, 0, 1))]
    np.testing.assert_array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])


def test_what_does_not_fit_or_exist_is_refused(tmp_path: Path) -> None:
    eight = angle_embedding_strongly_entangling(8, 1)
    with pytest.raises(NotSupported, match=f"the circuit has 8 qubits, but {LAGOS} has 7"):
        made(tmp_path).accept(eight)
    with pytest.raises(UnknownName, match=r"no modelled device is called 'FakeTorina'. Did you mean 'FakeTorino'"):
        Ibm(fake="FakeTorina").check()
    with pytest.raises(DataError, match="'what is this' is no handle of work that the backend ibm sent"):
        Ibm().collect("what is this")


def test_capabilities_tell_a_model_from_a_device() -> None:
    real, fake = Ibm().capabilities, Ibm(fake=LAGOS).capabilities
    assert (real.hardware, real.needs_network, real.remote, real.noise) == (True, True, True, True)
    assert (fake.hardware, fake.needs_network, fake.remote, fake.noise) == (False, False, True, True)
    assert real.modes == ("job", "batch", "session")


def test_a_used_backend_can_be_pickled(tmp_path: Path) -> None:
    backend, work = made(tmp_path), work_of(asymmetric())
    handle = backend.submit(work)
    twin = pickle.loads(pickle.dumps(backend))  # noqa: S301, TID251 made in this line
    assert twin.find(work) == handle


def test_work_is_split_only_where_a_job_would_be_too_large() -> None:
    shapes = (
        Shape("sampler", 500, ((0,),), 1),
        Shape("estimator", 10, ((0,), (1,)), 2),
        Shape("sampler", 7, ((0,),), 1),
    )
    parts = parts_of(shapes, 1000)
    assert [(part.kind, [(each.task, each.start, each.stop) for each in part.portions]) for part in parts] == [
        ("sampler", [(0, 0, 500), (2, 0, 7)]),
        ("estimator", [(1, 0, 10)]),
    ]
    large = parts_of((Shape("sampler", 250, ((0,),), 1), Shape("sampler", 3, ((0,),), 1)), 100_000)
    assert [sum(each.stop - each.start for each in part.portions) for part in large] == [100, 100, 53]
    most = max(sum(each.stop - each.start for each in part.portions) for part in large) * 100_000
    assert most <= EXECUTIONS_OF_A_JOB


def test_a_handle_is_one_line_and_is_read_again() -> None:
    handle = Handle(("a", "b"), "ibm_x", 100, (Shape("estimator", 5, ((0, 2), (1,)), 2),), "tag-0")
    assert "\n" not in str(handle)
    assert Handle.read(str(handle)) == handle
