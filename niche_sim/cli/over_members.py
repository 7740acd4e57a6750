"""The option --ensemble of commands that compare arms: the same comparison in members of the ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from niche_sim.cli import report
from niche_sim.cli.ensemble import members_of
from niche_sim.cli.mice import WHOLE

if TYPE_CHECKING:
    from niche_sim.inference.ensemble.claims import Claim
    from niche_sim.runs.cohort import Cohort
    from niche_sim.runs.plan import Plan

MICE = 2  # of each arm, in each member
NEXT = 3  # measurements that are named
Members = Annotated[
    int | None,
    typer.Option(
        "--ensemble", metavar="NUMBER", parser=WHOLE,
        help="Also in so many plausible parameter sets (0: all), two mice an arm of each: the share in which each effect holds.",
    ),
]  # fmt: skip


class Over:
    """A comparison over members. plans: member -> its plan.

    Raises InputError if there is no ensemble, or it has fewer members.
    """

    def __init__(self, count: int, planned: Callable[[int, Mapping[str, str]], Plan]) -> None:
        from niche_sim.inference.ensemble import claims

        self.found, members = members_of(count, least=claims.FEWEST)
        self.plans = claims.plans(self.found, members, lambda overrides: planned(MICE, overrides))

    def bands(self, mice: Path, told: Callable[[Cohort], Sequence[float]]) -> list[tuple[float, float, float]]:
        """The 5th, 50th and 95th percentile over members of each of some values that a member's mice tell; nan where none do."""
        import numpy as np

        values = np.array([told(cohort) for cohort in self.gathered(mice).values()], np.float64)
        with np.errstate(all="ignore"):
            values[~np.isfinite(values)] = np.nan
            known = [column[~np.isnan(column)] for column in values.T]
        return [tuple(np.percentile(one, [5, 50, 95])) if len(one) else (np.nan,) * 3 for one in known]

    def _show_next(self, name: str, claim: Claim, cohorts: Mapping[int, Cohort], reference: str, at: float) -> None:
        """Say which measurement, in mice of the reference arm, would narrow the first effect most."""
        import numpy as np

        from niche_sim.inference.ensemble import claims

        answer = np.array([claim.effects[member] for member in cohorts])
        known = np.isfinite(answer)
        seen = {
            readout: np.array([float(np.mean(list(of.values(reference, readout, at).values()))) for of in cohorts.values()])[known]
            for readout in next(iter(cohorts.values())).readouts
        }
        told = [f"{readout} ({100 * share:.0f} %)" for readout, share in claims.narrows(seen, answer[known])[:NEXT]]
        if told:
            shares = f"{', '.join(told)} of its variance over members"
            report.output().print(f"To narrow {name}, measure in mice of {reference}: {shares}.", soft_wrap=True)

    def gathered(self, mice: Path) -> dict[int, Cohort]:
        """Member -> its mice that lie in a folder."""
        from niche_sim.runs import cohort

        return {member: cohort.gather(plan, mice) for member, plan in self.plans.items()}

    def show(self, found: Cohort, readouts: Sequence[str], target: Path, at: float) -> None:
        """Print and write effects over members beside those over mice; draw them."""
        from niche_sim.figures import ensemble as figures
        from niche_sim.inference.comparisons import compare, highest_mean
        from niche_sim.inference.ensemble import claims
        from niche_sim.runs.cohort import write_table

        cohorts = self.gathered(target / "mice")
        reference = found.plan.reference
        title = f"Over {len(cohorts)} plausible parameter sets, against {reference}, day {at / 24.0:.4g}"
        table = report.table("effect", "mice: 95 %", "members: 90 %", "holds in", title=title)
        rows, drawn = [], []
        for arm in found.plan.arms[1:]:
            for name in readouts:
                claim, most = claims.of_effect(arm, name, at, cohorts, self.found)
                pair = found.pairs(found.values(arm, name, at), found.values(reference, name, at))
                own = compare(*pair, most=highest_mean(found, name, at))
                low, middle, high = claim.band
                here = f"{own.effect.estimate:.3g}\n{own.effect.low:.2g} to {own.effect.high:.2g}"
                there = f"{middle:.3g}\n{low:.2g} to {high:.2g}"
                on = f", hangs on {', '.join(claim.hangs_on)}" if claim.hangs_on else ""
                share = f"{100 * claim.share:.0f} %, {100 * claim.low:.0f}-{100 * claim.high:.0f}"
                cells = (report.cell(text) for text in (here, there, f"{share}\n{most}: {claim.verdict}{on}"))
                table.add_row(report.cell(f"{name}\n{arm}"), *cells)
                drawn.append((f"{name}: {arm} / {reference}", own, claim))
                rows += [{"readout": name, "arm": arm, "against": reference, "at_h": at, "member": member, "effect": value}
                         for member, value in claim.effects.items()]  # fmt: skip
        for column, width in ((table.columns[0], 16), (table.columns[-1], 20)):
            column.no_wrap, column.min_width = False, width
        report.output().print(table)
        for name, _, claim in drawn[:1]:
            self._show_next(name, claim, cohorts, reference, at)
        write_table(rows, target / "members.parquet")
        figures.save_claims(drawn, target / "members.png")
