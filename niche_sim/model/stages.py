"""Stages are read out, never set: the first 24 h in which a stage's marker lies above nearly all untreated mice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from niche_sim.engine.errors import InputError
from niche_sim.engine.reading import read_text, read_toml
from niche_sim.model.readouts import BY_NAME
from niche_sim.model.state import State

WINDOW = 24.0  # h
PERCENTILE = 99.0
MM2 = 1e6  # um2


@dataclass(frozen=True)
class Stage:
    """A stage of the sequence and the readout that marks it; numbers count per mm2 of section.

    story: what happens, for somebody who has never heard of it. hypothesis: whether it is the article's conjecture and so
    never what the sequence waits for. given: whether it is the experimenter, or the tumour, who brings it about.
    """

    name: str
    marker: str
    meaning: str
    story: str
    hypothesis: bool = False
    given: bool = False

    @property
    def per_area(self) -> bool:
        """Whether the marker is a number, compared per mm2 of section, and not a level."""
        return BY_NAME[self.marker].unit != "relative"

    @property
    def unit(self) -> str:
        """Unit of the marker as it is compared: a number of cells per area, a level as it is."""
        unit = BY_NAME[self.marker].unit
        return f"{unit}/mm^2" if self.per_area else unit

    def value(self, state: State, p: Any) -> float:
        """The marker now, numbers per mm2 of section."""
        value = BY_NAME[self.marker].measure(state, p)
        return value * MM2 / (state.section.area * state.section.slabs) if self.per_area else value


STAGES: tuple[Stage, ...] = (
    Stage(
        "priming",
        "kupffer_educated",
        "Kupffer cells are educated by exosomes",
        "Cells of the organ swallow vesicles that the tumour has shed, and change. In the liver these are Kupffer cells.",
    ),
    Stage(
        "licensing",
        "stellate_active",
        "stellate cells are active and lay fibronectin",
        "Educated cells call with TGF-β. Stellate cells become active and lay fibronectin, a sticky protein, around themselves.",
    ),
    Stage(
        "recruitment",
        "bmdc_arrested",
        "bone-marrow-derived cells arrest on fibronectin",
        "Cells from the bone marrow arrive with the blood and stay where fibronectin holds them. The niche is set.",
    ),
    Stage(
        "angiogenesis",
        "vessel_density",
        "vessels sprout in the niche (before tumour cells come: a hypothesis)",
        "Epithelial cells and fibroblasts may help new vessels grow before any tumour cell is there. Nobody has shown it.",
        hypothesis=True,
    ),
    Stage(
        "arrival",
        "tumour_present",
        "tumour cells are in the section",
        "Tumour cells arrest in the small vessels of the organ. Most of them die or become dormant.",
        given=True,
    ),
    Stage(
        "colonisation",
        "colonies",
        "clones have become colonies",
        "A few tumour cells leave dormancy, divide and become colonies: metastases.",
    ),
)


@dataclass(frozen=True)
class Standing:
    """Where a stage stands at one moment.

    value and threshold: the marker as it is compared, nan where there is no threshold. onset: h, None if not reached so
    far. lit: whether the marker lies above its threshold now.
    """

    stage: Stage
    value: float
    threshold: float
    onset: float | None

    @property
    def lit(self) -> bool:
        """Whether the stage has begun and its marker still lies above the threshold."""
        return self.onset is not None and self.value > self.threshold


@dataclass(frozen=True)
class Limit:
    """The stage that limits the rate of the sequence: the first that is still awaited, or else the slowest.

    took: h from the onset of the stage before it to its own; nan while it is awaited.
    """

    stage: Stage
    took: float

    @property
    def awaited(self) -> bool:
        """Whether the sequence still waits for it."""
        return math.isnan(self.took)


def limiting(standings: Sequence[Standing]) -> Limit | None:
    """The first stage that has not begun or, once all have, the one that took longest after the stage before it.

    Hypotheses are passed over; what the experimenter gives can be awaited, but is never called slow. Time 0 counts as the
    onset before the first. None where no stage has a threshold.
    """
    steps = [one for one in standings if not one.stage.hypothesis and not math.isnan(one.threshold)]
    took: dict[Stage, float] = {}
    before = 0.0
    for one in steps:
        if one.onset is None:
            return Limit(one.stage, math.nan)
        if not one.stage.given:
            took[one.stage] = one.onset - before
        before = one.onset
    slowest = max(took, key=took.__getitem__, default=None)
    return None if slowest is None else Limit(slowest, took[slowest])


@dataclass
class StageWatch:
    """Watches the markers step by step and keeps each stage's onset; it never steers.

    thresholds: per stage, in the marker's unit; a stage without one has no onset. onsets: h or None.
    """

    thresholds: Mapping[str, float]
    since: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(s.name for s in STAGES))
    onsets: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(s.name for s in STAGES))

    def look(self, state: State, p: Any) -> None:
        """Take the markers of the state as it is now."""
        for stage in STAGES:
            if self.onsets[stage.name] is not None or stage.name not in self.thresholds:
                continue
            if stage.value(state, p) <= self.thresholds[stage.name]:
                self.since[stage.name] = None
                continue
            since = self.since[stage.name]
            if since is None:
                since = self.since[stage.name] = state.time
            if state.time - since >= WINDOW - 1e-9:
                self.onsets[stage.name] = since

    def standings(self, state: State, p: Any) -> tuple[Standing, ...]:
        """Every stage as it stands now."""
        return tuple(
            Standing(stage, stage.value(state, p), self.thresholds.get(stage.name, math.nan), self.onsets[stage.name])
            for stage in STAGES
        )


def highest_day(values: np.ndarray, dt: float) -> float:
    """The highest level above which one mouse's marker stays for a whole window: max over time of the 24-h minimum.

    values: float64[steps], every dt (h). A mouse passes a threshold for 24 h if and only if this lies above it.
    """
    length = math.floor(WINDOW / dt + 1e-9) + 1
    if len(values) < length:
        return float(values.min())
    return float(np.lib.stride_tricks.sliding_window_view(values, length).min(axis=1).max())


def threshold_of(highest: np.ndarray) -> float:
    """The 99th percentile over untreated mice of their highest days, float64[mice]."""
    return float(np.percentile(highest, PERCENTILE, method="higher"))


def load_thresholds(folder: Path) -> dict[str, float]:
    """The thresholds kept beside a scenario in `thresholds.toml`; empty where there are none.

    Raises InputError if the file is not as `niche-sim thresholds` wrote it.
    """
    path = folder / "thresholds.toml"
    if not path.exists():
        return {}
    needed = "a file that `niche-sim thresholds` wrote; make it anew"
    table = read_toml(read_text(path), f"{path}").get("threshold", {})
    if not isinstance(table, Mapping):
        raise InputError(f"{path}: threshold", f"{table!r} is not a table", needed)
    thresholds = {}
    for name, entry in table.items():
        place, stage = f"{path}: threshold.{name}", next((stage for stage in STAGES if stage.name == name), None)
        if stage is None:
            raise InputError(place, "no stage is called so", f"allowed are {', '.join(stage.name for stage in STAGES)}")
        if not isinstance(entry, Mapping) or not {"marker", "unit", "value"} <= set(entry):
            raise InputError(place, "no table with marker, unit and value", needed)
        if (entry["marker"], entry["unit"]) != (stage.marker, stage.unit):
            found = f"{entry['marker']} in {entry['unit']}"
            raise InputError(place, found, f"{stage.marker} in {stage.unit}; make it anew")
        value = entry["value"]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"{place}.value", f"{value!r}", needed)
        thresholds[name] = float(value)
    return thresholds
