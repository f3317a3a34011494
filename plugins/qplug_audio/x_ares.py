"""What X-ARES reports: frozen encoders, each with a linear layer, on many data sets."""

from __future__ import annotations

from collections.abc import Mapping

from qplug.contract.claim import Claim

_SOURCE = "X-ARES, Zhang et al. 2025, arXiv:2505.16369"


def x_ares(protocol: str, accuracies: Mapping[str, float]) -> tuple[Claim, ...]:
    """One claim per encoder.

    Args:
        protocol: what was tested on what.
        accuracies: in percent, by encoder.
    """
    return tuple(
        Claim(
            metric="accuracy",
            value=value,
            unit="%",
            protocol=f"{protocol}: frozen {encoder} and a linear layer",
            source=_SOURCE,
        )
        for encoder, value in accuracies.items()
    )
