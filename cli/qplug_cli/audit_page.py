"""An audit for people: what ``qplug data audit`` prints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from qplug_cli import output

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from qplug.lab.audit.report import Report
    from qplug.lab.audit.splits import SplitFacts

_BLOCKS = "▁▂▃▄▅▆▇█"
_BAR = 24
_SHOWN = 5
_MOST_CLASSES = 40


def show(report: Report, figure: Path) -> None:
    """Prints the whole audit."""
    from qplug_cli.words import styled

    console = output.console()
    stamp = (" SYNTHETIC DATA" if report.synthetic else "", "bold red")
    console.print(styled((report.dataset, "bold"), f" · {_headline(report)}", stamp), soft_wrap=True)
    if report.folder is not None:
        console.print(str(report.folder), style="dim", soft_wrap=True)
    _print_signals(report, console)
    _print_classes(report, console)
    _print_splits(report, console)
    _print_findings(report, console)
    console.print(f"figure: {figure}", soft_wrap=True)


def _headline(report: Report) -> str:
    things = "recordings" if report.modality == "audio" else "images"
    groups = "each its own group" if report.singles else f"{len(report.groups):,} groups"
    return f"{report.n_samples:,} {things} · {len(report.classes)} classes · {groups}"


def _print_title(title: str, console: Console) -> None:
    console.print()
    console.print(title, style="bold underline")


def _print_signals(report: Report, console: Console) -> None:
    from rich.table import Table

    from qplug_cli.words import Text

    _print_title("signals", console)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, text in _signals(report):
        table.add_row(name, Text(text))
    console.print(table)


def _signals(report: Report) -> Iterator[tuple[str, str]]:
    import numpy as np

    if report.modality == "audio":
        seconds = report.durations
        low, middle, high = np.quantile(seconds, [0, 0.5, 1])
        yield "durations", f"{_sparks(seconds)}  {low:.2f} s … {middle:.2f} s (median) … {high:.2f} s"
        unread = f", without {len(report.unreadable):,} that cannot be read" if report.unreadable else ""
        yield "together", _time(float(seconds.sum())) + unread
        yield "sample rates", ", ".join(f"{rate:,} Hz: {n:,}" for rate, n in report.sample_rates.items())
        low, middle, high = np.quantile(report.levels, [0, 0.5, 1])
        yield "levels", f"{_sparks(report.levels)}  {low:.0f} … {middle:.0f} (median) … {high:.0f} dB of full scale"
    else:
        yield "sizes", ", ".join(f"{size}: {n:,}" for size, n in list(report.sizes.items())[:_SHOWN])
        yield "brightness", f"{_sparks(report.measures.level)}  mean value, from 0 to 1"
    yield "channels", ", ".join(f"{n:,} with {channels}" for channels, n in report.channels.items())
    balance = f"largest class {report.largest_share:.1%} of all, {report.imbalance:.2g} times the smallest"
    yield "balance", balance
    if not report.singles:
        sizes = np.asarray(list(report.groups.values()))
        yield "group sizes", f"{sizes.min():,} … {np.median(sizes):g} (median) … {sizes.max():,} samples"


def _sparks(values: NDArray[np.float64], n_bins: int = 24) -> str:
    import numpy as np

    counts, _ = np.histogram(values, bins=n_bins)
    heights = np.ceil(counts / counts.max() * len(_BLOCKS)).astype(int)
    return "".join(_BLOCKS[height - 1] if height else " " for height in heights)


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _print_classes(report: Report, console: Console) -> None:
    from rich.table import Table

    from qplug_cli.words import Text

    _print_title("classes", console)
    default = next(iter(report.splits.values()))
    parts = ("train", "validation", "test")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("class", no_wrap=True, style="bold")
    table.add_column("")
    for heading in ("samples", "groups", *parts):
        table.add_column(heading, justify="right")
    largest = max(report.classes.values())
    for label, n in list(report.classes.items())[:_MOST_CLASSES]:
        sizes = default.class_sizes.get(label)
        cells = ["–"] * 3 if sizes is None else [f"{sizes[part]:,}" for part in parts]  # type: ignore[index]
        bar = Text("█" * max(1 if n else 0, round(_BAR * n / largest)), "blue")
        table.add_row(Text(label), bar, f"{n:,}", f"{report.class_groups[label]:,}", *cells)
    console.print(table)
    if len(report.classes) > _MOST_CLASSES:
        console.print(f"and {len(report.classes) - _MOST_CLASSES} more classes; all: --json", style="dim")
    if default.problem:
        return
    fold = ", fold 1" if default.folds else ""
    console.print(f"parts of the split {default.name!r}{fold}", style="dim", soft_wrap=True)


def _print_splits(report: Report, console: Console) -> None:
    from rich.table import Table

    from qplug_cli.words import Text

    _print_title("splits", console)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("split", "by", "folds"):
        table.add_column(heading, no_wrap=True)
    for heading in ("train", "validation", "test"):
        table.add_column(heading, justify="right")
    table.add_column("in two parts", overflow="fold")
    for name, facts in report.splits.items():
        sizes = [f"{n:,}" for n in facts.sizes.values()] if not facts.problem else ["–"] * 3
        by = "authors" if facts.official else "chance" if name == "random" else "rule"
        table.add_row(Text(name, "bold"), by, str(len(facts.folds) or "–"), *sizes, Text(*_sharing(facts, report)))
    console.print(table)


def _sharing(facts: SplitFacts, report: Report) -> tuple[str, str]:
    """What stands in more than one part of a split, and its colour."""
    from qplug.lab.audit.splits import counted

    if facts.problem:
        return facts.problem, "yellow"
    leaks = []
    if facts.shared_groups:
        leaks.append(f"LEAKY: {counted(len(facts.shared_groups), facts.group)}")
    if facts.leak:
        leaks.append(f"LEAKY: {facts.leak}")
    if facts.duplicates:
        leaks.append(counted(facts.duplicates, "duplicate"))
    others = [
        f"{name} {several:,} of {of:,}"
        for name, (several, of) in facts.shared.items()
        if several and name != facts.group
    ]
    alone = facts.group == "group" and report.singles
    told = "; ".join(leaks) or ("no sample" if alone else f"no {facts.group}")
    return told + (f"  ({', '.join(others)})" if others else ""), "red" if leaks else ""


def _print_findings(report: Report, console: Console) -> None:
    from qplug_cli.words import styled

    _print_title("findings", console)
    n_copies = sum(len(duplicate.ids) - 1 for duplicate in report.duplicates)
    silent = "silent" if report.modality == "audio" else "blank"
    rows = [
        ("duplicates", n_copies, [" = ".join(each.ids[:3]) for each in report.duplicates]),
        (
            "copies with loss",
            len(report.alike),
            [f"{' ≈ '.join(pair.ids)}, {pair.likeness:.2f}" for pair in report.alike],
        ),
        ("with different labels", len(report.conflicts), [" = ".join(each.ids[:3]) for each in report.conflicts]),
        ("unreadable", len(report.unreadable), [f"{name}: {why}" for name, why in report.unreadable.items()]),
        (silent, len(report.silent), list(report.silent)),
        ("clipped", len(report.clipped), list(report.clipped)),
    ]
    for what, n, names in rows:
        if report.modality == "image" and what == "clipped":
            continue
        some = "; ".join(names[:_SHOWN]) + ("; …" if len(names) > _SHOWN else "")
        colour = "yellow" if n else "green"
        console.print(styled((f"{n:>6,}", colour), f" {what}", f"  {some}" if some else ""), soft_wrap=True)
    for remark in report.remarks:
        console.print(styled(("  note", "yellow"), f" {remark}"), soft_wrap=True)
