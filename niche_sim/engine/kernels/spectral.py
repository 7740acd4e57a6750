"""Diffusion, uniform decay and a source, exactly in time, by the cosine transform.

The Laplacian (five points, in a block seven) with mirror (no-flux) edges is diagonal in the type-2 cosine basis. Each mode
then decays on its own, so one step of any length is exact in time and unconditionally stable: only the spacing limits the accuracy.
"""

from __future__ import annotations

import functools
from functools import cached_property, lru_cache

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray

Field = NDArray[np.float64]

# Below this exponent the direct formula of the mean over a step cancels (relative error 2e-16 / x) and its series,
# whose first neglected term is x**3 / 120, is the more accurate of the two.
_SERIES_BELOW = 1e-4

# A transform leaves errors of about 1e-15 of the largest value. Anything this much larger is no rounding.
_ROUNDING = 1e-9


@lru_cache(maxsize=8)
def eigenvalues(shape: tuple[int, ...], spacing: float) -> Field:
    """Eigenvalues of minus the Laplacian (two neighbours an axis) with mirror edges, shape `shape`, 1/um2, all >= 0."""
    axes = [2.0 * (1.0 - np.cos(np.pi * np.arange(n) / n)) / spacing**2 for n in shape]
    values: Field = functools.reduce(np.add.outer, axes)
    values.setflags(write=False)
    return values


class SpectralStep:
    """One step of dc/dt = diffusivity * lap(c) - decay * c + s with no-flux edges and s constant over the step.

    shape: sites (y, x) or (z, y, x); spacing: um; diffusivity: um2/h; decay: 1/h; dt: h. Instances do not change; `spectral_step`
    shares them. Concentrations may have any unit, sources have that unit per h.
    """

    def __init__(self, shape: tuple[int, ...], spacing: float, diffusivity: float, decay: float, dt: float) -> None:
        if not (diffusivity >= 0 and decay >= 0 and dt > 0 and spacing > 0):
            raise ValueError("diffusivity and decay must be >= 0, spacing and dt > 0")
        self.shape, self.dt = shape, dt
        rate = diffusivity * eigenvalues(shape, spacing) + decay
        self._exponent: Field = rate * dt
        self._kept: Field = np.exp(-self._exponent)
        # What a unit source leaves at the end of the step, h; dt where nothing is lost.
        self._gained: Field = np.full(shape, dt)
        np.divide(-np.expm1(-self._exponent), rate, out=self._gained, where=rate > 0)

    @cached_property
    def _mean_gained(self) -> Field:
        """What a unit source leaves on average over the step, h."""
        x = self._exponent
        series = 0.5 - x / 6.0 + x**2 / 24.0
        direct = np.divide(x + np.expm1(-x), x**2, out=np.zeros_like(x), where=x > _SERIES_BELOW)
        mean: Field = self.dt * np.where(x > _SERIES_BELOW, direct, series)
        return mean

    def advance(self, c: Field, s: Field) -> Field:
        """The field at the end of the step, a new array.

        c, s: float64 of the shape, not negative. The exact solution is not negative either, so what lies below 0 is rounding:
        it is set to 0 and the field scaled back to the total of the exact zero mode, so that clipping adds no mass.
        Raises ValueError if a negative value is too large for rounding (c or s was negative).
        """
        return self._combine(c, s, self._kept, self._gained)

    def mean_over_step(self, c: Field, s: Field) -> Field:
        """The time average of the field over the step, exact; same arguments, unit and treatment of rounding."""
        return self._combine(c, s, self._gained / self.dt, self._mean_gained)

    def _combine(self, c: Field, s: Field, of_field: Field, of_source: Field) -> Field:
        if c.shape != self.shape or s.shape != self.shape:
            raise ValueError(f"fields of shape {c.shape} and {s.shape} on a section of {self.shape}")
        field_present, source_present = bool(c.any()), bool(s.any())
        if not field_present and not source_present:
            return np.zeros(self.shape)
        modes = np.zeros(self.shape)
        total = 0.0
        if field_present:
            modes += scipy.fft.dctn(c, type=2) * of_field
            total += float(c.sum()) * float(of_field.flat[0])
        if source_present:
            modes += scipy.fft.dctn(s, type=2) * of_source
            total += float(s.sum()) * float(of_source.flat[0])
        result: Field = scipy.fft.idctn(modes, type=2, overwrite_x=True)
        return _without_rounding_below_zero(result, total)


def _without_rounding_below_zero(field: Field, total: float) -> Field:
    """Set negative rounding to 0 and scale the sum back to total, in place."""
    lowest = field.min()
    if lowest >= 0.0:
        return field
    if lowest < -_ROUNDING * field.max():
        raise ValueError("a field became negative: the concentration or its source was negative")
    np.maximum(field, 0.0, out=field)
    present = field.sum()
    if present > 0:
        field *= total / present
    return field


@lru_cache(maxsize=16)
def spectral_step(shape: tuple[int, ...], spacing: float, diffusivity: float, decay: float, dt: float) -> SpectralStep:
    """The shared `SpectralStep` of these parameters."""
    return SpectralStep(shape, spacing, diffusivity, decay, dt)


def solve_poisson(q: Field, spacing: float) -> Field:
    """The u of mean 0 with -lap(u) = q (five-point Laplacian) and no-flux edges, exact to rounding.

    q: float64[y, x], source per um2 and per unit of conductance, summing to 0. Raises ValueError if it does not: with
    closed edges there is then no solution.
    """
    if abs(q.sum()) > _ROUNDING * np.abs(q).sum():
        raise ValueError("sources and sinks do not balance")
    values = eigenvalues(q.shape, spacing)
    modes: Field = scipy.fft.dctn(q, type=2)
    np.divide(modes, values, out=modes, where=values > 0)
    modes.flat[0] = 0.0
    solution: Field = scipy.fft.idctn(modes, type=2, overwrite_x=True)
    return solution
