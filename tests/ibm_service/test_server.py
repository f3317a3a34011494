"""The real, unmodified client against the loopback server: what tests of the backend ``ibm`` build on."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta

import numpy as np
import pytest
import requests
from qiskit import QuantumCircuit, transpile
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import Batch, EstimatorV2, QiskitRuntimeService, SamplerV2
from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError, RuntimeJobTimeoutError
from qiskit_ibm_runtime.executor_estimator import Estimator
from qiskit_ibm_runtime.executor_sampler import Sampler

from .account import INSTANCE, TOKEN
from .control import Control
from .devices import fake
from .fixtures import LARGE, MIDDLE, SMALL, service
from .process import own_process
from .reduced import Part, simulator, used
from .server import serve
from .trial import for_device, result, sampled, turned


def test_the_client_logs_in_and_learns_of_its_instance_and_what_it_has_left(ibm: Control) -> None:
    ibm.allowance(remaining=480)

    service = QiskitRuntimeService()

    assert service.active_instance() == INSTANCE
    assert [each["plan"] for each in service.instances()] == ["open"]
    assert service.usage()["usage_remaining_seconds"] == 480
    assert ibm.seen()["requests"]["POST /identity/token"] == 2
    assert TOKEN not in json.dumps(ibm.seen())


def test_devices_are_chosen_by_queue_and_qubits_and_come_with_their_calibration(ibm: Control) -> None:
    service = QiskitRuntimeService()

    assert service.least_busy().name == LARGE
    ibm.device(MIDDLE, queue=0)
    assert QiskitRuntimeService().least_busy().name == MIDDLE
    ibm.device(MIDDLE, state="maintenance")
    assert QiskitRuntimeService().least_busy().name == LARGE
    assert {each.name: each.num_qubits for each in service.backends()} == {SMALL: 7, MIDDLE: 27, LARGE: 133}
    told, model = service.backend(LARGE), fake("FakeTorino")
    assert set(told.coupling_map) == set(model.coupling_map)
    assert told.properties().t1(7) == model.properties().t1(7)
    assert told.properties().readout_error(7) == model.properties().readout_error(7)
    assert not told.simulator
    assert (service.backend(MIDDLE).status().operational, service.backend(LARGE).status().pending_jobs) == (False, 2)


def test_a_sampler_job_with_several_pubs_gives_each_qubit_its_own_bit(ibm: Control) -> None:
    backend = QiskitRuntimeService().backend(LARGE)
    circuit = turned()
    circuit.measure_all()
    circuit = for_device(circuit, backend)
    rows = np.pi * np.array([[[1, 0, 0], [0, 1, 0]]])
    sampler = SamplerV2(mode=backend, options={"default_shots": 30})
    sampler.options.environment.job_tags = ["one", "two"]
    sampler.options.max_execution_time = 77

    job = sampler.run([(circuit, rows), (circuit, rows[0, 1], 50)])

    first, second = result(job)
    assert first.data.meas.shape == (1, 2)
    assert [first.data.meas.get_counts(where) for where in ((0, 0), (0, 1))] == [{"001": 30}, {"010": 30}]
    assert second.data.meas.get_counts() == {"010": 50}
    (seen,) = ibm.jobs()
    assert (seen["id"], seen["program"], seen["device"], seen["tags"]) == (
        job.job_id(),
        "sampler",
        LARGE,
        ["one", "two"],
    )
    assert seen["most_seconds"] == 77
    assert seen["pubs"] == [
        {"shape": [1, 2], "parameters": 3, "observables": None, "circuits": 2, "shots": 30, "qubits": 3},
        {"shape": [], "parameters": 3, "observables": None, "circuits": 1, "shots": 50, "qubits": 3},
    ]
    assert seen["seconds"] == pytest.approx(2 + 0.00035 * (2 * 30 + 50))
    assert job.usage() == seen["seconds"]
    assert job.metrics()["num_circuits"] == 3
    assert job.usage_estimation["quantum_seconds"] == seen["seconds"]
    assert QiskitRuntimeService().usage()["usage_consumed_seconds"] == seen["seconds"]


def test_an_estimator_job_broadcasts_observables_over_rows(ibm: Control) -> None:
    backend = QiskitRuntimeService().backend(LARGE)
    circuit = for_device(turned(), backend)
    rows = np.array([[np.pi, 0, 0.4], [0, np.pi, 0.4], [0, 0, 0.4], [1.0, 2.0, 0.4]])
    observables = [[SparsePauliOp(label).apply_layout(circuit.layout)] for label in ("IIZ", "IZI", "ZII", "XII")]

    job = EstimatorV2(mode=backend).run([(circuit, observables, rows)], precision=0.02)

    values = result(job)[0].data.evs
    right = np.cos(rows).T
    assert values.shape == (4, 4)
    assert np.abs(values[:3] - right).max() < 0.1
    assert np.abs(values[3] - np.sin(0.4) * right[1]).max() < 0.1
    assert ibm.jobs()[0]["pubs"] == [
        {"shape": [4], "parameters": 3, "observables": [4, 1], "circuits": 8, "shots": 2500, "qubits": 3}
    ]


def test_an_estimator_job_takes_weighted_sums_and_qubits_that_the_circuit_leaves_alone(ibm: Control) -> None:
    backend = QiskitRuntimeService().backend(SMALL)
    circuit = for_device(turned(), backend)
    inside = SparsePauliOp(["IIZ", "IXI", "IZI"], [1.0, 2.0, 0.5]).apply_layout(circuit.layout)
    outside = SparsePauliOp("IIIIIIZ", 3.0)

    job = EstimatorV2(mode=backend).run([(circuit, inside, [np.pi, 0.6, 0.0]), (circuit, outside, [0.0] * 3)])

    first, second = (each.data.evs for each in result(job))
    assert float(first) == pytest.approx(-1 - 2 * np.sin(0.6) + 0.5 * np.cos(0.6), abs=0.1)
    assert float(second) == 3
    assert [(pub["circuits"], pub["shots"], pub["qubits"]) for pub in ibm.jobs()[0]["pubs"]] == [
        (2, 4096, 3),
        (1, 4096, 4),
    ]


def test_with_noise_a_job_scatters_more_than_by_its_shots_and_the_same_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serve(service(noise=True)) as control:
        for name, value in control.environment.items():
            monkeypatch.setenv(name, value)
        backend = QiskitRuntimeService().backend(SMALL)
        first, second = (result(sampled(backend))[0].data.meas.get_counts() for _ in range(2))

    assert first == second
    assert len(first) > 1
    assert first["000"] > 150


def test_the_reduced_device_has_the_noise_of_the_whole_one() -> None:
    model = fake("FakeOslo")
    circuit = QuantumCircuit(2)
    circuit.ry(1.1, 0)
    for _ in range(10):
        circuit.cx(0, 1)
    circuit.measure_all()
    circuit = transpile(circuit, model, optimization_level=0, initial_layout=[5, 6])
    part = Part(model.target, used(circuit))

    small = simulator(part, noise=True, seed=3).run(part.circuit(circuit), shots=200_000)
    whole = AerSimulator.from_backend(model, method="density_matrix").run(circuit, shots=200_000, seed_simulator=4)

    assert part.qubits == (5, 6)
    shares = [[job.result().get_counts().get(f"{key:02b}", 0) / 2e5 for key in range(4)] for job in (small, whole)]
    assert np.abs(np.subtract(shares[0], shares[1])).max() < 0.005
    assert shares[0][2] > 0.02


def test_jobs_of_a_batch_belong_together_and_none_is_taken_once_it_is_closed(ibm: Control) -> None:
    backend = QiskitRuntimeService().backend(SMALL)

    with Batch(backend=backend) as batch:
        jobs = [sampled(batch) for _ in range(2)]
        for job in jobs:
            result(job)

    assert [each["session"] for each in ibm.jobs()] == [batch.session_id] * 2
    (session,) = ibm.seen()["sessions"]
    assert (session["mode"], session["accepting_jobs"]) == ("batch", False)
    assert batch.usage() == pytest.approx(2 * (2 + 0.00035 * 200))
    assert QiskitRuntimeService().jobs(session_id=batch.session_id)[0].job_id() == jobs[1].job_id()


def test_jobs_are_found_by_tag_and_by_id(ibm: Control) -> None:
    service = QiskitRuntimeService()
    backend = service.backend(SMALL)
    first, second = (sampled(backend, tags=("qplug", tag)) for tag in ("a", "b"))

    assert [job.job_id() for job in service.jobs(job_tags=["qplug"])] == [second.job_id(), first.job_id()]
    assert [job.job_id() for job in service.jobs(job_tags=["qplug", "a"])] == [first.job_id()]
    assert service.jobs(job_tags=["c"]) == []
    assert len(service.jobs(pending=True)) == 2
    again = QiskitRuntimeService().job(first.job_id())
    assert result(again)[0].data.meas.get_counts(0) == {"000": 200}
    assert [job.job_id() for job in service.jobs(pending=False)] == [first.job_id()]
    assert again.update_tags(["new"]) == ["new"]
    assert [job.job_id() for job in service.jobs(job_tags=["new"])] == [first.job_id()]


def test_a_job_waits_until_it_is_released_was_asked_for_or_an_hour_has_gone_by(ibm: Control) -> None:
    backend = QiskitRuntimeService().backend(SMALL)
    ibm.queue(held=True)
    job = sampled(backend)
    with pytest.raises(RuntimeJobTimeoutError, match="after 0 secs"):
        job.result(timeout=0)
    assert job.status() == "QUEUED"
    ibm.release()
    assert job.status() == "DONE"

    ibm.queue(polls=2)
    job = sampled(backend)
    assert [job.status() for _ in range(3)] == ["QUEUED", "QUEUED", "DONE"]

    ibm.queue(seconds=3600)
    job = sampled(backend)
    assert job.status() == "QUEUED"
    ibm.advance(3600)
    assert job.status() == "DONE"
    finished = datetime.fromisoformat(job.metrics()["timestamps"]["finished"])
    assert timedelta(hours=1) < finished - job.creation_date < timedelta(hours=1, minutes=1)


def test_a_job_is_cancelled_while_it_waits_and_not_afterwards(ibm: Control) -> None:
    backend = QiskitRuntimeService().backend(SMALL)
    ibm.queue(polls=1)
    job, done = sampled(backend), sampled(backend)

    job.cancel()

    assert job.status() == "CANCELLED"
    with pytest.raises(RuntimeInvalidStateError, match=f"{job.job_id()}.*cancelled"):
        result(job)
    result(done)
    with pytest.raises(RuntimeInvalidStateError, match=f"{done.job_id()} has ended: Completed"):
        done.cancel()
    assert [each["charged"] for each in ibm.jobs()] == [0, pytest.approx(2.07)]


@pytest.mark.parametrize("device", [SMALL, LARGE])
def test_jobs_that_the_client_mitigates_itself_are_run_as_they_come(ibm: Control, device: str) -> None:
    backend = QiskitRuntimeService().backend(device)
    circuit = for_device(turned(), backend)
    rows = np.array([[np.pi, 0, 0.4], [1.0, 2.0, 0.4]])
    observables = [[SparsePauliOp(label).apply_layout(circuit.layout)] for label in ("IIZ", "IZI", "XII")]
    estimator = Estimator(mode=backend, options={"resilience_level": 1})
    estimator.options.environment.job_tags = ["mine"]
    measured = circuit.measure_all(inplace=False, add_bits=True)

    values = result(estimator.run([(circuit, observables, rows)], precision=0.04))[0].data.evs
    counts = result(Sampler(mode=backend).run([(measured, rows[0])], shots=90))[0].data.meas.get_counts()

    right = np.cos(rows).T
    assert np.abs(values - [right[0], right[1], np.sin(0.4) * right[1]]).max() < 0.2
    assert sum(counts.values()) == 90
    assert {key[-5] for key in counts} == {"1"}
    first, second = ibm.jobs()
    assert (first["program"], first["tags"], second["pubs"][0]["shots"]) == ("executor", ["mine"], 90)
    assert first["executions"] >= 2 * 0.04**-2


def test_a_server_in_its_own_process_outlives_its_clients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with own_process("FakeOslo:3", "--ideal", "--seed", "5") as control:
        ask = f"import http.client as h, os; h.HTTPConnection('127.0.0.1', {control.port}).request('GET', '/jobs')"
        client = subprocess.run([sys.executable, "-S", "-c", f"{ask}; os.kill(os.getpid(), 9)"], check=False)
        assert client.returncode == -9
        for name, value in control.environment.items():
            monkeypatch.setenv(name, value)
        job = sampled(QiskitRuntimeService().backend(SMALL), tags=("kept",))
        assert result(job)[0].data.meas.get_counts() == {"000": 200}
        assert [each["tags"] for each in control.jobs()] == [["kept"]]
    with pytest.raises(ConnectionRefusedError):
        control.seen()


def test_nothing_gets_out_by_an_encrypted_address(ibm: Control) -> None:
    with pytest.raises(requests.exceptions.ProxyError, match="502"):
        requests.get("https://quantum.cloud.ibm.com", timeout=None)

    assert ibm.requests("CONNECT quantum.cloud.ibm.com:443") == 1
