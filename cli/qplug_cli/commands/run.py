"""``qplug run``: assemble a pipeline by name, train it, judge it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qplug.contract.errors import UnknownName, UserError
from qplug_cli import results
from qplug_cli.device_options import Budget, NoWait, Samples, Shots, Yes, seconds_of, spending
from qplug_cli.options import ExecutorName, Figures, Jobs, Json, NoPlugin, OnBadFile, PerGpu, PluginFile

if TYPE_CHECKING:
    from qplug.lab.comparison.grid import Grid
    from qplug.lab.runner.on_device import Spending
    from qplug_cli.progress import TerminalReporter

EXAMPLES = """
**Examples**

`qplug run` – the quickstart: chirps of two synthetic species, a small CNN and an 8-qubit circuit

`qplug run --dataset fsdd --data-dir ~/data/fsdd --head pennylane-pqc`

`qplug run --dataset fsdd --data-dir ~/data/fsdd --head mlp --seed 3`

`qplug run --head pennylane-pqc --set head.n_layers=3 --set training.learning_rate=0.001 --dry-run`

`qplug run --features mel:qc-cnn --dry-run` – a component with one of its presets: qplug show features mel

`qplug run --recipe urbansound8k-fusion --smoke` – all recipes: qplug recipes

`qplug run --dataset digits --head pennylane-pqc --head mlp --seed 0-9 --jobs 2` – 20 runs, two at once

`qplug run --dataset digits --head mlp --seed 0-99 --executor ray --out /shared/runs` – 100 runs on a cluster of Ray

`qplug run --recipe urbansound8k-fusion --data-dir ~/data --fold all --seed 0,1,2` – every fold with three seeds

`qplug run --config runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f/run.toml` – the same numbers again
"""


class Device(StrEnum):
    """Where tensors live."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


