"""Compiled walk and neighbourhood against slow twins that spell every step out, on odd shapes and at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.engine.kernels.neighbourhood import ball, disc, fold, gather, mirrored, spread
from niche_sim.engine.kernels.walk import HEADINGS, SPLIT, sub_steps, walk

ODD_SHAPES = [(1, 1), (1, 9), (7, 1), (3, 5), (13, 8)]
# Twins do the same arithmetic in another order; lengths are some 100 um, roundings 1e-14 um, moves some tens.
ROUNDING = 1e-9


# --- walk ------------------------------------------------------------------------------------------------------------


def reflected(position, length):
    """Where a run ends that would end at `position`, and whether an edge turned it."""
    if position < 0.0:
        return -position, True
    if position > length:
        return 2 * length - position, True
    return position, False


def in_table(angle):
    """The direction that a walk takes for an angle (radians): the nearest of its table."""
    return 2 * math.pi * np.floor(np.asarray(angle) * HEADINGS / (2 * math.pi) + 0.5) / HEADINGS


def slow_walk(y, x, heading, run, turn_chance, uniforms, weight, spacing):
    """One cell and one move at a time; returns positions and the direction of the last run."""
    rows, columns = weight.shape

    def weight_at(a, b):
        return weight[min(int(a / spacing), rows - 1), min(int(b / spacing), columns - 1)]

    ends = []
    for i in range(len(y)):
        a, b, angle = y[i], x[i], heading[i]
        for u in uniforms[i]:
            whole, rest = divmod(u * SPLIT, 1.0)
            if whole < turn_chance * SPLIT:
                angle = 2 * math.pi * int(whole * (HEADINGS / (turn_chance * SPLIT))) / HEADINGS
            dy, dx = run[i] * math.sin(angle), run[i] * math.cos(angle)
            to_y, turned_y = reflected(a + dy, rows * spacing)
            to_x, turned_x = reflected(b + dx, columns * spacing)
            if rest * weight_at(a, b) < weight_at(to_y, to_x):
                a, b = to_y, to_x
                angle = math.atan2(-dy if turned_y else dy, -dx if turned_x else dx)
            else:
                angle = math.atan2(-dy, -dx)
        ends.append((a, b, angle))
    return np.array(ends).T


def walkers(shape, spacing, n, moves, seed=1):
    rng = np.random.default_rng(seed)
    y, x = rng.random(n) * shape[0] * spacing, rng.random(n) * shape[1] * spacing
    run = spacing * rng.random(n)
    return y, x, in_table(2 * math.pi * rng.random(n)), run, rng.random((n, moves))


def assert_same_walk(y, x, heading, run, turn, uniforms, weight, spacing):
    expected_y, expected_x, angle = slow_walk(y, x, heading, run, turn, uniforms, weight, spacing)
    walk(y, x, heading, run, turn, uniforms, weight, spacing)
    np.testing.assert_allclose(y, expected_y, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(x, expected_x, rtol=0, atol=ROUNDING)
    moving = run > 0
    apart = np.angle(np.exp(1j * (heading - angle)))[moving]
    # An angle is a rounding over the length of a run, the shortest of which here is 1e-3 um.
    np.testing.assert_allclose(apart, 0.0, atol=1e-9)


@pytest.mark.parametrize("shape", ODD_SHAPES)
@pytest.mark.parametrize("turn", [0.05, 0.6, 1.0])
def test_walk_equals_its_slow_twin(shape, turn):
    y, x, heading, run, uniforms = walkers(shape, 20.0, 60, 12)
    assert_same_walk(y, x, heading, run, turn, uniforms, np.ones(shape), 20.0)


@pytest.mark.parametrize("shape", [(1, 9), (13, 8), (35, 30)])
def test_walk_on_uneven_ground_equals_its_slow_twin(shape):
    y, x, heading, run, uniforms = walkers(shape, 10.0, 80, 15, seed=2)
    weight = np.random.default_rng(3).random(shape) * (np.random.default_rng(4).random(shape) < 0.8)
    assert_same_walk(y, x, heading, run, 0.3, uniforms, weight, 10.0)


def test_a_walk_in_pieces_is_the_walk_at_once():
    y, x, heading, run, uniforms = walkers((13, 8), 20.0, 200, 10)
    weight = 0.2 + np.random.default_rng(5).random((13, 8))
    whole = [y.copy(), x.copy(), heading.copy()]
    walk(*whole, run, 0.4, uniforms, weight, 20.0)
    for j in range(10):
        walk(y, x, heading, run, 0.4, uniforms[:, j : j + 1].copy(), weight, 20.0)
    np.testing.assert_allclose(y, whole[0], rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(x, whole[1], rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("place", [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)])
def test_nothing_turns_a_cell_away_from_the_edges(place):
    """Without turns and edges a run is a straight line, wherever on the section it lies."""
    n, rows, columns, spacing, moves = 300, 40, 50, 20.0, 10
    rng = np.random.default_rng(6)
    y, x = (rng.random(n) + at * side * spacing for at, side in zip(place, (rows, columns), strict=True))
    heading, start_y, start_x = in_table(2 * math.pi * rng.random(n)), y.copy(), x.copy()
    angle = heading.copy()
    uniforms = 0.5 + 0.5 * rng.random((n, moves))  # above the chance of a turn
    walk(y, x, heading, np.full(n, 12.3), 0.1, uniforms, np.ones((rows, columns)), spacing)
    np.testing.assert_allclose(y - start_y, moves * 12.3 * np.sin(angle), rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(x - start_x, moves * 12.3 * np.cos(angle), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize(
    ("y", "x", "heading"), [(3.0, 50.0, -90.0), (97.0, 50.0, 90.0), (50.0, 3.0, 180.0), (50.0, 97.0, 0.0)]
)
def test_edges_reflect_position_and_direction(y, x, heading):
    at_y, at_x, to = np.array([y]), np.array([x]), np.array([math.radians(heading)])
    straight_on = np.full((1, 1), 0.9)
    walk(at_y, at_x, to, np.array([10.0]), 0.1, straight_on, np.ones((10, 10)), 10.0)
    # 3 um to the edge and 7 um back.
    end = {-90.0: (7.0, 50.0), 90.0: (93.0, 50.0), 180.0: (50.0, 7.0), 0.0: (50.0, 93.0)}[heading]
    assert (at_y[0], at_x[0]) == pytest.approx(end, abs=ROUNDING)
    walk(at_y, at_x, to, np.array([10.0]), 0.1, straight_on, np.ones((10, 10)), 10.0)
    away = {-90.0: (17.0, 50.0), 90.0: (83.0, 50.0), 180.0: (50.0, 17.0), 0.0: (50.0, 83.0)}[heading]
    assert (at_y[0], at_x[0]) == pytest.approx(away, abs=ROUNDING)


def test_a_cell_that_may_not_move_turns_back():
    weight = np.array([[1.0, 0.0]])
    y, x, heading = np.array([5.0]), np.array([8.0]), np.array([0.3])
    walk(y, x, heading, np.array([6.0]), 0.1, np.full((1, 1), 0.9), weight, 10.0)
    assert (y[0], x[0]) == (5.0, 8.0)
    assert math.remainder(heading[0] - in_table(0.3) - math.pi, 2 * math.pi) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("uniform", [0.0, 1.0 - 2.0**-53])
def test_walk_takes_the_first_and_the_last_uniform(uniform):
    y, x, heading = np.array([50.0]), np.array([50.0]), np.array([1.0])
    walk(y, x, heading, np.array([5.0]), 0.5, np.full((1, 3), uniform), np.ones((10, 10)), 10.0)
    angle = 0.0 if uniform == 0.0 else in_table(1.0)  # the first uniform turns to direction 0, the last does not turn
    assert (y[0], x[0]) == pytest.approx((50 + 15 * math.sin(angle), 50 + 15 * math.cos(angle)), abs=ROUNDING)


@pytest.mark.parametrize("weight", [np.ones((1, 1)), np.ones((6, 4))])
def test_nobody_leaves_from_the_very_edge(weight):
    height, width = weight.shape[0] * 10.0, weight.shape[1] * 10.0
    corners = np.array([(a, b) for a in (0.0, height) for b in (0.0, width)] * 50)
    y, x = corners[:, 0].copy(), corners[:, 1].copy()
    rng = np.random.default_rng(8)
    walk(y, x, 2 * math.pi * rng.random(200), np.full(200, 10.0), 0.7, rng.random((200, 20)), weight, 10.0)
    assert ((y >= 0) & (y <= height) & (x >= 0) & (x <= width)).all()


def test_walk_of_nobody_and_of_no_steps():
    nobody = np.empty(0)
    walk(nobody, nobody.copy(), nobody.copy(), nobody.copy(), 0.5, np.empty((0, 4)), np.ones((3, 3)), 10.0)
    y, x, heading = np.array([5.0]), np.array([6.0]), np.array([0.7])
    walk(y, x, heading, np.array([3.0]), 0.5, np.empty((1, 0)), np.ones((3, 3)), 10.0)
    assert (y[0], x[0]) == (5.0, 6.0)
    assert heading[0] == pytest.approx(in_table(0.7))


@pytest.mark.parametrize(
    ("speed", "persistence", "dt", "spacing", "steps"),
    [
        (276.0, 5 / 60, 1.0, 20.0, 14),  # 13.8 sites an hour
        (30.0, 0.25, 1.0, 20.0, 4),  # four runs an hour
        (0.0, 2.0, 1.0, 20.0, 1),
        (100.0, 1.0, 1.0, 20.0, 5),  # exactly five sites
        (0.1 + 0.2, 1.0, 100.0, 10.0, 100),  # 3.0000000000000004 sites are three
    ],
)
def test_sub_steps_stay_within_a_site_and_a_run(speed, persistence, dt, spacing, steps):
    found = sub_steps(speed, persistence, dt, spacing)
    assert found == steps
    assert speed * dt / found <= spacing * (1 + 1e-9)
    assert dt / found <= persistence * (1 + 1e-9)


def test_fold_mirrors_at_both_edges():
    positions = np.array([-30.0, -1.0, 0.0, 40.0, 100.0, 101.0, 199.0, 201.0])
    expected = [30.0, 1.0, 0.0, 40.0, 100.0, 99.0, 1.0, 1.0]
    found = [fold(position, 100.0) for position in positions]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert max(found) < 100.0


# --- neighbourhood ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("radius", "spacing"), [(40.0, 20.0), (55.0, 20.0), (40.0, 13.0), (5.0, 20.0), (100.0, 20.0)])
def test_disc_counts_sites_by_their_area(radius, spacing):
    _, dy, dx, weights = disc(radius, spacing)
    assert weights.sum() == pytest.approx(1.0, rel=1e-12)
    assert (weights > 0).all()
    assert len(set(zip(dy.tolist(), dx.tolist(), strict=True))) == len(dy)
    table = {(a, b): w for a, b, w in zip(dy.tolist(), dx.tolist(), weights, strict=True)}
    fine = 100  # probes along a site; the disc's own are 16, so an edge site is off by some 1/16 of itself
    ticks = ((np.arange(fine) + 0.5) / fine - 0.5) * spacing
    for (a, b), weight in table.items():
        y, x = np.meshgrid(a * spacing + ticks, b * spacing + ticks, indexing="ij")
        area = (np.hypot(y, x) <= radius).mean() * spacing**2
        assert weight * math.pi * radius**2 == pytest.approx(area, abs=spacing**2 / 16)
        assert table[-a, b] == table[a, -b] == table[b, a] == weight  # round


def test_disc_misses_no_site_that_it_touches():
    radius, spacing = 55.0, 20.0
    _, dy, dx, _ = disc(radius, spacing)
    found = set(zip(dy.tolist(), dx.tolist(), strict=True))
    for a in range(-5, 6):
        for b in range(-5, 6):
            nearest = math.hypot(max(abs(a) - 0.5, 0) * spacing, max(abs(b) - 0.5, 0) * spacing)
            if nearest < radius - spacing / 8:  # two probes deep
                assert (a, b) in found


@pytest.mark.parametrize(("radius", "moment"), [(40.0, 40.0**2 / 2), (60.0, 60.0**2 / 2)])
def test_disc_is_as_wide_as_it_says_on_any_grid(radius, moment):
    for spacing in (5.0, 10.0, 20.0):
        _, dy, dx, weights = disc(radius, spacing)
        # Mean square distance in a disc is r^2 / 2; that what lies anywhere in a site counts at its middle adds
        # spacing^2 / 6. The rest is the coarseness of a disc two sites wide.
        found = (weights * (dy**2 + dx**2)).sum() * spacing**2
        assert found == pytest.approx(moment + spacing**2 / 6, rel=0.04)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_mirrored_index(length):
    padded = np.pad(np.arange(length), 12, mode="symmetric")
    assert [mirrored(i, length) for i in range(-12, length + 12)] == padded.tolist()


BLOCKS = [(2, 1, 3), (3, 5, 2), (7, 13, 8)]


def around_of(shape, radius):
    return (disc if len(shape) == 2 else ball)(radius, 20.0)


def slow_gather(field, sites, dz, dy, dx, weights):
    block = field.reshape(-1, *field.shape[-2:])
    deep, reach = int(dz.max()), int(max(dy.max(), dx.max()))
    padded = np.pad(block, ((deep, deep), (reach, reach), (reach, reach)), mode="symmetric")
    found = []
    for site in sites:
        z, y, x = np.unravel_index(site, block.shape)
        found.append((weights * padded[z + dz + deep, y + dy + reach, x + dx + reach]).sum())
    return np.array(found)


@pytest.mark.parametrize("shape", [*ODD_SHAPES, *BLOCKS])
@pytest.mark.parametrize("radius", [5.0, 40.0, 90.0])
def test_gather_equals_its_slow_twin(shape, radius):
    field = np.random.default_rng(1).random(shape)
    sites = np.random.default_rng(2).integers(0, field.size, 25)
    around = around_of(shape, radius)
    # Sums of some tens of products.
    np.testing.assert_allclose(gather(field, sites, *around), slow_gather(field, sites, *around), rtol=1e-12)


@pytest.mark.parametrize("shape", [*ODD_SHAPES, *BLOCKS])
@pytest.mark.parametrize("radius", [5.0, 40.0, 90.0])
def test_spread_is_gather_the_other_way_round(shape, radius):
    rng = np.random.default_rng(3)
    field, sites, around = rng.random(shape), rng.integers(0, math.prod(shape), 25), around_of(shape, radius)
    amount = rng.random(25) * (rng.random(25) < 0.8)
    expected = field.copy()
    for site in range(field.size):
        unit = np.zeros(field.size)
        unit[site] = 1.0
        # What arrives at a site is what each source would gather from a field that is 1 there.
        expected.ravel()[site] += (amount * slow_gather(unit.reshape(shape), sites, *around)).sum()
    before = field.sum()
    spread(field, sites, amount, *around)
    np.testing.assert_allclose(field, expected, rtol=1e-12)
    assert field.sum() - before == pytest.approx(amount.sum(), rel=1e-12)  # edges lose nothing


@pytest.mark.parametrize("shape", [*ODD_SHAPES, *BLOCKS])
def test_an_even_field_is_gathered_as_it_is(shape):
    found = gather(np.full(shape, 3.5), np.arange(math.prod(shape)), *around_of(shape, 55.0))
    np.testing.assert_allclose(found, 3.5, rtol=1e-12)


@pytest.mark.parametrize("shape", [*ODD_SHAPES, *BLOCKS])
def test_even_sources_spread_evenly(shape):
    field = np.zeros(shape)
    spread(field, np.arange(field.size), np.full(field.size, 2.0), *around_of(shape, 55.0))
    np.testing.assert_allclose(field, 2.0, rtol=1e-12)


def test_spread_and_gather_of_nobody():
    field = np.ones((4, 5))
    spread(field, np.empty(0, np.int64), np.empty(0), *disc(40.0, 20.0))
    np.testing.assert_array_equal(field, 1.0)
    assert gather(field, np.empty(0, np.int64), *disc(40.0, 20.0)).shape == (0,)
