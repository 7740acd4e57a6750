"""How long niche_sim takes on one core: runs, agents, first start, command line, and where the time goes.

Prints a Markdown table. CPU time is what is judged where the machine may be shared; wall time stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # one core; read when the libraries below are imported
    for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"

import numpy as np

from niche_sim.engine.laws import probability
from niche_sim.experiment.protocol import InjectExosomes, Protocol
from niche_sim.experiment.simulation import Simulation
from niche_sim.model.actions import intervene
from niche_sim.model.anatomy import Flow
from niche_sim.model.processes.priming.exosome_uptake import (
    ExosomeUptake,
    cross_section,
    passes_per_hour,
    uptake_by_zone,
)
from niche_sim.runs.profile import Profile

VESICLES = 1_000_000
FIRST_STEP = "from niche_sim.experiment.simulation import Simulation; Simulation(rng=1).step()"
HELP = "import sys; sys.argv[0] = 'niche-sim'; from niche_sim.cli import main; main()"


@dataclass(frozen=True)
class Result:
    """One measured thing: the figure that is judged (None if there is none), its unit, its target (at most)."""

    name: str
    figure: float | None
    unit: str
    target: float
    detail: str

    @property
    def verdict(self) -> str:
        """Whether the target is met."""
        if self.figure is None:
            return "not measured"
        return "met" if self.figure <= self.target else "missed"


class Stopwatch:
    """CPU and wall seconds of a `with` block."""

    cpu = wall = 0.0

    def __enter__(self) -> Stopwatch:
        self.cpu, self.wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu, self.wall = time.process_time() - self.cpu, time.perf_counter() - self.wall


def warm_up() -> None:
    """Compile every kernel of a default run (or load it from the cache) and meet every rule once."""
    small = {"run.duration": "25 day", "section.width": "0.6 mm", "section.height": "0.6 mm"}
    Simulation(rng=0, overrides=small).run_to_end()


def default_run(repeats: int) -> Result:
    """The default educated run of 42 days, start and record included."""
    watches = []
    for seed in range(repeats):
        with Stopwatch() as watch:
            Simulation(rng=seed).run_to_end()
        watches.append(watch)
    cpu, wall = [watch.cpu for watch in watches], [watch.wall for watch in watches]
    detail = f"CPU s of {repeats} seeds: min {min(cpu):.2f}, median {statistics.median(cpu):.2f}; wall: {spread(wall)}"
    return Result("42 days educated, 2 x 2 mm", statistics.median(cpu), "s", 1.5, detail)


def large_run(target: float, *lengths: str) -> Result:
    """The same on another width, height and, of a block, depth."""
    names = ("section.width", "section.height", "section.depth")
    with Stopwatch() as watch:
        model = Simulation(rng=1, overrides=dict(zip(names, lengths, strict=False))).run_to_end()
    cells = sum(len(population) for population in model.state.populations.values())
    detail = f"CPU s; wall {watch.wall:.1f}; {model.state.section.zone.size:,} sites, {cells:,} agents at the end"
    return Result(f"42 days educated, {' x '.join(lengths)}", watch.cpu, "s", target, detail)


def sites_per_pass(flow: Flow, capture: Any, columns: int) -> float:
    """Mean number of sites that a particle passes on one way through the section, the last included.

    capture: float64[sites], chance of capture on passing a site. Exact, by one sweep downstream.
    """
    arriving = np.zeros(len(flow.order))
    arriving[flow.source_sites] = flow.source_share
    steps = (-columns, columns, -1, 1)
    for site in flow.order.tolist():
        onward = arriving[site] * (1.0 - capture[site])
        for share, step in zip(flow.route[site].tolist(), steps, strict=True):
            if share > 0.0:
                arriving[site + step] += onward * share
    return float(arriving.sum())


def capture_chances(model: Simulation) -> Any:
    """Chance of capture on passing each site, float64[sites], for PDAC exosomes and Kupffer cells without load."""
    state, p, section = model.state, model.parameters, model.state.section
    cells = state.kupffer_cells
    weight = uptake_by_zone(state.at(section.zone, cells), p) * cells.responder * p.pdac.integrin_avb5
    density = state.mapped(cells, weight) / section.site_volume
    return probability(cross_section(section, p) * density * section.flow.passage, 1.0).ravel()


def dose(repeats: int, vesicles: int = VESICLES) -> Result:
    """A dose of about `vesicles`, one agent each: injected, carried through the liver, captured."""
    cpu, wall, agents, taken = [], [], [], []
    for seed in range(repeats):
        model = Simulation(rng=seed, overrides={"exosomes.parcel_size": "1 vesicle", "run.duration": "1 h"})
        state, p = model.state, model.parameters
        in_mouse = vesicles * p.liver.volume / state.section.volume
        protocol = Protocol((InjectExosomes("pdac", (0.0,), vesicles=in_mouse),))
        uptake = ExosomeUptake()
        with Stopwatch() as watch:
            intervene(protocol.interventions, state, p, model.chance, model.dt)
            uptake.step(state, p, model.chance, model.dt)
        cpu.append(watch.cpu)
        wall.append(watch.wall)
        agents.append(state.counters.exosomes_released)
        taken.append(state.counters.exosomes_taken_up)
    capture = capture_chances(model)
    sites = sites_per_pass(state.section.flow, capture, state.section.shape[1])
    passes = passes_per_hour(p) * p.exosomes.half_life_blood / np.log(2.0)
    each = statistics.median(t / n for t, n in zip(cpu, agents, strict=True)) * 1e9
    detail = (
        f"CPU ns, median of {repeats}; {np.mean(agents):,.0f} agents, {np.mean(taken):,.0f} captured, "
        f"{each:.0f} ns an agent; counting {sites:.1f} sites of one pass only (an agent makes {passes:.1f} passes: "
        f"{each / sites / passes:.2f} ns a site); wall s: {spread(wall)}"
    )
    return Result("a dose of 1e6 vesicles, an agent each: per agent and site passed", each / sites, "ns", 30.0, detail)


def first_run() -> Result:
    """A fresh process until its first step is done, with nothing compiled yet, less the same with all compiled."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        cold, warm = (in_process([sys.executable, "-c", FIRST_STEP], environment) for _ in range(2))
    if cold is None or warm is None:
        return Result("first run after installation", None, "s", 25.0, "the step failed")
    detail = f"wall s of a process until its first step is done: {cold:.1f} with an empty cache, else {warm:.1f}"
    return Result("first run after installation: more than later ones", cold - warm, "s", 25.0, detail)


