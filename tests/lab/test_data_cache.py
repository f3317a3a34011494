import json
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

sys.path.insert(0, str(Path(__file__).parent))  # worker processes import the parts from here too

from data_parts import RATE, Envelope, Recordings, write_recordings

import qplug
from qplug import Audio, Sample
from qplug.contract.errors import DataError, PluginError, QplugError, UserError
from qplug.lab.data.cache import Features, features
from qplug.lab.data.store import Store

# One fill in a process of its own: folder, cache, log, pause, workers, number of bins.
FILL = """
import sys
from pathlib import Path
from data_parts import Envelope, Recordings
from qplug.contract.errors import QplugError
from qplug.lab.data.cache import features

if __name__ == "__main__":
    folder, cache, log, pause, workers, n_bins = sys.argv[1:7]
    data = Recordings(log=log, pause=float(pause))
    if len(sys.argv) > 7:
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[7]),) * 2)
    try:
        features(data, Envelope(n_bins=int(n_bins)), data.index(Path(folder)), identity={}, title="recordings",
                 cache=Path(cache), workers=int(workers), progress=lambda done, total: print(done, flush=True))
    except QplugError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        sys.exit(2)
"""


def start_fill(folder: Path, cache: Path, log: Path, pause: float, workers: int = 1, n_bins: int = 16, *more: int):  # type: ignore[no-untyped-def]
    script = folder.parent / "fill.py"
    script.write_text(FILL)
    words = [folder, cache, log, pause, workers, n_bins, *more]
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
    )


