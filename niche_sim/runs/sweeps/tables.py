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

from niche_sim.engine.errors import InputError
from niche_sim.experiment.targets import ONSET
from niche_sim.runs.record import whole
from niche_sim.runs.sealed import Report, report_damaged
from niche_sim.runs.sweeps.axes import WORDS, Axis, Float
from niche_sim.runs.sweeps.folder import PLAN, Folder, provenance_of
from niche_sim.runs.sweeps.planning import Plan, Run, read_plan
from niche_sim.runs.sweeps.run_store import COMPRESSION, NOTES, Part, unit_of, units

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
            part = Folder(self.folder).read(name)
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


def count(plan: Plan, folder: Path) -> Count:
    """How far a sweep is, by what lies in its folder."""
    store, done, failed, missing = Folder(folder), 0, 0, 0
    for run in plan.runs():
        if store.has(run.name):
            done += 1
        elif store.failure(run.name):
            failed += 1
        else:
            missing += 1
    return Count(done, failed, missing)


def failures(plan: Plan, folder: Path) -> Iterator[tuple[Run, str]]:
    """The runs of a plan that failed so far and why, in its order."""
    store = Folder(Path(folder))
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


def collect(
    plan: Plan,
    folder: Path,
    watch: Callable[[int], None] = lambda number: None,
    report: Report | None = None,
) -> Swept:
    """Write the tables from what is there; what is missing has no row.

    watch: called with the number of runs looked at. report: called with a line if kept runs are not as they were written;
    None logs it. Each table is whole or is not there; two that collect at the same time write the same. Raises OSError.
    """
    folder = Path(folder)
    store, done, failed, missing = Folder(folder), 0, 0, 0
    store.describe(plan)
    with contextlib.ExitStack() as stack:
        runs = stack.enter_context(_Table(folder / RUNS, _run_columns(plan), plan))
        failures = stack.enter_context(_Table(folder / FAILURES, [*_head(plan), ("error", *_text())], plan))
        series = stack.enter_context(_Table(folder / SERIES, _series_columns(plan), plan)) if plan.series else None
        for number, run in enumerate(plan.runs()):
            part = store.read(run.name)
            head = [run.name, run.point, run.arm, run.seed, *plan.values_at(run.point, run.arm)]
            if part is not None:
                done += 1
                runs.add([*head, *_readings(plan, part)])
                if series is not None:
                    series.extend(_series(plan, run, part))
            elif why := store.failure(run.name):
                failed += 1
                failures.add([*head, why])
            else:
                missing += 1
            watch(number + 1)
    if not plan.series:
        (folder / SERIES).unlink(missing_ok=True)
    report_damaged(store.damaged, folder, report, "without a row until the sweep is run again")
    return Swept(plan, folder, Count(done, failed, missing))


def _head(plan: Plan) -> list[_Column]:
    import pyarrow as pa

    varied = [(axis.name, *_kind(axis)) for axis in plan.axes]
    return [("run_hash", *_text()), ("point", pa.int64(), ""), ("arm", *_text()), ("seed", pa.int64(), ""), *varied]


def _text() -> tuple[Any, str]:
    import pyarrow as pa

    return pa.string(), ""


def _kind(axis: Axis) -> tuple[Any, str]:
    import pyarrow as pa

    return _text() if axis.unit is WORDS else (pa.float64(), axis.unit)


def _run_columns(plan: Plan) -> list[_Column]:
    """The columns of runs.parquet: each readout at the end, then at every other time; an onset once."""
    import pyarrow as pa

    measured = [name for name in plan.readouts if not name.startswith(ONSET)]
    columns = [(name, pa.float64(), unit_of(name)) for name in plan.readouts]
    columns += [(column_at(name, at), pa.float64(), unit_of(name)) for at in plan.at for name in measured]
    return [*_head(plan), *columns]


def _readings(plan: Plan, part: Part) -> list[float | None]:
    measured = [name for name in plan.readouts if not name.startswith(ONSET)]
    found: list[float | None] = []
    for name in plan.readouts:
        onset = part.onsets.get(name.removeprefix(ONSET), math.nan) if name.startswith(ONSET) else None
        found.append(float(part.table[name][-1]) if onset is None else None if math.isnan(onset) else onset)
    for at in plan.at:
        try:
            row = part.row_at(at)
        except IndexError:  # a run that is shorter, where the duration is varied
            found += [None] * len(measured)
            continue
        found += [float(part.table[name][row]) for name in measured]
    return found


def _series_columns(plan: Plan) -> list[_Column]:
    import pyarrow as pa

    measured = [name for name in plan.readouts if not name.startswith(ONSET)]
    head: list[_Column] = [
        ("run_hash", *_text()),
        ("arm", *_text()),
        ("seed", pa.int64(), ""),
        ("time_h", pa.float64(), "h"),
    ]
    return [*head, *((name, pa.float64(), unit_of(name)) for name in measured)]


def _series(plan: Plan, run: Run, part: Part) -> list[list[Any]]:
    measured = [part.table[name].tolist() for name in ("time_h", *plan.readouts) if not name.startswith(ONSET)]
    return [[run.name, run.arm, run.seed, *row] for row in zip(*measured, strict=True)]


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

    def add(self, row: Sequence[Any]) -> None:
        """A row; its values in the order of the columns."""
        self.extend([row])

    def extend(self, rows: Sequence[Sequence[Any]]) -> None:
        """Some rows."""
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
