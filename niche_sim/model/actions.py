"""What an experimenter does to the mouse, acted on the state: injections, a primary, blockade, depletion, boosts, drugs.

The functions take an intervention as `niche_sim.experiment.protocol` reads it, by its verb, and act when its time has come.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from niche_sim.engine.chance import Chance, birth_key
from niche_sim.model.catalogue import BMDC_KINDS, EXOSOME_SOURCES, TUMOUR_LINES, Blocked, Boosted
from niche_sim.model.cells import BoneMarrowDerivedCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.state import PrimaryTumour, State, Tracers

SOON = 1e-9  # h; a time that falls on a step's end but for rounding belongs to the next step


def intervene(interventions: Iterable[Any], state: State, p: Parameters, chance: Chance, dt: float) -> None:
    """Act every intervention that falls into the coming step of dt (h), and set what is blocked or boosted during it."""
    state.blocked, state.boosted = Blocked(), Boosted()
    for intervention in interventions:
        ACTIONS[intervention.verb](intervention, state, p, chance, dt)


def _due(at: float, state: State, dt: float) -> bool:
    return state.time - SOON <= at < state.time + dt - SOON


def _part(start: float, end: float, state: State, dt: float) -> float:
    """The part of the coming step, 0 to 1, that lies within start to end (h)."""
    overlap = min(end, state.time + dt) - max(start, state.time)
    return min(1.0, overlap / dt) if overlap > SOON else 0.0


def inject_exosomes(intervention: Any, state: State, p: Parameters, chance: Chance, dt: float) -> None:
    """Put each due dose into blood: Poisson about the section's share of the vesicles."""
    for dose in intervention.doses:
        if _due(dose.at, state, dt):
            vesicles = dose.vesicles if dose.vesicles is not None else dose.amount_ug * p.exosomes.vesicles_per_ug
            key = birth_key("exosomes", dose.event)
            share = state.section.volume / p.organ.volume
            n = chance.poisson("inject_exosomes", vesicles * share, [key]).item()
            state.release_exosomes(n, EXOSOME_SOURCES.index(dose.source), key, p.exosomes.parcel_size)


def inject_tumour_cells(intervention: Any, state: State, p: Parameters, chance: Chance, dt: float) -> None:
    """Put the cells into the blood that enters the section: Poisson about its share of those that reach the organ.

    With `oversample` it is that many times as many tracers.
    """
    if _due(intervention.at, state, dt):
        key = birth_key("tumour_cells", intervention.event)
        share = state.section.volume / p.organ.volume
        times = 1.0 if intervention.oversample is None else intervention.oversample
        n = chance.poisson("inject_tumour_cells", cells_reaching(intervention, p) * share * times, [key]).item()
        if intervention.oversample is not None:
            state.tracers = state.tracers or Tracers.none(times, intervention.show_colonies)
            state = state.seen_by_tracers()
        state.enter_tumour_cells(n, TUMOUR_LINES.index(intervention.line), birth_key(key, np.arange(n)))


def cells_reaching(intervention: Any, p: Parameters) -> float:
    """How many of the injected tumour cells reach the organ."""
    return float(intervention.count * p.organ.fraction_cells)


def grow_primary(intervention: Any, state: State, p: Parameters, chance: Chance, dt: float) -> None:
    """Implant the primary."""
    if _due(intervention.start, state, dt):
        state.primary = PrimaryTumour(
            cells=intervention.cells,
            line=intervention.line,
            started=intervention.start,
            start_cells=intervention.cells,
            doubling=intervention.doubling,
            capacity=np.inf if intervention.capacity is None else intervention.capacity,
            sheds_cells=intervention.sheds_cells,
            event=intervention.event,
        )


def resect_primary(intervention: Any, state: State, p: Parameters, chance: Chance, dt: float) -> None:
    """Take the primary out; what it shed stays."""
    if _due(intervention.at, state, dt):
        state.primary = dataclasses.replace(state.primary, cells=0.0)


def block(intervention: Any, state: State, p: Parameters, chance: Chance, dt: float) -> None:
    """Block a link for the part of this step that is in the window; two blocks of one link multiply what is left."""
    efficacy = intervention.efficacy * _part(intervention.start, intervention.end, state, dt)
    left = 1.0 - getattr(state.blocked, intervention.target)
    setattr(state.blocked, intervention.target, 1.0 - left * (1.0 - efficacy))


def deplete(intervention: Any, state: State, p: Parameters, chance: Chance, dt: float) -> None:
    """Take a fraction of a population, or of a kind of it, out: once, or in a window (newcomers by the same chance).

    Whether a cell is hit hangs on its birth key and this event alone, so a window does not take more than its fraction.
    """
    window = intervention.end > intervention.start
    in_window = _part(intervention.start, intervention.end, state, dt) > 0.0
    if not (in_window if window else _due(intervention.start, state, dt)):
        return
    kind = BMDC_KINDS.get(intervention.population)
    population = state.bmdc if kind else state.populations[intervention.population]
    once = Chance(chance.seed)  # the same draw in every step
    hit = once.uniform("deplete", population.key, purpose=intervention.event) < intervention.fraction
    if kind:
        hit &= state.bmdc.kind == BoneMarrowDerivedCell.kind.code(kind)
    population.remove(hit)


def boost(intervention: Any, state: State, p: Parameters, chance: Chance, dt: float) -> None:
    """Raise one signal or entry for the part of this step that is in the window; two boosts of one target multiply."""
    factor = 1.0 + (intervention.factor - 1.0) * _part(intervention.start, intervention.end, state, dt)
    setattr(state.boosted, intervention.target, getattr(state.boosted, intervention.target) * factor)


def treat(intervention: Any, state: State, p: Parameters, chance: Chance, dt: float) -> None:
    """Add each due dose (in usual doses) to what is in the body of the drug."""
    due = sum(_due(time, state, dt) for time in intervention.times)
    setattr(state.drugs, intervention.drug, getattr(state.drugs, intervention.drug) + due * intervention.dose)


ACTIONS: dict[str, Callable[[Any, State, Parameters, Chance, float], None]] = {
    "inject_exosomes": inject_exosomes,
    "inject_tumour_cells": inject_tumour_cells,
    "grow_primary": grow_primary,
    "resect_primary": resect_primary,
    "block": block,
    "deplete": deplete,
    "boost": boost,
    "treat": treat,
}
