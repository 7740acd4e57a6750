"""What a run is called: a hash of everything that decides its results, for single runs, cohorts, sweeps and tests alike.

Two runs have one name if and only if they are the same mouse. So a kept run is found again, a run that two studies need is
computed once, and a changed formula never passes for the old one. Texts are left out: rewording a docstring, a comment, a
label or the note of a parameter renames nothing.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import inspect
import json
import re
import textwrap
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from niche_sim.experiment.setup import Setup
from niche_sim.model import parameters

if TYPE_CHECKING:
    from niche_sim.experiment.simulation import Simulation
    from niche_sim.model.process import Process

PACKAGE = Path(__file__).resolve().parents[1]
# The code that acts while a mouse is stepped: a test follows one and finds every function that is called in here.
DECIDING = (
    "engine",
    "model",
    "experiment/interventions.py",
    "experiment/protocol.py",
    "experiment/setup.py",
    "experiment/simulation.py",
)
EXPECTING = ("runs/expectation",)  # the code that computes what is expected of a run besides
LIBRARIES = ("numpy", "scipy", "numba")
REGISTER_ROW = "number"  # the call that writes a row of the register: its value is in the name as a resolved parameter
RECORDS = ("link", "raised", "drug")  # what writes a record of a block, a boost or a drug: its strings are labels
LABELS = ("label", "marker", "meaning", "group")
_WORDS = re.compile(r"\w\W*\s\W*\w")  # two words or more


def name_of_arm(made: Setup, arm: str) -> str:
    """A hash of all that decides the mice of an arm but the seed.

    That is organ, section, clock, what is done, resolved parameters, rules in order, thresholds, code and libraries. The name
    of the scenario, of the arm and what other arms there are do not matter.
    """
    content = json.loads(made.experiment.only(arm).canonical())
    decides = {
        "protocol": content["arms"][arm],
        "scenario": {key: content[key] for key in ("organ", "section", "run")},
        "parameters": parameters.as_text(made.parameters),
        "schedule": [_rule(process) for process in made.schedule],
        "thresholds": dict(made.thresholds),
        **engine(),
    }
    return _short_hash(json.dumps(decides, sort_keys=True))


def name_of_run(arm: str, seed: int) -> str:
    """A hash that names one mouse: that of its arm, from `name_of_arm`, with the seed."""
    return _short_hash(f"{arm}:{seed}")


def name_of_model(model: Simulation) -> str:
    """The name of the run of a model as it stands, with the protocol and the rules that it has now."""
    experiment = model.experiment.only(model.arm, model.protocol)
    made = Setup(experiment, model.parameters, model.schedule, model.stages.thresholds, model.overrides, model.without)
    return name_of_run(name_of_arm(made, model.arm), model.seed)


def engine() -> dict[str, object]:
    """What simulates: a digest of the code, and versions of the libraries whose bits the results rest on."""
    return {"code": code_digest(), "versions": versions()}


def differing(engine_then: Any) -> str:
    """What of `engine()` was otherwise where `engine_then` comes from, as names between commas; "" if nothing was."""
    return ", ".join(name for name, value in engine().items() if engine_then.get(name) != value)


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of the libraries that results rest on."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


@lru_cache(maxsize=1)
def code_digest() -> str:
    """A hash of the code that decides what is simulated, hexadecimal; not of its texts, nor of code that only looks on."""
    return digest_of(PACKAGE)


@lru_cache(maxsize=1)
def expectation_digest() -> str:
    """The same of the code that computes expectations, which decides nothing in a run but what is kept beside it."""
    return digest_of(PACKAGE, EXPECTING)


def digest_of(package: Path, names: tuple[str, ...] = DECIDING) -> str:
    """The same of the package in a folder, or of some of its files and folders."""
    digest = hashlib.sha256()
    for path in deciding(package, names):
        code = without_texts(path.read_text(encoding="utf-8"), labels=path.parts[len(package.parts)] != "engine")
        digest.update(f"{path.relative_to(package)}\n{code}\n".encode())
    return digest.hexdigest()[:16]


def deciding(package: Path = PACKAGE, names: tuple[str, ...] = DECIDING) -> list[Path]:
    """The files whose code decides what is simulated."""
    return sorted(
        file for name in names for file in ((package / name).rglob("*.py") if "." not in name else [package / name])
    )


def without_texts(source: str, labels: bool = True) -> str:
    """Python code in one layout without comments and docstrings and, with `labels`, without other texts that decide nothing.

    Those are the arguments of errors that are raised, of rows of the register, and strings of several words. A string that
    is compared, looked up, part of an f-string or the purpose of a random draw is kept.
    """
    return ast.unparse(_Bare(labels).visit(ast.parse(source)))


class _Bare(ast.NodeTransformer):
    """Takes texts out of code."""

    def __init__(self, labels: bool) -> None:
        self.labels = labels

    def generic_visit(self, node: ast.AST) -> ast.AST:
        node = super().generic_visit(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and not node.body:
            node.body = [ast.Pass()]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """A docstring, or another string that stands alone, goes."""
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if self.labels and isinstance(node.exc, ast.Call):
            node.exc.args, node.exc.keywords = [], []
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if self.labels and isinstance(node.func, ast.Name) and node.func.id == REGISTER_ROW:
            node.args, node.keywords = [], []
        if self.labels and isinstance(node.func, ast.Name) and node.func.id in RECORDS:
            node.args = []
        return self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        if self.labels and node.arg in LABELS:
            node.value = ast.Constant("")
        return node if node.arg == "purpose" else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        if self.labels and isinstance(node.targets[0], ast.Name) and node.targets[0].id in LABELS:
            node.value = ast.Constant("")
        return self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        node.values = [self.visit(value) for value in node.values]
        return node

    def _kept(self, node: ast.AST) -> ast.AST:
        return node

    visit_Compare = visit_Subscript = visit_MatchValue = _kept  # noqa: N815

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        text = self.labels and isinstance(node.value, str) and _WORDS.search(node.value)
        return ast.Constant("") if text else node


def _rule(process: Process) -> str:
    """The name of a rule; of one that is not niche_sim's with a hash of its code, which `code_digest` does not know."""
    kind = type(process)
    if kind.__module__.startswith("niche_sim."):
        return process.name
    try:
        code = without_texts(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError):  # typed at a prompt
        methods = [one.__code__ for one in vars(kind).values() if inspect.isfunction(one)]
        code = repr([(one.co_code, one.co_names, repr(one.co_consts)) for one in methods])
    return f"{process.name}:{_short_hash(code)}"


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
