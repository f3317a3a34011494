"""Networks of common layers as ONNX, without torch's exporter, which takes twice as long as loading torch."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, fx, nn

from qplug.heads.recorder import ReadsValue, Recorded, record

_OPSET, _IR = 20, 10  # those of torch's exporter
_aten = torch.ops.aten


class Unwritten(Exception):
    """The network computes something that is not written here, and is one for torch's exporter."""


def written(module: nn.Module, inputs: Sequence[Tensor], names: Sequence[str], outputs: Sequence[str]) -> Any:
    """A module as ONNX, for batches of any size.

    It is run once, below autograd. What depends on its inputs becomes a graph; all else is computed here, and stands in
    the file as numbers, parameters under their names. That no sizes or values of these inputs became a part of the
    graph is to be seen by whoever calls this, with other values and another batch.

    Args:
        module: in evaluation mode; from so many tensors to one or a tuple of several.
        inputs: float32, the batch first, in the range that the module expects.
        names: of the inputs.
        outputs: names of what it gives.

    Raises:
        Unwritten: an operation is none of the common ones, or one of them in an uncommon form.
    """

    def run(*given: Tensor) -> Sequence[Tensor]:
        found = module(*given)
        return [found] if isinstance(found, Tensor) else list(found)

    try:
        with torch.no_grad():
            recorded = record(run, *inputs)
    except ReadsValue as error:
        raise Unwritten(str(error)) from error
    own = {id(value): name for name, value in [*module.named_parameters(), *module.named_buffers()]}
    known = {name: own[id(value)] for name, value in recorded.originals.items() if id(value) in own}
    return _Writer(recorded, known).model(inputs, names, outputs)


class _Writer(fx.Interpreter):
    """Runs what was recorded, and writes a node of ONNX for each operation on what depends on the inputs."""

    def __init__(self, recorded: Recorded, known: Mapping[str, str]) -> None:
        super().__init__(recorded.constants, garbage_collect_values=False, graph=recorded.graph)
        self.known = known
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self.computed: dict[fx.Node, str] = {}
        self.free: Iterator[str] = iter(())

    def model(self, inputs: Sequence[Tensor], names: Sequence[str], outputs: Sequence[str]) -> Any:
        """Everything as one network."""
        self.free = iter(names)
        found = self.run(*inputs)
        if any(len(each) != len(inputs[0]) for each in found):
            raise Unwritten("something else than one row for each sample")
        (results,) = next(node for node in self.graph.nodes if node.op == "output").args
        for result, output in zip(results, outputs, strict=True):
            self.nodes.append(helper.make_node("Identity", [self.operand(result)], [output]))
        given, made = (list(map(_place, *pair)) for pair in ((names, inputs), (outputs, found)))
        graph = helper.make_graph(self.nodes, "network", given, made, list(self.constants.values()))
        opsets = [helper.make_opsetid("", _OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR, producer_name="qplug")

    def run_node(self, n: fx.Node) -> Any:
        """Its value for the inputs given, and the node of ONNX."""
        if n.op == "placeholder":
            self.computed[n] = next(self.free)
        elif n.op == "call_function" and any(source in self.computed for source in n.all_input_nodes):
            if n.kwargs or n.target not in _WRITERS:
                raise Unwritten(f"{n.target} {n.kwargs}")
            self.computed[n] = _WRITERS[n.target](self, *n.args)
        return super().run_node(n)

    def add(self, kind: str, *operands: Any, **attributes: Any) -> str:
        """The name of what a new node of ONNX gives."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.operand(each) for each in operands], [name], **attributes))
        return name

    def operand(self, value: Any) -> str:
        """The name of what a node of ONNX takes: a result or its name, a tensor, a number, or a list of axes."""
        if isinstance(value, str):
            return value
        if isinstance(value, fx.Node):
            if value in self.computed:
                return self.computed[value]
            return self._constant(self.known.get(str(value.target), value.name), self.env[value])
        numbers = torch.as_tensor(value if isinstance(value, list | Tensor) else float(value))
        return self._constant(f"numbers_{len(self.constants)}", numbers)

    def _constant(self, name: str, value: Any) -> str:
        if not isinstance(value, Tensor) or value.dtype not in (torch.float32, torch.int64):
            raise Unwritten(f"{name} is no tensor of numbers in single precision or of indices")
        self.constants[name] = numpy_helper.from_array(value.detach().numpy(), name)
        return name

    def shape(self, node: fx.Node) -> list[int]:
        """That of an operation's result."""
        return list(self.env[node].shape)


def _place(name: str, value: Tensor) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *value.shape[1:]])


