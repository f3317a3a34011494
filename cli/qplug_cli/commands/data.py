"""``qplug data``: what data sets there are, getting them, checking them, looking into them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qplug import catalogue
from qplug.contract.errors import DataError, UserError
from qplug_cli import data_pages, output
from qplug_cli.options import Json, NoPlugin, PluginFile, Settings
from qplug_cli.plain_help import PlainCommand, PlainGroup

if TYPE_CHECKING:
    from qplug.contract.interfaces import Dataset

EXAMPLES = """
**Examples**

`qplug data list` – every data set: is it there, how is it had, under which licence

`qplug data fetch fsdd` – download it to the place where every run looks for it

`qplug data verify fsdd` – hold its files against what the source publishes

`qplug data audit fsdd` – classes, groups, durations, duplicates, leaks of each split; and a figure
"""

app = typer.Typer(
    cls=PlainGroup,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Data sets: what there is, get them, check them, look into them.",
    epilog=inspect.cleandoc(EXAMPLES),
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A data set by name, as in qplug data list.")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="The folder with a sub-folder for each data set, or this data set's own.  "
        "[default: QPLUG_DATA, else the platform's place for data]",
    ),
]


_command = partial(app.command, cls=PlainCommand)


@app.callback(invoke_without_command=True)
def _data(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")


def _epilog(examples: str) -> str:
    return inspect.cleandoc(f"**Examples**\n\n{examples}")


@_command(
    "list",
    epilog=_epilog("`qplug data list` – all of them\n\n`qplug data list --data-dir ~/data --json` – for scripts"),
)
def list_data(
    data_dir: DataDir = None, json: Json = False, plugin: PluginFile = None, no_plugin: NoPlugin = None
) -> None:
    """Every data set: whether it is there, how it is had, and under which licence."""
    from qplug.lab.acquire.places import target_folder
    from qplug.lab.acquire.survey import how

    rows = []
    for entry in catalogue.entries("dataset"):
        folder = target_folder(entry.name, data_dir)
        row: dict[str, Any] = {"name": entry.name, "status": entry.status, "summary": entry.summary}
        if entry.status == "ready":
            dataset = _dataset(entry.name)
            way = how(dataset)
            n_samples, n_absent = (None, 0) if way == "none" else _held(dataset, folder)
            row |= {
                "how": way,
                "there": way == "none" or bool(n_samples),
                "n_samples": n_samples,
                "n_absent": n_absent,
                "folder": None if way == "none" else str(folder),
                "bytes": _published_bytes(dataset),
                "licence": dataset.licence,
            }
        else:
            row |= {"reason": entry.reason, "install": entry.install}
        rows.append(row)
    if json:
        output.document(rows)
    else:
        data_pages.print_list(rows)


def _held(dataset: Dataset, folder: Path) -> tuple[int | None, int]:
    """How many samples a folder holds, and how many it only lists; None and 0 for one that cannot be used."""
    from qplug.lab.acquire.survey import count_samples

    if not folder.is_dir():
        return None, 0
    try:
        return count_samples(dataset, folder)
    except Exception:  # one data set that fails must not hide the others; qplug data info says what is wrong with it
        return None, 0


def _published_bytes(dataset: Dataset) -> int | None:
    sizes = [file.size for file in dataset.files]
    return None if not sizes or None in sizes else sum(size or 0 for size in sizes)


@_command(epilog=_epilog("`qplug data info crema-d` – layout, licence, whom to cite, where it comes from"))
def info(
    name: Name,
    data_dir: DataDir = None,
    settings: Settings = None,
    json: Json = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
) -> None:
    """One data set: layout, licence, citation, splits, known results, what is there and what could be downloaded."""
    from qplug.lab.acquire.places import target_folder
    from qplug.lab.acquire.survey import survey

    dataset = _dataset(name, settings)
    found = survey(dataset, target_folder(name, data_dir))
    facts = data_pages.facts(name, dataset, found)
    if json:
        output.document(facts)
    else:
        data_pages.print_facts(facts)


@_command(
    epilog=_epilog(
        "`qplug data fetch fsdd` – asks before the first download\n\n"
        "`qplug data fetch mnist --data-dir ~/data --yes` – does not ask\n\n"
        "`qplug data fetch crema-d --repair` – gets again what is damaged"
    )
)
def fetch(
    name: Name,
    data_dir: DataDir = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the licence without being asked.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Replace files that differ from what the source publishes.")
    ] = False,
    settings: Settings = None,
    json: Json = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Download a data set to the place where every run looks for it; what is there already is kept.

    Interrupted in any way, the same command goes on where it was. The licence is shown before the first download.
    """
    from qplug.lab.acquire import fetch as acquire
    from qplug.lab.acquire.places import target_folder
    from qplug.lab.acquire.survey import survey
    from qplug_cli.byte_bars import ByteBars

    dataset = _dataset(name, settings)
    folder = target_folder(name, data_dir)
    with ByteBars() as bars:
        found = survey(dataset, folder, repair=repair, progress=bars)
    if found.how == "by-hand" and found.n_samples is None:
        _refuse_by_hand(name, dataset, folder, json=json)
    if found.how == "none" or not (found.missing or found.how == "own"):
        data_pages.print_fetched(name, found.folder, found.n_samples, found.differing, found.how, json=json)
        return
    if found.first:
        data_pages.print_licence(name, dataset, found)
        _confirm(name, yes=yes)
    with ByteBars() as bars:
        done = acquire.fetch(dataset, folder, repair=repair, progress=bars)
    data_pages.print_fetched(name, done.folder, done.n_samples, done.differing, found.how, done=done, json=json)


