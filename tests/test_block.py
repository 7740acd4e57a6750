"""A run in a block: one site deep it is the section; virtual sections of it; files, pictures and refusals."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from niche_sim import virtual_section
from niche_sim.engine.errors import InputError
from niche_sim.experiment.simulation import Simulation
from niche_sim.exports.cell_report import at_point
from niche_sim.figures.appearance import LiveSight, SnapshotSight
from niche_sim.inference.receptivity import Recorder
from niche_sim.model.readouts import measure
from niche_sim.runs.planes import measured_in, seen_at
from niche_sim.runs.record import Runner, load_record, provenance_of, snapshot

SIZE = {"section.width": "600 um", "section.height": "700 um", "run.duration": "96 h"}
CHALLENGE = '{ do = "inject_tumour_cells", line = "pan02", count = 30000000, at = "1 day" }'


def runner(depth, **more):
    overrides = SIZE | ({"section.depth": depth} if depth else {}) | more
    return Runner(Simulation("liver_education_costasilva2015", "educated", overrides=overrides, seed=2))


@pytest.fixture(scope="module")
def block(moments):
    """The block of `moments` as a record: tumour cells of four ages in a niche, three sites deep."""
    model = moments["block"].model
    model.state.thaw(moments["block"].start)
    shot = snapshot(model)
    now = {"time_h": model.state.time, **measure(model.state, model.mouse)}  # the model's own rows go on after other tests
    table = {name: np.array([value]) for name, value in now.items()}
    return dataclasses.replace(Runner(model).record(), snapshots={model.state.time: shot}, table=table), model


def test_one_spacing_deep_is_the_section_bit_for_bit():
    flat, one = (runner(depth) for depth in (None, "20 um"))
    for made in (flat, one):
        made.advance(60)
    assert flat.model.experiment.sha256 == one.model.experiment.sha256
    ours, theirs = snapshot(flat.model), snapshot(one.model)
    assert ours.keys() == theirs.keys() and not any(name.endswith("_z") for name in ours)
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name], err_msg=name)
        assert values.ndim == (2 if name.startswith("field_") else 1)


def test_deeper_fields_have_planes_and_cells_a_depth(block, tmp_path):
    record, model = block
    record.save(tmp_path / "run")
    shot = load_record(tmp_path / "run").snapshots[model.state.time]
    assert shot["field_tgfb"].shape == (3, 35, 30)
    for name in ("kupffer_cells", "tumour_cells", "bmdc"):
        z = shot[f"{name}_z"]
        there = np.isfinite(shot[f"{name}_y"])
        assert ((z[there] >= 0) & (z[there] <= 3)).all() and np.isnan(z[~there]).all()
    assert json.loads((tmp_path / "run" / "provenance.json").read_text())["anatomy"]["depth_um"] == 60.0


def test_a_virtual_section_has_the_cells_and_the_field_of_its_plane(block):
    record, model = block
    cut = virtual_section(record, at=30.0)
    shot, whole = cut.snapshots[model.state.time], record.snapshots[model.state.time]
    np.testing.assert_array_equal(shot["field_tgfb"], whole["field_tgfb"][1])
    z = whole["kupffer_cells_z"]
    np.testing.assert_array_equal(shot["kupffer_cells_unique_id"], whole["kupffer_cells_unique_id"][(z >= 1) & (z < 2)])
    half = virtual_section(record, at=20.0, thickness=10.0).snapshots[model.state.time]  # half of each of two planes
    np.testing.assert_allclose(half["field_tgfb"], whole["field_tgfb"][:2].mean(axis=0))
    everything = virtual_section(record, whole=True).snapshots[model.state.time]
    assert len(everything["kupffer_cells_y"]) == len(z)


def test_sections_of_a_block_together_are_the_block(block):
    """What is counted in three sections adds up; a mean field is the mean of theirs; the mouse's blood is in each."""
    record, _ = block
    cuts = [virtual_section(record, at=at).table for at in (10.0, 30.0, 50.0)]
    for name in ("bmdc", "kupffer_educated", "tumour_present", "nk_cells"):
        assert sum(cut[name][-1] for cut in cuts) == record.table[name][-1] > 0
    for name in ("tgfb_mean", "fibronectin_mean", "tumour_area_fraction"):
        assert np.mean([cut[name][-1] for cut in cuts]) == pytest.approx(record.table[name][-1], rel=1e-9)
    assert all(cut["ccl2"][-1] == record.table["ccl2"][-1] for cut in cuts)
    assert all(np.isnan(cut["tumour_arrived"][-1]) for cut in cuts)


