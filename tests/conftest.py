"""Small sections, cells to order, and the two questions that every rule is asked: what changed, and by how much."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import math
import os
import shutil
import signal
from types import SimpleNamespace
from typing import NamedTuple

import mice
import numpy as np
import pytest
from waiting import PATIENCE

from niche_sim.cli import main
from niche_sim.engine.chance import Chance, birth_key
from niche_sim.experiment.protocol import (
    Block,
    Boost,
    Deplete,
    GrowPrimary,
    InjectExosomes,
    InjectTumourCells,
    Protocol,
    Treat,
)
from niche_sim.experiment.scenario import load
from niche_sim.experiment.simulation import Simulation
from niche_sim.model.catalogue import BOOSTS, DRUGS
from niche_sim.model.cells import POPULATIONS
from niche_sim.model.initial_state import naive_liver, resting_density, section_of
from niche_sim.model.parameters import resolve
from niche_sim.model.state import State

# A lobule and a bit: 35 x 30 sites, not square, so that a mixed-up axis shows.
WIDTH, HEIGHT, SPACING = 600.0, 700.0, 20.0
SEED = 7

# Seeds are fixed, so a test passes always or never. A right rule lies within 4 standard errors for all but one seed in
# 16,000; what is compared is sized so that the mistake in question would be many more.
STANDARD_ERRORS = 4.0
SMALLEST_P = 1e-4  # the same for chi-square tests


# ---- gears: how dear a test is ---------------------------------------------------------------------------------------

GEARS = ("unit", "mice", "browser", "slow")
# What a test asks for -> its gear, a fixture of a module with the module's name before it.
BY_FIXTURE = dict.fromkeys(
    ("compare.found", "power.found", "windows.found", "cohort.kept", "lessons.kept", "sweeps.undisturbed", "organs.runs"), "mice"
) | {"site": "browser", "browser": "browser", "built": "slow"}
OF_TESTS = pytest.StashKey[dict[str, list[str]]]()  # test -> its gears, those of tests that are not selected, too


def gears_of(item):
    """The gears of a test: as it or its module is marked; else the dearest that its fixtures and its module's mice need."""
    marked = [mark.name for mark in item.iter_markers() if mark.name in GEARS]
    if marked:
        return marked
    module = item.module.__name__.rpartition(".")[2].removeprefix("test_")
    needs = {BY_FIXTURE.get(name) or BY_FIXTURE.get(f"{module}.{name}") or "unit" for name in item.fixturenames}
    if any(one is mice.cohort for one in vars(item.module).values()):
        needs.add("mice")
    return [max(needs, key=GEARS.index, default="unit")]


@pytest.hookimpl(tryfirst=True)  # before pytest selects by markers
def pytest_collection_modifyitems(config, items):
    config.stash[OF_TESTS] = found = {item.nodeid: gears_of(item) for item in items}
    for item in items:
        for gear in found[item.nodeid]:
            item.add_marker(gear)


def pytest_configure(config):
    """Files that are named are run whole, whatever their gear, unless -m says otherwise."""
    named = all(".py" in argument for argument in config.args)
    asked = any(str(argument).startswith("-m") for argument in config.invocation_params.args)
    if named and not asked and not hasattr(config, "workerinput"):
        config.option.markexpr = ""
    if hasattr(config, "cache"):
        mice.keep_in(config.cache.mkdir("mice"))


@pytest.fixture(scope="session")
def gears(request):
    """Test -> its gears, of all that were collected."""
    return request.config.stash[OF_TESTS]


@pytest.fixture(scope="session")
def p():
    """The register as it stands."""
    return resolve()


@pytest.fixture(scope="session")
def section(p):
    return section_of(WIDTH, HEIGHT, SPACING, p)


@pytest.fixture
def chance():
    return Chance(SEED)


@pytest.fixture
def naive(section, p):
    """A naive liver with its resident cells."""
    return naive_liver(section, p, Chance(SEED))


@pytest.fixture
def bare(section, p):
    """A section without any cell."""
    state = State.empty(section)
    state.resting_density = resting_density(section, p)
    return state


@pytest.fixture(scope="session")
def act():
    """Let a process act for `steps` steps of `dt` h, the clock going on as in a model; returns the state."""

    def go(process, state, p, dt=1.0, steps=1, seed=SEED):
        chance = Chance(seed)
        for _ in range(steps):
            chance.step = state.step_index
            process.step(state, p, chance, dt)
            state.step_index += 1
            state.time += dt
        return state

    return go


