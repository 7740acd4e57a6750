"""One run on a worker, from a job to the bytes of a Parquet file, and back."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from niche_sim.engine.errors import InputError
from niche_sim.model.readouts import BY_NAME
from niche_sim.runs import identity
from niche_sim.runs.record import onsets_of, table_of
from niche_sim.runs.sealed import PLACE, checked, sealed
from niche_sim.runs.sweeps.axes import Float
from niche_sim.runs.sweeps.planning import Job

NOTES, SEAL = b"niche_sim", b"niche_sim_seal"  # keys of what a table says of itself, and of its digest
COMPRESSION = "zstd"


class Outcome(NamedTuple):
    """What became of a job: the bytes of its part, or `why` there are none, in one line. seconds: how long it took."""

    name: str
    part: bytes
    why: str
    seconds: float


@dataclass(frozen=True)
class Part:
    """A kept run: `time_h` and every readout, float64[rows] each; onsets in h, nan if not reached; what it says of itself."""

    table: dict[str, Float]
    onsets: dict[str, float]
    notes: Mapping[str, Any]

    def row_at(self, time: float) -> int:
        """The last row up to a time (h); -1, the end, for infinity. Raises IndexError for a time after the end."""
        times = self.table["time_h"]
        if math.isinf(time):
            return -1
        if time > times[-1] + 1e-6:
            raise IndexError(time)
        return int(np.searchsorted(times, time + 1e-6, side="right")) - 1


def live(job: Job) -> Outcome:
    """Run a job. Whatever goes wrong is told in the outcome, so that other jobs go on."""
    began = perf_counter()
    try:
        if job.engine != identity.engine():
            differs = [name for name, value in identity.engine().items() if job.engine.get(name) != value]
            raise InputError(
                "worker", f"another niche_sim ({', '.join(differs)} differ)", "the one that gives the jobs"
            )
        model = job.model().run_to_end()
        part = _bytes_of(table_of(model), onsets_of(model), job)
    except Exception as error:
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        return Outcome(job.name, b"", " ".join(text.split()), perf_counter() - began)
    return Outcome(job.name, part, "", perf_counter() - began)


def read_part(data: bytes, name: str) -> Part:
    """The part of a run, by its name, from the bytes of its file. Raises ValueError if they are not that part as written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        read = pq.read_table(io.BytesIO(checked(data, name)), use_threads=False)
        notes = json.loads((read.schema.metadata or {})[NOTES])
        onsets = {name: math.nan if onset is None else float(onset) for name, onset in notes["onsets_h"].items()}
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise ValueError(f"not a part of a sweep: {error}") from None
    return Part({name: read[name].to_numpy() for name in read.column_names}, onsets, notes)


def unit_of(readout: str) -> str:
    """The unit of a column of readouts; h of onsets and of `time_h`."""
    return BY_NAME[readout].unit if readout in BY_NAME else "h"


def units(columns: Sequence[tuple[str, Any, str]]) -> Any:
    """A schema of columns (name, type, unit), the units in the column metadata."""
    import pyarrow as pa

    return pa.schema([pa.field(name, kind, metadata={"unit": unit}) for name, kind, unit in columns])


def _bytes_of(table: Mapping[str, Float], onsets: Mapping[str, float], job: Job) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    experiment = job.setup.experiment
    notes = {
        "run_hash": job.name,
        "scenario": experiment.id,
        "scenario_sha256": experiment.sha256,
        "arm": job.arm,
        "seed": job.seed,
        "overrides": dict(job.setup.overrides),
        "without": list(job.setup.without),
        "onsets_h": {name: None if math.isnan(onset) else onset for name, onset in onsets.items()},
        **job.engine,
    }
    schema = units([(name, pa.float64(), unit_of(name)) for name in table])
    schema = schema.with_metadata({NOTES: json.dumps(notes), SEAL: PLACE})
    file = io.BytesIO()
    columns = [pa.array(values) for values in table.values()]
    pq.write_table(
        pa.Table.from_arrays(columns, schema=schema),
        file,
        compression=COMPRESSION,
        use_dictionary=False,
        write_statistics=False,
    )
    return sealed(file.getvalue(), job.name)
