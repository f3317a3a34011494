"""Plugins that turn against whoever tries them: they are named, and nobody else notices."""

from __future__ import annotations

import json
import logging
import os
import re
import time

import pytest

from qplug import catalogue
from qplug.catalogue.loading import import_offered
from qplug.catalogue.offers import Offer, misspelt_groups, offers
from qplug.catalogue.probe import import_limit, probe
from qplug.catalogue.verdicts import Verdict, recall, remember
from qplug.contract.errors import UserError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="plugins do this with processes of POSIX")

HOSTILE = {
    "group-killer": ("import os, signal\nos.killpg(0, signal.SIGTERM)", r"ended the process by SIGTERM"),
    "parent-killer": ("import os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(30)", r"SIGKILL"),
    "self-killer": ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", r"ended the process by SIGSEGV"),
    "printer": ("while True: print('x' * 100_000)", r"printed more than 1,000,000 bytes when it was imported"),
    "writer": (
        "import sys\nopen(sys.argv[2], 'a').write('{\"ok\": 1}\\n[]\\nrubbish\\n')\nraise SystemExit",
        r"tried to end the program|ended the process|no Part",
    ),
    "nester": (
        "import sys\nopen(sys.argv[2], 'a').write('[' * 100_000 + '\\n')\nimport os\nos._exit(3)",
        r"exit code 3",
    ),
    "filler": ("open('/tmp/filled-by-a-test', 'wb').write(bytes(200_000_000))", r"File too large|SIGXFSZ"),
}
"""Source of a head, and why it is quarantined."""
HARMLESS = {
    "forker": ("import os\nos.fork()\n{head}", r"forks the process when it is imported; the copy was ended"),
    "threader": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n{head}",
        r"starts a thread that keeps programs from ending",
    ),
    "dtyper": (
        "import torch\ntorch.set_default_dtype(torch.float64)\n{head}",
        r"changes torch's default dtype when it is imported, which was put back",
    ),
    "wanderer": ("import os, random\nos.chdir('/')\nrandom.seed(1)\n{head}", r"changes .*the working directory"),
}
"""Source of a head that can be used, and the remark on it."""


def rows(prefix: str = "qplug-") -> dict[str, catalogue.Entry]:
    return {row.name: row for row in catalogue.entries("head") if row.provider.startswith(prefix)}


def test_each_is_named_and_the_rest_goes_on(site, head_source) -> None:
    for name, (source, _) in {**HOSTILE, **HARMLESS}.items():
        site.add_head(name, source.replace("{head}", head_source))
    site.add_head("fine", head_source)
    found = rows()
    for name, (_, reason) in HOSTILE.items():
        assert found[name].status == "quarantined", found[name]
        assert re.search(reason, found[name].reason), found[name].reason
    for name, (_, remark) in HARMLESS.items():
        assert found[name].status == "ready", found[name]
        assert re.search(remark, found[name].reason), found[name].reason
    assert (found["fine"].status, found["fine"].reason) == ("ready", "")


FORGER = """
import json, sys
about = {"about": "head broken = pair.broken:Part", "kind": "head", "name": "broken"}
another = {"ok": False, "reason": "no", "about": "head fine = pair.fine:Part"}
for answer in ({"ok": True}, {"ok": True, **about}, another):
    open(sys.argv[2], "a").write(json.dumps(answer) + "\\n")
open(sys.argv[2], "a").write("unfinished")
"""


def test_no_garbage_is_looked_for_while_plugins_are_tried(site, head_source) -> None:
    site.add_head("teller", "import gc\n" + head_source.replace('"a head made for a test"', 'f"{gc.isenabled()}"'))
    assert rows()["teller"].summary == "False"


def test_a_plugin_cannot_answer_for_another(site, head_source) -> None:
    sources = {"a_forger": FORGER + head_source, "broken": "raise ImportError('no luck')", "fine": head_source}
    entries = {name: f"pair.{name}:Part" for name in sources}
    (site.folder / "pair").mkdir()
    site.add("qplug-pair", {"qplug.heads": entries}, {f"pair/{name}": text for name, text in sources.items()})
    found = rows()
    assert {name: (found[name].status, found[name].reason) for name in ("a_forger", "fine")} == {
        "a_forger": ("ready", ""),
        "fine": ("ready", ""),
    }
    assert (found["broken"].status, "no luck" in found["broken"].reason) == ("quarantined", True)


def test_a_hanging_package_costs_its_time_once_and_is_not_remembered(site, head_source) -> None:
    names = [f"late-{number}" for number in range(4)]
    entries = {"qplug.heads": dict.fromkeys(names, "late:Part")}
    site.add("qplug-late", entries, {"late": f"import time\ntime.sleep(40)\n{head_source}"})
    asked = [offer for offer in offers() if offer.provider == "qplug-late"]
    begun = time.monotonic()
    found = probe(asked, time_limit=2)
    assert time.monotonic() - begun < 30  # four times the wait would be no less than eight, and forty the sleep
    assert {verdict.reason for verdict in found.values()} == {"importing it took longer than 2 s"}
    assert all(verdict.momentary and not verdict.ok for verdict in found.values())
    remember(found)
    kept = site.cache / "plugins.json"
    assert "longer" not in (kept.read_text() if kept.exists() else "")
    assert set(recall(asked)) == set(asked)  # by this process, which has waited for it


STOPPED_ONCE = """
import os, pathlib, signal
if not (first := pathlib.Path(__file__).with_suffix(".first")).exists():
    first.touch()
    {}
"""


