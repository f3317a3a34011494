"""Makes quantum functions by chance, in PennyLane, and asks of each: is it refused by name, or equal to the original?

``python tests/benchmarks/quantum_functions.py`` tries 10,000: as heads, as QNodes and as TorchLayers in turn;
``--kind qnode --n 200 --seed 7`` fewer of one. Equal means values and gradients by inputs and weights, for single
samples and for a batch; a function that PennyLane itself gives no finite number for is ``without numbers``. What is
none of these is printed with its text, and with the number that makes it again (``--only NUMBER``); exit code 1.
"""

from __future__ import annotations

import argparse
import gc
import linecache
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pennylane as qml
import torch
from torch import Tensor, nn

from qplug.contract.errors import CircuitError
from qplug.heads.quantum_module import QuantumModule
from qplug_pennylane.head import PennyLaneHead
from qplug_torch.backend import Torch

KINDS = ("head", "qnode", "torch-layer")
BATCH = 4

PLAIN = (
    "{a}", "{a}", "{a}", "0.5 * {a}", "{a} + {b}", "{a} * {b}", "np.pi * {a}", "torch.tanh({a})",
    "2 * torch.atan({a})", "torch.sin({a}) + {b}", "({a} ** 2)", "torch.sqrt(torch.abs({a}) + 0.1)",
    "torch.clamp({a}, -0.8, 0.8)", "torch.where({a} > 0.2, {a}, {b})", "torch.sigmoid({a} - {b})",
    "torch.floor({a}) + {a}", "({a} % 0.7)", "torch.remainder({a}, 0.9)", "torch.atan2({a}, {b} + 2)",
    "qml.math.sin({a})", "{a} / ({b} ** 2 + 1)", "torch.exp(-{a} ** 2)", "torch.relu({a})",
    "torch.stack([{a}, {b}]).sum(0)", "{a}.cos()", "abs({a})", "-{a}", "torch.round({a}) + {b}",
    "(np.pi - {a}) * (np.pi - {b})", "torch.linalg.vector_norm(inputs, dim=-1)",
    "torch.sort(inputs, dim=-1).values[..., 0]", "torch.softmax(inputs, -1)[..., 0]", "inputs.cumsum(-1)[..., -1]",
    "inputs.mean(-1)", "inputs.amax(-1)", "(inputs @ inputs.new_ones(inputs.shape[-1]))", "weights.prod() * {a}",
    "torch.fmod({a}, 0.6)", "torch.trunc({a}) * {b}", "torch.sign({a}) * {b}", "torch.maximum({a}, {b})",
    "{a}.square()", "torch.log1p({a}.abs())", "torch.nn.functional.gelu({a})", "torch.hypot({a}, {b})", "{a}.float()",
)  # fmt: skip
"""Angles in torch's own words."""

