"""``qplug diagnose``: what a quantum head can be expected to do, before it is trained."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qplug.contract.errors import UserError
from qplug_cli import blocks, output
from qplug_cli.options import Json, NoPlugin, PluginFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from qplug.bench.sizes import Kind
    from qplug.lab.diagnosis.diagnose import Asked
    from qplug.lab.diagnosis.diagnosis import Diagnosis

EXAMPLES = """
**Examples**

`qplug diagnose --head pennylane-pqc` – gradients, states and frequencies at the usual sizes, and a scale for its angles

`qplug diagnose --head pennylane-pqc --qubits 2-10 --layers 1,2 --out diagnosis` – with a figure and its numbers

`qplug diagnose --head qiskit-qnn --dataset digits --reducer pca --set head.scale=0.5` – on a data set's training part

`qplug diagnose --backbone quanvolution --dataset digits --set features.normalise=none` – a backbone's circuit

`qplug diagnose --head pennylane-pqc --dataset ravdess --data-dir ~/data --backbone efficientat --reducer pca --json`
"""
_MOST_SIZES = 64
_NO_CIRCUIT = "linear"
"""The head behind a backbone that is diagnosed."""


def diagnose(
    head: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="A quantum head by name; none: the circuit of --backbone.", show_default=False
        ),
    ] = None,
    qubits: Annotated[
        str | None, typer.Option(metavar="N-N|N,N,…", help="Qubits to look at.  [default: 2,4,6,8,10,12]")
    ] = None,
    layers: Annotated[
        str | None, typer.Option(metavar="N-N|N,N,…", help="Layers to look at.  [default: 1,2,4,8]")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Look at its training part; else at drawn inputs."),
    ] = None,
    features: Annotated[str | None, typer.Option(metavar="NAME", help="Feature extractor.")] = None,
    backbone: Annotated[
        str | None, typer.Option(metavar="NAME", help="Backbone; without --head, the one that is diagnosed.")
    ] = None,
    reducer: Annotated[str | None, typer.Option(metavar="NAME", help="Reducer.")] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME", help="A whole pipeline around the head: qplug recipes.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KIND.PARAM=VALUE", help="Set one parameter, such as head.scale=1. Repeatable."),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of the data set, or of all data sets.  [default: as for qplug run]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all random draws.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write diagnosis.json and diagnosis.png there.")
    ] = None,
    json: Json = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Say before training what a quantum head, or a backbone's circuit, can be expected to do: nothing is trained.

    Gradients over qubits and layers (barren plateaus), how many states its weights reach and how entangled these are,
    the frequencies it can see, the time of a training step; and for its inputs, over a ladder of angle scales, how many
    angles saturate and how much of the expectation values is linear in the inputs. From that a scale is recommended,
    and a prediction written down: will this head fail, and why.
    """
    from qplug.catalogue.lacking import refuse_lacking
    from qplug.lab.config.layers import from_names
    from qplug_cli.progress import TerminalReporter, loading

    sizes = (_numbers(qubits, "--qubits"), _numbers(layers, "--layers"))
    parts = {"dataset": dataset, "features": features, "backbone": backbone, "reducer": reducer}
    named = {kind: name for kind, name in parts.items() if name is not None}
    if head is None and backbone is None:
        raise UserError("name what is diagnosed: --head NAME, or --backbone NAME for a backbone that holds circuits.")
    refuse_lacking(from_names(named) | ({} if head is None else {"head": {"name": head}}))
    with loading():
        from qplug.lab.diagnosis.diagnose import diagnose as measure
        from qplug.lab.diagnosis.files import make_folder, write
        from qplug.lab.runner.workplace import Workplace

        asked = _asked(head, sizes, named, recipe, assignments or [], data_dir, seed)
    if out is not None:
        make_folder(out)  # before the work, not after it
    with TerminalReporter() as reporter:
        diagnosis = measure(asked, Workplace.from_environment(), reporter)
        written = [] if out is None else write(diagnosis, out)
        for path in written:
            reporter.note(f"written: {path}")
    if json:
        output.document(diagnosis.to_json())
    else:
        _print(diagnosis, output.console())


