"""The story of a cell says what its columns say, in words; a site says its fields."""

from __future__ import annotations

import numpy as np
import pytest

from niche_sim.engine.errors import InputError
from niche_sim.experiment.simulation import Simulation
from niche_sim.exports.cell_report import LEFT_OUT, STORIES, at_point
from niche_sim.figures.appearance import FIELD_LOOKS, KINDS
from niche_sim.model.cells import POPULATIONS

SIZE = {"section.width": "600 um", "section.height": "700 um"}
Y, X = 410.0, 130.0  # a place in the parenchyma


@pytest.fixture(scope="module")
def empty_mouse():
    return Simulation(overrides=SIZE, rng=3)


@pytest.fixture
def mouse(empty_mouse):
    for population in empty_mouse.state.populations.values():
        population.remove(slice(None))
    return empty_mouse


def add(mouse, population, **columns):
    """One cell at (Y, X); returns its unique id."""
    rows = mouse.state.populations[population].add(1, **{"y": Y, "x": X, **columns})
    return int(mouse.state.populations[population].unique_id[rows][0])


def told(mouse, population, **columns):
    add(mouse, population, **columns)
    return " ".join(at_point(mouse, Y, X, 5.0)["sentences"])


def rows_of(card, heading):
    (section,) = [part for part in card["sections"] if part["heading"] == heading]
    return {row["label"]: row for row in section["rows"]}


def test_an_educated_kupffer_cell_tells_by_whom_and_what_it_holds(mouse):
    host = add(mouse, "kupffer_cells", state="educated", responder=True, load=1240, educated_at=54.0, signal=3.5)
    for source, vesicles in (("pdac", 1000), ("normal_pancreas", 240)):
        mouse.state.exosomes.add(1, source=source, vesicles=vesicles, place="inside", host=host, y=Y, x=X)
    mouse.state.exosomes.add(1, source="colorectal", vesicles=7, place="inside", host=host + 1, y=Y, x=X)
    card = at_point(mouse, Y + 3.0, X, 5.0)
    assert card["title"] == card["kind"] == "Kupffer cell, educated"
    assert card["unique_id"] == host
    assert (card["y_um"], card["x_um"]) == (Y, X)
    assert card["sentences"] == [
        "Educated by exosomal MIF, it secretes TGF-β.",
        "Educated by exosomes on day 2, 06:00.",
        "Holds 1,240 vesicles: 1,000 of PDAC, 240 of normal pancreas.",
    ]
    rows = rows_of(card, "This cell")
    assert (rows["Load"]["value"], rows["Load"]["unit"]) == ("1,240", "vesicles")
    assert rows["Load"]["meaning"] == "vesicles inside, all sources"
    assert rows["Educated at"]["value"] == "Day 2, 06:00"
    assert rows["Responder"]["value"] == "yes"
    assert rows["State"]["value"] == "educated"


def test_one_that_was_educated_and_has_forgotten_says_so(mouse):
    text = told(mouse, "kupffer_cells", state="naive", responder=True, educated_at=24.0)
    assert "It was educated by exosomes on day 1, 00:00, and has forgotten it." in text
    assert "Holds" not in text


CASES = [
    ("kupffer_cells", {}, "It is one of those that take up no particles."),
    ("resident_recipient_cells", {"state": "educated", "educated_at": 48.0}, "Educated by exosomes on day 2, 00:00."),
    ("stellate_cells", {"activation": 0.9, "active_at": 100.0}, "TGF-β activated it on day 4, 04:00"),
    ("stellate_cells", {"activation": 0.9, "active_at": 100.0, "granulin": 0.5}, "Granulin of macrophages nearby"),
    ("stellate_cells", {"activation": 0.02}, "Activated to 2%, which is too little to count."),
    ("bmdc", {"kind": "mdsc", "entered_at": 30.0}, "Came with the blood on day 1, 06:00."),
    ("bmdc", {"kind": "macrophage", "arrested": True}, "stopped on fibronectin, of which there is 6.5 times as much here"),
    ("fibroblasts", {}, "At rest."),
    ("fibroblasts", {"activation": 0.25}, "It is activated to 25% and secretes growth factors."),
    ("epithelial_cells", {"entered_at": 24.0}, "Came with the blood on day 1, 00:00."),
    ("nk_cells", {"activity": 0.4}, "it kills at 40% of what it does in a naive organ."),
    ("nk_cells", {"activity": 1.0}, "It kills as readily as in a naive organ."),
    ("nk_cells", {"activity": 2.0}, "It kills 2 times as readily"),
    ("t_cells", {"effector": True, "exhaustion": 0.3}, "Primed against the tumour in the lymph node. Exhausted to 30%."),
    ("t_cells", {}, "Not primed against the tumour."),
    ("tumour_cells", {"state": "dormant", "line": "pan02", "arrived_at": 505.0, "clone_size": 1},
     "Of the line Pan02. The founder of its clone arrested here on day 21, 01:00. Nothing has reactivated it so far. It is alone"),
    ("tumour_cells", {"state": "cycling", "reactivated_by": "niche", "clone_size": 5000, "coopting": True},
     "The niche woke it. Its clone counts 5,000 living cells, a colony. Its clone grows along the vessels"),
    ("tumour_cells", {"state": "cycling", "reactivated_by": "arrival", "clone_size": 2, "hits": 1.0, "resistance": 0.5},
     "without help of a niche. Its clone counts 2 living cells. T cells have damaged it. It withstands 50% of a drug's"),
]  # fmt: skip


