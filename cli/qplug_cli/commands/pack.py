"""``qplug pack``: finished work as one file to hand over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qplug_cli import output
from qplug_cli.options import Json

EXAMPLES = """
**Examples**

`qplug pack runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f`

`qplug pack comparisons/20260101-120000-digits-pennylane-pqc-1a2b3c4d5e6f --out digits.capsule.zip`
"""


def pack(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="The directory of a finished run, set of runs or comparison.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The file to write.  [default: beside the directory, with its name]")
    ] = None,
    json: Json = False,
) -> None:
    """Write finished work as one file, whose numbers anyone can derive again: qplug replay FILE.

    It holds no data, no secrets and no folders of this machine, and the SHA-256 of every file. What was replaced and
    what was left out is said, and stands in its manifest.
    """
    from qplug_cli.progress import loading

    with loading():
        from qplug.lab.capsule.pack import digest_of_capsule
        from qplug.lab.capsule.pack import pack as write

    packed = write(run, out)
    manifest, sha256 = packed.manifest, digest_of_capsule(packed.file)
    if json:
        output.document({
            "capsule": str(packed.file.resolve()), "bytes": packed.size, "sha256": sha256, "kind": manifest.kind,
            "members": sorted(manifest.members), "left_out": list(manifest.left_out),
            "replaced": {name: list(each.what) for name, each in manifest.replaced.items()},
        })  # fmt: skip
        return
    console = output.console()
    for name, each in manifest.replaced.items():
        console.print(f"replaced in {name}: {', '.join(each.what)}", markup=False, soft_wrap=True)
    for name in manifest.left_out:
        console.print(f"left out: {name}", markup=False, soft_wrap=True)
    console.print(f"{len(manifest.members)} files written to {packed.file.resolve()}", markup=False, soft_wrap=True)
    console.print(f"SHA-256 {sha256}", soft_wrap=True)
