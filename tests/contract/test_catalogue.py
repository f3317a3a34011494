"""The catalogue: names without imports, one component by name, and quarantine for what is broken."""

import logging
import os
import re
import shutil
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from qplug import catalogue
from qplug.catalogue.loading import import_offered
from qplug.catalogue.offers import Offer, offers
from qplug.catalogue.probe import probe
from qplug.catalogue.verdicts import Verdict, recall, remember
from qplug.contract.errors import NotInstalled, PluginError, UnknownName, UserError
from qplug.contract.interfaces import Head
from qplug.installation import install


def row(kind: str, name: str, provider: str) -> catalogue.Entry:
    return next(row for row in catalogue.entries(kind) if (row.name, row.provider) == (name, provider))


def offer(name: str) -> Offer:
    return next(offer for offer in offers() if offer.name == name)


def test_a_stranger_s_plugin_is_listed_with_its_own_summary_and_loads(site, head_source) -> None:
    site.add_head("stranger", head_source)
    found = row("head", "stranger", "qplug-stranger")
    assert (found.status, found.version, found.summary) == ("ready", "1.0", "a head made for a test")
    assert "stranger_plugin" not in sys.modules  # it was tried elsewhere
    assert issubclass(catalogue.load("head", "stranger"), Head)


BROKEN = {
    "import-error": ("raise ImportError('no luck')", r"importing 'import_error_plugin' raised ImportError: no luck"),
    "system-exit": ("raise SystemExit(3)", r"tried to end the program \(SystemExit: 3\)"),
    "base-exception": ("class Odd(BaseException): ...\nraise Odd('x')", r"raised Odd: x"),
    "syntax": ("def :", r"raised SyntaxError"),
    "missing-module": ("import not_there_at_all", r"needs the module 'not_there_at_all', which is not installed"),
    "missing-class": ("Other = 1", r"the module 'missing_class_plugin' has no 'Part'"),
    "a-function": ("def Part(): ...", r"is not a class"),
    "no-capabilities": ("class Part: ...", r"Part declares no capabilities"),
    "wrong-kind": (
        "from qplug import Reducer, ReducerCapabilities\n"
        "class Part(Reducer):\n    capabilities = ReducerCapabilities(interface=1)\n"
        "    def module(self, n_inputs, n_outputs): ...",
        r"Part is not a Head but a Reducer",
    ),
    "unfinished": (
        "from qplug import Head, HeadCapabilities\nclass Part(Head):\n    capabilities = HeadCapabilities(interface=1)",
        r"Part is unfinished: it lacks build",
    ),
    "other-capabilities": (
        "from qplug import Head, ReducerCapabilities\n"
        "class Part(Head):\n    capabilities = ReducerCapabilities(interface=1)\n"
        "    def build(self, n_inputs, n_classes): ...",
        r"Part\.capabilities is a ReducerCapabilities, not HeadCapabilities",
    ),
}
CHANGED = {
    "future": ("interface=1", "interface=99", r"written for interface version 99, and this qplug has 1; upgrade qplug"),
    "past": ("interface=1", "interface=0", r"interface version 0, and this qplug has 1; upgrade the plugin"),
    "star": ("self, *, width", "self, *rest, width", r"constructor of Part takes \*rest"),
    "positional": ("self, *, width", "self, width", r"constructor of Part takes 'width' by position"),
    "own-default": ("= 3", "= 30", r"default of Part is not allowed by its own annotation: .* got 30"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_whatever_goes_wrong_at_import_becomes_a_reason(site, name) -> None:
    source, reason = BROKEN[name]
    site.add_head(name, source)
    with pytest.raises(PluginError, match=reason):
        import_offered(offer(name))


@pytest.mark.parametrize("name", CHANGED)
def test_a_class_that_breaks_the_contract_is_refused(site, head_source, name) -> None:
    good, bad, reason = CHANGED[name]
    assert good in head_source
    site.add_head(name, head_source.replace(good, bad))
    with pytest.raises(PluginError, match=reason):
        import_offered(offer(name))


def test_a_broken_plugin_is_quarantined_with_its_reason_and_distribution(site) -> None:
    site.add_head("broken", "raise ImportError('no luck')")
    reason = "importing 'broken_plugin' raised ImportError: no luck"
    assert (row("head", "broken", "qplug-broken").status, row("head", "broken", "qplug-broken").reason) == (
        "quarantined",
        reason,
    )
    with pytest.raises(PluginError, match=rf"head 'broken' from qplug-broken 1\.0 is quarantined: {reason}"):
        catalogue.load("head", "broken")


def test_an_interruption_by_the_user_is_no_fault_of_a_plugin(site) -> None:
    site.add_head("interrupted", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        import_offered(offer("interrupted"))


@pytest.mark.parametrize("value", ["no colon", "a.b", "a:b:c", ":Part", "1module:Part"])
def test_an_entry_point_that_is_none_is_quarantined(site, value) -> None:
    site.add("qplug-odd", {"qplug.heads": {"odd": value}})
    with pytest.raises(PluginError, match=f"says '{value}', which is not of the form 'package.module:Class'"):
        import_offered(offer("odd"))


def test_a_plugin_that_ends_its_process_takes_nothing_with_it(site, head_source) -> None:
    site.add(
        "qplug-many",
        {"qplug.heads": {"a-good": "many:Part", "b-crash": "crash:Part", "c-good": "many:Part"}},
        {"many": head_source, "crash": "import os; os._exit(7)"},
    )
    site.add(
        "qplug-one-package",
        {"qplug.heads": {"d-good": "pack:Part", "e-crash": "pack.crash:Part", "f-good": "pack.fine:Part"}},
    )
    (site.folder / "pack").mkdir()
    for name, source in {"__init__": head_source, "crash": "import os; os._exit(7)", "fine": head_source}.items():
        (site.folder / "pack" / f"{name}.py").write_text(source)
    rows = {row.name: row for row in catalogue.entries("head")}
    assert [rows[f"{letter}-good"].status for letter in "acdf"] == ["ready"] * 4
    assert [rows[name].reason for name in ("b-crash", "e-crash")] == [
        "importing it ended the process with exit code 7"
    ] * 2


def test_a_plugin_that_never_comes_back_is_given_up(site) -> None:
    site.add_head("hangs", "import time\ntime.sleep(60)")
    assert probe([offer("hangs")], time_limit=3) == {
        offer("hangs"): Verdict(False, "importing it took longer than 3 s")
    }


def test_a_slow_import_is_remarked_on_but_what_a_plugin_imports_is_not_its_own(site, head_source) -> None:
    site.add_head("slow", f"import time\ntime.sleep(0.9)\n{head_source}")
    site.add_head("patient", f"import sleepy_library\n{head_source}")
    (site.folder / "sleepy_library.py").write_text("import time\ntime.sleep(0.9)")
    assert row("head", "slow", "qplug-slow").status == "ready"
    assert "is slow: its own code took" in row("head", "slow", "qplug-slow").reason
    assert row("head", "patient", "qplug-patient").reason == ""


def test_what_a_plugin_prints_is_kept_from_stdout(site, head_source, capfd) -> None:
    site.add_head("chatty", f"import os\nprint('hello there', flush=True)\nos.write(1, b'and again')\n{head_source}")
    found = row("head", "chatty", "qplug-chatty")
    assert (found.status, found.reason) == ("ready", "prints when it is imported ('hello there and again')")
    catalogue.load("head", "chatty")
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "hello there" in captured.err


def test_a_name_that_two_strangers_claim_is_given_to_neither(site, head_source) -> None:
    site.add_head("twin", head_source, "qplug-one")
    site.add_head("twin", head_source, "qplug-two")
    rows = [row for row in catalogue.entries("head") if row.name == "twin"]
    assert [(row.provider, row.status) for row in rows] == [("qplug-one", "quarantined"), ("qplug-two", "quarantined")]
    with pytest.raises(PluginError, match=r"'twin' is claimed more than once, by qplug-one 1\.0 and qplug-two 1\.0"):
        catalogue.load("head", "twin")


def test_disabling_one_of_two_gives_the_other_the_name(site, head_source) -> None:
    site.add_head("twin", head_source, "qplug-one")
    site.add_head("twin", head_source, "qplug-two")
    catalogue.disable(["Qplug_One"])
    assert catalogue.load("head", "twin").__module__ == "qplug_two_plugin"
    assert row("head", "twin", "qplug-one").status == "disabled"


def test_a_stranger_cannot_take_a_name_that_the_registry_gives_to_another(site, head_source) -> None:
    site.add_head("mlp", head_source, "qplug-usurper")
    usurper = row("head", "mlp", "qplug-usurper")
    assert (usurper.status, usurper.reason.partition(";")[0]) == ("quarantined", "the name 'mlp' belongs to qplug")
    assert catalogue.entry("head", "mlp").provider == "qplug"
    assert catalogue.load("head", "mlp").__module__ == "qplug_models.heads"


@pytest.mark.parametrize("word", ["qplug-stranger", "QPLUG.stranger", "stranger", "head:stranger"])
def test_a_disabled_plugin_is_neither_imported_nor_loaded(site, word, monkeypatch) -> None:
    site.add_head("stranger", f"open({str(site.folder / 'imported')!r}, 'w')")
    monkeypatch.setenv("QPLUG_DISABLE", f"other, {word}")
    assert row("head", "stranger", "qplug-stranger").status == "disabled"
    with pytest.raises(UserError, match=rf"head 'stranger' is disabled by '{word}' in QPLUG_DISABLE or --no-plugin"):
        catalogue.load("head", "stranger")
    assert not (site.folder / "imported").exists()


def test_disabling_what_is_not_there_is_refused_with_near_names(site, head_source) -> None:
    site.add_head("stranger", head_source)
    with pytest.raises(UnknownName, match=r"no plugin is called 'strangr'\. Did you mean 'stranger'"):
        catalogue.disable(["strangr"])


def test_an_unknown_name_is_refused_with_near_ones_and_with_its_other_kinds(site) -> None:
    with pytest.raises(UnknownName, match=r"no head is called 'penylane-pqc'\. Did you mean 'pennylane-pqc'"):
        catalogue.load("head", "penylane-pqc")
    with pytest.raises(UnknownName, match=r"no head is called 'pca'\..* There is a reducer of that name"):
        catalogue.load("head", "pca")
    with pytest.raises(UnknownName, match=r"no kind is called 'haed'\. Did you mean 'head'"):
        catalogue.load("haed", "mlp")


def test_what_needs_missing_packages_says_how_to_install_them(site, monkeypatch) -> None:
    known = catalogue.Known(
        kind="head", name="mlp", summary="", provider="qplug", extra="torch", requires=("not_there_at_all",)
    )
    absent = catalogue.Known(kind="head", name="elsewhere", summary="far away", provider="qplug-elsewhere")
    registry = catalogue.Registry({("head", "mlp"): known, ("head", "elsewhere"): absent}, {})
    monkeypatch.setattr("qplug.catalogue.listing.registry", lambda: registry)
    found = catalogue.entry("head", "mlp")
    assert (found.status, found.install) == ("needs-extra", install("torch"))
    with pytest.raises(NotInstalled, match=rf"head 'mlp' needs not_there_at_all.*{re.escape(install('torch'))}"):
        catalogue.load("head", "mlp")
    assert catalogue.entry("head", "elsewhere").status == "not-installed"
    with pytest.raises(NotInstalled, match=r"'elsewhere' comes with qplug-elsewhere.* pip install qplug-elsewhere"):
        catalogue.load("head", "elsewhere")


def test_a_verdict_holds_until_the_plugin_or_its_surroundings_change(site, head_source) -> None:
    site.add_head("needy", f"import needed_library\n{head_source}")
    assert "needs the module 'needed_library'" in row("head", "needy", "qplug-needy").reason
    assert offer("needy") in recall([offer("needy")])
    (site.folder / "needed_library.py").write_text("")  # the folder changes, as when pip installs something
    assert offer("needy") not in recall([offer("needy")])
    assert row("head", "needy", "qplug-needy").status == "ready"
    (site.folder / "needy_plugin.py").write_text("raise RuntimeError('edited')")
    assert row("head", "needy", "qplug-needy").reason == "importing 'needy_plugin' raised RuntimeError: edited"


def test_a_verdict_spares_the_second_listing_the_attempt(site, head_source, monkeypatch) -> None:
    monkeypatch.setenv("QPLUG_DISABLE", "qplug")  # whose parts would be tried too, each with its libraries
    log = site.folder.parent / "attempts"
    site.add_head("counted", f"with open({str(log)!r}, 'a') as file: file.write('x')\n{head_source}")
    assert [row("head", "counted", "qplug-counted").status for _ in range(3)] == ["ready"] * 3
    assert log.read_text() == "x"
    catalogue.entries("head", probe_all=True)
    assert log.read_text() == "xx"


REDUCER = """
from qplug import Reducer, ReducerCapabilities

class Part(Reducer):
    capabilities = ReducerCapabilities(interface=1)

    def module(self, n_inputs, n_outputs):
        raise NotImplementedError
"""


def several(site, head_source: str) -> None:
    heads = {"one": "heads_of_x:Part", "two": "heads_of_x:Part"}
    entries = {"qplug.heads": heads, "qplug.reducers": {"three": "r_of_x:Part"}}
    site.add("qplug-x", entries, {"heads_of_x": head_source, "r_of_x": REDUCER})


def load_all() -> None:
    for kind, name in (("head", "one"), ("head", "two"), ("reducer", "three")):
        catalogue.load(kind, name)


def tried(caplog) -> int:
    return sum("Trying plugins of qplug-x" in record.getMessage() for record in caplog.records)


def test_all_parts_of_a_distribution_are_tried_at_once(site, head_source, caplog) -> None:
    caplog.set_level(logging.INFO, "qplug")
    several(site, head_source)
    load_all()
    assert tried(caplog) == 1
    (site.folder / "heads_of_x.py").write_text(head_source + "\n# edited\n")
    (site.folder / "r_of_x.py").write_text(REDUCER + "\n# edited\n")
    load_all()
    assert tried(caplog) == 2


def test_without_a_cache_they_are_tried_once_by_a_process(site, head_source, caplog, monkeypatch) -> None:
    caplog.set_level(logging.INFO, "qplug")
    monkeypatch.setenv("QPLUG_CACHE", "/dev/null/nowhere")
    several(site, head_source)
    load_all()
    assert tried(caplog) == 1


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": {"nonsense": 1}}'])
def test_a_damaged_memory_is_forgotten(site, head_source, content) -> None:
    catalogue.cache_folder().mkdir(parents=True)
    (catalogue.cache_folder() / "plugins.json").write_text(content)
    site.add_head("stranger", head_source)
    assert row("head", "stranger", "qplug-stranger").status == "ready"


def test_a_listing_does_without_a_cache_that_cannot_be_written(site, head_source, monkeypatch) -> None:
    file = site.folder.parent / "a file"
    file.write_text("")
    monkeypatch.setenv("QPLUG_CACHE", str(file / "below"))
    site.add_head("stranger", head_source)
    assert row("head", "stranger", "qplug-stranger").status == "ready"


def test_what_is_vouched_for_and_fails_is_shown_and_tried_again(site) -> None:
    remember({offer("mlp"): Verdict(False, "it was raining")})
    assert (row("head", "mlp", "qplug").status, row("head", "mlp", "qplug").reason) == ("quarantined", "it was raining")
    assert catalogue.load("head", "mlp").__name__ == "Mlp"
    assert row("head", "mlp", "qplug").status == "ready"


def test_hook_plugins_are_loaded_and_broken_ones_left_out(site, caplog) -> None:
    good = "from qplug.contract.hooks import hookimpl\n@hookimpl\ndef run_started(run): ..."
    site.add("qplug-good", {"qplug.hooks": {"good": "good_hooks"}}, {"good_hooks": good})
    site.add("qplug-bad", {"qplug.hooks": {"bad": "bad_hooks"}}, {"bad_hooks": "raise SystemExit(1)"})
    site.add("qplug-dead", {"qplug.hooks": {"dead": "dead_hooks"}}, {"dead_hooks": "import os; os._exit(1)"})
    site.add("qplug-off", {"qplug.hooks": {"off": "off_hooks"}}, {"off_hooks": good})
    catalogue.disable(["qplug-off"])
    with caplog.at_level(logging.WARNING, "qplug"):
        assert [name for name in catalogue.hooks().names if not name.endswith("(qplug)")] == ["good (qplug-good)"]
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert "hook 'bad' from qplug-bad 1.0 is quarantined" in told
    assert "hook 'dead' from qplug-dead 1.0 is quarantined" in told


def test_the_cache_folder_can_be_chosen(monkeypatch) -> None:
    monkeypatch.setenv("QPLUG_CACHE", "/some/where")
    assert catalogue.cache_folder() == Path("/some/where")
    monkeypatch.delenv("QPLUG_CACHE")
    assert catalogue.cache_folder().name == "qplug"


def test_installed_packages_are_read_once_until_one_is_added_or_removed(site, head_source, monkeypatch) -> None:
    reads = []
    monkeypatch.setattr("qplug.catalogue.offers.distributions", lambda: reads.append(1) or distributions())
    for _ in range(3):
        assert "added" not in {offer.name for offer in offers()}
    assert len(reads) == 1
    site.add_head("added", head_source)
    for _ in range(3):
        assert offer("added").provider == "qplug-added"
    assert len(reads) == 2
    (folder,) = site.folder.glob("*.dist-info")
    shutil.rmtree(folder)
    assert "added" not in {offer.name for offer in offers()}
    assert len(reads) == 3


def test_of_two_installations_of_a_distribution_the_first_on_the_path_counts(site, head_source, monkeypatch) -> None:
    site.add_head("old", head_source, distribution="qplug-twice")
    first = site.folder / "first"
    first.mkdir()
    type(site)(first, site.cache).add_head("new", head_source, distribution="qplug-twice")
    monkeypatch.syspath_prepend(str(first))
    assert [offer.name for offer in offers() if offer.provider == "qplug-twice"] == ["new"]
    (info,) = first.glob("*.dist-info")
    (info / "entry_points.txt").write_text("", "utf-8")
    os.utime(first, ns=(1, 1))
    assert [offer.name for offer in offers() if offer.provider == "qplug-twice"] == []
