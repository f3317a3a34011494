"""Weights from a file, given to a network strictly: what does not fit is named, and nothing is run or guessed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from qplug.contract.errors import DataError


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors by name in a file that ``torch.save`` wrote, or in one whose name ends in ``.safetensors``.

    Args:
        path: the file.

    Raises:
        DataError: the file cannot be read, is damaged, or holds more than plain tensors.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # what torch guesses of a file that is none of its own
            stored: Any = (
                load_file(path)
                if path.suffix == ".safetensors"
                else torch.load(path, map_location="cpu", weights_only=True)
            )
    except Exception as error:  # bytes that mean nothing make the readers stumble in any way
        # Only the first sentence: in the second one torch advises to run what is in the file.
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".") if str(error) else type(error).__name__
        raise DataError(
            f"{path} cannot be read as weights: damaged, or more than plain tensors, which is never run ({reason})."
        ) from error
    if not isinstance(stored, Mapping) or not all(isinstance(value, Tensor) for value in stored.values()):
        raise DataError(f"{path} holds no table of tensors by name (a state_dict).")
    return {str(key): value for key, value in stored.items()}


def load_strictly(
    network: nn.Module, stored: Mapping[str, Tensor], *, where: str, advice: str = "", assign: bool = False
) -> None:
    """Gives ``network`` all its weights and buffers; every key and shape must fit.

    Args:
        network: what the weights are for; unchanged if they do not fit.
        stored: tensors by name; half precision is converted.
        where: the file, for the error.
        advice: what to do about weights that do not fit.
        assign: let the network hold the stored tensors themselves, which one on torch's meta device needs.

    Raises:
        DataError: a key is missing, unknown or has another shape; the message names the first of them.
    """
    wanted = network.state_dict()
    problems = [
        *(f"{key!r} is missing" for key in wanted if key not in stored),
        *(
            f"{key!r} has the shape {tuple(stored[key].shape)}, not {tuple(tensor.shape)}"
            for key, tensor in wanted.items()
            if key in stored and stored[key].shape != tensor.shape
        ),
        *(f"{key!r} is not known" for key in stored if key not in wanted),
    ]
    if problems:
        more = f" ({len(problems)} keys do not fit)" if len(problems) > 1 else ""
        raise DataError(f"the weights in {where} are for another network: {problems[0]}{more}. {advice}".rstrip())
    network.load_state_dict(dict(stored), assign=assign)


class PartlyFrozen(nn.Module):
    """Embeddings of a network of which only the last blocks learn; in the others batch norm keeps its statistics too.

    Args:
        blocks: what the network does, one after the other.
        n_trainable: how many of the last ``blocks`` learn; None: all.
    """

    def __init__(self, blocks: nn.Sequential, n_trainable: int | None) -> None:
        super().__init__()
        self.blocks = blocks
        self.n_frozen = 0 if n_trainable is None else max(0, len(blocks) - n_trainable)
        self.blocks[: self.n_frozen].requires_grad_(False)

    def forward(self, features: Tensor) -> Tensor:
        """What the last block gives."""
        outputs: Tensor = self.blocks(features)
        return outputs

    def train(self, mode: bool = True) -> PartlyFrozen:
        """Training mode for the blocks that learn, evaluation mode for the others."""
        super().train(mode)
        self.blocks[: self.n_frozen].eval()
        return self
