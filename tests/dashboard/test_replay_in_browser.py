"""A replay as a visitor opens it: from a file, without a server; every moment shows what the model had then."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import look, rest
from playwright.sync_api import expect

from niche_sim.cli import main
from niche_sim.figures.appearance import KINDS, SnapshotSight
from niche_sim.figures.labels import clock
from niche_sim.runs import record as records
from niche_sim.teaching import replay

SMALL = {"section.width": "0.6 mm", "section.height": "0.6 mm", "run.duration": "4 day"}
WHOLE = ("exosomes_taken_up", "recipient_cells_loaded", "kupffer_loaded")  # readouts that are whole numbers


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of two arms, and pages of the one and of both."""
    if not (Path(sys.prefix) / replay.ECHARTS).is_file():
        pytest.skip("solara-assets, which has ECharts, is not installed")
    folder = tmp_path_factory.mktemp("replay")
    for arm in ("educated", "pbs"):
        records.run(arm=arm, overrides=SMALL).save(folder / arm)
    one, two = folder / "one.html", folder / "two.html"
    assert main(["replay", str(folder / "educated"), "-o", str(one)]) == 0
    assert main(["replay", str(folder / "educated"), str(folder / "pbs"), "-o", str(two)]) == 0
    return folder


def counts_of(folder):
    """How many cells of each kind the model of a folder has every 12 h: time (h) -> a number a kind."""
    provenance = records.load_record(folder).provenance
    made = {}
    for time, arrays in records.shots(records.model_like(provenance, ""), 12.0):
        sight = SnapshotSight(arrays, provenance)
        populated = [len(sight.places(kind.population)[0]) for kind in KINDS]
        made[time] = [int(np.count_nonzero(k.chosen(sight))) if n else 0 for k, n in zip(KINDS, populated, strict=True)]
    return made


def opened(visit, file, **more):
    page = visit(file.as_uri(), **more)
    page.wait_for_selector("body[data-ready]")
    return page


def scrub(page, hours):
    page.get_by_label("Time of the run").fill(f"{hours:g}")
    page.wait_for_function("hours => document.querySelector('.ns-viewer').dataset.time === String(hours)", arg=hours)


def shown_counts(page):
    """The numbers beside the kinds of cells: label -> text."""
    rest(page)  # they are written with the next picture
    rows = page.locator(".ns-population label").all()
    return {row.locator(".ns-name").inner_text(): row.locator(".ns-count").inner_text() for row in rows}


def said(values):
    return " | ".join(f"{value:,}" for value in values)


def test_scrubbed_anywhere_it_shows_what_the_model_had(visit, runs):
    page = opened(visit, runs / "one.html")
    expected = counts_of(runs / "educated")
    record = records.load_record(runs / "educated")
    page.get_by_text("All numbers at this time").click()
    seen = set()
    for hours in (96, 36, 12, 72, 0, 96):
        scrub(page, hours)
        assert page.locator(".ns-clock").inner_text() == f"Day {hours // 24}, {hours % 24:02d}:00"
        shown = shown_counts(page)
        assert len(shown) > 10
        for kind, count in zip(KINDS, expected[hours], strict=True):
            if kind.label in shown:
                assert shown[kind.label] == said([count]), (hours, kind.label)
        row = int(np.flatnonzero(record.table["time_h"] == hours)[0])
        for name in WHOLE:
            text = page.locator(f"tr[data-readout={name}] td").inner_text()
            assert text == f"{int(record.table[name][row]):,}"
        seen.add(tuple(shown.values()))
    assert len(seen) == 5  # each moment is another
    look(page, "replay-one")


