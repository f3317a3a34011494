"""Makes the figures that the pages quote anew, and says which differ.

python tests/benchmarks/quoted.py [--data FOLDER] [NAME ...]

The names are those of quoted.toml, all of them by default. FOLDER holds the data sets, each in a folder of its name. A
quarter of an hour on two cores; ``quickstart`` alone takes a minute, and is what every test run compares.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("quoted.toml")


@dataclass(frozen=True)
class Quoted:
    """A test accuracy that pages quote.

    Attributes:
        name: what it is called here.
        command: what gives it, as a reader types it.
        accuracy: as quoted.
        off: how far another machine's may be from it.
        where: pages, and how each says it.
    """

    name: str
    command: str
    accuracy: float
    off: float
    where: dict[str, str]

    def sentences(self) -> Iterator[tuple[str, str]]:
        """Each page with the words that have to stand there."""
        for page, words in self.where.items():
            number = f"{100 * self.accuracy:.1f}" if "{} %" in words else f"{self.accuracy:.3f}".lstrip("0")
            yield page, words.replace("{}", number)

    def holds(self, accuracy: float) -> bool:
        """Whether a number that came now is the quoted one."""
        return abs(accuracy - self.accuracy) <= self.off + 1e-9


def quoted() -> dict[str, Quoted]:
    """All of them by name."""
    return {name: Quoted(name, **table) for name, table in tomllib.loads(TABLE.read_text("utf-8")).items()}


def measured(figure: Quoted, data: Path | None, folder: Path) -> float:
    """The test accuracy that its command gives now."""
    words = shlex.split(figure.command)[1:]
    if "--data-dir" in words:
        if data is None:
            raise SystemExit(f"{figure.name} needs real data: --data FOLDER")
        place = words.index("--data-dir") + 1
        words[place] = str(data / words[place])
    command = [sys.executable, "-m", "qplug_cli", *words, "--no-figures", "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    accuracy: float = json.loads(done.stdout)["test"]["accuracy"]
    return accuracy


def main(words: Sequence[str] | None = None) -> int:
    """Runs the commands, each once, and prints quoted and measured side by side."""
    known = quoted()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--data", type=Path, metavar="FOLDER")
    asked = parser.parse_args(words)
    if unknown := sorted(set(asked.names) - known.keys()):
        parser.error(f"no figure is called {unknown[0]!r}: {', '.join(known)}")
    found: dict[str, float] = {}
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.names or known:
            figure = known[name]
            if figure.command not in found:
                found[figure.command] = measured(figure, asked.data and asked.data.resolve(), Path(folder))
            good = figure.holds(found[figure.command])
            wrong += not good
            told = "as quoted" if good else "DIFFERS"
            print(f"{name:14} quoted {figure.accuracy:.3f}  now {found[figure.command]:.4f}  {told}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
