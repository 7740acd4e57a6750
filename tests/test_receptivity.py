"""Receptivity against theory, and what it refuses. Against mice: test_receptivity_of_mice.py."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.linalg import expm

import niche_sim
from niche_sim import InputError, NicheModel
from niche_sim.engine.chance import Chance
from niche_sim.engine.kernels.branching import change_states, wander
from niche_sim.experiment.protocol import Boost, GrowPrimary, InjectTumourCells, Protocol, Treat
from niche_sim.inference.receptivity import record_hazards
from niche_sim.model.cells import KupfferCell, TumourCell
from niche_sim.model.process import Process
from niche_sim.model.processes.colonisation.nk_killing import NkKilling
from niche_sim.model.schedule import ALTERNATIVES, DEFAULT
from niche_sim.model.sensing import Supposed
from niche_sim.runs.expectation.backward import DORMANT, FIRST, MOTILE, BackwardPass
from niche_sim.runs.expectation.clone_chain import Clones, clones_of, share_nearby
from niche_sim.runs.expectation.recording import Recorder, Recording, without_tumour_cells

SMALL = {"section.width": "600 um", "section.height": "700 um", "run.duration": "4 day"}
CODES = {name: TumourCell.state.code(name) for name in ("arrested", "dormant", "motile", "cycling")}
EXACT = 1e-6  # what the backward pass promises of constant hazards


def mouse(arm="educated", **changes):
    return NicheModel(arm=arm, rng=3, overrides={**SMALL, **changes})


@pytest.fixture(scope="module")
def recording():
    return record_hazards(mouse())


# ---- recording --------------------------------------------------------------------------------------------------------


def test_recording_changes_no_bit_of_the_run():
    alone, watched = mouse(), mouse()
    recorder = Recorder(watched)
    for _ in range(48):
        alone.step()
        watched.step()
        recorder.look()
    assert frozen(alone) == frozen(watched)
    assert recorder.recording().edges.tolist() == np.arange(0.0, 97.0, 6.0).tolist()
    assert frozen(alone) == frozen(watched)


def frozen(model):
    return {name: array.tobytes() for name, array in model.state.freeze().items()}


def maps_of(found):
    return {name: rate.tobytes() for name, rate in found.rates.items()} | {"motility": found.motility.tobytes()}


@pytest.mark.parametrize(
    "given",
    [
        InjectTumourCells("pan02", 3_000_000, 30.0),
        GrowPrimary("pan02", 4e8, 48.0, start=0.0, sheds_cells=True),
        InjectTumourCells("pan02", 3_000_000, 0.0),
    ],
    ids=["injected", "shed", "at once"],
)
def test_the_niche_of_a_mouse_until_its_tumour_cells_come_is_that_of_its_twin(given):
    model = mouse(**{"primary.rate_shedding": "0.01 1/day", "primary.fraction_viable": "0.02"})
    others = [one for one in model.protocol.interventions if not isinstance(one, InjectTumourCells)]
    model.protocol = Protocol((*others, given))
    whole = record_hazards(model)
    recorder = Recorder(model)
    while model.steps_left:
        model.step()
        recorder.look()
    assert model.state.counters.tumour_arrived > 0
    found = recorder.recording()
    assert maps_of(found) == maps_of(whole) and found.arrivals == whole.arrivals
    # What tumour cells change of the niche is left out of the whole, and is in what follows from now.
    changed = mouse()
    changed.protocol = model.protocol
    for _ in range(72):
        changed.step()
    before = frozen(changed)
    late = record_hazards(changed, from_now=True)
    assert late.edges.tolist() == [72.0, 78.0, 84.0, 90.0, 96.0]
    assert frozen(changed) == before
    assert all(time >= 72.0 for time, _ in late.arrivals)
    with pytest.raises(InputError, match="the run has ended"):
        record_hazards(model, from_now=True)


def test_a_twin_leaves_the_mouse_alone_and_gets_no_tumour_cells():
    model = mouse()
    given = InjectTumourCells("b16f1", 500_000, 24.0)
    model.protocol = Protocol((*without_tumour_cells(model.protocol).interventions, given))
    before = {name: array.tobytes() for name, array in model.state.freeze().items()}
    found = record_hazards(model)
    assert before == {name: array.tobytes() for name, array in model.state.freeze().items()}
    assert found.line == "b16f1"
    share = model.state.section.volume / model.mouse.organ.volume
    assert found.arrivals == ((24.0, pytest.approx(500_000 * model.mouse.organ.fraction_cells * share)),)


def test_what_is_recorded_is_the_mean_of_what_the_rule_states():
    model = mouse()
    recorder = Recorder(model)
    section, size = model.state.section, 4
    alone = clones_of(section, model.mouse).crowding[FIRST + size - 1]
    where = Supposed.everywhere(section, 0, CODES["cycling"], crowding=alone, emt=0.0, resistance=0.0)
    stated = []
    for _ in range(6):
        model.step()
        recorder.look()
        stated.append(NkKilling().hazard(model.state, model.mouse, where))
    found = recorder.recording()
    rate = found.rates["NkKilling"][0] * found.factors["NkKilling"][FIRST + size - 1]
    np.testing.assert_allclose(rate, np.mean(stated, axis=0), rtol=1e-5, atol=1e-9)  # kept as float32


def test_memory_of_the_default_six_weeks():
    section = {"section.width": "2 mm", "section.height": "2 mm", "run.duration": "12 h"}
    assert record_hazards(mouse(**section)).bytes * 84 < 150e6


def test_a_clone_spreads_as_its_divisions_place_it():
    chance, stride, radius, n, clones = Chance(1), 17.0, 40.0, 8, 4000
    u = chance.uniform("test", np.arange(clones), 2 * n).reshape(clones, n, 2)
    place = np.zeros((clones, n, 2))
    for cell in range(1, n):
        mother = (u[:, cell, 0] * cell).astype(int)
        angle = 2.0 * np.pi * u[:, cell, 1]
        step = stride * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
        place[:, cell] = place[np.arange(clones), mother] + step
    apart = np.hypot(*np.moveaxis(place[:, :, None] - place[:, None], -1, 0))
    # 4,000 clones of 64 pairs of which a tenth lie outside
    assert share_nearby(n, radius, stride)[n - 1] == pytest.approx((apart <= radius).mean(), abs=0.005)


# ---- one rule, one statement -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in (*DEFAULT, *ALTERNATIVES) if kind.befalls], ids=lambda kind: kind.__name__)
def test_a_rule_befalls_the_cells_that_it_says(kind, naive, p, act, settle):
    """All that its step takes or turns is in `befalls`, and becomes what it says; the rate is high, so that all are hit."""
    states = np.repeat([*CODES.values()], 50)
    cells = settle(naive, "tumour_cells", len(states), state=states, clone_size=2)
    naive.nk_cells.activity[:] = 1.0
    naive.t_cells.effector[:] = True
    naive.kupffer_cells.state[:] = KupfferCell.state.code("naive")
    naive.oxygen[:] = 0.0
    naive.fibronectin[:] = 20.0
    naive.drugs.gemcitabine = 5.0
    settle(naive, "bmdc", 200, kind=3)
    before = dict(zip(cells.key.tolist(), cells.state.tolist(), strict=True))
    act(kind(), naive, p, dt=1.0, steps=200)
    after = dict(zip(cells.key.tolist(), cells.state.tolist(), strict=True))
    code_of = {code: name for name, code in CODES.items()}
    hit = {code_of[before[key]] for key in before if after.get(key) != before[key]}
    left = {TumourCell.state.decode(after[key]) for key in before if key in after and after[key] != before[key]}
    if kind.becomes == "divided":
        assert not hit
    elif kind.__name__ != "Division":
        assert hit == set(kind.befalls)
        assert left == (set() if kind.becomes in ("lost", "engaged") else {kind.becomes})


# ---- theory ----------------------------------------------------------------------------------------------------------


def even(section, p, days=4.0, colony=10, *, b=0.04, d=0.01, **others):
    """A recording of the same constant hazards everywhere; clones divide at b and die at d, 1/h, without crowding."""
    edges = np.arange(0.0, days * 24.0 + 1e-9, 6.0)
    sizes = np.arange(1, 241)
    states = np.array([CODES["arrested"], CODES["dormant"], CODES["motile"], *[CODES["cycling"]] * len(sizes)], np.int8)
    growing = sizes.astype(float)
    growing[-1] = 0.0
    clones = Clones(states, np.zeros(len(states)), sizes, growing, sizes.astype(float), len(sizes))
    hazards = {
        "leaves": (("arrested",), "lost", others.get("leave", 0.03)),
        "crosses": (("arrested",), "extravasated", others.get("cross", 0.05)),
        "sleeps on": (("dormant",), "lost", others.get("die", 0.002)),
        "wakes": (("dormant",), "motile", others.get("wake", 0.01)),
        "is killed": (("motile",), "lost", others.get("kill", 0.02)),
        "condenses": (("motile",), "cycling", others.get("condense", 0.04)),
        "divides": (("cycling",), "divided", b),
        "dies": (("cycling",), "lost", d),
    }
    rates = {name: np.full((len(edges) - 1, 1), rate) for name, (*_, rate) in hazards.items()}
    factors = {name: np.isin(states, [CODES[one] for one in of]).astype(float) for name, (of, *_) in hazards.items()}
    rules = {name: (of, becomes) for name, (of, becomes, _) in hazards.items()}
    motility = np.full((len(edges) - 1, section.zone.size), 112.5)
    p = dataclasses.replace(p, tumour=dataclasses.replace(p.tumour, colony_cells=float(colony)))
    return Recording(section, p, "pan02", "even", clones, edges, rates, factors, rules, frozenset(), motility, 0.25, ())


def of_size(b, d, time, least):
    """Probability that a linear birth-death process from one has at least so many after a time (Kendall 1948)."""
    grown = np.exp((b - d) * time)
    none = d * (grown - 1.0) / (b * grown - d)
    return (1.0 - none) * (none * b / d) ** (least - 1)


@pytest.mark.parametrize(("b", "d"), [(0.04, 0.01), (0.03, 0.05), (0.3, 0.1)])
def test_a_clone_under_constant_hazards_is_a_linear_birth_death_process(section, p, b, d):
    days = 4.0 if b < 0.1 else 0.75
    done = BackwardPass(even(section, p, days, b=b, d=d), "alive_at_T", "by_T")
    *_, values = done.run()
    np.testing.assert_allclose(values[FIRST], of_size(b, d, days * 24.0, 10), rtol=0.0, atol=EXACT)


def test_ever_reaching_a_colony_from_one_cell_is_the_ruin_of_a_gambler(section, p):
    b, d, colony = 0.04, 0.03, 10
    found = even(section, p, b=b, d=d)
    *_, values = BackwardPass(found, "reached_K", "eventual").run()
    first = (1.0 - d / b) / (1.0 - (d / b) ** colony)
    motile = 0.04 / (0.04 + 0.02) * first
    dormant = 0.01 / (0.01 + 0.002) * motile
    arrested = 0.05 / (0.05 + 0.03) * (0.25 * motile + 0.75 * dormant)
    tissue = ~section.lumen.ravel()
    for row, expected in enumerate((arrested, dormant, motile, first)):
        np.testing.assert_allclose(values[row][tissue if row < FIRST else slice(None)], expected, rtol=0.0, atol=EXACT)


def test_by_t_comes_to_eventual_after_a_long_time(section, p):
    ends = [BackwardPass(even(section, p, 200.0), "reached_K", end) for end in ("by_T", "eventual")]
    (*_, by_t), (*_, eventual) = (done.run() for done in ends)
    np.testing.assert_allclose(by_t, eventual, atol=1e-5)  # 200 days after arrival one dormant cell in 1e25 is left


@pytest.mark.parametrize("dt", [0.1, 6.0, 500.0])
def test_a_step_is_the_exponential_of_the_rates(dt):
    u = Chance(5).uniform("test", np.arange(80), 40).T
    classes, sites = 6, 80
    values = u[:9].copy()
    leave, go_on, birth, deaths = u[9:12] * 0.2, u[12:15] * 0.2, u[15] * 0.3, u[16:18] * 0.2
    factors, growing, shrinking = u[18:20, :classes], u[20, :classes] * 3.0, u[21, :classes] * 3.0
    growing[-1] = 0.0
    expected = np.empty_like(values)
    for s in range(sites):
        q = np.zeros((9, 9))
        q[0, 2], q[0, 1], q[0, 0] = 0.25 * go_on[0, s], 0.75 * go_on[0, s], -go_on[0, s] - leave[0, s]
        q[1, 2], q[1, 1] = go_on[1, s], -go_on[1, s] - leave[1, s]
        q[2, 3], q[2, 2] = go_on[2, s], -go_on[2, s] - leave[2, s]
        for c in range(classes):
            up, down = birth[s] * growing[c], shrinking[c] * (deaths[:, s] @ factors[:, c])
            q[3 + c, 3 + c] = -up - down
            if c + 1 < classes:
                q[3 + c, 4 + c] = up
            if c > 0:
                q[3 + c, 2 + c] = down
        expected[:, s] = expm(q * dt) @ values[:, s]
    change_states(values, leave, go_on, 0.25, birth, deaths, factors, growing, shrinking, dt, False)
    np.testing.assert_allclose(values, expected, atol=1e-7)
    assert values.min() >= 0.0 and values.max() <= 1.0


def test_motile_cells_spread_as_the_heat_kernel():
    shape, spacing, motility, wide, time = (101, 121), 20.0, 112.5, 80.0, 24.0
    y, x = (np.arange(n) * spacing - (n // 2) * spacing for n in shape)
    away = y[:, None] ** 2 + x[None, :] ** 2

    def bell(variance):
        return wide**2 / variance * np.exp(-away / (2.0 * variance))

    value, speed, closed = bell(wide**2), np.full(shape, np.sqrt(motility)), np.zeros(shape, bool)
    for _ in range(4):
        wander(value, speed, closed, spacing, time / 8.0, True)
        wander(value, speed, closed, spacing, time / 8.0, False)
    # Sites of a quarter of its width err by a sixteenth squared of its curvature.
    assert np.abs(value - bell(wide**2 + 2.0 * motility * time)).max() < 3e-3


def test_motile_cells_go_around_a_lumen():
    shape, spacing, dt = (14, 11), 20.0, 3.0
    closed = np.zeros(shape, bool)
    closed[5:9, 3:8] = True
    u = Chance(2).uniform("test", np.arange(shape[0]), shape[1])
    speed = np.sqrt(80.0 + 60.0 * u)
    even_field = np.where(closed, 0.0, 0.7)
    wander(even_field, speed, closed, spacing, dt, True)
    np.testing.assert_allclose(even_field, np.where(closed, 0.0, 0.7), atol=1e-12)

    n = closed.size
    q = np.zeros((n, n))
    number = np.arange(n).reshape(shape)
    for here, there in ((number[:, :-1], number[:, 1:]), (number[:-1], number[1:])):
        for i, j in zip(here.ravel(), there.ravel(), strict=True):
            if not (closed.flat[i] or closed.flat[j]):
                between = (speed.flat[i] + speed.flat[j]) / 2.0 / spacing**2
                q[i, j], q[j, i] = speed.flat[i] * between, speed.flat[j] * between
    q -= np.diag(q.sum(axis=1))
    yy, xx = np.indices(shape)
    start = np.where(closed, 0.0, 0.5 + 0.5 * np.cos(yy / 3.0) * np.cos(xx / 3.0))
    expected = (expm(q * 2.0 * dt) @ start.ravel()).reshape(shape)
    # At the corners, where it is worst. The whole step is made of two, the four are not: half as long, a quarter the error.
    for parts, allowed in ((1, 0.01), (4, 0.0025)):
        found = start.copy()
        for _ in range(parts):
            wander(found, speed, closed, spacing, dt / parts, True)
            wander(found, speed, closed, spacing, dt / parts, False)
        assert np.abs(found - expected).max() < allowed


def test_the_same_bits_on_any_number_of_threads(recording):
    def once(_):
        *_, values = BackwardPass(recording, "reached_K", "by_T").run()
        return values.tobytes()

    alone = once(0)
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(once, range(4))) == {alone}


# ---- what comes of it ------------------------------------------------------------------------------------------------


def test_the_contract(recording):
    found = niche_sim.receptivity(recording)
    assert found.time_h.tolist() == [0.0, 24.0, 48.0, 72.0, 96.0]
    assert found.probability.dtype == np.float64 and found.probability.shape == (5, *recording.section.shape)
    assert found.probability.min() >= 0.0 and found.probability.max() <= 1.0
    assert not found.probability[:, recording.section.lumen].any()
    assert found.mean.shape == (5,) and found.mean[-1] == 0.0
    assert (found.event, found.end, found.line) == ("reached_K", "by_T", "pan02")
    late = niche_sim.receptivity(recording, end="eventual")
    assert late.mean[-1] > 0.0
    assert (late.mean >= found.mean - 1e-12).all()


def test_what_is_expected_is_the_integral_over_what_arrives(recording):
    section, p = recording.section, recording.p
    given = dataclasses.replace(recording, arrivals=((24.0, 20.0), (30.0, 10.0)))
    found = niche_sim.receptivity(given, end="eventual")
    whole = niche_sim.receptivity(dataclasses.replace(recording, arrivals=((30.0, 1.0),)), end="eventual").expected_colonies
    assert found.expected_colonies == pytest.approx(20.0 * p.tumour.fraction_arrested * found.mean[1] + 10.0 * whole)
    liver = found.expected_colonies * p.organ.volume / section.volume
    assert found.expected_metastases_per_liver == pytest.approx(liver)
    assert found.take_rate == pytest.approx(1.0 - np.exp(-liver))


def test_small_colonies_regress_and_need_time(recording):
    by_event = {event: niche_sim.receptivity(recording, event=event, end="eventual").mean[0] for event in
                ("reached_K", "alive_at_T", "visible_at_T")}  # fmt: skip
    assert by_event["reached_K"] >= by_event["alive_at_T"] >= by_event["visible_at_T"] > 0.0


def test_a_record_gives_what_its_model_gives():
    overrides = {**SMALL, "run.duration": "1 day"}
    record = niche_sim.run(arm="educated", rng=3, overrides=overrides)
    found = niche_sim.receptivity(record, end="eventual")
    again = niche_sim.receptivity(NicheModel(arm="educated", rng=3, overrides=overrides), end="eventual")
    assert found.probability.tobytes() == again.probability.tobytes()


def test_without_killers_more_cells_take_root(recording):
    model = NicheModel(arm="educated", rng=3, overrides=SMALL, without=["NkKilling", "KupfferKilling"])
    spared = niche_sim.receptivity(model, end="eventual").mean
    assert (spared > niche_sim.receptivity(recording, end="eventual").mean).all()


# ---- rules of a user, and refusals -----------------------------------------------------------------------------------


class Scavenging(Process):
    """A user's rule: half of what is arrested is lost to something at 0.05 per h."""

    writes = ("tumour_cells",)
    befalls = ("arrested",)

    def hazard(self, state, p, where):
        return np.full(len(where), 0.05)


