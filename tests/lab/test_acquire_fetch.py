import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent

import pytest

from qplug import RemoteFile, Sample
from qplug.contract.errors import DataError, QplugError, UserError
from qplug.lab.acquire.fetch import WORKSHOP, fetch
from qplug.lab.acquire.places import target_folder
from qplug.lab.acquire.receipt import NAME
from qplug.lab.acquire.survey import how, survey
from qplug.lab.acquire.verify import verify

from .acquire_server import Fetchable, Page, Server, sha256

FILES = {"set/a0.txt": b"zero", "set/b0.txt": b"null" * 500}


class Listing(Fetchable):
    """A data set that knows its samples from a table, whether their files are there or not."""

    def samples(self, folder: Path) -> Sequence[Sample]:
        return [Sample(name, name[0], name, folder / f"{name}.txt") for name in ("a0", "b0")]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def zipped(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return content.getvalue()


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != NAME
    }


def paths(server: Server) -> list[str]:
    return [path for path, _ in server.asked]


def test_archive_is_unpacked_and_not_fetched_again(server: Server, tmp_path: Path) -> None:
    dataset = Fetchable([server.file("set.zip", zipped(FILES), unpack=True, strip=1)])
    done = fetch(dataset, tmp_path / "new" / "set")
    assert (done.n_files, done.n_samples) == (1, 2)
    assert tree(done.folder) == {"a0.txt": b"zero", "b0.txt": b"null" * 500}
    again = fetch(dataset, done.folder)
    assert (again.n_files, again.n_samples) == (0, 2)
    assert paths(server) == ["set.zip"]


def test_single_files_go_where_they_are_declared(server: Server, tmp_path: Path) -> None:
    files = [server.file(f"{name}.txt", name.encode(), path=f"deep/{name}.txt") for name in ("a0", "b0", "b1")]
    done = fetch(Fetchable(files), tmp_path)
    assert tree(tmp_path) == {"deep/a0.txt": b"a0", "deep/b0.txt": b"b0", "deep/b1.txt": b"b1"}
    assert (done.n_files, done.n_bytes) == (3, 6)
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, "deep"]


def test_only_what_is_missing_is_fetched(server: Server, tmp_path: Path) -> None:
    files = [server.file(f"{name}.txt", name.encode(), path=f"{name}.txt") for name in ("a0", "b0")]
    (tmp_path / "a0.txt").write_bytes(b"a0")
    fetch(Fetchable(files), tmp_path)
    assert paths(server) == ["b0.txt"]


def test_folder_that_was_filled_by_hand_is_left_alone(server: Server, tmp_path: Path) -> None:
    dataset = Fetchable([server.file("set.zip", zipped(FILES), unpack=True, strip=1)])
    (tmp_path / "a7.txt").write_bytes(b"mine")
    assert fetch(dataset, tmp_path).n_samples == 1
    assert server.asked == []


def test_differing_file_is_kept_and_named_until_it_is_to_be_repaired(server: Server, tmp_path: Path) -> None:
    dataset = Fetchable([server.file("a0.txt", b"right", path="a0.txt"), server.file("b0.txt", b"b", path="b0.txt")])
    fetch(dataset, tmp_path)
    (tmp_path / "a0.txt").write_bytes(b"mine, longer")
    assert fetch(dataset, tmp_path).differing == ("a0.txt",)
    assert (tmp_path / "a0.txt").read_bytes() == b"mine, longer"
    server.asked.clear()
    assert fetch(dataset, tmp_path, repair=True).differing == ()
    assert (tmp_path / "a0.txt").read_bytes() == b"right"
    assert paths(server) == ["a0.txt"]


