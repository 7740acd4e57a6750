"""What the model's parts do by themselves: which schedule survives the knock-outs, zonation, reach, slowing, the NK gate.

These studies belong to the evidence report; each is a table and a figure. Mice of the knock-out matrix are kept as those
of any other study.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import slowed
from niche_sim.experiment import scenario
from niche_sim.experiment.protocol import Block, InjectExosomes, InjectTumourCells, Protocol
from niche_sim.experiment.scenario_file import Arm
from niche_sim.experiment.simulation import Simulation
from niche_sim.inference.effects import Effect, prevented_gain
from niche_sim.model.initial_state import section_of
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.licensing.fibronectin_deposition import FibronectinDeposition
from niche_sim.model.state import State
from niche_sim.runs import cohort
from niche_sim.runs.cohort import Cohort
from niche_sim.runs.plan import Plan

EDUCATION = "liver_education_costasilva2015"
DAYS = 21.0  # of education, before tumour cells come
EFFICACY = 0.95
SCHEDULES = ("default", "no_feedback", "additive")
# Single blocks each reported to prevent the niche: target of the block, what it is called, where it was reported, and
# the readout that shows the niche.
BLOCKS = (
    ("mif", "MIF", "Costa-Silva 2015", "bmdc_arrested"),
    ("tgfb_receptor", "TGF-β receptor", "Costa-Silva 2015", "bmdc_arrested"),
    ("fibronectin", "fibronectin", "Costa-Silva 2015", "bmdc_arrested"),
    ("integrin_avb5", "integrin αvβ5", "Hoshino 2015", "bmdc_arrested"),
    ("il6r", "IL-6 receptor", "Lee 2019", "bmdc_arrested"),
    ("saa", "SAA", "Lee 2019", "bmdc_arrested"),
    ("lox", "LOX", "Erler 2009", "bmdc_arrested"),
    ("ccr2", "CCR2", "KCKO abstracts", "bmdc_arrested"),
    ("granulin", "granulin", "Nielsen 2016", "periostin_mean"),
)
MOST_MICE = 12  # an arm of the matrix; its effects are large
QUESTION = (
    "Each of these single blocks has been reported to prevent the niche. A schedule of rules in which one of them does not is "
    "rejected. Share of the gain (educated against untreated, held bone-marrow-derived cells; for granulin, periostin) "
    "that a block of 95 % "
    "throughout prevents, with its 95 % interval: prevented if more than half."
)
PARTS = (
    "a: share of Kupffer cells, of the vesicles they hold two hours after a dose, and of arrested tumour cells by third of the "
    "lobule. b: fibronectin around one stellate cell that stays active. c: speed of Kupffer cells by load; the published points "
    "are particles, few or many, not counted. d: foci with and without NK cells, a dot a mouse."
)
MOST_LOST = 0.5  # a block that prevents the niche takes at least this share of the gain
ZONES = ("portal", "middle", "central")


class Cell(NamedTuple):
    """One block under one schedule: the share of the niche's gain it prevents (None without any gain), and the verdict."""

    schedule: str
    block: str
    effect: Effect | None
    verdict: str  # prevented, not prevented, undecided, no niche


@dataclass(frozen=True)
class Matrix:
    """The knock-out matrix of every schedule."""

    cells: tuple[Cell, ...]
    mice: int

    def verdict(self, schedule: str) -> str:
        """Rejected if a block reported to prevent the niche does not, or there is no niche to prevent; else kept."""
        words = {target: called for target, called, *_ in BLOCKS}
        against = [words[cell.block] for cell in self.cells if cell.schedule == schedule and cell.verdict in REJECTING]
        open_ones = [words[cell.block] for cell in self.cells if cell.schedule == schedule and cell.verdict == "undecided"]
        if against:
            return f"rejected: {', '.join(against)}"
        return f"undecided: {', '.join(open_ones)}" if open_ones else "not rejected"


REJECTING = ("not prevented", "no niche")


def matrix_plans(mice: int, seed: int) -> list[Plan]:
    """The mice of the knock-out matrix: education for three weeks, alone and with each block, under each schedule."""
    base = scenario.load(EDUCATION)
    duration = DAYS * 24.0
    doses = tuple(i for i in base.arm("educated").protocol.interventions if isinstance(i, InjectExosomes))
    arms = {"pbs": Arm("pbs", "", Protocol()), "educated": Arm("educated", "", Protocol(doses))}
    for target, *_ in BLOCKS:
        block = Block(target, EFFICACY, 0.0, duration)
        arms[target] = Arm(target, "", Protocol((*doses, block)))
    study = dataclasses.replace(base, id="knockout_matrix", arms=arms, targets=()).with_(duration=duration)
    return [cohort.plan(study, mice=mice, seed=seed, schedule=name) for name in SCHEDULES]


def matrix(cohorts: Sequence[Cohort]) -> Matrix:
    """Judge the matrix; cohorts: those of `matrix_plans`, in its order."""
    cells, n = [], 0
    for name, found in zip(SCHEDULES, cohorts, strict=True):
        for target, _, _, readout in BLOCKS:
            columns = [found.values(arm, readout, DAYS * 24.0, 48.0) for arm in (target, "educated", "pbs")]
            seeds = [seed for seed in columns[0] if all(seed in column for column in columns)]
            blocked, educated, control = (np.array([column[seed] for seed in seeds]) for column in columns)
            n = max(n, len(seeds))
            cells.append(_cell(name, target, blocked, educated, control))
    return Matrix(tuple(cells), n)


