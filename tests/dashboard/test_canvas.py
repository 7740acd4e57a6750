"""The tissue view in a real browser, from a file as the replay has it and through its widget as the dashboard does."""

from __future__ import annotations

import base64
import itertools
import json

import numpy as np
import pytest
from playwright.sync_api import expect

from niche_sim.dashboard.canvas import TissueCanvas
from niche_sim.experiment.simulation import Simulation
from niche_sim.exports.canvas_encoding import Scales, pack, pack_difference, static_of
from niche_sim.exports.cell_report import at_point
from niche_sim.exports.front_code import drawing_style, linked
from niche_sim.figures.appearance import FIELD_LOOKS, KINDS, LiveSight, colour_table

SIZE = {"section.width": "600 um", "section.height": "700 um"}
EDUCATED = (200.0, 410.0)  # y, x, um, of one Kupffer cell
KILLER = (520.0, 150.0)  # of one NK cell
PLACE = (430.0, 410.0)  # of nothing, in the parenchyma
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tissue</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{style} body {{ margin: 8px; background: {background}; }}</style></head><body><main id="here"></main><script>
{code}
const heard = [];
const given = {given};
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const view = front["tissue.js"].buildTissue(document.getElementById("here"), {{
  fields: given.fields, dark: given.dark, onPick: (place) => heard.push(["pick", place]),
  onFields: (names) => heard.push(["fields", names]), onDrawn: (seq) => heard.push(["drawn", seq]),
}});
view.setStatic(given.static);
const frame = (seq) => view.setFrame({{ panels: given.panels, seq }}, given.buffers.map(bytes));
frame(1);
</script></body></html>"""


def bare_mouse():
    """A section with an educated Kupffer cell, an NK cell, some tumour cells in a corner, and even fibronectin."""
    model = Simulation(overrides=SIZE, rng=3)
    for population in model.state.populations.values():
        population.remove(slice(None))
    state = model.state
    state.kupffer_cells.add(1, y=EDUCATED[0], x=EDUCATED[1], state="educated", educated_at=30.0, load=12)
    state.nk_cells.add(1, y=KILLER[0], x=KILLER[1])
    state.tumour_cells.add(3, y=[650.0, 660.0, 670.0], x=560.0, clone=7, state="dormant")
    state.fibronectin[:] = 3.0
    return model


@pytest.fixture
def show(browser, tmp_path):
    """Opens panels from a file; at the end fails on any error of the page and any request beyond the file itself."""
    contexts, wrong = [], []

    def open_page(
        *panels, width=1440, height=900, dark=False, fields=("fibronectin",), static=None, page=PAGE, **context
    ):
        given = {
            "panels": [panel.header for panel in panels],
            "buffers": [base64.b64encode(part).decode() for panel in panels for part in panel.buffers],
            "static": static or static_of(LiveSight(bare_mouse())),
            "fields": list(fields),
            "dark": dark,
        }
        file = tmp_path / f"page{len(contexts)}.html"
        parts = {"style": drawing_style(), "code": linked("widget.js"), "given": json.dumps(given)}
        file.write_text(page.format(background="#121416" if dark else "#fff", **parts), encoding="utf-8")
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **context))
        opened = contexts[-1].new_page()
        opened.on(
            "console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None
        )
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        own = file.as_uri()
        opened.on("request", lambda request: None if request.url == own else wrong.append(f"asked for {request.url}"))
        opened.goto(own)
        opened.wait_for_function("heard.some(([what, seq]) => what === 'drawn' && seq === 1)")
        return opened

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def mouse():
    return bare_mouse()


@pytest.fixture
def page(show, mouse):
    return show(pack(LiveSight(mouse), ["fibronectin"], Scales()))


def at(page, place, panel=0, across=600.0, down=700.0):
    """Where on the page a place of the whole section is."""
    box = page.locator("canvas.ns-canvas").nth(panel).bounding_box()
    return box["x"] + place[1] / across * box["width"], box["y"] + place[0] / down * box["height"]


def settled(page):
    """Wait until what has been asked for has been drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def pixel(page, place, panel=0):
    """Colour of the pixel at a place of the whole section, [red, green, blue]."""
    settled(page)
    return page.evaluate(
        """([panel, y, x]) => {
            const canvas = document.querySelectorAll("canvas.ns-canvas")[panel];
            const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
            copy.drawImage(canvas, -Math.floor(x * canvas.width), -Math.floor(y * canvas.height));
            return [...copy.getImageData(0, 0, 1, 1).data.slice(0, 3)];
        }""",
        [panel, place[0] / 700.0, place[1] / 600.0],
    )


