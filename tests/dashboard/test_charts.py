"""The figure of readouts: what is in it, and that it says what the tables hold."""

from __future__ import annotations

import itertools

import numpy as np

from niche_sim.figures import charts
from niche_sim.figures.charts import Band, Curve, option_of, summary_of, title_of

TIMES = np.arange(0.0, 168.1, 6.0)
TABLE = {"time_h": TIMES, "bmdc_arrested": TIMES * 2.0, "tgfb_mean": TIMES / 100.0}
NAMES = ("bmdc_arrested", "tgfb_mean")


def option(**more):
    return option_of([Curve("educated", TABLE)], NAMES, **{"duration": 1008.0, "now": 72.0, **more})


def lines_of(series, axis=0):
    return [one for one in series if one["xAxisIndex"] == axis]


def test_each_readout_has_a_chart_with_its_values_over_days():
    made = option()
    assert len(made["grid"]) == len(made["xAxis"]) == len(made["yAxis"]) == len(NAMES)
    for number, name in enumerate(NAMES):
        (line,) = lines_of(made["series"], number)
        days, values = np.array(line["data"]).T
        np.testing.assert_array_equal(days, TIMES / 24.0)
        np.testing.assert_array_equal(values, TABLE[name])
        assert made["title"][number]["text"] == title_of(name)
    assert made["xAxis"][0]["max"] == 42.0 and made["xAxis"][0]["interval"] == 7.0
    assert [axis["name"] for axis in made["xAxis"]] == ["", "Time (days)"]


def test_charts_do_not_overlap():
    made = option()
    tops = [grid["top"] for grid in made["grid"]]
    assert tops[1] - tops[0] >= charts.HEIGHT + 30
    assert charts.height_of(NAMES) >= tops[-1] + charts.HEIGHT + 30, "the axis below the last has room"


def test_now_doses_and_the_branch_are_marked():
    made = option(doses=[0.0, 48.0], branched=60.0)
    marked = [one["xAxis"] for one in lines_of(made["series"])[0]["markLine"]["data"]]
    assert marked == [0.0, 2.0, 2.5, 3.0]


def test_two_runs_are_told_apart_without_colour():
    made = option_of([Curve("a", TABLE), Curve("b", TABLE)], NAMES, duration=168.0, now=0.0)
    first, second = lines_of(made["series"])
    assert first["lineStyle"]["type"] != second["lineStyle"]["type"]
    assert first["lineStyle"]["color"] != second["lineStyle"]["color"]
    assert made["legend"]["data"] == ["a", "b"]
    assert "interval" not in made["xAxis"][0], "a week has no weeks"


def test_a_cohort_is_a_band_from_its_low_to_its_high():
    days = np.array([0.0, 7.0])
    limits = {name: (np.array([1.0, 2.0]), np.array([2.0, 4.0]), np.array([5.0, 9.0])) for name in NAMES}
    made = option(bands=[Band("educated, 8 mice", days, limits)])
    middle, run = lines_of(made["series"])
    assert middle["data"] == [[0.0, 2.0], [7.0, 4.0]] and middle["name"] in made["legend"]["data"]
    ((start, end),) = middle["markArea"]["data"]
    assert start == {"xAxis": 0.0, "yAxis": 1.5} and end == {"xAxis": 7.0, "yAxis": 7.0}, "between low and high"
    assert run["name"] == "educated" and "markArea" not in run


def test_a_band_of_many_rows_has_no_gap():
    days = np.linspace(0.0, 42.0, 1009)
    limits = dict.fromkeys(NAMES, (days, days + 1.0, days + 2.0))
    parts = lines_of(option(bands=[Band("b", days, limits)])["series"])[0]["markArea"]["data"]
    assert len(parts) <= charts.MOST_AREAS
    assert parts[0][0]["xAxis"] == 0.0 and parts[-1][1]["xAxis"] == 42.0
    assert all(one[1]["xAxis"] == other[0]["xAxis"] for one, other in itertools.pairwise(parts))


def test_a_long_table_is_thinned_but_keeps_its_ends():
    times = np.arange(0.0, 50_000.0)
    long = {"time_h": times, "bmdc_arrested": times}
    made = option_of([Curve("a", long)], ("bmdc_arrested",), duration=50_000.0, now=0.0)
    data = made["series"][0]["data"]
    assert len(data) <= charts.MOST_POINTS + 1
    assert data[0][1] == 0.0 and data[-1][1] == times[-1]


def test_it_can_be_read_without_being_seen():
    said = summary_of([Curve("educated", TABLE)], NAMES)
    assert said.startswith("educated, day 7: ") and "336" in said and title_of("tgfb_mean") in said
