"""``qplug show``: one component, explained; a recipe; a published claim; a finished run."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from qplug import catalogue
from qplug.catalogue import Entry
from qplug.contract.errors import QplugError, UserError
from qplug_cli import blocks, output
from qplug_cli.commands import cards, recipes
from qplug_cli.commands.list import PLURALS, STATUS, singular
from qplug_cli.options import Json, NoPlugin, PluginFile, Settings
from qplug_cli.run_page import show_run
from qplug_cli.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

    from qplug.contract.circuit import Circuit
    from qplug.contract.interfaces import Backend, Component, RemoteBackend, SplitRule
    from qplug.parameters import Parameter

EXAMPLES = """
**Examples**

`qplug show head pennylane-pqc` – parameters, and the circuit as it is by default

`qplug show head pennylane-pqc --set n_qubits=4 --set n_layers=1` – another size of it

`qplug show features mel` – parameters, and the presets that set several of them at once

`qplug show dataset fsdd` – layout, licence and whom to cite

`qplug show recipe quickstart` – a whole pipeline

`qplug show card hur-2022` – a published claim, and how it is put to the test

`qplug show run runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f` – a finished run, and how it was judged again
"""

EXAMPLE_INPUTS = 4
"""Inputs of the circuit that is drawn where a head takes any number."""

_HIDDEN = ("interface",)


@dataclass(frozen=True)
class Loaded:
    """What only the component itself can tell."""

    component: Component
    parameters: list[Parameter]
    circuit: Circuit | None


def show(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Its kind, such as head.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, as in qplug list.")],
    settings: Settings = None,
    json: Json = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Explain one component: where it comes from, its parameters, what it can do; if it has a circuit, it is drawn.

    Or a recipe; or a card, a published claim; or a finished run, or set of runs, with all that it was judged again.

    A component that is not installed is explained from the registry, with the command that installs it.
    """
    wanted = singular(kind, known=PLURALS | {"run": "runs", "card": "cards"})
    if wanted == "run":
        show_run(Path(name), json=json)
        return
    if wanted == "card":
        from qplug.lab.cards.card import card

        cards.show(card(name), json=json)
        return
    if wanted == "recipe":
        _show_recipe(catalogue.recipe(name), json=json)
        return
    row = catalogue.entry(wanted, name)
    loaded = _load(row, settings or ()) if row.status == "ready" and wanted != "hook" else None
    if json:
        output.document(_as_json(row, loaded))
        return
    console = output.console()
    _print_head(row, console)
    if loaded is not None:
        _print_loaded(row, loaded, console)


def _load(row: Entry, settings: Sequence[str]) -> Loaded:
    from qplug import parameters
    from qplug_cli.progress import uncollected

    with uncollected():
        component_class = catalogue.load(row.kind, row.name)
    values = dict(setting(row.kind, text) for text in settings)
    component = parameters.create(component_class, values, f"{row.kind} {row.name}")
    return Loaded(component, parameters.describe(component_class), _circuit(component))


