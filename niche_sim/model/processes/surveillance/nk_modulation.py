"""Activity of natural killer cells."""

from __future__ import annotations

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill, relax
from niche_sim.model.cells import BoneMarrowDerivedCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import density_nearby, exposure_answer
from niche_sim.model.state import State

MDSC = BoneMarrowDerivedCell.kind.code("mdsc")


class NkModulation(Process):
    """TGF-beta, exosomes, suppressor cells and CXCL12 dampen NK cells; interleukin 15 keeps them active.

    activity relaxes to (1 - share_quiescence * hill(CXCL12)) * (1 - share_exosomes * exposure) / (1 + TGF-beta) / (1 +
    suppressor cells nearby), each over its half-effect; interleukin 15 lifts the product towards 1 (CXCL12 of active stellate
    cells makes NK cells quiescent, IL-15 prevents it: Correia 2021; exosomes of metastatic breast cancer lower cytotoxicity:
    Wen 2016; suppressor cells: Sceneay 2012). *Assumed*: the form, shares and half-effects.
    """

    reads = (
        "section",
        "nk_cells",
        "bmdc",
        "tgfb",
        "cxcl12",
        "blood.exposure",
        "boosted.il15",
        "blocked.tgfb_receptor",
        "blocked.cxcr4",
    )
    writes = ("nk_cells.activity",)
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, numbers = state.nk_cells, p.nk
        if len(cells) == 0:
            return
        sites = state.sites(cells)
        quiet = numbers.share_quiescence * hill(state.cxcl12.ravel()[sites], p.stroma.half_cxcl12, 2.0)
        target = 1.0 - quiet * (1.0 - state.blocked.cxcr4)
        target *= 1.0 - numbers.share_exosomes * exposure_answer(state, p, "tgfb")
        target /= 1.0 + state.tgfb.ravel()[sites] * (1.0 - state.blocked.tgfb_receptor) / numbers.half_tgfb
        suppressors = density_nearby(state, p, state.bmdc, state.bmdc.kind == MDSC, sites)
        target /= 1.0 + suppressors / numbers.half_mdsc
        target = target ** (1.0 / state.boosted.il15)
        cells.activity[:] = relax(cells.activity, target, numbers.rate_modulation, dt)
