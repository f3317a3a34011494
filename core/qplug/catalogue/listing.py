"""Installed and known, merged: the rows of the catalogue, and one component by name."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from qplug import installation, variables
from qplug.catalogue.entry import Entry
from qplug.catalogue.offers import GROUPS, OWN_COMMANDS, Offer, offers, peer_offers, same_distribution
from qplug.catalogue.registry import Known, registry
from qplug.catalogue.standard_output import stdout_to_stderr
from qplug.catalogue.unannounced import code_entry, file_entry, is_code, load_code
from qplug.catalogue.verdicts import Verdict, recall, remember
from qplug.contract.errors import NotInstalled, PluginError, UnknownName, UserError
from qplug.contract.kinds import KINDS
from qplug.installation import canonical

if TYPE_CHECKING:
    from typer.core import TyperCommand, TyperGroup

    from qplug.contract.interfaces import Component
    from qplug.hooks import Hooks

_log = logging.getLogger("qplug")
_LATE = "; asked for by name it loads all the same, and QPLUG_IMPORT_LIMIT=SECONDS gives it more time"
_ORDER = {"ready": 0, "needs-extra": 1, "not-installed": 2, "disabled": 3, "quarantined": 4}


def entries(kind: str | None = None, *, probe_all: bool = False, probe_new: bool = True) -> list[Entry]:
    """All components that are installed or known, by kind and name; a name claimed twice has a row per offer.

    No plugin is imported into this process. A plugin that the registry does not vouch for is tried once in a process
    of its own, and the verdict is remembered until something changes.

    Args:
        kind: one of ``KINDS``, ``"hook"`` or ``"command"``; None for all of them.
        probe_all: try every installed plugin again, those included that the registry vouches for.
        probe_new: try those of which nothing is known yet; else they stand as ready.

    Raises:
        UnknownName: there is no such kind.
    """
    if kind is not None and kind not in GROUPS:
        raise UnknownName.of("kind", kind, GROUPS)
    found = [offer for offer in offers() if kind in (None, offer.kind)]
    return [row for row, _ in _pairs(found, _known(kind), probe_all=probe_all, probe_new=probe_new)]


def entry(kind: str, name: str) -> Entry:
    """The row of one component: where several distributions offer its name, the one that may be used.

    Raises:
        UnknownName: no such kind, or nothing of that kind has that name; with near ones.
    """
    if kind not in GROUPS:
        raise UnknownName.of("kind", kind, GROUPS)
    return code_entry(kind, name) if is_code(name) else _find(kind, name)[0]


def load(kind: str, name: str) -> type[Component]:
    """The class of one component, imported and checked.

    Args:
        kind: one of ``KINDS``.
        name: as in ``qplug list``, or ``module:Class``.

    Raises:
        UnknownName: no such kind or name, with near ones.
        NotInstalled: it is known, but it or its packages are missing; with the command that installs them.
        PluginError: it is quarantined; with the reason and the distribution.
        UserError: the user disabled it.
    """
    if kind not in KINDS:
        raise UnknownName.of("kind", kind, KINDS)
    loaded: type[Component] = load_code(kind, name) if is_code(name) else load_any(kind, name)
    return loaded


def load_any(kind: str, name: str) -> Any:
    """What is announced under that name, of any group: as ``load``, and hooks and commands too."""
    row, offer = _find(kind, name)
    # Of what the registry vouches for, a failure that was noted may have been of the moment; slowness always is.
    again = row.status == "quarantined" and offer is not None and (_is_vouched(offer) or _was_late(offer))
    if not again:
        _refuse(row)
    assert offer is not None  # what is ready is installed
    loaded = _import(row, offer)
    if again:
        remember({offer: Verdict(True)})
    return loaded


def command(name: str) -> TyperCommand | TyperGroup:
    """The command of that name that a plugin brings, registered by its hook.

    Raises:
        UnknownName: no plugin announces it.
        PluginError: it is quarantined; with the reason and the distribution.
        UserError: the user disabled it.
    """
    from qplug.hooks import command_of

    return command_of(load_any("command", name), name)


def hooks(asked: Iterable[str] = ()) -> Hooks:
    """The installed hook plugins, ready for one run: of each class that is announced an object is made.

    Those that lack their packages or are disabled are left out; those that cannot be loaded too, with a warning. One
    whose class says ``by_name_only = True``, as those that write into other people's tools do, takes part where it is
    asked for.

    Args:
        asked: those without which there shall be no run.

    Raises:
        UserError: one that is asked for does not exist, lacks its packages, or is disabled.
    """
    from qplug.hooks import Hooks, made

    asked = tuple(asked)
    for name in asked:
        _refuse(_find("hook", name)[0])
    taking_part = Hooks()
    claimed = [offer for offer in offers() if offer.kind == "hook"]
    for row, offer in _pairs(claimed, _known("hook")):
        if offer is None or row.status in ("disabled", "needs-extra"):
            continue
        try:
            _refuse(row)
            plugin = _import(row, offer)
            if getattr(plugin, "by_name_only", False) is True and offer.name not in asked:
                continue
            taking_part.register(made(plugin), f"{offer.name} ({offer.provider})")
        except PluginError as error:
            _log.warning("%s", error)
    return taking_part


_without: ContextVar[tuple[str, ...] | None] = ContextVar("without", default=None)


@contextmanager
def without(names: Iterable[str]) -> Iterator[None]:
    """Inside, just these plugins are not used, whatever ``QPLUG_DISABLE`` says; named as for ``disable``."""
    token = _without.set(tuple(names))
    try:
        yield
    finally:
        _without.reset(token)


def disable(names: Iterable[str]) -> None:
    """Disables plugins for this process and those it starts, by way of ``QPLUG_DISABLE``.

    Args:
        names: distributions (``qplug-foo``), components (``foo``), or components with their kind (``head:foo``).

    Raises:
        UnknownName: nothing installed has that name, with near ones.
    """
    installed = [*offers(), *peer_offers()]
    known = {word for offer in installed for word in (offer.provider, offer.name, f"{offer.kind}:{offer.name}")}
    for name in names:
        if not any(_is_named(offer, name) for offer in installed):
            raise UnknownName.of("plugin", name, known, advice="All plugins and their providers: qplug list")
        variables.disable(name)


# Rows


def _known(kind: str | None) -> dict[tuple[str, str], Known]:
    return {key: known for key, known in registry().components.items() if kind in (None, key[0])}


def _pairs(
    found: Sequence[Offer],
    known: Mapping[tuple[str, str], Known],
    *,
    probe_all: bool = False,
    probe_new: bool = True,
) -> list[tuple[Entry, Offer | None]]:
    """Rows with the offers behind them; a known component that is not installed has none."""
    settled = _settle_without_import(found, known)
    open_questions = [offer for offer in found if offer not in settled]
    verdicts = _verdicts(open_questions, known, probe_all=probe_all) if probe_new else recall(open_questions)
    pairs: list[tuple[Entry, Offer | None]] = [
        (settled.get(offer) or _judged(offer, known.get((offer.kind, offer.name)), verdicts.get(offer)), offer)
        for offer in found
    ]
    claimed = {(offer.kind, offer.name) for offer in found}
    pairs += [(_absent(entry), None) for key, entry in known.items() if key not in claimed]
    kinds = list(GROUPS)
    return sorted(pairs, key=lambda pair: (kinds.index(pair[0].kind), pair[0].name, _ORDER[pair[0].status]))


def _settle_without_import(found: Sequence[Offer], known: Mapping[tuple[str, str], Known]) -> dict[Offer, Entry]:
    """Rows of offers about which all is clear from names alone: disabled, clashing, or without their packages."""
    settled = {offer: _row(offer, "disabled", reason=word) for offer in found if (word := disabled_by(offer))}
    active = [offer for offer in found if offer not in settled]
    for key, group in groupby(active, key=lambda offer: (offer.kind, offer.name)):
        rivals, owner = list(group), known.get(key)
        for offer in rivals:
            if row := _clash(offer, rivals, owner) or _lacking(offer, owner) or file_entry(offer):
                settled[offer] = row
    return settled


def disabled_by(offer: Offer) -> str:
    """The word by which the user disabled it, in a sentence; empty if none did."""
    told = _without.get()
    words = variables.disabled() if told is None else told
    own = next((word for word in words if word and _is_named(offer, word)), "")
    return f"disabled by {own!r} in QPLUG_DISABLE or --no-plugin" if own else ""


def _is_vouched(offer: Offer) -> bool:
    owner = registry().components.get((offer.kind, offer.name))
    return owner is not None and same_distribution(owner.provider, offer.provider)


def _was_late(offer: Offer) -> bool:
    verdict = recall([offer]).get(offer)
    return verdict is not None and verdict.momentary


def _is_named(offer: Offer, word: str) -> bool:
    return word in (offer.name, f"{offer.kind}:{offer.name}") or same_distribution(word, offer.provider)


def _clash(offer: Offer, rivals: Sequence[Offer], owner: Known | None) -> Entry | None:
    """A name has one owner: whom the registry says, however many offer it. Without one, nobody gets a disputed name."""
    if offer.kind == "command" and offer.name in OWN_COMMANDS:
        reason = f"the name {offer.name!r} belongs to qplug itself"
    elif owner is not None:
        if same_distribution(offer.provider, owner.provider):
            return None
        reason = f"the name {offer.name!r} belongs to {owner.provider}"
    elif len(rivals) > 1:
        names = " and ".join(sorted({f"{rival.provider} {rival.version}".strip() for rival in rivals}))
        reason = f"the name {offer.name!r} is claimed more than once, by {names}"
    else:
        return None
    return _row(offer, "quarantined", reason=f"{reason}; use it after its author renamed it, or disable one of them")


def _lacking(offer: Offer, owner: Known | None) -> Entry | None:
    missing = owner.missing() if owner else []
    if owner is None or not missing:
        return None
    return _row(offer, "needs-extra", owner, reason=f"needs {', '.join(missing)}", install=owner.install)


def _absent(known: Known) -> Entry:
    ours = same_distribution(known.provider, "qplug")
    missing = known.missing()
    return Entry(
        kind=known.kind,
        name=known.name,
        status="needs-extra" if ours and missing else "not-installed",
        provider=known.provider,
        summary=known.summary,
        reason=f"needs {', '.join(missing)}"
        if missing
        else ""
        if not ours
        else "this installation does not announce it",
        install=known.install if missing or not ours else installation.reinstall(),
        paper=known.paper,
        licence=known.licence,
        homepage=known.homepage,
    )


def _verdicts(
    open_questions: Sequence[Offer], known: Mapping[tuple[str, str], Known], *, probe_all: bool
) -> dict[Offer, Verdict]:
    held = {} if probe_all else recall(open_questions)
    untried = [
        offer for offer in open_questions if probe_all or (offer not in held and (offer.kind, offer.name) not in known)
    ]
    if untried:
        from qplug.catalogue.probe import probe

        providers = {canonical(offer.provider) for offer in untried}
        _log.info("Trying plugins of %s …", ", ".join(sorted(providers)))
        new = probe([*untried, *_companions(untried, providers)])
        remember(new)
        held |= new
    return held


def _companions(untried: Sequence[Offer], providers: Collection[str]) -> list[Offer]:
    """What else the providers announce and nobody vouches for: tried along, so that a command waits for them once."""
    others = [offer for offer in offers() if canonical(offer.provider) in providers and offer not in untried]
    others = [offer for offer in others if not _is_vouched(offer) and not disabled_by(offer)]
    held = recall(others)
    return [offer for offer in others if offer not in held]


def _judged(offer: Offer, owner: Known | None, verdict: Verdict | None) -> Entry:
    if verdict is None:
        return _row(offer, "ready", owner)
    late = "" if verdict.ok or not verdict.momentary else _LATE
    row = _row(offer, "ready" if verdict.ok else "quarantined", owner, reason=verdict.reason + late)
    return row if row.summary else replace(row, summary=verdict.summary)


def _row(offer: Offer, status: Any, owner: Known | None = None, *, reason: str = "", install: str = "") -> Entry:
    return Entry(
        kind=offer.kind,
        name=offer.name,
        status=status,
        provider=offer.provider,
        version=offer.version,
        target=offer.target,
        reason=reason,
        install=install,
        summary=owner.summary if owner else "",
        paper=owner.paper if owner else "",
        licence=owner.licence if owner else "",
        homepage=owner.homepage if owner else "",
    )


# One by name


def _find(kind: str, name: str) -> tuple[Entry, Offer | None]:
    everything = offers()
    found = [offer for offer in everything if (offer.kind, offer.name) == (kind, name)]
    known = {key: entry for key, entry in _known(kind).items() if key == (kind, name)}
    if not found and not known:
        raise _unknown(kind, name, everything)
    return min(_pairs(found, known), key=lambda pair: _ORDER[pair[0].status])


def _unknown(kind: str, name: str, everything: Sequence[Offer]) -> UnknownName:
    names = {(offer.kind, offer.name) for offer in everything} | registry().components.keys()
    elsewhere = sorted(other for other, known in names if known == name)
    hint = f"There is a {' and a '.join(elsewhere)} of that name. " if elsewhere else ""
    return UnknownName.of(
        kind, name, {known for other, known in names if other == kind}, advice=f"{hint}All of them: qplug list {kind}"
    )


def _refuse(row: Entry) -> None:
    what = f"{row.kind} {row.name!r}"
    match row.status:
        case "needs-extra":
            raise NotInstalled(f"{what} {row.reason}, not installed here. Install what it needs with: {row.install}")
        case "not-installed":
            why = f" ({row.reason})" if row.reason else ""
            raise NotInstalled(
                f"{what} comes with {row.provider}, which is not installed{why}. Install it with: {row.install}"
            )
        case "disabled":
            raise UserError(f"{what} is {row.reason}. Take it out there to use it.")
        case "quarantined":
            raise _quarantined(row, row.reason)


def _quarantined(row: Entry, reason: str) -> PluginError:
    whose = f"{row.provider} {row.version}".strip()
    return PluginError(
        f"{row.kind} {row.name!r} from {whose} is quarantined: {reason}. "
        "Everything else works; once it is repaired: qplug doctor"
    )


def _import(row: Entry, offer: Offer) -> Any:
    from qplug.catalogue.footprint import lingering
    from qplug.catalogue.loading import import_watched

    try:
        with stdout_to_stderr():
            found, left = import_watched(offer)
    except PluginError as error:
        remember({offer: Verdict(False, str(error))})
        raise _quarantined(row, str(error)) from error
    for remark in left.remarks:
        _log.warning("%s %r from %s %s %s.", row.kind, row.name, row.provider, row.version, remark)
    lingering.extend(left.threads)
    return found
