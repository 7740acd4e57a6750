"""Virtual sections: a plane cut out of a block, as a histologist cuts it, or a look through all of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.engine.errors import InputError
from niche_sim.engine.units import to_model
from niche_sim.experiment.scenario import parse
from niche_sim.model import parameters
from niche_sim.model.cells import POPULATIONS
from niche_sim.model.initial_state import between_subject_variability, section_of
from niche_sim.model.parameters import Parameters
from niche_sim.model.readouts import READOUTS
from niche_sim.model.state import FIELDS, State
from niche_sim.runs.record import Record

THINNEST, THICKEST = 5.0, 20.0  # um, of sections for the microscope
# What is measured in the mouse and not in a section of its liver: a virtual section shares it with its block.
ORGAN_WIDE = frozenset({
    "primary_cells", "exosomes_plasma", "s100a8", "il6", "saa", "tnf", "marrow_educated", "ccl2", "lymph_effectors", "plasma_mif",
    "plasma_marker", "drug", "toxicity", "metastases_per_liver", "tracer_colonies",
})  # fmt: skip


def is_block(provenance: Mapping[str, Any]) -> bool:
    """Whether a run was made in a block of tissue, more than one site deep."""
    return "depth_um" in provenance["anatomy"]


def plane_of(
    anatomy: Mapping[str, Any], at: float | None = None, thickness: float | None = None, whole: bool = False
) -> tuple[float, float]:
    """From where to where (um along z) a section of a block goes. Raises InputError.

    anatomy: as in a run's provenance. at: its middle, um; None: that of the block. thickness: um; None: that of a section. whole:
    through all of the block. Where nothing is said and the anatomy has a `plane_um`, that is taken.
    """
    deep = float(anatomy["depth_um"])
    if (chosen := anatomy.get("plane_um")) and at is None and thickness is None and not whole:
        return float(chosen[0]), float(chosen[1])
    if whole:
        return 0.0, deep
    thickness = min(float(anatomy["thickness_um"]), deep) if thickness is None else thickness
    if not THINNEST <= thickness <= THICKEST:
        raise InputError("thickness", f"{thickness:g} um", f"from {THINNEST:g} to {THICKEST:g} um")
    middle = deep / 2.0 if at is None else at
    if not thickness / 2.0 <= middle <= deep - thickness / 2.0:
        allowed = f"from {thickness / 2.0:g} to {deep - thickness / 2.0:g} um: the block is {deep:g} um deep"
        raise InputError("plane", f"{middle:g} um", allowed)
    return middle - thickness / 2.0, middle + thickness / 2.0


def seen_at(provenance: Mapping[str, Any], plane: str | None) -> Mapping[str, Any]:
    """The provenance of a run whose pictures show that plane: a depth such as "100 um", "whole" for all of it, None the middle.

    Raises InputError if there is no such plane, or the run is one site deep and a plane is asked for.
    """
    if not is_block(provenance):
        if plane is not None:
            raise InputError("--plane", f"{plane}, of a run that is one site deep", "a run with a section.depth above its spacing")
        return provenance
    whole = plane == "whole"
    at = None if plane is None or whole else to_model(plane, like="um", where="--plane")
    anatomy = provenance["anatomy"]
    return {**provenance, "anatomy": {**anatomy, "plane_um": list(plane_of(anatomy, at, whole=whole))}}


def cut_arrays(arrays: Mapping[str, NDArray[Any]], spacing: float, between: tuple[float, float]) -> dict[str, NDArray[Any]]:
    """The arrays of a block's snapshot as those of a section: fields averaged over it, the cells whose centre lies within.

    arrays: as `runs.record.snapshot` makes them. spacing: um. between: from where to where, um along z. Cells without a place,
    such as those in blood, stay.
    """
    low, high = (edge / spacing for edge in between)
    planes = np.arange(next(iter(arrays.values())).shape[0])
    weights = np.clip(np.minimum(planes + 1.0, high) - np.maximum(planes, low), 0.0, None)
    first, last = np.flatnonzero(weights)[[0, -1]]
    share = weights[first : last + 1] / weights.sum()
    found: dict[str, NDArray[Any]] = {
        f"field_{name}": np.tensordot(share, arrays[f"field_{name}"][first : last + 1], axes=1) for name in FIELDS
    }
    for kind in POPULATIONS:
        z = arrays[f"{kind.population}_z"]
        rows = np.flatnonzero(~((z < low) | (z >= high)))
        for column in (*kind.declared(), "unique_id", "key"):
            if column != "z":
                found[f"{kind.population}_{column}"] = arrays[f"{kind.population}_{column}"][rows]
    return found


def virtual_section(
    record: Record, at: float | None = None, thickness: float | None = None, whole: bool = False
) -> Record:
    """The record of a block as that of a section cut out of it: pictures, films and exports take it as any other.

    Its table has a row a snapshot, with the readouts of what lies in the section; those of the whole mouse are the block's, and
    what counts events since the start is not a number, since no section shows it.

    Parameters
    ----------
    record
        Of a run in a block. That of a section is given back as it is, if nothing else is asked for.
    at
        Depth of its middle, um; None: in the middle of the block.
    thickness
        um, from 5 to 20; None: that of a section of this organ.
    whole
        Look through all of the block instead.

    Raises
    ------
    InputError
        There is no such plane, or the run has none to choose.
    """
    if not is_block(record.provenance):
        if at is not None or thickness is not None or whole:
            raise InputError("plane", "a plane of a run that is one site deep", "a run with a section.depth above its spacing")
        return record
    anatomy = dict(record.provenance["anatomy"])
    between = plane_of(anatomy, at, thickness, whole)
    shots = {time: cut_arrays(shot, anatomy["spacing_um"], between) for time, shot in record.snapshots.items()}
    del anatomy["depth_um"]
    anatomy |= {"thickness_um": between[1] - between[0], "plane_um": list(between)}
    provenance = {**record.provenance, "anatomy": anatomy}
    return dataclasses.replace(record, snapshots=shots, table=_table(record, shots, provenance), provenance=provenance)


def _table(record: Record, shots: Mapping[float, Mapping[str, NDArray[Any]]], provenance: Mapping[str, Any]) -> Any:
    p = mouse_of(provenance)
    table = {"time_h": np.array(list(shots))}
    measured = [measured_in(shot, p, provenance["anatomy"]) for shot in shots.values()]
    rows = np.searchsorted(record.table["time_h"], table["time_h"] - 1e-6)
    for readout in READOUTS:
        if readout.name in ORGAN_WIDE:
            table[readout.name] = record.table[readout.name][rows]
        else:
            table[readout.name] = np.array([one.get(readout.name, np.nan) for one in measured])
    return table


def mouse_of(provenance: Mapping[str, Any]) -> Parameters:
    """The register of a run's mouse, with the rates in which it differs."""
    organ = parse(provenance["scenario_text"], "provenance", str(provenance["scenario"]), check_sources=False).organ
    resolved = parameters.resolve(provenance["parameters"], organ=organ)
    return between_subject_variability(resolved, Chance(int(provenance["seed"])))


def measured_in(arrays: Mapping[str, NDArray[Any]], p: Parameters, anatomy: Mapping[str, Any]) -> dict[str, float]:
    """The readouts of what lies in a section, from the arrays of its snapshot: all but organ-wide and cumulative ones."""
    spacing = float(anatomy["spacing_um"])
    section = section_of(float(anatomy["width_um"]), float(anatomy["height_um"]), spacing, p)
    state = State.empty(dataclasses.replace(section, thickness=float(anatomy["thickness_um"]), slab=float(anatomy["thickness_um"])))
    for name in FIELDS:
        setattr(state, name, arrays[f"field_{name}"])
    for kind in POPULATIONS:
        columns = {name: arrays[f"{kind.population}_{name}"] for name in kind.declared() if name != "z"}
        columns |= {axis: columns[axis] * spacing for axis in ("y", "x")}
        state.populations[kind.population].add(len(columns["x"]), key=arrays[f"{kind.population}_key"], **columns)
    wanted = (readout for readout in READOUTS if not readout.cumulative and readout.name not in ORGAN_WIDE)
    return {readout.name: readout.measure(state, p) for readout in wanted}
