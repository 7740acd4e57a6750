"""CXCL12, hepatocyte growth factor and VEGF spread from the stroma; neutrophils cast traps."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.cells import BoneMarrowCell, KupfferCell, TumourCell
from niche_sim.chance import Chance
from niche_sim.kernels.spectral import spectral_step
from niche_sim.laws import MOLECULE, hill, produce_and_decay, rate_of
from niche_sim.process import Process

CYCLING, LATE = TumourCell.state.code("cycling"), KupfferCell.state.code("late")
NEUTROPHIL = BoneMarrowCell.kind.code("neutrophil")


class Cxcl12Release(Process):
    """Active stellate cells secrete CXCL12, and resting ones that sense TIMP1 by CD63.

    secretion * (activation + share_cd63 * hill(TIMP1 - 1)), spreading and decaying within the hour (active stellate cells:
    Correia 2021; TIMP1, CD63 and SDF-1: Seubert 2015, Grunwald 2016). TIMP1 comes with a primary or is given.
    *Assumed*: amounts, half-lives.
    """

    reads = ("section", "stellate_cells", "primary", "boosted.timp1", "blocked.cd63", "blocked.cxcl12", "cxcl12")
    writes = ("cxcl12",)
    period = 6.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells, numbers = state.stellate_cells, p.stroma
        excess = state.boosted.timp1 - 1.0 + state.primary.cells / numbers.cells_timp1
        sensed = numbers.share_cd63 * hill(excess, numbers.half_timp1, 1.0) * (1.0 - state.blocked.cd63)
        amount = np.minimum(1.0, cells.activation + sensed) * (numbers.secretion_cxcl12 * (1.0 - state.blocked.cxcl12))
        state.cxcl12 = spread_out(
            state, state.cxcl12, state.mapped(cells, amount), numbers.diffusivity_cxcl12, numbers.half_life_cxcl12, dt
        )


class HgfRelease(Process):
    """Active stellate cells and fibroblasts secrete hepatocyte growth factor.

    secretion * activation, spreading and decaying within the hour (stromal HGF feeds liver metastases: Zhang 2017).
    *Assumed*: amount and half-life.
    """

    reads = ("section", "stellate_cells", "fibroblasts", "blocked.hgf", "hgf")
    writes = ("hgf",)
    period = 12.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        numbers = p.stroma
        secreted = state.mapped(state.stellate_cells, state.stellate_cells.activation)
        secreted += state.mapped(state.fibroblasts, state.fibroblasts.activation)
        secreted *= numbers.secretion_hgf * (1.0 - state.blocked.hgf)
        state.hgf = spread_out(state, state.hgf, secreted, numbers.diffusivity_hgf, numbers.half_life_hgf, dt)


class VegfRelease(Process):
    """Held marrow cells, active stroma, late Kupffer cells, recruited epithelium and tumour cells secrete VEGF.

    One secretion per cell; tumour cells without oxygen secrete more. It spreads and decays within hours. VEGF-A is up by
    day 10 before any metastasis (KCKO abstracts); late Kupffer cells feed vessels (Wen 2013). *Assumed*: that all secrete
    alike; what lack of oxygen adds.
    """

    reads = (
        "section",
        "bmdc",
        "stellate_cells",
        "fibroblasts",
        "epithelial_cells",
        "kupffer_cells",
        "tumour_cells",
        "oxygen",
        "vegf",
    )
    writes = ("vegf",)
    period = 12.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        numbers, tumour = p.stroma, state.tumour_cells
        made = state.mapped(state.stellate_cells, state.stellate_cells.activation)
        made += state.mapped(state.fibroblasts, state.fibroblasts.activation)
        made += state.mapped(state.epithelial_cells)
        made += state.mapped(state.bmdc, state.bmdc.arrested.astype(np.float64))
        late = state.kupffer_cells.state == LATE
        if late.any():
            made += state.mapped(state.kupffer_cells, late.astype(np.float64))
        growing = tumour.state == CYCLING
        if growing.any():
            lack = 1.0 - hill(state.at(state.oxygen, tumour), p.angiogenesis.half_oxygen, 2.0)
            made += state.mapped(tumour, growing * (1.0 + numbers.gain_hypoxia * lack))
        made *= numbers.secretion_vegf
        state.vegf = spread_out(state, state.vegf, made, numbers.diffusivity_vegf, numbers.half_life_vegf, dt)


class Netting(Process):
    """Neutrophils cast traps that hold tumour cells.

    Each raises its site at rate_nets; DNases clear within a day (NETs and liver metastasis: Yang 2020; Bojmar 2024).
    *Assumed*: amount and half-life.
    """

    reads = ("section", "bmdc", "nets", "blocked.nets")
    writes = ("nets",)
    period = 3.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        neutrophils = state.bmdc.kind == NEUTROPHIL
        if not neutrophils.any() and not state.nets.any():
            return
        per_cell = p.stroma.rate_nets / state.section.site_volume * (1.0 - state.blocked.nets)
        cast = state.mapped(state.bmdc, neutrophils * per_cell)
        state.nets = produce_and_decay(state.nets, cast, rate_of(p.stroma.half_life_nets), dt)


def spread_out(state: Any, field: Any, secreted: Any, diffusivity: float, half_life: float, dt: float) -> Any:
    """A signal (nM) after dt (h) of secretion (nM um3 per h and site), diffusion and decay; less than a molecule is none."""
    section = state.section
    if not secreted.any() and field.sum() * section.site_volume < MOLECULE:
        return np.zeros(section.shape)
    step = spectral_step(section.shape, section.spacing, diffusivity, rate_of(half_life), dt)
    return step.advance(field, secreted / section.site_volume)
