"""One row of the register."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from niche_sim.engine.units import to_model


def number(value: float, unit: str, low: float, high: float, kind: str, source: str = "", note: str = "") -> Any:
    """One row of the register. value, low and high stand in `unit`; the attribute's default is in model units."""
    meta = {"value": value, "unit": unit, "low": low, "high": high, "kind": kind, "source": source, "note": note}
    return field(default=to_model(f"{value!r} {unit}"), metadata=meta)
