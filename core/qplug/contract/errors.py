"""Every error that qplug raises on purpose.

    QplugError                  exit code 1: a failure of ours or of the world
    ├── UserError               exit code 2: something the user asked for cannot be done as asked
    │   ├── UnknownName         a component, parameter, split or key that does not exist, with near ones
    │   ├── ParameterError      a parameter's value has the wrong type or lies outside its range
    │   ├── ConfigError         a run configuration that is unreadable or contradicts itself
    │   ├── DataError           files that are missing, damaged or not in the expected layout
    │   ├── LeakError           a split in which one group stands in two parts
    │   ├── CircuitError        a circuit that is malformed or cannot be expressed
    │   ├── NotSupported        a combination of components that cannot work together
    │   └── NotInstalled        a component whose packages are missing, with the command that installs them
    ├── PluginError             a plugin that is quarantined, or that broke the contract when it was called
    └── Interrupted             exit code 128 + signal: the work was stopped; what was kept and how to go on

``Stopped``, a KeyboardInterrupt, is how a signal leaves the code that it interrupts; it becomes ``Interrupted`` where
something can be said of what was kept.

A message says what was asked, what was got, what is possible and what to do next, in one paragraph.
"""

from __future__ import annotations

import difflib
import signal
import sys
from collections.abc import Iterable, Sequence

from qplug.contract.addresses import redacted


def some_of(entries: Sequence[str], most: int) -> str:
    """The first ``most`` entries in one line, and how many more there are."""
    more = f", and {len(entries) - most} more" if len(entries) > most else ""
    return ", ".join(entries[:most]) + more


class QplugError(Exception):
    """A failure of qplug or of the world around it; the command line exits with 1.

    Passwords in the addresses that its message holds are hidden.
    """

    exit_code = 1

    def __str__(self) -> str:
        return redacted(super().__str__())


class UserError(QplugError):
    """A request that cannot be carried out as asked; the command line exits with 2."""

    exit_code = 2


class UnknownName(UserError):
    """A name that does not exist where it was looked up."""

    @classmethod
    def of(cls, what: str, name: str, known: Iterable[str], *, advice: str = "") -> UnknownName:
        """The error for ``name``, with the nearest of the ``known`` names and what else there is.

        Args:
            what: the kind of thing that was looked up, such as ``"head"``.
            name: what the user wrote.
            known: all names that exist there.
            advice: what to do next, such as ``"All heads: qplug list heads"``.
        """
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
        hint = f" Did you mean {' or '.join(repr(near) for near in close)}?" if close else ""
        there = advice or (f"There is: {', '.join(names)}." if names else "There is none.")
        return cls(f"no {what} is called {name!r}.{hint} {there}")


class ParameterError(UserError):
    """A parameter whose value has the wrong type or lies outside its range."""


class ConfigError(UserError):
    """A run configuration that cannot be read or contradicts itself."""


class DataError(UserError):
    """Files that are missing, damaged or not in the layout that the data set expects.

    Attributes:
        reason: of one file alone: what is wrong with it, without its name and without what to do; else empty.
    """

    reason = ""

    @classmethod
    def of_file(cls, file: object, reason: str) -> DataError:
        """The error for one file of a data set, which can be left out.

        Args:
            file: its path, or what else names it.
            reason: what is wrong, as a phrase such as ``"holds no samples"``.
        """
        error = cls(f"{file}: {reason}. Replace or remove the file, or go on without it: --on-bad-file skip")
        error.reason = reason
        return error


class LeakError(UserError):
    """A split in which one group (speaker, recording, artist) stands in two parts."""


class CircuitError(UserError):
    """A circuit that is malformed, or that cannot be expressed in the contract."""


class NotSupported(UserError):
    """Components that work alone but not together, such as more qubits than a backend has."""


class NotInstalled(UserError):
    """A component whose packages are missing."""


class PluginError(QplugError):
    """A plugin that is quarantined, or that returned what its interface does not allow."""

    at_fault: object = None
    """The object of the plugin's that did it, where it is known."""


class Stopped(KeyboardInterrupt):
    """A signal that ends the process, by its ``number``."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        return signal.Signals(self.number).name


class Interrupted(QplugError):
    """The work was stopped by Ctrl-C or another signal. The message says what was kept and how to go on.

    Attributes:
        number: the signal's number: that of the exception which is being handled where this one is made.
    """

    def __init__(self, *words: object) -> None:
        super().__init__(*words)
        self.number = signal_of(sys.exception())
        self.exit_code = 128 + self.number


def signal_of(error: BaseException | None) -> int:
    """The number of the signal behind an exception; that of Ctrl-C if it carries none."""
    return int(getattr(error, "number", signal.SIGINT))
