"""The arms of a comparison: the heads that are asked about, the baselines beside them, and rewritten circuits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from qplug import catalogue
from qplug.catalogue.layers import merge
from qplug.catalogue.registry import Baseline
from qplug.contract.errors import NotSupported, UserError
from qplug.lab.comparison.circuit_cost import cost_of
from qplug.lab.comparison.layout import laid_out
from qplug.lab.comparison.plan_file import PlannedArm
from qplug.lab.comparison.request import Request
from qplug.lab.config.model import RunConfig
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import full_hash, to_layer
from qplug.lab.data.cache import packages_of
from qplug.lab.pipeline.components import Components, assemble
from qplug.lab.runner.examine import Examined
from qplug.lab.runs.run_record import Code
from qplug.version import __version__

_OWN = ("seed", "fold", "data_dir", "recipe")
"""What of a run's configuration is not its arm's."""
_ALWAYS = ("numpy", "torch", "scikit-learn", "lightning")

Look = Callable[[RunConfig, Components], Examined]
"""Looks at a configuration as a run does before it begins; the data set is looked at once."""


@dataclass(frozen=True)
class Arms:
    """What was found.

    Attributes:
        planned: the arms, in the order in which they are shown.
        first: what is known of the first one.
        left_out: why others are not there, by name.
    """

    planned: tuple[PlannedArm, ...]
    first: Examined
    left_out: Mapping[str, str]


def arms_of(request: Request, dataset: str, look: Look) -> Arms:
    """The arms on one data set.

    Raises:
        UserError: a head that is asked about cannot be run, or is there twice.
    """
    asked = [_asked(request, dataset, head, look) for head in request.heads or (None,)]
    _refuse_twins(asked)
    found, left_out = list(asked), {}
    others = [*_baselines(asked, request), *_ablations(asked, request)]
    for name, make in others:
        try:
            arm = make(look)
        except NotSupported as error:
            left_out[name] = str(error)
            continue
        twin = next((each for each in found if each.key == arm.key), None)
        if twin is None:
            found.append(arm)
        elif twin.planned.role == "asked":
            left_out[name] = f"it is {twin.planned.name}, which was asked for"
        else:
            left_out[name] = f"it is the same as {twin.planned.name}"
    return Arms(tuple(each.planned for each in found), asked[0].examined, left_out)


@dataclass(frozen=True)
class _Arm:
    planned: PlannedArm
    examined: Examined

    @property
    def key(self) -> str:
        return full_hash(dict(self.planned.settings))

    @property
    def quantum_heads(self) -> Iterator[int]:
        """Which branches have a circuit, from 0."""
        for number, branch in enumerate(self.examined.components.branches):
            if branch.head.capabilities.quantum:
                yield number


_Make = Callable[[Look], _Arm]


def _asked(request: Request, dataset: str, head: str | None, look: Look) -> _Arm:
    layers = request.layers(dataset, head)
    config = resolve(layers)
    components = assemble(config)
    if components.backend is not None and components.backend.capabilities.remote:
        raise NotSupported(
            f"backend {config.backend.name!r} is remote, and a comparison would send it a job for each of its cells. "
            f"Leave it out, and judge the runs that matter afterwards: qplug evaluate RUN --backend "
            f"{config.backend.name}"
        )
    name = head or config.heads
    examined = look(config, components)
    if request.layout == "fast" and "channels_last" not in merge(layers).get("training", {}):
        examined = laid_out(examined)
    return _arm(examined, name=name, description=_told(config), role="asked", transpiled=request.transpile)


def _told(config: RunConfig) -> str:
    parts = [f"{branch.reducer.name} → {branch.head.name}" for branch in config.branches]
    return " + ".join(parts)


def _arm(
    examined: Examined,
    *,
    name: str,
    description: str,
    role: Literal["asked", "baseline", "ablation"],
    of: str = "",
    ablation: str = "",
    transpiled: bool = False,
) -> _Arm:
    layer = to_layer(examined.config)
    settings = {key: value for key, value in layer.items() if key not in _OWN}
    quantum = bool(list(examined.model.quantum_modules()))
    return _Arm(
        PlannedArm(
            name=name,
            description=description,
            role=role,
            of=of,
            ablation=ablation,
            quantum=quantum,
            together=examined.components.backbone.frozen and examined.config.device == "cpu",
            n_parameters=examined.description.parameters.trainable,
            settings=settings,
            code={place: Code(**about) for place, about in examined.code.items()},
            versions=_versions(examined),
            circuit=cost_of(examined, transpiled=transpiled) if quantum else None,
        ),
        examined,
    )


def _versions(examined: Examined) -> dict[str, str]:
    """Of the packages that the arm's code imports, as far as they are distributions of their own, and of qplug."""
    from qplug.lab.runs.environment import package_versions

    components = examined.components
    parts = [components.dataset, *components.of_the_network.values()]
    parts += [each for each in (components.backend, components.training_backend) if each is not None]
    found = {name: version for name, version in package_versions().items() if name in _ALWAYS}
    for part in parts:
        found |= packages_of(part)
    return dict(sorted((found | {"qplug": __version__}).items()))


