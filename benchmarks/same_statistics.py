"""Whether two versions of the model agree: mice of ten scenarios in both, all readouts at the end compared.

    git worktree add ../before COMMIT
    PYTHONPATH=../before python benchmarks/same_statistics.py run before.npz
    PYTHONPATH=. python benchmarks/same_statistics.py run after.npz
    python benchmarks/same_statistics.py compare before.npz after.npz

Needed when bits change and the biology must not. Of each scenario the default arm and the first other one are run, some minutes
for 12 mice on one core. Each readout of each arm is compared by the rank sum test (Mann and Whitney
1947), and the p values are corrected together by Holm's method (1979). `compare` ends with 1 if one lies below
the level. Seeds of the two versions differ, so that their mice are independent.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.progress import track
from scipy.stats import mannwhitneyu

LEVEL = 0.01  # chance that two versions of one model are told apart
SCENARIOS = 10


def arms() -> list[tuple[str, str]]:
    """The scenarios and arms that are run: of ten scenarios the default arm and the first other one."""
    from niche_sim.experiment import scenario

    found = []
    for entry in scenario.catalogue()[:SCENARIOS]:
        one = scenario.load(entry.id)
        others = [name for name in one.arms if name != one.default_arm]
        found += [(one.id, name) for name in (one.default_arm, *others[:1])]
    return found


def run(path: Path, mice: int, first_seed: int) -> None:
    """Run the mice with the niche_sim that Python finds and keep their readouts at the end."""
    import niche_sim
    from niche_sim import Simulation

    print(f"niche_sim of {Path(niche_sim.__file__).parent}: {len(arms())} arms of {mice} mice")
    kept: dict[str, np.ndarray] = {}
    jobs = [(name, arm, seed) for name, arm in arms() for seed in range(first_seed, first_seed + mice)]
    ends: dict[str, list[list[float]]] = {}
    names: list[str] = []
    for name, arm, seed in track(jobs, description="mice"):
        rows = Simulation(name, arm, seed=seed).run_to_end().rows
        names = list(rows)
        ends.setdefault(f"{name}/{arm}", []).append([rows[readout][-1] for readout in names])
    kept = {arm: np.array(values) for arm, values in ends.items()}
    np.savez(path, readouts=np.array(names), **kept)  # type: ignore[arg-type]


def compare(before: Path, after: Path, level: float = LEVEL) -> bool:
    """Whether no readout of any arm differs after correction; prints the smallest p values and the means beside them."""
    with np.load(before) as one, np.load(after) as two:
        names = [str(name) for name in one["readouts"] if name in two["readouts"]]
        tests = []
        for arm in one.files:
            if arm == "readouts" or arm not in two.files:
                continue
            for name in names:
                x = one[arm][:, list(one["readouts"]).index(name)]
                y = two[arm][:, list(two["readouts"]).index(name)]
                if len(set(x) | set(y)) > 1:  # what never varies is the same
                    tests.append((float(mannwhitneyu(x, y).pvalue), arm, name, float(x.mean()), float(y.mean())))
    tests.sort()
    print(f"{len(tests)} readouts that vary; {sum(p < 0.05 for p, *_ in tests) / len(tests):.1%} have p < 0.05 before correction")
    corrected = 0.0
    for rank, (p, arm, name, x_mean, y_mean) in enumerate(tests[:12]):
        corrected = max(corrected, min(1.0, p * (len(tests) - rank)))
        print(f"p {p:.2g}, corrected {corrected:.2g}: {name} of {arm}, mean {x_mean:.4g} before, {y_mean:.4g} after")
    same = tests[0][0] * len(tests) >= level
    print("they agree" if same else f"they differ at level {level}")
    return same


def main() -> int:
    """Run or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run")
    one.add_argument("path", type=Path)
    one.add_argument("--mice", type=int, default=12)
    one.add_argument("--first-seed", type=int, default=1)
    two = commands.add_parser("compare")
    two.add_argument("before", type=Path)
    two.add_argument("after", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "run":
        run(arguments.path, arguments.mice, arguments.first_seed)
        return 0
    return 0 if compare(arguments.before, arguments.after) else 1


if __name__ == "__main__":
    raise SystemExit(main())