def rgb(text):
    return [int(text[i : i + 2], 16) for i in (1, 3, 5)]


def heard(page, what):
    return [told for name, told in page.evaluate("heard") if name == what]


def hover_text(page, place, panel=0):
    page.mouse.move(*at(page, place, panel))
    return page.locator(".ns-hover").inner_text()


VERMILLION = rgb(next(kind.face for kind in KINDS if kind.label == "Kupffer cell, educated"))
FIBRONECTIN = FIELD_LOOKS["fibronectin"]


# --- what is seen ----------------------------------------------------------------------------------------------------


def test_colours_are_those_of_the_looks_and_layers_go_off_and_on(page):
    level = round((3.0 - FIBRONECTIN.rest) / FIBRONECTIN.least_span * 255)
    field = colour_table(FIBRONECTIN.light)[level].tolist()
    assert pixel(page, EDUCATED) == VERMILLION
    # The canvas may round each channel once more when it scales the picture.
    assert np.abs(np.subtract(pixel(page, PLACE), field)).max() <= 1

    box = page.get_by_role("checkbox", name="Kupffer cell, educated")
    box.uncheck()
    assert np.abs(np.subtract(pixel(page, EDUCATED), field)).max() <= 1
    box.check()
    assert pixel(page, EDUCATED) == VERMILLION
    page.get_by_role("button", name="Hide all cells").click()
    expect(box).not_to_be_checked()
    assert np.abs(np.subtract(pixel(page, EDUCATED), field)).max() <= 1
    assert hover_text(page, EDUCATED).splitlines()[0] != "Kupffer cell, educated"  # what is hidden is not pointed at
    page.get_by_role("button", name="Show all cells").click()
    assert pixel(page, EDUCATED) == VERMILLION

    opacity = page.get_by_role("slider", name="Opacity of Fibronectin")
    opacity.fill("50")
    paper = rgb("#fbf6f0")
    half = (np.array(field) + paper) / 2.0
    assert np.abs(pixel(page, PLACE) - half).max() <= 2
    page.get_by_role("checkbox", name="Fibronectin", exact=True).uncheck()
    assert pixel(page, PLACE) == paper
    expect(opacity).to_be_hidden()
    page.get_by_role("checkbox", name="HGF").check()
    assert heard(page, "fields") == [[], ["hgf"]]


def test_the_list_of_layers_has_numbers_units_and_the_cells_of_this_organ(page):
    rows = page.locator(".ns-population .ns-tick")
    texts = [text.replace("\n", " ").strip() for text in rows.all_inner_texts()]
    assert "Kupffer cell, educated 1" in texts
    assert "Tumour cell, dormant 3" in texts
    assert not [text for text in texts if text.startswith("Recipient cell")]
    assert len(texts) == sum(kind.population != "resident_recipient_cells" for kind in KINDS)
    assert page.locator(".ns-field-row").count() == len(FIELD_LOOKS)
    shown = page.locator(".ns-field-row", has=page.get_by_role("checkbox", name="Fibronectin", exact=True))
    assert shown.locator(".ns-ends span").all_inner_texts() == ["1", "× naive organ", "6"]
    expect(page.get_by_role("group", name="Kupffer cells")).to_be_visible()


def test_fat_of_hepatocytes_is_no_layer_where_there_are_none(show, mouse):
    elsewhere = static_of(LiveSight(mouse)) | {"liver": False, "lobules": []}
    elsewhere["fields"] = [look | {"offered": look["name"] != "steatosis"} for look in elsewhere["fields"]]
    page = show(pack(LiveSight(mouse), ["fibronectin", "steatosis"], Scales()), fields=("fibronectin", "steatosis"))
    expect(page.get_by_role("checkbox", name="Fat of hepatocytes")).to_be_checked()
    page.evaluate("(section) => view.setStatic(section)", elsewhere)
    expect(page.get_by_role("checkbox", name="Fat of hepatocytes")).to_have_count(0)
    assert page.locator(".ns-field-row").count() == len(FIELD_LOOKS) - 1
    assert heard(page, "fields") == [["fibronectin"]], "what no longer can be seen is no longer sent"
    page.evaluate("view.setFrame({ panels: given.panels, seq: 2 }, given.buffers.map(bytes))")  # one that was under way
    page.wait_for_function("heard.some(([what, seq]) => what === 'drawn' && seq === 2)")


