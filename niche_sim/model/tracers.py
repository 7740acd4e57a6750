"""Tracers: tumour cells at many times the dose, whose clones live as if alone, so that rare colonies are seen."""

from __future__ import annotations

import functools

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State

BOOKS = {"tumour_cells", "counters", "events", "colonies"}  # all that a rule of tumour cells' fate writes


@functools.lru_cache(maxsize=256)
def follows_tumour_cells(writes: tuple[str, ...]) -> bool:
    """Whether a rule that writes this acts on tumour cells and on nothing else, so that it acts on tracers likewise."""
    written = {name.split(".")[0] for name in writes}
    return "tumour_cells" in written and written <= BOOKS


def follow(process: Process, state: State, p: Parameters, chance: Chance, dt: float) -> None:
    """Let a rule that has just acted on tumour cells act on tracers."""
    if state.tracers is not None and follows_tumour_cells(process.writes):
        process.step(state.seen_by_tracers(), p, chance, dt)


def settle(state: State) -> None:
    """Take clones that have reached the size of a colony from among the tracers; where they are shown, they become real."""
    tracers = state.tracers
    if tracers is None or not tracers.colonies:
        return
    cells = tracers.cells
    grown = np.flatnonzero(np.isin(cells.clone, np.array(sorted(tracers.colonies), np.uint64)))
    if tracers.shown and len(grown):
        columns = {name: getattr(cells, name)[grown] for name in TumourCell.declared()}
        state.tumour_cells.add(len(grown), key=cells.key[grown], **columns)
        for clone in np.unique(columns["clone"]):
            at = np.flatnonzero(columns["clone"] == clone)[:1]
            state.colonies.add(int(clone))
            cause = TumourCell.reactivated_by.decode(int(columns["reactivated_by"][at[0]]))
            state.events.note(state.time, "colony", cause, columns["y"][at], columns["x"][at], columns["clone"][at])
    cells.remove(grown)
