"""What a release needs: one version, types, and a file of constraints that fits what the project asks for."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

import niche_sim

TOP = Path(__file__).parents[1]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
PINS = [
    Requirement(line)
    for line in (TOP / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
ASKED = [
    (extra, Requirement(line))
    for extra, lines in (("", PROJECT["project"]["dependencies"]), *PROJECT["project"]["optional-dependencies"].items())
    for line in lines
    if not line.startswith("niche-sim[")
]


def test_the_version_is_that_of_the_installation():
    assert niche_sim.__version__ == version("niche-sim")


def test_code_that_was_only_copied_has_no_version(monkeypatch):
    import importlib.metadata

    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    assert niche_sim.__version__ == "0+unknown"


def test_a_copy_without_git_has_the_version_that_is_cited():
    cited = re.search(r"^version: (\S+)$", (TOP / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited is not None
    assert PROJECT["tool"]["hatch"]["version"]["fallback-version"] == cited[1]


def test_types_are_published():
    assert files(niche_sim).joinpath("py.typed").is_file()


@pytest.mark.parametrize("python", ["3.11", "3.13"])
@pytest.mark.parametrize(("extra", "asked"), ASKED, ids=lambda one: getattr(one, "name", one or "always"))
def test_constraints_fit_what_is_asked_for(extra, asked, python):
    """If not: constraints.txt says by which command it is renewed."""
    place = {**default_environment(), "python_version": python, "python_full_version": f"{python}.0"}
    found = [
        next(iter(pin.specifier)).version
        for pin in PINS
        if re.sub(r"[-_.]+", "-", pin.name).lower() == re.sub(r"[-_.]+", "-", asked.name).lower()
        and (pin.marker is None or pin.marker.evaluate(place))
    ]
    assert len(found) == 1
    assert asked.specifier.contains(found[0])
