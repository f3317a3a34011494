"""What of a run's data is not as it was when the run was started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qplug.contract.errors import ConfigError, some_of
from qplug.lab.data.cache import Features
from qplug.lab.runner.prepare import Prepared

_SHOWN = 5
_DIGITS = 12  # hexadecimal digits of a digest: enough to tell a changed file, short enough for large data sets


def record_of(prepared: Prepared) -> dict[str, Any]:
    """The content of ``split.json``: the parts, a digest of each sample's features, and which samples were skipped."""
    kept = zip(prepared.features.kept, prepared.features.digests, strict=True)
    return {
        **prepared.split.to_json(),
        "content": {sample.id: digest.hex()[:_DIGITS] for sample, digest in kept},
        "skipped": {entry.id: entry.reason for entry in prepared.features.skipped},
    }


def refuse_changed_data(run: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuses to go on with other data than a run was started with.

    Args:
        run: the run directory, for the message.
        before: its ``split.json``.
        now: the same of the data as they are.

    Raises:
        ConfigError: samples are new, gone, changed, or stand in another part; the message names them.
    """
    changes = list(_changes(before, now))
    if changes:
        raise ConfigError(
            f"{run} cannot go on, because its data have changed since it was started: {'; '.join(changes)}. "
            f"Put them back as they were, or start a new run: qplug run --config {run}/run.toml"
        )


def refuse_changed_part(run: str, before: Mapping[str, Any], part: str, now: Features) -> None:
    """Refuses to judge other samples than a run was judged on.

    Args:
        run: the run directory, for the message.
        before: its ``split.json``.
        part: the part that is judged.
        now: the features of that part's samples as they are.

    Raises:
        ConfigError: samples have changed or cannot be used any more; the message names them.
    """
    contents = before.get("content", {})
    digests = {sample.id: digest.hex()[:_DIGITS] for sample, digest in zip(now.kept, now.digests, strict=True)}
    gone = [name for name in before["parts"][part] if name not in digests]
    changed = [name for name, digest in digests.items() if name in contents and contents[name] != digest]
    changes = [*_named("gone", gone), *_named("changed", changed)]
    if changes:
        raise ConfigError(
            f"the {part} samples of {run} are not those that it was judged on: {'; '.join(changes)}. Put them back as "
            "they were, or name the folder that has them with --data-dir."
        )


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    old, new = _parts(before), _parts(now)
    yield from _named("new", [name for name in new if name not in old])
    yield from _named("gone", [name for name in old if name not in new])
    both = [name for name in old if name in new]
    moved = [f"{name}: {old[name]}, now {new[name]}" for name in both if old[name] != new[name]]
    yield from _named("in another part", moved)
    contents, now_contents = before.get("content", {}), now.get("content", {})
    changed = [name for name in both if name in contents and contents[name] != now_contents.get(name)]
    yield from _named("changed", changed)


def _parts(split: Mapping[str, Any]) -> dict[str, str]:
    return {name: part for part, names in split["parts"].items() for name in names}


def _named(what: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        noun = "sample is" if len(names) == 1 else "samples are"
        yield f"{len(names)} {noun} {what} ({some_of(names, _SHOWN)})"
