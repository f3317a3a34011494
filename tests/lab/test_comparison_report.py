"""The report of a comparison: what its page, tables, CSV and figures hold. All numbers are made up."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from matplotlib.colors import to_hex
from rich.console import Console

from qplug.lab.comparison.outcome import ComparisonOutcome
from qplug.lab.figures.comparison_cost import Panel, cost
from qplug.lab.figures.comparison_curves import learning_curves
from qplug.lab.measures import METRICS
from qplug.lab.report.comparison import render, write_comparison
from qplug.lab.report.comparison_csv import cells_csv
from qplug.lab.report.comparison_figures import drawn, names_of
from qplug.lab.report.comparison_latex import escaped, latex
from qplug.lab.report.comparison_words import (
    ablation_line,
    measure,
    probability,
    seconds,
    verdict_line,
    verdict_lines,
)
from qplug.lab.runs.files import csv_rows
from qplug_cli.comparison_page import comparison_tables
from qplug_cli.words import PlainConsole

from . import comparison_examples as examples
from .report_runs import Reader

HOSTILE = examples.HOSTILE_TAG + examples.HOSTILE_TEX


def page_of(found: ComparisonOutcome, cells: examples.Cells) -> Reader:
    page = render(found, cells, [])
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert "script" not in reader.tags
    return reader


@pytest.fixture(scope="module")
def one() -> ComparisonOutcome:
    return examples.outcome(examples.usual(stamps=("LEAKY",), warnings=("beware of made-up numbers",)))


@pytest.fixture(scope="module")
def cells(one: ComparisonOutcome) -> examples.Cells:
    return examples.cells_for(one)


@pytest.fixture(scope="module")
def figures(one: ComparisonOutcome, cells: examples.Cells) -> dict[str, object]:
    return {found.kind: found for found in drawn(one, cells)}


def test_all_files_are_written_and_the_page_needs_nothing_else(tmp_path: Path) -> None:
    found = examples.outcome(
        examples.data_set("made-up", [examples.arm("a", "asked"), examples.arm("b")], [examples.pair("a", "b", 0.1)])
    )
    cells = examples.cells_for(found, seeds=(0,), folds=(None,))
    written = write_comparison(tmp_path, found, cells)
    kinds = ("confusion", "cost", "curves", "forest", "points")
    pictures = {f"figures/{kind}-made-up.{ending}" for kind in kinds for ending in ("png", "svg")}
    names = {str(path.relative_to(tmp_path)) for path in written}
    assert names == {"report.html", "comparison.tex", "cells.csv", *pictures}
    assert written[0] == tmp_path / "report.html"
    reader = Reader()
    reader.feed(written[0].read_text(encoding="utf-8"))
    assert len(reader.pictures) == len(kinds)
    assert all(picture["alt"] and picture["src"].startswith("data:image/png;base64,") for picture in reader.pictures)
    assert all(link.startswith("data:") for link in reader.elsewhere)
    before = {path: path.read_bytes() for path in written}
    assert {path: path.read_bytes() for path in write_comparison(tmp_path, found, cells)} == before


def test_the_page_begins_with_every_verdict_and_holds_every_number(
    one: ComparisonOutcome, cells: examples.Cells
) -> None:
    reader = page_of(one, cells)
    words = reader.words.replace("\N{NO-BREAK SPACE}", " ")
    data = one.data_sets[0]
    sentences = [words.index(pair.sentence) for pair in data.pairs[:4]]
    assert sentences == sorted(sentences)
    assert sentences[-1] < words.index("Results")
    for expected in (
        "better pqc against linear: made-up sentence on linear: better",
        "three folds and one seed tell no interval", "LEAKY", "beware of made-up numbers",
        "6 arms, 2 seeds, 3 folds: 36 cells, all else equal.", "margin ±1 point", "chance 33.3 %",
        "pqc linear better +2.1 +0.4 to +3.8 +0.8 to +3.4 0.012 0.037 0.210 +0.66 2.4 – – –",
        "pqc matched-mlp equivalent −0.1 −1.8 to +1.6 −1.4 to +1.2 0.012 0.037 0.210 +0.66 2.4 – 0.046 –",
        "pqc rbf-svm worse −2.9 −4.6 to −1.2 −4.2 to −1.6 0.012 <0.001 0.210 +0.66 2.4 – – 0.079",
        "pqc fourier undecided +1.2 – –",
        "2.4 40 –", "rbf-svm baseline 40 6 84.1 82.1 to 86.1 0.0123 0", "fourier baseline 40 6 80.0 – 1.50 0",
        "pqc entanglers 99 93 to 106", "made-up: keeps 99 %", "pqc, no entanglers undecided +0.4",
        "pqc 4 44 12 17 96 24 41 1.75", "training.learning_rate 0.003",
            "quantum-kernel: takes no more than two classes",
        "The protocol on made-up, made up.", "qplug compare --dataset made-up",
        "qplug report 20260101-120000-compare-abc", "packages numpy 2.0.0", "corrected t",
        "undecided Neither: the data at hand cannot tell.", examples.sha("made-up 2"),
            examples.sha("made-up fourier 1 3"),
        f"head pqc somebody 1.0 {examples.sha('pqc')}",
    ):  # fmt: skip
        assert expected in words


def test_several_data_sets_have_a_column_each_and_their_own_stamps() -> None:
    found = examples.outcome(
        examples.usual("first", stamps=("LEAKY",)),
        examples.data_set("second", [examples.arm("pqc", "asked", 0.5)], [], stamps=("SYNTHETIC DATA",),
                          warnings=("small",)),
    )  # fmt: skip
    words = page_of(found, {}).words
    for expected in (
        "arm first · LEAKY: balanced accuracy, % second · SYNTHETIC DATA: balanced accuracy, %",
        "pqc 81.2 [79.2, 83.2] 50.0 [48.0, 52.0]", "rbf-svm 84.1 [82.1, 86.1] –", "fourier 80.0 –",
        "pqc linear +2.1 [+0.4, +3.8], better –", "second: small", "Results on second",
        "There are no two arms to compare.",
    ):  # fmt: skip
        assert expected in words
    assert words.startswith("first · second · comparison · LEAKY · SYNTHETIC DATA")


def test_hostile_names_stay_words() -> None:
    arms = [examples.arm(HOSTILE, "asked"), examples.arm("b")]
    found = examples.outcome(
        examples.data_set(HOSTILE, arms, [examples.pair(HOSTILE, "b", 0.1, sentence=HOSTILE)], stamps=(HOSTILE,),
                          classes=(HOSTILE, "b", "c"), warnings=(HOSTILE,), left_out=(HOSTILE,), protocol=HOSTILE),
        command=HOSTILE, comparison=HOSTILE,
    )  # fmt: skip
    words = page_of(found, examples.cells_for(found, seeds=(0,), folds=(1,))).words
    assert words.count(HOSTILE) > 15
    assert names_of(found) == ["script-alert-x-script-x-1"]
    table = latex(found)
    assert r"\textless{}script\textgreater{}alert('x')\textless{}/script\textgreater{}\$x\_1\%" in table
    body = table[table.index(r"\begin{table}") :]
    assert "<" not in body
    assert not re.search(r"(?<!\\)[%#_]", body)


def test_data_sets_whose_names_look_alike_in_files_have_different_files() -> None:
    arms = [examples.arm("a", "asked")]
    found = examples.outcome(*(examples.data_set(name, arms, []) for name in ("a b", "a_b", "日本")))
    assert names_of(found) == ["a-b", "a-b-2", "data-3"]


def test_every_cell_is_one_row_of_the_table(one: ComparisonOutcome, cells: examples.Cells) -> None:
    text = cells_csv(one, cells).decode()
    rows = csv_rows(text)
    assert len(rows) == 36
    assert [row["arm"] for row in rows[::6]] == [arm.name for arm in one.data_sets[0].arms]
    assert [(row["seed"], row["fold"]) for row in rows[:6]] == [(s, f) for s in "01" for f in "123"]
    first, cell = rows[0], cells["made-up"]["pqc"][0]
    told = {"dataset": "made-up", "role": "asked", "key": cell.key, "n_train": "100", "n_test": "30", "seconds": "1.5",
            "n_parameters": "40", "n_quantum_parameters": "12", "epochs": "6", "best_epoch": "5", "stamps": "LEAKY",
            "split_hash": examples.sha("made-up 1"), "accuracy": str(cell.record.test.accuracy), "roc_auc": "",
            "validation_cross_entropy": "0.75"}  # fmt: skip
    assert told.items() <= first.items()
    assert set(METRICS) <= set(first)
    none = csv.reader(io.StringIO(cells_csv(one, {}).decode()))
    assert list(none) == [list(first)]


def test_latex_has_every_arm_and_pair_and_breaks_long_tables(one: ComparisonOutcome) -> None:
    table = latex(one)
    for expected in (
        r"pqc & matched-mlp & equivalent & $-$0.1 & $-$1.8 to +1.6 & 0.037 & 2.4 \\",
        r"fourier & baseline & 40 & 6 & 80.0 & -- & 1.50 & 0 \\", r"pqc & entanglers & 99 & 93 to 106 \\",
        r"margin $\pm$1 point. LEAKY.}\label{tab:qplug-pairs-1}", r"\toprule", r"\usepackage{booktabs}",
    ):  # fmt: skip
        assert expected in table
    rows = [line for line in table.splitlines() if line.endswith(r"\\")]
    assert len(rows) == (6 + 1) + (5 + 1) + (1 + 1)
    arms = [examples.arm(f"arm-{k}-with-a-name-longer-than-most") for k in range(40)]
    longer = latex(examples.outcome(*(examples.data_set(f"d{k}", arms, []) for k in range(4))))
    assert longer.count(r"\begin{table}") == longer.count(r"\end{table}") == 2 * 2 + 4 * 2
    assert longer.count("(continued)") == 6
    assert r"@{}p{1.7cm}rrr@{}" in longer
    assert r"\begin{tabular}[b]{@{}r@{}}d0\\balanced\\accuracy, \%\end{tabular}" in longer
    assert r"\raggedright arm-39-with-a-name-longer-than-most & 80.0 {[}78.0, 82.0{]} &" in longer


def test_no_line_of_a_latex_table_is_wider_than_the_text_of_a_page_in_portrait(one: ComparisonOutcome) -> None:
    """345 pt, in letters of 4.2 pt as digits of that size are; the columns stand 5 pt apart."""
    several = examples.outcome(*(examples.usual(name) for name in ("urbansound8k", "crema-d", "fsdd")))
    for table in latex(several).split(r"\begin{table}")[1:]:
        assert r"\footnotesize\setlength{\tabcolsep}{2.5pt}" in table
        columns = re.search(r"begin\{tabular\}\{@\{\}(.*?)@\{\}\}", table)
        assert columns is not None
        (header, *rows) = re.findall(r"^(?!\\)(.*) \\\\$", re.sub(r"\\(raggedright|%) ?", "", table), re.MULTILINE)
        kinds = re.findall(r"p\{1\.7cm\}|l|r", columns[1])
        cells = [row.split(" & ") for row in (header, *rows)]
        widths = [
            48.4 if kind.startswith("p") else 4.2 * max(map(printed_width, column))
            for kind, column in zip(kinds, zip(*cells, strict=True), strict=True)
        ]
        assert sum(widths) + 5 * (len(kinds) - 1) <= 345, table


def printed_width(cell: str) -> int:
    """Letters of the longest line of a cell."""
    inner = re.sub(r"\\begin\{tabular\}\[.\]\{@\{\}r@\{\}\}|\\end\{tabular\}", "", cell)
    plain = re.sub(r"\$-\$", "-", re.sub(r"\\text\w+\{\}", "<", inner)).translate(str.maketrans("", "", "{}$"))
    return max(map(len, plain.split("\\\\")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\a{b}", r"\textbackslash{}a\{b\}"),
        ("a~^|\"'`", r"a\textasciitilde{}\textasciicircum{}\textbar{}\textquotedbl{}'\textasciigrave{}"),
        ("−0.6 – é ß", "$-$0.6 -- é ß"),
        ("日²\x00\n", "(U+65E5)(U+00B2)  "),
        ("ħ ŧ", "(U+0127) (U+0167)"),
        ("[1] & [2]", r"{[}1{]} \& {[}2{]}"),
    ],
)
def test_any_text_can_stand_in_latex(text: str, expected: str) -> None:
    assert escaped(text) == expected


def test_what_an_ablation_came_to_names_its_head_once() -> None:
    found = examples.usual().ablations[0]
    assert ablation_line(found) == "pqc, entanglers: made-up: keeps 99 %"
    assert ablation_line(found.model_copy(update={"sentence": "pqc keeps 99 %"})) == "pqc keeps 99 %"


def test_numbers_are_written_with_their_signs_and_gaps() -> None:
    share, loss, unknown = measure("accuracy"), measure("cross_entropy"), measure("my_score")
    assert [share.difference(value) for value in (0.021, -0.021, 0.0, -0.0001, None)] == [
        "+2.1",
        "−2.1",
        "0.0",
        "0.0",
        "–",
    ]
    assert share.interval((0.5, None)) == "–"
    assert (loss.difference(-0.5), loss.headed, loss.higher) == ("−0.500", "cross-entropy, nats", False)
    assert (unknown.value(0.5), unknown.headed) == ("0.500", "my score")
    assert [probability(p) for p in (None, 0.0004, 0.0494)] == ["–", "<0.001", "0.049"]


def test_the_forest_has_a_mark_and_two_lines_for_each_pair_that_has_them(figures: dict) -> None:
    axes = figures["forest"].figure.axes[0]
    marks = [line for line in axes.lines if line.get_marker() not in ("None", "")]
    assert len(marks) == 5
    assert len([line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linewidth() in (1.2, 3.2)]) == 8
    order = [float(mark.get_xdata()[0]) for mark in sorted(marks, key=lambda mark: -mark.get_ydata()[0])]
    assert order == pytest.approx([2.11, 1.22, 0.36, -0.08, -2.89])
    band = next(patch for patch in axes.patches if patch.get_gid() == "margin")
    assert band.get_extents().transformed(axes.transData.inverted()).intervalx == pytest.approx([-1, 1])
    texts = [text.get_text() for text in axes.texts]
    assert "+1.2 no interval  undecided" in texts
    assert "−2.9 [−4.6, −1.2]  worse" in texts
    assert "pqc against matched-mlp: −0.1, −1.8 to +1.6, equivalent" in figures["forest"].alt
    assert any(text.get_text() == "LEAKY" for text in figures["forest"].figure.texts)


def test_every_cell_is_a_point_and_every_arm_has_its_interval(figures: dict) -> None:
    axes = figures["points"].figure.axes[0]
    shown = [line for line in axes.lines if line.get_gid() == "cells"]
    assert sum(len(line.get_xdata()) for line in shown) == 36
    assert len(axes.collections) == 5  # that of one arm is not known
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["1", "2", "3"]
    assert {to_hex(line.get_color()) for line in shown[:3]} == {to_hex(line.get_color()) for line in shown[3:6]}


def test_curves_stand_for_the_arms_that_learn(figures: dict, cells: examples.Cells) -> None:
    panels = figures["curves"].figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == ["pqc", "linear", "matched-mlp", "fourier",
                                                              "pqc, no entanglers"]  # fmt: skip
    assert all(len(axes.lines) == len(axes.collections) == 2 for axes in panels)
    assert "without a curve: rbf-svm" in figures["curves"].caption
    assert learning_curves({"svm": [cell.history for cell in cells["made-up"]["rbf-svm"]]}, title="") is None


def test_a_curve_ends_where_half_of_its_cells_have_stopped() -> None:
    histories = [examples.cell("d", "a", seed=n, epochs=n).history for n in (2, 4, 6, 8)]
    figure = learning_curves({"a": histories}, title="")
    assert figure is not None
    assert len(figure.axes[0].lines[0].get_xdata()) == 6


def test_confusion_matrices_count_every_answer(figures: dict, cells: examples.Cells) -> None:
    panels = figures["confusion"].figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == list(cells["made-up"])
    found = cells["made-up"]["pqc"]
    cats = [answer for cell in found for true, answer in zip(cell.labels, cell.predicted, strict=True) if true == 0]
    assert f"{100 * cats.count(0) / len(cats):.0f}" in [text.get_text() for text in panels[0].texts]


def test_cost_and_credit_show_what_there_is(figures: dict) -> None:
    panels = figures["cost"].figure.axes
    titles = [axes.get_title(loc="left") for axes in panels]
    assert titles == ["trained weights", "training, s per cell", "gates", "simulated in, ms"]
    gates = [text.get_text() for text in panels[2].texts]
    assert gates == ["44 → 96", "–", "–", "–", "–", "32 → 96"]
    assert "99 % [93, 106]" in [text.get_text() for text in figures["credit"].figure.axes[0].texts]
    nothing = cost(["a"], [Panel("gates", [0])], title="", note="").axes[0]
    assert [text.get_text() for text in nothing.texts] == ["0"]


def printed(found: ComparisonOutcome) -> str:
    file = io.StringIO()
    console: Console = PlainConsole(file=file, width=80)
    for each in comparison_tables(found):
        console.print(each)
    return file.getvalue()


def test_the_terminal_shows_verdicts_and_intervals_in_80_characters(one: ComparisonOutcome) -> None:
    text = printed(one)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert max(map(len, text.splitlines())) <= 80
    assert "made-up · balanced accuracy, margin ±1 point LEAKY" in lines
    assert "matched-mlp equivalent −0.1 −1.8 to +1.6 0.037 2.4" in lines
    assert "pqc against verdict points 95 % interval p after Holm detectable" in lines
    assert "rbf-svm 40 6 84.1 82.1 to 86.1 0.0123 0" in lines
    assert "left out: quantum-kernel: takes no more than two classes" in lines
    together = " ".join(lines)
    assert all(pair.sentence in together for pair in one.data_sets[0].pairs)
    two = printed(examples.outcome(examples.usual("first"), examples.usual("second", stamps=("LEAKY",))))
    assert "pqc linear better better" in [" ".join(line.split()) for line in two.splitlines()]
    assert max(map(len, two.splitlines())) <= 80


def test_three_data_sets_and_long_names_keep_to_80_characters() -> None:
    name = "parameter-matched-multilayer-perceptron"
    arms = [examples.arm("pennylane-pqc", "asked"), examples.arm(name)]
    pairs = [examples.pair("pennylane-pqc", name, 0.1, "better")]
    sets = [examples.data_set(each, arms, pairs, stamps=("SYNTHETIC DATA",)) for each in ("urbansound8k", "b", "c")]
    text = printed(examples.outcome(*sets))
    assert max(map(len, text.splitlines())) <= 80
    assert "pennylane-pqc 80.0 [78.0, 82.0] 80.0 [78.0, 82.0] 80.0 [78.0, 82.0]" in " ".join(text.split())
    assert text.count("SYNTHETIC DATA") == 6


def test_a_verdict_is_said_once_where_it_stands_beside_its_reason() -> None:
    pair = examples.pair("pqc", "mlp", 0.1, sentence="undecided: 3 seeds are too few", reason="too few")
    arms = [examples.arm("pqc", "asked"), examples.arm("mlp")]
    found = examples.outcome(examples.data_set("made-up", arms, [pair]))
    assert "undecided pqc against mlp: 3 seeds are too few" in " ".join(printed(found).split())
    assert "<b>mlp</b>: 3 seeds are too few</span>" in render(found, {"made-up": {}}, [])
    assert verdict_line(pair) == "pqc against mlp: undecided: 3 seeds are too few"


def test_an_arm_against_several_is_one_line_where_it_came_to_the_same_words() -> None:
    few = {"sentence": "undecided: 3 seeds are too few", "reason": "too few"}
    pairs = [
        examples.pair("pqc", "mlp", 0.1, **few),
        examples.pair("pqc", "linear", 0.2, "better", sentence="better: by 20 points", reason="20 points"),
        examples.pair("pqc", "rbf", 0.1, **few),
        examples.pair("mlp", "rbf", 0.1, **few),
    ]
    assert verdict_lines(pairs) == [
        ("undecided", "pqc against mlp, rbf: 3 seeds are too few"),
        ("better", "pqc against linear: by 20 points"),
        ("undecided", "mlp against rbf: 3 seeds are too few"),
    ]


def test_times_have_three_digits_at_every_size() -> None:
    assert [seconds(value) for value in (None, 0.0456, 1.5, 12.0, 99.97, 1234.5)] == [
        "–", "0.0456", "1.50", "12.0", "100", "1,234",
    ]  # fmt: skip
