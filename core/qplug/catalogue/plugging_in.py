"""Taking in a file of parts that no package brings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from qplug import variables
from qplug.catalogue.loading import import_offered
from qplug.catalogue.offers import Offer, offers
from qplug.catalogue.plugin_files import FilePart, parts_of
from qplug.catalogue.registry import registry
from qplug.contract.errors import PluginError, UserError


def plug_in(*files: str | os.PathLike[str]) -> None:
    """From now on the parts in these files can be named as those of packages, here and in processes that are started.

    A class of a file is called by its words in small letters: ``LoudHead`` is ``loud-head``. Hooks of a file take
    part in every run, as installed ones do.

    Args:
        files: Python files, each with classes that derive from qplug's kinds, or hooks.

    Raises:
        UserError: a file cannot be imported, with the line and the cause; a part cannot be used; or its name is taken,
            by a package or by another part.
    """
    for file in map(Path, files):
        parts, place = parts_of(file), file.expanduser().resolve()
        if str(place) in variables.plugin_files():
            continue
        _refuse_taken(parts, file)
        _refuse_unusable(parts, file)
        variables.add_plugin_file(place)


def _refuse_taken(parts: Sequence[FilePart], file: Path) -> None:
    taken = {key: known.provider for key, known in registry().components.items()}
    taken |= {(offer.kind, offer.name): offer.provider for offer in offers()}
    for part in parts:
        if (owner := taken.setdefault((part.kind, part.name), part.target)) != part.target:
            raise UserError(
                f"--plugin {file}: the name of the {part.kind} {part.name!r} ({part.target}) is taken by {owner}. "
                "Rename it in the file: a class is called by its words in small letters, LoudHead is loud-head."
            )


def _refuse_unusable(parts: Sequence[FilePart], file: Path) -> None:
    for part in parts:
        try:
            import_offered(Offer(part.kind, part.name, part.target, file.name, ""))
        except PluginError as error:
            raise UserError(f"--plugin {file}: {part.kind} {part.name!r} cannot be used: {error}.") from error
