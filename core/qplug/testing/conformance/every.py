"""What holds for a component of any kind."""

from __future__ import annotations

import ast
import copy
import inspect
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from qplug import parameters
from qplug.contract.errors import ParameterError, PluginError, QplugError, UnknownName
from qplug.contract.interfaces import INTERFACE, KINDS, Component
from qplug.hooks.guard import put_back
from qplug.testing.conformance.check import Act, Skipped, require
from qplug.testing.conformance.travel import pickled

HEAVY = {
    "dataset": ("torch", "pennylane", "qiskit", "lightning"),
    "features": ("pennylane", "qiskit", "lightning"),
}
"""What the module of a kind does without until it works: processes that read files import nothing else."""

_FRESH = """
import json, sys, threading
from importlib import import_module
sys.path[:] = json.loads(sys.argv[2])
from qplug.hooks.guard import put_back
with put_back(at_import=True) as changed:
    import_module(sys.argv[1])
threads = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
print(json.dumps([changed, threads, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def interface_checks(component: Component, *, imports: bool) -> Iterator[tuple[str, Act]]:
    """The checks that every component is given, by name.

    Args:
        component: the component.
        imports: whether its module is imported in a process of its own, too.
    """
    yield "declaration", lambda: check_declaration(component)
    yield "parameters", lambda: check_parameters(component)
    yield "presets", lambda: check_presets(type(component))
    yield "pickling", lambda: check_pickling(component)
    yield "deep-copy", lambda: check_deep_copy(component)
    yield "constructor", lambda: check_constructor(component)
    yield "wrong-parameters", lambda: check_wrong_parameters(type(component))
    yield "documentation", lambda: check_documentation(component)
    if imports:
        yield "import", lambda: check_import(type(component))


def check_declaration(component: Component) -> None:
    """A kind, one line of summary, and the interface version as a literal number."""
    name = type(component).__name__
    require(component.kind in KINDS, f"{name}.kind is {component.kind!r}, none of {', '.join(KINDS)}")
    require(component.summary != "", f"{name} has no summary for `qplug list`")
    require("\n" not in component.summary, f"{name}.summary must be one line")
    declared = getattr(component, "capabilities", None)
    require(declared is not None, f"{name} declares no capabilities: write capabilities = …Capabilities(interface=1)")
    got = component.capabilities.interface
    require(got == INTERFACE, f"{name} declares interface {got}; these checks are for {INTERFACE}")
    _check_interface_is_literal(type(component))


def _check_interface_is_literal(component: type[Component]) -> None:
    """A number that is imported would follow the core and say nothing about what the author had in mind."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(component)))
    except (OSError, TypeError, IndentationError):
        return  # made without a source file
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    for call in calls:
        named = ast.unparse(call.func).endswith("Capabilities")
        for keyword in (each for each in call.keywords if named and each.arg == "interface"):
            literal = isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, int)
            require(literal, f"{component.__name__}: write the interface version as a number: interface={INTERFACE}")


def check_parameters(component: Component) -> None:
    """Each parameter is described and stored under its own name."""
    name = type(component).__name__
    try:
        known = parameters.describe(type(component))
    except PluginError as error:
        raise AssertionError(str(error)) from error
    for parameter in known:
        where = f"{name}'s parameter {parameter.name!r}"
        require(bool(parameter.description), f"{where} has no description: Annotated[…, Field(description='…')]")
        require(hasattr(component, parameter.name), f"{where} is not stored under its own name")


def check_presets(component: type[Component]) -> None:
    """Each preset can be taken."""
    for preset in component.presets:
        try:
            parameters.create(component, {parameters.PRESET: preset}, f"{component.kind} {component.__name__}")
        except QplugError as error:
            raise AssertionError(f"{component.__name__}'s preset {preset!r} cannot be used: {error}") from error


def check_pickling(component: Component) -> None:
    """Another process receives the same parameters."""
    _same_parameters(pickled(component), component, "does not survive pickling")


