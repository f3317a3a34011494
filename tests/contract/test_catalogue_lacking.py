"""What a run lacks is told at once, before anything heavy is imported."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from qplug import catalogue
from qplug.catalogue.lacking import refuse_lacking
from qplug.contract.errors import NotInstalled, UnknownName
from qplug.installation import install
from qplug_cli.commands import doctor

BASE = ("torch", "lightning", "pennylane", "soxr", "soundfile")
"""What an installation without extras lacks of what the quickstart needs."""


@pytest.fixture
def base_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in BASE:
        monkeypatch.setitem(sys.modules, name, None)


def test_all_that_is_lacking_is_told_at_once_with_one_command(base_install: None) -> None:
    parts = {"dataset": {"name": "chirps"}, "seed": 0, "branch": [{"head": {"name": "pennylane-pqc"}}]}
    told = (
        r"dataset 'chirps' needs torch, soundfile, soxr, head 'pennylane-pqc' needs torch, pennylane, not installed"
        rf" here\. Install what it needs with: {re.escape(install('audio', 'pennylane'))}$"
    )
    with pytest.raises(NotInstalled, match=told):
        refuse_lacking(parts)


def test_a_name_that_nothing_has_is_told_first_and_code_is_left_to_whoever_loads_it(base_install: None) -> None:
    refuse_lacking({"head": {"name": "not_there:Head"}, "training": {"name": "no kind"}})
    with pytest.raises(UnknownName, match=r"no head is called 'mpl'\. Did you mean 'mlp'"):
        refuse_lacking({"dataset": {"name": "chirps"}, "head": {"name": "mpl"}})


def test_a_base_install_says_what_the_quickstart_lacks_and_imports_nothing_for_it() -> None:
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({BASE}))\n"
        "from qplug_cli.main import run\n"
        "compare = ['compare', '--dataset', 'chirps', '--heads', 'pennylane-pqc,qiskit-qnn']\n"
        "for words in (['run'], ['run', '--head', 'mpl'], ['run', '--dataset', 'chirp'], compare):\n"
        "    try: run(words)\n"
        "    except SystemExit as end: print(end.code, bool(sys.modules.keys() & {'numpy', 'qplug.lab.pipeline'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=600)
    assert done.stdout.splitlines() == ["2 False"] * 4
    lacking, head, dataset, arms = done.stderr.splitlines()
    assert lacking.endswith(install("audio", "pennylane"))
    assert "no head is called 'mpl'" in head
    assert "no dataset is called 'chirp'" in dataset
    assert all(f"{part} needs torch" in arms for part in ("'pennylane-pqc'", "'qiskit-qnn'", "'chirps'")), arms


def test_doctor_tells_what_the_quickstart_lacks_and_the_command_for_it(base_install: None) -> None:
    (told,) = doctor._quickstart_problem(catalogue.entries())
    assert (
        "the quickstart, which is what qplug run does by itself, cannot run yet: dataset 'chirps' needs torch" in told
    )
    assert told.endswith(f"Install it: {install('audio', 'pennylane')}")


def test_where_the_quickstart_can_run_doctor_says_nothing_of_it() -> None:
    assert list(doctor._quickstart_problem(catalogue.entries())) == []
