"""Exhaustion of T cells."""

from __future__ import annotations

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import gain_and_loss, hill, rate_of
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import bound, density_nearby, exposure_answer
from niche_sim.model.state import State

CYCLING = TumourCell.state.code("cycling")


class Exhaustion(Process):
    """T cells beside tumour cells exhaust through PD-1; away from them they recover.

    exhaustion rises at rate_exhaustion * hill(tumour nearby) * PD-L1 and falls with a half-life. PD-L1: what tumour cells
    show and what exosomes bring, which an antibody to PD-1 blocks less well the more comes on exosomes (exosomal PD-L1:
    Chen 2018). *Assumed*: rates and shares.
    """

    reads = (
        "section",
        "t_cells",
        "tumour_cells",
        "blood.exposure",
        "blocked.pd1",
        "drugs.anti_pd1",
    )
    writes = ("t_cells.exhaustion",)
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, tumour, numbers = state.t_cells, state.tumour_cells, p.t_cells
        growing = tumour.state == CYCLING
        if not growing.any() and not cells.exhaustion.any():
            return
        near = density_nearby(state, p, tumour, growing, state.sites(cells))
        on_exosomes = exposure_answer(state, p, "pdl1")
        taken = bound(state.drugs.anti_pd1, p) * (1.0 - on_exosomes)  # vesicles compete for the antibody
        shown = numbers.share_pdl1_tumour + (1.0 - numbers.share_pdl1_tumour) * on_exosomes
        ligand = shown * (1.0 - taken) * (1.0 - state.blocked.pd1)
        gain = numbers.rate_exhaustion * ligand * hill(near, p.kupffer.half_density_tumour_associated, 1.0)
        cells.exhaustion[:] = gain_and_loss(cells.exhaustion, gain, rate_of(numbers.half_life_exhausted), dt)
