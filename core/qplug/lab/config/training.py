"""How a classifier is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


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
        int, Field(ge=0, description="epochs without a better value of monitor before stopping, an equal one is none; 0: never")
    ] = 0
    monitor: Annotated[
        Literal["cross_entropy", "accuracy", "balanced_accuracy", "macro_f1"],
        Field(description="the validation metric that chooses the best model"),
    ] = "cross_entropy"
    mixed_precision: Annotated[
        bool, Field(description="classical layers compute in bfloat16, circuits in full precision; on CUDA only")
    ] = False
    devices: Annotated[
        int, Field(ge=1, le=64, description="processes that share each batch, each on a GPU of its own or on the CPU")
    ] = 1
    learn_branch_weights: Annotated[
        bool, Field(description="train the factors of the branches too, from where they are set")
    ] = False
