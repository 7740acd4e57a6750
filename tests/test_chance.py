"""Counter-based chance: published vectors, purity, and the distribution of each variate.

Statistical checks use fixed seeds, so that they cannot fail by chance twice; their thresholds are p > 1e-4, or 4.5
standard errors, which a right sampler passes for all but about one seed in 10,000.
"""

import pickle

import numpy as np
import pytest
from scipy import stats

from niche_sim.engine import chance as chance_module
from niche_sim.engine import philox
from niche_sim.engine.chance import Chance, birth_key, daughter_key
from niche_sim.engine.errors import InputError
from niche_sim.model.process import Process

KEYS = np.arange(100_000)
SMALLEST_P = 1e-4
STANDARD_ERRORS = 4.5


class Named:
    stream = "uptake"


def words(text: str) -> np.ndarray:
    return np.array([int(word, 16) for word in text.split()], dtype=np.uint64)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_known_answers_of_random123(counter: str, key: str, expected: str) -> None:
    assert list(philox.block_words(words(counter), words(key))) == list(words(expected))


def philox_slow(counter: list[int], key: list[int]) -> list[int]:
    """The published round, one Python integer at a time."""
    for _ in range(10):
        left, right = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [
            (right >> 32) ^ counter[1] ^ key[0],
            right % 2**32,
            (left >> 32) ^ counter[3] ^ key[1],
            left % 2**32,
        ]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return counter


def test_counter_is_key_step_and_block() -> None:
    chance = Chance(2**64 - 1)
    chance.step = 2**32 - 1
    stream = int(chance._stream("uptake", "where"))
    key = 0xFEDCBA9876543210
    expected53, expected32 = [], []
    for block in range(3):
        at = [key % 2**32, key >> 32, chance.step]
        w = philox_slow([*at, block], [stream % 2**32, stream >> 32])
        expected53 += [((w[0] << 32 | w[1]) >> 11) / 2**53, ((w[2] << 32 | w[3]) >> 11) / 2**53]
        w = philox_slow([*at, (1 << 28) + block], [stream % 2**32, stream >> 32])
        expected32 += [word / 2**32 for word in w]
    keys = np.array([key], dtype=np.uint64)
    for draws in (0, 2, 5):
        assert chance.uniform(Named(), keys, draws, "where")[0].tolist() == expected53[:draws]
    for draws in (2, 5, 7, 8, 11):
        assert chance.uniform32(Named(), keys, draws, "where")[0].tolist() == expected32[:draws]
    assert chance.uniform("uptake", keys, purpose="where").tolist() == expected53[:1]
    assert chance.uniform32("uptake", keys, purpose="where").tolist() == expected32[:1]


def test_splitmix_and_hash_are_the_published_ones() -> None:
    # First output of splitmix64 seeded with 0; FNV-1a 64 of "" and "a" from the reference tables.
    assert chance_module._mix(0) == 0xE220A8397B1DCDAF
    assert chance_module._mix(np.zeros(1, dtype=np.uint64))[0] == 0xE220A8397B1DCDAF
    assert chance_module._hash_text("") == 0xCBF29CE484222325
    assert chance_module._hash_text("a") == 0xAF63DC4C8601EC8C


VARIATES = {
    "uniform": lambda c, k, purpose="": c.uniform("p", k, 3, purpose),
    "uniform32": lambda c, k, purpose="": c.uniform32("p", k, 5, purpose),
    "normal": lambda c, k, purpose="": c.normal("p", k, purpose),
    "poisson small": lambda c, k, purpose="": c.poisson("p", 3.0, k, purpose),
    "poisson large": lambda c, k, purpose="": c.poisson("p", 40.0, k, purpose),
    "binomial small": lambda c, k, purpose="": c.binomial("p", 9, 0.4, k, purpose),
    "binomial large": lambda c, k, purpose="": c.binomial("p", 90, 0.6, k, purpose),
}


@pytest.mark.parametrize("name", VARIATES)
def test_order_and_chunks_do_not_matter(name: str) -> None:
    draw = VARIATES[name]
    keys = birth_key("bmdc", np.arange(2000))
    whole = draw(Chance(5), keys)
    order = np.random.default_rng(0).permutation(keys.size)
    np.testing.assert_array_equal(draw(Chance(5), keys[order]), whole[order])
    used = Chance(5)
    used.uniform("another process", keys)
    np.testing.assert_array_equal(np.concatenate([draw(used, part) for part in np.split(keys, [1, 7, 1500])]), whole)
    np.testing.assert_array_equal(draw(pickle.loads(pickle.dumps(used)), keys[::2]), whole[::2])
    assert draw(used, keys[:0]).shape == (0, *whole.shape[1:])


