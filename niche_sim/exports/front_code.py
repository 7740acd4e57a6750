"""The front end's ES modules and style sheets, put together for a widget of the dashboard and for a page in one file."""

from __future__ import annotations

import re
from pathlib import Path

FRONT = Path(__file__).parents[1] / "dashboard" / "front"
STYLE = ("tissue.css", "viewer.css")
_IMPORT = re.compile(r'^import (\{[^}]+\}) from "\./([\w.]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const) (\w+))", re.MULTILINE)


def linked(entry: str) -> str:
    """A module and all that it imports as one script without imports.

    A widget is given one module, and a page that is opened from a file may load none, so modules cannot be served as they are.
    Each becomes a function that is called once, which keeps its names to itself.

    Parameters
    ----------
    entry
        Name of a module in the folder of the front end.

    Returns
    -------
    str
        JavaScript that defines `front`: name of a module -> what it exports.

    Raises
    ------
    ValueError
        A module imports or exports in a way that is not `import { a, b } from "./name.js";` or `export` before `function`,
        `async function` or `const`.
    """
    scripts: dict[str, str] = {}

    def add(name: str) -> None:
        text = (FRONT / name).read_text(encoding="utf-8")
        for _, needed in _IMPORT.findall(text):
            if needed not in scripts:
                add(needed)
        exported = ", ".join(_EXPORT.findall(text))
        body = _EXPORT.sub("", _IMPORT.sub(r'const \1 = front["\2"];', text))
        left = re.search(r"^(import|export)\b.*", body, re.MULTILINE)
        if left:
            raise ValueError(f"{name}: cannot link {left[0]!r}")
        scripts[name] = f'front["{name}"] = (() => {{\n{body}return {{ {exported} }};\n}})();\n'

    add(entry)
    return "\n".join(["const front = {};", *scripts.values()])


def widget_module(entry: str) -> str:
    """A linked module as anywidget takes it: `render` is among what it exports."""
    return f'{linked(entry)}\nexport default front["{entry}"];\n'


def drawing_style() -> str:
    """The style sheet of what is drawn."""
    return "\n".join((FRONT / name).read_text(encoding="utf-8") for name in STYLE)
