"""A page's table of contents: an anchor for each section, and links to all of them."""

from __future__ import annotations

import html
import re

PLACE = "<!-- contents -->"
"""Where a template wants the table."""
_SECTION = re.compile(r"<section>\n<h2>(.*?)</h2>")
_TAGS = re.compile(r"<[^>]+>")


def with_contents(page: str) -> str:
    """The page with an id for each section, made from its heading, and links to them where the template has a place.

    What comes from outside is escaped by now, so that none of it looks like a section.
    """
    found: dict[str, str] = {}

    def named(section: re.Match[str]) -> str:
        title = _TAGS.sub("", section[1])
        plain = re.sub(r"[^a-z0-9]+", "-", html.unescape(title).lower()).strip("-") or "section"
        # A figure's name is its anchor too, and two data sets may be called alike.
        anchor = f"s-{plain}" if f"s-{plain}" not in found else f"s-{plain}-{len(found)}"
        found[anchor] = title
        return f'<section id="{anchor}">\n<h2>{section[1]}</h2>'

    page = _SECTION.sub(named, page)
    links = "\n".join(f'<li><a href="#{anchor}">{title}</a></li>' for anchor, title in found.items())
    return page.replace(PLACE, f'<nav class="contents" aria-label="Contents">\n<ul>\n{links}\n</ul>\n</nav>', 1)
