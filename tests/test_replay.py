"""A replay without a browser: what the page holds is what the model says, and whatever goes wrong is one line."""

from __future__ import annotations

import base64
import json
import re
import shutil
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from niche_sim.experiment.simulation import Simulation
from niche_sim.exports.canvas_encoding import Scales, pack
from niche_sim.figures.appearance import SnapshotSight
from niche_sim.model.processes.priming.kupffer_patrol import KupfferPatrol
from niche_sim.runs import record as records
from niche_sim.teaching import replay

HAS_ECHARTS = (Path(sys.prefix) / replay.ECHARTS).is_file()
pytestmark = [
    pytest.mark.usefixtures("interruptible"),
    pytest.mark.skipif(not HAS_ECHARTS, reason="solara-assets, which has ECharts, is not installed"),
]
SMALL = {"section.width": "0.6 mm", "section.height": "0.6 mm", "run.duration": "2 day"}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    records.run(overrides=SMALL).save(folder / "run")
    records.run(arm="pbs", overrides=SMALL).save(folder / "pbs")
    records.run(overrides={**SMALL, "run.duration": "1 day"}).save(folder / "short")
    records.run(overrides={**SMALL, "section.width": "0.8 mm", "run.duration": "1 h"}).save(folder / "wide")
    return folder


@pytest.fixture
def call(call, kept, tmp_path):
    """Runs one command in a folder that holds some runs."""
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    return call


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def held(file):
    """What a page tells, and the bytes of each of its moments."""
    text = Path(file).read_text(encoding="utf-8")
    packed = json.loads(re.search(r'<script id="replay-packed" type="application/json">(.*?)</script>', text).group(1))
    head, *moments = (zlib.decompress(base64.b64decode(part), -zlib.MAX_WBITS) for part in packed)
    return json.loads(head), moments


def test_every_moment_of_the_run_is_in_the_page(call, tmp_path):
    done = call("replay", "run", "-o", "run.html", "--every", "16 h")
    assert (done.code, done.err) == (0, [])
    assert re.fullmatch(r"Written to run\.html \(\d+\.\d MB\)\n", done.out)
    assert names(tmp_path) == ["pbs", "run", "run.html", "short", "wide"]
    given, moments = held("run.html")
    record = records.load_record("run")
    model = records.model_like(record.provenance, "")
    scales = Scales()
    for arrays in record.snapshots.values():
        scales.see(SnapshotSight(arrays, record.provenance), replay.FIELDS)
    times = []
    for number, (time, arrays) in enumerate(records.shots(model, 16.0)):
        times.append(time)
        expected = pack(SnapshotSight(arrays, record.provenance), replay.FIELDS, scales)
        header, buffers = given["headers"][number], expected.buffers
        assert header["panels"] == [json.loads(json.dumps(expected.header))]
        assert sum(header["panels"][0]["counts"]) > 100
        # Rows of fields are kept as differences; all that comes after them as it is.
        side = expected.header["fields"][0]["shape"]
        area = side[0] * side[1]
        size = len(replay.FIELDS) * area
        fields = np.frombuffer(moments[number][:size], np.uint8).reshape(-1, *side)
        assert np.cumsum(fields, axis=2, dtype=np.uint8).tobytes() == b"".join(buffers[: len(replay.FIELDS)])
        assert moments[number][size:] == b"".join(buffers[len(replay.FIELDS) :])
    assert times == [header["time_h"] for header in given["headers"]] == [0.0, 16.0, 32.0, 48.0]
    assert len(moments) == 4


def test_its_numbers_are_those_of_the_record(call):
    assert call("replay", "run", "-o", "run.html", "--every", "1 day").code == 0
    (told,) = held("run.html")[0]["runs"]
    record = records.load_record("run")
    assert set(told["table"]) == set(record.table)
    for name, values in record.table.items():
        assert np.array_equal(np.array(told["table"][name], float), values, equal_nan=True), name
    last = held("run.html")[0]["headers"][-1]["strips"][0]["stages"]
    assert {stage["title"].lower(): stage["onset"] for stage in last} == record.onsets
    assert any(record.onsets.values())
    assert [text for _, text in told["captions"] if text.startswith("Priming begins. ")]


def test_two_runs_share_scales_and_have_their_difference(call):
    assert call("replay", "run", "pbs", "-o", "two.html", "--every", "1 day").code == 0
    given, moments = held("two.html")
    assert given["names"] == ["Educated, seed 1", "PBS, seed 1"]
    assert len(given["runs"]) == 2 and len(moments) == 3
    for header in given["headers"]:
        first, second, apart = header["panels"]
        assert [panel["title"] for panel in header["panels"]][:2] == given["names"]
        assert first["fields"] == second["fields"]
        assert [field["name"] for field in apart["fields"]] == list(replay.FIELDS)
        assert all(field["difference"] and field["low"] == -field["high"] for field in apart["fields"])
        assert [strip["name"] for strip in header["strips"]] == given["names"]
    # At the beginning the two do not differ: all of the map is its middle.
    size = len(replay.FIELDS) * 30 * 30
    start = np.cumsum(np.frombuffer(moments[0][-size:], np.uint8).reshape(-1, 30, 30), axis=2, dtype=np.uint8)
    assert set(np.unique(start)) == {128}
    end = np.cumsum(np.frombuffer(moments[-1][-size:], np.uint8).reshape(-1, 30, 30), axis=2, dtype=np.uint8)
    place = replay.FIELDS.index("tgfb")
    assert end[place].mean() > 128.0  # educated by exosomes, the first has more TGF-beta


