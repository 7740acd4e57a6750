"""Lessons: files that a teacher edits, with every mistake in one line; answers that come from mice and may be undecided."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from markupsafe import escape

from niche_sim.cli import main
from niche_sim.engine.errors import InputError
from niche_sim.experiment import scenario
from niche_sim.inference.comparisons import Comparison
from niche_sim.inference.effects import Effect
from niche_sim.inference.verdicts import UNDECIDED
from niche_sim.runs import cohort
from niche_sim.runs.cohort import Cohort
from niche_sim.runs.store import Part
from niche_sim.teaching import lesson, worksheet
from niche_sim.teaching.lesson import RIGHT, WRONG, Answer, Watch, answers, ids, load, parse

ALL = ["kupffer_two_faces", "mif", "seed_and_soil", "sequence", "timing", "why_most_die"]
MICE = 8  # of made cohorts: the least p of a paired permutation test is then 2 in 256
SMALL = """
title = "Small"
goal = "See <it>."
minutes = 5
scenario = "liver_organotropism_hoshino2015"
mice = 6
sources = ["Hoshino2015"]
background = ["Exosomes."]
assumed = ["Much."]
not_shown = ["More."]
set = { "section.width" = "0.6 mm", "section.height" = "0.6 mm", "run.duration" = "9 day" }

[arms.late]
like = "matched"
note = "Blocked late."
add = [ { do = "block", target = "mif", efficacy = 0.9, from = "8 day", to = "9 day" } ]

[look]
arm = "late"
against = "matched"
watch = ["Look."]

[[question]]
id = "uptake"
kind = "direction"
ask = "Uptake?"
because = "The integrin."
arm = "unmatched"
against = "matched"
readout = "exosomes_taken_up"
at = "8 day"

[[question]]
id = "before"
kind = "direction"
ask = "Before the block?"
because = "Nothing was done."
arm = "late"
against = "matched"
readout = "fibronectin_mean"
at = "8 day"

[[question]]
id = "order"
kind = "order"
ask = "Order?"
because = "A chain."
arm = "matched"
stages = ["recruitment", "priming"]

[[question]]
id = "share"
kind = "number"
ask = "Share?"
because = "Counted."
arm = "matched"
readout = "kupffer_loaded"
of = "bmdc"
times = 100
unit = "of 100"
at = "8 day"
within = 2

