"""All that changes in a run: fields, populations, blood, primary tumour, blocks, counters and the clock."""

from __future__ import annotations

import copy
import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.columns import Identities, Population
from niche_sim.engine.kernels.neighbourhood import add_up
from niche_sim.model.anatomy import Section
from niche_sim.model.catalogue import CARGO, EXOSOME_SOURCES, Blocked, Boosted, Cargo, Drugs, Loss
from niche_sim.model.cells import (
    BoneMarrowDerivedCells,
    EpithelialCells,
    Exosome,
    Exosomes,
    Fibroblasts,
    KupfferCells,
    NaturalKillerCells,
    ResidentRecipientCells,
    StellateCells,
    TCells,
    TumourCell,
    TumourCells,
)

Field = NDArray[np.float64]
ONE = np.ones(1)
P = TypeVar("P", bound=Population)


def of_tissue(unit: str, meaning: str, rest: float = 0.0) -> Any:
    """A field of the tissue: its unit, its meaning, and what it is in a naive organ."""
    return field(metadata={"unit": unit, "meaning": meaning, "rest": rest})


def entry(start: Any, meaning: str) -> Any:
    """A field of a compartment: what it starts at, and its unit or meaning."""
    return field(default=start, metadata={"meaning": meaning})


@dataclass
class Blood:
    """The well-mixed compartment: organ-scale signals, and plasma exosomes as means over the step.

    plasma: vesicles of each source in this section's share of the blood, mean over the last step. exposure: for each
    cargo, what blood has brought to cells other than recipient cells and still acts, in usual doses.
    """

    ccl2: float = entry(0.0, "nM")
    exosomes: float = entry(0.0, "vesicles, sum of plasma")
    plasma: list[float] = field(default_factory=lambda: [0.0] * len(EXOSOME_SOURCES))
    exposure: list[float] = field(default_factory=lambda: [0.0] * len(CARGO))
    s100a8: float = entry(0.0, "0 to 1, as are the next three")
    il6: float = 0.0
    saa: float = 0.0
    tnf: float = 0.0
    peptides: float = entry(0.0, "of cross-linked collagen, 0 to 1")
    spared: float = entry(0.0, "share of the effect of miR-122 on the organ's glucose uptake, 0 to 1")
    mif: float = entry(0.0, "vesicles/um3 that a sample shows")
    marker: float = entry(0.0, "vesicles/um3 that a sample shows")

    def exposed(self, cargo: Cargo) -> float:
        """Exposure to one cargo, in usual doses."""
        return self.exposure[CARGO.index(cargo)]


@dataclass
class Marrow:
    """The bone marrow: how much exosomal MET has educated it, 0 to 1."""

    educated: float = 0.0


@dataclass
class LymphNode:
    """The draining lymph node: naive precursors left, 0 to 1, and effectors it sends, against resident T cells."""

    precursors: float = 1.0
    effectors: float = 0.0


@dataclass
class PrimaryTumour:
    """A primary tumour elsewhere in the mouse; `cells` is 0 before it starts and after resection."""

    cells: float = 0.0
    line: str = ""
    started: float = entry(np.nan, "h")
    start_cells: float = 0.0
    doubling: float = entry(np.nan, "h, at the start")
    capacity: float = entry(np.inf, "cells; infinite means exponential growth")
    sheds_cells: bool = False
    event: str = entry("", "names it in birth keys")


@dataclass
class Counters:
    """Books in whole vesicles and cells since the start, each cause on its own line."""

    exosomes_released: int = 0
    exosomes_taken_up: int = 0
    exosomes_degraded: int = 0
    exosomes_cleared: int = 0
    tumour_entered: int = 0
    tumour_passed: int = 0
    tumour_arrived: int = 0
    tumour_extravasated: int = 0
    tumour_started: int = 0
    tumour_born: int = 0
    tumour_left_slab: int = 0
    tumour_detached: int = 0
    tumour_killed_by_kupffer: int = 0
    tumour_killed_by_nk: int = 0
    tumour_killed_by_t: int = 0
    tumour_killed_by_patrolling: int = 0
    tumour_killed_by_drug: int = 0
    tumour_died_hypoxic: int = 0
    tumour_died_dormant: int = 0
    tumour_died_cycling: int = 0


