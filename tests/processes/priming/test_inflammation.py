"""Loaded recipient cells inflame blood; hepatocytes answer with serum amyloid A, and get fat."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.engine.chance import Chance
from niche_sim.experiment.protocol import Deplete
from niche_sim.model.actions import intervene
from niche_sim.model.catalogue import EXOSOME_SOURCES
from niche_sim.model.cells import Exosome
from niche_sim.model.initial_state import naive_liver
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.priming.acute_phase import AcutePhase
from niche_sim.model.processes.priming.inflammation import Inflammation
from niche_sim.model.processes.priming.steatosis import Steatosis

EXACT = 1e-12  # roundings of exponentials
LONG = 1e4  # h, some 800 half-lives: levels are where they settle
INSIDE, BLOOD = Exosome.place.code("inside"), Exosome.place.code("blood")


def at_rest(state, p):
    """Kupffer cells of this section of a naive liver; not a whole number."""
    return p.kupffer.density * state.section.volume


def fill(state, p, settle):
    """As many Kupffer cells as a naive liver has, rounded up."""
    return settle(state, "kupffer_cells", math.ceil(at_rest(state, p)))


def load(state, settle, source, per_recipient_cell, place=INSIDE):
    """Vesicles of a source, the same number for each of the recipient cells, in one parcel."""
    vesicles = per_recipient_cell * max(1, len(state.recipient_cells))
    return settle(state, "exosomes", 1, source=EXOSOME_SOURCES.index(source), place=place, vesicles=vesicles, y=0, x=0)


def saturating(level, half, steepness=1.0):
    return level**steepness / (level**steepness + half**steepness)


def levels(state):
    return np.array([state.blood.s100a8, state.blood.il6, state.blood.tnf])


@pytest.mark.parametrize("process", [Inflammation(), AcutePhase(), Steatosis()])
def test_nothing_inflames_a_naive_organ(naive, p, changes, process):
    assert changes(process, naive, p, dt=100.0) == set()


# --- inflammation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["pdac", "colorectal", "liposome"])
@pytest.mark.parametrize("vesicles", [20, 100, 3000])
def test_each_level_settles_by_the_mean_load_and_its_cargo(bare, p, settle, act, source, vesicles):
    fill(bare, p, settle)
    load(bare, settle, source, vesicles)
    act(Inflammation(), bare, p, dt=LONG)
    numbers, cargo = p.inflammation, p.source(source)
    expected = [
        saturating(vesicles, numbers.half_load_s100),
        saturating(vesicles * cargo.mir21, numbers.half_load_il6),
        saturating(vesicles * cargo.palmitate, numbers.half_load_tnf),
    ]
    np.testing.assert_allclose(levels(bare), expected, rtol=1e-9)


def test_sources_add_up_before_they_saturate(bare, p, settle, act):
    fill(bare, p, settle)
    load(bare, settle, "colorectal", 40)
    load(bare, settle, "pdac", 30)
    act(Inflammation(), bare, p, dt=LONG)
    mir21 = 40 * p.colorectal.mir21 + 30 * p.pdac.mir21
    assert bare.blood.il6 == pytest.approx(saturating(mir21, p.inflammation.half_load_il6), rel=1e-9)
    assert bare.blood.s100a8 == pytest.approx(saturating(70, p.inflammation.half_load_s100), rel=1e-9)


@pytest.mark.parametrize("organ", ["lung", "brain"])
def test_it_is_the_load_of_this_organs_recipient_cells(bare, settle, act, organ):
    """Where there are resident recipient cells, they are those that are counted, and against those of that organ at rest."""
    p = resolve(organ=organ)
    full = p.organ.density_recipient_cells * bare.section.volume
    settle(bare, "kupffer_cells", 10)
    settle(bare, "resident_recipient_cells", 40, y=100.0, x=100.0)
    load(bare, settle, "pdac", 50)
    act(Inflammation(), bare, p, dt=LONG)
    expected = saturating(50, p.inflammation.half_load_s100)
    assert bare.blood.s100a8 == pytest.approx(40 / full * expected, rel=1e-9)
    settle(bare, "resident_recipient_cells", math.ceil(full), y=100.0, x=100.0)
    bare.exosomes.remove(slice(None))
    load(bare, settle, "pdac", 50)
    act(Inflammation(), bare, p, dt=LONG)
    assert bare.blood.s100a8 == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_levels_scale_with_recipient_cells_present(bare, p, settle, act, share):
    """At one mean load: with half of them gone, half of each level."""
    cells = round(share * at_rest(bare, p))
    settle(bare, "kupffer_cells", cells)
    load(bare, settle, "pdac", 80)
    act(Inflammation(), bare, p, dt=LONG)
    numbers = p.inflammation
    full = [
        saturating(80, numbers.half_load_s100),
        saturating(80 * p.pdac.mir21, numbers.half_load_il6),
        saturating(80 * p.pdac.palmitate, numbers.half_load_tnf),
    ]
    np.testing.assert_allclose(levels(bare), np.array(full) * cells / at_rest(bare, p), rtol=1e-9)


def test_more_recipient_cells_than_at_rest_do_no_more(bare, p, settle, act):
    fill(bare, p, settle)
    load(bare, settle, "pdac", 80)
    one = levels(act(Inflammation(), bare, p, dt=LONG))
    fill(bare, p, settle)
    bare.exosomes.remove(slice(None))
    load(bare, settle, "pdac", 80)
    np.testing.assert_allclose(levels(act(Inflammation(), bare, p, dt=LONG)), one, rtol=1e-9)


def test_without_recipient_cells_vesicles_inflame_nobody(bare, p, settle, changes):
    load(bare, settle, "pdac", 10**6)
    assert changes(Inflammation(), bare, p, dt=LONG) == set()


@pytest.mark.parametrize("load_left", ["of the dead, too", "of the living alone"])
def test_depletion_of_recipient_cells_lowers_all_three(section, p, settle, act, load_left):
    """Half of the Kupffer cells are taken out of a loaded liver, before and after the vesicles of the dead are digested."""
    state = naive_liver(section, p, Chance(7))
    cells = state.kupffer_cells
    hosts = cells.unique_id.copy()
    source = EXOSOME_SOURCES.index("pdac")
    settle(state, "exosomes", len(hosts), source=source, place=INSIDE, vesicles=80, host=hosts, y=0, x=0)
    before = levels(act(Inflammation(), state, p, dt=LONG))
    start = len(cells)
    intervene((Deplete("kupffer_cells", 0.5, state.time, state.time),), state, p, Chance(7), 1.0)
    assert 0.3 * start < len(cells) < 0.7 * start
    if load_left == "of the living alone":
        state.exosomes.remove(~cells.find(state.exosomes.host)[1])
    after = levels(act(Inflammation(), state, p, dt=LONG))
    assert (after > 0).all() and (after < before).all()
    share, kept = len(cells) / start, state.exosomes.vesicles.sum() / len(cells)
    for now, then, half in zip(
        after,
        before,
        (
            p.inflammation.half_load_s100,
            p.inflammation.half_load_il6 / p.pdac.mir21,
            p.inflammation.half_load_tnf / p.pdac.palmitate,
        ),
        strict=True,
    ):
        assert now / then == pytest.approx(share * saturating(kept, half) / saturating(80, half), rel=1e-9)
    cells.remove(slice(None))
    np.testing.assert_allclose(levels(act(Inflammation(), state, p, dt=LONG)), 0.0, atol=1e-15)


def test_vesicles_in_blood_inflame_nobody(naive, p, settle, changes):
    load(naive, settle, "pdac", 1000, place=BLOOD)
    assert changes(Inflammation(), naive, p) == set()


def test_levels_rise_and_fall_with_their_half_life(bare, p, settle, act):
    fill(bare, p, settle)
    load(bare, settle, "pdac", 10**12)  # saturates all
    act(Inflammation(), bare, p, dt=p.inflammation.half_life)
    np.testing.assert_allclose(levels(bare), 0.5, rtol=1e-9)
    bare.exosomes.remove(slice(None))
    act(Inflammation(), bare, p, dt=p.inflammation.half_life)
    np.testing.assert_allclose(levels(bare), 0.25, rtol=1e-9)


@pytest.mark.parametrize("blocked", [0.5, 1.0])
@pytest.mark.parametrize("name", ["mir21", "palmitate", "s100a8", "tnf"])
def test_a_block_takes_its_link_and_no_other(bare, p, settle, act, name, blocked):
    fill(bare, p, settle)
    load(bare, settle, "pdac", 80)
    free = levels(act(Inflammation(), bare, p, dt=LONG))
    setattr(bare.blocked, name, blocked)
    left = levels(act(Inflammation(), bare, p, dt=LONG))
    numbers, expected = p.inflammation, free.copy()
    match name:
        case "mir21":
            expected[1] = saturating(80 * p.pdac.mir21 * (1 - blocked), numbers.half_load_il6)
        case "palmitate":
            expected[2] = saturating(80 * p.pdac.palmitate * (1 - blocked), numbers.half_load_tnf)
        case "s100a8":
            expected[0] *= 1 - blocked
        case "tnf":
            expected[2] *= 1 - blocked
    assert (expected != free).sum() == 1
    np.testing.assert_allclose(left, expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("cells", [1e6, 3e7, 1e10])
def test_a_primary_brings_il6_alone(bare, p, act, cells):
    bare.primary.cells = cells
    act(Inflammation(), bare, p, dt=LONG)
    expected = saturating(cells, p.inflammation.half_cells_il6)
    np.testing.assert_allclose(levels(bare), [0.0, expected, 0.0], rtol=1e-9)


@pytest.mark.parametrize("activation", [0.2, 1.0])
def test_active_fibroblasts_bring_il6_alone(bare, p, settle, act, activation):
    settle(bare, "fibroblasts", 4, activation=activation)
    settle(bare, "fibroblasts", 4, seed=8)  # quiet ones halve the mean
    act(Inflammation(), bare, p, dt=LONG)
    expected = p.inflammation.share_fibroblasts * activation / 2
    np.testing.assert_allclose(levels(bare), [0.0, expected, 0.0], rtol=1e-9)


@pytest.mark.parametrize(("factor", "expected"), [(2.0, 0.5), (10.0, 0.9)])
def test_il6_that_is_given_adds_to_it(bare, p, act, factor, expected):
    bare.boosted.il6 = factor
    act(Inflammation(), bare, p, dt=LONG)
    assert bare.blood.il6 == pytest.approx(expected, rel=1e-9)
    bare.primary.cells = 1e20
    act(Inflammation(), bare, p, dt=LONG)
    assert bare.blood.il6 == pytest.approx(1.0, rel=1e-9)  # never more


def test_sources_of_il6_do_for_each_other_what_is_left(bare, p, settle, act):
    fill(bare, p, settle)
    load(bare, settle, "colorectal", 60)
    bare.primary.cells = 3e7
    settle(bare, "fibroblasts", 3, activation=1.0)
    act(Inflammation(), bare, p, dt=LONG)
    numbers = p.inflammation
    left = 1 - saturating(60 * p.colorectal.mir21, numbers.half_load_il6)
    left *= (1 - saturating(3e7, numbers.half_cells_il6)) * (1 - numbers.share_fibroblasts)
    assert bare.blood.il6 == pytest.approx(1 - left, rel=1e-9)


# --- acute phase, fat ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("il6", [0.1, 0.25, 1.0])
def test_il6_makes_serum_amyloid_a(bare, p, act, il6):
    bare.blood.il6, bare.blood.saa = il6, 0.7
    act(AcutePhase(), bare, p, dt=p.inflammation.half_life)
    expected = saturating(il6, p.inflammation.half_il6, p.inflammation.steepness)
    assert bare.blood.saa == pytest.approx((0.7 + expected) / 2, rel=1e-9)


@pytest.mark.parametrize("blocked", [0.5, 1.0])
@pytest.mark.parametrize("name", ["il6r", "stat3", "saa"])
def test_each_of_three_blocks_stops_serum_amyloid_a(bare, p, act, name, blocked):
    bare.blood.il6 = 0.8
    setattr(bare.blocked, name, blocked)
    act(AcutePhase(), bare, p, dt=LONG)
    half, steepness, left = p.inflammation.half_il6, p.inflammation.steepness, 1 - blocked
    sensed = saturating(0.8 * left, half, steepness) if name == "il6r" else saturating(0.8, half, steepness) * left
    assert bare.blood.saa == pytest.approx(sensed, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("tnf", [0.2, 1.0])
def test_tnf_makes_hepatocytes_fat_evenly(bare, p, act, tnf):
    bare.blood.tnf = tnf
    act(Steatosis(), bare, p, dt=72.0)
    gain, loss = p.inflammation.rate_steatosis * tnf, math.log(2) / p.inflammation.half_life_steatosis
    np.testing.assert_allclose(bare.steatosis, gain / (gain + loss) * -math.expm1(-(gain + loss) * 72), rtol=1e-9)


def test_fat_is_cleared_with_its_half_life(bare, p, act):
    bare.steatosis[3, 4] = 0.6
    act(Steatosis(), bare, p, dt=p.inflammation.half_life_steatosis)
    assert bare.steatosis[3, 4] == pytest.approx(0.3, rel=EXACT)
    assert np.count_nonzero(bare.steatosis) == 1


@pytest.mark.parametrize("organ", ["lung", "brain"])
def test_only_a_liver_gets_fat(bare, changes, organ):
    bare.blood.tnf = 1.0
    assert changes(Steatosis(), bare, resolve(organ=organ), dt=72.0) == set()


# --- all -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("process", [Inflammation(), AcutePhase(), Steatosis()])
def test_two_half_steps_are_one(naive, p, settle, act, freeze, process):
    load(naive, settle, "pdac", 70)
    naive.blood.s100a8, naive.blood.il6, naive.blood.tnf, naive.blood.saa = 0.1, 0.5, 0.7, 0.2
    naive.steatosis = np.random.default_rng(1).random(naive.section.shape)
    start = freeze(naive)

    def after(**how):
        naive.thaw(start)
        act(process, naive, p, **how)
        return np.append(naive.steatosis, [*levels(naive), naive.blood.saa])

    np.testing.assert_allclose(after(dt=3.0, steps=2), after(dt=6.0), rtol=EXACT)


@pytest.mark.parametrize("process", [Inflammation(), AcutePhase(), Steatosis()])
def test_each_changes_what_it_writes_and_nothing_else(naive, p, settle, changes, process):
    load(naive, settle, "pdac", 70)
    naive.blood.s100a8, naive.blood.il6, naive.blood.tnf, naive.blood.saa = 0.1, 0.8, 0.7, 0.2
    assert changes(process, naive, p) == set(process.writes)
