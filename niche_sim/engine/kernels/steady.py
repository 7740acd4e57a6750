"""Quasi-steady diffusion with uptake that differs from site to site: conjugate gradients, preconditioned by cosines."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray

from niche_sim.engine.compiling import compiled

Field = NDArray[np.float64]
TOLERANCE = 1e-5  # of the source's norm


def solve_steady(diffusivity: float, uptake: Field, source: Field, spacing: float, guess: Field) -> Field:
    """The u with diffusivity * lap(u) - uptake * u + source = 0 and no-flux edges (two neighbours an axis).

    diffusivity: um2/h; uptake: 1/h [y, x] or [z, y, x], positive somewhere and nowhere negative; source: u per h, alike, not
    negative; spacing: um; guess: where to start. Returns float64 of that shape, not negative. Raises ValueError if it does not
    converge (uptake 0 everywhere has no solution).
    """
    shape, mean = uptake.shape, float(uptake.mean())
    if not (mean > 0.0 and uptake.min() >= 0.0 and source.min() >= 0.0):
        raise ValueError("uptake and source must not be negative, and some uptake positive")
    axes = [2.0 * (1.0 - np.cos(np.pi * np.arange(n) / n)) / spacing**2 for n in shape]  # of minus lap
    inverse = 1.0 / (diffusivity * functools.reduce(np.add.outer, axes) + mean)
    per_area = diffusivity / spacing**2

    def operate(flat: Field) -> Field:
        return _operate(flat, uptake.ravel(), per_area, *shape[-2:])

    def precondition(flat: Field) -> Field:
        solved: Field = scipy.fft.idctn(scipy.fft.dctn(flat.reshape(shape), type=2) * inverse, type=2, overwrite_x=True)
        return solved.ravel()

    size = uptake.size
    matrix = scipy.sparse.linalg.LinearOperator((size, size), matvec=operate, dtype=np.float64)
    inverse_of_mean = scipy.sparse.linalg.LinearOperator((size, size), matvec=precondition, dtype=np.float64)
    solution, failed = scipy.sparse.linalg.cg(matrix, source.ravel(), guess.ravel(), rtol=TOLERANCE, maxiter=500, M=inverse_of_mean)
    if failed:
        raise ValueError("no convergence: uptake differs too much between sites")
    result: Field = np.maximum(solution, 0.0).reshape(shape)
    return result


@compiled()
def _operate(u: Any, uptake: Any, per_area: float, ny: int, nx: int) -> Any:  # pragma: no cover - compiled
    """uptake * u minus the Laplacian of u, times per_area, with no-flux edges; all flat, of planes of ny x nx sites."""
    plane = ny * nx
    out = uptake * u
    site = 0
    for z in range(u.size // plane):
        for y in range(ny):
            for x in range(nx):
                flux = 0.0
                if y > 0:
                    flux += u[site - nx] - u[site]
                if y < ny - 1:
                    flux += u[site + nx] - u[site]
                if x > 0:
                    flux += u[site - 1] - u[site]
                if x < nx - 1:
                    flux += u[site + 1] - u[site]
                if z > 0:
                    flux += u[site - plane] - u[site]
                if site + plane < u.size:
                    flux += u[site + plane] - u[site]
                out[site] -= per_area * flux
                site += 1
    return out
