"""What cannot be trained or fitted, known before any data is read."""

from __future__ import annotations

from torch import nn

from qplug.contract.errors import ParameterError


def refuse_single_samples(model: nn.Module, batch_size: int) -> None:
    """Refuses batches of one sample for a model with batch norm.

    Args:
        model: all that is trained.
        batch_size: samples per optimisation step.

    Raises:
        ParameterError: one sample has no spread to normalise by.
    """
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    if batch_size == 1 and any(isinstance(module, norms) for module in model.modules()):
        raise ParameterError("training.batch_size is 1, but the model has batch norm, which needs 2 or more samples.")
