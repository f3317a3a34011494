"""``qplug data``: list, info, fetch, verify and audit, as people and scripts see them."""

import io
import json
import os
import pty
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

sys.path.insert(0, str(Path(__file__).parents[1] / "lab"))

from acquire_server import Server, sha256

from qplug_cli import errors
from qplug_cli.commands import data as command

SOURCE = """
    from pathlib import Path

    import numpy as np
    import soundfile
    from qplug import Audio, DataError, Dataset, DatasetCapabilities, RemoteFile, Sample, SplitRule


    class Words(Dataset):
        summary = "two words, said by nobody"
        capabilities = DatasetCapabilities(interface=1, modality="audio")
        classes = ("yes", "no")
        splits = {{"speaker": SplitRule(description="unseen speakers", test="groups", n_folds=2, official=False)}}
        layout = "the folder holds yes_ann_0.wav and so on. Get it from https://example.org/words"
        licence = "CC BY 9.0"
        citation = "Nobody (1999)"
        homepage = "https://example.org/words"
        files = {files}

        def samples(self, folder):
            for path in sorted(Path(folder).glob("*.wav")):
                label, speaker, _ = path.stem.split("_")
                yield Sample(path.stem, label, speaker, path)

        def load(self, sample):
            try:
                wave, rate = soundfile.read(sample.source, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise DataError(f"{{sample.source}}: not a recording. Remove it.") from error
            return Audio(np.ascontiguousarray(wave.T), rate)


    class ByHand(Words):
        files = ()
"""


def recordings() -> dict[str, bytes]:
    """Two words, four speakers, two recordings each."""
    generator = np.random.default_rng(0)
    made = {}
    for label in ("yes", "no"):
        for speaker in ("ann", "bob", "cat", "dan"):
            for number in range(2):
                content = io.BytesIO()
                soundfile.write(content, generator.uniform(-0.5, 0.5, 800), 8000, format="WAV")
                made[f"{label}_{speaker}_{number}.wav"] = content.getvalue()
    return made


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, body in files.items():
            archive.writestr(f"words/{name}", body)
    return content.getvalue()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def words(site, server, tmp_path, monkeypatch) -> Path:
    """Data sets ``words``, fetched from this machine, and ``by-hand``; gives the one place for all data."""
    body = zipped(recordings())
    files = repr((server.file("words.zip", body, unpack=True, strip=1),))
    entries = {"qplug.datasets": {"words": "words_plugin:Words", "by-hand": "words_plugin:ByHand"}}
    site.add("qplug-words", entries, {"words_plugin": SOURCE.format(files=files)})
    monkeypatch.setenv("QPLUG_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def data(words, capsys, monkeypatch) -> Callable[..., Done]:
    """``data("fetch", "words", yes=True)`` runs a command's function here, and explains what it raises."""
    monkeypatch.delenv("QPLUG_DEBUG", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody is there to be asked

    def call(name: str, *arguments: str, **options: object) -> Done:
        functions = {"list": command.list_data}
        code = 0
        try:
            functions.get(name, getattr(command, name, None))(*arguments, **options)
        except Exception as error:
            code = errors.explain(error)
        captured = capsys.readouterr()
        assert "\x1b" not in captured.out
        return Done(code, captured.out, captured.err)

    return call


def told(done: Done, code: int = 0) -> dict:
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["list", "info", "fetch", "verify", "audit"])
def test_every_command_explains_itself_with_examples(site, name) -> None:
    done = site.qplug("data", name, "--help", COLUMNS="120")
    assert done.returncode == 0
    assert f"qplug data {name}" in done.stdout
    assert "Examples" in done.stdout


def test_data_alone_shows_its_commands(site) -> None:
    done = site.qplug("data", COLUMNS="120")
    assert done.returncode == 0
    assert all(f" {name} " in done.stdout for name in ("list", "info", "fetch", "verify", "audit"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("ftch",), "No such command 'ftch'"),
        (("fetch",), "Missing argument 'NAME'"),
        (("fetch", "fsd"), "no dataset is called 'fsd'. Did you mean 'fsdd'"),
        (("verify", "digits"), "digits has no files to verify"),
        (("audit", "fsdd", "--set", "x"), "--set takes PARAM=VALUE, such as --set modality=image; got 'x'"),
        (("audit", "fsdd", "--data-dir", "nowhere"), "fsdd: its data was not found: nowhere is no folder. Expected"),
    ],
)
def test_a_mistake_ends_in_one_paragraph_and_exit_2(site, given, message) -> None:
    done = site.qplug("data", *given)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"qplug: {message}")
    assert done.stderr.count("\n") == 1


