"""What a model answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from qplug.contract.errors import DataError, QplugError
from qplug.lab.data.row_source import Device, Rows, resolve_device, take
from qplug.lab.pipeline.memory import judged_at_once


def predict_logits(
    model: nn.Module,
    inputs: Rows,
    *,
    batch_size: int | None = None,
    device: Device = "cpu",
    on_step: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Logits (n, n_classes) of a model in evaluation mode, in the order of ``inputs``, on the CPU.

    The model is moved to ``device`` and stays in evaluation mode; its weights do not change.

    Args:
        model: inputs (batch, …) → logits (batch, n_classes).
        inputs: (n, …) float32, n at least 1.
        batch_size: samples per call of the model; None: as many as its circuits allow.
        device: where it runs; ``"auto"`` is CUDA where there is one.
        on_step: called after every batch with the number of samples done and of all samples.

    Raises:
        DataError: if there are no inputs.
        QplugError: if a logit is not finite.
    """
    if not len(inputs):
        raise DataError("there is nothing to predict: the part has 0 samples.")
    place = torch.device(resolve_device(device))
    model.to(place).eval()
    batch_size = batch_size or judged_at_once(model)
    logits = []
    with torch.no_grad():
        for start in range(0, len(inputs), batch_size):
            index = np.arange(start, min(start + batch_size, len(inputs)))
            logits.append(model(take(inputs, index).to(place)).cpu())
            if on_step is not None:
                on_step(int(index[-1]) + 1, len(inputs))
    together = torch.cat(logits)
    bad = int((~torch.isfinite(together)).any(dim=1).sum())
    if bad:
        raise QplugError(f"the model gave logits that are not finite for {bad} of {len(together)} samples.")
    return together
