"""Where runs are computed: processes of this machine, this process, or a Dask cluster, all behind `concurrent.futures`.

`work` gives out jobs and outlives the death of some of the processes.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass, field
from multiprocessing.context import SpawnContext, SpawnProcess
from time import monotonic
from typing import Any, Generic, NamedTuple, TypeVar

from niche_sim.engine.errors import InputError
from niche_sim.engine.given import whole
from niche_sim.runs import identity

Job = TypeVar("Job")
Answer = TypeVar("Answer")

DEATHS = 2  # of its process, after which a job is set aside
POLL = 0.2  # s between two questions whether to stop
LOOK_AGAIN = 1.0  # s, after which the executor is asked anew how much it takes and whether it is still there
PATIENCE = 10  # s, for a Dask scheduler to answer
QUEUED = 2  # jobs for each thread of a cluster: one at work and one that waits, so that none idles


class Lost(NamedTuple):
    """Why a job has no answer, in one line: each process that worked on it died."""

    why: str


class Cancelled(Exception):
    """Whoever asked for the work does not want it any more; what was finished stays."""


class Gone(Exception):
    """The executor itself is not there any more, such as a cluster whose scheduler was stopped. The text is one line."""


@dataclass(frozen=True)
class Place:
    """Where jobs are worked on.

    executor: any Executor. at_once: how many jobs it is to have at a time, asked again and again, since clusters grow.
    deaths: of processes at one job after which it is set aside; 1 where the executor itself tries again. gone: "", or
    why the executor is not there any more.
    """

    executor: Executor
    at_once: Callable[[], int]
    deaths: int = DEATHS
    gone: Callable[[], str] = lambda: ""


class Workers(Executor):
    """Local processes, each a pool of its own, so that the death of one is known to be the doing of its own job.

    A pool of several would break as a whole and blame nobody. A process that died is replaced at the next job. The
    processes are spawned, leave Ctrl-C to their parent, and end when it dies.
    """

    def __init__(self, number: int) -> None:
        self._lanes = [_Lane() for _ in range(number)]

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Give the job to the process with the least to do."""
        lane = min(self._lanes, key=_Lane.busy)
        return lane.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes: when they are done, or with `wait=False` and `cancel_futures=True` at once."""
        for lane in self._lanes:
            if lane.pool is not None:
                lane.pool.shutdown(wait=wait, cancel_futures=cancel_futures)
            if not wait and cancel_futures:
                lane.end()


_main_is_hidden = threading.Lock()


class _Apart(SpawnProcess):
    """A process that does not run the script of its caller again, as spawned ones do.

    What is given to it are functions of modules, which it imports. So a script needs no `if __name__ == "__main__"`, without
    which it would start itself over and over, and may come from standard input or from a shell.
    """

    def start(self) -> None:
        """Start it; what multiprocessing tells a new process of `__main__` it takes from there at this moment."""
        with _main_is_hidden:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = types.ModuleType("__main__")
            try:
                super().start()
            finally:
                sys.modules["__main__"] = main


class _Spawning(SpawnContext):
    """Starts processes and knows which, so that only these are ended. Not by fork: the caller may run threads (a progress
    bar, a page), whose locks a forked child would inherit."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[SpawnProcess] = []

    def Process(self, *arguments: Any, **named: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        process = _Apart(*arguments, **named)
        self.started.append(process)
        return process


@dataclass
class _Lane:
    """One process and what it was given."""

    pool: ProcessPoolExecutor | None = None
    context: _Spawning = field(default_factory=_Spawning)
    futures: list[Future[Any]] = field(default_factory=list)

    def busy(self) -> int:
        self.futures = [future for future in self.futures if not future.done()]
        return len(self.futures)

    def submit(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        if self.pool is not None:
            with contextlib.suppress(BrokenExecutor):
                return self._given(self.pool.submit(fn, *args, **kwargs))
            self.pool.shutdown(wait=False)
        self.context = _Spawning()
        self.pool = ProcessPoolExecutor(1, mp_context=self.context, initializer=_start)
        with _ctrl_c_held():
            return self._given(self.pool.submit(fn, *args, **kwargs))

    def _given(self, future: Future[Any]) -> Future[Any]:
        self.futures.append(future)
        return future

    def end(self) -> None:
        for process in self.context.started:
            if process.is_alive():
                process.terminate()


@contextlib.contextmanager
def local(number: int) -> Generator[Place, None, None]:
    """So many processes of this machine; on an exception, such as Ctrl-C, they are ended at once."""
    executor = Workers(number)
    try:
        yield Place(executor, lambda: number)
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()


@contextlib.contextmanager
def here() -> Generator[Place, None, None]:
    """This process, one job after the other."""
    with ThreadPoolExecutor(1) as executor:
        yield Place(executor, lambda: 1)


@contextlib.contextmanager
def dask(address: str) -> Generator[Place, None, None]:
    """The workers of a running Dask scheduler, such as "tcp://10.0.0.1:8786"; more may join while it goes on.

    A run whose worker dies is given to another by the scheduler, and set aside after as many deaths as that is set to
    allow (3 as Dask comes). The workers need no disk of their own nor one in common: results come back over the wire.

    Raises:
        InputError: Dask is not installed, nothing answers, or a worker has another niche_sim than this one.
    """
    try:
        import distributed
    except ImportError:
        allowed = "pip install 'niche-sim[dask]' brings it"
        raise InputError("--scheduler", "Dask distributed is not installed", allowed) from None
    connect: Any = distributed.Client  # without types
    try:
        client = connect(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        found = f"no Dask scheduler answers at {address} ({' '.join(str(error).split())[:80]})"
        raise InputError("--scheduler", found, "the address of one that runs, such as tcp://127.0.0.1:8786") from None
    try:
        for worker, engine in client.run(identity.engine).items():
            if differs := identity.differing(engine):
                found = f"worker {worker} has another niche_sim ({differs} differ)"
                raise InputError("--scheduler", found, "the same code and libraries on all workers as here")
        executor = client.get_executor(pure=False)
        yield Place(executor, _threads(client), deaths=1, gone=lambda: _gone(client, address))
    finally:
        client.close()


def _threads(client: Any) -> Callable[[], int]:
    """How many jobs to give at a time. The scheduler is asked once in a while, not for every job."""
    known: list[float] = [-LOOK_AGAIN, 1]

    def at_once() -> int:
        if monotonic() - known[0] >= LOOK_AGAIN and client.status == "running":
            known[:] = [monotonic(), max(1, sum(client.ncores().values()))]
        return QUEUED * int(known[1])

    return at_once


def _gone(client: Any, address: str) -> str:
    return "" if client.status == "running" else f"the Dask scheduler at {address} does not answer any more"


def place_of(
    workers: int | None = None, scheduler: str | None = None, place: Place | None = None
) -> contextlib.AbstractContextManager[Place]:
    """The one place that is asked for; without any, a process for each core. Raises InputError if several are."""
    workers = None if workers is None else whole(workers, "workers", 1)
    given = [name for name, it in (("workers", workers), ("scheduler", scheduler), ("place", place)) if it is not None]
    if len(given) > 1:
        raise InputError(given[1], f"beside {given[0]}", "one of them")
    if place is not None:
        return contextlib.nullcontext(place)
    return dask(scheduler) if scheduler is not None else local(workers or os.cpu_count() or 1)


def work(
    jobs: Iterator[Job], function: Callable[[Job], Answer], place: Place, stop: Callable[[], bool] | None = None
) -> Generator[tuple[Job, Answer | Lost], None, None]:
    """Each job and the answer of the function to it, in the order in which they end; jobs are taken as there is room.

    A job whose process dies is given again, and set aside as Lost after `place.deaths`. What the function raises counts
    as such a death, so it should catch what is to be told otherwise. Closed early, or broken off by an exception, it
    gives up the jobs at work. Raises Gone if the executor is not there any more, and Cancelled once `stop`, which is
    asked every POLL s in the thread that called, says so.
    """
    desk: _Desk[Job, Answer] = _Desk(jobs, function, place)
    try:
        while desk.fill():
            if stop is not None and stop():
                raise Cancelled("the work was stopped")
            done, _ = wait(desk.at_work, LOOK_AGAIN if stop is None else POLL, return_when=FIRST_COMPLETED)
            if not done and (why := place.gone()):
                raise Gone(why)
            for future in done:
                job = desk.at_work.pop(future)
                found = desk.answer(job, future)
                desk.fill()  # before whoever asked does what it does with the answer, so that no process waits for it
                if found is not None:
                    yield job, found
    finally:
        for future in desk.at_work:
            future.cancel()


class _Desk(Generic[Job, Answer]):
    """The jobs at work, and those to be given again."""

    def __init__(self, jobs: Iterator[Job], function: Callable[[Job], Answer], place: Place) -> None:
        self.jobs, self.function, self.place = jobs, function, place
        self.again: list[Job] = []
        self.deaths: dict[int, int] = {}  # of jobs that lost a process and are not done, by id
        self.at_work: dict[Future[Answer], Job] = {}

    def fill(self) -> bool:
        """Give out jobs while there is room; whether any is at work."""
        room = max(1, self.place.at_once())
        while len(self.at_work) < room:
            job = self.again.pop() if self.again else next(self.jobs, None)
            if job is None:
                break
            try:
                self.at_work[self.place.executor.submit(self.function, job)] = job
            except Exception as error:
                raise Gone(self.place.gone() or _line(error)) from error
        return bool(self.at_work)

    def answer(self, job: Job, future: Future[Answer]) -> Answer | Lost | None:
        """What the future brought; None if the job is to be given again."""
        try:
            found = future.result()
        except (Exception, CancelledError) as error:
            if why := self.place.gone():
                raise Gone(why) from error
            deaths = self.deaths.pop(id(job), 0) + 1
            if deaths < self.place.deaths:
                self.deaths[id(job)] = deaths
                self.again.append(job)
                return None
            return Lost(_died(deaths) if isinstance(error, BrokenExecutor) else _line(error))
        self.deaths.pop(id(job), None)
        return found


def _died(times: int) -> str:
    often = "once" if times == 1 else "twice" if times == 2 else f"{times} times"
    return f"the system ended its process {often}, perhaps for want of memory"


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _start() -> None:
    """What a new process does first: leave Ctrl-C to its parent, and watch it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    """A process whose parent was killed would wait for its next job for ever."""
    parent.join()
    os._exit(1)


@contextlib.contextmanager
def _ctrl_c_held() -> Generator[None, None, None]:
    """Hold Ctrl-C back while a process is started, which it would otherwise end with a traceback before `_start`."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
