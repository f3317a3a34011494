"""A component's parameters: read from its constructor, validated, converted, refused."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, Field

from qplug import parameters
from qplug.contract.errors import ParameterError, PluginError, UnknownName


class Axis(Enum):
    X = "x"
    Y = "y"


class Part:
    """Any class with such a constructor will do: parameters do not care about kinds."""

    kind: ClassVar[str] = "head"

    def __init__(
        self,
        *,
        n_layers: Annotated[int, Field(ge=1, le=24, description="circuit layers")] = 2,
        scale: Annotated[float, Field(gt=0, description="radians per unit")] = 0.5,
        rate: Annotated[float | None, Field(ge=0, lt=1)] = None,
        top: Annotated[float | None, Field(gt=0)] = 80.0,
        rotation: Literal["x", "y", "none"] = "y",
        order: Literal[1, 2] = 1,
        axis: Axis = Axis.X,
        bias: bool = True,
        hidden: tuple[Annotated[int, Field(ge=1)], ...] = (32, 16),
        names: list[str] | None = None,
        folder: Path | None = None,
        title: Annotated[str, Field(min_length=1)] = "untitled",
    ) -> None:
        self.given = {name: value for name, value in locals().items() if name != "self"}


def made(**values: Any) -> dict[str, Any]:
    given: dict[str, Any] = parameters.create(Part, values, "head part").given
    return given


def described(name: str) -> parameters.Parameter:
    return next(each for each in parameters.describe(Part) if each.name == name)


@pytest.mark.parametrize(
    ("name", "type_text", "default", "range_text"),
    [
        ("n_layers", "integer", "2", "[1, 24]"),
        ("scale", "number", "0.5", "(0, ∞)"),
        ("rate", "number or none", "none", "[0, 1)"),
        ("rotation", "one of 'x', 'y', 'none'", "y", ""),
        ("order", "one of 1, 2", "1", ""),
        ("axis", "one of 'x', 'y'", "x", ""),
        ("bias", "true or false", "true", ""),
        ("hidden", "list of integer", "32,16", ""),
        ("names", "list of text or none", "none", ""),
        ("folder", "path or none", "none", ""),
        ("title", "text", "untitled", "length 1 to ∞"),
    ],
)
def test_a_parameter_is_described_for_people(name: str, type_text: str, default: str, range_text: str) -> None:
    found = described(name)
    assert (found.type, found.default_text, found.range) == (type_text, default, range_text)


def test_the_meaning_comes_from_the_annotation() -> None:
    assert described("n_layers").description == "circuit layers"
    assert described("n_layers").allowed == "an integer in [1, 24]"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("n_layers", "3", 3),
        ("scale", "1e-2", 0.01),
        ("rate", "none", None),
        ("rate", "0.25", 0.25),
        ("rotation", "none", "none"),
        ("order", "2", 2),
        ("axis", "y", Axis.Y),
        ("bias", "false", False),
        ("hidden", "1,2,3", (1, 2, 3)),
        ("hidden", "[4, 5]", (4, 5)),
        ("hidden", "()", ()),
        ("hidden", "7", (7,)),
        ("names", "a, b", ["a", "b"]),
        ("names", "none", None),
        ("folder", "some/where", Path("some/where")),
        ("title", "12", "12"),
    ],
)
def test_words_become_values(name: str, text: str, value: Any) -> None:
    assert made(**{name: text})[name] == value
    assert type(made(**{name: text})[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("n_layers", "many", r"head part: n_layers \(circuit layers\) must be an integer in \[1, 24\]; got 'many'"),
        ("n_layers", 25, r"must be an integer in \[1, 24\]; got 25\. Set it with --set head\.n_layers=VALUE"),
        ("n_layers", 2.5, r"must be an integer in \[1, 24\]; got 2\.5"),
        ("n_layers", True, r"must be an integer in \[1, 24\]; got True"),
        ("scale", "0", r"must be a number in \(0, ∞\); got '0'"),
        ("scale", "nan", r"must be a number in \(0, ∞\); got 'nan'"),
        ("rotation", "w", r"must be one of 'x', 'y', 'none'; got 'w'"),
        ("bias", "perhaps", r"must be true or false; got 'perhaps'\. .*its default is true"),
        ("hidden", "3,0", r"hidden must be list of integer; got '3,0'"),
        ("title", "", r"must be text in length 1 to ∞; got ''"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(name: str, value: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        made(**{name: value})


def test_an_unknown_parameter_is_refused_with_near_ones() -> None:
    with pytest.raises(UnknownName, match=r"parameter of head part is called 'n_layer'\. Did you mean 'n_layers'"):
        made(n_layer=3)


class Preset(Part):
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {"deep": {"n_layers": 12, "scale": "0.25"}, "flat": {}}


def test_a_preset_stands_for_its_parameters_under_those_that_are_set() -> None:
    given = parameters.create(Preset, {"scale": "2", "preset": "deep"}, "head part").given
    assert (given["n_layers"], given["scale"], given["order"]) == (12, 2.0, 1)
    assert parameters.resolved(Preset, {"preset": "deep"}) == parameters.resolved(Part, {"n_layers": 12, "scale": 0.25})


def test_an_unknown_preset_is_refused_with_near_ones() -> None:
    with pytest.raises(
        UnknownName, match=r"no preset of head part is called 'dep'\. Did you mean 'deep'.* deep, flat\."
    ):
        parameters.create(Preset, {"preset": "dep"}, "head part")


def test_a_component_without_parameters_says_so() -> None:
    class Plain:
        kind = "reducer"

    assert parameters.describe(Plain) == []
    with pytest.raises(UnknownName, match=r"parameter of reducer plain is called 'n'\. It has no parameters"):
        parameters.create(Plain, {"n": 1}, "reducer plain")


def test_resolved_values_are_plain_and_give_the_same_component_again() -> None:
    written = parameters.resolved(Part, {"top": "none", "axis": "y", "folder": "data", "n_layers": "4"})
    assert written["top"] == "none"  # its default is 80, so that leaving it out would change the run
    assert "rate" not in written
    assert (written["axis"], written["folder"], written["hidden"]) == ("y", "data", [32, 16])
    assert made(**written) == made(top=None, axis=Axis.Y, folder=Path("data"), n_layers=4)


class Options(BaseModel):
    epochs: Annotated[int, Field(ge=1, description="passes")] = 30


def test_a_pydantic_model_is_read_like_a_component() -> None:
    assert [each.description for each in parameters.describe(Options)] == ["passes"]
    assert parameters.create(Options, {"epochs": "3"}, "training").epochs == 3
    with pytest.raises(ParameterError, match=r"training: epochs \(passes\) must be an integer in \[1, ∞\); got '0'"):
        parameters.create(Options, {"epochs": "0"}, "training")


class Star:
    def __init__(self, *args: int) -> None: ...


class Stars:
    def __init__(self, **options: int) -> None: ...


class Positional:
    def __init__(self, width: int = 3) -> None: ...


class Bare:
    def __init__(self, *, width=3) -> None: ...  # type: ignore[no-untyped-def]


class Required:
    def __init__(self, *, width: int) -> None: ...


class Reserved:
    def __init__(self, *, preset: str = "") -> None: ...


class Unresolved:
    def __init__(self, *, width: "Missing" = 3) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Star, r"constructor of Star takes \*args"),
        (Stars, r"constructor of Stars takes \*\*options"),
        (Positional, "constructor of Positional takes 'width' by position"),
        (Bare, "constructor of Bare has no annotation for 'width'"),
        (Required, "constructor of Required has no default for 'width'"),
        (Reserved, "constructor of Reserved calls a parameter 'preset', the word with which users take"),
        (Unresolved, "annotations of Unresolved's constructor cannot be resolved: name 'Missing' is not defined"),
    ],
)
def test_a_constructor_that_breaks_the_rules_is_the_plugin_s_fault(broken: type, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        parameters.describe(broken)


class Opaque:
    """A type that pydantic knows nothing about."""


class Unknowable:
    def __init__(self, *, width: Opaque | None = None) -> None: ...


def test_an_annotation_that_cannot_be_validated_is_the_plugin_s_fault() -> None:
    with pytest.raises(PluginError, match="annotation of Unknowable's parameter 'width' cannot be validated"):
        parameters.describe(Unknowable)


class Raises:
    def __init__(self, *, width: int = 3) -> None:
        raise ValueError(f"no {width} today")


def test_a_constructor_that_raises_is_the_plugin_s_fault() -> None:
    with pytest.raises(PluginError, match=r"constructor of head raises .* raised ValueError: no 4 today"):
        parameters.create(Raises, {"width": 4}, "head raises")


BASE = """
from __future__ import annotations
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar
from pydantic import Field

