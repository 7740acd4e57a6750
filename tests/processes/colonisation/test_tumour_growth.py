"""Micrometastases grow where there is room and shelter, and regress where there is not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from niche_sim.engine.chance import Chance, daughter_key
from niche_sim.engine.laws import disc_diameter, niche_strength
from niche_sim.model.cells import TumourCell
from niche_sim.model.initial_state import section_of
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.colonisation.crowding import Crowding
from niche_sim.model.processes.colonisation.division import Division
from niche_sim.model.processes.colonisation.exposed_death import ExposedDeath
from niche_sim.model.processes.colonisation.hypoxic_death import HypoxicDeath
from niche_sim.model.state import State

CYCLING = TumourCell.state.code("cycling")
STATES = TumourCell.state.names


def alone(state, settle, n, **columns):
    """n cycling cells that do not crowd each other as long as nobody asks how crowded it is."""
    return settle(state, "tumour_cells", n, state="cycling", clone_size=1, **columns)


@pytest.mark.parametrize("process", [Crowding, ExposedDeath, HypoxicDeath, Division])
def test_nothing_happens_to_nobody(bare, p, changes, process):
    assert changes(process(), bare, p) == set()


@pytest.mark.parametrize("process", [ExposedDeath, HypoxicDeath, Division])
def test_only_cycling_cells_divide_and_die_exposed_or_without_oxygen(bare, p, settle, changes, process):
    bare.oxygen[:] = 0.0 if process is HypoxicDeath else 1.0
    for code, state in enumerate(STATES):
        if state not in ("circulating", "cycling"):
            settle(bare, "tumour_cells", 200, state=state, seed=code)
    assert changes(process(), bare, p, dt=1e4) == set()


@pytest.mark.parametrize("process", [Crowding, ExposedDeath, HypoxicDeath, Division])
def test_cells_in_blood_are_left_alone_beside_others(bare, p, settle, act, process):
    """A cell may still circulate when the rule acts, as in a schedule of one's own."""
    alone(bare, settle, 50)
    bare.enter_tumour_cells(20, 0, np.arange(1, 21, dtype=np.uint64))
    act(process(), bare, p)
    circulating = bare.tumour_cells.state == TumourCell.state.code("circulating")
    assert circulating.sum() == 20
    assert (bare.tumour_cells.crowding[circulating] == 0).all()


# --- crowding --------------------------------------------------------------------------------------------------------


def test_an_even_density_is_sensed_as_it_is(bare, p, settle, one_a_site, act):
    y, x = one_a_site(bare.section)
    cells = settle(bare, "tumour_cells", 3 * len(y), state="dormant", y=np.tile(y, 3), x=np.tile(x, 3))
    act(Crowding(), bare, p)
    np.testing.assert_allclose(cells.crowding, 3 / bare.section.site_volume, rtol=1e-9)


@pytest.mark.parametrize("spacing", [20.0, 10.0])
def test_crowding_is_a_density_whatever_the_grid(p, settle, act, spacing):
    state = State.empty(section_of(600.0, 700.0, spacing, p))
    rng = np.random.default_rng(1)
    # A patch of 100 um around the first cell at 2e5 cells / mm3, and one cell far away.
    n = round(2e-4 * math.pi * 100**2 * 20)
    angle, far = 2 * math.pi * rng.random(n), 100 * np.sqrt(rng.random(n))
    y, x = 350 + far * np.sin(angle), 300 + far * np.cos(angle)
    cells = settle(state, "tumour_cells", n + 1, state="cycling", y=np.append(y, 50.0), x=np.append(x, 50.0))
    act(Crowding(), state, p)
    middle = np.append(far < 100 - p.tumour.neighbourhood - 20, False)
    # Some 20 cells in a neighbourhood; the mean over the middle of the patch is good to some 8 %.
    assert cells.crowding[middle].mean() == pytest.approx(2e-4, rel=0.25)
    own = 1 / (math.pi * p.tumour.neighbourhood**2 * 20)
    assert cells.crowding[-1] == pytest.approx(own, rel=0.02)  # 16 x 16 probes a site


