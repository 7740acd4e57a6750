"""The page as visitors use it, in a real browser. What the numbers are is tested without one, in test_session.py."""

from __future__ import annotations

import re

import numpy as np
import pytest
from conftest import look, rest
from playwright.sync_api import expect

from niche_sim.dashboard.link import Setup

SMALL = (("section.width", "0.8 mm"), ("section.height", "0.8 mm"))
QUERY = Setup(overrides=SMALL).to_query()
BLOCK = Setup(overrides=SMALL, day=12.0)


def ready(page):
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()
    expect(page.locator("canvas.ns-canvas").first).to_be_visible()
    return page


def until_clock(page, text):
    expect(page.locator(".ns-clock")).to_have_text(re.compile(text))


def go_to(page, day):
    """Drag the scrubber to a day, as a screen reader or a script would."""
    page.get_by_label("Time of the run").fill(str(24 * day))
    until_clock(page, f"^Day {day}, 00:00$")
    expect(page.locator(".ns-viewer")).to_have_attribute("data-time", str(24 * day))
    rest(page)


def unfold(page, title):
    """Open a drawer, whether it is open or not."""
    button = page.get_by_role("button", name=title, exact=True)
    if button.get_attribute("aria-expanded") == "false":
        button.click()
    expect(button).to_have_attribute("aria-expanded", "true")


def readout(page, name):
    """What the comparison says of a readout, as (ours, theirs)."""
    cells = page.get_by_role("row", name=re.compile(name)).get_by_role("cell").all_inner_texts()
    return tuple(float(text.replace(",", "")) for text in cells[:2])


@pytest.fixture
def page(visit, server):
    return ready(visit(server + "?" + QUERY))


def test_it_loads_and_tells_what_it_is(visit, server, axe):
    page = ready(visit(server))
    until_clock(page, "^Day 0, 00:00$")
    expect(page.get_by_role("heading", name="niche_sim")).to_be_visible()
    expect(page.locator(".ns-limit")).to_have_text(re.compile("Bottleneck now: no cell is educated"))
    expect(page.locator(".ns-stage")).to_have_count(6)
    expect(page.locator(".ns-stage", has_text="Angiogenesis")).to_contain_text("(hypothesis)")
    assert axe(page) == []
    look(page, "start")


def test_play_pause_step_and_reset(page, unhurried):
    page.get_by_label("Speed").select_option("6")
    page.get_by_role("button", name="Play", exact=True).click()
    until_clock(page, "^Day [0-9]+, (06|12|18):00$")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    go_to(page, 3)
    expect(page.locator(".ns-stage", has_text="Priming")).to_have_class(re.compile("ns-lit"))
    page.get_by_role("button", name="Reset", exact=True).click()
    until_clock(page, "^Day 0, 00:00$")
    page.get_by_role("button", name="Step", exact=True).click()
    until_clock(page, "^Day 0, 01:00$")
    page.get_by_label("Length of a step").select_option("24")
    page.get_by_role("button", name="Step", exact=True).click()
    until_clock(page, "^Day 1, 01:00$")


def test_scrubbing_back_shows_the_same_moment_again(page):
    pixels = "() => document.querySelector('canvas.ns-canvas').toDataURL()"
    go_to(page, 8)  # first, since colour scales grow with what has been seen
    go_to(page, 5)
    rest(page, 1000)  # what follows quickly is drawn coarser, and once more when all is still
    before = page.evaluate(pixels)
    go_to(page, 8)
    assert page.evaluate(pixels) != before
    go_to(page, 5)
    page.wait_for_function(f"before => ({pixels})() === before", arg=before)