def test_the_default_is_twelve_hours_beside_the_run(call):
    assert call("replay", "run").code == 0
    assert [header["time_h"] for header in held("run/replay.html")[0]["headers"]] == [0.0, 12.0, 24.0, 36.0, 48.0]


def test_the_page_says_what_it_is_and_asks_nobody(call):
    assert call("replay", "run", "-o", "run.html", "--every", "1 day").code == 0
    text = Path("run.html").read_text(encoding="utf-8")
    provenance = json.loads(Path("run/provenance.json").read_text())
    for said in (
        replay.NOT_FOR,
        "Educated, seed 1",
        provenance["run_hash"],
        provenance["scenario"],
        "section.width = 0.6 mm",
    ):
        assert said in text
    assert "default-src 'none'" in text  # so that a browser itself refuses any request
    page = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r" src=|<link[^>]* href=\"(?!data:)|@import|url\(", page)
    assert not re.search(r"<script[^>]* src=", text)
    assert "{{" not in page


def test_only_a_title_is_read_as_text(call):
    """A scenario of somebody else must not bring code into the page."""
    provenance = json.loads(Path("run/provenance.json").read_text())
    evil = "</title><script>alert(1)</script>{{ code }}"
    provenance["scenario_text"] = re.sub(
        r'title\s*=\s*"[^"]*"', f'title = "{evil}"', provenance["scenario_text"], count=1
    )
    Path("run/provenance.json").write_text(json.dumps(provenance))
    assert call("replay", "run", "-o", "run.html", "--every", "1 day").code == 0
    text = Path("run.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ code }}" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "-o", "run.mp4"], "-o run.mp4: a name that ends in .mp4; one that ends in .html is needed"),
        (["run", "-o", "no/run.html"], "-o no: no such file or directory; a folder that can be written is needed"),
        (["none", "-o", "a.html"], "RUN_DIR none: no provenance.json in it; a folder that `niche-sim run` wrote is needed"),
        (["run", "none", "-o", "a.html"],
         "RUN_DIR_2 none: no provenance.json in it; a folder that `niche-sim run` wrote is needed"),
        (["run", "short", "-o", "a.html"],
         "RUN_DIR_2 short: 1 days in steps of 1 h, and the first run 2 days in steps of 1 h; two runs of one length and step"),
        (["run", "wide", "-o", "a.html"],
         "RUN_DIR_2 wide: another section than the first run's (0.8 x 0.6 mm and 0.6 x 0.6 mm); two runs of one section"),
        (["run", "-o", "a.html", "--every", "90 min"],
         "--every: 90 min; whole steps that divide the run (2 days in steps of 1 h) are allowed, such as 6 h"),
        (["run", "-o", "a.html", "--every", "7 h"],
         "--every: 7 h; whole steps that divide the run (2 days in steps of 1 h) are allowed, such as 6 h"),
        (["run", "-o", "a.html", "--every", "0 h"],
         "--every: 0 h; whole steps that divide the run (2 days in steps of 1 h) are allowed, such as 6 h"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(call, tmp_path, arguments, said):
    before = names(tmp_path)
    done = call("replay", *arguments)
    assert (done.code, done.out, done.err) == (2, "", [f"niche-sim: {said}"])
    assert names(tmp_path) == before


def test_nothing_is_overwritten(call):
    Path("mine.html").write_text("mine")
    done = call("replay", "run", "-o", "mine.html")
    assert (done.code, len(done.err)) == (2, 1)
    assert "-o mine.html: is there already" in done.err[0]
    assert Path("mine.html").read_text() == "mine"


def test_without_echarts_it_says_what_to_install(call, tmp_path, monkeypatch):
    before = names(tmp_path)
    monkeypatch.setattr(replay, "ECHARTS", Path("not/there.js"))
    done = call("replay", "run", "-o", "run.html")
    assert (done.code, len(done.err)) == (2, 1)
    assert "solara-assets is needed: pip install 'niche_sim[dashboard]'" in done.err[0]
    assert names(tmp_path) == before


def test_ctrl_c_leaves_nothing_and_says_so(call, tmp_path, monkeypatch):
    calm, before = KupfferPatrol.step, names(tmp_path)

    def interrupted(self, state, p, chance, dt):
        if state.step_index == 20:
            signal.raise_signal(signal.SIGINT)
        calm(self, state, p, chance, dt)

    monkeypatch.setattr(KupfferPatrol, "step", interrupted)
    done = call("replay", "run", "-o", "run.html", "--every", "6 h")
    assert (done.code, done.out) == (130, "")
    assert done.err == ["niche-sim: stopped at moment 4 of 9; no file was written"]
    assert names(tmp_path) == before


def test_a_run_that_does_not_repeat_is_refused(call, tmp_path, monkeypatch):
    """The page promises the numbers of the record."""
    calm, before = KupfferPatrol.step, names(tmp_path)

    def otherwise(self, state, p, chance, dt):
        calm(self, state, p, chance, dt)
        state.fibronectin *= 1.5

    monkeypatch.setattr(KupfferPatrol, "step", otherwise)
    done = call("replay", "run", "-o", "run.html")
    assert (done.code, done.out, len(done.err)) == (2, "", 1)
    assert "record.parquet: other values of " in done.err[0]
    assert names(tmp_path) == before


def test_it_needs_no_solara():
    code = "import sys, niche_sim.teaching.replay; print([m for m in ('solara', 'anywidget', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.mice
def test_the_default_run_is_at_most_ten_megabytes(tmp_path):
    model = Simulation()
    assert replay.suitable_interval(model) == 12.0
    file = replay.save_replay([model], 12.0, tmp_path / "run.html")
    assert model.steps_left == 0
    assert 1e6 < file.stat().st_size <= 10e6
