"""Several models of one shape as one: their weights stacked, so that one pass serves all of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.dropout import _DropoutNd

_AGREE = 1e-4
"""How far what comes out of a pass for all may lie from that of a model by itself, as a share of the largest number.

Rounding alone lies far below, and a model that is another one under a transform far above.
"""


class Stack:
    """Models side by side: inputs (model, batch, …) → logits (model, batch, n_classes).

    Args:
        models: of one structure; they are left as they are.

    Attributes:
        parameters: (model, …) by name; leaves that an optimiser may train.
        buffers: (model, …) by name, such as running statistics.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        self._structure = copy.deepcopy(models[0])
        self.parameters = {
            name: nn.Parameter(
                torch.stack([dict(model.named_parameters())[name].detach() for model in models]),
                requires_grad=parameter.requires_grad,
            )
            for name, parameter in models[0].named_parameters()
        }
        self.buffers = {
            name: torch.stack([dict(model.named_buffers())[name] for model in models])
            for name, _ in models[0].named_buffers()
        }
        self._all = torch.vmap(self._one)

    def train(self, mode: bool = True) -> None:
        """Training mode for all, or evaluation mode."""
        self._structure.train(mode)
        for module in self._structure.modules():
            if isinstance(module, _DropoutNd) and not module.p:
                module.eval()  # it drops nothing, and vmap refuses whatever might draw random numbers

    def __call__(self, inputs: Tensor) -> Tensor:
        """Logits (model, batch, n_classes), float32, for inputs (model, batch, …)."""
        logits: Tensor = self._all(self.parameters, self.buffers, inputs)
        return logits.float()

    def _one(self, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        logits: Tensor = torch.func.functional_call(self._structure, (dict(parameters), dict(buffers)), (inputs,))
        return logits

    def state(self, number: int) -> dict[str, Tensor]:
        """A copy of all numbers of one model, by name."""
        return {name: value[number].detach().clone() for name, value in {**self.parameters, **self.buffers}.items()}

    def gradients(self, number: int) -> dict[str, Tensor]:
        """The gradients of one model, by name, where there are any."""
        return {name: value.grad[number] for name, value in self.parameters.items() if value.grad is not None}


def put_back(model: nn.Module, state: Mapping[str, Tensor], gradients: Mapping[str, Tensor] | None = None) -> None:
    """Gives a model the numbers that ``Stack.state`` took, and gradients."""
    with torch.no_grad():
        for name, value in (*model.named_parameters(), *model.named_buffers()):
            value.copy_(state[name])
    for name, parameter in model.named_parameters():
        parameter.grad = None if gradients is None else gradients.get(name)


def alike(models: Sequence[nn.Module]) -> bool:
    """Whether the models have parameters and buffers of the same names, shapes and types, trained or not."""

    def shape(model: nn.Module) -> list[tuple[object, ...]]:
        named = (*model.named_parameters(), *model.named_buffers())
        return [(name, tuple(value.shape), value.dtype, value.requires_grad) for name, value in named]

    first = shape(models[0])
    return all(shape(model) == first for model in models[1:])


def stackable(models: Sequence[nn.Module], inputs: Tensor) -> bool:
    """Whether the models learn side by side as they would one by one.

    It is tried: logits, gradients and buffers after one pass in training mode. Whatever a pass for all raises, such as
    torch's refusal of dropout or of code that looks at values, means no; so do numbers of a model that are kept where
    they cannot be stacked.

    Args:
        models: of one structure (see ``alike``); they are left as they are.
        inputs: (model, batch, …), a batch for each.
    """
    alone = [copy.deepcopy(model).train() for model in models]
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        try:
            together = Stack(alone)
            together.train()
            logits = together(inputs)
            torch.autograd.backward(logits.square().sum())
        except Exception:
            return False
        return all(
            _same(together, number, logits[number], model, each)
            for number, (model, each) in enumerate(zip(alone, inputs, strict=True))
        )


def _same(together: Stack, number: int, logits: Tensor, model: nn.Module, inputs: Tensor) -> bool:
    expected = model(inputs).float()
    torch.autograd.backward(expected.square().sum())
    logits, expected = logits.detach(), expected.detach()
    gradients = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
    found = together.gradients(number)
    state = together.state(number)
    return (
        found.keys() == gradients.keys()
        and _near(logits, expected)
        and all(_near(found[name], gradients[name]) for name in found)
        and all(_near(state[name], value) for name, value in model.named_buffers())
    )


def _near(found: Tensor, expected: Tensor) -> bool:
    if found.shape != expected.shape:
        return False
    largest = 1.0 + float(expected.abs().max()) if expected.numel() else 1.0
    return bool(((found - expected).abs() <= _AGREE * largest).all())


def cross_entropies(logits: Tensor, labels: Tensor, weights: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
    """The cross-entropy (model,) of each model's batch: torch's ``cross_entropy``, for all at once.

    Args:
        logits: (model, batch, n_classes).
        labels: (model, batch).
        weights: (model, n_classes), of the classes; None: all alike.
        smoothing: share of each label that is spread over all classes.
    """
    logs = functional.log_softmax(logits, dim=2)
    of_labels = logs.gather(2, labels.unsqueeze(2)).squeeze(2)
    if weights is None and not smoothing:
        return -of_labels.mean(dim=1)
    each = torch.ones_like(logits[:, 0]) if weights is None else weights
    shares = each.gather(1, labels)
    total = shares.sum(dim=1)
    hard = -(of_labels * shares).sum(dim=1) / total
    if not smoothing:
        return hard
    soft = -(logs * each.unsqueeze(1)).sum(dim=(1, 2)) / total
    return (1 - smoothing) * hard + smoothing / logits.shape[2] * soft