def test_a_block_from_an_earlier_day_is_a_branch_and_shows_in_a_readout(page):
    go_to(page, 14)
    go_to(page, 4)
    expect(page.locator(".ns-limit")).to_have_count(1)
    unfold(page, "Treatment")
    page.get_by_role("button", name="Add an intervention").click()
    page.get_by_label("What to block").select_option("fibronectin")
    expect(page.get_by_role("textbox", name="From day")).to_have_value("4")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Back at day 4. Press Play")).to_be_visible()
    expect(page.locator("canvas.ns-canvas")).to_have_count(3)
    unfold(page, "Experiment")
    expect(page.get_by_label("Arm", exact=True)).to_have_value("educated_edited")
    go_to(page, 14)
    unfold(page, "Compare")
    fibronectin = "Bone-marrow-derived cells held"
    expect(page.get_by_text("This mouse, day 14,")).to_be_visible()
    ours, theirs = readout(page, fibronectin)
    assert ours < 0.5 * theirs, "without fibronectin fewer bone-marrow-derived cells are held"
    # Each run has its stages, and the numbers of cells say whose they are.
    names = ["Educated (edited)", "Educated, before the change"]
    expect(page.locator(".ns-limit")).to_have_count(2)
    expect(page.get_by_text(f"Number of cells: {' | '.join(names)}")).to_be_visible()
    told = page.locator(".ns-stage", has_text="Recruitment").get_by_role("button").get_attribute("title")
    of_run = r"{}: bone-marrow-derived cells held by fibronectin: ([\d.,]+) per mm²"
    ours, theirs = (float(re.search(of_run.format(re.escape(name)), told)[1].replace(",", "")) for name in names)
    assert ours < 0.5 * theirs
    look(page, "branch")


def test_each_field_that_is_ticked_is_drawn_and_none_that_is_not(page):
    def until(*names):
        page.wait_for_function(
            """names => {
                const said = document.querySelector('.ns-canvas').ariaLabel;
                return ['Fibronectin', 'TGF-β', 'Oxygen'].every((one) => said.includes(`${one} up to`) === names.includes(one));
            }""",
            arg=list(names),
        )

    go_to(page, 3)
    page.get_by_role("button", name="All fields and cells").click()
    until("Fibronectin")
    page.get_by_label("TGF-β", exact=True).check()
    until("Fibronectin", "TGF-β")
    page.get_by_label("Fibronectin", exact=True).uncheck()
    until("TGF-β")
    page.get_by_label("Oxygen", exact=True).check()
    until("TGF-β", "Oxygen")
    page.get_by_role("button", name="Step").click()
    until_clock(page, "^Day 3, 01:00$")
    page.get_by_role("button", name="Dark colours").click()
    page.wait_for_timeout(1500)  # the page is renewed once a second
    until("TGF-β", "Oxygen")


def test_a_reload_brings_the_experiment_back_at_its_hour_with_its_comparison(visit, server):
    page = ready(visit(server + "?" + Setup(overrides=SMALL, seed=8).to_query()))
    entries = page.evaluate("history.length")
    go_to(page, 4)
    unfold(page, "Compare")
    page.get_by_label("Compare with").select_option("anti_mif")
    expect(page.locator("canvas.ns-canvas")).to_have_count(3)
    expect(page).to_have_url(re.compile("against=anti_mif.*day=4$"))
    expect(page.get_by_text("This mouse, day 4,")).to_be_visible()
    before = page.get_by_role("table").inner_text()
    page.reload()
    ready(page)
    unfold(page, "Experiment")
    until_clock(page, "^Day 4, 00:00$")
    expect(page.locator("canvas.ns-canvas")).to_have_count(3)
    expect(page.get_by_label("Seed (which virtual mouse)")).to_have_value("8")
    unfold(page, "Compare")
    expect(page.get_by_role("table")).to_have_text(before, use_inner_text=True)
    assert page.evaluate("history.length") == entries, "no entries that the Back button would have to go through"
    expect(page.locator(".ns-limit")).to_have_count(2)
    unfold(page, "Experiment")
    page.get_by_role("button", name="Another mouse").click()
    expect(page).to_have_url(re.compile("seed=9&(?!.*(against|day))"))
    expect(page.locator(".ns-limit")).to_have_count(1)


def test_drawers_open_one_at_a_time_and_leave_the_run_as_it_is(visit, server):
    page = ready(visit(server + "?" + QUERY, width=390, height=844))
    go_to(page, 6)
    go_to(page, 3)
    played = page.locator(".ns-timeline").get_attribute("style")
    for name in ("Experiment", "Treatment", "Parameters", "Compare", "Charts", "Lessons", "Export"):
        unfold(page, name)
        expect(page.locator(".ns-drawer:visible")).to_have_count(1)
    expect(page.locator(".ns-drawer:visible")).to_have_attribute("aria-label", "Export and share")
    page.get_by_role("button", name="Close Export and share").click()
    expect(page.locator(".ns-drawer:visible")).to_have_count(0)
    until_clock(page, "^Day 3, 00:00$")
    assert page.locator(".ns-timeline").get_attribute("style") == played, "what was played to day 6 is there still"