@dataclass(kw_only=True, eq=False)
class Base:
    facts: ClassVar[Mapping[str, int]] = {}
    width: Annotated[int, Field(ge=1, description="how wide")] = 3
    found: int = field(default=0, init=False)
"""
DERIVED = """
from __future__ import annotations
from dataclasses import dataclass
import parameters_base

@dataclass(kw_only=True, eq=False)
class Derived(parameters_base.Base):
    deep: bool = False
"""


def test_the_fields_of_a_dataclass_are_its_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two modules: the names in the base's annotations are known to its own alone.
    (tmp_path / "parameters_base.py").write_text(BASE)
    (tmp_path / "parameters_derived.py").write_text(DERIVED)
    monkeypatch.syspath_prepend(tmp_path)
    derived = importlib.import_module("parameters_derived").Derived
    known = parameters.describe(derived)
    assert [(each.name, each.default, each.range) for each in known] == [("width", 3, "[1, ∞)"), ("deep", False, "")]
    made = parameters.create(derived, {"width": "4", "deep": "true"}, "head derived")
    assert (made.width, made.deep) == (4, True)
    with pytest.raises(ParameterError, match=r"width \(how wide\) must be an integer in \[1, ∞\); got 0"):
        parameters.create(derived, {"width": 0}, "head derived")


def test_a_field_without_a_default_is_refused() -> None:
    @dataclass(kw_only=True, eq=False)
    class Lacking:
        width: int

    with pytest.raises(PluginError, match="Lacking has no default for 'width'"):
        parameters.describe(Lacking)
