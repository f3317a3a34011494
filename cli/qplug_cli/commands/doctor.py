"""``qplug doctor``: what is installed, what is broken, and what to do about it."""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qplug import catalogue, installation
from qplug.catalogue import Entry
from qplug.catalogue.lacking import install_all, lacking
from qplug.catalogue.offers import misspelt_groups
from qplug.version import DISTRIBUTION, PROJECT, __version__
from qplug_cli import output
from qplug_cli.commands.allowance import allowance
from qplug_cli.options import Json, NoPlugin, PluginFile

if TYPE_CHECKING:
    from rich.console import Console

EXAMPLES = """
**Examples**

`qplug doctor` – before you report a problem, or when a plugin does not show up

`qplug doctor --json` – for a bug report

`qplug doctor --offline` – without asking IBM Quantum for the plan of an account
"""

_REQUIREMENT = re.compile(r"""^(?P<name>[A-Za-z0-9._-]+)[^;]*(;.*extra\s*==\s*["'](?P<extra>[^"']+)["'])?""")
_NOT_FOR_USERS = {"test", "docs", "dev"}


@dataclass(frozen=True)
class Package:
    """One package that qplug may use: what is installed, and what it was tested with."""

    name: str
    installed: str | None
    tested: str | None
    extra: str


@dataclass(frozen=True)
class Health:
    """All that the examination found.

    Attributes:
        qplug: its version.
        python: the interpreter's version.
        executable: the interpreter's path.
        platform: the operating system and machine.
        packages: what qplug may use.
        devices: what torch computes on; empty without torch.
        plugins: every installed plugin, tried anew.
        ibm_account: where an IBM Quantum account is configured; None where nowhere.
        ibm_allowance: its plan and what is left, or why they are not known; empty without an account.
        cache: the folder for what can be computed again.
        problems: what is wrong, each with what to do.
    """

    qplug: str
    python: str
    executable: str
    platform: str
    packages: list[Package]
    devices: dict[str, Any]
    plugins: list[Entry]
    ibm_account: str | None
    cache: str
    problems: list[str] = field(default_factory=list)
    ibm_allowance: str = ""


def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Ask no service.")] = False,
    json: Json = False,
    plugin: PluginFile = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Examine this installation: Python, packages, devices, plugins, accounts; and say what to do about each problem.

    Every installed plugin is tried anew, which takes some seconds. Where an IBM Quantum account is configured, the
    service is asked for its plan and what is left. Nothing secret is shown.
    """
    health = examine(offline=offline)
    if json:
        output.document(asdict(health))
    else:
        _print(health, output.console())


def examine(*, offline: bool = False) -> Health:
    """Looks at everything; nothing is changed but the notes about plugins."""
    packages, (devices, torch_problem) = list(_packages()), _devices()
    rows = catalogue.entries(probe_all=True)
    plugins, account = [row for row in rows if row.target], _ibm_account()
    return Health(
        qplug=__version__,
        python=platform.python_version(),
        executable=sys.executable,
        platform=platform.platform(),
        packages=packages,
        devices=devices,
        plugins=plugins,
        ibm_account=account,
        ibm_allowance=allowance(account, offline=offline),
        cache=str(catalogue.cache_folder()),
        problems=[
            *_distribution_problems(),
            *torch_problem,
            *_package_problems(packages),
            *_plugin_problems(rows),
            *_quickstart_problem(rows),
            *misspelt_groups(),
            *_cache_problem(),
        ],
    )


# Looking


def _packages() -> Iterator[Package]:
    tested = dict(_constraints())
    needed = list(_requirements())
    sizes = Counter(extra for _, extra in needed)
    for name in dict.fromkeys(name for name, _ in needed):
        # An extra that contains others repeats what they need; the smallest is the one to name.
        extra = min((extra for other, extra in needed if other == name), key=lambda extra: (extra != "", sizes[extra]))
        yield Package(name, _installed(name), tested.get(installation.canonical(name)), extra)


def _requirements() -> Iterator[tuple[str, str]]:
    """What this distribution asks for, each with its extra; the developers' own tools are left out."""
    ours = installation.own()
    for text in (ours.requires if ours else None) or ():
        match = _REQUIREMENT.match(text)
        if match is not None and match["extra"] not in _NOT_FOR_USERS and not installation.may_be_ours(match["name"]):
            yield match["name"], match["extra"] or ""


def _constraints() -> Iterator[tuple[str, str]]:
    for line in catalogue.shipped("constraints.txt").read_text("utf-8").splitlines():
        name, equals, pinned = line.partition("#")[0].partition("==")
        if equals:
            yield installation.canonical(name.strip()), pinned.strip()


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _devices() -> tuple[dict[str, Any], list[str]]:
    """What torch computes on, and what is wrong with it."""
    if _installed("torch") is None:
        return {}, []
    try:
        import torch

        cuda = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        return {"torch": torch.__version__, "cpu_threads": torch.get_num_threads(), "cuda": cuda}, []
    except Exception as error:  # a broken torch raises anything, from OSError to AttributeError
        told = f"torch is installed but cannot be imported ({type(error).__name__}: {error})."
        return {}, [f"{told} Install it anew: pip install --force-reinstall torch"]


def _ibm_account() -> str | None:
    """Where an account is configured. The token itself is neither read nor shown."""
    if os.environ.get("QISKIT_IBM_TOKEN"):
        return "the environment variable QISKIT_IBM_TOKEN"
    saved = Path("~/.qiskit/qiskit-ibm.json").expanduser()
    # IBM's client leaves an empty table behind where it has looked for an account and found none.
    return str(saved) if saved.is_file() and saved.stat().st_size > len("{}\n") else None


# Judging


