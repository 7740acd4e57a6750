"""Figures: they say what the record says, nothing overlaps, and the same record gives the same bytes."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator

from niche_sim.engine.errors import InputError
from niche_sim.experiment.protocol import (
    Block,
    Boost,
    Deplete,
    GrowPrimary,
    InjectExosomes,
    InjectTumourCells,
    Protocol,
    ResectPrimary,
    Treat,
)
from niche_sim.experiment.simulation import Simulation
from niche_sim.figures import appearance, single_run
from niche_sim.figures.labels import WORDS, arm_title, plain_words
from niche_sim.figures.single_run import save_figures, section_figure, timeline_figure
from niche_sim.figures.style import label
from niche_sim.model.catalogue import BLOCK_TARGETS, BOOSTS, DEPLETABLE, DRUGS, EXOSOME_SOURCES, TUMOUR_LINES
from niche_sim.model.cells import POPULATIONS, TumourCell
from niche_sim.model.stages import STAGES
from niche_sim.runs.record import Runner

SCENARIO = """
title = "A small liver for drawing"
question = "Is it drawn as it is?"
organ = "liver"
schedule = "default"
[section]
width = "1 mm"
height = "0.8 mm"
spacing = "20 um"
[run]
duration = "8 day"
step = "1 h"
record = "6 h"
[arms.all]
protocol = [
    { do = "inject_exosomes", source = "pdac", amount = "20 ug", every = "1 day", from = "0 day", to = "6 day" },
    { do = "block", target = "granulin", efficacy = 0.5, from = "2 day", to = "5 day" },
    { do = "inject_tumour_cells", line = "pan02", count = 5000000, at = "7 day" },
]
"""
THRESHOLDS = {"priming": 15.0, "licensing": 0.0, "recruitment": 1.5, "angiogenesis": 1.5, "arrival": 0.0,
              "colonisation": 0.0}  # fmt: skip
ONSETS = {"priming": 5.0, "licensing": 62.0, "recruitment": 80.0, "angiogenesis": None, "arrival": 169.0,
          "colonisation": None}  # fmt: skip
CYCLING, CIRCULATING = TumourCell.state.code("cycling"), TumourCell.state.code("circulating")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run of eight days on a small section: cells of every population, no thresholds."""
    file = tmp_path_factory.mktemp("plots") / "liver_small" / "scenario.toml"
    file.parent.mkdir()
    file.write_text(SCENARIO)
    runner = Runner(Simulation(str(file), "all", rng=1))
    runner.advance(10_000)
    return runner.record()


@pytest.fixture
def record(plain):
    """The same with thresholds and onsets."""
    return with_provenance(replace(plain, onsets=dict(ONSETS)), thresholds=dict(THRESHOLDS))


def with_provenance(record, **changes):
    return replace(record, provenance={**record.provenance, **changes})


def with_marks(record, *interventions):
    return with_provenance(record, marks=[list(mark) for mark in Protocol(interventions).marks()])


def with_cells(record, population, columns):
    """The last snapshot with other cells in one population."""
    last = max(record.snapshots)
    arrays = {k: v for k, v in record.snapshots[last].items() if not k.startswith(f"{population}_")}
    arrays |= {f"{population}_{name}": values for name, values in columns.items()}
    return replace(record, snapshots={**record.snapshots, last: arrays})


def tumour(clones, at=(20.0, 30.0), state=CYCLING, wide=1.0):
    """Columns of tumour cells: `clones` lists how many cells each clone has; clone n lies 5 n sites right of `at`.

    A clone fills a square of `wide` sites to each side.
    """
    clone = np.repeat(np.arange(len(clones)), clones)
    spread = wide * np.random.default_rng(1).uniform(-1.0, 1.0, (2, len(clone)))
    y, x = at[0] + spread[0], at[1] + 5.0 * clone + spread[1]
    return {"y": y, "x": x, "state": np.full(len(clone), state, np.int8), "clone": clone.astype(np.uint64),
            "key": np.arange(len(clone), dtype=np.uint64)}  # fmt: skip