def command_line(repeats: int) -> Result:
    """`niche-sim --help`, from start to end."""
    script = shutil.which("niche-sim", path=str(Path(sys.executable).parent))
    command = [script, "--help"] if script else [sys.executable, "-c", HELP, "--help"]
    in_process(command, os.environ)  # bytecode, file cache
    walls = [wall for _ in range(repeats) if (wall := in_process(command, os.environ)) is not None]
    if not walls:
        return Result("niche-sim --help", None, "s", 0.5, "the command failed")
    return Result("niche-sim --help", statistics.median(walls), "s", 0.5, f"wall s of {len(walls)}: {spread(walls)}")


def in_process(command: Sequence[str], environment: Mapping[str, str]) -> float | None:
    """Wall seconds of a command; None if it fails."""
    start = time.perf_counter()
    done = subprocess.run(command, env=dict(environment), capture_output=True, check=False)
    return time.perf_counter() - start if done.returncode == 0 else None


def profile() -> list[tuple[str, float]]:
    """CPU microseconds per simulated hour of each part of a default run, the dearest first."""
    model = Simulation(rng=1)
    watched, steps = Profile(model), model.steps_left
    model.run_to_end()
    return [(name, 1e6 * seconds / steps) for name, seconds, _ in watched.parts()]


def spread(values: Sequence[float]) -> str:
    """Minimum and median."""
    return f"min {min(values):.2f}, median {statistics.median(values):.2f}"


def report(results: Sequence[Result], parts: Sequence[tuple[str, float]]) -> str:
    """All of it as Markdown."""
    lines = ["| what | measured | target | | how |", "|---|--:|--:|---|---|"]
    for one in results:
        figure = "-" if one.figure is None else f"{one.figure:.3g} {one.unit}"
        lines.append(f"| {one.name} | {figure} | at most {one.target:g} {one.unit} | {one.verdict} | {one.detail} |")
    if parts:
        total = sum(spent for _, spent in parts)
        lines += ["", "| part of a default run | CPU us per simulated hour | share |", "|---|--:|--:|"]
        lines += [f"| {name} | {spent:.0f} | {spent / total:.0%} |" for name, spent in parts]
        lines.append(f"| all | {total:.0f} | 100% |")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--quick", action="store_true", help="only the default run, the dose and the command line")
    options.add_argument("--repeats", type=count, default=5, help="of what is short (default: 5)")
    options.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the figures there, too")
    return options


def count(text: str) -> int:
    """A whole number from 1."""
    if (value := int(text)) < 1:
        raise ValueError(text)
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    chosen = parser().parse_args(arguments)
    if hasattr(os, "sched_setaffinity"):  # Linux; children inherit it
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    warm_up()
    results = [default_run(chosen.repeats)]
    if not chosen.quick:
        results += [large_run(60.0, "10 mm", "10 mm"), large_run(7.5, "1 mm", "1 mm", "0.4 mm")]
    results.append(dose(chosen.repeats))
    if not chosen.quick:
        results.append(first_run())
    results.append(command_line(chosen.repeats))
    parts = [] if chosen.quick else profile()
    print(report(results, parts))
    if chosen.json is not None:
        machine = {"python": platform.python_version(), "platform": platform.platform(), "numpy": np.__version__}
        content = {
            "machine": machine,
            "results": [asdict(one) | {"verdict": one.verdict} for one in results],
            "profile_us_per_hour": dict(parts),
        }
        chosen.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
