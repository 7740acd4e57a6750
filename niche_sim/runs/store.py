"""Where runs are kept: one sealed file a run, by the name of the run, whole or not at all, and a note of each that failed.

`run_one` computes a run wherever it is sent, and gives the bytes of its file; a `Store` is a folder of such files.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import os
import platform
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import niche_sim
from niche_sim.engine.errors import InputError
from niche_sim.runs import identity
from niche_sim.runs.axes import Float
from niche_sim.runs.expectation.readouts import EXPECTED_BY_NAME, KNOWN, Expectation
from niche_sim.runs.expectation.recording import Recorder
from niche_sim.runs.plan import Job, Run
from niche_sim.runs.record import onsets_of, table_of, whole, write_json
from niche_sim.runs.sealed import PLACE, Damaged, checked, npz, read_npz, sealed

if TYPE_CHECKING:
    from niche_sim.experiment.simulation import Simulation

NOTES, SEAL = b"niche_sim", b"niche_sim_seal"  # keys of what a table says of itself, and of its digest
COMPRESSION = "zstd"
PICTURE_PIXELS = 100  # along the longer side of a kept picture of a section
PICTURE_FIELD = "fibronectin"
FORGOTTEN = 24 * 3600.0  # s; what is half written for longer, nobody writes any more
_HALF_WRITTEN = re.compile(r"\.part-(.*)-(\d+)$")


class Outcome(NamedTuple):
    """What became of a job: the bytes of its part, picture and expectation, or `why` there are none, in one line."""

    name: str
    part: bytes
    why: str
    seconds: float  # that it took
    picture: bytes = b""
    expected: bytes = b""


class Picture(NamedTuple):
    """A section at the end of a run, for a small image of it. fibronectin: float32[y, x]; tumour: um, float32[cell, yx]."""

    fibronectin: NDArray[np.float32]
    tumour: NDArray[np.float32]
    height: float  # um
    width: float  # um


@dataclass(frozen=True)
class Part:
    """A kept run: `time_h` and every readout, float64[rows] each; onsets in h, nan if not reached; counters at the end.

    notes: what the run says of itself. refused: why its table holds no expectation, all nan, where one was asked for.
    """

    table: dict[str, Float]
    onsets: dict[str, float]
    counters: dict[str, float] = field(default_factory=dict)
    picture: Picture | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    refused: str = ""

    def row_at(self, time: float) -> int:
        """The last row up to a time (h); -1, the end, for infinity. Raises IndexError for a time after the end."""
        times = self.table["time_h"]
        if math.isinf(time):
            return -1
        if time > times[-1] + 1e-6:
            raise IndexError(time)
        return int(np.searchsorted(times, time + 1e-6, side="right")) - 1


# --- one run ---------------------------------------------------------------------------------------------------------


def run_one(job: Job) -> Outcome:
    """Run a job. Whatever goes wrong is told in the outcome, so that other jobs go on."""
    began = time.perf_counter()
    try:
        if differs := identity.differing(job.engine):
            raise InputError("worker", f"another niche_sim ({differs} differ)", "the one that gives the jobs")
        model = job.model()
        expected = _expected_of(model, job.name) if job.expected else b""
        part, picture = _part_of(model.run_to_end(), job), _picture_of(model, job.name) if job.picture else b""
    except Exception as error:
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        return Outcome(job.name, b"", " ".join(text.split()), time.perf_counter() - began)
    return Outcome(job.name, part, "", time.perf_counter() - began, picture, expected)


def read_part(data: bytes, name: str, picture: Picture | None = None) -> Part:
    """The part of a run, by its name, from the bytes of its file. Raises ValueError if they are not that part as written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        read = pq.read_table(io.BytesIO(checked(data, name)), use_threads=False)
        notes = json.loads((read.schema.metadata or {})[NOTES])
        onsets = {name: math.nan if onset is None else float(onset) for name, onset in notes["onsets_h"].items()}
        table = {name: read[name].to_numpy() for name in read.column_names}
        return Part(table, onsets, notes["counters"], picture, notes)
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise ValueError(f"not a part of a sweep: {error}") from None


def unit_of(readout: str) -> str:
    """The unit of a column of readouts; h of onsets and of `time_h`."""
    return KNOWN[readout].unit if readout in KNOWN else "h"


def units(columns: Sequence[tuple[str, Any, str]]) -> Any:
    """A schema of columns (name, type, unit), the units in the column metadata."""
    import pyarrow as pa

    return pa.schema([pa.field(name, kind, metadata={"unit": unit}) for name, kind, unit in columns])


def _part_of(model: Simulation, job: Job) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table, experiment = table_of(model), job.setup.experiment
    notes = {
        "run_hash": job.name,
        "scenario": experiment.id,
        "scenario_sha256": experiment.sha256,
        "arm": job.arm,
        "seed": job.seed,
        "overrides": dict(job.setup.overrides),
        "without": list(job.setup.without),
        "onsets_h": {name: None if math.isnan(onset) else onset for name, onset in onsets_of(model).items()},
        "counters": {name: float(value) for name, value in dataclasses.asdict(model.state.counters).items()},
        "niche_sim": niche_sim.__version__,
        **job.engine,
    }
    schema = units([(name, pa.float64(), unit_of(name)) for name in table])
    schema = schema.with_metadata({NOTES: json.dumps(notes), SEAL: PLACE})
    file = io.BytesIO()
    made = pa.Table.from_arrays([pa.array(values) for values in table.values()], schema=schema)
    pq.write_table(made, file, compression=COMPRESSION, use_dictionary=False, write_statistics=False)
    return sealed(file.getvalue(), job.name)