def check_deep_copy(component: Component) -> None:
    """A copy has the same parameters and attributes."""
    twin = copy.deepcopy(component)
    _same_parameters(twin, component, "is another in a deep copy")
    lost = vars(component).keys() ^ vars(twin).keys()
    require(not lost, f"a deep copy of {type(component).__name__} has not the same attributes: {', '.join(lost)}")


def _same_parameters(twin: Component, component: Component, fault: str) -> None:
    for parameter in parameters.describe(type(component)):
        same = getattr(twin, parameter.name) == getattr(component, parameter.name)
        require(same, f"{type(component).__name__}'s parameter {parameter.name!r} {fault}")


def check_constructor(component: Component) -> None:
    """It stores its parameters and does nothing else: it builds no network, draws nothing, changes nothing."""
    name = type(component).__name__
    values = {each.name: getattr(component, each.name) for each in parameters.describe(type(component))}
    with put_back() as changed:
        made = type(component)(**values)
    for attribute, value in vars(made).items():
        what = f"{type(value).__module__}.{type(value).__name__}"
        heavy = hasattr(value, "state_dict") or what == "torch.Tensor"
        require(not heavy, f"{name}'s constructor makes {attribute!r}, a {what}; it may only store its parameters")
    require(not changed, f"{name}'s constructor changes {' and '.join(changed)}; it may only store its parameters")


def check_wrong_parameters(component: type[Component]) -> None:
    """A value of a wrong type, and a name that is no parameter's, are refused by name before anything is made."""
    what = f"{component.kind} {component.__name__}"
    _refused(component, "no_such_parameter", 1, UnknownName, what)
    for parameter in parameters.describe(component):
        _refused(component, parameter.name, object(), ParameterError, what)


def _refused(component: type[Component], name: str, value: object, error: type[QplugError], what: str) -> None:
    try:
        parameters.create(component, {name: value}, what)
    except error as refusal:
        require(name in str(refusal), f"{what} refuses {name}={value!r} without naming it: {refusal}")
        return
    except Exception as other:
        raise AssertionError(f"{what} meets {name}={value!r} with {type(other).__name__}: {other}") from other
    raise AssertionError(f"{what} takes {name}={value!r}: its annotation allows everything, so nothing is checked")


def check_documentation(component: Component) -> None:
    """A docstring of its own, and where it comes from: ``source``, a Source in the docstring, or ``citation``."""
    part, name = type(component), type(component).__name__
    ours = [each for each in part.__mro__ if not each.__module__.startswith("qplug.contract.")]
    words = [vars(each).get("__doc__") or "" for each in ours if each is not object]
    described = [
        text for text in words if text.strip() and not text.startswith(f"{name}(")
    ]  # a dataclass writes its own
    require(bool(described), f"{name} has no docstring that says what it is")
    told = component.source or getattr(component, "citation", "") or "".join(described).partition("Source:")[2]
    require(bool(told.strip()), f"{name} does not say where it comes from: source = 'a paper, a standard or own work'")


def check_import(component: type[Component]) -> None:
    """Its module, imported in a process of its own, changes nothing, starts no thread, loads what its kind needs."""
    name, module = component.__name__, component.__module__
    if module == "__main__" or not getattr(sys.modules.get(module), "__file__", None):
        raise Skipped(f"{module} is no module that another process can import")
    done = subprocess.run(
        [sys.executable, "-c", _FRESH, module, json.dumps(sys.path)],
        env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it ended"])[-1]
        raise AssertionError(f"{module} cannot be imported in another process: {last}")
    changed, threads, loaded = json.loads(done.stdout.splitlines()[-1])
    require(not changed, f"importing {module} changes {', '.join(changed)} for the whole process")
    require(not threads, f"importing {module} starts threads: {', '.join(threads)}")
    dear: Any = [each for each in HEAVY.get(component.kind, ()) if each in loaded]
    require(not dear, f"importing {module} loads {', '.join(dear)}, which {name} needs only once it works")