COMPARTMENTS: dict[str, Any] = {
    "blood": Blood,
    "marrow": Marrow,
    "lymph_node": LymphNode,
    "primary": PrimaryTumour,
    "blocked": Blocked,
    "boosted": Boosted,
    "drugs": Drugs,
    "counters": Counters,
}
EVENT_COLUMNS: dict[str, Any] = {
    "time_h": np.float64,
    "kind": np.dtype("U24"),
    "cause": np.dtype("U24"),
    "y_um": np.float64,
    "x_um": np.float64,
    "clone": np.uint64,
}


class Events:
    """What happened to single cells, in order: arrivals, losses, starts, colonies."""

    def __init__(self) -> None:
        self.parts: list[dict[str, NDArray[Any]]] = []

    def note(self, time: float, kind: str, cause: str, y: Any, x: Any, clone: Any) -> None:
        """Write down n events of one kind: positions y, x (um) and clone keys, each of length n."""
        n = len(y)
        if n:
            values = {"time_h": np.full(n, time), "kind": np.full(n, kind), "cause": np.full(n, cause)}
            values |= {"y_um": np.array(y), "x_um": np.array(x), "clone": np.array(clone)}
            self.parts.append({name: values[name].astype(kind) for name, kind in EVENT_COLUMNS.items()})

    def table(self) -> dict[str, NDArray[Any]]:
        """All events as columns of one length; joins the parts."""
        if len(self.parts) != 1:
            empty = {name: np.empty(0, kind) for name, kind in EVENT_COLUMNS.items()}
            self.parts = [{name: np.concatenate([p[name] for p in [empty, *self.parts]]) for name in EVENT_COLUMNS}]
        return self.parts[0]


@dataclass
class Tracers:
    """Tumour cells that sense the niche and their own clone, and that nothing senses: so many times the dose that arrives.

    oversample: how many times; each counts as one over it. shown: whether a clone that reaches the size of a colony becomes a
    real one (it is only counted and taken out else). colonies: clones that have reached that size.
    """

    cells: TumourCells
    oversample: float
    shown: bool
    counters: Counters = field(default_factory=Counters)
    colonies: set[int] = field(default_factory=set)

    @classmethod
    def none(cls, oversample: float, shown: bool) -> Tracers:
        """Before any arrive."""
        return cls(TumourCells(TumourCell, Identities()), oversample, shown)


class Rows(Generic[P]):
    """All cells of one kind as an attribute of the state: `state.kupffer_cells`."""

    def __init__(self, kind: type[P]) -> None:
        self.kind = kind

    @overload
    def __get__(self, state: None, owner: type) -> Rows[P]: ...
    @overload
    def __get__(self, state: State, owner: type) -> P: ...

    def __get__(self, state: State | None, owner: type) -> Rows[P] | P:
        if state is None:
            return self
        rows: P = state.populations[self.kind.population]  # type: ignore[assignment]  # each name holds its own kind
        return rows


