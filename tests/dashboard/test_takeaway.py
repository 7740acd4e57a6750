"""What is taken along from the page, opened again and checked against the run."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import zipfile

import imageio_ffmpeg
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from playwright.sync_api import expect
from test_page import go_to, ready, unfold

from niche_sim.cli import main
from niche_sim.dashboard.link import Setup
from niche_sim.experiment import scenario
from niche_sim.runs.record import load_record

SETUP = Setup(
    "liver_growing_primary", "primary", seed=4,
    overrides=(("section.width", "0.6 mm"), ("section.height", "0.6 mm"), ("run.duration", "3 day")),
)  # fmt: skip


@pytest.fixture
def page(visit, server):
    page = ready(visit(server + "?" + SETUP.to_query()))
    go_to(page, 3)
    unfold(page, "Export")
    return page


@pytest.fixture(scope="module")
def model():
    return SETUP.model().run_to_end()


def taken(page, name):
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    download = waiting.value
    return download.suggested_filename, download.path().read_bytes()


def test_pictures(page):
    for name, file in (("Section now (PNG)", "day3.png"), ("Timeline (PNG)", "timeline.png")):
        called, content = taken(page, name)
        assert called.startswith("liver_growing_primary-primary-4") and called.endswith(file)
        picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        assert picture.shape[1] > 1000 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 100


def test_tables_hold_the_run(page, model):
    rows = model.rows
    called, content = taken(page, "Readouts (CSV)")
    assert called.endswith(".csv")
    lines = content.decode().splitlines()
    heads = [head.split(" [")[0] for head in lines[0].split(",")]
    assert heads == list(rows)
    found = np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]])
    np.testing.assert_array_equal(found, np.array(list(rows.values()), float).T)
    called, content = taken(page, "Readouts (Parquet)")
    table = pq.read_table(io.BytesIO(content))
    np.testing.assert_array_equal(table["fibronectin_mean"], rows["fibronectin_mean"])
    assert table.schema.field("tgfb_mean").metadata == {b"unit": b"nM"}


def test_everything_can_be_repeated_from_the_archive(page, tmp_path, monkeypatch, capsys):
    called, content = taken(page, "Everything (ZIP)")
    assert called.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / called.removesuffix(".zip")
    assert main(["run", "--like", str(folder), "-o", "again", "--no-progress", "--no-figures"]) == 0
    capsys.readouterr()
    first, again = load_record(folder), load_record(tmp_path / "again")
    assert first.run_hash == again.run_hash
    for name, values in first.table.items():
        np.testing.assert_array_equal(values, again.table[name])


def test_the_command_repeats_the_run(page, model, tmp_path, monkeypatch, capsys):
    command = page.get_by_role("textbox", name="Command that repeats this run").input_value()
    words = shlex.split(command)
    assert words[:2] == ["niche-sim", "run"]
    monkeypatch.chdir(tmp_path)
    assert main([*words[1:], "-o", "again", "--no-progress", "--no-figures"]) == 0
    capsys.readouterr()
    rows = model.rows
    for name, values in load_record(tmp_path / "again").table.items():
        np.testing.assert_array_equal(values, rows[name])


def test_the_scenario_reads_back(page, tmp_path):
    called, content = taken(page, "Scenario (TOML)")
    assert called == "scenario.toml"
    read = scenario.parse(content.decode(), called)
    assert read.arms["primary"].protocol == SETUP.base().arms["primary"].protocol
    assert read.section.width == 600.0


@pytest.mark.parametrize("kind", ["MP4", "GIF"])
def test_films_move(page, kind, tmp_path):
    called, content = taken(page, f"Film ({kind})")
    if kind == "GIF":
        film = Image.open(io.BytesIO(content))
        assert film.n_frames == 7, "one every 12 h over three days"
        first = np.asarray(film.convert("RGB")).astype(int)
        film.seek(6)
        last = np.asarray(film.convert("RGB")).astype(int)
        assert np.abs(first - last).max() > 50
        return
    assert called.endswith(".mp4")
    file = tmp_path / called
    file.write_bytes(content)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(file), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert b"h264" in done.stderr and b"1280x720" in done.stderr
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, 720, 1280, 3)
    assert len(frames) >= 13, "one every 6 h over three days, and then some to read"
    assert np.abs(frames[0].astype(int) - frames[-1].astype(int)).max() > 50


def test_a_film_can_be_given_up(visit, server):
    page = ready(visit(server + "?" + Setup(overrides=SETUP.overrides[:2], day=20.0).to_query()))
    expect(page.locator(".ns-clock")).to_have_text(re.compile("^Day 20, 00:00$"))
    unfold(page, "Export")
    page.get_by_role("button", name="Film (MP4)", exact=True).click()
    expect(page.get_by_role("progressbar", name="Film (MP4): progress")).to_be_visible()
    page.get_by_role("button", name="Cancel Film (MP4)").click()
    expect(page.get_by_role("progressbar", name="Film (MP4): progress")).to_be_hidden()
    expect(page.get_by_role("button", name="Film (MP4)", exact=True)).to_be_enabled()


def test_an_uploaded_scenario_says_how_to_take_it_along(page, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(SETUP.base().text, encoding="utf-8")
    unfold(page, "Experiment")
    page.get_by_label("Open a scenario of your own (.toml)").set_input_files(file)
    unfold(page, "Export")
    expect(page.get_by_text("a link opens scenarios of the library")).to_be_visible()
    called, content = taken(page, "Scenario as it was opened (TOML)")
    assert (called, content.decode()) == ("scenario.toml", SETUP.base().text)


def test_json_is_what_provenance_is(page):
    _, content = taken(page, "Everything (ZIP)")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        name = next(name for name in archive.namelist() if name.endswith("provenance.json"))
        told = json.loads(archive.read(name))
    assert told["seed"] == 4 and told["overrides"] == dict(SETUP.overrides)
