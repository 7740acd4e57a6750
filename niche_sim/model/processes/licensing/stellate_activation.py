"""Activation of stellate cells by TGF-beta, and their reversion."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill, rate_of, relax
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class StellateActivation(Process):
    """Stellate cells activate within days where they sense TGF-beta; cell by cell they revert, with a half-life of a week.

    activation rises at rate_activation * hill(TGF-beta) * (1 - activation), exact over the step; each active cell falls back
    to rest, or dies and is replaced by a resting one, at a constant hazard. TGF-beta receptor inhibition stops the rise
    (Costa-Silva 2015); the number of active cells falls twelvefold in 28 days after CCl4 (Iredale 1998).
    *Assumed*: steepness; that reversion takes a cell all the way.
    """

    reads = ("section", "tgfb", "stellate_cells", "blocked.tgfb_receptor", "time")
    writes = ("stellate_cells.activation", "stellate_cells.active_at")

    period = 3.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.stellate_cells
        if not state.tgfb.any() and not cells.activation.any():
            return
        sensed = hill(state.at(state.tgfb, cells), p.stellate.half_signal, p.stellate.steepness)  # 0..1 [cell]
        gain = p.stellate.rate_activation * sensed * (1.0 - state.blocked.tgfb_receptor)
        before = cells.activation.copy()
        active = np.flatnonzero(before)
        cells.activation[active[chance.events(self, cells.key[active], rate_of(p.stellate.half_life_active), dt)]] = 0.0
        cells.activation[:] = relax(cells.activation, 1.0, gain, dt)
        counted = p.stellate.fraction_counted
        cells.active_at[(before < counted) & (cells.activation >= counted)] = state.time + dt
        cells.active_at[cells.activation < counted] = np.nan
