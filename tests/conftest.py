"""Plugin distributions as pip would install them, for tests of everything that finds and loads plugins."""

import gc
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import IO

import pytest

# Tests run side by side; threads of one against those of another only slow both down. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# So do processes that extract features beside each other: each imports everything first.
os.environ.setdefault("QPLUG_WORKERS", "1")
# With all libraries loaded, Python would look through hundreds of thousands of their objects for garbage all the time.
gc.set_threshold(50_000, 20, 20)
# Many tests start processes: without compiled sources on disk, each would compile all of qplug again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first: of several workers, none is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@dataclass(frozen=True)
class Site:
    """A folder of installed distributions, on ``sys.path`` of this process and of those that ``qplug`` starts."""

    folder: Path
    cache: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process see these distributions, and keep its notes apart from the user's."""
        path = os.pathsep.join(filter(None, (str(self.folder), os.environ.get("PYTHONPATH", ""))))
        return {"PYTHONPATH": path, "QPLUG_CACHE": str(self.cache)}

    def add(
        self,
        distribution: str,
        entries: Mapping[str, Mapping[str, str]],
        modules: Mapping[str, str] | None = None,
        version: str = "1.0",
    ) -> None:
        """Installs a distribution: metadata, entry points by group, and modules by name with their source."""
        for name, source in (modules or {}).items():
            (self.folder / f"{name}.py").write_text(dedent(source), "utf-8")
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", "utf-8")
        lines = [f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in names.items())
                 for group, names in entries.items()]  # fmt: skip
        (info / "entry_points.txt").write_text("\n".join(lines), "utf-8")

    def add_head(self, name: str, source: str, distribution: str | None = None) -> None:
        """Installs a distribution ``qplug-NAME`` with one head NAME, the class ``Part`` of a module made for it."""
        module = f"{(distribution or name).replace('-', '_')}_plugin"
        self.add(distribution or f"qplug-{name}", {"qplug.heads": {name: f"{module}:Part"}}, {module: source})

    def qplug(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs ``qplug`` in a process of its own, with these distributions."""
        return subprocess.run(
            [sys.executable, "-m", "qplug_cli", *words],
            env=os.environ | self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=3600,  # a kill-switch, which no slow machine reaches
        )

    def rows(self, *words: str, **environment: str) -> dict[tuple[str, str], dict[str, str]]:
        """What ``qplug list --json`` says, by provider and name."""
        done = self.qplug("list", *words, "--json", **environment)
        assert done.returncode == 0, done.stderr
        return {(row["provider"], row["name"]): row for row in json.loads(done.stdout)}


FORKING = """
import importlib, json, os, pkgutil, sys, traceback

OURS = ("qplug", "qplug_cli", "qplug_audio", "qplug_image", "qplug_models", "qplug_circuits", "qplug_torch",
        "qplug_pennylane", "qplug_qiskit", "qplug_loggers", "qplug_folder", "qplug_ray",
        "qplug_peers")
for name in ("torch", "lightning", "pennylane", "qiskit_aer", "librosa", "matplotlib.pyplot", "sklearn.decomposition"):
    importlib.import_module(name)
for name in OURS:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ImportError:
                pass  # needs a library that is not installed here
from qplug_cli.main import run

for line in sys.stdin:
    words, folder, environment, out, err = json.loads(line)
    child = os.fork()
    if not child:
        for descriptor, path in ((0, os.devnull), (1, out), (2, err)):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644), descriptor)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        sys.path[1:1] = [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each not in sys.path]
        code = 70
        try:
            if words[:1] == ["-c"]:
                sys.argv = ["-c", *words[2:]]
                exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
                code = 0
            else:
                run(words)
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # torch's threads, left behind at the fork, could not be ended in order
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""A process that has imported everything and forks for each command: else most of a test's time were imports."""