def busy():
    """Marks of everything that can be done, on every target, several times."""
    return (
        *(Block(target, 0.9, 8.0 * n, 8.0 * n + 60.0) for n, target in enumerate(BLOCK_TARGETS)),
        Block("mif", 0.5, 100.0, 5000.0),
        *(Deplete(population, 0.5, 6.0 * n, 6.0 * n + 20.0 * (n % 2)) for n, population in enumerate(DEPLETABLE)),
        InjectExosomes("normal_pancreas", tuple(np.arange(0.0, 190.0, 2.0)), vesicles=7.5e9),
        *(InjectExosomes("pdac", (20.0 * n,), amount_ug=1.0 + n) for n in range(4)),
        GrowPrimary("pan02", 1e6, 60.0),
        ResectPrimary(96.0),
        InjectTumourCells("b16f1", 300_000, 168.0),
        InjectTumourCells("pan02", 300_000, 168.0),
        InjectTumourCells("pan02", 100_000, 170.0),
        *(Boost(target, 10.0, 5.0 * n, 5.0 * n + 50.0) for n, target in enumerate(BOOSTS)),
        *(Treat(drug, 1.5, (20.0 + n, 40.0)) for n, drug in enumerate(DRUGS)),
        *(InjectExosomes(source, (11.0,), amount_ug=5.0) for source in EXOSOME_SOURCES[2:]),
        *(InjectTumourCells(line, 300_000, 160.0) for line in TUMOUR_LINES[2:]),
    )


def shorter(record, rows):
    """The record as it would be had the run ended at a row of its table."""
    table = {name: values[:rows] for name, values in record.table.items()}
    first, end = min(record.snapshots), table["time_h"][-1]
    onsets = {name: time if time is not None and time <= end else None for name, time in record.onsets.items()}
    cut = replace(record, table=table, snapshots={first: record.snapshots[first]}, onsets=onsets)
    return with_marks(cut, *busy())


CASES = {
    "as it ran": lambda r: r,
    "no thresholds": lambda r: replace(with_provenance(r, thresholds={}), onsets=dict.fromkeys(ONSETS)),
    "some thresholds": lambda r: replace(
        with_provenance(r, thresholds={"priming": 400.0}), onsets=dict.fromkeys(ONSETS)
    ),
    "nothing done": with_marks,
    "everything done": lambda r: with_marks(r, *busy()),
    "changed, with a long name": lambda r: with_provenance(
        r,
        scenario="lung_metastasis_with_a_long_name_anybody2026",
        arm="fibronectin_and_granulin_knockout",
        overrides={"tgfb.half_life": "3 min"},
        without=["bmdc_recruitment"] * 9,
    ),
    "two days": lambda r: shorter(r, 9),
    "one moment": lambda r: shorter(r, 1),
    "onsets at the end": lambda r: replace(r, onsets={stage.name: 191.0 for stage in STAGES}),
    "no tumour cells": lambda r: with_cells(r, "tumour_cells", tumour([])),
    "colony in a corner": lambda r: with_cells(r, "tumour_cells", tumour([300], at=(38.0, 48.0))),
}
# The section shows neither thresholds, onsets nor what was done.
SECTION_CASES = ("as it ran", "changed, with a long name", "two days", "no tumour cells", "colony in a corner")
PAIRS = [(timeline_figure, name) for name in CASES] + [(section_figure, name) for name in SECTION_CASES]


def drawn_texts(figure, monkeypatch):
    """Every text that is on the page once all is drawn, with its box in pixels."""
    found = []
    draw = Text.draw

    def noting(self, renderer):
        draw(self, renderer)
        if self.get_visible() and self.get_text().strip():
            found.append((self, Text.get_window_extent(self, renderer)))

    monkeypatch.setattr(Text, "draw", noting)
    FigureCanvasAgg(figure).draw()
    return found


def legend_numbers(figure):
    """Label -> number, of every legend entry that counts something."""
    (legend,) = figure.legends
    labels = [re.fullmatch(r"(.+) \(([\d,]+)\)", text.get_text()) for text in legend.get_texts()]
    return {found[1]: int(found[2].replace(",", "")) for found in labels if found}


