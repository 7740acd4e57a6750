"""The fit panel: a few runs of a parameter set, and what they say to each of the bands that may be fitted to."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError
from niche_sim.engine.reading import read_text, read_toml
from niche_sim.engine.schema import Many, Table, Text, names, number, read, table
from niche_sim.experiment.interventions import InjectExosomes, InjectTumourCells
from niche_sim.experiment.protocol import Protocol
from niche_sim.experiment.scenario import library, load
from niche_sim.experiment.setup import setup
from niche_sim.experiment.targets import STRENGTHS
from niche_sim.inference.ensemble import space
from niche_sim.model.initial_state import section_of
from niche_sim.model.parameters import Parameters, resolve
from niche_sim.model.stages import STAGES, highest_day, threshold_of
from niche_sim.runs.plan import Plan, Run
from niche_sim.runs.store import Part, Store

Float = NDArray[np.float64]
DAY = 24.0  # h
MICE = 3  # of each arm, for a set; every set has mice of its own
SIDE = 1200.0  # um, of the panel's sections
DISCREPANCY = {"good": 1.25, "moderate": 1.5, "weak": 2.0, "assumed": 2.0}  # of the model against nature, as a factor
LEAST = 1e-9  # in place of 0 on a log scale


@table
class FitBand(Table):
    """A measured quantity that may be fitted to; no other data are ever read by a fit of an ensemble."""

    id: Text
    quantity: Text
    scenario: Text
    unit: Text
    value: Annotated[float, number(0.0, above=True)]
    low: Annotated[float, number(0.0, above=True)]
    high: Annotated[float, number(0.0, above=True)]
    strength: Annotated[str, names(STRENGTHS)]
    source: Text
    where: Text

    @property
    def error(self) -> float:
        """Standard deviation of the logarithm: the band is plus and minus two of it."""
        return math.log(self.high / self.low) / 4.0

    @property
    def discrepancy(self) -> float:
        """Standard deviation of the logarithm that is granted to the model, by the strength of the evidence."""
        return math.log(DISCREPANCY[self.strength])


@table
class _Bands(Table):
    """The file of fit bands."""

    band: Annotated[tuple[FitBand, ...], Many("bands", "tables [[band]]")]


@dataclass(frozen=True)
class Mice:
    """What the runs of one parameter set left: an arm of the panel -> its mice."""

    lives: Mapping[str, Sequence[Part]]
    p: Parameters
    sections: float  # in a liver

    def at(self, arm: str, readout: str, time: float) -> Float:
        """A readout at a time (h), float64[mice]."""
        return np.array([life.table[readout][life.row_at(time)] for life in self.lives[arm]])

    def onset(self, arm: str, stage: str) -> Float:
        """When the marker of a stage stays above that of this set's own untreated mice, h, infinite if never, float64[mice]."""
        marker = next(one for one in STAGES if one.name == stage).marker
        step = float(np.diff(self.lives[arm][0].table["time_h"][:2])[0])
        limit = threshold_of(np.array([highest_day(life.table[marker], step) for life in self.lives["untreated"]]))
        first = []
        for life in self.lives[arm]:
            length = math.floor(DAY / step + 1e-9) + 1
            held = np.lib.stride_tricks.sliding_window_view(life.table[marker], length).min(axis=1) > limit
            first.append(life.table["time_h"][int(np.argmax(held))] if held.any() else math.inf)
        return np.array(first)


def _injected(m: Mice, cells: float) -> float:
    """Cells of a section, of those injected."""
    return cells * m.p.organ.fraction_cells / m.sections


def _in_liver(m: Mice) -> Float:
    given = 2 * 5.0 * m.p.exosomes.vesicles_per_ug / m.sections  # two doses of 5 ug before day 4
    return m.at("educated", "exosomes_taken_up", 3.75 * DAY) / given


def _reversion(m: Mice) -> Float:
    """Half-life from the fall, three days after the last dose (day 8) and a week later, over what untreated mice have; day.

    100 if they are not fewer then, or never were many.
    """
    idle = float(m.at("untreated", "stellate_active", 10 * DAY).mean())
    early, late = (np.maximum(m.at("educated", "stellate_active", day * DAY) - idle, 0.0) for day in (11, 18))
    halved = np.log2(np.maximum(early, LEAST) / np.maximum(late, 0.5))
    found: Float = np.where((early > 1.0) & (halved > 0.07), 7.0 / np.maximum(halved, 0.07), 100.0)
    return found