@pytest.mark.parametrize("name", VARIATES)
def test_seed_step_and_purpose_give_unrelated_numbers(name: str) -> None:
    draw = VARIATES[name]
    later = Chance(5)
    later.step = 1
    columns = [draw(Chance(5), KEYS), draw(Chance(5), KEYS, "b"), draw(Chance(6), KEYS), draw(later, KEYS)]
    columns.append(draw(Chance(5), KEYS + KEYS.size))
    correlation = np.corrcoef([c.reshape(KEYS.size, -1)[:, 0] for c in columns])
    # A correlation of independent columns has standard error 1 / sqrt(n).
    assert np.abs(correlation - np.eye(5)).max() < STANDARD_ERRORS / np.sqrt(KEYS.size)


def test_variates_of_one_purpose_and_draws_of_one_key_are_unrelated() -> None:
    c = Chance(8)
    columns = np.column_stack([draw(c, KEYS) for draw in VARIATES.values()])
    correlation = np.corrcoef(columns.T)
    # The two regimes of a count share their first block, as the same purpose at another mean should.
    shared = [(10, 9), (12, 11)]
    for i in range(columns.shape[1]):
        for j in range(i):
            if (i, j) not in shared:
                assert abs(correlation[i, j]) < STANDARD_ERRORS / np.sqrt(KEYS.size)


def test_text_apart() -> None:
    c = Chance(0)
    assert not np.array_equal(c.uniform("ab", KEYS[:9], purpose="c"), c.uniform("a", KEYS[:9], purpose="bc"))


@pytest.mark.parametrize("method", ["uniform", "uniform32"])
def test_uniform(method: str) -> None:
    u = getattr(Chance(1), method)("p", KEYS, 4)
    assert u.dtype == np.float64 and u.shape == (KEYS.size, 4)
    assert u.min() >= 0.0 and u.max() < 1.0
    for column in u.T:
        assert stats.kstest(column, "uniform").pvalue > SMALLEST_P
    # Neighbouring keys, pairs of draws on a grid.
    counts = np.histogram2d(u[:-1, 0], u[1:, 1], bins=20)[0]
    assert stats.chisquare(counts.ravel()).pvalue > SMALLEST_P


def test_largest_word_stays_below_one() -> None:
    assert (2**32 - 1) * 2.0**-32 < 1.0 and (2**53 - 1) * 2.0**-53 < 1.0 and (2**52 - 0.5) * 2.0**-52 < 1.0


def test_normal() -> None:
    z = Chance(2).normal("p", KEYS)
    assert stats.kstest(z, "norm").pvalue > SMALLEST_P
    assert np.mean(np.abs(z) > 3) == pytest.approx(0.0027, abs=STANDARD_ERRORS * np.sqrt(0.0027 / KEYS.size))


def check_counts(sample: np.ndarray, law: object) -> None:
    """Chi-squared on cells of expected count 20 or more; mean and variance within standard errors."""
    n = sample.size
    mean, variance, kurtosis = (float(x) for x in law.stats("mvk"))  # type: ignore[attr-defined]
    assert abs(sample.mean() - mean) < STANDARD_ERRORS * np.sqrt(variance / n)
    # var(s^2) = sigma^4 (kurtosis + 2) / n for large n.
    assert abs(sample.var() - variance) < STANDARD_ERRORS * variance * np.sqrt((kurtosis + 2) / n)
    edges = np.unique(law.ppf(np.linspace(20 / n, 1 - 20 / n, 200)))  # type: ignore[attr-defined]
    edges = np.concatenate([[-1.0], edges, [np.inf]])
    expected = n * np.diff(law.cdf(edges))  # type: ignore[attr-defined]
    observed = np.histogram(sample, edges + 0.5)[0]
    keep = expected > 5
    assert observed[~keep].sum() <= 20 + expected[~keep].sum()
    observed = np.append(observed[keep], observed[~keep].sum())
    expected = np.append(expected[keep], expected[~keep].sum())
    used = expected > 0
    assert observed[~used].sum() == 0
    if used.sum() > 1:
        p = stats.chisquare(observed[used], expected[used] * n / expected.sum()).pvalue
        assert p > SMALLEST_P