def test_list_tells_what_is_there_and_how_the_rest_is_had(data, words) -> None:
    rows = {row["name"]: row for row in json.loads(data("list", json=True).stdout)}
    assert (rows["words"]["how"], rows["words"]["there"], rows["words"]["licence"]) == ("download", False, "CC BY 9.0")
    assert rows["words"]["folder"] == str(words / "words")
    assert rows["by-hand"]["how"] == "by-hand"
    assert (rows["digits"]["how"], rows["digits"]["there"]) == ("none", True)
    (words / "words").mkdir(parents=True)
    (words / "words" / "notes.txt").touch()
    rows = {row["name"]: row for row in json.loads(data("list", json=True).stdout)}
    assert (rows["words"]["there"], rows["words"]["n_samples"]) == (False, None)
    (words / "words" / "yes_ann_0.wav").touch()
    table = data("list").stdout
    (line,) = [line for line in table.splitlines() if line.startswith("words ")]
    assert line.split()[:3] == ["words", "yes", "download"]


def test_list_shows_a_broken_data_set_and_goes_on(site, data) -> None:
    site.add("qplug-broken", {"qplug.datasets": {"broken": "broken_plugin:Part"}}, {"broken_plugin": "1 / 0"})
    rows = {row["name"]: row for row in json.loads(data("list", json=True).stdout)}
    assert "words" in rows
    if rows["broken"]["status"] == "ready":  # nobody has tried to import it yet
        pytest.fail("a data set that cannot be imported was called ready")
    assert "ZeroDivisionError" in rows["broken"]["reason"]


def test_info_tells_layout_licence_and_source(data, words) -> None:
    facts = told(data("info", "words", json=True))
    assert facts["licence"] == "CC BY 9.0"
    assert (facts["n_samples"], len(facts["missing"])) == (None, 1)
    page = data("info", "words").stdout
    for word in ("CC BY 9.0", "Nobody (1999)", "words.zip", "qplug data fetch words", "unseen speakers"):
        assert word in page


def test_fetch_then_verify_then_audit_then_fetch_again(data, words, server) -> None:
    done = data("fetch", "words", yes=True, json=True)
    assert told(done) | {"n_bytes": 0} == {
        "name": "words", "fetched": True, "how": "download", "folder": str(words / "words"), "n_files": 1,
        "n_bytes": 0, "n_samples": 16, "differing": [],
    }  # fmt: skip
    assert "licence   CC BY 9.0" in done.stderr
    assert {path.name for path in (words / "words").glob("*.wav")} == set(recordings())
    verdict = told(data("verify", "words", json=True))
    assert (verdict["good"], verdict["n_checksums"]) == (True, 16)
    report = told(data("audit", "words", json=True, out=Path("figure.png")))
    assert (report["n_samples"], report["classes"], report["n_groups"]) == (16, {"yes": 8, "no": 8}, 4)
    assert Path("figure.png").read_bytes().startswith(b"\x89PNG")
    again = data("fetch", "words")
    assert "nothing to fetch; 16 samples" in again.stdout
    assert [path for path, _ in server.asked] == ["words.zip"]


def test_fetch_goes_where_data_dir_says(data, words, tmp_path) -> None:
    done = told(data("fetch", "words", data_dir=tmp_path / "else", yes=True, json=True))
    assert done["folder"] == str(tmp_path / "else" / "words")
    assert not words.exists()


def test_nothing_is_downloaded_before_the_licence_is_accepted(data, words, server) -> None:
    done = data("fetch", "words")
    assert done.returncode == 2
    assert "CC BY 9.0" in done.stderr
    assert "nothing was downloaded: nobody can be asked here" in done.stderr
    assert server.asked == []


