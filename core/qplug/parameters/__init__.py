"""A component's parameters: read from its constructor, shown to people, and filled with what the user gave.

A parameter is a keyword-only constructor argument with a default and an annotation, best written as
``Annotated[int, Field(ge=1, le=24, description="…")]``. Nothing else is needed for ``--set head.n_layers=3``.
The same functions read a pydantic model, so that options and components are set and refused alike.

Beside its parameters, a component with ``presets`` takes the key ``preset``, which stands for one of these sets.
"""

from qplug.parameters.constructor import describe
from qplug.parameters.parameter import PRESET, Parameter, plain, value_text
from qplug.parameters.values import RUN, convert, create, expanded, given, resolved, validated

__all__ = [
    "PRESET",
    "RUN",
    "Parameter",
    "convert",
    "create",
    "describe",
    "expanded",
    "given",
    "plain",
    "resolved",
    "validated",
    "value_text",
]
