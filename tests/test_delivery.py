"""Delivery along the flow: against slow twins, closed forms, and itself on a finer grid."""

from __future__ import annotations

import bisect
import itertools
import math

import numpy as np
import pytest

from niche_sim.engine.kernels.delivery import captured_share, pass_probability, pass_through
from niche_sim.model.anatomy import Section


def liver(spacing, width=1000.0, height=1000.0):
    return Section.liver(width, height, spacing, 20.0, 285.0, 25.0, 35.0)


def channel(sites, capture):
    """A row of sites with flow from the first to beyond the last: (order, route, capture, columns, sources, shares)."""
    route = np.zeros((sites, 4))
    route[:-1, 3] = 1.0
    order, sources, shares = np.arange(sites), np.array([0]), np.array([1.0])
    # Read-only as a section's flow is: a kernel is compiled anew for arrays that may be written.
    for array in (order, route, sources, shares):
        array.setflags(write=False)
    return order, route, np.full(sites, capture), sites, sources, shares


def in_liver(section, rate):
    flow = section.flow
    capture = -np.expm1(-(rate * flow.passage).ravel())
    return flow.order, flow.route, capture, section.shape[1], flow.source_sites, flow.source_share


def patchy(section, seed=2):
    """Rates that differ from site to site, with a quarter of the sites taking nothing."""
    rng = np.random.default_rng(seed)
    return rng.exponential(1 / 150, section.shape) * (rng.random(section.shape) < 0.75)


def slow_probability(order, route, capture, columns, sources, shares):
    h = {}
    for site in reversed(order.tolist()):
        later = sum(r * h[site + s] for r, s in zip(route[site], (-columns, columns, -1, 1), strict=True) if r > 0)
        h[site] = capture[site] + (1 - capture[site]) * later
    return np.array([h[site] for site in range(len(h))]), sum(
        share * h[site] for share, site in zip(shares, sources.tolist(), strict=True)
    )


def slow_walk(weight_of_leaving, h, order, route, capture, columns, sources, shares, u, v):
    """One particle, with the uniforms decoded as the kernel does but every choice spelt out."""

    def choose(weights, u):
        bounds = [0.0, *itertools.accumulate(weights)]
        target = u * bounds[-1]
        chosen = bisect.bisect_right(bounds, target) - 1
        return chosen, (target - bounds[chosen]) / weights[chosen]

    entry, u = choose([share * h[site] for share, site in zip(shares, sources, strict=True)], u)
    site, passed = int(sources[entry]), 1
    while True:
        taken = capture[site] / h[site]
        if v < taken:
            return site, passed
        v = (v - taken) / (1 - taken)
        ways = [
            (r * h[site + s], site + s) for r, s in zip(route[site], (-columns, columns, -1, 1), strict=True) if r > 0
        ]
        rest = 1 - route[site].sum()
        ways.append((weight_of_leaving * rest if rest > 1e-12 else 0.0, -1))
        ways = [way for way in ways if way[0] > 0]
        if not ways:
            return site, passed
        chosen, u = choose([weight for weight, _ in ways], u)
        site = ways[chosen][1]
        if site < 0:
            return -1, passed
        passed += 1


@pytest.mark.parametrize("spacing", [20.0, 50.0])
def test_sweeps_match_their_slow_twins(spacing):
    section = liver(spacing)
    given = in_liver(section, patchy(section))
    h, extraction = pass_probability(*given)
    slow_h, slow_extraction = slow_probability(*given)
    np.testing.assert_allclose(h, slow_h, rtol=1e-12)
    assert extraction == pytest.approx(slow_extraction, rel=1e-12)
    # The sweep downstream and the sweep upstream are two ways to one number.
    share = captured_share(*given)
    assert share.sum() == pytest.approx(extraction, rel=1e-12)
    assert (share[given[2] == 0] == 0).all()


def test_captured_share_of_a_site_is_what_its_capture_adds():
    # What one site captures is the extraction of a section where it alone captures and all others only lose.
    section = liver(50.0)
    given = in_liver(section, patchy(section))
    share = captured_share(*given)
    everything = -np.ones_like(share)
    for site in np.flatnonzero(share)[::29]:
        capture = given[2].copy()
        # What the others take is lost on the way, uncounted.
        route = given[1] * (1 - capture[:, None])
        alone = np.zeros_like(capture)
        alone[site] = capture[site]
        everything[site] = pass_probability(given[0], route, alone, *given[3:])[1]
    tried = everything >= 0
    assert tried.sum() > 5
    np.testing.assert_allclose(share[tried], everything[tried], rtol=1e-9)


@pytest.mark.parametrize(("rate", "sites"), [(1 / 300, 15), (1 / 300, 60), (1 / 20, 1), (0.0, 7)])
def test_extraction_along_a_channel_is_one_minus_exp(rate, sites):
    length = 300.0
    given = channel(sites, -math.expm1(-rate * length / sites))
    h, extraction = pass_probability(*given)
    assert extraction == pytest.approx(-math.expm1(-rate * length), rel=1e-12, abs=1e-15)
    ahead = length * (1 - np.arange(sites) / sites)
    np.testing.assert_allclose(h, -np.expm1(-rate * ahead), rtol=1e-12, atol=1e-15)
    share = np.exp(-rate * (length - ahead)) * given[2]
    np.testing.assert_allclose(captured_share(*given), share, rtol=1e-12, atol=1e-15)


