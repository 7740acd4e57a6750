"""Lessons in a real browser: predict, run, compare, explain; no result before a prediction, and none that was not computed."""

from __future__ import annotations

import re

import pytest
from conftest import look, rest
from playwright.sync_api import expect

from niche_sim.cli import main
from niche_sim.dashboard import lesson_panel, study
from niche_sim.dashboard.lesson_panel import setup_of, split_link
from niche_sim.dashboard.link import Setup
from niche_sim.teaching.lesson import ids, load, parse

QUICK = """
title = "Quick"
goal = "See one thing."
minutes = 5
scenario = "liver_organotropism_hoshino2015"
mice = 6
sources = ["Hoshino2015"]
background = ["Exosomes hold on by integrins."]
assumed = ["Much is."]
not_shown = ["The size in a mouse."]
set = { "section.width" = "0.6 mm", "section.height" = "0.6 mm", "run.duration" = "9 day" }

[look]
arm = "unmatched"
against = "matched"
watch = ["Look at Kupffer cells.", { at = "1 day", ask = "How many vesicles do they hold?" }]

[[question]]
id = "uptake"
kind = "direction"
ask = "How much is taken up?"
because = "The integrin decides it."
arm = "unmatched"
against = "matched"
readout = "exosomes_taken_up"
at = "8 day"

[[question]]
id = "loaded"
kind = "number"
ask = "Of 100 Kupffer cells that matching exosomes load, how many are loaded?"
because = "All of them: it is a question about itself."
arm = "matched"
readout = "kupffer_loaded"
of = "kupffer_loaded"
times = 100
unit = "of 100"
at = "8 day"
within = 1.5

[explain]
ask = "Why is it so?"
answer = "It is the integrin, at length."
"""
WRONG_FILE = QUICK.replace('readout = "exosomes_taken_up"', 'readout = "uptake"')


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """One lesson with small mice on the shelf, and a folder of its own for them."""
    one = parse(QUICK, "quick.toml")
    monkeypatch.setattr(lesson_panel, "shelf", lambda: ({"quick": one}, ()))
    monkeypatch.setattr(study, "mice_folder", lambda: tmp_path)
    return one


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def step(page, number):
    expect(page.get_by_role("heading", name=re.compile(f"^Step {number} of 5: "))).to_be_visible()


def begin(page):
    button(page, "Lessons").click()
    page.get_by_label("Lesson", exact=True).select_option("quick")
    step(page, 1)
    return page


def predict(page, direction, number):
    button(page, "Next").click()
    step(page, 2)
    page.get_by_label(re.compile("^1. How much")).select_option(direction)
    page.get_by_label(re.compile("^2. Of 100")).fill(number)
    expect(page.get_by_label(re.compile("^2. Of 100"))).to_have_value(number)
    rest(page, 600)  # until what was written last is sent


