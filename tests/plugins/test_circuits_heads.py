"""The heads data-reuploading, iqp and qcnn: against their sources' circuits written in PennyLane."""

from itertools import combinations
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qplug.contract.errors import NotSupported
from qplug.heads.quantum_module import QuantumModule
from qplug.heads.traced_head import TracedHead
from qplug.heads.uploads import input_uploads
from qplug.parameters import create
from qplug.testing import reference
from qplug.testing.equivalence import check_head
from qplug_circuits.amplitude import Amplitude
from qplug_circuits.iqp import Iqp
from qplug_circuits.qcnn import Qcnn
from qplug_circuits.re_uploading import DataReUploading
from qplug_circuits.written import WrittenHead
from qplug_torch.backend import Torch

READ_OUTS = ["linear", "z", "parity", "probabilities", "parity-classes"]


def values(head: TracedHead, inputs: Tensor, parameters: Tensor) -> Tensor:
    """What the head measures, (batch, n_values), before its read-out."""
    circuit = head.circuit(head.n_inputs)
    measured = Torch()(circuit, head.encode(inputs, parameters), head.weight_angles(parameters))
    return head.traced().values.double()(measured)


def compare(head: TracedHead, function: Any, wires: Any) -> None:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(2, head.n_inputs, generator=generator, dtype=torch.float64)
    parameters = 6 * torch.rand(head.n_parameters, generator=generator, dtype=torch.float64)

    def with_z(sample: Tensor, given: Tensor) -> Any:
        function(sample, given)
        return [qml.expval(qml.Z(wire)) for wire in wires]

    qnode = qml.QNode(with_z, qml.device("default.qubit", wires=head.circuit(head.n_inputs).n_qubits))
    wanted = torch.stack([torch.stack(qnode(sample, parameters)) for sample in inputs])
    torch.testing.assert_close(values(head, inputs, parameters), wanted, atol=1e-9, rtol=0)


@pytest.mark.parametrize(("n", "k"), [(3, 1), (2, 3), (1, 2)])
def test_re_uploading_is_the_sources_compressed_layer(n: int, k: int) -> None:
    def function(x: Tensor, parameters: Tensor) -> None:
        for number, layer in enumerate(parameters.reshape(2, n, k + 3)):
            for wire in range(n):
                phi = layer[wire, k:].clone()
                phi[:k] += layer[wire, :k] * x[wire * k : wire * k + k]
                qml.RZ(phi[2], wire)
                qml.RY(phi[0], wire)
                qml.RZ(phi[1], wire)
            for pair in ({1: [], 2: [(0, 1)], 3: [(0, 1), (2, 0)]}[n]) if number == 0 else ():
                qml.CZ(pair)

    compare(DataReUploading(n_qubits=n, n_layers=2, inputs_per_qubit=k), function, range(n))


def test_re_uploading_joins_other_neighbours_in_every_second_layer() -> None:
    gates = DataReUploading(n_qubits=4, n_layers=3).circuit(4).gates
    assert [gate.wires for gate in gates if gate.name == "cz"] == [(0, 1), (2, 3), (1, 2), (3, 0)]


def test_re_uploading_trains_the_scale_of_every_upload() -> None:
    head = DataReUploading(n_qubits=2, n_layers=3, scale=0.25)
    start = head.initial_parameters(head.circuit(2), torch.Generator().manual_seed(0))
    ones, nothing = (head.encode(torch.full((1, 2), x), start) for x in (1.0, 0.0))
    torch.testing.assert_close(ones - nothing, torch.full((1, 6), 0.25))
    assert len(set(nothing[0].tolist())) == 6
    uploads = input_uploads(head, head.circuit(2), 2)
    assert len(uploads) == 6
    assert len(set(uploads)) == 2