@pytest.mark.parametrize("mean", [0.003, 0.5, 2.0, 9.99, 10.0, 13.7, 60.0, 3000.0, 1e8])
def test_poisson(mean: float) -> None:
    sample = Chance(3).poisson("p", mean, KEYS)
    assert sample.dtype == np.int64
    check_counts(sample, stats.poisson(mean))


@pytest.mark.parametrize(
    ("n", "p"),
    [
        (1, 0.3),
        (1, 0.9999),
        (5, 0.5),
        (12, 0.8),
        (19, 0.5),
        (20, 0.5),
        (25, 0.6),
        (40, 0.26),
        (10_000, 0.0005),
        (10_000, 0.002),
        (10_000, 0.7),
        (100_000_000, 0.37),
    ],
)
def test_binomial(n: int, p: float) -> None:
    sample = Chance(4).binomial("p", n, p, KEYS)
    assert sample.dtype == np.int64 and sample.min() >= 0 and sample.max() <= n
    check_counts(sample, stats.binom(n, p))


@pytest.mark.parametrize(("mean", "n", "p"), [(12.0, 40, 0.4), (10_000.0, 100_000, 0.5)])
def test_rejection_constants(mean: float, n: int, p: float) -> None:
    """A hat too low shows at small means, a quick acceptance too wide at large ones: about 1 % of the draws move."""
    c = Chance(11)
    keys = np.arange(3_000_000)
    check_counts(c.poisson("p", mean, keys), stats.poisson(mean))
    check_counts(c.binomial("p", n, p, keys), stats.binom(n, p))


def test_huge_counts_keep_their_moments() -> None:
    c = Chance(9)
    mean = 1e13
    z = (c.poisson("p", mean, KEYS) - mean) / np.sqrt(mean)
    # Skewness 3e-7 and steps of 3e-7 standard deviations are far below what 100,000 draws can tell from a normal.
    assert stats.kstest(z, "norm").pvalue > SMALLEST_P
    n, p = 10**13, 0.8
    z = (c.binomial("p", n, p, KEYS) - n * p) / np.sqrt(n * p * (1 - p))
    assert stats.kstest(z, "norm").pvalue > SMALLEST_P


