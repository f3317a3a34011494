"""The ``qplug`` command: finds the subcommand, runs it, and turns what it raises into an exit code."""

from __future__ import annotations

import atexit
import contextlib
import inspect
import logging
import os
import sys
from importlib import import_module
from io import FileIO
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from qplug.contract.errors import Interrupted, PluginError, QplugError, Stopped
from qplug.lab.stopping import heard, heeding_signals
from qplug_cli import completion, errors, garbage, output
from qplug_cli.plain_help import PlainCommand, PlainGroup
from qplug_cli.visible import VisibleFormatter

if TYPE_CHECKING:
    from qplug.catalogue import Entry

_log = logging.getLogger("qplug")

COMMANDS = {
    "run": ("qplug_cli.commands.run:run", "Assemble a pipeline by name, train it and judge it."),
    "compare": (
        "qplug_cli.commands.compare:compare",
        "Find out whether a head is better than others, with intervals and verdicts.",
    ),
    "cards": ("qplug_cli.commands.cards:cards", "Published claims, by name, that can be put to the test."),
    "reproduce": (
        "qplug_cli.commands.reproduce:reproduce",
        "Re-test a published claim, by its own protocol and by one that holds.",
    ),
    "resume": ("qplug_cli.commands.resume:resume", "Go on with an interrupted run."),
    "evaluate": (
        "qplug_cli.commands.evaluate:evaluate",
        "Judge a finished run again, on another backend or data set.",
    ),
    "predict": ("qplug_cli.commands.predict:predict", "Class probabilities for new files, from a finished run."),
    "report": ("qplug_cli.commands.report:report", "A finished run as one HTML file."),
    "export": ("qplug_cli.commands.export:export", "A finished run as safetensors, OpenQASM 3 or ONNX."),
    "verify": ("qplug_cli.commands.verify:verify", "Whether a run's files are what the run wrote."),
    "replay": ("qplug_cli.commands.replay:replay", "Derive every number of a run or comparison again."),
    "pack": ("qplug_cli.commands.pack:pack", "A finished run or comparison as one file to hand over."),
    "runs": ("qplug_cli.commands.runs:runs", "Past runs with their test metrics."),
    "jobs": ("qplug_cli.commands.jobs:jobs", "Work that runs have sent to devices, and stopping it."),
    "data": ("qplug_cli.commands.data:app", "Data sets: what there is, get them, check them, look into them."),
    "bench": ("qplug_cli.commands.bench:bench", "Time a quantum head on every backend, and beside other libraries."),
    "diagnose": ("qplug_cli.commands.diagnose:diagnose", "What a quantum head can be expected to do, before training."),
    "recipes": ("qplug_cli.commands.recipes:recipes", "Whole pipelines by name."),
    "list": ("qplug_cli.commands.list:list_components", "Show every known component and whether it is ready."),
    "plugins": ("qplug_cli.commands.plugins:plugins", "Show which distributions bring components and hooks."),
    "search": ("qplug_cli.commands.search:search", "Find components by names, summaries and papers."),
    "show": ("qplug_cli.commands.show:show", "Explain one component: parameters, capabilities, circuit."),
    "check": ("qplug_cli.commands.check:check", "Find out whether a component keeps every promise of its kind."),
    "new": ("qplug_cli.commands.new:app", "Begin a plugin: a whole package that is right from the start."),
    "explain": ("qplug_cli.commands.explain:explain", "Draw a pipeline: shapes, parameters, where randomness enters."),
    "registry": ("qplug_cli.commands.registry:app", "Check entries before they are proposed for the registry."),
    "cache": ("qplug_cli.commands.cache:cache", "What is kept to save time, how large it is, and emptying it."),
    "doctor": ("qplug_cli.commands.doctor:doctor", "Examine this installation and say what to do."),
    "completion": ("qplug_cli.commands.completion:completion", "Let a shell complete commands, options and names."),
}
"""Each subcommand: its function, or a Typer app with further commands, and its line in ``qplug --help``. A command's
module is imported when it is used; its ``EXAMPLES``, Markdown, stand at the end of its help."""

