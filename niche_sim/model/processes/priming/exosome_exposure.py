"""Exposure of the cells along the vessels to exosomal cargo in blood."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import produce_and_decay, rate_of, relax
from niche_sim.model.catalogue import BLOCK_OF_CARGO, CARGO
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import plasma
from niche_sim.model.state import State


class ExosomeExposure(Process):
    """What blood brings of each cargo adds up in the cells along the vessels and fades within days.

    Vesicles per mL times h times the source's cargo, in units of a usual dose, decaying with half_life_exposure. A blocked
    cargo is not brought. *Assumed*: that cells other than recipient cells take up in proportion to blood, and the half-life.
    """

    reads = ("section", *(f"blocked.{name}" for name in BLOCK_OF_CARGO.values()), "blood.plasma", "blood.exposure")
    writes = ("blood.exposure",)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        circulating = any(state.blood.plasma)
        before = np.array(state.blood.exposure)
        if not circulating and not before.any():
            return
        rate = rate_of(p.exosomes.half_life_exposure)
        if not circulating:
            state.blood.exposure = relax(before, 0.0, rate, dt).tolist()
            return
        blocked = [getattr(state.blocked, BLOCK_OF_CARGO[cargo]) if cargo in BLOCK_OF_CARGO else 0.0 for cargo in CARGO]
        free = 1.0 - np.array(blocked)
        brought = plasma(state, p) @ carried(p) * free / p.exosomes.reference_exposure  # doses/h [cargo]
        state.blood.exposure = produce_and_decay(before, brought, rate, dt).tolist()


def carried(p: Parameters) -> Any:
    """Cargo of every source, float64[source, cargo]."""
    return np.ascontiguousarray(np.array([p.of_sources(cargo) for cargo in CARGO]).T)
