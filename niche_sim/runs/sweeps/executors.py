"""Where a sweep runs: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from niche_sim.engine.errors import InputError
from niche_sim.runs import identity
from niche_sim.runs.workers import LOOK_AGAIN, Place, local

__all__ = ["Place", "dask", "local"]

PATIENCE = 10  # s, for a scheduler to answer
QUEUED = 2  # jobs for each thread of a cluster: one at work and one that waits, so that none idles


@contextmanager
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
        _same_code(client)
        executor = client.get_executor(pure=False)
        yield Place(executor, _threads(client), deaths=1, gone=lambda: _gone(client, address))
    finally:
        client.close()


def _same_code(client: Any) -> None:
    for worker, engine in client.run(identity.engine).items():
        if engine != identity.engine():
            differs = ", ".join(name for name, value in identity.engine().items() if engine.get(name) != value)
            found = f"worker {worker} has another niche_sim ({differs} differ)"
            raise InputError("--scheduler", found, "the same code and libraries on all workers as here")


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
