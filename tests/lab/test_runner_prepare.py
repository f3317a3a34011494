"""A split is refused before any work if the monitored metric means nothing on its validation part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from qplug import Audio, Dataset, DatasetCapabilities, Sample, SplitRule
from qplug.contract.errors import DataError
from qplug.lab.config.resolve import resolve
from qplug.lab.config.training import TrainingOptions
from qplug.lab.pipeline.components import Components
from qplug.lab.runner.inventory import split_of


class Lopsided(Dataset):
    """Two classes, and a validation part that holds one of them alone."""

    capabilities = DatasetCapabilities(interface=1, modality="audio", needs_folder=False)
    classes = ("a", "b")
    splits = {"official": SplitRule(description="official", test="part")}  # noqa: RUF012

    def samples(self, folder: Path) -> list[Sample]:
        parts: list[Any] = ["train"] * 4 + ["test"] * 4
        both = [Sample(id=f"{i}", label="ab"[i % 2], group=f"{i}", part=part) for i, part in enumerate(parts)]
        return [*both, Sample(id="v", label="a", group="v", part="validation")]

    def load(self, sample: Sample) -> Audio:
        return Audio(np.zeros((1, 8), dtype=np.float32), 8000)


def split(monitor: str) -> object:
    dataset = Lopsided()
    training = TrainingOptions.model_validate({"monitor": monitor})
    config = replace(resolve([{"dataset": {"name": "digits"}}]), training=training)
    samples = dataset.samples(Path())
    return split_of(config, cast(Components, SimpleNamespace(dataset=dataset)), samples)


def test_a_metric_of_two_classes_needs_both_of_them_in_the_validation_part() -> None:
    with pytest.raises(DataError, match=r"'roc_auc', which needs samples of both classes, .* holds 1 of 2"):
        split("roc_auc")


def test_any_other_metric_does_with_one() -> None:
    assert split("macro_f1")
