"""How fast a quantum kernel's Gram matrix is, beside the libraries' own ways, in one run and on one thread.

    python tests/benchmarks/kernels.py
    python tests/benchmarks/kernels.py --samples 200 --qubits 4 --json

Each library's circuit is the one that it is known by, and qplug computes the same: Qiskit's ZZ feature map with
``FidelityStatevectorKernel`` of qiskit-machine-learning, which computes a state vector for each sample and an
overlap for each pair; PennyLane's ``IQPEmbedding`` on ``lightning.qubit`` in the loop of its
``square_kernel_matrix``, which runs a circuit for each pair. That loop is timed for ``--pairs`` pairs and counted
up to all of them; the other two compute the whole matrix, qplug the median of ``--repeats`` times before the
library and as many after it. The ratio in the last line is that to the quicker of the two. Values are compared on
all that was computed; at most 1e-5 is allowed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import combinations, islice
from typing import Any

import numpy as np
import pennylane as qml
import torch
from qiskit.circuit.library import zz_feature_map
from qiskit_machine_learning.kernels import FidelityStatevectorKernel

from qplug_models.feature_maps import FeatureMap
from qplug_models.quantum_kernel import KernelModule

ALLOWED = 1e-5
WANTED = 50
N_REPEATS = 2


@dataclass(frozen=True)
class Result:
    """One library beside qplug.

    Attributes:
        library: whose kernel.
        seconds: for the whole matrix; counted up where only some pairs were computed.
        ours: qplug's seconds for the same matrix.
        ratio: how many times as fast qplug is.
        difference: the largest difference of a value.
    """

    library: str
    seconds: float
    ours: float
    ratio: float
    difference: float


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what the function gives."""
    start = time.perf_counter()
    value = function()
    return time.perf_counter() - start, value


def both(
    name: Any, inputs: np.ndarray, repeats: int, theirs: Callable[[], Any]
) -> tuple[float, float, Any, np.ndarray]:
    """Seconds of a library, qplug's, what the library gives, and qplug's matrix."""
    module = KernelModule(FeatureMap(name, inputs.shape[1], N_REPEATS, 1.0), "fidelity", 2)
    rows = torch.from_numpy(inputs).float()
    module.between(rows[:10], rows[:10])
    before = [timed(lambda: module.between(rows, rows)) for _ in range(repeats)]
    seconds, given = timed(theirs)
    after = [timed(lambda: module.between(rows, rows)) for _ in range(repeats)]
    ours = statistics.median(each for each, _ in before + after)
    return seconds, ours, given, before[0][1].numpy()


def beside_qiskit(inputs: np.ndarray, repeats: int) -> Result:
    """The whole matrix by FidelityStatevectorKernel."""
    kernel = FidelityStatevectorKernel(feature_map=zz_feature_map(inputs.shape[1], N_REPEATS, entanglement="full"))
    kernel.evaluate(inputs[:3])
    seconds, ours, theirs, gram = both("zz", inputs, repeats, lambda: kernel.evaluate(inputs))
    return Result("qiskit-machine-learning", seconds, ours, seconds / ours, float(np.abs(theirs - gram).max()))


def beside_pennylane(inputs: np.ndarray, repeats: int, n_pairs: int) -> Result:
    """Some pairs of PennyLane's loop over all."""
    wires = range(inputs.shape[1])

    @qml.qnode(qml.device("lightning.qubit", wires=len(wires)))
    def overlap(x: np.ndarray, y: np.ndarray) -> Any:
        qml.IQPEmbedding(x, wires=wires, n_repeats=N_REPEATS)
        qml.adjoint(qml.IQPEmbedding)(y, wires=wires, n_repeats=N_REPEATS)
        return qml.probs(wires=wires)

    overlap(inputs[0], inputs[1])
    pairs = list(islice(combinations(range(len(inputs)), 2), n_pairs))

    def loop() -> list[float]:
        return [float(overlap(inputs[i], inputs[j])[0]) for i, j in pairs]

    seconds, ours, theirs, gram = both("iqp", inputs, repeats, loop)
    whole = seconds / len(pairs) * len(inputs) * (len(inputs) - 1) / 2
    difference = max(abs(value - gram[pair]) for value, pair in zip(theirs, pairs, strict=True))
    return Result("pennylane", whole, ours, whole / ours, float(difference))


def main() -> int:
    """Prints the table; 0 if values agree and the ratio to the quicker library is what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--qubits", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=200, help="how many pairs PennyLane's loop is timed for")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    inputs = np.random.default_rng(0).normal(0, 0.5, (asked.samples, asked.qubits))
    results = [beside_qiskit(inputs, asked.repeats), beside_pennylane(inputs, asked.repeats, asked.pairs)]
    ratio = min(results, key=lambda result: result.seconds).ratio
    good = ratio >= WANTED and all(result.difference <= ALLOWED for result in results)
    if asked.json:
        print(json.dumps({"results": [asdict(result) for result in results], "ratio": ratio, "good": good}, indent=2))
    else:
        print(f"Gram matrix of {asked.samples} samples, {asked.qubits} qubits, one thread")
        for result in results:
            print(
                f"{result.library:25} {result.seconds:9.2f} s   qplug {result.ours:7.3f} s   "
                f"{result.ratio:8.0f} times as fast   largest difference {result.difference:.1e}"
            )
        print(f"beside the quicker of the two: {ratio:.0f} times as fast (wanted: {WANTED})")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
