"""Compiled loops of the random numbers: the generator Philox 4x32-10, and the variates made from its blocks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.compiling import compiled

UInt64Array = NDArray[np.uint64]
Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]

LARGEST_COUNT = 2**52  # largest Poisson mean and binomial n: below it a float64 holds every whole number exactly

_LOW = np.uint64(0xFFFFFFFF)
_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_11 = np.uint64(11)
_12 = np.uint64(12)
_32 = np.uint64(32)
_ONE = np.uint64(1)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
_27, _30, _31 = np.uint64(27), np.uint64(30), np.uint64(31)


@compiled(inline="always")
def _philox(c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64) -> Any:
    """Ten rounds of Philox 4x32. The six 32-bit words are held in uint64, so that a product keeps its high half."""
    for _ in range(10):
        product0 = _M0 * c0
        product1 = _M1 * c2
        c0 = (product1 >> _32) ^ c1 ^ k0
        c1 = product1 & _LOW
        c2 = (product0 >> _32) ^ c3 ^ k1
        c3 = product0 & _LOW
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@compiled()
def block_words(counter: UInt64Array, key: UInt64Array) -> Any:
    """One block, for the published known answers: counter four words, key two words, each below 2^32."""
    return _philox(counter[0], counter[1], counter[2], counter[3], key[0], key[1])


@compiled()
def fill_uniform(key: np.uint64, step: np.uint64, first: np.uint64, keys: UInt64Array, out: Float64Array) -> None:
    """Fill out[n, draws] with uniforms in [0, 1) of 53 bits, two a block."""
    k0, k1 = key & _LOW, key >> _32
    draws = out.shape[1]
    scale = 2.0**-53
    for i in range(keys.size):
        block = first
        for j in range(0, draws, 2):
            w0, w1, w2, w3 = _philox(keys[i] & _LOW, keys[i] >> _32, step, block, k0, k1)
            # Signed integers turn into floats in one instruction, unsigned ones do not.
            out[i, j] = np.int64(((w0 << _32) | w1) >> _11) * scale
            if j + 1 < draws:
                out[i, j + 1] = np.int64(((w2 << _32) | w3) >> _11) * scale
            block += _ONE


@compiled()
def fill_uniform32(key: np.uint64, step: np.uint64, first: np.uint64, keys: UInt64Array, out: Float64Array) -> None:
    """Fill out[draws, n] with uniforms in [0, 1) of 32 bits, four a block; draws a multiple of 4.

    One block of all keys at a time, in a loop without branches: the compiler then makes several keys' numbers at once.
    """
    k0, k1 = key & _LOW, key >> _32
    scale = 2.0**-32
    n = keys.size
    for j in range(0, out.shape[0], 4):
        block = first + np.uint64(j // 4)
        for i in range(n):
            w0, w1, w2, w3 = _philox(keys[i] & _LOW, keys[i] >> _32, step, block, k0, k1)
            out[j, i] = np.int64(w0) * scale
            out[j + 1, i] = np.int64(w1) * scale
            out[j + 2, i] = np.int64(w2) * scale
            out[j + 3, i] = np.int64(w3) * scale


@compiled(error_model="numpy")
def find_events(
    key: np.uint64, step: np.uint64, first: np.uint64, keys: UInt64Array, exponent: Float64Array, found: Int64Array
) -> int:
    """Rows i whose first uniform lies below 1 - exp(-exponent[i]): into found[n], in order; returns how many.

    exponent: float64[n] or [1]. A row that has none draws none, and few need the exponential.
    """
    k0, k1 = key & _LOW, key >> _32
    scale = 2.0**-53
    several = exponent.size > 1
    count = 0
    for i in range(keys.size):
        x = exponent[i] if several else exponent[0]
        if not x > 0.0:
            continue
        w0, w1, _w2, _w3 = _philox(keys[i] & _LOW, keys[i] >> _32, step, first, k0, k1)
        u = np.int64(((w0 << _32) | w1) >> _11) * scale
        if u < x and u < -math.expm1(-x):
            found[count] = i
            count += 1
    return count


@compiled()
def mix_words(state: UInt64Array, words: UInt64Array, out: UInt64Array) -> None:
    """The splitmix64 output of state ^ word into out[n]; state and words of length n or 1."""
    for i in range(out.size):
        z = state[i if state.size > 1 else 0] ^ words[i if words.size > 1 else 0]
        z += _GOLDEN
        z = (z ^ (z >> _30)) * _MULTIPLIER_1
        z = (z ^ (z >> _27)) * _MULTIPLIER_2
        out[i] = z ^ (z >> _31)


@compiled()
def _open_pair(low: np.uint64, high: np.uint64, step: np.uint64, block: np.uint64, k0: np.uint64, k1: np.uint64) -> Any:
    """Two uniforms strictly between 0 and 1, symmetric about one half, of 52 bits."""
    w0, w1, w2, w3 = _philox(low, high, step, block, k0, k1)
    first = (np.int64(((w0 << _32) | w1) >> _12) + 0.5) * 2.0**-52
    second = (np.int64(((w2 << _32) | w3) >> _12) + 0.5) * 2.0**-52
    return first, second


@compiled()
def fill_normal(key: np.uint64, step: np.uint64, first: np.uint64, keys: UInt64Array, out: Float64Array) -> None:
    """Fill out[n] with standard normal variates, one block each (Box and Muller 1958)."""
    k0, k1 = key & _LOW, key >> _32
    for i in range(keys.size):
        u, v = _open_pair(keys[i] & _LOW, keys[i] >> _32, step, first, k0, k1)
        out[i] = math.sqrt(-2.0 * math.log(u)) * math.cos(2.0 * math.pi * v)


# --- counts ----------------------------------------------------------------------------------------------------------
# Probabilities of large counts follow Loader (2000), "Fast and accurate computation of binomial probabilities": the sum
# of large logarithms that cancel is avoided, so that the rejection below stays exact to rounding at any mean.

_STIRLING_ERRORS = np.array(
    [0.0] + [math.lgamma(k + 1.0) - (k + 0.5) * math.log(k) + k - 0.5 * math.log(2.0 * math.pi) for k in range(1, 16)]
)
_LOG_TWO_PI = math.log(2.0 * math.pi)


@compiled(error_model="numpy")
def _stirling_error(k: float) -> float:
    """log(k!) minus Stirling's formula, for whole k > 0."""
    if k < 16.0:
        return _STIRLING_ERRORS[int(k)]
    kk = k * k
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / kk) / kk) / kk) / kk) / k


