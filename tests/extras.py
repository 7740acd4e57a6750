"""Optional extras: a test that needs one is skipped, and says so, unless NICHE_SIM_EXTRAS=required."""

from __future__ import annotations

import importlib.util
import os

import pytest


def needs(package: str, extra: str) -> pytest.MarkDecorator:
    """Marks tests of an optional package; where extras are required, a missing one fails instead."""
    missing = importlib.util.find_spec(package) is None
    required = os.environ.get("NICHE_SIM_EXTRAS") == "required"
    return pytest.mark.skipif(
        missing and not required, reason=f"{package} is not installed: pip install 'niche-sim[{extra}]'"
    )