NASTY = (
    "{a}.item()", "float({a})", "np.arctan({a})", "np.tanh({a}.detach())", "np.tanh({a}.detach().numpy())",
    "np.clip({a}.detach().numpy(), -1, 1)", "{a} * np.array(0.5)", "np.array(0.5) * {a}", "np.float64(0.5) * {a}",
    "(inputs * np.linspace(0.5, 1, inputs.shape[-1]))[..., 0]", "qml.math.toarray(inputs)[..., 0]",
    "qml.math.unwrap([inputs])[0][..., 0]", "torch.tensor([{a}, {b}])[1]", "torch.tensor(inputs)[..., 0]",
    "torch.as_tensor(inputs.tolist())[..., 0]", "inputs.tolist()[0]", "weights.tolist()[0]", "{a}.detach()",
    "{a}.data", "{a}.detach().numpy()", "{a}.detach().clone() + {b}", "{a} // 0.5", "torch.floor_divide({a}, 0.5)",
    "{a} + torch.randn(())", "{a} * random.random()", "{a} * np.random.rand()", "{a} + torch.randn_like({a})",
    "{a} * np.random.default_rng().random()", "torch.nn.functional.dropout({a})", "torch.bernoulli({a}.sigmoid())",
    "torch.normal({a}, 0.1)", "{a} + torch.rand_like(weights)[0]", "inputs[..., torch.randperm(inputs.shape[-1])[0]]",
    "(1.0 if {a} > 0 else 2.0)", "({a} if {a} < 100 else {b})", "math.tanh({a})", "round(float({a}), 1)", "int({a})",
    "qml.numpy.sin({a})", "qml.numpy.tanh({a}.detach().numpy())", "qml.numpy.array({a}.detach(), requires_grad=True)",
    "np.sum(inputs)", "np.asarray(inputs.detach())[..., 0]", "torch.from_numpy(inputs.detach().numpy())[..., 0]",
    "next(COUNTER) * 0.1", "{a} + next(COUNTER) * 0.1", "REMEMBERED.setdefault('first', {a}.detach())", "written({a})",
    "REMEMBERED.setdefault('again', 0.1 * len(REMEMBERED)) * {a}", "without_gradient({a})",
    "torch.special.bessel_j0({a})", "torch.heaviside({a}, {b})",
    "torch.bucketize({a}, torch.linspace(-1, 1, 5)) * 0.3", "torch.argmax(inputs, -1) * 0.2",
    "torch.unique(inputs)[0]", "inputs[inputs > 0][0]", "{a}.long() * 0.4", "torch.histc(inputs, 3)[0]",
    "inputs.nonzero().shape[0] * 0.1", "Doubled.apply({a})", "autograd_of({a})", "qml.math.cast({a}, 'float32')",
    "torch.func.vmap(torch.sin)(inputs)[..., 0]", "torch.inference_mode()(torch.sin)({a})",
    "torch.compile(torch.sin, backend='eager')({a})", "time.perf_counter() * {a}", "{a} + next(COUNTER) % 7",
)  # fmt: skip
"""Angles by way of NumPy, Python's numbers, chance, memory or what torch cannot follow."""

STATEMENTS = (
    "qml.{rotation}({e}, wires={w})", "qml.{rotation}({e}, wires={w})", "qml.{rotation}({e}, wires={w})",
    "qml.Rot({e}, {c}, weights[0], wires={w})", "qml.PhaseShift({e}, wires={w})", "qml.Hadamard({w})",
    "qml.IsingXY({e}, wires=[0, 1])", "qml.CRY({e}, wires=[1, 0])", "qml.CNOT([0, 1])", "qml.CZ([1, 0])",
    "qml.adjoint(qml.RX)({e}, wires={w})", "qml.ctrl(qml.RZ, control=0)({e}, wires=1)",
    "qml.MultiRZ({e}, wires=[0, 1])", "qml.pow(qml.RY({e}, wires={w}), 2)",
    "qml.AngleEmbedding(inputs, wires=range({n}))", "qml.AngleEmbedding(0.5 * inputs, wires=range({n}), rotation='Y')",
    "qml.U2({e}, weights[0], wires={w})", "qml.BasicEntanglerLayers(weights[:2].reshape(1, 2), wires=range(2))",
    "qml.PauliRot({e}, 'XY', wires=[0, 1])", "qml.IQPEmbedding(inputs, wires=range({n}))",
    "qml.RandomLayers(weights[:2].reshape(1, 2), wires=range(2), seed=4)",
    "[qml.RX({e}, wires=wire) for wire in range(2)]", "qml.cond(qml.measure({w}), qml.RX)({e}, wires={v})",
    "qml.SingleExcitation({e}, wires=[0, 1])", "qml.S({w})", "qml.Barrier(wires=[0, 1])",
)  # fmt: skip

