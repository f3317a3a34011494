"""A finished run's directory, written by hand, and its report as a browser reads it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from qplug import Circuit, Encoding, Gate, Observable, Weight
from qplug.circuits import to_qasm3
from qplug.lab.judging.metrics import metrics
from qplug.lab.runs.directory import RunDirectory

NASTY = "<script>alert('x')</script> & \"quotes\""

RUN = """format = 1
seed = 3
data_dir = "/home/somebody/secret/data"
[dataset]
name = "mine"
[features]
name = "mel"
n_mels = 8
[backbone]
name = "cnn3"
frozen = true
weights = "/home/somebody/secret/weights.pt"
[reducer]
name = "pca"
[head]
name = "pqc"
n_qubits = 2
[backend]
name = "aer"
noise = "FakeNowhere"
[training]
epochs = 3
"""


LINKING = {"src", "href", "srcset", "action", "data", "poster", "background", "xlink:href"}
VOID = {"meta", "img", "link", "br", "hr", "input"}


class Reader(HTMLParser):
    """What a browser would see: text, pictures, and everything that names another place."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.pictures: list[dict[str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.text += " "
        if tag not in VOID:
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in LINKING]
        self.anchors |= {value or "" for name, value in attrs if name == "id"}
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag == "img":
            self.pictures.append({name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    @property
    def elsewhere(self) -> list[str]:
        """What a browser would have to fetch or follow: links but those to places of the page itself, which exist."""
        inside = {link[1:] for link in self.links if link.startswith("#")}
        assert inside <= self.anchors
        return [link for link in self.links if not link.startswith("#")]

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def circuit() -> Circuit:
    """Two qubits, depth 3: two RY that encode, one CX, one RZ that is trained."""
    gates = (
        Gate("ry", (0,), (Encoding(0),)), Gate("ry", (1,), (Encoding(1),)),
        Gate("cx", (0, 1)), Gate("rz", (1,), (Weight(0),)),
    )  # fmt: skip
    return Circuit(2, gates, (Observable("Z", (0,)),))


def facts(**changes: Any) -> dict[str, Any]:
    """What ``metrics.json`` holds: two classes, seven of ten test samples right."""
    import torch

    labels = torch.tensor([0] * 5 + [1] * 5)
    predicted = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 0, 0])
    judged = metrics(labels, 2.0 * torch.nn.functional.one_hot(predicted, 2), ["cat", NASTY])
    steps = [("features", "mel", [1, 8, 9]), ("backbone", "cnn3", [4]), ("reducer", "pca", [2]), ("head", "pqc", [2]),
             ("logits", "pqc", [2])]  # fmt: skip
    content = {
        "dataset": "mine", "modality": "audio", "head": "pqc", "backend": "torch", "trained_on": "torch",
        "hardware": False, "seed": 3, "split": "official", "fold": 2, "split_hash": "f" * 64,
        "n_train": 20, "n_validation": 10, "n_test": 10, "best_epoch": 2, "epochs": 3, "stopped_early": False,
        "train_seconds": 4.25,
        "pipeline": [{"kind": k, "name": n, "shape": s, "computed": "trained", "note": ""} for k, n, s in steps],
        "parameters": {"total": 1234, "trainable": 1200, "quantum": 1},
        "stamps": ["SYNTHETIC DATA", "LEAKY"], "warnings": [f"beware of {NASTY}"],
        "reference": ["linear, official split: 71 % (Somebody 2020)"],
        "validation": judged, "test": judged,
    }  # fmt: skip
    return {**content, **changes}


def finished_run(folder: Path, **changes: Any) -> Path:
    """A run directory with everything that a report shows; ``changes`` go into its ``metrics.json``."""
    with RunDirectory.create(folder, dataset="mine", head="pqc", short_hash="abc123") as directory:
        directory.write_text("run.toml", RUN)
        directory.write_json("environment.json", {
            "qplug": "0.1.0", "python": "3.11.7", "implementation": "CPython", "platform": "Linux", "cpu": "a cpu",
            "cpu_count": 2, "torch": {"threads": 1, "cuda": None, "devices": []}, "packages": {"numpy": "2.0.0"},
            "git": None,
        })  # fmt: skip
        directory.write_json("split.json", {
            "name": "official", "description": "as its authors say", "official": True, "fold": 2, "seed": 3,
            "leaky": True, "shared_groups": ["anna"], "left_out": [], "sizes": {"train": 20, "test": 10},
            "hashes": {"train": "a" * 64, "test": "b" * 64, "all": "f" * 64},
        })  # fmt: skip
        directory.write_text("circuit.qasm", to_qasm3(circuit()))
        for name in ("confusion_matrix", "curves", "circuit"):
            directory.write_figure(f"{name}.png", Figure(figsize=(1, 0.5)))
        directory.write_text("metrics.json", json.dumps(facts(**changes)))
    return directory.path