def test_probabilities_used_by_the_rejection() -> None:
    # Rejection needs log probabilities to well below sampling error; 1e-10 leaves room for scipy's own rounding.
    for n, p in [(20, 0.5), (300, 0.04), (5000, 0.31)]:
        for k in {0, 1, 15, 16, n // 2, n - 1, n}:
            mine = philox._log_binomial(float(k), float(n), p)
            assert mine == pytest.approx(stats.binom.logpmf(k, n, p), rel=1e-10, abs=1e-10)


def test_edges_of_counts() -> None:
    c = Chance(0)
    keys = KEYS[:1000]
    assert not c.poisson("p", 0.0, keys).any()
    assert not c.poisson("p", 1e-300, keys).any()
    assert not c.binomial("p", 0, 0.5, keys).any()
    assert not c.binomial("p", 10**12, 0.0, keys).any()
    assert (c.binomial("p", 10**12, 1.0, keys) == 10**12).all()
    assert not c.binomial("p", 1000, 1e-300, keys).any()
    assert (c.binomial("p", 1000, np.nextafter(1.0, 0.0), keys) == 1000).all()
    mixed = c.binomial("p", np.array([0, 7, 7]), np.array([0.5, 0.0, 1.0]), keys[:3])
    assert mixed.tolist() == [0, 0, 7]


def test_shapes_and_site_keys() -> None:
    c = Chance(0)
    mean = np.full((3, 4), 5.0)
    field = c.poisson("p", mean)
    assert field.shape == (3, 4)
    np.testing.assert_array_equal(field.ravel(), c.poisson("p", 5.0, np.arange(12)))
    # A transposed, non-contiguous mean keeps the site index of what is seen.
    np.testing.assert_array_equal(c.poisson("p", mean[:, ::2].T), c.poisson("p", np.full((2, 3), 5.0)))
    np.testing.assert_array_equal(
        c.binomial("p", [5.0, 6.0], 0.5, [3, 4]), [c.binomial("p", n, 0.5, [k])[0] for n, k in ((5, 3), (6, 4))]
    )


def test_counts_rise_with_their_mean_for_the_same_key() -> None:
    """Two arms that share keys differ only where their means do."""
    c = Chance(0)
    keys = KEYS[:5000]
    means = [0.01, 0.1, 1.0, 2.0, 2.1, 9.0]
    counts = np.array([c.poisson("p", mean, keys) for mean in means])
    assert (np.diff(counts, axis=0) >= 0).all()
    counts = np.array([c.binomial("p", 15, p, keys) for p in (0.01, 0.3, 0.49, 0.51, 0.7, 0.99)])
    assert (np.diff(counts, axis=0) >= 0).all()


@pytest.mark.parametrize("mean", [-1e-9, np.nan, np.inf, 1e17])
def test_poisson_refuses(mean: float) -> None:
    with pytest.raises(ValueError, match=r"mean is .* at index 2, but must be from 0 to 2\^52"):
        Chance(0).poisson("p", np.array([1.0, 20.0, mean, 0.0]))


@pytest.mark.parametrize(
    ("n", "p"), [(-1, 0.5), (2**60, 0.5), (3, -0.1), (3, 1.1), (3, np.nan), (2.5, 0.5), (np.nan, 0.5), (1e300, 0.5)]
)
def test_binomial_refuses(n: float, p: float) -> None:
    with pytest.raises(ValueError, match=r"must be"):
        Chance(0).binomial("p", n, p, [1, 2])


def test_sizes_and_types_are_checked() -> None:
    c = Chance(0)
    with pytest.raises(ValueError, match="mean has 3 values for 2 keys"):
        c.poisson("p", [1.0, 2.0, 3.0], [1, 2])
    with pytest.raises(ValueError, match="p has 3 values for 2 keys"):
        c.binomial("p", 1, [0.1, 0.2, 0.3], [1, 2])
    with pytest.raises(TypeError, match="keys must be whole numbers"):
        c.uniform("p", [0.5])
    with pytest.raises(ValueError, match="one dimension"):
        c.uniform("p", [[1]])
    with pytest.raises(ValueError, match="draws is -1"):
        c.uniform("p", [1], -1)
    with pytest.raises(ValueError, match="step is 4294967296"):
        c.step = 2**32


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, "7", None, True])
def test_seed_refused(seed: object) -> None:
    with pytest.raises(InputError, match="^seed: found "):
        Chance(seed)  # type: ignore[arg-type]


def test_seeds_accepted() -> None:
    first = [Chance(seed).uniform("p", [1])[0] for seed in (0, 1, 2**32, 2**63, 2**64 - 1)]
    assert len(set(first)) == 5
    assert Chance(np.int64(7)).uniform("p", [1]) == Chance(7).uniform("p", [1])


def all_different(keys: np.ndarray) -> bool:
    ordered = np.sort(keys)
    return bool((ordered[1:] != ordered[:-1]).all())


def test_birth_keys() -> None:
    n = 1_000_000
    founders = birth_key("kupffer", 0, np.arange(n))
    daughters = daughter_key(founders, 1)
    assert founders.dtype == np.uint64
    # Among 2e6 random 64-bit words a coincidence has chance 1e-7.
    assert all_different(np.concatenate([founders, daughters]))
    assert founders[5] == birth_key("kupffer", 0, 5)
    assert isinstance(birth_key("kupffer", 0, 5), np.uint64)
    assert daughters[5] == daughter_key(founders[5], 1)
    grid = birth_key("arrival", np.arange(1000)[:, None], 3, np.arange(1000))
    assert grid.shape == (1000, 1000) and all_different(grid.ravel())
    assert grid[7, 9] == birth_key("arrival", 7, 3, 9)
    assert birth_key(1, 2) != birth_key(2, 1)
    assert birth_key("a", -1) == birth_key("a", np.array([-1]))[0] == birth_key("a", 2**64 - 1)
    with pytest.raises(TypeError, match="whole"):
        birth_key("a", np.array([0.5]))


def test_a_rule_that_is_renamed_draws_the_same_from_its_stream() -> None:
    class Before(Process):
        pass

    class After(Process):
        stream = "Before"

    class Of(After):
        """A rule made of another has a stream of its own."""

    keys = np.arange(5)
    first, second, third = (Chance(3).uniform(kind(), keys).tolist() for kind in (Before, After, Of))
    assert first == second
    assert first != third
    assert After().name == "After"
