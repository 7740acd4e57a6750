"""The register: every row whole, sourced, used and within what can be run; overrides checked; nothing lost as text."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest

import niche_sim
from niche_sim.engine.chance import Chance
from niche_sim.engine.errors import InputError
from niche_sim.engine.units import to_model
from niche_sim.experiment.protocol import GrowPrimary, InjectExosomes, InjectTumourCells, Treat
from niche_sim.experiment.scenario import library
from niche_sim.model.actions import intervene
from niche_sim.model.catalogue import DRUGS, EXOSOME_SOURCES, TUMOUR_LINES
from niche_sim.model.cells import KupfferCell
from niche_sim.model.initial_state import between_subject_variability, naive_liver, section_of
from niche_sim.model.parameters import (
    KINDS,
    ExosomeSource,
    Parameters,
    TumourLine,
    as_text,
    digest,
    in_unit,
    resolve,
    rows,
    value_of,
)
from niche_sim.model.readouts import measure
from niche_sim.model.schedule import schedule
from niche_sim.runs.expectation.readouts import Expectation
from niche_sim.runs.expectation.recording import Recorder

NAMES = list(rows())
FRACTIONS = [name for name in NAMES if name.partition(".")[2].startswith(("fraction_", "chance_", "share_"))]


@pytest.fixture(scope="module")
def sources():
    """Keys of the bibliography."""
    return set(re.findall(r"^@\w+\{([^,\s]+),", (library() / "sources.bib").read_text(encoding="utf-8"), re.MULTILINE))


# --- every row -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_whole(name, sources):
    row = rows()[name]
    assert row.kind in KINDS
    assert row.low <= row.value <= row.high
    assert row.low < row.high
    assert math.isfinite(row.low)
    assert math.isfinite(row.high)
    for value in (row.value, row.low, row.high):
        assert math.isfinite(to_model(f"{value!r} {row.unit}", like=row.unit))
    if row.kind in ("assumed", "setting"):
        assert row.source == "", "a source makes it recalled or measured"
        assert row.note
    else:
        assert row.source in sources
    assert row.group.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_a_row_holds_model_units(name):
    row, (group, entry) = rows()[name], name.split(".")
    held = getattr(getattr(Parameters(), group), entry)
    assert held == to_model(f"{row.value!r} {row.unit}")
    assert in_unit(Parameters(), name) == pytest.approx(row.value, rel=1e-15)


@pytest.mark.parametrize("name", FRACTIONS)
def test_fractions_are_fractions_over_their_whole_range(name):
    row = rows()[name]
    assert row.unit == ""
    assert 0.0 <= row.low <= row.high <= 1.0


@pytest.mark.parametrize("name", NAMES)
def test_names_tell_what_is_held(name):
    """rate_* is per time, half_life* and doubling are times, speeds are speeds, and nothing is per step."""
    row, entry = rows()[name], name.partition(".")[2]
    if entry.startswith("rate_"):
        assert re.search(r"/(h|day|min|s)\b|1/day", row.unit)
    elif entry.startswith(("half_life", "doubling", "persistence")):
        to_model(f"1 {row.unit}", like="h")
    elif entry.startswith("steepness") or entry in ("mif", "integrin_avb5"):
        assert row.unit == ""
    elif entry.startswith(("speed",)):
        to_model(f"1 {row.unit}", like="um/h")
    elif entry in ("reach", "contact_radius", "neighbourhood", "diameter", "rim"):
        to_model(f"1 {row.unit}", like="um")
    assert "step" not in row.unit


def test_units_by_hand():
    """Some conversions worked out on paper: nM um^3, h, um."""
    p = resolve({
        "kupffer.secretion_tgfb": "25 molecule/s/cell",
        "tgfb.diffusivity": "26 um^2/s",
        "tgfb.half_life": "10 min",
        "kupffer.density": "1.8e4 cell/mm^3",
        "kupffer.speed": "4.6 um/min",
        "liver.blood_flow": "1.8 mL/min",
        "bmdc.rate_rest": "170 cell/mm^3/day",
        "fibronectin.rate_deposit": "8e4 um^3/day/cell",
    })  # fmt: skip
    # 25 molecules a second are 90,000 / 6.022e23 mol an hour, and 1e-24 mol are 1 nM um3.
    assert p.kupffer.secretion_tgfb == pytest.approx(9e4 / 0.602214076, rel=1e-12)
    assert p.tgfb.diffusivity == pytest.approx(93_600, rel=1e-12)
    assert p.tgfb.half_life == pytest.approx(1 / 6, rel=1e-12)
    assert p.kupffer.density == pytest.approx(1.8e-5, rel=1e-12)
    assert p.kupffer.speed == pytest.approx(276.0, rel=1e-12)
    assert p.liver.blood_flow == pytest.approx(1.08e14, rel=1e-12)
    assert p.bmdc.rate_rest == pytest.approx(170 / 24 * 1e-9, rel=1e-12)
    assert p.fibronectin.rate_deposit == pytest.approx(8e4 / 24, rel=1e-12)


def test_every_source_of_exosomes_and_every_line_has_its_rows():
    for names, kind in ((EXOSOME_SOURCES, ExosomeSource), (TUMOUR_LINES, TumourLine)):
        for name in names:
            holder = getattr(Parameters(), name)
            assert isinstance(holder, kind)
            mine = {entry.name for entry in dataclasses.fields(kind) if f"{name}.{entry.name}" in NAMES}
            # What a source does not carry is 0 and no row; a line has all its numbers.
            assert {entry.name for entry in dataclasses.fields(kind) if getattr(holder, entry.name)} <= mine
            assert len(mine) >= (len(dataclasses.fields(kind)) if kind is TumourLine else 1)
    p = Parameters()
    np.testing.assert_array_equal(
        p.of_lines("doubling", np.array([1, 0, 1], np.int8)), [p.b16f1.doubling, p.pan02.doubling, p.b16f1.doubling]
    )
    assert p.source("normal_pancreas") is p.normal_pancreas
    assert p.of_sources("mif").tolist() == [p.source(name).mif for name in EXOSOME_SOURCES]
    assert p.line("b16f1") is p.b16f1


# --- every row is used -----------------------------------------------------------------------------------------------


class Reading:
    """Stands in for the register or a group of it, and notes which rows are read."""

    def __init__(self, held, seen, group=""):
        self.__dict__.update(held=held, seen=seen, group=group)

    def __getattr__(self, name):
        value = getattr(self.held, name)
        if name == "place":
            return value
        if name == "_table":
            return lambda number, groups: np.array([getattr(getattr(self, group), number) for group in groups])
        if name == "organ":
            return Reading(value, self.seen, self.held.place)
        if self.group:
            self.seen.add(f"{self.group}.{name}")
            return value
        if name in ("source", "line"):
            return lambda of: Reading(value(of), self.seen, of)
        if name == "of_lines":
            self.seen.update(f"{line}.{{}}" for line in TUMOUR_LINES)
            return lambda number, lines: type(self.held).of_lines(self, number, lines)
        if name == "of_sources":
            return lambda cargo: type(self.held).of_sources(self, cargo)
        return Reading(value, self.seen, name)


EVENTS = (
    *(InjectExosomes(source, (0.0,), amount_ug=5.0) for source in EXOSOME_SOURCES),
    GrowPrimary("pan02", 1e8, 60.0, "gompertz", 2e9, 0.0, True),
    InjectTumourCells("pan02", 30_000_000, 1.0),
    InjectTumourCells("b16f1", 30_000_000, 1.0),
    *(Treat(drug, 1.0, (0.0,)) for drug in DRUGS),
)


def live(p, hours, width=600.0, height=700.0):
    """A mouse to which everything is done, for some hours; cells of all ages are put in at the end of the first."""
    section = section_of(width, height, 20.0, p)
    chance = Chance(1)
    state = naive_liver(section, p, chance)
    state.fibronectin = np.full(section.shape, 5.0)
    state.stellate_cells.activation[:] = 0.6
    state.blood.ccl2 = 1e3
    state.kupffer_cells.remove(slice(0, 2))
    state.kupffer_cells.state[:3] = KupfferCell.state.code("tumour_associated")
    state.t_cells.effector[:] = True
    for step in range(hours):
        chance.step = state.step_index = step
        state.time = float(step)
        intervene(EVENTS, state, p, chance, 1.0)
        for process in schedule():
            process.step(state, p, chance, 1.0)
        if step == 0:
            keys = np.arange(10, 130, dtype=np.uint64)
            places = state.place("tumour_cells", chance.uniform("test", keys, 3))
            state.tumour_cells.add(120, key=keys, clone=keys // 12, **places, state=np.arange(120) % 5 + 1)
            state.tumour_cells.line[:] = np.arange(len(state.tumour_cells)) % len(TUMOUR_LINES)
            state.bmdc.add(60, y=places["y"][:60], x=places["x"][:60], kind=np.arange(60) % 4, arrested=np.arange(60) % 4 < 2)
    return state


def test_every_row_is_used():
    """By the naive organ, an intervention, a rule, a readout or an expectation; else it is none of the model's."""
    seen = set()
    for organ, hours in (("liver", 12), ("lung", 3), ("brain", 3)):
        p = Reading(Parameters(place=organ), seen)
        measure(live(p, hours), p)
    small = {"section.width": "0.6 mm", "section.height": "0.6 mm", "run.duration": "12 h"}
    found = Recorder(niche_sim.Simulation(overrides=small)).recording()
    Expectation(dataclasses.replace(found, p=Reading(found.p, seen))).tables(np.zeros(1))
    assert {name for name in set(NAMES) - seen if not name.startswith("mouse.")} == set()


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("mouse.")])
def test_every_spread_makes_mice_differ(name):
    """Each alone, in at least one number of the register, and without it they do not."""
    none = dict.fromkeys((name for name in NAMES if name.startswith("mouse.")), "0")
    assert between_subject_variability(resolve(none), Chance(1)) == resolve(none)
    p = resolve(none | {name: "0.3"})
    assert between_subject_variability(p, Chance(1)) != between_subject_variability(p, Chance(2)) != p