@pytest.mark.parametrize(("answer", "n_requests"), [("y\n", 1), ("n\n", 0)])
def test_at_a_terminal_the_licence_is_asked_for(answer, n_requests, site, words, server) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "qplug_cli", "data", "fetch", "words"]
    environment = os.environ | site.environment | {"QPLUG_DATA": str(words), "NO_COLOR": "1"}
    started = subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, env=environment)
    os.close(theirs)
    seen = b""
    while b"[y/N]" not in seen:
        seen += os.read(ours, 4096)
    os.write(ours, answer.encode())
    assert b"CC BY 9.0" in seen
    while started.poll() is None:
        try:
            os.read(ours, 4096)
        except OSError:  # the other end is gone
            break
    assert started.wait(600) == (0 if n_requests else 2)
    started.stdout.close()
    os.close(ours)
    assert len(server.asked) == n_requests


def test_verify_names_what_is_damaged_and_repair_mends_it(data, words) -> None:
    data("fetch", "words", yes=True)
    right = recordings()["yes_ann_0.wav"]
    wrong = right[:-1] + b"\x07"
    (words / "words" / "yes_ann_0.wav").write_bytes(wrong)
    (words / "words" / "no_dan_1.wav").unlink()
    done = data("verify", "words")
    assert done.returncode == 2
    assert f"1 of 16 files are not as published (yes_ann_0.wav: {sha256(wrong)}" in done.stderr
    assert "1 of 16 files are missing (no_dan_1.wav). To get them: qplug data fetch words --repair" in done.stderr
    assert told(data("fetch", "words", repair=True, json=True))["n_files"] == 1
    assert told(data("verify", "words", json=True))["good"] is True


def test_verify_of_a_data_set_got_by_hand_advises_what_can_help(data, words) -> None:
    for name, body in recordings().items():
        (words / "by-hand").mkdir(parents=True, exist_ok=True)
        (words / "by-hand" / name).write_bytes(body)
    (words / "by-hand" / "no_dan_1.wav").unlink()
    (words / "by-hand" / "no_dan_1.wav").symlink_to("nowhere.wav")
    done = data("verify", "by-hand")
    assert done.returncode == 2
    assert "1 of 16 files are missing (no_dan_1.wav). It cannot be downloaded automatically: put these" in done.stderr
    assert "data fetch" not in done.stderr


def test_verify_names_what_makes_no_sample(data, tmp_path, monkeypatch) -> None:
    from qplug_audio.fsdd import FreeSpokenDigits

    monkeypatch.setenv("QPLUG_DATA", str(tmp_path))
    FreeSpokenDigits().write_example(tmp_path / "fsdd")
    (tmp_path / "fsdd" / "recordings" / "seven.wav").write_bytes(b"")
    done = data("verify", "fsdd")
    assert done.returncode == 2
    assert "fsdd: 1 entry makes no sample (recordings/seven.wav: its label is unknown" in done.stderr
    assert "data fetch" not in done.stderr
    assert list(told(data("verify", "fsdd", json=True), code=2)["unusable"]) == ["recordings/seven.wav"]


def test_data_set_that_must_be_got_by_hand_shows_a_page(data, words) -> None:
    done = data("fetch", "by-hand")
    assert done.returncode == 2
    for step in (
        "1. Make the folder",
        "2. Fill it so that the folder holds yes_ann_0.wav",
        "3. Check it: qplug data audit",
    ):
        assert step in done.stdout
    assert done.stderr.startswith("qplug: by-hand cannot be downloaded automatically")
    page = told(data("fetch", "by-hand", json=True), code=2)
    assert (page["fetched"], page["homepage"]) == (False, "https://example.org/words")


def test_data_set_without_files_needs_no_fetch(data) -> None:
    assert "digits needs no files" in data("fetch", "digits").stdout


