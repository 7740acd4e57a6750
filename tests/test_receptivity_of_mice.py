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
    """The eventual probability of a naive liver, mean of some mice: in each the 70 NK cells of a section come and go by
    chance, which makes its own curve uneven by a tenth; that of four by a twentieth."""
    curves = [niche_sim.receptivity(model_of(Mouse("pbs", seed)), end="eventual").mean for seed in MICE[:4]]
    weeks = np.mean(curves, axis=0)[:42].reshape(6, 7).mean(axis=1)
    assert np.abs(weeks / weeks.mean() - 1.0).max() < 0.1  # two standard deviations
