"""The spectral step against what diffusion is known to do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from niche_sim.engine.kernels.spectral import SpectralStep, eigenvalues, solve_poisson, spectral_step

ODD_SHAPES = [(1, 1), (1, 9), (7, 1), (6, 5), (13, 8)]


def laplacian(c, spacing):
    padded = np.pad(c, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return (around - 4 * c) / spacing**2


def random_fields(shape, seed=1):
    rng = np.random.default_rng(seed)
    return rng.random(shape), rng.random(shape)


@pytest.mark.parametrize("shape", ODD_SHAPES)
@pytest.mark.parametrize("decay", [0.0, 0.7])
def test_end_and_mean_of_a_step_match_an_ordinary_integrator(shape, decay):
    c, s = random_fields(shape)
    step = SpectralStep(shape, 20.0, 300.0, decay, 0.8)

    def rate(_, both):
        now = both[: c.size].reshape(shape)
        return np.concatenate([(300.0 * laplacian(now, 20.0) - decay * now + s).ravel(), now.ravel()])

    slow = solve_ivp(rate, (0, 0.8), np.concatenate([c.ravel(), np.zeros(c.size)]), rtol=1e-10, atol=1e-12).y[:, -1]
    # The integrator's own tolerance is 1e-10 a step, over some 50 steps.
    np.testing.assert_allclose(step.advance(c, s), slow[: c.size].reshape(shape), rtol=1e-8)
    np.testing.assert_allclose(step.mean_over_step(c, s), slow[c.size :].reshape(shape) / 0.8, rtol=1e-8)


def test_variance_of_a_point_source_grows_as_2dt_along_each_axis():
    spacing, diffusivity, dt = 5.0, 1000.0, 1.0
    c = np.zeros((101, 101))
    c[50, 50] = 1.0
    spread = SpectralStep(c.shape, spacing, diffusivity, 0.0, dt).advance(c, np.zeros_like(c))
    y, x = (np.indices(c.shape) - 50) * spacing
    # Exact on this grid too (the five-point Laplacian of r2 is 4); the edge is 5.6 standard deviations away,
    # beyond which lies less than 1e-7 of the mass.
    assert (spread * (y**2 + x**2)).sum() == pytest.approx(4 * diffusivity * dt, rel=1e-5)
    assert (spread * y**2).sum() == pytest.approx(2 * diffusivity * dt, rel=1e-5)


def test_a_point_source_spreads_as_a_gaussian():
    spacing, diffusivity, dt = 5.0, 1000.0, 1.0
    c = np.zeros((101, 101))
    c[50, 50] = 1.0 / spacing**2
    spread = SpectralStep(c.shape, spacing, diffusivity, 0.0, dt).advance(c, np.zeros_like(c))
    y, x = (np.indices(c.shape) - 50) * spacing
    exact = np.exp(-(y**2 + x**2) / (4 * diffusivity * dt)) / (4 * math.pi * diffusivity * dt)
    # Second order in spacing: about (5 um)2 / (2 * 45 um)2 = 0.3 %.
    np.testing.assert_allclose(spread, exact, atol=0.004 * exact.max())


def test_steady_field_beside_a_line_source_decays_over_sqrt_of_d_over_k():
    spacing, diffusivity, decay = 5.0, 3600.0 * 26, 3600.0 * 26 / 80**2
    c, s = np.zeros((3, 400)), np.zeros((3, 400))
    s[:, 0] = 1.0
    steady = SpectralStep(c.shape, spacing, diffusivity, decay, 1000.0 / decay).advance(c, s)
    reach = spacing / np.log(steady[1, :-1] / steady[1, 1:])[20:100].mean()
    # On the grid the length is shifted by (spacing / reach)2 / 24 = 0.02 %.
    assert reach == pytest.approx(80.0, rel=1e-3)


@pytest.mark.parametrize("decay", [0.0, 1e-9, 1e-3, 4.0])
def test_the_budget_of_mass_closes_to_rounding(decay):
    step = SpectralStep((60, 50), 20.0, 9e4, decay, 1.0)
    c, s = random_fields((60, 50))
    s[s < 0.9] = 0
    total = c.sum()
    for _ in range(50):
        c = step.advance(c, s)
        kept = math.exp(-decay)
        gained = -math.expm1(-decay) / decay if decay else 1.0
        total = total * kept + s.sum() * gained
    # 50 steps, each within some units of the last place.
    assert c.sum() == pytest.approx(total, rel=1e-13)


def test_clipping_adds_no_mass():
    # Far from the source the true field lies below rounding: many sites are clipped every step. Without scaling back
    # the total drifts by 5e-14 here; with it, by some units of the last place.
    c, none = np.zeros((150, 150)), np.zeros((150, 150))
    c[75, 75] = 1.0
    step = SpectralStep(c.shape, 20.0, 40.0, 0.0, 1.0)
    for _ in range(100):
        c = step.advance(c, none)
    assert abs(c.sum() - 1.0) < 1e-14


def test_what_decays_is_the_mean_over_the_step():
    c, s = random_fields((20, 30))
    step = SpectralStep(c.shape, 20.0, 9e4, 3.0, 0.5)
    lost = c.sum() + 0.5 * s.sum() - step.advance(c, s).sum()
    assert lost == pytest.approx(3.0 * 0.5 * step.mean_over_step(c, s).sum(), rel=1e-12)


@pytest.mark.parametrize("diffusivity", [1e-3, 1e2, 1e5, 1e9, 1e15])
def test_never_negative_even_at_huge_courant_numbers(diffusivity):
    c, s = np.zeros((64, 48)), np.zeros((64, 48))
    c[3, 40], s[60, 2] = 5.0, 7.0
    step = SpectralStep(c.shape, 20.0, diffusivity, 1.0, 1.0)
    for _ in range(5):
        mean = step.mean_over_step(c, s)
        c = step.advance(c, s)
        assert c.min() >= 0 and mean.min() >= 0
        assert np.isfinite(c).all()
    if diffusivity >= 1e9:
        # Mixed within the step, but for the source's own supply: relative spread about area / (D dt).
        assert np.ptp(c) < 0.01 * c.mean()


def test_two_half_steps_are_one_step():
    c, s = random_fields((40, 30))
    whole = SpectralStep(c.shape, 20.0, 9e4, 2.0, 1.0)
    half = SpectralStep(c.shape, 20.0, 9e4, 2.0, 0.5)
    between = half.advance(c, s)
    # Rounding of a few transforms of 1200 sites.
    np.testing.assert_allclose(half.advance(between, s), whole.advance(c, s), rtol=1e-12)
    mean = (half.mean_over_step(c, s) + half.mean_over_step(between, s)) / 2
    np.testing.assert_allclose(mean, whole.mean_over_step(c, s), rtol=1e-12)


@pytest.mark.parametrize("exponent", [1e-12, 1e-6, 0.99e-4, 1.01e-4, 1e-2])
def test_mean_of_a_source_in_a_nearly_still_field_is_half_the_step(exponent):
    step = SpectralStep((1, 1), 20.0, 0.0, exponent, 1.0)
    mean = step.mean_over_step(np.zeros((1, 1)), np.ones((1, 1)))[0, 0]
    # The next term of the series is x3 / 120; the direct formula rounds to 2e-16 / x.
    series = 0.5 - exponent / 6 + exponent**2 / 24 - exponent**3 / 120
    assert mean == pytest.approx(series, rel=1e-10 + exponent**4)


def test_an_empty_field_stays_empty_and_the_arguments_stay_as_they_are():
    step = spectral_step((8, 9), 20.0, 1e4, 1.0, 1.0)
    assert spectral_step((8, 9), 20.0, 1e4, 1.0, 1.0) is step
    assert not step.advance(np.zeros((8, 9)), np.zeros((8, 9))).any()
    c, s = random_fields((8, 9))
    before = c.copy(), s.copy()
    step.advance(c, s)
    np.testing.assert_array_equal(c, before[0])
    np.testing.assert_array_equal(s, before[1])


def test_negative_input_and_wrong_shapes_are_refused():
    step = spectral_step((8, 9), 20.0, 1e2, 1.0, 0.01)
    c = np.ones((8, 9))
    c[4, 4] = -3.0
    with pytest.raises(ValueError, match="negative"):
        step.advance(c, np.zeros((8, 9)))
    with pytest.raises(ValueError, match="shape"):
        step.advance(np.ones((9, 8)), np.zeros((8, 9)))
    with pytest.raises(ValueError, match="must be"):
        SpectralStep((8, 9), 20.0, -1.0, 1.0, 0.01)


@pytest.mark.parametrize("shape", ODD_SHAPES)
def test_poisson(shape):
    q, _ = random_fields(shape)
    q -= q.mean()
    u = solve_poisson(q, 20.0)
    # Rounding: values of u reach q * (13 * 20 um)2.
    np.testing.assert_allclose(-laplacian(u, 20.0), q, atol=1e-12)
    assert u.mean() == pytest.approx(0, abs=1e-9)
    if q.size > 1:
        with pytest.raises(ValueError, match="balance"):
            solve_poisson(q + 1, 20.0)


def test_eigenvalues_belong_to_the_cosines():
    values = eigenvalues((7, 5), 20.0)
    y, x = np.indices((7, 5)) + 0.5
    mode = np.cos(math.pi * 3 * y / 7) * np.cos(math.pi * 2 * x / 5)
    np.testing.assert_allclose(-laplacian(mode, 20.0), values[3, 2] * mode, atol=1e-15)
