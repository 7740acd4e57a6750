"""Patrol of natural killer and T cells."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.model.acting import patrol
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class LymphocytePatrol(Process):
    """Natural killer and T cells patrol the sinusoids.

    Velocity-jump walks at intravital speeds; moves keep the zonation of NK cells (Luo 1995). *Assumed*: no
    attraction to tumour cells.
    """

    reads = ("section", "resting_density", "nk_cells", "t_cells")
    writes = (
        "nk_cells.z", "nk_cells.y", "nk_cells.x", "nk_cells.heading", "t_cells.z", "t_cells.y", "t_cells.x", "t_cells.heading",
    )  # fmt: skip

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        for cells, numbers in ((state.nk_cells, p.nk), (state.t_cells, p.t_cells)):
            patrol(self, state, cells, np.full(len(cells), numbers.speed), numbers, chance, dt)
