"""Calibration: how far the fit targets hold each fitted number, and what they leave open.

    python benchmarks/calibrate.py -o docs/calibration      # some 20 minutes on two cores; goes on where it stopped

Only targets marked `use = "fit"` enter. Each fitted number is varied over its range with the others at their values, and all
fit targets of the scenarios it matters for are judged anew (a profile). A number is held where targets are lost on both
sides within its range; where they are not, the register's value is one of many, and that is said.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import Progress

from niche_sim.engine.units import show
from niche_sim.experiment import scenario
from niche_sim.inference import verdicts as targets
from niche_sim.model.parameters import rows
from niche_sim.model.readouts import BY_NAME
from niche_sim.runs import cohort
from niche_sim.runs.plan import Plan

# A fitted number and the scenarios whose fit targets it can move.
FITTED = {
    "exosomes.fraction_escaping": ("liver_day10_kcko",),
    "kcko.doubling": ("liver_day10_kcko",),
    "kcko.chance_start": ("liver_day10_kcko",),
    "kcko.rate_death_exposed": ("liver_day10_kcko",),
    "b16f1.chance_start": ("liver_funnel_luzzi1998",),
    "b16f1.rate_death_dormant": ("liver_funnel_luzzi1998",),
    "b16f1.rate_death_exposed": ("liver_funnel_luzzi1998",),
    "stroma.secretion_cxcl12": ("liver_dormancy_correia2021", "liver_timp1_seubert2015"),
}
POINTS = 5  # of a profile, its two ends and the value among them


@dataclass(frozen=True)
class Point:
    """One value of one number: fit targets that the model meets, misses and cannot decide."""

    name: str
    value: float  # in the register's unit
    met: tuple[str, ...]
    missed: tuple[str, ...]
    undecided: tuple[str, ...]

    @property
    def share(self) -> float:
        """Share of the fit targets that are not lost: met, or undecided with so few mice."""
        return (len(self.met) + len(self.undecided)) / max(1, len(self.met) + len(self.missed) + len(self.undecided))


def values_of(name: str) -> list[float]:
    """The values of a profile: the register's, and two to each side towards the ends of its range."""
    row = rows()[name]
    low, high = max(row.low, row.value / 100.0, 1e-6), row.high
    below = np.geomspace(low, row.value, 3)[:-1] if low < row.value else []
    above = np.geomspace(row.value, high, 3)[1:] if high > row.value else []
    return [*map(float, below), row.value, *map(float, above)]


def plans(mice: int) -> dict[tuple[str, float, str], Plan]:
    """Every cohort that is needed, by number, value and scenario."""
    wanted = {}
    for name, ids in FITTED.items():
        for value in values_of(name):
            for scenario_id in ids:
                experiment = scenario.load(scenario_id, readouts=BY_NAME)
                fit = [target for target in experiment.targets if target.use == "fit"]
                arms = [arm for arm in experiment.arms if any(arm in (t.arm, t.against) for t in fit)]
                overrides = {name: f"{value!r} {rows()[name].unit}".strip()}
                wanted[name, value, scenario_id] = cohort.plan(experiment, arms, mice=mice, overrides=overrides)
    return wanted


def judged(wanted: dict[tuple[str, float, str], Plan], folder: Path) -> list[Point]:
    """The fit targets at every value."""
    points = []
    for name in FITTED:
        for value in values_of(name):
            verdicts: dict[str, list[str]] = {word: [] for word in targets.DIRECTIONS}
            for scenario_id in FITTED[name]:
                plan = wanted[name, value, scenario_id]
                found = cohort.gather(plan, folder)
                for target in plan.experiment.targets:
                    if target.use == "fit":
                        verdicts[targets.judge(target, found).direction].append(target.id)
            points.append(
                Point(
                    name,
                    value,
                    tuple(verdicts[targets.MET]),
                    tuple(verdicts[targets.NOT_MET]),
                    tuple(verdicts[targets.UNDECIDED]),
                )
            )
    return points