@compiled(error_model="numpy")
def _deviance(k: float, mean: float) -> float:
    """k log(k / mean) + mean - k, without cancellation near k = mean; k > 0."""
    difference = k - mean
    total = k + mean
    if abs(difference) < 0.1 * total:
        v = difference / total
        s = difference * v
        term = 2.0 * k * v
        v *= v
        for j in range(1, 1000):
            term *= v
            following = s + term / (2 * j + 1)
            if following == s:
                break
            s = following
        return s
    return k * math.log(k / mean) + mean - k


@compiled(error_model="numpy")
def _log_binomial(k: float, n: float, p: float) -> float:
    """Log of the binomial probability of k among n, 0 < p < 1."""
    if k == 0.0:
        return n * math.log1p(-p)
    if k == n:
        return n * math.log(p)
    rest = n - k
    return (
        _stirling_error(n)
        - _stirling_error(k)
        - _stirling_error(rest)
        - _deviance(k, n * p)
        - _deviance(rest, n * (1.0 - p))
        - 0.5 * (_LOG_TWO_PI + math.log(k) + math.log1p(-k / n))
    )


@compiled(error_model="numpy")
def fill_poisson(
    key: np.uint64, step: np.uint64, first: np.uint64, keys: UInt64Array, mean: Float64Array, out: Int64Array
) -> int:
    """Fill out[n] with Poisson variates; mean[n] or mean[1]. Returns the first row with a bad mean, else -1.

    Below a mean of 10 by inversion, so that a variate never falls when its mean rises; above by transformed rejection
    (Hormann 1993, PTRS), a fresh block of the same key at each trial.
    """
    k0, k1 = key & _LOW, key >> _32
    several = mean.size > 1
    for i in range(keys.size):
        mu = mean[i] if several else mean[0]
        if not 0.0 <= mu <= LARGEST_COUNT:
            return i
        if mu == 0.0:
            out[i] = 0
            continue
        low, high = keys[i] & _LOW, keys[i] >> _32
        block = first
        u, v = _open_pair(low, high, step, block, k0, k1)
        if mu < 10.0:
            count = 0
            if u > 1.0 - mu:  # 1 - mu <= exp(-mu): most small means need no exponential
                p = math.exp(-mu)
                # Beyond p < 2^-60 (reached only to the right of the mode) what is left of u is rounding.
                while u > p > 2.0**-60:
                    u -= p
                    count += 1
                    p *= mu / count
            out[i] = count
            continue
        root = math.sqrt(mu)
        b = 0.931 + 2.53 * root
        a = -0.059 + 0.02483 * b
        inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
        accept = 0.9277 - 3.6224 / (b - 2.0)
        while True:
            u -= 0.5
            us = 0.5 - abs(u)
            k = math.floor((2.0 * a / us + b) * u + mu + 0.43)
            if us >= 0.07 and v <= accept:
                break
            if k >= 0.0 and (us >= 0.013 or v <= us):
                log_p = -mu
                if k > 0.0:
                    log_p = -_stirling_error(k) - _deviance(k, mu) - 0.5 * (_LOG_TWO_PI + math.log(k))
                if math.log(v * inverse_alpha / (a / (us * us) + b)) <= log_p:
                    break
            block += _ONE
            u, v = _open_pair(low, high, step, block, k0, k1)
        out[i] = np.int64(k)
    return -1


