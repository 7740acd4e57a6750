"""Scenarios: what ships is valid and fitted only to what may be, what is wrong is refused in one line."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import pytest

from niche_sim.engine.errors import InputError
from niche_sim.experiment.protocol import Boost, Protocol, Treat
from niche_sim.experiment.scenario import Scenario, bibliography, catalogue, library, load, parse, sources
from niche_sim.experiment.scenario_file import Extent, ParameterChange
from niche_sim.experiment.targets import GRADES, USES
from niche_sim.model.catalogue import (
    BLOCK_TARGETS,
    BMDC_KINDS,
    DEPLETABLE,
    ORGANS,
    SCHEDULE_NAMES,
    STAGE_NAMES,
    Blocked,
)
from niche_sim.model.cells import POPULATIONS
from niche_sim.model.schedule import SCHEDULES
from niche_sim.model.stages import STAGES
from niche_sim.runs.expectation.readouts import KNOWN

EDUCATION = "liver_education_costasilva2015"
GROWING = "liver_growing_primary"
IDS = tuple(entry.id for entry in catalogue())
# The only targets that numbers may be fitted to: the funnel of arriving cells, the state on day 10 and the shares of mice
# with metastases after KCKO cells, and the order of the stages. All others validate, met or not.
FIT = {
    "liver_funnel_luzzi1998": {"arrested", "extravasated", "started", "dormant", "persisting"},
    "liver_day10_kcko": {
        "day10_myeloid_cells_up", "day10_ccl2_up", "day10_s100a8_up", "day10_lox_up", "day10_vegf_up",
        "day10_no_metastasis", "seen_after_10_days", "seen_after_15_days",
    },
    GROWING: {"day10_myeloid_cells_up", "day10_ccl2_up", "day10_no_metastasis"},
    # Numbers of the register were set so that the controls and knock-downs of these papers come out.
    EDUCATION: {
        "priming_before_licensing", "licensing_before_recruitment", "normal_exosomes_leave_fibronectin",
        "normal_exosomes_leave_macrophages", "normal_exosomes_leave_burden", "anti_mif_lowers_fibronectin",
        "anti_mif_lowers_macrophages", "anti_mif_lowers_burden", "tgfb_inhibitor_lowers_fibronectin",
        "tgfb_inhibitor_lowers_macrophages", "fibronectin_knockout_lowers_macrophages", "integrin_knockdown_lowers_uptake",
        "integrin_knockdown_lowers_burden", "retained_after_a_day", "visible_foci",
    },
    "liver_organotropism_hoshino2015": {
        "matched_are_taken_up", "matched_raise_burden", "integrin_knockdown_lowers_s100a8", "integrin_knockdown_lowers_burden",
    },
    "lung_organotropism_hoshino2015": {
        "matched_are_taken_up", "matched_raise_s100a8", "integrin_knockdown_lowers_uptake", "integrin_knockdown_lowers_burden",
    },
    "brain_organotropism_hoshino2015": {
        "matched_are_taken_up", "matched_load_recipient_cells", "matched_make_vessels_leaky",
    },
    "lung_bmdc_kaplan2005": {"clusters_before_tumour_cells"},
    # A number of the model was set to this finding: how much microRNA makes the lung leak, the cut of the marker.
    "lung_marrow_peinado2012": {"exosomes_make_vessels_leaky"},
    "liver_biomarker_yang2017": {"false_positives"},
    # To validate when they were frozen. The model missed them, a number or a rule was changed, and they count no more.
    "liver_dormancy_correia2021": {"active_stellate_quiet_nk"},
    "liver_timp1_seubert2015": {"timp1_brings_neutrophils"},
    "liver_reversion_iredale1998": {"stellate_cells_revert", "collagen_reverts"},
    "liver_steatosis_wang2023": {"no_kupffer_lowers_fat"},
}  # fmt: skip
SHARED = {"KCKO299"}  # one finding that two scenarios compare with, in arms of other names

SCENARIO = """\
title = "A small experiment"
question = "What follows?"
organ = "liver"
schedule = "default"
[section]
width = "2 mm"
height = "1 mm"
spacing = "20 um"
[run]
duration = "42 day"
step = "1 h"
[parameters]
"tgfb.half_life" = { value = "10 min", source = "Wakefield1990", where = "recalled" }
[arms.control]
protocol = [ { do = "inject_tumour_cells", line = "pan02", count = 500000, at = "21 day" } ]
[arms.educated]
note = "educated"
like = "control"
add = [ { do = "inject_exosomes", source = "pdac", amount = "5 ug", every = "2 day", from = "0 day", to = "21 day" } ]
[arms.blocked]
like = "educated"
add = [ { do = "block", target = "mif", efficacy = 0.95, from = "0 day", to = "21 day" } ]
"""

TARGETS = """\
[[target]]
id = "more"
class = "D"
readout = "colonies"
arm = "educated"
against = "control"
at = "42 day"
expect = "more"
use = "validate"
source = "CostaSilva2015"
where = "abstract"
[[target]]
id = "funnel"
class = "Q"
readout = "tumour_arrived"
arm = "control"
at = "22 day"
value = 0.87
within = 1.1
use = "fit"
source = "Luzzi1998"
where = "recalled"
"""


def write(folder: Path, scenario: str = SCENARIO, targets: str | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "scenario.toml").write_text(scenario, encoding="utf-8")
    if targets is not None:
        (folder / "targets.toml").write_text(targets, encoding="utf-8")
    return folder / "scenario.toml"


def replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    return text.replace(old, new)


def check_message(error: InputError, where: str, found: str, allowed: str) -> None:
    message = str(error)
    assert "\n" not in message
    assert error.where == where
    assert found in error.found
    assert allowed in error.allowed
    assert message.startswith(f"{where}: ")


# --- What ships -------------------------------------------------------------------------------------------------------


def test_catalogue_lists_every_folder_that_ships() -> None:
    entries = catalogue()
    folders = sorted(file.parent.name for file in library().glob("*/scenario.toml"))
    assert [entry.id for entry in entries] == folders == list(IDS)
    for entry in entries:
        assert entry.title and entry.arms
        assert entry.id.startswith(f"{entry.organ}_")
    assert {entry.organ for entry in entries} == set(ORGANS)
    assert len({entry.title for entry in entries}) == len(entries)


@pytest.mark.parametrize("name", IDS)
def test_a_scenario_that_ships_is_whole(name: str) -> None:
    scenario = load(name, readouts=KNOWN)
    assert scenario.id == name
    assert scenario.question.endswith("?")
    assert len(scenario.arms) >= 1
    assert scenario.default_arm in scenario.arms
    assert (scenario.path.parent / "NOTE.md").read_text(encoding="utf-8").startswith("# ")
    assert scenario.targets
    for target in scenario.targets:
        assert target.grade in GRADES
        assert target.use in USES
        number = target.expect is None and target.value != 0.0
        assert not number or target.grade in ("Q", "S"), f"{target.id} is a number of which only a direction is known"


@pytest.mark.parametrize("name", IDS)
def test_what_a_scenario_cites_exists_and_says_what_it_is(name: str) -> None:
    scenario = load(name)
    fields = bibliography()
    own = scenario.path.with_name("sources.bib")
    fields |= bibliography(own) if own.is_file() else {}
    cited = {target.source for target in scenario.targets}
    cited |= {change.source for change in scenario.parameters.values()} - {"assumed"}
    for key in cited:
        assert {"title", "note"} <= set(fields[key]), f"{key} in sources.bib"


def test_what_ships_covers_the_literature() -> None:
    targets = [target for name in IDS for target in load(name).targets]
    assert len({target.source for target in targets}) >= 20
    assert len(targets) >= 45


@pytest.mark.parametrize("name", IDS)
def test_only_what_was_said_beforehand_is_fitted_to(name: str) -> None:
    found = {target.id for target in load(name).targets if target.use == "fit"}
    assert found == FIT.get(name, set()), f"{name}: what is to validate is not tuned to, before or after it is missed"


def test_no_finding_is_both_fitted_to_and_validated() -> None:
    """The same readout of the same paper at the same time, in whatever scenario, has one use."""
    uses: dict[tuple[object, ...], set[str]] = {}
    for name in IDS:
        scenario = load(name)
        for target in scenario.targets:
            finding = (scenario.organ, target.source, target.readout, target.against_readout, target.at, target.above)
            effect = (target.expect, target.value, target.arm if target.source not in SHARED else "")
            uses.setdefault((*finding, *effect), set()).add(target.use)
    assert [finding for finding, use in uses.items() if len(use) > 1] == []


def test_education_is_eleven_doses_and_one_challenge() -> None:
    scenario = load(EDUCATION)
    assert scenario.section == Extent(2000.0, 2000.0, 20.0)
    assert (scenario.duration, scenario.step, scenario.record) == (1008.0, 1.0, 6.0)
    assert scenario.default_arm == "educated"
    for name, arm in scenario.arms.items():
        assert [(c.line, c.count, c.at) for c in arm.protocol.tumour_challenges] == [("pan02", 500000, 504.0)]
        doses = arm.protocol.doses
        assert [dose.at for dose in doses] == ([] if name == "pbs" else [48.0 * n for n in range(11)])
        assert {dose.source for dose in doses} <= {"normal_pancreas" if name == "normal_exosomes" else "pdac"}
        assert {(dose.amount_ug, dose.vesicles) for dose in doses} <= {(5.0, None)}
    blocked = {name: [b.target for b in arm.protocol.blocks] for name, arm in scenario.arms.items()}
    assert {name: targets for name, targets in blocked.items() if targets} == {
        "anti_mif": ["mif"],
        "tgfb_inhibitor": ["tgfb_receptor"],
        "fibronectin_knockout": ["fibronectin"],
        "integrin_knockdown": ["integrin_avb5"],
    }


def test_growing_primary_is_resected_in_one_arm_only() -> None:
    arms = load(GROWING).arms
    assert arms["no_primary"].protocol == Protocol()
    (primary,) = arms["primary"].protocol.primaries
    assert (primary.law, primary.doubling, primary.sheds_cells) == ("gompertz", 60.0, True)
    assert arms["primary"].protocol.resections == ()
    assert arms["resected"].protocol.primaries == (primary,)
    assert [resection.at for resection in arms["resected"].protocol.resections] == [336.0]


def test_sources_are_complete_and_short() -> None:
    citations = sources()
    assert citations["CostaSilva2015"] == "Costa-Silva 2015, Nature Cell Biology"
    assert citations["Salmon2011"].startswith("Salmon 2011, SC '11")
    assert citations["KCKO299"] == "KCKO abstract 299, Journal of Clinical Oncology"
    text = (library() / "sources.bib").read_text(encoding="utf-8")
    assert text.count("\n  title ") == text.count("\n  note ") == len(citations)


def test_names_that_are_known_without_the_rules_are_those_of_the_rules() -> None:
    assert tuple(SCHEDULES) == SCHEDULE_NAMES
    assert tuple(stage.name for stage in STAGES) == STAGE_NAMES


def test_names_of_the_vocabulary_are_those_of_agents_and_state() -> None:
    assert set(DEPLETABLE) <= {kind.population for kind in POPULATIONS} | set(BMDC_KINDS)
    assert set(BLOCK_TARGETS) == {entry.name for entry in dataclasses.fields(Blocked)}


# --- Loading ----------------------------------------------------------------------------------------------------------


def test_id_folder_and_file_are_the_same_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "mine", targets=TARGETS)
    assert load(file) == load(str(file)) == dataclasses.replace(load(file.parent), path=file)
    assert load(file).id == "mine"
    by_id = load(EDUCATION)
    assert load(by_id.path) == by_id
    # A folder of that name in the working directory does not hide the one that ships.
    write(tmp_path / EDUCATION)
    monkeypatch.chdir(tmp_path)
    assert load(EDUCATION) == by_id


def test_content_of_a_small_scenario(tmp_path: Path) -> None:
    scenario = load(write(tmp_path / "mine", targets=TARGETS), readouts={"colonies", "tumour_arrived"})
    assert scenario.section == Extent(2000.0, 1000.0, 20.0)
    assert scenario.record == 6.0
    assert scenario.text == SCENARIO
    assert scenario.parameters["tgfb.half_life"] == ParameterChange("10 min", "Wakefield1990", "recalled")
    assert scenario.arms["educated"].note == "educated"
    blocked = scenario.arms["blocked"].protocol.interventions
    assert [i.verb for i in blocked] == ["inject_tumour_cells", "inject_exosomes", "block"]
    assert blocked[:2] == scenario.arms["educated"].protocol.interventions
    more, funnel = scenario.targets
    assert (more.expect, more.against, more.at, more.value) == ("more", "control", 1008.0, None)
    assert (funnel.expect, funnel.against, funnel.value, funnel.within) == (None, None, 0.87, 1.1)
    assert pickle.loads(pickle.dumps(scenario)) == scenario


def test_order_of_arms_in_the_file_does_not_matter(tmp_path: Path) -> None:
    head, control, educated, blocked = SCENARIO.partition("[arms.control]")[0], *SCENARIO.split("[arms.")[1:]
    backwards = head + "".join(f"[arms.{arm}" for arm in (blocked, educated, control))
    assert list(load(write(tmp_path / "b", backwards)).arms) == ["blocked", "educated", "control"]
    assert load(write(tmp_path / "b", backwards)).sha256 == load(write(tmp_path / "a")).sha256


def test_a_plain_number_is_a_parameter_without_unit(tmp_path: Path) -> None:
    text = replaced(SCENARIO, 'value = "10 min"', "value = 0.5")
    assert load(write(tmp_path / "mine", text)).parameters["tgfb.half_life"].text == "0.5"


def test_a_scenario_may_bring_its_own_sources(tmp_path: Path) -> None:
    text = replaced(SCENARIO, "Wakefield1990", "Mine2024")
    file = write(tmp_path / "mine", text)
    with pytest.raises(InputError, match="Mine2024"):
        load(file)
    (tmp_path / "mine" / "sources.bib").write_text("@misc{Mine2024,\n  author = {Me},\n}\n", encoding="utf-8")
    assert load(file).parameters["tgfb.half_life"].source == "Mine2024"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title =", "# a comment\ntitle ="),
        ('"A small experiment"', '"Another title"'),
        ("500000", "5e5"),
        ('"42 day"', '"6 week"'),
        ('note = "educated"\n', ""),
        ('where = "recalled"', 'where = "abstract"'),
    ],
)
def test_hash_does_not_depend_on_spelling(tmp_path: Path, old: str, new: str) -> None:
    changed = load(write(tmp_path / "b", replaced(SCENARIO, old, new)))
    assert changed.sha256 == load(write(tmp_path / "a")).sha256


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.95", "0.9"),
        ("500000", "500001"),
        ('"10 min"', '"11 min"'),
        ('"1 mm"', '"1.02 mm"'),
        ('step = "1 h"', 'step = "2 h"'),
        ('schedule = "default"', 'schedule = ["Uptake"]'),
        ("[arms.blocked]", "[arms.other]"),
    ],
)
def test_hash_depends_on_what_is_simulated(tmp_path: Path, old: str, new: str) -> None:
    changed = load(write(tmp_path / "b", replaced(SCENARIO, old, new)))
    assert changed.sha256 != load(write(tmp_path / "a")).sha256


def test_hash_takes_1_and_1_point_0_for_the_same(tmp_path: Path) -> None:
    whole, point = (load(write(tmp_path / text, replaced(SCENARIO, "0.95", text))) for text in ("1", "1.0"))
    assert whole.sha256 == point.sha256


def test_with_changes_size_and_hash_and_nothing_else(tmp_path: Path) -> None:
    scenario = load(write(tmp_path / "mine"))
    other = scenario.with_(duration=240.0, record=12.0, section=(400.0, 600.0, 10.0))
    assert (other.duration, other.step, other.record) == (240.0, 1.0, 12.0)
    assert other.section == Extent(400.0, 600.0, 10.0)
    assert other.arms == scenario.arms
    assert other.sha256 != scenario.sha256
    assert scenario.with_() == scenario


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"section": (405.0, 600.0, 10.0)}, "section.width"),
        ({"section": (400.0, 10.0, 10.0)}, "section.height"),
        ({"section": (400.0, 400.0, -10.0)}, "section.spacing"),
        ({"section": (float("nan"), 400.0, 10.0)}, "section.width"),
        ({"duration": 0.0}, "run.duration"),
        ({"duration": 10.5}, "run.duration"),
        ({"step": float("inf")}, "run.step"),
        ({"step": 4.0}, "run.record"),
        ({"record": 0.5}, "run.record"),
    ],
)
def test_with_refuses_sizes_that_do_not_fit(tmp_path: Path, changes: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as caught:
        load(write(tmp_path / "mine")).with_(**changes)
    assert caught.value.where == where


def test_default_arm_is_educated_or_else_the_first() -> None:
    assert load(GROWING).default_arm == "no_primary"
    assert load(EDUCATION).default_arm == "educated"


def test_unknown_arm_names_the_near_one() -> None:
    scenario: Scenario = load(EDUCATION)
    assert scenario.arm("pbs").name == "pbs"
    with pytest.raises(InputError) as caught:
        scenario.arm("educatd", where="--arm")
    check_message(caught.value, "--arm", "'educatd'", "did you mean educated? allowed are pbs, normal_exosomes")


@pytest.mark.parametrize("asked", ["no/such/scenario.toml", "no/such/folder"])
def test_a_path_that_leads_nowhere(asked: str) -> None:
    with pytest.raises(InputError) as caught:
        load(asked)
    check_message(caught.value, asked, "not found", "a TOML file, the folder of a scenario.toml, or an id is needed")


def test_an_unknown_scenario_offers_the_nearest() -> None:
    with pytest.raises(InputError, match="'liver_education_costasilva'; did you mean liver_education_costasilva2015\\? "):
        load("liver_education_costasilva")


# --- What is wrong in scenario.toml -----------------------------------------------------------------------------------

CHALLENGE = '{ do = "inject_tumour_cells", line = "pan02", count = 500000, at = "21 day" }'
DOSES = 'every = "2 day", from = "0 day", to = "21 day"'
BLOCK = '{ do = "block", target = "mif", efficacy = 0.95, from = "0 day", to = "21 day" }'
FIRST = "arms.control.protocol[0]"
ADDED = "arms.educated.add[0]"
BLOCKED = "arms.blocked.add[0]"

BAD = {
    "malformed": ("step = ", "step ", "line 11", "Expected '='", "valid TOML"),
    "unfinished": (BLOCK + " ]", BLOCK, "line 22", "Unclosed array", "valid TOML"),
    "unknown key": ("title =", "titel =", "titel", "unknown key", "did you mean title? allowed are title, question"),
    "unknown key in a table": ("width =", "widht =", "section.widht", "unknown key", "did you mean width?"),
    "missing key": ('question = "What follows?"\n', "", "question", "missing", "needed are title, question"),
    "missing key in a table": ('duration = "42 day"\n', "", "run.duration", "missing", "needed are duration, step"),
    "text expected": ('"A small experiment"', "7", "title", "7", "text in quotes"),
    "table expected": ("[section]", "section = 3\n[sectio]", "sectio", "unknown key", "did you mean section?"),
    "arms is a list": (
        "[arms.control]\nprotocol",
        "[[arms.control]]\nprotocol",
        "arms.control",
        "not a table",
        "a table",
    ),
    "organ": ('"liver"', '"kidney"', "organ", "'kidney'", "allowed are liver"),
    "schedule by a name": (
        '"default"',
        '"additiv"',
        "schedule",
        "'additiv'",
        "did you mean additive? allowed are default",
    ),
    "schedule": ('schedule = "default"', "schedule = []", "schedule", "[]", "'default' or a list"),
    "schedule twice": ('schedule = "default"', 'schedule = ["A", "B", "A"]', "schedule", "'A' is there twice", "once"),
    "dimension of a length": ('"2 mm"', '"2 h"', "section.width", "'2 h' is a time", "a length"),
    "no unit": ('"1 mm"', "1000", "section.height", "'1000' is a plain number", "a length"),
    "not a multiple": ('"20 um"', '"30 um"', "section.width", "2000 um", "a multiple (2 or more) of the spacing, 30 um"),
    "negative step": ('step = "1 h"', 'step = "-1 h"', "run.step", "-1 h", "more than 0 h"),
    "step and duration": ('step = "1 h"', 'step = "5 h"', "run.duration", "1008 h", "of the step, 5 h"),
    "unquoted parameter": (
        '"tgfb.half_life"',
        "tgfb.half_life",
        "parameters.tgfb",
        "table of tables",
        '"tgfb.half_life"',
    ),
    "source of a parameter": (
        "Wakefield1990",
        "Wakefeld1990",
        "parameters.tgfb.half_life.source",
        "'Wakefeld1990'",
        "did you mean Wakefield1990?",
    ),
    "no value of a parameter": ('"10 min"', '" "', "parameters.tgfb.half_life.value", "' '", "text in quotes, not empty"),
    "value of a parameter": ('"10 min"', "nan", "parameters.tgfb.half_life.value", "nan", "a finite number"),
    "name of an arm": ("[arms.control]", "[arms.Control-1]", "arms.Control-1", "'Control-1'", "small letters"),
    "unknown like": ('"control"', '"contrl"', "arms.educated.like", "'contrl'", "did you mean control?"),
    "like in a circle": (
        '"control"',
        '"blocked"',
        "arms.educated.like",
        "educated -> blocked -> educated goes",
        "an arm with 'protocol'",
    ),
    "like itself": (
        '"control"',
        '"educated"',
        "arms.educated.like",
        "'educated'",
        "allowed are control",
    ),
    "like and protocol": (
        'note = "educated"',
        "protocol = []",
        "arms.educated.like",
        "beside 'protocol'",
        "'like' and 'add'",
    ),
    "add without like": ('like = "control"\n', "", "arms.educated.like", "missing", "like, add"),
    "protocol is no list": (
        f"protocol = [ {CHALLENGE} ]",
        f"protocol = {CHALLENGE}",
        "arms.control.protocol",
        "not a list",
        "a list",
    ),
    "entry is no table": (CHALLENGE, '"pan02"', FIRST, "'pan02' is not a table", "a table"),
    "no verb": ('do = "inject_tumour_cells", ', "", f"{FIRST}.do", "missing", "inject_exosomes, grow_primary"),
    "unknown verb": ('"block"', '"blok"', f"{BLOCKED}.do", "'blok'", "did you mean block?"),
    "verb of a later version": (
        '"block"',
        '"vaccinate"',
        f"{BLOCKED}.do",
        "'vaccinate'",
        "inject_exosomes, grow_primary, resect_primary, inject_tumour_cells, block, deplete, boost, treat",
    ),
    "unknown target": (
        '"mif"',
        '"miff"',
        f"{BLOCKED}.target",
        "'miff'",
        f"did you mean mif? allowed are {', '.join(BLOCK_TARGETS[:2])}",  # how many more depends on the room that the path leaves
    ),
    "unknown line": (
        '"pan02"',
        '"panc02"',
        f"{FIRST}.line",
        "'panc02'",
        "did you mean pan02? allowed are pan02, b16f1",
    ),
    "unknown source": (
        '"pdac"',
        '"liposomes"',
        f"{ADDED}.source",
        "'liposomes'",
        "did you mean liposome? allowed are pdac",
    ),
    "unknown key of a verb": ("count =", "cout =", f"{FIRST}.cout", "unknown key", "did you mean count?"),
    "missing key of a verb": (', at = "21 day" }', " }", f"{FIRST}.at", "missing", "needed are do, line, count, at"),
    "efficacy too high": ("0.95", "95", f"{BLOCKED}.efficacy", "95", "a number from 0 to 1"),
    "efficacy negative": ("0.95", "-0.1", f"{BLOCKED}.efficacy", "-0.1", "a number from 0 to 1"),
    "efficacy nan": ("0.95", "nan", f"{BLOCKED}.efficacy", "nan", "a number from 0 to 1"),
    "efficacy true": ("0.95", "true", f"{BLOCKED}.efficacy", "True", "a number from 0 to 1"),
    "efficacy text": ("0.95", '"0.95"', f"{BLOCKED}.efficacy", "'0.95'", "a number from 0 to 1"),
    "window backwards": (
        BLOCK,
        BLOCK.replace('"0 day"', '"22 day"'),
        f"{BLOCKED}.to",
        "21 day",
        "later than from, 22 day",
    ),
    "window empty": (BLOCK, BLOCK.replace('"0 day"', '"504 h"'), f"{BLOCKED}.to", "21 day", "later than from, 21 day"),
    "negative count": ("500000", "-5", f"{FIRST}.count", "-5", "a whole number from 0 to 1e+10"),
    "infinite count": ("500000", "inf", f"{FIRST}.count", "inf", "a whole number from 0 to 1e+10"),
    "count too large for a number": ("500000", "9" * 400, f"{FIRST}.count", "more than 64 bits", "less than"),
    "half a cell": ("500000", "0.5", f"{FIRST}.count", "0.5", "a whole number"),
    "time without unit": (CHALLENGE, CHALLENGE.replace('"21 day"', "21"), f"{FIRST}.at", "plain number", "a time"),
    "negative time": (CHALLENGE, CHALLENGE.replace('"21 day"', '"-1 day"'), f"{FIRST}.at", "'-1 day'", "a time from 0 on"),
    "after the end": (
        CHALLENGE,
        CHALLENGE.replace('"21 day"', '"210 day"'),
        FIRST,
        "day 210",
        "the run ends on day 42",
    ),
    "dose after the end": (DOSES, DOSES.replace("21", "50"), ADDED, "day 48", "the run ends on day 42"),
    "nan time": (
        CHALLENGE,
        CHALLENGE.replace('"21 day"', '"nan day"'),
        f"{FIRST}.at",
        "not a finite number",
        "such as",
    ),
    "amount of another dimension": ('"5 ug"', '"5 um"', f"{ADDED}.amount", "'5 um'", "'5 ug' or '1e10 vesicle'"),
    "amount without unit": ('"5 ug"', "5", f"{ADDED}.amount", "5", "'5 ug' or '1e10 vesicle'"),
    "negative amount": ('"5 ug"', '"-5 ug"', f"{ADDED}.amount", "-5", "a mass from 0 on, up to"),
    "doses never": (", " + DOSES, "", ADDED, "no time is given", "'at', or 'every', 'from' and 'to'"),
    "doses twice timed": (DOSES, 'at = "1 day", ' + DOSES, f"{ADDED}.every", "unknown key", "do, source, amount, at"),
    "doses without end": (DOSES, 'every = "2 day", from = "0 day"', f"{ADDED}.to", "missing", "every, from, to"),
    "doses every 0": (DOSES, DOSES.replace("2 day", "0 day", 1), f"{ADDED}.every", "'0 day'", "a time above 0"),
    "doses every second": (
        DOSES,
        DOSES.replace("2 day", "1 s", 1),
        f"{ADDED}.every",
        "1,814,400 doses",
        "at most 8,760",
    ),
    "doses from below 0": (DOSES, DOSES.replace("0 day", "-2 day"), f"{ADDED}.from", "'-2 day'", "a time from 0 on"),
    "same event twice": (
        CHALLENGE,
        f"{CHALLENGE}, {CHALLENGE}",
        "arms.control",
        "inject_tumour_cells:pan02:504.0 is there twice",
        "once",
    ),
    "resected without a primary": (
        BLOCK,
        '{ do = "resect_primary", at = "3 day" }',
        "arms.blocked",
        "resect_primary at 3 day",
        "grow_primary",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_scenario_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    old, new, key, found, allowed = BAD[name]
    file = write(tmp_path / "mine", replaced(SCENARIO, old, new))
    with pytest.raises(InputError) as caught:
        load(file)
    check_message(caught.value, f"{file}: {key}", found, allowed)


@pytest.mark.parametrize("name", BAD)
def test_bad_text_is_refused_as_a_bad_file_is(tmp_path: Path, name: str) -> None:
    text = replaced(SCENARIO, *BAD[name][:2])
    file = write(tmp_path / "mine", text)
    with pytest.raises(InputError) as of_file:
        load(file)
    with pytest.raises(InputError) as of_text:
        parse(text, "uploaded.toml")
    assert of_text.value.found == of_file.value.found
    assert of_text.value.allowed[:40] == of_file.value.allowed[:40]  # a longer place leaves less room for the rest
    assert of_text.value.where == of_file.value.where.replace(str(file), "uploaded.toml")


def test_text_is_the_same_scenario_as_a_file(tmp_path: Path) -> None:
    file = write(tmp_path / "mine", targets=TARGETS)
    there, text = load(file), parse(SCENARIO, "some/mine.toml")
    assert (there.on_disk, text.on_disk) == (True, False)
    given = {"id": "mine", "path": file, "targets": there.targets, "on_disk": True}
    assert dataclasses.replace(text, **given) == there


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("mine.toml", "mine"),
        ("mine/scenario.toml", "mine"),
        ("scenario.toml", "scenario"),
        ("a b;c.toml", "a_b_c"),
        ("../..", "scenario"),
        ("", "scenario"),
        ("Lunge_ü2.toml", "Lunge_ü2"),
    ],
)
def test_a_text_gets_an_id_that_can_name_a_folder(name: str, identity: str) -> None:
    assert parse(SCENARIO, name).id == identity
    assert parse(SCENARIO, name, "given").id == "given"


def test_text_may_cite_the_library_only_unless_it_was_checked_before() -> None:
    text = replaced(SCENARIO, "Wakefield1990", "Mine2024")
    with pytest.raises(InputError) as caught:
        parse(text, "x.toml")
    check_message(caught.value, "x.toml: parameters.tgfb.half_life.source", "'Mine2024'", "a key of sources.bib")
    assert parse(text, "x.toml", check_sources=False).parameters["tgfb.half_life"].source == "Mine2024"


@pytest.mark.parametrize(
    ("text", "found"),
    [("a = " + "[" * 5000, "brackets within brackets"), ("a = " + "9" * 5000, "Exceeds the limit (4300 digits)")],
)
def test_text_that_no_reader_can_take_is_refused(text: str, found: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, "x.toml")
    check_message(caught.value, "x.toml", found, "valid TOML")


def test_a_schedule_may_be_named(tmp_path: Path) -> None:
    file = write(tmp_path / "mine", replaced(SCENARIO, '"default"', '"no_stage3"'))
    assert load(file).schedule == "no_stage3"


def test_no_arm_at_all(tmp_path: Path) -> None:
    file = write(tmp_path / "mine", SCENARIO.partition("[arms.control]")[0] + "[arms]\n")
    with pytest.raises(InputError) as caught:
        load(file)
    check_message(caught.value, f"{file}: arms", "no arm", "at least one arm")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = write(tmp_path / "mine")
    file.write_bytes(b'title = "\xff"')
    with pytest.raises(InputError) as caught:
        load(file)
    check_message(caught.value, str(file), "byte 9 is not UTF-8", "text in UTF-8")


def test_boost_and_treatment_in_a_scenario(tmp_path: Path) -> None:
    boost = 'do = "boost", target = "timp1", factor = 10, from = "0 day", to = "21 day"'
    drug = 'do = "treat", drug = "anti_pd1", dose = 2, every = "3 day", from = "1 day", to = "8 day"'
    file = write(tmp_path / "mine", replaced(SCENARIO, BLOCK, f"{{ {boost} }}, {{ {drug} }}"))
    arm = load(file).arms["blocked"].protocol
    assert arm.boosts == (Boost("timp1", 10.0, 0.0, 504.0),)
    assert arm.treatments == (Treat("anti_pd1", 2.0, (24.0, 96.0, 168.0)),)
    other = write(tmp_path / "other", file.read_text(encoding="utf-8").replace("dose = 2,", "dose = 2.5,"))
    assert load(other).sha256 != load(file).sha256
    late = write(tmp_path / "late", file.read_text(encoding="utf-8").replace('to = "8 day"', 'to = "50 day"'))
    with pytest.raises(InputError) as caught:
        load(late)
    check_message(caught.value, f"{late}: arms.blocked.add[1]", "day 49", "the run ends on day 42")


# --- What is wrong in targets.toml and sources.bib --------------------------------------------------------------------

BAD_TARGETS = {
    "malformed": ('"more"\nclass', '"more\nclass', "line 2", "Illegal character", "valid TOML"),
    "unknown table": (
        '[[target]]\nid = "funnel"',
        '[[traget]]\nid = "funnel"',
        "traget",
        "unknown key",
        "did you mean target?",
    ),
    "unknown readout": ('"colonies"', '"colonys"', "target[0].readout", "'colonys'", "did you mean colonies?"),
    "unknown arm": ('"educated"', '"educatd"', "target[0].arm", "'educatd'", "did you mean educated?"),
    "unknown against": (
        'against = "control"',
        'against = "pbs"',
        "target[0].against",
        "'pbs'",
        "control, educated, blocked",
    ),
    "against itself": (
        'against = "control"',
        'against = "educated"',
        "target[0].against",
        "the arm itself",
        "another arm",
    ),
    "without against": ('against = "control"\n', "", "target[0].against", "missing", "needed are id"),
    "after the run": ('"42 day"', '"43 day"', "target[0].at", "43 day", "0 to 42 day"),
    "expect": ('expect = "more"', 'expect = "higher"', "target[0].expect", "'higher'", "less, more, same"),
    "use": ('"validate"', '"both"', "target[0].use", "'both'", "fit, validate"),
    "source": ('"Luzzi1998"', '"Luzi1998"', "target[1].source", "'Luzi1998'", "did you mean Luzzi1998"),
    "same id": ('"funnel"', '"more"', "target[1].id", "'more' is there twice", "once"),
    "value and expect": ("value = 0.87", 'value = 0.87\nexpect = "more"', "target[1].expect", "unknown key", "value"),
    "value without tolerance": ("within = 1.1\n", "", "target[1]", "no 'spread' or 'within'", "one of them"),
    "two tolerances": (
        "within = 1.1",
        "within = 1.1\nspread = 0.1",
        "target[1]",
        "'spread' and 'within'",
        "one of them",
    ),
    "factor below 1": ("within = 1.1", "within = 0.9", "target[1].within", "0.9", "a finite number above 1"),
    "value nan": ("value = 0.87", "value = nan", "target[1].value", "nan", "a finite number"),
}


@pytest.mark.parametrize("name", BAD_TARGETS)
def test_bad_targets_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    old, new, key, found, allowed = BAD_TARGETS[name]
    file = write(tmp_path / "mine", targets=replaced(TARGETS, old, new)).with_name("targets.toml")
    with pytest.raises(InputError) as caught:
        load(file.parent, readouts={"colonies", "tumour_arrived"})
    check_message(caught.value, f"{file}: {key}", found, allowed)


@pytest.mark.parametrize(
    ("text", "key", "found"),
    [
        ("@article{A1,\n  year = {2001},\n}\n@article{A1,\n  year = {2002},\n}\n", "A1", "there twice"),
        ("@article{A1,\n  year = {2001},\n}\n@article{B2, year = {2002}}\n", "B2", "cannot be read"),
        ("@article{A1,\n  year = {2001},\n@article{B2,\n  year = {2002},\n}\n", "A1", "cannot be read"),
    ],
)
def test_bad_sources_are_refused(tmp_path: Path, text: str, key: str, found: str) -> None:
    file = tmp_path / "sources.bib"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        sources(file)
    assert caught.value.where == f"{file}: {key}"
    assert found in caught.value.found
