"""Local processes: the death of one costs its own job, and they neither outlive their parent nor ask for more than fits."""

import itertools
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from waiting import PATIENCE, until

from niche_sim.runs.executors import Gone, Lost, Place, Workers, _threads, local, work


def square(number):
    return number * number


def die_of(job):
    """Ends its process at the words "always" and, the first time, at a path that is not there yet."""
    if job == "always":
        os._exit(1)
    if isinstance(job, Path) and not job.exists():
        job.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return job


def refuse(job):
    raise ValueError(f"not {job}\nat all")


def test_every_job_has_its_answer():
    with local(2) as place:
        assert dict(work(iter(range(7)), square, place)) == {n: n * n for n in range(7)}


def test_a_dead_process_costs_its_own_job_and_that_only_after_the_second_time(tmp_path):
    once = [tmp_path / name for name in "ab"]
    jobs = [1, once[0], "always", 2, once[1], 3, 4]
    with local(2) as place:
        found = dict(work(iter(jobs), die_of, place))
    assert found.pop("always") == Lost("the system ended its process twice, perhaps for want of memory")
    assert found == {job: job for job in jobs if job != "always"}


def test_other_processes_go_on_when_one_dies(tmp_path):
    """Of two processes one dies; the other is still the same one afterwards."""
    with local(2) as place:
        before = met(place.executor, tmp_path / "before")
        assert len(before) == 2
        assert dict(work(iter(["always"]), die_of, place))["always"].why.startswith("the system ended its process twice")
        after = met(place.executor, tmp_path / "after")
    assert len(before & after) == 1


def met(executor, folder):
    """The processes that two jobs run in, neither of which ends before the other has begun."""
    folder.mkdir()
    return {future.result() for future in [executor.submit(meet, folder) for _ in range(2)]}


def meet(folder):
    (folder / f"{os.getpid()}").touch()
    until(lambda: len(list(folder.iterdir())) == 2)
    return os.getpid()


def test_what_a_function_raises_is_a_line():
    with local(1) as place:
        assert list(work(iter(["x"]), refuse, place)) == [("x", Lost("ValueError: not x at all"))]


def test_jobs_are_taken_only_as_there_is_room():
    taken = []
    jobs = (taken.append(n) or n for n in itertools.count())
    with ThreadPoolExecutor(2) as executor:
        results = work(jobs, square, Place(executor, lambda: 3))
        for done, _ in enumerate(itertools.islice(results, 50), 1):
            assert len(taken) <= done + 3 + 2  # those at work, and those that ended with this one
        results.close()


def test_an_executor_that_is_gone_is_said():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(Gone, match="the cluster left"):
        list(work(iter([1]), square, Place(executor, lambda: 1, gone=lambda: "the cluster left")))


def is_alive(pid):
    """Whether a process that is nobody's child any more still runs; one that only waits to be buried does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.is_file() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_processes_end_when_their_parent_is_killed(tmp_path):
    code = (
        "import os, time\nfrom niche_sim.runs.executors import Workers\n"
        "if __name__ == '__main__':\n"
        "    pool = Workers(2)\n"
        "    jobs = [pool.submit(time.sleep, 0.1) for _ in range(2)]\n"
        "    print(*(child.pid for lane in pool._lanes for child in lane.context.started), flush=True)\n"
        "    [job.result() for job in jobs]\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, timeout=PATIENCE)
    assert done.returncode == -signal.SIGKILL
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    until(lambda: not any(is_alive(pid) for pid in pids))


def test_ended_at_once_on_an_exception():
    def interrupted():
        with local(2) as place:
            place.executor.submit(time.sleep, 20 * PATIENCE)
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - began < PATIENCE  # not the hour of the job


def test_more_jobs_than_processes_wait_their_turn():
    pool = Workers(2)
    assert sorted(future.result() for future in [pool.submit(square, n) for n in range(5)]) == [0, 1, 4, 9, 16]
    pool.shutdown()


SCRIPT = """
import tempfile
from pathlib import Path
from niche_sim.runs import cohort
print("begins")
made = cohort.plan("liver_education_costasilva2015", ["pbs"], mice=2,
                   overrides={"run.duration": "6 h", "section.width": "0.6 mm", "section.height": "0.6 mm"})
with tempfile.TemporaryDirectory() as folder:
    print(cohort.run([made], Path(folder), 2))
"""


@pytest.mark.mice
@pytest.mark.parametrize("way", ["a file", "standard input"])
def test_a_script_without_a_main_part_runs_once(tmp_path, way):
    """Processes that ran it again would each start processes; from standard input there would be nothing to run."""
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    words, given = (["script.py"], None) if way == "a file" else ([], SCRIPT)
    done = subprocess.run(
        [sys.executable, *words], input=given, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "begins\n[]\n", "")


def test_a_cluster_is_given_two_jobs_for_each_of_its_threads():
    class Client:
        status = "running"

        def ncores(self):
            return {"tcp://one": 3, "tcp://two": 4}

    assert _threads(Client())() == 14
