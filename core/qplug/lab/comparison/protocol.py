"""The protocol of a comparison as a paragraph for a paper: every word comes from the plan and the cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qplug.lab.comparison.cell_file import CellResult
from qplug.lab.comparison.plan_file import PlannedDataSet
from qplug.lab.comparison.request import Request
from qplug.lab.comparison.trials import DECAYS, FACTOR
from qplug.version import __version__


def protocol_of(request: Request, data_set: PlannedDataSet, cells: Mapping[str, Sequence[CellResult]]) -> str:
    """What was done with which data, in sentences."""
    arm = data_set.arms[0]
    return " ".join(
        [*_data(data_set), *_pipeline(arm.settings), *_training(arm.settings, request), *_cells(data_set, cells)]
    )


def _data(data_set: PlannedDataSet) -> list[str]:
    official = "official " if data_set.official else ""
    description = data_set.description.rstrip(".")
    told = [
        f"{data_set.name}: {data_set.n_samples:,} samples of {len(data_set.classes)} classes, "
        f"{official}split '{data_set.split}' ({description})."
    ]
    if data_set.leak:
        told.append(f"The split leaks: {data_set.leak}.")
    return told


def _pipeline(settings: Mapping[str, Any]) -> list[str]:
    features, backbone = settings["features"]["name"], settings["backbone"]["name"]
    frozen = settings["backbone"].get("frozen")
    how = "frozen, so that all arms see the same embeddings" if frozen else "trained anew with each arm"
    return [f"Features '{features}'; backbone '{backbone}', {how}."]


def _training(settings: Mapping[str, Any], request: Request) -> list[str]:
    options = settings["training"]
    chosen = options.get("monitor", "cross_entropy").replace("_", " ")
    patience = options.get("patience", 0)
    stopping = f", ended after {patience} epochs without a better value" if patience else ""
    told = [
        f"All arms were trained with {options['optimiser']} (learning rate {options['learning_rate']:g}, weight decay "
        f"{options.get('weight_decay', 0):g}, {options['schedule']} schedule), batches of {options['batch_size']} and "
        f"at most {options['epochs']} epochs{stopping}; the epoch with the best validation {chosen} was kept.",
        "Scalers and reducers were fitted on the training part of each split only, and the test part was judged once.",
    ]
    if options.get("channels_last"):
        told.append("In training, the channels of a picture lay side by side in memory.")
    if request.trials > 1:
        told.append(
            f"Each run of each arm tried {request.trials} settings on its validation part, its own and others with "
            f"learning rates between 1/{FACTOR:g} and {FACTOR:g} times that and weight decays from "
            f"{{{', '.join(f'{decay:g}' for decay in DECAYS)}}}, drawn alike for all arms of a seed."
        )
    else:
        told.append("No hyper-parameter was searched for.")
    return told


def _cells(data_set: PlannedDataSet, cells: Mapping[str, Sequence[CellResult]]) -> list[str]:
    seeds = dict.fromkeys(split.seed for split in data_set.splits)
    folds = dict.fromkeys(split.fold for split in data_set.splits if split.fold is not None)
    first = data_set.splits[0]
    over = f" on each of {len(folds)} folds" if len(folds) > 1 else ""
    where = " in the first fold" if over else ""
    several = "s" if len(seeds) != 1 else ""
    return [
        f"Each of the {len(cells)} arms was trained with {len(seeds)} seed{several}{over}; a seed decides initial "
        f"weights, the order of the data, and what the split leaves to chance. With seed {first.seed} there were "
        f"{first.n_train:,} training and {first.n_test:,} test samples{where}.",
        f"Computed with qplug {__version__}.",
    ]
