"""Paired effects: points by hand, coverage of the intervals, and verdicts."""

import numpy as np
import pytest

from niche_sim.targets import NUMERICS, Effect, prevented_gain, ratio_of_means


def test_a_constant_ratio_has_no_width():
    effect = ratio_of_means([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert effect.estimate == pytest.approx(2.0)
    assert effect.low == pytest.approx(2.0)
    assert effect.high == pytest.approx(2.0)
    assert effect.n == 3


def test_intervals_cover_as_often_as_they_say():
    # 1000 cohorts of 8 pairs about a true ratio of 1.5: 95 % +- 3 x 0.7 % by counting; the jackknife is approximate.
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(1000):
        reference = rng.gamma(20.0, 1.0, 8)
        treated = 1.5 * reference * rng.gamma(50.0, 1.0 / 50.0, 8)
        effect = ratio_of_means(treated, reference)
        covered += effect.low <= 1.5 <= effect.high
    assert 0.91 <= covered / 1000 <= 0.98


def test_nothing_left_is_zero_with_an_upper_end():
    effect = ratio_of_means([0.0, 0.0, 0.0], [10.0, 12.0, 8.0])
    assert effect.estimate == effect.low == 0.0
    assert effect.high == pytest.approx(np.log(40.0) / 30.0)  # 2.5 % of a Poisson count being 0


def test_one_mouse_that_holds_everything_decides_nothing():
    effect = ratio_of_means([5.0, 0.0, 0.0], [4.0, 4.0, 4.0])
    assert effect.high == np.inf
    assert effect.equivalent(NUMERICS) == "undecided"


def test_prevented_gain_by_hand():
    effect = prevented_gain([2.0, 3.0], [11.0, 12.0], [1.0, 2.0])
    assert effect.estimate == pytest.approx(0.9)
    assert effect.low == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.95, 1.05, "equivalent"), (1.2, 1.4, "different"), (0.5, 0.8, "different"), (0.85, 1.05, "undecided")],
)
def test_verdicts(low, high, verdict):
    assert Effect((low + high) / 2, low, high, 10, 0.90).equivalent(NUMERICS) == verdict


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="pairs"):
        ratio_of_means([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="no ratio"):
        ratio_of_means([1.0, 2.0], [0.0, 0.0])
    with pytest.raises(ValueError, match="no gain"):
        prevented_gain([1.0, 2.0], [1.0, 1.0], [2.0, 2.0])
