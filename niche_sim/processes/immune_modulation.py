"""The niche puts NK cells to rest; the lymph node primes T cells; Kupffer cells beside a colony turn."""

from __future__ import annotations

from typing import Any

from niche_sim.cells import BoneMarrowCell, KupfferCell, TumourCell
from niche_sim.chance import Chance
from niche_sim.laws import chance as probability
from niche_sim.laws import gain_and_loss, hill, rate_of, relax
from niche_sim.process import Process
from niche_sim.senses import bound, density_nearby, exposure_answer

CIRCULATING, CYCLING = TumourCell.state.code("circulating"), TumourCell.state.code("cycling")
MDSC = BoneMarrowCell.kind.code("mdsc")
LATE = KupfferCell.state.code("late")


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
    period = 3.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
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


class LymphNodePriming(Process):
    """Tumour antigen drains to the lymph node, where naive T cells become effectors, which contract again.

    Precursors are primed at rate_priming * hill(tumour cells in the organ * immunogenicity); effectors gain fold_expansion
    of them and are lost with a half-life; precursors are renewed slowly, so that a lasting antigen gives a peak and then a
    lower level. *Assumed*: all numbers.
    """

    reads = ("section", "tumour_cells", "lymph_node")
    writes = ("lymph_node.precursors", "lymph_node.effectors")
    period = 6.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        node, numbers, cells = state.lymph_node, p.t_cells, state.tumour_cells
        here = cells.state != CIRCULATING
        if not here.any() and node.effectors == 0.0 and node.precursors == 1.0:
            return
        antigen = (p.of_lines("immunogenicity", cells.line) * here).sum() / state.section.volume
        primed = numbers.rate_priming * hill(antigen, numbers.half_antigen, 1.0)
        left = float(gain_and_loss(node.precursors, rate_of(numbers.half_life_precursors), primed, dt))
        gained = numbers.fold_expansion * primed * (node.precursors + left) / 2.0
        loss = rate_of(numbers.half_life_effectors)
        node.effectors = float(relax(node.effectors, gained / loss, loss, dt))
        node.precursors = left


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

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells, tumour, numbers = state.t_cells, state.tumour_cells, p.t_cells
        growing = tumour.state == CYCLING
        if not growing.any() and not cells.exhaustion.any():
            return
        near = density_nearby(state, p, tumour, growing, state.sites(cells))
        on_exosomes = exposure_answer(state, p, "pdl1")
        taken = bound(state.drugs.anti_pd1, p) * (1.0 - on_exosomes)  # vesicles compete for the antibody
        shown = numbers.share_pdl1_tumour + (1.0 - numbers.share_pdl1_tumour) * on_exosomes
        ligand = shown * (1.0 - taken) * (1.0 - state.blocked.pd1)
        gain = numbers.rate_exhaustion * ligand * hill(near, p.kupffer.half_density_late, 1.0)
        cells.exhaustion[:] = gain_and_loss(cells.exhaustion, gain, rate_of(numbers.half_life_exhausted), dt)


class LateKupffer(Process):
    """Kupffer cells beside a growing colony become tumour-associated.

    To the late state at rate_late * hill(tumour cells nearby); they stay so. Late ones feed vessels and keep T cells out
    (Wen 2013). *Assumed*: rate, half-effect, that there is no way back.
    """

    reads = ("section", "kupffer_cells", "tumour_cells")
    writes = ("kupffer_cells.state",)
    period = 6.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells, tumour = state.kupffer_cells, state.tumour_cells
        growing = tumour.state == CYCLING
        if not growing.any() or len(cells) == 0:
            return
        near = density_nearby(state, p, tumour, growing, state.sites(cells))
        rate = p.kupffer.rate_late * hill(near, p.kupffer.half_density_late, 2.0)
        cells.state[chance.uniform(self, cells.key) < probability(rate, dt)] = LATE
