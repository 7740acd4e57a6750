"""Cross-linking of collagen by lysyl oxidase."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.kernels.neighbourhood import spread
from niche_sim.engine.laws import gain_and_loss, hill, produce_and_decay, rate_of
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class CollagenLinking(Process):
    """Active stellate cells lay lysyl oxidase around them, which cross-links collagen.

    The enzyme is laid within reach at rate_lox * activation and fades in days; the cross-linked share rises at
    rate_linking * hill(enzyme) and turns over in some ten days (resolution within 28 days: Iredale 1998; LOX cross-links
    collagen IV of premetastatic organs: Erler 2009). *Assumed*: that stellate cells are the source; the rates.
    """

    reads = ("section", "stellate_cells", "lox", "collagen", "blocked.lox")
    writes = ("lox", "collagen")
    period = 12.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, section, numbers = state.stellate_cells, state.section, p.collagen
        if not cells.activation.any() and not state.lox.any() and not state.collagen.any():
            return
        laid = np.zeros(section.shape)
        spread(laid, state.sites(cells), cells.activation * (numbers.rate_lox / section.site_volume),
               *section.ball(p.stellate.reach))  # fmt: skip
        state.lox = produce_and_decay(state.lox, laid, rate_of(numbers.half_life_lox), dt)
        linking = numbers.rate_linking * hill(state.lox, numbers.half_lox, 1.0) * (1.0 - state.blocked.lox)
        state.collagen = gain_and_loss(state.collagen, linking, rate_of(numbers.half_life), dt)