@pytest.mark.parametrize(("draw", "case"), PAIRS)
def test_texts_are_on_the_page_large_enough_and_apart(record, draw, case, monkeypatch):
    figure = draw(CASES[case](record))
    texts = drawn_texts(figure, monkeypatch)
    assert len(texts) > 20
    page = figure.bbox
    for text, box in texts:
        assert page.x0 <= box.x0 < box.x1 <= page.x1, f"off page: {text}"
        assert page.y0 <= box.y0 < box.y1 <= page.y1, f"off page: {text}"
        assert text.get_fontsize() >= 7
    for (one, a), (other, b) in combinations(texts, 2):
        # Boxes reach a pixel beyond the letters.
        apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
        assert apart, f"{one} overlaps {other}"


def test_legend_counts_every_cell_of_the_snapshot(record):
    for time, arrays in record.snapshots.items():
        numbers = legend_numbers(section_figure(record, time))
        naive, educated, late = (arrays["kupffer_cells_state"] == code for code in range(3))
        loaded = arrays["kupffer_cells_load"] > 0
        active = arrays["stellate_cells_activation"] >= 0.5
        states = np.bincount(arrays["tumour_cells_state"], minlength=6)
        kinds = np.bincount(arrays["bmdc_kind"], minlength=4)
        held = arrays["bmdc_arrested"] & (arrays["bmdc_kind"] == 0)
        assert numbers == {
            "Kupffer cell, naive": (naive & ~loaded).sum(),
            "Kupffer cell, loaded, not educated": (naive & loaded).sum(),
            "Kupffer cell, educated": educated.sum(),
            "Kupffer cell, tumour-associated": late.sum(),
            "Stellate cell, quiescent": (~active).sum(),
            "Stellate cell, active": active.sum(),
            "Fibroblast": len(arrays["fibroblasts_key"]),
            "Macrophage, moving": kinds[0] - held.sum(),
            "Macrophage, arrested": held.sum(),
            "Suppressor cell": kinds[1],
            "Neutrophil": kinds[2],
            "Patrolling monocyte": kinds[3],
            "Epithelial cell": len(arrays["epithelial_cells_key"]),
            "NK cell": len(arrays["nk_cells_key"]),
            "T cell": len(arrays["t_cells_key"]),
            "Tumour cell, just arrested": states[1] + states[2],
            "Tumour cell, dormant": states[3],
            "Tumour cell, motile": states[4],
            "Tumour cell, cycling": states[5],
            "Colony, 10 cells or more": 0,
        }
    # The run is one that fills most of these, or the comparison above says little.
    assert min(numbers["Kupffer cell, educated"], numbers["Macrophage, arrested"], states[1:].sum(), kinds[1:].sum()) > 0


def test_another_organ_shows_its_recipient_cells_in_place_of_kupffer_cells(record):
    """One in each state, and two that are loaded and not educated."""
    there = {"y": np.ones(4), "x": np.arange(4.0), "key": np.arange(4, dtype=np.uint64),
             "state": np.array([0, 0, 0, 1]), "load": np.array([0, 3, 1, 2])}  # fmt: skip
    nobody = {"y": np.empty(0), "x": np.empty(0), "key": np.empty(0, np.uint64), "state": np.empty(0, np.int8),
              "load": np.empty(0, np.int64)}  # fmt: skip
    away = with_cells(with_cells(record, "resident_recipient_cells", there), "kupffer_cells", nobody)
    numbers = legend_numbers(section_figure(away))
    found = {name: number for name, number in numbers.items() if "ecipient" in name or "Kupffer" in name}
    assert found == {"Recipient cell, naive": 1, "Recipient cell, loaded, not educated": 2, "Recipient cell, educated": 1}


def test_every_cell_in_the_tissue_has_a_look():
    """Populations, and states and kinds of cells, that nobody draws would be missed in the pictures."""
    drawn = {kind.population for kind in appearance.KINDS}
    assert drawn == {kind.population for kind in POPULATIONS} - {"exosomes"}


