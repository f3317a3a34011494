"""The trained weights as one safetensors file that says what it is."""

from __future__ import annotations

from pathlib import Path

from qplug.lab.export.files import Exported, about, target, write
from qplug.lab.runs.digests import refuse_damaged
from qplug.lab.runs.directory import WEIGHTS, RunDirectory
from qplug.lab.runs.weights_file import naming_damage, with_metadata


def export_weights(path: Path, out: Path | None = None) -> list[Exported]:
    """Writes the best weights with the run's configuration, classes and test result as metadata.

    Each metadata value is JSON text, as the format asks for text; nothing in the file can run code.

    Args:
        path: the run directory.
        out: the file to write; ``export/model.safetensors`` in the run directory by default.

    Raises:
        UserError: the run is not finished, or the file cannot be written.
        DataError: the run's files are damaged.
    """
    carried = about(path)
    run = RunDirectory.open(path).path
    with naming_damage(run / WEIGHTS):
        stored = (run / WEIGHTS).read_bytes()
    refuse_damaged(run, WEIGHTS, stored)
    content, n_tensors = with_metadata(run / WEIGHTS, stored, carried)
    file = target(path, out, "model.safetensors")
    return [write(file, content, f"{n_tensors} tensors, with the run's configuration, classes and test result")]
