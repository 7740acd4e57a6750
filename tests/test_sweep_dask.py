"""Sweeps on Dask: a real scheduler and worker processes on this machine, and what happens when they die."""

import json
import os
import signal
import subprocess
import sys

import pytest
from small_sweeps import FAILED, REFUSED, RUNS, TOML, assert_same, command, swept
from waiting import PATIENCE, until

from niche_sim.engine.errors import InputError
from niche_sim.runs import sweeps

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow


class Cluster:
    """A scheduler and workers of one thread each, as processes that are killed at the end."""

    def __init__(self, folder, workers):
        self.file = folder / "scheduler.json"
        self.log = (folder / "cluster.log").open("w")
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.workers = [
            self._start("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", folder)
            for _ in range(workers)
        ]
        until(self.file.exists)
        self.address = json.loads(self.file.read_text())["address"]

    def _start(self, kind, *arguments):
        code = f"from distributed.cli.dask_{kind} import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", code, "--scheduler-file", str(self.file), *map(str, arguments)],
            stdout=self.log, stderr=self.log,
        )  # fmt: skip

    def close(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self.log.close()


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path, 2)
    yield made
    made.close()


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "PLAN.toml"
    path.write_text(TOML, encoding="utf-8")
    return path


@pytest.fixture
def undisturbed(plan, tmp_path):
    swept(sweeps.read_plan(plan), tmp_path / "undisturbed")
    return tmp_path / "undisturbed"


def parts(folder):
    return len(list((folder / "runs").glob("*.parquet")))


def test_dask_gives_the_bits_of_this_process_and_a_killed_worker_costs_nothing(cluster, plan, undisturbed, tmp_path):
    process = command(plan, "-o", tmp_path / "first", "--scheduler", cluster.address)
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1  # since some of the plan fail
    assert f"{FAILED}" in told or "failed" in told
    assert_same(tmp_path / "first", undisturbed)

    # 48 runs of five days, so that the worker is killed amid them, while it holds some.
    longer = tmp_path / "LONGER.toml"
    text = TOML.replace('"run.duration" = "1 day"', '"run.duration" = "5 day"').replace(
        '"285 um", "900 um"', '"285 um"'
    )
    longer.write_text(text.replace("seeds = 2", "seeds = 6").replace(', "30 day"', ""), encoding="utf-8")
    out = tmp_path / "second"
    process = command(longer, "-o", out, "--scheduler", cluster.address)
    until(lambda: parts(out) >= 5)
    os.kill(cluster.workers[0].pid, signal.SIGKILL)
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, told
    swept(sweeps.read_plan(longer), tmp_path / "third")
    assert_same(out, tmp_path / "third")


def test_a_scheduler_that_dies_is_said_and_the_sweep_goes_on_elsewhere(cluster, plan, tmp_path):
    longer = tmp_path / "LONGER.toml"
    longer.write_text(TOML.replace("seeds = 2", "seeds = 1000"), encoding="utf-8")
    out = tmp_path / "out"
    process = command(longer, "-o", out, "--scheduler", cluster.address)
    until(lambda: parts(out) >= 3)
    cluster.scheduler.kill()
    _, told = process.communicate(timeout=PATIENCE)
    *_, line = [line for line in told.splitlines() if line.startswith("niche-sim: ")]  # before it, how far and how long
    assert process.returncode == 1
    assert line.startswith(
        f"niche-sim: the Dask scheduler at {cluster.address} does not answer any more; what is done is in"
    )
    assert 3 <= parts(out) < 500 * (RUNS - FAILED)
    few, seen = sweeps.read_plan(plan), []  # the first mice of the same
    there = sum((out / "runs" / f"{run.name}.parquet").exists() for run in few.runs())
    assert there >= 1
    assert swept(few, out, watch=seen.append).count.missing == 0
    assert seen[-1].ran == RUNS - REFUSED - there  # those that failed are tried again


def test_an_address_where_nothing_answers_is_one_line(plan, tmp_path, monkeypatch):
    monkeypatch.setattr("niche_sim.runs.executors.PATIENCE", 0.5)
    with pytest.raises(InputError) as caught:
        sweeps.sweep(sweeps.read_plan(plan), tmp_path / "out", scheduler="tcp://127.0.0.1:9")
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_dask_it_is_said_how_to_get_it(plan, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'niche-sim\[dask\]' brings it"):
        sweeps.sweep(sweeps.read_plan(plan), tmp_path / "out", scheduler="tcp://127.0.0.1:9")
