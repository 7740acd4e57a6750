"""The forms in a real browser: by keyboard, light and dark, wide and narrow, clean for axe-core."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from conftest import serving
from playwright.sync_api import expect

NUMBERS = """
import solara
import solara.lab
from niche_sim.experiment import scenario
from niche_sim.dashboard.elements import Words
from niche_sim.dashboard.parameter_panel import Numbers

EXPERIMENT = scenario.load("liver_education_costasilva2015")

@solara.component
def Page():
    solara.use_effect(lambda: setattr(solara.lab.theme, "dark", {dark}), [])
    values, set_values = solara.use_state(dict())
    with solara.Column(style="padding: 12px"):
        Words("Numbers", tag="h2")
        Numbers(EXPERIMENT, values, set_values)
        Words(str(values), attributes=dict(id="state"))
"""
SCHEDULE = """
import solara
import solara.lab
from niche_sim.experiment import scenario
from niche_sim.dashboard.elements import Words
from niche_sim.dashboard.schedule_editor import ScheduleEditor

EXPERIMENT = scenario.load("liver_education_costasilva2015")

@solara.component
def Page():
    solara.use_effect(lambda: setattr(solara.lab.theme, "dark", {dark}), [])
    given, set_given = solara.use_state(EXPERIMENT.arms["educated"].protocol.interventions)
    with solara.Column(style="padding: 12px"):
        Words("What is done", tag="h2")
        ScheduleEditor(EXPERIMENT, given, 96.0, set_given)
