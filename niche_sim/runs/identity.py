"""Names of runs: a hash of all that decides what a run leaves, so that what is kept is found again and nothing else."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
from functools import lru_cache
from pathlib import Path

import niche_sim
from niche_sim.experiment.setup import Setup
from niche_sim.model import parameters

# The folders whose code decides what is simulated; the others only look on.
DECIDING = ("engine", "model", "experiment")
LIBRARIES = ("numpy", "scipy", "numba")


def name_of_arm(setup: Setup, arm: str) -> str:
    """A hash of all that decides the mice of an arm but the seed: scenario, numbers, rules, what is done, code, libraries.

    What other arms there are does not matter.
    """
    experiment = setup.experiment
    content = json.loads(experiment.only(arm).canonical())
    decides = {
        "protocol": content.pop("arms")[arm],
        "scenario": content,
        "parameters": parameters.as_text(setup.parameters),
        "schedule": [process.name for process in setup.schedule],
        "thresholds": dict(setup.thresholds),
        **engine(),
    }
    return _short_hash(json.dumps(decides, sort_keys=True))


def name_of_run(arm: str, seed: int) -> str:
    """A hash that names one mouse: that of its arm, from `name_of_arm`, with the seed."""
    return _short_hash(f"{arm}:{seed}")


def engine() -> dict[str, object]:
    """What simulates: the version, a hash of the code, and versions of the libraries whose bits the results rest on."""
    return {"niche_sim": niche_sim.__version__, "code": code_digest(), "versions": versions()}


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of the libraries that results rest on."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


@lru_cache(maxsize=1)
def code_digest() -> str:
    """A hash of the code that simulates, hexadecimal: not of its comments and docstrings, nor of what only looks on."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if parts[0] in DECIDING:
            digest.update(f"{'.'.join(parts)}\n{_code(path.read_text(encoding='utf-8'))}\n".encode())
    return digest.hexdigest()[:16]


def _code(text: str) -> str:
    """A module without comments, docstrings and layout."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) and body:
            del body[0]
    return ast.dump(tree)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