@pytest.mark.parametrize(("population", "columns", "sentence"), CASES)
def test_what_a_cell_carries_is_told_in_words(mouse, population, columns, sentence):
    mouse.state.fibronectin[:] = 6.5
    try:
        assert sentence in told(mouse, population, **columns)
    finally:
        mouse.state.fibronectin[:] = 1.0


def test_every_population_has_a_story_and_all_of_its_columns(mouse):
    assert set(STORIES) == {kind.population for kind in KINDS} == {population for population, *_ in CASES}
    for kind in POPULATIONS:
        if kind.population == "exosomes":
            continue
        state = {"state": "dormant"} if kind.population == "tumour_cells" else {}
        name = add(mouse, kind.population, **state)
        card = at_point(mouse, 0.0, 0.0, 1.0, name)
        shown = card["sections"][0]["rows"][1:]
        declared = [column for column in kind.columns().values() if column.name not in LEFT_OUT]
        assert [row["meaning"] for row in shown] == [column.meaning for column in declared]
        assert all(row["value"] for row in shown)
        for row, column in zip(shown, declared, strict=True):
            if column.unit not in ("", "h"):
                assert row["unit"].rstrip("s").replace("µm³", "um^3") == column.unit


def test_the_nearest_cell_within_reach_is_told(mouse):
    near = add(mouse, "nk_cells", y=Y + 4.0)
    add(mouse, "t_cells", y=Y - 6.0)
    add(mouse, "tumour_cells", y=np.nan, x=np.nan)  # in blood, so nowhere
    assert at_point(mouse, Y, X, 5.0)["unique_id"] == near
    assert at_point(mouse, Y, X, 10.0)["unique_id"] == near  # not the T cell, which is in reach, too, and drawn on top
    nothing = at_point(mouse, Y, X, 3.9)
    assert nothing["unique_id"] is None and nothing["kind"] is None
    assert at_point(mouse, Y - 6.0, X, 5.0)["title"] == "T cell"


def test_a_cell_is_found_by_its_number_wherever_it_is_and_missed_when_gone(mouse):
    add(mouse, "nk_cells")
    other = add(mouse, "t_cells", y=40.0, x=550.0)
    card = at_point(mouse, Y, X, 1.0, other)
    assert (card["title"], card["y_um"], card["x_um"]) == ("T cell", 40.0, 550.0)
    mouse.state.t_cells.remove(slice(None))
    card = at_point(mouse, Y, X, 1.0, other)
    assert card["sentences"][0] == f"Cell {other} is no longer in the section."
    assert card["unique_id"] is None


def test_a_site_tells_all_its_fields_with_units(mouse):
    section = mouse.state.section
    iy, ix = int(Y / 20.0), int(X / 20.0)
    mouse.state.tgfb[iy, ix] = 0.1234
    try:
        rows = rows_of(at_point(mouse, Y, X, 1.0), "This site")
    finally:
        mouse.state.tgfb[iy, ix] = 0.0
    assert [rows[look.label]["unit"] for look in FIELD_LOOKS.values()] == [look.unit for look in FIELD_LOOKS.values()]
    assert rows["TGF-β"]["value"] == "0.123"
    assert rows["Oxygen"]["value"] == "1"
    assert rows["Oxygen"]["meaning"] == "at this site; 1 at rest"
    assert rows["Place"]["value"] == "410 µm from the top, 130 µm from the left"
    for centres, name in ((section.portal_triads, "Portal triad"), (section.central_veins, "Central vein")):
        inside = next((y, x) for y, x in centres if 0 < y < 700 and 0 < x < 600)
        card = at_point(mouse, *inside, 1.0)
        assert card["title"] == name
        assert card["sentences"] == [f"A place inside a {name.lower()}."]
    by_zone = {at_point(mouse, y, 310.0, 1.0)["title"] for y in np.arange(10.0, 700.0, 20.0)}
    assert {"Periportal zone", "Middle of the lobule", "Pericentral zone"} <= by_zone


def test_a_place_outside_the_section_is_refused(mouse):
    with pytest.raises(InputError, match="y 701 um, x 5 um; y from 0 to 700 um, x from 0 to 600 um"):
        at_point(mouse, 701.0, 5.0, 1.0)
