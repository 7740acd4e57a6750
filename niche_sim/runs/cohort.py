"""Many mice of many arms at once: each mouse a file named by all that decides it, so that an interrupted study goes on."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine import given
from niche_sim.engine.errors import InputError
from niche_sim.engine.reading import reading
from niche_sim.experiment import scenario
from niche_sim.experiment.estimate import Estimate, estimate
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.targets import ONSET
from niche_sim.mesa_model.model import NicheModel, setup
from niche_sim.model.catalogue import DEFAULT_SEED
from niche_sim.model.readouts import BY_NAME
from niche_sim.runs.identity import name_of_arm
from niche_sim.runs.record import let_go, onsets_of, table_of, whole
from niche_sim.runs.sealed import Damaged, Report, checked, npz, read_npz, report_damaged
from niche_sim.runs.workers import Lost, local, work

Float = NDArray[np.float64]

PICTURE_PIXELS = 100  # along the longer side of a kept picture of a section
PICTURE_FIELD = "fibronectin"
BAND = (10.0, 50.0, 90.0)  # percentiles that show the spread of mice
MOST_MICE = 1_000_000  # of an arm; more is a slip


@dataclass(frozen=True)
class Plan:
    """Which mice of one scenario to run: every seed in every arm. Make it with `plan`, which checks it."""

    experiment: Scenario
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    overrides: tuple[tuple[str, str], ...]
    without: tuple[str, ...]
    keys: Mapping[str, str]  # arm -> hash of all that decides its mice but the seed
    stages: tuple[str, ...] = ()  # those with a threshold, whose onsets can be told

    @property
    def reference(self) -> str:
        """The arm that the others are compared with: the first."""
        return self.arms[0]

    def file(self, folder: Path, arm: str, seed: int) -> Path:
        """Where a mouse is kept: in one file for all arms in which the same is done, by the name of the first."""
        first = next(name for name in self.arms if self.keys[name] == self.keys[arm])
        return folder / self.experiment.id / f"{first}-{seed}-{self.keys[arm]}.npz"


class Picture(NamedTuple):
    """A section at the end of a run, for a small image of it. fibronectin: float32[y, x]; tumour: um, float32[cell, yx]."""

    fibronectin: NDArray[np.float32]
    tumour: NDArray[np.float32]
    height: float  # um
    width: float  # um


@dataclass(frozen=True)
class Life:
    """One mouse: readouts at each record time, onsets (h, nan if not reached), counters, and for some a picture."""

    table: dict[str, Float]
    onsets: dict[str, float]
    counters: dict[str, float]
    seconds: float
    picture: Picture | None


class Failure(NamedTuple):
    """A mouse that could not be run, and why, in one line."""

    scenario: str
    arm: str
    seed: int
    why: str


class Progress(NamedTuple):
    """How far a study is: mice done of all that were missing, and the share of the work, 0 to 1."""

    done: int
    total: int
    share: float


@dataclass
class Cohort:
    """The mice of a plan that are there: arm -> seed -> Life."""

    plan: Plan
    lives: dict[str, dict[int, Life]] = field(default_factory=dict)

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
) -> Plan:
    """Check which mice are wanted: seeds `seed`, `seed` + 1 ... in each of the arms (all if None).

    Raises:
        InputError: anything of it is unknown or not possible, in the scenario, its targets or the options.
    """
    known = scenario_id if isinstance(scenario_id, Scenario) else scenario.load(scenario_id, readouts=BY_NAME)
    experiment = known.with_(schedule=schedule)
    names = tuple(experiment.arms) if arms is None else given.names(arms, "arms", "names of arms")
    for number, name in enumerate(names):
        experiment.arm(name, "arms")
        if name in names[:number]:
            raise InputError("arms", f"'{name}' is there twice", "each arm once")
    if not names:
        raise InputError("arms", "none", "at least one arm")
    number, first = given.whole(mice, "mice", 1, MOST_MICE), given.whole(seed, "seed")
    changes = tuple(sorted((name, str(text)) for name, text in given.table(overrides, "overrides").items()))
    left_out = given.names(without, "without", "names of processes")
    made = setup(experiment, dict(changes), left_out)
    keys = {name: name_of_arm(made, name) for name in names}
    return Plan(experiment, names, tuple(range(first, first + number)), changes, left_out, keys, tuple(made.thresholds))


def run(
    plans: Sequence[Plan],
    folder: Path,
    workers: int = 1,
    watch: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
    report: Report | None = None,
) -> list[Failure]:
    """Run the mice of the plans that are not in the folder yet, the longest first; returns those that failed.

    A mouse is written when it is finished; one whose process dies twice has failed. On Ctrl-C the mice at work are given
    up, and KeyboardInterrupt goes on. watch: called when a mouse is done, and once before. stop: asked several times a
    second, in the thread that called, whether to give up the mice at work; then Stopped is raised. report: called with one
    line if kept mice were not as they were written, and so run again; None logs it. Studies in several threads do not touch
    each other's workers.
    """
    damaged: set[str] = set()
    missing: dict[Path, _Job] = {}
    for job in (job for one in plans for job in _missing(one, folder, damaged)):
        if not (job.file in missing and missing[job.file].picture):  # several arms or plans may ask for one mouse
            missing[job.file] = job
    report_damaged(damaged, folder, report)
    jobs = sorted(missing.values(), key=lambda job: -job.cost)
    for parent in {job.file.parent for job in jobs}:
        parent.mkdir(parents=True, exist_ok=True)
    failures: list[Failure] = []
    work_done, done, all_work = 0.0, 0, sum(job.cost for job in jobs) or 1.0
    if watch is not None:
        watch(Progress(0, len(jobs), 0.0))
    if not jobs:
        return failures
    with local(min(workers, len(jobs))) as place, contextlib.closing(work(iter(jobs), live, place, stop)) as results:
        for job, found in results:
            work_done, done = work_done + job.cost, done + 1
            why = found.why if isinstance(found, Lost) else found
            if why:
                failures.append(Failure(job.experiment.id, job.arm, job.seed, why))
            if watch is not None:
                watch(Progress(done, len(jobs), work_done / all_work))
    return failures


def estimates(plans: Sequence[Plan], folder: Path) -> list[tuple[Estimate, int]]:
    """What a mouse of each arm will need, and how many of it are not in the folder yet, by the names of files."""
    found = []
    for one in plans:
        made = setup(one.experiment, dict(one.overrides), one.without)
        for arm in {key: arm for arm, key in one.keys.items()}.values():  # one for all in which the same is done
            there = sum(1 for _ in (folder / one.experiment.id).glob(f"*-{one.keys[arm]}.npz"))
            if there < len(one.seeds):
                found.append((estimate(made, arm, snapshots=False), len(one.seeds) - there))
    return found


def gather(one: Plan, folder: Path) -> Cohort:
    """The mice of a plan that lie in the folder."""
    lives: dict[str, dict[int, Life]] = {arm: {} for arm in one.arms}
    for arm in one.arms:
        for seed in one.seeds:
            life = _read(one.file(folder, arm, seed))
            if life is not None:
                lives[arm][seed] = life
    return Cohort(one, lives)


# --- one mouse -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Job:
    """A mouse to run, and where to."""

    experiment: Scenario
    arm: str
    seed: int
    overrides: tuple[tuple[str, str], ...]
    without: tuple[str, ...]
    file: Path
    picture: bool
    cost: float = 0.0


def live(job: _Job) -> str:
    """Run a mouse and write it; returns "" or what went wrong, in one line."""
    try:
        began = perf_counter()
        made = setup(job.experiment, dict(job.overrides), job.without)
        model = NicheModel(made, job.arm, rng=job.seed, allow_large=True).run_to_end()
        _write(model, job, perf_counter() - began)
        let_go(model)
    except Exception as error:  # whatever it is, the other mice go on
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        return " ".join(text.split())
    return ""


def _write(model: NicheModel, job: _Job, seconds: float) -> None:
    columns, onsets = table_of(model), onsets_of(model)
    counters = {name: float(value) for name, value in dataclasses.asdict(model.state.counters).items()}
    notes = {"columns": list(columns), "onsets": onsets, "counters": counters, "seconds": seconds}
    arrays: dict[str, Any] = {"table": np.array(list(columns.values())), "notes": np.array(json.dumps(notes))}
    if job.picture:
        section, cells = model.state.section, model.state.tumour_cells
        seen = ~np.isnan(cells.y)
        arrays["picture_fibronectin"] = _coarse(getattr(model.state, PICTURE_FIELD)).astype(np.float32)
        arrays["picture_tumour"] = np.stack([cells.y[seen], cells.x[seen]], axis=1).astype(np.float32)
        arrays["picture_size"] = np.array([section.height, section.width])
    with whole(job.file) as part:
        part.write_bytes(npz(arrays, job.file.name))


def _read(file: Path) -> Life | None:
    """A mouse; None if it is not there or not as it was written."""
    try:
        arrays = read_npz(file.read_bytes(), file.name)
    except (FileNotFoundError, Damaged):
        return None
    notes = json.loads(str(arrays["notes"]))
    table = dict(zip(notes["columns"], arrays["table"], strict=True))
    picture = None
    if "picture_size" in arrays:
        height, width = arrays["picture_size"].tolist()
        picture = Picture(arrays["picture_fibronectin"], arrays["picture_tumour"], height, width)
    return Life(table, notes["onsets"], notes["counters"], notes["seconds"], picture)


def _is_whole(file: Path, damaged: set[str]) -> bool:
    """Whether a mouse is there as it was written; one that is there otherwise is noted in `damaged`."""
    try:
        checked(file.read_bytes(), file.name)
    except FileNotFoundError:
        return False
    except Damaged:
        damaged.add(file.name)
        return False
    return True


def _coarse(values: Float) -> Float:
    """A field with at most PICTURE_PIXELS along a side: means of square blocks, cut at the far edges."""
    size = math.ceil(max(values.shape) / PICTURE_PIXELS)
    rows, columns = (length // size for length in values.shape)
    return values[: rows * size, : columns * size].reshape(rows, size, columns, size).mean(axis=(1, 3))


# --- many mice -------------------------------------------------------------------------------------------------------


def _missing(one: Plan, folder: Path, damaged: set[str]) -> list[_Job]:
    """The mice of a plan that are not in the folder, or lack the picture that the first of each arm has.

    Names of files that are not as they were written are added to `damaged`.
    """
    jobs = []
    for arm in one.arms:
        cost = _cost(one, arm)
        for number, seed in enumerate(one.seeds):
            file = one.file(folder, arm, seed)
            picture = number == 0
            if _is_whole(file, damaged) and not (picture and getattr(_read(file), "picture", None) is None):
                continue
            jobs.append(_Job(one.experiment, arm, seed, one.overrides, one.without, file, picture, cost))
    return jobs


def _cost(one: Plan, arm: str) -> float:
    """Work of a mouse relative to others: sites by steps, more with tumour cells and with every dose of exosomes."""
    experiment = one.experiment
    section, actions = experiment.section, experiment.arms[arm].protocol.interventions
    verbs = [action.verb for action in actions]
    tumour = sum(verb in ("inject_tumour_cells", "grow_primary") for verb in verbs)
    return section.width * section.height * experiment.duration / experiment.step * (1.0 + tumour + 0.1 * len(verbs))


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