def test_repair_finds_same_sized_damage_in_what_an_archive_held(server: Server, tmp_path: Path) -> None:
    dataset = Fetchable([server.file("set.zip", zipped(FILES), unpack=True, strip=1)])
    fetch(dataset, tmp_path)
    (tmp_path / "a0.txt").write_bytes(b"zerO")
    assert verify(dataset, tmp_path).wrong == {"a0.txt": f"{sha256(b'zerO')}, published is {sha256(b'zero')}"}
    assert fetch(dataset, tmp_path).n_files == 0
    assert fetch(dataset, tmp_path, repair=True).n_files == 1
    assert (tmp_path / "a0.txt").read_bytes() == b"zero"
    assert verify(dataset, tmp_path).good


def test_lost_file_of_an_archive_is_fetched_again_and_the_others_kept(server: Server, tmp_path: Path) -> None:
    dataset = Fetchable([server.file("set.zip", zipped(FILES), unpack=True, strip=1)])
    fetch(dataset, tmp_path)
    (tmp_path / "a0.txt").unlink()
    (tmp_path / "b0.txt").write_bytes(b"mine")
    done = fetch(dataset, tmp_path)
    assert tree(tmp_path) == {"a0.txt": b"zero", "b0.txt": b"mine"}
    assert done.differing == ("b0.txt",)


def test_list_that_is_fetched_first_names_further_files(server: Server, tmp_path: Path) -> None:
    class Listed(Fetchable):
        def remote_files(self, folder: Path) -> Sequence[RemoteFile]:
            if not (folder / "list").exists():
                return self.files
            names = (folder / "list").read_text().split()
            return [*self.files, *(RemoteFile(url=server.url(name), path=name) for name in names)]

    for name in ("a0.txt", "b0.txt"):
        server.pages[name] = Page(name.encode())
    fetch(Listed([server.file("list", b"a0.txt b0.txt", path="list")]), tmp_path)
    assert tree(tmp_path) == {"list": b"a0.txt b0.txt", "a0.txt": b"a0.txt", "b0.txt": b"b0.txt"}


def test_wrong_checksum_leaves_no_piece_of_the_file(server: Server, tmp_path: Path) -> None:
    file = server.file("a0.txt", b"changed", path="a0.txt", checksum=sha256(b"published"))
    with pytest.raises(DataError, match=f"came with {sha256(b'changed')}, and {sha256(b'published')} is published"):
        fetch(Fetchable([file]), tmp_path)
    assert [path for path in tree(tmp_path) if not path.endswith("lock")] == []


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_malicious_archive_changes_nothing(form: str, server: Server, tmp_path: Path) -> None:
    body = zipped({"a0.txt": b"fine", "../evil.txt": b"evil"})
    if form == "tar":
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            archive.addfile(tarfile.TarInfo("a0.txt"))
            archive.addfile(tarfile.TarInfo("../evil.txt"))
        body = content.getvalue()
    folder = tmp_path / "home" / "set"
    with pytest.raises(DataError, match=r"holds the path '../evil.txt', which points out of its folder"):
        fetch(Fetchable([server.file("set", body, unpack=True)]), folder)
    assert [path for path in tree(tmp_path) if not path.endswith("lock")] == []


@pytest.mark.parametrize("path", ["../evil.txt", "/evil.txt"])
def test_list_cannot_name_a_place_outside(path: str, server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"holds the path '{path}'"):
        fetch(Fetchable([server.file("a0.txt", b"x", path=path)]), tmp_path / "set")
    assert not (tmp_path / "evil.txt").exists()


def test_whole_download_that_could_not_be_unpacked_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    dataset = Fetchable([server.file("set.zip", zipped(FILES), unpack=True)])
    (tmp_path / "set").write_bytes(b"in the way")
    with pytest.raises(UserError, match=r"set/a0.txt cannot be put into place: .*the archive is kept"):
        fetch(dataset, tmp_path)
    (tmp_path / "set").unlink()
    fetch(dataset, tmp_path)
    assert set(tree(tmp_path)) == set(FILES)
    assert paths(server) == ["set.zip"]