def run(
    dataset: Annotated[str | None, typer.Option(metavar="NAME", help="Data set.", rich_help_panel="Components")] = None,
    features: Annotated[
        str | None, typer.Option(metavar="NAME", help="Feature extractor.", rich_help_panel="Components")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(metavar="NAME", help="Backbone.", rich_help_panel="Components")
    ] = None,
    reducer: Annotated[str | None, typer.Option(metavar="NAME", help="Reducer.", rich_help_panel="Components")] = None,
    head: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Head, or a weighted sum such as 'linear + 0.5*linear:pennylane-pqc'. Repeat it for a set of runs.",
            rich_help_panel="Components",
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where the trained circuit is evaluated; trained there too if it gives gradients in one pass.",
            rich_help_panel="Components",
        ),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME", help="A whole pipeline to start from; all of them: qplug recipes.")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="A TOML file, such as a run's run.toml.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KIND.PARAM=VALUE",
            help="Set one parameter, such as head.n_layers=3 or training.epochs=5. Repeatable.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the data set, or of all data sets.  "
            "[default: QPLUG_DATA, else the platform's place for data]",
            rich_help_panel="Data",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where run directories are made.")] = Path("runs"),
    jobs: Jobs = None,
    executor: ExecutorName = None,
    per_gpu: PerGpu = None,
    figures: Figures = True,
    seed: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Decides everything random; several make a set of runs: 0-9 or 1,5,7.  [default: 0]",
            rich_help_panel="Training",
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training part, at most.", rich_help_panel="Training")
    ] = None,
    device: Annotated[
        Device | None, typer.Option(help="Where tensors live.  [default: auto]", rich_help_panel="Training")
    ] = None,
    devices: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes that share each batch: GPUs, or on the CPU.  [default: 1]",
            rich_help_panel="Training",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="CPU threads of one tensor operation.  [default: by the size of a batch]",
            rich_help_panel="Training",
        ),
    ] = None,
    ablation: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What stands in the quantum head's place, to see what its circuit is worth: frozen, no-entanglers, "
            "no-trainable-gates, no-reuploads, identity, tanh or fourier.",
            rich_help_panel="Training",
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which of the data set's splits.", rich_help_panel="Data")
    ] = None,
    fold: Annotated[
        str | None,
        typer.Option(
            metavar="K|all",
            help="Which fold is the test part; all: each in turn, a set of runs.",
            rich_help_panel="Data",
        ),
    ] = None,
    on_bad_file: Annotated[
        OnBadFile | None,
        typer.Option(help="What to do about files that cannot be used.  [default: refuse]", rich_help_panel="Data"),
    ] = None,
    allow_leak: Annotated[
        bool,
        typer.Option(
            "--allow-leak",
            help="Go on where a group stands in two parts; results are stamped LEAKY.",
            rich_help_panel="Data",
        ),
    ] = False,
    smoke: Annotated[
        bool,
        typer.Option(
            "--smoke",
            help="A short run on generated files in the data set's official layout, to see that everything works.",
            rich_help_panel="Data",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the pipeline, its shapes and parameter counts; compute nothing.")
    ] = False,
    samples: Samples = None,
    shots: Shots = None,
    budget: Budget = None,
    yes: Yes = False,
    no_wait: NoWait = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
    json: Json = False,
) -> None:
    """Assemble a pipeline by name, train it and judge it on the test part.

    Without arguments: the quickstart recipe. What you leave out comes from the recipe, then from the data set's own
    defaults, then from each component's. All by name: qplug list. A component is named as NAME, or with one of its
    presets as NAME:PRESET; a class of your own as module:Class. Several seeds or heads, or --fold all, make a set: one
    run for each of their combinations in one folder, with mean and spread at the end.
    """
    from qplug_cli.progress import loading

    with loading():
        from qplug.catalogue.lacking import refuse_lacking
        from qplug.catalogue.layers import merge
        from qplug.lab.comparison.executors import executor_settings
        from qplug.lab.comparison.grid import seeds_of
        from qplug.lab.config import layers as settings
        from qplug.lab.config.recipes import with_recipe

    several = seed is not None and re.search(r"\d\s*[-,]", seed)
    seeds = seeds_of(seed) if several and seed is not None else None
    components = {
        "dataset": dataset,
        "features": features,
        "backbone": backbone,
        "reducer": reducer,
        "backend": backend,
    }
    flags: dict[str, Any] = settings.from_names({kind: name for kind, name in components.items() if name is not None})
    options = {"device": device, "threads": threads, "split": split, "on_bad_file": on_bad_file, "ablation": ablation}
    flags |= {key: str(value) for key, value in options.items() if value is not None}
    if seed is not None:
        flags["seed"] = seed if seeds is None else str(seeds[0])
    if data_dir is not None:
        flags["data_dir"] = str(data_dir.expanduser().resolve())
    if allow_leak:
        flags["allow_leak"] = True
    training = {"epochs": epochs, "devices": devices}
    flags["training"] = {key: value for key, value in training.items() if value is not None}
    if fold is not None and fold != "all":
        if not fold.isdecimal():
            raise UserError(f"--fold takes the number of a fold, or all; got {fold!r}.")
        flags["fold"] = fold
    heads = list(head or [])
    arms = [_with_head(flags, name) for name in heads] or [flags]
    of_the_executor, assigned = executor_settings(assignments or ())
    many = _Many(jobs, executor, per_gpu, of_the_executor)
    # One layer, so that --set changes what a preset named by a flag says.
    given = [[settings.from_flags(each, assigned)] for each in arms]
    if config is not None:
        file = settings.from_file(config)
        given = [[*layers, file] for layers in given]
    asked = _Asked(
        [with_recipe(layers, recipe, smoke=smoke) for layers in given], heads, seeds, every_fold=fold == "all"
    )
    seconds_of(budget)  # a mistake in it is told before any work
    with _naming_what_is_gone(config):
        for layers in asked.layers:
            refuse_lacking(merge(layers))
        if dry_run:
            _dry_run(asked, json=json)
        elif asked.is_set:
            _run_set(asked, out, many, figures=figures, json=json)
        else:
            many.refuse_for_one()
            allowed = partial(spending, budget=budget, yes=yes, no_wait=no_wait, size=(samples, shots))
            _run_once(asked.layers[0], out, config, allowed, figures=figures, json=json)


