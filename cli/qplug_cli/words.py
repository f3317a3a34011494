"""Where texts of users, files and plugins meet rich: they are printed as they are, and command nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text as RichText

from qplug_cli.visible import visible


class Text(RichText):
    """A text with styles whose words are visible, so that tables leave them the room they take."""

    def __init__(self, text: str = "", style: str = "", **settings: Any) -> None:
        super().__init__(visible(text), style, **settings)

    def append(self, text: RichText | str, style: Any = None) -> RichText:
        """Adds a piece."""
        return super().append(visible(text) if isinstance(text, str) else text, style)


class PlainConsole(Console):
    """A console for which no text is markup, an emoji or a control sequence; styles come from ``styled`` alone."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**({"highlight": False, "emoji": False, "markup": False} | settings))

    def on_broken_pipe(self) -> None:
        """Who read the output has gone: told as such, where rich would end the program."""
        raise BrokenPipeError

    def render_str(self, text: str, **settings: Any) -> RichText:
        """A plain string, of a table's cell for example, as a text."""
        return super().render_str(visible(text), **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is written for anything printed, tables and bars included, with all texts made visible."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


def styled(*pieces: str | tuple[str, str]) -> RichText:
    """One text of several pieces; a pair is a piece and its style, such as ``(name, "bold")``."""
    return Text.assemble(*pieces)