"""


@pytest.fixture
def form(site, visit, tmp_path):
    """Opens a page of this source: `form(source, width=900, dark=False)`."""
    file = tmp_path / "page.py"
    open_apps = ExitStack()

    def go(source, width=900, dark=False):
        file.write_text(source.format(dark=dark), encoding="utf-8")
        open_apps.enter_context(serving(file))
        page = visit(site, width, 900, reduced_motion="reduce")
        expect(page.get_by_role("heading", level=2).first).to_be_visible()
        expect(page.locator(f".v-application.theme--{'dark' if dark else 'light'} .ns-form").first).to_be_visible()
        return page

    with open_apps:
        yield go


def open_group(page, title="Licensing"):
    page.get_by_role("button", name=title).press("Enter")
    expect(page.get_by_role("slider").first).to_be_visible()


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


# ---- numbers --------------------------------------------------------------------------------------------------------


def test_a_slider_moves_by_keys_and_writes_an_override(form):
    page = form(NUMBERS)
    assert page.get_by_role("slider").count() == 0  # groups are made when they are opened
    open_group(page)
    slider = page.get_by_role("slider", name="Half-life", exact=True).first
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#state")).to_have_text("{'tgfb.half_life': '11 min'}")
    expect(page.get_by_role("textbox", name="Half-life", exact=True).first).to_have_value("11 min")
    assert slider.get_attribute("aria-valuetext") == "11 min"
    expect(page.get_by_text("Changed from 10 min")).to_be_visible()
    expect(page.get_by_role("button", name="Licensing")).to_contain_text("1 changed")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#state")).to_have_text("{}")


def test_the_tooltip_names_the_source_and_goes_with_escape(form):
    page = form(NUMBERS)
    open_group(page)
    source = page.get_by_text("Wakefield 1990, Journal of Clinical Investigation")
    expect(source).to_be_hidden()
    about = page.get_by_role("button", name="About Half-life", exact=True).first
    about.focus()
    expect(source).to_be_visible()
    described = about.evaluate("one => document.getElementById(one.getAttribute('aria-describedby')).innerText")
    assert "recalled: from the named source, not opened again" in described
    page.keyboard.press("Escape")
    expect(source).to_be_hidden()
    about.hover()
    expect(source).to_be_visible()
    page.mouse.move(5, 5)
    expect(source).to_be_hidden()


def test_a_bad_entry_says_its_sentence_and_a_good_one_is_taken(form):
    page = form(NUMBERS)
    open_group(page)
    field = page.get_by_role("textbox", name="Half-life", exact=True).first
    field.fill("5 kg")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("'5 kg' is a mass; a time such as '1 min' is allowed.")
    expect(field).to_have_value("5 kg")
    expect(page.locator("#state")).to_have_text("{}")
    field.fill("5 min")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("#state")).to_have_text("{'tgfb.half_life': '5 min'}")
    page.get_by_role("button", name="Reset to default: Half-life", exact=True).press("Enter")
    expect(page.locator("#state")).to_have_text("{}")
    expect(field).to_have_value("10 min")


def test_a_search_shows_what_it_finds(form):
    page = form(NUMBERS)
    page.get_by_label("Find a parameter").fill("active form 2-3")
    expect(page.get_by_role("slider")).to_have_count(1)
    page.get_by_label("Find a parameter").fill("zzz")
    expect(page.get_by_text("No match")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_numbers_are_accessible_and_fit(form, dark, width, axe):
    page = form(NUMBERS, width=width, dark=dark)
    open_group(page)
    page.get_by_role("slider", name="Half-life", exact=True).first.press("ArrowRight")
    page.get_by_role("textbox", name="Diffusivity", exact=True).first.fill("5 kg")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="About Half-life", exact=True).first.focus()
    expect(page.get_by_role("tooltip").first).to_be_visible()
    assert fits(page)
    assert axe(page) == []


# ---- the schedule ---------------------------------------------------------------------------------------------------


def test_a_block_is_added_edited_and_removed_by_keys(form):
    page = form(SCHEDULE)
    add = page.get_by_role("button", name="Add an intervention")
    add.press("Enter")
    page.get_by_label("By how much, %").fill("80")
    page.get_by_role("button", name="Add", exact=True).press("Enter")
    expect(page.get_by_role("listitem").last).to_contain_text("Block MIF by 80 % from day 4 to day 42")
    expect(page.get_by_role("status")).to_have_text("Added: Block MIF by 80 % from day 4 to day 42.")
    expect(add).to_be_focused()

    page.get_by_role("button", name="Edit: Block MIF").press("Enter")
    page.get_by_label("To day", exact=True).fill("28")
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_role("listitem").last).to_contain_text("Block MIF by 80 % from day 4 to day 28")

    page.get_by_role("button", name="Remove: Block MIF").press("Enter")
    expect(page.get_by_role("listitem")).to_have_count(2)
    expect(add).to_be_focused()


def test_a_mistake_is_a_sentence_and_names_are_grouped(form):
    page = form(SCHEDULE)
    page.get_by_role("button", name="Add an intervention").click()
    what = page.get_by_label("What to block")
    expect(what).to_be_visible()
    assert what.locator("optgroup").evaluate_all("all => all.map(one => one.label)") == [
        "Exosomes", "Cargo", "Signals", "Tumour cells",
    ]  # fmt: skip
    what.select_option("tnf")
    page.get_by_label("To day", exact=True).fill("2")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("2 day; later than from, 4 day.")
    expect(page.get_by_label("To day", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("listitem")).to_have_count(2)
    page.get_by_label("What to do").select_option("treat")
    expect(page.get_by_label("Drug")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_label("Drug")).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_schedule_is_accessible_and_fits(form, dark, width, axe):
    page = form(SCHEDULE, width=width, dark=dark)
    page.get_by_role("button", name="Add an intervention").click()
    expect(page.get_by_label("What to block")).to_be_visible()
    page.get_by_label("To day", exact=True).fill("0")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert").first).to_be_visible()
    assert fits(page)
    assert axe(page) == []


def test_the_focus_is_seen(form):
    page = form(SCHEDULE)
    add = page.get_by_role("button", name="Add an intervention")
    page.keyboard.press("Tab")
    for _ in range(10):
        if add.evaluate("one => one === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(add).to_be_focused()
    assert add.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    assert add.evaluate("one => parseFloat(getComputedStyle(one).outlineWidth)") >= 2.0
