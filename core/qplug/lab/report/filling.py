"""Templates of pages, filled in."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from qplug.lab.report.contents import with_contents


def fill(template: str, **values: object) -> str:
    """A template with the style of all pages and the given values, which are escaped."""
    style = (files("qplug.lab.report") / "templates" / "report.css").read_text(encoding="utf-8")
    return with_contents(_environment().get_template(template).render(style=style, **values))


@cache
def _environment() -> Environment:
    """One for all pages: it keeps each template as it was compiled, which takes longer than filling it in."""
    return Environment(
        loader=PackageLoader("qplug.lab.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