def test_every_name_that_a_label_may_hold_has_plain_words():
    names = {*BLOCK_TARGETS, *DEPLETABLE, *BOOSTS, *DRUGS, *EXOSOME_SOURCES, *TUMOUR_LINES}
    assert names <= set(WORDS)
    assert len(set(WORDS.values())) == len(WORDS)
    assert not [words for words in WORDS.values() if "_" in words]
    assert plain_words("mir21 blocked, 95 %") == "miR-21 blocked, 95 %"
    assert plain_words("500000 breast_4t1 cells") == "500,000 4T1 cells"
    assert plain_words("9000 cells, 20000 cells") == "9000 cells, 20,000 cells"


def test_stellate_cells_are_active_from_the_level_that_counts(record):
    cells = {"y": np.ones(4), "x": np.ones(4), "activation": np.array([0.0, 0.49, 0.5, 0.9])}
    level = record.provenance["parameters"] | {"stellate.fraction_counted": "0.5"}
    numbers = legend_numbers(
        section_figure(with_provenance(with_cells(record, "stellate_cells", cells), parameters=level))
    )
    assert (numbers["Stellate cell, quiescent"], numbers["Stellate cell, active"]) == (2, 2)


def test_every_counted_cell_is_drawn_once_where_it_is(record):
    figure = section_figure(record)
    arrays = record.snapshots[max(record.snapshots)]
    places = [c.get_offsets() for c in figure.axes[0].collections if type(c) is PathCollection]
    kinds = [kind.population for kind in POPULATIONS if kind.population != "exosomes"]
    expected = np.concatenate([np.column_stack([arrays[f"{k}_x"], arrays[f"{k}_y"]]) * 20.0 for k in kinds])
    found = np.concatenate(places)
    assert len(found) == sum(legend_numbers(figure).values())
    found, expected = (places[np.lexsort(places.T)] for places in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=1e-12)  # the same product


def test_kinds_differ_in_shape_and_states_in_colour(record):
    (legend,) = section_figure(record).legends
    looks = {}
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
        name = re.split(r"[,(]", text.get_text())[0].strip()
        looks.setdefault(name, []).append((handle.get_marker(), handle.get_markerfacecolor()))
    others = {"Colony", "Portal triad", "Central vein"}
    cells = {name: {marker for marker, _ in look} for name, look in looks.items() if name not in others}
    assert len(cells) == len(looks) - len(others) == 11
    assert len(set.union(*cells.values())) == 11, "each kind has one shape of its own"
    for look in looks.values():
        assert len(set(look)) == len(look)


def test_colonies_are_clones_of_ten_arrested_cells(record):
    cells = tumour([9, 10, 25])
    blood = tumour([40], state=CIRCULATING) | {"clone": np.full(40, 7, np.uint64)}
    both = {name: np.concatenate([cells[name], blood[name]]) for name in cells}
    figure = section_figure(with_cells(record, "tumour_cells", both))
    main, close = figure.axes[0], figure.axes[2]
    rings = [patch for patch in main.patches if isinstance(patch, Circle)]
    assert legend_numbers(figure)["Colony, 10 cells or more"] == len(rings) == 2
    assert close.get_title(loc="left").endswith("The largest colony: 25 cells")
    middle = np.array([(30.0 + 2 * 5.0) * 20.0, 20.0 * 20.0])  # x, y of the third clone, um
    # Cells lie within a site of the middle, so a ring around them is within half of one.
    np.testing.assert_allclose(rings[0].center, middle, atol=10.0)
    assert close.get_xlim()[0] < middle[0] < close.get_xlim()[1]
    assert close.get_ylim()[1] < middle[1] < close.get_ylim()[0]


def test_close_up_of_a_wide_colony_is_its_rim(record):
    cells = tumour([900], at=(14.0, 14.0), wide=11.0)  # 220 um to each side of y = x = 280 um
    close = section_figure(with_cells(record, "tumour_cells", cells)).axes[2]
    (left, right), (bottom, top) = close.get_xlim(), close.get_ylim()
    assert close.get_title(loc="left").endswith("Rim of the largest colony: 900 cells")
    assert right - left == bottom - top == 360.0
    inside = (left < cells["x"] * 20) & (cells["x"] * 20 < right) & (top < cells["y"] * 20) & (cells["y"] * 20 < bottom)
    assert 50 < inside.sum() < 450, "some of the colony"
    assert right > 500 + 50, "and what lies beyond it, towards the middle of the section"


