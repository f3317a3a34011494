"""EfficientAT: MobileNetV3 networks that know AudioSet's sounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast, final

import torch
from pydantic import AfterValidator, Field
from torch import nn

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backbone, BackboneCapabilities, WeightsFile
from qplug_models.efficientat_files import PUBLISHED, absolute, declared
from qplug_models.layers import GlobalMean
from qplug_models.mobilenet_audio import N_BLOCKS, AudioTagger
from qplug_models.pretrained import PartlyFrozen, load_strictly, read_state_dict

N_MELS = 128
_WIDTH = 0.4


@final
@dataclass(kw_only=True, eq=False)
class EfficientAt(Backbone):
    """Log-mel spectrograms (1, 128, frame) become the means of the last feature map, 384 numbers at width 0.4.

    Published weights fit strictly, and are downloaded by name where their checksum is known. With them belongs the
    feature extractor ``efficientat-mel``, which gives the input that they were trained on. By default they stay as they
    are, and embeddings are computed once.

    **Source:** Schmid, Koutini, Widmer, Efficient Large-scale Audio Tagging via Transformer-to-CNN Knowledge
    Distillation, 2022 (arXiv:2211.04772).
    """

    summary = "MobileNetV3 for AudioSet's sounds (EfficientAT), with published weights or untrained"
    source = "arXiv:2211.04772"
    capabilities = BackboneCapabilities(interface=1, pretrained=True, input_axes=3)

    width: Annotated[
        float | None,
        Field(ge=0.1, le=4, description="factor of all channel counts; unset: that of weights named, else 0.4"),
    ] = None
    weights: Annotated[
        str | None,
        AfterValidator(absolute),
        Field(
            description="learnt weights: published ones by name, mn01_as to mn40_as; a file; or an https address. "
            "Unset: none"
        ),
    ] = None
    sha256: Annotated[
        str | None,
        Field(pattern=r"^[0-9a-fA-F]{64}$", description="the SHA-256 of the weights' file; an address needs it"),
    ] = None
    frozen: Annotated[
        bool, Field(description="keep the weights as they are, but for the last trainable_blocks blocks")
    ] = True
    trainable_blocks: Annotated[
        int, Field(ge=0, le=N_BLOCKS, description=f"how many of the last of {N_BLOCKS} blocks learn nevertheless")
    ] = 0

    def __post_init__(self) -> None:
        self._all_learn = not self.frozen
        self.frozen = self.frozen and self.trainable_blocks == 0

    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        """A module (batch, 1, 128, frame) → (batch, n_features).

        Raises:
            NotSupported: features of another shape; or frozen without weights, which would leave nothing learnt.
        """
        if feature_shape[:2] != (1, N_MELS):
            raise NotSupported(
                f"efficientat takes spectrograms of the shape (1, {N_MELS}, frames), and these have {feature_shape}. "
                "Use the features that it was trained on: --features efficientat-mel"
            )
        if self.weights is None and not self._all_learn:
            raise NotSupported(
                "efficientat without weights has learnt nothing, so it cannot stay frozen. Give it published ones "
                "(--set backbone.weights=mn04_as) or train it: --set backbone.frozen=false"
            )
        blocks = PartlyFrozen(AudioTagger(self._width).features, None if self._all_learn else self.trainable_blocks)
        return nn.Sequential(blocks, GlobalMean())

    def weights_file(self) -> WeightsFile | None:
        """The published file, the user's own, or none.

        Raises:
            DataError: there is no such file and no such name.
            NotSupported: what would be downloaded has no known checksum.
        """
        return None if self.weights is None else declared(self.weights, self.sha256)

    def load_weights(self, module: nn.Module, path: Path | None) -> None:
        """Gives the blocks their weights; the classifier in the file must fit too, and is left out.

        Raises:
            DataError: weights that are damaged or for another network; the message names the first key.
        """
        if path is None:
            return
        with torch.device("meta"):  # shapes alone
            network = AudioTagger(self._width)
        advice = f"They are loaded into the network of width {self._width:g}; another one: --set backbone.width=…"
        load_strictly(network, read_state_dict(path), where=str(path), advice=advice, assign=True)
        blocks = cast(PartlyFrozen, cast(nn.Sequential, module)[0]).blocks
        blocks.load_state_dict(network.features.state_dict())

    @property
    def _width(self) -> float:
        if self.width is not None:
            return self.width
        return PUBLISHED[self.weights].width if self.weights in PUBLISHED else _WIDTH
