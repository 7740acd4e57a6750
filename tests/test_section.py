"""The liver section: geometry against brute force, flow against an independent solver, bad input in one line."""

from __future__ import annotations

import dataclasses
import math
import pickle

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

from niche_sim.engine.errors import InputError
from niche_sim.model.anatomy import Section

VESSELS = {"lobule_radius": 285.0, "portal_radius": 25.0, "central_radius": 35.0}
STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1))


def liver(width=2000.0, height=2000.0, spacing=20.0, thickness=20.0, **changed):
    return Section.liver(width, height, spacing, thickness, **(VESSELS | changed))


def hexagons(section, radius):
    """Central veins and corners of hexagons laid out one by one, beyond the section's edges."""
    veins, corners = [], []
    for row in range(-4, 5):
        for column in range(-4, 5):
            y = section.height / 2 + 1.5 * radius * row
            x = section.width / 2 + math.sqrt(3) * radius * (column + (row % 2) / 2)
            veins.append((y, x))
            corners += [
                (y + radius * math.cos(turn * math.pi / 3), x + radius * math.sin(turn * math.pi / 3)) for turn in range(6)
            ]
    return np.array(veins), np.array(corners)


def nearest(section, points):
    y, x = (np.indices(section.shape) + 0.5) * section.spacing
    distance = np.hypot(y[..., None] - points[:, 0], x[..., None] - points[:, 1])
    return distance.min(axis=-1), distance.argmin(axis=-1)


def test_sizes():
    section = liver(width=1500, height=1200, thickness=10)
    assert section.shape == (60, 75)
    assert (section.height, section.width) == (1200, 1500)
    assert section.area == 1200 * 1500
    assert section.volume == 1200 * 1500 * 10
    assert section.site_volume == 20 * 20 * 10


@pytest.mark.parametrize(("width", "height"), [(2000, 2000), (1500, 1020)])
def test_lobules_vessels_and_zones_match_hexagons_laid_out_one_by_one(width, height):
    section = liver(width, height)
    veins, corners = hexagons(section, 285.0)
    to_vein, vein = nearest(section, veins)
    to_triad, _ = nearest(section, corners)
    np.testing.assert_array_equal(section.lumen, (to_vein <= 35) | (to_triad <= 25))
    # One index for each vein: the pairs (ours, theirs) are as many as the lobules. Sites on the border between two
    # lobules, equally far from both veins, may belong to either.
    y, x = (np.indices(section.shape) + 0.5) * section.spacing
    distances = np.sort(np.hypot(y[..., None] - veins[:, 0], x[..., None] - veins[:, 1]), axis=-1)
    clear = distances[..., 1] - distances[..., 0] > 1e-6
    pairs = {(int(a), int(b)) for a, b in zip(section.lobule[clear], vein[clear], strict=True)}
    lobules = len({b for _, b in pairs})
    assert len(pairs) == lobules
    assert section.lobule.min() == 0 and section.lobule.max() == lobules - 1
    tissue = ~section.lumen
    portal = np.maximum(to_triad - 25, 0)
    coordinate = (portal / (portal + np.maximum(to_vein - 35, 0)))[tissue]
    by_place = np.argsort(coordinate)
    # Values that differ by less than 1e-9 are ties of symmetry and share a rank.
    assert (np.diff(section.zone[tissue][by_place])[np.diff(coordinate[by_place]) > 1e-8] > 0).all()
    assert (section.zone[to_triad <= 25] == 0).all()
    assert (section.zone[to_vein <= 35] == 1).all()


def test_vessels_listed_are_those_that_reach_into_the_section():
    section = liver()
    veins, corners = hexagons(section, 285.0)
    for listed, every, radius in ((section.central_veins, veins, 35), (section.portal_triads, corners, 25)):
        outside = np.maximum(np.maximum(-every, every - 2000), 0)
        expected = {(round(y, 3), round(x, 3)) for y, x in every[np.hypot(*outside.T) < radius]}
        found = [(round(y, 3), round(x, 3)) for y, x in listed]
        assert len(found) == len(set(found))
        assert set(found) == expected


def test_a_whole_lobule_has_the_area_of_its_hexagon():
    section = liver(spacing=10.0)
    middle = section.lobule[100, 100]
    # The rim has about 170 of 2110 sites, each half in or half out by chance: below 1 %.
    assert (section.lobule == middle).sum() * 100 == pytest.approx(1.5 * math.sqrt(3) * 285**2, rel=0.01)


