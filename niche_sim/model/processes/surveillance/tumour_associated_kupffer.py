"""Kupffer cells that become tumour-associated."""

from __future__ import annotations

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill
from niche_sim.model.cells import KupfferCell, TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import density_nearby
from niche_sim.model.state import State

CYCLING = TumourCell.state.code("cycling")
TUMOUR_ASSOCIATED = KupfferCell.state.code("tumour_associated")


class TumourAssociatedKupffer(Process):
    """Kupffer cells beside a growing colony become tumour-associated.

    To the tumour-associated state at rate_tumour_associated * hill(tumour cells nearby); they stay so. These feed
    vessels and keep T cells out (Wen 2013). *Assumed*: rate, half-effect, that there is no way back.
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
        rate = p.kupffer.rate_tumour_associated * hill(near, p.kupffer.half_density_tumour_associated, 2.0)
        cells.state[chance.events(self, cells.key, rate, dt)] = TUMOUR_ASSOCIATED
