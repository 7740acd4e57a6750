"""What is taken along of a run says what the record says, to the last bit, and repeats it."""

from __future__ import annotations

import csv
import io
import zipfile

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from niche_sim.cli import main
from niche_sim.engine.errors import InputError
from niche_sim.exports.archives import csv_bytes, parquet_bytes, run_name, zip_bytes
from niche_sim.figures.single_run import save_figures, section_png, timeline_png
from niche_sim.model.readouts import BY_NAME
from niche_sim.runs import record as records
from niche_sim.runs.record import load_record

SMALL = {"section.width": "0.6 mm", "section.height": "0.6 mm", "run.duration": "2 day"}
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def record():
    return records.run(overrides=SMALL, seed=4)


@pytest.fixture(scope="module")
def archive(record):
    return zip_bytes(record)


def test_csv_holds_every_number_to_the_last_bit(record):
    content = csv_bytes(record)
    header, *rows = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
    assert header[0] == "time_h"
    assert content.count(b"\r\n") == content.count(b"\n") == len(record.table["time_h"]) + 1
    columns = np.array(rows, np.float64).T
    assert len(columns) == len(header) == len(record.table)
    for column, values in zip(columns, record.table.values(), strict=True):
        assert column.tobytes() == values.tobytes()


def test_pandas_reads_the_csv_in_one_line(record):
    table = pd.read_csv(io.BytesIO(csv_bytes(record)), index_col="time_h")
    assert table.index.tolist() == record.table["time_h"].tolist()
    for name, heading in (("tgfb_mean", "tgfb_mean [nM]"), ("collagen_mean", "collagen_mean")):  # the latter of unit 1
        # Some versions of pandas read the last bit of a number otherwise than Python does.
        assert table[heading].tolist() == pytest.approx(record.table[name].tolist(), rel=1e-13, abs=0.0)


def test_csv_names_every_unit(record):
    header = csv_bytes(record).decode().split("\r\n")[0].split(",")
    for name, heading in zip(list(record.table)[1:], header[1:], strict=True):
        unit = BY_NAME[name].unit
        assert heading == (name if unit == "1" else f"{name} [{unit}]")


def test_parquet_is_the_file_of_the_folder(record, tmp_path):
    folder = record.save(tmp_path / "run")
    assert parquet_bytes(record) == (folder / "record.parquet").read_bytes()
    table = pq.read_table(io.BytesIO(parquet_bytes(record)))
    assert table.schema.field("tgfb_mean").metadata == {b"unit": b"nM"}
    for name, values in record.table.items():
        assert np.asarray(table[name]).tobytes() == values.tobytes()


def test_pictures_are_the_files_of_the_folder(record, tmp_path):
    save_figures(record, tmp_path)
    assert section_png(record) == (tmp_path / "section.png").read_bytes()
    assert timeline_png(record) == (tmp_path / "timeline.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["section.png", "timeline.png"]


def test_a_picture_of_another_moment_is_another_picture(record):
    first = section_png(record, 0.0)
    assert first.startswith(PNG)
    assert first != section_png(record)
    with pytest.raises(InputError, match=r"no snapshot at 7 h; one of 0 h, 48 h"):
        section_png(record, 7.0)


def test_the_archive_holds_the_run(record, archive, tmp_path):
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        assert packed.testzip() is None
        packed.extractall(tmp_path)
    folder = tmp_path / run_name(record)
    assert folder.name == "liver_education_costasilva2015-educated-4"
    assert {path.name for path in folder.iterdir()} == {
        "record.parquet", "events.parquet", "snapshots.npz", "summary.json", "provenance.json", "section.png",
        "timeline.png", "scenario.toml",
    }  # fmt: skip
    assert (folder / "scenario.toml").read_text() == record.provenance["scenario_text"]
    assert (folder / "section.png").read_bytes() == section_png(record)
    again = load_record(folder)
    assert again.provenance == record.provenance
    assert all(again.table[name].tobytes() == values.tobytes() for name, values in record.table.items())


def test_the_same_record_gives_the_same_archive(record, archive):
    assert zip_bytes(record) == archive


def test_an_unpacked_archive_repeats_the_run_bit_for_bit(record, archive, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        packed.extractall(tmp_path)
    name = run_name(record)
    assert main(["run", "--like", name, "-o", "again", "--no-figures", "--no-receptivity", "--no-progress"]) == 0
    assert capsys.readouterr().err == ""
    for file in ("record.parquet", "events.parquet", "snapshots.npz", "summary.json"):
        assert (tmp_path / "again" / file).read_bytes() == (tmp_path / name / file).read_bytes()