def after(process: subprocess.Popen[str], n: int) -> None:
    """Waits until so many samples are done."""
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= n:
            return
    raise AssertionError(f"ended early: {process.communicate()}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_recordings(tmp_path / "data", 40)
    return tmp_path / "data"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def fill(folder: Path, cache: Path, data: Recordings | None = None, n_bins: int = 16, **options) -> Features:  # type: ignore[no-untyped-def]
    data = data or Recordings()
    samples = options.pop("samples", None) or data.index(folder)
    extractor = Envelope(n_bins=n_bins)
    return features(data, extractor, samples, identity={}, title="recordings", cache=cache, folder=folder, **options)


def loads(log: Path) -> list[str]:
    return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []


def expected(folder: Path, n_bins: int = 16) -> np.ndarray:
    data, extractor = Recordings(), Envelope(n_bins=n_bins)
    return np.stack([extractor(data.read(sample)) for sample in data.index(folder)])


def test_features_are_those_of_the_samples_in_their_order(folder: Path, cache: Path) -> None:
    result = fill(folder, cache)
    assert isinstance(result.values, np.memmap)
    assert [sample.id for sample in result.kept] == [sample.id for sample in Recordings().index(folder)]
    np.testing.assert_array_equal(result.values, expected(folder))


def test_a_second_start_loads_nothing(folder: Path, cache: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    data = Recordings(log=str(log))
    fill(folder, cache, data)
    assert len(loads(log)) == 40
    again = fill(folder, cache, data)
    assert len(loads(log)) == 40
    np.testing.assert_array_equal(again.values, expected(folder))


def test_what_changed_is_extracted_anew_and_nothing_else(folder: Path, cache: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    data = Recordings(log=str(log))
    fill(folder, cache, data)
    soundfile.write(folder / "b7.wav", np.full(400, 0.25), RATE)
    soundfile.write(folder / "a11b.wav", np.full(400, 0.125), RATE)
    changed = fill(folder, cache, data)
    assert sorted(loads(log)[40:]) == ["a11b", "b7"]
    np.testing.assert_array_equal(changed.values, expected(folder))
    os.utime(folder / "a0.wav")
    fill(folder, cache, data)
    assert len(loads(log)) == 42


@pytest.mark.parametrize("change", ["parameter", "identity"])
def test_another_identity_is_another_cache(folder: Path, cache: Path, change: str) -> None:
    one = fill(folder, cache)
    data = Recordings()
    if change == "parameter":
        other = fill(folder, cache, n_bins=8)
        np.testing.assert_array_equal(other.values, expected(folder, 8))
    else:
        samples = data.index(folder)
        other = features(data, Envelope(), samples, identity={"soxr": "9"}, title="recordings", cache=cache)
    assert other.identity != one.identity
    assert len(list((cache / "features").iterdir())) == 2


def test_the_cache_knows_the_versions_of_the_packages_that_did_the_work(folder: Path, cache: Path) -> None:
    fill(folder, cache)
    about = json.loads(next(cache.glob("features/*/about.json")).read_text())
    packages = about["dataset"]["packages"]
    assert packages == {"numpy": np.__version__, "qplug": qplug.__version__, "soundfile": soundfile.__version__}
    assert about["features"]["parameters"] == {"n_bins": 16}


def test_any_selection_in_any_order_gets_its_own_rows(folder: Path, cache: Path) -> None:
    everything = fill(folder, cache)
    data = Recordings()
    samples = data.index(folder)
    for chosen in ([5, 3, 30, 4], list(range(10, 20)), [39, 0]):
        some = fill(folder, cache, samples=[samples[i] for i in chosen])
        np.testing.assert_array_equal(some.values, everything.values[chosen])


def test_damaged_files_are_listed_all_at_once(folder: Path, cache: Path, tmp_path: Path) -> None:
    (folder / "a0.wav").write_text("no sound")
    (folder / "b1.wav").write_bytes(b"")
    soundfile.write(folder / "a2.wav", np.full(400, np.nan), RATE, subtype="FLOAT")
    soundfile.write(folder / "b3.wav", np.empty(0), RATE)
    log = tmp_path / "log"
    data = Recordings(log=str(log))
    samples = [*data.index(folder), Sample(id="gone", label="a", group="gone", source=folder / "gone.wav")]
    with pytest.raises(DataError) as caught:
        fill(folder, cache, data, samples=samples)
    text = str(caught.value)
    assert text.startswith("recordings: 5 of 41 files cannot be used (a0.wav: not a recording (bad. very bad), ")
    assert "a2.wav: holds values that are not finite (NaN or infinity)" in text
    assert "b3.wav: holds no samples" in text
    assert "gone.wav: no such file or directory" in text
    assert text.endswith("Nothing was changed. To go on without them: --on-bad-file skip")
    assert len(loads(log)) == 40

    result = fill(folder, cache, data, samples=samples, on_bad_file="skip")
    assert [entry.id for entry in result.skipped] == ["a0", "a2", "b1", "b3", "gone"]
    assert sorted(loads(log)[40:]) == ["a0", "a2", "b1", "b3"], "only the damaged ones are tried again"
    assert len(result.kept) == len(result.values) == 36
    np.testing.assert_array_equal(result.values[0], Envelope()(data.read(result.kept[0])))


def test_many_damaged_files_are_counted(folder: Path, cache: Path) -> None:
    for path in folder.glob("a*.wav"):
        path.write_text("no sound")
    with pytest.raises(DataError, match=r"20 of 40 files .*, and 8 more\)"):
        fill(folder, cache)


def test_nothing_left_is_an_error_even_when_skipping(folder: Path, cache: Path) -> None:
    for path in folder.glob("*.wav"):
        path.write_text("no sound")
    with pytest.raises(DataError, match=r"40 of 40 files .* No sample is left"):
        fill(folder, cache, on_bad_file="skip")


def test_a_repaired_file_is_used(folder: Path, cache: Path) -> None:
    good = (folder / "b5.wav").read_bytes()
    (folder / "b5.wav").write_text("no sound")
    assert len(fill(folder, cache, on_bad_file="skip").kept) == 39
    (folder / "b5.wav").write_bytes(good)
    np.testing.assert_array_equal(fill(folder, cache).values, expected(folder))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_plugin_that_fails_is_named(folder: Path, cache: Path, workers: int) -> None:
    reason = r"dataset Recordings of the package data_parts failed on 'b7': KeyError: 'no such thing'"
    with pytest.raises(PluginError, match=reason):
        fill(folder, cache, Recordings(fault="raise"), workers=workers)


def test_worker_processes_give_the_same_numbers(folder: Path, cache: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    many = fill(folder, cache, Recordings(log=str(log)), workers=2)
    np.testing.assert_array_equal(many.values, expected(folder))
    pids = {line.split()[0] for line in log.read_text().splitlines()}
    assert pids > {str(os.getpid())}


def test_a_worker_that_dies_is_told_and_what_came_before_is_kept(folder: Path, cache: Path) -> None:
    with pytest.raises(QplugError, match=r"a worker process of the feature extraction died.*QPLUG_WORKERS=1"):
        fill(folder, cache, Recordings(fault="die"), workers=2)
    home = next((cache / "features").iterdir())
    assert len(Store(home, (1, 16))) == 9, "the samples that were timed"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_fill_goes_on_where_it_was(folder: Path, cache: Path, tmp_path: Path, workers: int) -> None:
    log = tmp_path / "log"
    process = start_fill(folder, cache, log, 0.05, workers)
    after(process, 14)
    process.kill()
    process.wait()
    time.sleep(0.5)  # workers notice that their parent is gone
    before = len(loads(log))
    assert before < 40
    time.sleep(0.5)
    assert len(loads(log)) == before, "workers outlived their parent"

    finish = start_fill(folder, cache, log, 0.05)
    finish.communicate()
    assert finish.returncode == 0
    repeated = loads(log)[before:]
    assert 0 < len(repeated) <= 40 - 9
    resumed = fill(folder, cache, Recordings(pause=0.05, log=str(log)))
    assert len(loads(log)) == before + len(repeated)
    whole = fill(folder, tmp_path / "other")
    np.testing.assert_array_equal(resumed.values, whole.values)
    assert resumed.keys == whole.keys
    assert resumed.digests == whole.digests


def test_ctrl_c_keeps_what_is_done_and_says_so(folder: Path, cache: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = start_fill(folder, cache, log, 0.1, 2)
    after(process, 14)
    started = len(loads(log))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to the workers too
    out, err = process.communicate(timeout=600)
    assert process.returncode == 2, err
    assert "Traceback" not in err
    said = re.search(r"Interrupted: interrupted: the features of (\d+) of 40 samples are kept in (.*)\. Run", out)
    assert said is not None, out
    assert len(Store(Path(said[2]), (1, 16))) == int(said[1]) >= 14
    assert len(loads(log)) <= started + 5, "workers leave off at the next sample"


@pytest.mark.parametrize("delay", [0.05, 0.15, 0.3])
def test_ctrl_c_while_workers_start_is_no_traceback(folder: Path, cache: Path, tmp_path: Path, delay: float) -> None:
    process = start_fill(folder, cache, tmp_path / "log", 0.02, 2)
    after(process, 9)  # these are done before there are workers
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=600)
    assert err == ""


def test_two_processes_fill_one_cache_without_doing_the_work_twice(folder: Path, cache: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    both = [start_fill(folder, cache, log, 0.02) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
    assert sorted(loads(log)) == sorted(sample.id for sample in Recordings().index(folder))
    again = fill(folder, cache, Recordings(log=str(log), pause=0.02))
    np.testing.assert_array_equal(again.values, expected(folder))


def test_a_full_disk_is_told_and_damages_nothing(folder: Path, cache: Path, tmp_path: Path) -> None:
    # 40 rows of 4 kB; the process may write files of at most 100 kB.
    process = start_fill(folder, cache, tmp_path / "log", 0.0, 1, 1000, 100_000)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 2, err
    assert f"the cache folder {cache / 'features'}" in out
    assert "has no room for the 160.0 kB (160000 bytes) that are still needed (File too large)" in out
    data = Recordings(log=str(tmp_path / "log"))
    np.testing.assert_array_equal(fill(folder, cache, data, n_bins=1000).values, expected(folder, 1000))
    assert 40 < len(loads(tmp_path / "log")) < 80, "what fitted was kept"


def test_too_little_room_is_noticed_before_the_work(folder: Path, cache: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(UserError, match=r"has no room for the .* TB \(\d{15,} bytes\)"):
        fill(folder, cache, Recordings(log=str(log)), n_bins=10**13)
    assert not loads(log)


def test_a_cache_that_cannot_be_written_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"the cache folder .*file cannot be written .*QPLUG_CACHE"):
        fill(folder, tmp_path / "file")


def test_the_torn_end_of_a_write_is_cut_off(folder: Path, cache: Path) -> None:
    first = fill(folder, cache, samples=Recordings().index(folder)[:20])
    home = next((cache / "features").iterdir())
    del first
    for name in ("rows.f32", "keys.bin"):
        with (home / name).open("ab") as file:
            file.write(b"torn")
    np.testing.assert_array_equal(fill(folder, cache).values, expected(folder))
    assert (home / "rows.f32").stat().st_size == 40 * 64


def test_lost_rows_are_extracted_again(folder: Path, cache: Path) -> None:
    fill(folder, cache)
    home = next((cache / "features").iterdir())
    os.truncate(home / "rows.f32", 10 * 64 + 7)
    np.testing.assert_array_equal(fill(folder, cache).values, expected(folder))


def test_a_damaged_table_of_file_hashes_is_built_anew(folder: Path, cache: Path) -> None:
    fill(folder, cache)
    (cache / "files.sqlite").write_text("this is no database" * 100)
    np.testing.assert_array_equal(fill(folder, cache).values, expected(folder))


def test_generated_samples_are_cached_by_id(cache: Path) -> None:
    class Generated(Recordings):
        loaded = 0

        def load(self, sample: Sample) -> Audio:
            self.loaded += 1
            return Audio(np.full((1, 400), len(sample.id) / 10, dtype=np.float32), RATE)

    data = Generated()
    samples = [Sample(id="a" * n, label="a", group=str(n)) for n in (1, 2, 3)]
    for _ in range(2):
        result = features(data, Envelope(), samples, identity={}, title="generated", cache=cache)
        np.testing.assert_allclose(result.values[:, 0, 0], [0.1, 0.2, 0.3], rtol=1e-6)
    assert data.loaded == 3


def test_records_of_one_file_are_told_apart(folder: Path, cache: Path) -> None:
    class Records(Recordings):
        def load(self, sample: Sample) -> Audio:
            assert sample.offset is not None
            return Audio(np.full((1, 400), sample.offset / 10, dtype=np.float32), RATE)

    source = folder / "a0.wav"
    samples = [Sample(id=str(i), label="a", group=str(i), source=source, offset=i) for i in (3, 1, 2)]
    result = features(Records(), Envelope(), samples, identity={}, title="records", cache=cache)
    np.testing.assert_allclose(result.values[:, 0, 0], [0.3, 0.1, 0.2], rtol=1e-6)


def test_progress_reaches_the_total_and_never_turns_back(folder: Path, cache: Path) -> None:
    seen: list[tuple[int, int]] = []
    fill(folder, cache, samples=Recordings().index(folder)[:10])
    fill(folder, cache, progress=lambda done, total: seen.append((done, total)))
    assert seen[0][0] > 10
    assert seen[-1] == (40, 40)
    assert seen == sorted(seen)


class Large(Recordings):
    def load(self, sample: Sample) -> Audio:
        return Audio(np.full((1, 400), int(sample.id) / 10_000, dtype=np.float32), RATE)


def test_memory_does_not_grow_with_the_number_of_samples(cache: Path) -> None:
    samples = [Sample(id=str(i), label="a", group=str(i)) for i in range(1500)]
    tracemalloc.start()
    result = features(Large(), Envelope(n_bins=40_000), samples, identity={}, title="large", cache=cache, workers=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.values.nbytes == 240_000_000
    assert peak < 100_000_000
