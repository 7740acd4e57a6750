"""Stage thresholds of every scenario anew, from untreated mice.

    python benchmarks/make_thresholds.py        # some ten minutes on two cores

Scenarios of one organ, one section and one register share their untreated mice: these live as long as the longest of them,
and each scenario gets the same file. For a scenario of your own: `niche-sim thresholds path/to/scenario.toml`.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from pathlib import Path

from rich.progress import Progress

from niche_sim.experiment import scenario
from niche_sim.model import parameters
from niche_sim.runs.thresholds import compute_thresholds


def groups() -> list[list[scenario.Scenario]]:
    """The scenarios that share untreated mice, the longest first in each group."""
    found = defaultdict(list)
    for entry in scenario.catalogue():
        one = scenario.load(entry.id)
        changed = {name: change.text for name, change in one.parameters.items()}
        register = parameters.digest(parameters.resolve(changed, organ=one.organ))
        found[one.organ, one.section, one.step, str(one.schedule), register].append(one)
    return [sorted(members, key=lambda one: -one.duration) for members in found.values()]


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mice", type=int, default=200)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--mice-in", type=Path, default=Path("runs/thresholds"), help="folder of the single mice")
    arguments = parser.parse_args()
    with Progress() as bar:
        for members in groups():
            longest = members[0]
            task = bar.add_task(f"{longest.organ}, {len(members)} scenarios", total=arguments.mice)
            text = compute_thresholds(
                longest,
                arguments.mice_in,
                arguments.mice,
                workers=arguments.workers,
                watch=lambda done, task=task: bar.update(task, completed=done.done),  # type: ignore[misc]
            )
            for member in members:
                (member.path.parent / "thresholds.toml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
