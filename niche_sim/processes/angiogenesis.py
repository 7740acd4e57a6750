"""Vessels sprout where VEGF calls them; colonies displace them or grow along them; oxygen and nutrient follow."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.cells import TumourCell
from niche_sim.chance import Chance, birth_key
from niche_sim.kernels.neighbourhood import disc, spread
from niche_sim.kernels.steady import solve_steady
from niche_sim.laws import chance as probability
from niche_sim.laws import gain_and_loss, hill, rate_of
from niche_sim.process import Process
from niche_sim.senses import exposure_answer, vegf_answer

CIRCULATING = TumourCell.state.code("circulating")


class EpithelialRecruitment(Process):
    """Hypothesis: epithelial cells come to a niche of held marrow cells and leave within days.

    rate_epithelial * hill(held cells in the organ) (a current proposal for the pre-metastatic niche; never measured).
    *Assumed*: all of it.
    """

    reads = ("section", "homes", "bmdc.arrested", "epithelial_cells", "time")
    writes = ("epithelial_cells",)
    period = 6.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        numbers, cells = p.angiogenesis, state.epithelial_cells
        leaving = probability(rate_of(numbers.half_life_epithelial), dt)
        cells.remove(chance.uniform(self, cells.key, purpose="leave") < leaving)
        held = np.count_nonzero(state.bmdc.arrested) / state.section.volume
        rate = numbers.rate_epithelial * hill(held, numbers.half_held, numbers.steepness_held)
        n = chance.poisson(self, rate * state.section.volume * dt, [0]).item()
        keys = birth_key(self.name, state.step_index, np.arange(n))
        y, x = state.place("epithelial_cells", chance.uniform(self, keys, 3, purpose="place"))
        cells.add(n, key=keys, y=y, x=x, entered_at=state.time)


class FibroblastActivation(Process):
    """TGF-beta and exosomal ITGBL1 activate fibroblasts; without them they fall back to rest.

    activation rises at rate_activation * max(hill(TGF-beta), hill(exposure to ITGBL1)) and decays with a half-life, as that
    of stellate cells (ITGBL1: Ji 2020). *Assumed*: rates.
    """

    reads = ("section", "tgfb", "fibroblasts", "blood.exposure", "blocked.tgfb_receptor")
    writes = ("fibroblasts.activation",)
    period = 3.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells, numbers = state.fibroblasts, p.angiogenesis
        by_exosomes = exposure_answer(state, p, "itgbl1")
        if len(cells) == 0 or (by_exosomes == 0.0 and not state.tgfb.any() and not cells.activation.any()):
            return
        sensed = hill(state.at(state.tgfb, cells), p.stellate.half_signal, p.stellate.steepness)
        sensed = np.maximum(sensed * (1.0 - state.blocked.tgfb_receptor), by_exosomes)
        gain = numbers.rate_activation * sensed
        cells.activation[:] = gain_and_loss(cells.activation, gain, rate_of(numbers.half_life_active), dt)


class NicheSprouting(Process):
    """Hypothesis: VEGF of the niche makes vessels sprout before any tumour cell is there.

    Where no tumour is near, vessels rise at rate_sprouting * hill(VEGF) towards most_vessels and fall back to those of a
    naive organ with a half-life (a current proposal). *Assumed*: all of it.
    """

    reads = ("section", "vegf", "vessels", "tumour_cells", "blocked.vegf", "drugs.anti_vegf")
    writes = ("vessels",)
    period = 12.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        if not state.vegf.any() and (state.vessels == 1.0).all():
            return
        free = nearby(state, p, state.tumour_cells.state != CIRCULATING) == 0.0
        state.vessels = np.where(free, sprouted(state, p, dt), state.vessels)


class ColonyVessels(Process):
    """A pushing colony displaces vessels; its VEGF makes new ones; a co-opting colony spares them.

    In a colony vessels are lost at rate_displacement * hill(density of pushing tumour cells nearby) and sprout as VEGF says
    (10 to 30 % of lesions co-opt: Frentzas 2016). *Assumed*: rates.
    """

    reads = ("section", "vegf", "vessels", "tumour_cells", "blocked.vegf", "drugs.anti_vegf")
    writes = ("vessels",)
    period = 6.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        numbers, cells = p.angiogenesis, state.tumour_cells
        here = cells.state != CIRCULATING
        if not here.any():
            return
        there = nearby(state, p, here) > 0.0
        pushing = nearby(state, p, here & ~cells.coopting)
        vessels = np.where(there, sprouted(state, p, dt), state.vessels)
        lost = numbers.rate_displacement * hill(pushing, numbers.half_density, 2.0)
        state.vessels = np.where(there, vessels * np.exp(-lost * dt), vessels)


class Perfusion(Process):
    """Vessels bring oxygen and glucose; tissue and tumour cells use them up.

    Quasi-steady: D lap u - uptake u + supply * vessels * (blood level - u) = 0, both 1 in naive tissue. miR-122 lowers the
    tissue's uptake of glucose (Fong 2015). Reach without vessels 100 um for oxygen. *Assumed*: blood level, the tumour's
    uptake.
    """

    reads = ("section", "vessels", "tumour_cells", "blood.spared", "oxygen", "nutrient")
    writes = ("oxygen", "nutrient")
    period = 12.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        numbers, section = p.angiogenesis, state.section
        spared = numbers.share_uptake_spared * state.blood.spared
        here = state.tumour_cells.state != CIRCULATING
        if not here.any() and (state.vessels == 1.0).all():  # even tissue
            level = numbers.blood_level
            supply = 1.0 / (level - 1.0)
            state.oxygen = np.ones(section.shape)
            state.nutrient = np.full(section.shape, supply * level / (1.0 - spared + supply))
            return
        share = np.minimum(1.0, nearby(state, p, here) / p.tumour.packing)
        for name, reach, diffusivity, spare in (
            ("oxygen", numbers.reach_oxygen, numbers.diffusivity_oxygen, 0.0),
            ("nutrient", numbers.reach_nutrient, numbers.diffusivity_nutrient, spared),
        ):
            base = diffusivity / reach**2  # 1/h
            uptake = base * ((1.0 - share) * (1.0 - spare) + share * numbers.ratio_tumour_uptake)
            supply = base / (numbers.blood_level - 1.0) * state.vessels
            solved = solve_steady(
                diffusivity, uptake + supply, supply * numbers.blood_level, section.spacing, getattr(state, name)
            )
            setattr(state, name, solved)


def nearby(state: Any, p: Any, rows: Any) -> Any:
    """Tumour cells (rows, bool[n]) per um3 of the neighbourhood of each site, float64[y, x]: the same on any grid."""
    section = state.section
    density = np.zeros(section.shape)
    reach = disc(p.tumour.neighbourhood, section.spacing)
    spread(density, state.sites(state.tumour_cells), rows / section.site_volume, *reach)
    return density


def sprouted(state: Any, p: Any, dt: float) -> Any:
    """Vessel density after dt (h) of sprouting by VEGF and of falling back to a naive organ's, float64[y, x]."""
    numbers = p.angiogenesis
    span = numbers.most_vessels - 1.0
    gain = numbers.rate_sprouting * vegf_answer(state, p, state.vegf)
    grown = gain_and_loss(np.clip((state.vessels - 1.0) / span, 0.0, 1.0), gain, rate_of(numbers.half_life_sprouts), dt)
    below = np.minimum(state.vessels - 1.0, 0.0) * np.exp(-gain * dt)  # what a colony has displaced grows back by VEGF
    return 1.0 + span * grown + below
