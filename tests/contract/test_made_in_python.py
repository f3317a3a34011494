"""Components made in Python: their values are checked and converted as those of a configuration are."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from qplug import parameters
from qplug.contract.errors import NotSupported, ParameterError, UnknownName
from qplug.contract.interfaces import Head, HeadCapabilities


@dataclass(kw_only=True, eq=False)
class Author(Head):
    """As an author writes a component."""

    capabilities = HeadCapabilities(interface=1)

    n_qubits: Annotated[int, Field(ge=1, le=24, description="number of qubits")] = 4
    scale: Annotated[float, Field(gt=0)] = 0.5
    rotation: Literal["x", "y"] = "y"
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = (32,)
    title: str | None = None
    made: list[int] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.n_inputs = self.n_qubits
        self.made.append(self.n_qubits)

    def build(self, n_inputs: int, n_classes: int) -> Any:
        raise NotSupported("nothing is built here.")


class ByHand(Head):
    """With a constructor of its own."""

    capabilities = HeadCapabilities(interface=1)

    def __init__(self, *, width: Annotated[int, Field(ge=1, le=8)] = 3) -> None:
        self.width = width

    def build(self, n_inputs: int, n_classes: int) -> Any:
        raise NotSupported("nothing is built here.")


class ByPosition(ByHand):
    """What no configuration can make."""

    def __init__(self, width: object, *more: object) -> None:
        self.width, self.more = width, more  # type: ignore[assignment]


@dataclass(kw_only=True, eq=False)
class Derived(Author):
    """With a parameter of its own, and another range for one."""

    n_qubits: Annotated[int, Field(ge=1, le=2)] = 2
    depth: Annotated[int, Field(ge=0)] = 0


@pytest.mark.parametrize(
    ("made", "values", "told"),
    [
        (Author, {"n_qubits": "lots"}, r"Author: n_qubits \(number of qubits\) must be an integer in .*; got 'lots'"),
        (Author, {"n_qubits": 25}, r"must be an integer in \[1, 24\]; got 25\. Set it with --set head\.n_qubits=VALUE"),
        (Author, {"n_qubits": 2.5}, r"must be an integer in \[1, 24\]; got 2\.5"),
        (Author, {"n_qubits": True}, r"must be an integer in \[1, 24\]; got True"),
        (Author, {"scale": 0}, r"scale must be a number in \(0, ∞\); got 0"),
        (Author, {"scale": float("nan")}, r"scale must be a number in \(0, ∞\); got nan"),
        (Author, {"rotation": "w"}, r"rotation must be one of 'x', 'y'; got 'w'"),
        (Author, {"hidden": [3, 0]}, r"hidden must be list of integer.*; got \[3, 0\]"),
        (Derived, {"n_qubits": 3}, r"head Derived: n_qubits must be an integer in \[1, 2\]; got 3"),
        (Derived, {"depth": -1}, r"depth must be an integer in \[0, ∞\); got -1"),
        (ByHand, {"width": 9}, r"head ByHand: width must be an integer in \[1, 8\]; got 9"),
    ],
)  # fmt: skip
def test_what_a_configuration_may_not_say_is_refused_in_the_same_words(
    made: Any, values: dict[str, Any], told: str
) -> None:
    with pytest.raises(ParameterError, match=told) as in_python:
        made(**values)
    with pytest.raises(ParameterError) as configured:
        parameters.create(made, values, f"head {made.__name__}")
    assert str(in_python.value) == str(configured.value)


def test_a_parameter_that_does_not_exist_is_told_with_near_ones() -> None:
    with pytest.raises(UnknownName, match=r"no parameter of head Author is called 'n_qbits'\. Did you mean 'n_qubits'"):
        Author(n_qbits=3)  # type: ignore[call-arg]


def test_values_are_converted_as_those_of_a_configuration() -> None:
    made = Author(n_qubits="3", scale=1, hidden=[4, 5], title="none")  # type: ignore[arg-type]
    assert (made.n_qubits, made.hidden, made.title, made.made) == (3, (4, 5), None, [3])
    assert type(made.scale) is float
    assert vars(Author(n_qubits=3)) == vars(parameters.create(Author, {"n_qubits": "3"}, "head author"))


def test_copies_and_subclasses_are_made_as_ever() -> None:
    made = Author(n_qubits=3)
    for twin in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):  # noqa: S301, TID251
        assert vars(twin) == vars(made)
    assert replace(made, scale=2).scale == 2.0
    with pytest.raises(ParameterError, match="got -2"):
        replace(made, scale=-2)
    assert ByPosition("anything", 1, 2).more == (1, 2)
    assert ByPosition(width="anything").width == "anything"  # type: ignore[comparison-overlap]


def test_what_comes_with_qplug_is_checked_too() -> None:
    from qplug_models.heads import Mlp
    from qplug_pennylane.pqc import Pqc

    with pytest.raises(ParameterError, match=r"head Pqc: n_qubits .* must be an integer in \[1, 24\]; got 'lots'"):
        Pqc(n_qubits="lots")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match=r"head Mlp: hidden .*; got \[0\]"):
        Mlp(hidden=[0])  # type: ignore[arg-type]