def test_close_up_without_colony_shows_the_densest_fibronectin(record):
    last = max(record.snapshots)
    fibronectin = np.ones((40, 50))
    fibronectin[5:12, 38:45] = 4.0
    arrays = {**with_cells(record, "tumour_cells", tumour([])).snapshots[last], "field_fibronectin": fibronectin}
    figure = section_figure(replace(record, snapshots={last: arrays}))
    close = figure.axes[2]
    (left, right), (bottom, top) = close.get_xlim(), close.get_ylim()
    assert left < 38 * 20 < 45 * 20 < right
    assert top < 5 * 20 < 12 * 20 < bottom
    even = section_figure(replace(record, snapshots={last: arrays | {"field_fibronectin": np.ones((40, 50))}}))
    assert even.axes[2].get_title(loc="left").endswith("The middle of the section")


def test_fields_are_shown_at_their_highest_with_units(record):
    zeros, ones = np.zeros((40, 50)), np.ones((40, 50))
    first, last = record.snapshots[0.0], record.snapshots[192.0]
    peak = {"field_tgfb": zeros + 0.7, "field_fibronectin": ones, "field_periostin": zeros}
    gone = {"field_tgfb": zeros + 1e-109, "field_fibronectin": ones + 3.0, "field_periostin": zeros}
    figure = section_figure(replace(record, snapshots={0.0: first, 96.0: last | peak, 192.0: last | gone}))
    titles = [ax.get_title(loc="left").split("$  ")[1] for ax in figure.axes if ax.get_title(loc="left")]
    assert titles[2:] == ["TGF-β, highest: day 4", "Fibronectin, highest: day 8", "Periostin, never above rest"]
    images = [ax.images[0].get_array() for ax in figure.axes if ax.get_title(loc="left")]
    assert [float(image.max()) for image in images] == [4.0, 4.0, 0.7, 4.0, 0.0]
    labels = {ax.get_xlabel() or ax.get_ylabel() for ax in figure.axes if not ax.get_title(loc="left")}
    assert labels == {"TGF-β (nM)", "Fibronectin (× naive organ)", "Periostin (relative units)"}


def test_lobules_meet_at_the_triads(record):
    figure = section_figure(record)
    lines = next(c for c in figure.axes[0].collections if type(c) is LineCollection)
    corners = np.concatenate(lines.get_segments())
    triads = np.array(record.provenance["anatomy"]["portal_triads_yx_um"])[:, ::-1]
    distance = np.hypot(*(corners[None] - triads[:, None]).T).T
    # Three lobules share each triad, and all that reach in are drawn; um, rounding only.
    assert ((distance < 1e-6).sum(axis=1) >= 3).all()


def test_markers_are_per_mm2_with_unit_threshold_and_onset(record):
    figure = timeline_figure(record)
    rows = figure.axes[-len(STAGES) :]
    for ax, stage in zip(rows, STAGES, strict=True):
        line = ax.lines[0]
        np.testing.assert_allclose(line.get_xdata() * 24.0, record.table["time_h"], rtol=1e-12)
        area = 1.0 if stage.marker == "vessel_density" else 0.8  # mm2: a level is no number per area
        np.testing.assert_allclose(line.get_ydata(), record.table[stage.marker] / area, rtol=1e-12)
        units = {"colonies": "colony/mm²", "vessel_density": "relative"}
        assert ax.get_ylabel() == units.get(stage.marker, "cell/mm²")
        texts = {text.get_text() for text in ax.texts}
        assert f"threshold\n{THRESHOLDS[stage.name]:.4g}" in texts
        assert any(np.allclose(line.get_ydata(), THRESHOLDS[stage.name]) for line in ax.lines[1:])
    said = [ax.texts[1].get_text() for ax in rows]
    assert said == ["day 0.2", "day 2.6", "day 3.3", "not reached", "day 7", "not reached"]
    upright = [line.get_xdata() for line in rows[1].lines if len(set(line.get_xdata())) == 1]
    assert any(np.allclose(x, 62.0 / 24.0) for x in upright)
    assert rows[-1].get_xlabel() == "Time (days)"
    words = {text.get_text().split("  ")[-1] for text in figure.texts}
    assert {stage.name.capitalize() for stage in STAGES} <= words


