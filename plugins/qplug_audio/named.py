"""What data sets share whose recordings' names tell all about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Audio, Dataset, Sample, Unusable
from qplug.contract.interfaces.dataset import Excerpt
from qplug.signals import read_audio
from qplug.signals.layout import as_text, recordings, require_folder


class NamedRecordings(Dataset):
    """A data set each of whose samples is a whole recording."""

    def load(self, sample: Sample) -> Audio:
        """The recording, as stored: any rate, any number of channels.

        Raises:
            DataError: the file cannot be decoded, is empty or is cut short.
        """
        assert sample.source is not None
        return read_audio(sample.source)

    def load_excerpt(self, sample: Sample, excerpt: Excerpt) -> Audio:
        """What is needed of the recording."""
        assert sample.source is not None
        return read_audio(sample.source, excerpt=excerpt)


def recordings_in(name: str, folder: Path, inner: str, layout: str) -> list[Path]:
    """All recordings in a sub-folder and in the folder itself, each ordered by name.

    Args:
        name: the data set's name.
        folder: the data set's folder.
        inner: the sub-folder.
        layout: the expected layout and how to get the data, for the error.

    Raises:
        DataError: there is no folder, or no recording in it.
    """
    require_folder(name, folder, layout)
    homes = [home for home in (folder / inner, folder) if home.is_dir()]
    paths = [path for home in homes for path in recordings(home)]
    if not paths:
        raise DataError(f"{name}: {homes[0]} holds no recording. Expected layout: {layout}")
    return paths


def sorted_out(
    folder: Path, paths: Iterable[Path], known: Callable[[str], object], like: str
) -> tuple[list[Path], list[Unusable]]:
    """The recordings whose names say what they are, and the others; both in order.

    Of several whose names differ in the ending only, as the same recording in two formats does, the first is kept.

    Args:
        folder: the data set's folder.
        paths: recordings below it.
        known: whether a name without ending says what the recording is.
        like: such a name, for the reason.
    """
    kept: dict[str, Path] = {}
    unusable = []
    for path in paths:
        reason = ""
        if not known(path.stem):
            reason = f"its label is unknown, since its name is not like {like}"
        elif kept.setdefault(path.stem, path) is not path:
            reason = f"the same name as {_shown(folder, kept[path.stem])}; keep one of them"
        if reason:
            unusable.append(Unusable(_shown(folder, path), reason))
    return list(kept.values()), unusable


def _shown(folder: Path, path: Path) -> str:
    return as_text(path.relative_to(folder).as_posix())
