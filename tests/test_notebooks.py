"""Notebooks: short, paired with a text file, without stored outputs, and every cell runs and draws."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

TOP = Path(__file__).parents[1]
FOLDER = TOP / "notebooks"
TEXTS = FOLDER / "text"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MOST_LINES = 60  # of code: a lesson, not a program
TIMEOUT = 300  # s a cell; the first compiles, on a slow and busy machine

BESIDE = {"numpy", "matplotlib", "pandas", "pathlib", "tempfile"}  # what a notebook may import besides

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_of(notebook: nbformat.NotebookNode) -> list[str]:
    return [line for cell in notebook.cells if cell.cell_type == "code" for line in cell.source.splitlines() if line]


def test_every_notebook_has_its_text_and_the_other_way_round() -> None:
    assert NOTEBOOKS
    assert [path.stem for path in NOTEBOOKS] == sorted(path.stem for path in TEXTS.glob("*.py"))


@each
def test_the_pair_says_the_same_and_keeps_no_outputs(path: Path) -> None:
    notebook, text = nbformat.read(path, as_version=4), jupytext.read(TEXTS / f"{path.stem}.py")
    nbformat.validate(notebook)
    assert notebook.metadata.jupytext.formats == text.metadata.jupytext.formats == "ipynb,text//py:percent"
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [(c.cell_type, c.source) for c in text.cells]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)


@each
def test_it_opens_with_a_question_and_ends_with_limits(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].source.splitlines()[0].endswith("?")
    assert notebook.cells[-1].source.startswith("## What the model does not show")
    assert len(code_of(notebook)) < MOST_LINES


def public_modules() -> frozenset[str]:
    """The modules of the reference: what a user may build on."""
    spec = importlib.util.spec_from_file_location("pages", TOP / "docs" / "site" / "pages.py")
    assert spec is not None and spec.loader is not None
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    return frozenset(pages.MODULES)


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Module and name of every import; a module that is imported itself is a name of what holds it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


@each
def test_it_uses_public_names_only(path: Path) -> None:
    lines = [line for line in code_of(nbformat.read(path, as_version=4)) if not line.startswith("%")]
    tree, public = ast.parse("\n".join(lines)), public_modules()
    strange = []
    for module, name in imported(tree):
        if module.partition(".")[0] != "niche_sim":
            strange += [module] if module.partition(".")[0] not in BESIDE else []
            continue
        whole = f"{module}.{name}" if name else module
        known = getattr(importlib.import_module(module), "__all__", None)
        own = known is None or name in known
        strange += [] if whole in public or (module in public and own) else [whole]
    names = [name for _, name in imported(tree)]
    names += [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    strange += [name for name in names if name.startswith("_") and not name.endswith("__")]
    assert strange == []


@each
def test_every_cell_runs_and_draws(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))  # this environment's kernel, nobody's settings
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=TIMEOUT, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [(cell.source, output) for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    complaints = [output.text for _, output in outputs if output.get("name") == "stderr"]
    assert complaints == []
    drawn = [source for source, output in outputs if "image/png" in output.get("data", {})]
    assert drawn == [cell.source for cell in notebook.cells if "_figure(" in cell.source and "import" not in cell.source]