EXAMPLES = """
[bold]Examples[/]

[cyan]qplug run[/] – a first hybrid classifier, in a minute, without download

[cyan]qplug list heads[/] – what can be named after --head

[cyan]qplug show head pennylane-pqc[/] – its parameters and its circuit
"""

PATIENCE = 1.0
"""Seconds that threads left by plugins get to end by themselves."""


class LazyGroup(PlainGroup):
    """A group of commands, each imported when it is used and not before; those of plugins too."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands, in the order of ``COMMANDS``, then those of plugins that may be used."""
        return [*COMMANDS, *(row.name for row in self._brought(ctx) if row.status == "ready")]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; only its name and its line of help while the group's own help is written."""
        if ctx.meta.get("qplug.brief"):
            return _in_brief(cmd_name)
        if cmd_name in COMMANDS:
            return _command(cmd_name)
        return _of_plugin(cmd_name) if cmd_name in {row.name for row in self._brought(ctx)} else None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The group's help, for which no command is imported."""
        ctx.meta["qplug.brief"] = True
        super().format_help(ctx, formatter)
        for row in self._brought(ctx):
            if row.status == "quarantined":
                _log.warning(
                    "The command %r of %s %s is left out: %s.", row.name, row.provider, row.version, row.reason
                )

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """The commands and options that begin so, for which no command is imported."""
        ctx.meta["qplug.brief"] = True
        return super().shell_complete(ctx, incomplete)

    def _brought(self, ctx: Any) -> list[Entry]:
        """The commands of plugins, looked for once."""
        if "qplug.brought" not in ctx.meta:
            ctx.meta["qplug.brought"] = plugin_commands()
        rows: list[Entry] = ctx.meta["qplug.brought"]
        return rows

    def invoke(self, ctx: Any) -> Any:
        """Runs the command. An interruption leaves as itself, not as one of Typer's exit codes."""
        garbage.look()  # the door had switched it off
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, BrokenPipeError) as error:
            raise _Passed(error) from error
        except Exception as error:
            if _is_fault_of_plugin(ctx.invoked_subcommand, error):
                raise _failed(ctx.invoked_subcommand, error) from error
            raise


class _Passed(Exception):
    """Carries an exception past Typer, which has its own ideas about some."""

    def __init__(self, inner: BaseException) -> None:
        super().__init__()
        self.inner = inner


def _command(name: str) -> Any:
    module_name, function_name = COMMANDS[name][0].split(":")
    module = import_module(module_name)
    if isinstance(group := getattr(module, function_name), typer.Typer):
        return typer.main.get_command(group)
    alone = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    examples = inspect.cleandoc(getattr(module, "EXAMPLES", ""))
    alone.command(name, cls=PlainCommand, epilog=examples or None)(getattr(module, function_name))
    return typer.main.get_command(alone)


def plugin_commands() -> list[Entry]:
    """The commands that installed plugins announce. None is imported, and where there are none, nothing is loaded."""
    if not _are_announced():
        return []
    from qplug import catalogue

    return catalogue.entries("command", probe_new=False)


def _are_announced() -> bool:
    # A look into the files: to load what reads them in full takes ten times as long as the rest of a help page's work.
    for folder in dict.fromkeys(sys.path):
        with contextlib.suppress(OSError), os.scandir(folder or ".") as found:
            if any(entry.name.endswith("-info") and _announces_a_command(entry.path) for entry in found):
                return True
    return False


def _announces_a_command(distribution: str) -> bool:
    with contextlib.suppress(OSError), FileIO(f"{distribution}/entry_points.txt") as file:
        return b"qplug.commands" in file.read()
    return False


