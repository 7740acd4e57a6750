"""The knock-out matrix: which block stops what, and how much of the gain in burden it prevents.

    python benchmarks/knockout_matrix.py niche  -o docs/knockouts     # 20 mice an arm, default section, minutes
    python benchmarks/knockout_matrix.py burden -o docs/knockouts     # 6 mice an arm, 10 x 10 mm, about half an hour
    python benchmarks/knockout_matrix.py report -o docs/knockouts     # table and figure from what is there

Each mouse is a JSON file; a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.progress import track

from niche_sim.model import NicheModel
from niche_sim.parameters import digest
from niche_sim.targets import BIOLOGY, Effect, prevented_gain, ratio_of_means

SCENARIO = "liver_education_costasilva2015"
ARMS = (
    "pbs",
    "normal_exosomes",
    "educated",
    "anti_mif",
    "tgfb_inhibitor",
    "fibronectin_knockout",
    "integrin_knockdown",
)
BLOCKS = ARMS[3:]
# Markers down the chain, as means over the last two days of education (one dose interval), before tumour cells come.
MARKERS = (
    "exosomes_taken_up",
    "kupffer_load_mean",
    "tgfb_mean",
    "stellate_active",
    "fibronectin_mean",
    "bmdc_arrested",
)
WORDS = ("exosomes taken up", "Kupffer load", "TGF-β", "active stellate cells", "fibronectin", "arrested BMDC")
UNTOUCHED = {"anti_mif": 2, "tgfb_inhibitor": 3, "fibronectin_knockout": 4, "integrin_knockdown": 0}
BURDEN = ("colonies", "tumour_cycling")
STUDIES: dict[str, tuple[int, tuple[str, ...], dict[str, str]]] = {  # mice an arm, arms, overrides
    "niche": (20, ARMS, {"run.duration": "21 day"}),
    "burden": (
        6,
        ("pbs", "educated", *BLOCKS),
        {"section.width": "10 mm", "section.height": "10 mm", "run.record": "24 h"},
    ),
}


def mouse(study: str, arm: str, seed: int) -> dict[str, float]:
    """The readouts of one mouse that its study needs, and the register it was made with."""
    _, _, overrides = STUDIES[study]
    model = NicheModel(SCENARIO, arm, overrides=overrides, rng=seed).run_to_end()
    table = model.datacollector.get_model_vars_dataframe()
    if study == "niche":
        last = table[table.time_h > 19 * 24.0]
        values = {name: float(last[name].mean()) for name in MARKERS}
    else:
        values = {name: float(table[name].iloc[-1]) for name in BURDEN}
    return {**values, "register": digest(model.parameters)}


def run(study: str, folder: Path, workers: int) -> None:
    """Every mouse of a study that is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    mice, arms, _ = STUDIES[study]
    wanted = {(arm, seed): folder / f"{study}-{arm}-{seed}.json" for seed in range(mice) for arm in arms}
    missing = {key: path for key, path in wanted.items() if not path.exists()}
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(mouse, study, *key): path for key, path in missing.items()}
        for job in track(as_completed(jobs), f"{study}: {len(missing)} mice", total=len(jobs)):
            part = jobs[job].with_suffix(".part")
            part.write_text(json.dumps(job.result()))
            part.replace(jobs[job])


