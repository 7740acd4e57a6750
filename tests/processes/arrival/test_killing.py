"""Who kills tumour cells: naive Kupffer cells, patrols, NK cells, T cells after several hits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from niche_sim.engine.laws import hill, meeting_rate
from niche_sim.model.cells import BoneMarrowDerivedCell, KupfferCell, TumourCell
from niche_sim.model.initial_state import section_of
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.arrival.kupffer_killing import KupfferKilling
from niche_sim.model.processes.arrival.patrol_killing import PatrolKilling
from niche_sim.model.processes.colonisation.nk_killing import NkKilling
from niche_sim.model.processes.colonisation.t_cell_killing import TCellKilling
from niche_sim.model.state import State

STATES = TumourCell.state.names
PATROLLING, MDSC = BoneMarrowDerivedCell.kind.code("patrolling"), BoneMarrowDerivedCell.kind.code("mdsc")
ALL = [KupfferKilling, NkKilling, PatrolKilling, TCellKilling]
N = 20_000


def killers(state, settle, one_a_site, name, /, **columns):
    """One on every site: density 1 / spacing^2 everywhere."""
    y, x = one_a_site(state.section)
    return settle(state, name, len(y), y=y, x=x, **columns)


@pytest.mark.parametrize("process", ALL)
def test_nothing_happens_to_nobody(naive, p, changes, process):
    assert changes(process(), naive, p, dt=1e3) == set()


@pytest.mark.parametrize("process", ALL)
def test_without_killers_nobody_is_killed(bare, p, settle, changes, process):
    for state in ("arrested", "dormant", "motile", "cycling"):
        settle(bare, "tumour_cells", 200, state=state, seed=TumourCell.state.code(state))
    assert changes(process(), bare, p, dt=1e4) == set()


@pytest.mark.parametrize("process", ALL)
def test_cells_in_blood_are_left_alone_beside_others(naive, p, settle, act, process):
    """A cell may still circulate when the rule acts, as in a schedule of one's own."""
    settle(naive, "bmdc", 100, kind=PATROLLING)
    naive.t_cells.effector[:] = True
    settle(naive, "tumour_cells", 50, state="cycling" if process is TCellKilling else "arrested")
    naive.enter_tumour_cells(20, 0, np.arange(1, 21, dtype=np.uint64))
    act(process(), naive, p, dt=100.0)
    assert np.count_nonzero(naive.tumour_cells.state == TumourCell.state.code("circulating")) == 20


@pytest.mark.parametrize(
    ("process", "name", "others"),
    [
        (KupfferKilling, "kupffer_cells", "dormant"),
        (KupfferKilling, "kupffer_cells", "circulating"),
        (NkKilling, "nk_cells", "circulating"),
    ],
)
def test_a_cell_is_killed_by_who_is_near_itself_beside_others(bare, settle, act, process, name, others):
    p = resolve({"pan02.chance_killed_by_kupffer": "1", "b16f1.chance_killed_by_kupffer": "0"})
    settle(bare, name, 80, y=400.0, x=300.0)
    if others == "circulating":
        bare.enter_tumour_cells(70, 1, np.arange(1, 71, dtype=np.uint64))
    else:
        settle(bare, "tumour_cells", 70, state=others, line="b16f1", y=50.0, x=50.0, seed=2)
    settle(bare, "tumour_cells", 50, state="arrested", line="pan02", y=400.0, x=300.0)
    act(process(), bare, p, dt=1e4)
    assert len(bare.tumour_cells) == 70
    assert (bare.tumour_cells.line == 1).all()


# --- Kupffer cells ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2])
def test_naive_kupffer_cells_kill_arrested_cells_at_the_meeting_rate(bare, p, settle, one_a_site, act, happens, steps):
    killers(bare, settle, one_a_site, "kupffer_cells")
    cells = settle(bare, "tumour_cells", 2 * N, state="arrested", line=np.arange(2 * N) % 2)
    dt = 0.5
    act(KupfferKilling(), bare, p, dt=dt / steps, steps=steps)
    meetings = meeting_rate(p.kupffer.contact_radius, p.kupffer.speed, 1 / 20.0**2)
    for line, numbers in enumerate((p.pan02, p.b16f1)):
        happens(np.count_nonzero(cells.line == line), N, math.exp(-meetings * numbers.chance_killed_by_kupffer * dt))
    assert bare.counters.tumour_killed_by_kupffer == 2 * N - len(cells)