def test_crowding_ends_with_the_neighbourhood(bare, p, settle, act):
    away = np.array([0.0, 40.0, 60.0, 100.0, 300.0])
    cells = settle(bare, "tumour_cells", 5, state="dormant", y=350.0 + 0 * away, x=130.0 + away)
    act(Crowding(), bare, p)
    own = cells.crowding[4]
    assert cells.crowding[0] > own  # has one 40 um away: within the sites that the disc touches
    assert cells.crowding[3] == pytest.approx(cells.crowding[0] if p.tumour.neighbourhood > 40 else cells.crowding[3])
    settle(bare, "tumour_cells", 50, state="dormant", y=350.0, x=560.0, seed=2)
    act(Crowding(), bare, p)
    assert bare.tumour_cells.crowding[4] == own  # 130 um away


def test_clones_are_counted_and_colonies_noted_once(bare, p, settle, act):
    most = round(p.tumour.colony_cells)
    clone = np.repeat(np.array([11, 22, 33], np.uint64), [most - 1, most, most + 5])
    reactivated = np.repeat([1, 2, 1], [most - 1, most, most + 5])
    cells = settle(bare, "tumour_cells", len(clone), state="cycling", clone=clone, reactivated_by=reactivated)
    act(Crowding(), bare, p, steps=3)
    sizes = dict(zip(cells.clone.tolist(), cells.clone_size.tolist(), strict=True))
    assert sizes == {11: most - 1, 22: most, 33: most + 5}
    assert bare.colonies == {22, 33}
    events = bare.events.table()
    assert events["kind"].tolist() == ["colony", "colony"]
    assert dict(zip(events["clone"].tolist(), events["cause"].tolist(), strict=True)) == {22: "niche", 33: "arrival"}
    assert (events["time_h"] == 0.0).all()
    mine = {(y, x) for y, x, of in zip(cells.y, cells.x, cells.clone, strict=True) if of == 22}
    assert (events["y_um"][events["clone"] == 22][0], events["x_um"][events["clone"] == 22][0]) in mine


def test_half_the_step_senses_the_same(bare, p, settle, act):
    cells = alone(bare, settle, 500)
    act(Crowding(), bare, p, dt=1.0)
    once = cells.crowding.copy()
    act(Crowding(), bare, p, dt=0.5, steps=2)
    np.testing.assert_array_equal(cells.crowding, once)


def test_crowding_changes_nothing_else(bare, p, settle, changes):
    settle(bare, "tumour_cells", 40, state="cycling", clone=np.repeat(np.array([5, 6], np.uint64), 20))
    found = changes(Crowding(), bare, p)
    assert found == {"tumour_cells.crowding", "tumour_cells.clone_size", "colonies", "events"}


# --- exposed death ---------------------------------------------------------------------------------------------------

EXPOSED = {"pan02.rate_death_exposed": "0.3 1/day", "b16f1.rate_death_exposed": "1 1/day"}


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(("crowding", "shelter"), [(0.0, 0.0), (1.0, 0.5), (1e4, 1.0)])
def test_crowding_shelters(bare, settle, act, happens, steps, crowding, shelter):
    p = resolve(EXPOSED)
    bare.fibronectin = np.zeros(bare.section.shape)
    cells = alone(bare, settle, 40_000, line=np.arange(40_000) % 2, crowding=crowding * p.tumour.half_crowding)
    act(ExposedDeath(), bare, p, dt=12.0 / steps, steps=steps)
    for line, rate in enumerate((0.3, 1.0)):
        left = np.count_nonzero(cells.line == line)
        if shelter < 1:
            happens(left, 20_000, math.exp(-rate * (1 - shelter) / 2))
        else:
            assert left > 19_998  # steepness 2 leaves 1e-8 of the rate
    assert bare.counters.tumour_died_cycling == 40_000 - len(cells)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(("fibronectin", "periostin"), [(1.0, 0.0), (1.0, 1.0), (100.0, 100.0)])
