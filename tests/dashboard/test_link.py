"""A visitor's choice as a link, a command line and a TOML: round trips, refusals, and that it is the same mouse."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from niche_sim.cli import main
from niche_sim.dashboard import limits
from niche_sim.dashboard.link import Setup
from niche_sim.engine.errors import InputError
from niche_sim.experiment.protocol import Block, InjectExosomes, Treat
from niche_sim.experiment.scenario import library, load
from niche_sim.experiment.scenario_file import ParameterChange
from niche_sim.runs.record import Record, Runner, load_record

EDUCATION = "liver_education_costasilva2015"
GROWING = "liver_growing_primary"
MIF = '{ do = "block", target = "mif", efficacy = 0.95, from = "0 day", to = "21 day" }'
EARLY = InjectExosomes("pdac", (0.0, 7.0, 30.0), amount_ug=20.0)  # no even series
SIZE = (("section.width", "0.6 mm"), ("section.height", "0.6 mm"), ("run.duration", "2 day"))

SETUPS = {
    "nothing chosen": Setup(),
    "scenario": Setup(GROWING),
    "arm": Setup(GROWING, "resected"),
    "the default arm by its name": Setup(arm="educated"),
    "seed": Setup(seed=2**64 - 1),
    "rules": Setup(without=("TgfbRelease", "DormancyExit"), overrides=(("schedule", "additive"),)),
    "day": Setup(day=12.25),
    "the first hour": Setup(day=0.0),
    "a third of a day": Setup(day=1 / 3),
    "nothing done": Setup(protocol=()),
    "protocol": Setup(GROWING, "primary", 7, SIZE, ("DormancyExit",), day=1.5).with_interventions(
        (EARLY, Block("mif", 1 / 3, 1 / 3, 30.0), Treat("anti_pd1", 2.0, (24.0,)))
    ),
    "another arm beside": Setup(arm="pbs", against="educated", day=3.0),
    "the arm beside a change of it": Setup(arm="pbs", protocol=(MIF,), against="pbs"),
    "a branch": Setup(arm="pbs").with_interventions((EARLY,)).changed_from(()),
    "a branch back to the arm as it is": Setup(arm="pbs").changed_from((EARLY,)),
}  # fmt: skip


def live(setup: Setup) -> Record:
    runner = Runner(setup.model())
    while runner.advance(100):
        pass
    return runner.record()


def same(one: Record, other: Record) -> bool:
    return {name: values.tobytes() for name, values in one.table.items()} == {
        name: values.tobytes() for name, values in other.table.items()
    }


# --- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETUPS)
def test_a_link_opens_the_same_setup(name: str) -> None:
    setup = SETUPS[name]
    query = setup.to_query()
    assert Setup.from_query(query) == setup
    assert Setup.from_query(f"?{query}") == setup
    assert " " not in query
    assert setup.arm_name() in setup.experiment().arms
    assert len({setup, Setup.from_query(query)}) == 1


def test_numbers_stay_in_their_order_whatever_stands_in_them() -> None:
    odd = (("nk.half_life", "1 day"), ("tgfb.half_life", "50 % & = + # ü"), ("schedule", "additive"), ("a b", "="))
    query = Setup(overrides=odd).to_query()
    assert query.count("&") == 3
    assert "set=tgfb.half_life%3D50%20%25%20%26%20%3D%20%2B%20%23%20%C3%BC" in query
    overrides = (("tgfb.half_life", "5 min"), ("schedule", "additive"), ("nk.half_life", "30 h"))
    assert Setup.from_query(Setup(overrides=overrides).to_query()).overrides == overrides


def test_a_link_says_only_what_differs() -> None:
    assert Setup().to_query() == ""
    assert Setup.from_query("") == Setup.from_query("?") == Setup()
    assert Setup(GROWING, "resected", 3, day=2.0).to_query() == f"scenario={GROWING}&arm=resected&seed=3&day=2"
    assert Setup(protocol=()).to_query() == "protocol=%5B%5D"


def test_equal_protocols_have_one_link() -> None:
    spelled = "{do='block',target='mif',efficacy=0.950,from='0 h',to='3 week'}"
    assert Setup(protocol=(spelled,)) == Setup(protocol=(MIF,)) == Setup.from_query(f"protocol=[{quote(spelled)}]")
    assert Setup(protocol=(spelled,)).protocol == (MIF,)


@pytest.mark.parametrize(
    ("query", "start", "rest"),
    [
        ("scenaro=x", "link: scenaro: unknown key", "did you mean scenario? allowed are scenario, arm, seed, set"),
        ("seed", "link: a part without =", "key=value"),
        ("seed=%ff", "link: bytes that are not UTF-8", "as the dashboard makes it"),
        ("seed=1&seed=1", "link: seed: there twice", "each key once"),
        ("scenario=liver_growing", "link: scenario: 'liver_growing'", "did you mean liver_growing_primary?"),
        ("scenario=", "link: scenario: ''", "allowed are"),
        ("arm=educatd", "link: arm: 'educatd'", "did you mean educated?"),
        ("seed=1.5", "link: seed: '1.5'", "a whole number"),
        ("seed=-1", "link: seed: '-1'", "a whole number"),
        ("seed=18446744073709551616", "link: seed: found 18446744073709551616", "to 18446744073709551615"),
        ("set=tgfb.half_life", "link: set: 'tgfb.half_life'", "name=value"),
        ("set=tgfb.half_life=", "link: set: 'tgfb.half_life='", "name=value"),
        ("set=tgfb.half_lif=5 min", "link: set tgfb.half_lif: unknown parameter", "did you mean tgfb.half_life"),
        ("set=tgfb.half_life=5 um", "link: set tgfb.half_life: '5 um' is a length", "a time such as"),
        ("set=tgfb.half_life=5 mn", "link: set tgfb.half_life: unknown unit 'mn'", "allowed are"),
        ("set=tgfb.half_life=5 min&set=tgfb.half_life=5 min", "link: set: tgfb.half_life is there twice", "once"),
        ("set=run.duration=90 min", "link: set run.duration: 1.5 h", "of the step"),
        ("set=section.width=1 m&set=section.height=1 m", "this experiment: asks for 2", "250,000"),
        ("set=section.spacing=1 um", "this experiment: asks for 4,000,000 sites", "a smaller section"),
        ("schedule=addtive", "link: schedule: unknown schedule 'addtive'", "one of default"),
        ("without=DormancyExi", "link: without: unknown process 'DormancyExi'", "DormancyExit"),
        ("protocol=", "link: protocol: ''", "a list in brackets"),
        ("protocol=edit.toml", "link: protocol: 'edit.toml'", "a list in brackets"),
        ("protocol=[{", "link: protocol: line 1: ", "valid TOML"),
        (f"protocol={'[' * 4000}", "link: protocol: brackets within brackets", "valid TOML"),
        ("protocol=[{do='blok'}]", "link: protocol[0].do: 'blok'", "did you mean block?"),
        ("protocol=[{do='resect_primary',at='1 day'}]", "link: protocol: resect_primary at 1 day", "grow_primary"),
        ("protocol=[{do='treat',drug='anti_pd1',dose=1,at='42 day'}]", "link: protocol (treat): begins on day 42",
         "the run ends on day 42"),
        ("against=educatd&arm=pbs", "link: against: 'educatd'", "did you mean educated?"),
        ("against=educated&arm=educated", "link: against: 'educated' is the run itself", "another"),
        ("protocol=[]&before=[]", "link: before: the same protocol is the run itself", "another"),
        ("against=pbs&before=[]", "link: before: there beside against", "one of both"),
        ("before=[{do='blok'}]", "link: before[0].do: 'blok'", "did you mean block?"),
        ("before=[{", "link: before: line 1: ", "TOML"),
        ("day=monday", "link: day: 'monday'", "a number of days"),
        ("day=inf", "link: day: 'inf'", "a number of days"),
        ("day=42.1", "link: day: 42.1", "within the run, 0 to 42"),
        ("day=3&set=run.duration=2 day", "link: day: 3", "within the run, 0 to 2"),
        ("seed=1&" * 2000, "link: 14,000 characters", "at most 8,000"),
    ],
)  # fmt: skip
def test_a_bad_link_is_one_sentence(query: str, start: str, rest: str) -> None:
    with pytest.raises(InputError) as caught:
        Setup.from_query(query)
    message = str(caught.value)
    assert message.startswith(start)
    assert rest in message
    assert "\n" not in message


def test_a_link_opens_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "scenario.toml").write_text(load(EDUCATION).text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    inside = library() / EDUCATION / "scenario.toml"
    for path in (
        "mine",
        "mine/scenario.toml",
        str(folder),
        str(inside),
        f"../{EDUCATION}",
        f"{GROWING}/../{EDUCATION}",
    ):
        with pytest.raises(InputError, match=r"^link: scenario: "):
            Setup.from_query(f"scenario={quote(path)}")
    own = Setup("mine/scenario.toml", "pbs")  # but who sits at the computer may
    assert own.experiment().id == "mine"
    with pytest.raises(InputError, match="a link opens scenarios of the library; send the scenario as TOML instead"):
        own.to_query()
    assert own.command() == "niche-sim run mine/scenario.toml --arm pbs"


def test_too_much_for_a_link_is_said() -> None:
    long = Setup().with_interventions(Treat("anti_pd1", 1.0, (float(n) ** 1.5,)) for n in range(100))
    with pytest.raises(InputError, match=rf"^link: .* characters; at most {limits.LINK:,}; send the scenario as TOML"):
        long.to_query()


def test_a_branch_parts_from_the_run_before_at_the_first_difference() -> None:
    before = (EARLY,)
    branch = Setup(arm="pbs").with_interventions((EARLY, Block("mif", 0.9, 36.0, 72.0))).changed_from(before)
    opened = Setup.from_query(branch.to_query())
    assert opened.parts() == 36.0
    assert opened.rival() == Setup(arm="pbs").with_interventions(before)
    assert Setup(arm="pbs", against="educated").rival() == Setup(arm="educated")
    assert Setup(arm="pbs", against="educated").parts() is None
    assert branch.command() == branch.alone().command(), "what it is compared with is none of the run's business"


# --- changes ----------------------------------------------------------------------------------------------------------


def test_the_edited_arm_runs_and_the_others_stay() -> None:
    plain = Setup(arm="pbs")
    edited = plain.with_interventions([EARLY])
    assert (plain.arm_name(), plain.title()) == ("pbs", "PBS")
    assert (edited.arm_name(), edited.title()) == ("pbs_edited", "PBS (edited)")
    assert edited.interventions() == edited.model().protocol.interventions == (EARLY,)
    assert plain.interventions() == load(EDUCATION).arms["pbs"].protocol.interventions
    assert edited.with_interventions(None) == plain
    assert edited.with_arm("educated") == Setup(arm="educated")
    assert edited.with_arm("pbs") == plain
    assert edited.with_arm("pbs_edited") == edited
    # What is compared with runs in the scenario as it was, and keeps the hash it has from the command line.
    assert edited.with_arm("pbs").experiment().sha256 == load(EDUCATION).sha256 != edited.experiment().sha256


def test_a_setup_refuses_what_is_there_twice_and_what_it_cannot_read() -> None:
    with pytest.raises(InputError, match=r"^set: a is there twice"):
        Setup(overrides=(("a", "1"), (" a ", "2")))
    with pytest.raises(InputError, match=r"^protocol\[1\].do: missing"):
        Setup(protocol=(MIF, "{}"))
    with pytest.raises(InputError, match=r"^protocol\[0\]: 'blok'; one table in braces"):
        dataclasses.replace(Setup(), protocol=("blok",))


# --- the same mouse ---------------------------------------------------------------------------------------------------

SAME = {
    "as it is": Setup(GROWING, overrides=SIZE),
    "everything": Setup(
        arm="pbs",
        seed=5,
        overrides=(*SIZE, ("tgfb.half_life", "5 min"), ("schedule", "additive")),
        without=("BmdcCrawling", "DormancyExit"),
        day=1.0,
    ).with_interventions((EARLY, Block("mif", 1 / 3, 1 / 3, 30.0))),
}


@pytest.mark.parametrize("name", SAME)
def test_command_and_link_repeat_the_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = SAME[name]
    here = live(setup)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(setup.command())
    assert words[:2] == ["niche-sim", "run"]
    assert main([*words[1:], "-o", "out", "--no-figures", "--no-progress"]) == 0
    there = load_record(tmp_path / "out")
    linked = live(Setup.from_query(setup.to_query()))
    assert here.run_hash == there.run_hash == linked.run_hash
    assert here.onsets == there.onsets == linked.onsets
    assert same(here, there)
    assert same(here, linked)
    assert not same(here, live(dataclasses.replace(setup, seed=setup.seed + 1)))


def test_a_shell_reads_the_command_as_it_is_meant() -> None:
    setup = SAME["everything"]
    echoed = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {setup.command()}"], capture_output=True, text=True, check=True
    )
    assert echoed.stdout.splitlines() == shlex.split(setup.command())


@pytest.mark.parametrize("name", SAME)
def test_the_toml_is_the_same_mouse(name: str) -> None:
    """Numbers, rules and protocol are in the file; arm and seed are not."""
    setup = SAME[name]
    opened = Setup.of_text(setup.toml(), "mine.toml", seed=setup.seed).with_arm(setup.arm_name())
    assert opened.seed == setup.seed
    # The file may not be as short as the run: an arm of the scenario has something to do later.
    assert same(live(dataclasses.replace(opened, overrides=SIZE[2:])), live(setup))


def test_what_was_changed_by_hand_says_so_in_the_toml() -> None:
    text = Setup(overrides=(("tgfb.half_life", "5 min"), ("schedule", "no_stage3"), ("run.duration", "50 day"))).toml()
    experiment = Setup.of_text(text, "mine.toml").experiment()
    assert experiment.parameters["tgfb.half_life"] == ParameterChange("5 min", "assumed", "Chosen by hand.")
    assert (experiment.schedule, experiment.duration) == ("no_stage3", 1200.0)


# --- uploads ----------------------------------------------------------------------------------------------------------


def test_an_uploaded_scenario_can_be_edited_and_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = load(EDUCATION).text
    setup = Setup.of_text(text, "../odd name;.toml", seed=3)
    assert (setup.scenario, setup.seed, setup.arm_name()) == ("odd_name", 3, "educated")
    with pytest.raises(InputError, match=r"^link: 'odd_name' is your own; .*send the scenario as TOML"):
        setup.to_query()
    setup = dataclasses.replace(setup, overrides=SIZE).with_interventions([EARLY])
    assert hash(setup) == hash(dataclasses.replace(setup))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenario.toml").write_text(text, encoding="utf-8")
    # What stands where the server was started is none of an upload's business.
    thresholds = load(EDUCATION).path.with_name("thresholds.toml")
    assert setup.model().stages.thresholds == {}
    assert main([*shlex.split(setup.command())[1:], "-o", "out", "--no-figures", "--no-progress"]) == 0
    here, there = live(setup), load_record(tmp_path / "out")
    assert here.run_hash == there.run_hash
    assert same(here, there)
    (tmp_path / "thresholds.toml").write_text(thresholds.read_text(encoding="utf-8"), encoding="utf-8")
    assert Setup.of_text(text, "scenario.toml").model().stages.thresholds == {}
    assert Setup("scenario.toml").model().stages.thresholds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", r"^up\.toml: line 1: "),
        ("titel = 3", r"^up\.toml: titel: unknown key; did you mean title\?"),
        ("=" * (limits.UPLOAD + 1), r"^up\.toml: 200,001 characters; at most 200,000"),
        ("title", r"^up\.toml: line 1: .*; valid TOML is needed: lines such as name = \"text\""),
        (("mif", "miff"), r"^up\.toml: arms\.anti_mif\.add\[0\]\.target: 'miff'"),
        (('"default"', '["DormancyExi"]'), r"^up\.toml: schedule: unknown process 'DormancyExi'"),
        (('spacing = "20 um"', 'spacing = "2 um"'), r"^up\.toml: this experiment: asks for 1,000,000 sites"),
        (("[section]", '[parameters]\n"tgfb.hl" = { value = "1 h", source = "assumed", where = "x" }\n[section]'),
         r"^up\.toml: parameters.*tgfb\.hl"),
    ],
)  # fmt: skip
def test_a_bad_upload_names_the_file(text: str | tuple[str, str], message: str) -> None:
    if isinstance(text, tuple):
        whole = load(EDUCATION).text
        old = text[0] if text[0] != "mif" else 'target = "mif"'
        assert whole.count(old) == 1
        text = whole.replace(old, old.replace("mif", "miff") if text[0] == "mif" else text[1])
    with pytest.raises(InputError, match=message):
        Setup.of_text(text, "up.toml")


def test_links_need_no_solara() -> None:
    code = "import sys, niche_sim.dashboard.link; print(sorted({'solara', 'ipywidgets', 'reacton'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
