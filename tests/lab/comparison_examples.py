"""Comparisons with made-up numbers: nothing in them was ever computed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qplug.lab.comparison.cell_file import CellResult
from qplug.lab.comparison.outcome import (
    AblationOutcome,
    ArmOutcome,
    CircuitCost,
    ComparisonOutcome,
    DataSetOutcome,
    PairOutcome,
    Verdict,
)
from qplug.lab.runs.run_record import (
    ClassScores,
    Code,
    Environment,
    JudgementRecord,
    Parameters,
    RunRecord,
    Scores,
    SplitRecord,
    TrainingRecord,
)

HOSTILE_TAG = "<script>alert('x')</script>"
HOSTILE_TEX = r"$x_1%"
CLASSES = ("cat", "dog", "owl")

Cells = dict[str, dict[str, list[CellResult]]]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def scores(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> Scores:
    n = len(classes)
    confusion = np.zeros((n, n), int)
    np.add.at(confusion, (labels, predicted), 1)
    right = float((labels == predicted).mean())
    per_class = {name: ClassScores(precision=0.5, recall=0.5, f1=0.5, support=int(confusion[k].sum()))
                 for k, name in enumerate(classes)}  # fmt: skip
    return Scores(
        n=len(labels), accuracy=right, accuracy_interval=(max(0.0, right - 0.1), min(1.0, right + 0.1)),
        balanced_accuracy=right - 0.01, macro_f1=right - 0.02, precision=right - 0.03, cross_entropy=0.75,
        expected_calibration_error=0.05, per_class=per_class,
        confusion=tuple(tuple(map(int, row)) for row in confusion),
    )  # fmt: skip


def cell(
    dataset: str,
    arm: str,
    *,
    seed: int = 0,
    fold: int | None = 1,
    share: float = 0.8,
    n: int = 30,
    epochs: int = 6,
    classes: Sequence[str] = CLASSES,
    stamps: tuple[str, ...] = (),
    packages: Mapping[str, str] | None = None,
) -> CellResult:
    """A cell that puts about this share of ``n`` samples into the right class."""
    key = sha(f"{dataset} {arm} {seed} {fold}")
    chance = np.random.default_rng(int(key[:12], 16))
    labels = np.arange(n) % len(classes)
    predicted = np.where(chance.random(n) < share, labels, (labels + 1) % len(classes))
    probabilities = np.full((n, len(classes)), 0.1, np.float32)
    probabilities[np.arange(n), predicted] = 0.8
    judged = scores(labels, predicted, classes)
    record = RunRecord(
        version=2, dataset=dataset, modality="audio", head=arm, seed=seed, configuration={},
        environment=Environment(
            qplug="0.2.0", python="3.11.7", platform="Linux", cpu="a cpu",
            packages=dict(packages or {"numpy": "2.0.0"}),
            code={"head": Code(kind="head", name=arm, package="somebody", version="1.0", sha256=sha(arm))},
        ),
        split=SplitRecord(
            name="official", description="as its authors say", official=True, fold=fold,
            sizes={"train": 100, "validation": n, "test": n}, hashes={"all": sha(f"{dataset} {fold}")},
            n_shared_groups=0, n_left_out=0,
        ),
        training=TrainingRecord(
            trained_on=None, epochs=epochs, best_epoch=max(epochs - 1, 0), stopped_early=False, seconds=1.5,
            parameters=Parameters(total=1234, trainable=40, quantum=12), pipeline=(), branch_weights=(1.0,), angles={},
        ),
        judgements=(
            JudgementRecord(part="validation", backend=None, scores=judged),
            JudgementRecord(part="test", backend=None, scores=judged),
        ),
        warnings=(), stamps=stamps, known_results=(),
    )  # fmt: skip
    falling = np.asarray([1.2 * math.exp(-epoch / 4) + 0.1 for epoch in range(epochs)])
    falling = falling * chance.uniform(0.7, 1.3) + 0.03 * chance.random(epochs)
    history = {"train_cross_entropy": falling, "validation_cross_entropy": falling + 0.1} if epochs else {}
    ids = np.asarray([f"{dataset}-{fold}-{k}" for k in range(n)])
    return CellResult(key, record, ids, ids, labels.astype(np.int64), probabilities, history)


def circuit(**changes: Any) -> CircuitCost:
    facts = {"qubits": 4, "gates": 44, "two_qubit_gates": 12, "depth": 17, "transpiled_gates": 96,
             "transpiled_two_qubit_gates": 24, "transpiled_depth": 41, "simulated_ms": 1.75}  # fmt: skip
    return CircuitCost(**facts | changes)  # type: ignore[arg-type]


def arm(name: str, role: str = "baseline", mean: float | None = 0.8, **changes: Any) -> ArmOutcome:
    facts: dict[str, Any] = {
        "name": name, "description": f"what {name} is", "role": role, "quantum": role == "asked", "n_parameters": 40,
        "n_cells": 6, "mean": mean, "interval": None if mean is None else (mean - 0.02, mean + 0.02), "seconds": 1.5,
        "circuit": circuit() if role != "baseline" else None,
    }  # fmt: skip
    return ArmOutcome(**facts | changes)


def pair(a: str, b: str, difference: float | None, verdict: Verdict = "undecided", **changes: Any) -> PairOutcome:
    around = None if difference is None else (difference - 0.017, difference + 0.017)
    facts: dict[str, Any] = {
        "a": a, "b": b, "difference": difference, "interval": around,
        "equivalence_interval": None if difference is None else (difference - 0.013, difference + 0.013),
        "p": 0.0123, "p_holm": 0.0369, "p_equivalence": 0.21, "effect_size": 0.66, "method": "corrected t",
        "verdict": verdict, "smallest_detectable": 0.024, "sentence": f"made-up sentence on {b}: {verdict}",
    }  # fmt: skip
    return PairOutcome(**facts | changes)


def data_set(dataset: str, arms: Sequence[ArmOutcome], pairs: Sequence[PairOutcome], **changes: Any) -> DataSetOutcome:
    facts: dict[str, Any] = {
        "dataset": dataset, "protocol": f"The protocol on {dataset}, made up.", "metric": "balanced_accuracy",
        "margin": 0.01, "n_test": 90, "n_groups": 12, "classes": CLASSES, "chance": 1 / 3,
    }  # fmt: skip
    return DataSetOutcome(arms=tuple(arms), pairs=tuple(pairs), **facts | changes)


def outcome(*data_sets: DataSetOutcome, **changes: Any) -> ComparisonOutcome:
    facts: dict[str, Any] = {
        "version": 1, "comparison": "20260101-120000-compare-abc", "command": "qplug compare --dataset made-up",
    }  # fmt: skip
    return ComparisonOutcome(data_sets=data_sets, **facts | changes)


def cells_for(
    found: ComparisonOutcome, seeds: Sequence[int] = (0, 1), folds: Sequence[int | None] = (1, 2, 3), **changes: Any
) -> Cells:
    """Cells for every arm; those named ``…svm`` are fitted in one step."""
    return {
        data.dataset: {
            arm.name: [
                cell(data.dataset, arm.name, seed=seed, fold=fold, share=arm.mean or 0.5, classes=data.classes,
                     stamps=data.stamps, **{"epochs": 0 if arm.name.endswith("svm") else 6} | changes)
                for seed in seeds for fold in folds
            ]
            for arm in data.arms
        }
        for data in found.data_sets
    }  # fmt: skip


def usual(dataset: str = "made-up", **changes: Any) -> DataSetOutcome:
    """A head against three baselines, one of each verdict, and an ablation."""
    arms = [
        arm("pqc", "asked", 0.8123, n_trials=5, chosen={"training.learning_rate": 0.003}),
        arm("linear", mean=0.7912),
        arm("matched-mlp", mean=0.8131),
        arm("rbf-svm", mean=0.8412, seconds=0.0123),
        arm("fourier", mean=0.8001, interval=None),
        arm("pqc, no entanglers", "ablation", 0.8087, circuit=circuit(two_qubit_gates=0, gates=32)),
    ]
    pairs = [
        pair("pqc", "linear", 0.0211, "better", seeds_needed=11),  # decided: not shown
        pair("pqc", "matched-mlp", -0.0008, "equivalent", p_mcnemar=0.0456),
        pair("pqc", "rbf-svm", -0.0289, "worse", p_holm=0.0004, p_corrected_t=0.0789),
        pair("pqc", "fourier", 0.0122, "undecided", interval=None, equivalence_interval=None, seeds_needed=40,
             reason="three folds and one seed tell no interval"),
        pair("pqc", "pqc, no entanglers", 0.0036, "undecided"),
    ]  # fmt: skip
    ablation = AblationOutcome(
        arm="pqc", ablation="entanglers", kept=0.9925, interval=(0.93, 1.06), sentence="made-up: keeps 99 %"
    )
    facts = {"ablations": (ablation,), "left_out": ("quantum-kernel: takes no more than two classes",)}
    return data_set(dataset, arms, pairs, **facts | changes)
