"""Circuits as OpenQASM 3 programs.

Angles are named inputs: ``x0``, ``x1``, … are the encoding angles, ``w0``, ``w1``, … the weight angles. What is
measured stands in comments, ``// observable: Z0 X3`` for Z on wire 0 times X on wire 3; a program without any measures
Z on each wire. ``u`` is written as the language's own ``U`` (they differ by a global phase), and ``rxx``, ``ryy`` and
``rzz``, which the standard library lacks, are defined where they are used.

**Source:** OpenQASM 3.0 language specification, openqasm.com/versions/3.0.
**Differs from the source:** only the subset above is read; a program outside it is refused with the line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from qplug.contract.circuit.model import Angle, Circuit, Encoding, Gate, Observable, Weight
from qplug.contract.errors import CircuitError, UnknownName

DEFINITIONS = {
    "rxx": "gate rxx(a) p, q { h p; h q; cx p, q; rz(a) q; cx p, q; h p; h q; }",
    "ryy": "gate ryy(a) p, q { rx(pi/2) p; rx(pi/2) q; cx p, q; rz(a) q; cx p, q; rx(-pi/2) p; rx(-pi/2) q; }",
    "rzz": "gate rzz(a) p, q { cx p, q; rz(a) q; cx p, q; }",
}
ALLOWED = (
    'OPENQASM 3.0; include "stdgates.inc"; input float[64] x0; (or w0, …) one qubit[n] register; standard gates on '
    "single qubits; gate definitions of rxx, ryy and rzz as this module writes them; and comments"
)

_MOST_DIGITS = 9
_MOST_QUBITS = 10_000  # no device and no simulator has as many; each is written down
_STATEMENT = re.compile(r"\s*(gate\b[^{]*\{[^}]*\}|[^;]*;)", re.DOTALL)
_CALL = re.compile(r"([A-Za-z_]\w*)\s*(?:\(([^()]*)\))?\s+(.+)", re.DOTALL)
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_CONSTANT = re.compile(
    rf"(?P<sign>[+-]?)\s*(?:(?P<number>{_NUMBER})|(?:(?P<factor>{_NUMBER})\s*\*\s*)?(?P<pi>pi|π))"
    rf"(?:\s*/\s*(?P<divisor>{_NUMBER}))?"
)


def dump(circuit: Circuit) -> str:
    """The program of a circuit; ``load`` gives back an equal one."""
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";']
    lines += [DEFINITIONS[name] for name in DEFINITIONS if name in circuit.gate_counts]
    lines += [f"input float[64] x{index};" for index in range(circuit.n_encoding)]
    lines += [f"input float[64] w{index};" for index in range(circuit.n_weights)]
    lines += [f"qubit[{circuit.n_qubits}] q;"]
    lines += [_call(gate) for gate in circuit.gates]
    lines += [f"// observable: {observable}" for observable in circuit.observables]
    return "\n".join(lines) + "\n"


def _call(gate: Gate) -> str:
    name = "U" if gate.name == "u" else gate.name
    angles = f"({', '.join(_written(angle) for angle in gate.angles)})" if gate.angles else ""
    return f"{name}{angles} {', '.join(f'q[{wire}]' for wire in gate.wires)};"


def _written(angle: Angle) -> str:
    return repr(angle) if isinstance(angle, float) else str(angle)


def load(text: str) -> Circuit:
    """The circuit of a program in the subset that ``dump`` writes; constants may be fractions of pi.

    Raises:
        CircuitError: something outside that subset, with its line and what is allowed; or a malformed circuit.
    """
    code, observables = _without_comments(text)
    program = _Program()
    for line, statement in _statements(code):
        try:
            program.read(statement)
        except (CircuitError, UnknownName) as error:
            raise CircuitError(f"line {line}: {error}") from error
    return program.circuit(observables)


def _without_comments(text: str) -> tuple[str, list[Observable]]:
    """The program with blank lines for its comments, so that lines keep their numbers, and the observables in them."""
    observables = []

    def blank(comment: re.Match[str]) -> str:
        if found := re.fullmatch(r"//\s*observable:(.*)", comment[0]):
            observables.append(_observable(text.count("\n", 0, comment.start()) + 1, found[1]))
        return " " + "\n" * comment[0].count("\n")

    return re.sub(r"//[^\n]*|/\*.*?\*/", blank, text, flags=re.DOTALL), observables


def _observable(line: int, text: str) -> Observable:
    factors = [re.fullmatch(r"([XYZ])(\d+)", word) for word in text.split()]
    if not factors or None in factors:
        raise CircuitError(
            f"line {line}: the observable {text.strip()!r} is not understood; write letters X, Y or Z "
            "with a wire each, such as // observable: Z0 X3"
        )
    pairs = [(found[1], _whole(found[2])) for found in factors if found]
    try:
        return Observable("".join(letter for letter, _ in pairs), tuple(wire for _, wire in pairs))
    except CircuitError as error:
        raise CircuitError(f"line {line}: {error}") from error


def _statements(code: str) -> Iterator[tuple[int, str]]:
    """Each statement without its semicolon, and the line on which it starts."""
    position, line = 0, 1
    while found := _STATEMENT.match(code, position):
        line += code.count("\n", position, found.start(1))
        yield line, found[1].removesuffix(";").strip()
        position = found.end()
        line += found[1].count("\n")
    rest = code[position:]
    if rest.strip():
        line += rest.count("\n", 0, len(rest) - len(rest.lstrip()))
        raise CircuitError(f"line {line}: {rest.strip()!r} has no end; a statement ends with a semicolon.")


@dataclass
class _Program:
    """What has been read of a program so far."""

    register: str = ""
    n_qubits: int = 0
    inputs: set[Encoding | Weight] = field(default_factory=set)
    gates: list[Gate] = field(default_factory=list)

    def read(self, statement: str) -> None:
        """Takes in one statement."""
        words = " ".join(statement.split())
        if re.fullmatch(r'OPENQASM 3(\.\d+)?|include "stdgates\.inc"|', words):
            return
        if words.startswith("gate "):
            self._definition(words)
        elif found := re.fullmatch(r"input (?:float|angle)(?: ?\[\d+\])? (\w+)", words):
            self._input(found[1])
        elif found := re.fullmatch(r"qubit ?\[ ?(\d+) ?\] (\w+)", words):
            self._qubits(_whole(found[1]), found[2])
        elif found := _CALL.fullmatch(words):
            self._call(words, found[1], found[2], found[3])
        else:
            raise _not_understood(words)

    def circuit(self, observables: list[Observable]) -> Circuit:
        """The circuit that was read."""
        unused = self.inputs - {angle for gate in self.gates for angle in gate.angles}
        if unused:
            raise CircuitError(f"the input {min(map(str, unused))!r} is used by no gate; use it or remove it.")
        each = [Observable("Z", (wire,)) for wire in range(self.n_qubits)]
        return Circuit(self.n_qubits, tuple(self.gates), tuple(observables or each))

    def _definition(self, words: str) -> None:
        name = re.split(r"[ (]", words)[1]
        if re.sub(r"\s", "", words) != re.sub(r"\s", "", DEFINITIONS.get(name, "")):
            raise CircuitError(
                f"the definition of the gate {name!r} is not one that is known; gates may be defined as: "
                f"{' '.join(DEFINITIONS.values())}"
            )

    def _input(self, name: str) -> None:
        found = re.fullmatch(r"([xw])(\d+)", name)
        if not found:
            raise CircuitError(
                f"the input {name!r} is not understood; inputs are x0, x1, … (encoding angles) and w0, w1, … "
                "(weight angles)."
            )
        self.inputs.add(_index(found))

    def _qubits(self, n_qubits: int, name: str) -> None:
        if self.register:
            raise CircuitError(f"{name!r} is a second register; one qubit register is allowed.")
        if n_qubits > _MOST_QUBITS:
            raise CircuitError(f"the register {name!r} has {n_qubits} qubits; at most {_MOST_QUBITS} are possible.")
        self.register, self.n_qubits = name, n_qubits

    def _call(self, words: str, name: str, angles: str | None, wires: str) -> None:
        positions = [re.fullmatch(r"(\w+) ?\[ ?(\d+) ?\]", wire.strip()) for wire in wires.split(",")]
        if not all(found and found[1] == self.register for found in positions):
            raise _not_understood(words)
        numbers = tuple(self._angle(angle.strip()) for angle in (angles or "").split(",") if angle.strip())
        gate = Gate("u" if name == "U" else name, tuple(_whole(found[2]) for found in positions if found), numbers)
        if max(gate.wires) >= self.n_qubits:
            raise CircuitError(
                f"{words!r} uses a qubit outside {self.register}[0] … {self.register}[{self.n_qubits - 1}]."
            )
        self.gates.append(gate)

    def _angle(self, text: str) -> Angle:
        if found := re.fullmatch(r"([xw])(\d+)", text):
            angle = _index(found)
            if angle not in self.inputs:
                raise CircuitError(f"the angle {text!r} is no declared input; write input float[64] {text}; above.")
            return angle
        if found := _CONSTANT.fullmatch(text):
            return _constant(found)
        raise CircuitError(
            f"the angle {text!r} is not understood; an angle is a number, a fraction of pi such as 3*pi/4, or an input."
        )


def _index(found: re.Match[str]) -> Encoding | Weight:
    return (Encoding if found[1] == "x" else Weight)(_whole(found[2]))


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise CircuitError(f"the number {text[:20]}… has {len(text)} digits; at most {_MOST_DIGITS} are possible.")
    return int(text)


def _constant(found: re.Match[str]) -> float:
    size = float(found["number"]) if found["number"] else float(found["factor"] or 1) * math.pi
    if found["divisor"]:
        if not float(found["divisor"]):
            raise CircuitError(f"the angle {found[0]!r} divides by zero.")
        size /= float(found["divisor"])
    return -size if found["sign"] == "-" else size


def _not_understood(words: str) -> CircuitError:
    return CircuitError(f"{words!r} is not understood. Allowed are: {ALLOWED}.")
