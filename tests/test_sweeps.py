"""Sweeps: the same data set however it is made, stopped, shared or killed; what fails is told and costs nothing else."""

import contextlib
import errno
import gc
import json
import os
import random
import signal
import subprocess
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from small_sweeps import FAILED, REFUSED, RUNS, TINY, TOML, assert_same, contents, planned, swept
from waiting import PATIENCE

import niche_sim
from niche_sim.engine.errors import InputError
from niche_sim.runs import sweeps
from niche_sim.runs.executors import Workers, here
from niche_sim.runs.record import part_name
from niche_sim.runs.sweeps import tables

MOMENTS = 20  # at which a sweep is killed
BITS = int(os.environ.get("NICHE_SIM_BITS", "8"))  # that are flipped; the whole proof was made with 60


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    path = tmp_path_factory.mktemp("plan") / "PLAN.toml"
    path.write_text(TOML, encoding="utf-8")
    return sweeps.read_plan(path)


@pytest.fixture(scope="module")
def undisturbed(plan, tmp_path_factory):
    """The folder of a sweep of two processes that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    seen = []
    found = sweeps.sweep(plan, folder, workers=2, watch=seen.append)
    assert found.count == (RUNS - FAILED, FAILED, 0)
    assert seen[0] == (0, 0, 0, RUNS)
    assert (seen[-1].done, seen[-1].failed, seen[-1].total) == (RUNS - FAILED, FAILED, RUNS)
    return folder


# --- what it leaves --------------------------------------------------------------------------------------------------


def test_tables_are_tidy_and_have_units(undisturbed):
    table = pd.read_parquet(undisturbed / "runs.parquet")
    head = ["run_hash", "point", "arm", "seed", "tgfb.half_life", "liver.lobule_radius", "anti_mif.from"]
    end = ["exosomes_taken_up", "tgfb_mean", "onset_priming"]
    assert list(table.columns) == [*head, *end, "exosomes_taken_up_day_0.5", "tgfb_mean_day_0.5"]
    assert len(table) == RUNS - FAILED == table.run_hash.nunique()
    assert set(table["anti_mif.from"].dropna()) == {0.0, 0.25}
    assert table[table.arm != "anti_mif"]["anti_mif.from"].isna().all()
    schema = pq.read_schema(undisturbed / "runs.parquet")
    units = {name: schema.field(name).metadata[b"unit"].decode() for name in schema.names}
    assert units["tgfb.half_life"] == "min"
    assert units["anti_mif.from"] == "day"
    assert (units["exosomes_taken_up"], units["onset_priming"], units["arm"]) == ("vesicle", "h", "")
    notes = json.loads(schema.metadata[b"niche_sim"])
    assert notes["plan"]["arms"] == ["pbs", "educated", "anti_mif"]
    assert notes["code"] == niche_sim.runs.identity.code_digest()


def test_what_is_in_the_tables_is_what_the_runs_were(plan, undisturbed):
    table = pd.read_parquet(undisturbed / "runs.parquet").set_index("run_hash")
    series = pd.read_parquet(undisturbed / "series.parquet")
    jobs = {run.name: run for run in plan.runs() if run.job is not None}
    for name, row in list(table.iterrows())[::5]:
        model = jobs[name].job.model().run_to_end()
        rows = model.rows
        assert row.tgfb_mean == rows["tgfb_mean"][-1]
        assert row["tgfb_mean_day_0.5"] == rows["tgfb_mean"][rows["time_h"].index(12.0)]
        own = series[series.run_hash == name]
        assert own.time_h.tolist() == rows["time_h"]
        assert own.exosomes_taken_up.tolist() == rows["exosomes_taken_up"]
    assert list(series.columns) == ["run_hash", "arm", "seed", "time_h", "exosomes_taken_up", "tgfb_mean"]


def test_failures_are_rows_with_their_error(undisturbed):
    table = pd.read_parquet(undisturbed / "failures.parquet")
    assert len(table) == FAILED
    early = table["anti_mif.from"] == 30.0
    assert table[early].error.str.contains("later than from").all()
    assert table[~early].error.str.contains("at least one lobule").all()
    assert set(table[~early]["liver.lobule_radius"]) == {900.0}


@pytest.mark.parametrize("opener", ["polars", "duckdb"])
def test_others_open_it_in_one_line(undisturbed, opener):
    library = pytest.importorskip(opener)
    file = str(undisturbed / "runs.parquet")
    rows = library.read_parquet(file)
    assert (rows.height if opener == "polars" else len(rows)) == RUNS - FAILED


def test_values_stand_in_the_order_of_points_and_seeds(plan, undisturbed):
    found = sweeps.load(undisturbed)
    assert found.count == (RUNS - FAILED, FAILED, 0)
    table = found.runs.to_pandas()
    values = found.values("tgfb_mean", "educated")
    assert values.shape == (plan.points, 2) == (12, 2)
    for half_life, points in ((3.0, slice(0, 3)), (30.0, slice(6, 9))):
        mine = table[(table.arm == "educated") & (table["tgfb.half_life"] == half_life)]
        assert values[points].tolist() == [mine.tgfb_mean.tolist()] * 3  # the axis of anti_mif does not touch it
    assert np.isnan(values[3:6]).all()  # too large lobules
    at = found.values("tgfb_mean", "educated", at=12.0)
    assert at[0, 0] == table[table.arm == "educated"]["tgfb_mean_day_0.5"].iloc[0]
    times, curves = found.curves("tgfb_mean", "educated")
    assert times[-1] == 24.0
    np.testing.assert_array_equal(curves[:, :, -1], values)
    assert np.isnan(found.values("onset_priming", "pbs")).all()
    for wrong in (("colonies", "pbs"), ("tgfb_mean", "pbss"), ("tgfb_mean", "pbs", 13.0)):
        with pytest.raises(InputError):
            found.values(*wrong)


def test_what_is_looked_at_may_change_without_running_anything(undisturbed, plan, tmp_path):
    copied = copy(undisturbed, tmp_path / "copy")
    other = sweeps.plan(
        plan.experiment,
        **{k: v for k, v in plan.content.items() if k not in ("scenario", "series")}
        | {"at": ["6 h", "18 h"], "readouts": ["ccl2"]},
    )
    seen = []
    found = swept(other, copied, watch=seen.append)
    assert seen[-1].ran == FAILED - REFUSED  # only those that failed in a mouse are tried again
    assert {"ccl2", "ccl2_day_0.25", "ccl2_day_0.75"} < set(found.runs.column_names)
    assert not (copied / "series.parquet").exists()


def copy(folder, to):
    for name, data in contents(folder).items():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes(data)
    return to


# --- the same data set however it is made ----------------------------------------------------------------------------


def test_one_process_gives_the_bits_of_two(plan, undisturbed, tmp_path):
    assert niche_sim.sweep(plan, tmp_path, workers=1).count.missing == 0
    assert_same(tmp_path, undisturbed)


def test_shards_give_the_bits_of_a_whole(plan, undisturbed, tmp_path):
    counts = [swept(plan, tmp_path, shard=f"{number}/3").count for number in (2, 3, 1)]
    assert counts[0].total + counts[1].total < RUNS
    assert min(count.total for count in counts[:2]) > 4  # of about 13
    assert counts[2] == (RUNS - FAILED, FAILED, 0)  # the last one gathers all
    assert_same(tmp_path, undisturbed)


def test_a_sweep_that_is_there_runs_nothing(undisturbed, plan, tmp_path):
    folder = copy(undisturbed, tmp_path / "copy")
    seen = []
    place = sweeps.Place(None, lambda: 1)  # of no use
    good = planned(arms=["pbs"], seeds=2)
    swept(good, folder)
    assert sweeps.sweep(good, folder, place=place, watch=seen.append).count == (2, 0, 0)
    assert seen[-1] == (2, 0, 0, 2)


@pytest.mark.mice
def test_two_sweeps_of_one_folder_at_once(plan, undisturbed, tmp_path):
    code = (
        "import sys\nfrom niche_sim.runs import sweeps\n"
        "if __name__ == '__main__':\n"
        "    from concurrent.futures import ThreadPoolExecutor\n"
        "    with ThreadPoolExecutor(1) as pool:\n"
        "        found = sweeps.sweep(sys.argv[1], sys.argv[2], place=sweeps.Place(pool, lambda: 1))\n"
        "    print(*found.count)\n"
    )
    path = tmp_path / "PLAN.toml"
    path.write_text(TOML, encoding="utf-8")
    other = tmp_path / "OTHER.toml"
    other.write_text(TOML.replace("seeds = 2", "seeds = 3"), encoding="utf-8")
    folder = tmp_path / "out"
    arguments = [sys.executable, "-c", code]
    running = [subprocess.Popen([*arguments, p, folder], stdout=subprocess.PIPE, text=True) for p in (path, path, other)]
    told = [process.communicate(timeout=PATIENCE)[0].split() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert told == [["16", "24", "0"], ["16", "24", "0"], ["24", "36", "0"]]
    assert pq.read_table(folder / "runs.parquet").num_rows in (16, 24)
    assert len(list((folder / "runs").iterdir())) == 24
    for file in (folder / "runs").iterdir():
        sweeps.read_part(file.read_bytes(), file.stem)
    sweeps.collect(plan, folder)
    assert (folder / "runs.parquet").read_bytes() == (undisturbed / "runs.parquet").read_bytes()


# --- nothing is lost -------------------------------------------------------------------------------------------------

# Where a sweep is killed, counted in its own events since it began or went on: at the n-th step of any mouse; half way
# through the n-th part that is written; after the n-th time that rows of a table are. Each list is one folder.
KILLS = (
    (("step", 7), ("part", 1), ("step", 60), ("part", 3), ("part", 2), ("step", 1), ("part", 4), ("table", 1), ("table", 2)),
    (("part", 2), ("step", 25), ("part", 1), ("step", 100), ("part", 5), ("step", 48), ("part", 2), ("table", 3)),
    (("table", 1), ("table", 2), ("table", 3)),
)
DRIVER = '''
import json, multiprocessing, os, signal, sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from niche_sim.runs import sweeps
from niche_sim.runs.sweeps import tables

def die():
    os.killpg(0, signal.SIGKILL)

def kill_at(kind, number):
    """From now on this process and those it starts are killed at the n-th event of a kind."""
    steps, calls = multiprocessing.Value("i", 0), [0]
    if kind == "step":
        made = sweeps.Job.model

        def model(job):
            mouse = made(job)
            step = mouse.step

            def counted():
                with steps.get_lock():
                    steps.value += 1
                    if steps.value == number:
                        die()
                step()

            mouse.step = counted
            return mouse

        sweeps.Job.model = model
    elif kind == "part":
        write = Path.write_bytes

        def half(path, data):
            calls[0] += ".parquet.part-" in path.name
            if calls[0] == number:
                write(path, data[: len(data) // 2])
                die()
            return write(path, data)

        Path.write_bytes = half
    else:
        add = tables._Table._write

        def rows(table):
            add(table)
            calls[0] += 1
            if calls[0] == number:
                die()

        tables._Table._write = rows

def run(plan, folder, kind, number):
    kill_at(kind, number)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        sweeps.sweep(plan, folder, place=sweeps.Place(pool, lambda: 2))
    os._exit(0)

if __name__ == "__main__":
    plan, folder = sweeps.read_plan(sys.argv[1]), Path(sys.argv[2])
    next(plan.runs()).job.model().run_to_end()  # what is compiled is loaded, too
    for number, kills in enumerate(json.loads(sys.argv[3])):
        here = folder / str(number)
        for kill in kills:
            child = os.fork()
            if child == 0:
                os.setpgid(0, 0)
                run(plan, here, *kill)
            _, status = os.waitpid(child, 0)
            assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (kill, status)
            print(number, len(list((here / "runs").glob("*.parquet"))), len(list(here.rglob("*.part-*"))), flush=True)
'''


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="process groups are killed as POSIX does it")
def test_killed_twenty_times_it_ends_with_the_same_data_set(plan, undisturbed, tmp_path):
    """Each time the whole process group: while mice are stepped, amid the writing of a part, amid the tables.

    The libraries are imported once, before the sweeps are forked. The moments are those of `KILLS`, however fast the machine.
    """
    driver, path, folder = tmp_path / "driver.py", tmp_path / "PLAN.toml", tmp_path / "out"
    driver.write_text(DRIVER)
    path.write_text(TOML, encoding="utf-8")
    arguments = [sys.executable, driver, path, folder, json.dumps(KILLS)]
    told = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, timeout=10 * PATIENCE, check=True).stdout.splitlines()
    found = [tuple(map(int, line.split())) for line in told]
    kinds = [kind for kills in KILLS for kind, _ in kills]
    assert len(found) == len(kinds) == MOMENTS
    assert found == sorted(found, key=lambda kill: kill[:2]), "a part that was there is gone"
    assert all(kill[2] >= 1 for kill, kind in zip(found, kinds, strict=True) if kind != "step")  # amid the writing
    assert {kill[1] for kill, kind in zip(found, kinds, strict=True) if kind == "table"} == {RUNS - FAILED}
    for one in folder.iterdir():
        swept(plan, one)
        assert_same(one, undisturbed)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are killed as POSIX does it")
def test_the_command_killed_ends_with_the_same_data_set(plan, undisturbed, tmp_path):
    """The same with the real command and its spawned processes, killed three times."""
    from small_sweeps import command

    path = tmp_path / "PLAN.toml"
    path.write_text(TOML, encoding="utf-8")
    folder = tmp_path / "out"
    for kill in range(1, 4):
        process = command(path, "-o", folder, "--workers", 2)
        wait_for(lambda least=2 * kill: len(list((folder / "runs").glob("*.parquet"))) >= least, process)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    swept(plan, folder)
    assert_same(folder, undisturbed)


def wait_for(there, process):
    deadline = time.monotonic() + PATIENCE
    while not there() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Deadly(Workers):
    """Processes that die of some runs, given by their names: as often as it says."""

    def __init__(self, deaths):
        super().__init__(2)
        self.deaths = deaths

    def submit(self, fn, job):
        if self.deaths.get(job.name, 0):
            self.deaths[job.name] -= 1
            return super().submit(os._exit, 1)
        return super().submit(fn, job)


@pytest.mark.mice
def test_a_run_that_kills_its_process_is_set_aside_and_the_rest_goes_on(tmp_path):
    plan = planned()
    names = [run.name for run in plan.runs()]
    place = sweeps.Place(Deadly({names[1]: 1, names[3]: 2}), lambda: 2)
    with place.executor:
        found = sweeps.sweep(plan, tmp_path, place=place)
    assert found.count == (5, 1, 0)
    (failure,) = found.failures
    assert (failure["run_hash"], failure["arm"], failure["seed"]) == (names[3], "educated", 1)
    assert failure["error"] == "the system ended its process twice, perhaps for want of memory"
    found = swept(plan, tmp_path)  # the next time it is tried again
    assert found.count == (6, 0, 0)
    assert found.failures == []
    assert not list((tmp_path / "failures").iterdir())


@pytest.mark.parametrize("full", ["part", "table", "plan"])
def test_a_full_disk_leaves_what_is_done(full, plan, undisturbed, tmp_path, monkeypatch):
    """The 5th part, or a table, or the plan cannot be written; with room again only what is missing runs."""
    real, written = Path.write_bytes, []

    def no_room(path, *_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def write(path, data):
        written.append(path)
        return no_room(path) if len(written) >= 5 else real(path, data)

    with monkeypatch.context() as broken:
        if full == "part":
            broken.setattr(Path, "write_bytes", write)
        elif full == "plan":
            broken.setattr(Path, "write_text", no_room)
        else:
            broken.setattr(tables._Table, "_write", no_room)
        with pytest.raises((sweeps.Stopped, InputError)) as caught:
            swept(plan, tmp_path)
    assert "no space left on device" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, InputError) == (full == "plan")
    assert not [name for name in contents(tmp_path) if ".part-" in name or name == "runs.parquet"]
    done = len(list((tmp_path / "runs").glob("*")))
    assert done == {"part": 4, "table": RUNS - FAILED, "plan": 0}[full]
    seen = []
    swept(plan, tmp_path, watch=seen.append)
    assert seen[-1].ran == RUNS - done - REFUSED
    assert_same(tmp_path, undisturbed)


@pytest.mark.parametrize("damage", [b"", b"PAR1 and nothing more", None])
def test_a_part_that_is_not_whole_is_run_again(damage, plan, undisturbed, tmp_path):
    """As a power cut may leave it, after which a file has its name but not its bytes."""
    folder = copy(undisturbed, tmp_path / "copy")
    part = min((folder / "runs").iterdir())
    part.write_bytes(part.read_bytes()[:-9] if damage is None else damage)
    swept(plan, folder)
    assert_same(folder, undisturbed)


def test_flipped_bits_are_found_said_and_run_again(plan, undisturbed, tmp_path):
    """One in each of some parts, in the parts of `BITS` sweeps together; all that a sweep leaves is as undisturbed."""
    places = random.Random(12)
    folder, left = copy(undisturbed, tmp_path / "copy"), BITS
    while left:
        parts = places.sample(sorted((folder / "runs").iterdir()), min(left, 12))
        left -= len(parts)
        for part in parts:
            data = bytearray(part.read_bytes())
            data[places.randrange(len(data))] ^= 1 << places.randrange(8)
            part.write_bytes(data)
        assert sweeps.count(plan, folder).done == RUNS - FAILED - len(parts)
        said, seen = [], []
        swept(plan, folder, report=said.append, watch=seen.append)
        assert_same(folder, undisturbed)
        (line,) = said
        assert line.startswith(f"{folder}: {len(parts)} kept files were damaged, another run's")
        assert seen[-1].ran == len(parts) + FAILED - REFUSED


def test_a_part_in_the_place_of_another_run_is_run_again(plan, undisturbed, tmp_path, caplog):
    folder = copy(undisturbed, tmp_path / "copy")
    first, second, *_ = sorted((folder / "runs").iterdir())
    first.write_bytes(second.read_bytes())
    with pytest.raises(ValueError, match="its digest does not fit"):
        sweeps.read_part(first.read_bytes(), first.stem)
    found = sweeps.collect(plan, folder)
    assert found.count.missing == 1
    assert found.runs.num_rows == RUNS - FAILED - 1
    swept(plan, folder)
    assert_same(folder, undisturbed)
    assert [record.getMessage() for record in caplog.records] == [
        f"{folder}: 1 kept file was damaged, another run's or of an earlier niche_sim, and {then}: {first.name}"
        for then in ("without a row until the sweep is run again", "run again")
    ]


def test_tables_that_were_changed_are_made_from_the_parts_again(plan, undisturbed, tmp_path):
    folder = copy(undisturbed, tmp_path / "copy")
    for name in ("runs.parquet", "series.parquet", "failures.parquet"):
        (folder / name).write_bytes(b"something else")
    sweeps.collect(plan, folder)
    assert_same(folder, undisturbed)


def test_half_written_files_of_dead_processes_are_cleared(plan, undisturbed, tmp_path):
    folder = copy(undisturbed, tmp_path / "copy")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    ours = part_name("x.parquet")
    stale = folder / "runs" / ours.replace(str(os.getpid()), str(dead.pid))
    old = folder / "runs" / "y.parquet.part-elsewhere-1"
    elsewhere = folder / "runs" / "z.parquet.part-elsewhere-4194305"  # no process here has that number
    alive = folder / "runs" / ours
    for file in (stale, old, elsewhere, alive):
        file.touch()
    os.utime(old, (0, 0))
    swept(plan, folder)
    assert (stale.exists(), old.exists(), elsewhere.exists(), alive.exists()) == (False, False, True, True)


def test_the_queue_never_holds_all_runs(tmp_path, monkeypatch):
    """Of 100,000 points only so many runs are made as there is room for."""
    plan = planned(arms=["pbs"], seeds=1, design="latin", samples=100_000, vary={"tgfb.half_life": "register"})
    made = []
    real = sweeps.Plan._setup

    def counted(self, *rest):
        made.append(1)
        assert len(made) < 20
        return real(self, *rest)

    monkeypatch.setattr(sweeps.Plan, "_setup", counted)

    class Enough(Exception):
        pass

    def look(done):
        assert len(made) <= done.done + 3
        if done.done == 5:
            raise Enough

    with pytest.raises(Enough), here() as place:
        sweeps.sweep(plan, tmp_path, place=place, watch=look)
    assert plan.total == 100_000


def test_a_run_leaves_no_memory_behind(monkeypatch):
    """Not until Python looks for circles, but at once: else workers grow from run to run."""
    (run, *_) = planned(arms=["educated"]).runs()
    states = []
    real = sweeps.Job.model

    def model(job):
        made = real(job)
        states.append(weakref.ref(made.state))
        return made

    monkeypatch.setattr(sweeps.Job, "model", model)
    gc.disable()
    try:
        assert sweeps.run_one(run.job).why == ""
        assert [state() for state in states] == [None]
    finally:
        gc.enable()


SAME = """
title = "The same, twice."
question = "Is it computed once?"
organ = "liver"
schedule = "default"
section = { width = "0.6 mm", height = "0.6 mm", spacing = "20 um" }
run = { duration = "1 day", step = "1 h", record = "6 h" }
[arms.pbs]
protocol = [{ do = "inject_exosomes", source = "pdac", amount = "5 ug", at = "0 day" }]
[arms.again]
like = "pbs"
add = []
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_run_twice_is_computed_once_and_has_a_row_for_each(workers, tmp_path):
    """Values that are there twice, in one unit or two, and two arms in which the same is done."""
    own = tmp_path / "liver_same \N{MOUSE} \"a\" \\ b" / "scenario.toml"
    own.parent.mkdir()
    own.write_text(SAME, encoding="utf-8")
    plan = sweeps.plan(
        own, arms=["pbs", "again"], seeds=2, readouts=["exosomes_taken_up"],
        vary={"tgfb.half_life": {"values": ["2 min", "3 min", "120 s"]}},
        vary_protocol={"pbs": {"amount": {"values": np.array(["5 ug", "3 ug", "5000 ng"])}}},
    )  # fmt: skip
    seen, ran = [], []

    class Counting(ThreadPoolExecutor):
        def submit(self, fn, job):
            ran.append(job.name)
            return super().submit(fn, job)

    with Counting(workers) as executor:
        place = sweeps.Place(executor, lambda: workers)
        found = sweeps.sweep(plan, tmp_path / "out", place=place, watch=seen.append)
    assert found.count == (3 * 3 * 2 + 3 * 2, 0, 0) == (plan.total, 0, 0)
    assert len(ran) == len(set(ran)) == 2 * 2 * 2  # half-lives, amounts, seeds
    assert seen[-1] == (plan.total, 0, 8, plan.total)
    table = found.runs.to_pandas()
    assert len(table) == plan.total
    pbs, again = found.values("exosomes_taken_up", "pbs"), found.values("exosomes_taken_up", "again")
    grid = pbs.reshape(3, 3, 2)
    assert np.array_equal(grid[:, 0], grid[:, 2])
    assert np.array_equal(grid[0], grid[2])
    assert np.array_equal(again.reshape(3, 3, 2)[:, 0], grid[:, 0])
    assert not np.array_equal(grid[:, 0], grid[:, 1])
    with place_that_fails() as place:
        assert sweeps.sweep(sweeps.plan_of(tmp_path / "out"), tmp_path / "out", place=place).count == found.count
    assert sweeps.plan_of(tmp_path / "out").content == plan.content


