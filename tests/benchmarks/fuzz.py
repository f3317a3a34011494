"""Feeds damaged texts to every reader: each is read, or refused with a message that is meant for the user.

``python tests/benchmarks/fuzz.py`` tries 10,000 damaged ones of each kind (configurations, circuits as JSON and as
OpenQASM 3, run directories); ``--kind qasm3 --n 200 --seed 7`` fewer of one. What ends in anything but such a message
is printed with the number that makes it again (``--only NUMBER``), and the exit code is 1; progress goes to stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import random
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w

from qplug import Circuit, Encoding, Gate, Observable, Weight
from qplug.circuits import from_json, from_qasm3, to_json, to_qasm3
from qplug.contract.errors import UserError
from qplug.lab.config.layers import from_file
from qplug.lab.config.recipes import with_recipe
from qplug.lab.config.resolve import resolve
from qplug.lab.export.weights import export_weights
from qplug.lab.pipeline.components import assemble
from qplug.lab.report.page import write_report
from qplug.lab.runner.loaded import load_run
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import resume_run, run_once
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.listing import list_runs

ODD: list[Any] = [
    None, True, 0, -1, 1.5, 2**31, 10**30, 1e308, "", "x", "\0", "[/b]", "\x1b[31m", "n" * 5000, [], [[]], {},
    {"name": 4}, [1, "a", {}], {"a": {"b": {"c": []}}}, float("nan"), "../../x", "-1", "1979-05-27",
]  # fmt: skip
"""Values that may stand where another belongs."""
CIRCUIT = Circuit(
    3,
    (
        Gate("ry", (0,), (Encoding(0),)), Gate("rx", (1,), (Weight(0),)), Gate("cx", (0, 1)), Gate("rz", (2,), (0.5,)),
        Gate("cx", (1, 2)),
    ),
    (Observable("Z", (0,)), Observable("ZZ", (1, 2))),
)  # fmt: skip


def damaged_value(value: Any, random_: random.Random) -> Any:
    """``value`` with something in it changed, taken out, doubled, renamed or nested."""
    value = copy.deepcopy(value)
    holders = list(_holders(value))
    if not holders:
        return random_.choice(ODD)
    for _ in range(random_.choice((1, 1, 1, 2, 4))):
        holder, key = random_.choice(holders)
        with contextlib.suppress(LookupError):
            match random_.randrange(6):
                case 0 | 1 | 2:
                    holder[key] = copy.deepcopy(random_.choice(ODD))
                case 3:
                    del holder[key]
                case 4:
                    holder[key] = [holder[key]] if random_.random() < 0.5 else {"name": holder[key]}
                case _:
                    other, name = random_.choice(holders)
                    holder[key] = copy.deepcopy(other[name])
    return value


def _holders(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every table and list in ``value`` with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _holders(value[key])


def damaged_text(text: str, random_: random.Random) -> str:
    """``text`` cut, doubled, deeply nested, or with some characters changed."""
    place = random_.randrange(len(text) + 1)
    other = random_.randrange(len(text) + 1)
    match random_.randrange(6):
        case 0:
            return text[:place]
        case 1:
            return text[:place] + text[other : other + 40] + text[place:]
        case 2:
            return text[:place] + text[place + random_.randrange(1, 30) :]
        case 3:
            return text[:place] + random_.choice("[{(\"'") * random_.choice((1, 50, 5000)) + text[place:]
        case 4:
            return text[:place] + "9" * random_.choice((1, 20, 5000)) + text[place:]
        case _:
            return text[:place] + random_.choice('\0\x1b[]{}=".,-é\udcff9;\n') + text[place + 1 :]


def _toml(value: dict[str, Any]) -> str:
    return tomli_w.dumps(_without_none(value))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _without_none(entry) for key, entry in value.items() if entry is not None}
    return [_without_none(entry) for entry in value if entry is not None] if isinstance(value, list) else value


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


def configurations(home: Path) -> Callable[[random.Random], None]:
    """Reads a damaged ``run.toml`` as ``qplug run --config FILE --dry-run`` does."""
    from qplug.lab.config.toml import to_layer, to_toml

    branches = [{"head": {"name": "linear"}}, {"weight": 0.5, "head": {"name": "pennylane-pqc"}}]
    given = [resolve(with_recipe([layer])) for layer in ({}, {"branch": branches}, {"dataset": {"name": "digits"}})]
    file = home / "run.toml"

    def attempt(random_: random.Random) -> None:
        config = random_.choice(given)
        if random_.random() < 0.4:
            _write(file, damaged_text(to_toml(config), random_))
        else:
            _write(file, _toml({"format": 1, **damaged_value(to_layer(config), random_)}))
        assemble(resolve(with_recipe([from_file(file)])))

    return attempt


def circuits_as_json(home: Path) -> Callable[[random.Random], None]:
    """Reads a damaged circuit in JSON."""
    text = to_json(CIRCUIT)

    def attempt(random_: random.Random) -> None:
        if random_.random() < 0.4:
            from_json(damaged_text(text, random_))
        else:
            from_json(json.dumps(damaged_value(json.loads(text), random_)))

    return attempt


def circuits_as_qasm3(home: Path) -> Callable[[random.Random], None]:
    """Reads a damaged circuit in OpenQASM 3, as qplug writes it, by its own reader and by that of any OpenQASM 3."""
    from qplug_qiskit.circuit_file import CircuitFile

    text, file = to_qasm3(CIRCUIT), home / "circuit.qasm"

    def attempt(random_: random.Random) -> None:
        damaged = damaged_text(text, random_)
        with contextlib.suppress(UserError):
            from_qasm3(damaged)
        _write(file, damaged)
        CircuitFile(path=str(file)).circuit(1)

    return attempt


def run_directories(home: Path) -> Callable[[random.Random], None]:
    """Lists, and shows, exports, opens or goes on with, a run of which one file is damaged."""
    layers = with_recipe([{"head": {"name": "linear"}, "training": {"epochs": 1}, "dataset": {"name": "chirps"}}])
    original = Path(run_once(layers, home / "runs", Silent())["run"])
    names = [file.name for file in original.iterdir() if file.suffix in (".toml", ".json", ".csv", ".safetensors")]
    place = home / "damaged"
    plain, drawing = (
        replace(Workplace.from_environment(), cache=home / "cache", figures=each) for each in (False, True)
    )
    steps: list[Callable[[Path, random.Random], Any]] = [
        lambda run, _: write_report(run),
        lambda run, _: export_weights(run),
        lambda run, _: load_run(run),
        # Figures take most of the time of a run.
        lambda run, chance: resume_run(
            _unfinished(run), Silent(), workplace=drawing if chance.random() < 0.01 else plain
        ),
    ]

    def attempt(random_: random.Random) -> None:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(original, place / original.name)
        _damage(place / original.name / random_.choice(names), random_)
        list_runs(place)
        random_.choice(steps)(place / original.name, random_)

    return attempt


def _unfinished(run: Path) -> Path:
    (run / "record.json").unlink(missing_ok=True)
    return run


def _damage(file: Path, random_: random.Random) -> None:
    if file.suffix == ".json" and random_.random() < 0.7:
        _write(file, json.dumps(damaged_value(json.loads(file.read_text("utf-8")), random_)))
        return
    text = file.read_bytes().decode("utf-8", "surrogateescape")
    _write(file, damaged_text(text, random_))


KINDS: dict[str, Callable[[Path], Callable[[random.Random], None]]] = {
    "configurations": configurations,
    "circuits-json": circuits_as_json,
    "qasm3": circuits_as_qasm3,
    "runs": run_directories,
}


def fuzz(
    kind: str, n: int, seed: int, first: int = 0, tell: Callable[[str], object] = lambda line: None
) -> dict[int, BaseException]:
    """What was neither read nor refused, by the number of the attempt.

    Args:
        kind: one of ``KINDS``.
        n: how many attempts.
        seed: decides all of them.
        first: the number of the first.
        tell: is told each crash as it comes, and how far it is after every hundredth attempt.
    """
    crashes: dict[int, BaseException] = {}
    with tempfile.TemporaryDirectory() as home, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        attempt = KINDS[kind](Path(home))
        for number in range(first, first + n):
            try:
                with contextlib.suppress(UserError):
                    attempt(random.Random(f"{kind} {seed} {number}"))
            except Exception as error:
                crashes[number] = error
                tell(_line(kind, seed, number, error))
            if number % 100 == 99:
                tell(f"{kind}: {number + 1 - first} of {n}, {len(crashes)} of them neither read nor refused")
    return crashes


def _line(kind: str, seed: int, number: int, error: BaseException) -> str:
    return f"  --kind {kind} --seed {seed} --only {number}: {type(error).__name__}: {error!s:.200}"


def main() -> int:
    """Reads the words, tries, tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    parser.add_argument("--only", type=int, help="the number of the one that is tried")
    asked = parser.parse_args()
    first, n = (asked.first, asked.n) if asked.only is None else (asked.only, 1)
    failed = False
    for kind in asked.kind or KINDS:
        crashes = fuzz(kind, n, asked.seed, first, lambda line: print(line, file=sys.stderr, flush=True))
        failed |= bool(crashes)
        sys.stdout.write(f"{kind}: {len(crashes)} of {n} neither read nor refused\n")
        for number, error in crashes.items():
            sys.stdout.write(_line(kind, asked.seed, number, error) + "\n")
        if asked.only is not None and crashes:
            raise crashes[asked.only]
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
