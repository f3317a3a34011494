"""Every quantum head on every exact backend, found by name and used through the contract alone."""

from pathlib import Path
from typing import Any

import pytest
import torch

from qplug.catalogue import entries, load
from qplug.circuits import qasm3
from qplug.contract.errors import UserError
from qplug.contract.interfaces import Backend, QuantumHead, Task, Work
from qplug.heads.quantum_module import QuantumModule
from qplug.testing.circuits import angle_embedding_strongly_entangling, random_angles
from qplug.testing.equivalence import check_head, check_pair

SMALL: dict[str, dict[str, Any]] = {
    "pennylane-pqc": {"n_qubits": 3},
    "pennylane-ry-rz-ring": {"n_qubits": 3},
    "qiskit-qnn": {"n_qubits": 3},
    "qiskit-efficient-su2": {"n_qubits": 3, "reps": 1},
    "circuit-file": {},
    "amplitude": {"n_qubits": 2, "n_layers": 1},
    "data-reuploading": {"n_qubits": 3, "n_layers": 2},
    "iqp": {"n_qubits": 3, "n_layers": 1},
    "qcnn": {"n_qubits": 4, "convolution": "ttn"},
}
SLOW = {"qiskit-ml"}
EXACT = ["torch", "default.qubit", "lightning.qubit", "aer"]


@pytest.fixture(scope="module")
def circuit_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("circuits") / "head.qasm"
    path.write_text(qasm3.dump(angle_embedding_strongly_entangling(3, 1)), encoding="utf-8")
    return str(path)


def make_head(name: str, circuit_file: str) -> QuantumHead:
    parameters = {"path": circuit_file} if name == "circuit-file" else SMALL[name]
    head = load("head", name)(**parameters)
    assert isinstance(head, QuantumHead)
    return head


def make_backend(name: str) -> Backend:
    backend = load("backend", name)()
    assert isinstance(backend, Backend)
    return backend


def test_no_quantum_head_of_this_project_is_left_out() -> None:
    ours = [entry for entry in entries("head") if entry.status == "ready" and entry.provider == "qplug"]
    quantum = {entry.name for entry in ours if load("head", entry.name).capabilities.quantum}  # type: ignore[attr-defined]
    assert quantum == set(SMALL)


def test_no_exact_backend_of_this_project_is_left_out() -> None:
    ours = [entry for entry in entries("backend") if entry.status == "ready" and entry.provider == "qplug"]
    capabilities = {entry.name: load("backend", entry.name).capabilities for entry in ours}
    exact = {name for name, declared in capabilities.items() if declared.exact}  # type: ignore[attr-defined]
    assert exact == {*EXACT, *SLOW}


@pytest.mark.parametrize("backend", EXACT)
@pytest.mark.parametrize("head", SMALL)
def test_a_head_on_a_backend_keeps_the_contract(head: str, backend: str, circuit_file: str) -> None:
    dtypes = (torch.float32, torch.float64) if backend in ("torch", "default.qubit") else (torch.float64,)
    check_head(make_head(head, circuit_file), make_backend(backend), dtypes=dtypes, batch=3)


@pytest.mark.parametrize("head", SMALL)
def test_qiskit_ml_gives_every_head_the_same_numbers(head: str, circuit_file: str) -> None:
    # A step takes seconds, and its connector computes in float32 whatever it is given.
    made = make_head(head, circuit_file)
    check_pair(made, make_backend("qiskit-ml"), make_backend("torch"), batch=2, dtypes=(torch.float32,))


def test_all_heads_are_one_job_of_ibm_with_the_values_of_aer_with_the_same_noise(
    circuit_file: str, tmp_path: Path
) -> None:
    heads = [make_head(name, circuit_file) for name in SMALL]
    circuits = [head.circuit(head.n_inputs or 3) for head in heads]
    tasks = tuple(Task(circuit, *random_angles(circuit, 2, 0)) for circuit in circuits)
    shots = 1000
    aer = load("backend", "aer")(noise="FakeLagosV2", shots=20_000)
    ibm = load("backend", "ibm")(fake="FakeLagosV2", folder=str(tmp_path))
    values = ibm.collect(ibm.submit(Work(tasks, shots, "all heads")))  # type: ignore[attr-defined]
    assert len(values.facts["job_ids"]) == 1
    for task, got in zip(tasks, values.expectations, strict=True):
        wanted = aer(task.circuit, torch.tensor(task.encoding), torch.tensor(task.weights))  # type: ignore[operator]
        torch.testing.assert_close(torch.tensor(got), wanted, atol=6 / shots**0.5, rtol=0)


def test_weights_trained_on_one_backend_are_checked_on_another(circuit_file: str) -> None:
    head = make_head("pennylane-pqc", circuit_file)
    torch.manual_seed(0)
    module = QuantumModule(head, make_backend("torch"), 3, 2)
    assert isinstance(module, QuantumModule)
    inputs = torch.randn(20, 3)
    labels = (inputs[:, 0] > 0).long()
    optimiser = torch.optim.Adam(module.parameters(), lr=0.1)
    for _ in range(80):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(inputs), labels).backward()
        optimiser.step()
    module.eval()
    logits = module(inputs).detach()
    assert (logits.argmax(1) == labels).float().mean() >= 0.9
    for name in ("default.qubit", "lightning.qubit", "aer"):
        module.backend = make_backend(name)
        torch.testing.assert_close(module(inputs).detach(), logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.float16])
@pytest.mark.parametrize("backend", [*EXACT, *SLOW])
def test_whole_numbers_as_inputs_give_the_values_of_the_same_real_ones(
    backend: str, dtype: torch.dtype, circuit_file: str
) -> None:
    module = QuantumModule(make_head("circuit-file", circuit_file), make_backend(backend), 3, 2)
    inputs = torch.tensor([[0, 1, 1], [1, 0, 1]]).to(dtype)
    values = module.expectations(inputs).detach()
    wanted = module.expectations(inputs.float()).detach()
    assert values.dtype == torch.float32
    assert not torch.equal(values, values.round())
    torch.testing.assert_close(values, wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("backend", EXACT)
def test_whole_numbers_as_angles_are_refused(backend: str, circuit_file: str) -> None:
    circuit = make_head("circuit-file", circuit_file).circuit(3)
    whole, real = torch.ones(2, circuit.n_encoding, dtype=torch.int64), torch.ones(2, circuit.n_encoding)
    weights = torch.ones(circuit.n_weights)
    with pytest.raises(UserError, match=r"encoding angles must be floating-point numbers in radians; got torch\.int64"):
        make_backend(backend)(circuit, whole, weights)
    with pytest.raises(UserError, match=r"weight angles must be floating-point numbers in radians; got torch\.int64"):
        make_backend(backend)(circuit, real, weights.long())
