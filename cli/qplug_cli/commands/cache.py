"""``qplug cache``: what is kept to save time, and emptying it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from qplug import catalogue
from qplug.contract.errors import UserError
from qplug_cli import output
from qplug_cli.options import Json

EXAMPLES = """
**Examples**

`qplug cache` – what is kept, and how large it is

`qplug cache --clear --yes` – empty it; all of it can be made again
"""


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all that is kept, after asking.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Show what the cache holds, by kind; or empty it. Runs, data sets and downloaded weights are not touched."""
    from qplug.lab.data import kept as store
    from qplug.lab.data.disk import readable

    folder = catalogue.cache_folder()
    found = store.kept(folder)
    total = sum(each.n_bytes for each in found)
    if clear and total:
        _confirm(f"Remove {readable(total)} from {folder}?", yes=yes)
        store.clear(folder)
    if json:
        rows = {each.kind: {"files": each.n_files, "bytes": each.n_bytes} for each in found}
        output.document({"folder": str(folder), "cleared": clear, "bytes": total, "kinds": rows})
        return
    console = output.console()
    console.print(
        f"{folder}: {readable(total)}{' removed' if clear else ''}", markup=False, highlight=False, soft_wrap=True
    )
    for each in found:
        if each.n_files:
            line = f"  {each.kind:<11} {readable(each.n_bytes):>9}  {each.n_files:>6} files  {store.KINDS[each.kind]}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UserError("nothing was removed: nobody can be asked here. To remove it: qplug cache --clear --yes")
    if not typer.confirm(question, err=True):
        raise UserError("nothing was removed.")
