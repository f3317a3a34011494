"""Where a run is worked on: what belongs to the machine and not to the run, and never changes its numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from qplug.contract.errors import DataError
from qplug.variables import cache_folder, data_home, disabled, loggers, usable_cores


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """What a run finds where it is worked on. All of it is said here; nothing is looked up on the way.

    Attributes:
        cache: where features, embeddings and examples are kept.
        data: the one folder with a sub-folder for each data set, and with the learnt weights of backbones.
        data_dir: where the run's own data set lies, whatever its configuration says; None: as that says, else in
            ``data``; see ``folders.data_folder``.
        workers: how many processes extract features, at most.
        threads: how many CPU threads may compute at once, over all runs that go on here.
        loggers: hook plugins that are asked for by name, since they write into other people's tools.
        disabled: plugins that are not to be used.
        figures: whether runs draw their figures, which takes longer than a short training.
    """

    cache: Path = field(default_factory=cache_folder)
    data: Path = field(default_factory=data_home)
    data_dir: Path | None = None
    workers: int = field(default_factory=usable_cores)
    threads: int = field(default_factory=usable_cores)
    loggers: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    figures: bool = True

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Workplace:
        """The workplace that this machine and the environment variables describe: the door through which they come.

        ``QPLUG_CACHE``, ``QPLUG_DATA``, ``QPLUG_WORKERS``, ``QPLUG_LOGGERS`` and ``QPLUG_DISABLE``.
        """
        return cls(
            cache=cache_folder(environment),
            data=data_home(environment),
            workers=usable_cores(environment),
            threads=usable_cores(environment),
            loggers=loggers(environment),
            disabled=disabled(environment),
        )

    def with_data_dir(self, data_dir: Path | None) -> Workplace:
        """The same place, with the data set in another folder; None: as it is."""
        return self if data_dir is None else replace(self, data_dir=data_dir)

    def to_json(self) -> dict[str, Any]:
        """The workplace as plain data, for another process of this machine."""
        return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Workplace:
        """What ``to_json`` gave."""
        found = dict(content)
        for key in ("cache", "data", "data_dir"):
            found[key] = None if found.get(key) is None else Path(found[key])
        try:
            return cls(**{**found, "loggers": tuple(found["loggers"]), "disabled": tuple(found["disabled"])})
        except (KeyError, TypeError) as error:
            raise DataError(f"a workplace lacks, or has too much: {error}.") from error
