"""Figures say what they show: title, stamp, numbers and classes stand in them, and nothing runs out of the page."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from qplug.lab.figures.calibration import calibration
from qplug.lab.figures.confusion import confusion_matrix
from qplug.lab.figures.curves import curves
from qplug.lab.figures.discrimination import roc_pr
from qplug.lab.figures.embedding import components, embedding_scatter
from qplug.lab.figures.gradients import gradient_norms, has_quantum_gradients
from qplug.lab.figures.mistakes import Mistake, Scales, misclassified, worst_mistakes
from qplug.lab.figures.style import shortened
from qplug.lab.judging.reliability import reliability

LABELS, PREDICTED = [0] * 10 + [1] * 5, [0] * 9 + [1] + [1] * 3 + [0] * 2


def visible(figure: Figure) -> list[Text]:
    figure.canvas.draw()
    outside = set()  # tick labels beyond the limits exist, but are not drawn
    for axis in itertools.chain.from_iterable((axes.xaxis, axes.yaxis) for axes in figure.axes):
        low, high = sorted(axis.get_view_interval())
        outside |= {id(tick.label1) for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and id(text) not in outside]
    return [text for text in texts if text.get_visible() and text.get_text()]


def words(figure: Figure) -> str:
    return " | ".join(" ".join(text.get_text().split()) for text in visible(figure))


def history(n: int) -> list[dict[str, float]]:
    return [
        {
            "epoch": epoch,
            "train_cross_entropy": 2.0 / epoch,
            "validation_cross_entropy": 2.2 / epoch,
            "train_accuracy": 1 - 0.8 / epoch,
            "validation_accuracy": 1 - 0.9 / epoch,
        }
        for epoch in range(1, n + 1)
    ]


def test_a_confusion_matrix_shows_percent_counts_and_classes() -> None:
    figure = confusion_matrix(LABELS, PREDICTED, ["chiffchaff", "willow warbler"], title="chirps: test part")
    text = words(figure)
    for expected in ("chirps: test part", "15 samples, 80.0% right", "90%", "60%", "chiffchaff", "willow warbler"):
        assert expected in text
    for count in ("9", "1", "3", "2"):
        assert count in text.split(" | ")


def answers(n: int, n_classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels of every class, and logits that are right more often than not."""
    chance = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % n_classes
    logits = torch.randn(n, n_classes, generator=chance)
    return labels, logits + 1.5 * torch.nn.functional.one_hot(labels, n_classes)


def figures(
    n_classes: int, stamp: str | None, *, modality: str = "audio", shape: tuple[int, ...] = (1, 12, 20)
) -> Iterator[Figure]:
    """One of each figure, but confusion matrix and curves, with the longest names that a data set may have."""
    labels, logits = answers(24 * n_classes, n_classes)
    classes = [f"a rather long name {k}" for k in range(n_classes)]
    title = "a long title " * 6
    mistakes = worst_mistakes(labels, logits)
    ids = ["speaker/take-0123456789_abc.wav"] * len(mistakes)
    generator = np.random.default_rng(0)
    yield calibration(reliability(labels, logits.softmax(1)), title=title, stamp=stamp)
    if n_classes == 2:
        yield roc_pr(labels, logits, classes, title=title, stamp=stamp)
    yield embedding_scatter(
        generator.standard_normal((len(labels), 5)).astype(np.float32), labels.tolist(), logits.argmax(1).tolist(),
        classes, title=title, stamp=stamp,
    )  # fmt: skip
    yield misclassified(
        mistakes, [generator.random(shape, np.float32) for _ in mistakes], ids, classes,
        modality=modality, n_wrong=40, n=len(labels), title=title, stamp=stamp,
    )  # fmt: skip
    norms = [{"epoch": k, "gradient_norm_classical": 1 / k, "gradient_norm_quantum": 0.98 / k} for k in range(1, 9)]
    yield gradient_norms(norms, title=title, stamp=stamp)


@pytest.mark.parametrize("stamp", ["SYNTHETIC DATA", "LEAKY"])
def test_a_stamp_stands_in_every_figure(stamp: str) -> None:
    matrix = confusion_matrix(LABELS, PREDICTED, ["a", "b"], title="t", stamp=stamp)
    lines = curves(history(5), best_epoch=5, title="t", stamp=stamp)
    for figure in (matrix, lines, *figures(2, stamp)):
        found = [text for text in visible(figure) if text.get_text() == stamp]
        assert len(found) == 1
        box = found[0].get_bbox_patch()
        assert box is not None
        assert box.get_facecolor() != (1, 1, 1, 1)


