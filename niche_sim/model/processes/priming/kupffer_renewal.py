"""Replacement of lost Kupffer cells."""

from __future__ import annotations

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import probability
from niche_sim.model.acting import enter
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class KupfferRenewal(Process):
    """Lost Kupffer cells are replaced by monocytes that take on their nature.

    Missing cells * rate_refill enter at random, by zone (engraftment within days, alike after one to two weeks: Scott 2016).
    In a liver that lacks none nothing happens. *Assumed*: that the newcomers are naive and as often responders.
    """

    reads = ("section", "resting_density", "kupffer_cells", "time")
    writes = ("kupffer_cells",)
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.kupffer_cells
        full = round(p.kupffer.density * p.organ.ratio_kupffer * state.section.volume)
        missing = full - len(cells)
        if missing <= 0:
            return
        mean = missing * probability(p.kupffer.rate_refill, dt)
        n = min(missing, chance.poisson(self, mean, [0]).item())
        uniforms = enter(self, state, state.kupffer_cells, n, chance)
        cells.responder[len(cells) - n :] = uniforms < p.kupffer.fraction_responders