def collect(study: str, folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """arm -> readout -> float64[mice], and that all were made with one register."""
    mice, arms, _ = STUDIES[study]
    rows = {
        arm: [json.loads((folder / f"{study}-{arm}-{seed}.json").read_text()) for seed in range(mice)] for arm in arms
    }
    registers = {row["register"] for arm in arms for row in rows[arm]}
    if len(registers) != 1:
        raise SystemExit(f"{folder}: mice of {len(registers)} different registers; delete the old ones")
    names = [name for name in rows[arms[0]][0] if name != "register"]
    return {arm: {name: np.array([row[name] for row in rows[arm]]) for name in names} for arm in arms}


def shown(effect: Effect) -> str:
    """estimate [low, high]"""
    return f"{effect.estimate:.2f} [{effect.low:.2f}, {effect.high:.2f}]"


def niche_rows(data: dict[str, dict[str, np.ndarray]]) -> list[tuple[str, list[tuple[Effect, str]]]]:
    """For each block and marker the share of the gain prevented (downstream) or the ratio to educated (upstream)."""
    rows = []
    for arm in BLOCKS:
        cells = []
        for position, marker in enumerate(MARKERS):
            blocked, educated, control = (data[a][marker] for a in (arm, "educated", "pbs"))
            if position < UNTOUCHED[arm]:
                effect = ratio_of_means(blocked, educated, level=0.90)
                cells.append((effect, effect.equivalent(BIOLOGY)))
            else:
                effect = prevented_gain(blocked, educated, control)
                cells.append(
                    (effect, "prevented" if effect.low > 0.5 else "not prevented" if effect.high < 0.5 else "undecided")
                )
        rows.append((arm, cells))
    return rows


def report(folder: Path, out: Path) -> None:
    """Write knockouts.md, knockouts.png and mice.csv."""
    niche, burden = collect("niche", folder), collect("burden", folder)
    lines = [
        "# Knock-out matrix",
        "",
        "Made by `benchmarks/knockout_matrix.py`. Mice are paired by seed (common random numbers).",
        "",
        f"**Niche**, {STUDIES['niche'][0]} mice an arm, 2 x 2 mm, means over days 19 to 21, before tumour cells. Upstream of",
        "the block: ratio to `educated` with its 90 % interval, *equivalent* if it lies within 0.8 to 1.25. From the block down:",
        "share of the gain (from `pbs` to `educated`) that it prevents, 95 % interval, *prevented* if more than half.",
        "",
        "| block | " + " | ".join(WORDS) + " |",
        "|---|" + "---|" * len(WORDS),
    ]
    rows = niche_rows(niche)
    for arm, cells in rows:
        lines.append(f"| `{arm}` | " + " | ".join(f"{shown(effect)} *{verdict}*" for effect, verdict in cells) + " |")
    lines += [
        "",
        f"**Burden** at day 42, {STUDIES['burden'][0]} mice an arm, 10 x 10 mm, three weeks after 500,000 pan02 cells (whose",
        "efficiency is assumed). The verdict is on both gains.",
        "",
        "| arm | colonies a section | cycling cells | gain in colonies prevented | gain in cycling cells prevented | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for arm in burden:
        means = [f"{burden[arm][name].mean():.1f}" for name in BURDEN]
        if arm in BLOCKS:
            effects = [prevented_gain(burden[arm][n], burden["educated"][n], burden["pbs"][n]) for n in BURDEN]
            verdict = "prevented" if min(e.low for e in effects) > 0.5 else "undecided"
            lines.append(
                f"| `{arm}` | {means[0]} | {means[1]} | {shown(effects[0])} | {shown(effects[1])} | *{verdict}* |"
            )
        else:
            lines.append(f"| `{arm}` | {means[0]} | {means[1]} | | | |")
    events = int(burden["educated"]["colonies"].sum())
    lines += ["", f"The reference arm `educated` holds {events} colonies over all its mice.", ""]
    out.mkdir(parents=True, exist_ok=True)
    (out / "knockouts.md").write_text("\n".join(lines))
    figure(rows, burden, out / "knockouts.png")
    with (out / "mice.csv").open("w") as file:  # every mouse, so that anyone can do other statistics
        file.write("study,arm,seed,readout,value\n")
        for study, data in (("niche", niche), ("burden", burden)):
            for arm, readouts in data.items():
                for name, values in readouts.items():
                    file.writelines(f"{study},{arm},{seed},{name},{value!r}\n" for seed, value in enumerate(values.tolist()))
    print("\n".join(lines))


def figure(rows: list, burden: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """Markers of the niche by block, and colonies by arm."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(12.5, 4.4), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=(1.25, 1))
    table = np.array(
        [
            [1.0 - e.estimate if i >= UNTOUCHED[arm] else e.estimate for i, (e, _) in enumerate(cells)]
            for arm, cells in rows
        ]
    )
    image = left.imshow(table, cmap="cividis", vmin=0.0, vmax=1.0, aspect="auto")
    left.set_xticks(range(len(WORDS)), WORDS, rotation=30, ha="right")
    left.set_yticks(range(len(rows)), [arm.replace("_", " ") for arm, _ in rows])
    for y, (_, cells) in enumerate(rows):
        for x, (_, verdict) in enumerate(cells):
            value = max(table[y, x], 0.0)
            text = f"{value:.2f}\n{ {'prevented': 'most lost', 'equivalent': 'intact'}.get(verdict, verdict) }"
            left.text(x, y, text, ha="center", va="center", fontsize=8, color="black" if value > 0.6 else "white")
    left.set_title("What is left of the niche (1 = educated)", fontsize=10, loc="left")
    fig.colorbar(image, ax=left, label="ratio, or share of the gain left", shrink=0.9)
    for position, arm in enumerate(burden):
        values = burden[arm]["colonies"]
        spread = (np.arange(len(values)) - (len(values) - 1) / 2) * 0.09
        right.plot(values, position + spread, "o", color="#0072B2", alpha=0.8, ms=4.5)
        right.plot([values.mean()] * 2, [position - 0.33, position + 0.33], color="black", lw=1.6)
    right.set_yticks(range(len(burden)), [arm.replace("_", " ") for arm in burden])
    right.invert_yaxis()
    right.set_xlabel("colonies per 10 × 10 mm, day 42")
    right.set_xlim(left=0)
    right.set_title("Burden (dot: a mouse; bar: mean)", fontsize=10, loc="left")
    for side in ("top", "right"):
        right.spines[side].set_visible(False)
    fig.savefig(path, dpi=150, metadata={"Software": None})


def main() -> None:
    """Parse and do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("niche", "burden", "report"))
    parser.add_argument("-o", "--out", type=Path, default=Path("docs/knockouts"))
    parser.add_argument("--mice-in", type=Path, default=Path("runs/knockouts"), help="folder of the single mice")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if arguments.what == "report":
        report(arguments.mice_in, arguments.out)
    else:
        run(arguments.what, arguments.mice_in, arguments.workers)


if __name__ == "__main__":
    main()
