"""Secretion, spread and decay of hepatocyte growth factor."""

from __future__ import annotations

from niche_sim.engine.chance import Chance
from niche_sim.model.acting import spread_out
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class HgfRelease(Process):
    """Active stellate cells and fibroblasts secrete hepatocyte growth factor.

    secretion * activation, spreading and decaying within the hour (stromal HGF feeds liver metastases: Zhang 2017).
    *Assumed*: amount and half-life.
    """

    reads = ("section", "stellate_cells", "fibroblasts", "blocked.hgf", "hgf")
    writes = ("hgf",)
    period = 12.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        numbers = p.stroma
        secreted = state.mapped(state.stellate_cells, state.stellate_cells.activation)
        secreted += state.mapped(state.fibroblasts, state.fibroblasts.activation)
        secreted *= numbers.secretion_hgf * (1.0 - state.blocked.hgf)
        state.hgf = spread_out(state, state.hgf, secreted, numbers.diffusivity_hgf, numbers.half_life_hgf, dt)