def test_tabs_keep_addresses_of_their_own(visit, server):
    first, second = (ready(visit(server + "?" + Setup(overrides=SMALL, seed=seed).to_query())) for seed in (8, 9))
    go_to(first, 2)
    expect(first).to_have_url(re.compile("seed=8&.*day=2$"))
    expect(second).to_have_url(re.compile("seed=9&.*mm$"))


def test_a_link_that_cannot_be_opened_stays_in_the_address_until_something_is_done(visit, server):
    page = ready(visit(server + "?seed=x"))
    expect(page.get_by_text("This link cannot be opened")).to_be_visible()
    page.wait_for_timeout(800)
    assert page.url.endswith("?seed=x")
    page.get_by_role("button", name="Step", exact=True).click()
    expect(page).to_have_url(re.compile(r"/\?day=0\.041667$"))


def test_a_lesson_stays_in_the_address(visit, server):
    page = ready(visit(server + "?lesson=mif"))
    page.wait_for_timeout(800)
    assert page.url.endswith("?lesson=mif")
    page.get_by_label("Lesson", exact=True).select_option("timing")
    expect(page).to_have_url(re.compile("lesson=timing$"))
    page.get_by_label("Lesson", exact=True).select_option("(none)")
    expect(page).to_have_url(re.compile("/$"))


def test_on_a_phone_the_section_is_as_wide_as_it_can_be(visit, server):
    page = ready(visit(server, width=390, height=844))
    assert page.locator("canvas.ns-canvas").bounding_box()["width"] >= 300
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    look(page, "phone_start")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1366, 768), (1440, 900)])
def test_the_tissue_has_three_fifths_of_the_window_alone_and_compared(visit, server, width, height, dark):
    page = ready(visit(server + "?" + QUERY, width, height, dark))
    assert share_of_the_window(page) >= 0.6
    clock = page.locator(".ns-clock").bounding_box()
    assert 0 <= clock["y"] <= height - clock["height"], "the clock is seen without scrolling"
    assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [width, height]
    unfold(page, "Compare")
    page.get_by_label("Compare with").select_option("pbs")
    expect(page.locator("canvas.ns-canvas")).to_have_count(3)
    page.get_by_role("button", name="Close Comparison").click()
    rest(page, 300)
    assert share_of_the_window(page) >= 0.59, "two lines between the panels"
    expect(page.get_by_text("Number of cells: Educated | PBS")).to_be_visible()  # the legend stays beside it
    assert broken_words(page) == []
    look(page, f"compared-{width}-{'dark' if dark else 'light'}")


def share_of_the_window(page):
    return page.evaluate(
        """() => [...document.querySelectorAll('canvas.ns-canvas')]
            .reduce((sum, one) => sum + one.clientWidth * one.clientHeight, 0) / (innerWidth * innerHeight)"""
    )


def broken_words(page):
    """Labels that are cut off, or wider than what they stand in."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.ns-rail button, .ns-lane-name, .ns-when, .ns-tick, .ns-press')]
            .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)"""
    )


def test_the_start_invites_to_three_acts_and_is_gone_once_one_is_done(visit, server, axe):
    page = ready(visit(server))
    first = page.get_by_role("region", name="First steps")
    expect(first).to_be_visible()
    assert axe(page) == []
    look(page, "welcome")
    page.get_by_role("button", name="Block a step").click()
    expect(page.get_by_role("heading", name="Treatment schedule")).to_be_visible()
    page.get_by_role("button", name="Anti-MIF", exact=True).click()
    expect(page.locator("canvas.ns-canvas")).to_have_count(3)
    page.get_by_role("button", name="Close Treatment schedule").click()
    page.get_by_role("button", name="Step", exact=True).click()
    expect(first).to_have_count(0)
    page = ready(visit(server))
    page.get_by_role("button", name="Repeat a paper").click()
    expect(page.get_by_role("heading", name="Repeat a paper")).to_be_visible()
    was = page.locator(".ns-head-title").inner_text()
    page.locator(".ns-paper button").nth(3).click()
    expect(page.locator(".ns-head-title")).not_to_have_text(was)  # another experiment, by one click in the list
    page = ready(visit(server))
    page.get_by_role("button", name="Watch the niche form").click()
    until_clock(page, "^Day [1-9]")
    expect(page.get_by_role("region", name="First steps")).to_have_count(0)