def test_two_runs_side_by_side_with_their_difference(visit, runs):
    page = opened(visit, runs / "two.html")
    expected = [counts_of(runs / arm) for arm in ("educated", "pbs")]
    assert page.locator("canvas.ns-canvas").count() == 3
    for hours in (96, 48):
        scrub(page, hours)
        shown = shown_counts(page)
        for number, kind in enumerate(KINDS):
            if kind.label in shown:
                assert shown[kind.label] == said([counts[hours][number] for counts in expected]), (hours, kind.label)
    assert page.locator("figcaption").all_inner_texts() == [
        "Educated, seed 1", "PBS, seed 1", "Fibronectin: Educated, seed 1 less PBS, seed 1",
    ]  # fmt: skip
    limits = page.locator(".ns-limit").all_inner_texts()
    assert [text.partition(":")[0] for text in limits] == ["Educated, seed 1", "PBS, seed 1"]
    expect(page.get_by_text("Number of cells: Educated, seed 1 | PBS, seed 1")).to_be_visible()
    # The map is that of the field that is chosen; with none it goes.
    page.get_by_label("TGF-β", exact=True).check()
    page.get_by_label("Fibronectin", exact=True).uncheck()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.ns-canvas')][2].ariaLabel?.includes('difference in TGF-β')"
    )
    expect(page.locator("figcaption").nth(2)).to_have_text("TGF-β: Educated, seed 1 less PBS, seed 1")
    page.get_by_label("TGF-β", exact=True).uncheck()
    page.wait_for_function("() => document.querySelectorAll('.ns-canvas').length === 2")
    look(page, "replay-two")


def test_it_plays_to_the_end_steps_and_begins_again(visit, runs):
    page = opened(visit, runs / "one.html")
    clock = page.locator(".ns-clock")
    page.get_by_role("button", name="Step").click()
    page.wait_for_function("() => document.querySelector('.ns-viewer').dataset.time === '12'")
    page.get_by_label("Time of the run").press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.ns-viewer').dataset.time === '24'")
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))  # one picture, and none follows before Pause is pressed
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(10_000)
    expect(clock).to_have_text("Day 1, 12:00")
    page.clock.resume()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelector('.ns-viewer').dataset.time === '96'")
    page.get_by_role("button", name="Play").click()  # begins again
    page.wait_for_function("() => Number(document.querySelector('.ns-viewer').dataset.time) < 96")
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function("() => document.querySelector('.ns-viewer').dataset.time === '0'")


def test_captions_follow_the_stages_and_a_click_tells_what_is_there(visit, runs):
    page = opened(visit, runs / "one.html")
    onset = records.load_record(runs / "educated").onsets["priming"]
    assert 0 < onset <= 36  # between two doses
    caption = page.locator("#replay-captions")
    assert caption.inner_text().startswith("Day 0, 00:00: PDAC exosomes")
    scrub(page, 36)
    assert caption.inner_text().startswith(f"{clock(onset)}: Priming begins. ")
    page.locator("canvas.ns-canvas").click(position={"x": 150, "y": 150})
    card = page.get_by_role("dialog")
    assert card.is_visible()
    assert card.locator("p").first.inner_text() == "Day 1, 12:00."
    ring = page.locator("canvas[data-chosen]")
    for place in range(100, 300, 5):  # until there is a cell
        page.locator("canvas.ns-canvas").click(position={"x": place, "y": place})
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        if ring.count():
            break
    where = ring.get_attribute("data-chosen")
    scrub(page, 0)
    scrub(page, 36)
    assert ring.get_attribute("data-chosen") == where


@pytest.mark.parametrize(("width", "dark"), [(390, True), (768, False), (1440, True)])
@pytest.mark.parametrize("name", ["one", "two"])
def test_it_fits_and_axe_finds_nothing_serious(visit, runs, name, width, dark):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(visit, runs / f"{name}.html", width=width, dark=dark)
    scrub(page, 72)
    for part in page.locator("main > section > details > summary").all():
        part.click()
    rest(page, 300)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page).response["violations"]
    assert [
        (one["id"], [node["html"][:120] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ] == []
    look(page, f"replay-{name}-{width}")
