"""The pipeline as one module."""

from __future__ import annotations

from dataclasses import replace
from typing import final

import pytest
from torch import nn

from qplug.contract.errors import PluginError
from qplug.contract.interfaces import Head, HeadCapabilities
from qplug.lab.config.resolve import resolve
from qplug.lab.pipeline.components import assemble
from qplug.lab.pipeline.describe import describe


@final
class Wide(Head):
    """A head that gives one logit too many."""

    summary = "one logit too many"
    capabilities = HeadCapabilities(interface=1)

    def build(self, n_inputs: int, n_classes: int) -> nn.Module:
        return nn.Linear(n_inputs, n_classes + 1)


def test_a_head_with_too_many_logits_is_refused_before_it_trains() -> None:
    config = resolve([{"dataset": {"name": "chirps"}, "head": {"name": "linear"}}])
    parts = assemble(config)
    parts = replace(parts, branches=tuple(replace(branch, head=Wide()) for branch in parts.branches))
    with pytest.raises(PluginError, match=r"head Wide must give .* for a batch of 2 and 2 classes it gave \(2, 3\)"):
        describe(config, parts)
