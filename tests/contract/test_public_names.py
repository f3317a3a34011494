"""What may be relied on is what docs/reference/public-names.json says, and what the project says of itself is so."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from qplug.circuits import json_text
from qplug.contract.interfaces import INTERFACE
from qplug.lab.config.layers import FORMAT
from qplug.lab.runs.run_record import VERSION as RECORD
from qplug.version import DISTRIBUTION, __version__

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "public-names.json"


def differences(listed: Any, found: Any, place: str = "") -> list[str]:
    """What one of two such documents has and the other has not, each with its place."""
    if isinstance(listed, dict) and isinstance(found, dict):
        return [
            line for key in sorted(listed.keys() | found.keys())
            for line in differences(listed.get(key, []), found.get(key, []), f"{place}/{key}")
        ]  # fmt: skip
    gone, new = sorted(set(listed) - set(found)), sorted(set(found) - set(listed))
    return [f"{place}: {name} is gone" for name in gone] + [f"{place}: {name} is new" for name in new]


def test_no_public_name_changes_by_accident(benchmark_script: Any, tmp_path: Path) -> None:
    listed = json.loads(PAGE.read_text("utf-8"))
    found = benchmark_script("public_names").names(tmp_path)
    told = "; meant so? Then the changelog says it, and: python tests/benchmarks/public_names.py"
    assert differences(listed, found) == [], told
    assert listed.keys() == found.keys()
    assert min(len(listed["python"]["qplug"]), len(listed["commands"]), len(listed["json"])) > 18


def test_a_name_that_goes_or_comes_is_told_with_its_place() -> None:
    old = {"json": {"runs": ["a", "b"]}, "commands": {"run": ["--seed"]}}
    new = {"json": {"runs": ["a", "c"]}, "commands": {"run": ["--seed"], "fly": ["--up"]}}
    assert differences(old, new) == ["/commands/fly: --up is new", "/json/runs: b is gone", "/json/runs: c is new"]


def test_the_citation_names_this_version() -> None:
    cited = (ROOT / "CITATION.cff").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert re.findall(r"^version: (.*)$", cited, re.M) == [__version__] == [project["version"]]
    assert re.findall(r"^license: (.*)$", cited, re.M) == [project["license"]]


def test_the_page_on_versions_says_those_of_today() -> None:
    page = (ROOT / "docs" / "reference" / "versions.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| (.*?) \| (\S+) \|", page, re.M))
    assert rows["qplug itself"] == __version__
    assert rows["the interfaces for plugins"] == str(INTERFACE)
    assert rows["`run.toml`"] == str(FORMAT)
    assert rows["`record.json`"] == str(RECORD)
    assert rows["circuits as JSON"] == str(json_text.VERSION)


def test_what_the_page_on_installing_and_the_dockerfile_name_exists() -> None:
    page, recipe = (
        (ROOT / "docs" / "how-to" / "install.md").read_text("utf-8"),
        (ROOT / "Dockerfile").read_text("utf-8"),
    )
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    table = page[page.index("| extra |") : page.index("More extras")]
    assert set(re.findall(r"^\| (.*?) \|", table, re.M)) > {"none", "`all`"}
    assert [extra for extra in extras.keys() - {"test", "docs", "dev"} if f"`{extra}`" not in table] == []
    (asked,) = re.findall(r"^ARG EXTRAS=(.*)$", recipe, re.M)
    assert set(asked.split(",")) <= extras.keys()
    copied = [word for line in re.findall(r"^COPY (.*) \S+$", recipe, re.M) for word in line.split()]
    assert len(copied) > 5
    assert [each for each in copied if not (ROOT / each).exists()] == []
    assert f"{DISTRIBUTION.replace('-', '_')}-{__version__}-py3-none-any.whl" in page
