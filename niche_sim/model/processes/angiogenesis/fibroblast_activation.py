"""Activation of fibroblasts."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import gain_and_loss, hill, rate_of
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import exposure_answer
from niche_sim.model.state import State


class FibroblastActivation(Process):
    """TGF-beta and exosomal ITGBL1 activate fibroblasts; without them they fall back to rest.

    activation rises at rate_activation * max(hill(TGF-beta), hill(exposure to ITGBL1)) and decays with a half-life, as that
    of stellate cells (ITGBL1: Ji 2020). *Assumed*: rates.
    """

    reads = ("section", "tgfb", "fibroblasts", "blood.exposure", "blocked.tgfb_receptor")
    writes = ("fibroblasts.activation",)
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, numbers = state.fibroblasts, p.angiogenesis
        by_exosomes = exposure_answer(state, p, "itgbl1")
        if len(cells) == 0 or (by_exosomes == 0.0 and not state.tgfb.any() and not cells.activation.any()):
            return
        sensed = hill(state.at(state.tgfb, cells), p.stellate.half_signal, p.stellate.steepness)
        sensed = np.maximum(sensed * (1.0 - state.blocked.tgfb_receptor), by_exosomes)
        gain = numbers.rate_activation * sensed
        cells.activation[:] = gain_and_loss(cells.activation, gain, rate_of(numbers.half_life_active), dt)
