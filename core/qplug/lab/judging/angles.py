"""Whether a circuit sees its inputs: how far its angles spread, whether they saturate, what its outputs carry."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.model import Branch

FLAT = 0.05
"""An angle whose slope is below this share of the steepest one counts as saturated."""
MOST_SATURATED = 0.05
LEAST_LINEAR = 0.05
GOOD_SPREAD = 0.4
"""Radians, at which most of what a read-out sees is linear in the inputs."""


@dataclass(frozen=True)
class AngleFacts:
    """What was seen of one quantum head's angles on training samples.

    Attributes:
        spread: median over the encoding angles of their standard deviation over the samples, radians.
        saturated: share in [0, 1] of the angles where the map from the embedding is flat: its slope is below a
            twentieth of the steepest.
        linear_share: share in [0, 1] of the expectation values' variance over the samples that a linear function of
            the head's inputs explains, corrected for the number of inputs.
    """

    spread: float
    saturated: float
    linear_share: float

    def warnings(self, branch: Branch, place: str = "") -> list[str]:
        """What the user should know, each with the cure.

        Args:
            branch: the reducer and the head that the angles were seen in.
            place: what stands before ``head.`` in ``--set`` to reach them: ``"branch2."``, or nothing.
        """
        head, found = branch.head.name, []
        if self.saturated > MOST_SATURATED:
            found.append(
                f"{self.saturated:.0%} of the angles of head {head} saturate: where their map is flat, the circuit "
                f"does not see its inputs. Use a smaller scale before the map{_without_map(branch, place)}"
            )
        if self.linear_share < LEAST_LINEAR:
            found.append(
                f"the expectation values of head {head} carry almost nothing linear of its inputs "
                f"({self.linear_share:.0%} of their variance; angles spread by {self.spread:.2g} rad). "
                f"Smaller angles help{self._smaller(branch, place)}"
            )
        return found

    def _smaller(self, branch: Branch, place: str) -> str:
        """The setting that makes the angles smaller: to a known good spread, but at least by half."""
        factor = min(0.5, GOOD_SPREAD / self.spread) if self.spread else 0.5
        for kind, choice in (("head", branch.head), ("reducer", branch.reducer)):
            scale = choice.parameters.get("scale")
            if isinstance(scale, (int, float)):
                return f": --set {place}{kind}.scale={scale * factor:.1g}"
        return "."


def _without_map(branch: Branch, place: str) -> str:
    for kind, choice, name in (("head", branch.head, "angle_map"), ("reducer", branch.reducer, "range_map")):
        if choice.parameters.get(name, "none") != "none":
            return f", or no map: --set {place}{kind}.{name}=none"
    return "."


def angle_facts(reducer: nn.Module, head: QuantumModule, embeddings: Tensor) -> AngleFacts:
    """The facts about one branch, on some training samples.

    Args:
        reducer: (batch, n_features) → (batch, n_inputs).
        head: the quantum head behind it, on an exact backend.
        embeddings: (batch, n_features), more than n_inputs + 1 of them, or the linear share is not defined and 1.

    **Source:** the adjusted coefficient of determination is Ezekiel's, "Methods of correlation analysis" (1930).
    """
    with torch.no_grad():
        inputs = reducer(embeddings)
        angles = head.head.encode(inputs, head.circuit_parameters)
        expectations = head.expectations(inputs)
    return AngleFacts(
        spread=float(angles.std(0).median()) if angles.shape[1] else 0.0,
        saturated=_saturated(reducer, head, embeddings),
        linear_share=_linear_share(inputs.double(), expectations.double()),
    )


def _saturated(reducer: nn.Module, head: QuantumModule, embeddings: Tensor) -> float:
    """The share of flat places, over samples and angles; angles that depend on no input are left out."""
    start = embeddings.detach().clone().requires_grad_()
    with torch.enable_grad():
        angles = head.head.encode(reducer(start), head.circuit_parameters.detach())
        if not angles.requires_grad or not angles.shape[1]:
            return 0.0
        columns = range(angles.shape[1])
        slopes = [torch.autograd.grad(angles[:, column].sum(), start, retain_graph=True)[0] for column in columns]
    norms = torch.stack([slope.norm(dim=1) for slope in slopes], dim=1)
    steepest = norms.amax(0)
    seen = steepest > 0
    return float((norms[:, seen] < FLAT * steepest[seen]).float().mean()) if bool(seen.any()) else 0.0


def linear_shares(inputs: Tensor, outputs: Tensor) -> Tensor:
    """For each output the share in [0, 1] of its variance that a linear function of the inputs explains.

    Args:
        inputs: (batch, n_inputs), more than n_inputs + 1 of them.
        outputs: (batch, n_outputs), such as expectation values; one that never varies has the share 1.

    Returns:
        (n_outputs,), corrected for the number of inputs as the facts' ``linear_share`` is.
    """
    return torch.tensor([_linear_share(inputs, column[:, None]) for column in outputs.T])


def _linear_share(inputs: Tensor, outputs: Tensor) -> float:
    n_samples, n_inputs = inputs.shape
    freedom = n_samples - n_inputs - 1
    centred = outputs - outputs.mean(0)
    total = float(centred.square().sum())
    if freedom < 1 or total == 0.0:
        return 1.0
    design = torch.cat([inputs, torch.ones(n_samples, 1, dtype=inputs.dtype)], dim=1)
    rest = outputs - design @ torch.linalg.lstsq(design, outputs, driver="gelsd").solution
    share = 1 - float(rest.square().sum()) / freedom / (total / (n_samples - 1))
    return min(1.0, max(0.0, share))
