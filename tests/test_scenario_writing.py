"""Writing scenarios: whatever is written reads back as the same, to the last bit, and an edited arm is an arm."""

from __future__ import annotations

import dataclasses
import tomllib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from niche_sim.engine.errors import InputError
from niche_sim.experiment.editing import with_protocol
from niche_sim.experiment.protocol import (
    Block,
    Boost,
    Deplete,
    GrowPrimary,
    InjectExosomes,
    InjectTumourCells,
    Intervention,
    ResectPrimary,
    Treat,
    entry_of,
    entry_text,
    load_protocol,
    protocol_text,
    read_entry,
    read_intervention,
    read_protocol,
)
from niche_sim.experiment.scenario import Scenario, ids, load, parse
from niche_sim.experiment.scenario_file import toml_of
from niche_sim.experiment.simulation import Simulation
from niche_sim.experiment.spelling import time_text
from niche_sim.runs.record import model_like, provenance_of

EDUCATION = "liver_education_costasilva2015"
MIF = Block("mif", 0.95, 0.0, 504.0)
THIRD = 1.0 / 3.0

# What no scenario of the library has: times that are no whole hours, odd series, huge and tiny numbers, every option.
ODD: dict[str, Intervention] = {
    "vesicles at one odd time": InjectExosomes("pdac", (0.1 + 0.2,), vesicles=1e10 / 3),
    "nothing of it": InjectExosomes("pdac", (0.0,), amount_ug=0.0),
    "every third of a day": InjectExosomes("pdac", tuple(8.0 * n for n in range(9)), amount_ug=THIRD),
    "every tenth of a day from day 1": Treat("anti_pd1", 1, tuple((24.0 + 2.4 * np.arange(31)).tolist())),
    "two odd times": Treat("anti_vegf", 1e-300, (THIRD, 2.0)),
    "no even series": Treat("gemcitabine", 2.5, (0.0, 48.0, 120.0)),
    "even but for the last bit": InjectExosomes("pdac", (0.0, 24.0, np.nextafter(48.0, 50.0)), amount_ug=5.0),
    "all but even": InjectExosomes("pdac", tuple(np.cumsum(np.full(50, 0.1)).tolist()), amount_ug=5.0),
    "as many doses as there may be": Treat("anti_pd1", 1.0, tuple(float(n) for n in range(8760))),
    "gompertz": GrowPrimary("pan02", 12345.678, 60.0 + THIRD, "gompertz", 2e9, THIRD, True),
    "exponential": GrowPrimary("llc", 10**11 + 1, 1e6 * THIRD),
    "resected": ResectPrimary(1e6 * THIRD),
    "cells": InjectTumourCells("b16f1", 10**8 + 1, 5e-324),
    "blocked from a bit to a bit": Block("tgfb_receptor", THIRD, THIRD, np.nextafter(THIRD, 1.0)),
    "depleted once": Deplete("kupffer_cells", 1, THIRD, THIRD),
    "depleted throughout": Deplete("neutrophils", 0.1, 0.1, 1e5),
    "boosted": Boost("il15", np.pi, 17.0, 17.5),
}


def every_intervention() -> list[tuple[str, Intervention]]:
    found = {
        one: (f"{name} {arm.name} {one.verb}", one)
        for name in ids()
        for arm in load(name).arms.values()
        for one in arm.protocol.interventions
    }
    return [*found.values(), *ODD.items()]


# --- one intervention -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "one"), every_intervention(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_entry_reads_back_exactly(name: str, one: Intervention) -> None:
    assert read_intervention(entry_of(one), name) == one
    line = entry_text(one)
    assert "\n" not in line
    assert tomllib.loads(f"x = {line}")["x"] == entry_of(one)
    assert read_entry(line, name) == one
    # One spelling: what was read is written as before.
    assert entry_text(read_entry(line, name)) == line


def test_an_entry_is_what_a_user_would_write() -> None:
    assert entry_of(MIF) == {"do": "block", "target": "mif", "efficacy": 0.95, "from": "0 day", "to": "21 day"}
    doses = InjectExosomes("pdac", tuple(48.0 * n for n in range(11)), amount_ug=5.0)
    timing = {"every": "2 day", "from": "0 day", "to": "22 day"}
    assert entry_of(doses) == {"do": "inject_exosomes", "source": "pdac", "amount": "5 ug", **timing}
    assert entry_of(Treat("anti_pd1", 1.0, (120.0,)))["at"] == "5 day"
    assert entry_of(ODD["no even series"])["at"] == ["0 day", "2 day", "5 day"]
    assert entry_of(ODD["every tenth of a day from day 1"])["every"] == "2.4 h"
    assert entry_of(ODD["depleted once"])["at"] == f"{THIRD!r} h"
    assert "from" not in entry_of(ODD["depleted once"])
    assert "capacity" not in entry_of(ODD["exponential"])
    assert entry_text(ResectPrimary(336.0)) == '{ do = "resect_primary", at = "14 day" }'


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0.0, "0 day"),
        (6.0, "6 h"),
        (24.0, "1 day"),
        (36.0, "1.5 day"),
        (32.0, "32 h"),
        (1e-9, "1e-09 h"),
        (7.3, "7.3 h"),
    ],
)
def test_times_are_days_where_that_is_short(hours: float, text: str) -> None:
    assert time_text(hours) == text


