"""The file of learnt weights that a backbone declares, from a server on this machine."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from qplug import DataError, PluginError, QplugError, WeightsFile
from qplug.lab.acquire.weights import obtain, place

from .acquire_server import Page, Server

BODY = b"learnt" * 20_000
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    made.pages["v1/net%20a.pt"] = Page(BODY)
    yield made
    made.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the backbone ``net`` keeps its weights."""
    monkeypatch.setenv("QPLUG_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "weights" / "net"


def kept(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir() if not path.name.endswith(".lock"))


def test_weights_come_once_and_what_is_there_is_never_asked_for_again(server: Server, home: Path) -> None:
    declared = WeightsFile(url=server.url("v1/net%20a.pt"), sha256=SHA256.upper(), size=len(BODY))
    seen: list[tuple[int, int | None]] = []
    path = obtain(declared, "net", progress=lambda what, done, total: seen.append((done, total)))
    assert path == home / "net a.pt"
    assert path.read_bytes() == BODY
    assert kept(home) == ["net a.pt"]
    assert seen[-1] == (len(BODY), len(BODY))
    told: list[str] = []
    assert obtain(declared, "net", tell=told.append) == path
    assert (told, len(server.asked)) == ([], 1)


def test_the_licence_is_told_before_the_first_byte(server: Server, home: Path) -> None:
    told: list[tuple[str, int]] = []
    declared = WeightsFile(url=server.url("v1/net%20a.pt"), sha256=SHA256, licence="CC BY 9.0", homepage="https://a.b")
    obtain(declared, "net", tell=lambda text: told.append((text, len(server.asked))))
    ((text, asked),) = told
    assert "licence: CC BY 9.0, https://a.b" in text
    assert asked == 0


def test_nothing_is_kept_of_a_file_with_another_checksum(server: Server, home: Path) -> None:
    declared = WeightsFile(url=server.url("v1/net%20a.pt"), sha256="0" * 64)
    with pytest.raises(DataError, match=f"{SHA256}, and sha256:{'0' * 64} is published"):
        obtain(declared, "net")
    assert kept(home) == []


def test_a_cut_connection_is_resumed(server: Server, home: Path) -> None:
    server.pages["v1/net%20a.pt"].cut_after = [50_000]
    declared = WeightsFile(url=server.url("v1/net%20a.pt"), sha256=SHA256)
    assert obtain(declared, "net", pause=0).read_bytes() == BODY
    assert [span for _, span in server.asked] == ["", "bytes=50000-"]


def test_what_came_before_an_interruption_is_gone_on_with(server: Server, home: Path) -> None:
    declared = WeightsFile(url=server.url("v1/net%20a.pt"), sha256=SHA256)
    server.pages["v1/net%20a.pt"].cut_after = [30_000, 0, 0, 0]
    with pytest.raises(QplugError, match=r"30\.0 kB are kept.*put it there by hand as .*net a\.pt"):
        obtain(declared, "net", pause=0)
    assert "net a.pt" not in kept(home)
    assert obtain(declared, "net", pause=0).read_bytes() == BODY
    assert server.asked[-1][1] == "bytes=30000-"


def test_without_network_the_error_says_where_to_put_the_file(home: Path) -> None:
    gone = Server()
    gone.close()
    declared = WeightsFile(url=gone.url("net.pt"), sha256=SHA256)
    with pytest.raises(QplugError, match=f"{gone.url('net.pt')} cannot be downloaded.*by hand as {home / 'net.pt'}"):
        obtain(declared, "net", pause=0)
    (home / "net.pt").write_bytes(BODY)
    assert obtain(declared, "net") == home / "net.pt"


def test_a_path_is_where_it_is(tmp_path: Path, home: Path) -> None:
    assert obtain(WeightsFile(path=tmp_path / "mine.pt"), "net") == tmp_path / "mine.pt"
    assert not home.exists()


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        (WeightsFile(url="http://127.0.0.1/a.pt"), r"http://127\.0\.0\.1/a\.pt without their SHA-256"),
        (WeightsFile(url="http://127.0.0.1/", sha256=SHA256), r"'http://127\.0\.0\.1/', which names no file"),
    ],
)
def test_a_backbone_that_declares_too_little_is_refused(declared: WeightsFile, problem: str, home: Path) -> None:
    with pytest.raises(PluginError, match=f"backbone net declares weights at {problem}"):
        obtain(declared, "net")
    assert not home.exists()


def test_an_address_cannot_name_another_folder(home: Path) -> None:
    with pytest.raises(DataError, match=r"\.\."):
        place(WeightsFile(url="http://127.0.0.1/a/%2E%2E", sha256=SHA256), "net")