def test_the_niche_supports(bare, settle, act, happens, steps, fibronectin, periostin):
    p = resolve(EXPOSED | {"pan02.fraction_supported": "0.9", "b16f1.fraction_supported": "0.6"})
    t = p.tumour
    bare.fibronectin = np.full(bare.section.shape, fibronectin * t.half_fibronectin)
    bare.periostin = np.full(bare.section.shape, periostin * t.half_periostin)
    cells = alone(bare, settle, 40_000, line=np.arange(40_000) % 2)
    act(ExposedDeath(), bare, p, dt=24.0 / steps, steps=steps)
    niche = niche_strength(bare.fibronectin[0, 0], bare.periostin[0, 0], t.half_fibronectin, t.half_periostin,
                           t.steepness, t.share_periostin)  # fmt: skip
    for line, (rate, supported) in enumerate(((0.3, 0.9), (1.0, 0.6))):
        happens(np.count_nonzero(cells.line == line), 20_000, math.exp(-rate * (1 - supported * niche)))


def test_support_is_local(bare, settle, act):
    p = resolve(EXPOSED | {"pan02.fraction_supported": "1"})
    cells = alone(bare, settle, 2000)
    here = {key for key, y, x in zip(cells.key, cells.y, cells.x, strict=True) if y < 200 and x < 240}
    bare.fibronectin = np.zeros(bare.section.shape)
    bare.fibronectin[:10, :12] = bare.periostin[:10, :12] = 1e9
    act(ExposedDeath(), bare, p, dt=1e4)
    assert 0 < len(here) < 2000
    assert set(bare.tumour_cells.key) == here


@pytest.mark.parametrize("others_first", [True, False])
def test_a_cell_dies_by_its_own_line_place_and_crowding_beside_others(bare, settle, act, others_first):
    p = resolve({"pan02.rate_death_exposed": "1e6 1/h", "b16f1.rate_death_exposed": "1e-9 1/h"})
    bare.fibronectin = np.zeros(bare.section.shape)
    bare.fibronectin[:5, :5] = 1e12
    bare.periostin = bare.fibronectin.copy()
    for others in (others_first, not others_first):
        if others:
            settle(bare, "tumour_cells", 70, state="dormant", line="b16f1", crowding=1.0, y=50.0, x=50.0, seed=2)
            settle(bare, "tumour_cells", 30, state="cycling", line="b16f1", crowding=1e9, y=50.0, x=50.0, seed=3)
        else:
            alone(bare, settle, 50, y=400.0, x=300.0)
    act(ExposedDeath(), bare, p)
    assert len(bare.tumour_cells) == 100
    assert (bare.tumour_cells.line == 1).all()


# --- death without oxygen --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(("oxygen", "lack"), [(0.0, 1.0), (0.06, 0.75), (0.18, 0.25)])
def test_cells_die_by_how_much_oxygen_they_lack(bare, settle, act, happens, steps, oxygen, lack):
    p = resolve({"angiogenesis.half_oxygen": "0.24", "angiogenesis.rate_death_hypoxic": "0.5 1/day"})
    bare.oxygen[:] = oxygen
    cells = alone(bare, settle, 20_000)
    act(HypoxicDeath(), bare, p, dt=24.0 / steps, steps=steps)
    happens(len(cells), 20_000, math.exp(-0.5 * lack))
    assert bare.counters.tumour_died_hypoxic == 20_000 - len(cells)
    events = bare.events.table()
    assert set(events["cause"]) == {"died without oxygen"}
    assert len(events["cause"]) == 20_000 - len(cells)


@pytest.mark.parametrize("oxygen", [0.25, 1.0, 1.5])
def test_nobody_dies_with_enough_oxygen(bare, settle, changes, oxygen):
    bare.oxygen[:] = oxygen
    alone(bare, settle, 2000)
    assert changes(HypoxicDeath(), bare, resolve({"angiogenesis.half_oxygen": "0.25"}), dt=1e4) == set()


def test_death_without_oxygen_is_local(bare, p, settle, act):
    cells = alone(bare, settle, 2000)
    here = {key for key, y, x in zip(cells.key, cells.y, cells.x, strict=True) if y < 200 and x < 240}
    bare.oxygen[:10, :12] = 0.0
    act(HypoxicDeath(), bare, p, dt=1e5)
    assert 0 < len(here) < 2000
    assert set(cells.key) & here == set()
    assert len(cells) == 2000 - len(here)


# --- division --------------------------------------------------------------------------------------------------------

