"""Which operations of torch are affine, and which go element by element."""

from __future__ import annotations

import operator

import torch
from torch import fx

from qplug.contract.errors import CircuitError

_aten = torch.ops.aten
# Affine in all of their tensors together.
_AFFINE = {
    _aten.add, _aten.alias, _aten.cat, _aten.clone, _aten.diagonal, _aten.expand, _aten.flip, _aten.index,
    _aten.index_select, _aten.mean, _aten.neg, _aten.permute, _aten.reshape, _aten.roll, _aten.rsub, _aten.select,
    _aten.slice, _aten.split, _aten.squeeze, _aten.stack, _aten.sub, _aten.sum, _aten.t, _aten.transpose,
    _aten.unbind, _aten.unsqueeze, _aten.view, _aten._unsafe_view,
}  # fmt: skip
# Affine in any one of their tensors while the others are constant.
_BILINEAR = {_aten.mul, _aten.mm, _aten.mv, _aten.bmm, _aten.dot}
# Element by element, and without keyword arguments that matter.
_ELEMENTWISE = {
    _aten.abs, _aten.acos, _aten.acosh, _aten.asin, _aten.asinh, _aten.atan, _aten.atan2, _aten.atanh, _aten.clamp,
    _aten.cos, _aten.cosh, _aten.div, _aten.erf, _aten.exp, _aten.expm1, _aten.log, _aten.log1p, _aten.maximum,
    _aten.minimum, _aten.mul, _aten.pow, _aten.reciprocal, _aten.relu, _aten.remainder, _aten.rsqrt, _aten.sigmoid,
    _aten.sign, _aten.sin, _aten.sinh, _aten.sqrt, _aten.tan, _aten.tanh,
}  # fmt: skip


def is_affine(node: fx.Node, sources: list[fx.Node]) -> bool:
    """Whether the node is affine in those of its arguments that depend on inputs or parameters."""
    if node.target is operator.getitem:
        return True
    schema = getattr(node.target, "_schema", None)
    if schema is not None and schema.is_mutable:
        raise CircuitError(
            f"the circuit's classical pre-processing writes into a tensor in place ({node.target}). "
            "Write it without in-place operations, with torch.stack for instance."
        )
    packet = getattr(node.target, "overloadpacket", None)
    if packet in _BILINEAR:
        return len(sources) == 1 and list(node.args).count(sources[0]) == 1
    if packet is _aten.div:
        return node.args[0] in sources and node.args[1] not in sources and "rounding_mode" not in node.kwargs
    if packet is _aten.index:
        return node.args[0] in sources
    return packet in _AFFINE


def is_elementwise(node: fx.Node) -> bool:
    """Whether each entry of its value depends on one entry of each argument."""
    return getattr(node.target, "overloadpacket", None) in _ELEMENTWISE and not node.kwargs