@pytest.mark.parametrize("why", ["educated", "tumour_associated", "full"])
def test_educated_tumour_associated_and_full_kupffer_cells_do_not_kill(bare, p, settle, one_a_site, changes, why):
    columns = {"load": 10**9} if why == "full" else {"state": KupfferCell.state.code(why)}
    killers(bare, settle, one_a_site, "kupffer_cells", **columns)
    settle(bare, "tumour_cells", 500, state="arrested")
    assert changes(KupfferKilling(), bare, p, dt=10.0) == set()


def test_half_a_load_halves_the_killing(bare, p, settle, one_a_site, act, happens):
    killers(bare, settle, one_a_site, "kupffer_cells", load=round(p.kupffer.half_load_speed))
    cells = settle(bare, "tumour_cells", N, state="arrested")
    act(KupfferKilling(), bare, p, dt=0.5)
    rate = meeting_rate(p.kupffer.contact_radius, p.kupffer.speed / 2, 1 / 400) * p.pan02.chance_killed_by_kupffer
    happens(len(cells), N, math.exp(-rate * 0.5))


@pytest.mark.parametrize("state", [state for state in STATES if state not in ("arrested", "circulating")])
def test_kupffer_cells_leave_cells_in_the_tissue(bare, p, settle, one_a_site, changes, state):
    killers(bare, settle, one_a_site, "kupffer_cells")
    settle(bare, "tumour_cells", 500, state=state)
    assert changes(KupfferKilling(), bare, p, dt=1e3) == set()


@pytest.mark.parametrize(("process", "name"), [(KupfferKilling, "kupffer_cells"), (NkKilling, "nk_cells")])
def test_killers_kill_nearby(bare, p, settle, act, process, name):
    settle(bare, name, 50, y=350.0, x=100.0)
    near = settle(bare, "tumour_cells", 200, state="arrested", y=350.0, x=100.0)
    act(process(), bare, p, dt=1e5)
    assert len(near) == 0
    # Beyond the neighbourhood and a site's diagonal.
    settle(bare, "tumour_cells", 200, state="arrested", y=350.0, x=100.0 + p.tumour.neighbourhood + 30.0)
    act(process(), bare, p, dt=1e5)
    assert len(bare.tumour_cells) == 200


# --- NK cells --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("state", [state for state in STATES if state != "circulating"])
def test_nk_cells_kill_at_the_meeting_rate_and_seldom_those_at_rest(
    bare, p, settle, one_a_site, act, happens, steps, state
):
    killers(bare, settle, one_a_site, "nk_cells")
    cells = settle(bare, "tumour_cells", N, state=state)
    dt = 1.0 if state in ("arrested", "dormant") else 0.2
    act(NkKilling(), bare, p, dt=dt / steps, steps=steps)
    rate = meeting_rate(p.nk.contact_radius, p.nk.speed, 1 / 400) * p.nk.chance_kill
    seen = p.nk.fraction_seen_resting if state in ("arrested", "dormant") else 1.0
    happens(len(cells), N, math.exp(-rate * seen * dt))
    assert bare.counters.tumour_killed_by_nk == N - len(cells)


def test_nk_cells_kill_by_their_activity(bare, p, settle, one_a_site, act, happens):
    """Those of the left half of the section rest, those of the right half are as active as said."""
    _, x = one_a_site(bare.section)
    killers(bare, settle, one_a_site, "nk_cells", activity=np.where(x < 300.0, 0.0, 0.3))
    cells = settle(bare, "tumour_cells", 2 * N, state="motile", x=np.repeat([50.0, 550.0], N), y=350.0)
    act(NkKilling(), bare, p, dt=1.0)
    rate = meeting_rate(p.nk.contact_radius, p.nk.speed, 1 / 400) * p.nk.chance_kill
    assert np.count_nonzero(cells.x < 300.0) == N
    happens(np.count_nonzero(cells.x > 300.0), N, math.exp(-rate * 0.3))