def _distribution_problems() -> Iterator[str]:
    """What bears a name of this project and is not what is running."""
    if installation.own() is None:
        yield (
            f"the code runs without being installed, so no component of qplug is announced. "
            f"Install it: {installation.install()}"
        )
    for other in installation.namesakes():
        about = other.metadata["Summary"] or "it says nothing about itself"
        yield (
            f"the package {other.name} {other.version} that is installed here is another project's ({about}), and no "
            f"part of qplug, which pip calls {DISTRIBUTION}. If it was installed by mistake: pip uninstall {other.name}"
        )
    for old in installation.superseded():
        yield (
            f"qplug is installed twice, as {old.name} {old.version} too, which was its name before {DISTRIBUTION}. "
            f"Remove the old one: pip uninstall {old.name}, then {installation.reinstall()}"
        )


def _package_problems(packages: list[Package]) -> Iterator[str]:
    for package in packages:
        if package.installed is None and not package.extra:
            yield f"{package.name} is missing, which qplug cannot do without. Install it: pip install {package.name}"
    other = [each for each in packages if each.installed and each.tested and _differs(each.installed, each.tested)]
    if other:
        told = ", ".join(f"{each.name} {each.installed} (tested: {each.tested})" for each in other)
        wanted = " ".join(f"{each.name}=={each.tested}" for each in other)
        yield f"other versions than tested: {told}. If something fails, install the tested ones: pip install {wanted}"


def _differs(installed: str, tested: str) -> bool:
    """Whether the versions differ; a build's suffix such as ``+cpu`` does not count."""
    return installed.partition("+")[0] != tested.partition("+")[0]


def _plugin_problems(rows: list[Entry]) -> Iterator[str]:
    for row in rows:
        if row.status == "not-installed" and row.provider == PROJECT:
            yield f"{row.kind} {row.name!r} belongs to qplug, but {row.reason}. Reinstall it: {row.install}"
        elif row.status == "quarantined":
            upgrade = installation.upgrade() if row.provider == PROJECT else f"pip install --upgrade {row.provider}"
            yield (
                f"{row.kind} {row.name!r} of {row.provider} {row.version} is quarantined: {row.reason}. "
                f"Upgrade it ({upgrade}), tell its author, or leave it out: "
                f"QPLUG_DISABLE={row.provider}"
            )
        elif row.status == "ready" and row.reason:
            yield f"{row.kind} {row.name!r} of {row.provider} {row.version} works, but {row.reason}. Tell its author."


def _quickstart_problem(rows: list[Entry]) -> Iterator[str]:
    """What the first command that the documentation shows would lack."""
    recipe = catalogue.recipe("quickstart")
    missing = lacking(recipe.run, rows)
    if missing:
        told = ", ".join(f"{row.kind} {row.name!r} {row.reason or row.status}" for row in missing)
        cure = install_all(missing) or "qplug list"
        yield f"the quickstart, which is what qplug run does by itself, cannot run yet: {told}. Install it: {cure}"


def _cache_problem() -> Iterator[str]:
    folder = catalogue.cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield (
            f"the cache folder {folder} cannot be written ({error.strerror}), so features are computed anew each time. "
            "Name another: QPLUG_CACHE=FOLDER"
        )


# Showing


def _print(health: Health, console: Console) -> None:
    from qplug_cli.words import Text

    told = f" · Python {health.python} · {health.platform}"
    console.print(Text.assemble((f"qplug {health.qplug}", "bold"), told))
    console.print(Text(f"{health.executable}\n", "dim"))
    _print_packages(health.packages, console)
    if any(package.installed is None and package.extra for package in health.packages):
        console.print(Text(f"\nAn extra is installed with: {installation.install('EXTRA')}"))
    ready = sum(row.status == "ready" for row in health.plugins)
    facts = {
        "devices": _device_words(health.devices),
        "plugins": f"{ready} of {len(health.plugins)} installed components are ready",
        "IBM account": _account_words(health.ibm_account, health.ibm_allowance),
        "cache": str(health.cache),
    }
    console.print()
    _print_facts(facts, console)
    console.print()
    if not health.problems:
        console.print("No problems found.", style="green")
    for number, problem in enumerate(health.problems, start=1):
        console.print(Text.assemble((f"{number}. ", "bold yellow"), problem))


def _print_facts(facts: dict[str, str], console: Console) -> None:
    from rich.table import Table

    from qplug_cli.words import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, told in facts.items():
        table.add_row(name, Text(told))
    console.print(table)


def _print_packages(packages: list[Package], console: Console) -> None:
    from rich.table import Table

    from qplug_cli.words import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading in ("package", "installed", "tested", ""):
        table.add_column(heading, no_wrap=True)
    for package in packages:
        remark = Text(_remark(package), "yellow")
        table.add_row(package.name, package.installed or "–", package.tested or "–", remark)
    console.print(table)


def _remark(package: Package) -> str:
    if package.installed is None:
        return f"comes with the extra {package.extra}" if package.extra else f"pip install {package.name}"
    if package.tested and _differs(package.installed, package.tested):
        return "not the tested version"
    return ""


def _device_words(devices: dict[str, Any]) -> str:
    if not devices:
        return f"none: torch is not there ({installation.install('torch')})"
    cuda = ", ".join(devices["cuda"]) or "no CUDA device"
    threads = devices["cpu_threads"]
    return f"CPU with {threads} thread{'s' * (threads != 1)}, {cuda} (torch {devices['torch']})"


def _account_words(where: str | None, left: str) -> str:
    if where:
        return f"configured in {where}; {left}"
    return "none; only needed for real quantum hardware (set QISKIT_IBM_TOKEN, or save one with qiskit-ibm-runtime)"
