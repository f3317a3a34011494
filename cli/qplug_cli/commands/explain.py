"""``qplug explain``: a pipeline drawn with its shapes, its parameter counts, and where randomness enters."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qplug.contract.errors import DataError, UnknownName
from qplug_cli import output
from qplug_cli.options import Json, NoPlugin, PluginFile
from qplug_cli.visible import visible

if TYPE_CHECKING:
    from qplug.lab.pipeline.describe import Step
    from qplug.lab.runner.explain import Explanation

EXAMPLES = """
**Examples**

`qplug explain quickstart` – the pipeline of a recipe

`qplug explain RUN` – that of a run, finished or not

`qplug explain quickstart --set head.n_layers=4` – with other settings
"""


_KIND = 9


def explain(
    what: Annotated[str, typer.Argument(metavar="RUN|RECIPE", help="A run's folder, its run.toml, or a recipe.")],
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KIND.PARAM=VALUE", help="Set one, such as head.n_layers=3. Repeatable."),
    ] = None,
    json: Json = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Draw a pipeline: what is behind each step, how many numbers learn, its circuits, and where randomness enters.

    Nothing is computed, and no data are needed.
    """
    from qplug.catalogue.lacking import refuse_lacking
    from qplug.catalogue.layers import merge

    layers = _layers(what, assignments or [])
    refuse_lacking(merge(layers))
    from qplug_cli.progress import loading

    with loading():
        from qplug.lab.runner.explain import explain as explained
    found = explained(layers)
    if json:
        output.document(found.to_json())
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        sys.stdout.write("".join(f"{fitted(visible(line).rstrip(), width)}\n" for line in lines(found)))


def _layers(what: str, assignments: Sequence[str]) -> list[dict[str, Any]]:
    """Settings of a recipe by name, or of the run in a folder."""
    from qplug import catalogue
    from qplug.lab.config import layers as settings
    from qplug.lab.config.recipes import with_recipe

    given = settings.from_assignments(assignments)
    path = Path(what)
    if path.is_dir():
        path = path / "run.toml"
        if not path.is_file():
            raise DataError(f"{what} is no run: there is no {path}. Give the folder of one run, or a recipe.")
    if path.is_file():
        return with_recipe([given, settings.from_file(path)])
    known = catalogue.registry().recipes
    if what not in known:
        advice = f"There is no folder {what} either. All recipes: qplug list recipes"
        raise UnknownName.of("recipe", what, known, advice=advice)
    return with_recipe([given], what)


def fitted(line: str, width: int | None) -> str:
    """A line broken between words where a terminal would break it anywhere; what follows stands below its last column.

    Args:
        line: of the drawing, or of what is said about it.
        width: of the terminal, in characters; None: there is none, and lines stay whole.
    """
    if width is None or len(line) <= width:
        return line
    columns = re.match(r" *(?:\S+(?: \S+)* {2,})?", line)
    indent = columns.end() if columns is not None else 0
    return textwrap.fill(line, width, subsequent_indent=" " * indent, break_on_hyphens=False)


def lines(found: Explanation) -> Iterator[str]:
    """The drawing, one line after another."""
    config, counts = found.config, found.description.parameters
    yield f"{'dataset'.ljust(_KIND)}  {config.dataset.name}   {found.modality}, {found.classes} classes"
    yield from _drawn(found)
    yield ""
    yield f"{counts.total:,} parameters, {counts.trainable:,} trainable, {counts.quantum} in circuits"
    for circuit in found.circuits:
        yield (
            f"circuit of {circuit.place}: {circuit.qubits} qubits, {circuit.gates} gates, {circuit.encoding_angles} "
            f"encoding angles, {circuit.weight_angles} weight angles, {circuit.observables} observables"
        )
    yield from found.training.lines()
    yield ""
    yield from _randomness(found)


def _drawn(found: Explanation) -> Iterator[str]:
    """The steps under one another; several branches stand beside a line of their own."""
    steps = list(found.description.steps)
    front, last, rest = steps[:2], steps[-1], steps[2:-1]
    several = len(rest) > 2
    if several:  # the weights stand where the branches begin
        last = replace(last, name="sum of branches")
        steps[-1] = last
    names = max(len(step.name) for step in steps)
    shapes = max(len(_shape(step)) for step in steps)
    marked = {chance.step for chance in found.chances}

    indent = "   │  "

    def line(step: Step, *, inside: bool = False) -> str:
        mark = "~" if {step.kind, f"{step.kind} {step.name}"} & marked else " "
        told = [step.computed, f"{step.trainable:,} learn" if step.trainable else "", step.note]
        width = names + (len(indent) if several and not inside else 0)
        cells = (step.kind.ljust(_KIND), step.name.ljust(width), _shape(step).rjust(shapes))
        return f"{indent if inside else ''}{'  '.join(cells)} {mark} {', '.join(filter(None, told))}"

    for step in front:
        yield "   │"
        yield line(step)
    for number in range(len(rest) // 2):
        weight = found.config.branches[number].weight
        yield f"   ├─ branch {number + 1}, its logits times {weight:g}" if several else "   │"
        for place, step in enumerate(rest[2 * number : 2 * number + 2]):
            if place:
                yield f"{indent if several else ''}   │"
            yield line(step, inside=several)
    yield "   │"
    yield line(last)


def _shape(step: Step) -> str:
    return " × ".join(map(str, step.shape))


def _randomness(found: Explanation) -> Iterator[str]:
    yield "Where randomness enters (~), and what decides it:"
    width = max(len(chance.step) for chance in found.chances)
    for chance in found.chances:
        yield f"  {chance.step.ljust(width)}  {chance.what} ({chance.by})"
    yield "Nothing else is random: the same settings give the same numbers on the same machine."
