"""``qplug evaluate``: judge a finished run again, without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qplug.contract.errors import ConfigError
from qplug.lab.measures import SUMMARY
from qplug_cli import blocks, output
from qplug_cli.device_options import Budget, NoWait, Samples, Shots, Yes, spending
from qplug_cli.device_pages import show_verification, show_waiting
from qplug_cli.options import Json, NoPlugin, PluginFile
from qplug_cli.results import metrics_table, print_heading

if TYPE_CHECKING:
    from qplug.lab.runner.asked import Asked

EXAMPLES = """
**Examples**

`qplug evaluate runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f` – once more where it was judged: the same numbers

`qplug evaluate RUN --backend aer --set backend.shots=1000` – its circuits with 1,000 shots

`qplug evaluate RUN --backend ibm --set backend.fake=FakeTorino --samples 64` – the way to a device, rehearsed

`qplug evaluate RUN --backend ibm --budget 30s` – on the least busy device of your account

`qplug evaluate RUN --backend ibm --again` – the same once more, into an evaluation of its own

`qplug evaluate RUN --ladder` – what shots take, and what the noise of a fake device takes

`qplug evaluate RUN --part validation --json`

`qplug evaluate RUN --dataset ravdess --data-dir ~/data/ravdess --set dataset.emotions=crema-d` – other recordings

