"""Make the pictures of README.md anew: `python docs/make_images.py` writes docs/images/section.png and timeline.png.

They show the run named below as `niche-sim run` would draw it, at half the resolution and in 256 colours, since the
repository keeps them.
"""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

import niche_sim
from niche_sim.plots import section_figure, timeline_figure

SEED = 2  # README.md names it below the pictures
FOLDER = Path(__file__).parent / "images"
DPI = 150
COLOURS = 256
LARGEST = 700_000  # bytes


def small_png(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG with a palette. Raises RuntimeError if the file is too large to be kept."""
    full = io.BytesIO()
    figure.savefig(full, dpi=DPI, format="png")
    picture = Image.open(full).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)
    if path.stat().st_size >= LARGEST:
        raise RuntimeError(f"{path} has {path.stat().st_size} bytes; fewer than {LARGEST} are needed")


def main() -> None:
    """Run the mouse and draw it."""
    FOLDER.mkdir(exist_ok=True)
    record = niche_sim.run(arm="educated", seed=SEED)
    for name, figure in (("section.png", section_figure(record)), ("timeline.png", timeline_figure(record))):
        small_png(figure, FOLDER / name)
        print(f"{FOLDER / name}: {(FOLDER / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
