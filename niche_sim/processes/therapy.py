"""Drugs fade in the body and act; a sample of blood shows markers with noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.cells import TumourCell
from niche_sim.chance import Chance
from niche_sim.laws import LN2, hill, rate_of
from niche_sim.laws import chance as probability
from niche_sim.process import Process
from niche_sim.senses import plasma

CYCLING = TumourCell.state.code("cycling")


class DrugFading(Process):
    """Drugs leave the body; a fatty liver clears gemcitabine more slowly, and its toxicity adds up.

    Each falls with its half-life; that of gemcitabine is 1 + gain_steatosis * steatosis times as long (exosome-educated,
    fatty livers raise the toxicity of chemotherapy: Wang 2023). toxicity is the integral of the amount. *Assumed*: numbers.
    """

    reads = ("steatosis", "drugs")
    writes = ("drugs.gemcitabine", "drugs.anti_pd1", "drugs.anti_vegf", "drugs.toxicity")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        drugs = state.drugs
        if drugs.gemcitabine == 0.0 and drugs.anti_pd1 == 0.0 and drugs.anti_vegf == 0.0:
            return
        slower = 1.0 + p.drug.gain_steatosis * float(state.steatosis.mean())
        rate = LN2 / (p.drug.half_life_gemcitabine * slower)
        left = drugs.gemcitabine * float(np.exp(-rate * dt))
        drugs.toxicity += (drugs.gemcitabine - left) / rate
        drugs.gemcitabine = left
        antibody = float(np.exp(-rate_of(p.drug.half_life_antibody) * dt))
        drugs.anti_pd1 *= antibody
        drugs.anti_vegf *= antibody


class DrugKilling(Process):
    """Gemcitabine kills dividing cells by dose, resistant and mesenchymal ones less.

    rate_kill * hill(amount) * (1 - resistance) * (1 - share_emt * emt). *Assumed*: all numbers.
    """

    reads = ("tumour_cells", "drugs.gemcitabine", "time")
    writes = ("tumour_cells", "ledger", "events")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        amount, cells = state.drugs.gemcitabine, state.tumour_cells
        rows = np.flatnonzero((cells.state == CYCLING) & (amount > 0.0))
        if len(rows) == 0:
            return
        spared = (1.0 - cells.resistance[rows]) * (1.0 - p.drug.share_emt * cells.emt[rows])
        rate = p.drug.rate_kill * hill(amount, p.drug.half_gemcitabine, 2.0) * spared
        gone = rows[chance.uniform(self, cells.key[rows]) < probability(rate, dt)]
        state.lose_tumour_cells(gone, "tumour_killed_by_drug", "killed by drug")


class BloodSample(Process):
    """A daily sample of blood shows marker-bearing and MIF-bearing vesicles over a noisy background.

    (background + vesicles in plasma * cargo) * a log-normal error, whose spread is that between mice and samples (a single
    marker separates patients poorly: Yang 2017). *Assumed*: background and spread.
    """

    reads = ("section", "blood.plasma")
    writes = ("blood.mif", "blood.marker")
    period = 24.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        vesicles = plasma(state, p)  # 1/um3 [source]
        for name, background in (("mif", p.biomarker.background_mif), ("marker", p.biomarker.background_marker)):
            error = np.exp(p.biomarker.spread * chance.normal(self, [0], purpose=name).item())
            setattr(state.blood, name, float((background + vesicles @ p.of_sources(name)) * error))
