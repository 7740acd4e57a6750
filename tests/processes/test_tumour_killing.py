"""Naive Kupffer cells kill lodged tumour cells; NK cells kill those that stir."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.cells import KupfferCell, TumourCell
from niche_sim.laws import hill, meeting_rate
from niche_sim.parameters import resolve
from niche_sim.processes.tumour_killing import KupfferKilling, NkKilling
from niche_sim.state import State
from niche_sim.tissue import section_of

STATES = TumourCell.state.names
N = 20_000


def killers(state, settle, one_a_site, name, /, **columns):
    """One on every site: density 1 / spacing^2 everywhere."""
    y, x = one_a_site(state.section)
    return settle(state, name, len(y), y=y, x=x, **columns)


@pytest.mark.parametrize("process", [KupfferKilling, NkKilling])
def test_nothing_happens_to_nobody(naive, p, changes, process):
    assert changes(process(), naive, p, dt=1e3) == set()


@pytest.mark.parametrize("process", [KupfferKilling, NkKilling])
def test_without_killers_nobody_is_killed(bare, p, settle, changes, process):
    for state in ("arrested", "dormant", "motile", "cycling"):
        settle(bare, "tumour_cells", 200, state=state, seed=TumourCell.state.code(state))
    assert changes(process(), bare, p, dt=1e4) == set()


@pytest.mark.parametrize("process", [KupfferKilling, NkKilling])
def test_cells_in_blood_are_left_alone_beside_others(naive, p, settle, act, process):
    """A cell may still circulate when the rule acts, as in a schedule of one's own."""
    settle(naive, "tumour_cells", 50, state="arrested")
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
def test_naive_kupffer_cells_kill_lodged_cells_at_the_meeting_rate(bare, p, settle, one_a_site, act, happens, steps):
    killers(bare, settle, one_a_site, "kupffer_cells")
    cells = settle(bare, "tumour_cells", 2 * N, state="arrested", line=np.arange(2 * N) % 2)
    dt = 0.5
    act(KupfferKilling(), bare, p, dt=dt / steps, steps=steps)
    meetings = meeting_rate(p.kupffer.contact_radius, p.kupffer.speed, 1 / 20.0**2)
    for line, numbers in enumerate((p.pan02, p.b16f1)):
        happens(np.count_nonzero(cells.line == line), N, math.exp(-meetings * numbers.chance_killed_by_kupffer * dt))
    assert bare.ledger.tumour_killed_by_kupffer == 2 * N - len(cells)


@pytest.mark.parametrize("why", ["taught", "full"])
def test_taught_and_full_kupffer_cells_do_not_kill(bare, p, settle, one_a_site, changes, why):
    columns = {"state": KupfferCell.state.code("taught")} if why == "taught" else {"load": 10**9}
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
    assert bare.ledger.tumour_killed_by_nk == N - len(cells)


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
    assert changes(process(), naive, p, dt=10.0) == {"tumour_cells", f"ledger.{book}", "events"}


def test_the_published_share_of_a_naive_liver(naive, settle, act, agrees):
    """A third of lodged cells within 6 h in a naive liver, at the chance per meeting that this gave."""
    p = resolve({"pan02.chance_killed_by_kupffer": "0.02"})
    cells = settle(naive, "tumour_cells", 4000, state="arrested")
    act(KupfferKilling(), naive, p, dt=6.0)
    # Density 360 / mm2 at 276 um/h and 16 um: 3.2 meetings an hour. It is an average over an uneven liver: 20 %.
    assert 1 - len(cells) / 4000 == pytest.approx(1 - math.exp(-0.02 * 3.18 * 6), rel=0.2)
