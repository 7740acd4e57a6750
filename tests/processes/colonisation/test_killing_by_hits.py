"""Patrolling monocytes kill arrested and dormant tumour cells; effector T cells kill growing ones by several hits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from niche_sim.engine.laws import meeting_rate
from niche_sim.model.cells import BoneMarrowDerivedCell, TumourCell
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.arrival.patrol_killing import PatrolKilling
from niche_sim.model.processes.colonisation.t_cell_killing import TCellKilling

EXACT = 1e-12  # roundings of exponentials near 1
N = 20_000
STATES = [state for state in TumourCell.state.names if state != "circulating"]


def on_each_site(state, settle, one_a_site, name, /, **columns):
    """One cell on every site: density 1 / site volume everywhere."""
    y, x = one_a_site(state.section)
    return settle(state, name, len(y), y=y, x=x, **columns)


def whole(state):
    """The density (cells/um3) of one cell on every site."""
    return 1 / state.section.site_volume


@pytest.mark.parametrize("process", [PatrolKilling, TCellKilling])
def test_nothing_happens_to_nobody(naive, p, settle, one_a_site, changes, process):
    on_each_site(naive, settle, one_a_site, "bmdc", kind="patrolling")
    on_each_site(naive, settle, one_a_site, "t_cells", effector=True)
    assert changes(process(), naive, p, dt=1e3) == set()


@pytest.mark.parametrize("process", [PatrolKilling, TCellKilling])
def test_a_naive_liver_lacks_these_killers(naive, p, settle, changes, process):
    """Its T cells are no effectors."""
    for code, state in enumerate(STATES):
        settle(naive, "tumour_cells", 100, state=state, seed=code)
    assert len(naive.t_cells) > 0
    assert changes(process(), naive, p, dt=1e3) == set()


@pytest.mark.parametrize(("process", "seen"), [(PatrolKilling, ("arrested", "dormant")), (TCellKilling, ("cycling",))])
def test_which_cells_are_killed(bare, p, settle, one_a_site, act, process, seen):
    on_each_site(bare, settle, one_a_site, "bmdc", kind="patrolling")
    on_each_site(bare, settle, one_a_site, "t_cells", effector=True)
    bare.enter_tumour_cells(20, 1, np.arange(1, 21, dtype=np.uint64))
    for code, state in enumerate(STATES):
        settle(bare, "tumour_cells", 100, state=state, seed=code)
    act(process(), bare, p, dt=1e4)
    left = {TumourCell.state.decode(int(code)) for code in bare.tumour_cells.state}
    assert left == set(TumourCell.state.names) - set(seen)
    assert len(bare.tumour_cells) == 20 + 100 * (len(STATES) - len(seen))


@pytest.mark.parametrize(
    ("process", "book", "cause", "state"),
    [
        (PatrolKilling, "tumour_killed_by_patrolling", "killed by monocyte", "dormant"),
        (TCellKilling, "tumour_killed_by_t", "killed by T cell", "cycling"),
    ],
)
def test_killing_is_nearby_booked_and_noted(bare, p, settle, act, changes, process, book, cause, state):
    settle(bare, "bmdc", 60, kind="patrolling", y=350.0, x=100.0)
    settle(bare, "t_cells", 60, effector=True, y=350.0, x=100.0)
    cells = settle(bare, "tumour_cells", 100, state=state, y=350.0, x=100.0)
    near = set(cells.clone)
    settle(bare, "tumour_cells", 100, state=state, y=350.0, x=100.0 + p.tumour.neighbourhood + 30.0)
    bare.time = 9.0
    assert changes(process(), bare, p, dt=1e4) == {"tumour_cells", f"counters.{book}", "events"}
    assert getattr(bare.counters, book) == 100
    assert len(cells) == 100 and not near & set(cells.clone)
    events = bare.events.table()
    assert set(events["clone"]) == near and set(events["cause"]) == {cause} and set(events["time_h"]) == {9.0}


# --- patrolling monocytes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("state", ["arrested", "dormant"])
def test_patrols_kill_at_the_meeting_rate(bare, p, settle, one_a_site, act, happens, steps, state):
    on_each_site(bare, settle, one_a_site, "bmdc", kind="patrolling")
    cells = settle(bare, "tumour_cells", N, state=state, line=np.arange(N) % 7)
    rate = meeting_rate(p.kupffer.contact_radius, p.bmdc.speed, 1 / 400) * p.bmdc.chance_kill_patrolling
    dt = 0.5 / rate
    act(PatrolKilling(), bare, p, dt=dt / steps, steps=steps)
    happens(len(cells), N, math.exp(-0.5))
    assert bare.counters.tumour_killed_by_patrolling == N - len(cells)


def test_only_patrolling_monocytes_count(bare, p, settle, one_a_site, act, changes, happens):
    others = [kind for kind in BoneMarrowDerivedCell.kind.names if kind != "patrolling"]
    for seed, kind in enumerate(others):
        on_each_site(bare, settle, one_a_site, "bmdc", kind=kind, seed=seed)
    cells = settle(bare, "tumour_cells", N, state="arrested")
    assert changes(PatrolKilling(), bare, p, dt=1e4) == set()
    on_each_site(bare, settle, one_a_site, "bmdc", kind="patrolling", seed=9)
    rate = meeting_rate(p.kupffer.contact_radius, p.bmdc.speed, 1 / 400) * p.bmdc.chance_kill_patrolling
    act(PatrolKilling(), bare, p, dt=0.5 / rate)
    happens(len(cells), N, math.exp(-0.5))


# --- T cells ---------------------------------------------------------------------------------------------------------


def engaged_per_hour(p):
    """Engagements of a cell by one fresh effector on every site."""
    return meeting_rate(p.t_cells.contact_radius, p.t_cells.speed, 1 / 400) * p.t_cells.chance_hit


def share_with(p, hits, engaged):
    """Chance of a number of hits at a mean number of engagements: Poisson of them, each of a Poisson number of hits."""
    times = np.arange(60)
    return float((stats.poisson.pmf(times, engaged) * stats.poisson.pmf(hits, p.t_cells.hits_each * times)).sum())


def few(p, engaged):
    """Chance of fewer hits than kill."""
    return sum(share_with(p, hits, engaged) for hits in range(math.ceil(p.t_cells.hits_needed)))


def hit(state, p, settle, act, hours=5.0):
    """Let growing cells be hit; returns what is left of them."""
    cells = settle(state, "tumour_cells", N, state="cycling", line=np.arange(N) % 7)
    act(TCellKilling(), state, p, dt=hours)
    return cells


@pytest.mark.parametrize("hours", [2.0, 8.0])
def test_engagements_are_poisson_and_several_hits_kill(bare, p, settle, one_a_site, act, happens, hours):
    on_each_site(bare, settle, one_a_site, "t_cells", effector=True)
    cells, engaged = hit(bare, p, settle, act, hours), hours * engaged_per_hour(p)
    happens(len(cells), N, few(p, engaged))
    for hits in range(math.ceil(p.t_cells.hits_needed)):
        happens(np.count_nonzero(cells.hits == hits), N, share_with(p, hits, engaged))
    assert cells.hits.max() < p.t_cells.hits_needed
    assert bare.counters.tumour_killed_by_t == N - len(cells)


@pytest.mark.parametrize("each", [0.5, 2.0, 6.0])
@pytest.mark.parametrize("hours", [1.0, 8.0])
def test_hits_come_several_at_once(bare, settle, one_a_site, act, agrees, hours, each):
    """A compound Poisson number: its mean is rate * each, its variance rate * each * (1 + each)."""
    p = resolve({"t_cells.hits_each": f"{each}", "t_cells.hits_needed": "1e6"})  # nobody dies, so all are seen
    on_each_site(bare, settle, one_a_site, "t_cells", effector=True)
    hits, rate = hit(bare, p, settle, act, hours).hits, hours * engaged_per_hour(p)
    variance = rate * each * (1 + each)
    fourth = rate * (each + 7 * each**2 + 6 * each**3 + each**4) + 3 * variance**2  # central moment
    assert len(hits) == N
    agrees(hits.mean(), rate * each, math.sqrt(variance / N))
    agrees(hits.var(), variance, math.sqrt((fourth - variance**2) / N))


def test_damage_is_repaired_with_its_half_life_and_adds_to_what_follows(bare, p, settle, one_a_site, act, happens):
    cells = settle(bare, "tumour_cells", N, state="cycling", hits=p.t_cells.hits_needed - 0.5)
    act(TCellKilling(), bare, p, dt=p.t_cells.half_life_hits)  # nobody hits
    np.testing.assert_allclose(cells.hits, (p.t_cells.hits_needed - 0.5) / 2, rtol=EXACT)
    assert len(cells) == N
    cells.hits[:] = p.t_cells.hits_needed - 0.5  # one more hit is enough as long as little is repaired
    on_each_site(bare, settle, one_a_site, "t_cells", effector=True)
    act(TCellKilling(), bare, p, dt=0.5)
    happens(len(cells), N, share_with(p, 0, 0.5 * engaged_per_hour(p)))


def test_as_many_hits_are_needed_as_registered(bare, p, settle, act):
    cells = settle(bare, "tumour_cells", 2, state="cycling", hits=[p.t_cells.hits_needed, p.t_cells.hits_needed - 1e-3])
    act(TCellKilling(), bare, p, dt=0.0)
    assert cells.hits.tolist() == [p.t_cells.hits_needed - 1e-3]


def test_parts_of_a_step_are_the_step_where_little_is_repaired(bare, settle, one_a_site, act, happens):
    p = resolve({"t_cells.half_life_hits": "1000 day"})
    on_each_site(bare, settle, one_a_site, "t_cells", effector=True)
    cells = settle(bare, "tumour_cells", N, state="cycling")
    act(TCellKilling(), bare, p, dt=2.0, steps=3)
    # Hits are whole numbers less some 1e-4, so that a few with "3" are not quite killed: they are not few, either.
    happens(np.count_nonzero(cells.hits < p.t_cells.hits_needed - 0.5), N, few(p, 6.0 * engaged_per_hour(p)))


def test_seldom_hits_do_not_kill_what_hits_at_once_would(bare, settle, one_a_site, act):
    left = {}
    for half_life in ("1 h", "100 h"):  # 0.12 hits an h, seldom two at once
        seldom = {"t_cells.chance_hit": "0.025", "t_cells.hits_each": "0.2"}
        p = resolve(seldom | {"t_cells.half_life_hits": half_life})
        bare.tumour_cells.remove(slice(None))
        bare.t_cells.remove(slice(None))
        on_each_site(bare, settle, one_a_site, "t_cells", effector=True)
        cells = settle(bare, "tumour_cells", 2000, state="cycling")
        act(TCellKilling(), bare, p, dt=1.0, steps=24)
        left[half_life] = len(cells)
    assert left["1 h"] > 1900 > 1500 > left["100 h"]


@pytest.mark.parametrize("exhaustion", [0.5, 1.0])
def test_exhausted_effectors_hit_less(bare, p, settle, one_a_site, act, happens, exhaustion):
    on_each_site(bare, settle, one_a_site, "t_cells", effector=True, exhaustion=exhaustion)
    cells = hit(bare, p, settle, act)
    if exhaustion == 1.0:
        assert len(cells) == N and not cells.hits.any()
    else:
        happens(np.count_nonzero(cells.hits == 0), N, share_with(p, 0, 2.5 * engaged_per_hour(p)))


def test_only_effectors_hit(bare, p, settle, one_a_site, act, happens):
    on_each_site(bare, settle, one_a_site, "t_cells", effector=True)
    on_each_site(bare, settle, one_a_site, "t_cells", effector=False, seed=2)
    cells = hit(bare, p, settle, act)
    happens(np.count_nonzero(cells.hits == 0), N, share_with(p, 0, 5.0 * engaged_per_hour(p)))


KEEPERS = {
    "mdsc": ("bmdc", {"kind": "mdsc"}, lambda p, near: 1 / (1 + near / p.t_cells.half_mdsc)),
    "tumour_associated": (
        "kupffer_cells",
        {"state": 2},
        lambda p, near: 1 - p.t_cells.share_excluded * near / (near + p.t_cells.half_tumour_associated),
    ),
    "macrophage": ("bmdc", {"kind": "macrophage"}, lambda p, near: 1.0),
    "educated": ("kupffer_cells", {"state": 1}, lambda p, near: 1.0),
}


@pytest.mark.parametrize("who", KEEPERS)
def test_suppressor_and_tumour_associated_kupffer_cells_keep_t_cells_off(bare, p, settle, one_a_site, act, happens, who):
    name, columns, left = KEEPERS[who]
    on_each_site(bare, settle, one_a_site, name, **columns)
    on_each_site(bare, settle, one_a_site, "t_cells", effector=True)
    share = left(p, whole(bare))
    hours = 1 / engaged_per_hour(p) / share
    cells = hit(bare, p, settle, act, hours)
    happens(np.count_nonzero(cells.hits == 0), N, share_with(p, 0, 1.0))


@pytest.mark.parametrize("who", ["mdsc", "tumour_associated"])
def test_they_do_so_nearby(bare, p, settle, one_a_site, act, happens, who):
    name, columns, _ = KEEPERS[who]
    settle(bare, name, 2000, y=350.0, x=100.0, **columns)
    on_each_site(bare, settle, one_a_site, "t_cells", effector=True)
    cells = settle(bare, "tumour_cells", N, state="cycling", y=350.0, x=100.0 + (np.arange(N) % 2) * 90.0)
    act(TCellKilling(), bare, p, dt=8.0)
    near = cells.x < 150.0
    happens(np.count_nonzero(cells.hits[~near] == 0), N // 2, share_with(p, 0, 8.0 * engaged_per_hour(p)))
    assert np.count_nonzero(cells.hits[near] == 0) > 1.5 * np.count_nonzero(cells.hits[~near] == 0)