def test_without_thresholds_it_says_why_there_is_no_onset(record):
    figure = timeline_figure(CASES["no thresholds"](record))
    said = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert said == ["no threshold, so no onset"] * len(STAGES)


def test_stages_light_up_at_their_onset(record):
    strip = timeline_figure(record).axes[1]
    starts = [patch.get_x() * 24.0 for patch in strip.patches if isinstance(patch, Rectangle)]
    np.testing.assert_allclose(starts, [5.0, 62.0, 80.0, 169.0], rtol=1e-12)
    assert [text.get_text() for text in strip.texts] == ["not reached"] * 2


def test_protocol_is_one_lane_a_target(record):
    figure = timeline_figure(
        with_marks(
            record,
            InjectExosomes("pdac", (0.0, 48.0, 5000.0), amount_ug=5.0),
            GrowPrimary("pan02", 1e6, 60.0, start=12.0),
            ResectPrimary(96.0),
            Block("mif", 0.95, 24.0, 48.0),
            Block("mif", 0.95, 48.0, 60.0),
            Block("mif", 0.95, 72.0, 5000.0),
            Deplete("nk_cells", 1.0, 120.0, 120.0),
            Deplete("nk_cells", 1.0, 130.0, 150.0),
            InjectTumourCells("pan02", 500_000, 168.0),
            InjectTumourCells("b16f1", 500_000, 5000.0),
        )
    )
    strip = figure.axes[0]
    assert [label.get_text() for label in strip.get_yticklabels()] == [
        "PDAC exosomes, 5 µg, 2 doses",
        "Pan02 primary, 1,000,000 cells",
        "MIF blocked, 95 %",
        "Primary resected",
        "NK cells depleted, 100 %",
        "500,000 Pan02 cells",
    ]
    spans = [(bar.get_x() * 24.0, (bar.get_x() + bar.get_width()) * 24.0) for bar in strip.patches]
    np.testing.assert_allclose(
        spans, [(12.0, 96.0), (24.0, 48.0), (48.0, 60.0), (72.0, 192.0), (130.0, 150.0)], rtol=1e-12
    )
    moments = [c.get_offsets()[:, 0] * 24.0 for c in strip.collections]
    np.testing.assert_allclose(np.concatenate(moments), [0.0, 48.0, 96.0, 120.0, 168.0], rtol=1e-12)


@pytest.mark.parametrize("known", [4, 3], ids=["by event", "as older runs marked"])
def test_overlapping_windows_of_one_target_end_when_they_end(known):
    """The long one began first and ends last; an older record has no events, so it can only guess by the target."""
    long, short = Block("mif", 0.5, 24.0, 144.0), Block("mif", 0.9, 48.0, 72.0)
    crossing = (Boost("il6", 2.0, 0.0, 48.0), Boost("il6", 3.0, 24.0, 96.0))
    dose = Treat("gemcitabine", 1.0, (0.0, 72.0))
    marks = [list(mark)[:known] for mark in Protocol((long, short, *crossing, dose)).marks()]
    lanes = {lane.label: lane for lane in single_run.lanes_of(marks, 192.0)}
    assert set(lanes) == {
        "MIF blocked, 50 % and 90 %",
        "IL-6 boosted, 2-fold and 3-fold",
        "Gemcitabine, usual dose, 2 doses",
    }
    spans = {
        name: [(24.0 * a, 24.0 * b) for a, b in zip(lane.times, lane.ends, strict=True)] for name, lane in lanes.items()
    }
    assert spans["MIF blocked, 50 % and 90 %"] == [(24.0, 144.0), (48.0, 72.0)]
    right = [(0.0, 48.0), (24.0, 96.0)]
    assert spans["IL-6 boosted, 2-fold and 3-fold"] == (right if known == 4 else [(0.0, 96.0), (24.0, 48.0)])
    assert spans["Gemcitabine, usual dose, 2 doses"] == [(0.0, 0.0), (72.0, 72.0)]


