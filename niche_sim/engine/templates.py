"""Jinja2 templates in the `templates` folders of the package: in HTML all text is escaped, in Markdown none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape


def render(template: str, **given: Any) -> str:
    """A template filled in.

    Parameters
    ----------
    template
        Its path within the package, such as `teaching/templates/worksheet.html`.
    given
        What it shows. A name that the template asks for and nobody gives is an error.

    Returns
    -------
    str
        The text. Several empty lines in Markdown are one.
    """
    text = _environment().get_template(template).render(**given)
    return re.sub(r"\n{3,}", "\n\n", text) if template.endswith(".md") else text


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parents[1]),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(table=table, code=code, plain=plain)
    return made


# --- Markdown --------------------------------------------------------------------------------------------------------


def code(name: str) -> str:
    """A name as code."""
    return f"`{name}`"


def plain(text: str) -> str:
    """One paragraph on one line, with nothing in it that Markdown would take for a list, a tag or a heading."""
    line = " ".join(text.split())
    line = re.sub(r"<(?=[A-Za-z/!])", r"\\<", line)
    return re.sub(r"^([-+#>]|\*(?= )|\d+(?=[.)] ))", r"\\\1", line)


def table(rows: Sequence[Sequence[str]], *columns: str) -> str:
    """A table; nothing if it has no rows. Line breaks become spaces."""

    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([row(columns), "|" + " --- |" * len(columns), *map(row, rows)]) if rows else ""
