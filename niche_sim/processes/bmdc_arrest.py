"""Bone-marrow-derived cells crawl, stop where fibronectin holds them, and leave."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.cells import BoneMarrowCell
from niche_sim.chance import Chance
from niche_sim.kernels.walk import sub_steps, walk
from niche_sim.laws import chance as probability
from niche_sim.laws import hill, rate_of, turn_chance
from niche_sim.process import Process

MDSC = BoneMarrowCell.kind.code("mdsc")  # macrophages and suppressor cells come first


class BmdcCrawling(Process):
    """Cells that nothing holds crawl through the sinusoids: straight runs, random turns.

    A velocity-jump walk at a macrophage's speed in sub-steps of at most one site. *Assumed*: no chemotaxis.
    """

    reads = ("section", "homes", "bmdc")
    writes = ("bmdc.y", "bmdc.x", "bmdc.heading")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.bmdc
        moving = np.flatnonzero(~cells.arrested)
        spacing = state.section.spacing
        steps = sub_steps(p.bmdc.speed, p.bmdc.persistence, dt, spacing)
        y, x, heading = cells.y[moving], cells.x[moving], cells.heading[moving]
        run = np.full(len(moving), p.bmdc.speed * dt / steps)
        turn = turn_chance(dt / steps, p.bmdc.persistence)
        walk(y, x, heading, run, turn, chance.uniform32(self, cells.key[moving], steps).reshape(-1, steps),
             state.homes["bmdc"], spacing)  # fmt: skip
        cells.y[moving], cells.x[moving], cells.heading[moving] = y, x, heading


class BmdcArrest(Process):
    """Fibronectin above a threshold arrests macrophages and suppressor cells, by VLA-4, best on cross-linked collagen.

    rate_arrest * hill(fibronectin) * (share_without_collagen + the rest * hill(cross-linked collagen)) (VLA-4 and
    fibronectin: Kaplan 2005; macrophages gather on it: Costa-Silva 2015; without LOX CD11b+ cells do not: Erler 2009).
    *Assumed*: the rate and the thresholds, set so that the plasma floor holds nobody.
    """

    reads = ("section", "fibronectin", "collagen", "bmdc")
    writes = ("bmdc.arrested",)

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells, numbers = state.bmdc, p.bmdc
        sites = state.sites(cells)
        held = hill(state.fibronectin.ravel()[sites], numbers.half_fibronectin, numbers.steepness_fibronectin)
        by_collagen = hill(state.collagen.ravel()[sites], numbers.half_collagen, 2.0)
        held *= numbers.share_without_collagen + (1.0 - numbers.share_without_collagen) * by_collagen
        held *= cells.kind <= MDSC
        stops = chance.uniform(self, cells.key) < probability(numbers.rate_arrest * held, dt)
        cells.arrested[stops] = True


class BmdcDeparture(Process):
    """Moving cells leave the section within a day; arrested ones live for days, neutrophils half a day.

    A half-life for each, all *assumed* (published life spans of tissue macrophages contradict each other).
    """

    reads = ("bmdc",)
    writes = ("bmdc",)

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.bmdc
        moving = rate_of(p.bmdc.half_life_moving)
        by_kind = np.array(
            [moving, moving, rate_of(p.bmdc.half_life_neutrophils), rate_of(p.bmdc.half_life_patrolling)]
        )
        rate = np.where(cells.arrested, rate_of(p.bmdc.half_life_arrested), by_kind[cells.kind])
        cells.remove(chance.uniform(self, cells.key) < probability(rate, dt))