def test_thirds_of_the_zone_are_equal_areas_and_the_map_is_symmetric():
    section = liver()
    zone = section.zone[~section.lumen]
    # Ties of symmetry (up to some 40 of 9600 sites) may fall on one side of a border.
    assert zone.mean() == pytest.approx(0.5, rel=1e-12)
    assert (zone < 1 / 3).mean() == pytest.approx(1 / 3, abs=0.005)
    assert (zone > 2 / 3).mean() == pytest.approx(1 / 3, abs=0.005)
    np.testing.assert_array_equal(section.zone, section.zone[:, ::-1])
    np.testing.assert_array_equal(section.zone, section.zone[::-1])


def independent_speed(section, entering, leaving):
    """Flow over the faces by a sparse solver: out[site, k], and the mean speed of each site's faces."""
    rows, columns = section.shape
    entries = []
    for iy in range(rows):
        for ix in range(columns):
            for dy, dx in STEPS:
                if 0 <= iy + dy < rows and 0 <= ix + dx < columns:
                    here, there = iy * columns + ix, (iy + dy) * columns + ix + dx
                    entries += [(here, here, 1.0), (here, there, -1.0)]
    i, j, value = zip(*entries, strict=True)
    matrix = coo_array((value, (i, j))).tocsc()
    # Pressure is free up to a constant: hold site 0 at 0.
    pressure = np.zeros(rows * columns)
    pressure[1:] = spsolve(matrix[1:, 1:], (entering - leaving)[1:])
    padded = np.pad(pressure.reshape(rows, columns), 1, mode="edge")
    drops = [padded[1:-1, 1:-1] - padded[1 + dy : rows + 1 + dy, 1 + dx : columns + 1 + dx] for dy, dx in STEPS]
    return np.stack(drops, axis=-1)


def test_flow_balances_and_agrees_with_an_independent_solution():
    section = liver(width=600, height=700, spacing=20)
    flow, sites = section.flow, section.shape[0] * section.shape[1]
    entering, share_left = np.zeros(sites), 1.0 - flow.route.sum(axis=1)
    entering[flow.source_sites] = flow.source_share
    assert flow.source_share.sum() == pytest.approx(1, abs=1e-12)
    assert (flow.route >= 0).all()
    # Carry the inflow downstream in the given order: each site must have received everything before it gives.
    through, given, columns = entering.copy(), np.zeros(sites, bool), section.shape[1]
    for site in flow.order:
        given[site] = True
        for k, (dy, dx) in enumerate(STEPS):
            if flow.route[site, k] > 0:
                iy, ix = site // columns + dy, site % columns + dx
                assert 0 <= iy < section.shape[0] and 0 <= ix < columns
                assert not given[iy * columns + ix]
                through[iy * columns + ix] += through[site] * flow.route[site, k]
    leaving = through * share_left
    assert given.all()
    # Rounding of a transform over 1050 sites.
    assert leaving.sum() == pytest.approx(1, abs=1e-9)
    assert np.abs(np.delete(leaving, flow.sink_sites)).max() < 1e-9
    drops = independent_speed(section, entering, leaving)
    np.testing.assert_allclose((through[:, None] * flow.route).reshape(drops.shape), np.maximum(drops, 0), atol=1e-9)
    # Mean length of a way from vessel to vessel = integral of the speed over the sinusoids / flow, whatever the route.
    speed = np.hypot(np.abs(drops[..., :2]).sum(axis=-1) / 2, np.abs(drops[..., 2:]).sum(axis=-1) / 2)
    length = (speed * section.spacing)[~section.lumen].sum()
    # A site where the flow turns passes on slightly more than |cos| + |sin| of its mean speed: some percent of sites.
    assert (through * flow.passage.ravel()).sum() == pytest.approx(length, rel=0.02)


@pytest.mark.parametrize("spacing", [20.0, 4.0])
def test_blood_enters_and_leaves_over_the_whole_disc_of_each_vessel(spacing):
    section = liver(width=600, height=600, spacing=spacing)
    veins, corners = hexagons(section, 285.0)
    for sites, points, radius in ((section.flow.source_sites, corners, 25), (section.flow.sink_sites, veins, 35)):
        distance = nearest(section, points)[0].ravel()
        # No point of a site is further from its centre than half its diagonal.
        assert distance[sites].max() < radius + spacing / math.sqrt(2)
        assert np.isin(np.flatnonzero(distance < radius), sites).all()