def test_portal_triads_central_veins_and_rings_are_drawn(show, mouse):
    mouse.state.tumour_cells.remove(slice(None))
    rng = np.random.default_rng(1)
    y, x = 550.0 + rng.uniform(-40, 40, 200), 420.0 + rng.uniform(-40, 40, 200)
    mouse.state.tumour_cells.add(200, y=y, x=x, clone=7, state="cycling")
    panel = pack(LiveSight(mouse), ["fibronectin"], Scales())
    page = show(panel)
    vein = mouse.state.section.central_veins[0]
    assert pixel(page, vein) == [255, 255, 255]
    (ring,) = panel.header["colonies"]
    scale = page.locator("canvas.ns-canvas").bounding_box()["width"] / 600.0
    edge = (ring[0], ring[1] - ring[2] - 2.0 / scale)
    assert max(pixel(page, edge)) < 60
    page.get_by_role("checkbox", name="Rings around colonies").uncheck()
    assert max(pixel(page, edge)) > 150
    page.get_by_role("checkbox", name="Lobules, portal triads, central veins").uncheck()
    assert pixel(page, vein) != [255, 255, 255]


# --- pointing and clicking -------------------------------------------------------------------------------------------


def test_pointing_names_the_cell_or_the_zone_and_its_fields(page, mouse):
    zone = at_point(mouse, EDUCATED[0], EDUCATED[1] + 9.0, 1.0)["title"]  # beside it, at the same site
    assert hover_text(page, EDUCATED).splitlines() == [
        "Kupffer cell, educated", "Educated by exosomal MIF, it secretes TGF-β.", zone, "Fibronectin: 3 × naive organ",
    ]  # fmt: skip
    assert hover_text(page, KILLER).splitlines()[0] == "NK cell"
    for place in (PLACE, (350.0, 300.0), (100.0, 300.0), (310.0, 80.0)):
        expected = at_point(mouse, *place, 1.0)["title"]
        assert hover_text(page, place).splitlines() == [expected, "Fibronectin: 3 × naive organ"]
    page.mouse.move(2, 2)
    expect(page.locator(".ns-hover")).to_be_hidden()


def test_a_click_says_which_cell_or_site_and_the_card_tells_of_it(page, mouse):
    page.mouse.click(*at(page, (EDUCATED[0] + 3.0, EDUCATED[1] - 3.0)))
    page.mouse.click(*at(page, PLACE))
    cell, site = heard(page, "pick")
    assert cell["unique_id"] == int(mouse.state.kupffer_cells.unique_id[0])
    # A cell is named by its own place, as fine as it was sent.
    assert (cell["y_um"], cell["x_um"]) == pytest.approx(EDUCATED, abs=0.006)
    assert site["unique_id"] is None and site["panel"] == 0
    # A pixel of the page is a little less than one um here.
    assert (site["y_um"], site["x_um"]) == pytest.approx(PLACE, abs=1.0)

    card = at_point(mouse, cell["y_um"], cell["x_um"], cell["reach_um"], cell["unique_id"])
    page.evaluate("(card) => view.setCard(card)", card)
    dialog = page.get_by_role("dialog", name="Kupffer cell, educated")
    expect(dialog).to_contain_text("Educated by exosomes on day 1, 06:00.")
    expect(page.locator("[aria-live=polite]")).to_contain_text("Kupffer cell, educated Educated by exosomal MIF")
    assert page.evaluate("document.activeElement.textContent") == "Kupffer cell, educated"
    dialog.locator("summary", has_text="This cell").click()
    expect(dialog.get_by_role("row", name="Load")).to_contain_text("12 vesicles")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    assert page.evaluate("document.activeElement.className") == "ns-canvas"


def ring_around(page, place):
    """How many pixels within 30 of a place have the colour of the ring around the cell that was clicked."""
    settled(page)
    return page.evaluate(
        """([y, x]) => {
            const canvas = document.querySelector("canvas.ns-canvas");
            const copy = new OffscreenCanvas(60, 60).getContext("2d", { willReadFrequently: true });
            copy.drawImage(canvas, 30 - Math.round(x * canvas.width), 30 - Math.round(y * canvas.height));
            const data = copy.getImageData(0, 0, 60, 60).data;
            let found = 0;
            for (let i = 0; i < data.length; i += 4) found += data[i] === 0 && data[i + 1] === 0x72 && data[i + 2] === 0xb2;
            return found;
        }""",
        [place[0] / 700.0, place[1] / 600.0],
    )