[explain]
ask = "Why?"
answer = "Because of the integrin, at length."
"""


@pytest.fixture(scope="module")
def small():
    return parse(SMALL, "small.toml")


def made(one, readouts, onsets=None):
    """A cohort as if these had been measured: {arm: {readout: a value a mouse}}, {arm: {stage: onsets in h}}."""
    mice = len(next(iter(next(iter(readouts.values())).values())))
    plan = one.plan(mice)
    lives = {}
    for arm in readouts:
        table = {name: np.asarray(values, float) for name, values in readouts.get(arm, {}).items()}
        told = (onsets or {}).get(arm, {})
        lives[arm] = {
            seed: Part(
                {"time_h": np.array([0.0, 24 * 16.0]), **{k: np.array([v[i], v[i]]) for k, v in table.items()}},
                {stage: float(times[i]) for stage, times in told.items()},
            )
            for i, seed in enumerate(plan.seeds)
        }
    return Cohort(plan, lives)


def answer_to(one, name, readouts, onsets=None):
    """The answer to one question."""
    only = next(question for question in one.questions if question.id == name)
    told = {lesson.DIRECTION: lesson._direction, lesson.ORDER: lesson._order, lesson.NUMBER: lesson._number}
    return told[only.kind](only, made(one, readouts, onsets))


# --- files -----------------------------------------------------------------------------------------------------------


def test_the_six_lessons_are_there():
    assert ids() == ALL


@pytest.mark.parametrize("name", ALL)
def test_a_lesson_loads_and_is_whole(name):
    one = load(name)
    assert one.id == name and one.questions and 2 <= one.mice <= lesson.MOST_MICE
    assert set(one.sources) <= set(scenario.sources())
    assert one.look.against in scenario.load(one.experiment.id).arms
    # An arm of the lesson's own is its model's arm and something more.
    for arm, like in one.own.items():
        ours, theirs = (one.experiment.arms[each].protocol.interventions for each in (arm, like))
        assert set(theirs) < set(ours)
    assert all(set(one.arms) >= {question.arm} for question in one.questions)


def test_a_worksheet_has_the_steps_of_the_page():
    sheet = worksheet.worksheet(load("mif"))
    steps = [text for text in re.findall(r"<h2>([^<]+)</h2>", sheet) if text[0].isdigit()]
    assert [text.split(",")[0].split(" ")[1] for text in steps] == ["Read", "Predict", "Run", "Compare", "Explain"]
    assert [text[:2] for text in steps] == ["1.", "2.", "3.", "4.", "5."]
    assert "anti-MIF" in sheet


def test_what_is_to_be_watched_may_have_its_day():
    one = parse(SMALL.replace('watch = ["Look."]', 'watch = ["Look.", { at = "3 day", ask = "Look again." }]'), "small.toml")
    assert one.look.watch == (Watch("Look."), Watch("Look again.", 72.0))
    assert "<li>Look again.</li>" in worksheet.worksheet(one)


def test_no_file_says_what_is_right():
    for path in lesson.FOLDER.glob("*.toml"):
        assert not re.search(r"^(expect|answer_is|right|value|verdict)\s*=", path.read_text(), re.MULTILINE)


MISTAKES = [
    ('minutes = 5', 'minutes = "5"', "small.toml: minutes: '5'; a whole number from 1 to 240"),
    ('mice = 6', 'mice = 1', "small.toml: mice: 1; a whole number from 2 to 40"),
    ('title = "Small"', 'titel = "Small"', "small.toml: titel: unknown key; did you mean title?"),
    ('goal = "See <it>."\n', "", "small.toml: goal: missing"),
    ('"liver_organotropism_hoshino2015"', '"liver_organotropism"', "small.toml: scenario: 'liver_organotropism'; did you mean"),
    ('["Hoshino2015"]', '["Hoshino15"]', "small.toml: sources[0]: 'Hoshino15'; did you mean Hoshino2015"),
    ('background = ["Exosomes."]', 'background = "Exosomes."',
     "small.toml: background: 'Exosomes.' is not a list; a list in brackets"),
    ('like = "matched"', 'like = "mached"', "small.toml: arms.late.like: 'mached'; did you mean"),
    ('[arms.late]', '[arms.matched]', "small.toml: arms.matched: 'matched' is there already"),
    ('[arms.late]', '[arms."Too Late"]', "small.toml: arms.Too Late"),
    ('target = "mif"', 'target = "mfi"', "small.toml: arms.late.add[0].target: 'mfi'; did you mean mif"),
    ('from = "8 day", to = "9 day"', 'from = "80 day", to = "90 day"', "small.toml: arms.late.add[0]"),
    ('against = "matched"\nwatch', 'against = "late"\nwatch', "small.toml: look.against: 'late'"),
    ('watch = ["Look."]', 'watch = []', "small.toml: look.watch: []; a list in brackets"),
    ('watch = ["Look."]', 'watch = ["Look.", 3]', "small.toml: look.watch[1]: 3; text in quotes, or {"),
    ('watch = ["Look."]', 'watch = [{ at = "3 day" }]', "small.toml: look.watch[0].ask: missing"),
    ('watch = ["Look."]', 'watch = [{ ask = "Look.", at = "40 day" }]', "small.toml: look.watch[0].at: 40 day; within the run"),
    ('kind = "order"', 'kind = "sequence"', "small.toml: question[2].kind: 'sequence'"),
    ('readout = "exosomes_taken_up"', 'readout = "uptake"', "small.toml: question[0].readout: 'uptake'"),
    ('at = "8 day"\n\n[[question]]\nid = "before"', 'at = "17 day"\n\n[[question]]\nid = "before"',
     "small.toml: question[0].at: 17 day; within the run, 0 to 16 day"),
    ('at = "8 day"\n\n[[question]]\nid = "before"', 'at = "8 nM"\n\n[[question]]\nid = "before"', "small.toml: question[0].at"),
    ('id = "before"', 'id = "uptake"', "small.toml: question[1].id: 'uptake' is there twice"),
    ('arm = "unmatched"', 'arm = "matched"', "small.toml: question[0].against: 'matched' again"),
    ('"recruitment", "priming"', '"recruitment", "prime"', "small.toml: question[2].stages[1]: 'prime'"),
    ('"recruitment", "priming"', '"priming", "priming"', "small.toml: question[2].stages: priming, priming; 2 to 4 different"),
    ('within = 2', 'within = 1', "small.toml: question[3].within: 1; a finite number above 1"),
    ('within = 2\n', '', "small.toml: question[3].within: missing"),
    ('stages = ["rec', 'readout = "bmdc"\nstages = ["rec', "small.toml: question[2].readout: unknown key"),
    ('"0.6 mm", "section.height"', '"0.6 nM", "section.height"', "small.toml: set.section.width"),
    ('answer = "Because', 'anwser = "Because', "small.toml: explain.anwser: unknown key; did you mean answer?"),
    ('[look]', '[look', "small.toml: line"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "said"), MISTAKES)
def test_a_mistake_is_one_line_that_says_where(right, wrong, said):
    assert SMALL.count(right) >= 1
    with pytest.raises(InputError) as raised:
        parse(SMALL.replace(right, wrong, 1), "small.toml")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_lesson_that_is_not_there_names_those_that_are():
    with pytest.raises(InputError, match="lesson: 'miff'; did you mean mif.*or a path to a .toml"):
        load("miff")
    with pytest.raises(InputError, match="nowhere.toml"):
        load("nowhere.toml")


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unmatched", "value"),
    [
        (np.full(MICE, 50.0), "less"),
        (np.full(MICE, 200.0), "more"),
        (np.full(MICE, 100.0), "same"),
        (np.full(MICE, 110.0), "same"),  # a tenth more in every mouse: sure, and yet too small to count
        (np.array([20.0, 300.0] * (MICE // 2)), None),
    ],
)
def test_a_direction_is_what_the_mice_give(small, unmatched, value):
    found = answer_to(
        small,
        "uptake",
        {"matched": {"exosomes_taken_up": np.full(MICE, 100.0)}, "unmatched": {"exosomes_taken_up": unmatched}},
    )
    assert found.value == value and found.mice == MICE
    for said in ("less", "more", "same"):
        assert found.judge(said) == (UNDECIDED if value is None else RIGHT if said == value else WRONG)


@pytest.mark.parametrize(
    ("estimate", "low", "high", "words"),
    [
        (1.0, 1.0, 1.0, "Exactly as much in unmatched as in matched"),
        (1e-5, 9e-6, 2e-5, "Less than 0.001 times as much"),
        (5e-4, 0.0, 0.02, "(95 % interval 0 to 0.02; 8 pairs of mice)"),
        (0.25, 0.2, 0.3, "0.25 times as much in unmatched as in matched (95 % interval 0.2 to 0.3;"),
    ],
)  # fmt: skip
def test_an_effect_is_told_in_words_that_students_read(small, estimate, low, high, words):
    effect = Effect(estimate, low, high, 8, 0.95)
    found = Comparison("ratio", effect, effect, (0.8, 1.25))
    assert words in lesson._effect_in_words(small.questions[0], found)


def test_few_mice_do_not_decide_whatever_they_show(small):
    few = {"matched": {"exosomes_taken_up": [100.0] * 4}, "unmatched": {"exosomes_taken_up": [50.0] * 4}}
    assert answer_to(small, "uptake", few).value is None  # fewer than six


def test_few_colonies_decide_nothing():
    one = parse(SMALL.replace('readout = "exosomes_taken_up"', 'readout = "colonies"'), "small.toml")
    few = {"matched": {"colonies": [1.0] * MICE}, "unmatched": {"colonies": [0.0] * MICE}}
    many = {"matched": {"colonies": [10.0] * MICE}, "unmatched": {"colonies": [0.0] * MICE}}
    assert answer_to(one, "uptake", few).value is None and "8 events" in answer_to(one, "uptake", few).words
    assert answer_to(one, "uptake", many).value == "less"


@pytest.mark.parametrize(
    ("priming", "recruitment", "value"),
    [
        ([2.0] * MICE, [50.0] * MICE, "priming,recruitment"),
        ([50.0] * MICE, [2.0] * MICE, "recruitment,priming"),
        ([2.0] * MICE, [np.nan] * MICE, "priming,recruitment"),  # never reached is last
        ([2.0] * MICE, [2.0] * MICE, None),  # a tie
        ([2.0, 50.0] * (MICE // 2), [50.0, 2.0] * (MICE // 2), None),
        ([np.nan] * MICE, [np.nan] * MICE, None),
    ],
)
def test_an_order_holds_only_if_the_mice_agree(small, priming, recruitment, value):
    found = answer_to(
        small,
        "order",
        {"matched": {"bmdc": [1.0] * MICE}},
        {"matched": {"priming": priming, "recruitment": recruitment}},
    )
    assert found.value == value
    assert found.judge("priming,recruitment") == (
        UNDECIDED if value is None else RIGHT if value == "priming,recruitment" else WRONG
    )


def test_a_number_is_right_within_its_factor(small):
    found = answer_to(small, "share", {"matched": {"kupffer_loaded": [30.0] * MICE, "bmdc": [100.0] * MICE}})
    assert found.value == "30"
    verdicts = {said: found.judge(said) for said in ("14.9", "15.1", "30", "30,5", "59.9", "60.1", "0")}
    assert verdicts == {
        "14.9": WRONG,
        "15.1": RIGHT,
        "30": RIGHT,
        "30,5": RIGHT,
        "59.9": RIGHT,
        "60.1": WRONG,
        "0": WRONG,
    }


def test_a_number_that_mice_do_not_agree_on_is_undecided(small):
    spread = {"kupffer_loaded": [2.0, 200.0] * (MICE // 2), "bmdc": [100.0] * MICE}
    assert answer_to(small, "share", {"matched": spread}).value is None
    nothing = {"kupffer_loaded": [0.0] * MICE, "bmdc": [100.0] * MICE}
    assert answer_to(small, "share", {"matched": nothing}).value is None


@pytest.mark.parametrize(("name", "said"), [("share", "many"), ("share", "-1"), ("share", "inf"), ("uptake", "fewer")])
def test_a_prediction_must_be_an_answer(small, name, said):
    question = next(one for one in small.questions if one.id == name)
    with pytest.raises(InputError, match=name):
        question.check(said)


@pytest.fixture(scope="module")
def kept(small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mice")
    plan = small.plan()
    assert cohort.run([plan], folder) == []
    return cohort.gather(plan, folder)


def test_real_mice_answer(small, kept):
    """Few mice of small sections: uptake differs fourteenfold, and before the late block the two arms are the same mice."""
    found = {answer.question.id: answer for answer in answers(small, kept)}
    assert found["uptake"].value == "less"
    assert found["before"].value == "same" and found["before"].words.startswith("Exactly as much in late")
    assert found["order"].value == "priming,recruitment"


@pytest.mark.mice
@pytest.mark.parametrize("name", ALL)
def test_every_lesson_runs_to_its_end_and_can_be_judged(name, tmp_path):
    """Two mice of small sections decide little, but every question gets an effect or a reason that is of chance."""
    tiny = {"section.width": "0.6 mm", "section.height": "0.6 mm"}
    one = load(name)
    one = dataclasses.replace(one, numbers=tuple(({**dict(one.numbers), **tiny}).items()))
    plan = one.plan(mice=2)
    assert cohort.run([plan], tmp_path) == []
    for answer in answers(one, cohort.gather(plan, tmp_path)):
        assert not re.search("no mice|no threshold|There is no threshold|the runs end", answer.words), answer.words
        assert answer.mice == 2 and "nan" not in answer.words


# --- paper -----------------------------------------------------------------------------------------------------------


def told(one):
    return [Answer(question, next(iter(question.choices), "7"), "In words.", 6) for question in one.questions]


@pytest.mark.parametrize("name", ALL)
def test_a_worksheet_holds_all_questions_and_no_answer(name):
    one = load(name)
    sheet, key = worksheet.worksheet(one), worksheet.key(one, told(one))
    for question in one.questions:
        assert escape(question.ask) in sheet and escape(question.ask) in key
        assert escape(question.because) not in sheet and escape(question.because) in key
    assert escape(one.model_answer) not in sheet and escape(one.model_answer) in key
    assert "&#10003;" not in sheet and "not for predictions about a patient" in sheet
    assert not re.search(r"(src|href)=|https?://|url\(|@import", sheet + key)  # nothing from elsewhere


def test_what_a_teacher_writes_is_text(small):
    sheet = worksheet.worksheet(small)
    assert "See &lt;it&gt;." in sheet and "<it>" not in sheet


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Runs `niche-sim lessons`; gives its exit code, output and error lines."""
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(SMALL)

    def run(*words):
        code = main(["lessons", *words])
        out, err = capsys.readouterr()
        return code, out, err.splitlines()

    return run


