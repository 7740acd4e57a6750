"""How colonies grow in a block of naive liver, day by day, beside what is published of metastases of mouse livers.

    python benchmarks/growth.py            # some ten seconds; prints Markdown

Pan02 cells are given on day 0 and nothing else. Published, none of it used to choose a number of the model: growth of liver
metastases in mice is exponential (Graham et al. 2005, ultrasound); vascularisation begins on day 6, large vessels on days 11 to 14
(Paku and Lapis 1993); a liver with Panc02 weighs 3.6 g on day 15, 2.4 g of it tumour (Little et al. 2012).
"""

from __future__ import annotations

import argparse

import numpy as np

from niche_sim.experiment.protocol import InjectTumourCells, Protocol
from niche_sim.experiment.simulation import Simulation
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import rows

SIDE = "1.2 mm"
CELLS, DAYS = 500_000, 17


def grown(seed: int, side: str = SIDE, days: int = DAYS) -> list[tuple[int, float, float, float]]:
    """Of each day the cells of the largest colony, its diameter (um), all colonies and the tumour's share of the volume."""
    size = dict.fromkeys(("section.width", "section.height", "section.depth"), side)
    model = Simulation(arm="pbs", seed=seed, overrides={**size, "run.duration": f"{days} day"})
    model.protocol = Protocol((InjectTumourCells("pan02", CELLS, 0.0),))
    circulating, told = TumourCell.state.code("circulating"), []
    for _ in range(days):
        for _ in range(24):
            model.step()
        cells = model.state.tumour_cells
        _, sizes = np.unique(cells.clone[cells.state != circulating], return_counts=True)
        now = {name: model.rows[name][-1] for name in ("largest_colony_um", "colonies", "tumour_area_fraction")}
        told.append((int(sizes.max(initial=0)), *now.values()))
    return told


def main() -> None:
    """Print the table and how fast the largest colony doubles."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    told = grown(parser.parse_args().seed)
    print("| day | cells of the largest colony | its diameter, um | colonies | tumour, share of the volume |")
    print("|--:|--:|--:|--:|--:|")
    for day, (cells, wide, colonies, share) in enumerate(told, 1):
        print(f"| {day} | {cells:,} | {wide:.0f} | {colonies:.0f} | {share:.2g} |")
    sizes = np.array([row[0] for row in told], float)
    for first, last in ((5, 10), (10, 17)):
        hours = 24.0 * (last - first) / np.log2(sizes[last - 1] / sizes[first - 1])
        alone = rows()["pan02.doubling"].value
        print(f"\nDays {first} to {last}: the largest colony doubles in {hours:.0f} h; alone a cell in {alone:g} h.")


if __name__ == "__main__":
    main()
