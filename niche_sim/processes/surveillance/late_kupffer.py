"""Kupffer cells that become tumour-associated."""

from __future__ import annotations

from niche_sim.cells import KupfferCell, TumourCell
from niche_sim.chance import Chance
from niche_sim.laws import chance as probability
from niche_sim.laws import hill
from niche_sim.parameters import Parameters
from niche_sim.process import Process
from niche_sim.senses import density_nearby
from niche_sim.state import State

CYCLING = TumourCell.state.code("cycling")
LATE = KupfferCell.state.code("late")


class LateKupffer(Process):
    """Kupffer cells beside a growing colony become tumour-associated.

    To the late state at rate_late * hill(tumour cells nearby); they stay so. Late ones feed vessels and keep T cells out
    (Wen 2013). *Assumed*: rate, half-effect, that there is no way back.
    """

    reads = ("section", "kupffer_cells", "tumour_cells")
    writes = ("kupffer_cells.state",)
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, tumour = state.kupffer_cells, state.tumour_cells
        growing = tumour.state == CYCLING
        if not growing.any() or len(cells) == 0:
            return
        near = density_nearby(state, p, tumour, growing, state.sites(cells))
        rate = p.kupffer.rate_late * hill(near, p.kupffer.half_density_late, 2.0)
        cells.state[chance.uniform(self, cells.key) < probability(rate, dt)] = LATE