class Uneven(Scavenging):
    """Its hazard by clone size is another at each site."""

    befalls = ("cycling",)

    def hazard(self, state, p, where):
        return 0.01 + where.crowding * where.sites


class Mute(Process):
    """Takes tumour cells and says nothing of how often."""

    writes = ("tumour_cells",)

    def step(self, state, p, chance, dt): ...


def with_rule(rule):
    rule.step = lambda state, p, chance, dt: None
    model = mouse(**{"run.duration": "1 day"})
    model.schedule = (*model.schedule, rule)
    return model


def test_a_rule_of_a_user_takes_part(section):
    own = dataclasses.replace(record_hazards(with_rule(Scavenging())), patrolled=frozenset())  # rates as recorded
    bare = dataclasses.replace(own, factors={k: v for k, v in own.factors.items() if k != "Scavenging"})
    with_it, without = (niche_sim.receptivity(one, end="eventual").probability[-1] for one in (own, bare))
    rates = {name: rate.mean(axis=0) for name, rate in own.rates.items()}
    gone = sum(rates[name] * own.factors[name][0] for name in ("KupfferKilling", "PatrolKilling", "Detachment", "NkKilling")
               if name in own.factors)  # fmt: skip
    total = (gone + rates["Extravasation"]).reshape(own.section.shape)
    tissue = ~own.section.lumen
    np.testing.assert_allclose(with_it[tissue], (without * total / (total + 0.05))[tissue], rtol=1e-4)


