"""Cards of published claims: their file, the sentence in which they end, and one carried out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qplug.contract.errors import QplugError, UnknownName, UserError
from qplug.lab.cards.card import Card, Side, card, cards, read_cards
from qplug.lab.cards.reproduce import RESULT, Wanted, reproduce, requests_of
from qplug.lab.cards.sentence import Finding, remains, ruling, sentence
from qplug.lab.comparison import compare
from qplug.lab.comparison.computing import Computing
from qplug.lab.comparison.outcome import ComparisonOutcome
from qplug.lab.comparison.plan_file import read_plan
from qplug.lab.comparison.reading import read_outcome
from qplug.lab.config.resolve import resolve
from qplug.lab.runner.reporter import Reporter, Silent
from qplug.lab.runner.workplace import Workplace

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "claims.md"
SMALL = """
[card.made-up]
claim = "a claim"
source = "a source"
read = "abstract"
read_in = ["arXiv:0000.00000"]
data = "digits"
circuit = "none"
baseline = "a perceptron"
original = "one run"
corrected = "several"
assumed = ["all of it"]
differs = ["all of it"]

[card.made-up.part.digits]
dataset = "digits"
stand_in_for = "letters"
shared = { backbone = "identity", reducer = "pca", set = { "reducer.n_outputs" = 4 } }
original = { hybrid = { head = "logistic" }, rival = { head = "svm-rbf" }, seeds = 2 }
corrected = { hybrid = { head = "logistic" }, against = "linear-full", seeds = 2 }
"""


def made_up(tmp_path: Path, old: str = "", new: str = "") -> dict[str, Card]:
    """The small file's cards, with something in it replaced."""
    assert old in SMALL
    (tmp_path / "cards.toml").write_text(SMALL.replace(old, new, 1) if old else SMALL)
    return read_cards(tmp_path / "cards.toml")


# The file


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("circuit =", "circus =", r"card 'made-up': circuit: Field required; circus: Extra inputs.*got 'none'"),
        ('read = "abstract"', 'read = "all"', r"card 'made-up': read: Input should be 'abstract'.*got 'all'"),
        ("seeds = 2", 'seeds = "2"', r"part.digits.original.seeds: Input should be a valid integer.*got '2'"),
        ("seeds = 2", "seeds = 1", r"part.digits.original.seeds: .*greater than or equal to 2, got '1'"),
        ('against = "linear-full", ', "", r"part.digits.corrected: it names either a rival or, by against, a baseline"),
        ('rival = { head = "svm-rbf" }', 'rival = { haed = "svm-rbf" }', r"original.rival.haed: Extra inputs"),
        ("[card.made-up]", "[crad.made-up]", r"have 'crad' at the top, where only tables \[card.NAME\]"),
        ("[card.made-up]", "[card.made-up", r"cards.toml cannot be read: "),
        ('read_in = ["arXiv:0000.00000"]', "", r"read_in names what was read.*read is 'abstract'"),
        ('read = "abstract"', 'read = "not verified"', r"read_in names what was read.*read is 'not verified'"),
        ('["all of it"]', "[]", r"card 'made-up': assumed: .*at least 1 item"),
    ],
)
def test_a_card_that_is_not_shaped_like_one_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    with pytest.raises(QplugError, match=told):
        made_up(tmp_path, old, new)


def test_names_that_are_not_there_are_told_with_near_ones() -> None:
    with pytest.raises(UnknownName, match=r"no card is called 'hur-2202'. Did you mean 'hur-2022'"):
        card("hur-2202")
    with pytest.raises(UnknownName, match=r"no part of card 'image-hybrid' is called 'cifar'. Did you mean 'cifar-10'"):
        card("image-hybrid").part("cifar")
    assert card("image-hybrid").part()[0] == "mnist"


def test_a_side_takes_what_it_does_not_say_from_what_both_share() -> None:
    shared = Side(backbone="identity", head="mlp", set={"a.x": 1, "a.y": [1, 2]})
    side = Side(head="qcnn", set={"a.x": True}).over(shared)
    assert (side.backbone, side.head) == ("identity", "qcnn")
    assert side.assignments == ("a.x=true", "a.y=1,2")


def test_every_card_has_five_seeds_or_more_and_both_its_protocols_can_be_configured() -> None:
    wanted = {"qc-cnn-2024", "martin-perez-2026", "yang-2021", "henderson-2019", "mari-2019", "quesc-2023", "hur-2022",
              "shahzad-2025", "image-hybrid", "urbansound8k-fusion"}  # fmt: skip
    assert wanted <= cards().keys()
    for each in cards().values():
        for name, part in each.parts.items():
            for protocol in ("original", "corrected"):
                assert part.protocol(protocol).seeds >= 5
                requests = requests_of(part, protocol, Wanted(part=name))
                configs = [
                    resolve(request.layers(part.dataset, next(iter(request.heads), None))) for request in requests
                ]
                assert all(config.dataset == configs[0].dataset for config in configs)
                assert len({(config.split, config.fold) for config in configs}) == 1


def test_every_card_stands_on_the_page_with_its_command_and_what_it_stands_in_for() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for each in cards().values():
        section = page.partition(f"### {each.name}\n")[2].partition("\n### ")[0]
        assert f"qplug reproduce {each.name}" in section
        assert f"**Read:** {each.how_read}." in section
        for name, part in each.parts.items():
            row = next(line for line in page.splitlines() if line.startswith(f"| {each.name} | {name} |"))
            if part.stand_in_for:
                assert f"stand-in for {part.stand_in_for}" in row
                assert f"stand-in for {part.stand_in_for}" in section


# The sentence


