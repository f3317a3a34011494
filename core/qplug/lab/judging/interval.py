"""The interval of a share, without torch: what only reads runs needs it too."""

from __future__ import annotations

import math


def wilson(right: int, n: int, *, z: float = 1.959964) -> tuple[float, float]:
    """The interval in [0, 1] for a share of ``right`` of ``n`` independent trials; 95 % by default.

    It treats samples as independent; several clips of one speaker are not, so the truth is wider there.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
    """
    share = right / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)
