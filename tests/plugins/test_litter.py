"""One rule of what is litter, for every data set that lies in a folder."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from qplug import catalogue
from qplug.contract.interfaces import Dataset
from qplug.lab.audit.audit import audit
from qplug.lab.audit.folder import modality_of
from qplug.lab.data.remarks import folder_remarks
from qplug.signals import litter
from qplug_audio.gtzan import Gtzan
from qplug_folder.folder import Folder

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "data-folders.md"
ENDING = r"\.(wav|au|png|gz|bin)$"
PROGRAMS = (".ipynb_checkpoints", "@eaDir", "__MACOSX", ".hidden")


def in_folders() -> list[str]:
    names = [name for kind, name in catalogue.registry().components if kind == "dataset"]
    return [name for name in names if catalogue.load("dataset", name).capabilities.needs_folder]  # type: ignore[attr-defined]


def example(name: str, folder: Path) -> Dataset:
    dataset = catalogue.load("dataset", name)()
    assert isinstance(dataset, Dataset)
    dataset.write_example(folder)
    return dataset


@pytest.mark.parametrize("name", in_folders())
def test_litter_changes_nothing_of_any_data_set_and_is_counted(name: str, tmp_path: Path) -> None:
    dataset = example(name, tmp_path)
    before = dataset.inventory(tmp_path)
    files = [path for path in sorted(tmp_path.rglob("*")) if re.search(ENDING, path.name)]
    assert files
    for file in (files[0], files[-1]):
        ending = file.suffix if file.suffix in (".wav", ".au") else ".png"
        for litter_name in (f"._{file.name}{ending}", f"{file.stem}{ending}.bak{ending}"):
            shutil.copy(file, file.parent / litter_name)
        for program in PROGRAMS:
            (file.parent / program).mkdir(exist_ok=True)
            shutil.copy(file, file.parent / program / f"{file.stem}{ending}")
    made = litter.litter(litter.files(tmp_path))
    assert len(made) >= len(PROGRAMS) + 2
    assert dataset.inventory(tmp_path) == before
    [told] = [remark for remark in folder_remarks(dataset, tmp_path) if "litter" in remark]
    assert told.startswith(f"{len(made)} files are litter")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    example("folder", tmp_path)
    return tmp_path


COPIES = (
    "{} (1)",
    "{}(2)",
    "{} copy",
    "{} copy 2",
    "{} - Copy",
    "{} - Copy (3)",
    "{}_copy",
    "Copy of {}",
    "{} - Kopie",
)


def test_likely_copies_are_data_and_named_in_the_audit(own: Path) -> None:
    first = sorted(own.rglob("*.wav"))[0]
    n_before = len(Folder().index(own))
    assert not any("named like" in remark for remark in folder_remarks(Folder(), own))
    for form in COPIES:
        shutil.copy(first, first.with_name(f"{form.format(first.stem)}.wav"))
    shutil.copy(first, first.with_name("alone (1).wav"))  # nothing beside it that it could be a copy of
    shutil.copy(first, first.with_name("photocopy.wav"))
    report = audit("folder", Folder(), own, workers=1)
    assert report.n_samples == n_before + len(COPIES) + 2
    [told] = [remark for remark in report.remarks if "named like" in remark]
    assert told.startswith(f"{len(COPIES)} files are named like copies of those beside them and count as data (")
    assert f"({first.parent.name}/{first.stem} (1).wav, " in told
    assert len(report.duplicates[0].ids) == len(COPIES) + 3

    for form in COPIES[1:]:
        first.with_name(f"{form.format(first.stem)}.wav").unlink()
    [told] = [remark for remark in folder_remarks(Folder(), own) if "named like" in remark]
    assert told.startswith(f"1 file is named like a copy of the one beside it and counts as data ({first.parent.name}/")


def test_hidden_folders_are_counted_but_not_what_version_control_and_downloads_keep(own: Path) -> None:
    first = sorted(own.rglob("*.wav"))[0]
    for name in (".hidden/deep", ".git", ".downloads", ".source/AudioWAV"):
        (own / name).mkdir(parents=True)
        shutil.copy(first, own / name / "a.wav")
    [told] = folder_remarks(Folder(), own)
    assert told == (
        "1 file is litter (hidden, a copy kept aside, or in a folder that is hidden or that some program made) "
        "and left out: .hidden/deep/a.wav"
    )


def test_pictures_that_a_file_browser_lays_beside_recordings_do_not_make_it_a_folder_of_images(own: Path) -> None:
    n_recordings = len(Folder().index(own))
    (own / "@eaDir").mkdir()
    for number in range(n_recordings + 1):
        (own / "@eaDir" / f"{number}.jpg").touch()
        (own / f"._{number}.jpg").touch()
    assert modality_of(own) == "audio"


def test_the_page_tells_the_rule_as_it_is() -> None:
    page = PAGE.read_text("utf-8")
    rows = page.partition("## Litter")[2].partition("## Likely")[0]
    there = re.findall(r"`([^`]+)`", rows)
    assert {name.lower() for name in litter._FOLDERS} <= {name.lower() for name in there}
    assert set(there) >= litter._NOT_LOOKED_INTO
    assert set(re.findall(r"\w+", rows)) >= litter._READ
    for example_name in ("._0_ada_1.wav", "x.wav~", "x.bak", "x.wav.bak.wav"):
        assert example_name in there
        assert litter.is_litter(example_name)
    likely = re.findall(r"`([^`]*[Cc]opy[^`]*|x \(1\)\.wav)`", page.partition("## Likely")[2])
    found = litter.likely_copies([(name, False) for name in ("x.wav", *likely)])
    assert found == likely[:4]


def test_gtzan_reads_its_layouts_together(tmp_path: Path) -> None:
    gtzan = Gtzan(genres=("rock", "disco"))
    gtzan.write_example(tmp_path / "all")
    whole = gtzan.index(tmp_path / "all")
    homes = ("genres", "genres_original", "Data/genres_original", "")
    for number, sample in enumerate(whole):
        assert sample.source is not None
        home = tmp_path / "mixed" / homes[number % len(homes)] / sample.label
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(sample.source, home)
    mixed = gtzan.index(tmp_path / "mixed")
    assert {(s.id, s.label, s.part) for s in mixed} == {(s.id, s.label, s.part) for s in whole}
    assert len({s.source.parent.parent for s in mixed if s.source is not None}) == len(homes)
