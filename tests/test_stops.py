"""Stops of sliders: they rise from end to end, hit the default, are round, and no step is out of proportion."""

import itertools

import pytest

from niche_sim.model.parameters import rows
from niche_sim.model.parameters.slider_ticks import is_logarithmic, nearest, stops

ROWS = list(rows().values())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_stops_of_the_register(row):
    places = stops(row.low, row.high, row.unit, (row.value,))
    assert places[0] == row.low and places[-1] == row.high
    assert all(later > sooner for sooner, later in itertools.pairwise(places))
    assert places[nearest(row.value, places)] == row.value
    assert 20 <= len(places) <= 150
    if is_logarithmic(row.low, row.high):
        # The widest of the ratios is 1.26; whole numbers double from 1 to 2.
        assert all(later / sooner < 1.27 or later - sooner == 1.0 for sooner, later in itertools.pairwise(places))
    else:
        # Steps are at most a twentieth of the range: 50 stops, rounded up to 1, 2 or 5.
        assert all(later - sooner <= 0.05001 * (row.high - row.low) for sooner, later in itertools.pairwise(places))


def test_a_wide_range_is_walked_in_equal_ratios():
    assert not is_logarithmic(0.0, 100.0)
    assert not is_logarithmic(1.0, 19.9)
    assert is_logarithmic(1.0, 20.0)
    assert stops(0.1, 10.0, "nM")[:4] == (0.1, 0.11, 0.125, 0.14)
    assert stops(3.0, 30.0, "min", (10.0,))[:4] == (3.0, 4.0, 5.0, 6.0)


def test_cells_and_vesicles_are_whole():
    for unit in ("cell", "vesicle"):
        assert all(value == round(value) for value in stops(1.0, 1e6, unit))
        assert all(value == round(value) for value in stops(5.0, 30.0, unit))
    assert any(value != round(value) for value in stops(1.0, 1e6, "nM"))


def test_a_value_that_must_be_hit_has_no_stop_close_beside_it():
    places = stops(0.0, 50.0, "", (10.001,))
    assert 10.001 in places
    assert 10.0 not in places
    assert {9.0, 11.0} <= set(places)


def test_the_nearest_stop_is_by_ratio_where_stops_are():
    assert nearest(2.0, (1.0, 10.0, 100.0)) == 0
    assert nearest(4.0, (1.0, 10.0, 100.0)) == 1  # nearer to 1 by distance
    assert nearest(0.0, (1.0, 10.0, 100.0)) == 0
    assert nearest(4.0, (0.0, 1.0, 10.0)) == 1
