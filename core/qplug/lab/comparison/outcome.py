"""What a comparison came to: ``ComparisonOutcome``, the content of ``outcome.json``, computed from the cells alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from qplug.lab.runs.run_record import Count, Number, Table

VERSION: Literal[1] = 1
OUTCOME = "outcome.json"

Verdict: TypeAlias = Literal["better", "worse", "equivalent", "undecided"]
Interval: TypeAlias = tuple[Number, Number]


class CircuitCost(Table):
    """What an arm's circuits are, and what they cost where they are simulated."""

    qubits: Count
    gates: Count
    two_qubit_gates: Count
    depth: Count
    transpiled_gates: Count | None = Field(default=None, description="compiled for ``device``, as the others below")
    transpiled_two_qubit_gates: Count | None = None
    transpiled_depth: Count | None = None
    device: str = Field(default="", description="for which circuits were compiled; empty where none was at hand")
    simulated_ms: Number = Field(default=None, description="to simulate one batch of 32 on one CPU thread")


class ArmOutcome(Table):
    """One arm on one data set.

    Attributes:
        interval: of the mean, 95 %; null where the data at hand cannot tell one.
    """

    name: str
    description: str
    role: Literal["asked", "baseline", "ablation"]
    quantum: bool
    n_parameters: Count
    n_cells: Count
    mean: Number
    interval: Interval | None
    seconds: Number = Field(description="of training, mean over the cells")
    n_trials: Count = Field(default=0, description="hyper-parameter settings tried on validation")
    chosen: dict[str, Any] = Field(default={}, description="settings that the trials chose")
    circuit: CircuitCost | None = None


class PairOutcome(Table):
    """The difference a - b of two arms on one data set.

    Attributes:
        interval: of the difference, 95 %.
        equivalence_interval: of the difference, 90 %: within the margin on both sides, the two are equivalent at 5 %.
        sentence: the verdict for people.
        reason: why there is no verdict, where the data at hand cannot tell.
    """

    a: str
    b: str
    difference: Number
    interval: Interval | None
    equivalence_interval: Interval | None
    p: Number
    p_holm: Number
    p_equivalence: Number
    effect_size: Number = Field(description="difference over the standard deviation of paired differences")
    method: str = Field(description="which test")
    verdict: Verdict
    smallest_detectable: Number = Field(description="difference found with 80 % power at 5 % by such a design")
    seeds_needed: Count | None = Field(default=None, description="about how many seeds in all would decide at margin")
    sentence: str
    reason: str = ""
    p_mcnemar: Number = Field(default=None, description="exact McNemar test, where both have one test set")
    p_corrected_t: Number = Field(default=None, description="corrected t over folds (Nadeau, Bengio); no verdict's")


class AblationOutcome(Table):
    """How much of an arm's score above chance is left when its circuit is rewritten."""

    arm: str
    ablation: str
    kept: Number = Field(description="share of the score above chance; 1: all of it")
    interval: Interval | None
    sentence: str


class DataSetOutcome(Table):
    """A comparison on one data set.

    Attributes:
        protocol: a paragraph for a paper.
        left_out: arms that cannot be run here, and why.
    """

    dataset: str
    protocol: str
    metric: str
    margin: float
    n_test: Count = Field(description="different test samples over all folds")
    n_groups: Count | None = Field(default=None, description="different groups, such as speakers, among them")
    classes: tuple[str, ...]
    chance: Number
    stamps: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    arms: tuple[ArmOutcome, ...]
    pairs: tuple[PairOutcome, ...]
    ablations: tuple[AblationOutcome, ...] = ()
    left_out: tuple[str, ...] = ()


class ComparisonOutcome(Table):
    """A finished comparison.

    Attributes:
        comparison: the folder's name.
        command: what was typed, or would be, to repeat it.
    """

    version: Literal[1]
    comparison: str
    command: str
    data_sets: Annotated[tuple[DataSetOutcome, ...], Field(min_length=1)]
