"""``qplug compare`` as it is typed."""

import json
import os
import re
from pathlib import Path

import pytest

from qplug.lab.comparison.cell_file import read_cell
from qplug.lab.comparison.plan_file import read_plan

SMALL = ["compare", "--dataset", "digits", "--backbone", "identity", "--reducer", "pca", "--heads", "linear,mlp"]
QUICK = ["--no-baselines", "--seeds", "2", "--epochs", "1", "--margin", "0.02", "--set", "head.hidden=[3]"]


@pytest.fixture
def qplug(forking, tmp_path: Path):
    return lambda words: forking(words, tmp_path, os.environ)


def test_a_comparison_is_planned_carried_out_in_shards_listed_and_reported(qplug, tmp_path: Path) -> None:
    place = str(tmp_path / "all" / "one" / "plan.toml")
    planned = json.loads(qplug([*SMALL, place, *QUICK, "--plan", "--json"]).stdout)
    assert (planned["cells"], planned["finished"]) == (4, 2)
    assert planned["bytes"] > 0
    part = json.loads(qplug(["compare", place, "--cells", "0-1", "--json"]).stdout)
    assert part == {"comparison": str(tmp_path / "all" / "one"), "finished": False}
    whole = json.loads(qplug(["resume", str(tmp_path / "all" / "one"), "--json"]).stdout)
    assert whole["margin"] == 0.02
    assert {"comparison", "dataset", "protocol", "arms", "pairs", "ablations", "command"} <= whole.keys()
    assert {"name", "n_parameters", "n_cells", "mean", "interval", "seconds"} <= whole["arms"][0].keys()
    (pair,) = whole["pairs"]
    assert (pair["a"], pair["b"], pair["verdict"]) == ("linear", "mlp", "undecided")
    assert {"difference", "interval", "p_holm", "smallest_detectable"} <= pair.keys()
    (listed,) = json.loads(qplug(["compare", "--list", "--out", str(tmp_path / "all"), "--json"]).stdout)
    assert (listed["cells"], listed["finished_cells"], listed["finished"]) == (4, 4, True)
    hidden = {arm.settings["head"].get("hidden") and 3 for arm in read_plan(Path(place).parent).data_sets[0].arms}  # type: ignore[union-attr]
    assert hidden == {None, 3}  # of the two heads only one has the parameter
    page = json.loads(qplug(["report", str(tmp_path / "all" / "one"), "--json"]).stdout)["report"]
    told = pair["sentence"].removeprefix("undecided: ")
    assert re.search(rf">undecided</span> .*<b>mlp</b>: {told}", Path(page).read_text(encoding="utf-8"))
    assert all(read_cell(tmp_path / "all" / "one", cell.key) for cell in read_plan(Path(place).parent).cells)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "no data set is named"),
        (["--dataset", "digits", "--heads", "linaer"], "no head is called 'linaer'. Did you mean 'linear'?"),
        (["--dataset", "digits", "--metric", "acc"], "--metric 'acc': Input should be 'accuracy'"),
        (["--dataset", "digits", "--margin", "2"], "--margin 2.0: Input should be less than 1"),
        (["--dataset", "digits", "--seeds", "0"], "--seeds 0: a comparison needs at least one seed"),
        (["nothere/plan.toml", "--cells", "0-3"], "nothere/plan.toml holds no comparison"),
        (["--dataset", "digits", "--heads", "linear", "--fold", "x"], "--fold takes the number of a fold"),
    ],
)
def test_what_cannot_be_compared_is_refused_and_nothing_is_left(qplug, tmp_path: Path, words, told) -> None:
    done = qplug(["compare", *words, "--out", str(tmp_path / "out")])
    assert done.returncode == 2
    assert told in done.stderr.replace("\n", " ")
    assert not (tmp_path / "out").exists()