def test_a_kill_while_a_plugin_is_tried_says_nothing_about_it(site, head_source) -> None:
    site.add_head("calm", STOPPED_ONCE.format("os.kill(os.getpid(), signal.SIGKILL)") + head_source)
    found = rows()["calm"]
    assert (found.status, found.reason) == ("ready", "")


def test_an_import_that_is_interrupted_is_no_verdict(site, head_source) -> None:
    stopped = """try:
        raise KeyboardInterrupt("asked to stop")
    except KeyboardInterrupt:
        raise ImportError("half imported")"""
    site.add_head("calm", STOPPED_ONCE.format(stopped) + head_source)
    (asked,) = [offer for offer in offers() if offer.name == "calm"]
    with pytest.raises(KeyboardInterrupt, match="asked to stop"):
        import_offered(asked)
    assert import_offered(asked).__name__ == "Part"


def test_what_took_too_long_loads_when_it_is_asked_for(site, head_source, monkeypatch) -> None:
    monkeypatch.setenv("QPLUG_IMPORT_LIMIT", "0.5")
    site.add_head("slow", f"import time\ntime.sleep(1.5)\n{head_source}")
    row = rows()["slow"]
    assert row.status == "quarantined"
    assert "took longer than 0.5 s; asked for by name it loads all the same, and QPLUG_IMPORT_LIMIT" in row.reason
    assert catalogue.load("head", "slow").__name__ == "Part"


def test_the_limit_counts_work_not_waiting_for_a_busy_machine(site, head_source) -> None:
    busy = "import time\nbegun = time.process_time()\nwhile time.process_time() - begun < 1: pass\n"
    site.add_head("busy", busy + head_source)
    (asked,) = [offer for offer in offers() if offer.name == "busy"]
    assert probe([asked], time_limit=60)[asked].ok
    assert not probe([asked], time_limit=0.5)[asked].ok


@pytest.mark.parametrize("text", ["soon", "-1", "0", "nan", "inf"])
def test_a_limit_that_is_none_is_refused(text, monkeypatch) -> None:
    monkeypatch.setenv("QPLUG_IMPORT_LIMIT", text)
    with pytest.raises(UserError, match=f"QPLUG_IMPORT_LIMIT is the number of seconds .* got '{text}'"):
        import_limit()


def test_what_is_shipped_is_never_quarantined_for_slowness(site, head_source, caplog) -> None:
    site.add_head("crawler", f"import time\ntime.sleep(60)\n{head_source}")
    asked = Offer("head", "crawler", "crawler_plugin:Part", "qplug", "1.0")
    with caplog.at_level(logging.WARNING, "qplug"):
        assert probe([asked], time_limit=3)[asked].ok
    assert "head 'crawler' of qplug was not tried to its end: importing it took longer than 3 s" in caplog.text


def test_installing_something_else_starts_nothing_over(site, head_source) -> None:
    site.add_head("settled", head_source)
    site.add_head("broken", "import needed_library")
    settled, broken = (next(offer for offer in offers() if offer.name == name) for name in ("settled", "broken"))
    remember({settled: Verdict(True), broken: Verdict(False, "needs it")})
    site.add("unrelated", {})
    assert settled in recall([settled])
    assert broken not in recall([broken])  # what it lacks may have come


def test_a_change_of_the_process_at_import_is_put_back_where_it_is_used(site, head_source, caplog) -> None:
    import torch

    site.add_head("doubled", HARMLESS["dtyper"][0].replace("{head}", head_source))
    folder = os.getcwd()  # noqa: PTH109 the text is compared
    with caplog.at_level(logging.WARNING, "qplug"):
        catalogue.load("head", "doubled")
    assert torch.get_default_dtype() == torch.float32
    assert folder == os.getcwd()  # noqa: PTH109
    assert "head 'doubled' from qplug-doubled 1.0 changes torch's default dtype when it is imported" in caplog.text


def test_commands_end_in_spite_of_threads_and_forks_of_plugins(shared_site, head_source) -> None:
    for name in ("threader", "forker"):
        shared_site.add_head(name, HARMLESS[name][0].replace("{head}", head_source))
    told = {}
    for name in ("threader", "forker"):
        done = shared_site.qplug("show", "head", name, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["name"] == name
        told[name] = done.stderr
    assert "Not waiting for threads that plugins started when they were imported: Thread-" in told["threader"]
    assert "head 'forker' from qplug-forker 1.0 forks the process when it is imported" in told["forker"]


def test_a_group_that_is_misspelt_is_told_with_the_right_one(site, head_source) -> None:
    assert misspelt_groups() == []
    site.add("qplug-typo", {"qplug.head": {"typo": "typo_plugin:Part"}}, {"typo_plugin": head_source})
    (told,) = misspelt_groups()
    assert told.startswith(
        "qplug-typo announces 'typo' in the entry-point group 'qplug.head', which qplug does not know"
    )
    assert "did its author mean 'qplug.heads'?" in told


def test_a_plugin_that_ends_the_program_has_failed(site, head_source) -> None:
    ending = head_source.replace(
        "    def build(self", "    def __getattribute__(self, name):\n        raise SystemExit(0)\n\n    def build(self"
    )
    site.add_head("ender", ending)
    done = site.qplug("run", "--dataset", "digits", "--head", "ender", "--dry-run")
    assert done.returncode == 1
    assert "head 'ender' of qplug-ender 1.0 failed while" in done.stderr
    assert "it raised SystemExit: 0 (in __getattribute__, line 16 of ender_plugin.py)" in done.stderr