@pytest.mark.parametrize("crowding", [0.5, 1.0, 3.0])
def test_crowding_hides_from_nk_cells(bare, p, settle, one_a_site, act, happens, crowding):
    killers(bare, settle, one_a_site, "nk_cells")
    cells = settle(bare, "tumour_cells", N, state="cycling", crowding=crowding * p.tumour.half_crowding)
    act(NkKilling(), bare, p, dt=0.2)
    rate = meeting_rate(p.nk.contact_radius, p.nk.speed, 1 / 400) * p.nk.chance_kill
    happens(len(cells), N, math.exp(-rate * (1 - hill(crowding, 1.0, p.tumour.steepness_crowding)) * 0.2))


@pytest.mark.parametrize("process", [KupfferKilling, NkKilling])
def test_killing_does_not_hang_on_the_grid(p, settle, act, agrees, process):
    """Killers and targets at the same places on sites of 20 and 10 um: rates are per um2, not per site."""
    name, left = {KupfferKilling: "kupffer_cells", NkKilling: "nk_cells"}[process], {}
    fast = resolve({"pan02.chance_killed_by_kupffer": "0.02"})
    rng = np.random.default_rng(1)
    places = rng.random((4, 4000))
    for spacing in (20.0, 10.0):
        state = State.empty(section_of(600.0, 700.0, spacing, fast))
        settle(state, name, 2000, y=700 * places[0, :2000], x=600 * places[1, :2000])
        settle(state, "tumour_cells", 4000, state="arrested", y=700 * places[2], x=600 * places[3])
        act(process(), state, fast, dt=0.5 if process is KupfferKilling else 2.0)
        left[spacing] = len(state.tumour_cells)
    assert 400 < left[20.0] < 3600
    # The same uniforms: only cells whose chance the resolution of the neighbourhood moves across them may differ.
    assert left[10.0] == pytest.approx(left[20.0], abs=40)


def test_killing_is_booked_and_noted(bare, p, settle, one_a_site, act):
    killers(bare, settle, one_a_site, "nk_cells")
    cells = settle(bare, "tumour_cells", 500, state="motile")
    clones, bare.time = set(cells.clone), 9.0
    act(NkKilling(), bare, p, dt=0.2)
    gone = clones - set(cells.clone)
    events = bare.events.table()
    assert 0 < len(gone) < 500
    assert set(events["clone"]) == gone
    assert set(events["cause"]) == {"killed by NK cell"}
    assert set(events["kind"]) == {"lost"}
    assert set(events["time_h"]) == {9.0}


@pytest.mark.parametrize(
    ("process", "book"), [(KupfferKilling, "tumour_killed_by_kupffer"), (NkKilling, "tumour_killed_by_nk")]
)
def test_killing_changes_nothing_else(naive, p, settle, changes, process, book):
    settle(naive, "tumour_cells", 2000, state="arrested")
    assert changes(process(), naive, p, dt=10.0) == {"tumour_cells", f"counters.{book}", "events"}


# --- patrolling monocytes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("state", ["arrested", "dormant"])
def test_patrols_kill_arrested_and_dormant_cells_at_the_meeting_rate(
    bare, p, settle, one_a_site, act, happens, steps, state
):
    killers(bare, settle, one_a_site, "bmdc", kind=PATROLLING)
    cells, bare.time = settle(bare, "tumour_cells", N, state=state), 4.0
    act(PatrolKilling(), bare, p, dt=2.0 / steps, steps=steps)
    rate = meeting_rate(p.kupffer.contact_radius, p.bmdc.speed, 1 / 400) * p.bmdc.chance_kill_patrolling
    happens(len(cells), N, math.exp(-rate * 2.0))
    assert bare.counters.tumour_killed_by_patrolling == N - len(cells)
    assert set(bare.events.table()["cause"]) == {"killed by monocyte"}


