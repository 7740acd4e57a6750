"""Bone-marrow-derived cells crawl, stop where fibronectin holds them, and leave."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.chance import Chance
from niche_sim.kernels.walk import sub_steps, walk
from niche_sim.laws import chance as probability
from niche_sim.laws import hill, rate_of, turn_chance
from niche_sim.process import Process


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
    """Fibronectin above a threshold arrests them, by VLA-4; there they stay for days.

    rate_arrest * hill(fibronectin) (VLA-4 and fibronectin: Kaplan 2005; macrophages gather on it: Costa-Silva 2015).
    *Assumed*: the rate and the threshold, set so that the plasma floor holds nobody.
    """

    reads = ("section", "fibronectin", "bmdc")
    writes = ("bmdc.arrested",)

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.bmdc
        held = hill(state.at(state.fibronectin, cells), p.bmdc.half_fibronectin, p.bmdc.steepness_fibronectin)
        stops = chance.uniform(self, cells.key) < probability(p.bmdc.rate_arrest * held, dt)
        cells.arrested[stops] = True


class BmdcDeparture(Process):
    """Moving cells leave the section within a day; arrested ones live for days.

    Two half-lives, both *assumed* (published life spans of tissue macrophages contradict each other).
    """

    reads = ("bmdc",)
    writes = ("bmdc",)

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.bmdc
        rate = np.where(cells.arrested, rate_of(p.bmdc.half_life_arrested), rate_of(p.bmdc.half_life_moving))
        cells.remove(chance.uniform(self, cells.key) < probability(rate, dt))
