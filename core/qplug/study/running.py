"""``qplug.run``: a pipeline put together by name or by object, trained, and judged on the test part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from qplug.lab.config.recipes import with_recipe
from qplug.lab.runner.run import run_once
from qplug.lab.runner.workplace import Workplace
from qplug.study.progress import showing
from qplug.study.runs import Run, load
from qplug.study.settings import Given, folder, layer_of


def run(
    *,
    dataset: Given | None = None,
    head: Given | None = None,
    features: Given | None = None,
    backbone: Given | None = None,
    reducer: Given | None = None,
    backend: Given | None = None,
    recipe: str | None = None,
    seed: int | None = None,
    set: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    split: str | None = None,
    fold: int | None = None,
    ablation: str | None = None,
    device: Literal["auto", "cpu", "cuda"] | None = None,
    threads: int | None = None,
    data_dir: str | Path | None = None,
    on_bad_file: Literal["refuse", "skip"] | None = None,
    allow_leak: bool = False,
    smoke: bool = False,
    out: str | Path = "runs",
    figures: bool = True,
    progress: bool = True,
) -> Run:
    """One run: what ``qplug run`` does, with the same names. Without arguments: the quickstart recipe.

    What is left out comes from the recipe, then from the data set's own defaults, then from each component's. A remote
    backend is sent nothing; for that there is the command, which asks first.

    Args:
        dataset: the data set; each component by name (``"fsdd"``, ``"mel:qc-cnn"``), as ``"module:Class"``, or as a
            class or an object. A run with an object whose class cannot be imported cannot be repeated elsewhere.
        head: the head, also a sum such as ``"linear + 0.5*linear:pennylane-pqc"``.
        features: the feature extractor.
        backbone: the backbone.
        reducer: the reducer.
        backend: where the trained circuit is evaluated.
        recipe: a whole pipeline to start from.
        seed: decides everything random; 0 by default.
        set: parameters by name, such as ``{"head.n_layers": 3, "training.learning_rate": 0.001}``.
        epochs: passes over the training part, at most.
        split: which of the data set's splits.
        fold: which fold is the test part.
        ablation: what stands in the quantum head's place.
        device: where tensors live.
        threads: CPU threads of one tensor operation.
        data_dir: folder of the data set, or of all data sets.
        on_bad_file: what to do about files that cannot be used.
        allow_leak: go on where a group stands in two parts.
        smoke: a short run on generated files.
        out: where the run directory is made.
        figures: whether figures are drawn.
        progress: whether bars are shown in a notebook or on a terminal.

    Returns:
        The finished run.

    Raises:
        UserError: something that cannot be done; nothing is left behind.
        Interrupted: the user stopped it; the message says how to go on.
    """
    components = {"dataset": dataset, "features": features, "backbone": backbone, "reducer": reducer, "head": head,
                  "backend": backend}  # fmt: skip
    options = {"seed": seed, "split": split, "fold": fold, "ablation": ablation, "device": device, "threads": threads,
               "data_dir": folder(data_dir), "on_bad_file": on_bad_file, "allow_leak": allow_leak or None,
               "training": {} if epochs is None else {"epochs": epochs}}  # fmt: skip
    layers = with_recipe([layer_of(components, options, set or {})], recipe, smoke=smoke)
    place = replace(Workplace.from_environment(), figures=figures)
    with showing(progress) as reporter:
        summary = run_once(layers, Path(out), reporter, workplace=place)
    return load(summary["run"])
