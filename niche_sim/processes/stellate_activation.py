"""TGF-beta wakes stellate cells; without it they fall back to rest."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.chance import Chance
from niche_sim.laws import gain_and_loss, hill, rate_of
from niche_sim.process import Process


class StellateActivation(Process):
    """Stellate cells activate within days where they sense TGF-beta and revert with a half-life of about a week.

    activation rises at rate_activation * hill(TGF-beta) * (1 - activation) and decays with half_life_active, exact over
    the step. TGF-beta receptor inhibition stops it (Costa-Silva 2015); reversion from recovery after CCl4 (Iredale 1998).
    *Assumed*: steepness; activation is graded, not a switch.
    """

    reads = ("section", "tgfb", "stellate_cells", "blocked.tgfb_receptor", "time")
    writes = ("stellate_cells.activation", "stellate_cells.active_at")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.stellate_cells
        if not state.tgfb.any() and not cells.activation.any():
            return
        sensed = hill(state.at(state.tgfb, cells), p.stellate.half_signal, p.stellate.steepness)  # 0..1 [cell]
        gain = p.stellate.rate_activation * sensed * (1.0 - state.blocked.tgfb_receptor)
        before = cells.activation.copy()
        cells.activation[:] = gain_and_loss(before, gain, rate_of(p.stellate.half_life_active), dt)
        counted = p.stellate.fraction_counted
        cells.active_at[(before < counted) & (cells.activation >= counted)] = state.time + dt
        cells.active_at[cells.activation < counted] = np.nan
