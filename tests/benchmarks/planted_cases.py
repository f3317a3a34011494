"""Comparisons whose outcome is known beforehand, through the command: does ``qplug compare`` find it out?

    python tests/benchmarks/planted_cases.py
    python tests/benchmarks/planted_cases.py --seeds 10 --epochs 40 --json

Three cases of ``tests/lab/planted.py``, which is installed as a plugin of its own for the purpose. Of ``entangled`` on
labels that this very circuit made, the circuit matters: without entanglers or trainable gates, or with nothing or tanh
in its place, less must be left. Of ``idle`` on linear labels nothing matters: what is kept without each part must be
all, and be called no quantum credit. A split that has a hand in two parts must be refused before anything is trained.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.conftest import Site  # noqa: E402
from tests.lab import planted  # noqa: E402

MUST_MATTER = ("no-entanglers", "no-trainable-gates", "identity", "tanh")
"""Frozen at weights that are drawn, a circuit may lie near the one that made the labels."""
MUST_NOT = ("frozen", "no-entanglers", "no-trainable-gates", "no-reuploads")
LEAKY = """
from dataclasses import replace

from planted import Planted
from qplug import SplitRule


class Leaky(Planted):
    splits = {"official": SplitRule(description="every third image", test="part")}

    def samples(self, folder):
        for index, sample in enumerate(super().samples(folder)):
            yield replace(sample, group=f"hand {index % 10}", part="train" if index % 3 else "test")
"""


def compared(site: Site, folder: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    """One ``qplug compare``, as a user gives it."""
    given = ["compare", str(folder), *words, "--no-baselines", "--no-transpile", "--ablate", "--json"]
    return subprocess.run(
        [sys.executable, "-m", "qplug_cli", *given], env=os.environ | site.environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def sentences(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """What is said of each ablation."""
    assert done.returncode == 0, done.stderr
    return {each["ablation"]: each["sentence"] for each in json.loads(done.stdout)["ablations"]}


def main() -> None:
    """Compares, and prints what was said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="of each arm (default 10)")
    parser.add_argument("--epochs", type=int, default=40, help="of each cell (default 40)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    length = ["--seeds", str(options.seeds), "--epochs", str(options.epochs)]
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "site").mkdir()
        site = Site(home / "site", home / "cache")
        site.add("qplug-planted", planted.ENTRY_POINTS, {"planted": Path(planted.__file__).read_text("utf-8")})
        site.add("qplug-leaky", {"qplug.datasets": {"leaky": "leaky:Leaky"}}, {"leaky": LEAKY})
        entangled = ["--dataset", "planted", "--head", "entangled"]
        idle = ["--dataset", "planted", "--head", "idle", "--set", "dataset.labels=linear"]
        told: dict[str, Any] = {
            "entangled": sentences(compared(site, home / "a", [*entangled, *length])),
            "idle": sentences(compared(site, home / "b", [*idle, *length])),
        }
        leaky = compared(site, home / "c", ["--dataset", "leaky", "--head", "idle", *length])
        told["leaky"] = {"exit": leaky.returncode, "refused": leaky.stderr.strip(), "left": (home / "c").exists()}
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    told["cpu_seconds"] = round(used.ru_utime + used.ru_stime)
    told["as_planted"] = (
        all("matters" in told["entangled"][each] for each in MUST_MATTER)
        and all("no quantum credit" in told["idle"][each] for each in MUST_NOT)
        and (leaky.returncode, told["leaky"]["left"]) == (2, False)
    )
    if options.json:
        print(json.dumps(told))
    else:
        print("| head | without | is said |\n| --- | --- | --- |")
        for head in ("entangled", "idle"):
            for ablation, sentence in told[head].items():
                print(f"| `{head}` | {ablation} | {sentence} |")
        print(f"\nLeaky split: exit {leaky.returncode}, {told['leaky']['refused']}\n{told['cpu_seconds']} CPU s")
    raise SystemExit(0 if told["as_planted"] else 1)


if __name__ == "__main__":
    main()
