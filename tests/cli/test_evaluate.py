"""``qplug evaluate``: what may be asked of a finished run, and what is told."""

from __future__ import annotations

from typing import Any

import pytest

from qplug.contract.errors import ConfigError
from qplug_cli.commands import evaluate as command

TOLD: dict[str, Any] = {
    "run": "runs/one", "evaluation": "runs/one/evaluations/test-aer-0a1b2c3d", "dataset": "fsdd", "head": "pqc",
    "part": "test", "backend": "aer", "settings": {"shots": 100}, "modelled_noise": True, "other_data": False,
    "run_accuracy": 0.9, "stamps": ["LEAKY"],
    "test": {"accuracy": 0.8, "balanced_accuracy": 0.7, "macro_f1": 0.6, "precision": 0.5, "cross_entropy": 0.4,
             "accuracy_interval": [0.71, 0.87], "n": 1500},
    "against_training_backend": {"label_agreement": 0.95, "label_agreement_interval": [0.91, 0.97], "accuracy": 0.9,
                                 "mean_abs_delta_z": 0.0123, "max_abs_delta_z": 0.25},
}  # fmt: skip


def settings(*assignments: str, **flags: Any) -> dict[str, Any]:
    return command._settings(
        *(flags.get(name) for name in ("backend", "dataset", "data_dir", "split", "fold")), assignments
    )


def test_backend_and_other_data_may_be_set() -> None:
    assert settings("backend.shots=5", backend="aer") == {"backend": {"name": "aer", "shots": "5"}}
    assert settings("dataset.emotions=crema-d", dataset="ravdess", fold=2) == {
        "dataset": {"name": "ravdess", "emotions": "crema-d"},
        "fold": 2,
    }


@pytest.mark.parametrize(
    ("assignments", "flags", "told"),
    [
        (("head.n_layers=3",), {}, "--set head… cannot be changed on a finished run"),
        (("dataset.emotions=crema-d",), {}, "--set dataset… cannot be changed"),
        ((), {"fold": 1}, "--fold is given without --dataset"),
        ((), {"split": "random"}, "--split is given without --dataset"),
    ],
)
def test_what_would_make_another_model_is_refused(assignments: Any, flags: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        settings(*assignments, **flags)


@pytest.mark.parametrize("pair", ["angry", "=anger", "angry="])
def test_a_map_names_two_classes(pair: str) -> None:
    with pytest.raises(ConfigError, match=f"--map '{pair}' must look like"):
        command._map([pair])
    assert command._map(["angry=anger", "a b=c"]) == {"angry": "anger", "a b": "c"}


def test_what_is_shown_says_where_it_ran_and_how_far_off_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    command._show(TOLD)
    told = capsys.readouterr().out
    assert "aer (shots 100), modelled noise: a fake device" in told
    assert "LEAKY" in told
    assert "in the run itself: accuracy 0.900" in told
    flat = " ".join(told.split())
    assert "test accuracy 0.800, 95 % interval 0.710 to 0.870 for other samples like these 1,500" in flat
    assert "the same label for 95.0 % (91.0 to 97.0 %)" in flat
    assert "|Δ⟨Z⟩| 0.012 on average, 0.25 at most" in flat