def test_a_ring_follows_the_cell_that_was_clicked(page, mouse):
    def frame(run=None):
        packed = pack(LiveSight(mouse), ["fibronectin"], Scales())
        buffers = [base64.b64encode(part).decode() for part in packed.buffers]
        page.evaluate(
            "([header, buffers]) => view.setFrame(header, buffers.map(bytes))",
            [{"panels": [packed.header]} | ({} if run is None else {"run": run}), buffers],
        )

    moved = (300.0, 300.0)
    assert ring_around(page, KILLER) == 0
    page.mouse.click(*at(page, KILLER))
    assert ring_around(page, KILLER) > 60, "about two pixels along a circle of 17 across"
    mouse.state.nk_cells.y[:], mouse.state.nk_cells.x[:] = moved
    frame()
    assert ring_around(page, KILLER) == 0 < ring_around(page, moved)
    page.get_by_role("button", name="Hide all cells").click()
    assert ring_around(page, moved) == 0, "no ring around nothing"
    page.get_by_role("button", name="Show all cells").click()
    assert ring_around(page, moved) > 60
    mouse.state.nk_cells.remove(slice(None))
    frame()
    assert ring_around(page, moved) == 0, "the cell is gone"
    page.mouse.click(*at(page, EDUCATED))
    assert ring_around(page, EDUCATED) > 60
    frame(run=2)
    assert ring_around(page, EDUCATED) == 0, "another mouse has other cells of the same numbers"


def test_the_ring_goes_with_the_card_or_with_a_click_beside_cells(page, mouse):
    page.mouse.click(*at(page, KILLER))
    page.evaluate("(card) => view.setCard(card)", at_point(mouse, *KILLER, 5.0))
    assert ring_around(page, KILLER) > 60
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    assert ring_around(page, KILLER) == 0
    page.mouse.click(*at(page, KILLER))
    page.mouse.click(*at(page, PLACE))
    assert ring_around(page, KILLER) == ring_around(page, PLACE) == 0


def test_zooming_keeps_the_tissue_under_the_pointer_and_dragging_moves_it(page):
    start = page.evaluate("view.getView()")
    assert hover_text(page, EDUCATED).splitlines()[0] == "Kupffer cell, educated"
    for _ in range(4):
        page.mouse.wheel(0, -200)
    settled(page)
    zoomed = page.evaluate("view.getView()")
    assert zoomed["scale"] > 2.0 * start["scale"]
    x, y = at(page, EDUCATED)
    page.mouse.move(x + 1, y)
    assert page.locator(".ns-hover").inner_text().splitlines()[0] == "Kupffer cell, educated"

    page.mouse.down()
    page.mouse.move(x + 80, y + 40, steps=4)
    page.mouse.up()
    settled(page)
    moved = page.evaluate("view.getView()")
    assert moved["x"] == pytest.approx(zoomed["x"] - 79 / zoomed["scale"], abs=0.01)  # um; the browser rounds places
    assert moved["y"] == pytest.approx(zoomed["y"] - 40 / zoomed["scale"], abs=0.01)
    assert heard(page, "pick") == []  # a drag is no click
    page.mouse.move(x + 81, y + 41)
    assert page.locator(".ns-hover").inner_text().splitlines()[0] == "Kupffer cell, educated"

    page.get_by_role("button", name="Whole section").click()
    settled(page)
    assert page.evaluate("view.getView()") == start
    page.get_by_role("button", name="Zoom in").click()
    settled(page)
    assert page.evaluate("view.getView()")["scale"] == pytest.approx(1.5 * start["scale"])
    page.get_by_role("button", name="Zoom out").click()
    page.get_by_role("button", name="Zoom out").click()
    settled(page)
    assert page.evaluate("view.getView()") == start  # no farther than the whole


def test_a_hand_that_trembles_clicks_and_does_not_drag(page):
    page.get_by_role("button", name="Zoom in").click()
    settled(page)
    start = page.evaluate("view.getView()")
    x, y = at(page, (350.0, 300.0))  # the middle stays where it is
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 2, y)
    page.mouse.up()
    settled(page)
    assert page.evaluate("view.getView()") == start
    assert len(heard(page, "pick")) == 1


def test_the_wheel_scrolls_the_page_where_there_is_nothing_to_zoom_out_of(page):
    prevented = """(down) => {
        const event = new WheelEvent("wheel", { deltaY: down, cancelable: true });
        document.querySelector("canvas.ns-canvas").dispatchEvent(event);
        return event.defaultPrevented;
    }"""
    assert not page.evaluate(prevented, 100)
    assert page.evaluate(prevented, -100)
    assert page.evaluate(prevented, 100), "zoomed in, it zooms out again"


