"""How fast quanvolution of all of MNIST is, beside PennyLane's loop over patches, in one run and on one thread.

    python tests/benchmarks/quanvolution.py
    python tests/benchmarks/quanvolution.py --data ~/mnist --pictures 5 --json

PennyLane runs its own ``RandomLayers`` with the same seed and angles behind RY(π x) on each of 196 patches of 2×2
pixels, a call of the QNode for each, on ``default.qubit`` and on ``lightning.qubit``; and for comparison on
``default.qubit`` with all patches of a picture in one call, by broadcasting. That is done for ``--pictures`` pictures
and counted up to all; qplug computes all 70,000, before the others and again after them, in the batches in which a run
computes embeddings. Seconds are of the CPU, so that a busy machine changes them little. The ratio in the last line is
that to the quicker loop over patches; 1e-5 is allowed between values.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import torch
from torch import nn

from qplug.contract.interfaces import Image
from qplug.heads.quantum_module import QuantumModule, circuits_on
from qplug_circuits.quanvolution import Quanvolution
from qplug_image.mnist import Mnist
from qplug_torch.backend import Torch

ALLOWED, WANTED = 1e-5, 100
AT_ONCE = 64
PATCH, SEED = 2, 0


@dataclass(frozen=True)
class Result:
    """One way beside qplug.

    Attributes:
        way: PennyLane's.
        seconds: of the CPU for all pictures, counted up.
        ratio: how many times as fast qplug is.
        difference: the largest difference of a value.
    """

    way: str
    seconds: float
    ratio: float
    difference: float


def pictures(folder: Path) -> torch.Tensor:
    """All of MNIST, (70000, 1, 28, 28) in [0, 1]."""
    data = Mnist()
    signals = [data.load(sample) for sample in data.index(folder)]
    return torch.from_numpy(np.stack([each.pixels for each in signals if isinstance(each, Image)]))


def ours(module: nn.Module, batch: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Seconds of the CPU, and the maps (picture, 4, 14, 14)."""
    start = time.process_time()
    with torch.no_grad():
        found = torch.cat([module(some) for some in batch.split(AT_ONCE)])
    return time.process_time() - start, found


def qnode(device: str, angles: list[float]) -> Callable[[Any], Any]:
    """The circuit of a patch as a user of PennyLane writes it: four values, or four arrays of them, to four ⟨Z⟩."""

    @qml.qnode(qml.device(device, wires=4))
    def circuit(phi: Any) -> Any:
        for wire in range(4):
            qml.RY(np.pi * phi[wire], wires=wire)
        qml.RandomLayers(np.array([angles]), wires=range(4), seed=SEED)
        return [qml.expval(qml.PauliZ(wire)) for wire in range(4)]

    circuit([0.0, 0.1, 0.2, 0.3])
    return circuit


def patch_by_patch(circuit: Callable[[Any], Any], image: np.ndarray) -> np.ndarray:
    """The map (14, 14, 4) of a picture, a call for each patch."""
    out = np.zeros((14, 14, 4))
    for row in range(0, 28, PATCH):
        for column in range(0, 28, PATCH):
            out[row // 2, column // 2] = circuit([float(image[row + i, column + j]) for i in (0, 1) for j in (0, 1)])
    return out


def broadcast(circuit: Callable[[Any], Any], image: np.ndarray) -> np.ndarray:
    """The same, one call for all patches."""
    values = [image[i::PATCH, j::PATCH].flatten() for i in (0, 1) for j in (0, 1)]
    return np.stack(circuit(values), axis=1).reshape(14, 14, 4)


WAYS = {
    "default.qubit": ("default.qubit", patch_by_patch),
    "lightning.qubit": ("lightning.qubit", patch_by_patch),
    "default.qubit, broadcast": ("default.qubit", broadcast),
}


def theirs(way: str, angles: list[float], images: np.ndarray) -> tuple[float, np.ndarray]:
    """Seconds of the CPU, and the maps (picture, 14, 14, 4)."""
    device, by = WAYS[way]
    circuit = qnode(device, angles)
    start = time.process_time()
    maps = [by(circuit, image) for image in images]
    return time.process_time() - start, np.stack(maps)


def main() -> int:
    """Prints the table; 0 if values agree and the ratio to the quicker loop is what is wanted."""
    home = os.environ.get("QPLUG_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(home) / "mnist", help="the folder with MNIST's files")
    parser.add_argument("--pictures", type=int, default=10, help="how many pictures PennyLane's loops are timed for")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    every = pictures(asked.data)
    module = Quanvolution(patch=PATCH, seed=SEED).module((1, 28, 28), place=circuits_on(Torch()))
    assert isinstance(module, nn.Sequential)
    patches = module[0].eval()
    (drawn,) = (each for each in patches.modules() if isinstance(each, QuantumModule))
    angles = [float(str(angle)) for gate in drawn.circuit.gates[4:] for angle in gate.angles]
    ours(patches, every[:AT_ONCE])  # what is compiled once is not counted, here as there
    before, maps = ours(patches, every)
    chosen = torch.linspace(0, len(every) - 1, asked.pictures).long()
    timed = [(way, *theirs(way, angles, every[chosen, 0].numpy())) for way in WAYS]
    seconds = (before + ours(patches, every)[0]) / 2
    results = []
    for way, of_some, found in timed:
        whole = of_some / asked.pictures * len(every)
        far = float(np.abs(found - maps[chosen].permute(0, 2, 3, 1).numpy()).max())
        results.append(Result(way, whole, whole / seconds, far))
    ratio = min(result.ratio for result in results if WAYS[result.way][1] is patch_by_patch)
    good = ratio >= WANTED and all(result.difference <= ALLOWED for result in results)
    if asked.json:
        told = {"seconds": seconds, "results": [asdict(each) for each in results], "ratio": ratio, "good": good}
        print(json.dumps(told, indent=2))
        return 0 if good else 1
    print(f"quanvolution of {len(every):,} pictures, {len(every) * 196:,} patches: {seconds:.1f} CPU seconds")
    for each in results:
        hours = each.seconds / 3600
        print(f"{each.way:25} {hours:8.1f} CPU hours   {each.ratio:8.0f} times   difference {each.difference:.1e}")
    print(f"beside the quicker loop over patches: {ratio:.0f} times as fast (wanted: {WANTED})")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
