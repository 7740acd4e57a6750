"""Crawling of bone-marrow-derived cells."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.kernels.walk import sub_steps
from niche_sim.engine.laws import turn_chance
from niche_sim.model.acting import walk_rows
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class BmdcCrawling(Process):
    """Cells that nothing holds crawl through the sinusoids: straight runs, random turns.

    A velocity-jump walk at a macrophage's speed in sub-steps of at most one site. *Assumed*: no chemotaxis.
    """

    reads = ("section", "resting_density", "bmdc")
    writes = ("bmdc.z", "bmdc.y", "bmdc.x", "bmdc.heading")

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.bmdc
        moving = np.flatnonzero(~cells.arrested)
        spacing = state.section.spacing
        steps = sub_steps(p.bmdc.speed, p.bmdc.persistence, dt, spacing)
        run = np.full(len(moving), p.bmdc.speed * dt / steps)
        turn = turn_chance(dt / steps, p.bmdc.persistence)
        walk_rows(state, cells, moving, run, turn, chance.uniform32(self, cells.key[moving], steps).reshape(-1, steps))
