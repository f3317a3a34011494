"""What a quantum head sees of its inputs at each of a ladder of angle scales, and which of them to take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from qplug import catalogue
from qplug.contract.interfaces import Backend, QuantumHead
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.judging.angles import MOST_SATURATED, angle_facts, linear_shares
from qplug.lab.pipeline.classifier import seeded

STEPS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)
"""The ladder, in units of the current scale."""
ENOUGH_LINEAR = 0.5
LEAST_SPREAD = 0.02
DRAWS = 4
"""Draws of the initial weights over which each rung's numbers are averaged."""
RULE = (
    f"the largest scale at which at least {ENOUGH_LINEAR:.0%} of the variance of the expectation values is linear in "
    f"the inputs, at most {MOST_SATURATED:.0%} of the angles saturate, and the expectation values spread by at least "
    f"{LEAST_SPREAD:g}, at random initial weights"
)


@dataclass(frozen=True)
class Rung:
    """What one scale does, at random initial weights.

    Attributes:
        scale: the value of the scale's parameter; None for a head without one.
        spread: of the encoding angles over the samples, radians; see ``AngleFacts``.
        saturated: share of angles where their map is flat.
        linear_share: of the variance of the expectation values, all together.
        output_spread: standard deviation of the expectation values over the samples, mean over them.
        linear_shares: the same for each expectation value.
        output_spreads: likewise.
    """

    scale: float | None
    spread: float
    saturated: float
    linear_share: float
    output_spread: float
    linear_shares: tuple[float, ...]
    output_spreads: tuple[float, ...]

    @property
    def is_sane(self) -> bool:
        """Whether the rule of ``RULE`` allows it."""
        return (
            self.linear_share >= ENOUGH_LINEAR
            and self.saturated <= MOST_SATURATED
            and self.output_spread >= LEAST_SPREAD
        )


@dataclass(frozen=True)
class ScaleFacts:
    """A ladder of scales on some inputs.

    Attributes:
        inputs: what they were seen on, in words.
        n_samples: how many.
        target: what sets the scale, as ``--set`` names it: ``head.scale``; None if nothing does.
        current: the rung as the head is set.
        ladder: all rungs, the smallest first, the current one among them.
        n_inputs: how many inputs the head has.
    """

    inputs: str
    n_samples: int
    target: str | None
    current: Rung
    ladder: tuple[Rung, ...]
    n_inputs: int

    @property
    def recommended(self) -> Rung | None:
        """The largest sane rung; None if there is none, or no scale to set."""
        sane = [rung for rung in self.ladder if rung.scale is not None and rung.is_sane]
        return sane[-1] if sane else None


@dataclass(frozen=True, eq=False)
class Seen:
    """A head behind a reducer, on some samples.

    Attributes:
        head: the head as it is set.
        name: its name in the catalogue.
        parameters: all its parameters.
        reducer: (batch, n_features) → (batch, n_inputs).
        embeddings: (batch, n_features).
        n_inputs: the head's inputs.
        n_classes: how many classes it tells apart.
        what: the samples in words.
        other: makes the reducer with another scale, where the scale is the reducer's.
        reducer_scale: that scale as it is set.
        place: what stands before ``head.`` in ``--set`` to reach it.
    """

    head: QuantumHead
    name: str
    parameters: Mapping[str, Any]
    reducer: nn.Module
    embeddings: Tensor
    n_inputs: int
    n_classes: int
    what: str
    other: Callable[[float], nn.Module] | None = None
    reducer_scale: float | None = None
    place: str = ""


def scale_facts(seen: Seen, backend: Backend, *, seed: int, progress: Callable[[int, int], None]) -> ScaleFacts:
    """Climbs the ladder: the head's own scale where it has one, else the reducer's, else the one rung as it is."""
    own = seen.parameters.get("scale")
    if isinstance(own, (int, float)) and own > 0:
        target, current, made = "head.scale", float(own), _by_head(seen)
    elif seen.other is not None and seen.reducer_scale:
        target, current, made = "reducer.scale", seen.reducer_scale, _by_reducer(seen)
    else:
        rung = rung_as_set(seen, backend, seed=seed)
        return ScaleFacts(seen.what, len(seen.embeddings), None, rung, (rung,), seen.n_inputs)
    ladder = []
    for number, step in enumerate(STEPS, start=1):
        reducer, head = made(current * step)
        ladder.append(_rung(current * step, reducer, head, seen, backend, seed))
        progress(number, len(STEPS))
    where = STEPS.index(1)
    return ScaleFacts(
        seen.what, len(seen.embeddings), seen.place + target, ladder[where], tuple(ladder), seen.n_inputs
    )  # fmt: skip


def rung_as_set(seen: Seen, backend: Backend, *, seed: int) -> Rung:
    """What the head sees as it is set; its scale is not told."""
    return _rung(None, seen.reducer, seen.head, seen, backend, seed)


def _by_head(seen: Seen) -> Callable[[float], tuple[nn.Module, QuantumHead]]:
    def made(scale: float) -> tuple[nn.Module, QuantumHead]:
        head: Any = catalogue.create("head", seen.name, {**seen.parameters, "scale": scale})
        return seen.reducer, head

    return made


def _by_reducer(seen: Seen) -> Callable[[float], tuple[nn.Module, QuantumHead]]:
    def made(scale: float) -> tuple[nn.Module, QuantumHead]:
        assert seen.other is not None
        return seen.other(scale), seen.head

    return made


def _rung(scale: float | None, reducer: nn.Module, head: QuantumHead, seen: Seen, backend: Backend, seed: int) -> Rung:
    facts, shares, spreads = [], [], []
    for draw in range(DRAWS):
        with seeded(seed + draw):
            module = QuantumModule(head, backend, seen.n_inputs, seen.n_classes)
        facts.append(angle_facts(reducer, module, seen.embeddings))
        with torch.no_grad():
            inputs = reducer(seen.embeddings)
            outputs = module.expectations(inputs)
        shares.append(linear_shares(inputs.double(), outputs.double()))
        spreads.append(outputs.std(0))
    return Rung(
        scale=scale,
        spread=fmean(each.spread for each in facts),
        saturated=fmean(each.saturated for each in facts),
        linear_share=fmean(each.linear_share for each in facts),
        output_spread=float(torch.stack(spreads).mean()),
        linear_shares=tuple(torch.stack(shares).mean(0).tolist()),
        output_spreads=tuple(torch.stack(spreads).mean(0).tolist()),
    )