def test_the_view_follows_the_cross_hair_to_the_edge_of_the_section(page):
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    settled(page)
    canvas = page.locator("canvas.ns-canvas").first
    canvas.focus()
    start = page.evaluate("view.getView()")
    across, down = (canvas.evaluate(f"one => one.client{side}") for side in ("Width", "Height"))
    for key, axis, extent, size in (("ArrowRight", "x", 600.0, across), ("ArrowDown", "y", 700.0, down)):
        for _ in range(150):
            page.keyboard.press(f"Shift+{key}")
        settled(page)
        seen = page.evaluate("view.getView()")
        assert seen["scale"] == start["scale"]
        assert seen[axis] == pytest.approx(extent - size / seen["scale"] / 2), "as far as the section goes, and no farther"


def test_two_fingers_zoom(show, mouse):
    page = show(pack(LiveSight(mouse), [], Scales()), width=390, height=844, has_touch=True, is_mobile=True)
    start = page.evaluate("view.getView()")
    page.evaluate(
        """() => {
            const canvas = document.querySelector("canvas.ns-canvas");
            canvas.setPointerCapture = () => {}; // made-up pointers cannot be captured
            const box = canvas.getBoundingClientRect();
            const send = (type, id, x) => canvas.dispatchEvent(new PointerEvent(type, {
                pointerId: id, pointerType: "touch", clientX: box.left + x, clientY: box.top + 150, bubbles: true }));
            send("pointerdown", 1, 150); send("pointerdown", 2, 200);
            send("pointermove", 1, 125); send("pointermove", 2, 225);
            send("pointerup", 1, 125); send("pointerup", 2, 225);
        }"""
    )
    settled(page)
    assert page.evaluate("view.getView()")["scale"] == pytest.approx(2.0 * start["scale"], rel=1e-6)
    assert heard(page, "pick") == []


def test_all_can_be_done_by_keyboard(page):
    canvas = page.locator("canvas.ns-canvas")
    canvas.focus()
    start = page.evaluate("view.getView()")
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    settled(page)
    now = page.evaluate("view.getView()")
    assert now["scale"] == pytest.approx(2.25 * start["scale"]) and now["x"] > start["x"]
    page.keyboard.press("-")
    page.keyboard.press("0")
    settled(page)
    assert page.evaluate("view.getView()") == start
    scale = start["scale"]
    # From the middle (350, 300) to the NK cell, 12 pixels a press: to within 6 of them, which the pointer's reach covers.
    for key, away in (("ArrowDown", KILLER[0] - 350.0), ("ArrowLeft", 300.0 - KILLER[1])):
        for _ in range(round(away * scale / 12.0)):
            page.keyboard.press(f"Shift+{key}")
    expect(page.locator("[aria-live=polite]")).to_contain_text("NK cell. Patrols and kills tumour cells.")
    page.keyboard.press("Enter")
    (picked,) = heard(page, "pick")
    assert (picked["y_um"], picked["x_um"]) == pytest.approx(KILLER, abs=0.006)
    page.keyboard.press("Escape")
    expect(page.locator(".ns-hover")).to_be_hidden()


def test_the_picture_is_summed_up_in_words(page):
    label = page.locator("canvas.ns-canvas").get_attribute("aria-label")
    assert "Fibronectin up to 3" in label and "3 Tumour" in label and "1 Kupffer cell, educated" in label


# --- panels, sizes, themes -------------------------------------------------------------------------------------------


def three_panels(mouse):
    other = bare_mouse()
    other.state.fibronectin[10:20, 5:15] = 8.0
    a, b, scales = LiveSight(mouse), LiveSight(other), Scales()
    for sight in (a, b):
        scales.see(sight, ["fibronectin"])
    return [
        pack(a, ["fibronectin"], scales, "control"),
        pack(b, ["fibronectin"], scales, "educated"),
        pack_difference(a, b, "fibronectin", scales, "educated against control"),
    ]


