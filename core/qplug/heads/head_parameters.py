"""Parameters that quantum heads share, for their annotations."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import torch
from pydantic import Field

from qplug.heads.readouts import ReadoutName

ReadOut: TypeAlias = Annotated[
    ReadoutName,
    Field(
        description="linear: <Z> of each qubit into a linear layer; z: <Z> of the first qubits as logits; "
        "parity: the parity of all qubits, two classes"
    ),
]
"""A head's parameter ``read_out``."""

BatchNorm: TypeAlias = Annotated[bool, Field(description="normalise <Z> before the linear layer")]
"""A head's parameter ``batch_norm``."""

InputMap: TypeAlias = Annotated[
    Literal["none", "tanh", "arctan"], Field(description="what is applied to inputs before the scale")
]
"""A head's parameter ``angle_map``, one of ``INPUT_MAPS``."""

INPUT_MAPS = {"none": lambda inputs: inputs, "tanh": torch.tanh, "arctan": torch.atan}
"""Torch functions of inputs (batch, n_inputs), by the values of ``InputMap``."""
