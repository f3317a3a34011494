"""``model.safetensors``: trained weights with what is needed to use them, and nothing that can run code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from qplug.contract.errors import DataError
from qplug.lab.config.reading import parse_json
from qplug.lab.runs.weights_file import naming_damage


def weights_bytes(state_dict: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> bytes:
    """A ``state_dict`` as a safetensors file; each metadata value is kept as JSON text."""
    # Cloned: tensors that share memory, such as tied weights, are refused by the format.
    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in state_dict.items()}
    return save(tensors, metadata={name: json.dumps(value) for name, value in metadata.items()})


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The ``state_dict`` and the metadata of a safetensors file.

    Raises:
        DataError: if the file is missing or damaged.
    """
    with naming_damage(path):
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        facts = {name: parse_json(value, f"{path}, {name},", DataError) for name, value in metadata.items()}
        return load_file(path), facts


def load_weights(model: nn.Module, state_dict: Mapping[str, Tensor]) -> None:
    """Give a model its weights; every key and shape must fit.

    A module whose buffers are as long as what it was fitted on, such as a support vector machine's, names them in its
    attribute ``variable_shapes`` and takes on their length itself.

    Raises:
        DataError: if a key is missing or unknown, or a shape differs; the message names each. The model is unchanged.
    """
    wanted = model.state_dict()
    variable = {
        f"{prefix}.{name}".removeprefix(".")
        for prefix, module in model.named_modules()
        for name in getattr(module, "variable_shapes", ())
    }
    problems = [f"{key} is missing" for key in wanted if key not in state_dict]
    problems += [f"{key} is unknown to the model" for key in state_dict if key not in wanted]
    problems += [
        f"{key} has shape {tuple(state_dict[key].shape)}, the model needs {tuple(value.shape)}"
        for key, value in wanted.items()
        if key in state_dict and state_dict[key].shape != value.shape and key not in variable
    ]
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise DataError(f"these weights do not fit the model: {'; '.join(problems[:5])}{more}.")
    model.load_state_dict(dict(state_dict))