class Forked:
    """One command that ``Forking`` has started."""

    def __init__(self, pid: int, answers: IO[bytes]) -> None:
        self.pid = pid
        self._answers = answers

    def has_ended(self, within: float = 0) -> bool:
        """Whether it has, at the latest after so many seconds."""
        return bool(select.select([self._answers], [], [], within)[0])

    def wait(self) -> int:
        """Its exit code, once it has ended; minus the signal that ended it."""
        return int(self._answers.readline())

    def kill(self) -> None:
        """Ends it by SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL


class Forking:
    """Runs ``qplug`` commands as processes of their own that need not import anything first; one at a time.

    ``-c`` as the first word runs Python code, as it does after ``python``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", FORKING],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip

    def start(
        self, words: Sequence[object], folder: Path, environment: Mapping[str, str], out: Path, err: Path
    ) -> Forked:
        """Starts a command whose output is added to files; ``environment`` is the whole of it."""
        asked = [*map(str, words)], str(folder), dict(environment), str(out), str(err)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        return Forked(int(self.process.stdout.readline()), self.process.stdout)

    def __call__(
        self, words: Sequence[object], folder: Path, environment: Mapping[str, str], timeout: float = 800
    ) -> subprocess.CompletedProcess[str]:
        """As ``subprocess.run`` with captured output."""
        said = [self.folder / name for name in ("stdout", "stderr")]
        for path in said:
            path.unlink(missing_ok=True)
        command = self.start(words, folder, environment, *said)
        if not command.has_ended(within=timeout):
            command.kill()
            raise subprocess.TimeoutExpired([*map(str, words)], timeout)
        return subprocess.CompletedProcess(words, command.wait(), *(path.read_text("utf-8") for path in said))


@pytest.fixture(scope="session")
def forking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forking]:
    made = Forking(tmp_path_factory.mktemp("forking"))
    yield made
    made.process.kill()
    made.process.communicate()


@pytest.fixture
def benchmark_script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Gives a script of ``tests/benchmarks`` by name: what a command does at length, a test does a bit of."""

    def load(name: str) -> ModuleType:
        spec = spec_from_file_location(name, Path(__file__).parent / "benchmarks" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)  # dataclasses look themselves up there
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def write_sound() -> Callable[..., Path]:
    """``write_sound(path, seconds=0.3, rate=8000, channels=1, subtype=None, format=None, seed=0)``: a noisy tone."""
    import numpy as np
    import soundfile

    def write(
        path: Path,
        *,
        seconds: float = 0.3,
        rate: int = 8000,
        channels: int = 1,
        subtype: str | None = None,
        format: str | None = None,
        seed: int = 0,
    ) -> Path:
        generator = np.random.default_rng(seed)
        time = np.arange(round(seconds * rate)) / rate
        tone = 0.3 * np.sin(2 * np.pi * generator.uniform(200, 1500) * time)
        waveform = tone[:, None] + generator.normal(0, 0.02, (len(time), channels))
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, waveform, rate, subtype=subtype, format=format)
        return path

    return write


HEAD = """
from typing import Annotated

from pydantic import Field
from qplug import Head, HeadCapabilities


class Part(Head):
    summary = "a head made for a test"
    capabilities = HeadCapabilities(interface=1)

    def __init__(self, *, width: Annotated[int, Field(ge=1, le=8, description="how wide")] = 3) -> None:
        self.width = width

    def build(self, n_inputs, n_classes):
        raise NotImplementedError
"""
"""The source of a head that keeps the contract."""


@pytest.fixture(scope="session")
def head_source() -> str:
    return HEAD


def new_site(home: Path) -> Site:
    """An empty folder for distributions, and a cache of its own."""
    (home / "site-packages").mkdir()
    return Site(home / "site-packages", home / "cache")


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site for all tests of a module, which use it through ``qplug`` in processes of its own."""
    return new_site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site for one test, which this process sees too."""
    made = new_site(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(made.folder)
    monkeypatch.delenv("QPLUG_DISABLE", raising=False)
    before = set(sys.modules)
    yield made
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(made.folder)):
            del sys.modules[name]


@pytest.fixture
def real_folder() -> Callable[[str], Path]:
    """``real_folder("fsdd")`` is the folder of real files, or skips the test where they are absent."""

    def find(name: str) -> Path:
        beside = Path(__file__).parents[2] / "shared" / "data"
        folder = Path(os.environ.get("QPLUG_TEST_DATA", beside)) / name
        if not folder.is_dir():
            pytest.skip(f"no real data in {folder}; set QPLUG_TEST_DATA to the folder that holds {name}")
        return folder

    return find
