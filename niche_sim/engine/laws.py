"""Formulas: numbers in, numbers out. Every one has a closed form that a test checks by hand.

Arguments may be floats or NumPy arrays; units are um, h, nM and cell throughout.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

LN2 = math.log(2.0)
NEGLIGIBLE = 1e-9  # of a level from 0 to 1: a rule with less than this to do rests
DOUBLINGS = {2.0**n: n for n in range(6)}  # exponent -> how often to square
MOLECULE = 1.0 / 0.602214076  # nM um3


def probability(rate: Any, dt: float) -> Any:
    """Probability that an event of constant hazard `rate` (1/h) happens within `dt` (h).

    The only bridge from a rate to a probability in the package.
    """
    return -np.expm1(-np.asarray(rate) * dt)


def births(rate: Any, dt: float) -> Any:
    """Expected daughters of a cell and of its daughters within `dt` (h), dividing at `rate` (1/h): exp(rate * dt) - 1.

    So that numbers grow as fast at any step; the mean of a pure birth process (Yule 1925).
    """
    return np.expm1(np.asarray(rate) * dt)


def switch_chance(there: Any, back: Any, dt: float) -> Any:
    """Probability that a two-state cell is in the other state after `dt` (h), with rates there and back in 1/h.

    Exact whatever the step, since it may have switched several times: there / (there + back) * probability(there + back).
    """
    total = np.asarray(there + back, np.float64)
    share = np.divide(there, total, out=np.zeros(total.shape), where=total > 0.0)
    return share * -np.expm1(-total * dt)


def rate_of(half_life: float) -> float:
    """Hazard (1/h) of a quantity that halves every `half_life` (h)."""
    return LN2 / half_life


def hill(signal: Any, half: float, steepness: float) -> Any:
    """Saturating response, 0 to 1: one half at `signal == half`. Same unit for both; no negative signal."""
    ratio = signal / half if type(signal) is float else np.asarray(signal) / half  # one number needs no array
    for _ in range(DOUBLINGS.get(steepness, 0)):  # squares, since powers are dear
        ratio *= ratio
    if steepness not in DOUBLINGS:
        ratio = ratio**steepness
    return ratio / (1.0 + ratio)


def relax(value: Any, target: Any, rate: Any, dt: float) -> Any:
    """Exact solution after `dt` (h) of dv/dt = rate * (target - v), with rate in 1/h."""
    return target + (value - target) * np.exp(-np.asarray(rate) * dt)


def gain_and_loss(value: Any, gain: Any, loss: Any, dt: float) -> Any:
    """Exact solution after `dt` (h) of dv/dt = gain * (1 - v) - loss * v, both rates in 1/h; v stays within 0 to 1."""
    total = gain + loss
    target = np.divide(gain, total, out=np.zeros_like(np.asarray(total, dtype=np.float64)), where=np.asarray(total) > 0)
    return relax(value, target, total, dt)


def produce_and_decay(value: Any, source: Any, decay: float, dt: float) -> Any:
    """Exact solution after `dt` (h) of dv/dt = source - decay * v, with source per h and decay > 0 in 1/h."""
    return relax(value, source / decay, decay, dt)


def exponential_growth(start: float, doubling: float, time: float) -> float:
    """Cells after `time` (h), doubling every `doubling` (h)."""
    return start * 2.0 ** (time / doubling)


def gompertz_growth(start: float, doubling: float, capacity: float, time: float) -> float:
    """Cells after `time` (h) of Gompertz growth from `start` to `capacity` (cells).

    `doubling` (h) is the doubling time at the start: dN/dt = r N ln(capacity / N) with r = ln 2 / (doubling ln(capacity / start)).
    """
    span = math.log(capacity / start)
    rate = LN2 / (doubling * span)
    return capacity * math.exp(-span * math.exp(-rate * time))


def meeting_rate(radius: float, speed: Any, density: Any, axes: int = 2) -> Any:
    """Encounters per h of a resting cell with cells moving at `speed` (um/h) in a slab, or with 3 axes in a block.

    density: moving cells per um2 of slab or um3 of block; radius: distance of centres at contact, um. Kinetic theory: 2 R v n in
    the plane, pi R^2 v n in space.
    """
    return (2.0 * radius if axes == 2 else math.pi * radius**2) * speed * density


def turn_chance(sub_step: float, persistence: float) -> float:
    """Chance of a new heading per sub-step (h) of a walk with mean run time `persistence` (h).

    Chosen so that the long-run motility is exactly speed^2 * persistence / 2 at any sub-step below 2 * persistence.
    """
    return 2.0 * sub_step / (2.0 * persistence + sub_step)


def walk_mean_square(speed: float, persistence: float, time: float) -> float:
    """Mean square displacement (um2) in the plane of runs at `speed` (um/h), mean run `persistence` (h), after `time` (h)."""
    return 2.0 * speed**2 * persistence * (time - persistence * -math.expm1(-time / persistence))


def disc_diameter(cells: Any, density: float, thickness: float) -> Any:
    """Diameter (um) of a round patch of `cells` packed at `density` (cells/um3) in a slab of `thickness` (um)."""
    return 2.0 * np.sqrt(np.asarray(cells) / (density * thickness) / math.pi)


def ball_diameter(cells: Any, density: float) -> Any:
    """Diameter (um) of a ball of `cells` packed at `density` (cells/um3)."""
    return np.cbrt(6.0 * np.asarray(cells) / (math.pi * density))


def seen_in_section(diameter: Any, thickness: float) -> Any:
    """How many times more often a sphere of `diameter` (um) touches a slab than its centre lies in it (both um)."""
    return (thickness + np.asarray(diameter)) / thickness


def niche_strength(
    fibronectin: Any, periostin: Any, half_fibronectin: float, half_periostin: float, steepness: float, share: float
) -> Any:
    """How much of a niche a site offers a tumour cell, 0 to 1: fibronectin is needed, periostin adds the rest.

    hill(fibronectin) * (1 - share + share * hill(periostin)), share being the part that needs periostin.
    """
    soil = hill(fibronectin, half_fibronectin, steepness)
    return soil * (1.0 - share + share * hill(periostin, half_periostin, steepness))


def slowed(speed: float, load: Any, half: float) -> Any:
    """Speed (um/h) of a cell that particles slow: speed * (1 - hill(load, half, 2)); still when full."""
    return speed * (1.0 - hill(load, half, 2.0))


def against_naive(level: Any, half: float) -> Any:
    """Growth that a supply allows against that in naive tissue (level 1): Monod's level / (level + half), 1 at level 1."""
    level = np.asarray(level)
    return (1.0 + half) * level / (level + half)


def vessels_after(vessels: Any, gain: Any, loss: float, most: float, dt: float) -> Any:
    """Vessel density after `dt` (h) of sprouting at `gain` and of falling back at `loss` (1/h) to a naive organ's, 1.

    New ones rise towards `most`; what a colony has displaced (below 1) grows back by sprouting alone.
    """
    span = most - 1.0
    grown = gain_and_loss(np.clip((vessels - 1.0) / span, 0.0, 1.0), gain, loss, dt)
    below = np.minimum(vessels - 1.0, 0.0) * np.exp(-gain * dt)
    return 1.0 + span * grown + below
