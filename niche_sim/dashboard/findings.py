"""What was published of an arm, beside what the model shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from niche_sim.dashboard.comparison import SMALLEST
from niche_sim.dashboard.view import View
from niche_sim.description import evidence
from niche_sim.experiment import scenario
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.targets import Target
from niche_sim.figures.charts import title_of
from niche_sim.figures.labels import arm_words, day_words
from niche_sim.model.readouts import BY_NAME

# What is expected of a mouse -> what is counted in it.
COUNTED = {"expected_colonies": "colonies", "expected_metastases_per_liver": "metastases_per_liver"}


def of_arm(experiment: Scenario, arm: str) -> list[Target]:
    """What was published of an arm, or of another against it; the headline first."""
    found = [target for target in experiment.targets if arm in (target.arm, target.against)]
    return sorted(found, key=lambda target: not target.headline)


def published(target: Target) -> str:
    """What a target says, with its paper."""
    return f"{evidence.published(target, title_of)} ({citation(target.source)})"


def citation(key: str) -> str:
    """A paper in short, author and year; its key if the library does not know it."""
    return _sources().get(key, key).partition(",")[0]


def headline(scenario_id: str) -> str:
    """The finding of a scenario of the library that a summary shows; empty if it has none."""
    targets = _library(scenario_id).targets
    return published(min(targets, key=lambda target: not target.headline)) if targets else ""


def shown(view: View, target: Target) -> str:
    """The same of the mouse that runs, and of the one beside it; what is to be done if it cannot be told yet."""
    readout = COUNTED.get(target.readout, target.readout)
    if readout not in BY_NAME or target.against_readout is not None or target.above is not None:
        return ""
    arm = view.setup.arm_name()
    tables = {arm: view.table}
    if view.rival is not None and view.rival_table is not None and view.branched is None:
        tables[view.rival.arm_name()] = view.rival_table
    told, counted = [], " counted" if target.readout in COUNTED else ""
    for name in dict.fromkeys((target.arm, target.against or target.arm)):
        if name in tables and len(tables[name].get("time_h", ())) and tables[name]["time_h"][-1] >= target.at - SMALLEST:
            told.append(f"{number(at(tables[name], readout, target.at))}{counted} in {arm_words(name)}")
    if arm in (target.arm, target.against) and not told:
        return f"This mouse: {day_words(target.at)} is not reached yet."
    return f"This mouse: {', '.join(told)}." if told else ""


def at(table: Mapping[str, NDArray[np.float64]], readout: str, time: float) -> float:
    """A readout in the last row up to a time (h)."""
    row = max(0, int(np.searchsorted(table["time_h"], time + SMALLEST, side="right")) - 1)
    return float(table[readout][row])


def number(value: float) -> str:
    """A number as a table shows it: no powers of ten, three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 1000.0 or value == int(value) else f"{value:.3g}"


@cache
def _sources() -> dict[str, str]:
    return scenario.sources()


@cache
def _library(scenario_id: str) -> Scenario:
    return scenario.load(scenario_id)