def test_walks_match_their_slow_twins():
    section = liver(50.0)
    given = in_liver(section, patchy(section))
    _, route, capture, columns, sources, shares = given
    rng = np.random.default_rng(7)
    u, v = rng.random(3000), rng.random(3000)
    fast = pass_through(shares, sources, route, capture, columns, u, v)
    slow = [slow_walk(1.0, np.ones(len(capture)), *given, a, b) for a, b in zip(u, v, strict=True)]
    # Both round differently: a uniform within 1e-12 of a border may fall on its other side, not one of 3000 here.
    np.testing.assert_array_equal(fast[0], [site for site, _ in slow])
    np.testing.assert_array_equal(fast[1], [passed for _, passed in slow])
    assert fast[0].dtype == np.int64 and fast[1].dtype == np.int32


def chi_square_in_deviations(found, share):
    expected = share / share.sum() * found.sum()
    some = expected > 5
    rare, rare_expected = found[~some].sum(), expected[~some].sum()
    total = ((found - expected)[some] ** 2 / expected[some]).sum() + (rare - rare_expected) ** 2 / max(
        rare_expected, 1.0
    )
    return (total - some.sum()) / math.sqrt(2 * some.sum())


@pytest.mark.parametrize("spacing", [20.0, 4.0])
def test_particles_are_captured_where_the_sweep_expects_them(spacing):
    # At 4 um one walk in ten has 70 to 140 turns, more than one uniform has bits: the shares must hold there, too.
    section = liver(spacing)
    given = in_liver(section, np.full(section.shape, 1 / 150))
    _, route, capture, columns, sources, shares = given
    h, extraction = pass_probability(*given)
    share = captured_share(*given)
    rng = np.random.default_rng(5)
    u, v = rng.random(500_000), rng.random(500_000)
    site, _ = pass_through(shares, sources, route, capture, columns, u, v)
    taken = site >= 0
    # Five binomial standard errors.
    assert taken.mean() == pytest.approx(extraction, abs=5 * math.sqrt(extraction * (1 - extraction) / len(u)))
    # Within 5 standard deviations of chi-square, at a fixed seed.
    assert abs(chi_square_in_deviations(np.bincount(site[taken], minlength=h.size), share)) < 5


def test_nowhere_and_everywhere():
    section = liver(20.0)
    rng = np.random.default_rng(1)
    u, v = rng.random(2000), rng.random(2000)
    given = in_liver(section, np.zeros(section.shape))
    _, route, capture, columns, sources, shares = given
    h, extraction = pass_probability(*given)
    assert extraction == 0 and not h.any()
    site, passed = pass_through(shares, sources, route, capture, columns, u, v)
    assert (site == -1).all()
    # From a triad to a vein are at least 285 - 25 - 35 um, along the axes some 11 sites of 20 um.
    assert passed.min() >= 8
    site, passed = pass_through(shares, sources, route, np.ones_like(capture), columns, u, v)
    assert np.isin(site, sources).all()
    assert (passed == 1).all()


def test_somewhere_all_go_to_the_only_site_that_takes():
    section = liver(20.0)
    given = in_liver(section, np.zeros(section.shape))
    _, route, capture, columns, sources, shares = given
    through = np.argmax(section.flow.passage.ravel() * (section.zone.ravel() > 0.5))
    capture[through] = 0.01
    _, extraction = pass_probability(*given)
    assert 0 < extraction < 0.01
    u = np.linspace(0, 1 - 2**-53, 999)
    # Both ends of the unit interval, in every combination.
    for v in (np.zeros(999), np.full(999, 1 - 2**-53), u[::-1].copy(), u):
        site, _ = pass_through(shares, sources, route, capture, columns, u, v)
        assert np.isin(site, (through, -1)).all()
    capture[through] = 1.0
    everyone_there, _ = pass_through(shares, sources, route, capture, columns, u, np.full(999, 0.5))
    assert (everyone_there == through).mean() == pytest.approx(pass_probability(*given)[1], abs=0.05)


def test_extreme_uniforms_end_inside():
    section = liver(20.0)
    given = in_liver(section, patchy(section))
    _, route, capture, columns, sources, shares = given
    ends = np.array([0.0, 5e-324, 2**-53, 0.5, 1 - 2**-53, 1.0])
    u, v = (grid.ravel() for grid in np.meshgrid(ends, ends))
    site, _ = pass_through(shares, sources, route, capture, columns, u, v)
    assert ((site == -1) | (captured_share(*given)[site] > 0)).all()


@pytest.mark.parametrize("reach", [100.0, 400.0, 2000.0])
def test_halving_the_spacing_changes_neither_extraction_nor_zones(reach):
    results = []
    for spacing in (20.0, 10.0):
        section = liver(spacing, 2000.0, 2000.0)
        given = in_liver(section, np.full(section.shape, 1 / reach))
        share = captured_share(*given)
        third = np.minimum((section.zone * 3).astype(int), 2).ravel()
        results.append((share.sum(), np.bincount(third, share, minlength=3) / share.sum()))
    (coarse, coarse_zones), (fine, fine_zones) = results
    assert coarse == pytest.approx(fine, rel=0.02)
    np.testing.assert_allclose(coarse_zones, fine_zones, atol=0.02)
    # The nearer the reach, the more portal; never against the flow.
    assert coarse_zones[0] > 1 / 3


def test_small_rates_lose_no_accuracy():
    given = channel(40, 1e-14)
    _, extraction = pass_probability(*given)
    # Forty chances of 1e-14, second order 1e-26.
    assert extraction == pytest.approx(40e-14, rel=1e-9, abs=0)
    np.testing.assert_allclose(captured_share(*given), 1e-14, rtol=1e-9)