def test_a_large_section_stays_an_image(record):
    """A hundred thousand cells are drawn as pixels, not as outlines, and the close-up holds its own few only."""
    n = 100_000
    places = np.random.default_rng(2).uniform(0.0, 500.0, (2, n))
    columns = {"y": places[0], "x": places[1], "activation": np.zeros(n), "key": np.arange(n, dtype=np.uint64)}
    large = with_cells(record, "stellate_cells", columns)
    large = with_provenance(large, anatomy=large.provenance["anatomy"] | {"width_um": 1e4, "height_um": 1e4})
    figure = section_figure(large)
    FigureCanvasAgg(figure).draw()
    cells = [c for ax in figure.axes[:3] for c in ax.collections if type(c) is PathCollection]
    assert max(len(c.get_offsets()) for c in cells) == n
    assert all(c.get_rasterized() for c in cells)
    assert sum(len(c.get_offsets()) for c in figure.axes[2].collections if type(c) is PathCollection) < n / 100
    assert "1 mm" in [text.get_text() for text in figure.axes[0].texts]


def test_saved_twice_is_the_same_and_leaves_the_users_style(record, tmp_path, monkeypatch):
    monkeypatch.setattr(single_run, "DPI", 60)  # the same drawing, sooner written
    first = save_figures(record, tmp_path / "a" / "b")
    assert [path.name for path in first] == ["section.png", "timeline.png"]
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.bbox": "tight", "lines.linewidth": 9}):
        before = dict(mpl.rcParams)
        second = save_figures(record, tmp_path / "c")
        assert dict(mpl.rcParams) == before
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert sorted(p.name for p in one.parent.iterdir()) == ["section.png", "timeline.png"]


@pytest.mark.parametrize(
    ("most", "said", "ticks"),
    [
        (4.0, "cells", ["0", "2", "4"]),
        (80_000.0, "cells", ["0", "40000", "80000"]),
        (4.0e6, "cells (×10⁶)", ["0", "2", "4"]),
        (3.0e-5, "cells (×10⁻⁶)", ["0", "15", "30"]),
    ],
)
def test_a_power_of_ten_stands_in_the_label_of_an_axis(most, said, ticks):
    figure = Figure()
    FigureCanvasAgg(figure)
    ax = figure.add_subplot()
    ax.plot([0.0, 1.0], [0.0, most])
    ax.set_ylim(0.0, most)
    ax.yaxis.set_major_locator(FixedLocator([0.0, most / 2, most]))
    label(ax.yaxis, "cells")
    figure.canvas.draw()
    assert ax.get_ylabel() == said
    assert [text.get_text().removesuffix(".0") for text in ax.get_yticklabels()] == ticks
    assert ax.yaxis.get_offset_text().get_text() == ""


def test_a_folder_that_cannot_be_written_is_named(record, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match=r"taken: .*; a folder that can be written"):
        save_figures(record, tmp_path / "taken")


def test_a_full_disk_leaves_no_half_file(record, tmp_path, monkeypatch):
    calm = Path.write_bytes

    def full(self, content):
        calm(self, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="no space left on device"):
        save_figures(record, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("draw", [section_figure, timeline_figure])
def test_a_rule_of_its_own_stands_in_the_second_line(record, draw, monkeypatch):
    figure = draw(with_provenance(record, schedule=["MyRule", *record.provenance["schedule"]], without=["Division"]))
    texts = [text.get_text() for text, _ in drawn_texts(figure, monkeypatch)]
    assert any(text.startswith("without Division; with MyRule") for text in texts)
    assert sum("with " in text and "Rule" in text for text in texts) == 1


def test_a_time_without_snapshot_is_refused(record):
    with pytest.raises(InputError, match=r"time: no snapshot at 5 h; one of 0 h, 168 h, 192 h"):
        section_figure(record, 5.0)
    assert "day 7" in section_figure(record, 168.0).texts[0].get_text()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pbs", "PBS"), ("anti_mif", "Anti-MIF"), ("tgfb_inhibitor", "TGF-β inhibitor"), ("pbs_edited", "PBS (edited)"),
        ("my_own_arm", "My own arm"),
    ],
)  # fmt: skip
def test_arms_are_named_as_they_are_said(name, words):
    assert arm_title(name) == words