@pytest.mark.parametrize(("rule", "said"), [(Mute(), "Mute changes tumour cells"), (Uneven(), "Uneven is no product")])
def test_a_rule_that_receptivity_cannot_hold_is_named(rule, said):
    with pytest.raises(InputError, match=said) as refused:
        niche_sim.receptivity(with_rule(rule))
    assert len(str(refused.value)) < 290


@pytest.mark.parametrize("given", [Treat("anti_pd1", 1.0, (24.0,)), Boost("t_cells", 3.0, 0.0, 48.0)])
def test_an_arm_that_acts_by_t_cells_is_refused_by_name(given):
    model = mouse()
    model.protocol = Protocol((given,))
    with pytest.raises(InputError, match="arm educated has .*T cells") as refused:
        niche_sim.receptivity(model)
    assert len(str(refused.value)) < 290


@pytest.mark.parametrize("asked", [{"event": "seen"}, {"end": "never"}, {"detection_um": 5000.0, "event": "visible_at_T"}])
def test_what_is_not_known_is_refused(recording, asked):
    with pytest.raises(InputError, match="receptivity"):
        niche_sim.receptivity(recording, **asked)


def test_lines(recording):
    with pytest.raises(InputError, match="one of pan02"):
        niche_sim.receptivity(mouse(), "hela")
    with pytest.raises(InputError, match="recording of pan02"):
        niche_sim.receptivity(recording, "kcko")
    model = mouse()
    model.protocol = Protocol((InjectTumourCells("kcko", 10, 1.0), InjectTumourCells("ct26", 10, 1.0)))
    with pytest.raises(InputError, match="several"):
        niche_sim.receptivity(model)
    assert (DORMANT, MOTILE) == (1, 2)


def test_maps_that_no_computer_holds_are_refused_before_the_run():
    model = NicheModel(arm="educated", rng=3, overrides={**SMALL, "run.duration": "40000 day"}, allow_large=True)
    with pytest.raises(InputError, match=r"the maps of this section and duration need .* GB; .* 4 GB are enough"):
        niche_sim.receptivity(model)
