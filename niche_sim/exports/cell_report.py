"""What is at a place: a cell's life so far in sentences that a student understands, and the state of the site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from niche_sim.engine.columns import Population
from niche_sim.engine.errors import InputError
from niche_sim.experiment.simulation import Simulation
from niche_sim.figures.appearance import FIELD_LOOKS, KINDS, VESSELS, ZONES, Kind, LiveSight, in_liver
from niche_sim.figures.labels import clock, plain_words
from niche_sim.model.cells import (
    BoneMarrowDerivedCells,
    EpithelialCells,
    Exosome,
    Fibroblasts,
    KupfferCells,
    NaturalKillerCells,
    ResidentRecipientCells,
    StellateCells,
    TCells,
    TumourCell,
    TumourCells,
)

Row = dict[str, str]  # label, value, unit, meaning
LEFT_OUT = ("z", "y", "x", "heading", "unique_id", "key", "clone")  # the place is told by itself; the others are for machines
LABELS = {"emt": "EMT", "hits": "Damage by T cells", "host": "Holder", "activity": "Activity"}
ANSWERS = {True: "yes", False: "no"}


def at_point(
    model: Simulation, y_um: float, x_um: float, reach_um: float, unique_id: int | None = None, depth_um: float | None = None
) -> dict[str, Any]:
    """The nearest cell within reach, or that of the unique id, and the site: `title`, `sentences`, `sections`.

    A section is a `heading` and `rows` of label, value, unit and meaning, all of them text. `unique_id` and `kind` are those
    of the cell, None without one. A cell that has gone meanwhile is said to be. Raises InputError for a place outside the
    section.
    """
    section = model.state.section
    if not (0.0 <= y_um <= section.height and 0.0 <= x_um <= section.width):
        allowed = f"y from 0 to {section.height:g} um, x from 0 to {section.width:g} um"
        raise InputError("place", f"y {y_um:g} um, x {x_um:g} um", allowed)
    sight = LiveSight(model, depth=depth_um)
    found = _nearest(sight, y_um, x_um, reach_um) if unique_id is None else _by_id(sight, unique_id)
    site = _site(sight, y_um, x_um)
    if found is None:
        gone = [] if unique_id is None else [f"Cell {unique_id} is no longer in the section."]
        where = f"A place {_inside(site['where'])}."
        return {"title": site["where"], "sentences": [*gone, where], "sections": [site["section"]],
                "unique_id": None, "kind": None, "y_um": y_um, "x_um": x_um}  # fmt: skip
    kind, row = found
    cells = model.state.populations[kind.population]
    y, x = float(cells.y[row]), float(cells.x[row])
    site = _site(sight, y, x)
    about = kind.description
    sentences = [f"{about[0].upper()}{about[1:]}.", *STORIES[kind.population](model, cells, row)]
    own = {"heading": "This cell", "rows": _columns(cells, row)}
    return {"title": kind.label, "sentences": sentences, "sections": [own, site["section"]],
            "unique_id": int(cells.unique_id[row]), "kind": kind.label, "y_um": y, "x_um": x}  # fmt: skip


def _nearest(sight: LiveSight, y: float, x: float, reach: float) -> tuple[Kind, int] | None:
    """The nearest of all cells that are drawn, and of those as near the one drawn on top."""
    best, least = None, np.inf
    for kind in KINDS:
        py, px = sight.places(kind.population)
        if not len(py):
            continue
        rows = np.flatnonzero(kind.chosen(sight))
        if not len(rows):
            continue
        distance = np.hypot(py[rows] - y, px[rows] - x)
        nearest = int(distance.argmin())
        if distance[nearest] <= min(least, reach):
            best, least = (kind, int(_of_all(sight, kind)[rows[nearest]])), float(distance[nearest])
    return best


def _by_id(sight: LiveSight, unique_id: int) -> tuple[Kind, int] | None:
    for kind in KINDS:
        row = sight.model.state.populations[kind.population].find_one(unique_id, 0)
        if row >= 0 and row in _of_all(sight, kind)[kind.chosen(sight)]:
            return kind, row
    return None


def _of_all(sight: LiveSight, kind: Kind) -> Any:
    """The rows that are seen, as numbers of all rows of the population."""
    return np.arange(len(sight.model.state.populations[kind.population]))[sight.rows(kind.population)]


# ---- the site -------------------------------------------------------------------------------------------------------


def _site(sight: LiveSight, y: float, x: float) -> dict[str, Any]:
    state = sight.model.state
    section, liver = state.section, in_liver(sight)
    site = int(section.site_of(np.array(y), np.array(x), np.array(sight.depth or 0.0)))
    zone = float(section.zone.ravel()[site])
    in_vessel = bool(section.lumen.ravel()[site])
    where = VESSELS[liver][int(zone > 0.5)] if in_vessel else ZONES[liver][min(int(3.0 * zone), 2)]
    rows = [_row("Place", f"{y:.0f} µm from the top, {x:.0f} µm from the left", "", "where it lies in the section"),
            _row("Zone", where, "", "where in the lobule it lies, by the way of the blood")]  # fmt: skip
    for name, look in FIELD_LOOKS.items():
        value = float(getattr(state, name).ravel()[site])
        at_rest = f"; {look.rest:g} at rest"
        rows.append(_row(look.label, _number(value), look.unit, f"at this site{at_rest}"))
    return {"where": where, "section": {"heading": "This site", "rows": rows}}


def _inside(where: str) -> str:
    """The name of a zone or vessel with what it takes within a sentence."""
    words = where[0].lower() + where[1:]
    if words.startswith(("near", "between")):
        return words
    vessel = any(where in names for names in VESSELS.values())
    return f"inside {'an' if words[0] in 'aeiou' else 'a'} {words}" if vessel else f"in the {words}"


# ---- numbers --------------------------------------------------------------------------------------------------------


def _columns(cells: Population, row: int) -> list[Row]:
    """All that the cell carries, each with the unit and the meaning that its class declares."""
    rows = [_row("Number", f"{int(cells.unique_id[row])}", "", "names this cell for as long as it lives")]
    for name, column in cells.cell_type.declared().items():
        if name in LEFT_OUT:
            continue
        value = column.decode(getattr(cells, name)[row].item())
        label = LABELS.get(name, name.replace("_", " ").capitalize())
        if isinstance(value, bool):
            rows.append(_row(label, ANSWERS[value], "", column.meaning))
        elif isinstance(value, str):
            rows.append(_row(label, plain_words(value).replace("_", " "), "", column.meaning))
        elif column.unit == "h":
            rows.append(_row(label, "none" if np.isnan(value) else clock(value), "", column.meaning))
        else:
            text = f"{value:,}" if isinstance(value, int) else _number(value)
            rows.append(_row(label, text, _unit(column.unit, value), column.meaning))
    return rows


def _row(label: str, value: str, unit: str, meaning: str) -> Row:
    return {"label": label, "value": value, "unit": unit, "meaning": meaning}


def _unit(unit: str, number: float) -> str:
    written = unit.replace("um^3", "µm³")
    return written if number == 1 or "/" in unit or not unit else f"{written}s"


def _number(value: float) -> str:
    """Three digits, without powers of ten where a student would stumble over them."""
    if value == 0.0:
        return "0"
    if abs(value) < 1e-4:
        return "less than 0.0001" if value > 0 else "almost 0"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _on(time: float) -> str:
    """A moment within a sentence."""
    return f"on {clock(time)[0].lower()}{clock(time)[1:]}"


# ---- stories --------------------------------------------------------------------------------------------------------


def _of_recipient_cell(model: Simulation, cells: KupfferCells | ResidentRecipientCells, row: int) -> list[str]:
    told = []
    educated_at = float(cells.educated_at[row])
    if not np.isnan(educated_at):
        educated = type(cells).state.decode(int(cells.state[row])) != "naive"
        told.append(f"{'Educated' if educated else 'It was educated'} by exosomes {_on(educated_at)}"
                    f"{'' if educated else ', and has forgotten it'}.")  # fmt: skip
    elif not cells.responder[row]:
        told.append("It is one of those that take up no particles.")
    load = int(cells.load[row])
    if load:
        sources = _sources(model, int(cells.unique_id[row]))
        told.append(f"Holds {load:,} {'vesicle' if load == 1 else 'vesicles'}{sources}.")
    return told


def _sources(model: Simulation, host: int) -> str:
    """Whose vesicles a cell holds, the most first."""
    parcels = model.state.exosomes
    held = parcels.host == host
    amounts = np.bincount(parcels.source[held], parcels.vesicles[held], len(Exosome.source.names)).astype(np.int64)
    order = [code for code in np.argsort(-amounts, kind="stable") if amounts[code]]
    if not order:
        return ""
    names = [f"{amounts[code]:,} of {plain_words(Exosome.source.names[code])}" for code in order]
    return f", all of {plain_words(Exosome.source.names[order[0]])}" if len(order) == 1 else f": {', '.join(names)}"


def _of_stellate(model: Simulation, cells: StellateCells, row: int) -> list[str]:
    active_at = float(cells.active_at[row])
    active = not np.isnan(active_at)
    share = f"{float(cells.activation[row]):.0%}"
    told = [f"TGF-β activated it {_on(active_at)}, and it has been active since." if active else f"Activated to {share}, "
            "which is too little to count."]  # fmt: skip
    if active and cells.granulin[row] > 0.05:
        told.append("Granulin of macrophages nearby makes it lay periostin, too.")
    return told


def _of_bmdc(model: Simulation, cells: BoneMarrowDerivedCells, row: int) -> list[str]:
    told = _entered(cells, row)
    if cells.arrested[row]:
        fibronectin = float(model.state.at(model.state.fibronectin, cells)[row])
        told.append(f"It has stopped on fibronectin, of which there is {_number(fibronectin)} times as much here "
                    f"as in a naive organ.")  # fmt: skip
    return told


def _of_entered(model: Simulation, cells: EpithelialCells, row: int) -> list[str]:
    return _entered(cells, row)


def _entered(cells: BoneMarrowDerivedCells | EpithelialCells, row: int) -> list[str]:
    entered_at = float(cells.entered_at[row])
    return [] if np.isnan(entered_at) else [f"Came with the blood {_on(entered_at)}."]


def _of_fibroblast(model: Simulation, cells: Fibroblasts, row: int) -> list[str]:
    share = float(cells.activation[row])
    return ["At rest."] if share < 0.01 else [f"It is activated to {share:.0%} and secretes growth factors."]


def _of_nk(model: Simulation, cells: NaturalKillerCells, row: int) -> list[str]:
    activity = float(cells.activity[row])
    if activity > 1.05:
        return [f"It kills {_number(activity)} times as readily as in a naive organ."]
    return ["It kills as readily as in a naive organ." if activity > 0.95
            else f"The surroundings hold it back: it kills at {activity:.0%} of what it does in a naive organ."]  # fmt: skip


def _of_t(model: Simulation, cells: TCells, row: int) -> list[str]:
    told = ["Primed against the tumour in the lymph node." if cells.effector[row] else "Not primed against the tumour."]
    if cells.exhaustion[row] > 0.05:
        told.append(f"Exhausted to {float(cells.exhaustion[row]):.0%}.")
    return told


_REACTIVATED = {
    "nobody": "Nothing has reactivated it so far.",
    "arrival": "It began to grow on arrival, without help of a niche.",
    "niche": "The niche woke it.",
}


def _of_tumour(model: Simulation, cells: TumourCells, row: int) -> list[str]:
    line = plain_words(TumourCell.line.decode(int(cells.line[row])))
    told = [f"Of the line {line}."]
    if not np.isnan(cells.arrived_at[row]):
        told.append(f"The founder of its clone arrested here {_on(float(cells.arrived_at[row]))}.")
    told.append(_REACTIVATED[TumourCell.reactivated_by.decode(int(cells.reactivated_by[row]))])
    clone = int(cells.clone_size[row])
    if clone > 1:
        colony = clone >= model.parameters.tumour.colony_cells
        told.append(f"Its clone counts {clone:,} living cells{', a colony' if colony else ''}.")
    elif clone == 1:
        told.append("It is alone: the only living cell of its clone.")
    if cells.coopting[row]:
        told.append("Its clone grows along the vessels that are there.")
    if cells.hits[row] > 0.05:
        told.append("T cells have damaged it.")
    if cells.resistance[row] > 0.05:
        told.append(f"It withstands {float(cells.resistance[row]):.0%} of a drug's effect.")
    return told


STORIES: dict[str, Callable[[Simulation, Any, int], list[str]]] = {
    "kupffer_cells": _of_recipient_cell,
    "resident_recipient_cells": _of_recipient_cell,
    "stellate_cells": _of_stellate,
    "bmdc": _of_bmdc,
    "fibroblasts": _of_fibroblast,
    "epithelial_cells": _of_entered,
    "nk_cells": _of_nk,
    "t_cells": _of_t,
    "tumour_cells": _of_tumour,
}