def _cell(schedule: str, block: str, blocked: Any, educated: Any, control: Any) -> Cell:
    if educated.mean() <= control.mean() + 1e-12 or (educated > control).mean() < MOST_LOST:
        return Cell(schedule, block, None, "no niche")
    effect = prevented_gain(blocked, educated, control)
    if effect.low > MOST_LOST:
        return Cell(schedule, block, effect, "prevented")
    return Cell(schedule, block, effect, "not prevented" if effect.high < MOST_LOST else "undecided")


class Zonation(NamedTuple):
    """Shares by third of the lobule (portal, middle, central), mean over mice: float64[3]; and of each mouse [n, 3]."""

    kupffer: NDArray[np.float64]
    vesicles: NDArray[np.float64]
    arrested: NDArray[np.float64]


def zonation(mice: int = 6, seed: int = 1) -> Zonation:
    """Where Kupffer cells live, where they hold the vesicles of a dose two hours later, where tumour cells arrest."""
    parts: list[list[NDArray[np.float64]]] = [[], [], []]
    for number in range(mice):
        model = Simulation(EDUCATION, "pbs", rng=seed + number)
        dose = InjectExosomes("pdac", (0.0,), amount_ug=5.0)
        model.protocol = Protocol((dose, InjectTumourCells("b16f1", 20_000_000, 0.0)))
        model.step()
        model.step()
        state = model.state
        zone = state.section.zone.ravel()
        kupffer, tumour = state.kupffer_cells, state.tumour_cells
        arrested = ~np.isnan(tumour.y)
        places = (zone[state.sites(kupffer)], zone[state.sites(kupffer)], zone[state.sites(tumour)[arrested]])
        weights = (None, kupffer.load, None)
        for part, where, weight in zip(parts, places, weights, strict=True):
            third = np.minimum((where * len(ZONES)).astype(np.int64), len(ZONES) - 1)
            count = np.bincount(third, weight, minlength=len(ZONES)).astype(np.float64)
            part.append(count / count.sum())
    return Zonation(*(np.array(part) for part in parts))


class Reach(NamedTuple):
    """Fibronectin (floors) around one fully active stellate cell after a week, by distance (um)."""

    distance: NDArray[np.float64]
    fibronectin: NDArray[np.float64]


def stellate_reach(days: float = 7.0) -> Reach:
    """Let one stellate cell that stays fully active lay fibronectin for some days, with full support."""
    p = resolve()
    section = section_of(600.0, 700.0, 10.0, p)
    state = State.empty(section)
    state.blood.saa = 1.0
    middle = (section.height / 2.0 + section.spacing / 2.0, section.width / 2.0 + section.spacing / 2.0)
    state.stellate_cells.add(1, key=np.zeros(1, np.uint64), y=middle[0], x=middle[1], activation=1.0)
    rule, chance = FibronectinDeposition(), Chance(0)
    for _ in range(round(days * 24.0 / rule.period)):
        rule.step(state, p, chance, rule.period)
    iy, ix = np.indices(section.shape)
    distance = np.hypot((iy + 0.5) * section.spacing - middle[0], (ix + 0.5) * section.spacing - middle[1]).ravel()
    order = np.argsort(distance)
    near = order[distance[order] <= 150.0]
    return Reach(distance[near], state.fibronectin.ravel()[near])


class Slowing(NamedTuple):
    """Speed of a Kupffer cell (um/min) by the vesicles it holds."""

    load: NDArray[np.float64]
    speed: NDArray[np.float64]


def kupffer_slowing() -> Slowing:
    """Speed against load, by the law that the patrol uses."""
    p = resolve()
    load = np.concatenate([[0.0], np.geomspace(1.0, 1000.0, 60)])
    return Slowing(load, slowed(p.kupffer.speed, load, p.kupffer.half_load_speed) / 60.0)


class Gate(NamedTuple):
    """Foci with and without NK cells in one organ, one number a mouse."""

    organ: str
    control: NDArray[np.float64]
    depleted: NDArray[np.float64]
    readout: str


def nk_gate(cohorts: Mapping[str, Cohort]) -> list[Gate]:
    """The foci of the scenarios after Gorelik et al. 1982, if they are among the cohorts (by scenario id)."""
    gates = []
    for name, found in cohorts.items():
        if not name.endswith("gorelik1982"):
            continue
        for target in found.plan.experiment.targets:
            if target.against is None or not {target.arm, target.against} <= set(found.lives):
                continue
            depleted = found.values(target.arm, target.readout, target.at)
            control = found.values(target.against, target.readout, target.at)
            columns = found.pairs(control, depleted)
            gates.append(Gate(found.plan.experiment.organ, *columns, target.readout))
            break
    return gates


def load_matrix(plans: Sequence[Plan], folder: Path) -> list[Cohort]:
    """The mice of the matrix that lie in a folder."""
    return [cohort.gather(plan, folder) for plan in plans]


def matrix_rows(found: Matrix) -> list[list[str]]:
    """The matrix as a table of text: a row a schedule, with its verdict last."""
    rows = []
    for name in SCHEDULES:
        cells = [cell for cell in found.cells if cell.schedule == name]
        shown = [_shown(cell) for cell in cells]
        rows.append([name, *shown, found.verdict(name)])
    return rows


def _shown(cell: Cell) -> str:
    if cell.effect is None:
        return "no gain to prevent"
    effect = cell.effect
    return f"{effect.estimate:.2f} ({effect.low:.2f} to {effect.high:.2f}), {cell.verdict}"