NASTY_STATEMENTS = (
    "qml.RandomLayers(weights[:2].reshape(1, 2), wires=range(2), seed=None)",
    "qml.AmplitudeEmbedding({e}, wires=range(2))", "if {e} > 0.5: qml.X({w})",
    "for _ in range(int(abs({e}))): qml.S({w})", "while {e} > 1000: qml.X({w})", "qml.RX({e}, wires=int({e} > 0))",
    "qml.RX({e}, wires=random.choice([0, 1]))", "qml.measure({w})", "qml.BasisState(np.array([1, 0]), wires=[0, 1])",
    "qml.BasisEmbedding((inputs[..., 0] > 0).int(), wires=[0])", "random.choice([qml.X, qml.H])({w})",
    "qml.AngleEmbedding(np.arctan(inputs), wires=range({n}))",
    "qml.AngleEmbedding(inputs.detach().numpy(), wires=range({n}))", "inputs = inputs * 2", "inputs *= 2",
    "inputs = inputs.float()", "weights = weights.detach()", "inputs[..., 0] = 0.3", "weights[0] += 1",
    "qml.DepolarizingChannel(0.1, wires={w})", "qml.QubitUnitary(rotation_matrix({e}), wires={w})",
    "qml.DiagonalQubitUnitary(np.array([1, 1j]), wires={w})", "qml.StatePrep(np.array([0.6, 0.8]), wires={w})",
    "qml.PauliRot({e}, random.choice(['X', 'Y']), wires={w})", "qml.cond({e} > 0, qml.X)({w})",
    "qml.evolve(qml.X({w}), coeff={e})", "qml.TrotterProduct(qml.dot([{c}, 1.0], [qml.X(0), qml.Z(1)]), time={c})",
    "inputs = torch.stack([inputs[..., 0], torch.as_tensor(np.tanh(inputs[..., -1].detach()))], -1)", "hidden(inputs)",
    "qml.exp(qml.X({w}), {c} * 1j)", "qml.RX({e}, wires={w}).queue()", "torch.manual_seed(3)",
    "raise ValueError('{c}')",
)  # fmt: skip

VALUES = (
    "qml.expval(qml.{pauli}({w}))", "qml.expval(qml.{pauli}({w}))", "qml.expval(qml.{pauli}({w}))",
    "qml.expval(qml.{pauli}(0) @ qml.{pauli}(1))", "qml.expval({c} * qml.Z(0) + 2 * qml.X(1))",
    "qml.expval(qml.Hamiltonian([0.5, {c}, 1.0], [qml.X(0), qml.Z(0) @ qml.Y(1), qml.Identity(0)]))",
    "qml.probs(wires={w})", "qml.probs(wires=[1, 0])", "qml.probs()", "qml.expval(qml.Projector([1], wires={w}))",
    "qml.expval(qml.Hermitian(np.array([[1, 1j], [-1j, {c}]]), wires={w}))",
    "qml.expval(qml.{pauli}(0) @ qml.{pauli}(0) @ qml.{pauli}(0))", "qml.expval(qml.Identity({w}) + qml.X({w}))",
)  # fmt: skip

NASTY_VALUES = (
    "qml.var(qml.Z({w}))", "qml.sample()", "qml.state()", "qml.expval(qml.Hamiltonian([{e}], [qml.Z(0)]))",
    "qml.expval(weights[0] * qml.Z(0))", "qml.expval({e} * qml.Z(0) + qml.X(1))",
    "qml.expval(random.random() * qml.Z(0))", "qml.expval(inputs.detach().numpy()[..., 0] * qml.Z(0))",
    "qml.probs(op=qml.Z({w}))", "qml.density_matrix(wires=[0])",
    "qml.expval(qml.Projector([(inputs[..., 0] > 0).int()], wires=[0]))",
    "qml.expval(random.choice([qml.X, qml.Z])({w}))",
    "qml.expval(qml.Hermitian(np.random.rand() * np.eye(2), wires={w}))", "qml.counts()", "qml.purity(wires=[0])",
    "qml.expval(qml.Z(0) @ qml.X(0))", "qml.expval(qml.Hermitian(weights[0].item() * np.eye(2), wires={w}))",
    "qml.expval(qml.measure({w}))", "qml.probs(wires={w})[0]", "2 * qml.expval(qml.Z({w}))",
    "qml.expval(qml.Identity({w}))",
)  # fmt: skip

