"""The source code that a component consists of, as one digest."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

_NOT_ITS_OWN = {"torch", *sys.stdlib_module_names}
_LIBRARY = 400
"""A package of more files is a library: of it only the files beside the class count, the rest by its version."""


def code_hash(part: object) -> str:
    """SHA-256 (hex) of the source code that ``part`` is made of; see ``sources``."""
    return hash_of(sources(part))


def hash_of(contents: Sequence[bytes]) -> str:
    """SHA-256 (hex) of several files' contents."""
    content = hashlib.sha256()
    for source in contents:
        content.update(hashlib.sha256(source).digest())
    return content.hexdigest()


def sources(part: object) -> list[bytes]:
    """The Python files of the packages in which the class of ``part`` and the classes that it derives from are written.

    Sub-packages count too; the standard library, torch and qplug's contract do not. Of a class that was typed into a
    session there are none.
    """
    files = {file for kind in type(part).__mro__ for file in _files(kind)}
    return [file.read_bytes() for file in sorted(files) if file.is_file()]


def _files(kind: type) -> Iterator[Path]:
    name = kind.__module__
    top = name.partition(".")[0]
    module = sys.modules.get(name)
    if top in _NOT_ITS_OWN or name.startswith("qplug.contract.") or not getattr(module, "__file__", None):
        return
    path = Path(str(getattr(module, "__file__", None)))
    if not getattr(module, "__package__", None):
        yield path
        return
    package = getattr(sys.modules.get(top), "__file__", None)
    if package is None or top == "qplug":  # a namespace that others share; or the core, which is many things
        yield from path.parent.glob("*.py")
        return
    whole = list(islice(Path(package).parent.rglob("*.py"), _LIBRARY + 1))
    yield from whole if len(whole) <= _LIBRARY else path.parent.glob("*.py")
