"""The same circuit through other libraries, as their users call them: what plugins announce in ``qplug.peers``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from qplug import catalogue
from qplug.bench.candidates import Candidate
from qplug.bench.problem import Problem
from qplug.bench.timing import Step


@dataclass(frozen=True, kw_only=True, eq=False)
class Peer:
    """Another library that differentiates a circuit by the circuit's own angles.

    A plugin announces one by the name under which it stands in the results; the module that holds it imports the
    library only when ``prepare`` is called.

    Attributes:
        prepare: makes the call that is timed; it raises where the problem is beyond the library, before computing.
        requires: the top-level modules without which it does not take part.
        packages: the distributions whose versions stand in the results; empty: those named as the modules.
        compiles: whether it compiles anew for every problem, so that a first call says nothing about its speed.
        patient: whether one call takes so long that it is only tried in the smallest case, unless asked.
    """

    prepare: Callable[[Problem], Step]
    requires: tuple[str, ...]
    packages: tuple[str, ...] = ()
    compiles: bool = False
    patient: bool = False

    def missing(self) -> str:
        """What it requires and is not installed; nothing is imported to learn that."""
        return " and ".join(module for module in self.requires if find_spec(module) is None)


def peers() -> tuple[list[Candidate], dict[str, str]]:
    """The peers that are installed, those that take long last, and the reason for those that are not here."""
    found, left_out = _announced()
    left_out |= {name: f"{peer.missing()} is not installed" for name, peer in found.items() if peer.missing()}
    here = sorted((name for name in found if name not in left_out), key=lambda name: (found[name].patient, name))
    return [_candidate(name, found[name]) for name in here], left_out


def packages() -> list[str]:
    """The distributions that peers come from."""
    found, _ = _announced()
    return [package for peer in found.values() for package in peer.packages or peer.requires]


def _announced() -> tuple[dict[str, Peer], dict[str, str]]:
    found, left_out = catalogue.peers()
    left_out |= {name: f"{peer!r} is no Peer" for name, peer in found.items() if not isinstance(peer, Peer)}
    return {name: peer for name, peer in found.items() if name not in left_out}, left_out


def _candidate(name: str, peer: Peer) -> Candidate:
    return Candidate(name, peer.prepare, "circuit", compiles=peer.compiles, patient=peer.patient)
