"""Tumour cells arrest in the sinusoids by size, whatever the niche."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.arrival.arrest import Arrest, arrest_rate

ARRESTED = TumourCell.state.code("arrested")


def inject(state, n, first_key=1):
    state.enter_tumour_cells(n, 0, np.arange(first_key, first_key + n, dtype=np.uint64))


def slow_shares(section, rate):
    """Share of entering cells that arrests at each site, site by site downstream: float64[sites]."""
    flow, columns = section.flow, section.shape[1]
    capture = 1 - np.exp(-rate * flow.passage.ravel())
    arriving = dict(zip(flow.source_sites.tolist(), flow.source_share.tolist(), strict=True))
    arrested = np.zeros(capture.size)
    for site in flow.order.tolist():
        here = arriving.get(site, 0.0)
        arrested[site] = here * capture[site]
        for share, step in zip(flow.route[site], (-columns, columns, -1, 1), strict=True):
            if share > 0:
                arriving[site + step] = arriving.get(site + step, 0.0) + here * (1 - capture[site]) * share
    return arrested


def test_nobody_in_blood_nobody_arrests(naive, p, settle, changes):
    settle(naive, "tumour_cells", 30, state="dormant")
    assert changes(Arrest(), naive, p) == set()


def test_the_rate_arrests_its_fraction(section):
    for fraction in (0.1, 0.5, 0.87, 0.99):
        assert slow_shares(section, arrest_rate(section, fraction)).sum() == pytest.approx(fraction, rel=1e-9)


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.01])
def test_the_published_fraction_arrests_at_once_and_the_rest_passes(bare, p, act, happens, dt):
    inject(bare, 10_000)
    act(Arrest(), bare, p, dt=dt)
    happens(bare.counters.tumour_arrived, 10_000, p.tumour.fraction_arrested)
    assert bare.counters.tumour_arrived + bare.counters.tumour_passed == bare.counters.tumour_entered == 10_000
    cells = bare.tumour_cells
    assert len(cells) == bare.counters.tumour_arrived
    assert (cells.state == ARRESTED).all()


def test_sites_follow_the_flow(bare, p, act):
    inject(bare, 20_000)
    act(Arrest(), bare, p)
    cells, section = bare.tumour_cells, bare.section
    counts = np.bincount(section.site_of(cells.y, cells.x), minlength=section.zone.size)
    share = slow_shares(section, arrest_rate(section, p.tumour.fraction_arrested))
    assert counts[share == 0].sum() == 0
    often = share * 20_000 > 5  # where the chi-square approximation holds
    observed = np.append(counts[often], counts[~often].sum())
    expected = np.append(share[often], share[~often].sum())
    assert stats.chisquare(observed, len(cells) * expected / expected.sum()).pvalue > 1e-4


def test_most_arrest_periportally(bare, p, act):
    inject(bare, 10_000)
    act(Arrest(), bare, p)
    zone = bare.section.zone.ravel()[bare.section.site_of(bare.tumour_cells.y, bare.tumour_cells.x)]
    thirds = np.histogram(zone, [0, 1 / 3, 2 / 3, 1])[0] / len(zone)
    assert thirds[0] > 0.5
    assert thirds[0] > 1.7 * max(thirds[1:])


def test_an_arrested_cell_knows_where_when_and_whose_it_is(bare, p, act):
    inject(bare, 5000)
    bare.time = 500.0
    act(Arrest(), bare, p)
    cells = bare.tumour_cells
    assert (cells.arrived_at == 500.0).all()
    np.testing.assert_array_equal(cells.clone, cells.key)
    assert bare.section.inside(cells.y, cells.x).all()
    # Anywhere within a site and facing anywhere.
    for values, most in ((cells.y % 20.0, 20.0), (cells.x % 20.0, 20.0), (cells.heading, 2 * math.pi)):
        assert stats.chisquare(np.histogram(values, 10, (0, most))[0]).pvalue > 1e-4
    events = bare.events.table()
    assert (events["kind"] == "arrived").all()
    np.testing.assert_array_equal(events["clone"], cells.clone)
    np.testing.assert_array_equal(events["y_um"], cells.y)
    np.testing.assert_array_equal(events["time_h"], 500.0)


def test_the_same_sites_whatever_the_niche_and_whoever_else_comes(naive, p, act, freeze):
    start = freeze(naive)
    inject(naive, 400)
    act(Arrest(), naive, p)
    plain = {
        key: (y, x)
        for key, y, x in zip(naive.tumour_cells.key, naive.tumour_cells.y, naive.tumour_cells.x, strict=True)
    }

    naive.thaw(start)
    rng = np.random.default_rng(1)
    naive.fibronectin = 20 * rng.random(naive.section.shape)
    naive.periostin, naive.tgfb = rng.random(naive.section.shape), rng.random(naive.section.shape)
    naive.kupffer_cells.load[:] = 1000
    naive.nk_cells.remove(slice(None))
    inject(naive, 50, first_key=10_000)
    inject(naive, 400)
    act(Arrest(), naive, p)
    cells = naive.tumour_cells
    niche = {key: (y, x) for key, y, x in zip(cells.key, cells.y, cells.x, strict=True) if key < 10_000}
    assert niche == plain
    assert len(plain) > 300


def test_cells_in_the_tissue_stay_where_they_are(bare, p, settle, act):
    cells = settle(bare, "tumour_cells", 20, state="cycling")
    where = cells.y.copy()
    inject(bare, 100)
    act(Arrest(), bare, p)
    np.testing.assert_array_equal(bare.tumour_cells.y[:20], where)
    assert (bare.tumour_cells.state[:20] == TumourCell.state.code("cycling")).all()


def test_it_changes_nothing_else(naive, p, changes):
    inject(naive, 200)
    assert changes(Arrest(), naive, p) == {"tumour_cells", "counters.tumour_arrived", "counters.tumour_passed", "events"}


@pytest.mark.parametrize("fraction", ["0", "1"])
def test_none_or_all_may_arrest(bare, act, fraction):
    p = resolve({"tumour.fraction_arrested": fraction})
    inject(bare, 300)
    act(Arrest(), bare, p)
    assert bare.counters.tumour_arrived == 300 * int(fraction)
