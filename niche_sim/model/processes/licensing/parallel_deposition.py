"""Alternative to FibronectinDeposition: paths that add up. Only in the schedule `additive`."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.kernels.neighbourhood import spread
from niche_sim.engine.laws import produce_and_decay, rate_of
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class ParallelDeposition(Process):
    """Fibronectin rises by active stellate cells, by serum amyloid A and by S100A8, each for itself.

    As FibronectinDeposition, but a cell lays rate_deposit * mean of (activation, SAA, S100A8). *Assumed*: equal shares.
    """

    reads = ("section", "stellate_cells", "fibronectin", "blood.saa", "blood.s100a8", "blocked.fibronectin")
    writes = ("fibronectin",)
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, section = state.stellate_cells, state.section
        turnover = rate_of(p.fibronectin.half_life)
        source = np.full(section.shape, turnover)  # keeps the floor of 1
        laid = p.fibronectin.rate_deposit * (1.0 - state.blocked.fibronectin) / section.site_volume
        amount = (cells.activation + (state.blood.saa + state.blood.s100a8)) / len(PATHS)
        spread(source, state.sites(cells), amount * laid, *section.ball(p.stellate.reach))
        state.fibronectin = produce_and_decay(state.fibronectin, source, turnover, dt)


PATHS = ("stellate cells", "serum amyloid A", "S100A8")
