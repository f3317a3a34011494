"""How a classifier is trained."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from qplug.contract.errors import DataError, NotSupported
from qplug.lab.measures import METRICS

Metric: TypeAlias = Literal[
    "cross_entropy",
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "precision",
    "expected_calibration_error",
    "roc_auc",
    "average_precision",
]
"""What can be monitored: each number by which a run judges its validation part, as ``METRICS`` lists them."""
LOWER_IS_BETTER = frozenset(key for key, metric in METRICS.items() if metric.better == "lower")
"""The metrics that are errors; of the others more is better."""
OF_TWO_CLASSES = frozenset(key for key, metric in METRICS.items() if metric.of_two_classes)
"""The metrics that rank samples by how likely they are of the second of two classes."""


class TrainingOptions(BaseModel):
    """The ``[training]`` table of a run, set by ``--set training.NAME=VALUE``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Annotated[int, Field(ge=1, le=100_000, description="passes over the training part, at most")] = 30
    head_epochs: Annotated[
        int, Field(ge=0, le=100_000, description="epochs before these in which only the head learns; 0: none")
    ] = 0
    batch_size: Annotated[int, Field(ge=1, description="samples per optimisation step, over all devices")] = 32
    optimiser: Annotated[Literal["adam", "adamw", "sgd"], Field(description="how weights are updated")] = "adam"
    learning_rate: Annotated[float, Field(gt=0, description="step size; the peak of the schedule")] = 0.003
    backbone_learning_rate: Annotated[
        float | None, Field(gt=0, description="step size of a backbone that learns; unset: learning_rate")
    ] = None
    quantum_learning_rate: Annotated[
        float | None, Field(gt=0, description="step size of circuit parameters; unset: learning_rate")
    ] = None
    momentum: Annotated[float, Field(ge=0, lt=1, description="momentum of sgd")] = 0.9
    weight_decay: Annotated[float, Field(ge=0, description="decay of classical weights per step")] = 0.0
    schedule: Annotated[
        Literal["one-cycle", "cosine", "constant"], Field(description="how the step size moves over the run")
    ] = "one-cycle"
    label_smoothing: Annotated[
        float, Field(ge=0, lt=1, description="share of each label that is spread over all classes")
    ] = 0.0
    gradient_clip: Annotated[
        float | None, Field(gt=0, description="greatest norm of the gradient in a step; unset: no limit")
    ] = None
    class_weights: Annotated[
        bool, Field(description="weight each class by the inverse of its share of the training part")
    ] = False
    patience: Annotated[
        int,
        Field(
            ge=0, description="epochs without a better value of monitor before stopping, an equal one is none; 0: never"
        ),
    ] = 0
    monitor: Annotated[
        Metric,
        Field(description="the validation metric that chooses the best model"),
    ] = "cross_entropy"
    mixed_precision: Annotated[
        bool, Field(description="classical layers compute in bfloat16, circuits in full precision; on CUDA only")
    ] = False
    channels_last: Annotated[
        bool,
        Field(
            description="keep a picture's channels side by side in memory while training: convolutions on the CPU take "
            "about two thirds of the time, with other rounding"
        ),
    ] = False
    backend: Annotated[
        str | None,
        Field(
            min_length=1,
            description="where circuits train; unset: on the run's backend if it is a simulator that gives gradients "
            "in one pass, else on the registry's default",
        ),
    ] = None
    gradient: Annotated[
        Literal["auto", "shift", "spsa"],
        Field(
            description="how gradients of circuits come about where training.backend is sampled, noisy or remote: by "
            "the parameter-shift rule, or by simultaneous perturbation; auto: shift where a step is small, else spsa"
        ),
    ] = "auto"
    shots: Annotated[
        int, Field(ge=1, le=10_000_000, description="shots of each row where circuits train on a remote backend")
    ] = 1024
    devices: Annotated[
        int, Field(ge=1, le=64, description="processes that share each batch, each on a GPU of its own or on the CPU")
    ] = 1
    learn_branch_weights: Annotated[
        bool, Field(description="train the factors of the branches too, from where they are set")
    ] = False

    def goodness(self, value: float) -> float:
        """A value of the monitored metric, turned so that more is better."""
        return -value if self.monitor in LOWER_IS_BETTER else value

    def refuse_unsuited_monitor(self, n_classes: int, validation: Collection[int] | None = None) -> None:
        """Refuses to monitor a metric that the data do not have.

        Args:
            n_classes: the number of classes.
            validation: the classes that occur in the validation part; None if they are not known yet.

        Raises:
            NotSupported: a metric of two classes, and there are more or fewer.
            DataError: a metric of two classes, and only one of them occurs in the validation part.
        """
        if self.monitor not in OF_TWO_CLASSES:
            return
        if n_classes != 2:
            raise NotSupported(
                f"training.monitor is {self.monitor!r}, which is defined for two classes, but the data set has "
                f"{n_classes}. Choose another, such as --set training.monitor=balanced_accuracy."
            )
        if validation is not None and len(set(validation)) < 2:
            raise DataError(
                f"training.monitor is {self.monitor!r}, which needs samples of both classes, but the validation part "
                f"holds {len(set(validation))} of 2. Choose another split or fold, or --set training.monitor=accuracy."
            )
