"""Killing of tumour cells by natural killer cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill
from niche_sim.model.catalogue import Loss
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Situation, met_nearby
from niche_sim.model.state import State

CIRCULATING, ARRESTED, DORMANT = (
    TumourCell.state.code(name) for name in ("circulating", "arrested", "dormant")
)


class NkKilling(Process):
    """Patrolling NK cells kill tumour cells they meet, seldom resting ones, none inside a dense colony.

    Meetings per h = 2 * contact radius * speed * density of NK cells nearby, each counted by its activity; each kills with
    chance_kill, less for arrested and dormant cells (which hide) and by the shelter of crowding. Without NK cells foci
    multiply (Gorelik 1982, in lung). *Assumed*: chance, hiding, shelter.
    """

    reads = ("section", "nk_cells", "tumour_cells", "time")
    writes = ("tumour_cells", "counters", "events")
    befalls = ("arrested", "dormant", "motile", "cycling")

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        speed = p.nk.speed * state.nk_cells.activity
        resting = (where.state == ARRESTED) | (where.state == DORMANT)
        seen = np.where(resting, p.nk.fraction_seen_resting, 1.0)
        seen *= 1.0 - hill(where.crowding, p.tumour.half_crowding, p.tumour.steepness_crowding)
        return met_nearby(state, p, state.nk_cells, speed, p.nk.contact_radius, where.sites) * p.nk.chance_kill * seen

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state != CIRCULATING)
        if len(rows) == 0 or len(state.nk_cells) == 0:
            return
        gone = self.befallen(state, p, chance, rows, dt)
        state.lose_tumour_cells(gone, Loss.KILLED_BY_NK_CELL)