# Band -> how the panel reads it.
READ: dict[str, Callable[[Mice], Float]] = {
    "arrested": lambda m: m.at("b16f1", "tumour_present", 2.0) / _injected(m, 1e7),
    "extravasated": lambda m: m.at("b16f1", "tumour_extravasated", 3 * DAY) / _injected(m, 1e7),
    "started": lambda m: m.at("b16f1", "tumour_started", 3 * DAY) / _injected(m, 1e7),
    "dormant": lambda m: m.at("b16f1", "tumour_dormant", 13 * DAY) / _injected(m, 1e7),
    "persisting": lambda m: m.at("b16f1", "expected_metastases_per_liver", 13 * DAY) / 1e7,
    "visible_foci": lambda m: m.at("pan02", "visible_metastases_per_liver", 21 * DAY),
    "retained_24h": lambda m: m.at("pan02", "tumour_present", DAY) / np.maximum(m.at("pan02", "tumour_arrived", DAY), 1.0),
    "exosomes_in_liver": _in_liver,
    "stellate_reversion": _reversion,
    "recruitment_begins": lambda m: m.onset("primary", "recruitment") / DAY,
    "licensing_begins": lambda m: m.onset("educated", "licensing") / DAY,
}
# Bands that a parameter set meets by a number that it states: the number of the register and the factor between their units, as
# the register's value was derived from the band's.
STATED = {
    "kupffer_density": ("kupffer.density", 300.0 / 1.8e4),
    "stellate_per_hepatocyte": ("stellate.density", 0.109 / 1.56e4),
    "nk_density": ("nk.density", 13.7 / 1000.0),
    "exosome_half_life": ("exosomes.half_life_blood", 1.0),
    "tgfb_half_life": ("tgfb.half_life", 1.0),
    "fibronectin_half_life": ("fibronectin.half_life", 1.0),
}
# Checked in the mice alone: a stage that never begins has no time that could be interpolated.
ONSETS = ("recruitment_begins", "licensing_begins")
# Not asked, and why.
LEFT_OUT = {"seen_day_10": "a fraction of mice, of which three a set tell nothing"}


def read_bands(file: Path | None = None) -> tuple[FitBand, ...]:
    """The bands of a file, by default the library's; only fit bands can be read.

    Raises
    ------
    InputError
        Something in it is not a fit band, such as a target of a scenario.
    """
    path = library() / "fit_bands.toml" if file is None else file
    found: _Bands = read(_Bands, read_toml(read_text(path), f"{path}"), f"{path}:")
    return found.band


@functools.cache
def fit_bands() -> tuple[FitBand, ...]:
    """The bands that the panel reads."""
    return tuple(band for band in read_bands() if band.id not in LEFT_OUT)


@functools.cache
def _plans() -> tuple[Plan, ...]:
    """A plan an arm of the panel: a naive liver with cells of two lines, an untreated one, an educated one, one with a primary."""
    educated, cells = load("liver_education_costasilva2015"), load("liver_funnel_luzzi1998")
    doses = next(one for one in educated.arms["educated"].protocol.interventions if isinstance(one, InjectExosomes))
    early = dataclasses.replace(doses, times=tuple(time for time in doses.times if time < 10 * DAY))
    primary = load("liver_day10_kcko").arms["challenged"].protocol.primaries
    arms = {
        "b16f1": (13.0, 2.0, cells.arms["naive"].protocol),
        "pan02": (21.0, 6.0, Protocol((InjectTumourCells(line="pan02", count=500_000, at=0.0),))),
        "untreated": (12.0, 6.0, Protocol()),
        "educated": (18.0, 6.0, Protocol((early,))),
        "primary": (12.0, 6.0, Protocol(tuple(dataclasses.replace(one, sheds_cells=False) for one in primary))),
    }
    made = []
    for name, (days, record, protocol) in arms.items():
        one = dataclasses.replace(educated.arms["pbs"], protocol=protocol)
        experiment = dataclasses.replace(educated, arms={name: one}, targets=())
        experiment = experiment.with_(duration=days * DAY, record=record, section=(SIDE, SIDE, educated.section.spacing))
        expected = bool(protocol.tumour_challenges)
        made.append(Plan(experiment, setup(experiment, thresholds={}), (name,), (1,), expected=expected, axes=space.axes()))
    return tuple(made)


def runs_of(point: Float, seeds: Sequence[int]) -> Iterator[Run]:
    """The runs of a parameter set, float64[numbers] in the register's units."""
    for plan in _plans():
        yield from dataclasses.replace(plan, levels=point[None, :]).runs_of(0, plan.arms, seeds)


def results_of(point: Float, seeds: Sequence[int], store: Store) -> dict[str, Float] | None:
    """Band -> what each mouse of a parameter set gives, float64[mice] or float64[1]; None if the model refused a run of it.

    Raises
    ------
    InputError
        A run is not there yet.
    """
    lives: dict[str, list[Part]] = {}
    for run in runs_of(point, seeds):
        part = None if run.job is None else store.read(run.name)
        if part is None and run.job is not None and not store.failure(run.name):
            raise InputError(f"{store.path}", f"no run {run.name}", "the same command, which goes on")
        if part is None:
            return None
        lives.setdefault(run.arm, []).append(part)
    p = resolve(space.overrides_of(dict(zip(space.names(), point, strict=True))), organ="liver")
    experiment = _plans()[0].experiment
    mice = Mice(lives, p, float(p.organ.volume / section_of(*experiment.section[:3], p, experiment.section.depth).volume))
    found = {name: read(mice) for name, read in READ.items()}
    return found | {name: stated(name, point[None, :]) for name in STATED}


def stated(band: str, points: Float) -> Float:
    """What parameter sets, float64[sets, numbers] in the register's units, state of a band themselves, float64[sets]."""
    number, factor = STATED[band]
    found: Float = points[:, space.names().index(number)] * factor
    return found
