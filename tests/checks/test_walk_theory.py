"""Patrolling cells against what persistent random walks are known to do: spread, density, edges, encounters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from niche_sim.engine.kernels.walk import sub_steps, walk
from niche_sim.engine.laws import meeting_rate, turn_chance, walk_mean_square

SPEED, PERSISTENCE = 276.0, 5 / 60  # a Kupffer cell: um/h, h


def in_sub_steps(y, x, heading, weight, spacing, dt, rng, speed=SPEED):
    """Walk for dt h as the rules do; yields after every sub-step."""
    steps = sub_steps(speed, PERSISTENCE, dt, spacing)
    run, turn = np.full(len(y), speed * dt / steps), turn_chance(dt / steps, PERSISTENCE)
    for _ in range(steps):
        walk(y, x, heading, run, turn, rng.random((len(y), 1)), weight, spacing)
        yield dt / steps


def go(*arguments):
    for _ in in_sub_steps(*arguments):
        pass


def discrete_mean_square(sub_step, steps):
    """Mean square displacement of `steps` runs whose headings are kept with chance c from each to the next."""
    c = 1 - turn_chance(sub_step, PERSISTENCE)
    lags = np.arange(1, steps)
    return (SPEED * sub_step) ** 2 * (steps + 2 * ((steps - lags) * c**lags).sum())


PLACES = [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75), (0.5, 0.5)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("dt", "times"), [(1.0, 1), (0.5, 2)])
@pytest.mark.parametrize("spacing", [20.0, 10.0])
def test_mean_square_displacement(place, dt, times, spacing):
    n, side = 8_000, 2000.0
    rng = np.random.default_rng(1)
    weight = np.ones((round(side / spacing), round(side / spacing)))
    y, x = np.full(n, place[0] * side), np.full(n, place[1] * side)
    start, heading = (y.copy(), x.copy()), 2 * math.pi * rng.random(n)
    for _ in range(times):
        go(y, x, heading, weight, spacing, dt, rng)
    steps = times * sub_steps(SPEED, PERSISTENCE, dt, spacing)
    expected = discrete_mean_square(times * dt / steps, steps)
    for moved in (y - start[0], x - start[1]):
        square = moved**2
        # Half of it along each axis, no drift; the edge is 6 standard deviations away.
        assert abs(square.mean() - expected / 2) < 4 * square.std() / math.sqrt(n)
        assert abs(moved.mean()) < 4 * moved.std() / math.sqrt(n)


@pytest.mark.parametrize("spacing", [20.0, 10.0])
@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_sub_steps_are_short_enough_for_the_closed_form(spacing, dt):
    steps = sub_steps(SPEED, PERSISTENCE, dt, spacing)
    # Runs of whole sub-steps instead of any length: a sub-step is at most a mean run, which over an hour of twelve of
    # them is felt by 2 %; the long-run slope is exact.
    assert discrete_mean_square(dt / steps, steps * round(1 / dt)) == pytest.approx(
        walk_mean_square(SPEED, PERSISTENCE, 1.0), rel=0.02
    )


def test_headings_become_even_and_forget_where_they_went():
    n, rng = 20_000, np.random.default_rng(2)
    y, x, heading = np.full(n, 1000.0), np.full(n, 1000.0), np.full(n, 0.3)
    go(y, x, heading, np.ones((100, 100)), 20.0, 1.0, rng)
    # 14 sub-steps with a chance of 0.6 to turn: 3e-6 have kept their first heading.
    counts, _ = np.histogram(heading, bins=16, range=(-math.pi, math.pi))
    assert stats.chisquare(counts).pvalue > 1e-4


def placed_by(weight, spacing, n, rng):
    sites = rng.choice(weight.size, n, p=weight.ravel() / weight.sum())
    iy, ix = np.divmod(sites, weight.shape[1])
    return (iy + rng.random(n)) * spacing, (ix + rng.random(n)) * spacing


def sites_of(y, x, shape, spacing):
    iy, ix = ((at / spacing).astype(int) for at in (y, x))
    return np.minimum(iy, shape[0] - 1) * shape[1] + np.minimum(ix, shape[1] - 1)


def zonation(section):
    """Three zones of 43, 28 and 29 % and empty vessels: relative density [y, x]."""
    shares = np.array([0.43, 0.28, 0.29])[np.minimum((section.zone * 3).astype(int), 2)]
    return np.where(section.lumen, 0.0, shares)


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_walks_keep_the_density_they_are_given(section, dt):
    weight, n, rng = zonation(section), 20_000, np.random.default_rng(3)
    y, x = placed_by(weight, section.spacing, n, rng)
    heading = 2 * math.pi * rng.random(n)
    for _ in range(round(12 / dt)):
        go(y, x, heading, weight, section.spacing, dt, rng)
    counts = np.bincount(sites_of(y, x, section.shape, section.spacing), minlength=weight.size)
    expected = n * weight.ravel() / weight.sum()
    assert counts[expected == 0].sum() == 0  # nobody in a vessel
    tissue = expected > 0  # some 20 a site
    assert stats.chisquare(counts[tissue], expected[tissue]).pvalue > 1e-4


def test_walks_reach_the_density_from_any_start():
    """All start on one half; in the end the halves hold 4 to 1, evenly within each."""
    weight, n, rng = np.ones((10, 12)), 20_000, np.random.default_rng(4)
    weight[:, 6:] = 0.25
    y, x = 200 * rng.random(n), 120 + 120 * rng.random(n)
    heading = 2 * math.pi * rng.random(n)
    # Motility v^2 T / 2 is 3200 um2/h: 240 um are crossed in 240^2 / (pi^2 3200) = 2 h, and 20 h leave exp(-10).
    for _ in range(20):
        go(y, x, heading, weight, 20.0, 1.0, rng)
    counts = np.bincount(sites_of(y, x, weight.shape, 20.0), minlength=weight.size)
    assert stats.chisquare(counts, n * weight.ravel() / weight.sum()).pvalue > 1e-4


def test_edges_neither_gather_nor_lose_cells():
    weight, n, rng = np.ones((8, 6)), 40_000, np.random.default_rng(5)
    y, x = 160 * rng.random(n), 120 * rng.random(n)
    heading = 2 * math.pi * rng.random(n)
    for _ in range(3):
        go(y, x, heading, weight, 20.0, 1.0, rng)
    assert ((y >= 0) & (y <= 160) & (x >= 0) & (x <= 120)).all()
    for at, length in ((y, 160.0), (x, 120.0)):
        counts, _ = np.histogram(at, bins=40, range=(0.0, length))  # strips of 3 or 4 um, far below a run
        assert stats.chisquare(counts).pvalue > 1e-4


def entries(y0, x0, y1, x1, target, radius):
    """How many straight runs come into a disc from outside it."""
    y, x, dy, dx = y0 - target[0], x0 - target[1], y1 - y0, x1 - x0
    length2 = np.maximum(dy**2 + dx**2, 1e-300)
    nearest = np.clip(-(y * dy + x * dx) / length2, 0.0, 1.0)
    touches = (y + nearest * dy) ** 2 + (x + nearest * dx) ** 2 < radius**2
    return np.count_nonzero(touches & (y**2 + x**2 >= radius**2))


@pytest.mark.parametrize("dt", [1.0, 0.5])
@pytest.mark.parametrize("spacing", [20.0, 10.0])
def test_encounters_come_at_the_meeting_rate(dt, spacing):
    """Contacts entered per time, counted along the very path of every walker, for targets that rest.

    2 R v n is the mean number of entries into the contact distance, whatever the walk's persistence: a straight walk
    comes once, a winding one fewer times but again and again. It is not the chance of at least one.
    """
    n, side, radius, hours = 1500, 600.0, 16.0, 4.0
    rng = np.random.default_rng(6)
    weight = np.ones((round(side / spacing), round(side / spacing)))
    y, x, heading = side * rng.random(n), side * rng.random(n), 2 * math.pi * rng.random(n)
    targets = [
        (a, b) for a in np.arange(60, 600, 120.0) for b in np.arange(60, 600, 120.0)
    ]  # 44 um off the edge at least
    counts = np.zeros(len(targets))
    for _ in range(round(hours / dt)):
        before = y.copy(), x.copy()
        for _ in in_sub_steps(y, x, heading, weight, spacing, dt, rng):
            for k, target in enumerate(targets):
                counts[k] += entries(*before, y, x, target, radius)
            before = y.copy(), x.copy()
    expected = meeting_rate(radius, SPEED, n / side**2) * hours
    # Targets lie some 1.5 mean runs apart, so their counts (of 150 each) are nearly independent of each other.
    assert abs(counts.mean() - expected) < 4 * counts.std(ddof=1) / math.sqrt(len(targets))
    assert counts.std(ddof=1) / math.sqrt(len(targets)) < 0.03 * expected  # sharp enough to see 12 %
