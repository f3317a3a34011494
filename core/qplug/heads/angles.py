"""From a framework's classical pre-processing to the angles of a circuit, fast and for any batch size.

A framework head knows its angles as torch code for one sample: ``function(inputs, parameters)`` gives one scalar per
angle of its gates. ``trace`` runs it once, and finds for every angle whether it is a constant, a weight angle (depends
on parameters only) or an encoding angle (depends on inputs). What is affine, which nearly all of it is, becomes one
gather and one multiplication for the whole batch; what is not affine but goes element by element (``tanh(x)``,
``x0 * x1``) becomes one operation on all such elements; anything else stays a torch graph.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, fx
from torch.utils import _pytree as pytree

from qplug.contract.circuit import Angle, Encoding, Weight
from qplug.contract.errors import CircuitError
from qplug.heads.affine import is_affine, is_elementwise
from qplug.heads.angle_map import AngleMap, ElementStep, Gather, GraphStep
from qplug.heads.limits import refuse_many
from qplug.heads.reads import Reads
from qplug.heads.recorder import ReadsValue, Recorded, record

AngleFunction: TypeAlias = Callable[[Tensor, Tensor], Sequence[Tensor]]
"""(n_inputs,) and (n_parameters,) → one scalar tensor per angle, float64, radians."""

_aten = torch.ops.aten


@dataclass(frozen=True)
class TracedAngles:
    """What ``trace`` found.

    Attributes:
        angles: one per scalar of the traced function: a constant, or which encoding or weight angle it is.
        encoding: computes the encoding angles.
        weights: computes the weight angles.
    """

    angles: tuple[Angle, ...]
    encoding: AngleMap
    weights: AngleMap

    def encode(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        """Encoding angles (batch, n_encoding) from inputs (batch, n_inputs) and parameters (n_parameters,)."""
        return self.encoding(inputs, parameters)

    def weight_angles(self, parameters: Tensor) -> Tensor:
        """Weight angles (n_weights,) from parameters (n_parameters,)."""
        return self.weights(parameters.new_zeros(1, 0), parameters)[0]


def sample_values(n_inputs: int, n_parameters: int) -> tuple[Tensor, Tensor]:
    """Inputs and parameters without meaning, but inside the domain of most functions (sqrt, log, acos)."""
    return (
        torch.linspace(0.3, 0.7, n_inputs, dtype=torch.float64),
        torch.linspace(0.4, 0.6, n_parameters, dtype=torch.float64),
    )


def trace(function: AngleFunction, n_inputs: int, n_parameters: int) -> TracedAngles:
    """Runs ``function`` once and keeps what it computes, not how it was written.

    Raises:
        CircuitError: the function decides by the values of its arguments (``if x > 0``), or writes into them; or it
            gives too many angles.
    """
    inputs, parameters = sample_values(n_inputs, n_parameters)
    reads = Reads()

    def watched(z: Tensor, w: Tensor) -> list[Tensor]:
        reads.watch([z, w])
        with reads:
            angles = list(function(z, w))
        refuse_many(len(angles))
        return angles

    try:
        recorded = record(watched, inputs, parameters)
    except ReadsValue as error:
        raise CircuitError(
            "the circuit's classical pre-processing decides by the values of its inputs or weights, so it has no fixed "
            "structure. Write it without `if` or `float()` on values, with torch.where for instance."
            f"{reads.advice()}"
        ) from error
    _refuse_chance(recorded.graph)
    return _Analysis(recorded, inputs, parameters).result()


def _refuse_chance(graph: fx.Graph) -> None:
    for node in graph.nodes:
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            raise CircuitError(
                f"the circuit's classical pre-processing draws random numbers ({node.target.__name__.split('.')[0]}), "
                "others at each call; a head gives the same numbers for the same inputs. Draw them once, outside of "
                "the quantum function, and use them as constants; put dropout before the head."
            )


@dataclass
class _Affine:
    """A tensor that is affine in the base: constant + Σ_k base_k · columns[k]."""

    constant: Tensor
    columns: Tensor


@dataclass
class _Element:
    """A node that is computed element by element: flat affine forms, and the numbers among its arguments."""

    function: str
    arguments: list[_Affine | Any]
    where: slice
    level: int = 0

    @property
    def key(self) -> tuple[Any, ...]:
        """Nodes with equal keys are computed as one."""
        numbers = tuple("form" if isinstance(value, _Affine) else value for value in self.arguments)
        return self.level, self.function, numbers


class _Analysis(fx.Interpreter):
    """Runs a traced graph on affine forms instead of tensors.

    The base is the inputs, the parameters, and the entries of every node that is not affine in what came before.
    """

    def __init__(self, recorded: Recorded, inputs: Tensor, parameters: Tensor) -> None:
        super().__init__(recorded.constants, graph=recorded.graph)
        self.recorded = recorded
        self.n_inputs, self.n_parameters = len(inputs), len(parameters)
        self.nonlinear: dict[fx.Node, slice] = {}
        self.opaque: set[fx.Node] = set()
        self.elements: dict[fx.Node, _Element] = {}
        self.sees_inputs: list[bool] = [True] * self.n_inputs + [False] * self.n_parameters
        self._find_nonlinear(_Shapes(recorded.constants, graph=recorded.graph).shapes(inputs, parameters))
        self.forms: list[_Affine | Tensor] = self.run(inputs, parameters)

    def _find_nonlinear(self, shapes: dict[fx.Node, torch.Size]) -> None:
        placeholders = [node for node in self.graph.nodes if node.op == "placeholder"]
        depends = {placeholders[0]: True, placeholders[1]: False}  # node → does it see the inputs?
        for node in self.graph.nodes:
            sources = [source for source in node.all_input_nodes if source in depends]
            if not sources or node.op == "output":
                continue
            depends[node] = any(depends[source] for source in sources)
            if node not in shapes and not is_affine(node, sources):
                self.opaque.add(node)  # several results at once, as of sort: each is a base entry where it is taken out
            elif sources[0] in self.opaque or not is_affine(node, sources):
                start = len(self.sees_inputs)
                self.sees_inputs += [depends[node]] * shapes[node].numel()
                self.nonlinear[node] = slice(start, len(self.sees_inputs))

    def run_node(self, n: fx.Node) -> Any:
        if n.op == "placeholder":
            value = super().run_node(n)
            start = 0 if n.name == self._first_placeholder() else self.n_inputs
            return self._unit(slice(start, start + len(value)), value.shape)
        if n in self.opaque:
            return None
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        if n.target is operator.getitem and n not in self.nonlinear:
            return args[0][args[1]]  # one of many results, which need not be looked through each time
        if n in self.nonlinear:
            if is_elementwise(n):
                self.elements[n] = self._element(n, args)
            return self._unit(self.nonlinear[n], n.meta["qplug_shape"])
        if n.op == "call_function" and any(isinstance(leaf, _Affine) for leaf in _leaves((args, kwargs))):
            return self._apply(n.target, args, kwargs)
        return super().run_node(n)

    def _first_placeholder(self) -> str:
        return str(next(iter(self.graph.nodes)).name)

    def _unit(self, where: slice, shape: torch.Size) -> _Affine:
        """The base entries ``where`` themselves."""
        columns = torch.zeros(len(self.sees_inputs), shape.numel(), dtype=torch.float64)
        columns[where] = torch.eye(shape.numel(), dtype=torch.float64)
        return _Affine(torch.zeros(shape, dtype=torch.float64), columns.reshape(len(columns), *shape))

    def _apply(self, target: Any, args: Any, kwargs: Any) -> Any:
        leaves, spec = pytree.tree_flatten((args, kwargs), is_leaf=_is_form)
        if target is _aten.select.int:
            # Most of a graph is taking single entries out of the weights; vmap would take ten times as long.
            form, axis, position = args
            axis %= form.constant.ndim
            return _Affine(form.constant.select(axis, position), form.columns.select(axis + 1, position))

        def call(*values: Tensor) -> Any:
            left = iter(values)
            filled = [next(left) if isinstance(leaf, _Affine) else leaf for leaf in leaves]
            its_args, its_kwargs = pytree.tree_unflatten(filled, spec)
            return target(*its_args, **its_kwargs)

        forms = [leaf for leaf in leaves if isinstance(leaf, _Affine)]
        zero = call(*(torch.zeros_like(form.constant) for form in forms))
        constant = call(*(form.constant for form in forms))
        shifted = torch.vmap(call)(*(form.columns.contiguous() for form in forms))
        if isinstance(zero, Tensor):
            return _Affine(constant, shifted - zero)
        return [_Affine(c, s - z) for c, s, z in zip(constant, shifted, zero, strict=True)]

    def result(self) -> TracedAngles:
        """The angles, sorted into constants, encoding and weight angles."""
        angles: list[Angle] = []
        encoding: list[_Affine] = []
        weights: list[_Affine] = []
        sees_inputs = torch.tensor(self.sees_inputs, dtype=torch.bool)
        for form in self.forms:
            if not isinstance(form, _Affine):
                angles.append(float(form))
            elif not (used := form.columns != 0).any():
                angles.append(float(form.constant))
            elif (used & sees_inputs).any():
                angles.append(Encoding(_place(form, encoding)))
            else:
                angles.append(Weight(_place(form, weights)))
        return TracedAngles(tuple(angles), self._map(encoding), self._map(weights))

    def _element(self, node: fx.Node, args: Sequence[Any]) -> _Element:
        shape, where = node.meta["qplug_shape"], self.nonlinear[node]
        arguments: list[Any] = []
        for value in args:
            if isinstance(value, Tensor):
                value = _Affine(value.double(), torch.zeros(len(self.sees_inputs), *value.shape, dtype=torch.float64))
            if isinstance(value, _Affine):
                missing = len(shape) - value.constant.ndim
                columns = value.columns.reshape(len(self.sees_inputs), *[1] * missing, *value.constant.shape)
                columns = columns.expand(-1, *shape).reshape(len(self.sees_inputs), shape.numel())
                value = _Affine(value.constant.expand(shape).reshape(-1), columns)
            arguments.append(value)
        return _Element(str(node.target), arguments, where)

    def _map(self, forms: list[_Affine]) -> AngleMap:
        width, n_plain = len(self.sees_inputs), self.n_inputs + self.n_parameters
        matrix = torch.stack([form.columns for form in forms]) if forms else torch.zeros(0, width, dtype=torch.float64)
        offset = torch.stack([form.constant for form in forms]) if forms else torch.zeros(0, dtype=torch.float64)
        needed = self._needed(matrix)
        groups = _groups([self.elements[node] for node in needed if node in self.elements])
        in_graph = any(node not in self.elements for node in needed)
        if in_graph:
            groups = []
        used = matrix.any(0)
        for group in groups:
            for element in group:
                used = used | torch.stack([form.columns.any(1) for form in _forms(element)]).any(0)
        uses_inputs = bool(used[: self.n_inputs].any())
        uses_parameters = bool(used[self.n_inputs : n_plain].any())
        order = [
            *(range(self.n_inputs) if uses_inputs else ()),
            *(range(self.n_inputs, n_plain) if uses_parameters else ()),
        ]
        steps: list[ElementStep | GraphStep] = []
        if in_graph:
            # Only what the angles take directly comes out of the graph; the rest is inside.
            taken = [node for node in needed if matrix[:, self.nonlinear[node]].any()]
            steps.append(GraphStep(_graph_of(self.recorded, taken)))
            order += [index for node in taken for index in _indices(self.nonlinear[node])]
        for group in groups:
            steps.append(_step(group, order))
            order += [index for element in group for index in _indices(element.where)]
        gather = Gather(_snapped(matrix[:, order]), offset)
        return AngleMap(gather, steps, uses_inputs=uses_inputs, uses_parameters=uses_parameters)

    def _needed(self, matrix: Tensor) -> list[fx.Node]:
        """The nodes that are not affine and that the rows depend on, directly or through one another."""
        needed: list[fx.Node] = []
        used = matrix.any(0)
        for node, where in reversed(self.nonlinear.items()):
            if not used[where].any():
                continue
            needed.append(node)
            if node in self.elements:
                for form in _forms(self.elements[node]):
                    used = used | form.columns.any(1)
        return needed[::-1]


class _Shapes(fx.Interpreter):
    """Notes the shape of every node's value."""

    def shapes(self, inputs: Tensor, parameters: Tensor) -> dict[fx.Node, torch.Size]:
        self._shapes: dict[fx.Node, torch.Size] = {}
        self.run(inputs, parameters)
        return self._shapes

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor):
            self._shapes[n] = n.meta["qplug_shape"] = value.shape
        return value


