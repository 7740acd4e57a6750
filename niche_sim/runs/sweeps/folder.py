"""A folder of a sweep: parts that are there whole or not at all, failures, and the plan in it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from niche_sim.engine.errors import InputError
from niche_sim.runs import identity
from niche_sim.runs.record import machine, whole, write_json
from niche_sim.runs.sealed import Damaged, checked
from niche_sim.runs.sweeps.planning import Plan, Run
from niche_sim.runs.sweeps.run_store import Part, read_part

PLAN = "plan.toml"
FORGOTTEN = 24 * 3600.0  # s; what is half written for longer, nobody writes any more
_HALF_WRITTEN = re.compile(r"\.part-(.*)-(\d+)$")


@dataclass(frozen=True)
class Folder:
    """What lies in a folder: runs/<hash>.parquet, failures/<hash>.json, plan.toml, provenance.json and tables of all.

    damaged: names of the files of runs that were looked at and are not what was written under their name.
    """

    path: Path
    damaged: set[str] = field(default_factory=set)

    def open(self, plan: Plan) -> None:
        """Make the folder, clear what killed processes left half written, and write the plan. Raises OSError."""
        for below in ("runs", "failures"):
            (self.path / below).mkdir(parents=True, exist_ok=True)
            _clear(self.path / below)
        _clear(self.path)
        self.describe(plan)

    def describe(self, plan: Plan) -> None:
        """Write plan.toml and provenance.json, unless they are there. Raises OSError; InputError if a name is no Unicode."""
        text = tomli_w.dumps(plan.content)
        try:
            text.encode()
        except UnicodeEncodeError:
            named = ascii(plan.content["scenario"])
            raise InputError("scenario", f"{named} is no Unicode", "a folder whose name is, for plan.toml") from None
        if self.plan_text() != text:
            with whole(self.path / PLAN) as part:
                part.write_text(text, encoding="utf-8")
            write_json(provenance_of(plan), self.path / "provenance.json")

    def plan_text(self) -> str | None:
        """The plan in the folder as it was written, None if there is none."""
        try:
            return (self.path / PLAN).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None

    def part(self, name: str) -> Path:
        """Where a run is kept."""
        return self.path / "runs" / f"{name}.parquet"

    def has(self, name: str) -> bool:
        """Whether a run is kept, whole and under its own name; if it is there otherwise, `damaged` has it."""
        return self._data(name) is not None

    def keep(self, name: str, part: bytes) -> None:
        """Write a run; a failure it had before is forgotten. Raises OSError."""
        with whole(self.part(name)) as half:
            half.write_bytes(part)
        self._failure(name).unlink(missing_ok=True)

    def read(self, name: str) -> Part | None:
        """A kept run; None if it is not there, or not as it was written."""
        data = self._data(name)
        return None if data is None else read_part(data, name)

    def _data(self, name: str) -> bytes | None:
        file = self.part(name)
        try:
            return checked(file.read_bytes(), name)
        except FileNotFoundError:
            return None
        except Damaged:
            self.damaged.add(file.name)
            return None

    def fail(self, run: Run, why: str) -> None:
        """Note that a run failed. Raises OSError."""
        note = {"run_hash": run.name, "arm": run.arm, "seed": run.seed, "error": why}
        write_json(note, self._failure(run.name))

    def failure(self, name: str) -> str:
        """Why a run failed; "" if it did not."""
        try:
            return str(json.loads(self._failure(name).read_text(encoding="utf-8"))["error"])
        except (OSError, ValueError, KeyError):
            return ""

    def _failure(self, name: str) -> Path:
        return self.path / "failures" / f"{name}.json"


def provenance_of(plan: Plan) -> dict[str, Any]:
    """What a sweep rests on: scenario and plan, code, libraries, machine."""
    experiment = plan.experiment
    scenario = {"id": experiment.id, "sha256": experiment.sha256, "text": experiment.text}
    return {"scenario": scenario, "plan": plan.content, **identity.engine(), **machine()}


def _clear(folder: Path) -> None:
    """Take away what a process that is no more left half written: one of this machine, or anything a day old."""
    for file in folder.glob("*.part-*"):
        found = _HALF_WRITTEN.search(file.name)
        with contextlib.suppress(OSError):
            if found and (_is_dead(found[1], int(found[2])) or time.time() - file.stat().st_mtime > FORGOTTEN):
                file.unlink()


def _is_dead(node: str, pid: int) -> bool:
    if node != platform.node() or os.name != "posix":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
