"""A run as AnnData: every cell once, in its place, with its state, its fields and where it came from."""

import dataclasses
import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from extras import needs

from niche_sim.engine.errors import InputError
from niche_sim.exports import spatial
from niche_sim.model.cells import POPULATIONS, TumourCell
from niche_sim.model.state import FIELDS
from niche_sim.runs import record as records

pytestmark = needs("anndata", "anndata")
SMALL = {"section.width": "600 um", "section.height": "700 um", "run.duration": "22 day"}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A mouse a day after its challenge, on disk and as it was."""
    folder = tmp_path_factory.mktemp("run")
    record = records.run(arm="educated", overrides=SMALL)
    record.save(folder)
    return folder, record


@pytest.fixture(scope="module")
def made(kept):
    return spatial.to_anndata(records.load_record(kept[0]))


def test_every_cell_with_a_place_is_there_once(kept, made):
    shot = kept[1].snapshots[22 * 24.0]
    elsewhere = json.loads(made.uns["niche_sim"]["without_a_place"])
    for kind in POPULATIONS:
        there = np.isfinite(shot[f"{kind.population}_y"])
        mine = made.obs["population"] == kind.population
        assert mine.sum() == there.sum()
        assert elsewhere.get(f"528h {kind.population}", 0) == (~there).sum()
        np.testing.assert_array_equal(made.obs["unique_id"][mine], shot[f"{kind.population}_unique_id"][there])
    assert made.obs_names.is_unique


def test_cells_in_blood_have_no_place_and_are_counted(kept):
    record = kept[1]
    shot = dict(record.snapshots[528.0])
    shot["tumour_cells_y"] = np.where(np.arange(len(shot["tumour_cells_y"])) < 2, np.nan, shot["tumour_cells_y"])
    made = spatial.to_anndata(dataclasses.replace(record, snapshots={528.0: shot}))
    assert json.loads(made.uns["niche_sim"]["without_a_place"]) == {"528h tumour_cells": 2}
    assert (made.obs["population"] == "tumour_cells").sum() == len(shot["tumour_cells_y"]) - 2
    assert np.isfinite(made.obsm["spatial"]).all()


def test_places_are_um_with_x_first(kept, made):
    shot, spacing = kept[1].snapshots[22 * 24.0], 20.0
    mine = (made.obs["population"] == "stellate_cells").to_numpy()
    np.testing.assert_allclose(made.obsm["spatial"][mine, 0], shot["stellate_cells_x"] * spacing)
    np.testing.assert_allclose(made.obsm["spatial"][mine, 1], shot["stellate_cells_y"] * spacing)
    # 600 um wide and 700 um high: a mixed-up axis would pass one of the edges.
    assert 590.0 < made.obsm["spatial"][:, 0].max() <= 600.0
    assert 690.0 < made.obsm["spatial"][:, 1].max() <= 700.0


def test_numbers_of_state_have_units_and_are_nan_where_a_kind_has_none(kept, made):
    shot = kept[1].snapshots[22 * 24.0]
    mine = (made.obs["population"] == "kupffer_cells").to_numpy()
    np.testing.assert_array_equal(made[mine, "load"].X.ravel(), shot["kupffer_cells_load"])
    assert np.isnan(made[mine, "emt"].X).all()
    assert made.var.loc["load", ["unit", "of", "populations"]].tolist() == [
        "vesicle", "cell", "kupffer_cells, resident_recipient_cells",
    ]  # fmt: skip
    tumour = (made.obs["population"] == "tumour_cells").to_numpy()
    names = np.array(TumourCell.state.names)[shot["tumour_cells_state"][np.isfinite(shot["tumour_cells_y"])]]
    np.testing.assert_array_equal(made.obs["state"][tumour].astype(str), names)
    assert tumour.sum() > 0
    assert {"key", "clone", "host", "y", "x"}.isdisjoint(made.var_names)


def test_each_cell_knows_the_fields_at_its_site(kept, made):
    shot = kept[1].snapshots[22 * 24.0]
    for name in FIELDS:
        np.testing.assert_array_equal(made.uns["fields"][name], shot[f"field_{name}"])
        assert made.uns["field_units"][name] == FIELDS[name][0]
    x, y = (made.obsm["spatial"] / made.uns["spacing_um"]).astype(int).T
    shape = shot["field_fibronectin"].shape
    y, x = np.minimum(y, shape[0] - 1), np.minimum(x, shape[1] - 1)
    assert np.ptp(shot["field_fibronectin"]) > 0.1
    np.testing.assert_array_equal(made[:, "field_fibronectin"].X.ravel(), shot["field_fibronectin"][y, x])
    assert not np.isnan(made[:, made.var["of"] == "field"].X).any()


def test_it_says_where_it_comes_from(kept, made):
    told = made.uns["niche_sim"]
    assert told["run_hash"] == kept[1].run_hash
    assert json.loads(told["provenance"])["parameters"] == kept[1].provenance["parameters"]


def test_one_moment_or_all(kept):
    record = records.load_record(kept[0])
    early = spatial.to_anndata(record, 168.0)
    assert set(early.obs["time_h"]) == {168.0}
    assert "tumour_cells" not in set(early.obs["population"])
    whole = spatial.all_to_anndata(record)
    assert set(whole.obs["time_h"]) == set(record.snapshots) == {0.0, 168.0, 336.0, 504.0, 528.0}
    assert whole.obs_names.is_unique
    np.testing.assert_array_equal(
        whole.uns["fields"]["168h"]["fibronectin"], record.snapshots[168.0]["field_fibronectin"]
    )
    with pytest.raises(InputError, match="no snapshot of day 3; one of days 0, 7, 14, 21, 22"):
        spatial.to_anndata(record, 72.0)


# --- the command, and who opens it ------------------------------------------------------------------------------------


def test_export_writes_what_is_read_again(call, kept, made, tmp_path):
    import anndata

    done = call("export", kept[0], "-o", "here/run.h5ad")
    assert (done.code, done.err) == (0, [])
    assert f"Day 22: {made.n_obs:,} cells" in done.out
    again = anndata.read_h5ad(tmp_path / "here" / "run.h5ad")
    np.testing.assert_array_equal(again.X, made.X)
    np.testing.assert_array_equal(again.obsm["spatial"], made.obsm["spatial"])
    assert again.obs["state"].tolist() == made.obs["state"].tolist()
    np.testing.assert_array_equal(again.uns["fields"]["tgfb"], made.uns["fields"]["tgfb"])
    assert not list((tmp_path / "here").glob("*.part*"))
    assert call("export", kept[0], "-o", "all.h5ad", "--at", "all").code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nowhere"], "DIR nowhere: no summary.json in it"),
        (["{run}", "-o", "run.csv"], "-o: 'run.csv'; a file that ends in .h5ad"),
        (["{run}", "--at", "3"], "--at: no snapshot of day 3"),
        (["{run}", "--at", "soon"], "--at: "),
        (["{run}", "-o", "{run}/there.h5ad"], "-o "),
    ],
)
def test_bad_input_is_one_line(call, kept, options, said):
    (kept[0] / "there.h5ad").touch()
    done = call("export", *(option.format(run=kept[0]) for option in options))
    assert done.code == 2
    assert len(done.err) == 1
    assert done.err[0].startswith(f"niche-sim: {said}")


def test_without_anndata_it_says_what_brings_it(kept, monkeypatch):
    monkeypatch.setitem(sys.modules, "anndata", None)
    with pytest.raises(InputError, match=r"anndata is not installed; pip install 'niche-sim\[anndata\]'"):
        spatial.to_anndata(kept[1])


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("scanpy", "squidpy")),
    reason="scanpy and squidpy are not installed: large, and no part of the extra",
)
def test_scanpy_and_squidpy_open_it(call, kept, tmp_path):
    """In a process of their own: they warn of much that is not ours."""
    assert call("export", kept[0], "-o", "run.h5ad").code == 0
    code = """
import scanpy as sc, squidpy as sq
a = sc.read_h5ad("run.h5ad")
fields = a[:, a.var["of"] == "field"].copy()
sc.pp.pca(fields, n_comps=3)
cells = a[a.obs["population"].isin(["kupffer_cells", "stellate_cells", "bmdc"])].copy()
cells.obs["population"] = cells.obs["population"].cat.remove_unused_categories()
sq.gr.spatial_neighbors(cells, coord_type="generic", radius=60.0)
sq.gr.nhood_enrichment(cells, "population", n_perms=50, seed=1, show_progress_bar=False)
sq.gr.spatial_neighbors(fields, coord_type="generic", n_neighs=6)
sq.gr.spatial_autocorr(fields, mode="moran", genes=["field_fibronectin"])
moran = fields.uns["moranI"].loc["field_fibronectin", "I"]
print(fields.obsm["X_pca"].shape[1], cells.uns["population_nhood_enrichment"]["zscore"].shape, moran > 0.5)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[-2] == "3 (3, 3) True"