def holds(points: list[Point]) -> str:
    """In words, what the profile of one number says."""
    value = rows()[points[0].name].value
    here = next(point for point in points if point.value == value)
    lost = [point.value < value for point in points if point.share < here.share - 1e-9]
    sides = {True: "below", False: "above"}
    held = [sides[side] for side in (True, False) if side in lost]
    if len(held) == 2:
        return "held on both sides"
    return f"held from {held[0]} only" if held else "not held: any value of the range does"


def report(points: list[Point], mice: int, out: Path) -> None:
    """Write calibration.md and calibration.png."""
    out.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Calibration",
        "",
        f"Made by `benchmarks/calibrate.py`, {mice} mice an arm. Only targets marked *fit* enter: the funnel of Luzzi et al. 1998,",
        "the state on day 10 and the shares of mice with metastases of the KCKO abstracts, and two targets on CXCL12 (Correia",
        "2021, Seubert 2015) that were to validate until its secretion was changed because of them. Each fitted number is varied",
        "over its range, the others staying where they are (a profile).",
        "",
        "| number | value | met | not met | undecided | what is lost |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for point in points:
        row = rows()[point.name]
        mark = "**" if point.value == row.value else ""
        lost = ", ".join(point.missed) or ""
        cells = f"{mark}{show(point.value, '')} {row.unit}{mark} | {len(point.met)} | {len(point.missed)} | {len(point.undecided)}"
        lines.append(f"| `{point.name}` | {cells} | {lost} |")
    lines += ["", "## What stays unidentified", ""]
    for name in FITTED:
        lines.append(f"- `{name}`: {holds([point for point in points if point.name == name])}.")
    lines += [
        "",
        "Numbers of one line (how many start, how fast they grow, how many die) trade off against each other: the targets hold",
        "their combination better than each. All other numbers of the register were not fitted to anything.",
        "",
    ]
    (out / "calibration.md").write_text("\n".join(lines), encoding="utf-8")
    figure(points, out / "calibration.png")
    print("\n".join(lines))


def figure(points: list[Point], path: Path) -> None:
    """Share of the fit targets not lost along each profile."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(10, 4.6), layout="constrained")
    panels = fig.subplots(2, 4).ravel()
    for axes, name in zip(panels, FITTED, strict=False):
        mine = [point for point in points if point.name == name]
        row = rows()[name]
        axes.plot([point.value for point in mine], [100 * point.share for point in mine], "o-", color="#0072B2", ms=4)
        axes.axvline(row.value, color="#D55E00", lw=1)
        axes.set_xscale("log")
        axes.set_ylim(0, 105)
        axes.set_title(name, fontsize=8, loc="left")
        axes.set_xlabel(row.unit or "fraction", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.minorticks_off()
        ticks = sorted({mine[0].value, row.value, mine[-1].value})
        axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    for axes in panels[:: len(panels) // 2]:
        axes.set_ylabel("fit targets not lost (%)", fontsize=8)
    for axes in panels[len(FITTED) :]:
        axes.set_axis_off()
    fig.suptitle("Blue: profile of each fitted number; red: its value in the register", fontsize=9, x=0.01, ha="left")
    fig.savefig(path, dpi=150, metadata={"Software": None})


def main() -> None:
    """Parse and do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, default=Path("docs/calibration"))
    parser.add_argument("--mice", type=int, default=12)
    parser.add_argument("--mice-in", type=Path, default=Path("runs/calibration"), help="folder of the single mice")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    wanted = plans(arguments.mice)
    with Progress() as bar:
        task = bar.add_task("mice", total=1.0)
        failures = cohort.run(
            list(wanted.values()),
            arguments.mice_in,
            arguments.workers,
            lambda done: bar.update(task, completed=done.share),
        )
    for failure in failures:
        print(f"{failure.scenario} {failure.arm} {failure.seed}: {failure.why}")
    report(judged(wanted, arguments.mice_in), arguments.mice, arguments.out)


if __name__ == "__main__":
    main()
