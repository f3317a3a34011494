"""What somebody meant who set a parameter without saying whose it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from qplug import catalogue, parameters
from qplug.contract.errors import QplugError
from qplug.lab.config.augmentation import AugmentationOptions
from qplug.lab.config.training import TrainingOptions

_SECTIONS: dict[str, type[BaseModel]] = {"training": TrainingOptions, "augmentation": AugmentationOptions}


def likely_targets(parameter: str, named: Mapping[str, str]) -> tuple[str, ...]:
    """The targets, such as ``head.n_layers``, of that name: options, and those of components named or default.

    Args:
        parameter: what was set.
        named: components by kind, as far as they are known.
    """
    found = [section for section, options in _SECTIONS.items() if parameter in options.model_fields]
    found += [kind for kind, name in _parts(named) if parameter in _parameters(kind, name)]
    return tuple(f"{kind}.{parameter}" for kind in dict.fromkeys(found))


def _parts(named: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from named.items()
    usual = catalogue.registry().defaults
    defaults = {"head": usual.head, "backbone": usual.backbone, "backend": usual.backend}
    yield from ((kind, name) for kind, name in defaults.items() if kind not in named)
    if "features" not in named:
        yield from (("features", name) for name in usual.features.values())


def _parameters(kind: str, name: str) -> set[str]:
    try:
        return {each.name for each in parameters.describe(catalogue.load(kind, name))}
    except QplugError:  # told when the component itself is looked for
        return set()