ROOM = {"tumour.packing": "1e9 cell/mm^3"}  # so that nobody is in the way


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_numbers_double_in_a_doubling_time(bare, settle, act, agrees, dt):
    """At a model's own step: ln 2 / doubling per h, so that after one doubling time there are twice as many."""
    p = resolve(ROOM | {"pan02.doubling": "19 h"})
    n = 40_000
    alone(bare, settle, n)
    act(Division(), bare, p, dt=dt, steps=round(19 / dt))
    # A pure birth process: mean exp(b t) = 2, variance exp(b t) (exp(b t) - 1) = 2.
    agrees(len(bare.tumour_cells), 2 * n, math.sqrt(2 * n))


@pytest.mark.parametrize("steps", [1, 2])
def test_lines_divide_at_their_own_rate(bare, settle, act, agrees, steps):
    p = resolve(ROOM | {"pan02.doubling": "20 h", "b16f1.doubling": "10 h"})
    alone(bare, settle, 40_000, line=np.arange(40_000) % 2)
    act(Division(), bare, p, dt=0.5 / steps, steps=steps)
    cells = bare.tumour_cells
    for line, doubling in enumerate((20.0, 10.0)):
        growth = 2 ** (0.5 / doubling)
        agrees(np.count_nonzero(cells.line == line), 20_000 * growth, math.sqrt(20_000 * growth * (growth - 1)))
    assert bare.counters.tumour_born == len(cells) - 40_000
    assert cells.divisions.sum() == bare.counters.tumour_born


SURROUNDINGS = {  # field or column or block: (its value, by what the rate changes with the numbers below)
    "oxygen": (0.25, 1.25 * 0.25 / 0.5),
    "nutrient": (0.1, 1.5 * 0.1 / 0.6),
    "hgf": (0.9, 1 + 0.2 * 0.75),
    "emt": (0.4, 1 - 0.5 * 0.4),
    "division": (0.3, 0.7),
}
NUMBERS = {
    "angiogenesis.half_oxygen": "0.25",
    "angiogenesis.half_nutrient": "0.5",
    "tumour.gain_hgf": "0.2",
    "stroma.half_hgf": "0.3 nM",
    "tumour.loss_division": "0.5",
}


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("names", [*([name] for name in SURROUNDINGS), list(SURROUNDINGS)])
def test_surroundings_set_the_rate_of_division(bare, settle, act, agrees, names, steps):
    """Oxygen and nutrient against naive tissue, growth factor, EMT and a block each change it by a factor."""
    p = resolve(ROOM | NUMBERS | {"pan02.doubling": "10 h"})
    cells = alone(bare, settle, 40_000)
    rate = math.log(2) / 10
    for name in names:
        value, factor = SURROUNDINGS[name]
        rate *= factor
        if name == "division":
            bare.blocked.division = value
        else:
            getattr(cells if name == "emt" else bare, name)[:] = value
    act(Division(), bare, p, dt=1.0 / steps, steps=steps)
    growth = math.exp(rate)
    agrees(len(bare.tumour_cells), 40_000 * growth, math.sqrt(40_000 * growth * (growth - 1)))


def test_plenty_of_oxygen_speeds_growth_by_no_more_than_a_quarter(bare, settle, act, agrees):
    p = resolve(ROOM | NUMBERS | {"pan02.doubling": "10 h"})
    bare.oxygen[:] = 1e9
    alone(bare, settle, 40_000)
    act(Division(), bare, p)
    growth = math.exp(1.25 * math.log(2) / 10)
    agrees(len(bare.tumour_cells), 40_000 * growth, math.sqrt(40_000 * growth * (growth - 1)))


def test_a_cell_divides_by_what_is_where_it_is(bare, settle, act):
    p = resolve(ROOM | {"pan02.doubling": "1e-3 h"})
    cells = alone(bare, settle, 2000)
    bare.oxygen[:] = 0.0
    bare.oxygen[:10, :12] = 1.0
    here = (cells.y < 200) & (cells.x < 240)
    assert 0 < here.sum() < 2000
    act(Division(), bare, p)
    np.testing.assert_array_equal(bare.tumour_cells.divisions[:2000] > 0, here)


