"""Quasi-steady diffusion with uneven uptake, against theory and a slow twin."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.engine.kernels.steady import TOLERANCE, solve_steady

ODD_SHAPES = [(1, 1), (1, 9), (7, 1), (6, 5), (13, 8)]
# Conjugate gradients stop where the residual is TOLERANCE of the source, both as Euclidean norms. Of smooth fields the
# error is about as small; the twin below derives the bound.
CLOSE = 10 * TOLERANCE


def dense(diffusivity, uptake, spacing):
    """The operator as a matrix, site by site: what leaves a site to each neighbour, and what is taken up."""
    ny, nx = uptake.shape
    matrix = np.diag(uptake.ravel().astype(float))
    for y in range(ny):
        for x in range(nx):
            for at in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if 0 <= at[0] < ny and 0 <= at[1] < nx:
                    matrix[y * nx + x, y * nx + x] += diffusivity / spacing**2
                    matrix[y * nx + x, at[0] * nx + at[1]] -= diffusivity / spacing**2
    return matrix


def uneven(shape, seed=1):
    """Uptake, 0 in some sites, and a source in others."""
    rng = np.random.default_rng(seed)
    uptake, source = rng.random(shape), rng.random(shape)
    if uptake.size > 3:
        uptake[uptake < 0.3] = 0.0
        source[source < 0.5] = 0.0
    return uptake, source


@pytest.mark.parametrize("shape", ODD_SHAPES)
@pytest.mark.parametrize("diffusivity", [0.0, 30.0, 3e4])
def test_it_solves_as_a_slow_twin_does(shape, diffusivity):
    uptake, source = uneven(shape)
    uptake += 1e-3 * (diffusivity == 0)  # else a site without uptake has no way out
    matrix = dense(diffusivity, uptake, 20.0)
    slow = np.linalg.solve(matrix, source.ravel()).reshape(shape)
    fast = solve_steady(diffusivity, uptake, source, 20.0, np.zeros(shape))
    # |error| <= |residual| / the smallest eigenvalue; twice for what rounding adds to the residual.
    bound = 2 * TOLERANCE * np.linalg.norm(source) / np.linalg.eigvalsh(matrix)[0]
    assert np.linalg.norm(fast - slow) <= bound
    assert bound < 0.05 * np.linalg.norm(slow)


@pytest.mark.parametrize("guess", [0.0, 1.0, 40.0])
def test_even_uptake_and_source_give_an_even_level(guess):
    shape = (35, 30)
    level = solve_steady(5e4, np.full(shape, 4.0), np.full(shape, 6.0), 20.0, np.full(shape, guess))
    np.testing.assert_allclose(level, 1.5, rtol=CLOSE)


def slab(x, width, edge, length):
    """Theory: unit uptake everywhere, a unit source up to `edge`, no flux at 0 and `width`; at x < edge and beyond."""
    near = 1 - math.sinh((width - edge) / length) / math.sinh(width / length) * np.cosh(x / length)
    far = math.sinh(edge / length) / math.sinh(width / length) * np.cosh((width - x) / length)
    return np.where(x < edge, near, far)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("length", [60.0, 100.0, 400.0])
def test_beside_a_source_it_falls_as_a_cosh_over_sqrt_of_d_over_uptake(length, axis):
    n, spacing, uptake = 160, 5.0, 7.0
    x = (np.arange(n) + 0.5) * spacing
    source = np.outer(np.where(x < 200.0, uptake, 0.0), np.ones(3))
    source = source if axis == 0 else source.T.copy()
    solved = solve_steady(uptake * length**2, np.full(source.shape, uptake), source, spacing, np.zeros(source.shape))
    solved = solved if axis == 0 else solved.T
    expected = slab(x, n * spacing, 200.0, length)
    # Of second order in spacing: (5 / 60)2 / 24 = 0.03 % of the length, which is felt ten lengths away; and CLOSE.
    np.testing.assert_allclose(solved, np.outer(expected, np.ones(3)), rtol=3e-3, atol=CLOSE)
    beyond = solved[60:100, 1]
    if length == 60.0:  # far from both edges a plain exponential: the decay length itself
        assert spacing / np.log(beyond[:-1] / beyond[1:]).mean() == pytest.approx(length, rel=2e-3)


def test_two_slabs_of_unlike_uptake_meet_without_a_jump_of_flux():
    """Naive tissue beside tissue without supply, as a colony without vessels: theory on both sides."""
    n, spacing, diffusivity, edge, width = 200, 4.0, 9e4, 400.0, 800.0
    x = (np.arange(n) + 0.5) * spacing
    supplied = x < edge
    line = np.where(supplied, 27.0, 9.0)
    uptake, source = np.tile(line, (3, 1)), np.tile(np.where(supplied, 27.0, 0.0), (3, 1))
    solved = solve_steady(diffusivity, uptake, source, spacing, np.ones((3, n)))
    a, b = math.sqrt(diffusivity / 27.0), math.sqrt(diffusivity / 9.0)  # 58 and 100 um
    # u = 1 - A cosh(x / a) and B cosh((width - x) / b), equal in value and slope at the edge.
    left, right = edge / a, (width - edge) / b
    big_b = 1 / (math.cosh(right) + (a / b) * math.sinh(right) / math.tanh(left))
    big_a = big_b * (a / b) * math.sinh(right) / math.sinh(left)
    expected = np.where(supplied, 1 - big_a * np.cosh(x / a), big_b * np.cosh((width - x) / b))
    # The edge between sites is sharp to within half a site: of second order in 4 / 58.
    np.testing.assert_allclose(solved, np.tile(expected, (3, 1)), atol=3e-3)


@pytest.mark.parametrize("contrast", [1.0, 1e3, 1e6])
def test_what_comes_is_used_however_uneven_the_uptake(contrast):
    rng = np.random.default_rng(2)
    uptake = np.where(rng.random((35, 30)) < 0.3, contrast, 1.0)
    source = (rng.random((35, 30)) < 0.1).astype(float)
    solved = solve_steady(5e4, uptake, source, 20.0, np.ones((35, 30)))
    assert (uptake * solved).sum() == pytest.approx(source.sum(), rel=CLOSE)
    assert solved.min() >= 0.0
    slow = np.linalg.solve(dense(5e4, uptake, 20.0), source.ravel()).reshape(source.shape)
    assert np.abs(solved - slow).max() < CLOSE * source.max()


def test_where_it_starts_does_not_matter_and_is_left_as_it_was():
    uptake, source = uneven((35, 30))
    rng = np.random.default_rng(3)
    kept = uptake.copy(), source.copy()
    first = solve_steady(5e4, uptake, source, 20.0, np.zeros((35, 30)))
    for guess in (first.copy(), rng.random((35, 30)), np.full((35, 30), 1e6)):
        before = guess.copy()
        again = solve_steady(5e4, uptake, source, 20.0, guess)
        np.testing.assert_allclose(again, first, rtol=CLOSE)
        np.testing.assert_array_equal(guess, before)
    np.testing.assert_array_equal(uptake, kept[0])
    np.testing.assert_array_equal(source, kept[1])


def test_without_a_source_there_is_nothing():
    assert not solve_steady(5e4, np.ones((6, 5)), np.zeros((6, 5)), 20.0, np.ones((6, 5))).any()


def with_one(value, rest):
    field = np.full((6, 5), rest)
    field[2, 3] = value
    return field


@pytest.mark.parametrize(
    ("uptake", "source"),
    [
        (np.zeros((6, 5)), np.ones((6, 5))),
        (with_one(-0.1, 1.0), np.ones((6, 5))),
        (with_one(np.nan, 1.0), np.ones((6, 5))),
        (np.ones((6, 5)), with_one(-0.1, 1.0)),
        (np.ones((6, 5)), with_one(np.nan, 1.0)),
    ],
    ids=["no uptake", "negative uptake", "uptake nan", "negative source", "source nan"],
)
def test_what_has_no_solution_is_refused(uptake, source):
    with pytest.raises(ValueError, match="must not be negative"):
        solve_steady(5e4, uptake, source, 20.0, np.ones((6, 5)))


def test_no_convergence_is_an_error_and_no_answer(monkeypatch):
    monkeypatch.setattr("scipy.sparse.linalg.cg", lambda matrix, b, guess, **how: (guess, how["maxiter"]))
    with pytest.raises(ValueError, match="no convergence"):
        solve_steady(5e4, np.ones((6, 5)), np.ones((6, 5)), 20.0, np.ones((6, 5)))
