"""What is measured: each readout a name, a unit, current or cumulative, one line of meaning, a function of the state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from niche_sim.engine.laws import ball_diameter, disc_diameter
from niche_sim.model.cells import BoneMarrowDerivedCell, KupfferCell, TumourCell
from niche_sim.model.state import State

EDUCATED, TUMOUR_ASSOCIATED = KupfferCell.state.code("educated"), KupfferCell.state.code("tumour_associated")
CIRCULATING, DORMANT, CYCLING = (TumourCell.state.code(name) for name in ("circulating", "dormant", "cycling"))
ML = 1e12  # um3


@dataclass(frozen=True)
class Readout:
    """One measured thing. `measure(state, p)` returns a Python float in `unit`; `cumulative` ones never fall."""

    name: str
    unit: str
    meaning: str
    measure: Callable[[State, Any], float]
    cumulative: bool = False


def _colony_sizes(state: State, p: Any) -> Any:
    """Living cells of every clone that counts as a colony now, int64[colonies]."""
    cells = state.tumour_cells
    if len(cells) == 0:
        return np.zeros(0, np.int64)
    _, size = np.unique(cells.clone[cells.state != CIRCULATING], return_counts=True)
    return size[size >= p.tumour.colony_cells]


def _diameters(state: State, p: Any) -> Any:
    section, sizes = state.section, _colony_sizes(state, p)
    return ball_diameter(sizes, p.tumour.packing) if section.is_block else disc_diameter(sizes, p.tumour.packing, section.thickness)


def _killed(state: State) -> int:
    counters = state.counters
    by_cells = counters.tumour_killed_by_kupffer + counters.tumour_killed_by_nk + counters.tumour_killed_by_patrolling
    return by_cells + counters.tumour_killed_by_t + counters.tumour_killed_by_drug


def _states(state: State, code: int) -> float:
    return float(np.count_nonzero(state.tumour_cells.state == code))


def _loads(state: State) -> Any:
    cells = state.recipient_cells
    return cells.load[cells.responder]


def _plasma(state: State, p: Any) -> float:
    mouse = state.blood.exosomes * p.organ.volume / state.section.volume  # vesicles in the blood of the mouse
    return float(mouse / (p.organ.blood_volume / ML))


def _area_fraction(state: State, p: Any) -> float:
    cells = np.count_nonzero(state.tumour_cells.state != CIRCULATING)
    return float(cells / (p.tumour.packing * state.section.depth) / state.section.area)


def _traced(state: State) -> float:
    return len(state.tracers.colonies) / state.tracers.oversample if state.tracers else 0.0


def _mean(field: str) -> Callable[[State, Any], float]:
    return lambda state, p: float(getattr(state, field).mean())


def _kind(name: str) -> Callable[[State, Any], float]:
    code = BoneMarrowDerivedCell.kind.code(name)
    return lambda state, p: float(np.count_nonzero(state.bmdc.kind == code))


def _living(state: State, column: str) -> Any:
    """A column of the tumour cells that are in the section."""
    return getattr(state.tumour_cells, column)[state.tumour_cells.state != CIRCULATING]


def _average(values: Any) -> float:
    return float(values.mean()) if len(values) else 0.0


READOUTS: tuple[Readout, ...] = (
    Readout("primary_cells", "cell", "cells of the primary tumour", lambda s, p: s.primary.cells),
    Readout("exosomes_plasma", "vesicle/mL", "exosomes in blood, mean over the last step", _plasma),
    Readout("exosomes_taken_up", "vesicle", "exosomes taken up in the section",
            lambda s, p: float(s.counters.exosomes_taken_up), True),
    Readout("recipient_cells_loaded", "cell", "recipient cells of this organ that hold at least one exosome",
            lambda s, p: float(np.count_nonzero(s.recipient_cells.load))),
    Readout("kupffer_loaded", "cell", "Kupffer cells that hold at least one exosome",
            lambda s, p: float(np.count_nonzero(s.kupffer_cells.load))),
    Readout("kupffer_load_mean", "vesicle/cell", "mean load of responder recipient cells (Kupffer cells in the liver)",
            lambda s, p: _average(_loads(s))),
    Readout("kupffer_load_variance", "vesicle^2/cell^2", "variance of that load between cells",
            lambda s, p: float(_loads(s).var()) if len(_loads(s)) else 0.0),
    Readout("kupffer_educated", "cell", "recipient cells in the educated state (Kupffer cells in the liver)",
            lambda s, p: float(np.count_nonzero(s.recipient_cells.state == EDUCATED))),
    Readout("kupffer_tumour_associated", "cell", "tumour-associated Kupffer cells",
            lambda s, p: float(np.count_nonzero(s.kupffer_cells.state == TUMOUR_ASSOCIATED))),
    Readout("tgfb_mean", "nM", "active TGF-beta, mean over the section", _mean("tgfb")),
    Readout("s100a8", "1", "S100A8/A9 in blood, 0 to 1", lambda s, p: s.blood.s100a8),
    Readout("il6", "1", "interleukin 6 in blood, 0 to 1", lambda s, p: s.blood.il6),
    Readout("saa", "1", "serum amyloid A, 0 to 1", lambda s, p: s.blood.saa),
    Readout("tnf", "1", "TNF in the organ, 0 to 1", lambda s, p: s.blood.tnf),
    Readout("steatosis_mean", "1", "fat of hepatocytes, 0 to 1", _mean("steatosis")),
    Readout("marrow_educated", "1", "education of the bone marrow, 0 to 1", lambda s, p: s.marrow.educated),
    Readout("leakiness_mean", "1", "leakiness of the vessel wall, 0 to 1", _mean("leakiness")),
    Readout("stellate_active", "cell", "active stellate cells",
            lambda s, p: float(np.count_nonzero(s.stellate_cells.activation >= p.stellate.fraction_counted))),
    Readout("fibronectin_mean", "floor", "fibronectin, multiples of a naive organ's", _mean("fibronectin")),
    Readout("fibronectin_area_fraction", "1", "share of the section's area that stains for fibronectin",
            lambda s, p: float((s.fibronectin >= p.assay.stained_fibronectin).mean())),
    Readout("lox_mean", "relative", "lysyl oxidase, mean over the section", _mean("lox")),
    Readout("collagen_mean", "1", "cross-linked share of collagen", _mean("collagen")),
    Readout("cxcl12_mean", "nM", "CXCL12, mean over the section", _mean("cxcl12")),
    Readout("ccl2", "nM", "CCL2, organ-wide", lambda s, p: s.blood.ccl2),
    Readout("bmdc", "cell", "bone-marrow-derived cells", lambda s, p: float(len(s.bmdc))),
    Readout("bmdc_arrested", "cell", "bone-marrow-derived cells held by fibronectin",
            lambda s, p: float(np.count_nonzero(s.bmdc.arrested))),
    Readout("macrophages", "cell", "macrophages and monocytes from the marrow", _kind("macrophage")),
    Readout("mdsc", "cell", "suppressor cells from the marrow", _kind("mdsc")),
    Readout("neutrophils", "cell", "neutrophils", _kind("neutrophil")),
    Readout("patrolling_monocytes", "cell", "patrolling monocytes", _kind("patrolling")),
    Readout("nets_mean", "relative", "traps of neutrophils, mean over the section", _mean("nets")),
    Readout("periostin_mean", "relative", "periostin, mean over the section", _mean("periostin")),
    Readout("fibroblasts_active", "cell", "active fibroblasts",
            lambda s, p: float(np.count_nonzero(s.fibroblasts.activation >= p.stellate.fraction_counted))),
    Readout("epithelial_cells", "cell", "epithelial cells recruited to the niche (hypothesis)",
            lambda s, p: float(len(s.epithelial_cells))),
    Readout("vegf_mean", "nM", "VEGF, mean over the section", _mean("vegf")),
    Readout("vessel_density", "relative", "perfused vessels, against the naive organ of the mean mouse",
            lambda s, p: float(s.vessels.mean() * p.angiogenesis.vessels_at_rest)),
    Readout("oxygen_mean", "relative", "oxygen, against naive tissue", _mean("oxygen")),
    Readout("nutrient_mean", "relative", "glucose, against naive tissue", _mean("nutrient")),
    Readout("nk_cells", "cell", "natural killer cells", lambda s, p: float(len(s.nk_cells))),
    Readout("nk_active", "cell", "active natural killer cells",
            lambda s, p: float(np.count_nonzero(s.nk_cells.activity >= p.nk.fraction_counted))),
    Readout("t_cells", "cell", "T cells", lambda s, p: float(len(s.t_cells))),
    Readout("lymph_effectors", "relative", "effector T cells from the lymph node, against resident T cells",
            lambda s, p: s.lymph_node.effectors),
    Readout("tumour_arrived", "cell", "tumour cells arrested in the section",
            lambda s, p: float(s.counters.tumour_arrived), True),
    Readout("tumour_extravasated", "cell", "tumour cells that crossed into the tissue",
            lambda s, p: float(s.counters.tumour_extravasated), True),
    Readout("tumour_started", "cell", "tumour cells that began to grow", lambda s, p: float(s.counters.tumour_started), True),
    Readout("tumour_killed", "cell", "tumour cells killed by immune cells or a drug", lambda s, p: float(_killed(s)), True),
    Readout("tumour_present", "cell", "living tumour cells in the section",
            lambda s, p: float(np.count_nonzero(s.tumour_cells.state != CIRCULATING))),
    Readout("tumour_dormant", "cell", "dormant tumour cells", lambda s, p: _states(s, DORMANT)),
    Readout("tumour_cycling", "cell", "dividing tumour cells", lambda s, p: _states(s, CYCLING)),
    Readout("emt_mean", "1", "mesenchymal share of living tumour cells", lambda s, p: _average(_living(s, "emt"))),
    Readout("resistant_fraction", "1", "mean resistance of living tumour cells",
            lambda s, p: _average(_living(s, "resistance"))),
    Readout("colonies", "colony", "colonies (10 cells or more by default)",
            lambda s, p: float(len(_colony_sizes(s, p)))),
    Readout("macrometastases", "colony", "macroscopic colonies (200 um or wider by default)",
            lambda s, p: float(np.count_nonzero(_diameters(s, p) >= p.tumour.macro_diameter))),
    Readout("largest_colony_um", "um", "diameter of the largest colony", lambda s, p: float(_diameters(s, p).max(initial=0.0))),
    Readout("tumour_area_fraction", "1", "share of the section's area taken by tumour cells", _area_fraction),
    Readout("metastases_per_liver", "colony", "colonies in the whole organ, scaled by volume; of tracers those founded so far",
            lambda s, p: float((_traced(s) if s.tracers else len(_colony_sizes(s, p))) * p.organ.volume / s.section.volume)),
    Readout("tracer_colonies", "colony", "colonies founded by tracers so far, each counted as 1 / oversample",
            lambda s, p: _traced(s), True),
    Readout("plasma_mif", "vesicle/mL", "MIF-bearing vesicles in the last daily sample", lambda s, p: s.blood.mif * ML),
    Readout("plasma_marker", "vesicle/mL", "marker-bearing vesicles in the last daily sample", lambda s, p: s.blood.marker * ML),
    Readout("drug", "dose", "gemcitabine in the body, usual doses", lambda s, p: s.drugs.gemcitabine),
    Readout("toxicity", "dose*h", "cumulative gemcitabine exposure", lambda s, p: s.drugs.toxicity, True),
)  # fmt: skip
BY_NAME = {readout.name: readout for readout in READOUTS}


def measure(state: State, p: Any) -> dict[str, float]:
    """Every readout now."""
    return {readout.name: readout.measure(state, p) for readout in READOUTS}
