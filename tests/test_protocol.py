"""Protocols: what an entry of a scenario says is read, what is wrong in it is refused, an event has one identity."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from niche_sim.engine.errors import InputError
from niche_sim.experiment.protocol import (
    Block,
    Boost,
    Deplete,
    GrowPrimary,
    InjectExosomes,
    InjectTumourCells,
    Mark,
    Protocol,
    ResectPrimary,
    Treat,
    read_intervention,
)
from niche_sim.experiment.scenario import load
from niche_sim.model.catalogue import BMDC_KINDS, BOOSTS, DRUGS

EDUCATION = "liver_education_costasilva2015"
GROWING = "liver_growing_primary"


@pytest.mark.parametrize(
    ("made", "same"),
    [
        (InjectTumourCells("b16f1", np.int64(1000), np.float64(2.0)), InjectTumourCells("b16f1", 1000, 2.0)),  # type: ignore[arg-type]
        (InjectExosomes("pdac", np.array([0.0, 24.0]), np.float32(5.0)), InjectExosomes("pdac", (0.0, 24.0), 5.0)),  # type: ignore[arg-type]
        (InjectExosomes("pdac", 3.0, 5.0), InjectExosomes("pdac", (3.0,), 5.0)),  # type: ignore[arg-type]
        (Treat("gemcitabine", 1.0, range(2)), Treat("gemcitabine", 1.0, (0.0, 1.0))),  # type: ignore[arg-type]
        (Block(np.str_("mif"), np.float32(0.5), np.int64(0), 24), Block("mif", 0.5, 0, 24)),  # type: ignore[arg-type]
        (GrowPrimary("llc", np.int64(5), 2.0, sheds_cells=np.True_), GrowPrimary("llc", 5, 2.0, sheds_cells=True)),  # type: ignore[arg-type]
    ],
)
def test_numbers_and_series_of_numpy_make_the_same_intervention(made: Any, same: Any) -> None:
    assert made == same
    assert hash(made) == hash(same)
    json.dumps(vars(made))  # as the hash of a scenario is made
    assert not [value for value in vars(made).values() if isinstance(value, np.generic | np.ndarray | list)]
    assert Protocol(made) == Protocol([made]) == Protocol((same,))  # type: ignore[arg-type]


@pytest.mark.parametrize("times", [None, "0", ["0"], {"at": 0.0}, b"0", np.array(["a"]), [[0.0]]])
def test_times_that_are_no_numbers_are_refused_in_words(times: Any) -> None:
    with pytest.raises(InputError, match=r"^inject_exosomes\.(times|at): "):
        InjectExosomes("pdac", times, 5.0)


@pytest.mark.parametrize(
    ("every", "start", "end", "times"),
    [
        ("2 day", "0 day", "21 day", [48.0 * n for n in range(11)]),
        ("2 day", "0 day", "20 day", [48.0 * n for n in range(10)]),  # a dose that would fall on `to` is not given
        ("2 day", "1 day", "3 day", [24.0]),
        ("8 h", "1 day", "2 day", [24.0, 32.0, 40.0]),
        ("5 day", "0 day", "2 day", [0.0]),
        ("0.1 h", "0.1 h", "0.4 h", [0.1, 0.2, 0.3]),  # (0.4 - 0.1) / 0.1 is a little more than 3 in floating point
    ],
)
def test_schedule_counts_from_and_not_to(every: str, start: str, end: str, times: list[float]) -> None:
    entry = {"do": "inject_exosomes", "source": "pdac", "amount": "5 ug", "every": every, "from": start, "to": end}
    given = read_intervention(entry, "here")
    assert isinstance(given, InjectExosomes)
    assert given.times == pytest.approx(times, rel=1e-12)  # rounding of start + n * every


def test_one_dose_and_a_dose_in_vesicles() -> None:
    entry = {"do": "inject_exosomes", "source": "normal_pancreas", "amount": "1e10 vesicle", "at": "3 day"}
    assert read_intervention(entry, "here") == InjectExosomes("normal_pancreas", (72.0,), vesicles=1e10)
    assert read_intervention(entry | {"amount": "2 mg"}, "here") == InjectExosomes("normal_pancreas", (72.0,), 2000.0)


def test_doses_at_odd_times_are_listed() -> None:
    entry = {"do": "inject_exosomes", "source": "pdac", "amount": "5 ug", "at": ["0 day", "36 h", "1 week"]}
    assert read_intervention(entry, "here") == InjectExosomes("pdac", (0.0, 36.0, 168.0), amount_ug=5.0)
    drug = {"do": "treat", "drug": "anti_pd1", "dose": 1, "at": ["1 day"]}
    assert read_intervention(drug, "here") == Treat("anti_pd1", 1.0, (24.0,))
    for at, where, found in (
        ([], "here.at", "[]"),
        (["1 day", "1 day"], "here.at", "['1 day', '1 day']"),
        (["2 day", "1 day"], "here.at", "['2 day', '1 day']"),
        (["-1 day", "1 day"], "here.at", "['-1 day', '1 day']"),
        (["1 day", "2 um"], "here.at[1]", "'2 um' is a length"),
        (["1 day", ["2 day"]], "here.at[1]", "['2 day'] is not text"),
        ([f"{n} h" for n in range(8761)], "here.at", "8,761 doses"),
    ):
        with pytest.raises(InputError) as caught:
            read_intervention(entry | {"at": at}, "here")
        assert caught.value.where == where
        assert found in caught.value.found
    for single in ({"do": "resect_primary"}, {"do": "deplete", "population": "nk_cells", "fraction": 1}):
        with pytest.raises(InputError, match=r"^here.at: \['1 day'\] is not text"):
            read_intervention(single | {"at": ["1 day"]}, "here")


def test_depletion_once_or_throughout() -> None:
    entry = {"do": "deplete", "population": "kupffer_cells", "fraction": 0.9}
    assert read_intervention(entry | {"at": "2 day"}, "here") == Deplete("kupffer_cells", 0.9, 48.0, 48.0)
    assert read_intervention(entry | {"from": "0 h", "to": "1 day"}, "here") == Deplete("kupffer_cells", 0.9, 0.0, 24.0)
    for bad, key in (
        (entry | {"from": "1 day", "to": "1 day"}, "to"),
        (entry | {"at": "1 day", "fraction": 1.1}, "fraction"),
        (entry | {"at": "1 day", "population": "exosomes"}, "population"),
    ):
        with pytest.raises(InputError) as caught:
            read_intervention(bad, "file: arms.a.add[0]")
        assert caught.value.where == f"file: arms.a.add[0].{key}"


@pytest.mark.parametrize("kind", BMDC_KINDS)
def test_a_kind_of_bone_marrow_derived_cells_is_depleted_like_a_population(kind: str) -> None:
    entry = {"do": "deplete", "population": kind, "fraction": 0.9, "at": "2 day"}
    assert read_intervention(entry, "here") == Deplete(kind, 0.9, 48.0, 48.0)


BOOST = {"do": "boost", "target": "il15", "factor": 10, "from": "1 day", "to": "3 day"}
TREAT = {"do": "treat", "drug": "gemcitabine", "dose": 1.5}
WEEKLY = TREAT | {"every": "7 day", "from": "1 day", "to": "22 day"}


def test_boost_and_treatment_are_read() -> None:
    for target in BOOSTS:
        assert read_intervention(BOOST | {"target": target}, "here") == Boost(target, 10.0, 24.0, 72.0)
    for factor in (1, 100.0):
        assert read_intervention(BOOST | {"factor": factor}, "here") == Boost("il15", factor, 24.0, 72.0)
    for drug in DRUGS:
        once = TREAT | {"drug": drug, "at": "2 day"}
        assert read_intervention(once, "here") == Treat(drug, 1.5, (48.0,))
    given = read_intervention(WEEKLY, "here")
    assert given == Treat("gemcitabine", 1.5, (24.0, 192.0, 360.0))
    assert given.starts == (24.0, 192.0, 360.0)
    assert Boost("il15", 2.0, 24.0, 72.0).starts == (24.0,)


def _without(entry: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in keys}


BAD_ENTRIES = {
    "boost of what is not boosted": (
        BOOST | {"target": "il51"}, ".target", "'il51'", f"did you mean il15? allowed are {', '.join(BOOSTS)}",
    ),
    "boost that weakens": (BOOST | {"factor": 0.5}, ".factor", "0.5", "a number from 1 to 100"),
    "boost in per cent": (BOOST | {"factor": 150}, ".factor", "150", "a number from 1 to 100"),
    "boost of nan": (BOOST | {"factor": math.nan}, ".factor", "nan", "a number from 1 to 100"),
    "boost of text": (BOOST | {"factor": "10"}, ".factor", "'10'", "a number from 1 to 100"),
    "boost true": (BOOST | {"factor": True}, ".factor", "True", "a number from 1 to 100"),
    "boost without factor": (_without(BOOST, "factor"), ".factor", "missing", "do, target, factor, from, to"),
    "boost by efficacy": (BOOST | {"efficacy": 1}, ".efficacy", "unknown key", "do, target, factor, from, to"),
    "boost without end": (_without(BOOST, "to"), ".to", "missing", "do, target, factor, from, to"),
    "boost backwards": (BOOST | {"to": "1 day"}, ".to", "1 day", "later than from, 1 day"),
    "boost before the start": (BOOST | {"from": "-3 day"}, ".from", "'-3 day'", "a time from 0 on"),
    "drug unknown": (
        TREAT | {"drug": "gemcitabin", "at": "1 day"}, ".drug", "'gemcitabin'",
        f"did you mean gemcitabine? allowed are {', '.join(DRUGS)}",
    ),
    "dose of nothing": (WEEKLY | {"dose": 0}, ".dose", "0", "a number above 0"),
    "dose negative": (WEEKLY | {"dose": -1.0}, ".dose", "-1.0", "a number above 0"),
    "dose infinite": (WEEKLY | {"dose": math.inf}, ".dose", "inf", "a number above 0"),
    "dose with a unit": (WEEKLY | {"dose": "100 mg"}, ".dose", "'100 mg'", "a number above 0"),
    "dose missing": (_without(WEEKLY, "dose"), ".dose", "missing", "do, drug, dose, every, from, to"),
    "doses never": (TREAT, "", "no time is given", "'at', or 'every', 'from' and 'to'"),
    "doses twice timed": (WEEKLY | {"at": "1 day"}, ".every", "unknown key", "do, drug, dose, at"),
    "doses without end": (_without(WEEKLY, "to"), ".to", "missing", "do, drug, dose, every, from, to"),
    "doses backwards": (WEEKLY | {"to": "0 day"}, ".to", "0 day", "later than from, 1 day"),
    "doses at no distance": (WEEKLY | {"every": "0 h"}, ".every", "'0 h'", "a time above 0"),
    "doses before the start": (TREAT | {"at": "-1 h"}, ".at", "'-1 h'", "a time from 0 on"),
    "dose at a number": (TREAT | {"at": 3}, ".at", "plain number", "a time"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_ENTRIES)
def test_bad_boost_or_treatment_is_refused_in_one_line(name: str) -> None:
    entry, key, found, allowed = BAD_ENTRIES[name]
    with pytest.raises(InputError) as caught:
        read_intervention(entry, "file: arms.a.add[0]")
    error = caught.value
    assert error.where == f"file: arms.a.add[0]{key}"
    assert found in error.found
    assert allowed in error.allowed
    assert str(error).startswith(f"{error.where}: ") and "\n" not in str(error)


def test_primary_grows_exponentially_unless_it_has_a_capacity() -> None:
    entry = {"do": "grow_primary", "line": "pan02", "cells": 1e6, "doubling": "2 day"}
    assert read_intervention(entry, "here") == GrowPrimary("pan02", 1e6, 48.0)
    slowing = entry | {"law": "gompertz", "capacity": 1e9, "at": "1 day", "sheds_cells": True}
    assert read_intervention(slowing, "here") == GrowPrimary("pan02", 1e6, 48.0, "gompertz", 1e9, 24.0, True)
    for bad, key in (
        (entry | {"law": "gompertz"}, "capacity"),
        (entry | {"capacity": 1e9}, "capacity"),
        (slowing | {"capacity": 1e6}, "capacity"),
        (entry | {"law": "logistic"}, "law"),
        (entry | {"cells": 0}, "cells"),
        (entry | {"doubling": "0 day"}, "doubling"),
        (entry | {"sheds_cells": 1}, "sheds_cells"),
        (entry | {"at": "-1 day"}, "at"),
    ):
        with pytest.raises(InputError) as caught:
            read_intervention(bad, "file: arms.a.protocol[0]")
        assert caught.value.where == f"file: arms.a.protocol[0].{key}"


def test_the_same_event_has_one_identity_in_every_arm() -> None:
    arms = load(EDUCATION).arms
    assert {c.event for arm in arms.values() for c in arm.protocol.tumour_challenges} == {
        "inject_tumour_cells:pan02:504.0"
    }
    assert arms["educated"].protocol.doses == arms["anti_mif"].protocol.doses
    assert arms["educated"].protocol.doses[1].event == "inject_exosomes:pdac:48.0"
    events = [dose.event for name in ("educated", "normal_exosomes") for dose in arms[name].protocol.doses]
    assert len(set(events)) == 22


def test_identity_is_of_what_and_when_not_of_how_much() -> None:
    assert InjectTumourCells("pan02", 5, 504).event == InjectTumourCells("pan02", 500, 504.0).event
    assert InjectTumourCells("pan02", 5, 504.0).event != InjectTumourCells("b16f1", 5, 504.0).event
    assert Block("mif", 0.5, 0, 24).event == Block("mif", 0.9, 0.0, 24.0).event
    assert Block("mif", 0.5, 0.0, 24.0).event != Block("mif", 0.5, 0.0, 48.0).event
    assert Boost("il15", 2, 0, 24).event == Boost("il15", 9.0, 0.0, 24.0).event
    others = [Boost("il15", 2.0, 0.0, 48.0), Boost("il6", 2.0, 0.0, 24.0), Block("mif", 0.5, 0.0, 24.0)]
    assert Boost("il15", 2.0, 0.0, 24.0).event not in {other.event for other in others}
    assert Treat("anti_pd1", 1, (0, 48)).events == Treat("anti_pd1", 2.0, (0.0, 48.0)).events
    assert Treat("anti_pd1", 1.0, (48.0,)).events[0] == Treat("anti_pd1", 1.0, (0.0, 48.0)).events[1]
    assert Treat("anti_pd1", 1.0, (48.0,)).event != Treat("anti_vegf", 1.0, (48.0,)).event
    single, series = InjectExosomes("pdac", (48.0,), 1.0), InjectExosomes("pdac", (0.0, 48.0), 5.0)
    assert single.doses[0].event == series.doses[1].event
    assert single.event != series.event


def test_protocol_refuses_what_cannot_be_told_apart_or_done() -> None:
    primary, resection = GrowPrimary("pan02", 1e6, 48.0, start=24.0), ResectPrimary(48.0)
    Protocol((resection, primary))
    for interventions, found in (
        ((primary, GrowPrimary("pan02", 1e6, 48.0)), "2 primaries"),
        ((primary, resection, ResectPrimary(72.0)), "2 resections"),
        ((primary, ResectPrimary(24.0)), "finds no primary"),
        ((resection,), "finds no primary"),
        ((InjectExosomes("pdac", (0.0, 48.0), 5.0), InjectExosomes("pdac", (48.0,), 5.0)), "inject_exosomes:pdac:48.0"),
        ((Treat("anti_pd1", 1.0, (0.0, 48.0)), Treat("anti_pd1", 2.0, (48.0,))), "treat:anti_pd1:48.0 is there twice"),
        ((Boost("il6", 2.0, 0.0, 9.0), Boost("il6", 3.0, 0.0, 9.0)), "boost:il6:0.0:9.0 is there twice"),
    ):
        with pytest.raises(InputError, match=found):
            Protocol(interventions)


def test_interventions_made_in_python_are_checked_too() -> None:
    for make, where in (
        (lambda: Block("mif", 1.5, 0.0, 1.0), "block.efficacy"),
        (lambda: Block("mif", 0.5, 1.0, 1.0), "block.to"),
        (lambda: InjectExosomes("pdac", (0.0,)), "inject_exosomes.amount"),
        (lambda: InjectExosomes("pdac", (0.0,), 1.0, 1.0), "inject_exosomes.amount"),
        (lambda: InjectExosomes("pdac", (), 1.0), "inject_exosomes.times"),
        (lambda: InjectExosomes("pdac", (1.0, 1.0), 1.0), "inject_exosomes.times"),
        (lambda: Deplete("t_cells", 0.5, 2.0, 1.0), "deplete.to"),
        (lambda: ResectPrimary(float("inf")), "resect_primary.at"),
        (lambda: Boost("mif", 2.0, 0.0, 1.0), "boost.target"),
        (lambda: Boost("il15", 0.9, 0.0, 1.0), "boost.factor"),
        (lambda: Boost("il15", 2.0, 1.0, 1.0), "boost.to"),
        (lambda: Treat("aspirin", 1.0, (0.0,)), "treat.drug"),
        (lambda: Treat("anti_pd1", 0.0, (0.0,)), "treat.dose"),
        (lambda: Treat("anti_pd1", 1.0, ()), "treat.times"),
        (lambda: Treat("anti_pd1", 1.0, (2.0, 1.0)), "treat.times"),
    ):
        with pytest.raises(InputError) as caught:
            make()
        assert caught.value.where == where


def test_marks_are_in_order_of_time() -> None:
    marks = load(EDUCATION).arms["anti_mif"].protocol.marks()
    assert [mark.time for mark in marks] == sorted(mark.time for mark in marks)
    kinds = [mark.kind for mark in marks]
    assert (kinds.count("inject_exosomes"), kinds.count("inject_tumour_cells")) == (11, 1)
    challenge = "inject_tumour_cells:pan02:504.0"
    assert Mark(504.0, "inject_tumour_cells", "500000 pan02 cells", challenge) in marks
    assert Mark(0.0, "inject_exosomes", "pdac exosomes, 5 ug", "inject_exosomes:pdac:0.0") in marks
    assert Mark(0.0, "block", "mif blocked, 95 %", "block:mif:0.0:672.0") in marks
    assert marks[-1] == (672.0, "block_end", "mif free again", "block:mif:0.0:672.0")
    resected = load(GROWING).arms["resected"].protocol.marks()
    assert [mark.kind for mark in resected] == ["grow_primary", "resect_primary"]
    once, window = Deplete("nk_cells", 1.0, 24.0, 24.0), Deplete("nk_cells", 1.0, 24.0, 48.0)
    assert [mark.kind for mark in once.marks()] == ["deplete"]
    assert [mark.kind for mark in window.marks()] == ["deplete", "deplete_end"]
    assert Boost("il15", 2.5, 24.0, 48.0).marks() == [
        (24.0, "boost", "il15 boosted, 2.5-fold", "boost:il15:24.0:48.0"),
        (48.0, "boost_end", "il15 normal again", "boost:il15:24.0:48.0"),
    ]
    assert Treat("anti_pd1", 1.0, (0.0, 48.0)).marks() == [
        (0.0, "treat", "anti_pd1, usual dose", "treat:anti_pd1:0.0"),
        (48.0, "treat", "anti_pd1, usual dose", "treat:anti_pd1:48.0"),
    ]
    assert Treat("anti_pd1", 2.0, (0.0,)).marks()[0].label == "anti_pd1, 2 times the usual dose"


def test_every_mark_tells_its_event_and_overlapping_windows_can_be_told_apart() -> None:
    windows = (Block("mif", 0.5, 0.0, 96.0), Block("mif", 0.9, 24.0, 48.0), Boost("il6", 2.0, 0.0, 96.0))
    depleted = (Deplete("t_cells", 0.5, 0.0, 9.0), Deplete("t_cells", 0.5, 3.0, 9.0))
    once = (
        GrowPrimary("pan02", 1e6, 48.0), ResectPrimary(9.0), InjectTumourCells("llc", 5, 2.0),
        InjectExosomes("pdac", (0.0, 9.0), 1.0), Treat("anti_vegf", 1.0, (0.0, 9.0)),
        Deplete("bmdc", 1.0, 2.0, 2.0),
    )  # fmt: skip
    ends: dict[str, list[float]] = {}
    for mark in Protocol((*windows, *depleted, *once)).marks():
        ends.setdefault(mark.event, []).append(mark.time)
    for window in (*windows, *depleted):
        assert ends.pop(window.event) == [window.start, window.end]
    assert len(ends) == 8
    assert "" not in ends


def test_a_line_without_an_exosome_profile_grows_no_primary():
    entry = {"do": "grow_primary", "line": "b16f1", "cells": 1e6, "doubling": "2 day"}
    with pytest.raises(InputError, match=r"line: 'b16f1'; .*allowed are pan02, [^;]*$"):
        read_intervention(entry, "here")