@pytest.mark.parametrize("state", ["extravasated", "motile", "cycling"])
def test_patrols_leave_cells_that_stir(bare, p, settle, one_a_site, changes, state):
    killers(bare, settle, one_a_site, "bmdc", kind=PATROLLING)
    settle(bare, "tumour_cells", 500, state=state)
    assert changes(PatrolKilling(), bare, p, dt=1e3) == set()


def test_other_cells_of_the_marrow_do_not_kill(bare, p, settle, one_a_site, changes):
    killers(bare, settle, one_a_site, "bmdc", kind=np.arange(1050) % PATROLLING)
    settle(bare, "tumour_cells", 500, state="dormant")
    assert changes(PatrolKilling(), bare, p, dt=1e3) == set()


def test_patrols_kill_nearby(bare, p, settle, act):
    settle(bare, "bmdc", 50, y=350.0, x=100.0, kind=PATROLLING)
    settle(bare, "bmdc", 50, y=350.0, x=500.0, kind=MDSC, seed=2)
    settle(bare, "tumour_cells", 100, state="dormant", y=350.0, x=np.repeat([100.0, 500.0], 50))
    act(PatrolKilling(), bare, p, dt=1e5)
    assert set(bare.tumour_cells.x) == {500.0}
    assert len(bare.tumour_cells) == 50


# --- T cells ---------------------------------------------------------------------------------------------------------


def engaged_per_hour(p, exhaustion=0.0):
    """Engagements of a growing cell with an effector on every site."""
    return meeting_rate(p.t_cells.contact_radius, p.t_cells.speed * (1 - exhaustion), 1 / 400) * p.t_cells.chance_hit


NEVER_DIE = {"t_cells.hits_needed": "1e9", "t_cells.half_life_hits": "1e9 h"}


@pytest.mark.parametrize("exhaustion", [0.0, 0.6])
def test_hits_come_several_at_once_at_the_meeting_rate(bare, settle, one_a_site, act, agrees, exhaustion):
    p = resolve(NEVER_DIE)
    killers(bare, settle, one_a_site, "t_cells", effector=True, exhaustion=exhaustion)
    cells = settle(bare, "tumour_cells", N, state="cycling")
    act(TCellKilling(), bare, p, dt=2.0)
    each, engaged = p.t_cells.hits_each, 2.0 * engaged_per_hour(p, exhaustion)
    variance = engaged * each * (1 + each)  # of a Poisson number of engagements, each of a Poisson number of hits
    fourth = engaged * (each + 7 * each**2 + 6 * each**3 + each**4) + 3 * variance**2  # central moment
    agrees(cells.hits.mean(), engaged * each, math.sqrt(variance / N))
    agrees(cells.hits.var(), variance, math.sqrt((fourth - variance**2) / N))


def test_some_hits_together_kill_and_fewer_are_repaired(bare, settle, one_a_site, act, happens):
    p = resolve({"t_cells.hits_needed": "3", "t_cells.half_life_hits": "6 h"})
    killers(bare, settle, one_a_site, "t_cells", effector=True)
    cells, bare.time = settle(bare, "tumour_cells", N, state="cycling"), 7.0
    act(TCellKilling(), bare, p, dt=1.0)
    engaged = np.arange(100)
    few = stats.poisson.pmf(engaged, engaged_per_hour(p)) @ stats.poisson.cdf(2, p.t_cells.hits_each * engaged)
    happens(len(cells), N, few)
    assert bare.counters.tumour_killed_by_t == N - len(cells)
    events = bare.events.table()
    assert set(events["cause"]) == {"killed by T cell"}
    assert set(events["time_h"]) == {7.0}
    assert cells.hits.max() == 2.0
    before = cells.hits.copy()
    bare.t_cells.remove(slice(None))
    act(TCellKilling(), bare, p, dt=6.0)
    np.testing.assert_allclose(cells.hits, before / 2, rtol=1e-12)


@pytest.mark.parametrize("state", [state for state in STATES if state not in ("cycling", "circulating")])
def test_t_cells_leave_cells_that_do_not_grow(bare, p, settle, one_a_site, changes, state):
    killers(bare, settle, one_a_site, "t_cells", effector=True)
    settle(bare, "tumour_cells", 500, state=state)
    assert changes(TCellKilling(), bare, p, dt=1e3) == set()


