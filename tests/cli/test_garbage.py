"""Garbage is not looked for among what is loaded, in a command's own process and in no other."""

from __future__ import annotations

import gc
import subprocess
import sys

from qplug_cli.progress import loading

DOOR = """
import atexit, gc, sys
from qplug_cli.__main__ import run
atexit.register(lambda: print(gc.isenabled(), gc.get_freeze_count(), len(gc.get_objects()), file=sys.stderr))
run()
"""


def test_a_command_s_own_process_leaves_out_what_is_loaded() -> None:
    words = ["show", "head", "linear", "--json"]
    done = subprocess.run([sys.executable, "-c", DOOR, *words], capture_output=True, text=True, check=True)
    looking, left_out, looked_through = done.stderr.split()
    assert looking == "True"
    assert int(left_out) > 10 * int(looked_through)


def test_other_processes_look_through_everything_again() -> None:
    before = gc.get_freeze_count()
    with loading():
        assert not gc.isenabled()
    assert (gc.isenabled(), gc.get_freeze_count()) == (True, before)