def _refuse_by_hand(name: str, dataset: Dataset, folder: Path, *, json: bool) -> None:
    page = data_pages.by_hand(name, dataset, folder)
    if json:
        output.document(page)
    else:
        data_pages.print_by_hand(page)
    raise DataError(f"{name} cannot be downloaded automatically. How to get it stands above.")


def _confirm(name: str, *, yes: bool) -> None:
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UserError(
            f"nothing was downloaded: nobody can be asked here whether the licence of {name} is accepted. "
            f"To accept it: qplug data fetch {name} --yes"
        )
    if not typer.confirm("Download it under this licence?", err=True):
        raise UserError(f"nothing was downloaded. To accept the licence of {name}, answer y, or use --yes.")


@_command(epilog=_epilog("`qplug data verify mnist` – sizes and checksums of all files"))
def verify(
    name: Name,
    data_dir: DataDir = None,
    settings: Settings = None,
    json: Json = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Hold a data set's files against the sizes and checksums that its source publishes."""
    from qplug.lab.acquire.survey import how
    from qplug.lab.acquire.verify import verify as examine
    from qplug.lab.data.folders import data_folder
    from qplug_cli.byte_bars import ByteBars

    dataset = _dataset(name, settings)
    if not dataset.capabilities.needs_folder:
        raise UserError(f"{name} has no files to verify: it is generated, or carried by an installed package.")
    with ByteBars() as bars:
        verdict = examine(dataset, data_folder(name, dataset, data_dir), progress=bars)
    data_pages.print_verdict(name, verdict, json=json)
    if not verdict.good:
        raise DataError(data_pages.complaint(name, verdict, how(dataset)))


@_command(
    epilog=_epilog(
        "`qplug data audit fsdd` – a data set by name\n\n"
        "`qplug data audit ~/my-sounds --set group='^([a-z]+)_'` – your own folder, groups told by file names\n\n"
        "`qplug data audit ravdess --json --out ravdess.png`"
    )
)
def audit(
    name: Annotated[str, typer.Argument(metavar="NAME|FOLDER", help="A data set by name, or a folder of your own.")],
    data_dir: DataDir = None,
    out: Annotated[
        Path | None, typer.Option(help="The figure's file, PNG.  [default: audit-NAME.png]", show_default=False)
    ] = None,
    settings: Settings = None,
    json: Json = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Look into a data set before anything is trained on it: every file is read once.

    Classes, parts and groups, durations, sample rates, duplicates, unreadable, silent and clipped files, and for each
    split on offer how many groups stand in more than one of its parts.
    """
    from qplug.atomic import write_atomically
    from qplug.lab.audit.audit import audit as examine
    from qplug.lab.audit.figure import figure, png
    from qplug.lab.data.folders import data_folder
    from qplug_cli.audit_page import show
    from qplug_cli.progress import TerminalReporter

    shown, dataset, folder = _named_or_folder(name, data_dir, settings)
    home = folder or data_folder(shown, dataset, data_dir)
    path = out or Path(f"audit-{Path(shown).name}.png")
    if not path.parent.is_dir():
        raise UserError(
            f"the figure cannot be written to {path}: there is no folder {path.parent}. Choose another: --out"
        )
    with TerminalReporter() as reporter:
        reporter.stage(f"reading {shown}")
        report = examine(shown, dataset, home, progress=reporter.progress)
    write_atomically(path, png(figure(report)))
    if json:
        output.document(report.to_json() | {"figure": str(path)})
    else:
        show(report, path)


def _named_or_folder(
    name: str, data_dir: Path | None, settings: Sequence[str] | None
) -> tuple[str, Dataset, Path | None]:
    """What the user means: a data set's name stands before a folder's, unless it is written as a path."""
    known = {entry.name for entry in catalogue.entries("dataset")}
    path = Path(name).expanduser()
    if name not in known and not path.is_dir() and (path.exists() or path.name != name):
        raise UserError(f"there is no folder {name}. Name one, or a data set: qplug data list")
    if name in known or not path.is_dir():
        return name, _dataset(name, settings), None
    if data_dir is not None:
        raise UserError(f"{name} is a folder already, so --data-dir {data_dir} has no meaning here. Leave one out.")
    given = dict(_setting(text) for text in settings or ())
    from qplug.lab.audit.folder import modality_of

    values = {"modality": modality_of(path)} | given
    return path.resolve().name, _create("folder", values), path


def _dataset(name: str, settings: Sequence[str] | None = None) -> Dataset:
    return _create(name, dict(_setting(text) for text in settings or ()))


def _create(name: str, values: dict[str, str]) -> Dataset:
    from qplug import parameters
    from qplug.contract.interfaces import Dataset

    made = parameters.create(catalogue.load("dataset", name), values, f"dataset {name}")
    assert isinstance(made, Dataset)  # the catalogue checks what a data set's entry point names
    return made


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UserError(f"--set takes PARAM=VALUE, such as --set modality=image; got {text!r}.")
    return name.strip().removeprefix("dataset."), value.strip()
