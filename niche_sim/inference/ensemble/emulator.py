"""What the panel would give at parameter sets that were not run: a Gaussian process with a linear mean, one for each band."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError

Float = NDArray[np.float64]

FOLDS = 10  # of points left out in turn, for coverage
LEVEL = 1.96  # standard deviations of a 95 % interval


def needed() -> None:
    """Raise InputError if scikit-learn is not there."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise InputError("ensemble", "scikit-learn is not installed", "pip install 'niche-sim[ensemble]'") from None


@dataclass(frozen=True)
class Emulator:
    """Predicts one quantity from the active numbers' shares. coverage: of 95 % intervals at points left out in turn."""

    line: Float  # float64[active + 1], the linear mean, its constant first
    process: Any
    coverage: float

    def __call__(self, shares: Float) -> tuple[Float, Float]:
        """Mean and variance of the quantity (without the mice's own spread), float64[points] each.

        The variance holds what the numbers that are not active do.
        """
        mean, spread = self.process.predict(shares, return_std=True)
        return mean + _linear(shares) @ self.line, np.square(spread)


def fitted(shares: Float, values: Float, errors: Float) -> Emulator:
    """An emulator of what was run.

    Parameters
    ----------
    shares
        Of the active numbers, float64[points, active].
    values
        The quantity, mean of the mice of a point, float64[points].
    errors
        Variance of each such mean, float64[points].
    """
    line, process = _fit(shares, values, errors)
    folds = np.arange(len(values)) % FOLDS
    inside = np.zeros(len(values), bool)
    for fold in range(FOLDS):
        out = folds == fold
        part, again = _fit(shares[~out], values[~out], errors[~out], process.kernel_)
        mean, spread = again.predict(shares[out], return_std=True)
        apart = np.abs(values[out] - mean - _linear(shares[out]) @ part)
        inside[out] = apart <= LEVEL * np.sqrt(spread**2 + errors[out])
    return Emulator(line, process, float(inside.mean()))


def _fit(shares: Float, values: Float, errors: Float, kernel: Any = None) -> tuple[Float, Any]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
    from sklearn.linear_model import RidgeCV

    mean = RidgeCV(np.logspace(-3, 3, 13)).fit(shares, values)
    line = np.concatenate([[mean.intercept_], mean.coef_])
    rest = values - _linear(shares) @ line
    spread = max(float(rest.var()), 1e-6)
    if kernel is None:
        size = ConstantKernel(spread / 2.0, (spread * 1e-3, spread * 10.0))
        reach = Matern(np.full(shares.shape[1], 1.0), (0.2, 20.0), nu=2.5)
        kernel = size * reach + WhiteKernel(spread / 2.0, (spread * 1e-3, spread * 2.0))
        optimizer: str | None = "fmin_l_bfgs_b"
    else:
        optimizer = None
    process = GaussianProcessRegressor(kernel, alpha=errors + 1e-8, optimizer=optimizer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(shares, rest)
    return line, process


def _linear(shares: Float) -> Float:
    return np.column_stack([np.ones(len(shares)), shares])
