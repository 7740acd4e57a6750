"""Many runs of many parameter points: designed, run anywhere, kept run by run, gathered as tables.

`plan` or `read_plan` says what is run, `sweep` runs what is not there yet, `Swept` gives what came out.
"""

from niche_sim.runs.sweeps.axes import Axis
from niche_sim.runs.sweeps.design import unit_rows
from niche_sim.runs.sweeps.executors import Place, dask, local
from niche_sim.runs.sweeps.planning import Job, Plan, Run, plan, read_plan
from niche_sim.runs.sweeps.run_store import Outcome, Part, live, read_part
from niche_sim.runs.sweeps.running import Done, Shard, Stopped, sweep
from niche_sim.runs.sweeps.tables import Count, Swept, collect, column_at, count, failures, load, plan_of

__all__ = [
    "Axis",
    "Count",
    "Done",
    "Job",
    "Outcome",
    "Part",
    "Place",
    "Plan",
    "Run",
    "Shard",
    "Stopped",
    "Swept",
    "collect",
    "column_at",
    "count",
    "dask",
    "failures",
    "live",
    "load",
    "local",
    "plan",
    "plan_of",
    "read_part",
    "read_plan",
    "sweep",
    "unit_rows",
]
