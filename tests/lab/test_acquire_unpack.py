import io
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from qplug.contract.errors import DataError, PluginError, UserError
from qplug.lab.acquire import checksums
from qplug.lab.acquire.unpack import unpack

from .acquire_server import sha256

Pack = Callable[[Path, Mapping[str, bytes]], Path]
FILES = {"set/a/one.txt": b"one", "set/b/two.txt": b"two" * 1000, "set/empty.txt": b""}


def pack_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set/", b"")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def pack_tar(path: Path, files: Mapping[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        folder = tarfile.TarInfo("set")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture(params=[pack_zip, pack_tar], ids=["zip", "tar"])
def pack(request: pytest.FixtureRequest) -> Pack:
    return request.param


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def work(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "work").mkdir()
    (tmp_path / "data").mkdir()
    return tmp_path / "work" / "archive", tmp_path / "data"


def test_files_come_out_with_size_and_checksum(pack: Pack, tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    found = unpack(pack(archive, FILES), data)
    assert tree(data) == FILES
    assert {path: (file.size, file.checksum) for path, file in found.items()} == {
        path: (len(content), sha256(content)) for path, content in FILES.items()
    }
    assert [path.name for path in archive.parent.iterdir()] == ["archive"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_may_be_packed_in_any_way(mode: str, tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    unpack(pack_tar(archive, FILES, mode), data)
    assert tree(data) == FILES


def test_leading_folders_can_be_left_out(pack: Pack, tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    unpack(pack(archive, FILES), data, strip=1)
    assert set(tree(data)) == {"a/one.txt", "b/two.txt", "empty.txt"}


def test_what_is_there_is_kept_unless_it_is_to_be_replaced(pack: Pack, tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    pack(archive, FILES)
    (data / "set" / "a").mkdir(parents=True)
    (data / "set" / "a" / "one.txt").write_bytes(b"mine")
    unpack(archive, data)
    assert tree(data) == FILES | {"set/a/one.txt": b"mine"}
    unpack(archive, data, replace=True)
    assert tree(data) == FILES


@pytest.mark.parametrize(
    "name", ["../evil.txt", "set/../../evil.txt", "{tmp}/evil.txt", "set\\..\\evil.txt", "C:/evil.txt"]
)
def test_paths_that_leave_the_folder_are_refused(name: str, pack: Pack, tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    name = name.replace("{tmp}", str(tmp_path))
    with pytest.raises(DataError, match=re.escape(f"archive holds the path {name!r}, which points out of its folder")):
        unpack(pack(archive, FILES | {name: b"evil"}), data)
    assert tree(data) == {}
    assert tree(tmp_path).keys() == {"work/archive"}


def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        with tarfile.open(archive, "w") as opened:
            info = tarfile.TarInfo("set/way-out")
            info.type, info.linkname = kind, "../../.."
            opened.addfile(info)
        with pytest.raises(DataError, match="archive holds 'set/way-out', which is neither a plain file nor a folder"):
            unpack(archive, data)
    assert tree(data) == {}


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    with zipfile.ZipFile(archive, "w") as opened:
        info = zipfile.ZipInfo("set/way-out")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(info, "../..")
    with pytest.raises(DataError, match="archive holds 'set/way-out', which is neither a plain file nor a folder"):
        unpack(archive, data)
    assert tree(data) == {}


def test_file_is_never_written_through_a_link_planted_before_it(tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    with tarfile.open(archive, "w") as opened:
        info = tarfile.TarInfo("set")
        info.type, info.linkname = tarfile.SYMTYPE, str(tmp_path)
        opened.addfile(info)
        opened.addfile(tarfile.TarInfo("set/evil.txt"))
    with pytest.raises(DataError, match="'set', which is neither"):
        unpack(archive, data)
    assert not (tmp_path / "evil.txt").exists()


def test_modes_in_the_archive_do_not_count(tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    with tarfile.open(archive, "w") as opened:
        info = tarfile.TarInfo("set/program")
        info.mode = 0o6777
        opened.addfile(info)
    unpack(archive, data)
    assert stat.S_IMODE((data / "set" / "program").stat().st_mode) & 0o6111 == 0


def test_bombs_are_refused(pack: Pack, tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    pack(archive, {"zeros": bytes(210_000_000)})
    with pytest.raises(
        DataError, match=r"archive \(20\d\.\d kB\) would unpack to 210.0 MB or more.* limit of 200.0 MB"
    ):
        unpack(archive, data)
    assert tree(data) == {}


def test_limit_counts_all_files_together(pack: Pack, tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    pack(archive, FILES)
    unpack(archive, data, most=3003)
    with pytest.raises(DataError, match=r"would unpack to 3.0 kB or more"):
        unpack(archive, data, most=3002)


def test_damaged_archives_are_told(pack: Pack, tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    whole = pack(archive, {"noise": bytes(range(256)) * 4000}).read_bytes()
    for damaged in (whole[: len(whole) // 2], b"<html>not found</html>", b"", whole[:60] + b"\xff" * 40 + whole[100:]):
        archive.write_bytes(damaged)
        with pytest.raises(DataError, match=r"archive cannot be unpacked .*: it is damaged, or no archive"):
            unpack(archive, data)
    assert tree(tmp_path).keys() == {"work/archive"}


def test_one_name_for_a_file_and_a_folder_is_refused(pack: Pack, tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    with pytest.raises(DataError, match=r"'set/a/one.txt' both as a file and as a folder"):
        unpack(pack(archive, {"set/a": b"file", "set/a/one.txt": b"in it"}), data)
    assert tree(data) == {}


def test_encrypted_zip_is_told(tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    content = bytearray(pack_zip(archive, {"secret": b"x"}).read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"archive is encrypted \(secret\)"):
        unpack(archive, data)


def test_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    archive, data = work(tmp_path)
    pack_zip(archive, FILES)
    (data / "set").write_bytes(b"a file where a folder should be")
    with pytest.raises(UserError, match=r"data/set/a/one.txt cannot be put into place: .*the archive is kept"):
        unpack(archive, data)
    assert archive.exists()


def test_checksums_of_other_algorithms_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert checksums.matches(tmp_path / "a", "md5:900150983CD24FB0D6963F7D28E17F72")[0]
    assert checksums.matches(tmp_path / "a", "md5:" + 32 * "0") == (False, "md5:900150983cd24fb0d6963f7d28e17f72")
    for wrong in ("crc32:00000000", "md5:123", 64 * "0"):
        with pytest.raises(PluginError, match=re.escape(repr(wrong))):
            checksums.parse(wrong)


@pytest.mark.parametrize("records", [b"1 a=" * 2000, b"99 path=x\n", b"12 no value\n", b"x path=y\n"])
def test_a_malformed_extended_header_is_refused(tmp_path: Path, records: bytes) -> None:
    archive, data = work(tmp_path)
    header = tarfile.TarInfo("header")
    header.type, header.size = tarfile.XHDTYPE, len(records)
    padded = records + b"\0" * (-len(records) % 512)
    one, bad = tarfile.TarInfo("a").tobuf(), header.tobuf(tarfile.USTAR_FORMAT) + padded
    archive.write_bytes(one + bad + tarfile.TarInfo("b").tobuf() + b"\0" * 1024)
    with pytest.raises(DataError, match=rf"{archive.name} cannot be unpacked \(a malformed extended header\)"):
        unpack(archive, data)
    assert tree(data) == {}


def test_long_names_in_extended_headers_are_read(tmp_path: Path) -> None:
    for format_ in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        (tmp_path / str(format_)).mkdir()
        archive, data = work(tmp_path / str(format_))
        name = "/".join(["set", "é" * 60, "b" * 120, "c.txt"])
        with tarfile.open(archive, "w:gz", format=format_) as opened:
            info = tarfile.TarInfo(name)
            info.size = 3
            opened.addfile(info, io.BytesIO(b"one"))
        unpack(archive, data)
        assert tree(data) == {name: b"one"}
