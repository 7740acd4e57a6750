"""A fast stand-in for the model with known numbers: growth that is counted twice, in mice that differ."""

from __future__ import annotations

import math

import numpy as np

from niche_sim.runs.sweeps import Axis

MICE = 6
NOISE = 0.25  # standard deviation of the logarithm between mice
AXES = (
    Axis("rate", "rate", "1/day", low=0.05, high=0.5),
    Axis("start", "start", "cell", low=1.0, high=1000.0, log=True),
    Axis("nothing", "nothing", "h", low=0.0, high=10.0),
)
ERROR = NOISE / math.sqrt(MICE)


def truth_of(point):
    """Rate and start at a point of shares."""
    return tuple(float(axis.levels(np.array([point[axis.name]]))[0]) for axis in AXES[:2])


class Growth:
    """Logarithms of mean numbers of cells on days 5 and 15 of MICE mice. rng: None draws as pyABC itself does."""

    def __init__(self, rng=None):
        self.rng = rng or np.random.mtrand._rand

    def __call__(self, point):
        rate, start = truth_of(point)
        return {f"day_{day}": math.log(start) + rate * day + ERROR * float(self.rng.normal()) for day in (5, 15)}


def apart(first, second):
    """Root mean square difference in standard errors."""
    return math.sqrt(sum(((float(first[name]) - float(second[name])) / ERROR) ** 2 for name in first) / len(first))
