"""`niche-sim schema`: what a file of niche-sim may say, as a JSON schema for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from niche_sim.cli import report
from niche_sim.engine.errors import InputError, one_of, reason_of

FILES = ("scenario", "targets", "protocol", "plan", "lesson")


def schema(
    file: Annotated[str, typer.Argument(metavar="FILE", help=f"Of which file: {', '.join(FILES)}.")] = FILES[0],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it there instead of showing it.")
    ] = None,
) -> None:
    """Show what a file may say as a JSON schema, by which an editor completes and checks it."""
    text = json.dumps(schema_of(one_of(file, FILES, "FILE")), indent=1, ensure_ascii=False)
    if output is None:
        typer.echo(text)
        return
    try:
        output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"-o {output}", reason_of(error), "a file that can be written is needed") from None
    report.output().print(f"Written to {output}", soft_wrap=True)


def schema_of(file: str) -> dict[str, Any]:
    """The JSON schema of one of FILES, with the names of the parameters and readouts that there are."""
    from niche_sim.engine.schema import json_schema
    from niche_sim.experiment.protocol import ProtocolFile
    from niche_sim.experiment.scenario_file import ScenarioFile
    from niche_sim.experiment.setup import SCENARIO_LENGTHS, SCENARIO_TIMES, SCHEDULE
    from niche_sim.experiment.targets import ONSET, TargetsFile
    from niche_sim.model.catalogue import STAGE_NAMES
    from niche_sim.model.parameters import rows
    from niche_sim.runs.expectation.readouts import KNOWN
    from niche_sim.runs.sweeps.planning import PlanFile
    from niche_sim.teaching.lesson import LessonFile

    kinds = {
        "scenario": ScenarioFile, "targets": TargetsFile, "protocol": ProtocolFile, "plan": PlanFile, "lesson": LessonFile,
    }  # fmt: skip
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", **json_schema(kinds[file])}
    if file == "scenario":
        change = found["properties"]["parameters"]["additionalProperties"]
        named = {name: {**change, "description": f"{row.unit}: {row.note}"} for name, row in rows().items()}
        found["properties"]["parameters"] |= {"properties": named, "additionalProperties": False}
    if file == "plan":
        found["properties"]["vary"]["propertyNames"] = {"enum": [*rows(), *SCENARIO_LENGTHS, *SCENARIO_TIMES, SCHEDULE]}
        found["properties"]["readouts"]["items"] = {"enum": [*KNOWN, *(f"{ONSET}{stage}" for stage in STAGE_NAMES)]}
    if file == "targets":
        readouts = {"enum": [*KNOWN, *(f"{ONSET}{stage}" for stage in STAGE_NAMES)]}
        found["$defs"]["Target"]["properties"] |= {"readout": readouts, "against_readout": readouts}
    return found
