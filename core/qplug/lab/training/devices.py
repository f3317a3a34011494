"""What a training needs of the machine, checked before any work."""

from __future__ import annotations

from typing import Literal

import torch

from qplug.contract.errors import NotSupported, ParameterError
from qplug.lab.config.training import TrainingOptions
from qplug.lab.data.row_source import Device, resolve_device


def check_devices(options: TrainingOptions, device: Device) -> Literal["cpu", "cuda"]:
    """The device that ``device`` stands for here, if it can do what the options ask.

    Raises:
        NotSupported: CUDA or more GPUs are asked for than there are, or mixed precision where there is none.
        ParameterError: a batch is too small to be shared among that many processes.
    """
    found = resolve_device(device)
    if options.mixed_precision:
        _check_mixed_precision(found)
    if found == "cuda" and options.devices > torch.cuda.device_count():
        raise NotSupported(
            f"training.devices is {options.devices}, but torch finds {torch.cuda.device_count()} CUDA devices here. "
            "Ask for fewer, or train in several processes on the CPU: --device cpu"
        )
    if options.batch_size < 2 * options.devices > 2:
        raise ParameterError(
            f"training.batch_size is {options.batch_size}, too few for training.devices={options.devices}: each "
            f"process takes a share of 2 samples or more. Raise it to {2 * options.devices}, or ask for fewer devices."
        )
    return found


def per_device(options: TrainingOptions, device: Literal["cpu", "cuda"], n_samples: int | None = None) -> int:
    """How many samples of a batch the memory of one device holds; processes on the CPU share its memory.

    Args:
        options: batch size and number of processes.
        device: where they train.
        n_samples: of the training part, if that is known.
    """
    batch = options.batch_size if n_samples is None else min(options.batch_size, n_samples)
    return batch if device == "cpu" else -(-batch // options.devices)


def _check_mixed_precision(device: Literal["cpu", "cuda"]) -> None:
    if device == "cpu":
        raise NotSupported(
            "training.mixed_precision is true, but the training would run on the CPU, where it gains nothing. "
            "Set it to false, or train on CUDA: --device cuda"
        )
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        raise NotSupported(
            f"training.mixed_precision is true, but {torch.cuda.get_device_name()} does not compute in bfloat16. "
            "Set it to false."
        )
