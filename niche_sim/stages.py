"""Stages are read out, never set: the first 24 h in which a stage's marker lies above nearly all untreated mice."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from niche_sim.errors import InputError
from niche_sim.readouts import BY_NAME
from niche_sim.state import State

WINDOW = 24.0  # h
PERCENTILE = 99.0
MM2 = 1e6  # um2


@dataclass(frozen=True)
class Stage:
    """A stage of the sequence and the readout that marks it; numbers count per mm2 of section."""

    name: str
    marker: str
    meaning: str

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
        return value * MM2 / state.section.area if self.per_area else value


STAGES: tuple[Stage, ...] = (
    Stage("priming", "kupffer_taught", "Kupffer cells are taught by exosomes"),
    Stage("licensing", "stellate_active", "stellate cells are active and lay fibronectin"),
    Stage("recruitment", "bmdc_arrested", "bone-marrow-derived cells settle on fibronectin"),
    Stage("angiogenesis", "vessel_density", "vessels sprout in the niche (before tumour cells come: a hypothesis)"),
    Stage("arrival", "tumour_present", "tumour cells are in the section"),
    Stage("colonisation", "colonies", "clones have become colonies"),
)


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
    """The thresholds kept beside a scenario in `thresholds.toml`; empty where there are none."""
    path = folder / "thresholds.toml"
    if not path.exists():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(str(path), str(error), "TOML as `niche-sim thresholds` writes it") from None
    thresholds = {}
    for stage in STAGES:
        entry = table.get("threshold", {}).get(stage.name)
        if entry is None:
            continue
        if entry.get("marker") != stage.marker or entry.get("unit") != stage.unit:
            found = f"{entry.get('marker')} in {entry.get('unit')}"
            raise InputError(f"{path}: threshold.{stage.name}", found, f"{stage.marker} in {stage.unit}; make it anew")
        thresholds[stage.name] = float(entry["value"])
    return thresholds