def test_a_lesson_from_prediction_to_explanation(visit, server, axe, unhurried):
    page = begin(visit(server))
    expect(page.get_by_text("Exosomes hold on by integrins.")).to_be_visible()
    assert axe(page) == []
    look(page, "lesson_read")

    predict(page, "more", "100")
    expect(button(page, "Next")).to_be_disabled()
    button(page, "Lock in my predictions").click()
    expect(page.get_by_text("Your predictions are locked in")).to_be_visible()
    expect(page.get_by_label(re.compile("^1. How much"))).to_be_disabled()
    expect(page.get_by_text("In unmatched, compared with matched.")).to_be_visible()
    assert axe(page) == []
    look(page, "lesson_predict")

    button(page, "Next").click()
    step(page, 3)
    button(page, "Open this experiment").click()
    expect(button(page, "Next")).to_have_count(0)
    expect(button(page, "Go on without watching all")).to_be_enabled()
    expect(page.get_by_text("It is open")).to_be_in_viewport()  # the lesson scrolls by itself, the run stays in sight
    expect(button(page, "Play")).to_be_in_viewport()
    expect(page.locator(".ns-head-run")).to_have_text("Unmatched, mouse 1")
    expect(page.locator("canvas.ns-canvas")).to_have_count(3)  # the other arm runs beside it
    # The charts are of what the questions ask for.
    rows = page.locator(".ns-drawer-compare table th[scope=row]")
    expect(rows).to_have_text(["Exosomes taken up in the section", "Kupffer cells that hold at least one exosome"])
    assert axe(page) == []
    look(page, "lesson_run")
    button(page, "Go to day 1").click()
    expect(page.locator(".ns-viewer")).to_have_attribute("data-time", "24")
    button(page, "Play it").click()
    expect(button(page, "Pause it")).to_be_visible()
    button(page, "Pause it").click()
    expect(button(page, "Play it")).to_be_visible()
    assert float(page.locator(".ns-viewer").get_attribute("data-time")) < 216.0, "it has not come to its end by itself"
    page.get_by_label("Look at Kupffer cells.").check()
    expect(button(page, "Go on without watching all")).to_be_visible()
    page.get_by_label("How many vesicles do they hold?").check()

    button(page, "Next").click()
    step(page, 4)
    expect(page.get_by_text("You said")).to_have_count(0)
    expect(button(page, "Next")).to_be_disabled()
    button(page, "Run the mice").click()
    expect(page.get_by_text("6 mice per arm, same seeds in both.")).to_be_visible()
    first, second = (page.get_by_role("group", name=f"Question {number}") for number in (1, 2))
    expect(first).to_contain_text("You said: More")
    expect(first).to_contain_text("Not what the mice show.")
    expect(first).to_contain_text(
        re.compile(r"The mice: Less\. 0\.\d+ times as much in unmatched as in matched \(95 % interval")
    )
    expect(first).to_contain_text("Why: The integrin decides it.")
    expect(second).to_contain_text("✓ Correct.")
    assert axe(page) == []
    look(page, "lesson_compare")

    button(page, "Next").click()
    step(page, 5)
    expect(button(page, "Show a good answer")).to_be_disabled()
    page.get_by_label("Your explanation").fill("Integrins.")
    button(page, "Show a good answer").click()
    expect(page.get_by_text("It is the integrin, at length.")).to_be_visible()
    expect(page.get_by_text("That was the lesson.")).to_be_visible()
    expect(button(page, "Next")).to_have_count(0)
    expect(page.get_by_label("Your explanation")).to_have_value("Integrins.")
    assert axe(page) == []
    look(page, "lesson_explain")

    # What was done is there after the foldout was closed, and after going back.
    page.get_by_role("button", name=re.compile("^Lessons")).click()
    page.get_by_role("button", name=re.compile("^Lessons")).click()
    button(page, "Back").click()
    expect(page.get_by_role("group", name="Question 1")).to_contain_text("Not what the mice show.")


def test_a_prediction_is_missing_or_is_no_number(visit, server):
    page = begin(visit(server))
    predict(page, "less", "many")
    button(page, "Lock in my predictions").click()
    expect(page.get_by_role("alert")).to_contain_text("Question 2: 'many'; a number from 0")
    page.get_by_label(re.compile("^1. How much")).select_option("(unsaid)")
    rest(page, 300)
    button(page, "Lock in my predictions").click()
    expect(page.get_by_role("alert")).to_contain_text("Question 1: no prediction yet.")
    expect(button(page, "Next")).to_be_disabled()


def test_mice_can_be_given_up_and_run_again(visit, server, monkeypatch):
    endless = parse(QUICK.replace('"9 day"', '"4000 day"'), "quick.toml")  # an hour of work
    monkeypatch.setattr(lesson_panel, "shelf", lambda: ({"quick": endless}, ()))
    page = begin(visit(server))
    predict(page, "less", "100")
    button(page, "Lock in my predictions").click()
    button(page, "Next").click()
    button(page, "Go on without watching all").click()
    step(page, 4)
    button(page, "Run the mice").click()
    button(page, "Cancel the mice").click()
    expect(page.get_by_text("Cancelled.")).to_be_visible()
    expect(page.get_by_text("You said")).to_have_count(0)
    expect(button(page, "Run the mice")).to_be_enabled()


