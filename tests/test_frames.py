"""Frames: what is packed for the canvas unpacks to what is in the section."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from niche_sim.engine.errors import InputError
from niche_sim.experiment.simulation import Simulation
from niche_sim.exports.canvas_encoding import FINEST, Scales, difference, nice_step, pack, pack_difference, static_of
from niche_sim.figures.appearance import FIELD_LOOKS, KINDS, LiveSight, SnapshotSight
from niche_sim.model.cells import TumourCell
from niche_sim.runs.record import provenance_of, snapshot

SIZE = {"section.width": "600 um", "section.height": "700 um"}
NAMES = [kind.label for kind in KINDS]


@pytest.fixture(scope="module")
def mouse():
    model = Simulation(overrides=SIZE, rng=3)
    for _ in range(60):
        model.step()
    n = 300
    rng = np.random.default_rng(2)
    y, x = rng.uniform(0.0, 600.0, (2, n))
    y[:2], x[:2] = (0.0, 700.0), (0.0, 600.0)  # the corners of the section
    state = np.full(n, TumourCell.state.code("dormant"))
    state[-40:], y[-40:], x[-40:] = TumourCell.state.code("circulating"), np.nan, np.nan
    model.state.tumour_cells.add(n, clone=np.repeat(np.arange(3, dtype=np.uint64), 100), state=state, y=y, x=x)
    return model


@pytest.fixture(params=["live", "saved"])
def sight(request, mouse):
    return LiveSight(mouse) if request.param == "live" else SnapshotSight(snapshot(mouse), provenance_of(mouse))


def cells_of(packed):
    """Kind, y, x (shares of the sides) and id of each packed cell, as the canvas reads them."""
    x, y, names = packed.buffers[-3:]
    kind = np.repeat(np.arange(len(KINDS)), packed.header["counts"])
    return kind, *(np.frombuffer(part, "<u2") / FINEST for part in (y, x)), np.frombuffer(names, "<u4")


def test_cells_come_out_as_they_went_in(sight, mouse):
    packed = pack(sight, [], Scales())
    kind, y, x, names = cells_of(packed)
    assert len(kind) == len(y) == len(x) == len(names) > 500
    for number, look in enumerate(KINDS):
        cells = mouse.state.populations[look.population]
        rows = np.flatnonzero(look.chosen(sight))
        mine = kind == number
        assert names[mine].tolist() == cells.unique_id[rows].tolist()
        # Half a step of the places, um, and rounding.
        np.testing.assert_allclose(y[mine] * 700.0, cells.y[rows], atol=0.5 * 700.0 / FINEST + 1e-9)
        np.testing.assert_allclose(x[mine] * 600.0, cells.x[rows], atol=0.5 * 600.0 / FINEST + 1e-9)
    assert packed.header["counts"][NAMES.index("Tumour cell, dormant")] == 260  # those in blood are not in the tissue


def test_fields_come_out_as_they_went_in(sight):
    packed = pack(sight, list(FIELD_LOOKS), Scales(), "a title")
    assert packed.header["title"] == "a title"
    assert [field["name"] for field in packed.header["fields"]] == list(FIELD_LOOKS)
    for field, buffer in zip(packed.header["fields"], packed.buffers, strict=False):
        values = sight.arrays[f"field_{field['name']}"]
        look, step = FIELD_LOOKS[field["name"]], (field["high"] - field["low"]) / 255.0
        assert field["shape"] == [35, 30]
        image = np.frombuffer(buffer, np.uint8).reshape(35, 30)
        np.testing.assert_allclose(field["low"] + image * step, values, atol=0.5 * step + 1e-12)
        middle = 0.5 * (field["low"] + field["high"])
        assert (middle if look.falls else field["low"]) == pytest.approx(look.rest, abs=1e-12)


def test_a_header_is_json_and_a_panel_without_cells_has_no_bytes(mouse):
    bare = Simulation(overrides=SIZE, rng=3)
    for population in bare.state.populations.values():
        population.remove(slice(None))
    packed = pack(LiveSight(bare), ["tgfb"], Scales())
    assert json.loads(json.dumps(packed.header)) == packed.header
    assert packed.header["counts"] == [0] * len(KINDS)
    assert [len(buffer) for buffer in packed.buffers] == [35 * 30, 0, 0, 0]


def test_rings_are_around_colonies(mouse):
    rings = pack(LiveSight(mouse), [], Scales()).header["colonies"]
    assert [ring[3] for ring in rings] == [100, 100, 60]
    cells = mouse.state.tumour_cells
    y, x, radius, _ = rings[0]
    mine = cells.clone == (0 if abs(np.hypot(cells.y[:100] - y, cells.x[:100] - x)).max() < 2 * radius else 1)
    inside = np.hypot(cells.y[mine] - y, cells.x[mine] - x) <= radius
    assert inside.mean() > 0.95  # all but strays


def test_scales_grow_by_nice_steps_and_never_shrink():
    model = Simulation(overrides=SIZE, rng=3)
    scales, sight = Scales(), LiveSight(model)
    tops = []
    for value in (0.0, 0.1, 0.21, 0.9, 0.3, 7.0, 0.0):
        model.state.tgfb[3, 4] = value
        header = pack(sight, ["tgfb"], scales).header["fields"][0]
        assert header["low"] == 0.0
        tops.append(header["high"])
    assert tops == pytest.approx([0.2, 0.2, 0.3, 1.0, 1.0, 8.0, 8.0], rel=1e-12)
    model.state.leakiness[:] = 0.9
    assert pack(sight, ["leakiness"], scales).header["fields"][0]["high"] == 1.0
    model.state.leakiness[:] = 1.0 + 1e-12  # a rounding beyond does not stretch a scale that cannot be longer
    assert pack(sight, ["leakiness"], scales).header["fields"][0]["high"] == 1.0
    model.state.oxygen[0, 0] = 0.3  # farther below rest than anything above
    field = pack(sight, ["oxygen"], scales).header["fields"][0]
    assert (field["low"], field["high"]) == pytest.approx((0.2, 1.8))


def test_panels_share_a_scale_that_has_seen_them_all():
    small, large = (LiveSight(Simulation(overrides=SIZE, rng=3)) for _ in range(2))
    large.model.state.fibronectin[:] = 30.0
    scales = Scales()
    for sight in (small, large):
        scales.see(sight, ["fibronectin"])
    ends = [pack(sight, ["fibronectin"], scales).header["fields"][0]["high"] for sight in (small, large)]
    assert ends[0] == ends[1] >= 30.0


@pytest.mark.parametrize(("value", "step"), [(1.0, 1.0), (1.01, 1.5), (0.0031, 0.004), (9.5, 10.0), (81.0, 100.0), (600.0, 600.0)])
def test_a_nice_step_is_the_next_round_number(value, step):
    assert nice_step(value) == pytest.approx(step, rel=1e-12)


def test_a_difference_is_of_the_second_against_the_first():
    a, b = (LiveSight(Simulation(overrides=SIZE, rng=3)) for _ in range(2))
    b.model.state.fibronectin[2, 5] += 4.0
    b.model.state.fibronectin[30, 1] -= 0.5
    scales = Scales()
    image, low, high = difference(a, b, "fibronectin", scales)
    assert (low, high) == (-4.0, 4.0)
    assert image[2, 5] == 255
    assert image[30, 1] == round((3.5 / 8.0) * 255)
    assert image[0, 0] == 128
    packed = pack_difference(b, a, "fibronectin", scales, "the other way")
    assert packed.header["fields"] == [
        {"name": "fibronectin", "low": -4.0, "high": 4.0, "shape": [35, 30], "difference": True}
    ]
    assert np.frombuffer(packed.buffers[0], np.uint8).reshape(35, 30)[2, 5] == 0
    assert len(packed.buffers) == 1 and packed.header["counts"] == []


def test_what_cannot_be_packed_is_refused_by_name():
    sight = LiveSight(Simulation(overrides=SIZE, rng=3))
    with pytest.raises(InputError, match="'fibrinogen' is no field; some of tgfb, fibronectin"):
        pack(sight, ["tgfb", "fibrinogen"], Scales())
    other = LiveSight(Simulation(overrides={**SIZE, "section.width": "640 um"}, rng=3))
    with pytest.raises(InputError, match="35 x 30 and 35 x 32 sites"):
        difference(sight, other, "tgfb", Scales())


def test_the_static_part_tells_the_section_once(sight, mouse):
    static = static_of(sight)
    assert json.loads(json.dumps(static))["shape"] == [35, 30]
    assert (static["width_um"], static["height_um"], static["spacing_um"]) == (600.0, 700.0, 20.0)
    section = mouse.state.section
    zones = np.frombuffer(base64.b64decode(static["zones"]), np.uint8).reshape(35, 30)
    tissue = ~section.lumen
    for third in range(3):
        inside = tissue & (section.zone >= third / 3.0) & (section.zone < (third + 1) / 3.0)
        assert inside.any() and (zones[inside] == third).all()
    for number, (centres, name) in enumerate([(section.portal_triads, "Portal triad"), (section.central_veins, "Central vein")]):
        assert static["zone_names"][3 + number] == name
        for y, x in centres:
            if 0 < y < 700 and 0 < x < 600:
                assert zones.ravel()[section.site_of(y, x)] == 3 + number
    assert [kind["label"] for kind in static["kinds"]] == NAMES
    absent = {kind["label"] for kind in static["kinds"] if not kind["resident"]}
    assert absent == {"Recipient cell, naive", "Recipient cell, loaded, not educated", "Recipient cell, educated"}


@pytest.mark.parametrize("organ", ["lung", "brain"])
def test_other_organs_have_their_own_recipient_cells_and_vessels(moments, organ):
    static = static_of(LiveSight(moments[organ].model))
    assert not static["liver"]
    assert static["zone_names"][3:] == ["Arteriole", "Venule"]
    assert static["lobules"] == [] != static_of(LiveSight(moments["education"].model))["lobules"]
    assert [look["name"] for look in static["fields"] if not look["offered"]] == ["steatosis"]
    assert all(look["offered"] for look in static_of(LiveSight(moments["education"].model))["fields"])
    assert {kind["population"] for kind in static["kinds"] if not kind["resident"]} == {"kupffer_cells"}


def test_a_fixed_scale_is_the_same_for_little_and_for_much():
    model = Simulation(overrides={"section.width": "0.6 mm", "section.height": "0.6 mm"})
    sight, scales = LiveSight(model), Scales(mode="fixed")
    look, state = FIELD_LOOKS["fibronectin"], model.state
    ends = []
    for amount in (1.2, 4.0, 40.0):
        state.fibronectin[:] = amount
        scales.begin()
        (shown,) = pack(sight, ["fibronectin"], scales).header["fields"]
        ends.append((shown["low"], shown["high"]))
        assert shown.get("above", False) == (amount > look.rest + look.full), "what the last colour hides is said"
    assert set(ends) == {(look.rest, look.rest + look.full)}


def test_the_scale_of_a_moment_leaves_out_the_highest_sites_and_one_that_is_held_stays():
    model = Simulation(overrides={"section.width": "0.6 mm", "section.height": "0.6 mm"})
    sight, scales = LiveSight(model), Scales(mode="moment")
    state, look = model.state, FIELD_LOOKS["fibronectin"]
    state.fibronectin[:] = 1.0 + 1.5 * look.least_span
    state.fibronectin.flat[0] = 1000.0
    scales.begin()
    high = pack(sight, ["fibronectin"], scales).header["fields"][0]["high"]
    assert 1.0 + 1.5 * look.least_span <= high < 1.0 + 2.5 * look.least_span
    scales.mode = "held"
    state.fibronectin[:] = 1.0 + 9.0 * look.least_span
    scales.begin()
    assert pack(sight, ["fibronectin"], scales).header["fields"][0]["high"] == high
    scales.mode = "moment"
    scales.begin()
    assert pack(sight, ["fibronectin"], scales).header["fields"][0]["high"] > high
