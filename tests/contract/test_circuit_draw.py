"""Circuits as text and as figures."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from qplug.circuits import draw, figure
from qplug.circuits.drawn_text import columns, symbols
from qplug.contract.circuit import GATES, Circuit, Encoding, Gate, Observable, Weight
from qplug.testing.circuits import angle_embedding_strongly_entangling, random_circuit

SMALL = Circuit(
    3,
    (
        Gate("ry", (0,), (Encoding(0),)),
        Gate("u", (1,), (0.5, Weight(0), Encoding(1))),
        Gate("cx", (2, 0)),
        Gate("sdg", (1,)),
        Gate("swap", (0, 1)),
        Gate("crz", (1, 2), (Weight(0),)),
    ),
    (Observable("Z", (0,)), Observable("X", (2,)), Observable("Y", (2,))),
)


def test_a_small_circuit_as_text() -> None:
    assert draw(SMALL).split("\n") == [
        "0: ─────RY(x0)────⊕────╳────────⟨Z⟩───",
        "                  │    │",
        "1: ──U(0.5,w0,x1)─┼─S†─╳───●──────────",
        "                  │        │",
        "2: ───────────────●──────RZ(w0)─⟨X⟩⟨Y⟩",
    ]


def test_eight_qubits_and_two_layers_fit_in_100_columns_without_a_fold() -> None:
    lines = draw(angle_embedding_strongly_entangling(8, 2), width=100).split("\n")
    assert len(lines) == 15
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith("0: ──RY(x0)─RZ(w0)──RY(w1)──RZ(w2)──●─")
    assert lines[14].endswith("─●─⟨Z⟩")


@pytest.mark.parametrize("width", [40, 60, 100])
@pytest.mark.parametrize("seed", range(3))
def test_a_long_circuit_folds_and_loses_nothing(width: int, seed: int) -> None:
    strings = (Observable("ZX", (2, 0)), Observable("Y", (1,)))
    circuit = Circuit(4, random_circuit(4, 60, seed).gates, strings)
    drawn = draw(circuit, width=width)
    assert max(map(len, drawn.split("\n"))) <= width
    assert drawn.count("»") == 2 * 4 * (drawn.count("0: ") - 1)
    for sign, name in (("╳", "swap"), ("√X", "sx"), ("T†", "tdg")):
        per_gate = 2 if name == "swap" else 1
        assert drawn.count(sign) == per_gate * circuit.gate_counts.get(name, 0)
    assert drawn.endswith("\n\nmeasured: ⟨Z2 X0⟩, ⟨Y1⟩")


def test_gates_share_a_column_when_their_wires_do_not_cross() -> None:
    gates = (Gate("cx", (0, 1)), Gate("cx", (2, 3)), Gate("cx", (0, 2)), Gate("x", (1,)), Gate("x", (3,)))
    laid = columns(Circuit(4, gates, (Observable("Z", (0,)),)))
    assert laid == [[gates[0], gates[1]], [gates[2], gates[4]], [gates[3]]]


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (Gate("ccx", (0, 1, 2)), (("●", ""), ("●", ""), ("⊕", ""))),
        (Gate("cz", (0, 1)), (("●", ""), ("●", ""))),
        (Gate("cp", (0, 1), (Weight(3),)), (("●", ""), ("P", "w3"))),
        (Gate("rzz", (0, 1), (0.25,)), (("RZZ", "0.25"), ("RZZ", ""))),
        (Gate("ch", (0, 1)), (("●", ""), ("H", ""))),
    ],
)
def test_signs(gate: Gate, expected: tuple[tuple[str, str], ...]) -> None:
    assert symbols(gate) == expected


@pytest.mark.parametrize("name", GATES)
def test_every_gate_has_a_sign_on_each_wire(name: str) -> None:
    kind = GATES[name]
    gate = Gate(name, tuple(range(kind.n_wires)), tuple(Weight(index) for index in range(kind.n_angles)))
    assert len(symbols(gate)) == kind.n_wires
    assert ",".join(f"w{index}" for index in range(kind.n_angles)) in {angles for _, angles in symbols(gate)}


def test_a_figure_shows_each_gate_and_its_angle(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    drawn = figure(SMALL)
    texts = [text.get_text() for text in drawn.axes[0].texts]
    for expected in ("RY", "x0", "U", "0.5,w0,x1", "S†", "RZ", "w0", "⟨Z⟩", "⟨X⟩⟨Y⟩"):
        assert expected in texts
    drawn.savefig(tmp_path / "circuit.png")
    assert (tmp_path / "circuit.png").read_bytes().startswith(b"\x89PNG")


def test_a_titled_figure_says_what_circuit_it_is_and_how_large() -> None:
    pytest.importorskip("matplotlib")
    drawn = figure(SMALL, title="chirps · pqc · circuit", stamp="LEAKY")
    texts = [text.get_text() for text in drawn.texts if text.get_text()]
    assert texts == [
        "LEAKY", "chirps · pqc · circuit", "3 qubits, depth 4, 6 gates: 1 ry, 1 u, 1 cx, 1 sdg, 1 swap, 1 crz"
    ]  # fmt: skip
    assert figure(SMALL).texts == []
    assert drawn.get_figheight() > figure(SMALL).get_figheight()


def test_the_head_of_a_figure_stands_above_the_circuit_and_on_the_page() -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    drawn = figure(random_circuit(3, 5, 0), title="a very long title " * 8, stamp="SYNTHETIC DATA · LEAKY")
    renderer = FigureCanvasAgg(drawn).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in drawn.texts if text.get_text()]
    assert boxes[-1].y0 >= drawn.axes[0].get_window_extent().y1
    assert max(box.y1 for box in boxes) <= drawn.bbox.y1
    assert max(box.x1 for box in boxes) <= drawn.bbox.x1
    assert all(above.y0 >= below.y1 for above, below in itertools.pairwise(boxes))


def test_a_long_figure_folds_into_rows_and_lists_its_pauli_strings() -> None:
    pytest.importorskip("matplotlib")
    short, long = figure(random_circuit(3, 5, 0)), figure(random_circuit(3, 120, 0))
    assert long.get_figwidth() < 2 * short.get_figwidth()
    assert long.get_figheight() > 2 * short.get_figheight()
    assert any(text.get_text().startswith("measured: ⟨") for text in long.axes[0].texts)


def test_a_circuit_without_gates_is_drawn() -> None:
    circuit = Circuit(1, (), (Observable("X", (0,)),))
    assert draw(circuit) == "0: ──⟨X⟩"
    pytest.importorskip("matplotlib")
    assert [text.get_text() for text in figure(circuit).axes[0].texts] == ["0", "⟨X⟩"]


def test_drawing_text_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from qplug.circuits import draw, to_json, to_qasm3\n"
        "from qplug.contract.circuit import Circuit, Observable\n"
        "circuit = Circuit(1, (), (Observable('X', (0,)),))\n"
        "draw(circuit), to_json(circuit), to_qasm3(circuit)\n"
        "print(sorted({'numpy', 'torch', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