@dataclass
class State:
    """All that changes in a run. Fields are float64[y, x], in a block [z, y, x]; `time` is in h; `step_index` counts steps."""

    section: Section
    populations: dict[str, Population]
    tgfb: Field = of_tissue("nM", "active TGF-beta")
    fibronectin: Field = of_tissue("floor", "fibronectin, as multiples of the plasma-derived floor", rest=1.0)
    lox: Field = of_tissue("relative", "lysyl oxidase")
    collagen: Field = of_tissue("1", "cross-linked share of collagen")
    periostin: Field = of_tissue("relative", "periostin deposited by stellate cells")
    cxcl12: Field = of_tissue("nM", "CXCL12 of stellate cells")
    hgf: Field = of_tissue("nM", "hepatocyte growth factor")
    vegf: Field = of_tissue("nM", "VEGF")
    nets: Field = of_tissue("relative", "extracellular traps of neutrophils")
    leakiness: Field = of_tissue("1", "leakiness of the vessel wall, 0 tight to 1")
    vessels: Field = of_tissue("relative", "perfused vessels, against a naive organ", rest=1.0)
    oxygen: Field = of_tissue("relative", "oxygen, against naive tissue", rest=1.0)
    nutrient: Field = of_tissue("relative", "glucose, against naive tissue", rest=1.0)
    steatosis: Field = of_tissue("1", "fat of hepatocytes, 0 to 1")
    resting_density: dict[str, Field] = field(default_factory=dict)  # relative, of each population
    blood: Blood = field(default_factory=Blood)
    marrow: Marrow = field(default_factory=Marrow)
    lymph_node: LymphNode = field(default_factory=LymphNode)
    boosted: Boosted = field(default_factory=Boosted)
    drugs: Drugs = field(default_factory=Drugs)
    primary: PrimaryTumour = field(default_factory=PrimaryTumour)
    blocked: Blocked = field(default_factory=Blocked)
    counters: Counters = field(default_factory=Counters)
    events: Events = field(default_factory=Events)
    colonies: set[int] = field(default_factory=set)  # clones that have reached the size of a colony
    time: float = 0.0
    step_index: int = 0
    tracers: Tracers | None = None
    of_tracers: bool = False  # whether the tumour cells of this state are tracers
    exosomes = Rows(Exosomes)
    kupffer_cells = Rows(KupfferCells)
    resident_recipient_cells = Rows(ResidentRecipientCells)
    stellate_cells = Rows(StellateCells)
    bmdc = Rows(BoneMarrowDerivedCells)
    fibroblasts = Rows(Fibroblasts)
    epithelial_cells = Rows(EpithelialCells)
    nk_cells = Rows(NaturalKillerCells)
    t_cells = Rows(TCells)
    tumour_cells = Rows(TumourCells)
    _cumulative: dict[str, Field] = field(default_factory=dict)
    _resting_sites: dict[str, tuple[tuple[int, int], NDArray[np.int64]]] = field(default_factory=dict)

    @classmethod
    def empty(cls, section: Section) -> State:
        """A section without cells, at the plasma floor of fibronectin, at time 0."""
        identities = Identities()
        tables = [rows.kind for rows in vars(cls).values() if isinstance(rows, Rows)]
        populations = {table.population: table(table.__bases__[0], identities) for table in tables}
        start: dict[str, Any] = {name: np.full(section.shape, float(name in ONE_AT_REST)) for name in FIELDS}
        return cls(section, populations, **start)

    @property
    def recipient_cells(self) -> KupfferCells | ResidentRecipientCells:
        """The cells of this organ that take up exosomes: Kupffer cells, or the resident recipient cells of lung and brain."""
        return self.resident_recipient_cells if len(self.resident_recipient_cells) else self.kupffer_cells

    def sites(self, population: Population) -> NDArray[np.int64]:
        """Flat site index of every cell of a population, int64[n]."""
        if not population.rests:
            return self.section.site_of(population.y, population.x, population.z)
        mark = (len(population), population.removals)  # resting cells: their sites change only with their rows
        known = self._resting_sites.get(population.name)
        if known is None or known[0] != mark:
            known = self._resting_sites[population.name] = (mark, self.section.site_of(population.y, population.x, population.z))
        return known[1]

    def place(self, name: str, uniforms: Field) -> dict[str, Field]:
        """Positions as columns of cells, um, where a population lives at rest; uniforms: float64[n, 3]."""
        if name not in self._cumulative:
            self._cumulative[name] = np.cumsum(self.resting_density[name])
        return self.section.place(uniforms, self._cumulative[name])

    def at(self, values: Field, population: Population) -> NDArray[np.float64]:
        """A field's value where each cell of a population is, float64[n]."""
        return values.ravel()[self.sites(population)]

    def mapped(self, population: Population, weights: Any = None) -> Field:
        """Cells (or a weight of each) per site, float64 of the section's shape."""
        amount = ONE if weights is None else np.asarray(weights, np.float64)
        mapped: Field = add_up(self.sites(population), amount, self.section.zone.size).reshape(self.section.shape)
        return mapped

    def mapped_living_tumour(self) -> Field:
        """Tumour cells in the tissue (not circulating) per site, float64[y, x]."""
        return self.mapped(self.tumour_cells, self.tumour_cells.y >= 0.0)  # a circulating cell has no place

    def release_exosomes(self, vesicles: int, source: int, key: Any, parcel_size: float) -> None:
        """Put vesicles of one source (its code) into blood, in parcels; the n-th vesicle's parcel has key + n."""
        size = max(1, int(parcel_size))
        first = np.arange(0, vesicles, size)
        self.exosomes.add(
            len(first),
            key=np.uint64(key) + first.astype(np.uint64),
            vesicles=np.minimum(size, vesicles - first),
            source=source,
            place=Exosome.place.code("blood"),
            z=np.nan,
            y=np.nan,
            x=np.nan,
        )
        self.counters.exosomes_released += vesicles

    def enter_tumour_cells(self, n: int, line: int, keys: Any) -> None:
        """Put n tumour cells of one line (its code) into the blood that enters the section; keys: uint64[n]."""
        circulating = TumourCell.state.code("circulating")
        self.tumour_cells.add(n, key=keys, clone=keys, line=line, state=circulating, z=np.nan, y=np.nan, x=np.nan)
        self.counters.tumour_entered += n

    def seen_by_tracers(self) -> State:
        """The same state with tracers in the place of tumour cells, their books and their colonies. Fields are shared."""
        assert self.tracers is not None
        tracers, seen = self.tracers, copy.copy(self)
        seen.populations = {**self.populations, "tumour_cells": tracers.cells}
        seen.counters, seen.colonies, seen.events = tracers.counters, tracers.colonies, Events()
        seen.of_tracers = True
        return seen

    def lose_tumour_cells(self, rows: NDArray[np.int64], loss: Loss) -> None:
        """Take tumour cells (rows) out, count them, and note an event where one was the last of its clone."""
        if len(rows) == 0:
            return
        cells = self.tumour_cells
        setattr(self.counters, loss.counter, getattr(self.counters, loss.counter) + len(rows))
        alone = rows[cells.clone_size[rows] <= 1]
        self.events.note(self.time, "lost", loss.cause, cells.y[alone], cells.x[alone], cells.clone[alone])
        cells.remove(rows)

    def freeze(self) -> dict[str, NDArray[Any]]:
        """Everything but the section and the resting densities, as arrays: what `thaw` needs to go on bit for bit."""
        arrays = {f"field_{name}": getattr(self, name) for name in FIELDS}
        for name, population in self.populations.items():
            for column, values in population.columns.items():
                arrays[f"rows_{name}_{column}"] = values[: len(population)]
        arrays |= {f"event_{name}": values for name, values in self.events.table().items()}
        arrays["colonies"] = np.array(sorted(self.colonies), np.uint64)
        compartments = {name: dataclasses.asdict(getattr(self, name)) for name in COMPARTMENTS}
        clock = {"time": self.time.hex(), "step_index": self.step_index, "next_id": self.exosomes.identities.next}
        if (tracers := self.tracers) is not None:
            for column, values in tracers.cells.columns.items():
                arrays[f"tracer_{column}"] = values[: len(tracers.cells)]
            arrays["tracers_colonies"] = np.array(sorted(tracers.colonies), np.uint64)
            compartments["tracers"] = {
                "oversample": tracers.oversample, "shown": tracers.shown, "next_id": tracers.cells.identities.next,
                "counters": dataclasses.asdict(tracers.counters),
            }  # fmt: skip
        arrays["compartments"] = np.array(json.dumps({"clock": clock, **compartments}))
        return arrays

    def thaw(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `freeze` gave, on the same section."""
        for name in FIELDS:
            setattr(self, name, np.array(arrays[f"field_{name}"]))
        for name, population in self.populations.items():
            population.remove(slice(None))
            prefix = f"rows_{name}_"
            rows = {key.removeprefix(prefix): np.array(v) for key, v in arrays.items() if key.startswith(prefix)}
            ids, keys = rows.pop("unique_id"), rows.pop("key")
            population.add(len(ids), key=keys, **rows)
            population.columns["unique_id"][: len(ids)] = ids
        self.events.parts = [{name: np.array(arrays[f"event_{name}"]) for name in EVENT_COLUMNS}]
        self.colonies = {int(key) for key in arrays["colonies"]}
        compartments = json.loads(str(arrays["compartments"]))
        for name, kind in COMPARTMENTS.items():
            setattr(self, name, kind(**compartments[name]))
        self.time, self.step_index = float.fromhex(compartments["clock"]["time"]), compartments["clock"]["step_index"]
        self.exosomes.identities.next = compartments["clock"]["next_id"]
        self._resting_sites.clear()
        self.tracers = None
        if (told := compartments.get("tracers")) is not None:
            self.tracers = Tracers.none(told["oversample"], told["shown"])
            self.tracers.counters = Counters(**told["counters"])
            self.tracers.colonies = {int(key) for key in arrays["tracers_colonies"]}
            prefix = "tracer_"
            rows = {key.removeprefix(prefix): np.array(v) for key, v in arrays.items() if key.startswith(prefix)}
            ids, keys = rows.pop("unique_id"), rows.pop("key")
            self.tracers.cells.add(len(ids), key=keys, **rows)
            self.tracers.cells.columns["unique_id"][: len(ids)] = ids
            self.tracers.cells.identities.next = told["next_id"]


# What can be a field -> its unit and meaning; those of 1, not 0, in a naive organ.
FIELDS = {entry.name: (entry.metadata["unit"], entry.metadata["meaning"])
          for entry in dataclasses.fields(State) if "rest" in entry.metadata}  # fmt: skip
ONE_AT_REST = tuple(entry.name for entry in dataclasses.fields(State) if entry.metadata.get("rest"))
