"""What cannot be trained is refused when a pipeline is described, before any data is read."""

from __future__ import annotations

from typing import Any

import pytest

from qplug.catalogue.layers import Layer
from qplug.contract.errors import UserError
from qplug.lab.runner.plan import plan

HEADS: dict[str, Any] = {"dataset": {"name": "digits"}, "backbone": {"name": "identity"}}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"head": {"name": "mlp", "batch_norm": True}, "training": {"batch_size": 1}}, r"batch_size is 1.*batch norm"),
        ({"reducer": {"name": "lda", "n_outputs": 10}, "head": {"name": "linear"}}, r"at most 9 directions for 10 cl"),
    ],
)
def test_a_plan_refuses_what_training_would(asked: Layer, says: str) -> None:
    with pytest.raises(UserError, match=says):
        plan([{**HEADS, **asked}])