def test_on_a_phone_with_the_keyboard_alone(visit, server, axe):
    page = begin(visit(server, width=390, height=844, dark=True))
    expect(button(page, "Next")).to_be_enabled()
    button(page, "Next").press("Enter")
    step(page, 2)
    # The step begins at its heading, and the first question comes next.
    expect(page.get_by_role("heading", name=re.compile("^Step 2 of 5"))).to_be_focused()
    expect(page.get_by_role("heading", name=re.compile("^Step 2 of 5"))).to_be_in_viewport()
    expect(page.get_by_label(re.compile("^1. How much"))).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_label(re.compile("^1. How much"))).to_be_focused()
    page.keyboard.type("Less")
    page.keyboard.press("Tab")
    page.keyboard.type("90")
    page.keyboard.press("Tab")
    expect(button(page, "Lock in my predictions")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your predictions are locked in")).to_be_visible()
    expect(button(page, "Next")).to_be_enabled()
    button(page, "Next").press("Enter")
    step(page, 3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert axe(page) == []
    look(page, "lesson_phone")


def test_a_lesson_of_ones_own_and_a_mistake_in_it(visit, server):
    page = visit(server)
    button(page, "Lessons").click()
    field = page.get_by_label("Open a lesson of your own (.toml)")
    field.set_input_files({"name": "mine.toml", "mimeType": "text/plain", "buffer": WRONG_FILE.encode()})
    expect(page.get_by_role("alert")).to_contain_text("mine.toml: question[0].readout: 'uptake'; ")
    mended = QUICK.replace('title = "Quick"', 'title = "Mine"')
    field.set_input_files({"name": "mine.toml", "mimeType": "text/plain", "buffer": mended.encode()})
    step(page, 1)
    expect(page.get_by_label("Lesson", exact=True)).to_have_value("mine")


def test_a_link_opens_a_lesson_or_says_which_there_are(visit, server):
    page = visit(server + "?lesson=quick")
    step(page, 1)
    page = visit(server + "?lesson=quack")
    expect(page.get_by_role("alert")).to_contain_text("link: lesson: 'quack'; allowed are quick")


# --- without a browser -----------------------------------------------------------------------------------------------


def test_a_link_of_a_lesson_keeps_its_experiment():
    query = Setup("liver_growing_primary", "primary", overrides=(("tgfb.half_life", "5 min"),)).to_query()
    assert split_link(query) == (None, query)
    name, rest = split_link(f"?{query}&lesson=mif")
    assert name == "mif" and Setup.from_query(rest) == Setup.from_query(query)


def test_an_arm_of_the_lessons_own_keeps_its_name_until_it_is_edited():
    setup = setup_of(load("why_most_die"))
    assert setup.title() == "No NK cells"
    assert setup.edited(setup.interventions()[:1]).title() != "No NK cells"
    assert setup.with_arm("naive").title() == "Naive"
    assert Setup.from_query(setup.to_query()).title() == "Naive (edited)", "a link does not hold it"


@pytest.fixture
def no_own(monkeypatch):
    monkeypatch.setattr(lesson_panel, "OWN", {})


def test_a_folder_of_lessons_is_offered_to_all(no_own, monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr(lesson_panel, "OWN", {})
    (tmp_path / "mine.toml").write_text(QUICK, encoding="utf-8")
    assert [one.id for one in lesson_panel.offer(tmp_path)] == ["mine"]
    found, wrong = lesson_panel.shelf()
    assert list(found) == ["mine", *ids()] and wrong == ()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "--lessons: no .toml in "),
        ({"mine.toml": WRONG_FILE}, "mine.toml: question[0].readout: 'uptake'"),
        ({"mif.toml": QUICK}, "--lessons: 'mif' comes with the package; another name"),
    ],
)
def test_a_folder_that_cannot_be_offered_is_refused_before_the_server_starts(no_own, tmp_path, capsys, files, said):
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert main(["dashboard", "--no-browser", "--lessons", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"niche-sim: {said}") and err.count("\n") == 1
    assert main(["dashboard", "--no-browser", "--lessons", str(tmp_path / "none")]) == 2
    assert "is no folder" in capsys.readouterr().err
    assert lesson_panel.OWN == {}


@pytest.mark.parametrize("name", ids())
def test_every_lesson_opens_the_mouse_that_its_cohort_runs(name):
    one = load(name)
    model, arm = setup_of(one).model(), one.experiment.arms[one.look.arm]
    assert model.protocol.interventions == arm.protocol.interventions
    assert model.duration == one.plan(mice=2).experiment.duration or one.numbers
    Setup.from_query(setup_of(one).to_query()).check()
