"""The environment says what a run was made with, and nothing about who made it."""

from __future__ import annotations

import getpass
import json
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from qplug.lab.runs.environment import environment, git_commit, package_versions


def test_versions_are_those_that_are_installed() -> None:
    found = environment()
    assert found["python"] == platform.python_version()
    assert found["packages"]["numpy"] == np.__version__
    version, _, build = torch.__version__.partition("+")  # the wheel of the package index does not name its build
    assert found["packages"]["torch"] in {version, f"{version}+{build}"}
    assert found["torch"]["threads"] == torch.get_num_threads()
    assert found["packages"]["qplug"] == found["qplug"]
    assert "not-a-package" not in package_versions()


def test_a_plugin_that_comes_or_goes_is_noted(site: Any, head_source: str) -> None:
    assert "qplug-new" not in package_versions()
    site.add_head("new", head_source)
    assert package_versions()["qplug-new"] == "1.0"
    (folder,) = site.folder.glob("*.dist-info")
    shutil.rmtree(folder)
    assert "qplug-new" not in package_versions()


def test_nothing_personal_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "s3cr3t-t0ken")
    text = json.dumps(environment())
    assert "s3cr3t" not in text
    assert str(Path.cwd()) not in text
    if len(platform.node()) > 5:
        assert platform.node() not in text
    if len(getpass.getuser()) > 5:
        assert getpass.getuser() not in text


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_the_commit_is_noted_and_whether_files_differ(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None
    git(tmp_path, "init")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "x")
    clean = git_commit(tmp_path)
    assert clean is not None
    assert len(clean["commit"]) == 40
    assert clean["changed"] is False
    (tmp_path / "a").write_text("2")
    assert git_commit(tmp_path) == {"commit": clean["commit"], "changed": True}