def _expected_of(model: Simulation, name: str) -> bytes:
    """Run a model to its end and give what is expected of its tumour cells, at the times of its rows; or why it is refused."""
    try:
        recorder = Recorder(model)
        while model.steps_left:
            model.step()
            recorder.look()
        found = Expectation(recorder.recording()).tables(np.array(model.rows["time_h"]))
    except InputError as error:
        return npz({"refused": np.array(str(error))}, name)
    return npz(dict(found), name)


def _picture_of(model: Simulation, name: str) -> bytes:
    section, cells = model.state.section, model.state.tumour_cells
    seen = ~np.isnan(cells.y)
    return npz(
        {
            "fibronectin": _coarse(getattr(model.state, PICTURE_FIELD)).astype(np.float32),
            "tumour": np.stack([cells.y[seen], cells.x[seen]], axis=1).astype(np.float32),
            "size": np.array([section.height, section.width]),
        },
        name,
    )


def _coarse(values: Float) -> Float:
    """A field with at most PICTURE_PIXELS along a side: means of square blocks, cut at the far edges."""
    size = math.ceil(max(values.shape) / PICTURE_PIXELS)
    rows, columns = (length // size for length in values.shape)
    return values[: rows * size, : columns * size].reshape(rows, size, columns, size).mean(axis=(1, 3))


# --- many runs -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Store:
    """A folder of runs: runs/<name>.parquet, pictures/<name>.npz and expected/<name>-<code>.npz of some, failures/<name>.json.

    damaged: names of the files that were looked at and are not what was written under their name.
    """

    path: Path
    damaged: set[str] = field(default_factory=set)

    def open(self) -> None:
        """Make the folder and clear what killed processes left half written. Raises OSError."""
        for below in ("runs", "failures"):
            (self.path / below).mkdir(parents=True, exist_ok=True)
        for folder in (self.path, *(self.path / below for below in ("runs", "failures", "pictures", "expected"))):
            _clear(folder)

    def has(self, name: str, job: Job | None = None) -> bool:
        """Whether a run is kept, whole and under its own name, with what a job wants besides; `damaged` has one that is there
        otherwise."""
        return all(self._data(kind, name) is not None for kind in _kinds(job))

    def seems_to_have(self, name: str, job: Job | None = None) -> bool:
        """Whether there are the files of that run, without a look into them."""
        return all(self._file(kind, name).exists() for kind in _kinds(job))

    def keep(self, found: Outcome) -> None:
        """Write a run; a failure it had before is forgotten. Raises OSError."""
        for kind, data in (("pictures", found.picture), ("expected", found.expected), ("runs", found.part)):
            if data:
                self._file(kind, found.name).parent.mkdir(exist_ok=True)
                with whole(self._file(kind, found.name)) as half:
                    half.write_bytes(data)
        self._file("failures", found.name).unlink(missing_ok=True)

    def read(self, name: str) -> Part | None:
        """A kept run; None if it is not there, or not as it was written."""
        data, kept, more = (self._data(kind, name) for kind in ("runs", "pictures", "expected"))
        if data is None:
            return None
        picture = None
        if kept is not None:
            arrays = read_npz(kept, name)
            picture = Picture(arrays["fibronectin"], arrays["tumour"], *arrays["size"].tolist())
        part = read_part(data, name, picture)
        if more is None:
            return part
        columns = read_npz(more, name)
        refused = str(columns.pop("refused", ""))
        missing = {one: np.full(len(part.table["time_h"]), np.nan) for one in EXPECTED_BY_NAME} if refused else {}
        return dataclasses.replace(part, table={**part.table, **missing, **columns}, refused=refused)

    def fail(self, run: Run, why: str) -> None:
        """Note that a run failed. Raises OSError."""
        note = {"run_hash": run.name, "arm": run.arm, "seed": run.seed, "error": why}
        write_json(note, self._file("failures", run.name))

    def failure(self, name: str) -> str:
        """Why a run failed; "" if it did not."""
        try:
            return str(json.loads(self._file("failures", name).read_text(encoding="utf-8"))["error"])
        except (OSError, ValueError, KeyError):
            return ""

    def _file(self, kind: str, name: str) -> Path:
        ends = {"runs": ".parquet", "pictures": ".npz", "failures": ".json"}
        return self.path / kind / (name + ends.get(kind, f"-{identity.expectation_digest()}.npz"))

    def _data(self, kind: str, name: str) -> bytes | None:
        file = self._file(kind, name)
        try:
            return checked(file.read_bytes(), name)
        except FileNotFoundError:
            return None
        except Damaged:
            self.damaged.add(file.name)
            return None


def _kinds(job: Job | None) -> list[str]:
    """What is kept of a run."""
    wanted = {"pictures": job is not None and job.picture, "expected": job is not None and job.expected}
    return ["runs", *(kind for kind, wants in wanted.items() if wants)]


def _clear(folder: Path) -> None:
    """Take away what a process that is no more left half written: one of this machine, or anything a day old."""
    for file in folder.glob("*.part-*"):
        found = _HALF_WRITTEN.search(file.name)
        with contextlib.suppress(OSError):
            if found and (_is_dead(found[1], int(found[2])) or time.time() - file.stat().st_mtime > FORGOTTEN):
                file.unlink()


def _is_dead(node: str, pid: int) -> bool:
    if node != platform.node() or os.name != "posix":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