def test_colour_scales_are_fixed_unless_told_otherwise(page):
    high = page.locator(".ns-field-row.ns-on .ns-ends span").last
    go_to(page, 2)
    expect(high).to_have_text("15")
    go_to(page, 8)
    expect(high).to_have_text(re.compile("15$"))
    go_to(page, 2)
    page.get_by_label("Colour scale").select_option("seen")
    expect(high).to_have_text("6")
    page.get_by_label("Colour scale").select_option("held")
    go_to(page, 8)
    expect(high).to_have_text("≥ 6")


def test_a_stage_tells_its_story(page):
    go_to(page, 3)
    page.locator(".ns-stage", has_text="Priming").get_by_role("button").click()
    card = page.get_by_role("dialog", name="Priming")
    expect(card).to_contain_text("since day")
    expect(card).to_contain_text("swallow vesicles")


def test_a_number_of_a_link_outside_its_range_is_said(visit, server):
    far = (*SMALL, ("tgfb.half_life", "5000 min"))
    page = ready(visit(server + "?" + Setup(overrides=far).to_query()))
    expect(page.get_by_text("tgfb.half_life = 5000 min is outside its range")).to_be_visible()


def test_a_number_by_its_slider_with_its_source(page):
    unfold(page, "Parameters")
    page.get_by_label("Find a parameter").fill("tgfb.half_life")
    slider = page.get_by_role("slider", name="Half-life")
    page.get_by_role("button", name="About Half-life").hover()
    expect(page.get_by_role("tooltip")).to_contain_text("Wakefield")
    field = page.get_by_role("textbox", name="Half-life")
    before = field.input_value()
    slider.focus()
    slider.press("ArrowRight")
    expect(field).not_to_have_value(before)
    expect(page.get_by_text("Changed from 10 min")).to_be_visible()
    field.fill("5 mm")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("5 mm")
    field.fill("5 min")
    field.press("Enter")
    page.get_by_role("button", name="Step", exact=True).click()
    until_clock(page, "^Day 0, 01:00$")
    field.fill("20 min")
    field.press("Enter")
    expect(page.get_by_text("take effect when the run starts again")).to_be_visible()
    page.get_by_role("button", name="Reset with these numbers").click()
    until_clock(page, "^Day 0, 00:00$")
    unfold(page, "Export")
    expect(page.get_by_role("textbox", name="Command that repeats this run")).to_have_value(
        re.compile("tgfb.half_life=20 min")
    )


def test_two_arms_and_a_cohort_behind_them(page, axe):
    page.get_by_label("Time of the run").fill("72")
    unfold(page, "Compare")
    page.get_by_label("Compare with").select_option("tgfb_inhibitor")
    expect(page.locator("canvas.ns-canvas")).to_have_count(3)
    expect(page.locator("figcaption")).to_have_text(["Educated", "TGF-β inhibitor", "Fibronectin: Educated less TGF-β inhibitor"])
    go_to(page, 8)
    expect(page.get_by_text("This mouse, day 8,")).to_be_visible()
    ours, theirs = readout(page, "Active stellate cells")
    assert ours > theirs
    mice = page.get_by_role("slider", name="Mice per arm")
    mice.focus()
    mice.press("Home")
    page.get_by_role("button", name="Run the cohort").click()
    expect(page.get_by_text("2 mice per arm")).to_be_visible()
    effect = page.get_by_role("row", name=re.compile("Active stellate cells")).last
    expect(effect).to_contain_text(re.compile(r"[\d.]+ \([-\d.]+ to [-\d.]+\)"))
    assert axe(page) == []
    look(page, "compare")


def test_a_cohort_can_be_given_up(visit, server):
    endless = (*SMALL, ("run.duration", "4000 day"))  # an hour of work
    page = ready(visit(server + "?" + Setup(overrides=endless).to_query()))
    unfold(page, "Compare")
    page.get_by_label("Compare with").select_option("pbs")
    mice = page.get_by_role("slider", name="Mice per arm")
    mice.focus()
    mice.press("End")
    page.get_by_role("button", name="Run the cohort").click()
    expect(page.get_by_text(re.compile(r"^0 of \d+ mice"))).to_be_visible()
    page.get_by_role("button", name="Cancel the cohort").click()
    expect(page.get_by_text(re.compile("^Cancelled"))).to_be_visible()
    expect(page.get_by_role("button", name="Run the cohort")).to_be_enabled()


