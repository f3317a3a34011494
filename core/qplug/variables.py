"""The environment variables of qplug, each read by one function and nowhere else.

A command reads them once, where it begins, and passes on what they say; a function of the library that is given nothing
asks here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

WORKERS = "QPLUG_WORKERS"
"""How many processes may work at once."""
_DISABLE = "QPLUG_DISABLE"
_PLUGINS = "QPLUG_PLUGINS"
_THREADED = ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMBA", "NUMEXPR")


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where qplug keeps what can be computed again: ``QPLUG_CACHE``, else the platform's own place for caches.

    It may not exist yet.
    """
    if named := environment.get("QPLUG_CACHE"):
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("qplug")


def data_home(environment: Mapping[str, str] = os.environ) -> Path:
    """The one folder that holds a sub-folder for each data set: ``QPLUG_DATA``, else the platform's own place."""
    if named := environment.get("QPLUG_DATA"):
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("qplug")


def usable_cores(environment: Mapping[str, str] = os.environ) -> int:
    """How many cores this process may use, or ``QPLUG_WORKERS`` if it is set."""
    named = environment.get(WORKERS, "")
    if named.isdecimal() and int(named):
        return int(named)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_variables(n: int) -> dict[str, str]:
    """Environment under which the numerical libraries, torch among them, compute on ``n`` threads from their start."""
    return {f"{library}_NUM_THREADS": str(n) for library in _THREADED}


def loggers(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The hook plugins that ``QPLUG_LOGGERS`` asks for."""
    return _names(environment.get("QPLUG_LOGGERS", ""))


def disabled(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The plugins that ``QPLUG_DISABLE`` says are not to be used."""
    return _names(environment.get(_DISABLE, ""))


def disable(name: str) -> None:
    """Adds a plugin to ``QPLUG_DISABLE``, for this process and those it starts."""
    os.environ[_DISABLE] = ",".join((*disabled(), name))


def plugin_files(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The files of ``QPLUG_PLUGINS``, whose parts can be named as those of packages; separated as in ``PATH``."""
    return tuple(file for file in environment.get(_PLUGINS, "").split(os.pathsep) if file)


def add_plugin_file(file: Path) -> None:
    """Adds a file to ``QPLUG_PLUGINS``, for this process and those it starts."""
    os.environ[_PLUGINS] = os.pathsep.join((*plugin_files(), str(file)))


def import_limit(environment: Mapping[str, str] = os.environ) -> str:
    """What ``QPLUG_IMPORT_LIMIT`` says: the seconds that a plugin may take to be imported; empty if it says nothing."""
    return environment.get("QPLUG_IMPORT_LIMIT", "")


def grace(default: float, environment: Mapping[str, str] = os.environ) -> float:
    """The seconds of ``QPLUG_GRACE``, for which a signal may wait for a checkpoint; else the default."""
    try:
        return max(0.0, float(environment.get("QPLUG_GRACE", default)))
    except ValueError:
        return default


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
