"""Passwords in addresses are never shown."""

import pytest

from qplug.contract.addresses import redacted
from qplug.contract.errors import DataError, UnknownName
from qplug.contract.interfaces import WeightsFile
from qplug.lab.acquire import weights


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:s3cret@host/w.pt", "https://***@host/w.pt"),
        (
            "from 'https://me:p@ss@host:8/w?token=abc&n=1#x', then",
            "from 'https://***@host:8/w?token=***&n=***#x', then",
        ),
        ("https://host/a@b and me@host", "https://host/a@b and me@host"),
    ],
)
def test_secrets_are_hidden(text, shown) -> None:
    assert redacted(text) == shown


def test_errors_hide_secrets() -> None:
    assert str(DataError("download https://me:s3cret@host/w.pt")) == "download https://***@host/w.pt"
    assert "s3cret" not in str(UnknownName.of("file", "https://me:s3cret@host/", ["x"]))


def test_the_announcement_of_weights_hides_secrets(tmp_path) -> None:
    declared = WeightsFile(url="https://me:s3cret@host/w.pt?token=abc", sha256="0" * 64)
    told = weights._announcement(declared, tmp_path / "w.pt")
    assert "from https://***@host/w.pt?token=*** to" in told