@pytest.mark.parametrize(("n_classes", "says"), [(12, "percent and count."), (26, "percent."), (60, "the darker, the")])
def test_a_confusion_matrix_says_what_stands_in_its_cells(n_classes: int, says: str) -> None:
    labels = list(range(n_classes))
    text = words(confusion_matrix(labels, labels, [str(number) for number in labels], title="t"))
    assert f"Rows are true classes: {says}" in text
    assert ("| 100 |" in text) == (n_classes <= 26)


def test_very_many_classes_are_named_as_far_as_there_is_room() -> None:
    labels = list(range(300))
    figure = confusion_matrix(labels, labels, [f"class {number}" for number in labels], title="t")
    assert figure.get_figwidth() < 20
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()][:3] == ["class 0", "class 3", "class 6"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["short", "a very long name"], ["short", "a very …"]),
        (["a very long name", "a very short name"], ["…ng name", "…rt name"]),
        (["1 a very long name", "2 a very long name"], ["1 a ver…", "2 a ver…"]),
        (["1 long name 1", "1 long name 2", "2 long name 1"], ["1 l…name 1", "1 l…name 2", "2 l…name 1"]),
    ],
)
def test_names_that_differ_are_cut_so_that_they_still_do(names: list[str], expected: list[str]) -> None:
    assert shortened(names, max(8, max(map(len, expected)))) == expected


def test_colours_of_an_embedding_mean_right_and_wrong_where_classes_are_too_many_to_name() -> None:
    labels = list(range(40))
    values = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
    figure = embedding_scatter(values, labels, [0] * 40, [str(number) for number in labels], title="t")
    assert "Blue: predicted right; orange, hollow: predicted wrong." in words(figure)
    assert figure.axes[0].get_legend() is None
    assert sum(len(np.asarray(drawn.get_offsets())) for drawn in figure.axes[0].collections) == 40
    assert len({tuple(edge) for drawn in figure.axes[0].collections for edge in drawn.get_edgecolors()}) == 2


def test_the_best_epoch_is_named_where_no_curve_runs() -> None:
    rows = [
        {"epoch": epoch, "train_cross_entropy": 2.3 - 0.3 * epoch, "validation_cross_entropy": 2.3 - 0.01 * epoch,
         "train_accuracy": 0.3 * epoch, "validation_accuracy": 0.1} for epoch in (1, 2)
    ]  # fmt: skip
    for axes in curves(rows, best_epoch=2).axes:
        (label,) = [text for text in axes.texts if text.get_text().startswith("epoch 2: ")]
        lowest, highest = axes.get_ylim()
        for line in axes.lines[:2]:
            heights = np.interp(np.linspace(1.75, 2, 9), [1, 2], np.asarray(line.get_ydata(), float))
            assert np.abs((heights - lowest) / (highest - lowest) - label.xy[1]).min() > 0.1  # type: ignore[attr-defined]


def test_a_class_without_samples_has_an_empty_row() -> None:
    figure = confusion_matrix([0, 0], [0, 2], ["a", "b", "c"], title="t")
    assert words(figure).count("50%") == 2


@pytest.mark.parametrize("n_classes", [2, 6, 10, 20, 26, 60, 90])
def test_no_text_leaves_the_page_or_covers_another(n_classes: int) -> None:
    labels = np.repeat(np.arange(n_classes), 4)
    predicted = np.where(np.arange(len(labels)) % 4, labels, (labels + 1) % n_classes)
    classes = [f"a rather long name {k}" for k in range(n_classes)]
    figure = confusion_matrix(labels.tolist(), predicted.tolist(), classes, title="a long title " * 8, stamp="LEAKY")
    check_layout(figure)


