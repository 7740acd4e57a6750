"""Exosomes in blood act on marrow, endothelium and other cells that are no receivers."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.chance import Chance
from niche_sim.laws import NEGLIGIBLE, gain_and_loss, produce_and_decay, rate_of, relax
from niche_sim.process import Process
from niche_sim.senses import exposure_answer, plasma, vegf_answer
from niche_sim.vocabulary import CARGO

BLOCKS = ("", "", "", "", "mir21", "mir25", "mir122", "palmitate", "met", "pedf", "exosomal_tgfb", "exosomal_pdl1", "pgp",
          "itgbl1", "")  # fmt: skip


class ExosomeExposure(Process):
    """What blood brings of each cargo adds up in the cells along the vessels and fades within days.

    Vesicles per mL times h times the source's cargo, in units of a usual dose, decaying with half_life_exposure. A blocked
    cargo is not brought. *Assumed*: that cells other than receivers take up in proportion to blood, and the half-life.
    """

    reads = ("section", *(f"blocked.{name}" for name in BLOCKS if name), "blood.plasma", "blood.exposure")
    writes = ("blood.exposure",)

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        circulating = any(state.blood.plasma)
        before = np.array(state.blood.exposure)
        if not circulating and not before.any():
            return
        rate = rate_of(p.exosomes.half_life_exposure)
        if not circulating:
            state.blood.exposure = relax(before, 0.0, rate, dt).tolist()
            return
        free = np.array([1.0 - getattr(state.blocked, name) if name else 1.0 for name in BLOCKS])
        brought = plasma(state, p) @ carried(p) * free / p.exosomes.reference_exposure  # doses/h [cargo]
        state.blood.exposure = produce_and_decay(before, brought, rate, dt).tolist()


def carried(p: Any) -> Any:
    """Cargo of every source, float64[source, cargo]."""
    return np.ascontiguousarray(np.array([p.of_sources(cargo) for cargo in CARGO]).T)


class MarrowEducation(Process):
    """Exosomal MET educates the bone marrow, for long.

    educated rises at rate_education * hill(exposure to MET) and fades with a half-life of months (Peinado 2012: bone marrow
    is educated permanently; MET knock-down diminishes it). *Assumed*: rate and half-life.
    """

    reads = ("blood.exposure", "marrow.educated")
    writes = ("marrow.educated",)
    period = 6.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        gain = p.marrow.rate_education * exposure_answer(state, p, "met")
        educated = gain_and_loss(state.marrow.educated, gain, rate_of(p.marrow.half_life), dt)
        state.marrow.educated = float(educated)


class Loosening(Process):
    """Exosomal miR-25 and VEGF loosen the vessel wall.

    leakiness rises at rate_loosening * (hill(exposure to miR-25) + share_vegf * hill(VEGF)), at most 1, and falls with a
    half-life of days (miR-25-3p: Zeng 2018; lung vessels leak after melanoma exosomes: Peinado 2012). *Assumed*: rates.
    """

    reads = ("blood.exposure", "vegf", "leakiness", "blocked.vegf", "drugs.anti_vegf")
    writes = ("leakiness",)
    period = 6.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        loosening = exposure_answer(state, p, "mir25")
        if loosening < NEGLIGIBLE and not state.vegf.any() and not state.leakiness.any():
            return
        by_vegf = p.endothelium.share_vegf * vegf_answer(state, p, state.vegf)
        gain = p.endothelium.rate_loosening * np.minimum(1.0, loosening + by_vegf)
        state.leakiness = gain_and_loss(state.leakiness, gain, rate_of(p.endothelium.half_life), dt)


class GlucoseSparing(Process):
    """Exosomal miR-122 lowers the glucose uptake of the organ, which leaves more for tumour cells.

    spared relaxes to hill(exposure to miR-122) with half_life_spared (pyruvate kinase of niche cells falls: Fong 2015).
    *Assumed*: the half-life.
    """

    reads = ("blood.exposure", "blood.spared")
    writes = ("blood.spared",)
    period = 6.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        answer = exposure_answer(state, p, "mir122")
        state.blood.spared = float(relax(state.blood.spared, answer, rate_of(p.angiogenesis.half_life_spared), dt))
