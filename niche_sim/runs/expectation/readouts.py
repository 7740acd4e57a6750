"""Readouts without the chance of single tumour cells: what is expected of an arm's, and what an assay would see of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.laws import disc_diameter
from niche_sim.model.readouts import BY_NAME, Readout
from niche_sim.runs.expectation.backward import ARRESTED, BackwardPass
from niche_sim.runs.expectation.clone_chain import cells_in_colony
from niche_sim.runs.expectation.forward import ExpectedClones, arrest_shares, expected_clones
from niche_sim.runs.expectation.recording import Recording

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Expectation:
    """What follows from the recording of one run; each part is computed when it is first asked for."""

    recording: Recording

    @cached_property
    def clones(self) -> ExpectedClones:
        """Clones in the section, from one forward pass."""
        return expected_clones(self.recording)

    @cached_property
    def receptivity(self) -> tuple[Float, Float]:
        """Probability of founding a colony in the end, mean over where cells arrest, at each edge, and its relative standard
        error as that of the whole organ, from the differences between the quarters of the section, float64[time] each."""
        section = self.recording.section
        arriving = arrest_shares(section, self.recording.p)
        y, x = np.divmod(np.arange(section.zone.size), section.shape[1])
        quarter = 2 * (2 * y // section.shape[0]) + 2 * x // section.shape[1]
        weight = np.bincount(quarter, arriving)
        passing = BackwardPass(self.recording, "reached_K", "eventual").run()
        found = np.array([np.bincount(quarter, arriving * values[ARRESTED]) for values in passing])[::-1]
        total = found.sum(axis=1)
        apart = np.square(found - np.outer(total / weight.sum(), weight)).sum(axis=1) * len(weight) / (len(weight) - 1)
        return total / weight.sum(), np.sqrt(apart) / np.maximum(total, 1e-300)

    @property
    def livers(self) -> float:
        """Sections in an organ, by volume."""
        return float(self.recording.p.organ.volume / self.recording.section.volume)

    @cached_property
    def diameter(self) -> Float:
        """um, of a clone of each class, float64[classes]."""
        section, p = self.recording.section, self.recording.p
        wide: Float = disc_diameter(self.clones.sizes, p.tumour.packing, section.thickness)
        return wide

    @property
    def metastases(self) -> Float:
        """Cycling clones in the organ, float64[time, classes]."""
        return self.clones.clones * self.livers

    @property
    def tumour_cells(self) -> Float:
        """Tumour cells in the organ, those of colonies above and below the section with them, float64[time]."""
        p, section = self.recording.p, self.recording.section
        in_colonies: Float = self.metastases @ cells_in_colony(self.clones.sizes, p, section)
        return self.livers * self.clones.singles.sum(axis=1) + in_colonies

    def wide(self, least: float) -> Float:
        """Metastases in the organ at least so wide (um), float64[time]."""
        return self.metastases[:, self.diameter >= least].sum(axis=1)

    def tables(self, times: Float) -> dict[str, Float]:
        """Every readout of `EXPECTED` at some times (h) of the run, float64[times] each."""
        return {one.name: np.interp(times, self.recording.edges, one.measure(self)) for one in EXPECTED}


@dataclass(frozen=True)
class Expected:
    """A readout of an expectation. `measure(expectation)` gives it at each edge of the recording, in `unit`."""

    name: str
    unit: str
    meaning: str
    measure: Callable[[Expectation], Float]
    cumulative: bool = False


def _foci(found: Expectation) -> Float:
    """A focus is cut where its centre is within its radius of a section of some thickness."""
    assay, organ = found.recording.p.assay, found.recording.p.organ
    reach = np.where(found.diameter >= assay.focus_diameter, assay.section_thickness + found.diameter, 0.0)
    density: Float = found.metastases @ reach / organ.volume
    return density * assay.section_area


def _nodules(found: Expectation) -> Float:
    """A nodule shows where its centre is within its radius of the surface."""
    assay, organ = found.recording.p.assay, found.recording.p.organ
    depth = np.where(found.diameter >= assay.nodule_diameter, found.diameter / 2.0, 0.0)
    share = np.minimum(1.0, depth * assay.surface / organ.volume)
    shown: Float = found.metastases @ share
    return shown


def _light(found: Expectation) -> Float:
    cells = found.tumour_cells
    return np.where(cells >= found.recording.p.assay.limit_light, cells, 0.0)


def _weight(found: Expectation) -> Float:
    """In mg: that of the naive organ and of what metastases add to it."""
    p = found.recording.p
    grown = found.tumour_cells / p.tumour.packing
    return (p.organ.volume + grown) * p.assay.tissue_density / 1000.0


def _per_field(found: Expectation) -> Float:
    p = found.recording.p
    volume = p.organ.volume + found.tumour_cells / p.tumour.packing
    return found.tumour_cells / volume * p.assay.field_area * (p.assay.section_thickness + p.tumour.diameter)


def _per_gram(found: Expectation) -> Float:
    return found.tumour_cells / (_weight(found) / 1000.0)


EXPECTED: tuple[Expected, ...] = (
    Expected("receptivity_mean", "1", "probability that a tumour cell arresting now founds a colony in the end",
             lambda e: e.receptivity[0]),
    Expected("receptivity_error", "1", "its standard error as that of the whole organ, relative, from quarters of the section",
             lambda e: e.receptivity[1]),
    Expected("expected_colonies", "colony", "colonies founded so far in the section, expected", lambda e: e.clones.founded, True),
    Expected("expected_metastases_per_liver", "colony", "colonies founded so far in the whole organ, expected",
             lambda e: e.clones.founded * e.livers, True),
    Expected("take_rate", "1", "probability that the organ has had a colony", lambda e: -np.expm1(-e.clones.founded * e.livers),
             True),
    Expected("visible_metastases_per_liver", "colony", "metastases in the whole organ at least macro_diameter wide, expected",
             lambda e: e.wide(e.recording.p.tumour.macro_diameter)),
    Expected("foci_on_section", "focus", "foci on a histological section, expected (assay.*: its area, thickness, least focus)",
             _foci),
    Expected("surface_nodules", "nodule", "nodules at the surface of the organ, expected (assay.*: surface, least nodule)",
             _nodules),
    Expected("bioluminescence", "cell", "tumour cells of the organ, expected; 0 below assay.limit_light", _light),
    Expected("liver_weight", "mg", "of the organ with its metastases, expected", _weight),
    Expected("tumour_cells_per_field", "cell", "tumour cells cut in a field of a histological section, expected (assay.field_area)",
             _per_field),
    Expected("tumour_cells_per_gram", "cell/g", "tumour cells per weight of the organ, expected", _per_gram),
)  # fmt: skip
EXPECTED_BY_NAME = {one.name: one for one in EXPECTED}
KNOWN: dict[str, Readout | Expected] = {**BY_NAME, **EXPECTED_BY_NAME}  # whatever can be asked for