@pytest.mark.parametrize("dark", [False, True])
def test_three_panels_share_zoom_and_the_third_shows_the_difference(show, mouse, dark):
    page = show(*three_panels(mouse), dark=dark)
    boxes = [box.bounding_box() for box in page.locator("canvas.ns-canvas").all()]
    assert len({round(box["y"]) for box in boxes}) == 1
    assert all(left["x"] + left["width"] <= right["x"] for left, right in itertools.pairwise(boxes))
    assert page.locator("figcaption").all_inner_texts() == ["control", "educated", "Fibronectin: educated against control"]
    static = static_of(LiveSight(mouse))
    table = colour_table(static["difference"]["dark" if dark else "light"])
    changed, same = (300.0, 205.0), (650.0, 400.0)
    assert np.abs(np.subtract(pixel(page, changed, 2), table[255])).max() <= 1
    assert np.abs(np.subtract(pixel(page, same, 2), table[128])).max() <= 1
    assert hover_text(page, changed, 2).splitlines()[1] == "Difference in Fibronectin: +5 × naive organ"
    assert hover_text(page, same, 2).splitlines()[1] == "Difference in Fibronectin: 0 × naive organ"
    assert page.locator(".ns-key:visible .ns-ends span").all_inner_texts() == [
        "−5 (less)",
        "× naive organ",
        "(more) +5",
    ]
    assert "8" in hover_text(page, changed, 1).splitlines()[1]
    page.mouse.move(*at(page, EDUCATED, 0))
    for _ in range(4):
        page.mouse.wheel(0, -200)
    settled(page)
    assert hover_text(page, EDUCATED, 1).splitlines()[0] == "Kupffer cell, educated"  # the other panel followed
    page.mouse.click(*at(page, EDUCATED, 1))
    assert heard(page, "pick")[0]["panel"] == 1
    counts = page.locator(".ns-tick", has_text="Tumour cell, dormant").locator(".ns-count")
    expect(counts).to_have_text("3 | 3")


def test_a_phone_stacks_what_a_desktop_puts_side_by_side(show, mouse):
    for width, height in ((390, 844), (1440, 900)):
        page = show(*three_panels(mouse), width=width, height=height)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = [box.bounding_box() for box in page.locator("canvas.ns-canvas").all()]
        stacked = boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]
        assert stacked == (width < 700)
        for box in boxes:
            assert box["width"] / box["height"] == pytest.approx(600.0 / 700.0, rel=0.01)  # whole pixels
            assert box["x"] >= 0 and box["x"] + box["width"] <= width
        assert boxes[0]["width"] > 330
        layers = page.locator("details.ns-layers")
        assert layers.evaluate("(part) => part.open") == (width > 700)


def test_the_picture_is_as_sharp_as_the_screen_and_follows_its_size(show, mouse):
    page = show(pack(LiveSight(mouse), ["fibronectin"], Scales()), device_scale_factor=2)
    size = "(() => { const c = document.querySelector('canvas.ns-canvas'); return [c.width, c.clientWidth]; })()"
    wide = page.evaluate(size)
    assert wide[0] == 2 * wide[1]
    assert pixel(page, EDUCATED) == VERMILLION
    page.set_viewport_size({"width": 420, "height": 700})
    page.wait_for_function("document.querySelector('canvas.ns-canvas').clientWidth < 420")
    narrow = page.evaluate(size)
    assert narrow[0] == 2 * narrow[1] < wide[0]
    assert pixel(page, EDUCATED) == VERMILLION


def test_a_dark_page_is_dark_where_the_tissue_rests_and_changes_at_once(show, mouse):
    mouse.state.fibronectin[:] = 1.0
    page = show(pack(LiveSight(mouse), ["fibronectin"], Scales()), dark=True)
    assert np.abs(np.subtract(pixel(page, PLACE), rgb(FIBRONECTIN.dark[0]))).max() <= 1
    assert page.locator(".ns-layers").evaluate("(part) => getComputedStyle(part).backgroundColor") == "rgb(27, 30, 34)"
    page.evaluate("view.setDark(false)")
    assert np.abs(np.subtract(pixel(page, PLACE), rgb(FIBRONECTIN.light[0]))).max() <= 1


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_what_is_behind_it(show, mouse, dark):
    """4.5 to 1 or more, as WCAG asks of small text."""
    page = show(*three_panels(mouse), dark=dark)
    page.evaluate("(card) => view.setCard(card)", at_point(mouse, *EDUCATED, 5.0))
    page.mouse.move(*at(page, EDUCATED))
    ratios = page.evaluate(
        """() => {
            const level = (text) => {
                const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map((v) => v / 255)
                    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const behind = (el) => {
                const colour = getComputedStyle(el).backgroundColor;
                return /, 0\\)$/.test(colour) && el.parentElement ? behind(el.parentElement) : colour;
            };
            const found = {};
            for (const el of document.querySelectorAll(".ns-tissue *")) {
                const own = [...el.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
                if (!own || !el.checkVisibility()) continue;
                const [a, b] = [level(getComputedStyle(el).color), level(behind(el))].sort((x, y) => y - x);
                found[`${el.tagName} ${el.className} ${el.textContent.slice(0, 20)}`] = (a + 0.05) / (b + 0.05);
            }
            return found;
        }"""
    )
    assert len(ratios) > 40
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}


