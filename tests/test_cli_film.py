"""`niche-sim film`: a run again as a film; whatever goes wrong is one line and leaves no file."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from niche_sim.figures import film_drawing
from niche_sim.model.processes.priming.kupffer_patrol import KupfferPatrol
from niche_sim.runs import record as records

pytestmark = pytest.mark.usefixtures("interruptible")
SMALL = {"section.width": "0.6 mm", "section.height": "0.6 mm", "run.duration": "2 day"}


@pytest.fixture(scope="module")
def kept():
    return records.run(overrides=SMALL)


@pytest.fixture
def call(call, kept):
    """Runs one command in a folder that holds the run `run`."""
    kept.save("run")
    return call


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def frames(file):
    with Image.open(file) as film:
        return film.n_frames


def test_a_gif_of_a_run(call, kept, tmp_path):
    done = call("film", "run", "-o", "run.gif")
    assert (done.code, done.out, done.err) == (0, "Written to run.gif\n", [])
    assert frames("run.gif") == 5  # every 12 h of two days
    assert names(tmp_path) == ["run", "run.gif"]
    # It shows the run of the folder: its last frame is that of the last snapshot.
    film = film_drawing.Film(kept, 75)
    drawn = film.draw(48.0, kept.snapshots[48.0]).astype(int)
    with Image.open("run.gif") as gif:
        gif.seek(4)
        shown = np.asarray(gif.convert("RGB")).astype(int)
    section = (slice(46, 525), slice(19, 498))
    assert np.abs(drawn[section] - shown[section]).mean() < 2.0  # of 255 levels: 256 colours stand for all


def test_an_mp4_lies_with_its_run_unless_told_otherwise(call):
    before = names(Path("run"))
    done = call("film", "run", "--every", "1 day")
    assert (done.code, done.out, done.err) == (0, "Written to run/film.mp4\n", [])
    assert names(Path("run")) == sorted([*before, "film.mp4"])
    assert b"ftyp" in Path("run/film.mp4").read_bytes()[:12]


def test_every_sets_the_frames(call):
    assert call("film", "run", "-o", "run.gif", "--every", "16 h").code == 0
    assert frames("run.gif") == 4


def test_nothing_is_overwritten(call):
    Path("mine.gif").write_text("mine")
    done = call("film", "run", "-o", "mine.gif")
    assert (done.code, len(done.err)) == (2, 1)
    assert "-o mine.gif: is there already" in done.err[0]
    assert Path("mine.gif").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "-o", "run.avi"], "-o run.avi: a name that ends in .avi; one that ends in .mp4 or .gif is needed"),
        (["run", "-o", "no/run.gif"], "-o no: no such file or directory; a folder that can be written is needed"),
        (["none", "-o", "run.gif"], "RUN_DIR none: no provenance.json in it; a folder that `niche-sim run` wrote is needed"),
        (["run", "-o", "run.gif", "--every", "90 min"],
         "--every: 90 min; a whole number of the run's steps of 1 h is allowed, such as 12 h"),
        (["run", "-o", "run.gif", "--every", "0 h"],
         "--every: 0 h; a whole number of the run's steps of 1 h is allowed, such as 12 h"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(call, tmp_path, arguments, said):
    before = names(tmp_path)
    done = call("film", *arguments)
    assert (done.code, done.out, done.err) == (2, "", [f"niche-sim: {said}"])
    assert names(tmp_path) == before


@pytest.mark.parametrize("ending", ["gif", "mp4"])
def test_ctrl_c_leaves_nothing_and_says_so(call, tmp_path, monkeypatch, ending):
    calm = KupfferPatrol.step

    def interrupted(self, state, p, chance, dt):
        if state.step_index == 20:
            signal.raise_signal(signal.SIGINT)
        calm(self, state, p, chance, dt)

    monkeypatch.setattr(KupfferPatrol, "step", interrupted)
    done = call("film", "run", "-o", f"run.{ending}", "--every", "6 h")
    assert (done.code, done.out) == (130, "")
    assert done.err == ["niche-sim: stopped at frame 5 of 9; no file was written"]
    assert names(tmp_path) == ["run"]


def test_a_run_of_another_version_is_run_first_to_know_its_onsets(call, monkeypatch):
    """Onsets in a folder belong to the run as it was there."""
    summary, provenance = Path("run/summary.json"), Path("run/provenance.json")
    told = json.loads(summary.read_text())
    told["onsets_h"]["priming"] = 40.0
    summary.write_text(json.dumps(told))
    seen = []
    calm = film_drawing.save_film

    def save_film(shots, total, record, file, **watchers):
        seen.append(record.onsets["priming"])
        return calm(shots, total, record, file, **watchers)

    monkeypatch.setattr(film_drawing, "save_film", save_film)
    assert call("film", "run", "-o", "same.gif", "--every", "1 day").err == []
    other = json.loads(provenance.read_text())
    other["versions"]["numpy"] = "1.0"
    provenance.write_text(json.dumps(other))
    done = call("film", "run", "-o", "other.gif", "--every", "1 day")
    assert done.code == 0
    assert len(done.err) == 1 and "made with numpy 1.0" in done.err[0]
    assert seen[0] == 40.0
    assert seen[1] != 40.0
