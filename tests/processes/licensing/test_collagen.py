"""Stellate cells lay lysyl oxidase, which cross-links collagen; peptides cut from it call more cells."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.model.processes.licensing.collagen_linking import CollagenLinking
from niche_sim.model.processes.recruitment.collagen_peptides import CollagenPeptides

EXACT = 1e-12  # roundings of exponentials


def rate(half_life):
    return math.log(2) / half_life


def linked(start, gain, loss, hours):
    """Cross-linked share after hours of even enzyme."""
    settled = gain / (gain + loss)
    return settled + (start - settled) * math.exp(-(gain + loss) * hours)


def even(state, **levels):
    for name, level in levels.items():
        setattr(state, name, np.full(state.section.shape, level))


@pytest.mark.parametrize("process", [CollagenLinking(), CollagenPeptides()])
def test_quiet_cells_change_nothing(naive, p, settle, changes, process):
    settle(naive, "bmdc", 50, arrested=True)
    assert changes(process, naive, p, dt=100.0) == set()


# --- lysyl oxidase and cross-links -----------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", [0.25, 1.0])
def test_even_activation_lays_enzyme_evenly(bare, p, settle, one_a_site, act, activation):
    y, x = one_a_site(bare.section)
    settle(bare, "stellate_cells", len(y), y=y, x=x, activation=activation)
    act(CollagenLinking(), bare, p, dt=24.0)
    source, decay = (
        p.collagen.rate_lox * activation / 8000,
        rate(p.collagen.half_life_lox),
    )  # one cell in 20 x 20 x 20 um3
    np.testing.assert_allclose(bare.lox, source / decay * -math.expm1(-24 * decay), rtol=1e-9)


@pytest.mark.parametrize("start", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("enzyme", [0.1, 0.5, 1e6])
def test_even_enzyme_links_as_the_closed_form_says(bare, p, act, start, enzyme):
    hours = 1e-3  # so short that the enzyme stays as it is; the share by its initial slope
    even(bare, lox=enzyme, collagen=start)
    act(CollagenLinking(), bare, p, dt=hours)
    gain = p.collagen.rate_linking * enzyme / (enzyme + p.collagen.half_lox)
    expected = linked(start, gain, rate(p.collagen.half_life), hours)
    # In a thousandth of an hour the enzyme falls by 1.4e-5 of itself.
    np.testing.assert_allclose(bare.collagen - start, expected - start, rtol=1e-4)


def test_enzyme_that_does_not_fade_links_to_a_balance(bare, p, settle, one_a_site, act):
    y, x = one_a_site(bare.section)
    settle(bare, "stellate_cells", len(y), y=y, x=x, activation=0.1)
    decay = rate(p.collagen.half_life_lox)
    steady = p.collagen.rate_lox * 0.1 / 8000 / decay
    even(bare, lox=steady)
    act(CollagenLinking(), bare, p, dt=6.0, steps=10)
    np.testing.assert_allclose(bare.lox, steady, rtol=1e-9)
    gain = p.collagen.rate_linking * steady / (steady + p.collagen.half_lox)
    np.testing.assert_allclose(bare.collagen, linked(0.0, gain, rate(p.collagen.half_life), 60.0), rtol=1e-9)


def test_enzyme_and_links_fade_with_half_lives_of_their_own(bare, p, act):
    even(bare, lox=0.8)
    act(CollagenLinking(), bare, p, dt=p.collagen.half_life_lox)
    np.testing.assert_allclose(bare.lox, 0.4, rtol=EXACT)
    even(bare, lox=0.0, collagen=0.8)
    act(CollagenLinking(), bare, p, dt=p.collagen.half_life)
    np.testing.assert_allclose(bare.collagen, 0.4, rtol=EXACT)


@pytest.mark.parametrize(("y", "x"), [(350.0, 290.0), (5.0, 3.0), (350.0, 599.0)])
def test_one_active_cell_stiffens_its_surroundings_and_nothing_else(bare, p, settle, act, y, x):
    settle(bare, "stellate_cells", 1, y=y, x=x, activation=1.0)
    settle(bare, "stellate_cells", 40, activation=0.0)
    act(CollagenLinking(), bare, p)
    section, decay = bare.section, rate(p.collagen.half_life_lox)
    laid = p.collagen.rate_lox / decay * -math.expm1(-decay)
    assert bare.lox.sum() * section.site_volume == pytest.approx(laid, rel=1e-9)  # also at an edge, also in a corner
    middles = (np.indices(section.shape) + 0.5) * section.spacing
    iy, ix = int(y / section.spacing), int(x / section.spacing)
    distance = np.hypot(middles[0] - (iy + 0.5) * section.spacing, middles[1] - (ix + 0.5) * section.spacing)
    half_diagonal = section.spacing / math.sqrt(2)  # whole sites are counted
    for field in (bare.lox, bare.collagen):
        assert (field[distance > p.stellate.reach + half_diagonal] == 0).all()
        assert (field[distance < p.stellate.reach - half_diagonal] > 0).all()


@pytest.mark.parametrize("blocked", [0.5, 1.0])
def test_a_blockade_stops_the_linking_and_not_the_enzyme(bare, p, settle, one_a_site, act, blocked):
    y, x = one_a_site(bare.section)
    settle(bare, "stellate_cells", len(y), y=y, x=x, activation=1.0)
    act(CollagenLinking(), bare, p, dt=1e-3)
    free, enzyme = bare.collagen, bare.lox
    even(bare, lox=0.0, collagen=0.0)
    bare.blocked.lox = blocked
    act(CollagenLinking(), bare, p, dt=1e-3)
    np.testing.assert_array_equal(bare.lox, enzyme)
    np.testing.assert_allclose(bare.collagen, (1 - blocked) * free, rtol=1e-4)  # linear in so short a step


def test_blockade_does_not_hold_links_up(bare, p, act):
    even(bare, lox=1.0, collagen=0.8)
    bare.blocked.lox = 1.0
    act(CollagenLinking(), bare, p, dt=p.collagen.half_life)
    np.testing.assert_allclose(bare.collagen, 0.4, rtol=EXACT)


def test_two_half_steps_lay_the_same_enzyme_and_links_converge(naive, p, act, freeze):
    naive.stellate_cells.activation[:] = np.random.default_rng(1).random(len(naive.stellate_cells))
    start, lox, collagen = freeze(naive), {}, {}
    for steps in (4, 8, 64):  # of a day
        naive.thaw(start)
        act(CollagenLinking(), naive, p, dt=24.0 / steps, steps=steps)
        lox[steps], collagen[steps] = naive.lox, naive.collagen.mean()
    np.testing.assert_allclose(lox[8], lox[4], rtol=1e-9)
    # The enzyme at the end of a step counts for the whole of it: an error of first order, which halves with the step.
    assert collagen[8] - collagen[64] < 0.6 * (collagen[4] - collagen[64])
    assert collagen[4] == pytest.approx(collagen[64], rel=0.15)  # from the very first enzyme, at the rule's own period


def test_linking_changes_nothing_else(naive, p, changes):
    naive.stellate_cells.activation[:] = 1.0
    assert changes(CollagenLinking(), naive, p) == {"lox", "collagen"}


# --- peptides --------------------------------------------------------------------------------------------------------


def hold(state, settle, per_mm3, free=0):
    n = round(per_mm3 * state.section.volume * 1e-9)
    settle(state, "bmdc", n, arrested=True)
    settle(state, "bmdc", free, seed=8)
    return n / state.section.volume


@pytest.mark.parametrize("collagen", [0.1, 1.0])
@pytest.mark.parametrize("per_mm3", [300.0, 5000.0])
def test_held_cells_on_linked_collagen_cut_peptides(bare, p, settle, act, collagen, per_mm3):
    held = hold(bare, settle, per_mm3, free=500)
    even(bare, collagen=collagen)
    bare.blood.peptides = 0.9
    act(CollagenPeptides(), bare, p, dt=10.0)
    cutting = held * collagen
    settled = cutting / (cutting + p.collagen.half_peptides)
    expected = settled + (0.9 - settled) * math.exp(-10 * p.collagen.rate_peptides)
    assert bare.blood.peptides == pytest.approx(expected, rel=1e-9)


def test_the_mean_of_collagen_counts(bare, p, settle, act):
    hold(bare, settle, 2000.0)
    bare.collagen[:, ::2] = 0.6  # every second of 30 columns
    uneven = act(CollagenPeptides(), bare, p).blood.peptides
    bare.blood.peptides = 0.0
    even(bare, collagen=0.3)
    assert act(CollagenPeptides(), bare, p).blood.peptides == pytest.approx(uneven, rel=EXACT)


@pytest.mark.parametrize(("held", "collagen"), [(0.0, 0.5), (2000.0, 0.0)])
def test_without_cells_or_links_peptides_fade(bare, p, settle, act, held, collagen):
    hold(bare, settle, held, free=500)
    even(bare, collagen=collagen)
    bare.blood.peptides = 0.8
    act(CollagenPeptides(), bare, p, dt=math.log(2) / p.collagen.rate_peptides)
    assert bare.blood.peptides == pytest.approx(0.4, rel=EXACT)


def test_two_half_steps_of_peptides_are_one(bare, p, settle, act):
    hold(bare, settle, 2000.0)
    even(bare, collagen=0.3)
    once = act(CollagenPeptides(), bare, p, dt=12.0).blood.peptides
    bare.blood.peptides = 0.0
    assert act(CollagenPeptides(), bare, p, dt=6.0, steps=2).blood.peptides == pytest.approx(once, rel=EXACT)


def test_cutting_changes_nothing_else(naive, p, settle, changes):
    hold(naive, settle, 2000.0)
    even(naive, collagen=0.3)
    assert changes(CollagenPeptides(), naive, p) == {"blood.peptides"}