def finding(low: float | None, high: float = 0.0, *, margin: float = 0.01, **more: Any) -> Finding:
    interval = None if low is None else (low / 100, high / 100)
    middle = 0.0 if low is None else (low + high) / 200
    return Finding(hybrid=0.9, rival=0.9 - middle, difference=middle, interval=interval, margin=margin, **more)


@pytest.mark.parametrize(
    ("low", "high", "says", "advantage", "ruled"),
    [
        (0.1, 3.0, "better", 2.0, "reproduced"),
        (0.1, 0.5, "better", 2.0, "reproduced"),
        (-1.0, 1.9, "better", 2.0, "not reproduced"),
        (-1.0, 2.1, "better", 2.0, "not decidable here"),
        (-3.0, -0.1, "better", 2.0, "not reproduced"),
        (-3.0, -0.1, "better", None, "not reproduced"),
        (-3.0, 0.9, "better", None, "not reproduced"),
        (-3.0, 1.1, "better", None, "not decidable here"),
        (-3.0, -0.1, "worse", -2.5, "reproduced"),
        (-2.4, 1.0, "worse", -2.5, "not reproduced"),
        (-2.6, 1.0, "worse", -2.5, "not decidable here"),
        (0.1, 1.0, "worse", -2.5, "not reproduced"),
        (-0.9, 0.9, "comparable", None, "reproduced"),
        (-1.1, 0.9, "comparable", None, "not decidable here"),
        (1.1, 2.0, "comparable", None, "not reproduced"),
        (-2.0, -1.1, "comparable", None, "not reproduced"),
    ],
)
def test_the_ruling_follows_from_interval_and_reported_difference(low, high, says, advantage, ruled) -> None:
    assert ruling(finding(low, high), says, advantage) == ruled
    assert ruling(finding(low, high, synthetic=True), says, advantage) == "not decidable here"
    assert ruling(finding(None), says, advantage) == "not decidable here"


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (1.0, 3.0, "an advantage of +2.00 points, 95 % interval +1.00 to +3.00 remains"),
        (0.2, 0.8, "95 % interval +0.20 to +0.80 remains, which is within the margin of 1"),
        (-3.0, -1.0, "no advantage remains, the hybrid is behind (-2.00 points"),
        (-0.5, 0.5, "no advantage remains, the two are within 1 point"),
        (-0.5, 1.5, "whether an advantage remains is undecided (+0.50 points"),
    ],
)
def test_what_remains_is_what_the_corrected_interval_allows(low: float, high: float, told: str) -> None:
    assert told in remains(finding(low, high))


def test_the_sentence_calls_a_stand_in_and_generated_data_by_their_names() -> None:
    whole = sentence(finding(-1.0, 1.9), finding(-0.5, 0.5), says="better", advantage=2.0, dataset="ravdess",
                     stand_in_for="CREMA-D")  # fmt: skip
    assert whole == (
        "On ravdess, a stand-in for CREMA-D: not reproduced under the original protocol (hybrid minus rival +0.45 "
        "points, 95 % interval -1.00 to +1.90, reported +2.00, outside that interval); under the corrected protocol no "
        "advantage remains, the two are within 1 point (+0.00 points, 95 % interval -0.50 to +0.50)."
    )
    generated = sentence(finding(1, 2, synthetic=True), finding(1, 2, synthetic=True), says="better")
    assert generated.startswith("Not decidable here, since data are synthetic")
    assert "remains" not in generated.partition(";")[2].replace("what remains of an advantage", "")
    assert sentence(finding(None, reason="one seed"), None, says="better") == "Not decidable here (one seed)."


# One carried out


PLACE = replace(Workplace.from_environment(), figures=False)


def carried_out(folder: Path, reporter: Reporter) -> ComparisonOutcome:
    outcome, failed = compare.carry_out(Computing(folder, read_plan(folder), PLACE), reporter)
    assert outcome is not None
    assert not failed
    return outcome


def test_a_card_is_carried_out_gone_on_with_and_ends_in_its_sentence(tmp_path: Path) -> None:
    claim = made_up(tmp_path)["made-up"]
    wanted = Wanted(part="digits", smoke=True)
    found = reproduce(claim, wanted, tmp_path, PLACE, Silent(), carried_out)
    assert found.sentence.startswith("On digits, a stand-in for letters: not decidable here, since data are synthetic")
    original, corrected = found.tested
    assert (original.arms, corrected.arms) == (("logistic", "svm-rbf"), ("logistic", "linear-full"))
    assert original.stamps == corrected.stamps == ("SYNTHETIC DATA",)
    assert original.found.difference == pytest.approx(original.found.hybrid - original.found.rival)
    whole = read_outcome(Path(corrected.folders[0])).data_sets[0]
    (pair,) = (each for each in whole.pairs if each.b == "linear-full")
    assert (pair.difference, pair.interval) == (corrected.found.difference, corrected.found.interval)
    folder = tmp_path / "made-up" / "digits-smoke"
    assert {each.name for each in folder.iterdir()} == {"original", "original-rival", "corrected", RESULT}
    assert json.loads((folder / RESULT).read_text())["sentence"] == found.sentence

    again = reproduce(claim, replace(wanted, protocols=("corrected",)), tmp_path, PLACE, Silent(), carried_out)
    assert again.tested == (corrected,)
    assert again.ruling is None
    with pytest.raises(UserError, match=r"original holds this card with other settings \(seeds\)"):
        reproduce(claim, replace(wanted, seeds=3), tmp_path, PLACE, Silent(), carried_out)

    other = made_up(tmp_path, 'against = "linear-full"', 'against = "mlp-matched"')["made-up"]
    with pytest.raises(UserError, match=r"digits has no arm 'mlp-matched'. Those there are: .*linear-full"):
        reproduce(other, wanted, tmp_path, PLACE, Silent(), carried_out)