# --- pictures that follow each other ---------------------------------------------------------------------------------


def test_every_picture_is_answered_also_where_it_is_not_seen(page):
    page.evaluate("frame(2)")
    page.wait_for_function("heard.some(([what, seq]) => seq === 2)")
    page.evaluate("document.getElementById('here').style.display = 'none'")
    page.evaluate("frame(3)")
    page.wait_for_function("heard.some(([what, seq]) => seq === 3)")
    page.evaluate("document.getElementById('here').style.display = ''")
    assert pixel(page, EDUCATED) == VERMILLION
    assert heard(page, "drawn") == [1, 2, 3]
    page.evaluate("view.destroy()")
    assert page.locator(".ns-tissue").count() == 0


ADAPTED = (
    PAGE.split("const view =")[0]
    + """
const listeners = {{}};
const traits = {{ static: given.static, dark: given.dark, shown_fields: given.fields }};
const model = {{
  get: (name) => traits[name],
  set: (name, value) => {{ traits[name] = value; }},
  save_changes: () => heard.push(["saved", traits.shown_fields]),
  send: (message) => heard.push([message.type, message.type === "drawn" ? message.seq : message]),
  on: (name, act) => {{ (listeners[name] ||= []).push(act); }},
  off: (name, act) => {{ listeners[name] = listeners[name].filter((other) => other !== act); }},
}};
const tell = (name, ...what) => listeners[name].forEach((act) => act(...what));
// Bytes as the dashboard gets them: views into a larger buffer, at odd places.
const odd = (text) => {{
  const from = bytes(text);
  const to = new Uint8Array(from.length + 1);
  to.set(from, 1);
  return new DataView(to.buffer, 1);
}};
const frame = (seq) =>
  tell("msg:custom", {{ type: "frame", seq, header: {{ panels: given.panels }} }}, given.buffers.map(odd));
const leave = front["widget.js"].render({{ model, el: document.getElementById("here") }});
frame(1);
</script></body></html>"""
)


def test_the_widget_greets_answers_and_leaves_nothing_behind(show, mouse):
    page = show(pack(LiveSight(mouse), ["fibronectin"], Scales()), page=ADAPTED)
    assert heard(page, "hello") == [{"type": "hello"}]
    assert pixel(page, EDUCATED) == VERMILLION
    page.mouse.click(*at(page, KILLER))
    (picked,) = heard(page, "pick")
    assert picked["unique_id"] == int(mouse.state.nk_cells.unique_id[0])
    card = at_point(mouse, picked["y_um"], picked["x_um"], picked["reach_um"])
    page.evaluate("(card) => tell('msg:custom', { type: 'picked', card })", card)
    expect(page.get_by_role("dialog", name="NK cell")).to_be_visible()
    page.get_by_role("checkbox", name="Oxygen").check()
    assert heard(page, "saved") == [["fibronectin", "oxygen"]]
    page.evaluate("traits.dark = true; tell('change:dark')")
    expect(page.locator(".ns-tissue")).to_have_attribute("data-theme", "dark")
    page.evaluate("leave()")
    assert page.locator(".ns-tissue").count() == 0
    assert page.evaluate("Object.values(listeners).flat().length") == 0


# --- the server's side -----------------------------------------------------------------------------------------------


@pytest.fixture
def widget(monkeypatch):
    made = TissueCanvas(shown_fields=["tgfb"])
    made.sent = []
    monkeypatch.setattr(made, "send", lambda content, buffers=None: made.sent.append((content, buffers)))
    return made


def test_pictures_are_numbered_and_a_browser_that_comes_later_gets_the_last(widget):
    greeted = []
    widget.on_hello = lambda: greeted.append(len(widget.sent))
    widget._handle_custom_msg({"type": "hello"}, [])
    assert widget.sent == [] and greeted == [0]
    assert widget.show({"panels": [], "clock": "Day 0"}, [b"a"]) == 1
    assert widget.show({"panels": [], "clock": "Day 1"}, [b"b", b"c"]) == 2
    last = ({"type": "frame", "seq": 2, "header": {"panels": [], "clock": "Day 1"}}, [b"b", b"c"])
    assert widget.sent[1] == last
    widget._handle_custom_msg({"type": "hello"}, [])
    assert widget.sent[2:] == [last] and greeted == [0, 3]


