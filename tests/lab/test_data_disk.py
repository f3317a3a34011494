"""Making folders that others remove meanwhile."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from qplug.lab.data.disk import make_folder


def test_a_folder_that_is_removed_while_it_is_looked_for_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, left, mkdir = tmp_path / "shared", [3], os.mkdir

    def mkdir_beside_another(path: Any, *arguments: Any, **options: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise FileExistsError(f"{path} was there, and is gone")
        mkdir(path, *arguments, **options)

    monkeypatch.setattr(os, "mkdir", mkdir_beside_another)
    make_folder(folder)
    assert folder.is_dir()
    assert left == [0]


def test_a_file_of_that_name_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(FileExistsError, match="taken"):
        make_folder(tmp_path / "taken")