def test_vessels_share_the_flow_by_their_area_inside():
    section = liver(width=1040, height=1500, spacing=20, lobule_radius=300.0)
    flow, columns = section.flow, section.shape[1]
    y = (flow.source_sites // columns + 0.5) * 20
    x = (flow.source_sites % columns + 0.5) * 20

    def share_of(triad):
        return flow.source_share[np.hypot(y - triad[0], x - triad[1]) < 60].sum()

    across = 520 - 150 * math.sqrt(3)
    assert np.abs(section.portal_triads - (600, across)).sum(axis=1).min() < 1e-9
    whole, other = share_of((600, across)), share_of((450, 520))
    assert whole == pytest.approx(other, rel=1e-9)
    # Its centre lies on the edge. The disc is a mirror symmetric set of points: half, to rounding.
    assert share_of((0, across)) == pytest.approx(whole / 2, rel=1e-9)


def test_passage_is_the_spacing_along_the_axes_and_shorter_between_them():
    section = liver()
    passage = section.flow.passage
    assert (passage[section.lumen] == 0).all()
    tissue = passage[~section.lumen]
    assert tissue.min() >= 20 / math.sqrt(2) - 1e-9
    assert tissue.max() <= 20 + 1e-9
    # Both extremes occur: flow along an axis and flow along a diagonal.
    assert tissue.min() < 14.2 and tissue.max() > 19.9


def test_positions_and_sites():
    section = liver(width=600, height=700, spacing=20)
    y, x = np.array([0.0, 19.99, 20.0, 699.9, -5.0, 900.0]), np.array([0.0, 40.0, 599.9, 0.0, 1e9, -3.0])
    np.testing.assert_array_equal(section.site_of(y, x), [0, 2, 30 + 29, 34 * 30, 29, 34 * 30])
    np.testing.assert_array_equal(section.inside(y, x), [True, True, True, True, False, False])
    assert section.inside(np.array([700.0]), np.array([600.0])).all()
    assert section.site_of(y, x).dtype == np.int64


def test_place_follows_the_weights_and_never_uses_a_site_without():
    section = liver(width=600, height=700, spacing=20)
    rng = np.random.default_rng(3)
    weights = rng.random(section.shape) * (rng.random(section.shape) < 0.5)
    weights[0, 0] = weights[-1, -1] = 0
    uniforms = rng.random((200_000, 3))
    uniforms[:4] = [[0, 0, 0], [1 - 2**-53] * 3, [0.5, 0, 1 - 2**-53], [0.5, 1 - 2**-53, 0]]
    y, x = section.place(uniforms, np.cumsum(weights)).values()
    assert section.inside(y, x).all()
    found = np.bincount(section.site_of(y, x), minlength=weights.size)
    expected = weights.ravel() / weights.sum() * len(y)
    assert (found[expected == 0] == 0).all()
    some = expected > 5
    chi_square = ((found - expected)[some] ** 2 / expected[some]).sum()
    # Mean = number of sites, standard deviation sqrt(2 n); 5 of them at a fixed seed.
    assert chi_square == pytest.approx(some.sum(), abs=5 * math.sqrt(2 * some.sum()))
    # Even within a site: mean 1/2, standard error 0.29 / sqrt(200000) = 0.00065; five of them.
    assert (y / 20 % 1).mean() == pytest.approx(0.5, abs=0.0033)
    assert (x / 20 % 1).mean() == pytest.approx(0.5, abs=0.0033)


def test_place_refuses_weights_that_do_not_fit():
    section = liver(width=600, height=700, spacing=20)
    with pytest.raises(ValueError, match="positive weight"):
        section.place(np.zeros((1, 3)), np.zeros(section.zone.size))
    with pytest.raises(ValueError, match="shape"):
        section.place(np.zeros((1, 3)), np.ones(9))


def test_a_section_is_shared_and_cannot_be_changed():
    section = liver()
    assert liver() is section
    copy = pickle.loads(pickle.dumps(section))
    np.testing.assert_array_equal(copy.flow.route, section.flow.route)
    for one in (section, copy):
        with pytest.raises(ValueError, match="read-only"):
            one.zone[0, 0] = 1
        with pytest.raises(ValueError, match="read-only"):
            one.flow.route[0, 0] = 1
        with pytest.raises(dataclasses.FrozenInstanceError):
            one.spacing = 1.0


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"width": 2010.0}, "section.width"),
        ({"height": 5.0}, "section.height"),
        ({"spacing": 0.0}, "section.spacing"),
        ({"spacing": -20.0}, "section.spacing"),
        ({"spacing": math.nan}, "section.spacing"),
        ({"thickness": 0.0}, "section.thickness"),
        ({"width": math.inf}, "section.width"),
        ({"width": 480.0}, "section.width"),
        ({"height": 560.0}, "section.height"),
        ({"spacing": 0.5}, "section.spacing"),
        ({"spacing": 100.0}, "section.spacing"),
        ({"portal_radius": 100.0}, "section.portal_radius"),
        ({"central_radius": -1.0}, "section.central_radius"),
    ],
)
def test_bad_input_is_named_in_one_line(changed, where):
    with pytest.raises(InputError) as caught:
        liver(**changed)
    assert caught.value.where == where
    assert "\n" not in str(caught.value)


def test_a_length_off_by_rounding_is_accepted():
    assert liver(width=2 * 0.1 * 3 * 1000 / 0.3, height=700, spacing=20).shape == (35, 100)
