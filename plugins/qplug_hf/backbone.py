"""Any audio or image model of Hugging Face as a backbone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, cast, final

import torch
from pydantic import Field
from torch import Tensor, nn

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backbone, BackboneCapabilities
from qplug_hf.loading import BACKBONE_FILES, ModelName, Revision, build_network, load_network, settings_files

Pool: TypeAlias = Literal["mean", "first", "pooler"]
"""``mean``: over all positions or pixels; ``first``: the first position, which some models train as a summary;
``pooler``: the model's own pooling."""


class HfModule(nn.Module):
    """The network's input (batch, …) → embeddings (batch, n_features).

    Args:
        network: a transformers model.
        pool: how its last hidden state becomes one row.
        n_trainable: how many of the last blocks learn, with what follows them; None: everything learns.
    """

    def __init__(self, network: nn.Module, pool: Pool, n_trainable: int | None) -> None:
        super().__init__()
        self.network = network
        self.pool = pool
        self.partly_frozen = n_trainable is not None
        if n_trainable is not None:
            learning = _last_parameters(network, n_trainable)
            for parameter in network.parameters():
                parameter.requires_grad_(id(parameter) in learning)

    def forward(self, features: Tensor) -> Tensor:
        """Embeddings (batch, n_features)."""
        if not len(features):  # what transformers' own reshaping cannot tell the shape of
            one: Tensor = self(features.new_zeros(1, *features.shape[1:]))
            return one[:0]
        outputs: Any = self.network(features)
        if self.pool == "pooler":
            return _pooled(outputs).flatten(1)
        hidden: Tensor = outputs.last_hidden_state
        if hidden.ndim == 4:
            return hidden.mean((2, 3)) if self.pool == "mean" else hidden[:, :, 0, 0]
        return hidden.mean(1) if self.pool == "mean" else hidden[:, 0]

    def train(self, mode: bool = True) -> HfModule:
        """Training mode; of a partly frozen network only for the parts that learn."""
        super().train(mode)
        if self.partly_frozen:
            self.network.eval()
            blocks = _blocks(self.network)
            learning = [block for block in blocks if any(p.requires_grad for p in block.parameters())]
            for block in learning:
                block.train(mode)
            for part in self.network.modules():
                if any(parameter.requires_grad for parameter in part.parameters(recurse=False)):
                    part.train(mode)
        return self


@final
@dataclass(kw_only=True, eq=False)
class Hf(Backbone):
    """A model that transformers' AutoModel loads, with its published weights.

    Tried are AST, wav2vec 2.0, HuBERT, Whisper (its encoder), ResNet, ConvNeXt and MobileNetV2. With it belong the
    features ``hf-features`` of the same model. Weights are read from safetensors files only, code that comes with a
    model is never run, and nothing is asked of the network where a folder is given. Masking and skipped layers, which
    some audio models use in pre-training, are off.

    **Source:** Wolf and others, Transformers: State-of-the-Art Natural Language Processing, 2020 (arXiv:1910.03771).
    """

    summary = "any Hugging Face audio or image model, by folder or id"
    source = "arXiv:1910.03771"
    capabilities = BackboneCapabilities(interface=1, pretrained=True)

    model: ModelName = ""
    revision: Revision = None
    pool: Annotated[
        Pool, Field(description="how positions become one row: their mean, the first, or the model's own pooling")
    ] = "mean"
    frozen: Annotated[
        bool, Field(description="keep the weights as they are, but for the last trainable_blocks blocks")
    ] = True
    trainable_blocks: Annotated[
        int, Field(ge=0, description="how many of the last blocks (layers, stages) learn nevertheless")
    ] = 0

    def __post_init__(self) -> None:
        self._all_learn = not self.frozen
        self.frozen = self.frozen and self.trainable_blocks == 0
        self._home = self.model

    def settings_files(self) -> Mapping[str, Path]:
        """The model's configuration, if it is on this machine."""
        return settings_files(self._home, self.revision, BACKBONE_FILES)

    def use_copies(self, folder: Path) -> None:
        """From now on builds from the configuration in ``folder``; there are no weights in it."""
        self._home = str(folder)

    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        """A module (batch, *feature_shape) → (batch, n_features).

        Raises:
            NotSupported: the model takes other features, has fewer blocks, no own pooling, or needs code of its own.
            DataError: the model cannot be found, fetched or read.
            ParameterError: no model is named.
        """
        network = build_network(self._home, self.revision)
        n_blocks = len(_blocks(network))
        if self.trainable_blocks > n_blocks:
            raise NotSupported(
                f"the model {self.model!r} has {n_blocks} blocks, so the last {self.trainable_blocks} cannot learn. "
                f"Ask for at most {n_blocks}, or for all of it: --set backbone.frozen=false"
            )
        module = HfModule(network, self.pool, None if self._all_learn else self.trainable_blocks)
        self._try(module, feature_shape)
        return module

    def load_weights(self, module: nn.Module, path: Path | None) -> None:
        """Puts the model with its published weights in the built one's place; the same parameters learn.

        Raises:
            DataError: the weights cannot be found, fetched or read, or do not fit the configuration.
        """
        made = cast(HfModule, module)
        learning = {name for name, parameter in made.network.named_parameters() if parameter.requires_grad}
        made.network = load_network(self.model, self.revision, pooler=self.pool == "pooler")
        for name, parameter in made.network.named_parameters():
            parameter.requires_grad_(name in learning)
        made.train()

    def _try(self, module: HfModule, feature_shape: tuple[int, ...]) -> None:
        """Passes zeros through, forwards and, if anything learns, backwards: what gets no gradient cannot learn."""
        module.eval()
        learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
        try:
            with torch.set_grad_enabled(bool(learning)):
                embeddings = module(torch.zeros(1, *feature_shape))
        except (RuntimeError, ValueError, IndexError, TypeError, AssertionError) as problem:
            first = (str(problem) or type(problem).__name__).splitlines()[0].rstrip(".")
            raise NotSupported(
                f"the model {self.model!r} does not take features of the shape {feature_shape} ({first}). Use its own: "
                f"--features hf-features --set features.model={self.model}"
            ) from problem
        if learning:
            embeddings.sum().backward()
        for parameter in learning:
            parameter.requires_grad_(parameter.grad is not None)
            parameter.grad = None
        module.train()


def _pooled(outputs: Any) -> Tensor:
    pooled: Tensor | None = getattr(outputs, "pooler_output", None)
    if pooled is None:
        raise NotSupported("the model has no pooling of its own. Use the mean: --set backbone.pool=mean")
    return pooled


def _blocks(network: nn.Module) -> list[nn.Module]:
    """The network's longest list of equal parts, the later of two: its layers or stages."""
    lists = [part for part in network.modules() if isinstance(part, nn.ModuleList)]
    longest = max((len(each) for each in lists), default=0)
    return next((list(each) for each in reversed(lists) if len(each) == longest), [])


def _last_parameters(network: nn.Module, n_blocks: int) -> set[int]:
    """The ids of the parameters in the last blocks and in what stands behind them."""
    if n_blocks == 0:
        return set()
    first = next(iter(_blocks(network)[-n_blocks].parameters()))
    parameters = list(network.parameters())
    start = next(number for number, parameter in enumerate(parameters) if parameter is first)
    return {id(parameter) for parameter in parameters[start:]}
