"""Which checks a component is given: by its kind, and by what it declares."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from qplug.contract.interfaces import (
    Backbone,
    Backend,
    Component,
    Dataset,
    Executor,
    FeatureExtractor,
    Head,
    QuantumHead,
    Reducer,
    RemoteBackend,
)
from qplug.testing.conformance.check import Act, Check, raised, require
from qplug.testing.conformance.every import interface_checks
from qplug.testing.conformance.setting import DEFAULT, Setting


def checks_for(component: object, setting: Setting = DEFAULT) -> list[Check]:
    """The checks of one component, in the order in which they are best read.

    Args:
        component: of any kind; a hook plugin is a module, a class or an object.
        setting: what it is tried with.
    """
    if isinstance(component, Component):
        name = type(component).__name__
        found = [*interface_checks(component, imports=setting.imports), *_of_its_kind(component, setting)]
    else:
        from qplug.testing.conformance.hook import hook_checks

        name = str(getattr(component, "__name__", type(component).__name__))
        found = list(hook_checks(component))
    return [Check(check, act, name) for check, act in found]


def _of_its_kind(component: Component, setting: Setting) -> list[tuple[str, Act]]:
    """Its kind's checks; one that fails in their place where it cannot even be asked what it is tried with."""
    try:
        return list(kind_checks(component, setting))
    except Exception as error:
        told = f"{type(component).__name__} cannot be tried: {raised(error)}"
        return [("ready", partial(require, False, told))]


def kind_checks(component: Component, setting: Setting) -> Iterator[tuple[str, Act]]:
    """The checks of the component's kind; a kind's checks are imported when they are asked for."""
    from qplug.testing.conformance import dataset, features, parts

    match component:
        case Dataset():
            yield from dataset.dataset_checks(component, setting)
        case FeatureExtractor():
            yield from features.features_checks(component, setting)
        case Backbone():
            yield from parts.backbone_checks(component, setting)
        case Reducer():
            yield from parts.reducer_checks(component, setting)
        case QuantumHead():
            from qplug.testing.conformance.quantum import quantum_checks

            yield from quantum_checks(component, setting)
        case Head():
            yield from parts.head_checks(component, setting)
        case RemoteBackend():
            from qplug.testing.conformance.remote import remote_checks

            yield from remote_checks(component, setting)
        case Backend():
            from qplug.testing.conformance.backend import backend_checks

            yield from backend_checks(component, setting)
        case Executor():
            from qplug.testing.conformance.executor import executor_checks

            yield from executor_checks(component, n_cells=setting.n_cells)


def promises_of(component: Component, setting: Setting = DEFAULT) -> list[Check]:
    """What ``check_dataset`` and the like try: all but documentation and the import in another process."""
    every = [each for each in interface_checks(component, imports=False) if each[0] != "documentation"]
    name = type(component).__name__
    return [Check(check, act, name) for check, act in (*every, *_of_its_kind(component, setting))]
