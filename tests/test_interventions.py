"""What an experimenter does: in the right step, once, in the right amount, the same in every arm."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.description import describe
from niche_sim.engine.chance import Chance
from niche_sim.engine.errors import InputError
from niche_sim.experiment.protocol import (
    Block,
    Boost,
    Deplete,
    GrowPrimary,
    InjectExosomes,
    InjectTumourCells,
    ResectPrimary,
    Treat,
)
from niche_sim.experiment.simulation import Simulation
from niche_sim.model.actions import ACTIONS, intervene
from niche_sim.model.catalogue import (
    BLOCK_TARGETS,
    BLOCKS_BY_GROUP,
    BMDC_KINDS,
    BOOSTS,
    DEPLETABLE,
    DRUGS,
    EXOSOME_SOURCES,
    EXOSOMES_OF_LINE,
    ORGANS,
    TUMOUR_LINES,
)
from niche_sim.model.cells import POPULATIONS, BoneMarrowDerivedCell, Exosome, TumourCell
from niche_sim.model.initial_state import naive_liver, section_of
from niche_sim.model.parameters import resolve
from niche_sim.model.state import Blocked, Boosted, Drugs, State

VERBS = (InjectExosomes, InjectTumourCells, GrowPrimary, ResectPrimary, Block, Deplete, Boost, Treat)


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
    return state.section.volume / p.organ.volume


def test_every_verb_has_an_action():
    assert set(ACTIONS) == {verb.verb for verb in VERBS}


def test_nothing_done_nothing_changed(naive, p, freeze, changed):
    before = freeze(naive)
    list(live(naive, p, (), 3))
    naive.time, naive.step_index = 0.0, 0
    assert changed(before, freeze(naive)) == set()


def test_nothing_is_done_before_or_after_its_time(naive, p, settle, freeze, changed):
    settle(naive, "bmdc", 50)
    late = (
        InjectExosomes("pdac", (50.0, 100.0), amount_ug=5.0), InjectTumourCells("pan02", 10**8, 50.0),
        GrowPrimary("pan02", 1e6, 60.0, start=50.0), Block("mif", 1.0, 50.0, 60.0),
        Deplete("nk_cells", 1.0, 50.0, 60.0), Deplete("bmdc", 1.0, 50.0, 50.0),
        Boost("il15", 9.0, 50.0, 60.0), Treat("gemcitabine", 1.0, (50.0, 100.0)),
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
        if state.counters.exosomes_released > before:
            given.append(state.step_index)
            before = state.counters.exosomes_released
    assert given == sorted({math.floor(time / dt + 1e-9) for time in times})


@pytest.mark.parametrize(("how", "vesicles"), [({"amount_ug": 4.0}, None), ({"vesicles": 6e9}, 6e9)])
def test_the_section_gets_its_share_of_a_dose(section, p, agrees, how, vesicles):
    counts = []
    for seed in range(40):
        state = naive_liver(section, p, Chance(seed))
        next(live(state, p, (InjectExosomes("normal_pancreas", (0.0,), **how),), 1, seed=seed))
        counts.append(state.counters.exosomes_released)
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
        entered.setdefault(state.counters.tumour_entered, state.step_index)
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


@pytest.mark.parametrize("organ", ORGANS)
def test_an_organ_gets_its_share_of_cells_and_of_exosomes(organ, agrees):
    """Of the cells those that reach it; of the vesicles all, since uptake decides where they go."""
    p = resolve(organ=organ)
    state = State.empty(section_of(600.0, 700.0, 20.0, p))
    done = (InjectTumourCells("llc", 10**10, 0.0), InjectExosomes("lung_tropic", (0.0,), vesicles=1e10))
    next(live(state, p, done, 1))
    mean = 1e10 * share(state, p)
    agrees(state.counters.exosomes_released, mean, math.sqrt(mean))
    mean *= p.organ.fraction_cells
    agrees(state.counters.tumour_entered, mean, math.sqrt(mean))


def test_of_the_cells_only_those_that_reach_the_organ_enter(naive, agrees):
    """Apart from what organs differ in besides: half of all cells, in the liver."""
    p = resolve({"liver.fraction_cells": "0.5"})
    next(live(naive, p, (InjectTumourCells("pan02", 10**9, 0.0),), 1))
    mean = 0.5e9 * share(naive, p)
    agrees(naive.counters.tumour_entered, mean, math.sqrt(mean))


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
        Boost("nk_cells", 3.0, 0.0, 9.0),
        Treat("gemcitabine", 2.0, (0.0, 3.0)),
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
    from niche_sim.model.schedule import DEFAULT

    assert set(BLOCK_TARGETS) == set(Blocked.__dataclass_fields__)
    read = {name for process in DEFAULT for name in process.reads}
    assert {f"blocked.{target}" for target in BLOCK_TARGETS} - read == set()


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


# --- boosts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", BOOSTS)
def test_a_boost_holds_from_its_start_to_before_its_end(naive, p, target):
    levels = []
    for state in live(naive, p, (Boost(target, 10.0, 2.0, 5.0),), 7):
        levels.append(getattr(state.boosted, target))
        assert {getattr(state.boosted, other) for other in BOOSTS if other != target} == {1.0}
    assert levels == [1.0, 1.0, 10.0, 10.0, 10.0, 1.0, 1.0]


def test_every_boost_and_drug_is_in_the_state_and_read_by_a_rule():
    from niche_sim.model.schedule import DEFAULT

    assert set(BOOSTS) == set(Boosted.__dataclass_fields__)
    assert set(DRUGS) <= set(Drugs.__dataclass_fields__)
    read = {name for process in DEFAULT for name in process.reads}
    assert {f"boosted.{target}" for target in BOOSTS} | {f"drugs.{drug}" for drug in DRUGS} <= read


@pytest.mark.parametrize(("start", "end"), [(0.2, 0.7), (0.5, 3.25), (1.0, 2.0), (1.9, 2.1)])
def test_a_boost_that_begins_or_ends_within_a_step_counts_for_its_part(naive, p, start, end):
    levels = [state.boosted.timp1 for state in live(naive, p, (Boost("timp1", 5.0, start, end),), 5)]
    parts = [max(0.0, min(end, hour + 1) - max(start, hour)) for hour in range(5)]
    np.testing.assert_allclose(levels, 1.0 + 4.0 * np.array(parts), atol=1e-12)


@pytest.mark.parametrize("dt", [0.5, 0.1, 7.0])
def test_a_boost_is_as_much_in_any_step(naive, p, dt):
    boost = (Boost("il6", 5.0, 2.0, 5.0),)
    raised = sum(dt * (state.boosted.il6 - 1.0) for state in live(naive, p, boost, round(7 / dt), dt))
    assert raised == pytest.approx(4.0 * 3.0, rel=1e-9)


def test_boosts_of_one_target_multiply(naive, p):
    boosts = (Boost("il15", 2.0, 0.0, 3.0), Boost("il15", 5.0, 1.0, 2.0), Boost("t_cells", 3.0, 1.0, 3.0))
    levels = [(state.boosted.il15, state.boosted.t_cells) for state in live(naive, p, boosts, 4)]
    np.testing.assert_allclose(levels, [(2, 1), (10, 3), (2, 3), (1, 1)], rtol=1e-12)


def test_a_boost_of_one_leaves_all_normal(naive, p):
    assert [state.boosted for state in live(naive, p, (Boost("il15", 1.0, 0.0, 3.0),), 3)] == [Boosted()] * 3


# --- drugs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drug", DRUGS)
@pytest.mark.parametrize("dt", [1.0, 0.5, 0.1, 7.0])
@pytest.mark.parametrize("times", [(0.0,), (0.0, 48.0, 96.0), (0.3, 4.9), (7.0, 21.0)])
def test_each_dose_of_a_drug_is_given_once_in_its_step(naive, p, drug, dt, times):
    amounts = [0.0]
    for state in live(naive, p, (Treat(drug, 0.75, times),), round(105 / dt), dt):
        amounts.append(getattr(state.drugs, drug))
        assert not any(getattr(state.drugs, other) for other in DRUGS if other != drug)
    steps = [math.floor(time / dt + 1e-9) for time in times]
    given = [0.75 * steps.count(step) for step in range(len(amounts) - 1)]
    np.testing.assert_allclose(np.diff(amounts), given, atol=1e-12)


def test_a_dose_adds_to_what_is_left(naive, p):
    """The drug wears off by a rule, not here: what is in the body stays."""
    naive.drugs = Drugs(gemcitabine=0.5, anti_vegf=0.25, toxicity=3.0)
    doses = (Treat("gemcitabine", 1.0, (0.0, 2.0)), Treat("gemcitabine", 0.25, (2.5,)), Treat("anti_pd1", 2.0, (1.0,)))
    drugs = [(s.drugs.gemcitabine, s.drugs.anti_pd1) for s in live(naive, p, doses, 4)]
    assert drugs == [(1.5, 0.0), (1.5, 2.0), (2.75, 2.0), (2.75, 2.0)]
    assert (naive.drugs.anti_vegf, naive.drugs.toxicity) == (0.25, 3.0)


# --- depletion -------------------------------------------------------------------------------------------------------


def settled(bare, settle, name, n):
    """n cells of a population or of a kind of bone-marrow-derived cells, beside n of each other kind."""
    if name not in BMDC_KINDS:
        return settle(bare, name, n), lambda: len(bare.populations[name])
    for kind in BoneMarrowDerivedCell.kind.names:
        settle(bare, "bmdc", n, kind=kind)
    return bare.bmdc, lambda: kinds_of(bare)[BMDC_KINDS[name]]


def kinds_of(state):
    numbers = np.bincount(state.bmdc.kind, minlength=len(BoneMarrowDerivedCell.kind.names)).tolist()
    return dict(zip(BoneMarrowDerivedCell.kind.names, numbers, strict=True))


def test_kinds_of_the_vocabulary_are_those_of_the_column():
    assert sorted(BMDC_KINDS.values()) == sorted(BoneMarrowDerivedCell.kind.names)


@pytest.mark.parametrize("name", BMDC_KINDS)
def test_depleting_a_kind_leaves_the_others(bare, p, settle, happens, name):
    settled(bare, settle, name, 5000)
    list(live(bare, p, (Deplete(name, 0.3, 0.0, 0.0),), 1))
    left = kinds_of(bare)
    happens(5000 - left.pop(BMDC_KINDS[name]), 5000, 0.3)
    assert set(left.values()) == {5000}


def test_a_window_over_a_kind_takes_newcomers_too(bare, p, settle):
    sizes = []
    for state in live(bare, p, (Deplete("neutrophils", 1.0, 1.0, 3.0),), 5):
        sizes.append((kinds_of(state)["neutrophil"], kinds_of(state)["mdsc"]))
        settle(state, "bmdc", 10, kind="neutrophil")
        settle(state, "bmdc", 10, kind="mdsc")
    assert sizes == [(0, 0), (0, 10), (0, 20), (10, 30), (20, 40)]


@pytest.mark.parametrize("name", DEPLETABLE)
@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_a_fraction_is_taken_once(bare, p, settle, happens, name, fraction):
    cells, number = settled(bare, settle, name, 5000)
    others = len(cells) - 5000
    sizes = [number() for _ in live(bare, p, (Deplete(name, fraction, 2.0, 2.0),), 6)]
    assert sizes[:2] == [5000, 5000]
    assert len(set(sizes[2:])) == 1
    if 0 < fraction < 1:
        happens(5000 - sizes[2], 5000, fraction)
    else:
        assert sizes[2] == 5000 * (1 - fraction)
    assert sum(len(rows) for rows in bare.populations.values()) == sizes[-1] + others


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
        model = Simulation(str(file), "one", rng=1)
    except InputError:
        return
    for _ in range(3):
        model.step()
    assert len(model.state.kupffer_cells) == 0


# --- as text ---------------------------------------------------------------------------------------------------------


def test_describe_lists_every_verb_and_name_with_its_meaning():
    assert [row[0] for row in describe.verbs().rows] == [
        verb.verb
        for verb in (InjectExosomes, GrowPrimary, ResectPrimary, InjectTumourCells, Block, Deplete, Boost, Treat)
    ]
    blocks = describe.blocks().rows
    assert [row[1:] for row in blocks] == [link for group in BLOCKS_BY_GROUP.values() for link in group.items()]
    assert [row[0] for row in blocks if row[0]] == list(BLOCKS_BY_GROUP)
    found, group = {}, ""
    for heading, name, meaning in describe.names().rows:
        group = heading or group
        found.setdefault(group, {})[name] = meaning
        assert meaning.strip()
    known = {
        "deplete": DEPLETABLE, "boost": BOOSTS, "treat": DRUGS, "source": EXOSOME_SOURCES, "line": TUMOUR_LINES,
        "organ": ORGANS,
    }  # fmt: skip
    assert {group: list(names) for group, names in found.items()} == {
        group: list(names) for group, names in known.items()
    }
    assert (found["boost"], found["treat"]) == (BOOSTS, DRUGS)
    for line in TUMOUR_LINES:
        source = EXOSOMES_OF_LINE.get(line)
        assert found["line"][line].endswith(f"sheds {source} exosomes" if source else "grows no primary")
    of_kinds = {name: meaning for name, meaning in found["deplete"].items() if name in BMDC_KINDS}
    assert of_kinds == {name: f"the bmdc of kind {kind}" for name, kind in BMDC_KINDS.items()}
    assert set(DEPLETABLE) - set(BMDC_KINDS) <= {kind.population for kind in POPULATIONS}
