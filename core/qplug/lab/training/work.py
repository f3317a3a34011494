"""One training in one process: alone, or as one of several that share each batch."""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn

from qplug.contract.errors import UserError
from qplug.lab.config.training import TrainingOptions
from qplug.lab.pipeline.memory import judged_at_once
from qplug.lab.stopping import own_handlers
from qplug.lab.training.asked_module import AskedTraining
from qplug.lab.training.asking import Asked
from qplug.lab.training.batches import Batches, Part
from qplug.lab.training.checkpoint import State
from qplug.lab.training.module import Training
from qplug.lab.training.optimiser import trainable
from qplug.lab.training.progress import OnEpoch, OnStep


@dataclass(frozen=True)
class Work:
    """What is trained, on what, and how: everything that a process must know.

    Attributes:
        model: inputs (batch, …) → logits (batch, n_classes); changed in place.
        training: the part that it learns from.
        validation: the part that chooses the best epoch.
        options: how it is trained.
        seed: decides data order and dropout.
        quantum: names of the parameters, or modules, with the quantum learning rate.
        class_weights: one weight per class (n_classes,), or None.
        folder: where checkpoints go.
        device: where it is trained.
        asked: how circuits get their values and gradients where the backend gives none in a forward pass.
    """

    model: nn.Module
    training: Part
    validation: Part
    options: TrainingOptions
    seed: int
    quantum: Collection[str]
    class_weights: Tensor | None
    folder: Path
    device: Literal["cpu", "cuda"]
    asked: Asked | None = None


def train(
    work: Work,
    state: State,
    *,
    on_epoch: OnEpoch | None = None,
    on_step: OnStep | None = None,
    rank: int = 0,
) -> None:
    """Train from ``state`` to the end; ``state`` is updated, and the first process writes checkpoints.

    Args:
        work: what is trained.
        state: where the training stands; ``work.model`` has its weights already.
        on_epoch: called after every epoch.
        on_step: called after every step.
        rank: number of this process; torch's process group is set up if there are several.
    """
    options, n_ranks = work.options, work.options.devices
    batches = Batches(work.training, options.batch_size, seed=work.seed, rank=rank, n_ranks=n_ranks)
    validation = Batches(work.validation, _judged(work), rank=rank, n_ranks=n_ranks)
    kind = Training if work.asked is None else partial(AskedTraining, asked=work.asked)
    module = kind(
        work.model, batches, validation, options, trainable(work.model, work.quantum), state, work.folder,
        class_weights=work.class_weights, on_epoch=on_epoch, on_step=on_step,
    )  # fmt: skip
    if isinstance(module, AskedTraining) and not module.can_begin():
        return
    cuda = [torch.cuda.current_device()] if work.device == "cuda" else []
    with (
        torch.random.fork_rng(devices=cuda),
        _quiet(),
        _own_interrupts() as put_back,
        _memory_advice(options),
        _laid_out(work),
    ):
        module.put_handlers_back = put_back
        trainer = pl.Trainer(
            accelerator=work.device,
            devices=n_ranks,
            strategy=_strategy(work.device) if n_ranks > 1 else "auto",
            # Inside srun Lightning would take the tasks of the job for processes of this training.
            plugins=[LightningEnvironment()] if n_ranks == 1 else None,
            sync_batchnorm=normalises_whole_batches(work.device, n_ranks),
            precision="bf16-mixed" if options.mixed_precision else "32-true",
            max_epochs=options.epochs - state.epoch,
            gradient_clip_val=options.gradient_clip,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,  # Batches deal the samples out themselves
            # Tensors that a backend keeps from an epoch's validation may take part in training later.
            inference_mode=False,
        )
        module.model.train()
        trainer.fit(module, batches, validation)


def _judged(work: Work) -> int:
    """Samples of a validation batch, over all processes."""
    return max(judged_at_once(work.model), work.options.batch_size)


def normalises_whole_batches(device: Literal["cpu", "cuda"], n_processes: int) -> bool:
    """Whether batch norm sees the samples of all processes; torch can do that on GPUs alone."""
    return device == "cuda" and n_processes > 1


def _strategy(device: Literal["cpu", "cuda"]) -> DDPStrategy:
    """Gradients are averaged over the processes; running statistics are the first one's."""
    return DDPStrategy(
        cluster_environment=LightningEnvironment(),
        process_group_backend="nccl" if device == "cuda" else "gloo",
        find_unused_parameters=True,  # pretrained networks bring layers that an embedding does not pass
    )


@contextlib.contextmanager
def _laid_out(work: Work) -> Iterator[None]:
    """Weights of convolutions with their channels innermost, which values then follow; as they were after it."""
    if not work.options.channels_last:
        yield
        return
    work.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    try:
        yield
    finally:
        work.model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's notes and advice are about its own options, which the user does not see."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\b")
        warnings.filterwarnings("ignore", message=r"find_unused_parameters=True was specified")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextlib.contextmanager
def _own_interrupts() -> Iterator[Callable[[], None]]:
    """Signals stay what they are: Lightning turns Ctrl-C into SystemExit, and ends at SIGTERM without a word.

    Gives what puts the handlers back that Lightning replaces while it trains.
    """
    with own_handlers() as put_back:
        try:
            yield put_back
        except SystemExit as end:
            if isinstance(end.__context__, KeyboardInterrupt):
                raise end.__context__ from None
            raise


@contextlib.contextmanager
def _memory_advice(options: TrainingOptions) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # the CPU's allocator raises a bare RuntimeError
        words = str(error).partition("\n")[0]
        if not isinstance(error, MemoryError) and not re.search(r"out of memory|allocate memory", words, re.IGNORECASE):
            raise
        raise UserError(
            f"memory ran out in training. Lower training.batch_size (now {options.batch_size}), or use fewer qubits. "
            f"({words or 'no memory'})"
        ) from error
