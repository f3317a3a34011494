"""One torch module for a whole pipeline: features in, logits out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from qplug.contract.errors import NotSupported, PluginError
from qplug.contract.interfaces import Backbone, Backend, Head, Place, TrainingPart
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.pipeline.augment import Augment
from qplug.lab.pipeline.components import BranchComponents, Components
from qplug.lab.pipeline.placing import placed
from qplug.lab.pipeline.sizes import bounded


class Front(nn.Module):
    """Features (batch, *feature_shape) → embeddings (batch, n_features): normalisation, then the backbone.

    Attributes:
        augment: what training inputs pass in between; the identity in evaluation mode.
    """

    def __init__(self, normalise: nn.Module, backbone: nn.Module) -> None:
        super().__init__()
        self.normalise = normalise
        self.augment: nn.Module = nn.Identity()
        self.backbone = backbone

    def forward(self, features: Tensor) -> Tensor:
        """Embeddings (batch, n_features)."""
        embeddings: Tensor = self.backbone(self.augment(self.normalise(features)))
        return embeddings


class Branch(nn.Sequential):
    """A reducer and a head; what either gives is looked at, so that the one at fault is named."""

    def __init__(self, reducer: nn.Module, head: nn.Module, n_reduced: int, n_classes: int) -> None:
        super().__init__(reducer, head)
        self.widths = (n_reduced, n_classes)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Logits (batch, n_classes).

        Raises:
            PluginError: the reducer or the head gave something else; its ``at_fault`` is the module.
        """
        values = embeddings
        for module, width in zip(self, self.widths, strict=True):
            values = _looked_at(module(values), module, width)
        return values


def _looked_at(output: object, module: nn.Module, width: int) -> Tensor:
    if torch._C._get_tracing_state() is not None or torch.compiler.is_compiling():  # sizes are no plain numbers there
        return cast(Tensor, output)
    wrong = ""
    if not isinstance(output, Tensor):
        wrong = f"gave {type(output).__name__}, not a tensor"
    elif output.ndim != 2 or output.shape[1] != width:  # a batch of any size: it is a symbol where a graph is exported
        wrong = f"gave the shape {tuple(output.shape)}, not (batch, {width})"
    elif torch.is_grad_enabled() and module.training and _cut_off(output, module):
        wrong = "gave values cut off from its parameters (detached), so nothing can be learnt"
    if not wrong:
        return cast(Tensor, output)
    error = PluginError(f"its network {type(module).__name__} {wrong}")
    error.at_fault = module
    raise error


def _cut_off(output: Tensor, module: nn.Module) -> bool:
    return not output.requires_grad and any(parameter.requires_grad for parameter in module.parameters())


