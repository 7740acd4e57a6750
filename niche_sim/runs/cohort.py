"""A cohort: the same mice in each of some arms. It is a plan without axes, run by the farm and kept in a store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from niche_sim.engine import given
from niche_sim.engine.errors import InputError
from niche_sim.engine.reading import reading
from niche_sim.experiment import scenario
from niche_sim.experiment.defaults import DEFAULT_SEED
from niche_sim.experiment.estimate import estimate
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.setup import setup
from niche_sim.experiment.targets import ONSET
from niche_sim.runs import farm
from niche_sim.runs.axes import Float
from niche_sim.runs.executors import Place, place_of
from niche_sim.runs.expectation.readouts import EXPECTED_BY_NAME, KNOWN
from niche_sim.runs.plan import Plan, Run
from niche_sim.runs.record import whole
from niche_sim.runs.sealed import Report
from niche_sim.runs.store import Part, Store

BAND = (10.0, 50.0, 90.0)  # percentiles that show the spread of mice
MOST_MICE = 1_000_000  # of an arm; more is a slip


@dataclass
class Cohort:
    """The mice of a plan that are there: arm -> seed -> what the run left."""

    plan: Plan
    lives: dict[str, dict[int, Part]] = field(default_factory=dict)

    @property
    def ends(self) -> float:
        """Time of the last row of any mouse, h; 0 without mice."""
        return max(
            (float(life.table["time_h"][-1]) for mice in self.lives.values() for life in mice.values()), default=0.0
        )

    def times(self) -> Float:
        """Times of the rows, h."""
        for mice in self.lives.values():
            for life in mice.values():
                return life.table["time_h"]
        return np.zeros(0)

    def curves(self, arm: str, readout: str) -> Float:
        """A readout over time, float64[mice, rows]."""
        return np.array([life.table[readout] for life in self.lives[arm].values()])

    def band(self, arm: str, readout: str) -> tuple[Float, Float, Float]:
        """The 10th, 50th and 90th percentile over mice of a readout, at each row: float64[rows] each."""
        low, middle, high = np.percentile(self.curves(arm, readout), BAND, axis=0)
        return low, middle, high

    def values(self, arm: str, readout: str, at: float, window: float | None = None) -> dict[int, float]:
        """Seed -> the readout at `at` (h), of the last row up to it, or its mean over the rows of the window before it.

        Of onset_<stage>: h, infinite if not reached by then.
        """
        found = {}
        for seed, life in self.lives[arm].items():
            if readout.startswith(ONSET):
                onset = life.onsets.get(readout.removeprefix(ONSET), math.nan)
                found[seed] = onset if onset <= at + 1e-6 else math.inf
                continue
            times = life.table["time_h"]
            last = int(np.searchsorted(times, at + 1e-6, side="right"))
            first = last - 1
            if window is not None:
                first = min(first, int(np.searchsorted(times, at - window + 1e-6, side="right")))
            found[seed] = float(life.table[readout][first:last].mean())
        return found

    @property
    def readouts(self) -> tuple[str, ...]:
        """Every readout that the mice hold."""
        tables = [life.table for mice in self.lives.values() for life in mice.values()]
        return tuple(name for name in KNOWN if any(name in table for table in tables))

    @property
    def refused(self) -> dict[str, str]:
        """Arm -> why nothing is expected of its tumour cells, where that was asked for and refused."""
        why = {arm: next((life.refused for life in mice.values()), "") for arm, mice in self.lives.items()}
        return {arm: text for arm, text in why.items() if text}

    def pairs(self, first: Mapping[int, float], second: Mapping[int, float]) -> tuple[Float, Float]:
        """Two columns of mice of the same seeds, float64[n] each."""
        seeds = [seed for seed in first if seed in second]
        return np.array([first[s] for s in seeds], float), np.array([second[s] for s in seeds], float)


def plan(
    scenario_id: str | Path | Scenario,
    arms: Iterable[str] | None = None,
    *,
    mice: int = 30,
    seed: int = DEFAULT_SEED,
    overrides: Mapping[str, str] | None = None,
    without: Iterable[str] = (),
    schedule: str | tuple[str, ...] | None = None,
    readouts: Iterable[str] = (),
) -> Plan:
    """Check which mice are wanted: seeds `seed`, `seed` + 1 ... in each of the arms (all if None).

    What is expected of tumour cells (`EXPECTED`) is computed in each mouse if one of `readouts` or of the targets asks for it.

    Raises:
        InputError: anything of it is unknown or not possible, in the scenario, its targets or the options.
    """
    known = scenario_id if isinstance(scenario_id, Scenario) else scenario.load(scenario_id, readouts=KNOWN)
    experiment = known.with_(schedule=schedule)
    names = tuple(experiment.arms) if arms is None else given.names(arms, "arms", "names of arms")
    for number, name in enumerate(names):
        experiment.arm(name, "arms")
        if name in names[:number]:
            raise InputError("arms", f"'{name}' is there twice", "each arm once")
        if any(one.show_colonies for one in experiment.arms[name].protocol.tumour_challenges):
            raise InputError("arms", f"'{name}' shows colonies of tracers", "show_colonies in single mice only, for pictures")
    if not names:
        raise InputError("arms", "none", "at least one arm")
    number, first = given.whole(mice, "mice", 1, MOST_MICE), given.whole(seed, "seed")
    base = setup(experiment, overrides, given.names(without, "without", "names of processes"))
    asked = {*readouts, *(name for one in experiment.targets for name in (one.readout, one.against_readout))}
    expected = not asked.isdisjoint(EXPECTED_BY_NAME)
    return Plan(experiment, base, names, tuple(range(first, first + number)), pictures=True, expected=expected)


def run(
    plans: Sequence[Plan],
    folder: Path,
    workers: int | None = None,
    watch: Callable[[farm.Done], None] | None = None,
    stop: Callable[[], bool] | None = None,
    report: Report | None = None,
    place: Place | None = None,
) -> list[Run]:
    """Run the mice of the plans that are not in the folder yet, the longest first; returns those that failed, and why.

    workers, place: as for `sweep`; the other arguments and what is raised as for `farm.run`. On Ctrl-C the mice at work are
    given up, and KeyboardInterrupt goes on. Several studies may run in threads and share a folder.
    """
    wanted, costs = [], {}
    for one in (run for plan in plans for run in plan.runs()):
        key = (one.scenario, one.arm, id(one.job and one.job.setup))
        if key not in costs:
            costs[key] = 0.0 if one.job is None else estimate(one.job.setup, one.arm, snapshots=False).seconds
        wanted.append((-costs[key], one.job is None or not one.job.picture, one))
    runs = [one for *_, one in sorted(wanted, key=lambda each: each[:2])]
    store = Store(folder)
    store.open()
    return farm.run(runs, len(runs), store, lambda: place_of(workers, None, place), watch, stop, report)


def gather(one: Plan, folder: Path) -> Cohort:
    """The mice of a plan that lie in the folder."""
    lives: dict[str, dict[int, Part]] = {arm: {} for arm in one.arms}
    store = Store(folder)
    for each in one.runs():
        if (life := store.read(each.name)) is not None:
            lives[each.arm][each.seed] = life
    return Cohort(one, lives)


# --- tables ----------------------------------------------------------------------------------------------------------


def write_table(rows: Sequence[Mapping[str, Any]], file: Path) -> Path:
    """Write rows of one set of columns as Parquet; what is nan becomes empty. Raises OSError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    empty = {name: pa.array([], pa.string()) for name in ("scenario", "target", "verdict")}
    with whole(file) as part:
        pq.write_table(pa.table(arrays or empty), part, write_page_checksum=True)
    return file


def read_table(file: Path) -> list[dict[str, Any]]:
    """Rows of a Parquet file. Raises InputError if it is not there or not one."""
    import pyarrow.parquet as pq

    with reading(file, "a table that niche-sim wrote"):
        rows: list[dict[str, Any]] = pq.read_table(file, page_checksum_verification=True).to_pylist()
    return rows