@compiled(error_model="numpy")
def _binomial(
    word: np.uint64, step: np.uint64, first: np.uint64, k0: np.uint64, k1: np.uint64, trials: int, p: float
) -> int:
    """How many of `trials` succeed with chance p each, for one key.

    Below a mean of 10 (of the rarer outcome) by inversion, above by transformed rejection (Hormann 1993, BTRS).
    """
    if trials == 0 or p == 0.0:
        return 0
    if p == 1.0:
        return trials
    low, high = word & _LOW, word >> _32
    block = first
    u, v = _open_pair(low, high, step, block, k0, k1)
    # The rarer outcome is drawn. Mirroring u keeps the count rising with u on both sides of one half.
    mirrored = p > 0.5
    if mirrored:
        p = 1.0 - p
        u = 1.0 - u
    n = float(trials)
    mu = n * p
    k = 0.0
    if mu < 10.0:
        if u > 1.0 - mu:  # 1 - n p <= (1 - p)^n
            odds = p / (1.0 - p)
            f = math.exp(n * math.log1p(-p))
            while u > f and k < n and f > 2.0**-60:
                u -= f
                k += 1.0
                f *= odds * (n - k + 1.0) / k
    else:
        root = math.sqrt(mu * (1.0 - p))
        b = 1.15 + 2.53 * root
        a = -0.0873 + 0.0248 * b + 0.01 * p
        accept = 0.92 - 4.2 / b
        alpha = (2.83 + 5.1 / b) * root
        log_mode = 1.0  # worked out at the first trial that needs it; a log of a probability is never above 0
        while True:
            u -= 0.5
            us = 0.5 - abs(u)
            k = math.floor((2.0 * a / us + b) * u + mu + 0.5)
            if us >= 0.07 and v <= accept:
                break
            if 0.0 <= k <= n:
                if log_mode > 0.0:
                    log_mode = _log_binomial(math.floor((n + 1.0) * p), n, p)
                if math.log(v * alpha / (a / (us * us) + b)) <= _log_binomial(k, n, p) - log_mode:
                    break
            block += _ONE
            u, v = _open_pair(low, high, step, block, k0, k1)
            if mirrored:
                u = 1.0 - u
    count: Any = np.int64(k)
    return trials - count if mirrored else count


@compiled(error_model="numpy")
def fill_binomial(
    key: np.uint64,
    step: np.uint64,
    first: np.uint64,
    keys: UInt64Array,
    number: Int64Array,
    chance: Float64Array,
    out: Int64Array,
) -> int:
    """Fill out[n] with binomial variates; number[n] or [1], chance[n] or [1]. Returns the first bad row, else -1."""
    k0, k1 = key & _LOW, key >> _32
    several_numbers = number.size > 1
    several_chances = chance.size > 1
    for i in range(keys.size):
        trials = number[i] if several_numbers else number[0]
        p = chance[i] if several_chances else chance[0]
        if not (0 <= trials <= LARGEST_COUNT and 0.0 <= p <= 1.0):
            return i
        out[i] = _binomial(keys[i], step, first, k0, k1, trials, p)
    return -1


@compiled(error_model="numpy")
def fill_multinomial(
    key: np.uint64, step: np.uint64, first: np.uint64, words: UInt64Array, sums: Float64Array, counts: Int64Array
) -> None:
    """Share the count of each node of a binary tree out to its two halves, from the root (1) down: node i has 2 i and 2 i + 1.

    words: uint64[nodes], keys; sums: float64[2 * nodes], weight under each node; counts: int64[2 * nodes], that of the root given.
    """
    k0, k1 = key & _LOW, key >> _32
    for node in range(1, words.size):
        if counts[node] > 0:
            left, right = sums[2 * node], sums[2 * node + 1]
            share = min(left / (left + right), 1.0) if left > 0.0 else 0.0
            counts[2 * node] = _binomial(words[node], step, first, k0, k1, counts[node], share)
            counts[2 * node + 1] = counts[node] - counts[2 * node]