`qplug evaluate RUN --dataset folder --data-dir ~/mine --map angry=anger --map happy=happiness`
"""


class PartName(StrEnum):
    """The parts that can be judged."""

    test = "test"
    validation = "validation"


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run's directory.", show_default=False)],
    backend: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Where its circuits run.  [default: where the run was judged]"),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KIND.PARAM=VALUE",
            help="Set a parameter of the backend or the other data set, such as backend.shots=1000. Repeatable.",
        ),
    ] = None,
    part: Annotated[PartName, typer.Option(help="Which part of the split is judged.")] = PartName.test,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Judge it on another data set with the same classes.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the data set, if it is not where it was.")] = None,
    split: Annotated[str | None, typer.Option(metavar="NAME", help="Which of the other data set's splits.")] = None,
    fold: Annotated[int | None, typer.Option(min=0, help="Which fold of it is the test part.")] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="THEIRS=OURS", help="A class of the other data set is this one. Repeatable."),
    ] = None,
    ladder: Annotated[
        bool,
        typer.Option(
            "--ladder",
            help="In steps: exact, shots, a fake device and, with --backend, a device; on the same samples.",
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Ask a device that has answered this once more, into an evaluation of its own.",
            rich_help_panel="Remote backends",
        ),
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
    """Judge a finished run again: on another backend, part or data set, without training.

    What comes of it stands in the run's folder evaluations; nothing else of the run changes. Beside values of a backend
    that did not train the run stands how far they are from those of the one that did.
    """
    from qplug.lab.runs.directory import refuse_missing
    from qplug_cli.progress import TerminalReporter, loading

    refuse_missing(run)
    with loading():
        from qplug.lab.runner.asked import Asked
        from qplug.lab.runner.evaluate import evaluate

    settings = _settings(backend, dataset, data_dir, split, fold, assignments or ())
    asked = Asked(settings, part.value, _map(classes or ()), (samples, shots))
    if ladder and again:
        raise ConfigError("--ladder keeps what its steps gave, so --again does not go with it. Leave one of them out.")
    if ladder:
        _climb(run, asked, (budget, yes, no_wait), json=json)
        return
    with TerminalReporter() as reporter:
        allowed = spending(reporter, budget, yes=yes, no_wait=no_wait)
        summary = evaluate(run, asked, reporter, spending=allowed, anew=again)
    if json:
        output.document(summary)
    else:
        _show(summary)


def _climb(run: Path, asked: Asked, cost: tuple[str | None, bool, bool], *, json: bool) -> None:
    from qplug.lab.runner.ladder import SAMPLES, SHOTS, Climb, climb
    from qplug_cli.device_pages import show_ladder
    from qplug_cli.progress import TerminalReporter

    if asked.other_data or asked.classes:
        raise ConfigError("--ladder judges the run's own data: leave --dataset and --map out.")
    samples, shots = asked.size
    budget, yes, no_wait = cost
    wanted = Climb(samples or SAMPLES, shots or SHOTS, asked.settings.get("backend"), asked.part)
    with TerminalReporter() as reporter:
        allowed = spending(reporter, budget, yes=yes, no_wait=no_wait)
        told = climb(run, wanted, reporter, spending=allowed)
    if json:
        output.document(told)
    elif "waiting" in told:
        show_waiting(told)
    else:
        show_ladder(told)


def _settings(
    backend: str | None,
    dataset: str | None,
    data_dir: Path | None,
    split: str | None,
    fold: int | None,
    assignments: Sequence[str],
) -> dict[str, Any]:
    from qplug.lab.config import layers

    names = {kind: name for kind, name in (("backend", backend), ("dataset", dataset)) if name is not None}
    options = {"split": split, "fold": fold}
    given = {key: value for key, value in options.items() if value is not None}
    if given and dataset is None:
        raise ConfigError(
            f"--{next(iter(given))} is given without --dataset. A run is judged on its own split; name another data "
            "set to choose one of its splits."
        )
    flags = layers.from_names(names) | given
    if data_dir is not None:
        flags["data_dir"] = str(data_dir.expanduser().resolve())
    settings = layers.from_flags(flags, assignments)
    allowed = {"backend", "data_dir", *(("dataset", "split", "fold") if dataset is not None else ())}
    if strange := sorted(settings.keys() - allowed):
        raise ConfigError(
            f"--set {strange[0]}… cannot be changed on a finished run: only parameters of the backend (backend.PARAM) "
            "and, with --dataset, of the data set (dataset.PARAM). For others, start a run: qplug run"
        )
    return settings


def _map(pairs: Sequence[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        theirs, equals, ours = pair.partition("=")
        if not equals or not theirs or not ours:
            raise ConfigError(f"--map {pair!r} must look like THEIRS=OURS, such as angry=anger.")
        found[theirs.strip()] = ours.strip()
    return found


def _show(summary: Mapping[str, Any]) -> None:
    if "waiting" in summary:
        show_waiting(summary)
        return
    console = output.console()
    print_heading(console, summary, f" · {summary['head']} · {_where(summary)}")
    table = metrics_table("")
    scores = summary[summary["part"]]
    table.add_row(summary["part"], *(f"{scores[name]:.3f}" for name in SUMMARY))
    console.print(table)
    console.print(blocks.interval(summary["part"], scores["accuracy"], scores["n"], scores["accuracy_interval"]))
    if not summary["other_data"]:
        console.print(f"in the run itself: accuracy {summary['run_accuracy']:.3f}")
    _show_agreement(summary["against_training_backend"])
    if "observables" in summary:
        show_verification(summary)
    blocks.end(console, summary["evaluation"], blocks.command("report", summary["run"]))


def _show_agreement(found: Mapping[str, Any] | None) -> None:
    if found is None:
        return
    low, high = found["label_agreement_interval"]
    line = (
        f"against the backend that trained it: the same label for {100 * found['label_agreement']:.1f} % "
        f"({100 * low:.1f} to {100 * high:.1f} %), accuracy there {found['accuracy']:.3f}"
    )
    if found["mean_abs_delta_z"] is not None:
        line += f", |Δ⟨Z⟩| {found['mean_abs_delta_z']:.2g} on average, {found['max_abs_delta_z']:.2g} at most"
    output.console().print(line)


def _where(summary: Mapping[str, Any]) -> str:
    if summary["backend"] is None:
        return "no circuit"
    settings = ", ".join(f"{name} {value}" for name, value in summary["settings"].items() if value != "")
    noise = ", modelled noise: a fake device" if summary["modelled_noise"] else ""
    return str(summary["backend"]) + (f" ({settings})" if settings else "") + noise