def test_one_of_many_failing_ends_the_fetch_and_keeps_the_others(server: Server, tmp_path: Path) -> None:
    files = [server.file(f"{name}.txt", name.encode(), path=f"{name}.txt") for name in ("a0", "a1", "b0")]
    files.append(RemoteFile(url=server.url("gone.txt"), path="b9.txt"))
    with pytest.raises(QplugError, match=r"gone.txt cannot be downloaded: the server says 404"):
        fetch(Fetchable(files), tmp_path, at_once=1)
    assert {"a0.txt", "a1.txt", "b0.txt"} <= set(tree(tmp_path))
    server.pages["gone.txt"] = Page(b"back")
    server.asked.clear()
    fetch(Fetchable(files), tmp_path)
    assert paths(server) == ["gone.txt"]


def test_too_little_room_is_told_before_anything_is_asked(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"2000000.0 TB are to be downloaded, and .* are free in"):
        fetch(Fetchable([server.file("a0.txt", b"", path="a0.txt", size=2 * 10**18)]), tmp_path)
    assert server.asked == []


def test_data_set_that_cannot_be_fetched_says_how_to_get_it(tmp_path: Path) -> None:
    assert how(Fetchable()) == "by-hand"
    with pytest.raises(DataError, match=r"cannot be downloaded automatically. the folder holds a0.txt"):
        fetch(Fetchable(), tmp_path)


def test_fetch_of_its_own_is_honoured(tmp_path: Path) -> None:
    class Own(Fetchable):
        def fetch(self, folder: Path) -> None:
            (folder / "a0.txt").write_bytes(b"made here")

    assert how(Own()) == "own"
    assert fetch(Own(), tmp_path).n_samples == 1