def test_a_link_opens_the_same_experiment_with_the_same_numbers(page, visit):
    go_to(page, 6)
    unfold(page, "Treatment")
    page.get_by_role("button", name="Add an intervention").click()
    page.get_by_label("What to block").select_option("ccr2")
    page.get_by_role("button", name="Add", exact=True).click()
    go_to(page, 10)
    unfold(page, "Export")
    link = page.get_by_role("textbox", name="Link to this experiment")
    expect(link).to_have_value(re.compile("day=10$"))
    address = link.input_value()
    other = ready(visit(address))
    until_clock(other, "^Day 10, 00:00$")
    unfold(other, "Experiment")
    expect(other.get_by_label("Arm", exact=True)).to_have_value("educated_edited")
    unfold(other, "Compare")
    expect(other.get_by_label("Compare with")).to_have_value("(before the change)")
    expect(other.locator("canvas.ns-canvas")).to_have_count(3)
    expect(other.get_by_text("This mouse, day 10,")).to_be_visible()
    unfold(page, "Compare")
    page.get_by_text("This mouse, day 10,").wait_for()
    for name in ("Bone-marrow-derived cells held", "Active stellate cells", "Recipient cells in the educated"):
        assert readout(page, name) == readout(other, name)
    setup = Setup.from_query(address.partition("?")[2])
    model = setup.model()
    while model.state.time < 240.0:
        model.step()
    held = np.count_nonzero(model.state.bmdc.arrested)
    assert readout(other, "Bone-marrow-derived cells held")[0] == pytest.approx(held, rel=1e-3), "shown with 4 digits"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("scenario=liver_education", "did you mean"),
        ("arm=educatd", "did you mean educated"),
        ("seed=-3", "a whole number from 0"),
        ("set=tgfb.half_life%3D5+mm", "tgfb.half_life"),
        ("colour=red", "unknown key"),
        ("day=90", "within the run"),
        ("scenario=..%2Fscenario.toml", "allowed are"),
        ("protocol=%5B%7Bdo", "protocol"),
    ],
)
def test_a_bad_link_says_what_is_wrong(visit, server, query, said):
    page = ready(visit(f"{server}?{query}"))
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("This link cannot be opened")
    expect(alert).to_contain_text(said)
    page.get_by_role("button", name="Close").click()
    expect(alert).to_have_count(0)


def test_an_uploaded_scenario_runs_and_a_bad_one_says_what_is_wrong(page, tmp_path):
    unfold(page, "Experiment")
    chooser = page.get_by_label("Open a scenario of your own (.toml)")
    good = tmp_path / "mine.toml"
    good.write_text(
        Setup("liver_growing_primary").base().text.replace('title    = "', 'title    = "Mine: '), encoding="utf-8"
    )
    bad = tmp_path / "bad.toml"
    bad.write_text(good.read_text().replace('organ    = "liver"', 'organ    = "livr"'), encoding="utf-8")
    chooser.set_input_files(bad)
    expect(page.get_by_role("alert")).to_contain_text("bad.toml: organ: 'livr'; did you mean liver")
    chooser.set_input_files(good)
    expect(page.locator(".ns-head")).to_contain_text("Mine: ")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name="Step", exact=True).click()
    until_clock(page, "^Day 0, 01:00$")


def test_two_visitors_at_once(page, visit, server):
    other = ready(visit(server + "?" + Setup(arm="pbs", seed=3, overrides=SMALL).to_query()))
    for one in (page, other):
        one.get_by_label("Speed").select_option("6")
        one.get_by_role("button", name="Play", exact=True).click()
    for one in (page, other):
        one.bring_to_front()  # a page that is not in front is not drawn
        until_clock(one, "^Day [1-9]")
        go_to(one, 8)
    expect(page.locator(".ns-stage", has_text="Priming")).to_have_class(re.compile("ns-lit"))
    expect(other.locator(".ns-stage", has_text="Priming")).to_have_class(re.compile("ns-waiting"))
    for one, seed in ((page, "1"), (other, "3")):
        unfold(one, "Experiment")
        expect(one.get_by_label("Seed")).to_have_value(seed)


def test_the_keyboard_alone_is_enough(page, unhurried):
    """From the top of the page by Tab to Play, and from there through the scrubber to a stage that has begun."""

    def tab_to(name):
        for _ in range(60):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                "() => document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
            )
            if focused.strip() == name:
                return
        pytest.fail(f"Tab does not come to {name}")

    tab_to("Play")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_focused()
    tab_to("Time of the run")
    page.keyboard.press("Home")
    until_clock(page, "^Day 0, 00:00$")
    page.keyboard.press("ArrowRight")
    until_clock(page, "^Day 0, 01:00$")
    outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "where the keyboard is can be seen"


