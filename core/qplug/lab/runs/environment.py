"""``environment.json``: what a run was made with, and nothing about who made it."""

from __future__ import annotations

import functools
import os
import platform
import re
import subprocess
import sys
from collections.abc import Hashable
from importlib import metadata
from pathlib import Path
from typing import Any

from qplug.catalogue.offers import installed, offers
from qplug.installation import may_be_ours, own
from qplug.version import PROJECT, __version__


def environment(folder: Path | None = None) -> dict[str, Any]:
    """Versions, platform and devices, for ``environment.json``.

    Names of hosts and users, paths, tokens and environment variables are left out on purpose.

    Args:
        folder: the folder whose git commit is noted, the current one by default.
    """
    return {
        "qplug": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _cpu(),
        "cpu_count": os.cpu_count(),
        "torch": _torch(),
        "packages": package_versions(),
        "git": git_commit(folder or Path.cwd()),
    }


def package_versions() -> dict[str, str]:
    """Versions of the installed packages that qplug or its plugins may use, by name."""
    return dict(_versions(tuple(sorted({offer.provider for offer in offers()})), installed()))


@functools.lru_cache(maxsize=1)
def _versions(providers: tuple[str, ...], _: Hashable) -> dict[str, str]:
    """Read once until a package comes or goes: there are some fifty, each with a file of its own."""
    ours = own()
    asked = (ours.requires if ours else None) or []
    names = {re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in asked} | set(providers)
    found = {name: _version(name) for name in names if not may_be_ours(name)} | {PROJECT: __version__}
    return {name: version for name in sorted(found, key=str.lower) if (version := found[name]) is not None}


def git_commit(folder: Path) -> dict[str, Any] | None:
    """The commit of the working copy around ``folder``, and whether files differ from it; None outside of one."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "changed": bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    """The processor's model, where the system tells it without help."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def _torch() -> dict[str, Any] | None:
    # A run has torch loaded; where it is not, its threads and devices decided nothing.
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    cuda = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {"threads": torch.get_num_threads(), "cuda": torch.version.cuda, "devices": cuda}
