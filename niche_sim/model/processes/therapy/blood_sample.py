"""A daily sample of blood and what it shows."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import plasma
from niche_sim.model.state import State


class BloodSample(Process):
    """A daily sample of blood shows marker-bearing and MIF-bearing vesicles over a noisy background.

    (background + vesicles in plasma * cargo) * a log-normal error, whose spread is that between mice and samples (a single
    marker separates patients poorly: Yang 2017). *Assumed*: background and spread.
    """

    reads = ("section", "blood.plasma")
    writes = ("blood.mif", "blood.marker")
    period = 24.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        vesicles = plasma(state, p)  # 1/um3 [source]
        for name, background in (("mif", p.biomarker.background_mif), ("marker", p.biomarker.background_marker)):
            error = np.exp(p.biomarker.spread * chance.normal(self, [0], purpose=name).item())
            setattr(state.blood, name, float((background + vesicles @ p.of_sources(name)) * error))
