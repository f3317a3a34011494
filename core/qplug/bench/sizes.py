"""Heads of chosen sizes: which parameters of a head say how many qubits and layers it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

from qplug import catalogue, parameters
from qplug.contract.circuit import Circuit
from qplug.contract.errors import NotSupported, UserError
from qplug.contract.interfaces import QuantumBackbone, QuantumHead
from qplug.heads.held_circuits import held_circuits

Kind: TypeAlias = Literal["head", "backbone"]
"""What has circuits."""
QUBITS = ("n_qubits",)
LAYERS = ("n_layers", "ansatz_reps", "reps")
"""The names under which heads keep their size; the first one that a head has is set."""


@dataclass(frozen=True)
class Case:
    """One size of a head, and a batch.

    Attributes:
        head: the head.
        n_layers: how many layers were asked for, or the head has by default; None for a head without layers.
        batch: samples per call.
    """

    head: QuantumHead
    n_layers: int | None
    batch: int

    @cached_property
    def n_inputs(self) -> int:
        """How many inputs the head takes; one for each qubit that was asked for if it takes any number."""
        return self.head.n_inputs or int(getattr(self.head, "n_qubits", 4))

    @cached_property
    def circuit(self) -> Circuit:
        """The head's circuit."""
        return self.head.circuit(self.n_inputs)

    @property
    def n_qubits(self) -> int:
        """The circuit's qubits."""
        return self.circuit.n_qubits

    @property
    def work(self) -> int:
        """Amplitudes times gates: what a plain simulator's time and memory grow with."""
        return self.batch * int(2**self.n_qubits) * max(1, len(self.circuit.gates))

    def __str__(self) -> str:
        layers = "" if self.n_layers is None else f", layers {self.n_layers}"
        return f"qubits {self.n_qubits}{layers}, batch {self.batch}"


class Sizes:
    """Makes heads of one kind in any size; of a backbone that holds circuits, the first of these.

    Args:
        name: the component's name.
        settings: values of its other parameters.
        kind: what it is.

    Raises:
        UnknownName: there is no such component.
        NotSupported: it has no circuit.
    """

    def __init__(self, name: str, settings: Mapping[str, Any], kind: Kind = "head") -> None:
        self.name = name
        self.kind = kind
        self.settings = dict(settings)
        self.made_of: Any = catalogue.load(kind, name)
        if not issubclass(self.made_of, QuantumHead if kind == "head" else QuantumBackbone):
            such = f", such as {catalogue.registry().defaults.head}" if kind == "head" else ""
            raise NotSupported(
                f"the {kind} {name!r} has no circuit, so there is nothing to run on a backend. "
                f"Name a {kind} with a circuit{such}: qplug list {kind}s"
            )
        self.names = [parameter.name for parameter in parameters.describe(self.made_of)]

    def cases(self, qubits: Sequence[int], layers: Sequence[int], batches: Sequence[int]) -> list[Case]:
        """Every combination; an empty list of qubits or layers stands for what the head has by default.

        Raises:
            UserError: qubits or layers are asked of a head that has no parameter for them.
            ParameterError: more or fewer than the head can have.
        """
        default: list[int | None] = [None]
        return [
            self.case(n_qubits, n_layers, batch)
            for n_qubits in [*qubits] or default
            for n_layers in [*layers] or default
            for batch in batches
        ]

    def case(self, n_qubits: int | None, n_layers: int | None, batch: int) -> Case:
        """One combination; None stands for what the head has by default."""
        values = self.settings | self._setting("qubits", QUBITS, n_qubits) | self._setting("layers", LAYERS, n_layers)
        made = parameters.create(self.made_of, values, f"{self.kind} {self.name}")
        layers = next((getattr(made, name, None) for name in LAYERS if name in self.names), None)
        return Case(made if isinstance(made, QuantumHead) else held_circuits(made)[0][0], layers, batch)

    def _setting(self, what: str, names: Sequence[str], value: int | None) -> dict[str, int]:
        if value is None:
            return {}
        for name in names:
            if name in self.names:
                return {name: value}
        raise UserError(
            f"--{what} {value} was asked for, but the {self.kind} {self.name!r} has no parameter for its number of "
            f"{what} (it would be called {' or '.join(names)}; it has {', '.join(self.names) or 'none'}). "
            f"Leave --{what} out, or choose another {self.kind}."
        )