def made_of(old, message, rest):
    """The buffers of a frame as the browser makes them."""
    sizes, copies = message["same"]["sizes"], message["same"]["copies"]
    made, taken = [], 0
    for number, size in enumerate(sizes):
        buffer = b""
        for _, to, start, length in [one for one in copies if one[0] == number]:
            new = to - len(buffer)
            buffer, taken = buffer + rest[taken : taken + new] + old[number][start : start + length], taken + new
        new = size - len(buffer)
        made.append(buffer + rest[taken : taken + new])
        taken += new
    assert taken == len(rest)
    return made


def test_what_has_not_changed_is_not_sent_again(widget):
    model, scales = Simulation(overrides=SIZE, rng=3), Scales()
    whole, sent, before = 0, 0, []
    for step in range(60):
        packed = pack(LiveSight(model), ["fibronectin", "tgfb"], scales)
        seq = widget.show({"panels": [packed.header]}, packed.buffers)
        message, buffers = widget.sent[-1]
        if step:
            assert message["same"]["base"] == seq - 1
            assert made_of(before, message, buffers[0]) == packed.buffers
        else:
            assert buffers == packed.buffers
        before = packed.buffers
        whole, sent = whole + sum(map(len, packed.buffers)), sent + sum(map(len, buffers))
        widget._handle_custom_msg({"type": "drawn", "seq": seq}, [])
        model.step()
    assert sent < 0.7 * whole


def test_a_browser_that_has_not_drawn_the_last_picture_gets_the_whole(widget):
    header = {"panels": []}
    assert widget.show(header, [b"abc"]) == 1
    widget.show(header, [b"abc"])
    assert "same" not in widget.sent[-1][0]
    widget._handle_custom_msg({"type": "drawn", "seq": 2}, [])
    widget.show(header, [b"abc"])
    assert widget.sent[-1] == (
        {"type": "frame", "seq": 3, "header": header, "same": {"base": 2, "sizes": [3], "copies": [[0, 0, 0, 3]]}}, [b""],
    )  # fmt: skip
    widget._handle_custom_msg({"type": "drawn", "seq": 3}, [])
    widget._handle_custom_msg({"type": "hello"}, [])
    assert widget.sent[-1] == ({"type": "frame", "seq": 3, "header": header}, [b"abc"])
    widget.show(header, [b"abc"])
    assert "same" not in widget.sent[-1][0]


def test_a_picture_made_of_the_last_is_drawn_and_one_of_another_is_asked_for(show, mouse):
    packed = pack(LiveSight(mouse), ["fibronectin"], Scales())
    page = show(packed, page=ADAPTED)
    patch = {"base": 1, "sizes": [len(one) for one in packed.buffers], "copies": []}
    patch["copies"] = [[number, 3, 3, size - 3] for number, size in enumerate(patch["sizes"])]
    rest = base64.b64encode(b"".join(one[:3] for one in packed.buffers)).decode()
    page.evaluate(
        """([same, rest]) => tell("msg:custom", { type: "frame", seq: 2, header: { panels: given.panels }, same }, [odd(rest)])""",
        [patch, rest],
    )
    page.wait_for_function("heard.some(([kind, what]) => kind === 'drawn' && what === 2)")
    assert pixel(page, EDUCATED) == VERMILLION
    page.mouse.click(*at(page, KILLER))
    (picked,) = heard(page, "pick")
    assert picked["unique_id"] == int(mouse.state.nk_cells.unique_id[0])
    greeted = len(heard(page, "hello"))
    page.evaluate(
        """([same, rest]) => tell("msg:custom", { type: "frame", seq: 9, header: { panels: given.panels }, same }, [odd(rest)])""",
        [patch, rest],
    )
    assert len(heard(page, "hello")) == greeted + 1


def test_answers_of_the_browser_reach_whoever_asked(widget):
    drawn, picked = [], []
    widget._handle_custom_msg({"type": "drawn", "seq": 3}, [])  # nobody listens yet
    widget.on_drawn, widget.on_pick = drawn.append, picked.append
    widget._handle_custom_msg({"type": "drawn", "seq": 4}, [])
    widget._handle_custom_msg(
        {"type": "pick", "panel": 1, "y_um": 2.0, "x_um": 3.0, "reach_um": 4.0, "unique_id": None}, []
    )
    assert drawn == [4]
    assert picked == [{"panel": 1, "y_um": 2.0, "x_um": 3.0, "reach_um": 4.0, "unique_id": None}]
    widget.show_card({"title": "A", "sentences": [], "sections": []})
    assert widget.sent == [({"type": "picked", "card": {"title": "A", "sentences": [], "sections": []}}, None)]
