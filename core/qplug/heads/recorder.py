"""A function of tensors, run once and kept as a graph of torch's operations.

torch's own ``make_fx`` does the same, but loads torch's compiler for it, which takes as long as torch itself.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

_aten = torch.ops.aten
_COPYING = {_aten.lift_fresh.default: _aten.lift_fresh_copy.default}
"""Stands for a constant made by ``torch.tensor``: the graph may be run many times and write into what it gives."""


class ReadsValue(RuntimeError):
    """The function reads the value of a tensor that depends on its arguments."""


@dataclass(frozen=True)
class Recorded:
    """What a function computed: to be interpreted, so that nothing is spent on compiling it.

    Attributes:
        constants: has the tensors that the graph names as attributes.
        graph: from the function's arguments to a list of its results.
        originals: by these names, what the constants are copies of.
    """

    constants: nn.Module
    graph: fx.Graph
    originals: dict[str, Tensor]


def record(function: Callable[..., Sequence[Tensor]], *arguments: Tensor) -> Recorded:
    """The operations of ``function``, each below autograd and vmap, from its arguments to its results.

    Raises:
        ReadsValue: the function reads a value that depends on its arguments, as by ``if x > 0`` or ``float(x)``.
    """
    recorder = _Recorder(arguments)
    with recorder:
        results = function(*arguments)
    recorder.graph.output([recorder.node_of(result) for result in results])
    recorder.graph.eliminate_dead_code()
    return Recorded(recorder.constants, recorder.graph, recorder.originals)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes each operation down as it is run; what it is given from elsewhere is a constant of the graph."""

    def __init__(self, arguments: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = fx.Graph()
        self.constants = nn.Module()
        self.originals: dict[str, Tensor] = {}
        self._nodes: dict[int, fx.Node] = {}
        self._kept: list[Tensor] = []  # alive, so that no other tensor gets the identity of one that is known
        self._depends: set[fx.Node] = set()
        for number, argument in enumerate(arguments):
            node = self.graph.placeholder(f"argument_{number}")
            self._depends.add(node)
            self._know(argument, node)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: torch would load its compiler to keep it away from what runs here once."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs an operation, and writes down what gave tensors."""
        kwargs = kwargs or {}
        with self:
            parts = func.decompose(*args, **kwargs)
        if parts is not NotImplemented:
            return parts
        nodes = pytree.tree_map_only(Tensor, self.node_of, (args, kwargs))
        sources = self._depends.intersection(pytree.tree_leaves(nodes))
        if sources and torch.Tag.data_dependent_output in func.tags:
            raise ReadsValue(f"{func} reads a value")
        result = func(*args, **kwargs)
        if any(isinstance(leaf, Tensor) for leaf in pytree.tree_leaves(result)):
            self._write(self.graph.call_function(_COPYING.get(func, func), *nodes), bool(sources), result)
        return result

    def node_of(self, value: Any) -> Any:
        """What stands for a tensor in the graph; anything else stands for itself."""
        if not isinstance(value, Tensor):
            return value
        if id(value) not in self._nodes:
            name = f"constant_{len(self._nodes)}"
            setattr(self.constants, name, value.detach().clone())  # as it is now: what follows may write into it
            self.originals[name] = value
            self._know(value, self.graph.get_attr(name))
        return self._nodes[id(value)]

    def _write(self, node: fx.Node, depends: bool, result: Any) -> None:
        self._note(node, depends)
        if isinstance(result, Tensor):
            self._know(result, node)
            return
        for place, value in enumerate(result):
            if isinstance(value, Tensor):
                entry = self.graph.call_function(operator.getitem, (node, place))
                self._note(entry, depends)
                self._know(value, entry)

    def _note(self, node: fx.Node, depends: bool) -> None:
        if depends:
            self._depends.add(node)

    def _know(self, tensor: Tensor, node: fx.Node) -> None:
        self._kept.append(tensor)
        self._nodes[id(tensor)] = node