def _one(kind: str) -> Callable[[_Writer, fx.Node], str]:
    return lambda to, value: to.add(kind, value)


def _two(kind: str) -> Callable[[_Writer, Any, Any], str]:
    return lambda to, value, other: to.add(kind, value, other)


def _over_axes(kind: str) -> Callable[..., str]:
    return lambda to, value, axes, keep=False: to.add(kind, value, axes, keepdims=int(keep))


def _in_place_relu(to: _Writer, value: fx.Node) -> str:
    """As a new value, which nobody can tell where nothing else has looked at the old one."""
    origin = value.args[0] if value.target is operator.getitem else value
    returns = getattr(getattr(origin, "target", None), "_schema", None)
    if len(value.users) > 1 or returns is None or any(each.alias_info for each in returns.returns):
        raise Unwritten("a value written into that is seen elsewhere")
    return to.add("Relu", value)


def _first(to: _Writer, value: fx.Node, place: int) -> str:
    if place != 0:
        raise Unwritten(f"result {place} of {value}")
    return to.computed[value]


def _convolution(
    to: _Writer, value: fx.Node, weight: fx.Node, bias: fx.Node | None, stride: list[int], padding: list[int],
    dilation: list[int], transposed: bool, output_padding: list[int], groups: int,
) -> str:  # fmt: skip
    if transposed:
        raise Unwritten("a transposed convolution")
    operands = [value, weight] if bias is None else [value, weight, bias]
    return to.add("Conv", *operands, strides=stride, pads=padding * 2, dilations=dilation, group=groups)


def _batch_norm(
    to: _Writer, value: fx.Node, weight: fx.Node | None, bias: fx.Node | None, mean: fx.Node, variance: fx.Node,
    momentum: float, epsilon: float,
) -> str:  # fmt: skip
    factors = weight or torch.ones_like(to.env[mean]), bias or torch.zeros_like(to.env[mean])
    return to.add("BatchNormalization", value, *factors, mean, variance, epsilon=epsilon)


def _affine(to: _Writer, bias: fx.Node, value: fx.Node, weight: fx.Node) -> str:
    if weight.target is _aten.t.default and weight not in to.computed:
        return to.add("Gemm", value, weight.args[0], bias, transB=1)  # under the name of the layer's weight
    return to.add("Gemm", value, weight, bias)


def _max_pool(
    to: _Writer, value: fx.Node, kernel: list[int], stride: Sequence[int] = (), padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1), ceil: bool = False,
) -> str:  # fmt: skip
    if ceil or len(kernel) != 2 or len(padding) != 2 or len(dilation) != 2:
        raise Unwritten("a max-pooling with parts of windows")
    strides = list(stride) or kernel
    return to.add("MaxPool", value, kernel_shape=kernel, strides=strides, pads=[*padding, *padding], dilations=dilation)


def _view(to: _Writer, value: fx.Node, sizes: list[int]) -> str:
    if to.shape(value)[0] != sizes[0]:
        raise Unwritten("a view across samples")
    return to.add("Reshape", value, [0, *sizes[1:]])  # 0: as it is


def _concatenate(to: _Writer, values: Sequence[fx.Node | str], axis: int = 0) -> str:
    return to.add("Concat", *values, axis=axis)


def _stack(to: _Writer, values: list[fx.Node], axis: int = 0) -> str:
    return _concatenate(to, [to.add("Unsqueeze", value, [axis]) for value in values], axis)


_WRITERS: dict[Any, Callable[..., str]] = {
    operator.getitem: _first,
    _aten.relu.default: _one("Relu"),
    _aten.relu_.default: _in_place_relu,
    _aten.tanh.default: _one("Tanh"),
    _aten.sigmoid.default: _one("Sigmoid"),
    _aten.add.Tensor: _two("Add"),
    _aten.sub.Tensor: _two("Sub"),
    _aten.mul.Tensor: _two("Mul"),
    _aten.div.Tensor: _two("Div"),
    _aten.mm.default: _two("MatMul"),
    _aten.addmm.default: _affine,
    _aten.convolution.default: _convolution,
    _aten._native_batch_norm_legit_no_training.default: _batch_norm,
    _aten.max_pool2d_with_indices.default: _max_pool,
    _aten.mean.dim: _over_axes("ReduceMean"),
    _aten.sum.dim_IntList: _over_axes("ReduceSum"),
    _aten.view.default: _view,
    _aten._unsafe_view.default: _view,
    _aten.cat.default: _concatenate,
    _aten.stack.default: _stack,
    _aten.index_select.default: lambda to, value, axis, places: to.add("Gather", value, places, axis=axis),
}
"""Each operation, as the node that stands for it."""
