"""What ``qplug data`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qplug.contract.addresses import redacted
from qplug_cli import output

if TYPE_CHECKING:
    from qplug.contract.interfaces import Dataset
    from qplug.lab.acquire.fetch import Fetched
    from qplug.lab.acquire.survey import Survey
    from qplug.lab.acquire.verify import Verdict

HOW = {"download": "download", "own": "download", "by-hand": "by hand", "none": "no files needed"}
_SHOWN = 5


def print_list(rows: Sequence[Mapping[str, Any]]) -> None:
    """The table of ``qplug data list``."""
    from rich.table import Table

    from qplug_cli.words import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("name", "there", "how to get", "size"):
        table.add_column(heading, no_wrap=True)
    for heading in ("licence", "what"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        name = Text(row["name"], "bold")
        if row["status"] != "ready":
            table.add_row(name, "–", Text(row["status"], "yellow"), "", "", Text(row["install"] or row["reason"]))
            continue
        there = Text("partly", "yellow") if row["n_absent"] else Text("yes", "green")
        there = there if row["there"] else Text("no", "dim")
        table.add_row(name, there, HOW[row["how"]], _size(row["bytes"]), Text(row["licence"]), Text(row["summary"]))
    console = output.console()
    console.print(table)
    console.print(
        "more about one: qplug data info NAME · download one: qplug data fetch NAME", style="dim", soft_wrap=True
    )


def facts(name: str, dataset: Dataset, found: Survey) -> dict[str, Any]:
    """All that is known about one data set and its folder, as plain data."""
    return {
        "name": name,
        "summary": type(dataset).summary,
        "how": found.how,
        "folder": None if found.how == "none" else str(found.folder),
        "n_samples": found.n_samples,
        "n_absent": found.n_absent,
        "missing": [redacted(file.url) for file in found.missing],
        "bytes": found.n_bytes if found.missing else 0,
        "differing": list(found.differing),
        "classes": list(dataset.classes),
        "splits": {split: rule.description for split, rule in dataset.splits.items()},
        "layout": dataset.layout,
        "licence": dataset.licence,
        "citation": dataset.citation,
        "homepage": dataset.homepage,
        "reference": list(map(str, dataset.reference)),
    }


def print_facts(told: Mapping[str, Any]) -> None:
    """The page of ``qplug data info``."""
    console = output.console()
    console.print(told["name"], style="bold")
    console.print(told["summary"])
    missing = told["missing"]
    size = f" ({_size(told['bytes'])})" if missing and told["bytes"] else ""
    there = "nothing" if told["n_samples"] is None else f"{told['n_samples']:,} samples"
    if told["n_absent"]:
        there += f"; the files of {told['n_absent']:,} more are missing"
    pairs = [
        ("folder", told["folder"]),
        ("there", there),
        ("to download", f"{_count(len(missing), 'file')}{size}: {_some(missing, 1)}" if missing else ""),
        ("how to get", "" if missing or told["n_samples"] is not None else HOW[told["how"]]),
        ("differing", ", ".join(told["differing"][:_SHOWN])),
        ("classes", ", ".join(told["classes"])),
        *((f"split {name}", text) for name, text in told["splits"].items()),
        ("layout", told["layout"]),
        ("licence", told["licence"]),
        ("cite", told["citation"]),
        ("homepage", told["homepage"]),
        *(("known result", line) for line in told["reference"]),
    ]
    _print_pairs([(name, str(text)) for name, text in pairs if text])
    if missing:
        console.print(f"get it with: qplug data fetch {told['name']}", style="dim", soft_wrap=True)


def print_licence(name: str, dataset: Dataset, found: Survey) -> None:
    """What is about to be downloaded and under which licence, on stderr: it is asked, not answered."""
    from qplug_cli.words import PlainConsole, styled

    console = PlainConsole(stderr=True)
    console.print(name, style="bold")
    size = f", {_size(found.n_bytes)}" if found.n_bytes else ""
    sources = list(dict.fromkeys(redacted(file.url) for file in found.missing))
    told = [
        ("licence", dataset.licence or "none stated"),
        ("cite", dataset.citation),
        ("homepage", dataset.homepage),
        ("from", f"{sources[0]}{f' and {len(sources) - 1} more' if len(sources) > 1 else ''}{size}" if sources else ""),
        ("to", str(found.folder)),
    ]
    for label, text in told:
        if text:
            console.print(styled((f"{label:<10}", "dim"), text), soft_wrap=True)


def by_hand(name: str, dataset: Dataset, folder: Path) -> dict[str, Any]:
    """How to get a data set that cannot be fetched, as plain data."""
    return {
        "name": name,
        "fetched": False,
        "how": "by-hand",
        "folder": str(folder),
        "layout": dataset.layout,
        "homepage": dataset.homepage,
        "licence": dataset.licence,
        "citation": dataset.citation,
    }


def print_by_hand(page: Mapping[str, Any]) -> None:
    """The page of instructions."""
    from qplug_cli.words import styled

    name = page["name"]
    console = output.console()
    console.print(styled((name, "bold"), " has to be got by hand.\n"))
    _print_pairs([(label, page[label]) for label in ("homepage", "licence", "citation") if page[label]])
    steps = (
        f"Make the folder {page['folder']}, or choose another and name it with --data-dir later.",
        f"Fill it so that {page['layout']}",
        f"Check it: qplug data audit {name}",
    )
    console.print()
    for number, step in enumerate(steps, start=1):
        console.print(f"{number}. {step}")


def print_fetched(
    name: str,
    folder: Path,
    n_samples: int | None,
    differing: Sequence[str],
    how: str,
    *,
    done: Fetched | None = None,
    json: bool,
) -> None:
    """What a fetch came to."""
    told = {
        "name": name,
        "fetched": done is not None,
        "how": how,
        "folder": None if how == "none" else str(folder),
        "n_files": done.n_files if done else 0,
        "n_bytes": done.n_bytes if done else 0,
        "n_samples": n_samples,
        "differing": list(differing),
    }
    if json:
        output.document(told)
        return
    from qplug_cli.words import styled

    console = output.console()
    if how == "none":
        console.print(f"{name} needs no files: it is generated, or carried by an installed package.")
        return
    what = (
        f"fetched {_count(done.n_files, 'file')}, {_size(done.n_bytes)};"
        if done and done.n_files
        else "nothing to fetch;"
    )
    console.print(styled((name, "bold"), f": {what} {n_samples or 0:,} samples in {folder}"), soft_wrap=True)
    if differing:
        console.print(
            styled(
                ("warning:", "yellow"),
                f" {len(differing)} files differ from what the source publishes and were kept ({_some(differing)}). "
                f"To replace them: qplug data fetch {name} --repair",
            ),
            soft_wrap=True,
        )
    console.print(f"next: qplug data audit {name} · qplug run --dataset {name}", style="dim", soft_wrap=True)


def print_verdict(name: str, verdict: Verdict, *, json: bool) -> None:
    """What a verification found."""
    if json:
        output.document(
            {
                "name": name,
                "good": verdict.good,
                "folder": str(verdict.folder),
                "n_samples": verdict.n_samples,
                "n_files": verdict.n_files,
                "n_checked": verdict.n_checked,
                "n_checksums": verdict.n_checksums,
                "missing": list(verdict.missing),
                "wrong": dict(verdict.wrong),
                "hollow": dict(verdict.hollow),
                "unusable": dict(verdict.unusable),
            }
        )
        return
    from qplug_cli.words import styled

    console = output.console()
    console.print(styled((name, "bold"), f": {verdict.n_samples:,} samples in {verdict.folder}"), soft_wrap=True)
    if not verdict.n_checked and verdict.good:
        console.print(
            "Its layout is as expected, and no file is empty or a mere pointer. Nothing is published that its files "
            "could be held against, and they were not downloaded by qplug; so nothing else was checked.",
            soft_wrap=True,
        )
    elif verdict.good:
        console.print(
            styled(
                (f"All {verdict.n_checked:,} files are as they should be", "green"),
                f", {verdict.n_checksums:,} of them by checksum.",
            )
        )


def complaint(name: str, verdict: Verdict, how: str) -> str:
    """One paragraph about what is missing, wrong or of no use, and what can be done about each.

    Args:
        name: the data set's name.
        verdict: what a verification found.
        how: how the data set is had, as in ``Survey``.
    """
    parts = []
    if verdict.wrong:
        some = "; ".join(f"{path}: {reason}" for path, reason in list(verdict.wrong.items())[:_SHOWN])
        parts.append(f"{len(verdict.wrong)} of {verdict.n_checked} files are not as published ({some})")
    if verdict.hollow:
        some = "; ".join(f"{path}: {reason}" for path, reason in list(verdict.hollow.items())[:_SHOWN])
        many = "file has" if len(verdict.hollow) == 1 else "files have"
        parts.append(f"{len(verdict.hollow)} of {verdict.n_files} {many} no content ({some})")
    if verdict.missing:
        parts.append(f"{len(verdict.missing)} of {verdict.n_files} files are missing ({_some(verdict.missing)})")
    if verdict.unusable:
        some = "; ".join(f"{entry}: {reason}" for entry, reason in list(verdict.unusable.items())[:_SHOWN])
        many = "entry makes" if len(verdict.unusable) == 1 else "entries make"
        parts.append(f"{len(verdict.unusable)} {many} no sample ({some})")
    return " ".join([f"{name}: {'; '.join(parts)}.", *_cures(name, verdict, how)])


def _cures(name: str, verdict: Verdict, how: str) -> Iterator[str]:
    if verdict.unusable:
        yield "Mend or remove what makes no sample; qplug run goes on without it with --on-bad-file skip."
    if verdict.missing or verdict.wrong or verdict.hollow:
        if how == "by-hand":
            yield (
                "It cannot be downloaded automatically: put these files there again as you got them, or remove what "
                f"still names them, such as a broken link. Where {name} is had: qplug data info {name}."
            )
        else:
            yield f"To get them: qplug data fetch {name}{' --repair' if verdict.wrong or verdict.hollow else ''}"


def _print_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    from rich.table import Table

    from qplug_cli.words import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for label, text in pairs:
        table.add_row(label, Text(text))
    output.console().print(table)


def _size(n_bytes: int | None) -> str:
    from qplug.lab.data.disk import readable

    return "" if n_bytes is None else readable(n_bytes)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _some(things: Sequence[str], most: int = _SHOWN) -> str:
    return ", ".join(things[:most]) + (", …" if len(things) > most else "")