def test_t_cells_that_were_never_primed_or_are_exhausted_hit_nobody(bare, p, settle, one_a_site, act):
    killers(bare, settle, one_a_site, "t_cells", effector=np.arange(1050) % 2, exhaustion=np.arange(1050) % 2)
    cells = settle(bare, "tumour_cells", 500, state="cycling")
    act(TCellKilling(), bare, p, dt=1e3)
    assert len(cells) == 500
    assert not cells.hits.any()


@pytest.mark.parametrize(
    ("who", "columns", "factor"),
    [
        ("bmdc", {"kind": MDSC}, lambda p, near: 1 / (1 + near / p.t_cells.half_mdsc)),
        ("bmdc", {"kind": PATROLLING}, lambda p, near: 1.0),
        (
            "kupffer_cells",
            {"state": KupfferCell.state.code("tumour_associated")},
            lambda p, near: 1 - p.t_cells.share_excluded * near / (near + p.t_cells.half_tumour_associated),
        ),
        ("kupffer_cells", {"state": KupfferCell.state.code("educated")}, lambda p, near: 1.0),
    ],
)
def test_suppressor_cells_and_tumour_associated_kupffer_cells_nearby_shield(
    bare, settle, one_a_site, act, agrees, who, columns, factor
):
    """One on each site of the right half: there hits are fewer, in the left half they are not."""
    p = resolve(NEVER_DIE)
    killers(bare, settle, one_a_site, "t_cells", effector=True)
    y, x = one_a_site(bare.section)
    right = x > 300.0
    settle(bare, who, int(right.sum()), y=y[right], x=x[right], **columns)
    cells = settle(bare, "tumour_cells", N, state="cycling", x=np.repeat([50.0, 550.0], N // 2), y=350.0)
    act(TCellKilling(), bare, p, dt=2.0)
    for there, by in ((cells.x < 300.0, 1.0), (cells.x > 300.0, factor(p, 1 / bare.section.site_volume))):
        each, engaged = p.t_cells.hits_each, 2.0 * engaged_per_hour(p) * by
        agrees(cells.hits[there].mean(), engaged * each, math.sqrt(engaged * each * (1 + each) / (N // 2)))


def test_t_cells_hit_nearby(bare, settle, act):
    p = resolve(NEVER_DIE)
    settle(bare, "t_cells", 50, y=350.0, x=100.0, effector=True)
    cells = settle(bare, "tumour_cells", 100, state="cycling", y=350.0, x=np.repeat([100.0, 500.0], 50))
    act(TCellKilling(), bare, p, dt=100.0)
    np.testing.assert_array_equal(cells.hits > 0, cells.x == 100.0)


@pytest.mark.parametrize(("process", "book"), [(PatrolKilling, "patrolling"), (TCellKilling, "t")])
def test_patrols_and_t_cells_change_nothing_else(naive, p, settle, one_a_site, changes, process, book):
    killers(naive, settle, one_a_site, "bmdc", kind=PATROLLING)
    naive.t_cells.effector[:] = True
    settle(naive, "tumour_cells", 2000, state="cycling" if process is TCellKilling else "arrested")
    assert changes(process(), naive, p, dt=24.0) == {"tumour_cells", f"counters.tumour_killed_by_{book}", "events"}


# --- against what was published --------------------------------------------------------------------------------------


def test_the_published_share_of_a_naive_liver(naive, settle, act, agrees):
    """A third of arrested cells within 6 h in a naive liver, at the chance per meeting that this gave."""
    p = resolve({"pan02.chance_killed_by_kupffer": "0.02"})
    cells = settle(naive, "tumour_cells", 4000, state="arrested")
    act(KupfferKilling(), naive, p, dt=6.0)
    # Density 360 / mm2 at 276 um/h and 16 um: 3.2 meetings an hour. It is an average over an uneven liver: 20 %.
    assert 1 - len(cells) / 4000 == pytest.approx(1 - math.exp(-0.02 * 3.18 * 6), rel=0.2)
