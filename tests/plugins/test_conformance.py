"""Every component that comes with qplug keeps every promise of its kind, by the checks that other authors run."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from qplug import catalogue
from qplug.testing.conformance import Setting, checks_for, outcome
from qplug.testing.conformance.every import HEAVY

VALUES: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("backbone", "efficientat"): [{"width": 0.2, "frozen": False, "pretrained": False}],
    ("backend", "torch"): [{"kernel": "torch"}, {"kernel": "numba"}],
    ("head", "amplitude"): [{"n_qubits": 2, "n_layers": 1}],
    ("head", "data-reuploading"): [{"n_qubits": 3, "n_layers": 2}],
    ("head", "iqp"): [{"n_qubits": 3, "n_layers": 1}],
    ("head", "pennylane-pqc"): [{"n_qubits": 3}],
    ("head", "pennylane-ry-rz-ring"): [{"n_qubits": 3}],
    ("head", "qcnn"): [{"n_qubits": 4, "convolution": "ttn"}],
    ("head", "qiskit-efficient-su2"): [{"n_qubits": 3, "reps": 1}],
    ("head", "qiskit-qnn"): [{"n_qubits": 3}],
    ("reducer", "autoencoder"): [{"epochs": 2}],
}
"""Sizes that are quick, and the variants of which all are tried; else a component is as it is by default."""

ELSEWHERE = {
    ("backend", "ibm"): "test_qiskit_ibm.py",  # work is sent to a device
    ("backend", "qiskit-ml"): "test_every_head_on_every_backend.py",  # a circuit takes seconds
    ("backbone", "efficientat"): "test_models_efficientat.py",  # files of learnt weights
    ("backbone", "hf"): "test_hf_models.py",  # a model
    ("backbone", "quanvolution"): "test_quanvolution.py",  # the place where its circuits run
    ("executor", "local"): "../lab/test_comparison_local.py",  # processes, once
    ("executor", "ray"): "test_ray.py",  # a cluster
    ("features", "hf-features"): "test_hf_models.py",  # a model
    ("head", "circuit-file"): "test_every_head_on_every_backend.py",  # a file
}
"""Those that need more than the checks have, and the file of tests that gives it to them."""

OURS = sorted(
    (known.kind, name) for (kind, name), known in catalogue.registry().components.items() if kind in catalogue.GROUPS
)
TRIED = [(kind, name) for kind, name in OURS if (kind, name) not in ELSEWHERE and kind in (*HEAVY, *{
    "backbone", "reducer", "head", "backend"})]  # fmt: skip


@pytest.fixture(scope="module")
def setting() -> Setting:
    import torch

    return Setting(imports=False, backend=catalogue.create("backend", "torch"), dtypes=(torch.float64,), n_random=5)


@pytest.mark.parametrize(("kind", "name"), TRIED)
def test_a_component_of_qplug_keeps_every_promise(kind: str, name: str, setting: Setting) -> None:
    if catalogue.entry(kind, name).status != "ready":
        pytest.skip("it needs an extra that is not installed")
    chosen = Setting(imports=False, n_random=25) if name == "torch" else setting
    for values in VALUES.get((kind, name), [{}]):
        checks = checks_for(catalogue.create(kind, name, values), chosen)
        assert [found for found in map(outcome, checks) if found.status == "failed"] == []


def test_nothing_of_qplug_is_left_out() -> None:
    kinds = {kind for kind, _ in (*TRIED, *ELSEWHERE)}
    assert {(kind, name) for kind, name in OURS if kind in kinds} == {*TRIED, *ELSEWHERE}


LOOK = """
import json, sys
from importlib import import_module
from qplug.hooks.guard import put_back
told = {}
for module in json.loads(sys.argv[1]):
    with put_back(at_import=True) as changed:
        import_module(module)
    told[module] = [list(changed), sorted({name.partition(".")[0] for name in sys.modules})]
print(json.dumps(told))
"""


def test_data_sets_and_features_are_imported_without_what_they_do_not_need_yet() -> None:
    modules = {}
    for kind in HEAVY:
        rows = [row for row in catalogue.entries(kind) if row.status == "ready" and row.name != "hf-features"]
        modules |= {row.target.partition(":")[0]: kind for row in rows if row.provider == "qplug"}
    done = subprocess.run(
        [sys.executable, "-c", LOOK, json.dumps([*modules])], capture_output=True, check=True, text=True
    )
    for module, (changed, loaded) in json.loads(done.stdout).items():
        assert changed == [], module
        assert set(HEAVY[modules[module]]) & set(loaded) == set(), module