def test_progress_reaches_the_published_size(server: Server, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    body = zipped(FILES)
    dataset = Fetchable([server.file("set.zip", body, unpack=True)])
    fetch(dataset, tmp_path, progress=lambda *what: told.append(what))
    assert ("downloading set.zip", len(body), len(body)) in told
    assert told[-1][0].startswith("unpacking ")


def test_ctrl_c_keeps_what_came_and_the_next_call_goes_on(server: Server, tmp_path: Path) -> None:
    for n_files in (1, 3):
        body = os.urandom(400_000)
        files = [server.file(f"a{i}.txt", body, path=f"a{i}.txt") for i in range(n_files)]
        for file in files:
            server.pages[file.path].stall = 150_000
        folder = tmp_path / str(n_files)
        program = f"""
            import sys
            from pathlib import Path
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            from acquire_server import Fetchable
            from qplug import RemoteFile
            from qplug.contract.errors import Interrupted
            from qplug.lab.acquire.fetch import fetch
            files = {files!r}
            try:
                fetch(Fetchable(files), Path({str(folder)!r}))
            except Interrupted as error:
                print(error)
        """
        started = subprocess.Popen([sys.executable, "-c", dedent(program)], stdout=subprocess.PIPE, text=True)
        wait_for(lambda: [size > 100_000 for size in sizes_of_parts(folder)] == [True] * n_files)  # noqa: B023
        started.send_signal(signal.SIGINT)
        server.over.set()  # releases connections that stall
        said = started.communicate(timeout=600)[0]
        kept = sizes_of_parts(folder)
        assert f"stopped: {sum(kept) / 1000:.1f} kB of this download are kept in {folder}" in said
        server.over.clear()
        for file in files:
            server.pages[file.path].stall = None
        server.asked.clear()
        assert fetch(Fetchable(files), folder).n_files == n_files
        assert sorted(wanted for _, wanted in server.asked) == [f"bytes={size}-" for size in kept]
        assert set(tree(folder).values()) == {body}


def sizes_of_parts(folder: Path) -> list[int]:
    return sorted(path.stat().st_size for path in folder.glob(f"{WORKSHOP}/*/*.part"))


def wait_for(condition: object, seconds: float = 600.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_fetches_at_once_share_the_work(server: Server, tmp_path: Path) -> None:
    dataset = Fetchable([server.file("set.zip", zipped(FILES), unpack=True)])
    with ThreadPoolExecutor(6) as threads:
        done = list(threads.map(lambda _: fetch(dataset, tmp_path), range(6)))
    assert sum(each.n_files for each in done) == 1
    assert paths(server) == ["set.zip"]
    assert set(tree(tmp_path)) == set(FILES)


def test_survey_tells_what_is_missing_without_the_network(tmp_path: Path) -> None:
    files = [
        RemoteFile(url="http://127.0.0.1:9/a", path="a0.txt", size=3),
        RemoteFile(url="http://127.0.0.1:9/b", path="b0.txt", size=4),
    ]
    (tmp_path / "a0.txt").write_bytes(b"abc")
    found = survey(Fetchable(files), tmp_path)
    assert (found.how, found.missing, found.n_bytes, found.first) == ("download", (files[1],), 4, True)


def test_damaged_receipt_costs_a_download_and_nothing_else(server: Server, tmp_path: Path) -> None:
    dataset = Fetchable([server.file("set.zip", zipped(FILES), unpack=True)])
    for damaged in ("", "[]", '{"format": 1}', json.dumps({"format": 1, "files": {"x": 3}, "archives": {}})):
        fetch(dataset, tmp_path)
        (tmp_path / NAME).write_text(damaged)
        assert fetch(dataset, tmp_path).n_samples == 2


# verify


def test_verify_holds_files_against_the_published_list(server: Server, tmp_path: Path) -> None:
    bodies = {"a0.txt": b"zero", "b0.txt": b"one", "b1.txt": b"two"}
    dataset = Fetchable([server.file(name, body, path=name) for name, body in bodies.items()])
    for name, body in bodies.items():
        (tmp_path / name).write_bytes(body)
    verdict = verify(dataset, tmp_path)
    assert (verdict.good, verdict.n_checked, verdict.n_checksums, verdict.n_samples) == (True, 3, 3, 3)
    (tmp_path / "a0.txt").write_bytes(b"ZERO")
    (tmp_path / "b0.txt").write_bytes(b"longer")
    (tmp_path / "b1.txt").unlink()
    verdict = verify(dataset, tmp_path)
    assert verdict.missing == ("b1.txt",)
    assert verdict.wrong == {
        "a0.txt": f"{sha256(b'ZERO')}, published is {sha256(b'zero')}",
        "b0.txt": "6 bytes, published are 3",
    }


def test_verify_without_anything_published_says_that_nothing_was_checked(tmp_path: Path) -> None:
    (tmp_path / "a0.txt").write_bytes(b"x")
    verdict = verify(Fetchable(), tmp_path)
    assert (verdict.good, verdict.n_checked, verdict.n_samples) == (True, 0, 1)


def test_listed_files_that_are_not_there_are_missing_though_nothing_is_published(tmp_path: Path) -> None:
    (tmp_path / "a0.txt").write_bytes(b"x")
    verdict = verify(Listing(), tmp_path)
    assert (verdict.good, verdict.missing, verdict.n_samples, verdict.n_files) == (False, ("b0.txt",), 1, 2)


def test_folder_that_was_filled_by_hand_in_part_is_completed(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a0.txt").write_bytes(b"mine")
    dataset = Listing([server.file("set.zip", zipped(FILES), unpack=True, strip=1)])
    found = survey(dataset, tmp_path)
    assert (found.n_samples, found.n_absent, len(found.missing)) == (1, 1, 1)
    assert fetch(dataset, tmp_path).n_samples == 2
    assert (tmp_path / "a0.txt").read_bytes() == b"mine"
    assert survey(dataset, tmp_path).n_absent == 0


# places


def test_data_goes_where_a_run_will_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QPLUG_DATA", str(tmp_path / "home"))
    assert target_folder("crema-d") == tmp_path / "home" / "crema-d"
    assert target_folder("crema-d", tmp_path / "other") == tmp_path / "other" / "crema-d"
    assert target_folder("crema-d", tmp_path / "CREMA_D") == tmp_path / "CREMA_D"
    (tmp_path / "home" / "Crema-D").mkdir(parents=True)
    assert target_folder("crema-d") == tmp_path / "home" / "Crema-D"
