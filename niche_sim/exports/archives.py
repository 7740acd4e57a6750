"""What is taken along of a run, as the bytes of one file: its readouts as a spreadsheet, all of it as an archive."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from pathlib import Path

from niche_sim.figures.single_run import save_figures
from niche_sim.model.readouts import BY_NAME
from niche_sim.runs.record import Record

SCENARIO_FILE = "scenario.toml"
PACKED = (".parquet", ".npz", ".png")  # packed already, so packing them again would only take time
DATE = (1980, 1, 1, 0, 0, 0)  # of every file in an archive, so that the same record gives the same bytes


def run_name(record: Record) -> str:
    """A name for files of the run: scenario, arm and seed."""
    seen = record.provenance
    return f"{seen['scenario']}-{seen['arm']}-{seen['seed']}"


def csv_bytes(record: Record) -> bytes:
    """The table as CSV (RFC 4180, UTF-8): a line of names, then a line a record time, every number to the last bit.

    The first column is `time_h`; the others are named `readout [unit]`, or `readout` where the unit is 1, so that
    `pandas.read_csv(file, index_col="time_h")` takes the file as it is.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([_heading(name) for name in record.table])
    writer.writerows(zip(*(values.tolist() for values in record.table.values()), strict=True))
    return text.getvalue().encode()


def parquet_bytes(record: Record) -> bytes:
    """The table as Parquet, each column with its unit in the metadata: record.parquet of a run's folder."""
    return record.parquet()


def zip_bytes(record: Record) -> bytes:
    """The folder of a run as a ZIP archive: what `Record.save` writes, the figures and the scenario as it was.

    All lies in one folder, `run_name(record)`. Unpacked, `niche-sim run --like` repeats the run from it bit for bit. The
    same record gives the same bytes.
    """
    archive = io.BytesIO()
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(archive, "w") as packed:
        folder = record.save(Path(scratch) / run_name(record))
        save_figures(record, folder)
        (folder / SCENARIO_FILE).write_bytes(record.provenance["scenario_text"].encode())
        for path in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(f"{folder.name}/{path.name}", DATE)
            entry.external_attr = 0o644 << 16  # readable by all once unpacked
            entry.compress_type = zipfile.ZIP_STORED if path.suffix in PACKED else zipfile.ZIP_DEFLATED
            packed.writestr(entry, path.read_bytes())
    return archive.getvalue()


def _heading(name: str) -> str:
    unit = BY_NAME[name].unit if name in BY_NAME else "1"
    return name if unit == "1" else f"{name} [{unit}]"