def test_readouts_of_a_cut_are_those_of_a_section():
    """Measured from the arrays of a section's own snapshot they are what its model measures."""
    made = runner(None)
    made.advance(72)
    model = made.model
    found = measured_in(snapshot(model), model.mouse, provenance_of(model)["anatomy"])
    known = measure(model.state, model.mouse)
    assert len(found) > 35
    for name, value in found.items():
        assert value == pytest.approx(known[name], rel=1e-9), name


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [({"at": 300.0}, "from 10 to 50 um"), ({"thickness": 2.0}, "from 5 to 20 um"), ({"at": 5.0}, "the block is 60 um deep")],
)
def test_no_such_plane(block, asked, allowed):
    with pytest.raises(InputError, match=allowed):
        virtual_section(block[0], **asked)


def test_a_section_has_no_plane_to_choose():
    made = runner(None)
    record = made.record()
    assert virtual_section(record) is record
    for ask in (lambda: virtual_section(record, at=10.0), lambda: seen_at(record.provenance, "10 um")):
        with pytest.raises(InputError, match="one site deep"):
            ask()


def test_live_and_saved_a_plane_looks_the_same(block):
    record, model = block
    live = LiveSight(model)
    saved = SnapshotSight(record.snapshots[model.state.time], record.provenance)
    assert set(live.arrays) == set(saved.arrays)
    for name in saved.arrays:
        np.testing.assert_allclose(live.arrays[name], saved.arrays[name], rtol=1e-12, err_msg=name)
    top = LiveSight(model, depth=0.0)
    assert top.depth == 10.0
    assert not np.array_equal(top.arrays["field_tgfb"], live.arrays["field_tgfb"])


def test_a_click_finds_the_cell_of_the_plane_that_is_seen(block):
    _, model = block
    cells = model.state.kupffer_cells
    low = int(np.flatnonzero(cells.z < 20.0)[0])
    card = at_point(model, float(cells.y[low]), float(cells.x[low]), 1.0, int(cells.unique_id[low]), depth_um=10.0)
    assert card["unique_id"] == cells.unique_id[low]
    assert at_point(model, 5.0, 5.0, 1.0, int(cells.unique_id[low]), depth_um=50.0)["unique_id"] is None


def test_receptivity_of_a_block_is_refused_by_name(block):
    with pytest.raises(InputError, match="a block of tissue"):
        Recorder(block[1])


@pytest.mark.parametrize("depth", ["30 um", "-20 um", "0 um", "3 s", "20"])
def test_a_bad_depth_is_refused_in_one_line(call, depth):
    found = call("run", "--set", f"section.depth={depth}")
    assert found.code == 2 and len(found.err) == 1 and "section.depth" in found.err[0]


def test_a_huge_block_is_refused_with_its_estimate(call):
    found = call("run", "--set", "section.depth=20 mm")
    assert found.code == 2 and "sites" in found.err[0] and "memory" in found.err[0]


@pytest.mark.mice
def test_a_block_runs_as_any_run(call, tmp_path):
    size = [word for name, value in SIZE.items() for word in ("--set", f"{name}={value}")]
    found = call("run", "--set", "section.depth=60 um", *size, "-o", "run")
    assert found.code == 0, found.err
    assert {"record.parquet", "snapshots.npz", "summary.json", "section.png", "timeline.png"} <= {
        one.name for one in (tmp_path / "run").iterdir()
    }
    assert call("run", "--like", "run", "-o", "again", "--no-figures").code == 0
    with np.load(tmp_path / "run" / "snapshots.npz") as ours, np.load(tmp_path / "again" / "snapshots.npz") as theirs:
        assert all(np.array_equal(ours[name], theirs[name], equal_nan=ours[name].dtype.kind == "f") for name in ours.files)