class WeightedSum(nn.Module):
    """Embeddings (batch, n_features) → logits (batch, n_classes): the weighted sum over branches."""

    weights: Tensor

    def __init__(self, branches: list[nn.Module], weights: list[float], *, learn_weights: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        if learn_weights:
            self.weights = nn.Parameter(torch.tensor(weights))
        else:
            self.register_buffer("weights", torch.tensor(weights))

    def pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """Each branch's reducer and head."""
        return [(branch[0], branch[1]) for branch in cast("list[nn.Sequential]", list(self.branches))]

    def forward(self, embeddings: Tensor) -> Tensor:
        """Logits (batch, n_classes)."""
        logits = [weight * branch(embeddings) for weight, branch in zip(self.weights, self.branches, strict=True)]
        return logits[0] if len(logits) == 1 else torch.stack(logits).sum(0)


class Classifier(nn.Module):
    """Features (batch, *feature_shape) → logits (batch, n_classes).

    Attributes:
        front: normalisation and backbone.
        branches: from the embedding to logits.
    """

    def __init__(self, front: Front, branches: WeightedSum, *, frozen_front: bool) -> None:
        super().__init__()
        self.front = front
        self.branches = branches
        self.frozen_front = frozen_front
        if frozen_front:
            front.requires_grad_(False)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (batch, n_classes)."""
        logits: Tensor = self.branches(self.front(features))
        return logits

    def train(self, mode: bool = True) -> Classifier:
        """Training mode, except that a frozen front keeps its running statistics as they are."""
        super().train(mode)
        if self.frozen_front:
            self.front.eval()
        return self

    def quantum_modules(self) -> Iterator[QuantumModule]:
        """Every circuit, wherever it stands: those of the backbone first, then those of the heads."""
        return _circuits(self)

    def circuits_in_front(self) -> Iterator[QuantumModule]:
        """The circuits of the backbone."""
        return _circuits(self.front)

    def circuits_in_branches(self) -> Iterator[QuantumModule]:
        """The circuits of the heads."""
        return _circuits(self.branches)

    def quantum_parameters(self) -> list[nn.Parameter]:
        """The trainable parameters of all circuits."""
        return [module.circuit_parameters for module in self.quantum_modules()]

    def evaluate_on(self, backend: Backend) -> None:
        """Lets every circuit run on ``backend`` from now on, with the weights as they are.

        Raises:
            NotSupported: the backend cannot run one of the circuits.
        """
        for module in self.quantum_modules():
            backend.accept(module.circuit)
        for module in self.quantum_modules():
            module.backend = backend


def _circuits(module: nn.Module) -> Iterator[QuantumModule]:
    return (each for each in module.modules() if isinstance(each, QuantumModule))


@dataclass(frozen=True)
class ParameterCounts:
    """How many numbers a classifier holds: all, those that training changes, and those of its circuits."""

    total: int
    trainable: int
    quantum: int


def count_parameters(classifier: Classifier) -> ParameterCounts:
    """The classifier's parameter counts. Buffers, such as a fitted mean, do not count."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in classifier.parameters()]
    return ParameterCounts(
        total=sum(size for size, _ in sizes),
        trainable=sum(size for size, trainable in sizes if trainable),
        quantum=sum(parameter.numel() for parameter in classifier.quantum_parameters()),
    )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, torch's CPU generator starts from ``seed``; outside, it is as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def build_backbone(
    backbone: Backbone,
    feature_shape: tuple[int, ...],
    *,
    seed: int,
    learnt: bool = True,
    weights: Path | None = None,
    place: Place | None = None,
) -> nn.Module:
    """The backbone's network.

    Args:
        backbone: the component.
        feature_shape: shape of one feature.
        seed: what initial weights are drawn from.
        learnt: whether learnt weights are loaded; False if those of a finished run, or none, are going to be.
        weights: where the file of learnt weights that the backbone declares lies, if it was downloaded.
        place: where its circuits run, if it holds any; see ``place_in_backbone``.

    Raises:
        NotSupported: features that do not fit.
        DataError: weights that are missing, damaged or for another network.
    """
    with seeded(seed), bounded(f"backbone {type(backbone).__name__}"):
        return backbone.module(feature_shape, weights, place) if learnt else backbone.untaught(feature_shape, place)


def embedding_width(front: Front, feature_shape: tuple[int, ...]) -> int:
    """How many numbers the front gives per sample, found by passing zeros through.

    Raises:
        PluginError: the backbone's output is not (batch, n_features).
    """
    was_training = front.training
    front.eval()
    with torch.no_grad():
        embeddings = front(torch.zeros(2, *feature_shape))
    front.train(was_training)
    if embeddings.ndim != 2 or embeddings.shape[0] != 2:
        raise PluginError(
            f"the backbone must give (batch, n_features); for a batch of 2 it gave {tuple(embeddings.shape)}."
        )
    return int(embeddings.shape[1])