@contextmanager
def _naming_what_is_gone(config: Path | None) -> Iterator[None]:
    """Inside, where a run's configuration names what is no longer installed, it is told what brought it then."""
    try:
        yield
    except UnknownName:
        if config is None:
            raise
        from qplug.lab.runner.code import beside, naming_what_is_gone  # it is slow to import

        with naming_what_is_gone(beside(config)):
            raise


@dataclass(frozen=True)
class _Asked:
    """What is to run: layers of settings for each head, seeds, and whether each fold is the test part once."""

    layers: list[list[dict[str, Any]]]
    heads: list[str]
    seeds: tuple[int, ...] | None
    every_fold: bool

    @property
    def is_set(self) -> bool:
        return len(self.layers) > 1 or len(self.seeds or ()) > 1 or self.every_fold


@dataclass(frozen=True)
class _Many:
    """What was said of carrying out many runs at once."""

    jobs: int | None
    executor: str | None
    per_gpu: int | None
    settings: dict[str, str]

    def refuse_for_one(self) -> None:
        if self.executor is not None or self.per_gpu is not None or self.settings:
            asked = f"--executor {self.executor}" if self.executor else "--per-gpu or --set executor.*"
            raise UserError(
                f"{asked} is for many runs, and this is one, which is carried out here. Several seeds or heads, or "
                "--fold all, make a set of runs: --seed 0-9."
            )


def _with_head(flags: dict[str, Any], head: str) -> dict[str, Any]:
    from qplug.lab.config.branches import from_head

    return flags | from_head(head)


def _run_once(
    layers: list[dict[str, Any]],
    out: Path,
    config: Path | None,
    allowed: Callable[[TerminalReporter], Spending],
    *,
    figures: bool,
    json: bool,
) -> None:
    from qplug_cli.progress import TerminalReporter, loading

    with loading():
        from qplug.lab.runner.code import beside
        from qplug.lab.runner.run import run_once
        from qplug.lab.runner.workplace import Workplace

    repeated = None if config is None else beside(config)
    place = replace(Workplace.from_environment(), figures=figures)
    with TerminalReporter() as reporter:
        summary = run_once(layers, out, reporter, repeated=repeated, workplace=place, spending=allowed(reporter))
    results.show(summary, json=json)


def _run_set(asked: _Asked, out: Path, many: _Many, *, figures: bool, json: bool) -> None:
    from qplug_cli.progress import TerminalReporter, loading

    with loading():
        from qplug.lab.comparison.executors import executor_of
        from qplug.lab.comparison.sets import run_set
        from qplug.lab.runner.workplace import Workplace

    place = replace(Workplace.from_environment(), figures=figures)
    with TerminalReporter() as reporter:
        executor = executor_of(many.executor, many.jobs, many.per_gpu, place, many.settings)
        summary = run_set(_grid(asked), out, reporter, executor=executor, workplace=place)
    results.show(summary, json=json)


def _grid(asked: _Asked) -> Grid:
    from qplug.lab.comparison.grid import Arm, Grid

    arms = [Arm(name, layers) for name, layers in zip(asked.heads or [""], asked.layers, strict=True)]
    return Grid(arms, asked.seeds, asked.every_fold)


def _dry_run(asked: _Asked, *, json: bool) -> None:
    from qplug.lab.runner.plan import plan
    from qplug.lab.runner.workplace import Workplace

    place = Workplace.from_environment()
    plans = [plan(layers, place, every_fold=asked.every_fold) for layers in asked.layers]
    results.show_plans(plans, n_seeds=len(asked.seeds or (0,)), json=json)