@pytest.mark.parametrize("blocked", [1.0])
def test_blocked_division_stops_all(bare, p, settle, changes, blocked):
    bare.blocked.division = blocked
    alone(bare, settle, 500)
    assert changes(Division(), bare, p, dt=1e4) == set()


def test_daughters_inherit_and_lie_a_diameter_away_in_any_direction(bare, settle, act):
    p = resolve(ROOM)
    n = 4000
    line, reactivated = np.arange(n) % 2, 1 + np.arange(n) % 2
    states = {"emt": np.arange(n) / n, "resistance": np.arange(n)[::-1] / n, "coopting": np.arange(n) % 3 == 0}
    hits = np.arange(n) % 5
    alone(bare, settle, n, y=350.0, x=300.0, line=line, reactivated_by=reactivated, arrived_at=np.arange(n), crowding=1e-9,
          hits=hits, **states)  # fmt: skip
    act(Division(), bare, p, dt=1e4)  # all divide
    cells = bare.tumour_cells
    mothers, daughters = slice(0, n), slice(n, 2 * n)
    assert len(cells) == 2 * n
    for name in ("line", "state", "crowding", "clone_size", "reactivated_by", "clone", "arrived_at", *states):
        column = getattr(cells, name)
        np.testing.assert_array_equal(column[daughters], column[mothers])
    assert (cells.divisions[mothers] == 1).all()
    assert (cells.divisions[daughters] == 0).all()
    assert (cells.hits[daughters] == 0).all()  # damage stays with the mother
    np.testing.assert_array_equal(cells.hits[mothers], hits)
    np.testing.assert_array_equal(cells.key[daughters], daughter_key(cells.key[mothers], np.ones(n, np.int64)))
    dy, dx = cells.y[daughters] - 350.0, cells.x[daughters] - 300.0
    np.testing.assert_allclose(np.hypot(dy, dx), p.tumour.diameter, rtol=1e-9)
    directions = np.histogram(np.arctan2(dy, dx), 16, (-math.pi, math.pi))[0]
    assert stats.chisquare(directions).pvalue > 1e-4


@pytest.mark.parametrize("others_first", [True, False])
def test_a_cell_divides_by_its_own_line_and_beside_itself_among_others(bare, settle, act, others_first):
    p = resolve(ROOM | {"pan02.doubling": "0.1 h", "b16f1.doubling": "1e12 h"})
    for others in (others_first, not others_first):
        if others:
            settle(bare, "tumour_cells", 70, state="dormant", line="b16f1", y=50.0, x=50.0, clone_size=10**9, seed=2)
            settle(bare, "tumour_cells", 30, state="cycling", line="b16f1", y=50.0, x=50.0, clone_size=10**9, seed=3)
        else:
            alone(bare, settle, 50, y=400.0, x=300.0)
    act(Division(), bare, p)
    cells = bare.tumour_cells
    mine = cells.line == 0
    assert (len(cells), mine.sum()) == (200, 100)
    assert (np.hypot(cells.y[mine] - 400.0, cells.x[mine] - 300.0) <= p.tumour.diameter * (1 + 1e-9)).all()
    assert (cells.divisions[~mine] == 0).all()


def test_daughters_stay_in_the_section(bare, settle, act):
    corners = np.array([(0.0, 0.0), (0.0, 599.9), (699.9, 0.0), (699.9, 599.9)] * 200)
    alone(bare, settle, 800, y=corners[:, 0], x=corners[:, 1])
    act(Division(), bare, resolve(ROOM), dt=1e4)
    assert bare.section.inside(bare.tumour_cells.y, bare.tumour_cells.x).all()


def packed(state, settle, p, radius, y=350.0, x=300.0):
    """A disc of packed dormant cells around a point, one more than fit."""
    section = state.section
    iy, ix = (np.indices(section.shape) + 0.5) * section.spacing
    sites = np.flatnonzero(np.hypot(iy - y, ix - x).ravel() < radius)
    each = math.ceil(p.tumour.packing * section.site_volume) + 1
    at = np.repeat(sites, each)
    settle(state, "tumour_cells", len(at), state="dormant", y=iy.ravel()[at], x=ix.ravel()[at])