@pytest.mark.parametrize(("n", "best"), [(1, 1), (2, 1), (8, 8), (40, 12), (300, 290)])
def test_curves_mark_the_best_epoch_within_the_page(n: int, best: int) -> None:
    figure = curves(history(n), best_epoch=best, title="digits, mlp: training", stamp="SYNTHETIC DATA")
    text = words(figure)
    assert f"epoch {best}: {2.2 / best:.3f}" in text
    assert f"epoch {best}: {1 - 0.9 / best:.1%}" in text
    assert text.split(" | ").count("validation") == text.split(" | ").count("train") == 2
    check_layout(figure)


def check_layout(figure: Figure) -> None:
    assert isinstance(figure.canvas, FigureCanvasAgg)
    texts = visible(figure)
    renderer = figure.canvas.get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    page = figure.bbox
    for name, box in boxes:
        assert box.x0 >= 0, name
        assert box.y0 >= 0, name
        assert box.x1 <= page.x1, name
        assert box.y1 <= page.y1, name
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert width <= 1 or height <= 1, f"{one!r} covers {other!r}"


def test_a_title_that_wraps_begins_no_line_with_its_dot() -> None:
    figure = curves(
        history(3), best_epoch=2, title="urbansound8k · linear+pennylane-pqc · a very, very long fold · test"
    )
    (title,) = [text.get_text() for text in visible(figure) if text.get_text().startswith("urban")]
    assert "\n" in title
    assert not [line for line in title.split("\n") if line.lstrip().startswith("·")]


def test_figures_leave_pyplot_alone() -> None:
    confusion_matrix(LABELS, PREDICTED, ["a", "b"], title="t")
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


@pytest.mark.parametrize("n_classes", [2, 30])
def test_every_other_figure_keeps_its_text_apart_and_on_the_page(n_classes: int) -> None:
    for figure in figures(n_classes, "LEAKY"):
        check_layout(figure)


@pytest.mark.parametrize(
    ("modality", "shape"), [("image", (3, 8, 8)), ("image", (1, 8, 8)), ("audio", (3, 12, 20)), ("audio", (1, 400))]
)
def test_mistakes_are_shown_as_what_they_are(modality: str, shape: tuple[int, ...]) -> None:
    *_, mistakes, _ = figures(3, None, modality=modality, shape=shape)
    panels = mistakes.axes
    assert len(panels) == 9
    if len(shape) == 2:
        assert all(len(panel.lines) == 1 and not panel.images for panel in panels)
    else:
        drawn = panels[0].images[0].get_array()
        assert drawn is not None
        assert drawn.shape == ((8, 8, 3) if shape[0] == 3 and modality == "image" else shape[1:])


def panels(shape: tuple[int, ...], scales: Scales = (), *, modality: str = "audio", n: int = 4) -> list[Axes]:
    """Mistakes with features of a shape, whose values are 0 to 1."""
    features = [np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)] * n
    figure = misclassified(
        [Mistake(row, 0, 1, 0.9) for row in range(n)], features, [f"id-{row}" for row in range(n)], ["cat", "dog"],
        modality=modality, n_wrong=n, n=9, title="t", scales=scales,
    )  # fmt: skip
    check_layout(figure)
    return figure.axes


def test_mistakes_have_the_scales_that_the_extractor_declares() -> None:
    shown = panels((1, 40, 50), (("channel", 1.0), ("mel band", 1.0), ("time, s", 0.04)))
    assert [axes.get_ylabel() for axes in shown] == ["mel band", "", "", "mel band"]
    assert [axes.get_xlabel() for axes in shown] == ["", "time, s", "time, s", "time, s"]
    assert shown[0].get_xlim() == pytest.approx((-0.02, 1.98))
    assert shown[0].get_ylim() == pytest.approx((-0.5, 39.5))
    assert all(len(axes.get_xticks()) >= 2 for axes in shown)
    kilohertz = tuple(np.geomspace(0.1, 4, 40).tolist())
    uneven, *_ = panels((1, 40, 50), (("channel", 1.0), ("frequency, kHz", kilohertz), ("time, s", 0.04)))
    marked = dict(zip(uneven.get_yticks(), (tick.get_text() for tick in uneven.get_yticklabels()), strict=True))
    assert list(marked.values()) == ["0.1", "0.2", "0.5", "1", "2"]
    assert [kilohertz[round(place)] for place in marked] == pytest.approx([0.1, 0.2, 0.5, 1, 2], rel=0.06)
    (wave,) = panels((1, 8000), (("channel", 1.0), ("time, s", 1 / 8000)), n=1)
    assert (wave.get_xlabel(), wave.get_ylabel()) == ("time, s", "value")
    assert wave.get_xlim() == pytest.approx((0, 7999 / 8000))