def test_failed_download_is_one_paragraph(data, words, server) -> None:
    server.pages["words.zip"].body = b"something else entirely"
    done = data("fetch", "words", yes=True)
    assert done.returncode == 2
    assert "words.zip is damaged or has changed: it came with 23 bytes" in done.stderr.splitlines()[-1]
    server.pages.clear()
    done = data("fetch", "words", yes=True)
    assert done.returncode == 1
    assert "the server says 404 Not Found" in done.stderr


def test_audit_prints_tables_and_writes_the_figure(data, words, tmp_path) -> None:
    home = words / "words"
    home.mkdir(parents=True)
    for name, body in recordings().items():
        (home / name).write_bytes(body)
    (home / "yes_ann_7.wav").write_bytes(recordings()["no_bob_1.wav"])
    done = data("audit", "words")
    assert done.returncode == 0, done.stderr
    for line in (
        "17 recordings · 2 classes · 4 groups",
        "8,000 Hz: 17",
        "LEAKY: ",
        "1 duplicates  no_bob_1 = yes_ann_7",
    ):
        assert line in done.stdout
    assert "\x1b" not in done.stdout
    assert (tmp_path / "audit-words.png").stat().st_size > 10_000


def test_brackets_in_names_are_no_markup(site, data, words, tmp_path) -> None:
    for name, body in recordings().items():
        home = tmp_path / "so[red]unds" / name.partition("_")[0] / "x["
        home.mkdir(parents=True, exist_ok=True)
        (home / f"nope]{name}").write_bytes(body)
    (home.parent / "[bad].wav").touch()
    done = data("audit", str(tmp_path / "so[red]unds"))
    assert done.returncode == 0, done.stderr
    for shown in ("so[red]unds · 17 recordings", f"{tmp_path}/so[red]unds\n", "no/[bad].wav: the file is empty"):
        assert shown in done.stdout
    assert "reading so[red]unds" in done.stderr
    home = tmp_path / "da[red]ta" / "words"
    home.mkdir(parents=True)
    (home / "yes_ann_0.wav").write_bytes(recordings()["yes_ann_0.wav"])
    assert f"1 samples in {home}" in data("verify", "words", data_dir=home.parent).stdout


def test_a_folder_whose_name_is_no_text_is_shown_escaped(data, words, tmp_path) -> None:
    home = tmp_path / b"d\xe4ta".decode("utf-8", "surrogateescape") / "words"
    try:
        home.mkdir(parents=True)
    except OSError:
        pytest.skip("this file system takes valid names only")
    (home / "yes_ann_0.wav").write_bytes(recordings()["yes_ann_0.wav"])
    assert told(data("verify", "words", data_dir=home.parent, json=True))["folder"] == str(home)
    assert r"d\udce4ta/words" in data("verify", "words", data_dir=home.parent).stdout


def test_audit_refuses_before_it_reads_what_it_could_not_finish(data, words, tmp_path) -> None:
    done = data("audit", str(tmp_path / "gone"))
    assert done.stderr.startswith(f"qplug: there is no folder {tmp_path / 'gone'}.")
    (words / "words").mkdir(parents=True)
    done = data("audit", "words", out=tmp_path / "none" / "figure.png")
    assert f"figure.png: there is no folder {tmp_path / 'none'}." in done.stderr


def test_audit_takes_a_folder_of_ones_own(site, data, tmp_path) -> None:
    for name, body in recordings().items():
        home = tmp_path / "sounds" / name.partition("_")[0]
        home.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(body)
    rows = {row["name"] for row in json.loads(data("list", json=True).stdout)}
    if "folder" not in rows:
        site.add("qplug-folder", {"qplug.datasets": {"folder": "qplug_folder.folder:Folder"}})
    report = told(data("audit", "sounds", settings=[r"group=_([a-z]+)_"], json=True))
    assert (report["dataset"], report["n_groups"], report["classes"]) == ("sounds", 4, {"no": 8, "yes": 8})
    assert report["splits"]["groups"]["shared_groups"] == 0
    assert report["splits"]["random"]["shared_groups"] >= 2
    done = data("audit", "sounds", data_dir=Path("elsewhere"))
    assert "sounds is a folder already, so --data-dir elsewhere has no meaning here" in done.stderr
