"""Resistance of tumour cells to a drug."""

from __future__ import annotations

from niche_sim.cells import TumourCell
from niche_sim.chance import Chance
from niche_sim.laws import gain_and_loss, hill, rate_of
from niche_sim.parameters import Parameters
from niche_sim.process import Process
from niche_sim.senses import density_nearby, exposure_answer
from niche_sim.state import State

CIRCULATING = TumourCell.state.code("circulating")


class Resistance(Process):
    """Exosomal P-gp and microRNA, and active fibroblasts nearby, make tumour cells resistant to a drug.

    resistance rises at rate_resistance * (hill(exposure) + share_fibroblasts * hill(active fibroblasts nearby)) and fades
    with a half-life (review of exosomal cargo and gemcitabine response: see the scenario on resistance). *Assumed*: all.
    """

    reads = ("section", "tumour_cells", "fibroblasts", "blood.exposure")
    writes = ("tumour_cells.resistance",)
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, numbers = state.tumour_cells, p.drug
        by_exosomes = exposure_answer(state, p, "pgp")
        active = state.fibroblasts.activation
        if len(cells) == 0 or (by_exosomes == 0.0 and not active.any() and not cells.resistance.any()):
            return
        near = density_nearby(state, p, state.fibroblasts, active, state.sites(cells))
        by_fibroblasts = numbers.share_fibroblasts * hill(near, p.angiogenesis.density_fibroblasts, 1.0)
        gain = numbers.rate_resistance * (by_exosomes + by_fibroblasts) * (cells.state != CIRCULATING)
        cells.resistance[:] = gain_and_loss(cells.resistance, gain, rate_of(numbers.half_life_resistance), dt)
