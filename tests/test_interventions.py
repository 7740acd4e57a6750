"""What an experimenter does: in the right step, once, in the right amount, the same in every arm."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.cells import Exosome, TumourCell
from niche_sim.chance import Chance
from niche_sim.errors import InputError
from niche_sim.interventions import ACTIONS, intervene
from niche_sim.model import NicheModel
from niche_sim.protocol import (
    Block,
    Deplete,
    GrowPrimary,
    InjectExosomes,
    InjectTumourCells,
    ResectPrimary,
)
from niche_sim.state import Blocked
from niche_sim.tissue import naive_liver
from niche_sim.vocabulary import BLOCK_TARGETS, DEPLETABLE, EXOSOME_SOURCES, TUMOUR_LINES

VERBS = (InjectExosomes, InjectTumourCells, GrowPrimary, ResectPrimary, Block, Deplete)


def live(state, p, interventions, steps, dt=1.0, seed=7):
    """Steps in which nothing happens but the interventions; yields after each."""
    chance = Chance(seed)
    for _ in range(steps):
        chance.step = state.step_index
        intervene(interventions, state, p, chance, dt)
        yield state
        state.step_index += 1
        state.time = state.step_index * dt


def share(state, p):
    return state.section.volume / p.liver.volume


def test_every_verb_has_an_action():
    assert set(ACTIONS) == {verb.verb for verb in VERBS}


def test_nothing_done_nothing_changed(naive, p, freeze, changed):
    before = freeze(naive)
    list(live(naive, p, (), 3))
    naive.time, naive.step_index = 0.0, 0
    assert changed(before, freeze(naive)) == set()


def test_nothing_is_done_before_or_after_its_time(naive, p, freeze, changed):
    late = (
        InjectExosomes("pdac", (50.0, 100.0), amount_ug=5.0), InjectTumourCells("pan02", 10**8, 50.0),
        GrowPrimary("pan02", 1e6, 60.0, start=50.0), Block("mif", 1.0, 50.0, 60.0),
        Deplete("nk_cells", 1.0, 50.0, 60.0), Deplete("bmdc", 1.0, 50.0, 50.0),
    )  # fmt: skip
    before = freeze(naive)
    list(live(naive, p, late, 50))
    naive.step_index, naive.time = 101, 101.0
    list(live(naive, p, late, 5))
    naive.time, naive.step_index = 0.0, 0
    assert changed(before, freeze(naive)) == set()


# --- exosomes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.1, 7.0])
@pytest.mark.parametrize("times", [(0.0,), (0.0, 48.0, 96.0), (0.3, 4.9), (7.0, 21.0)])
def test_each_dose_is_given_once_in_its_step(naive, p, dt, times):
    given = []
    before = 0
    for state in live(naive, p, (InjectExosomes("pdac", times, vesicles=1e9),), round(105 / dt), dt):
        if state.ledger.exosomes_released > before:
            given.append(state.step_index)
            before = state.ledger.exosomes_released
    assert given == sorted({math.floor(time / dt + 1e-9) for time in times})


@pytest.mark.parametrize(("how", "vesicles"), [({"amount_ug": 4.0}, None), ({"vesicles": 6e9}, 6e9)])
def test_the_section_gets_its_share_of_a_dose(section, p, agrees, how, vesicles):
    counts = []
    for seed in range(40):
        state = naive_liver(section, p, Chance(seed))
        next(live(state, p, (InjectExosomes("normal_pancreas", (0.0,), **how),), 1, seed=seed))
        counts.append(state.ledger.exosomes_released)
        assert state.exosomes.vesicles.sum() == counts[-1]
        assert (state.exosomes.source == EXOSOME_SOURCES.index("normal_pancreas")).all()
        assert (state.exosomes.place == Exosome.place.code("blood")).all()
    mean = (vesicles or 4.0 * p.exosomes.vesicles_per_ug) * share(state, p)
    agrees(np.mean(counts), mean, math.sqrt(mean / 40))
    # Poisson: variance over mean is 1, with a standard error of sqrt(2 / 39).
    agrees(np.var(counts, ddof=1) / np.mean(counts), 1.0, math.sqrt(2 / 39))


def test_doses_of_different_times_and_sources_draw_apart(naive, p):
    doses = (
        InjectExosomes("pdac", (0.0, 1.0), amount_ug=5.0),
        InjectExosomes("normal_pancreas", (0.0,), amount_ug=5.0),
    )
    list(live(naive, p, doses, 2))
    assert len(np.unique(naive.exosomes.key)) == len(naive.exosomes)


# --- tumour cells ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("at", [0.0, 5.0, 5.3])
def test_cells_are_injected_once_in_their_step(naive, p, agrees, dt, at):
    entered = {}
    for state in live(naive, p, (InjectTumourCells("b16f1", 10**8, at),), round(8 / dt), dt):
        entered.setdefault(state.ledger.tumour_entered, state.step_index)
    mean = 1e8 * share(naive, p)
    first = math.floor(at / dt + 1e-9)
    counts = [n for n in entered if n]
    assert len(counts) == 1
    assert entered[counts[0]] == first
    agrees(counts[0], mean, math.sqrt(mean))
    cells = naive.tumour_cells
    assert (cells.line == TUMOUR_LINES.index("b16f1")).all()
    assert (cells.state == TumourCell.state.code("circulating")).all()
    assert len(np.unique(cells.clone)) == len(cells)


def test_cells_are_the_same_whatever_else_is_done(section, p):
    def keys(*others):
        state = naive_liver(section, p, Chance(7))
        list(live(state, p, (*others, InjectTumourCells("pan02", 10**8, 3.0)), 5))
        return state.tumour_cells.key.copy()

    plain = keys()
    assert len(plain) > 100
    others = (
        InjectExosomes("pdac", (0.0, 3.0), amount_ug=5.0),
        Block("mif", 1.0, 0.0, 9.0),
        Deplete("nk_cells", 1, 0, 9),
    )
    np.testing.assert_array_equal(keys(*others), plain)


def test_fewer_cells_are_the_first_of_more(section, p):
    def keys(count):
        state = naive_liver(section, p, Chance(7))
        list(live(state, p, (InjectTumourCells("pan02", count, 0.0),), 1))
        return set(state.tumour_cells.key)

    assert keys(10**7) < keys(10**8)


# --- primary ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("capacity", [None, 2e9])
def test_a_primary_is_implanted(naive, p, capacity):
    law = "exponential" if capacity is None else "gompertz"
    grow = GrowPrimary("pan02", 1e6, 60.0, law, capacity, 2.0, True)
    assert [state.primary.cells for state in live(naive, p, (grow,), 4)] == [0.0, 0.0, 1e6, 1e6]
    primary = naive.primary
    assert (primary.line, primary.started, primary.start_cells, primary.doubling) == ("pan02", 2.0, 1e6, 60.0)
    assert primary.capacity == (math.inf if capacity is None else capacity)
    assert primary.sheds_cells
    assert primary.event == grow.event


def test_resection_takes_the_primary_and_leaves_what_it_shed(naive, p):
    naive.release_exosomes(500, 0, 1, p.exosomes.parcel_size)
    done = (GrowPrimary("pan02", 1e6, 60.0), ResectPrimary(3.0))
    cells = [state.primary.cells for state in live(naive, p, done, 6)]
    assert cells == [1e6, 1e6, 1e6, 0.0, 0.0, 0.0]
    assert naive.exosomes.vesicles.sum() == 500


# --- blocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", BLOCK_TARGETS)
def test_a_block_holds_from_its_start_to_before_its_end(naive, p, target):
    levels = []
    for state in live(naive, p, (Block(target, 0.9, 2.0, 5.0),), 7):
        levels.append(getattr(state.blocked, target))
        others = [getattr(state.blocked, other) for other in BLOCK_TARGETS if other != target]
        assert not any(others)
    assert levels == pytest.approx([0, 0, 0.9, 0.9, 0.9, 0, 0])


def test_every_target_is_a_link_of_the_state_and_read_by_a_rule():
    from niche_sim.schedule import DEFAULT

    assert set(BLOCK_TARGETS) == set(Blocked.__dataclass_fields__)
    read = {name for process in DEFAULT for name in process.reads}
    assert {f"blocked.{target}" for target in BLOCK_TARGETS} <= read


@pytest.mark.parametrize("dt", [0.5, 0.1])
def test_windows_are_of_time_not_of_steps(naive, p, dt):
    on = [
        state.time for state in live(naive, p, (Block("mif", 0.5, 2.0, 5.0),), round(7 / dt), dt) if state.blocked.mif
    ]
    assert on[0] == pytest.approx(2.0)
    assert on[-1] == pytest.approx(5.0 - dt)
    assert len(on) == round(3 / dt)


@pytest.mark.parametrize(("start", "end"), [(0.2, 0.7), (0.5, 3.25), (1.0, 2.0), (1.9, 2.1)])
def test_a_window_that_begins_or_ends_within_a_step_counts_for_its_part(naive, p, start, end):
    levels = [state.blocked.mif for state in live(naive, p, (Block("mif", 0.8, start, end),), 5)]
    parts = [max(0.0, min(end, hour + 1) - max(start, hour)) for hour in range(5)]
    np.testing.assert_allclose(levels, 0.8 * np.array(parts), atol=1e-12)


def test_blocks_of_one_target_multiply_what_is_left(naive, p):
    blocks = (Block("mif", 0.5, 0.0, 3.0), Block("mif", 0.8, 1.0, 2.0), Block("ccr2", 1.0, 1.0, 3.0))
    levels = [(state.blocked.mif, state.blocked.ccr2) for state in live(naive, p, blocks, 4)]
    np.testing.assert_allclose(levels, [(0.5, 0), (0.9, 1), (0.5, 1), (0, 0)], atol=1e-12)


def test_a_block_of_nothing_leaves_the_link_free(naive, p):
    assert [state.blocked.mif for state in live(naive, p, (Block("mif", 0.0, 0.0, 3.0),), 3)] == [0, 0, 0]


# --- depletion -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DEPLETABLE)
@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_a_fraction_is_taken_once(bare, p, settle, happens, name, fraction):
    cells = settle(bare, name, 5000)
    sizes = [len(cells) for _ in live(bare, p, (Deplete(name, fraction, 2.0, 2.0),), 6)]
    assert sizes[:2] == [5000, 5000]
    assert len(set(sizes[2:])) == 1
    if 0 < fraction < 1:
        happens(5000 - sizes[2], 5000, fraction)
    else:
        assert sizes[2] == 5000 * (1 - fraction)
    assert sum(len(rows) for rows in bare.populations.values()) == sizes[-1]


def test_a_window_takes_its_fraction_of_old_and_new_alike_and_no_more(bare, p, settle, happens):
    cells = settle(bare, "bmdc", 5000)
    sizes = []
    for state in live(bare, p, (Deplete("bmdc", 0.3, 1.0, 5.0),), 8):
        sizes.append(len(cells))
        if state.step_index == 2:
            settle(bare, "bmdc", 5000)
        if state.step_index == 6:
            settle(bare, "bmdc", 1000)
    assert sizes[0] == 5000
    happens(5000 - sizes[1], 5000, 0.3)
    assert sizes[2] == sizes[1]
    happens(sizes[2] + 5000 - sizes[3], 5000, 0.3)
    assert sizes[3] == sizes[4] == sizes[5] == sizes[6]
    assert sizes[7] == sizes[6] + 1000  # the window is over


def test_two_depletions_hit_independently(bare, p, settle, happens):
    cells = settle(bare, "nk_cells", 20_000)
    list(live(bare, p, (Deplete("nk_cells", 0.5, 0.0, 0.0), Deplete("nk_cells", 0.5, 1.0, 1.0)), 2))
    happens(len(cells), 20_000, 0.25)


def test_who_is_hit_is_the_same_in_every_arm(section, p):
    def left(*others):
        state = naive_liver(section, p, Chance(7))
        list(live(state, p, (*others, Deplete("kupffer_cells", 0.5, 2.0, 2.0)), 4))
        return state.kupffer_cells.key.copy()

    plain = left()
    np.testing.assert_array_equal(left(InjectExosomes("pdac", (0.0,), amount_ug=5.0)), plain)
    assert 0 < len(plain) < 151


def test_a_deeper_depletion_hits_the_same_and_more(section, p):
    def left(fraction):
        state = naive_liver(section, p, Chance(7))
        list(live(state, p, (Deplete("kupffer_cells", fraction, 0.0, 0.0),), 1))
        return set(state.kupffer_cells.key)

    assert left(0.8) < left(0.4) < left(0.0)


SCENARIO = """
title = "t"
question = "q"
organ = "liver"
schedule = "default"
[section]
width = "600 um"
height = "700 um"
spacing = "20 um"
[run]
duration = "1 day"
step = "1 h"
[arms.one]
note = "n"
protocol = [ { do = "deplete", population = "kupffer_cells", fraction = 1.0, from = "0.2 h", to = "0.7 h" } ]
"""


def test_a_window_within_a_step_is_not_lost(tmp_path):
    """It lies between the moments at which a step looks: either something is done, or the scenario is refused."""
    file = tmp_path / "short" / "scenario.toml"
    file.parent.mkdir()
    file.write_text(SCENARIO, encoding="utf-8")
    try:
        model = NicheModel(str(file), "one", rng=1)
    except InputError:
        return
    for _ in range(3):
        model.step()
    assert len(model.state.kupffer_cells) == 0
