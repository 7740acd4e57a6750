"""The drawing code as text: the same files for the dashboard, whose server sends pictures, and for a replay in one file."""

from __future__ import annotations

from pathlib import Path

FRONT = Path(__file__).parents[1] / "dashboard" / "front"
# In the order in which it is put together.
DRAWING = (
    "glyphs.js",
    "section.js",
    "inspector.js",
    "layers.js",
    "camera.js",
    "pointer_input.js",
    "accessible_summary.js",
    "tissue.js",
    "transport.js",
    "strip.js",
    "viewer.js",
)
STYLE = ("tissue.css", "viewer.css")


def drawing_code(*more: str) -> str:
    """JavaScript that draws a run: plain functions, above all `buildViewer(el, options, actions)`; more: further files."""
    return "\n".join((FRONT / name).read_text(encoding="utf-8") for name in (*DRAWING, *more))


def drawing_style(*more: str) -> str:
    """Its style sheet."""
    return "\n".join((FRONT / name).read_text(encoding="utf-8") for name in (*STYLE, *more))