def books_balance(state):
    counters, inside = state.counters, state.exosomes.host >= 0
    return counters.exosomes_taken_up == state.exosomes.vesicles[inside].sum() + counters.exosomes_degraded


@pytest.mark.mice
@pytest.mark.parametrize("name", NAMES)
def test_the_whole_range_can_be_run(name):
    """Both ends of a row's range, and of what its kind allows: a register that takes a value must be able to run it."""
    row = rows()[name]
    extremes = [f"{value!r} {row.unit}" for value in (row.low, row.high)]
    for text in extremes:
        state = live(resolve({name: text}), 2, width=760.0, height=860.0)
        assert books_balance(state)
        for field in (state.tgfb, state.fibronectin, state.periostin):
            assert np.isfinite(field).all()
            assert (field >= 0).all()


@pytest.mark.parametrize("name", FRACTIONS)
@pytest.mark.parametrize("value", ["0", "1"])
def test_none_and_all_can_be_run_or_are_refused_as_input(name, value):
    try:
        state = live(resolve({name: value}), 2)
    except InputError:
        return
    assert books_balance(state)


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        ({"exosomes.half_life_blood": "10 s"}, "more would be extracted in a pass than there is"),
        ({"kupffer.density": "0 cell/mm^3"}, "nobody takes anything up"),
        ({"kupffer.fraction_responders": "0"}, "nobody takes anything up"),
        ({"tumour.rim": "0 um"}, "no daughter finds room"),
        ({"kupffer.speed": "0 um/min", "nk.speed": "0 um/min", "tumour.speed_motile": "0 um/min"}, "nobody walks"),
        ({"nk.density": "0 cell/mm^3", "t_cells.density": "0 cell/mm^3"}, "no lymphocytes"),
        ({"exosomes.parcel_size": "1.5 vesicle"}, "not whole"),
    ],
)
def test_odd_but_possible_numbers_run_or_are_refused_as_input(overrides, why):
    """Whatever a user can write either runs or ends in one line that says what is wrong: an InputError."""
    try:
        state = live(resolve(overrides), 2)
    except InputError:
        return
    assert books_balance(state), why


