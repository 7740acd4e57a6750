"""From the parts of a sweep to its tables: runs.parquet, series.parquet, failures.parquet."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import niche_sim
from niche_sim.engine.errors import InputError
from niche_sim.experiment.scenario_file import toml_text
from niche_sim.experiment.targets import ONSET
from niche_sim.runs import identity
from niche_sim.runs.axes import WORDS, Float
from niche_sim.runs.plan import Plan, Run
from niche_sim.runs.record import machine, whole, write_json
from niche_sim.runs.sealed import Report, report_damaged
from niche_sim.runs.store import COMPRESSION, NOTES, Part, Store, unit_of, units
from niche_sim.runs.sweeps.planning import read_plan

PLAN = "plan.toml"
RUNS, SERIES, FAILURES = "runs.parquet", "series.parquet", "failures.parquet"
ROWS_AT_ONCE = 2_000  # in memory, of a table that is written

_Column = tuple[str, Any, str]  # name, type, unit


class Count(NamedTuple):
    """How many runs of a plan are there, failed, or missing."""

    done: int
    failed: int
    missing: int

    @property
    def total(self) -> int:
        """All runs."""
        return self.done + self.failed + self.missing


@dataclass(frozen=True)
class Swept:
    """A sweep with its tables in `folder`; `count` as they were written."""

    plan: Plan
    folder: Path
    count: Count

    @property
    def runs(self) -> Any:
        """runs.parquet as a pyarrow Table: a row a run, in the order of the plan."""
        return _read(self.folder / RUNS)

    @property
    def failures(self) -> list[dict[str, Any]]:
        """failures.parquet: run_hash, point, arm, seed, what is varied, and the error, of each run that failed."""
        rows: list[dict[str, Any]] = _read(self.folder / FAILURES).to_pylist()
        return rows

    def values(self, readout: str, arm: str, at: float | None = None) -> Float:
        """A readout of all runs of an arm, float64[points, seeds], at the end or at a time (h) of the plan's `at`.

        Points are those of the design; what an axis does not touch is the same along it. nan where a run is not there,
        and for an onset that was not reached.

        Raises:
            InputError: the sweep has no such arm, readout or time.
        """
        name = readout if at is None else column_at(readout, at)
        table = self.runs
        if name not in table.column_names:
            allowed = ", ".join(column for column in table.column_names if column not in ("run_hash", "point"))
            raise InputError("readout", f"{name!r} is not in {self.folder / RUNS}", f"one of {allowed}")
        found = np.full((self.plan.points, len(self.plan.seeds)), math.nan)
        for point, seed, value in self._rows(arm, table, name):
            found[point, seed] = math.nan if value is None else value
        return found[self.plan.stands_for(arm)]

    def curves(self, readout: str, arm: str) -> tuple[Float, Float]:
        """Times (h), float64[rows], and a readout of all runs of an arm over time, float64[points, seeds, rows].

        Raises:
            InputError: no such arm or readout, or the runs have different times.
        """
        kept, times = {}, None
        for point, seed, name in self._rows(arm, self.runs, "run_hash"):
            part = Store(self.folder).read(name)
            if part is None:
                continue
            if readout not in part.table:
                raise InputError("readout", f"{readout!r}", f"one of {', '.join(part.table)}")
            if times is not None and not np.array_equal(times, part.table["time_h"]):
                raise InputError("readout", "runs of different times", "a sweep that does not vary run.*")
            times, kept[point, seed] = part.table["time_h"], part.table[readout]
        times = np.zeros(0) if times is None else times
        found = np.full((self.plan.points, len(self.plan.seeds), len(times)), math.nan)
        for place, curve in kept.items():
            found[place] = curve
        return times, found[self.plan.stands_for(arm)]

    def _rows(self, arm: str, table: Any, column: str) -> Iterator[tuple[int, int, Any]]:
        """Point, number of the seed and one value of each row of an arm."""
        if arm not in self.plan.arms:
            raise InputError("arm", f"{arm!r}", f"one of {', '.join(self.plan.arms)}")
        number = {seed: index for index, seed in enumerate(self.plan.seeds)}
        names = ("point", "arm", "seed", column)
        for point, of_arm, seed, value in zip(*(table[name].to_pylist() for name in names), strict=True):
            if of_arm == arm:
                yield point, number[seed], value


def column_at(readout: str, at: float) -> str:
    """The column of a readout at a time (h): colonies_day_21."""
    return f"{readout}_day_{at / 24.0:.10g}"


def describe(plan: Plan, folder: Path) -> None:
    """Write plan.toml and provenance.json, unless they are there. Raises OSError; InputError if a name is no Unicode."""
    text, file = toml_text(plan.content), folder / PLAN
    try:
        content = text.encode()
    except UnicodeEncodeError:
        named = ascii(plan.content["scenario"])
        raise InputError("scenario", f"{named} is no Unicode", f"a folder whose name is, for {PLAN}") from None
    if not file.is_file() or file.read_bytes() != content:
        with whole(file) as part:
            part.write_text(text, encoding="utf-8", newline="")
        write_json(provenance_of(plan), folder / "provenance.json")


def provenance_of(plan: Plan) -> dict[str, Any]:
    """What a sweep rests on: scenario and plan, code, libraries, machine."""
    experiment = plan.experiment
    scenario = {"id": experiment.id, "sha256": experiment.sha256, "text": experiment.text}
    version = {"niche_sim": niche_sim.__version__}
    return {"scenario": scenario, "plan": plan.content, **version, **identity.engine(), **machine()}


def count(plan: Plan, folder: Path, of: Callable[[Run], bool] = lambda run: True) -> Count:
    """How far a sweep is, or those runs that `of` tells, by what lies in its folder."""
    store, done, failed, missing = Store(folder), 0, 0, 0
    for run in filter(of, plan.runs()):
        has = store.has(run.name)
        lost = not has and bool(store.failure(run.name))
        done, failed, missing = done + has, failed + lost, missing + (not has and not lost)
    return Count(done, failed, missing)


def failures(plan: Plan, folder: Path) -> Iterator[tuple[Run, str]]:
    """The runs of a plan that failed so far and why, in its order."""
    store = Store(Path(folder))
    for run in plan.runs():
        if (why := store.failure(run.name)) and not store.has(run.name):
            yield run, why


def load(folder: str | Path) -> Swept:
    """A sweep whose tables were written before. Raises InputError if the folder holds none."""
    folder = Path(folder)
    plan = plan_of(folder)
    kept = _read(folder / RUNS).num_rows
    failed = _read(folder / FAILURES).num_rows
    return Swept(plan, folder, Count(kept, failed, plan.total - kept - failed))


def plan_of(folder: str | Path) -> Plan:
    """The plan in the folder of a sweep. Raises InputError if there is none."""
    file = Path(folder) / PLAN
    if not file.is_file():
        raise InputError(str(folder), f"no {PLAN} in it", "a folder that `niche-sim sweep` wrote")
    return read_plan(file)


def collect(plan: Plan, folder: Path, report: Report | None = None) -> Swept:
    """Write the tables from what is there; what is missing has no row.

    report: called with a line if kept runs are not as they were written; None logs it. Each table is whole or is not there; two
    that collect at the same time write the same. Raises OSError.
    """
    import pyarrow as pa

    text = (pa.string(), "")  # type and unit of a column of words
    folder = Path(folder)
    store, done, failed, missing = Store(folder), 0, 0, 0
    describe(plan, folder)
    columns, series = _columns(plan), [name for name in plan.readouts if not name.startswith(ONSET)]
    head = [("run_hash", *text), ("point", pa.int64(), ""), ("arm", *text), ("seed", pa.int64(), "")]
    varied = [(axis.name, *(text if axis.unit is WORDS else (pa.float64(), axis.unit))) for axis in plan.axes]
    measured = [(name, pa.float64(), unit_of(readout)) for name, readout, _ in columns]
    timed = [(name, pa.float64(), unit_of(name)) for name in ("time_h", *series)]
    with contextlib.ExitStack() as stack:
        runs = stack.enter_context(_Table(folder / RUNS, [*head, *varied, *measured], plan))
        failures = stack.enter_context(_Table(folder / FAILURES, [*head, *varied, ("error", *text)], plan))
        tables = [_Table(folder / SERIES, [head[0], *head[2:], *timed], plan)] if plan.series else []
        for table in tables:
            stack.enter_context(table)
        for run in plan.runs():
            part = store.read(run.name)
            row = [run.name, run.point, run.arm, run.seed, *plan.values_at(run.point, run.arm)]
            if part is not None:
                done += 1
                runs.extend([[*row, *(_reading(part, readout, at) for _, readout, at in columns)]])
                for table in tables:
                    rows = zip(*(part.table[name].tolist() for name in ("time_h", *series)), strict=True)
                    table.extend([[run.name, run.arm, run.seed, *values] for values in rows])
            elif why := store.failure(run.name):
                failed += 1
                failures.extend([[*row, why]])
            else:
                missing += 1
    if not plan.series:
        (folder / SERIES).unlink(missing_ok=True)
    report_damaged(store.damaged, folder, report, "without a row until the sweep is run again")
    return Swept(plan, folder, Count(done, failed, missing))


def _columns(plan: Plan) -> list[tuple[str, str, float]]:
    """Columns of runs.parquet, with readout and time (h): each readout at the end, then at every other time; an onset once."""
    at_end = [(name, name, math.inf) for name in plan.readouts]
    return at_end + [
        (column_at(name, at), name, at) for at in plan.at for name in plan.readouts if not name.startswith(ONSET)
    ]


def _reading(part: Part, readout: str, at: float) -> float | None:
    """None for an onset that was not reached, and after the end of a run that is shorter than others."""
    if readout.startswith(ONSET):
        onset = part.onsets.get(readout.removeprefix(ONSET), math.nan)
        return None if math.isnan(onset) else onset
    try:
        return float(part.table[readout][part.row_at(at)])
    except IndexError:
        return None


class _Table:
    """A Parquet file that is written some rows at a time and is there when all are."""

    def __init__(self, file: Path, columns: Sequence[_Column], plan: Plan) -> None:
        notes = {key: value for key, value in provenance_of(plan).items() if key != "machine"}
        self.schema = units(columns).with_metadata({NOTES: json.dumps(notes)})
        self.rows: list[Sequence[Any]] = []
        self.file = whole(file)

    def __enter__(self) -> _Table:
        import pyarrow.parquet as pq

        self.writer = pq.ParquetWriter(
            self.file.__enter__(), self.schema, compression=COMPRESSION, write_page_checksum=True
        )
        return self

    def extend(self, rows: Sequence[Sequence[Any]]) -> None:
        """Some rows; their values in the order of the columns."""
        self.rows += rows
        if len(self.rows) >= ROWS_AT_ONCE:
            self._write()

    def __exit__(self, kind: Any, *rest: Any) -> None:
        try:
            if kind is None and self.rows:
                self._write()
            self.writer.close()
        except BaseException as error:
            self.file.__exit__(type(error), error)
            raise
        self.file.__exit__(kind, *rest)

    def _write(self) -> None:
        import pyarrow as pa

        columns = zip(*self.rows, strict=True)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self.schema, strict=True)]
        self.writer.write_table(pa.Table.from_arrays(arrays, schema=self.schema))
        self.rows = []


def _read(file: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(file, page_checksum_verification=True)
    except (OSError, pa.ArrowException):
        raise InputError(str(file), "cannot be read", "a table of `niche-sim sweep --collect`") from None
