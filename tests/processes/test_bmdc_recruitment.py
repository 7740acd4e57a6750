"""CCL2, and the bone-marrow-derived cells that it calls."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from niche_sim.laws import rate_of
from niche_sim.parameters import in_unit, resolve
from niche_sim.processes.bmdc_recruitment import Ccl2Release, Recruitment

AVOGADRO = 6.02214076e23


def test_quiet_stellate_cells_release_no_ccl2(naive, p, changes):
    assert changes(Ccl2Release(), naive, p) == set()


def test_ccl2_falls_with_its_half_life(bare, p, act):
    bare.blood.ccl2 = 0.6
    act(Ccl2Release(), bare, p, dt=p.ccl2.half_life)
    assert bare.blood.ccl2 == pytest.approx(0.3, rel=1e-12)


def test_ccl2_rises_by_what_active_cells_secrete(naive, p, act):
    cells = naive.stellate_cells
    cells.activation[:50] = 0.5
    act(Ccl2Release(), naive, p, dt=4.0)
    # Molecules a second from each of 25 whole cells into 600 x 700 x 20 um (dm3), decaying.
    molecules = in_unit(p, "ccl2.secretion")
    source = molecules * 3600 / AVOGADRO * 25 / (600e-5 * 700e-5 * 20e-5) * 1e9  # nM/h
    decay = math.log(2) / p.ccl2.half_life
    assert naive.blood.ccl2 == pytest.approx(source / decay * (1 - math.exp(-4 * decay)), rel=1e-9)


def test_ccl2_is_of_the_organ_whoever_releases_it(naive, p, act):
    cells, level = naive.stellate_cells, []
    for row in (0, len(cells) // 2):
        naive.blood.ccl2 = 0.0
        cells.activation[:] = 0.0
        cells.activation[row] = 1.0
        level.append(act(Ccl2Release(), naive, p).blood.ccl2)
    assert level[0] == level[1] > 0


def test_two_half_steps_of_ccl2_are_one(naive, p, act):
    naive.stellate_cells.activation[:] = 0.3
    once = act(Ccl2Release(), naive, p, dt=6.0).blood.ccl2
    naive.blood.ccl2 = 0.0
    assert act(Ccl2Release(), naive, p, dt=3.0, steps=2).blood.ccl2 == pytest.approx(once, rel=1e-12)


def test_ccl2_release_changes_nothing_else(naive, p, changes):
    naive.stellate_cells.activation[:] = 0.3
    assert changes(Ccl2Release(), naive, p) == {"blood.ccl2"}


# --- recruitment -----------------------------------------------------------------------------------------------------


def called_only(**changed):
    return resolve({"bmdc.rate_rest": "0 cell/mm^3/day"} | changed)


def test_nobody_comes_uncalled_if_nobody_comes_at_rest(bare, changes):
    assert changes(Recruitment(), bare, called_only(), dt=1000.0) == set()


@pytest.mark.parametrize("steps", [1, 2])
def test_cells_come_at_rest(bare, p, act, agrees, steps):
    act(Recruitment(), bare, p, dt=2400.0 / steps, steps=steps)
    expected = in_unit(p, "bmdc.rate_rest") * bare.section.volume * 1e-9 * 100  # a hundred days
    agrees(len(bare.bmdc), expected, math.sqrt(expected))


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(("ccl2", "called"), [(1.0, 0.5), (3.0, 0.9), (1e6, 1.0)])
def test_ccl2_calls_them(bare, act, agrees, steps, ccl2, called):
    p = called_only(**{"bmdc.steepness": "2"})
    bare.blood.ccl2 = ccl2 * p.bmdc.half_signal
    act(Recruitment(), bare, p, dt=2400.0 / steps, steps=steps)
    expected = in_unit(p, "bmdc.rate_called") * called * bare.section.volume * 1e-9 * 100
    agrees(len(bare.bmdc), expected, math.sqrt(expected))
    assert not bare.bmdc.arrested.any()


def test_arrivals_of_a_step_are_poisson(section, act):
    from niche_sim.state import State
    from niche_sim.tissue import homes

    p = called_only()
    state = State.empty(section)
    state.homes, state.blood.ccl2 = homes(section, p), 1e9
    sizes = [0]
    for _ in range(1500):
        act(Recruitment(), state, p, dt=24.0)
        sizes.append(len(state.bmdc))
    counts = np.diff(sizes)
    mean = p.bmdc.rate_called * section.volume * 24
    # Variance over mean of a Poisson count is 1, with a standard error of sqrt(2 / n).
    assert counts.mean() == pytest.approx(mean, abs=4 * math.sqrt(mean / len(counts)))
    assert counts.var() / counts.mean() == pytest.approx(1.0, abs=4 * math.sqrt(2 / len(counts)))


@pytest.mark.parametrize("blocked", [0.5, 1.0])
def test_ccr2_blockade_stops_the_called_and_not_those_at_rest(bare, p, act, agrees, blocked):
    bare.blood.ccl2, bare.blocked.ccr2 = 1e6, blocked
    act(Recruitment(), bare, p, dt=2400.0)
    expected = (p.bmdc.rate_rest + p.bmdc.rate_called * (1 - blocked)) * bare.section.volume * 2400
    agrees(len(bare.bmdc), expected, math.sqrt(expected))


def test_a_share_of_those_at_rest_settles_at_once(bare, p, act, happens):
    act(Recruitment(), bare, p, dt=1e6)
    happens(bare.bmdc.arrested.sum(), len(bare.bmdc), p.bmdc.chance_settling)


def test_those_called_do_not_settle_at_once(bare, p, act, happens):
    bare.blood.ccl2 = 1e6
    act(Recruitment(), bare, p, dt=1e6)
    at_rest = p.bmdc.rate_rest / (p.bmdc.rate_rest + p.bmdc.rate_called)
    happens(bare.bmdc.arrested.sum(), len(bare.bmdc), p.bmdc.chance_settling * at_rest)


def test_newcomers_enter_anywhere_in_the_tissue(bare, act):
    p = called_only()
    bare.blood.ccl2, bare.time = 1e6, 12.0
    act(Recruitment(), bare, p, dt=48_000.0)  # some 20 a site
    cells, tissue = bare.bmdc, ~bare.section.lumen.ravel()
    counts = np.bincount(bare.section.site_of(cells.y, cells.x), minlength=tissue.size)
    assert counts[~tissue].sum() == 0
    assert stats.chisquare(counts[tissue]).pvalue > 1e-4
    assert stats.chisquare(np.histogram(cells.heading, 12, (0, 2 * math.pi))[0]).pvalue > 1e-4
    assert (cells.entered_at == 12.0).all()


def test_keys_of_newcomers_are_their_own_in_every_step(bare, p, act):
    bare.blood.ccl2 = 1e6
    act(Recruitment(), bare, p, dt=500.0, steps=3)
    assert len(np.unique(bare.bmdc.key)) == len(bare.bmdc) > 100


def test_recruitment_changes_nothing_else(naive, p, changes):
    naive.blood.ccl2 = 1e6
    assert changes(Recruitment(), naive, p, dt=100.0) == {"bmdc"}


def test_ccl2_of_a_taught_liver_reaches_what_calls(p):
    # The share of all stellate cells that has to be active for CCL2 to stand at its half-signal is possible.
    needed = p.bmdc.half_signal * rate_of(p.ccl2.half_life) / p.ccl2.secretion
    assert 0.05 < needed / p.stellate.density < 1.0
