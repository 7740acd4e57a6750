"""Which numbers of the register an ensemble varies, over their ranges, and which it holds, and why."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from niche_sim.inference.active_parameters import scale_of
from niche_sim.model.parameters import rows
from niche_sim.runs.axes import Axis, parameter_axis

Float = NDArray[np.float64]

# What decides what is counted or drawn, not what happens.
DEFINITIONS = ("tumour.colony_cells", "tumour.macro_diameter", "tumour.neighbourhood")


def held(name: str) -> str:
    """Why a number of the register is not varied; "" if it is."""
    row = rows()[name]
    group, _, number = name.partition(".")
    if row.kind == "setting":
        return "bookkeeping"
    if name in DEFINITIONS or group == "assay" or number in ("fraction_counted", "thickness"):
        return "a definition: what is counted or measured"
    return "" if row.low < row.high else "no range"


@functools.cache
def axes() -> tuple[Axis, ...]:
    """The numbers that vary, each over its range in the register, on a log scale where that is wide."""
    return tuple(parameter_axis(name, scale_of(name), name) for name in rows() if not held(name))


def names() -> tuple[str, ...]:
    """Names of the numbers that vary."""
    return tuple(axis.key for axis in axes())


def default_point() -> Float:
    """The register's own values, as shares of the ranges, float64[numbers]."""
    return np.array([share_of(axis, rows()[axis.key].value) for axis in axes()])


def share_of(axis: Axis, value: float) -> float:
    """Where a value (in the register's unit) lies in the range of an axis, 0 to 1."""
    low, high = axis.low, axis.high
    if axis.log:
        low, high, value = np.log(low), np.log(high), np.log(max(value, 1e-300))
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))


def values_of(shares: Float) -> Float:
    """Points in the register's units, float64[points, numbers], from their shares, float64[points, numbers]."""
    return np.column_stack([axis.levels(shares[:, n]) for n, axis in enumerate(axes())])


def narrowed(members: pd.DataFrame) -> pd.Series[float]:
    """How much of each number's range the members leave: from their 5th to their 95th percentile, over that of even odds; the
    narrowest first."""
    shares = np.array([[share_of(axis, value) for value in members[axis.key]] for axis in axes()])
    left = np.diff(np.percentile(shares, [5, 95], axis=1), axis=0)[0] / 0.9
    return pd.Series(left, [axis.key for axis in axes()]).sort_values(kind="stable")


def overrides_of(point: Mapping[str, float]) -> dict[str, str]:
    """Numbers by name, in the register's units, as what `--set` takes."""
    return {name: f"{float(value)!r} {rows()[name].unit}".strip() for name, value in point.items()}
