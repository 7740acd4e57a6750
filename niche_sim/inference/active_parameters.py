"""Which numbers of the register a scenario reads at all: only they can matter to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.experiment.defaults import DEFAULT_SEED
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.setup import setup
from niche_sim.experiment.simulation import Simulation
from niche_sim.model.catalogue import TUMOUR_LINES
from niche_sim.model.initial_state import between_subject_variability, naive_liver, section_of
from niche_sim.model.parameters import rows

# Large enough for a lobule and its vessels; what is read hangs on what happens, hardly on how much of it there is.
SECTION = {"section.width": "600 um", "section.height": "700 um"}
WIDE = 10.0  # a range whose ends differ by more is gone through on a log scale


def numbers_read(
    experiment: Scenario, arms: Iterable[str], overrides: Mapping[str, str] | None = None, without: Iterable[str] = ()
) -> set[str]:
    """Names of the numbers that the naive organ, the mouse, the interventions, the rules or the readouts of the arms read.

    One mouse of each arm is run to its end on a small section. Raises InputError as `Simulation` does.
    """
    seen: set[str] = set()
    for arm in arms:
        model = Simulation(setup(experiment, {**(overrides or {}), **SECTION}, without), arm, rng=DEFAULT_SEED)
        watched: Any = Reading(model.parameters, seen)
        width, height, spacing, depth = model.experiment.section
        naive_liver(section_of(width, height, spacing, watched, depth), watched, Chance(DEFAULT_SEED))
        seen |= {name for name in rows() if name.startswith("mouse.")}  # all of them are read when a mouse is made
        model.mouse = Reading(between_subject_variability(model.parameters, model.chance), seen)  # type: ignore[assignment]
        model.run_to_end()
    return seen & set(rows())


def assumed_ranges(names: Iterable[str]) -> dict[str, str]:
    """Of these numbers, those that are assumed and have a range: name -> "register" or, where it is wide, "register log"."""
    wanted = set(names)
    return {
        name: scale_of(name)
        for name, row in rows().items()
        if name in wanted and row.kind == "assumed" and row.low < row.high
    }


def scale_of(name: str) -> str:
    """How the register's range of a number is gone through: "register", or "register log" where it is wide."""
    row = rows()[name]
    return "register log" if row.low > 0.0 and row.high / row.low > WIDE else "register"


class Reading:
    """Stands in for the register or a group of it, and notes which rows are read."""

    def __init__(self, held: Any, seen: set[str], group: str = "") -> None:
        self.__dict__.update(held=held, seen=seen, group=group)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.held, name)
        if name == "place" or name.startswith("__"):
            return value
        if name == "_table":
            return lambda number, groups: np.array([getattr(getattr(self, group), number) for group in groups])
        if name == "organ":
            return Reading(value, self.seen, self.held.place)
        if self.group:
            self.seen.add(f"{self.group}.{name}")
            return value
        if name in ("source", "line"):
            return lambda of: Reading(value(of), self.seen, of)
        if name == "of_lines":
            return self._of_lines
        if name == "of_sources":
            return lambda cargo: type(self.held).of_sources(self, cargo)
        return Reading(value, self.seen, name)

    def _of_lines(self, number: str, lines: Any) -> Any:
        """As of the register; read of the lines that there are, not of all."""
        self.seen.update(f"{TUMOUR_LINES[code]}.{number}" for code in set(lines.tolist()))
        return self.held.of_lines(number, lines)