@pytest.mark.parametrize("pairs", ["all", "ring"])
def test_iqp_is_diagonal_between_hadamard_gates(pairs: Any) -> None:
    head = Iqp(n_qubits=4, n_layers=0, n_repeats=2, pairs=pairs, scale=0.7)
    inputs = torch.randn(1, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    joined = list(combinations(range(4), 2)) if pairs == "all" else [(0, 1), (1, 2), (2, 3), (0, 3)]
    x, z = 0.7 * inputs[0].numpy(), 1 - 2 * np.array(list(np.ndindex(2, 2, 2, 2)))
    phases = z @ x + sum(x[i] * x[j] * z[:, i] * z[:, j] for i, j in joined)
    walsh = np.array([[(-1) ** (a & b).bit_count() for a in range(16)] for b in range(16)]) / 4
    state = np.eye(16)[0]
    for _ in range(2):
        state = np.exp(-0.5j * phases) * (walsh @ state)
    wanted = np.abs(state) ** 2 @ z  # the last RY gates have the angle 0
    got = values(head, inputs, torch.zeros(4, dtype=torch.float64))
    np.testing.assert_allclose(got[0], wanted, atol=1e-9)


def test_iqp_with_ring_is_pennylanes_embedding_and_the_trained_layers_follow() -> None:
    def function(x: Tensor, parameters: Tensor) -> None:
        pattern = [[0, 1], [1, 2], [2, 0]]
        qml.IQPEmbedding(0.5 * x, wires=range(3), n_repeats=2, pattern=pattern)
        turns = parameters.reshape(3, 3)
        qml.AngleEmbedding(turns[0], range(3), "Y")
        qml.AngleEmbedding(turns[1], range(3), "Z")
        for pair in pattern:
            qml.CNOT(pair)
        qml.AngleEmbedding(turns[2], range(3), "Y")

    compare(Iqp(n_qubits=3, n_layers=1, pairs="ring"), function, range(3))


@pytest.mark.parametrize("n", [1, 2, 4])
def test_amplitudes_are_the_inputs_at_the_cost_of_the_source(n: int) -> None:
    head = Amplitude(n_qubits=n, n_layers=0)
    inputs = torch.randn(6, 2**n, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    inputs[1, : 2**n // 2], inputs[2, 2**n // 2 :], inputs[3] = 0, 0, 0
    inputs.requires_grad_()
    parameters = torch.zeros(head.n_parameters, dtype=torch.float64)  # nothing after the preparation
    circuit, angles = head.circuit(2**n), head.encode(inputs, parameters)
    states = reference.final_states(circuit, angles.detach().numpy(), parameters.numpy()).reshape(6, -1)
    wanted = torch.nn.functional.normalize(inputs.detach()).numpy()
    wanted[3] = np.eye(2**n)[0]
    np.testing.assert_allclose(np.abs((states * wanted).sum(1)), 1, atol=1e-9)
    assert circuit.gate_counts.get("cx", 0) == 2**n - 2
    assert circuit.gate_counts["ry"] == 2**n - 1 + n
    angles.square().sum().backward()
    assert inputs.grad.isfinite().all()


def su4(w: Tensor, a: int, b: int) -> None:
    qml.U3(*w[0:3], wires=a)
    qml.U3(*w[3:6], wires=b)
    qml.CNOT([a, b])
    qml.RY(w[6], a)
    qml.RZ(w[7], b)
    qml.CNOT([b, a])
    qml.RY(w[8], a)
    qml.CNOT([a, b])
    qml.U3(*w[9:12], wires=a)
    qml.U3(*w[12:15], wires=b)


def ttn(w: Tensor, a: int, b: int) -> None:
    qml.RY(w[0], a)
    qml.RY(w[1], b)
    qml.CNOT([a, b])


def pool(w: Tensor, source: int, target: int) -> None:
    qml.CRZ(w[0], [source, target])
    qml.ctrl(qml.RX, control=source, control_values=0)(w[1], wires=target)


@pytest.mark.parametrize(("name", "size"), [("su4", 15), ("ttn", 2)])
def test_qcnn_shares_circuits_among_pairs_and_pools_by_controlled_rotations(name: Any, size: int) -> None:
    convolution = {"su4": su4, "ttn": ttn}[name]

    def function(x: Tensor, parameters: Tensor) -> None:
        qml.AngleEmbedding(0.5 * x, range(4), "Y")
        first, second = parameters.reshape(2, size + 2)
        for pair in ((0, 1), (2, 3), (1, 2), (3, 0)):
            convolution(first, *pair)
        pool(first[size:], 1, 0)
        pool(first[size:], 3, 2)
        convolution(second, 0, 2)
        pool(second[size:], 2, 0)

    head = Qcnn(n_qubits=4, n_left=1, convolution=name)
    assert head.n_parameters == 2 * (size + 2)
    compare(head, function, [0])


def test_qcnn_of_eight_reads_what_is_left() -> None:
    circuit = Qcnn(n_left=2).circuit(8)
    assert [observable.wires for observable in circuit.observables] == [(0,), (4,)]
    assert circuit.gate_counts["crz"] == 4 + 2
    assert Qcnn(n_left=2).n_parameters == 2 * 17
    assert [observable.wires for observable in Qcnn().circuit(8).observables] == [(0,), (2,), (4,), (6,)]


@pytest.mark.parametrize(
    ("n_qubits", "n_left", "told"), [(6, 2, "n_qubits=6 and n_left=2"), (4, 3, "n_left=3"), (4, 4, "n_left=4")]
)
def test_qcnn_halves_powers_of_two(n_qubits: int, n_left: int, told: str) -> None:
    with pytest.raises(NotSupported, match=rf"must be powers of two.*{told}"):
        Qcnn(n_qubits=n_qubits, n_left=n_left).circuit(n_qubits)


def test_qcnns_preset_gives_the_probabilities_of_the_last_qubit() -> None:
    head = create(Qcnn, {"preset": "hur-2022", "n_qubits": 4}, "head qcnn")
    module = QuantumModule(head, Torch(), 4, 2)
    inputs = torch.randn(5, 4)
    wanted = (1 + module.expectations(inputs) * torch.tensor([1.0, -1.0])) / 2
    torch.testing.assert_close(module(inputs).softmax(1), wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("read_out", READ_OUTS)
@pytest.mark.parametrize("head", [Amplitude, DataReUploading, Iqp, Qcnn])
def test_every_read_out_keeps_the_contract(head: type[WrittenHead], read_out: str) -> None:
    made: Any = head(n_qubits=4, read_out=read_out)
    check_head(made, Torch(), n_classes=2, batch=2, dtypes=(torch.float64,))


def test_probabilities_are_those_of_the_basis_states() -> None:
    head = Iqp(n_qubits=3, read_out="probabilities")
    inputs, parameters = torch.randn(2, 3).double(), torch.rand(head.n_parameters).double()
    found = values(head, inputs, parameters)
    single = values(Iqp(n_qubits=3), inputs, parameters)
    torch.testing.assert_close(found.sum(1), torch.ones(2).double())
    assert (found > -1e-9).all()
    torch.testing.assert_close(found[:, :4].sum(1) - found[:, 4:].sum(1), single[:, 0])
    torch.testing.assert_close(found[:, ::2].sum(1) - found[:, 1::2].sum(1), single[:, 2])


def test_of_many_qubits_the_probabilities_of_the_first_six_are_read() -> None:
    assert len(DataReUploading(n_qubits=9, read_out="probabilities").circuit(9).observables) == 63
