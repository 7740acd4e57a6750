"""Pictures of the notebooks for their page: runs each and keeps one of its figures.

    python docs/make_notebook_pictures.py [NAME ...]

Needs '.[test]'. The notebooks themselves keep no outputs, so that they cannot be old.
"""

from __future__ import annotations

import base64
import io
import os
import runpy
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
FOLDER = Path(__file__).parent / "images"
WIDTH = 800  # pixels at most
FIGURES = runpy.run_path(str(Path(__file__).parent / "site" / "pages.py"))["PICTURES"]  # which of each, and what it shows


def figures(path: Path) -> list[bytes]:
    """All pictures that a notebook draws, PNG, in their order."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [base64.b64decode(o["data"]["image/png"]) for o in outputs if "image/png" in o.get("data", {})]


def main(names: list[str]) -> None:
    """Run the notebooks named, or all, and keep a figure of each."""
    os.environ.setdefault("IPYTHONDIR", tempfile.mkdtemp())  # nobody's own settings
    for name in names or FIGURES:
        number, _ = FIGURES[name]
        image = Image.open(io.BytesIO(figures(NOTEBOOKS / f"{name}.ipynb")[number])).convert("RGB")
        image.thumbnail((WIDTH, 10 * WIDTH))
        file = FOLDER / f"notebook_{name}.png"
        image.quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
        print(f"{file}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