def overlaps(page, within="body"):
    """Pairs of controls that lie over each other where they can be seen, and what reaches beyond the page."""
    return page.locator(within).evaluate(
        """(whole) => {
          const shown = (one) => {              // what of it is in sight: boxes that scroll cut off the rest
            const {left, right, top, bottom} = one.getBoundingClientRect();
            const sight = {left, right, top, bottom};
            for (let box = one.parentElement; box && box !== document.body; box = box.parentElement) {
              if (getComputedStyle(box).overflowY === 'visible') continue;
              const edge = box.getBoundingClientRect();
              sight.left = Math.max(sight.left, edge.left);
              sight.right = Math.min(sight.right, edge.right);
              sight.top = Math.max(sight.top, edge.top);
              sight.bottom = Math.min(sight.bottom, edge.bottom);
            }
            return sight;
          };
          const seen = [...whole.querySelectorAll('button, select, input, output, h1, h2')]
            // The scrubber lies over the lanes, as it is made to.
            .filter((one) => !one.matches('.ns-timeline input') && one.checkVisibility())
            .filter((one) => !one.closest('.ns-unseen, .ns-rail h1') && one.getBoundingClientRect().width > 0);
          const found = [];
          const width = document.documentElement.clientWidth;
          seen.forEach((one, number) => {
            const whole = one.getBoundingClientRect();
            if (whole.left < -1 || whole.right > width + 1)
              found.push(`${one.tagName} ${one.textContent.slice(0, 30)} leaves the page`);
            const a = shown(one);
            for (const other of seen.slice(number + 1)) {
              if (one.contains(other) || other.contains(one)) continue;
              const b = shown(other);
              const w = Math.min(a.right, b.right) - Math.max(a.left, b.left);
              const h = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
              if (w > 2 && h > 2) found.push(`${one.outerHTML.slice(0, 80)} / ${other.outerHTML.slice(0, 80)}`);
            }
          });
          if (document.documentElement.scrollWidth > width + 1) found.push('the page scrolls sideways');
          return found;
        }"""
    )


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1440, 900)])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_phone_and_desktop_light_and_dark(visit, server, axe, width, height, dark):
    page = ready(visit(server + "?" + BLOCK.to_query(), width, height, dark))
    expect(page.locator(".ns-viewer")).to_have_attribute("data-time", "288")
    unfold(page, "Compare")
    page.get_by_label("Compare with").select_option("pbs")
    expect(page.locator("canvas.ns-canvas")).to_have_count(3)
    assert page.locator(".v-application").evaluate("one => one.classList.contains('theme--dark')") == dark
    for title in ("Experiment", "Treatment", "Parameters", "Compare", "Charts", "Lessons", "Export"):
        unfold(page, title)
        rest(page, 300)
        panel = page.locator(".ns-drawer:visible")
        for part in (0, 1):
            panel.evaluate("(one, part) => one.scrollTo(0, part * one.scrollHeight)", part)
            assert overlaps(page, ".ns-drawer:visible") == []
        assert axe(page) == []
    page.get_by_role("button", name="Close Export and share").click()
    assert overlaps(page) == []
    assert broken_words(page) == []
    assert axe(page) == []
    look(page, f"page-{width}-{'dark' if dark else 'light'}")


def test_dark_can_be_chosen(page):
    page.get_by_role("button", name="Dark colours").click()
    expect(page.locator(".v-application.theme--dark")).to_have_count(1)
    expect(page.locator(".ns-tissue")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Light colours").click()
    expect(page.locator(".v-application.theme--dark")).to_have_count(0)


def test_a_slider_moves_through_the_planes_of_a_block(visit, server):
    deep = (*SMALL, ("section.depth", "100 um"))
    page = ready(visit(server + "?" + Setup(overrides=deep).to_query()))
    slider = page.get_by_label("Plane of the block")
    expect(slider).to_have_value("50")  # the middle of five planes
    expect(slider).to_have_attribute("aria-valuetext", "Plane 50 of 100 µm")
    counts = page.locator(".ns-layers")
    middle = counts.inner_text()
    slider.fill("10")
    expect(slider).to_have_attribute("aria-valuetext", "Plane 10 of 100 µm")
    expect(counts).not_to_have_text(middle)
    page.wait_for_function("([el, before]) => el.innerText !== before", arg=[counts.element_handle(), middle])
    look(page, "block")
