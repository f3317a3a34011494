import sys
from pathlib import Path

import platformdirs
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from data_parts import Recordings

from qplug import DatasetCapabilities
from qplug.contract.errors import DataError
from qplug.lab.data.folders import data_folder
from qplug.variables import cache_folder


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QPLUG_CACHE", raising=False)
    monkeypatch.delenv("QPLUG_DATA", raising=False)


def test_the_cache_is_where_the_environment_or_the_platform_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert cache_folder() == platformdirs.user_cache_path("qplug")
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


@pytest.mark.parametrize("stored", ["crema-d", "CREMA-D", "cremad", "crema_d"])
def test_a_folder_of_data_sets_is_searched_by_name(tmp_path: Path, stored: str) -> None:
    (tmp_path / stored).mkdir()
    (tmp_path / "other").mkdir()
    assert data_folder("crema-d", Recordings(), tmp_path) == tmp_path / stored


def test_the_data_sets_own_folder_may_be_named(tmp_path: Path) -> None:
    assert data_folder("recordings", Recordings(), tmp_path) == tmp_path


def test_the_environment_names_the_home_of_all_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QPLUG_DATA", str(tmp_path))
    (tmp_path / "recordings").mkdir()
    assert data_folder("recordings", Recordings()) == tmp_path / "recordings"


def test_a_missing_folder_is_told_with_the_layout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QPLUG_DATA", str(tmp_path / "home"))
    with pytest.raises(
        DataError, match=r"recordings: .*there is no .*home/recordings\. Expected layout: the folder holds a0\.wav"
    ):
        data_folder("recordings", Recordings())
    with pytest.raises(DataError, match=r"recordings: .*absent is no folder.*Record them yourself.*--data-dir"):
        data_folder("recordings", Recordings(), tmp_path / "absent")


def test_a_generated_data_set_needs_no_folder() -> None:
    class Generated(Recordings):
        capabilities = DatasetCapabilities(interface=1, modality="audio", needs_folder=False)

    assert data_folder("generated", Generated()) == Path()