def test_a_number_without_a_decimal_spelling_is_refused() -> None:
    with pytest.raises(InputError, match=r"^block.efficacy: Fraction\(1, 3\); a number from 0 to 1"):
        entry_of(Block("mif", Fraction(1, 3), 0.0, 1.0))  # type: ignore[arg-type]


# --- a protocol -------------------------------------------------------------------------------------------------------


def test_a_protocol_reads_back() -> None:
    done = tuple(ODD.values())
    assert read_protocol(protocol_text(done), "here") == done
    assert read_protocol("[]", "here") == ()
    assert protocol_text(()) == "[]"


LIST = 'a list in brackets such as \'[{ do = "resect_primary"'


@pytest.mark.parametrize(
    ("text", "where", "found", "allowed"),
    [
        ("", "here", "''", LIST),
        ('{ do = "block" }', "here", "'{ do = \"block\" }'", LIST),
        ("[", "here: line 1", "Invalid value", "valid TOML"),
        ("[]\nother = 1", "here", "'other' after it", "nothing else"),
        ("[]\n[value2]", "here", "'value2' after it", "nothing else"),
        ("[3]", "here[0]", "3 is not a table", "a table such as"),
        (f"[{entry_text(MIF)}, {{ do = 'blok' }}]", "here[1].do", "'blok'", "did you mean block?"),
        ("[" * 5000, "here", "brackets within brackets", "valid TOML"),
        (f"[{'9' * 5000}]", "here", "Exceeds the limit", "valid TOML"),
    ],
)
def test_a_text_that_is_no_protocol_is_one_line(text: str, where: str, found: str, allowed: str) -> None:
    with pytest.raises(InputError) as caught:
        read_protocol(text, "here")
    assert caught.value.where == where
    assert found in caught.value.found
    assert allowed in caught.value.allowed
    assert len(str(caught.value)) < 300


def test_one_entry_is_no_list() -> None:
    with pytest.raises(InputError, match="one table in braces"):
        read_entry("[]", "--add")


