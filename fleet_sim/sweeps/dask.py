"""Runs of a sweep or a score on many machines, by Dask's scheduler and workers.

Dask is imported when it is used: only sweeps with `--scheduler` need it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from fleet_sim.sweeps.point import PointRecord, Task, failed, run_task
from fleet_wire.errors import ConfigError, LimitError, UnlockpathError

SCHEMES = ("tcp", "tls", "ws", "wss")
CONNECT_S = 5.0
WINDOW = 1_000
"""Runs with the scheduler at a time: more than a cluster has cores, few enough to hold."""
RETRIES = 2
"""Times that a run goes to a worker again when one cannot do it, say for want of disk."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class WorkersKilled:
    """The result of a run that killed each worker that tried it."""

    text: str


def run_on_dask(
    tasks: Sequence[Task], address: str, *, note: Callable[[str], None]
) -> Iterator[PointRecord]:
    """Do the runs of a sweep by `each_on_dask`, and yield their records in any order."""
    for task, came in each_on_dask(run_task, tasks, address, note=note):
        if isinstance(came, WorkersKilled):
            yield failed(task, came.text)
        else:
            yield msgspec.json.decode(came, type=PointRecord)


def each_on_dask(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    address: str,
    *,
    note: Callable[[str], None],
) -> Iterator[tuple[Item, Result | WorkersKilled]]:
    """Call a function of ours for each item on the workers of the scheduler at `address`.

    Yields items with what came of them, in any order. Dask gives those of a worker that was killed
    to another. `note` is told what the user should know. Raises `ConfigError` where there is no
    scheduler, `LimitError` when it goes away, and the `UnlockpathError` that the function raises.
    """
    _check(address)
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
    except OSError as error:
        raise ConfigError(
            [f"--scheduler {address}: no Dask scheduler: {error}; start one with: dask scheduler"]
        ) from None
    with client:
        if not client.scheduler_info()["workers"]:
            note(f"waiting for workers: dask worker {address} --nthreads 1 --nworkers -1")
        yield from _results(distributed, client, address, function, items)


def _check(address: str) -> None:
    try:
        parts = urlsplit(address)
        is_right = parts.scheme in SCHEMES and bool(parts.hostname) and bool(parts.port)
    except ValueError:
        is_right = False
    if not is_right:
        raise ConfigError([f"--scheduler {address}: expected an address like tcp://host:8786"])


def _distributed() -> Any:
    try:
        import distributed  # noqa: PLC0415 - see the module's docstring
    except ImportError as error:
        raise ConfigError(
            [f"--scheduler needs Dask ({error}): pip install 'unlockpath[sweep]'"]
        ) from None
    # it logs a traceback for a lost scheduler, which we say in words
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    return distributed


def _results(
    distributed: Any,
    client: Any,
    address: str,
    function: Callable[[Item], Result],
    items: Sequence[Item],
) -> Iterator[tuple[Item, Result | WorkersKilled]]:
    waiting = iter(items)
    running: dict[Any, Item] = {}

    def submit(item: Item) -> Any:
        future = client.submit(function, item, pure=False, retries=RETRIES)
        running[future] = item
        return future

    first = [submit(item) for item in islice(waiting, WINDOW)]
    completed = distributed.as_completed(first, loop=client.loop)
    for future in completed:
        item = running.pop(future)
        try:
            yield item, future.result()
        except distributed.KilledWorker as error:
            yield item, WorkersKilled(f"{error.args[0]}: killed the workers that ran it")
        except UnlockpathError as error:
            raise UnlockpathError(f"a worker of {address}: {error}") from None
        except (CancelledError, OSError):
            raise LimitError(
                f"the Dask scheduler at {address} is gone",
                "start it and its workers again, then the same command: it goes on from there",
            ) from None
        for follower in islice(waiting, 1):
            completed.add(submit(follower))
