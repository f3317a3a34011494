"""Plugins of other people: one that is fine, and ten that are hostile."""

import json
import os
import re
from pathlib import Path

import pytest

STRANGER = "stranger-parts"

HOSTILE = {
    "import-error": ("raise ImportError('no luck')", r"raised ImportError: no luck"),
    "system-exit": ("raise SystemExit(3)", r"tried to end the program \(SystemExit: 3\)"),
    "sleeper": ("import time; time.sleep(1)\n{head}", r"is slow: its own code took 1\.\d s to import"),
    "twin": ("{head}", r"the name 'twin' is claimed more than once, by qplug-other 1\.0 and qplug-twin 1\.0"),
    "wrong-kind": (
        "from qplug import Reducer, ReducerCapabilities\n"
        "class Part(Reducer):\n    capabilities = ReducerCapabilities(interface=1)\n"
        "    def module(self, n_inputs, n_outputs): ...",
        r"Part is not a Head but a Reducer",
    ),
    "wrong-version": ("{future}", r"written for interface version 99, and this qplug has 1"),
    "missing-dependency": ("import not_there_at_all", r"needs the module 'not_there_at_all', which is not installed"),
    "bad-value": ("", r"says 'bad value', which is not of the form 'package\.module:Class'"),
    "star-args": ("{star}", r"constructor of Part takes \*args"),
    "printer": ("print('look at me')\n{head}", r"prints when it is imported \('look at me'\)"),
}
"""Ten plugins with the source of their head, and the reason that is given."""

USABLE = {"sleeper", "printer"}


@pytest.fixture(scope="module")
def hostile(shared_site, head_source):
    """All ten, each in a distribution of its own."""
    texts = {
        "head": head_source,
        "future": head_source.replace("interface=1", "interface=99"),
        "star": head_source.replace("self, *, width", "self, *args, width"),
    }
    site = shared_site
    for name, (source, _) in HOSTILE.items():
        site.add_head(name, source.format(**texts) if source.startswith("{") or "{head}" in source else source)
    site.add_head("twin", head_source, "qplug-other")
    entry_points = site.folder / "qplug_bad_value-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text("[qplug.heads]\nbad-value = bad value\n")
    return site


def test_each_hostile_plugin_is_shown_with_its_reason_and_all_others_are_ready(hostile) -> None:
    rows = hostile.rows()
    for name, (_, reason) in HOSTILE.items():
        row = rows[f"qplug-{name}", name]
        assert row["status"] == ("ready" if name in USABLE else "quarantined")
        assert re.search(reason, row["reason"]), row["reason"]
    assert rows["qplug-other", "twin"]["status"] == "quarantined"
    ours = [row for (provider, _), row in rows.items() if provider == "qplug" and row["target"]]
    assert len(ours) > 10
    # Loggers wait for packages of their own, which tests do without where they are large.
    assert {row["status"] for row in ours if row["kind"] != "hook"} == {"ready"}


def test_hostile_plugins_leave_the_others_usable_and_the_document_whole(hostile) -> None:
    for name in ("mlp", *USABLE):
        done = hostile.qplug("show", "head", name, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["name"] == name
    assert "look at me" in hostile.qplug("show", "head", "printer", "--json").stderr


@pytest.mark.parametrize("name", ["system-exit", "twin"])
def test_asking_for_a_hostile_plugin_ends_in_one_line_and_exit_1(hostile, name) -> None:
    done = hostile.qplug("run", "--dataset", "chirps", "--head", name, "--dry-run")
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("qplug: ")]
    assert re.search(rf"head '{name}' from qplug-\S+ 1\.0 is quarantined: .*{HOSTILE[name][1]}", line)
    assert "Traceback" not in done.stderr


def test_a_hostile_plugin_can_be_left_out(hostile) -> None:
    rows = hostile.rows("--no-plugin", "qplug-other", "--no-plugin", "head:printer")
    assert rows["qplug-twin", "twin"]["status"] == "ready"
    assert rows["qplug-printer", "printer"]["status"] == "disabled"
    assert hostile.rows(QPLUG_DISABLE="qplug-twin")["qplug-other", "twin"]["status"] == "ready"


@pytest.fixture
def with_stranger(stranger: Path, tmp_path: Path, cache: Path, forking):
    """Runs a command where the stranger's package is installed."""
    environment = os.environ | {"PYTHONPATH": str(stranger), "QPLUG_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    return lambda *words: forking(words, tmp_path, environment)


def test_a_stranger_s_package_is_listed_and_explained(with_stranger) -> None:
    rows = json.loads(with_stranger("list", "--json").stdout)
    found = {(row["kind"], row["name"]): row for row in rows if row["provider"] == STRANGER}
    assert found.keys() == {("dataset", "tones"), ("head", "cosine"), ("hook", "diary")}
    assert {row["status"] for row in found.values()} == {"ready"}
    assert found["head", "cosine"]["summary"] == "cosine similarity to one learnt direction per class"
    shown = json.loads(with_stranger("show", "head", "cosine", "--json").stdout)
    assert [parameter["name"] for parameter in shown["parameters"]] == ["temperature"]


def test_a_stranger_s_parts_run_with_ours(with_stranger, tmp_path) -> None:
    done = with_stranger(
        "run", "--dataset", "tones", "--head", "cosine",
        "--set", "head.temperature=5", "--epochs", "6", "--set", "training.batch_size=8", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["dataset"], summary["head"]) == ("tones", "cosine")
    assert summary["test"]["accuracy"] > 0.8
    run = tmp_path / summary["run"]
    assert "temperature = 5.0" in (run / "run.toml").read_text()
    lines = (run / "diary.txt").read_text().splitlines()
    assert lines == ["tones and cosine began", *(f"epoch {number}" for number in range(1, 7)), "done"]