def build_classifier(
    components: Components,
    front: Front,
    feature_shape: tuple[int, ...],
    *,
    n_classes: int,
    seed: int,
    learn_weights: bool = False,
) -> Classifier:
    """The whole pipeline as one module, circuits on the training backend. What is fitted has the right shapes only.

    Args:
        components: the components.
        front: normalisation and backbone.
        feature_shape: shape of one feature.
        n_classes: number of classes, and of logits.
        seed: decides the initial weights.
        learn_weights: whether the factors of the branches are trained too.

    Raises:
        NotSupported: components that do not fit together, such as more reducer outputs than the head has qubits.
    """
    if components.augmentation.active:
        front.augment = Augment(components.augmentation)
    width = embedding_width(front, feature_shape)
    modules = []
    for number, branch in enumerate(components.branches):
        names = f"{type(branch.reducer).__name__} with head {type(branch.head).__name__}"
        with seeded(seed + 1 + number), bounded(f"reducer {names}"):
            modules.append(_branch(branch, components.training_backend, width, n_classes))
    summed = WeightedSum(modules, [branch.weight for branch in components.branches], learn_weights=learn_weights)
    return Classifier(front, summed, frozen_front=components.backbone.frozen)


def fit_branches(
    classifier: Classifier, components: Components, width: int, *, seed: int, training: Callable[[], TrainingPart]
) -> None:
    """Fits what is fitted and puts it in its place; all else of the classifier stays as it was built.

    Args:
        classifier: what ``build_classifier`` made of the components.
        components: the components.
        width: how many numbers an embedding has.
        seed: that of the building.
        training: gives the training part's embeddings, asked only if a reducer or head is fitted.
    """
    for number, (branch, built) in enumerate(zip(components.branches, classifier.branches.branches, strict=True)):
        modules = cast(Branch, built)
        n_reduced, n_classes = modules.widths
        names = f"{type(branch.reducer).__name__} with head {type(branch.head).__name__}"
        with seeded(seed + 1 + number), bounded(f"reducer {names}"):
            if branch.reducer.capabilities.fitted:
                branch.reducer.fit(training(), n_reduced)
                modules[0] = branch.reducer.module(width, n_reduced)
            if branch.head.capabilities.fitted:
                part = training()
                with torch.no_grad():
                    branch.head.fit(replace(part, inputs=modules[0].eval()(part.inputs)))
                modules[1] = branch.head.build(n_reduced, n_classes)


def _branch(branch: BranchComponents, backend: Backend | None, width: int, n_classes: int) -> nn.Module:
    n_outputs = branch.reducer.outputs(width, branch.head.n_inputs)
    reducer = branch.reducer.module(width, n_outputs)
    if branch.built.capabilities.quantum:
        return Branch(reducer, placed(branch.built, backend, n_outputs, n_classes), n_outputs, n_classes)
    if branch.head.capabilities.fitted:
        _refuse_learning_before(branch, reducer)
        return Branch(reducer, branch.head.build(n_outputs, n_classes), n_outputs, n_classes)
    return Branch(reducer, _head_network(branch.built, n_outputs, n_classes), n_outputs, n_classes)


def _head_network(head: Head, n_inputs: int, n_classes: int) -> nn.Module:
    network = head.build(n_inputs, n_classes)
    was_training = network.training
    network.eval()
    with torch.no_grad():
        logits = network(torch.zeros(2, n_inputs))
    network.train(was_training)
    # Too many logits would train all the same, and fail only when the test part is judged.
    if tuple(logits.shape) != (2, n_classes):
        raise PluginError(
            f"head {type(head).__name__} must give logits (batch, n_classes); for a batch of 2 and {n_classes} classes "
            f"it gave {tuple(logits.shape)}. This is a fault of its plugin."
        )
    return network


def _refuse_learning_before(branch: BranchComponents, reducer: nn.Module) -> None:
    if any(parameter.requires_grad for parameter in reducer.parameters()):
        raise NotSupported(
            f"{type(branch.head).__name__} is fitted in one step, but {type(branch.reducer).__name__} before it learns "
            "by gradients, which never reach it. Use --reducer pca or --reducer identity."
        )
