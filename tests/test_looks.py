"""How things look: every field and every cell has a look, told apart by anyone, and a live model looks as its snapshot."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from niche_sim.experiment.simulation import Simulation
from niche_sim.figures.appearance import (
    DIFFERENCE_DARK,
    DIFFERENCE_LIGHT,
    FIELD_LOOKS,
    KINDS,
    LiveSight,
    SnapshotSight,
    colonies,
    colour_table,
    extent,
    lobule_centres,
    lobule_corners,
)
from niche_sim.model.cells import POPULATIONS, TumourCell
from niche_sim.model.state import FIELDS, State
from niche_sim.runs.record import provenance_of, snapshot

SIZE = {"section.width": "600 um", "section.height": "700 um"}
CIRCULATING = TumourCell.state.code("circulating")
# Machado, Oliveira and Fernandes 2009: what is left of linear RGB without one kind of cone.
BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


def lab(table, blind=None):
    """CIE L*a*b* (D65), float64[n, 3], of colours uint8[n, 3], to an eye that lacks a kind of cone if one is named."""
    rgb = table / 255.0
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    if blind:
        linear = np.clip(linear @ np.array(BLIND[blind]).T, 0.0, 1.0)
    xyz = linear @ np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]).T
    t = xyz / [0.9505, 1.0, 1.089]
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16.0 / 116.0)
    return np.column_stack([116.0 * f[:, 1] - 16.0, 500.0 * (f[:, 0] - f[:, 1]), 200.0 * (f[:, 1] - f[:, 2])])


@pytest.fixture(scope="module")
def mouse():
    model = Simulation(overrides=SIZE, rng=3)
    for _ in range(60):
        model.step()
    return model


@pytest.fixture(scope="module")
def sights(mouse):
    return LiveSight(mouse), SnapshotSight(snapshot(mouse), provenance_of(mouse))


# --- fields ----------------------------------------------------------------------------------------------------------


def test_every_field_has_a_look_and_rests_where_a_naive_organ_has_it(section):
    assert list(FIELD_LOOKS) == list(FIELDS)
    naive = State.empty(section)
    for name, look in FIELD_LOOKS.items():
        assert (getattr(naive, name) == look.rest).all()
        assert look.least_span > 0.0
        assert look.rest < look.highest
    labels = [look.label for look in FIELD_LOOKS.values()]
    assert len(set(labels)) == len(labels)
    # In the unit of the state, or in words for one that is relative or a share.
    for name, look in FIELD_LOOKS.items():
        if FIELDS[name][0] == "nM":
            assert look.unit == "nM"
        elif FIELDS[name][0] == "1":
            assert look.unit == "share" and look.highest == 1.0
        else:
            assert look.unit in ("× naive organ", "× naive tissue", "relative units")


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_are_ordered_by_lightness_for_every_eye(name, theme):
    """Lightness runs one way from rest, so a greyscale print and any colour vision read more as more."""
    look = FIELD_LOOKS[name]
    table = colour_table(getattr(look, theme))
    for blind in (None, *BLIND):
        lightness = lab(table, blind)[:, 0]
        arms = [lightness[128:], lightness[127::-1]] if look.falls else [lightness]
        for arm in arms:
            away = arm if theme == "dark" else -arm
            # Over an eighth of the arm, so that the rounding of colours to bytes, up to 0.5 in L*, does not count.
            assert (np.diff(away[:: len(away) // 8]) > 1.0).all()
            assert away[-1] - away[0] > 25.0  # a tenth of a scale is 2.5, which is seen
    rest = lab(table)[128 if look.falls else 0, 0]
    assert rest > 95.0 if theme == "light" else rest < 10.0, "rest melts into the page"


@pytest.mark.parametrize("stops", [
    *(getattr(look, theme) for look in FIELD_LOOKS.values() if look.falls for theme in ("light", "dark")),
    DIFFERENCE_LIGHT, DIFFERENCE_DARK,
])  # fmt: skip
def test_more_and_less_are_told_apart_by_every_eye(stops):
    table = colour_table(stops)
    for blind in (None, *BLIND):
        seen = lab(table, blind)
        assert np.hypot(*(seen[0] - seen[-1])[1:]) > 30.0  # a difference of 10 is plain; lightness does not count here
        assert abs(seen[0, 0] - seen[-1, 0]) < 25.0  # neither side looks stronger
        assert (np.abs(seen[[127, 128], 1:]) < 8.0).all()  # nothing is grey


def test_a_colour_table_runs_evenly_through_its_stops():
    table = colour_table(("#000000", "#FF0000", "#FFFF80"))
    assert table.shape == (256, 3) and table.dtype == np.uint8
    assert table[0].tolist() == [0, 0, 0]
    assert table[-1].tolist() == [255, 255, 128]
    assert table[51].tolist() == [102, 0, 0]
    assert table[204].tolist() == [255, 153, 77]


# --- cells -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["treated", "challenge", "blocked", "lung", "brain"])
def test_every_cell_in_the_tissue_is_of_one_kind(moments, name):
    """A population, state or kind that nobody draws would be missed; one drawn twice would count twice."""
    model, start = moments[name]
    model.state.thaw(start)
    sight = LiveSight(model)
    for population, cells in model.state.populations.items():
        times = sum((kind.chosen(sight).astype(int) for kind in KINDS if kind.population == population), np.zeros(len(cells)))
        in_tissue = np.zeros(len(cells)) if population == "exosomes" else (~np.isnan(cells.y)).astype(float)
        assert times.tolist() == in_tissue.tolist(), population


@pytest.mark.parametrize(("population", "column"), [
    ("kupffer_cells", "state"), ("resident_recipient_cells", "state"), ("bmdc", "kind"), ("tumour_cells", "state"),
])  # fmt: skip
def test_every_state_of_a_cell_has_a_kind(mouse, population, column):
    """Also those that are too short to be met in a run of a few days."""
    cells = mouse.state.populations[population]
    names = cells.cell_type.columns()[column].names
    before = len(cells)
    rows = cells.add(len(names), **{column: np.arange(len(names)), "y": 100.0, "x": 100.0})
    try:
        sight = LiveSight(mouse)
        times = sum(kind.chosen(sight)[rows].astype(int) for kind in KINDS if kind.population == population)
        assert dict(zip(names, times.tolist(), strict=True)) == {name: int(name != "circulating") for name in names}
    finally:
        cells.remove(slice(before, None))


def test_kinds_are_told_apart_without_colour_or_by_it():
    assert {kind.population for kind in KINDS} == {kind.population for kind in POPULATIONS} - {"exosomes"}
    for a, b in itertools.combinations(KINDS, 2):
        assert a.label != b.label
        # The recipient cells of liver and of other organs never meet.
        assert (a.marker, a.face, a.edge) != (b.marker, b.face, b.edge)
        if a.population != b.population:
            assert a.marker != b.marker
    assert all(kind.description[0].islower() for kind in KINDS)  # it stands within sentences, too


# --- sights ----------------------------------------------------------------------------------------------------------


def test_a_live_model_looks_as_its_snapshot(sights, mouse):
    live, saved = sights
    assert set(live.arrays) == set(saved.arrays)
    assert len(live.arrays) == len(saved.arrays)
    for name, values in saved.arrays.items():
        np.testing.assert_array_equal(live.arrays[name], values)
    for kind in KINDS:
        assert kind.chosen(live).tolist() == kind.chosen(saved).tolist()
    assert sum(kind.chosen(live).any() for kind in KINDS) > 8  # or there was little to compare
    for population in mouse.state.populations:
        for here, there in zip(live.places(population), saved.places(population), strict=True):
            np.testing.assert_allclose(here, there, rtol=1e-15)  # um over spacing times spacing: one rounding each
    assert dict(live.anatomy) == dict(saved.anatomy)
    for name in ("stellate.fraction_counted", "tumour.colony_cells", "kupffer.rate_tumour_associated", "tgfb.half_life"):
        assert live.parameter(name) == pytest.approx(saved.parameter(name), rel=1e-15)
    with pytest.raises(KeyError):
        live.arrays["tgfb"]
    with pytest.raises(KeyError):
        live.arrays["field_nothing"]


def test_a_live_model_is_not_copied(sights, mouse):
    live, _ = sights
    assert live.arrays["field_tgfb"] is mouse.state.tgfb
    assert np.shares_memory(live.arrays["bmdc_kind"], mouse.state.bmdc.columns["kind"])
    assert np.shares_memory(live.places("bmdc")[0], mouse.state.bmdc.columns["y"])


# --- what lies in the section ----------------------------------------------------------------------------------------


def test_lobules_stand_around_veins_with_triads_at_their_corners(sights):
    anatomy = sights[0].anatomy
    centres, corners = lobule_centres(anatomy), lobule_corners(anatomy)
    near = lambda point, points: np.hypot(*(np.asarray(points) - point).T).min()  # noqa: E731
    for vein in anatomy["central_veins_yx_um"]:
        assert near(vein, centres) < 1e-6  # um, rounding
    everywhere = (centres[:, None, :] + corners[None, :, :]).reshape(-1, 2)
    for triad in anatomy["portal_triads_yx_um"]:
        assert near(triad, everywhere) < 1e-6
    assert corners.shape == (7, 2)
    assert corners[0].tolist() == pytest.approx(corners[-1].tolist(), abs=1e-9)


def test_colonies_are_clones_of_arrested_cells(mouse):
    sight = LiveSight(mouse)
    assert colonies(sight) == []
    least = int(sight.parameter("tumour.colony_cells"))
    rng = np.random.default_rng(1)
    sizes = [least, least - 1, 3 * least, least + 5]
    clone = rng.permutation(np.repeat(np.arange(4, dtype=np.uint64), sizes))
    y, x = rng.uniform(100.0, 500.0, (2, len(clone)))
    state = np.full(len(clone), TumourCell.state.code("cycling"))
    blood = np.flatnonzero(clone == 3)[:6]  # leaves one too few of clone 3
    state[blood], y[blood], x[blood] = CIRCULATING, np.nan, np.nan
    mouse.state.tumour_cells.add(len(clone), clone=clone, state=state, y=y, x=x)
    try:
        found = colonies(sight)
        expected = [np.column_stack([y, x])[clone == number] for number in (2, 0)]
        assert [part.tolist() for part in found] == [part.tolist() for part in expected]
    finally:
        mouse.state.tumour_cells.remove(slice(None))


def test_the_ring_around_a_colony_is_not_widened_by_strays():
    angle = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    disc = np.column_stack([300.0 + 50.0 * np.sin(angle), 200.0 + 50.0 * np.cos(angle)])
    middle, radius = extent(np.vstack([disc, [[590.0, 10.0], [595.0, 5.0]]]))
    assert middle == pytest.approx([300.0, 200.0], abs=3.0)  # um; two strays of 402 shift the percentiles
    assert 60.0 < radius < 70.0
