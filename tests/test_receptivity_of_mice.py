"""Receptivity against virtual mice that do get tumour cells: the same mice, counted."""

from __future__ import annotations

import numpy as np
from mice import Mouse, cohort, model_of

import niche_sim

MICE = range(1, 9)
STANDARD_ERRORS = 4.0  # as far as chance alone may take a count


def test_educated_mice_have_as_many_colonies_as_expected():
    """Colonies at the end against the sum of probabilities of the same mice; clones are rare enough to be independent."""
    kind = [Mouse("educated", seed) for seed in MICE]
    counted, expected, variance = 0.0, 0.0, 0.0
    for mouse, outcome in zip(kind, cohort(*kind), strict=True):
        found = niche_sim.receptivity(model_of(mouse), event="alive_at_T")
        p = float(np.interp(21 * 24.0, found.time_h, found.mean))
        arrived = outcome.counters["tumour_arrived"]
        counted += outcome.table["colonies"][-1]
        expected += arrived * p
        variance += arrived * p * (1.0 - p)
    assert arrived > 0
    assert abs(counted - expected) < STANDARD_ERRORS * np.sqrt(variance)
    assert 0.6 * expected < counted < 1.5 * expected  # four standard errors, said as a ratio


def test_an_untouched_liver_is_as_receptive_at_any_time():
    """The eventual probability of a naive liver. In one section the 76 NK cells come and go by chance, which makes the curve of
    one mouse uneven (standard deviation 9 % over time); without their killing it is flat, and so is the mean of mice."""
    calm = niche_sim.Simulation(arm="pbs", seed=1, without=["NkKilling"])
    curve = niche_sim.receptivity(calm, end="eventual").mean
    assert np.abs(curve / curve.mean() - 1.0).max() < 0.05
    curves = [niche_sim.receptivity(model_of(Mouse("pbs", seed)), end="eventual").mean for seed in MICE]
    weeks = np.mean([one / one.mean() for one in curves], axis=0)[:42].reshape(6, 7).mean(axis=1)
    assert np.abs(weeks - 1.0).max() < 0.08  # 2.5 standard errors of 8 mice; of 16 it is 0.02
