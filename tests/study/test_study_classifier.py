"""The estimator: held to scikit-learn's own checks, and used as estimators are."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from qplug import HybridClassifier
from qplug.contract.errors import ParameterError, UnknownName

CIRCUIT: dict[str, Any] = {"head_parameters": {"n_qubits": 2, "n_layers": 1}, "learning_rate": 0.1, "random_state": 0}
EXPECTED_TO_FAIL: Mapping[str, str] = {}
"""scikit-learn's checks that the estimator does not pass, each with the reason. There are none."""
NEEDS_MORE = {
    "check_array_api_input": "asks for SCIPY_ARRAY_API",
    "check_classifier_data_not_an_array": "asks for pandas",
}
"""Checks that scikit-learn skips by itself where something is not installed or set."""


@pytest.fixture(scope="module")
def blobs() -> tuple[np.ndarray, np.ndarray]:
    inputs, labels = make_blobs(60, n_features=3, centers=2, cluster_std=0.6, random_state=0)
    return StandardScaler().fit_transform(inputs), np.array(["no", "yes"])[labels]


def test_it_passes_scikit_learns_checks() -> None:
    found = estimator_checks.check_estimator(
        HybridClassifier("mlp", epochs=8, random_state=0),
        expected_failed_checks=dict(EXPECTED_TO_FAIL),
        on_skip=None,
    )
    states = {each["check_name"]: each["status"] for each in found}
    assert len(states) > 40
    left_out = {name for name, state in states.items() if state not in ("passed", "xfail")}
    assert left_out <= set(NEEDS_MORE)


@pytest.mark.parametrize(
    "check",
    [
        "check_estimators_pickle",
        "check_fit_idempotent",
        "check_methods_subset_invariance",
        "check_dict_unchanged",
        "check_n_features_in",
        "check_classifiers_one_label",
    ],
)
def test_a_circuit_passes_the_checks_of_state(check: str) -> None:
    pytest.importorskip("pennylane")
    estimator = HybridClassifier("pennylane-pqc", epochs=1, **CIRCUIT)
    getattr(estimator_checks, check)("HybridClassifier", estimator)


def test_a_circuit_learns_and_keeps_what_it_learnt(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    pytest.importorskip("pennylane")
    inputs, labels = blobs
    fitted = HybridClassifier("pennylane-pqc", epochs=12, **CIRCUIT).fit(inputs, labels)
    assert fitted.score(inputs, labels) > 0.9
    assert list(fitted.classes_) == ["no", "yes"]
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]
    assert fitted.n_iter_ == 12
    probabilities = fitted.predict_proba(inputs)
    assert np.allclose(probabilities.sum(1), 1)
    assert np.array_equal(fitted.decision_function(inputs) > 0, probabilities[:, 1] > 0.5)
    stored = pickle.loads(pickle.dumps(fitted))  # noqa: S301, TID251 - its own
    assert np.array_equal(stored.predict_proba(inputs), probabilities)
    again = clone(fitted).fit(inputs, labels)
    assert np.array_equal(again.predict_proba(inputs), probabilities)


def test_it_stands_in_a_pipeline_a_search_and_a_validation(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    inputs, labels = blobs
    pipeline = make_pipeline(StandardScaler(), HybridClassifier("linear", epochs=10, learning_rate=0.1, random_state=0))
    assert cross_val_score(pipeline, inputs, labels, cv=3).mean() > 0.9
    choices = {"hybridclassifier__learning_rate": [1e-9, 0.1], "hybridclassifier__head": ["linear", "mlp"]}
    search = GridSearchCV(pipeline, choices, cv=2, error_score="raise").fit(inputs, labels)
    assert search.best_params_["hybridclassifier__learning_rate"] == 0.1


@pytest.mark.parametrize(("n", "batch_size", "sizes"), [(3, 2, [3]), (33, 32, [17, 16]), (8, 4, [4, 4]), (2, 9, [2])])
def test_no_batch_is_too_large_or_of_a_single_sample(n: int, batch_size: int, sizes: list[int]) -> None:
    seen: list[int] = []
    network = torch.nn.Linear(1, 2)
    network.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    estimator = HybridClassifier("linear", epochs=1, batch_size=batch_size)
    estimator._trained(network, torch.zeros(n, 1), torch.zeros(n, dtype=torch.int64))
    assert seen == sizes


def test_a_head_that_is_fitted_is_fitted(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    fitted = HybridClassifier("logistic").fit(*blobs)
    assert fitted.score(*blobs) > 0.9
    assert (fitted.loss_curve_, fitted.n_iter_) == ([], 1)


def test_a_head_may_be_an_object(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    from qplug import catalogue

    head = catalogue.create("head", "mlp")
    first = HybridClassifier(head, epochs=2, random_state=0).fit(*blobs)
    second = HybridClassifier("mlp", epochs=2, random_state=0).fit(*blobs)
    assert np.array_equal(first.predict_proba(blobs[0]), second.predict_proba(blobs[0]))


@pytest.mark.parametrize(
    ("parameters", "error", "words"),
    [
        ({"epochs": 0}, ParameterError, "epochs .* got 0"),
        ({"batch_size": 1}, ParameterError, "batch_size .* got 1"),
        ({"learning_rate": -1}, ParameterError, "learning_rate .* got -1"),
        ({"head": "liner"}, UnknownName, "liner"),
        ({"head_parameters": {"layers": 3}}, UnknownName, "layers"),
    ],
)
def test_mistakes_are_told(
    blobs: tuple[np.ndarray, np.ndarray], parameters: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        HybridClassifier(**({"head": "linear"} | parameters)).fit(*blobs)
