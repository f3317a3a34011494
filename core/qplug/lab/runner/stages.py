"""What came of several jobs, of which each was made of the values of those before, put together as if of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from qplug.contract.interfaces import Values, Work
from qplug.lab.runs.sent_plan import Sent, SentPlan

_WORST = {"depth": max, "gates": max, "two_qubit_gates": max, "predicted_fidelity": min}
"""Facts of the circuit that is worst off."""


@dataclass(frozen=True)
class Stage:
    """One job, done.

    Attributes:
        sent: what was sent.
        values: what came.
        jobs: the device's names for the work.
        handle: by which it is found.
        sha256: of the file of its values.
        exact: of each of its circuits, the values (row, n_observables) without shots and noise, for the angles that
            were sent.
    """

    sent: Sent
    values: Values
    jobs: tuple[str, ...]
    handle: str
    sha256: str
    exact: tuple[Tensor, ...]


def sent_together(plan: SentPlan, stages: Sequence[Stage]) -> Sent:
    """All circuits, with the angles with which they ran."""
    tasks = plan.in_order([stage.sent.work.tasks for stage in stages])
    return Sent(plan, Work(tasks, plan.shots, plan.tag))


def values_together(plan: SentPlan, stages: Sequence[Stage]) -> Values:
    """The values of all circuits; what was charged for all jobs. What the device gave stays where it is kept."""
    came = [stage.values for stage in stages]
    if len(came) == 1:
        return came[0]
    charged = [each.usage_seconds for each in came if each.usage_seconds is not None]
    return Values(
        plan.in_order([each.expectations for each in came]),
        sum(charged) if len(charged) == len(came) else None,
        facts=_facts(plan, [dict(each.facts) for each in came]),
    )


def _facts(plan: SentPlan, told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the device told of all jobs: of circuits in their order, of the worst one, of everything else the last."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(name for each in told for name in each):
        given = [each[name] for each in told if name in each]
        numbers = [value for value in given if isinstance(value, (int, float))]
        lists = [value for value in given if isinstance(value, list)]
        if name in _WORST and numbers:
            found[name] = _WORST[name](numbers)
        elif name == "circuits" and [len(each) for each in lists] == [
            len(plan.circuits_of(stage)) for stage in range(1, len(told) + 1)
        ]:
            found[name] = list(plan.in_order(lists))
        elif len(lists) == len(given):
            found[name] = [each for one in lists for each in one]
        elif name == "device":
            found[name] = ", ".join(dict.fromkeys(map(str, given)))
        else:
            found[name] = given[-1]
    return found