def test_the_command_lists_the_lessons(call):
    code, out, _ = call()
    assert code == 0 and all(name in out for name in ALL)


def test_the_command_writes_a_worksheet_and_overwrites_nothing(call):
    assert call("small.toml", "--worksheet")[0] == 0
    assert "Uptake?" in Path("small-worksheet.html").read_text()
    code, _, said = call("small.toml", "--worksheet")
    assert code == 2 and len(said) == 1 and "is there already" in said[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--key"], "--key: without a lesson"),
        (["mif", "--key", "--check"], "--check: together with --key"),
        (["mif", "-o", "x.html"], "-o: without --worksheet or --key"),
        (["mif", "--mice", "4"], "--mice: without --key or --check"),
        (["mif", "--check", "--mice", "1"], "--mice: '1'; a whole number from 2"),
        (["mif", "--worksheet", "-o", "x.pdf"], "the ending '.pdf'"),
        (["mif", "--worksheet", "-o", "no/x.html"], "its folder is not there"),
        (["miff"], "lesson: 'miff'; did you mean mif"),
    ],
)
def test_what_cannot_be_is_one_line(call, words, said):
    code, out, lines = call(*words)
    assert code == 2 and len(lines) == 1 and said in lines[0] and out == ""


@pytest.mark.mice
def test_check_says_what_is_right_and_fails_on_what_is_not_decided(call):
    code, out, said = call("small.toml", "--check", "--mice", "2", "--workers", "1")
    assert "uptake" in out and code == 1  # two mice decide nothing
    assert "not decided by these mice: small.uptake" in said[-1]


@pytest.mark.mice
def test_the_key_holds_what_the_mice_gave(call):
    assert call("small.toml", "--key", "--mice", "6", "--workers", "1")[0] == 0
    text = Path("small-key.html").read_text()
    assert re.search(r"Less\.</strong> 0\.0\d+ times as much in unmatched as in matched", text) and "at length" in text
