"""What holds for every executor.

The checks look at behaviour alone: every cell answered once, in whatever order; only strings on the way; failures told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from qplug.contract.interfaces import Cell, Done, Executor, Needs

_TEXTS = ["plain", "", "two\nlines\r\n", "ünï ⟨Z⟩ 🎵", '"quoted" \\ back', "\u2028", "x" * 2_000_000]


def executor_checks(executor: Executor, *, n_cells: int = 12) -> Iterator[tuple[str, Callable[[], None]]]:
    """The checks of an executor, by name."""
    yield "every-cell-answered", lambda: _check_echo(executor, n_cells)
    yield "failures-told", lambda: _check_failures(executor)
    yield "threads", lambda: _check_threads(executor)
    yield "leaving-early", lambda: _check_leaving(executor)
    yield "no-cells", lambda: _check_nothing(executor)


def _check_nothing(executor: Executor) -> None:
    _require(list(executor("qplug.testing.cells:echo", [])) == [], executor, "gives something for no cells at all")


def _check_echo(executor: Executor, n_cells: int) -> None:
    specs = {f"cell-{index}": json.dumps({"index": index}) for index in range(n_cells)}
    specs |= {f"text-{index}": json.dumps(text) for index, text in enumerate(_TEXTS)}
    specs |= {f"unescaped-{index}": json.dumps(text, ensure_ascii=False) for index, text in enumerate(_TEXTS[:-1])}
    generated = (Cell(key, spec) for key, spec in specs.items())
    outcomes = list(executor("qplug.testing.cells:echo", generated))
    got = {done.key: done.result for done in outcomes}
    _require(len(outcomes) == len(specs), executor, f"gave {len(outcomes)} outcomes for {len(specs)} cells")
    for key, spec in specs.items():
        _require(got[key] == spec, executor, f"changed the result of {key!r} on its way, or lost it")


def _check_failures(executor: Executor) -> None:
    orders = {
        "raise": ("raise", "gone 42"), "exit": ("exit", 7), "return": ("return", 3),
        "die": ("die", 3), "echo": ("echo", 1),
    }  # fmt: skip
    cells = [Cell(key, json.dumps({"do": do, "with": what})) for key, (do, what) in orders.items()]
    got = {done.key: done for done in executor("qplug.testing.cells:act", cells)}
    for key, words in (("raise", "ValueError: gone 42"), ("exit", "SystemExit: 7"), ("return", "TypeError: ")):
        told = got[key]
        _require(words in told.problem, executor, f"tells {told.problem!r}, not {words!r}")
        _require(not told.lost, executor, f"calls a cell lost that only failed ({words!r})")
        _require(told.tries == 1, executor, f"tried a cell {told.tries} times that failed ({words!r})")
    _require(got["die"].lost, executor, f"does not call a cell lost whose workers died: {got['die']}")
    _require(got["die"].tries <= 3, executor, f"tried a cell {got['die'].tries} times whose workers died")
    _require(got["echo"].result == "1", executor, f"lost the cell beside those that failed: {got['echo']}")
    (unknown,) = executor("qplug.testing.no_such_module:echo", [Cell("a", "1")])
    _require("no_such_module" in unknown.problem, executor, f"tells {unknown.problem!r} of a missing module")


def _check_threads(executor: Executor) -> None:
    cells = [Cell(f"{n}-{index}", "null", Needs(threads=n)) for n in (1, 2) for index in range(2)]
    for done in executor("qplug.testing.cells:threads", cells):
        wanted = json.dumps(done.key.partition("-")[0])
        _require(done.result == wanted, executor, f"gave {done.result} threads to a cell that needs {wanted}")


def _check_leaving(executor: Executor) -> None:
    """Cells are read as places become free, and nobody has to wait for the end."""

    def endless() -> Iterator[Cell]:
        index = 0
        while True:
            yield Cell(str(index), "null")
            index += 1

    outcomes = executor("qplug.testing.cells:echo", endless())
    first: Done = next(iter(outcomes))
    _require(first.result == "null", executor, f"gave {first} for the first of endless cells")
    if hasattr(outcomes, "close"):
        outcomes.close()


def _require(kept: bool, executor: Executor, message: str) -> None:
    if not kept:
        raise AssertionError(f"{type(executor).__name__} {message}")
