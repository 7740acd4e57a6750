"""Sweeps: a plan with axes, read from PLAN.toml, and the tables of its runs.

`plan` or `read_plan` says what is run, `sweep` runs what is not there yet, `Swept` gives what came out.
"""

from niche_sim.runs.axes import Axis
from niche_sim.runs.design import unit_rows
from niche_sim.runs.executors import Place, dask, local
from niche_sim.runs.farm import Done, Stopped
from niche_sim.runs.plan import Job, Plan, Run
from niche_sim.runs.store import Outcome, Part, read_part, run_one
from niche_sim.runs.sweeps.planning import plan, read_plan
from niche_sim.runs.sweeps.running import Shard, sweep
from niche_sim.runs.sweeps.tables import Count, Swept, collect, column_at, count, failures, load, plan_of

__all__ = [
    "Axis", "Count", "Done", "Job", "Outcome", "Part", "Place", "Plan", "Run", "Shard", "Stopped", "Swept", "collect",
    "column_at", "count", "dask", "failures", "load", "local", "plan", "plan_of", "read_part", "read_plan", "run_one",
    "sweep", "unit_rows",
]  # fmt: skip