def test_a_file_holds_a_protocol(tmp_path: Path) -> None:
    file = tmp_path / "edit.toml"
    file.write_text(f"# why\nprotocol = [\n  {entry_text(MIF)},\n]\n", encoding="utf-8")
    assert load_protocol(file, "--protocol") == (MIF,)
    for text, where, found in (
        ("protocol = 3", f"--protocol {file}: protocol", "3 is not a list"),
        ("protocl = []", f"--protocol {file}: protocl", "unknown key"),
        ("", f"--protocol {file}: protocol", "missing"),
        ("protocol = [{}]", f"--protocol {file}: protocol[0].do", "missing"),
        ("protocol = [", f"--protocol {file}: line 1", "Invalid value"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(InputError) as caught:
            load_protocol(file, "--protocol")
        assert (caught.value.where, found in caught.value.found) == (where, True), str(caught.value)
    with pytest.raises(InputError, match=r"^--protocol .*no.toml: No such file"):
        load_protocol(tmp_path / "no.toml", "--protocol")


# --- a scenario -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ids())
def test_every_scenario_reads_back(name: str) -> None:
    there = load(name)
    text = toml_of(there)
    back = parse(text, "copy.toml")
    assert back.canonical() == there.canonical()
    assert back.sha256 == there.sha256
    assert (back.title, back.question, back.arms) == (there.title, there.question, there.arms)
    assert back.parameters == there.parameters  # sources and places, too, which no hash covers
    assert toml_of(back) == text


def test_odd_experiments_read_back() -> None:
    odd = load(EDUCATION).with_(
        section=(700.0 + THIRD, 2.0 * (700.0 + THIRD), (700.0 + THIRD) / 4), step=0.1, record=0.3
    )
    odd = dataclasses.replace(
        odd,
        duration=60000.0,
        title='Say "no" \\ to\nlines',
        schedule=("TgfbRelease", "DormancyExit"),
        arms={name: dataclasses.replace(arm, note="") for name, arm in odd.arms.items()},
    )
    for one in ODD.values():
        odd = with_protocol(odd, "pbs", [one] if one.verb != "resect_primary" else [GrowPrimary("llc", 1, 1e6), one],
                            until=4e5)  # fmt: skip
    back = parse(odd.text, "odd.toml")
    assert back.canonical() == odd.canonical()
    assert (back.title, back.arms) == (odd.title, odd.arms)


@pytest.mark.parametrize("schedule", ["no_stage3", ("TgfbRelease",)])
def test_a_schedule_is_written_by_its_name_or_as_a_list(schedule: str | tuple[str, ...]) -> None:
    other = load(EDUCATION).with_(schedule=schedule)
    assert parse(toml_of(other), "x.toml").schedule == schedule


def test_one_intervention_is_one_line() -> None:
    arm = load(EDUCATION).arms["anti_mif"]
    lines = toml_of(load(EDUCATION)).splitlines()
    start = lines.index("[arms.anti_mif]")
    assert lines[start + 2] == "protocol = ["
    assert lines[start + 3 : start + 7] == [*(f"    {entry_text(i)}," for i in arm.protocol.interventions), "]"]


def test_a_run_too_short_for_its_arms_cannot_be_written() -> None:
    with pytest.raises(InputError, match=r"^arms.pbs \(inject_tumour_cells\): begins on day 21; the run ends on day 20"):
        toml_of(load(EDUCATION).with_(duration=480.0))


# --- an edited arm ----------------------------------------------------------------------------------------------------


def edited(interventions: tuple[Intervention, ...] = (MIF,), **how: object) -> Scenario:
    return with_protocol(load(EDUCATION), "educated", interventions, **how)  # type: ignore[arg-type]


def test_an_edited_arm_stands_beside_the_others() -> None:
    before, after = load(EDUCATION), edited()
    assert list(after.arms) == [*before.arms, "educated_edited"]
    assert after.arms["educated_edited"].protocol.interventions == (MIF,)
    assert after.arms["educated_edited"].note == "As educated, edited."
    assert {name: after.arms[name] for name in before.arms} == before.arms
    assert (after.id, after.path, after.default_arm) == (before.id, before.path, before.default_arm)
    assert parse(after.text, "x.toml").sha256 == after.sha256 != before.sha256
    named = edited(name="mine", note="Why not?")
    assert (list(named.arms)[-1], named.arms["mine"].note) == ("mine", "Why not?")
    assert 'note = "Why not?"' in named.text


def test_edited_again_it_has_a_name_of_its_own() -> None:
    twice = with_protocol(edited(), "educated", ())
    assert list(twice.arms)[-2:] == ["educated_edited", "educated_edited_2"]
    assert list(with_protocol(twice, "educated", ()).arms)[-1] == "educated_edited_3"


def test_the_hash_does_not_depend_on_how_a_number_was_given() -> None:
    ints = InjectExosomes("pdac", (0, 48), amount_ug=5)
    floats = InjectExosomes("pdac", (np.float64(-0.0), 48.0), amount_ug=5.0)
    assert edited((ints,)).sha256 == edited((floats,)).sha256 == parse(edited((ints,)).text, "x.toml").sha256


def test_until_makes_room_for_what_comes_late() -> None:
    late = Block("mif", 0.5, 45 * 24.0, 50 * 24.0)
    assert edited((late,), until=1200.25).duration == 1201.0  # whole steps of an hour
    assert edited(until=24.0).duration == load(EDUCATION).duration
    with pytest.raises(InputError, match=r"^--add \(block\): begins on day 45; the run ends on day 42"):
        edited((late,), where="--add")


@pytest.mark.parametrize(
    ("interventions", "how", "message"),
    [
        ((MIF, MIF), {}, r"^protocol: block:mif:0.0:504.0 is there twice"),
        ((ResectPrimary(3.0),), {"where": "--protocol"}, r"^--protocol: resect_primary at 0.125 day finds no primary"),
        ((MIF,), {"name": "Mine!"}, r"^name: 'Mine!' as a name; small letters"),
        ((MIF,), {"name": "pbs"}, r"^name: 'pbs' is there already"),
    ],
)
def test_what_cannot_be_an_arm_is_refused(
    interventions: tuple[Intervention, ...], how: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        edited(interventions, **how)


def test_of_no_arm() -> None:
    with pytest.raises(InputError, match=r"^arm: 'educatd'; did you mean educated\?"):
        with_protocol(load(EDUCATION), "educatd", ())


def test_a_run_of_it_can_be_made_again_from_its_provenance(tmp_path: Path) -> None:
    """Even of a scenario that cites sources of its own, which stand in a file beside it, gone since."""
    folder = tmp_path / "mine"
    folder.mkdir()
    file = folder / "scenario.toml"
    change = '[parameters]\n"tgfb.half_life" = { value = "9 min", source = "Me2024", where = "here" }\n[section]'
    file.write_text(load(EDUCATION).text.replace("[section]", change), encoding="utf-8")
    (folder / "sources.bib").write_text("@misc{Me2024,\n  author = {Me},\n}\n", encoding="utf-8")
    thresholds = load(EDUCATION).path.with_name("thresholds.toml").read_text(encoding="utf-8")
    (folder / "thresholds.toml").write_text(thresholds, encoding="utf-8")
    model = Simulation(with_protocol(load(file), "educated", (MIF,)), "educated_edited", rng=4)
    assert model.stages.thresholds
    provenance = provenance_of(model)
    for part in folder.iterdir():
        part.unlink()
    again = provenance_of(model_like(provenance, "here"))
    assert again == provenance
