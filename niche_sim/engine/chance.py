"""Counter-based random numbers: a draw is a pure function of (seed, process, purpose, key, time step, draw).

The generator is Philox 4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3").
Its 64-bit key mixes the seed with a hash of the process name and the purpose, so a process that is added or removed
never shifts another's draws. Its 128-bit counter is (key low, key high, time step, draw block), where the key is the
birth key of a cell or the flat index of a site, so one cell more or less never shifts another cell's draws.

There is no hidden state. Asking twice for the same variate, process, purpose, keys and step gives the same numbers
twice; a process that needs independent numbers asks for several draws or names a different purpose. Different variates
(uniform, Poisson, ...) use separate counters and are independent even under the same purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import index
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from niche_sim.engine.errors import InputError
from niche_sim.engine.philox import (
    LARGEST_COUNT,
    Float64Array,
    Int64Array,
    UInt64Array,
    fill_binomial,
    fill_multinomial,
    fill_normal,
    fill_poisson,
    fill_uniform,
    fill_uniform32,
    find_events,
    mix_words,
)

_MASK_64 = 2**64 - 1
_GOLDEN_64 = 0x9E3779B97F4A7C15

# The top four bits of the draw block tell the variates apart; 2^28 blocks a key remain.
_UNIFORM = 0 << 28
_UNIFORM32 = 1 << 28
_POISSON = 2 << 28
_BINOMIAL = 3 << 28
_NORMAL = 4 << 28
_BLOCKS = 2**28

# --- hashes and birth keys -------------------------------------------------------------------------------------------


def _mix(word: Any) -> Any:
    """The splitmix64 output function (Steele, Lea and Flood 2014), a bijection of 64-bit words.

    Takes a Python int or a uint64 array; NumPy arrays wrap around by themselves, Python ints are masked.
    """
    if isinstance(word, np.ndarray):
        word = word + np.uint64(_GOLDEN_64)
        word ^= word >> np.uint64(30)
        word *= np.uint64(0xBF58476D1CE4E5B9)
        word ^= word >> np.uint64(27)
        word *= np.uint64(0x94D049BB133111EB)
        word ^= word >> np.uint64(31)
        return word
    word = (word + _GOLDEN_64) & _MASK_64
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _MASK_64
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK_64
    return word ^ (word >> 31)


@lru_cache(maxsize=4096)
def _hash_text(*texts: str) -> int:
    """FNV-1a, 64 bit, of the UTF-8 bytes; texts are kept apart by the byte 255, which UTF-8 never contains."""
    value = 0xCBF29CE484222325
    for byte in b"\xff".join(text.encode("utf-8") for text in texts):
        value = ((value ^ byte) * 0x100000001B3) & _MASK_64
    return value


def _as_words(keys: ArrayLike) -> UInt64Array:
    """Whole numbers of any integer type as contiguous uint64; negative ones wrap around."""
    array = np.asarray(keys)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"keys must be whole numbers, not {array.dtype}")
    return np.ascontiguousarray(array).astype(np.uint64, copy=False)


def birth_key(*words: Any) -> Any:
    """Mix words into a 64-bit birth key.

    A founder's key is made of (population, protocol event, ordinal); a recruit's of (process, site, step, ordinal); a
    daughter's comes from `daughter_key`. Words that differ only in one place never give the same key; otherwise two
    keys coincide with chance 2^-64.

    Parameters
    ----------
    words
        strings, whole numbers, or arrays of whole numbers that broadcast against each other.

    Returns
    -------
    uint64 or array of uint64
        `np.uint64` if every word is a scalar, else a uint64 array of the broadcast shape.

    Raises
    ------
    TypeError
        a word is neither text nor whole.
    """
    state: Any = _hash_text("birth key")
    for word in words:
        value: Any
        if isinstance(word, str):
            value = _hash_text(word)
        elif isinstance(word, (int, np.integer)):
            value = int(word) & _MASK_64
        else:
            value = _as_words(word)
        if isinstance(state, int) and isinstance(value, int):
            state = _mix(state ^ value)
        else:
            # At least one dimension: NumPy warns of an overflow in scalars, never in arrays.
            left = np.atleast_1d(np.asarray(state, dtype=np.uint64))
            right = np.atleast_1d(np.asarray(value, dtype=np.uint64))
            if left.ndim == right.ndim == 1 and (left.size == right.size or 1 in (left.size, right.size)):
                state = np.empty(right.size if left.size == 1 else left.size, np.uint64)
                mix_words(left, right, state)
            else:
                state = _mix(left ^ right)
    return np.uint64(state) if isinstance(state, int) else state


def daughter_key(parent_key: Any, division_number: Any) -> Any:
    """The birth key of the daughter born at this division of the parent; scalars or arrays, as `birth_key`."""
    return birth_key("daughter", parent_key, division_number)


# --- the source of chance ---------------------------------------------------------------------------------------------


def _one_each(name: str, values: NDArray[Any], size: int) -> NDArray[Any]:
    """Flat and contiguous, checked to hold one value for all keys or one for each."""
    if values.size != size and values.size != 1:
        raise ValueError(f"{name} has {values.size} values for {size} keys")
    return np.ascontiguousarray(values).reshape(-1)


class Chance:
    """Every random number of a run.

    Parameters
    ----------
    seed
        0 to 2^64 - 1.

    Raises
    ------
    InputError
        the seed is not such a number.

    In all methods `process` is the name of a stream or an object with a `stream`; `keys` are birth keys or flat site indices, whole
    numbers of shape [n]; `purpose` tells apart the decisions that a process takes for the same key in one step.
    """

    def __init__(self, seed: int) -> None:
        try:
            value = -1 if isinstance(seed, (bool, np.bool_)) else index(seed)
        except TypeError:
            value = -1
        if not 0 <= value <= _MASK_64:
            raise InputError("seed", f"found {seed!r}", f"a whole number from 0 to {_MASK_64} is allowed")
        self.seed = value
        self._step = 0
        self._streams: dict[tuple[str, str], np.uint64] = {}

    @property
    def step(self) -> int:
        """Index of the time step, 0 to 2^32 - 1; the model sets it."""
        return self._step

    @step.setter
    def step(self, value: int) -> None:
        value = index(value)
        if not 0 <= value < 2**32:
            raise ValueError(f"step is {value}, but must be from 0 to {2**32 - 1}")
        self._step = value

    def _stream(self, process: Any, purpose: str) -> np.uint64:
        """The 64-bit Philox key of a process and a purpose."""
        name = process if isinstance(process, str) else process.stream
        stream = self._streams.get((name, purpose))
        if stream is None:
            stream = np.uint64(_mix(_mix(self.seed) ^ _hash_text(name, purpose)))
            self._streams[name, purpose] = stream
        return stream

    def _fill(self, kernel: Callable[..., Any], process: Any, purpose: str, kind: int, *arrays: Any) -> Any:
        return kernel(self._stream(process, purpose), np.uint64(self._step), np.uint64(kind), *arrays)

    def _uniforms(self, process: Any, keys: ArrayLike, draws: int, purpose: str, kind: int) -> Float64Array:
        words = _as_words(keys)
        if words.ndim != 1:
            raise ValueError(f"keys must have one dimension, not {words.ndim}")
        if not 0 <= draws <= 2 * _BLOCKS:
            raise ValueError(f"draws is {draws}, but must be from 0 to {2 * _BLOCKS}")
        if kind == _UNIFORM32:
            columns = np.empty((-(-draws // 4) * 4, words.size))
            self._fill(fill_uniform32, process, purpose, kind, words, columns)
            return columns[0] if draws == 1 else columns[:draws].T
        out = np.empty((words.size, draws))
        self._fill(fill_uniform, process, purpose, kind, words, out)
        return out[:, 0] if draws == 1 else out

    def events(self, process: Any, keys: ArrayLike, rate: ArrayLike, dt: float, purpose: str = "") -> Int64Array:
        """Which of n things an event of constant hazard `rate` (1/h) befalls within `dt` (h): their indices, ascending.

        The same draws as `uniform`, against `laws.probability(rate, dt)`. rate: one for all keys or one for each; a hazard that
        is negative or not a number befalls nobody.
        """
        words = _as_words(keys)
        exponent = _one_each("rate", np.asarray(rate, np.float64) * dt, words.size)
        found = np.empty(words.size, np.int64)
        return found[: self._fill(find_events, process, purpose, _UNIFORM, words, exponent, found)]

    def uniform(self, process: Any, keys: ArrayLike, draws: int = 1, purpose: str = "") -> Float64Array:
        """Uniforms in [0, 1) of 53 bits: float64[n], or [n, draws]. The first draws do not depend on how many follow.

        Raises
        ------
        TypeError, ValueError
            keys that are not whole or not of one dimension; negative `draws`.
        """
        return self._uniforms(process, keys, draws, purpose, _UNIFORM)

    def uniform32(self, process: Any, keys: ArrayLike, draws: int = 1, purpose: str = "") -> Float64Array:
        """As `uniform`, but of 32 bits and in down to half the time: for walks, not for chances below about 1e-6."""
        return self._uniforms(process, keys, draws, purpose, _UNIFORM32)

    def normal(self, process: Any, keys: ArrayLike, purpose: str = "") -> Float64Array:
        """Normal variates of mean 0 and standard deviation 1, float64[n]."""
        words = _as_words(keys)
        if words.ndim != 1:
            raise ValueError(f"keys must have one dimension, not {words.ndim}")
        out = np.empty(words.size)
        self._fill(fill_normal, process, purpose, _NORMAL, words, out)
        return out

    def poisson(self, process: Any, mean: ArrayLike, keys: ArrayLike | None = None, purpose: str = "") -> Int64Array:
        """Poisson variates, int64 of the shape of `mean` (of `keys`, if `mean` is one number).

        Parameters
        ----------
        mean
            one number or an array, 0 to 2^52; where it is 0 nothing is drawn.
        keys
            one key for each variate; left out, the flat index into `mean`, which is the site index of a field.

        Raises
        ------
        ValueError
            a mean is negative, not a number or too large; sizes differ.
        """
        means = np.asarray(mean, dtype=np.float64)
        words = np.arange(means.size, dtype=np.uint64) if keys is None else _as_words(keys)
        out = np.empty(words.shape if means.ndim == 0 and keys is not None else means.shape, dtype=np.int64)
        if out.size != words.size:
            raise ValueError(f"mean has {means.size} values for {words.size} keys")
        flat = _one_each("mean", means, words.size)
        bad = self._fill(fill_poisson, process, purpose, _POISSON, words.reshape(-1), flat, out.reshape(-1))
        if bad >= 0:
            value = flat[bad] if flat.size > 1 else flat[0]
            raise ValueError(f"mean is {value} at index {bad}, but must be from 0 to 2^52")
        return out

    def binomial(self, process: Any, n: ArrayLike, p: ArrayLike, keys: ArrayLike, purpose: str = "") -> Int64Array:
        """Binomial variates: how many of `n` succeed with chance `p` each, int64 of the shape of `keys`.

        Parameters
        ----------
        n
            whole numbers from 0 to 2^52, one for all keys or one for each.
        p
            0 to 1, one for all keys or one for each.

        Raises
        ------
        ValueError
            n or p out of range or not a number; n not whole; sizes differ.
        """
        words = _as_words(keys)
        numbers = np.asarray(n)
        if numbers.dtype.kind == "f" and not np.all(
            (np.floor(numbers) == numbers) & (np.abs(numbers) <= LARGEST_COUNT)
        ):
            raise ValueError("n must be whole numbers from 0 to 2^52")
        flat_n = _one_each("n", numbers.astype(np.int64, copy=False), words.size)
        flat_p = _one_each("p", np.asarray(p, dtype=np.float64), words.size)
        out = np.empty(words.shape, dtype=np.int64)
        arrays = (words.reshape(-1), flat_n, flat_p, out.reshape(-1))
        bad = self._fill(fill_binomial, process, purpose, _BINOMIAL, *arrays)
        if bad >= 0:
            found = f"n is {flat_n[bad if flat_n.size > 1 else 0]}, p is {flat_p[bad if flat_p.size > 1 else 0]}"
            raise ValueError(f"{found} at index {bad}, but n must be from 0 to 2^52 and p from 0 to 1")
        return out

    def multinomial(self, process: Any, n: int, weights: ArrayLike, key: int, purpose: str = "") -> Int64Array:
        """How `n` things fall on boxes with chances in proportion to `weights`: int64[len(weights)], summing to n.

        Exact, by halving: a binomial splits the count between the two halves of the boxes, and so on down a binary tree.
        The cost depends on the number of boxes, not on n.

        Parameters
        ----------
        n
            0 to 2^52.
        weights
            float64[boxes], not negative; some positive unless n is 0.
        key
            one birth key for the whole draw.

        Raises
        ------
        ValueError
            a weight is negative or not a number; none is positive although n is.
        """
        flat = np.asarray(weights, dtype=np.float64)
        if not (np.all(flat >= 0.0) and (n == 0 or flat.any())):
            raise ValueError("weights must be 0 or more, and one of them positive")
        if not 0 <= n <= LARGEST_COUNT:
            raise ValueError(f"n is {n}, but must be from 0 to 2^52")
        boxes = 2 ** max(0, flat.size - 1).bit_length()
        sums = np.zeros(2 * boxes)  # a binary tree as a heap: the halves of node i are 2 i and 2 i + 1
        sums[boxes : boxes + flat.size] = flat
        level = boxes
        while level > 1:
            sums[level // 2 : level] = sums[level : 2 * level].reshape(-1, 2).sum(axis=1)
            level //= 2
        counts = np.zeros(2 * boxes, np.int64)
        counts[1] = n
        words = np.atleast_1d(birth_key(key, np.arange(boxes, dtype=np.uint64)))
        self._fill(fill_multinomial, process, purpose, _BINOMIAL, words, sums, counts)
        counts = counts[boxes:]
        return counts[: flat.size]
