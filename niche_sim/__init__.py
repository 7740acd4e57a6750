"""niche_sim: how a tumour's exosomes prepare the liver for metastasis, simulated cell by cell."""

from __future__ import annotations

import importlib
from typing import Any

__version__: str

# Public names and where they live; imported when asked for, so that `import niche_sim` costs nothing.
_PUBLIC = {
    "Simulation": "experiment.simulation",
    "NicheModel": "mesa_model.model",
    "Record": "runs.record",
    "run": "runs.record",
    "load_record": "runs.record",
    "load_scenario": "experiment.scenario",
    "sweep": "runs.sweeps",
    "catalogue": "experiment.scenario",
    "virtual_section": "runs.planes",
    "receptivity": "inference.receptivity",
    "ensemble": "inference.ensemble",
    "InputError": "engine.errors",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in _PUBLIC:
        raise AttributeError(f"module 'niche_sim' has no attribute {name!r}")
    module = importlib.import_module(f"niche_sim.{_PUBLIC[name]}")
    return getattr(module, "load" if name == "load_scenario" else name)


def _version() -> str:
    """The version that was installed; unknown where the code was copied and not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("niche-sim")
    except PackageNotFoundError:
        return "0+unknown"


def __dir__() -> list[str]:
    return sorted(__all__)