@pytest.mark.parametrize("clone_size", [1, 1000])
def test_deep_inside_a_packed_colony_nobody_divides(bare, p, settle, act, clone_size):
    """Neither within the slab nor, from a clone wider than it, out of it: there is no room above and below either."""
    packed(bare, settle, p, p.tumour.rim + p.tumour.neighbourhood + 40)
    n = len(bare.tumour_cells)
    cells = settle(bare, "tumour_cells", 200, state="cycling", clone_size=clone_size, y=350.0, x=300.0)
    act(Division(), bare, p, dt=1e4)
    assert len(cells) == n + 200
    assert bare.counters.tumour_born == 0


def test_near_the_rim_daughters_are_pushed_to_the_first_room(bare, p, settle, act):
    packed(bare, settle, p, 60.0)
    n = len(bare.tumour_cells)
    alone(bare, settle, 300, y=350.0, x=300.0)
    act(Division(), bare, p, dt=1e4)
    born = slice(n + 300, None)
    far = np.hypot(bare.tumour_cells.y[born] - 350.0, bare.tumour_cells.x[born] - 300.0)
    assert bare.counters.tumour_born == len(far) == 300
    steps = far / p.tumour.diameter
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)  # whole diameters
    assert far.min() > p.tumour.diameter * 1.5
    assert far.max() <= p.tumour.rim


@pytest.mark.parametrize(("wide", "lost"), [(False, 0.0), (True, 1 / 3)])
def test_a_third_of_the_births_of_a_wide_colony_leave_the_slab(bare, settle, act, happens, wide, lost):
    p = resolve(ROOM | {"tumour.packing": "5e6 cell/mm^3"})
    thickness = bare.section.thickness
    limit = math.pi * (thickness / 2) ** 2 * thickness * p.tumour.packing  # cells of a clone as wide as the slab
    size = math.ceil(limit) if wide else math.floor(limit)
    assert (disc_diameter(size, p.tumour.packing, thickness) > thickness) == wide
    spread = settle(bare, "tumour_cells", 2000, state="cycling", clone_size=size)
    act(Division(), bare, p, dt=1e4)
    book = bare.counters
    assert book.tumour_born == 2000
    assert len(spread) == 4000 - book.tumour_left_slab
    if wide:
        happens(book.tumour_left_slab, 2000, lost)
    else:
        assert book.tumour_left_slab == 0


def test_division_changes_nothing_else(bare, p, settle, changes):
    settle(bare, "tumour_cells", 300, state="cycling", clone_size=1000)
    found = changes(Division(), bare, p, dt=20.0)
    assert found == {"tumour_cells", "counters.tumour_born", "counters.tumour_left_slab"}


@pytest.fixture(scope="module")
def colony(section):
    """(numbers of cells hour by hour, end state) of one cell's descendants without death, over sixteen doublings."""
    p, chance = resolve({"pan02.doubling": "12 h"}), Chance(5)
    state = State.empty(section)
    state.tumour_cells.add(1, key=[5], clone=5, state="cycling", y=350.0, x=300.0)
    sizes = []
    for hour in range(192):
        chance.step = hour
        Crowding().step(state, p, chance, 1.0)
        Division().step(state, p, chance, 1.0)
        sizes.append(len(state.tumour_cells))
    return np.array(sizes), state


def test_a_colony_grows_from_its_rim_in_the_end(colony):
    sizes, _ = colony
    assert sizes[-1] > 200  # some 240 um across
    # Two thirds of the births stay in the slab; a colony several rims wide grows more slowly than that.
    assert math.log(sizes[-1] / sizes[-49]) / 48 < 0.6 * math.log(2) / 12


def test_a_colony_is_as_wide_as_it_is_said_to_be(colony, p):
    """What is read out as its diameter, from packed cells, is that of the patch where its cells lie."""
    sizes, state = colony
    cells = state.tumour_cells
    spread = ((cells.y - cells.y.mean()) ** 2 + (cells.x - cells.x.mean()) ** 2).mean()
    said = disc_diameter(sizes[-1], p.tumour.packing, state.section.thickness)
    # An even disc has a mean square radius of diameter^2 / 8. A ragged rim is some 10 % of the width.
    assert math.sqrt(8 * spread) == pytest.approx(said, rel=0.15)