def place_that_fails():
    return contextlib.nullcontext(sweeps.Place(None, lambda: 1))


def test_a_run_that_fails_is_tried_once_whatever_it_stands_for(tmp_path):
    plan = planned(arms=["pbs"], seeds=1, vary={"liver.lobule_radius": {"values": ["900 um", "0.9 mm", "900 um"]}})
    seen = []
    found = swept(plan, tmp_path, watch=seen.append)
    assert found.count == (0, 3, 0)
    assert seen[-1] == (0, 3, 1, 3)
    assert [row["point"] for row in found.failures] == [0, 1, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers: 0; a whole number from 1"),
        ({"workers": 1, "scheduler": "tcp://127.0.0.1:1"}, "scheduler: beside workers; one of them"),
        ({"shard": "0/2"}, "shard: '0/2'; i/n with i from 1 to n, such as 1/10"),
        ({"shard": "1"}, "shard: '1'; i/n with"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message, tmp_path):
    with pytest.raises(InputError) as caught:
        sweeps.sweep(planned(), tmp_path / "out", **options)
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="a folder that can be written"):
        swept(planned(), tmp_path / "file")
    with pytest.raises(InputError, match=r"no plan.toml in it; a folder that `niche-sim sweep` wrote"):
        sweeps.load(tmp_path)


def test_status_counts_what_is_there(tmp_path):
    plan = planned(arms=["pbs"], seeds=3)
    store = tmp_path
    with ThreadPoolExecutor(1) as pool:
        results = []

        def look(done):
            results.append(done)
            if done.ran == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            sweeps.sweep(plan, store, place=sweeps.Place(pool, lambda: 1), watch=look)
    assert sweeps.count(plan, store) == (2, 0, 1)
    assert swept(plan, store).count == (3, 0, 0)
    assert TINY["run.duration"] == "1 day"


def test_what_is_expected_of_tumour_cells_is_a_readout_as_any_other(tmp_path):
    asked = planned(
        arms=["pbs"], seeds=1, readouts=["receptivity_mean", "tgfb_mean"], vary={"nk.chance_kill": {"values": [0.02, 0.2]}}
    )
    assert asked.expected and not planned().expected
    found = swept(asked, tmp_path).runs.to_pandas()
    few, many = (found[found["nk.chance_kill"] == value]["receptivity_mean"].item() for value in (0.02, 0.2))
    assert 0.0 < many < few < 1.0  # fewer take root where NK cells kill more
    assert found["tgfb_mean"].notna().all()