# Baselines


def _baselines(asked: Sequence[_Arm], request: Request) -> Iterator[tuple[str, _Make]]:
    if not request.baselines:
        return
    quantum = [arm for arm in asked if arm.examined.components.quantum]
    for baseline in catalogue.registry().baselines.values():
        if not baseline.of_a_circuit:
            yield baseline.name, _beside((quantum or asked)[0], baseline, baseline.name)
            continue
        for arm in quantum:
            name = baseline.name if len(quantum) == 1 else f"{baseline.name} ({arm.planned.name})"
            yield name, _beside(arm, baseline, name)


def _beside(arm: _Arm, baseline: Baseline, name: str) -> _Make:
    def make(look: Look) -> _Arm:
        settings = dict(arm.planned.settings)
        if baseline.ablation:
            settings["ablation"] = baseline.ablation
        elif any(arm.examined.model.circuits_in_front()):
            raise NotSupported(
                f"it would take a head's place, and backbone {arm.examined.config.backbone.name!r} holds circuits that "
                "would stay. Ablations put something else in their place: --ablate"
            )
        else:
            settings = _with_head(settings, arm, baseline)
        found = look(*_config(settings, arm))
        return _arm(found, name=name, description=baseline.summary, role="baseline", ablation=baseline.ablation)

    return make


def _config(settings: Mapping[str, Any], arm: _Arm) -> tuple[RunConfig, Components]:
    """The settings as a configuration with the seed, fold and folder of the arm that they vary."""
    own = {key: value for key, value in to_layer(arm.examined.config).items() if key in _OWN}
    config = resolve([{**settings, **own}])
    return config, assemble(config)


def _with_head(settings: dict[str, Any], arm: _Arm, baseline: Baseline) -> dict[str, Any]:
    """The settings with the baseline in the place of each circuit; of a classifier without circuits, of each head."""
    replaced = set(arm.quantum_heads) or set(range(len(arm.examined.components.branches)))
    if "branch" not in settings:
        return {**settings, **_branch(settings, 0, arm, baseline)}
    branches = [
        {**branch, **_branch(branch, number, arm, baseline)} if number in replaced else branch
        for number, branch in enumerate(settings["branch"])
    ]
    return {**settings, "branch": branches}


def _branch(branch: Mapping[str, Any], number: int, arm: _Arm, baseline: Baseline) -> dict[str, Any]:
    head = dict(baseline.head)
    if baseline.matched:
        heads = [step for step in arm.examined.description.steps if step.kind == "head"]
        head[baseline.matched] = heads[number].trainable
    return {"head": head, "reducer": dict(baseline.reducer) or branch["reducer"]}


# Ablations


def _ablations(asked: Sequence[_Arm], request: Request) -> Iterator[tuple[str, _Make]]:
    if not request.ablate:
        return
    from qplug.lab.config.ablation import ABLATIONS

    taken = {baseline.ablation for baseline in catalogue.registry().baselines.values()} if request.baselines else set()
    for arm in asked:
        if not arm.examined.components.quantum:
            continue
        for ablation, meaning in ABLATIONS.items():
            if ablation not in taken:
                yield f"{arm.planned.name}: {ablation}", _rewritten(arm, ablation, meaning)


def _rewritten(arm: _Arm, ablation: str, meaning: str) -> _Make:
    def make(look: Look) -> _Arm:
        found = look(*_config({**arm.planned.settings, "ablation": ablation}, arm))
        name = f"{arm.planned.name}: {ablation}"
        return _arm(found, name=name, description=meaning, role="ablation", of=arm.planned.name, ablation=ablation)

    return make


def _refuse_twins(asked: Sequence[_Arm]) -> None:
    for position, arm in enumerate(asked):
        for other in asked[:position]:
            if arm.key == other.key or arm.planned.name == other.planned.name:
                names = f"{other.planned.name!r} and {arm.planned.name!r}"
                raise UserError(f"the heads {names} are the same with all their settings; name each once.")