# --- overrides -------------------------------------------------------------------------------------------------------


def refused(name, text, where=""):
    with pytest.raises(InputError) as caught:
        value_of(name, text, where)
    assert "\n" not in str(caught.value)
    return caught.value


def test_an_override_is_read_in_any_unit_of_its_dimension():
    p = resolve({"tgfb.half_life": "0.25 h", "kupffer.fraction_responders": "50 %", "bmdc.speed": "1 um/min"})
    assert p.tgfb.half_life == 0.25
    assert p.kupffer.fraction_responders == 0.5
    assert p.bmdc.speed == 60.0
    assert resolve({"tgfb.half_life": "15 min"}).tgfb.half_life == 0.25


def test_an_override_changes_nothing_else():
    p, base = resolve({"tgfb.half_life": "0.25 h"}), resolve()
    for name in NAMES:
        group, entry = name.split(".")
        same = getattr(getattr(p, group), entry) == getattr(getattr(base, group), entry)
        assert same == (name != "tgfb.half_life")
    assert resolve() == Parameters()
    assert resolve({}) == resolve(None)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("tgfb.half_life", "10 um", "a length"),
        ("tgfb.half_life", "10", "a plain number"),
        ("tgfb.half_life", "ten min", "not a number"),
        ("tgfb.half_life", "nan min", "not a finite number"),
        ("tgfb.half_life", "inf min", "not a finite number"),
        ("tgfb.half_life", "-5 min", "negative"),
        ("tgfb.half_life", "0 min", "zero"),
        ("kupffer.density", "1e4 cell/mm^2", "per area"),
        ("kupffer.fraction_responders", "1.2", "outside"),
        ("kupffer.fraction_responders", "-0.1", "outside"),
        ("kupffer.fraction_responders", "120 %", "outside"),
        ("tumour.share_periostin", "1.01", "outside"),
        ("pan02.chance_start", "2", "outside"),
        ("pan02.rate_dormancy_exit", "-0.1 1/day", "negative"),
        ("pan02.doubling", "0 h", "zero"),
        ("stellate.steepness", "0", "zero"),
        ("exosomes.parcel_size", "0.5 vesicle", "less than one"),
        ("exosomes.parcel_size", "0 vesicle", "zero"),
    ],
)
def test_what_is_not_possible_is_refused(name, text, says):
    error = refused(name, text)
    assert says in str(error)
    assert error.where == name
    assert error.allowed