def _forms(element: _Element) -> list[_Affine]:
    return [value for value in element.arguments if isinstance(value, _Affine)]


def _groups(elements: list[_Element]) -> list[list[_Element]]:
    """The elements in an order in which they can be computed, those with the same function together."""
    level_of: dict[int, int] = {}
    for element in elements:
        sources = {int(index) for form in _forms(element) for index in form.columns.any(1).nonzero()[:, 0]}
        element.level = 1 + max((level_of.get(index, 0) for index in sources), default=0)
        level_of.update(dict.fromkeys(_indices(element.where), element.level))
    groups: dict[tuple[Any, ...], list[_Element]] = {}
    for element in sorted(elements, key=lambda element: element.level):
        groups.setdefault(element.key, []).append(element)
    return list(groups.values())


def _step(group: list[_Element], order: list[int]) -> ElementStep:
    """One step for a group, on a base whose entries stand in the given order."""
    arguments = []
    for values in zip(*(element.arguments for element in group), strict=True):
        if isinstance(values[0], _Affine):
            matrix = torch.cat([form.columns.T for form in values])[:, order]
            arguments.append(Gather(_snapped(matrix), torch.cat([form.constant for form in values])))
        else:
            arguments.append(values[0])
    return ElementStep(group[0].function, arguments)


def _indices(where: slice) -> range:
    return range(where.start, where.stop)


def _place(form: _Affine, forms: list[_Affine]) -> int:
    forms.append(form)
    return len(forms) - 1


def _graph_of(recorded: Recorded, nodes: list[fx.Node]) -> fx.GraphModule:
    """The part of the graph that computes the given nodes, flattened into one vector."""
    new = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in recorded.graph.nodes:
        if node.op != "output":
            copies[node] = new.node_copy(node, lambda source: copies[source])
            copies[node].meta = {}
    flat = [new.call_function(_aten.reshape.default, (copies[node], [-1])) for node in nodes]
    new.output(new.call_function(_aten.cat.default, (flat,)))
    new.eliminate_dead_code()
    return fx.GraphModule(recorded.constants, new)


def _snapped(matrix: Tensor) -> Tensor:
    """Without the last bits of rounding beside whole numbers, so that plain copies are seen to be plain."""
    whole = matrix.round()
    return torch.where((matrix - whole).abs() < 1e-14, whole, matrix)


def _is_form(value: Any) -> bool:
    return isinstance(value, _Affine)


def _leaves(tree: Any) -> list[Any]:
    return pytree.tree_leaves(tree, is_leaf=_is_form)
