"""The ensemble: parameter sets that the literature leaves plausible, so that a claim comes with the share in which it holds.

One parameter set is one point of a space of some 370 numbers, most of them assumed. `making.make` draws sets over the register's
ranges, runs a panel of mice for each, and rules out, wave after wave, what the fit bands exclude (history matching: Craig 1997,
Vernon 2010). Members are sets that were run and passed. They are no posterior: a share of members is a share of what is not yet
excluded, under even odds over the ranges.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from niche_sim.engine.errors import InputError
from niche_sim.engine.reading import read_text, reading

if TYPE_CHECKING:
    import pandas as pd

    from niche_sim.inference.ensemble.making import Made

SHIPPED = Path(__file__).with_name("data")
MEMBERS, TARGETS, ABOUT = "members.parquet", "targets.parquet", "about.json"


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Plausible parameter sets.

    Parameters
    ----------
    members
        A row a set (index `member`; 0 is the register's own values if these are plausible), a column a varied number, in the
        register's units.
    targets
        A row a band that was fitted to: what was measured, and the 5th, 50th and 95th percentile of what all sets of the first wave
        and what the members give.
    digest
        SHA-256 of the members.
    about
        How it came about, as plain data: settings, waves, CPU hours, code.
    """

    members: pd.DataFrame
    targets: pd.DataFrame
    digest: str
    about: Mapping[str, Any]

    def overrides(self, member: int) -> dict[str, str]:
        """A member as what `--set` takes, name -> number with its unit.

        Raises
        ------
        InputError
            There is no such member.
        """
        from niche_sim.inference.ensemble.space import overrides_of

        if member not in self.members.index:
            raise InputError("--member", f"{member}", f"one of {self.members.index[0]} to {self.members.index[-1]}")
        return overrides_of(self.members.loc[member].to_dict())

    def some(self, count: int | None = None) -> list[int]:
        """Members that lie far apart, the most central one first; all of them for None."""
        import numpy as np

        from niche_sim.inference.ensemble.waves import spread_out

        wanted = len(self.members) if count is None else count
        spread = (self.members - self.members.min()) / (self.members.max() - self.members.min()).replace(0.0, 1.0)
        return [int(self.members.index[n]) for n in spread_out(spread.to_numpy(np.float64), wanted)]

    @property
    def other_code(self) -> bool:
        """Whether the model was another when its members were run."""
        from niche_sim.runs.identity import code_digest

        return bool(self.about["code"] != code_digest())


def ensemble(folder: str | Path | None = None) -> Ensemble:
    """The ensemble that comes with the package, or one that `niche-sim ensemble make` left in a folder.

    Raises
    ------
    InputError
        There is none, or it is not as it was written.
    """
    return _loaded(SHIPPED if folder is None else Path(folder))


@functools.lru_cache(maxsize=4)
def _loaded(folder: Path) -> Ensemble:
    import pandas as pd

    needed = "a folder with an ensemble that `niche-sim ensemble make` wrote"
    if not (folder / MEMBERS).is_file():
        raise InputError(f"{folder}", f"no {MEMBERS}", needed)
    with reading(folder, needed):
        members, targets = (pd.read_parquet(folder / name) for name in (MEMBERS, TARGETS))
        about = json.loads(read_text(folder / ABOUT))
    digest = hashlib.sha256((folder / MEMBERS).read_bytes()).hexdigest()
    if about.get("digest") != digest:
        raise InputError(f"{folder / MEMBERS}", "is not what was written", needed)
    return Ensemble(members, targets, digest, about)


def write(made: Made, folder: Path) -> Ensemble:
    """Write an ensemble's data into a folder and read them again. Raises OSError."""
    import numpy as np
    import pandas as pd

    from niche_sim.inference.ensemble import space
    from niche_sim.inference.ensemble.panel import fit_bands

    folder.mkdir(parents=True, exist_ok=True)
    index = pd.RangeIndex(len(made.members), name="member")
    pd.DataFrame(made.members, index, columns=list(space.names())).to_parquet(folder / MEMBERS)
    first = made.known.values[: made.about["waves"][0]["sets"]]
    ends = [np.exp(np.nanpercentile(values, [5, 50, 95], axis=0)) for values in (first, made.known.values[made.chosen])]
    rows = [
        {
            "id": band.id, "quantity": band.quantity, "unit": band.unit, "value": band.value, "low": band.low, "high": band.high,
            "strength": band.strength, "source": band.source, "sd_measured": band.error, "sd_model": band.discrepancy,
            **{f"{kind}_{end}": float(found[k, n]) for kind, found in zip(("prior", "member"), ends, strict=True)
               for k, end in enumerate(("low", "median", "high"))},
        }
        for n, band in enumerate(fit_bands())
    ]  # fmt: skip
    pd.DataFrame(rows).set_index("id").to_parquet(folder / TARGETS)
    digest = hashlib.sha256((folder / MEMBERS).read_bytes()).hexdigest()
    (folder / ABOUT).write_text(json.dumps({**made.about, "digest": digest}, indent=1) + "\n", encoding="utf-8")
    _loaded.cache_clear()
    return ensemble(folder)
