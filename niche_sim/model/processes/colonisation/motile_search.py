"""Motility of tumour cells until they begin to grow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.engine.kernels.walk import sub_steps
from niche_sim.engine.laws import turn_chance
from niche_sim.model.acting import walk_rows
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Present, Situation
from niche_sim.model.state import State

MOTILE, CYCLING = TumourCell.state.code("motile"), TumourCell.state.code("cycling")
BY_ARRIVAL, BY_NICHE = TumourCell.reactivated_by.code("arrival"), TumourCell.reactivated_by.code("niche")


class MotileSearch(Process):
    """Cells that start are motile first, then condense into a micrometastasis.

    A velocity-jump walk at speed * (1 + gain_motility * emt) until condensing at a constant rate; then they cycle (single
    cells move before they grow: Ritsma 2012; motility doubles with EMT: Wang 2008). Without motility they do not co-opt
    vessels (Arp2/3: Frentzas 2016). *Assumed*: the rate.
    """

    reads = ("section", "resting_density", "tumour_cells", "blocked.motility", "time")
    writes = (
        "tumour_cells.coopting", "tumour_cells.z", "tumour_cells.y", "tumour_cells.x", "tumour_cells.heading", "tumour_cells.state",
        "counters", "events",
    )  # fmt: skip
    befalls = ("motile",)
    becomes = "cycling"

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        return np.full(len(where), p.tumour.rate_condensing)

    def speed(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        """Speed (um/h) at which such cells walk, float64[n]."""
        fully = p.tumour.speed_motile * (1.0 + p.tumour.gain_motility * where.emt)
        return fully * (1.0 - state.blocked.motility)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == MOTILE)
        if len(rows) == 0:
            return
        fastest = p.tumour.speed_motile * (1.0 + p.tumour.gain_motility)
        steps = sub_steps(fastest, p.tumour.persistence, dt, state.section.spacing)
        speed = self.speed(state, p, Present(state, rows))
        run = speed * dt / steps
        draws = chance.uniform32(self, cells.key[rows], steps, purpose="walk").reshape(-1, steps)
        walk_rows(state, cells, rows, run, turn_chance(dt / steps, p.tumour.persistence), draws)
        rate = self.hazard(state, p, Present(state, rows))
        new = rows[chance.events(self, cells.key[rows], rate, dt, "condense")]
        cells.state[new] = CYCLING
        kept = chance.uniform(self, cells.key[new], purpose="coopt") >= state.blocked.motility
        cells.coopting[new] = cells.coopting[new] & kept
        state.counters.tumour_started += len(new)
        for cause, code in (("on arrival", BY_ARRIVAL), ("reactivated by the niche", BY_NICHE)):
            some = new[cells.reactivated_by[new] == code]
            state.events.note(state.time, "micrometastasis", cause, cells.y[some], cells.x[some], cells.clone[some])
