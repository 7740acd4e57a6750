"""The overview of a sweep shows what was varied, arm by arm, whatever the design, and nothing that was not run."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from small_sweeps import planned, swept

from niche_sim.figures import sweep_overview
from niche_sim.runs import sweeps

HALF_LIFE = {"tgfb.half_life": {"values": ["3 min", "30 min"]}}
WINDOW = {"anti_mif": {"from": {"values": ["0 day", "6 h"]}}}


def texts(figure):
    return [text.get_text() for text in figure.findobj(plt.Text) if text.get_text()]


def test_a_grid_of_two_is_maps(tmp_path):
    plan = planned(arms=["educated"], seeds=1, vary={**HALF_LIFE, "ccl2.half_life": {"values": ["2 h", "4 h", "8 h"]}})
    found = swept(plan, tmp_path)
    with plt.rc_context({"font.size": 20.0, "xtick.labelsize": 20.0}):  # a user's own settings
        figure = sweep_overview.overview_figure(found)
    assert max(text.get_fontsize() for text in figure.findobj(plt.Text)) < 10.0
    maps = [ax for ax in figure.axes if ax.images]
    assert len(maps) == 2
    shown = maps[0].images[0].get_array()
    np.testing.assert_array_equal(shown.ravel(), found.values("tgfb_mean", "educated")[:, 0])
    assert [label.get_text() for label in maps[0].get_xticklabels()] == ["2", "4", "8"]
    assert maps[0].get_xlabel() == "ccl2.half_life (h)"
    assert maps[0].get_ylabel() == "tgfb.half_life (min)"


def test_long_names_of_neighbours_do_not_meet(tmp_path):
    rate = {"fibronectin.rate_deposit": {"values": ["2e4 um^3/day/cell", "8e4 um^3/day/cell"]}}
    load = {"kupffer.half_load_answer": {"values": ["50 vesicle", "1000 vesicle"]}}
    found = swept(planned(arms=["pbs", "educated"], seeds=1, vary={**load, **rate}), tmp_path)
    figure = sweep_overview.overview_figure(found)
    figure.savefig(tmp_path / "maps.png")  # where everything is, is known when it is drawn
    left, right = (ax.xaxis.label.get_window_extent() for ax in [ax for ax in figure.axes if ax.images][:2])
    assert left.x1 < right.x0
    assert "1000" in texts(figure) and "20000" in texts(figure)


def test_one_axis_of_one_arm_leaves_the_other_a_dashed_line(tmp_path):
    found = swept(planned(arms=["educated", "anti_mif"], seeds=2, vary_protocol=WINDOW), tmp_path)
    figure = sweep_overview.overview_figure(found)
    ax = figure.axes[0]
    dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [found.values("tgfb_mean", "educated").mean()]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(dots[0].get_xdata(), [0.0, 0.25])
    np.testing.assert_array_equal(dots[0].get_ydata(), found.values("tgfb_mean", "anti_mif").mean(axis=1))
    assert any("Dashed" in text for text in texts(figure))


def test_many_axes_show_those_that_change_most(tmp_path):
    names = ["tgfb.half_life", "ccl2.half_life", "bmdc.speed", "collagen.half_life", "fibronectin.half_life", "nk.half_life"]
    plan = planned(arms=["educated"], seeds=1, design="latin", samples=12, vary=dict.fromkeys(names, "register"))
    figure = sweep_overview.overview_figure(swept(plan, tmp_path))
    labels = {ax.get_xlabel().partition(" ")[0] for ax in figure.axes}
    assert len(labels) == 5
    assert "tgfb.half_life" in labels  # of which the first readout is a function
    assert any("5 of 6 varied are shown" in text for text in texts(figure))


def test_without_axes_and_without_all_runs(tmp_path):
    plan = planned(arms=["pbs", "educated"], seeds=3)
    # Names, and so shards, hang on the code: a shard that holds some of the runs and not all.
    held = {of: sum(sweeps.Shard(1, of).holds(run) for run in plan.runs()) for of in range(2, 30)}
    of = next(of for of, number in held.items() if 0 < number < 6)
    found = swept(plan, tmp_path, shard=f"1/{of}")
    left = len(list((tmp_path / "runs").iterdir()))
    assert 0 < left < 6
    found = sweeps.collect(plan, tmp_path)
    figure = sweep_overview.overview_figure(found)
    assert any(f"{left} runs, {6 - left} not run" in text for text in texts(figure))
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["PBS", "educated"]


@pytest.mark.parametrize("vary", [{"schedule": {"values": ["default", "no_stage3"]}}, HALF_LIFE])
def test_the_same_sweep_gives_the_same_bytes(vary, tmp_path):
    found = swept(planned(arms=["educated"], seeds=1, vary=vary), tmp_path)
    assert sweep_overview.overview_png(found) == sweep_overview.overview_png(sweeps.load(tmp_path))
