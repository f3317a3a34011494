"""What a quantum function returns, beside what it measures."""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pennylane as qml

from qplug.contract.errors import CircuitError


def refuse_other_returns(returned: Any, measurements: Sequence[Any]) -> None:
    """Asks for all measurements in the order in which they are made, as PennyLane does.

    Raises:
        CircuitError: some are missing, others or in another order; or there are none.
    """
    leaves = qml.pytrees.flatten(returned, is_leaf=lambda leaf: isinstance(leaf, qml.measurements.MeasurementProcess))[
        0
    ]
    returned = [leaf for leaf in leaves if leaf is not None]
    if not returned and not measurements:
        raise CircuitError("the quantum function measures nothing; end it with qml.expval(…) of Pauli operators.")
    if len(returned) != len(measurements) or any(a is not b for a, b in zip(returned, measurements, strict=True)):
        raise CircuitError(
            f"the quantum function makes {len(measurements)} measurements ({_names(measurements)}) and "
            f"returns {_names(returned) or 'none'}. Return all of them, in the order in which they are made."
        )


def checking_returns(qnode: Any) -> Any:
    """The same QNode, which refuses other returns while its tape is made."""
    function: Callable[..., Any] = qnode.func

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        returned = function(*args, **kwargs)
        _, measurements = qml.queuing.process_queue(qml.QueuingManager.active_context())
        refuse_other_returns(returned, measurements)
        return returned

    twin = copy.copy(qnode)
    twin.func = checked
    return twin


def naming_wires(tape: Any, device_wires: Any) -> Any:
    """The tape with wires for each ``qml.probs()``: those of the device, else all that occur, in PennyLane's order."""
    if not any(_leaves_wires_open(measurement) for measurement in tape.measurements):
        return tape
    wires = list(device_wires) if device_wires else _standard_order(tape)
    named = [qml.probs(wires=wires) if _leaves_wires_open(each) else each for each in tape.measurements]
    return tape.copy(measurements=named)


def _leaves_wires_open(measurement: Any) -> bool:
    return isinstance(measurement, qml.measurements.ProbabilityMP) and not measurement.wires and measurement.mv is None


def _standard_order(tape: Any) -> list[Any]:
    """Counted from 0 where gates and then measurements take whole numbers from 0 on, else as they occur.

    Wires that only barriers and cuts name are none: PennyLane takes those out before it counts. Nor are those of a
    state that is prepared behind other gates and is |0> there: PennyLane makes gates of it first.
    """
    made = itertools.chain.from_iterable(_with_late_states_as_gates(tape.operations))
    gates = [operation for operation in made if operation.name not in {"Barrier", "WireCut"}]
    of_gates = list(qml.wires.Wires.all_wires([operation.wires for operation in gates]))
    measured = qml.wires.Wires.all_wires([measurement.wires for measurement in tape.measurements])
    others = [wire for wire in measured if wire not in of_gates]
    n = len(of_gates)
    counted = set(of_gates) == set(range(n)) and set(others) == set(range(n, n + len(others)))
    return sorted([*of_gates, *others]) if counted else [*of_gates, *others]


def _with_late_states_as_gates(operations: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for position, operation in enumerate(operations):
        late = position > 0 and isinstance(operation, qml.operation.StatePrepBase) and operation.has_decomposition
        yield operation.decomposition() if late else [operation]


def _names(measurements: Sequence[Any]) -> str:
    return ", ".join(map(str, measurements))
