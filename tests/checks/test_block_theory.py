"""A block of tissue against closed forms in space: diffusion, walks, encounters, delivery, colonies."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.engine.chance import Chance
from niche_sim.engine.kernels.delivery import captured_share, pass_probability, pass_through
from niche_sim.engine.kernels.neighbourhood import ball, disc
from niche_sim.engine.kernels.spectral import SpectralStep
from niche_sim.engine.kernels.steady import solve_steady
from niche_sim.engine.kernels.walk import HEADINGS, sub_steps, walk
from niche_sim.engine.laws import ball_diameter, meeting_rate, turn_chance
from niche_sim.model.cells import TumourCell
from niche_sim.model.initial_state import naive_liver, resting_density, section_of
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.colonisation.crowding import Crowding
from niche_sim.model.processes.colonisation.division import Division
from niche_sim.model.state import State

SPEED, PERSISTENCE = 276.0, 5 / 60  # a Kupffer cell: um/h, h
CYCLING = TumourCell.state.code("cycling")


# --- diffusion -------------------------------------------------------------------------------------------------------


def test_a_point_source_spreads_as_a_gaussian_in_space():
    n, spacing, diffusivity, hours = 65, 5.0, 1000.0, 0.7
    c = np.zeros((n, n, n))
    c[n // 2, n // 2, n // 2] = 1.0
    after = SpectralStep(c.shape, spacing, diffusivity, 0.0, hours).advance(c, np.zeros_like(c))
    at = (np.arange(n) - n // 2) * spacing
    for axis in range(3):  # 2 D t along each axis
        others = tuple(one for one in range(3) if one != axis)
        assert (after.sum(axis=others) * at**2).sum() == pytest.approx(2 * diffusivity * hours, rel=1e-3)
    r2 = at[:, None, None] ** 2 + at[None, :, None] ** 2 + at[None, None, :] ** 2
    expected = spacing**3 / (4 * math.pi * diffusivity * hours) ** 1.5 * np.exp(-r2 / (4 * diffusivity * hours))
    # The edge is 4.3 standard deviations away; the stencil's first error is spacing^2 / (8 D t), 0.4 % of the peak.
    np.testing.assert_allclose(after, expected, atol=0.01 * expected.max())
    assert after.sum() == pytest.approx(1.0, rel=1e-12)


def test_around_a_steady_point_source_a_signal_falls_as_exp_over_distance():
    n, spacing, diffusivity, decay = 81, 5.0, 1000.0, 0.625
    length = math.sqrt(diffusivity / decay)  # 40 um, and the edge is 5 of them away
    source = np.zeros((n, n, n))
    source[n // 2, n // 2, n // 2] = 1.0
    field = solve_steady(diffusivity, np.full_like(source, decay), source, spacing, np.zeros_like(source))
    r = np.arange(8, 21) * spacing
    found = field[n // 2, n // 2, n // 2 + 8 : n // 2 + 21]
    expected = spacing**3 * np.exp(-r / length) / (4 * math.pi * diffusivity * r)
    np.testing.assert_allclose(found, expected, rtol=0.01)
    spectral = SpectralStep(source.shape, spacing, diffusivity, decay, 20.0).advance(np.zeros_like(source), source)
    np.testing.assert_allclose(spectral, field, atol=1e-4 * field.max())  # two ways to the steady field


def test_the_small_diffusion_test_of_tissue_simulators():
    """PerMedCoE's community benchmark (observatory_benchmark, unit test of diffusion, small): steady state as published there.

    3 x 3 x 3 voxels of 20 um, all but the middle one held at 10; in the middle a sink of 20 per min; diffusivity 2000 um2/min.
    BioDynaMo's results there end at 9.33333 in the middle and 9.97531 on average.
    """
    held, sink = np.full((3, 3, 3), 1e9), np.zeros((3, 3, 3))  # 1/min: so fast that what is lost there is nothing
    held[1, 1, 1], sink[1, 1, 1] = 0.0, 20.0
    left = 10.0 - solve_steady(2000.0, held, sink, 20.0, np.zeros_like(sink))
    assert left[1, 1, 1] == pytest.approx(9.33333, rel=0.01)
    assert 10.0 - left[1, 1, 1] == pytest.approx(10.0 - 9.33333, rel=0.01)  # of what is taken out, too
    assert left.mean() == pytest.approx(9.97531, rel=1e-4)


@pytest.mark.parametrize("cells", [11, 31])
def test_half_a_box_spreads_into_the_other_half_as_the_series_says(cells):
    """No-flux edges, cosine series; a small and a larger domain."""
    spacing, diffusivity, hours = 10.0, 1000.0, 0.5
    side = cells * spacing
    start = np.zeros((cells, cells, cells))
    start[:, : cells // 2 + 1, :] = 1.0
    after = SpectralStep(start.shape, spacing, diffusivity, 0.0, hours).advance(start, np.zeros_like(start))
    width = (cells // 2 + 1) * spacing
    y = (np.arange(cells) + 0.5) * spacing
    k = np.arange(1, 200)
    terms = 2 / (math.pi * k) * np.sin(math.pi * k * width / side) * np.exp(-diffusivity * (math.pi * k / side) ** 2 * hours)
    expected = width / side + (terms[:, None] * np.cos(math.pi * k[:, None] * y[None, :] / side)).sum(axis=0)
    np.testing.assert_allclose(after, np.broadcast_to(expected[None, :, None], after.shape), atol=0.01)


# --- neighbourhoods --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("radius", "spacing"), [(40.0, 20.0), (55.0, 10.0)])
def test_a_ball_is_a_ball_and_its_middle_is_the_disc(radius, spacing):
    dz, dy, dx, weights = ball(radius, spacing)
    assert weights.sum() == pytest.approx(1.0, rel=1e-12)
    # Mean square distance 3 r^2 / 5; a site counts at its middle, which adds spacing^2 / 4.
    found = (weights * (dz**2 + dy**2 + dx**2)).sum() * spacing**2
    assert found == pytest.approx(0.6 * radius**2 + 0.25 * spacing**2, rel=0.1)
    _, flat_y, flat_x, _ = disc(radius, spacing)
    middle = dz == 0
    assert set(zip(flat_y, flat_x, strict=True)) == set(zip(dy[middle], dx[middle], strict=True))
    assert weights.max() == pytest.approx(spacing**3 / (4 / 3 * math.pi * radius**3), rel=0.05)


# --- walks -----------------------------------------------------------------------------------------------------------


def go(places, heading, weight, spacing, dt, rng):
    steps = sub_steps(SPEED, PERSISTENCE, dt, spacing)
    n = len(heading)
    z, y, x = places
    run, turn = np.full(n, SPEED * dt / steps), turn_chance(dt / steps, PERSISTENCE)
    for _ in range(steps):
        walk(y, x, heading, run, turn, rng.random((n, 1)), weight, spacing, z)
        yield


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_mean_square_displacement_has_a_third_along_each_axis(dt):
    n, side, spacing = 8_000, 2000.0, 20.0
    rng = np.random.default_rng(1)
    weight = np.ones((100, 100, 100))
    places, heading = [np.full(n, side / 2) for _ in range(3)], 2 * math.pi * rng.random(n)
    for _ in range(round(1 / dt)):
        for _ in go(places, heading, weight, spacing, dt, rng):
            pass
    steps = round(1 / dt) * sub_steps(SPEED, PERSISTENCE, dt, spacing)
    kept = 1 - turn_chance(1 / steps, PERSISTENCE)
    lags = np.arange(1, steps)
    expected = (SPEED / steps) ** 2 * (steps + 2 * ((steps - lags) * kept**lags).sum())
    for place in places:
        square = (place - side / 2) ** 2
        assert abs(square.mean() - expected / 3) < 4 * square.std() / math.sqrt(n)
        assert abs((place - side / 2).mean()) < 4 * place.std() / math.sqrt(n)


def test_edges_of_a_block_neither_gather_nor_lose_cells_and_headings_stay_even():
    n, spacing = 20_000, 20.0
    rng = np.random.default_rng(2)
    shape = (4, 6, 5)
    weight = 1.0 + (np.arange(120).reshape(shape) % 3 == 0)
    places = [side * spacing * rng.random(n) for side in shape]
    heading = 2 * math.pi * rng.random(n)
    for _ in range(5):
        for _ in go(places, heading, weight, spacing, 1.0, rng):
            pass
    sites = np.ravel_multi_index([np.minimum((p / spacing).astype(int), s - 1) for p, s in zip(places, shape, strict=True)], shape)
    counts, expected = np.bincount(sites, minlength=120), n * weight.ravel() / weight.sum()
    assert ((counts - expected) ** 2 / expected).sum() < 119 + 5 * math.sqrt(2 * 119)  # chi-square in five deviations
    faces = np.bincount(np.round(heading * HEADINGS / (2 * math.pi)).astype(int) % HEADINGS // 8, minlength=HEADINGS // 8)
    assert ((faces - faces.mean()) ** 2 / faces.mean()).sum() < 127 + 5 * math.sqrt(2 * 127)


def test_a_cell_that_walks_off_the_top_is_mirrored_and_keeps_its_way():
    at = np.array([3.0]), np.array([50.0]), np.array([50.0])
    heading = np.array([2 * math.pi * 4 * 255 / HEADINGS])
    heading[:] = 2 * math.pi * (8 * 127 + 4) / HEADINGS  # nearly straight up, towards z = 0
    before = [axis.copy() for axis in at]
    walk(at[1], at[2], heading, np.array([10.0]), 0.1, np.full((1, 1), 0.9), np.ones((5, 5, 5)), 20.0, at[0])
    assert at[0][0] == pytest.approx(10.0 - 3.0, abs=0.1)
    assert round(heading[0] * HEADINGS / (2 * math.pi)) == 8 * 127  # away from it now
    assert math.dist([-at[0][0], at[1][0], at[2][0]], [a[0] for a in before]) == pytest.approx(10.0, rel=0.02)


def test_encounters_with_a_ball_come_at_the_meeting_rate_of_space():
    """Entries into the contact distance of a resting cell: pi R^2 v n, whatever the walk's persistence."""
    n, side, radius, hours, spacing = 4000, 400.0, 25.0, 3.0, 20.0
    rng = np.random.default_rng(6)
    weight = np.ones((20, 20, 20))
    places, heading = [side * rng.random(n) for _ in range(3)], 2 * math.pi * rng.random(n)
    targets = np.array([(a, b, c) for a in (80, 200, 320) for b in (80, 200, 320) for c in (80, 200, 320)], float)
    counts = np.zeros(len(targets))
    for _ in range(round(hours)):
        before = np.array(places)
        for _ in go(places, heading, weight, spacing, 1.0, rng):
            after = np.array(places)
            way = after - before
            for k, target in enumerate(targets):
                gap = before - target[:, None]
                nearest = np.clip(-(gap * way).sum(axis=0) / np.maximum((way**2).sum(axis=0), 1e-300), 0.0, 1.0)
                near = ((gap + nearest * way) ** 2).sum(axis=0) < radius**2
                counts[k] += np.count_nonzero(near & ((gap**2).sum(axis=0) >= radius**2))
            before = after
    expected = meeting_rate(radius, SPEED, n / side**3, axes=3) * hours
    error = counts.std(ddof=1) / math.sqrt(len(targets))
    assert abs(counts.mean() - expected) < 4 * error
    assert error < 0.03 * expected


