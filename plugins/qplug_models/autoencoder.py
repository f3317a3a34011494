"""An autoencoder: the few numbers from which an embedding can be restored best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, final

import torch
from pydantic import Field
from torch import Tensor, nn

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Reducer, ReducerCapabilities, TrainingPart
from qplug_models.ranges import FittedRangeMap, Scale, ranged
from qplug_models.reducers import NOutputs, refuse_other_sizes

_BATCH = 64


class Encoder(nn.Module):
    """Embeddings (batch, n_inputs) → outputs (batch, n_outputs) of unit variance over the training part."""

    mean: Tensor
    spread: Tensor
    explained_variance_ratio: Tensor

    def __init__(self, n_inputs: int, n_hidden: int, n_outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_inputs, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_outputs))
        self.register_buffer("mean", torch.zeros(n_inputs))
        self.register_buffer("spread", torch.ones(n_inputs))
        self.register_buffer("explained_variance_ratio", torch.zeros(()))

    def standardised(self, embeddings: Tensor) -> Tensor:
        """Embeddings with the training part's mean and spread taken out."""
        return (embeddings - self.mean) / self.spread

    def forward(self, embeddings: Tensor) -> Tensor:
        """Outputs (batch, n_outputs)."""
        outputs: Tensor = self.layers(self.standardised(embeddings))
        return outputs


@final
@dataclass(kw_only=True, eq=False)
class Autoencoder(Reducer):
    """An encoder with one hidden layer, fitted together with a decoder that has to restore the embedding.

    It sees the training part's embeddings and no labels. The decoder is thrown away; the share of the training part's
    variance that it restored is ``explained_variance_ratio`` of the layer. On a few hundred samples it seldom does
    better than principal components.

    **Source:** Hinton and Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, 2006.
    **Differs from the source:** one hidden layer, no layer-wise pre-training, Adam.
    """

    summary = "an autoencoder fitted on the training part; its code is handed on"
    source = "Hinton and Salakhutdinov 2006"
    capabilities = ReducerCapabilities(interface=1, fitted=True)

    n_outputs: NOutputs = None
    hidden: Annotated[int, Field(ge=1, description="width of the encoder's and the decoder's hidden layer")] = 64
    epochs: Annotated[int, Field(ge=1, description="passes over the training part when it is fitted")] = 100
    learning_rate: Annotated[float, Field(gt=0, description="step size of Adam, its peak")] = 0.01
    trainable: Annotated[bool, Field(description="train the encoder further, together with the head")] = False
    range_map: FittedRangeMap = "none"
    scale: Scale = 1.0

    def __post_init__(self) -> None:
        self._fitted: dict[str, Tensor] | None = None
        self._scores: Tensor | None = None

    def fit(self, training: TrainingPart, n_outputs: int) -> None:
        """Trains encoder and decoder, with the random numbers that the training part's seed gives.

        Raises:
            NotSupported: fewer than two training samples.
        """
        inputs = training.inputs.detach().cpu().float()
        if len(inputs) < 2:
            raise NotSupported(f"the autoencoder needs at least 2 training samples; there are {len(inputs)}.")
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(training.seed)
            encoder = Encoder(inputs.shape[1], self.hidden, n_outputs)
            encoder.mean = inputs.mean(0)
            spread = inputs.std(0)
            encoder.spread = torch.where(spread > 0, spread, 1.0)
            decoder = nn.Sequential(
                nn.Linear(n_outputs, self.hidden), nn.ReLU(), nn.Linear(self.hidden, inputs.shape[1])
            )
            self._train(encoder, decoder, inputs)
        with torch.no_grad():
            _standardise_outputs(encoder, encoder(inputs))
            self._scores = encoder(inputs)
        self._fitted = encoder.state_dict()

    def least_samples(self, n_outputs: int, n_classes: int) -> int:
        """Two, since one has no spread."""
        return 2

    def module(self, n_inputs: int, n_outputs: int) -> nn.Module:
        """The encoder (batch, n_inputs) → (batch, n_outputs); before ``fit`` all its numbers are NaN.

        Raises:
            NotSupported: other sizes than it was fitted for.
        """
        encoder = Encoder(n_inputs, self.hidden, n_outputs)
        if self._fitted is not None:
            fitted_for = (len(self._fitted["mean"]), len(self._fitted["layers.2.bias"]))
            refuse_other_sizes("the autoencoder", fitted_for, (n_inputs, n_outputs))
            encoder.load_state_dict(self._fitted)
        else:
            for parameter in encoder.parameters():
                nn.init.constant_(parameter, float("nan"))
        encoder.requires_grad_(self.trainable)
        return ranged(encoder, self.range_map, self.scale, n_outputs, self._scores)

    def suggested_outputs(self, n_inputs: int) -> int:
        """Eight, or as many as there are features."""
        return min(8, n_inputs)

    def _train(self, encoder: Encoder, decoder: nn.Module, inputs: Tensor) -> None:
        target = encoder.standardised(inputs)
        parameters = [*encoder.parameters(), *decoder.parameters()]
        optimiser = torch.optim.Adam(parameters, lr=self.learning_rate)
        n_batches = -(-len(inputs) // _BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, max_lr=self.learning_rate, total_steps=self.epochs * n_batches
        )
        for _ in range(self.epochs):
            for rows in torch.randperm(len(inputs)).tensor_split(n_batches):
                loss = (decoder(encoder(inputs[rows])) - target[rows]).square().mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
        with torch.no_grad():
            error = (decoder(encoder(inputs)) - target).square().sum()
            total = (target - target.mean(0)).square().sum()
            encoder.explained_variance_ratio.copy_(1 - error / total.clamp_min(1e-30))


def _standardise_outputs(encoder: Encoder, outputs: Tensor) -> None:
    """Changes the last layer so that its ``outputs`` for the training part get mean 0 and standard deviation 1."""
    last = encoder.layers[2]
    assert isinstance(last, nn.Linear)
    spread = outputs.std(0)
    spread = torch.where(spread > 0, spread, 1.0)
    last.bias.copy_((last.bias - outputs.mean(0)) / spread)
    last.weight.div_(spread[:, None])
