"""What is measured: each readout a name, a unit, current or cumulative, one line of meaning, a function of the state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from niche_sim.cells import KupfferCell, TumourCell
from niche_sim.laws import disc_diameter
from niche_sim.state import State

TAUGHT = KupfferCell.state.code("taught")
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
    _, size = np.unique(cells.clone[cells.state != CIRCULATING], return_counts=True)
    return size[size >= p.tumour.colony_cells]


def _diameters(state: State, p: Any) -> Any:
    return disc_diameter(_colony_sizes(state, p), p.tumour.packing, state.section.thickness)


def _states(state: State, code: int) -> float:
    return float(np.count_nonzero(state.tumour_cells.state == code))


def _loads(state: State) -> Any:
    cells = state.kupffer_cells
    return cells.load[cells.responder]


def _plasma(state: State, p: Any) -> float:
    mouse = state.blood.exosomes * p.liver.volume / state.section.volume  # vesicles in the blood of the mouse
    return float(mouse / (p.liver.blood_volume / ML))


def _area_fraction(state: State, p: Any) -> float:
    cells = np.count_nonzero(state.tumour_cells.state != CIRCULATING)
    return float(cells / (p.tumour.packing * state.section.thickness) / state.section.area)


READOUTS: tuple[Readout, ...] = (
    Readout("primary_cells", "cell", "cells of the primary tumour", lambda s, p: s.primary.cells),
    Readout("exosomes_plasma", "vesicle/mL", "exosomes in blood, mean over the last step", _plasma),
    Readout("exosomes_taken_up", "vesicle", "exosomes taken up in the section",
            lambda s, p: float(s.ledger.exosomes_taken_up), True),
    Readout("kupffer_loaded", "cell", "Kupffer cells that hold at least one exosome",
            lambda s, p: float(np.count_nonzero(s.kupffer_cells.load))),
    Readout("kupffer_load_mean", "vesicle/cell", "mean load of responder Kupffer cells",
            lambda s, p: float(_loads(s).mean()) if len(_loads(s)) else 0.0),
    Readout("kupffer_load_variance", "vesicle^2/cell^2", "variance of that load between cells",
            lambda s, p: float(_loads(s).var()) if len(_loads(s)) else 0.0),
    Readout("kupffer_taught", "cell", "Kupffer cells in the taught state",
            lambda s, p: float(np.count_nonzero(s.kupffer_cells.state == TAUGHT))),
    Readout("tgfb_mean", "nM", "active TGF-beta, mean over the section", lambda s, p: float(s.tgfb.mean())),
    Readout("stellate_active", "cell", "stellate cells above the counted activation",
            lambda s, p: float(np.count_nonzero(s.stellate_cells.activation >= p.stellate.fraction_counted))),
    Readout("fibronectin_mean", "floor", "fibronectin, multiples of a naive liver's", lambda s, p: float(s.fibronectin.mean())),
    Readout("ccl2", "nM", "CCL2, organ-wide", lambda s, p: s.blood.ccl2),
    Readout("bmdc", "cell", "bone-marrow-derived cells", lambda s, p: float(len(s.bmdc))),
    Readout("bmdc_arrested", "cell", "bone-marrow-derived cells held by fibronectin",
            lambda s, p: float(np.count_nonzero(s.bmdc.arrested))),
    Readout("periostin_mean", "relative", "periostin, mean over the section", lambda s, p: float(s.periostin.mean())),
    Readout("nk_cells", "cell", "natural killer cells", lambda s, p: float(len(s.nk_cells))),
    Readout("t_cells", "cell", "T cells", lambda s, p: float(len(s.t_cells))),
    Readout("tumour_arrived", "cell", "tumour cells lodged in the section",
            lambda s, p: float(s.ledger.tumour_arrived), True),
    Readout("tumour_extravasated", "cell", "tumour cells that crossed into the tissue",
            lambda s, p: float(s.ledger.tumour_extravasated), True),
    Readout("tumour_killed", "cell", "tumour cells killed by Kupffer or NK cells",
            lambda s, p: float(s.ledger.tumour_killed_by_kupffer + s.ledger.tumour_killed_by_nk), True),
    Readout("tumour_present", "cell", "living tumour cells in the section",
            lambda s, p: float(np.count_nonzero(s.tumour_cells.state != CIRCULATING))),
    Readout("tumour_dormant", "cell", "sleeping tumour cells", lambda s, p: _states(s, DORMANT)),
    Readout("tumour_cycling", "cell", "dividing tumour cells", lambda s, p: _states(s, CYCLING)),
    Readout("colonies", "colony", "clones of at least colony_cells living cells", lambda s, p: float(len(_colony_sizes(s, p)))),
    Readout("macrometastases", "colony", "colonies at least macro_diameter wide",
            lambda s, p: float(np.count_nonzero(_diameters(s, p) >= p.tumour.macro_diameter))),
    Readout("largest_colony_um", "um", "diameter of the largest colony", lambda s, p: float(_diameters(s, p).max(initial=0.0))),
    Readout("tumour_area_fraction", "1", "share of the section's area taken by tumour cells", _area_fraction),
    Readout("metastases_per_liver", "colony", "colonies in the whole liver, scaled by volume",
            lambda s, p: float(len(_colony_sizes(s, p)) * p.liver.volume / s.section.volume)),
)  # fmt: skip
BY_NAME = {readout.name: readout for readout in READOUTS}


def measure(state: State, p: Any) -> dict[str, float]:
    """Every readout now."""
    return {readout.name: readout.measure(state, p) for readout in READOUTS}
