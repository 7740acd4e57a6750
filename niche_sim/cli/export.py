"""`niche-sim export`: a run as a table that the tools of spatial omics open."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from niche_sim.cli import report
from niche_sim.cli.folders import folder_of_run, new_file
from niche_sim.cli.usage import PlaneOption, time_of
from niche_sim.engine.errors import InputError

SUFFIX = ".h5ad"


def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `niche-sim run` wrote.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: DIR/run.h5ad.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="DAY", help="Of which snapshot, or 'all'. Default: the last.")
    ] = None,
    plane: PlaneOption = None,
) -> None:
    """Write a run as AnnData: cells by state, places in um, fields. scanpy and squidpy open it."""
    target = folder / f"run{SUFFIX}" if output is None else output
    if target.suffix != SUFFIX:
        raise InputError("-o", f"'{target}'", f"a file that ends in {SUFFIX}")
    time = None if at in (None, "all") else time_of(str(at), "--at")
    folder_of_run(folder, "summary.json", "DIR", "`niche-sim run` wrote")
    target.parent.mkdir(parents=True, exist_ok=True)
    context.with_resource(new_file(target))
    from niche_sim.exports import spatial
    from niche_sim.runs.planes import seen_at
    from niche_sim.runs.record import load_record

    record = load_record(folder)
    record = dataclasses.replace(record, provenance=dict(seen_at(record.provenance, plane)))
    made = spatial.all_to_anndata(record) if at == "all" else spatial.to_anndata(record, time)
    spatial.write_h5ad(made, target)
    days = ", ".join(f"{moment / 24.0:g}" for moment in made.uns["niche_sim"]["times_h"])
    report.output().print(
        f"Day {days}: {made.n_obs:,} cells x {made.n_vars} numbers of state and fields", soft_wrap=True
    )
    report.output().print(f"Written to {target}", soft_wrap=True)