def test_a_message_names_the_place():
    assert refused("tgfb.half_life", "1 um", "my.toml: parameters").where == "my.toml: parameters"
    with pytest.raises(InputError, match=r"^my\.toml: tgfb\.half_life: "):
        resolve({"tgfb.half_life": "1 um"}, "my.toml")


@pytest.mark.parametrize(
    ("name", "near"),
    [("tgfb.halflife", "tgfb.half_life"), ("kupfer.density", "kupffer.density"), ("doubling", "doubling"),
     ("pan02.doublingtime", "pan02.doubling")],
)  # fmt: skip
def test_an_unknown_name_offers_near_ones(name, near):
    error = refused(name, "1")
    assert name in error.found
    assert near in error.allowed


def test_a_hopeless_name_says_where_names_are():
    assert "niche-sim parameters" in refused("qqqqqqqq", "1").allowed


def test_shares_of_the_zones_cannot_exceed_one():
    with pytest.raises(InputError, match="shares"):
        resolve({"kupffer.share_portal": "0.7", "kupffer.share_mid": "0.4"})
    assert resolve({"kupffer.share_portal": "0.6", "kupffer.share_mid": "0.4"}).kupffer.share_mid == 0.4


# --- as text ---------------------------------------------------------------------------------------------------------


def test_text_round_trip_of_the_register():
    text = as_text(Parameters())
    assert list(text) == NAMES
    assert resolve(text) == Parameters()


def test_text_round_trip_of_any_values():
    rng = np.random.default_rng(1)
    overrides = {}
    for name, row in rows().items():
        value = row.low + (row.high - row.low) * rng.random()
        overrides[name] = f"{value!r} {row.unit}"
    overrides["kupffer.share_portal"], overrides["kupffer.share_mid"] = "0.417", "0.3"
    p = resolve(overrides)
    again = resolve(as_text(p))
    twice = resolve(as_text(again))
    for name in NAMES:
        # 17 digits keep every bit but the last.
        assert in_unit(again, name) == pytest.approx(in_unit(p, name), rel=4e-16)
        assert in_unit(twice, name) == pytest.approx(in_unit(p, name), rel=4e-16)
    assert resolve(as_text(resolve({}))) == resolve()


def test_a_digest_tells_registers_apart():
    base = digest(resolve())
    assert base == digest(Parameters())
    others = {digest(resolve({name: f"{rows()[name].high!r} {rows()[name].unit}"})) for name in NAMES
              if rows()[name].high != rows()[name].value and name != "kupffer.share_portal"}  # fmt: skip
    changed = [name for name in NAMES if rows()[name].high != rows()[name].value and name != "kupffer.share_portal"]
    assert len(others) == len(changed)
    assert base not in others


def test_nobody_can_change_a_resolved_register():
    with pytest.raises(dataclasses.FrozenInstanceError):
        resolve().tgfb.half_life = 1.0