def setting(kind: str, text: str) -> tuple[str, str]:
    """Name and value of ``--set PARAM=VALUE``, the kind before the name left out."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UserError(f"--set takes PARAM=VALUE, such as --set n_layers=3; got {text!r}.")
    return name.strip().removeprefix(f"{kind}."), value.strip()


def _circuit(component: Component) -> Circuit | None:
    from qplug.contract.interfaces import QuantumBackbone, QuantumHead

    if isinstance(component, QuantumBackbone):
        from qplug.heads.held_circuits import held_circuits

        (head, n_inputs), *_ = held_circuits(component)
        return head.circuit(n_inputs)
    if not isinstance(component, QuantumHead):
        return None
    return component.circuit(component.n_inputs or EXAMPLE_INPUTS)


# JSON


def _as_json(row: Entry, loaded: Loaded | None) -> dict[str, Any]:
    from qplug.parameters import plain

    told: dict[str, Any] = asdict(row)
    if loaded is None:
        return told
    told["parameters"] = [
        {
            "name": each.name,
            "type": each.type,
            "default": plain(each.default),
            "range": each.range,
            "description": each.description,
        }
        for each in loaded.parameters
    ]
    told["presets"] = {name: plain(values) for name, values in loaded.component.presets.items()}
    told["capabilities"] = asdict(loaded.component.capabilities)
    told |= dict(_facts(loaded.component, row.name))
    if account := _account(loaded):
        told["account"] = account
    if loaded.circuit is not None:
        told["circuit"] = _circuit_facts(loaded.circuit)
    return told


def _circuit_facts(circuit: Circuit) -> dict[str, Any]:
    return {
        "n_qubits": circuit.n_qubits,
        "depth": circuit.depth,
        "n_gates": len(circuit.gates),
        "gate_counts": circuit.gate_counts,
        "n_encoding": circuit.n_encoding,
        "n_weights": circuit.n_weights,
        "observables": [str(observable) for observable in circuit.observables],
    }


def _facts(component: Component, name: str) -> list[tuple[str, Any]]:
    """What a component says about itself beyond its parameters; data sets say most."""
    from qplug.contract.interfaces import Backend, Dataset

    facts: list[tuple[str, Any]] = [("source", type(component).source)]
    if isinstance(component, Backend):
        facts.append(("training", _training(name, component)))
    if isinstance(component, Dataset):
        facts += [
            ("classes", list(component.classes)),
            ("splits", {name: _rule(rule) for name, rule in component.splits.items()}),
            ("layout", component.layout),
            ("citation", component.citation),
            ("licence", component.licence),
            ("homepage", component.homepage),
            ("reference", list(map(str, component.reference))),
        ]
    return [(name, value) for name, value in facts if value]


def _training(name: str, backend: Backend) -> str:
    from qplug.lab.pipeline.training_place import why_elsewhere

    if why := why_elsewhere(name, backend):
        return f"evaluates what {catalogue.registry().defaults.training_backend} has trained: {why}"
    return "trains what it evaluates"


def _rule(rule: SplitRule) -> str:
    return f"{rule.description}; refused without --allow-leak: {rule.leak}" if rule.leak else rule.description


# For people


def _print_head(row: Entry, console: Console) -> None:
    from qplug_cli.words import Text

    word, colour = STATUS[row.status]
    console.print(Text.assemble((row.name, "bold"), f"  {row.kind}  ", (word, colour)))
    if row.summary:
        console.print(Text(row.summary))
    told = [
        ("provided by", f"{row.provider} {row.version}".strip()),
        ("code", row.target),
        ("remark" if row.status == "ready" else "reason", row.reason),
        ("install with", row.install),
        ("paper", row.paper),
        ("licence", row.licence),
        ("read more", row.homepage),
    ]
    _print_pairs([(name, text) for name, text in told if text], console)


def _print_loaded(row: Entry, loaded: Loaded, console: Console) -> None:
    already = " ".join((row.paper, row.licence, row.homepage)).replace("-", " ")
    facts = [
        (name, "\n".join(value) if name == "reference" else _words(value))
        for name, value in _facts(loaded.component, row.name)
    ]
    _print_pairs([fact for fact in facts if fact[1].replace("-", " ") not in already], console, title="about")
    capabilities = asdict(loaded.component.capabilities)
    told = [(name.replace("_", " "), _words(value)) for name, value in capabilities.items() if name not in _HIDDEN]
    _print_pairs(told, console, title="capabilities")
    if account := _account(loaded):
        _print_pairs(list(account.items()), console, title="account")
    _print_parameters(row, loaded.parameters, console)
    _print_presets(row, loaded.component, console)
    if loaded.circuit is not None:
        _print_circuit(loaded, console)


def _account(loaded: Loaded) -> dict[str, str]:
    """Plan and allowance of the account that a remote backend uses, or why it cannot be used."""
    if not getattr(loaded.component.capabilities, "remote", False):
        return {}
    try:
        found = cast("RemoteBackend", loaded.component).account()
    except QplugError as error:
        return {"not usable": str(error)}
    left = found.get("left_seconds")
    words = {name: str(value) for name, value in found.items() if name != "left_seconds"}
    return words | ({} if left is None else {"left": f"{left:,.0f} s of the device"})


def _print_pairs(pairs: Sequence[tuple[str, str]], console: Console, *, title: str = "") -> None:
    if pairs:
        _print_title(title, console)
        blocks.pairs(console, pairs)


def _print_title(title: str, console: Console) -> None:
    console.print()
    if title:
        console.print(title, style="bold underline")


def _print_parameters(row: Entry, described: Sequence[Parameter], console: Console) -> None:
    from rich.table import Table

    from qplug_cli.words import Text

    _print_title("parameters", console)
    if not described:
        console.print("none")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("name", no_wrap=True, style="bold")
    table.add_column("default", overflow="fold", max_width=16)
    table.add_column("allowed", overflow="fold", max_width=30)
    table.add_column("meaning", overflow="fold")
    for each in described:
        allowed = f"{each.type} in {each.range}" if each.range else each.type
        table.add_row(*(Text(cell) for cell in (each.name, each.default_text, allowed, each.description)))
    console.print(table)
    way = f"set one with --set {row.kind}.{described[0].name}=VALUE in qplug run"
    console.print(way, style="dim", soft_wrap=True)


def _print_presets(row: Entry, component: Component, console: Console) -> None:
    from qplug.parameters import value_text

    if not component.presets:
        return
    pairs = [
        (name, ", ".join(f"{key}={value_text(value)}" for key, value in values.items()))
        for name, values in component.presets.items()
    ]
    _print_pairs(pairs, console, title="presets")
    first = pairs[0][0]
    # In --head, a colon stands between reducer and head.
    short = "" if row.kind == "head" else f"--{row.kind} {row.name}:{first} or "
    way = f"take one with {short}--set {row.kind}.preset={first} in qplug run"
    console.print(way, style="dim", soft_wrap=True)


def _print_circuit(loaded: Loaded, console: Console) -> None:
    from qplug.circuits import drawn_text as draw
    from qplug_cli.words import Text

    circuit = loaded.circuit
    assert circuit is not None
    any_number = getattr(loaded.component, "n_inputs", 0) is None
    _print_title(f"circuit for {EXAMPLE_INPUTS} inputs" if any_number else "circuit", console)
    counts = ", ".join(f"{count} {name}" for name, count in circuit.gate_counts.items())
    console.print(
        f"{circuit.n_qubits} qubits, depth {circuit.depth}, {len(circuit.gates)} gates ({counts}), "
        f"{circuit.n_encoding} encoding angles, {circuit.n_weights} weights\n"
    )
    width = console.width if console.is_terminal else 100
    console.print(Text(draw.text(circuit, width), no_wrap=True), soft_wrap=True)


def _words(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "–"
        case Mapping():
            return "\n".join(f"{name}: {_words(text)}" for name, text in value.items())
        case list() | tuple():
            return ", ".join(_words(entry) for entry in value)
        case _:
            return str(value)


def _show_recipe(recipe: catalogue.Recipe, *, json: bool) -> None:
    import tomli_w

    from qplug_cli.words import styled

    if json:
        output.document({"kind": "recipe"} | asdict(recipe))
        return
    console = output.console()
    console.print(styled((recipe.name, "bold"), "  recipe"))
    console.print(recipe.summary)
    for label, text in recipes.facts(recipe):
        console.print(f"{label}: {text}", style="dim")
    console.print()
    sys.stdout.write(visible(tomli_w.dumps(dict(recipe.run))))
    console.print(f"\nrun it with: qplug run --recipe {recipe.name}", style="dim")
