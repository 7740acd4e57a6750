"""Which points of what is varied are run: all combinations, a list, or a sample."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from niche_sim.engine import given
from niche_sim.engine.errors import InputError
from niche_sim.runs.axes import Axis, Float

DESIGNS = ("grid", "list", "latin", "sobol", "morris")
SAMPLED = DESIGNS[2:]
MOST_POINTS = 1_000_000  # more is a slip; a run of each would take years
MORRIS_LEVELS = 4  # of each axis, as usual: steps of two thirds of the range


def levels_of(axes: Sequence[Axis], design: str, samples: int | None, seed: int, where: str) -> tuple[Float, Float]:
    """The points of a design: levels of the axes, and the shares of their ranges from 0 to 1, float64[points, axes] each.

    grid: all combinations, the last axis changing first. list: the first values of all, then the second ... latin: a
    Latin hypercube of `samples` points. sobol: Saltelli's scheme on a Sobol sequence, samples * (axes + 2) points. morris:
    `samples` trajectories of axes + 1 points. Without axes there is one point.

    Raises:
        InputError: axes or `samples` do not suit the design; `where` is the place of the plan.
    """
    if design in SAMPLED:
        shares = _sampled(axes, design, samples, seed, where)
        return np.column_stack([axis.levels(shares[:, n]) for n, axis in enumerate(axes)]), shares
    if samples is not None:
        raise InputError(f"{where}samples", f"beside design '{design}'", f"one of {', '.join(SAMPLED)} takes samples")
    for axis in axes:
        if not axis.choices:
            raise InputError(f"{where}design", f"'{design}' and a range of {axis.name}", _alternatives(design))
    lengths = [len(axis.choices) for axis in axes]
    if design == "list":
        if len(set(lengths)) > 1:
            each = ", ".join(f"{axis.name} {length}" for axis, length in zip(axes, lengths, strict=True))
            raise InputError(f"{where}design", f"'list' with lists of unlike length: {each}", "lists of one length")
        levels = np.tile(np.arange(lengths[0] if lengths else 1, dtype=float)[:, None], (1, len(axes)))
    else:
        _check_size(math.prod(lengths), where)
        levels = np.array(list(itertools.product(*map(range, lengths))), float).reshape(math.prod(lengths), len(axes))
    return levels, levels / np.maximum(np.array(lengths, float) - 1.0, 1.0)


def _sampled(axes: Sequence[Axis], design: str, samples: int | None, seed: int, where: str) -> Float:
    if not axes:
        raise InputError(
            f"{where}design", f"'{design}' and nothing to vary", "[vary] or [vary_protocol.<arm>] is needed"
        )
    if samples is None:
        raise InputError(f"{where}samples", "missing", f"a whole number is needed for design '{design}'")
    for axis in axes:
        if design == "morris" and axis.choices:
            raise InputError(f"{where}design", f"'morris' and values of {axis.name}", "low and high, or 'register'")
    return unit_rows(design, len(axes), samples, seed, where)


def unit_rows(design: str, axes: int, samples: int, seed: int, where: str = "") -> Float:
    """The rows of a sampled design before they are spread over ranges, shares from 0 to 1, float64[points, axes].

    Raises:
        InputError: `samples` does not suit the design, or SALib is not installed; `where` is the place of the plan.
    """
    axes, samples, seed = (given.whole(n, f"{where}{what}", least) for n, what, least in (
        (axes, "axes", 1), (samples, "samples", 1), (seed, "design_seed", 0),
    ))  # fmt: skip
    _check_size(samples * {"latin": 1, "sobol": axes + 2, "morris": axes + 1}[design], where)
    if design == "latin":
        from scipy.stats import qmc

        shares: Float = qmc.LatinHypercube(axes, seed=seed).random(samples)
        return shares
    problem = problem_of([str(number) for number in range(axes)])
    if design == "morris":
        return _salib(design, where).sample(problem, samples, num_levels=MORRIS_LEVELS, seed=seed)
    if samples & (samples - 1):
        raise InputError(f"{where}samples", f"{samples}", "a power of 2 for design 'sobol', such as 256")
    return _salib(design, where).sample(problem, samples, calc_second_order=False, seed=seed)


def problem_of(names: Sequence[str]) -> dict[str, Any]:
    """What SALib calls the problem: the axes by name, each from 0 to 1."""
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}


def _salib(method: str, where: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"SALib.sample.{method}")
    except ImportError:
        allowed = "pip install 'niche-sim[sensitivity]' brings it; design 'latin' does without"
        raise InputError(f"{where}design", f"'{method}' needs SALib, which is not installed", allowed) from None


def _check_size(points: int, where: str) -> None:
    if points > MOST_POINTS:
        raise InputError(f"{where}design", f"{points:,} points", f"at most {MOST_POINTS:,}")


def _alternatives(design: str) -> str:
    return f"values for design '{design}', or one of {', '.join(SAMPLED)}"
