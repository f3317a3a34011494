"""Building a network and loading its learnt weights are two steps; the file is checked between them."""

import hashlib
from pathlib import Path

import pytest
from torch import nn

from qplug import Backbone, BackboneCapabilities, DataError, NotSupported, WeightsFile


class Net(Backbone):
    capabilities = BackboneCapabilities(interface=1, pretrained=True, input_axes=1)

    def __init__(self, declared: WeightsFile | None) -> None:
        self.declared = declared
        self.loaded: list[Path | None] = []

    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        return nn.Identity()

    def weights_file(self) -> WeightsFile | None:
        return self.declared

    def load_weights(self, module: nn.Module, path: Path | None) -> None:
        self.loaded.append(path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "net.pt").write_bytes(b"learnt")
    return tmp_path / "net.pt"


SHA256 = hashlib.sha256(b"learnt").hexdigest()


@pytest.mark.parametrize("sha256", [None, SHA256, SHA256.upper()])
def test_the_declared_file_is_loaded(file: Path, sha256: str | None) -> None:
    net = Net(WeightsFile(path=file, sha256=sha256))
    net.module((3,))
    assert net.loaded == [file]


def test_a_downloaded_file_is_loaded_from_where_it_was_put(file: Path) -> None:
    net = Net(WeightsFile(url="https://a.b/net.pt", sha256=SHA256))
    net.module((3,), file)
    assert net.loaded == [file]


def test_a_backbone_without_a_file_finds_its_weights_itself() -> None:
    net = Net(None)
    net.module((3,))
    assert net.loaded == [None]


def test_untaught_reads_no_weights(tmp_path: Path) -> None:
    net = Net(WeightsFile(path=tmp_path / "gone.pt"))
    net.untaught((3,))
    assert net.loaded == []


@pytest.mark.parametrize("downloaded", [False, True])
def test_another_checksum_is_refused_before_anything_is_loaded(file: Path, downloaded: bool) -> None:
    declared = WeightsFile(**({"url": "https://a.b/net.pt"} if downloaded else {"path": file}), sha256="0" * 64)
    net = Net(declared)
    cure = "Remove it and run" if downloaded else "correct the checksum"
    with pytest.raises(DataError, match=rf"net\.pt has the SHA-256 {SHA256}, not {'0' * 64}.*{cure}"):
        net.module((3,), file if downloaded else None)
    assert net.loaded == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no weights file .*gone\.pt"):
        Net(WeightsFile(path=tmp_path / "gone.pt")).module((3,))
    with pytest.raises(DataError, match=r"download https://a\.b/net\.pt"):
        Net(WeightsFile(url="https://a.b/net.pt", sha256=SHA256)).module((3,))


def test_features_with_another_number_of_axes_are_refused() -> None:
    for way in (Net(None).module, Net(None).untaught):
        with pytest.raises(NotSupported, match=r"Net takes features with 1 axes.*\(2, 3\).*qplug list backbones"):
            way((2, 3))
