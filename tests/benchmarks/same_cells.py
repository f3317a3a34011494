"""The same cells of a comparison in this process, on local slots and on Ray: are their numbers equal to the last bit?

    python tests/benchmarks/same_cells.py
    python tests/benchmarks/same_cells.py --without-ray

Four cells on digits, two heads with two seeds. The digest of a cell is the SHA-256 of its answers and scores. Ray runs
on this machine's loopback, with a token. The exit status is 1 if a digest differs.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from qplug import catalogue
from qplug.contract.interfaces import Executor
from qplug.lab.comparison import compare
from qplug.lab.comparison.cell_file import read_cell
from qplug.lab.comparison.computing import Computing
from qplug.lab.comparison.plan_file import read_plan
from qplug.lab.comparison.request import Request
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace

sys.path.insert(0, str(Path(__file__).parents[1] / "plugins"))

from ray_cluster import cluster

ASKED = Request(
    datasets=("digits",), backbone="identity", reducer="pca", heads=("pennylane-pqc", "mlp"), seeds=(0, 1), epochs=1,
    assignments=("reducer.n_outputs=2", "head.n_qubits=2", "head.n_layers=1"), baselines=False, transpile=False,
)  # fmt: skip


def digests(folder: Path, executor: Executor | None) -> list[str]:
    """Of the cells of a comparison that is carried out for the purpose."""
    place = replace(Workplace.from_environment(), figures=False)
    folder = compare.begin(ASKED, folder, place, Silent())
    plan = read_plan(folder)
    _, failed = compare.carry_out(Computing(folder, plan, place, executor=executor, at_once=2), Silent())
    found = [read_cell(folder, cell.key) for cell in plan.cells]
    return ["failed" if cell is None else cell.digest()[:16] for cell in found] if not failed else [failed]


def main() -> None:
    """Computes and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without-ray", action="store_true", help="this process and local slots alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        os.environ["QPLUG_CACHE"] = str(home / "cache")
        found = {"this process": digests(home / "here", None)}
        found["local"] = digests(home / "local", catalogue.create("executor", "local", {"slots": 2}))
        if not options.without_ray:
            with cluster(2) as there:
                os.environ.update(there.environment)
                executor = catalogue.create("executor", "ray", {"slots": 2, "address": there.address})
                found["ray"] = digests(home / "ray", executor)
    for where, each in found.items():
        print(f"{where}: {' '.join(each)}")
    raise SystemExit(0 if len({tuple(each) for each in found.values()}) == 1 else 1)


if __name__ == "__main__":
    main()
