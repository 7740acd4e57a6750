"""Make the pictures of README.md anew: `python docs/make_images.py` writes them into docs/images.

All but that of a block show one run as `niche-sim run` draws it, with fewer dots and fewer shades, since the repository keeps them.
"""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

import niche_sim
from niche_sim.figures.receptivity import receptivity_figure
from niche_sim.figures.single_run import section_figure
from niche_sim.figures.timeline import timeline_figure
from niche_sim.inference.receptivity import record_hazards

BLOCK = {"section.width": "1 mm", "section.height": "1 mm", "section.depth": "400 um"}
SEED = 1  # the default of `niche-sim run`
FOLDER = Path(__file__).parent / "images"
DPI = 130
SHADES = 32  # of each primary colour; a palette of 256 colours would distort the colour bars
LARGEST = 700_000  # bytes


def small_png(figure: Figure, path: Path) -> int:
    """Write a figure as a PNG; returns its size in bytes. Raises RuntimeError if that is too much to be kept."""
    full = io.BytesIO()
    figure.savefig(full, dpi=DPI, format="png")
    nearest = [round(round(value / 255 * (SHADES - 1)) * 255 / (SHADES - 1)) for value in range(256)]
    Image.open(full).convert("RGB").point(nearest * 3).save(path, optimize=True)
    size = path.stat().st_size
    if size >= LARGEST:
        raise RuntimeError(f"{path} has {size} bytes; fewer than {LARGEST} are needed")
    return size


def main() -> None:
    """Run the mouse and draw it."""
    FOLDER.mkdir(exist_ok=True)
    record = niche_sim.run(arm="educated", seed=SEED)
    block = niche_sim.run(arm="educated", seed=SEED, overrides=BLOCK)
    hazards = record_hazards(niche_sim.Simulation(arm="educated", seed=SEED))
    by_end, eventual = (niche_sim.receptivity(hazards, end=end) for end in ("by_T", "eventual"))
    figures = {
        "section.png": section_figure(record),
        "block.png": section_figure(block, 35 * 24.0),
        "timeline.png": timeline_figure(record),
        "receptivity.png": receptivity_figure(by_end, eventual, record.provenance),
    }
    for name, figure in figures.items():
        print(f"{FOLDER / name}: {small_png(figure, FOLDER / name) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
