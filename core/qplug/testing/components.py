"""Checks of data sets, features, backbones, reducers and classical heads, each in one call.

Each makes the checks of ``qplug.testing.conformance`` for its kind in turn, raises an ``AssertionError`` that says
which promise of the interface is broken, and returns None where all are kept. They look at behaviour alone and know no
component by name. Those that cannot be made, since a folder or the like is missing, are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qplug.contract.interfaces import Backbone, Component, Dataset, FeatureExtractor, Head, Reducer, Signal
from qplug.testing.conformance.check import Check, require, require_all
from qplug.testing.conformance.every import interface_checks
from qplug.testing.conformance.registry import promises_of
from qplug.testing.conformance.setting import Setting
from qplug.testing.conformance.splits import check_split_rule
from qplug.testing.trials import training_part

__all__ = [
    "check_backbone",
    "check_component",
    "check_dataset",
    "check_features",
    "check_head",
    "check_reducer",
    "check_split_rule",
    "training_part",
]


def check_component(component: Component) -> None:
    """What holds for every kind: a literal interface number, a constructor that only stores, a copy that is equal.

    Raises:
        AssertionError: with the promise that is broken.
    """
    every = interface_checks(component, imports=False)
    require_all(Check(name, act, type(component).__name__) for name, act in every if name != "documentation")


def check_dataset(dataset: Dataset, folder: Path, *, n_read: int = 8) -> None:
    """What holds for every data set: stable order, known labels, groups, usable splits, repeatable signals.

    Args:
        dataset: the data set.
        folder: files in its layout, such as small ones that a test makes; any path where it needs none.
        n_read: how many samples are read, spread over all.

    Raises:
        AssertionError: with the promise that is broken.
    """
    require_all(promises_of(dataset, Setting(folder=folder, n_read=n_read)))


def check_features(extractor: FeatureExtractor, signals: Iterable[Signal] = ()) -> None:
    """What holds for every feature extractor: the declared shape from any signal, in any order, inputs untouched.

    Args:
        extractor: the extractor.
        signals: further signals to try, beside silence, very short and very long ones, many channels and rates.

    Raises:
        AssertionError: with the promise that is broken.
    """
    require_all(promises_of(extractor, Setting(signals=tuple(signals))))


def check_backbone(backbone: Backbone, feature_shape: tuple[int, ...]) -> None:
    """What holds for every backbone: 2-D embeddings, one sample at a time if need be, gradients, weights that travel.

    Args:
        backbone: the backbone.
        feature_shape: a shape that it takes, such as (1, 32, 32).

    Raises:
        AssertionError: with the promise that is broken.
    """
    require_all(promises_of(backbone, Setting(feature_shape=feature_shape)))


def check_reducer(reducer: Reducer, n_inputs: int) -> None:
    """What holds for every reducer: the promised width, fitting that repeats, weights that travel.

    Args:
        reducer: the reducer.
        n_inputs: the width of the embeddings to try it with.

    Raises:
        AssertionError: with the promise that is broken.
    """
    require_all(promises_of(reducer, Setting(n_inputs=n_inputs)))


def check_head(head: Head, n_inputs: int = 8, n_classes: int = 3) -> None:
    """What holds for every classical head: logits for each class, gradients or a fit that repeats, weights that travel.

    Args:
        head: the head; quantum heads have checks of their own in ``qplug.testing.equivalence``.
        n_inputs: how many inputs to try it with, where it takes any number.
        n_classes: number of classes.

    Raises:
        AssertionError: with the promise that is broken.
    """
    quantum, name = head.capabilities.quantum, type(head).__name__
    require(not quantum, f"{name} is a quantum head: use the checks of qplug.testing.equivalence")
    require_all(promises_of(head, Setting(n_inputs=n_inputs, n_classes=n_classes)))