def _in_brief(name: str) -> TyperCommand:
    if name in COMMANDS:
        return TyperCommand(name, help=COMMANDS[name][1])
    row = next(row for row in plugin_commands() if row.name == name and row.status == "ready")
    return TyperCommand(name, help=row.summary or f"From {row.provider}.", rich_help_panel="Commands of plugins")


def _of_plugin(name: str) -> Any:
    from qplug import catalogue

    return catalogue.command(name)


def _is_fault_of_plugin(name: str | None, error: Exception) -> bool:
    """Whether a plugin's command has raised what it should have said in another way."""
    told = isinstance(error, QplugError | typer.Exit | typer.Abort) or hasattr(error, "format_message")
    return not told and name is not None and name not in COMMANDS


def _failed(name: str, error: Exception) -> PluginError:
    row = next(row for row in plugin_commands() if row.name == name)
    words = " ".join(str(error).split())
    return PluginError(
        f"the command {name!r} of {row.provider} {row.version} failed ({type(error).__name__}: {words}), which is a "
        "fault of that plugin. QPLUG_DEBUG=1 shows where."
    )


def _version(asked: bool) -> None:
    if asked:
        from qplug.version import __version__

        sys.stdout.write(f"qplug {__version__}\n")
        raise typer.Exit


def _debug(asked: bool) -> None:
    if asked:
        os.environ["QPLUG_DEBUG"] = "1"


app = typer.Typer(cls=LazyGroup, rich_markup_mode="rich", add_completion=False)


@app.callback(
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    epilog=inspect.cleandoc(EXAMPLES),
)
def _qplug(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", callback=_debug, is_eager=True, help="Show tracebacks. Also: QPLUG_DEBUG=1.")
    ] = False,
) -> None:
    """Hybrid quantum-classical classification of audio and images, assembled by name."""
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")


def run(arguments: list[str] | None = None) -> None:
    """Runs the command line and ends the process: 0 done, 2 the user's mistake, 1 a failure, 128 + a signal.

    Args:
        arguments: the words after ``qplug``; None for those of this process.
    """
    words = sys.argv[1:] if arguments is None else arguments
    # Typer loads pydantic, which would read every installed distribution in search of plugins for itself.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Lightning's metrics import ONNX Runtime where it is installed, which reports its use over the network.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    if completion.is_asked():
        completion.run(typer.main.get_command(app))
    if "--json" in words and next((word for word in words if word[:1] != "-"), "") in COMMANDS:
        output.reserve_stdout()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(VisibleFormatter("%(message)s"))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("qplug").setLevel(logging.INFO)
    with heeding_signals():
        code = _exit_code(words)
    _end_in_spite_of_threads(code)
    sys.exit(code)


def _end_in_spite_of_threads(code: int) -> None:
    """Ends the process where a plugin's thread would keep it for ever; a thread gets a moment to end by itself."""
    module = sys.modules.get("qplug.catalogue.footprint")  # not there: no plugin was imported
    threads = module.lingering if module else []
    for thread in threads:
        thread.join(PATIENCE / len(threads))
    alive = [thread.name for thread in threads if thread.is_alive()]
    if not alive:
        return
    logging.getLogger("qplug").warning(
        "Not waiting for threads that plugins started when they were imported: %s", ", ".join(alive)
    )
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _exit_code(words: list[str]) -> int:
    try:
        return _command_line(words)
    except KeyboardInterrupt as error:  # while another end was told
        return errors.explain(error)


def _command_line(words: list[str]) -> int:
    try:
        code = typer.main.get_command(app).main(args=words, prog_name="qplug", standalone_mode=False)
        sys.stdout.flush()
    except _Passed as passed:
        return errors.explain(passed.inner)
    except SystemExit as end:  # none of our own: a plugin's
        return errors.explain(Stopped(heard()) if heard() else end)
    except BaseException as error:
        # Where an import is interrupted, the exception that comes out may be another.
        stopped = heard() and not isinstance(error, Interrupted | KeyboardInterrupt)
        return errors.explain(Stopped(heard()) if stopped else error)
    return code if isinstance(code, int) else 0