RETURNS = ("return [{all}]", "return [{all}]", "return {all}", "return ({all},)")
NASTY_RETURNS = (
    "measured = [{all}]; return measured[::-1]", "measured = [{all}]; return measured[:1]", "[{all}]",
    "return {{'z': {first}}}", "measured = [{all}]; return measured + measured[:1]", "return inputs",
    "return [{all}, 1.0]",
    "measured = [{all}]; return random.sample(measured, len(measured))", "return [[{all}], {first}]",
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A quantum function by chance: its text, and what it takes."""

    text: str
    n_inputs: int
    n_weights: int

    def function(self) -> Callable[[Tensor, Tensor], Any]:
        """The function itself, anew; its lines can be quoted."""
        name = f"<{hash(self.text)}>"
        linecache.cache[name] = (len(self.text), None, self.text.splitlines(keepends=True), name)
        scope: dict[str, Any] = dict(_words())
        exec(compile(self.text, name, "exec"), scope)  # noqa: S102 the text is made in this file
        function: Callable[[Tensor, Tensor], Any] = scope["quantum_function"]
        return function


def make(random_: random.Random) -> Made:
    """One function; about half of all have something in them that cannot be traced, or hardly."""
    n_inputs, n_weights = random_.choice((1, 2, 2)), random_.choice((2, 2, 3))
    nasty = random_.choice(("", "", "", "angle", "angle", "angle", "statement", "value", "return"))
    every = random_.choice(("..., ", "..., ", "", ":, "))
    statements = [_statement(random_, n_inputs, n_weights, "") for _ in range(random_.randint(1, 2))]
    if nasty in ("angle", "statement"):
        statements.insert(random_.randint(0, len(statements)), _statement(random_, n_inputs, n_weights, nasty))
    fill = partial(_filled, random_, n_inputs, n_weights)
    measured = [fill(random_.choice(VALUES)) for _ in range(random_.randint(1, 2))]
    if nasty == "value":
        measured[0] = fill(random_.choice(NASTY_VALUES))
    returned = random_.choice(NASTY_RETURNS if nasty == "return" else RETURNS)
    lines = [*statements, returned.format(all=", ".join(measured), first=measured[0])]
    text = "def quantum_function(inputs, weights):\n" + "".join(f"    {line}\n" for line in lines)
    return Made(text.replace("inputs[@", f"inputs[{every}"), n_inputs, n_weights)


def _statement(random_: random.Random, n_inputs: int, n_weights: int, nasty: str) -> str:
    statement = random_.choice(NASTY_STATEMENTS if nasty == "statement" else STATEMENTS)
    if nasty == "angle":
        statement = random_.choice([each for each in STATEMENTS if "{e}" in each])
    return _filled(random_, n_inputs, n_weights, statement, nasty)


def _filled(random_: random.Random, n_inputs: int, n_weights: int, text: str, nasty: str = "") -> str:
    def leaf() -> str:
        if random_.random() < 0.3:
            return f"weights[{random_.randrange(n_weights)}]"
        return f"inputs[@{random_.randrange(n_inputs)}]"

    def angle(depth: int, texts: tuple[str, ...]) -> str:
        a, b = (angle(depth - 1, PLAIN) if random_.random() < 0.4 * depth else leaf() for _ in range(2))
        return random_.choice(texts).format(a=a, b=b)

    w = random_.randrange(2)
    while "{pauli}" in text:
        text = text.replace("{pauli}", random_.choice("XYZ"), 1)
    return text.format(
        e=angle(1, NASTY if nasty == "angle" else PLAIN), w=w, v=1 - w, n=n_inputs, c=round(random_.uniform(-2, 2), 2),
        rotation=random_.choice(("RX", "RY", "RZ")),
    )  # fmt: skip


class Doubled(torch.autograd.Function):
    """Its gradient is not that of its values."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 3 * gradient


def _words() -> dict[str, Any]:
    """What the texts name; memory begins anew with each function."""
    from itertools import count

    def written(x: Tensor) -> Tensor:
        y = x.clone()
        y += 1
        return y

    def without_gradient(x: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.sin(x)

    def autograd_of(x: Tensor) -> Any:
        y = x.detach().clone().requires_grad_()
        return torch.autograd.grad((y**2).sum(), y)[0]

    def rotation_matrix(x: Tensor) -> Tensor:
        half = torch.as_tensor(x).to(torch.complex128) / 2
        rows = [torch.stack([half.cos(), -half.sin()], -1), torch.stack([half.sin(), half.cos()], -1)]
        return torch.stack(rows, -2)

    def hidden(x: Tensor) -> None:
        qml.RX(np.cos(x.detach().numpy())[..., 0], wires=0)

    words = locals()
    return {**words, "np": np, "qml": qml, "torch": torch, "random": random, "Doubled": Doubled, "COUNTER": count(),
            "REMEMBERED": {}}  # fmt: skip


class NotEqual(Exception):
    """A head whose numbers are not the original's, or that was refused without a reason."""


def attempt(made: Made, kind: str, number: int) -> str:
    """``refused``, ``equal``, or ``without numbers`` where PennyLane itself cannot run the function.

    Raises:
        NotEqual: the head's numbers are not the original's.
        Exception: whatever else the making of the head ends in.
    """
    draws = torch.Generator().manual_seed(number)
    weights = torch.rand(made.n_weights, generator=draws, dtype=torch.float64)
    try:
        module, original = _as(kind, made, weights)
    except CircuitError as refusal:
        if len(str(refusal)) < 40 or "vmap" in str(refusal) or "aten::" in str(refusal).partition("Error: ")[0]:
            raise NotEqual(f"refused without a reason: {refusal}") from refusal
        return "refused"
    compared = 0
    for rows, scale in ((1, 0.5), (BATCH, 2.0)) if kind != "head" else ((1, 0.5), (1, 6.0)):
        inputs = scale * torch.randn(rows, made.n_inputs, generator=draws, dtype=torch.float64)
        compared += _compare(module, original, inputs, weights)
    return "equal" if compared else "without numbers"


def _as(kind: str, made: Made, weights: Tensor) -> tuple[nn.Module, Callable[..., Tensor]]:
    """The module of a head, and its original."""
    qnode = qml.QNode(made.function(), qml.device("default.qubit"), interface="torch")
    head: Any
    if kind == "head":
        head = _Head(made)
        head.circuit(made.n_inputs)
    elif kind == "qnode":
        head = PennyLaneHead.from_qnode(
            qnode, n_inputs=made.n_inputs, weight_shapes={"weights": made.n_weights}, read_out="values"
        )
    else:
        layer = qml.qnn.TorchLayer(qnode, {"weights": made.n_weights})
        head = PennyLaneHead.from_torch_layer(layer, n_inputs=made.n_inputs, read_out="values")
    traced = head.traced()
    module = QuantumModule(head, Torch(kernel="torch"), made.n_inputs, len(traced.values.offset))
    if kind == "head":
        module.readout = traced.values
    module.double()
    with torch.no_grad():
        module.circuit_parameters.copy_(weights)
    only_batches = "inputs[:," in made.text
    return module, partial(_original, qnode, only_batches)


class _Head(PennyLaneHead):
    summary = "made by chance"

    def __init__(self, made: Made) -> None:
        self.n_inputs = made.n_inputs
        self.n_weights = made.n_weights
        self.function = made.function()

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.n_weights,)

    def quantum_function(self, inputs: Tensor, weights: Tensor) -> Any:
        return self.function(inputs, weights)


def _original(qnode: Any, only_batches: bool, inputs: Tensor, weights: Tensor) -> Tensor | None:
    """PennyLane's own values (rows, n); None where it does not run, or takes no batch."""
    rows = len(inputs)
    try:
        tape = qml.workflow.construct_tape(qnode, level="user")(inputs, weights) if rows > 1 else None
        if tape is not None and tape.batch_size != rows:
            return None
        result = qnode(inputs if rows > 1 or only_batches else inputs[0], weights)
    except qml.exceptions.QuantumFunctionError:
        raise
    except Exception:
        return None
    return torch.cat([_rows(value.real, rows) for value in qml.pytrees.flatten(result)[0]], 1)


def _rows(value: Tensor, rows: int) -> Tensor:
    """(rows, n) of (), (rows,), (n,) or (rows, n); values that see no inputs are the same in each row."""
    if value.numel() % rows or value.ndim == 0:
        return value.reshape(1, -1).expand(rows, -1)
    return value.reshape(rows, -1)


def _compare(module: nn.Module, original: Callable[..., Any], inputs: Tensor, weights: Tensor) -> bool:
    """Whether there was something to compare with; raises where it is not the same."""
    z, w = inputs.clone().requires_grad_(), weights.clone().requires_grad_()
    wanted = original(z, w)
    if wanted is None or not wanted.isfinite().all():
        return False
    mine = inputs.clone().requires_grad_()
    got = module(mine)
    factors = torch.linspace(1, 2, wanted.numel(), dtype=torch.float64).reshape(wanted.shape)
    expected = [wanted.double(), *_gradients((wanted * factors).sum(), [z, w])]
    found = [got, *_gradients((got * factors).sum(), [mine, module.circuit_parameters])]
    for name, a, b in zip(("values", "gradients by inputs", "gradients by weights"), found, expected, strict=True):
        if not torch.allclose(a, b, atol=2e-6, rtol=1e-5, equal_nan=True):
            raise NotEqual(f"{name} for {len(inputs)} sample(s): {a.tolist()} instead of {b.tolist()}")
    return True


def _gradients(value: Tensor, leaves: list[Tensor]) -> tuple[Tensor, ...]:
    if not value.requires_grad:
        return tuple(torch.zeros_like(leaf) for leaf in leaves)
    return torch.autograd.grad(value, leaves, materialize_grads=True)


def fuzz(kinds: tuple[str, ...], n: int, seed: int, first: int = 0) -> tuple[Counter[str], dict[int, str]]:
    """How many of ``n`` from number ``first`` on were refused and equal, and what is neither, by its number."""
    ends: Counter[str] = Counter()
    wrong: dict[int, str] = {}
    gc.freeze()  # each tracing leaves cycles; looking through all that was loaded takes a quarter of the time
    for number in range(first, first + n):
        random_ = random.Random(f"{seed}-{number}")
        made, kind = make(random_), kinds[number % len(kinds)]
        torch.default_generator.manual_seed(number)  # torch.manual_seed notes a call stack for each kind of device
        np.random.seed(number)
        random.seed(number)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ends[attempt(made, kind, number)] += 1
        except Exception as error:
            wrong[number] = f"as {kind}:\n{made.text}{type(error).__name__}: {error}"
    gc.unfreeze()
    return ends, wrong


def main() -> int:
    """Tries as many as are asked for; 1 if one is neither refused nor equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    parser.add_argument("--only", type=int, help="the number of the one that is tried")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    first, n = (chosen.first, chosen.n) if chosen.only is None else (chosen.only, 1)
    ends, wrong = fuzz(tuple(chosen.kind or KINDS), n, chosen.seed, first)
    for number, told in wrong.items():
        print(f"\n--only {number}, {told}")
    print(f"{dict(ends)}; neither: {len(wrong)}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
