"""Memory that a training step gives back and that the next one takes again."""

from __future__ import annotations

import functools

import torch

_LARGEST = 32 * 2**20 - 2**16  # bytes; of larger blocks the C library never learns


@functools.cache
def keep_freed_memory() -> None:
    """Lets this process keep what a step frees, where its C library is glibc; numbers do not depend on it.

    glibc gives blocks above a threshold, and what is free beyond another, back to the system at once. Each step then
    gets its values as new pages, which the system has to clear first: hundreds of them, a fifth of a small network's
    step. Both thresholds follow the largest block that was freed, up to 32 MB, so one of that size is taken and freed.
    Nothing is written into it, so it costs no memory. Larger blocks go back as before; of what is free, at most 64 MB
    are kept.

    **Source:** ``M_MMAP_THRESHOLD`` and ``M_TRIM_THRESHOLD`` in mallopt(3).
    """
    torch.empty(_LARGEST, dtype=torch.uint8)