# --- delivery --------------------------------------------------------------------------------------------------------


def test_every_plane_of_a_block_is_fed_as_a_section():
    p = resolve()
    flat, block = section_of(600.0, 700.0, 20.0, p), section_of(600.0, 700.0, 20.0, p, 60.0)
    flow, n = flat.flow, flat.zone.size
    assert block.shape == (3, *flat.shape)
    np.testing.assert_array_equal(block.zone[1], flat.zone)
    capture = np.random.default_rng(1).random(n) * 0.01
    columns, sources = flat.shape[1], (flow.source_sites, flow.source_share)
    h, extraction = pass_probability(flow.order, flow.route, capture, columns, *sources)
    three_h, same = pass_probability(block.flow.order, block.flow.route, np.tile(capture, 3), columns, *sources)
    assert same == pytest.approx(extraction, rel=1e-12)
    np.testing.assert_array_equal(three_h.reshape(3, -1), np.tile(h, (3, 1)))
    one_plane = np.concatenate([capture, np.zeros(2 * n)])
    share = captured_share(flow.order, flow.route, one_plane, columns, *sources)
    np.testing.assert_allclose(share[:n], captured_share(flow.order, flow.route, capture, columns, *sources) / 3, rtol=1e-12)
    u, v = np.random.default_rng(2).random((2, 30_000))
    sites, _ = pass_through(flow.source_share, flow.source_sites, flow.route, np.tile(capture, 3), columns, u, v)
    planes = np.bincount(sites[sites >= 0] // n, minlength=3)
    assert abs(planes / 30_000 - extraction / 3).max() < 4 * math.sqrt(extraction / 3 / 30_000)


def test_densities_mean_the_same_in_a_block():
    p = resolve()
    counts = []
    for depth in (None, 100.0):
        section = section_of(600.0, 700.0, 20.0, p, depth)
        state = naive_liver(section, p, Chance(3))
        counts.append({name: len(one) / section.volume for name, one in state.populations.items()})
        cells = state.kupffer_cells
        assert (cells.z == 0.0).all() if depth is None else ((cells.z >= 0) & (cells.z <= depth)).all()
        assert not section.lumen.ravel()[state.sites(cells)].any()
    flat, deep = counts
    for name, density in flat.items():  # founders are whole numbers
        assert deep[name] == pytest.approx(density, abs=2 / (600 * 700 * 20))
    z = cells.z  # even over the depth
    assert abs(z.mean() - 50.0) < 4 * z.std() / math.sqrt(len(z))


# --- colonies --------------------------------------------------------------------------------------------------------


def colony(hours, p, depth=None, side=700.0):
    """A lone cell that grows in an empty naive organ: cells over time and the state at the end."""
    section = section_of(side, side, 20.0, p, depth)
    state = State.empty(section)
    state.resting_density = resting_density(section, p)
    lumen_free = np.argwhere(~section.lumen.reshape(section.grid)[0])
    middle = lumen_free[np.argmin(((lumen_free - np.array(section.shape[-2:]) / 2 - 4) ** 2).sum(axis=1))]
    y, x = (middle + 0.5) * 20.0
    z = depth / 2.0 if depth else np.nan
    keys = np.array([7], np.uint64)
    state.tumour_cells.add(1, key=keys, clone=keys, state=CYCLING, z=z, y=y, x=x, clone_size=1)
    chance, sizes = Chance(1), [1]
    for hour in range(hours):
        state.step_index, state.time = hour, float(hour)
        chance.step = hour
        Crowding().step(state, p, chance, 1.0)
        Division().step(state, p, chance, 1.0)
        sizes.append(len(state.tumour_cells))
    return np.array(sizes), state


def test_a_colony_in_a_block_is_a_ball_that_loses_no_births():
    p = resolve({"pan02.doubling": "20 h"})
    sizes, state = colony(220, p, depth=400.0)
    assert state.counters.tumour_left_slab == 0
    assert sizes[-1] == 1 + state.counters.tumour_born  # conservation
    cells = state.tumour_cells
    places = np.stack([cells.z, cells.y, cells.x])
    # A ball has the same variance along each axis, r^2 / 5.
    spread = places.var(axis=1)
    assert spread.max() / spread.min() < 1.3
    radius = ball_diameter(len(cells), p.tumour.packing) / 2.0
    assert spread.mean() == pytest.approx(radius**2 / 5.0, rel=0.5)
