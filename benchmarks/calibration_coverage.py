"""How often the 90 % intervals of a calibration hold the truth, over many synthetic studies with known numbers.

    python benchmarks/calibration_coverage.py            # 200 studies, some 10 minutes on one core

A study draws numbers from the prior, simulates what would have been observed, and calibrates to that by the path that
`niche-sim calibrate` takes. Of right intervals nine in ten hold the truth; with a limit above 0 a few more do.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from synthetic import AXES, Growth, apart

from niche_sim.inference import calibration


class Study(NamedTuple):
    """One synthetic study: the truth, the ends of the intervals, and the width and word of each number."""

    truth: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    width: tuple[float, ...]
    word: tuple[str, ...]


def study(seed: int, particles: int, populations: int, limit: float) -> Study:
    """Draw a truth, observe it, calibrate to it."""
    rng = np.random.default_rng(seed)
    np.random.seed(seed)  # noqa: NPY002 - pyABC draws from it
    shares = dict(zip((axis.name for axis in AXES), rng.uniform(size=len(AXES)), strict=True))
    observed = Growth(rng)(shares)
    with tempfile.TemporaryDirectory() as folder:
        found = calibration.calibrate(
            Growth(), apart, observed, AXES, Path(folder), particles=particles, populations=populations, limit=limit
        )
    told = calibration.marginals(found)
    truth = tuple(float(axis.levels(np.array([shares[axis.name]]))[0]) for axis in AXES)
    columns = zip(*((one.low, one.high, one.width, one.word) for one in told), strict=True)
    return Study(truth, *columns)


def coverage(studies: Sequence[Study]) -> dict[str, float]:
    """Number -> the share of studies whose interval holds the truth."""
    return {
        axis.name: float(np.mean([one.low[n] <= one.truth[n] <= one.high[n] for one in studies]))
        for n, axis in enumerate(AXES)
    }


def main() -> None:
    """Parse and do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--particles", type=int, default=100)
    parser.add_argument("--populations", type=int, default=7)
    parser.add_argument("--limit", type=float, default=0.8, help="in standard errors of what is observed")
    arguments = parser.parse_args()
    studies = []
    for seed in range(arguments.studies):
        studies.append(study(seed, arguments.particles, arguments.populations, arguments.limit))
        if (seed + 1) % 20 == 0:
            print(f"{seed + 1} studies", flush=True)
    error = np.sqrt(0.09 / len(studies))
    print(f"Coverage of the 90 % interval over {len(studies)} studies (standard error {error:.3f} at 0.9):")
    for n, (name, share) in enumerate(coverage(studies).items()):
        width = np.median([one.width[n] for one in studies])
        words = [one.word[n] for one in studies]
        print(
            f"  {name}: {share:.3f}; median width {width:.0%} of the prior; held in {words.count('held') / len(words):.0%}"
        )


if __name__ == "__main__":
    main()
