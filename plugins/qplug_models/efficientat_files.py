"""Which weights EfficientAT's authors publish, and what a user may mean by ``backbone.weights``."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from qplug.contract.errors import DataError, NotSupported
from qplug.contract.interfaces import WeightsFile

HOMEPAGE = "https://github.com/fschmid56/EfficientAT"
LICENCE = "MIT"
_RELEASE = f"{HOMEPAGE}/releases/download/v0.0.1"


@dataclass(frozen=True)
class Published:
    """One published file for AudioSet.

    Attributes:
        file: its name in the release.
        width: factor of all channel counts.
        sha256: its checksum, where the file itself was tried; None: not known here, as the release names none.
        size: bytes, where known.
    """

    file: str
    width: float
    sha256: str | None = None
    size: int | None = None

    @property
    def url(self) -> str:
        """Where it is downloaded from."""
        return f"{_RELEASE}/{self.file}"


PUBLISHED = {
    "mn01_as": Published("mn01_as_mAP_298.pt", 0.1),
    "mn02_as": Published("mn02_as_mAP_378.pt", 0.2),
    "mn04_as": Published(
        "mn04_as_mAP_432.pt", 0.4, "899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c", 4_066_513
    ),
    "mn05_as": Published("mn05_as_mAP_443.pt", 0.5),
    "mn10_as": Published("mn10_as_mAP_471.pt", 1.0),
    "mn20_as": Published("mn20_as_mAP_478.pt", 2.0),
    "mn30_as": Published("mn30_as_mAP_482.pt", 3.0),
    "mn40_as": Published("mn40_as_mAP_484.pt", 4.0),
}
"""By the names that the authors' own code gives them."""


def declared(weights: str, sha256: str | None) -> WeightsFile:
    """What the core has to get and check.

    Args:
        weights: one of ``PUBLISHED``, an address, or a path.
        sha256: the checksum that the user gives, in hexadecimal digits.

    Raises:
        DataError: there is no such file and no such name; the message names near ones.
        NotSupported: it would be downloaded without any checksum.
    """
    if weights in PUBLISHED:
        return _published(weights, sha256)
    if _is_address(weights):
        if sha256 is None:
            raise NotSupported(
                f"{weights} is not downloaded without knowing what must come. Give the SHA-256 of the file too: "
                "--set backbone.sha256=…, or download it by hand and give its path."
            )
        return WeightsFile(url=weights, sha256=sha256)
    path = Path(weights)
    if not path.is_file():
        near = get_close_matches(path.name, PUBLISHED, n=2)
        meant = f"Did you mean the published {' or '.join(near)}? " if near else ""
        raise DataError(
            f"there is no weights file {path}. {meant}Give the path of one (--set backbone.weights=FILE), or the name "
            f"of published ones: {', '.join(PUBLISHED)}."
        )
    return WeightsFile(path=path, sha256=sha256)


def absolute(weights: str | None) -> str | None:
    """A path made absolute, so that a run can be repeated from another folder; a name or an address as it is."""
    if weights is None or weights in PUBLISHED or _is_address(weights):
        return weights
    return str(Path(weights).expanduser().absolute())


def _is_address(weights: str) -> bool:
    return weights.lower().startswith(("https://", "http://"))


def _published(name: str, sha256: str | None) -> WeightsFile:
    known = PUBLISHED[name]
    checksum = sha256 or known.sha256
    if checksum is None:
        raise NotSupported(
            f"the checksum of {name} is not known to qplug, so it is not downloaded unseen. Download {known.url}, look "
            "where it comes from, and give its path (--set backbone.weights=FILE) or its checksum "
            "(--set backbone.sha256=…)."
        )
    return WeightsFile(
        url=known.url, sha256=checksum, size=None if sha256 else known.size, licence=LICENCE, homepage=HOMEPAGE
    )
