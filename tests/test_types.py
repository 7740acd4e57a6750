"""Names that a rule misspells do not get past mypy; names that are strings are checked here."""

from __future__ import annotations

import ast
import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

import niche_sim
from niche_sim.figures.appearance import KINDS
from niche_sim.model.catalogue import BLOCKS_BY_GROUP, DEPLETABLE, LABELS, Blocked, Loss
from niche_sim.model.cells import BMDC, POPULATIONS, BoneMarrowDerivedCell
from niche_sim.model.state import Counters, State

PACKAGE = Path(niche_sim.__file__).parent
RULE = '''"""A rule."""

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.model.catalogue import Loss
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import exposure_answer
from niche_sim.model.state import State

DORMANT = TumourCell.state.code("dormant")


class Rule(Process):
    """A rule."""

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.hits > p.tumour.half_crowding * state.tgfb.mean() * (1.0 - state.blocked.mif))
        state.kupffer_cells.load[:] = 0
        cells.resistance += exposure_answer(state, p, "mir25")
        state.lose_tumour_cells(rows, Loss.DIED_DORMANT)
        state.counters.tumour_born += len(rows)
'''
MISSPELT = {
    "a column that is read": ("cells.hits", "cells.hit"),
    "a column that is written": ("cells.resistance +=", "cells.resistence +="),
    "a column of another kind of cell": ("kupffer_cells.load", "kupffer_cells.granulin"),
    "the declaration of a column": ("TumourCell.state.code", "TumourCell.stage.code"),
    "a population": ("state.tumour_cells", "state.tumor_cells"),
    "a field": ("state.tgfb", "state.tgf_b"),
    "a block": ("blocked.mif", "blocked.mfi"),
    "a number of the register": ("half_crowding", "half_crowd"),
    "a cargo": ('"mir25"', '"mir26"'),
    "a cause of death": ("Loss.DIED_DORMANT", "Loss.DIED_SLEEPING"),
    "a counter": ("tumour_born", "tumour_bron"),
}


@pytest.mark.slow
def test_mypy_finds_each_misspelt_name_in_a_rule_and_nothing_else(tmp_path):
    files = {"right": RULE} | {
        f"wrong_{n}": RULE.replace(right, wrong) for n, (right, wrong) in enumerate(MISSPELT.values())
    }
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)
    config = PACKAGE.parent / "pyproject.toml"
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), *(f"{tmp_path}/{name}.py" for name in files)]
    told = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=600).stdout
    found = [name for name in files for line in told.splitlines() if f"{name}.py:" in line and ": error:" in line]
    assert found == [name for name in files if name != "right"], told


def test_types_are_shipped():
    assert (PACKAGE / "py.typed").is_file()


def test_every_cause_of_loss_has_its_counter_and_fits_the_table_of_events():
    counters = [loss.counter for loss in Loss]
    assert len(set(counters)) == len(counters) and set(counters) <= set(Counters.__dataclass_fields__)
    assert all(0 < len(loss.cause) <= 24 for loss in Loss)


def test_a_state_holds_every_kind_of_cell_in_the_order_of_the_catalogue(bare):
    assert [rows.cell_type for rows in bare.populations.values()] == list(POPULATIONS)
    for kind in POPULATIONS:
        table = getattr(bare, kind.population)
        assert table is bare.populations[kind.population] and isinstance(table, kind)
        assert (table.stream, table.row_stream) == (kind.stream, kind.row_stream)
    assert isinstance(State.kupffer_cells.kind, type)


def test_the_record_of_a_kind_of_cell_decides_its_label_marker_and_depletion():
    markers = {bmdc.marker for bmdc in BMDC.values()}
    for kind in POPULATIONS:
        assert kind.label == LABELS[kind.population]
        drawn = {look.marker for look in KINDS if look.population == kind.population}
        assert drawn == (markers if kind is BoneMarrowDerivedCell else {kind.marker} - {""})
        assert kind.depletable == (kind.population in DEPLETABLE)
    assert set(DEPLETABLE) - {kind.population for kind in POPULATIONS} == set(BMDC)


def test_the_record_of_a_link_decides_its_label_group_and_meaning():
    for entry in dataclasses.fields(Blocked):
        record = entry.metadata
        assert LABELS[entry.name] == record["label"] and BLOCKS_BY_GROUP[record["group"]][entry.name] == record["meaning"]
    assert sum(map(len, BLOCKS_BY_GROUP.values())) == len(dataclasses.fields(Blocked))


@pytest.mark.parametrize("path", sorted((PACKAGE / "model").rglob("*.py")), ids=lambda path: path.stem)
def test_what_is_given_to_new_cells_are_columns_of_theirs(path):
    """`state.bmdc.add(n, kind=...)` names columns by keyword, of which a type checker knows nothing."""
    declared = {kind.population: {*kind.declared(), "key"} for kind in POPULATIONS}
    anywhere = set.union(*declared.values())
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add":
            holder = node.func.value.attr if isinstance(node.func.value, ast.Attribute) else ""
            given = {keyword.arg for keyword in node.keywords if keyword.arg}
            assert given <= declared.get(holder, anywhere), f"line {node.lineno} of {path.name}"
