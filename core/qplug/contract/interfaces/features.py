"""Feature extractors: from a signal to one array of fixed shape."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qplug.contract.errors import NotSupported, PluginError
from qplug.contract.interfaces.component import Capabilities, Component
from qplug.contract.interfaces.dataset import Audio, Modality, Signal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class FeatureCapabilities(Capabilities):
    """What a feature extractor declares: the ``modality`` of the signals that it takes."""

    modality: Modality


class FeatureExtractor(Component):
    """Turns one signal into one feature. An author writes ``extract`` and ``shape``; callers call the object.

    Extraction sees one signal at a time and nothing else, so that it can be cached and cannot leak. What has to be
    fitted (means and deviations) is declared by ``shared_axes`` and fitted by the core on the training part only.
    """

    kind = "features"
    capabilities: FeatureCapabilities

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of every feature, such as (channel, mel, frame) or (channel, height, width)."""

    @property
    def axes(self) -> tuple[tuple[str, float | tuple[float, ...]], ...]:
        """For figures: each axis of ``shape`` by name, unit included, and what a step along it is; empty: unsaid.

        ``(("channel", 1), ("frequency, kHz", (0.2, 0.5, 1.3)), ("time, s", 0.032))``: uneven bands, by their middles.
        """
        return ()

    @property
    def shared_axes(self) -> tuple[int, ...] | None:
        """The feature's axes over which one mean and one standard deviation are shared; None: no normalisation.

        ``(2,)`` for a (channel, mel, frame) feature gives every mel band its own mean over the training part.
        """
        return None

    @abstractmethod
    def extract(self, signal: Signal) -> NDArray[np.float32]:
        """The feature of one signal: float32, of the declared ``shape``."""

    def excerpt(self, n_samples: int, rate: int) -> tuple[int, int] | None:
        """What the feature of a recording depends on, so that no more of a long one need be decoded.

        Whoever says so promises that ``extract`` gives the same numbers, to the last bit, for that part alone.

        Args:
            n_samples: samples of each channel of the recording.
            rate: samples per second, Hz.

        Returns:
            The first sample and the one behind the last; None, unless an author knows better: all of them.
        """
        return None

    def __call__(self, signal: Signal) -> NDArray[np.float32]:
        """``extract``, with what goes in and what comes out checked.

        Raises:
            NotSupported: the signal has another modality.
            PluginError: the feature has another shape or dtype than declared, or is not finite.
        """
        import numpy as np

        got: Modality = "audio" if isinstance(signal, Audio) else "image"
        wanted = self.capabilities.modality
        if got != wanted:
            raise NotSupported(f"{type(self).__name__} extracts features from {wanted}, but was given {got}.")
        feature = self.extract(signal)
        if feature.shape != self.shape or feature.dtype != np.float32:
            raise PluginError(
                f"{type(self).__name__}.extract promised float32 {self.shape} and gave {feature.dtype} {feature.shape}."
            )
        if not np.isfinite(feature).all():
            raise PluginError(f"{type(self).__name__}.extract gave values that are not finite.")
        return feature
