"""Receptivity against counted tumour cells: the full check, some 4,000 events, which takes hours.

python benchmarks/receptivity_against_mice.py [--mice 120] [--arms educated pbs anti_mif ...] [--cores 2]

For each arm of the education scenario, every mouse is run twice: with its tumour cells, of which those that ever found a
colony are counted, and as its twin without them, from which the number is computed. Prints a row an arm and the pooled ratio,
with an interval of 95 % from the mice. What of a difference is known: clones of several cells meet and shelter each other,
growing colonies change the niche and prime T cells, and a step of 1 h takes births and deaths one after the other.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

import niche_sim
from niche_sim import NicheModel, load_scenario
from niche_sim.model.catalogue import DEFAULT_SCENARIO


def mouse(arm: str, seed: int) -> tuple[int, int, float]:
    """Cells that arrested, colonies that were ever founded, and how many were to be expected of those cells."""
    expected = niche_sim.receptivity(NicheModel(arm=arm, rng=seed))
    model = NicheModel(arm=arm, rng=seed).run_to_end()
    arrested = model.state.counters.tumour_arrived
    (challenge,) = model.protocol.tumour_challenges
    return arrested, len(model.state.colonies), arrested * float(np.interp(challenge.at, expected.time_h, expected.mean))


def ratio(rows: np.ndarray) -> tuple[float, float]:
    """Counted against expected, and half its interval of 95 % from the differences between mice."""
    counted, expected = rows[:, 1].sum(), rows[:, 2].sum()
    apart = rows[:, 1] - counted / expected * rows[:, 2]
    return counted / expected, 1.96 * np.sqrt((apart**2).sum()) / expected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mice", type=int, default=120)
    parser.add_argument("--arms", nargs="+", default=list(load_scenario(DEFAULT_SCENARIO).arms))
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args()
    every = []
    print(f"{'arm':24} {'arrested':>9} {'colonies':>9} {'expected':>9}  counted / expected")
    with ProcessPoolExecutor(given.cores) as pool:
        for arm in given.arms:
            rows = np.array(list(pool.map(partial(mouse, arm), range(1, given.mice + 1))))
            every.append(rows)
            say(arm, rows)
    say("all", np.concatenate(every))


def say(name: str, rows: np.ndarray) -> None:
    arrested, counted, expected = rows.sum(axis=0)
    middle, half = ratio(rows)
    print(f"{name:24} {arrested:9.0f} {counted:9.0f} {expected:9.1f}  {middle:.3f} +/- {half:.3f}", flush=True)


if __name__ == "__main__":
    main()