def _asked(
    head: str | None,
    sizes: tuple[list[int] | None, list[int] | None],
    named: dict[str, str],
    recipe: str | None,
    assignments: list[str],
    data_dir: Path | None,
    seed: int,
) -> Asked:
    from qplug.lab.config import layers as settings
    from qplug.lab.config.recipes import with_recipe
    from qplug.lab.config.resolve import resolve
    from qplug.lab.diagnosis.diagnose import Asked

    kind: Kind = "backbone" if head is None else "head"
    name = named.pop("backbone") if head is None else head
    flags: dict[str, Any] = settings.from_names(named) | {kind: {"name": name}, "seed": str(seed)}
    if head is None:
        flags["head"] = {"name": _NO_CIRCUIT}
    if data_dir is not None:
        flags["data_dir"] = str(data_dir.expanduser().resolve())
    layer = settings.from_flags(flags, assignments)
    if "dataset" in named or recipe is not None:
        config = resolve(with_recipe([layer], recipe))
        return Asked(name, {}, *sizes, config, seed, kind)
    if idle := [
        *(f"--{kind}" for kind in named),
        *(["--data-dir"] if data_dir else []),
        *_elsewhere(assignments, kind),
    ]:
        raise UserError(
            f"{', '.join(idle)} would change nothing: without a data set the {kind} is shown drawn inputs. "
            "Add --dataset NAME or --recipe NAME."
        )
    parameters = {key: value for key, value in layer[kind].items() if key != "name"}
    return Asked(name, parameters, *sizes, None, seed, kind)


def _elsewhere(assignments: Sequence[str], kind: Kind) -> list[str]:
    return [f"--set {assignment}" for assignment in assignments if not assignment.strip().startswith(f"{kind}.")]


def _numbers(text: str | None, option: str) -> list[int] | None:
    """The numbers in ``2-12`` or ``2,4,8``, rising; None if the option was not given.

    Raises:
        UserError: something else, or too many.
    """
    if text is None:
        return None
    found: set[int] = set()
    for piece in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", piece)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last:
            raise UserError(
                f"{option} takes positive whole numbers with commas between them, or ranges, such as 2-12 or 2,4,8; "
                f"got {text!r}."
            )
        if last - first >= _MOST_SIZES:
            raise UserError(f"{option} {text} are {last - first + 1} sizes; at most {_MOST_SIZES} are looked at.")
        found.update(range(first, last + 1))
    return sorted(found)


def _print(diagnosis: Diagnosis, console: Console) -> None:
    from qplug_cli.words import Text, styled

    heading = ("qubits", "layers", "weights", "variance of a slope", "KL from Haar", "Q", "step, ms")
    rows = [
        (
            str(size.n_qubits),
            "–" if size.n_layers is None else str(size.n_layers),
            str(size.n_parameters),
            f"{size.gradients.variance:.2g} ± {size.gradients.error:.1g}",
            f"{size.states.expressibility:.3f} ± {size.states.expressibility_error:.3f}",
            f"{size.states.entangling:.3f} ± {size.states.entangling_error:.3f}",
            f"{size.step_ms:.3g}",
        )
        for size in diagnosis.sizes
    ]
    blocks.numbers(console, heading, rows)
    if diagnosis.decays:
        console.print()
        blocks.numbers(
            console,
            ("layers", "variance × per qubit", "95 %"),
            [
                ("–" if each.n_layers is None else str(each.n_layers), f"{each.factor:.2f}",
                 f"{each.low:.2f} to {each.high:.2f}")
                for each in diagnosis.decays
            ],
        )  # fmt: skip
    scales = diagnosis.scales
    console.print(Text(f"\non {scales.inputs}, {scales.n_samples} of them", "dim"))
    best = scales.recommended
    blocks.numbers(
        console,
        (scales.target or "scale", "angles, rad", "saturated", "linear", "spread of <Z>", ""),
        [
            ("–" if rung.scale is None else f"{rung.scale:.3g}", f"{rung.spread:.2g}", f"{rung.saturated:.0%}",
             f"{rung.linear_share:.0%}", f"{rung.output_spread:.2g}",
             ", ".join(word for word, holds in (("as set", rung is scales.current), ("recommended", rung is best))
                       if holds))
            for rung in scales.ladder
        ],
    )  # fmt: skip
    console.print()
    for subject, sentence in diagnosis.advice.items():
        console.print(styled((f"{subject}: ", "bold"), sentence))
    console.print(styled(("\nprediction: ", "bold"), diagnosis.prediction.sentence))
    console.print(Text(_errors(diagnosis), "dim"))


def _errors(diagnosis: Diagnosis) -> str:
    own = diagnosis.own
    return (
        f"± is one standard error: slopes at {own.gradients.n_draws} random points; fidelities of "
        f"{own.states.n_pairs} pairs of {own.states.n_states} states in {own.states.n_bins} bins."
    )
