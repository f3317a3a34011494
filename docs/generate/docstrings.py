"""The docstrings of modules as Markdown: what each name is, how it is called, what it takes, gives and raises."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import Any

_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises):$")
_CALLED = {"Args": "Takes", "Attributes": "Has", "Returns": "Gives", "Yields": "Gives one by one", "Raises": "Raises"}
_ENTRY = re.compile(r"^(\*{0,2}\w[\w.]*(?:, \w+)*): ")
_WIDE = 100


def filled(template: str) -> str:
    """A page with each line ``::: module`` replaced by what the module holds."""
    lines = []
    for line in template.splitlines():
        name = line.removeprefix("::: ")
        lines += [line] if name == line else list(module(name))
    parts = re.split(r"(^```python\n.*?^```$)", "\n".join(lines), flags=re.S | re.M)
    text = "".join(part if part.startswith("```") else re.sub(r"\n{3,}", "\n\n", part) for part in parts)
    return text.rstrip() + "\n"


def module(name: str) -> Iterator[str]:
    """The section of a module: its own docstring, and every public name."""
    found = import_module(name)
    yield from (f"### Module `{name}`", "", *markdown(found.__doc__))
    for each in _names(found):
        value = getattr(found, each)
        if inspect.isclass(value):
            yield from _class(each, value)
        elif callable(value) and hasattr(value, "__code__"):
            yield from ("", f"#### `{each}`", "", *_called(f"def {each}", value), "", *markdown(value.__doc__))
        elif told := _of_constant(found, each):
            yield from ("", f"#### `{each}`", "", *markdown(told))


def markdown(docstring: str | None) -> Iterator[str]:
    """A docstring in Google's style: sections as lists, literals in one kind of quotes, code blocks fenced."""
    text = _fenced(inspect.cleandoc(docstring or "")).replace("``", "`").replace("`````", "```")
    lines = iter([*text.replace("\x00", "```").splitlines(), ""])
    for line in lines:
        section = _SECTION.match(line)
        yield f"{_CALLED[section[1]]}:" if section else line
        if section:
            yield from ("", *_entries(_indented(lines), named=section[1] in ("Args", "Attributes", "Raises")), "")


def _fenced(text: str) -> str:
    """Literal blocks, which a line that ends in ``::`` announces, between fences."""
    found = re.compile(r"::\n\n((?: {4}.*\n|\n)*(?: {4}.*)(?=\n|$))")
    return found.sub(lambda block: f":\n\n\x00python\n{_spaced(textwrap.dedent(block[1]))}\n\x00", text)


def _spaced(code: str) -> str:
    """Code with two empty lines before each definition, as ruff leaves it in a page."""
    return re.sub(r"(?<=\n)\n+(?=@|def |class )", "\n\n", code.strip("\n"))


def _indented(lines: Iterator[str]) -> list[str]:
    """The lines of a section, up to the first empty one."""
    found = []
    for line in lines:
        if not line.strip():
            break
        found.append(line)
    return textwrap.dedent("\n".join(found)).splitlines()


def _entries(lines: Sequence[str], *, named: bool) -> Iterator[str]:
    text = "\n".join(lines)
    for entry in re.split(r"\n(?! )", text) if named else [text]:
        told = " ".join(entry.split())
        yield "* " + (_ENTRY.sub(r"`\1`: ", told, count=1) if named else told)


def _names(found: ModuleType) -> list[str]:
    """What is exported; else what is written here and does not begin with an underscore, in that order."""
    if hasattr(found, "__all__"):
        return list(found.__all__)
    tree = ast.parse(inspect.getsource(found))
    names = [name for node in tree.body for name in _bound(node)]
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]


def _bound(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else []
    return [each.id for each in node.targets if isinstance(each, ast.Name)] if isinstance(node, ast.Assign) else []


def _of_constant(found: ModuleType, name: str) -> str:
    """What is written below a constant, here or in a module from which it comes."""
    inner = [each for path, each in sorted(sys.modules.items()) if path.startswith(f"{found.__name__}.")]
    for place in (found, *inner):
        if getattr(place, "__file__", None) and hasattr(place, name):
            body = ast.parse(inspect.getsource(place)).body
            for node, below in pairwise(body):
                if name in _bound(node) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                    return str(below.value.value)
    return ""


def _class(name: str, found: type) -> Iterator[str]:
    bases = [base.__name__ for base in found.__bases__ if base is not object]
    yield from ("", f"#### `{name}`", "")
    if "__init__" in vars(found) and not issubclass(found, BaseException):
        yield from _called(name, found.__init__, bound=True)  # type: ignore[misc]
        yield ""
    if bases:
        yield from (f"Derives from {', '.join(f'`{base}`' for base in bases)}.", "")
    yield from markdown(found.__doc__)
    for each, member in vars(found).items():
        if each.startswith("_"):
            continue
        kept = getattr(member, "__func__", getattr(member, "fget", getattr(member, "func", member)))
        if not hasattr(kept, "__code__") or not kept.__doc__:
            continue
        if isinstance(member, staticmethod):
            yield from ("", *_called(f"{name}.{each}", kept))
        elif hasattr(member, "__code__") or isinstance(member, classmethod):
            yield from ("", *_called(f"{name}.{each}", kept, bound=True))
        else:
            yield from ("", f"`{name}.{each}`")
        yield from ("", *markdown(kept.__doc__))


def _called(name: str, found: Any, *, bound: bool = False) -> Iterator[str]:
    """How it is called, over several lines where one would be long."""
    parameters = list(inspect.signature(found).parameters.values())[1 if bound else 0 :]
    shown = [each for one, before in zip(parameters, [None, *parameters], strict=False) for each in _shown(one, before)]
    back = getattr(found, "__annotations__", {}).get("return", "")
    end = f") -> {_type(back)}" if back and back not in ("None", None) else ")"
    line = f"{name}({', '.join(shown)}{end}"
    whole = [line] if len(line) <= _WIDE else [f"{name}(", *(f"    {each}," for each in shown), end]
    yield from ("```python", *whole, "```")


def _literal(value: object) -> str:
    """A default as it could be written; of anything else, such as the environment, nothing is shown."""
    told = repr(value)
    try:
        ast.literal_eval(told)
    except (ValueError, SyntaxError):
        return "…"
    return told


def _shown(one: inspect.Parameter, before: inspect.Parameter | None) -> Iterator[str]:
    if one.kind is one.KEYWORD_ONLY and (before is None or before.kind < one.VAR_POSITIONAL):
        yield "*"
    stars = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
    hint = "" if one.annotation is one.empty else f": {_type(one.annotation)}"
    if one.default is one.empty:
        yield f"{stars}{one.name}{hint}"
    else:
        yield f"{one.name}{hint}{' = ' if hint else '='}{_literal(one.default)}"


def _type(annotation: Any) -> str:
    """An annotation without what pydantic reads in it."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    found = re.fullmatch(r"Annotated\[(.+?), Field\(.*\)\]", text, re.S)
    return found[1] if found else text
