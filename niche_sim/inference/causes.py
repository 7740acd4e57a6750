"""How a readout hangs on what was done: the shortest way through the rules, by what they say they read and write."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from niche_sim.experiment.setup import Setup
from niche_sim.experiment.simulation import Simulation
from niche_sim.experiment.targets import ONSET
from niche_sim.model.process import Process
from niche_sim.model.processes.shedding.primary_shedding import PrimaryShedding
from niche_sim.model.readouts import BY_NAME
from niche_sim.model.stages import STAGES
from niche_sim.model.state import COMPARTMENTS, FIELDS, State


def path_length(setup: Setup, arm: str, against: str, readouts: Iterable[str]) -> int | None:
    """The fewest rules by which a difference between two arms reaches a readout.

    0 if the readout is what is done itself, 1 if one rule leads from the one to the other. The ways are those that the
    rules of the schedule declare (`reads`, `writes`), so there may be fewer in the mouse, but not more.

    Parameters
    ----------
    setup
        Of the scenario and its schedule.
    arm, against
        Names of arms.
    readouts
        Names of readouts; the nearest counts.

    Returns
    -------
    int or None
        None if no way leads there: then the two arms cannot differ in it.
    """
    arms = setup.experiment.arms
    model = Simulation(setup, arm, rng=1)
    one, other = (set(arms[name].protocol.interventions) for name in (arm, against))
    begun = {name for intervention in one ^ other for name in touched_by(intervention, model.state.populations)}
    wanted = {name for readout in readouts for name in read_by(readout, model)}
    sheds = any(primary.sheds_cells for name in (arm, against) for primary in arms[name].protocol.primaries)
    return steps_between(model.schedule, begun, wanted, () if sheds else (PrimaryShedding.__name__,))


def steps_between(
    schedule: Sequence[Process], begun: Collection[str], wanted: Collection[str], without_cells: Collection[str] = ()
) -> int | None:
    """The fewest rules that lead from parts of the state to others; None if none do.

    without_cells: names of rules that bring no tumour cells in the two arms, though they could.
    """
    reached, steps = set(begun), 0
    while not any(_overlap(name, sought) for name in reached for sought in wanted):
        steps += 1
        written = {
            name for rule in schedule if any(_overlap(name, read) for name in reached for read in rule.reads)
            for name in rule.writes if not (name == "tumour_cells" and rule.name in without_cells)
        } - reached  # fmt: skip
        if not written:
            return None
        reached |= written
    return steps


def touched_by(intervention: Any, populations: Collection[str]) -> set[str]:
    """The parts of the state that an intervention sets."""
    of_verb = {"inject_exosomes": "exosomes", "grow_primary": "primary", "resect_primary": "primary"}
    of_verb["inject_tumour_cells"] = "tumour_cells"
    verb = intervention.verb
    if verb in of_verb:
        return {of_verb[verb]}
    if verb == "block":
        return {f"blocked.{intervention.target}"}
    if verb == "treat":
        return {f"drugs.{intervention.drug}"}
    name = intervention.population if verb == "deplete" else intervention.target
    if name in populations:
        return {name}
    return {"bmdc" if verb == "deplete" else f"boosted.{name}"}  # what is depleted and no population is a kind of bmdc


def _overlap(one: str, other: str) -> bool:
    """Whether two names mean the same part of the state, or one a part of the other."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def read_by(readout: str, model: Simulation) -> set[str]:
    """The parts of the state that a readout looks at; of the onset of a stage those of its marker, of what is expected of
    tumour cells those of their colonies."""
    marker = {f"{ONSET}{stage.name}": stage.marker for stage in STAGES}.get(readout, readout)
    marker = marker if marker in BY_NAME else "colonies"
    seen: set[str] = set()
    watched = copy.copy(model.state)
    watched.__class__ = _Watched
    watched.__dict__["_seen"] = seen
    BY_NAME[marker].measure(watched, model.mouse)
    return seen


class _Watched(State):
    """Notes which parts of it are looked at."""

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if name.startswith("_") or name in ("section", "time", "step_index"):
            return value
        seen = object.__getattribute__(self, "__dict__").get("_seen")
        if name in FIELDS:
            seen.add(name)
        elif name in COMPARTMENTS or name in object.__getattribute__(self, "populations"):
            parts = object.__getattribute__(self, "__dict__").setdefault("_parts", {})
            return parts.setdefault(name, _Part(value, name, seen))
        elif name == "colonies":
            seen.add(name)
        elif name == "tracers":  # on which the rules of tumour cells act likewise
            seen.add("tumour_cells")
        return value


class _Part:
    """Notes which columns of a population, or which values of a compartment, are looked at."""

    def __init__(self, whole: Any, name: str, seen: set[str]) -> None:
        self._whole, self._name, self._seen = whole, name, seen

    def __len__(self) -> int:
        self._seen.add(self._name)
        return len(self._whole)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._whole, name)
        columns = getattr(self._whole, "columns", None)
        if columns is None or name in columns:
            self._seen.add(f"{self._name}.{name}")
        return value