@pytest.fixture(scope="session")
def settle():
    """Add n cells of a population at rest, each with a key of its own; returns the population."""

    def add(state, name, n, /, seed=SEED, **columns):
        population = state.populations[name]
        keys = birth_key("test", name, seed, len(population), np.arange(n))
        if "y" not in columns:
            columns |= state.place(name, Chance(seed).uniform("test", keys, 3))
        if name == "tumour_cells":
            columns.setdefault("clone", keys)
        population.add(n, key=keys, **columns)
        return population

    return add


@pytest.fixture(scope="session")
def one_a_site():
    """Positions (y, x), um, of one cell in the middle of each site of a section, in order of sites."""

    def middles(section):
        iy, ix = np.indices(section.shape)
        return (iy.ravel() + 0.5) * section.spacing, (ix.ravel() + 0.5) * section.spacing

    return middles


def frozen_copy(state):
    return {name: np.array(array) for name, array in state.freeze().items()}


def names_that_differ(before, after):
    """What lies between two frozen states, by the names that processes use for it.

    A population whose rows came or went is named as a whole; else each of its columns by itself. The clock is "time".
    """
    names = set()
    moved = {
        key.removeprefix("rows_").removesuffix("_unique_id")
        for key in before
        if key.startswith("rows_") and key.endswith("_unique_id") and not _same(before[key], after[key])
    }
    names |= moved
    for key in before:
        if key == "compartments" or _same(before[key], after[key]):
            continue
        if key.startswith("rows_"):
            population = max((name for name in _POPULATIONS if key.startswith(f"rows_{name}_")), key=len)
            if population not in moved:
                names.add(f"{population}.{key.removeprefix(f'rows_{population}_')}")
        elif key.startswith("field_"):
            names.add(key.removeprefix("field_"))
        else:
            names.add("events" if key.startswith("event_") else key)
    old, new = (json.loads(str(arrays["compartments"])) for arrays in (before, after))
    for book in old:
        for line in old[book]:
            if repr(old[book][line]) != repr(new[book][line]):
                names.add({"clock": "time"}.get(book, f"{book}.{line}"))
    return names - {"time"} if old["clock"]["time"] == new["clock"]["time"] else names


_POPULATIONS = tuple(kind.population for kind in POPULATIONS)


def _same(a, b):
    return a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.fixture(scope="session")
def freeze():
    """A frozen copy of a state."""
    return frozen_copy


@pytest.fixture(scope="session")
def changed():
    """Names of what differs between two frozen copies."""
    return names_that_differ


@pytest.fixture(scope="session")
def changes(act):
    """Let a process act and name what it changed."""

    def watch(process, state, p, **how):
        before, time, step = frozen_copy(state), state.time, state.step_index
        act(process, state, p, **how)
        state.time, state.step_index = time, step
        return names_that_differ(before, frozen_copy(state))

    return watch


@pytest.fixture(scope="session")
def agrees():
    """Assert that an observed number is within 4 standard errors of what is expected."""

    def check(observed, expected, standard_error):
        assert math.isfinite(standard_error)
        assert standard_error > 0
        off = (observed - expected) / standard_error
        assert abs(off) <= STANDARD_ERRORS, f"{observed:.6g} for {expected:.6g}: {off:+.1f} standard errors"

    return check


@pytest.fixture(scope="session")
def happens(agrees):
    """Assert that an event of a given chance happened to `times` of `trials`."""

    def check(times, trials, chance):
        agrees(times, trials * chance, math.sqrt(trials * chance * (1 - chance)))

    return check


class Moment(NamedTuple):
    """A model about to take an informative step, and the frozen state it starts from."""

    model: Simulation
    start: dict[str, np.ndarray]


def _mouse(scenario, arm, interventions, hours, overrides=None):
    size = {"section.width": f"{WIDTH} um", "section.height": f"{HEIGHT} um"}
    model = Simulation(scenario, arm, overrides=size | (overrides or {}), rng=3)
    model.protocol = Protocol(tuple(interventions))
    while model.state.time < hours:
        model.step()
    return Moment(model, frozen_copy(model.state))


