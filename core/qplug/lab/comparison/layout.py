"""How the values of pictures lie in memory in the cells of a comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from qplug.lab.comparison.plan_file import ComparisonPlan, PlannedDataSet
    from qplug.lab.runner.examine import Examined


def laid_out(examined: Examined) -> Examined:
    """The same, with channels side by side where that is quicker: where one process trains convolutions on the CPU."""
    config = examined.config
    if config.device != "cpu" or config.training.devices > 1 or not _trains_convolutions(examined):
        return examined
    training = config.training.model_copy(update={"channels_last": True})
    return replace(examined, config=replace(config, training=training))


def _trains_convolutions(examined: Examined) -> bool:
    from torch import nn

    modules = examined.model.front.modules()
    return any(isinstance(module, nn.Conv2d) and module.weight.requires_grad for module in modules)


def told(plan: ComparisonPlan) -> str:
    """On which data sets the planner has chosen it, for people; empty where it has nowhere."""
    names = [each.name for each in plan.data_sets if plan.request.layout == "fast" and _training(each)["channels_last"]]
    if not names:
        return ""
    return (
        f"{', '.join(names)}: training.channels_last is true in all arms: convolutions train faster and round "
        "otherwise than those of qplug run. As there: --set training.channels_last=false"
    )


def command_of(plan: ComparisonPlan) -> str:
    """The words that ask for the comparison again, with the layout that its cells have."""
    words = plan.request.command()
    runs = plan.request.layout == "run" and not any("channels_last" in each for each in plan.request.assignments)
    trained = any(_table(each, "backbone").get("frozen") is False for each in plan.data_sets)
    return f"{words} --set training.channels_last=false" if runs and trained else words


def _training(data_set: PlannedDataSet) -> dict[str, Any]:
    return {"channels_last": False, **_table(data_set, "training")}


def _table(data_set: PlannedDataSet, name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", data_set.arms[0].settings.get(name, {}))
