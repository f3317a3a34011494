"""Commands that plugins add to ``qplug``."""

import os
import subprocess
import sys

import pytest

from qplug import catalogue
from qplug.catalogue.offers import OWN_COMMANDS
from qplug_cli import main

WEATHER = """
    summary = "Tell the weather."

    import typer
    from qplug.contract.errors import UserError
    from qplug.contract.hooks import hookimpl

    @hookimpl
    def register_commands(app):
        @app.command()
        def weather(place: str, json: bool = False) -> None:
            "Tell the weather of a place."
            if place == "nowhere":
                raise UserError("nowhere has no weather; name a place.")
            if place == "everywhere":
                raise typer.Exit(5)
            print({"of": place} if json else f"rain in {place}", 1 / len(place.strip("!")))

        more = typer.Typer()
        more.command("wet")(lambda: print("very wet"))
        more.command("dry")(lambda: print("very dry"))
        app.add_typer(more, name="climate")
"""
FAULTS = {
    "raises": ("raise OSError('no sky')", "its hook register_commands raised OSError: no sky"),
    "ends": ("raise SystemExit(3)", "its hook register_commands raised SystemExit: 3"),
    "adds-others": (
        "app.command('sun')(print)",
        "its hook register_commands registers no command 'adds-others'; those that it registers: 'sun'",
    ),
}


@pytest.fixture
def weather(site, monkeypatch):
    """Two plugins: one has a command and a group, the other takes a name of ours and fails in three ways."""
    commands = {"weather": "weather_plugin", "climate": "weather_plugin"}
    site.add("qplug-weather", {"qplug.commands": commands}, {"weather_plugin": WEATHER}, version="2.1")
    modules = {
        f"bad_{name.replace('-', '_')}": "from qplug.contract.hooks import hookimpl\n"
        f"@hookimpl\ndef register_commands(app):\n    {body}\n"
        for name, (body, _) in FAULTS.items()
    }
    announced = {name: f"bad_{name.replace('-', '_')}" for name in FAULTS}
    site.add("qplug-bad", {"qplug.commands": {"runs": "weather_plugin", **announced}}, modules)
    monkeypatch.setenv("COLUMNS", "200")
    return site


def said(capsys, *words):
    """The exit code, what a command printed, and what it said, without a process of its own."""
    code = main._exit_code([*words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_help_names_the_commands_of_plugins_and_imports_none(weather, capsys, caplog) -> None:
    _, out, _ = said(capsys, "--help")
    assert "Commands of plugins" in out
    assert " weather " in out
    assert " climate " in out
    assert "From qplug-weather." in out
    assert [record.getMessage() for record in caplog.records] == [
        "The command 'runs' of qplug-bad 1.0 is left out: the name 'runs' belongs to qplug itself; use it after its "
        "author renamed it, or disable one of them."
    ]
    assert "weather_plugin" not in sys.modules


def test_a_plugin_s_command_runs_as_one_of_ours_and_one_that_fails_is_quarantined(weather, capsys, caplog) -> None:
    assert said(capsys, "weather", "Oslo") == (0, "rain in Oslo 0.25\n", "")
    assert said(capsys, "climate", "wet")[:2] == (0, "very wet\n")
    assert said(capsys, "weather", "everywhere")[0] == 5
    assert said(capsys, "weather", "nowhere") == (2, "", "qplug: nowhere has no weather; name a place.\n")
    code, _, err = said(capsys, "weather")
    assert (code, "Missing argument 'place'" in err) == (2, True)
    code, _, err = said(capsys, "weather", "!")
    assert (code, "the command 'weather' of qplug-weather 2.1 failed (ZeroDivisionError" in err) == (1, True)
    assert "Did you mean 'weather'" in said(capsys, "wether")[2]

    for name, (_, reason) in FAULTS.items():
        code, _, err = said(capsys, name)
        assert code == 1
        assert f"command '{name}' from qplug-bad 1.0 is quarantined: {reason}" in err
    assert "Tell the weather." in said(capsys, "--help")[1]  # it was tried meanwhile
    left_out = {record.args[0]: record.args[3] for record in caplog.records if "left out" in record.msg}
    assert left_out.keys() == {*FAULTS, "runs"}
    assert said(capsys, "recipes")[0] == 0

    rows = {row.name: row for row in catalogue.entries("command")}
    assert rows["weather"].status == "ready"
    assert rows["runs"].status == "quarantined"
    assert rows["runs"].provider == "qplug-bad"


def test_a_disabled_plugin_s_command_is_not_used(weather, capsys, monkeypatch) -> None:
    monkeypatch.setenv("QPLUG_DISABLE", "qplug-weather,qplug-bad")
    assert "weather" not in said(capsys, "--help")[1]
    code, _, err = said(capsys, "weather", "Oslo")
    assert (code, "command 'weather' is disabled by 'qplug-weather' in QPLUG_DISABLE" in err) == (2, True)


def test_json_of_a_plugin_s_command_reaches_stdout(weather) -> None:
    words = [sys.executable, "-m", "qplug_cli", "weather", "Oslo", "--json"]
    done = subprocess.run(words, env=os.environ | weather.environment, capture_output=True, text=True, check=True)
    assert done.stdout == "{'of': 'Oslo'} 0.25\n"


def test_names_of_our_commands_are_those_that_no_plugin_may_take() -> None:
    assert tuple(main.COMMANDS) == OWN_COMMANDS


def test_hooks_that_follow_runs_and_commands_are_announced_each_in_its_group(site) -> None:
    source = WEATHER + "\n    @hookimpl\n    def run_ended(run): ...\n"
    both = {"qplug.hooks": {"diary": "both_plugin"}, "qplug.commands": {"weather": "both_plugin"}}
    site.add("qplug-both", both, {"both_plugin": source})
    site.add("qplug-wrong", {"qplug.hooks": {"lost": "lost_plugin"}}, {"lost_plugin": WEATHER})
    rows = {(row.kind, row.name): row for row in catalogue.entries() if row.provider in ("qplug-both", "qplug-wrong")}
    assert {key: row.status for key, row in rows.items()} == {
        ("hook", "diary"): "ready",
        ("command", "weather"): "ready",
        ("hook", "lost"): "quarantined",
    }
    assert "commands are announced in the group qplug.commands" in rows["hook", "lost"].reason