@pytest.mark.parametrize(
    ("shape", "x", "y"),
    [
        ((1, 40, 50), "frame", "band"),
        ((100, 40), "column", "row"),
        ((300,), "position", "value"),
        ((1, 40, 1), "band", "value"),
    ],
)
def test_steps_are_counted_where_nothing_is_declared(shape: tuple[int, ...], x: str, y: str) -> None:
    axes = panels(shape)[-1]
    assert (axes.get_xlabel(), axes.get_ylabel()) == (x, y)


def test_waves_share_one_scale_and_images_need_none() -> None:
    limits = {axes.get_ylim() for axes in panels((1, 300))}
    assert len(limits) == 1
    assert limits.pop() == pytest.approx((-0.05, 1.05))
    for axes in panels((3, 8, 8), modality="image"):
        assert len(axes.get_xticks()) == len(axes.get_yticks()) == 0
        assert axes.get_xlabel() == ""


def test_the_surest_mistakes_come_first_and_right_answers_never() -> None:
    logits = torch.tensor([[5.0, 0.0], [1.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    mistakes = worst_mistakes(torch.tensor([0, 1, 1, 1]), logits)
    assert [mistake.row for mistake in mistakes] == [2, 1]
    assert mistakes[0] == Mistake(2, 1, 0, pytest.approx(1 / (1 + np.exp(-3))))
    assert worst_mistakes(torch.tensor([0, 0, 0, 1]), logits) == []
    figure = misclassified(
        mistakes, [np.ones((1, 4, 4), np.float32)] * 2, ["id-2", "id-1"], ["cat", "dog"],
        modality="image", n_wrong=2, n=4, title="t",
    )  # fmt: skip
    text = words(figure)
    assert "2 of 4 predictions are wrong; all of them" in text
    assert text.index("id-2 | is dog | predicted cat (95 %)") < text.index("id-1 | is dog | predicted cat (73 %)")


def test_areas_of_the_two_class_curves_are_those_worked_out_by_hand() -> None:
    # Scores .9 .8 .7 .6 for truths 1 0 1 0: three of four pairs are in order; precision 1 at recall 1/2, 2/3 at 1.
    scores = torch.tensor([0.9, 0.8, 0.7, 0.6])
    figure = roc_pr(torch.tensor([1, 0, 1, 0]), torch.stack([1 - scores, scores], 1).log(), ["no", "yes"], title="t")
    text = words(figure)
    assert "ROC, area 0.750" in text
    assert f"average precision {0.5 * 1 + 0.5 * 2 / 3:.3f}" in text
    assert "'yes', which 50% of 4 samples are" in text


def test_an_embedding_is_seen_along_its_widest_directions() -> None:
    generator = np.random.default_rng(1)
    values = (generator.standard_normal((200, 4)) * [0.1, 5.0, 0.1, 2.0]).astype(np.float32)
    points, shares = components(values)
    assert shares.sum() > 0.99
    assert shares[0] > shares[1]
    assert abs(np.corrcoef(points[:, 0], values[:, 1])[0, 1]) > 0.999
    assert abs(np.corrcoef(points[:, 1], values[:, 3])[0, 1]) > 0.999


def test_one_number_per_sample_or_none_that_differs_is_drawn_too() -> None:
    for values in (np.arange(6, dtype=np.float32)[:, None], np.ones((6, 3), np.float32)):
        figure = embedding_scatter(values, [0, 1] * 3, [0, 1] * 3, ["a", "b"], title="t")
        assert "second component, 0%" in words(figure)


def test_gradients_are_shown_where_circuits_were_trained() -> None:
    assert not has_quantum_gradients([{"epoch": 1, "gradient_norm_classical": 1.0}])
    assert not has_quantum_gradients([])
    rows = [{"epoch": 1, "gradient_norm_quantum": 0.5}, {"epoch": 2, "gradient_norm_quantum": 0.25}]
    assert has_quantum_gradients(rows)
    text = words(gradient_norms(rows))
    assert "quantum" in text
    assert "classical" not in text
