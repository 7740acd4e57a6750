"""Growth of a primary tumour elsewhere in the mouse."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import exponential_growth, gompertz_growth
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class PrimaryGrowth(Process):
    """A primary tumour grows along its own curve until it is resected.

    cells = Gompertz (to a capacity) or exponential growth from the cells implanted. Closed form, no chance.
    *Assumed*: the curve is undisturbed by what happens in the liver.
    """

    reads = ("primary", "time")
    writes = ("primary",)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        primary = state.primary
        if primary.cells <= 0.0:
            return
        age = state.time + dt - primary.started
        if np.isinf(primary.capacity):
            primary.cells = exponential_growth(primary.start_cells, primary.doubling, age)
        else:
            primary.cells = gompertz_growth(primary.start_cells, primary.doubling, primary.capacity, age)