@pytest.fixture(scope="session")
def moments():
    """Mice caught at moments when much happens, by name; restore with `model.state.thaw(start)` before use.

    education: the day of a dose after six days of them; NK cells are renewed within the day. challenge: tumour cells of
    both lines at four ages in a niche, the last just injected. primary: a growing primary that sheds exosomes and (many
    more than real ones) cells. blocked: links half blocked, populations being depleted. treated: every boost and drug,
    exosomes with all cargo, growing cells among many effector T cells, neutrophils and patrols, some short of oxygen.
    lung, brain: the day of a dose of exosomes that go there. block: the challenge three sites deep.
    """
    doses = InjectExosomes("pdac", tuple(48.0 * n for n in range(8)), amount_ug=5.0)
    control = InjectExosomes("normal_pancreas", (48.0, 96.0, 144.0), amount_ug=5.0)
    cells = [
        InjectTumourCells(line, 20_000_000, at) for line in ("pan02", "b16f1") for at in (96.0, 168.0, 186.0, 192.0)
    ]
    primary = GrowPrimary("pan02", 1e8, 60.0, "gompertz", 2e9, 0.0, True)
    blocks = [Block("mif", 0.5, 0.0, 400.0), Block("exosome_release", 0.5, 0.0, 400.0)]
    depletions = [Deplete("kupffer_cells", 0.3, 92.0, 400.0), Deplete("nk_cells", 0.5, 96.0, 400.0)]
    education, many = "liver_education_costasilva2015", {"primary.rate_shedding": "20 1/day"}
    cargo = [
        InjectExosomes(source, (24.0, 48.0, 72.0, 96.0), amount_ug=5.0)
        for source in ("pdac", "metastatic_breast", "metastatic_melanoma", "colorectal", "poorly_metastatic_melanoma")
    ]
    ill = [InjectTumourCells(line, 20_000_000, at) for line in ("pan02", "ct26", "llc") for at in (24.0, 72.0)]
    boosts = [Boost(target, 3.0, 0.0, 400.0) for target in BOOSTS]
    drugs = [Treat(drug, 1.0, (90.0,)) for drug in DRUGS] + [Block("motility", 0.5, 0.0, 400.0)]
    busy = {
        "t_cells.density": "5e3 cell/mm^3",
        "t_cells.half_life": "1 day",
        "t_cells.chance_hit": "0.2",
        "bmdc.rate_neutrophils_rest": "4000 cell/mm^3/day",
        "bmdc.rate_patrolling_rest": "1000 cell/mm^3/day",
        "bmdc.share_mdsc": "0.5",
        "bmdc.chance_kill_patrolling": "0.003",
        "nk.chance_kill": "0.005",
        "pan02.chance_start": "0.8",
        "llc.chance_start": "0.8",
        "angiogenesis.rate_epithelial": "4000 cell/mm^3/day",
        "angiogenesis.half_oxygen": "1.2",  # more than naive tissue has
        "kupffer.rate_tumour_associated": "2 1/day",
        "tumour.rate_condensing": "4 1/day",
    }
    away = {}
    for organ, source in (("lung", "lung_tropic"), ("brain", "brain_tropic")):
        there = dataclasses.replace(load(education), organ=organ)
        given = InjectExosomes(source, (0.0, 24.0, 48.0), amount_ug=50.0)
        away[organ] = _mouse(there, "educated", [given], 48.0)
    return away | {
        "treated": _mouse(education, "educated", [*cargo, *ill, *boosts, *drugs], 96.0, busy),
        "education": _mouse(education, "educated", [doses, control], 144.0, {"nk.half_life": "12 h"}),
        "challenge": _mouse(education, "educated", [doses, *cells], 192.0, {"tumour.colony_cells": "2 cell"}),
        "primary": _mouse("liver_growing_primary", "primary", [primary], 96.0, many),
        "blocked": _mouse(education, "educated", [doses, control, primary, *blocks, *depletions], 96.0, many),
        "block": _mouse(education, "educated", [doses, *cells], 192.0, {"section.depth": "60 um"}),
    }


# ---- a browser, for tests of pages ----------------------------------------------------------------------------------

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
PACKAGES = ("playwright", "axe_playwright_python", "solara", "anywidget", "solara_assets")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
PATIENT = 1000.0 * PATIENCE  # ms


@pytest.fixture
def call(tmp_path, monkeypatch, capfd):
    """Runs one command of niche-sim in an empty folder; gives exit code, output, its words on one line, error lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments):
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return SimpleNamespace(code=code, out=out, words=" ".join(out.split()), err=err.splitlines())

    return run


@pytest.fixture
def interruptible():
    """Ctrl-C arrives even where tests run in the background, whose shell had it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def browser():
    """Chromium; without it tests of pages are skipped, visibly, or fail where NICHE_SIM_BROWSER_TESTS says required."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    why = (
        f"not installed: {', '.join(missing)}"
        if missing
        else ""
        if CHROMIUM
        else "no Chromium here (CHROMIUM names one)"
    )
    if why:
        (pytest.fail if os.environ.get("NICHE_SIM_BROWSER_TESTS") == "required" else pytest.skip)(why)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENT)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()
