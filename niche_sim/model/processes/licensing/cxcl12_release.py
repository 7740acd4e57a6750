"""Secretion, spread and decay of CXCL12."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill
from niche_sim.model.acting import spread_out
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class Cxcl12Release(Process):
    """Active stellate cells secrete CXCL12, and resting ones that sense TIMP1 by CD63.

    secretion * (activation + share_cd63 * hill(TIMP1 - 1)), spreading and decaying within the hour (active stellate cells:
    Correia 2021; TIMP1, CD63 and SDF-1: Seubert 2015, Grunwald 2016). TIMP1 comes with a primary or is given.
    *Assumed*: amounts, half-lives.
    """

    reads = ("section", "stellate_cells", "primary", "boosted.timp1", "blocked.cd63", "blocked.cxcl12", "cxcl12")
    writes = ("cxcl12",)
    period = 12.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, numbers = state.stellate_cells, p.stroma
        excess = state.boosted.timp1 - 1.0 + state.primary.cells / numbers.cells_timp1
        sensed = numbers.share_cd63 * hill(excess, numbers.half_timp1, 1.0) * (1.0 - state.blocked.cd63)
        amount = np.minimum(1.0, cells.activation + sensed) * (numbers.secretion_cxcl12 * (1.0 - state.blocked.cxcl12))
        state.cxcl12 = spread_out(
            state, state.cxcl12, state.mapped(cells, amount), numbers.diffusivity_cxcl12, numbers.half_life_cxcl12, dt
        )
