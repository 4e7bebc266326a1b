"""Runs of a sweep in processes of this machine.

They are forked from one that has imported what a run needs, and has done nothing else: to import
takes longer than many a run.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace

import msgspec

from fleet_sim.sweeps.point import IMPORTED_TO_RUN, PointRecord, Task, failed, run_task

KILLED = "the process of this run was killed; is there too little memory for it?"


def run_here(tasks: Sequence[Task], *, jobs: int) -> Generator[PointRecord, None, None]:
    """Do the runs in `jobs` processes, and yield each record when it is there, in any order.

    When the iterator is closed, runs under way are killed. When a process dies, the runs that were
    under way are done again, one at a time: whichever kills its process alone has failed.
    """
    waiting = deque(tasks)
    with tempfile.TemporaryDirectory(prefix="fleet-sim-sweep-") as scratch:
        while waiting:
            suspects = yield from _run_until_broken(waiting, jobs=jobs, scratch=scratch)
            for task in suspects:
                if (yield from _run_until_broken(deque([task]), jobs=1, scratch=scratch)):
                    yield failed(task, KILLED)


def _run_until_broken(
    waiting: deque[Task], *, jobs: int, scratch: str
) -> Generator[PointRecord, None, list[Task]]:
    """Run tasks from `waiting` until there are none, or a process has died.

    Returns the runs under way when it died.
    """
    suspects: list[Task] = []
    running: dict[Future[bytes], Task] = {}
    with pool_of(min(jobs, len(waiting)), IMPORTED_TO_RUN) as pool:
        while (waiting and not suspects) or running:
            while waiting and len(running) < jobs and not suspects:
                task = replace(waiting.popleft(), scratch=scratch)
                running[_submit(pool, task)] = task
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                try:
                    line = future.result()
                except BrokenProcessPool:
                    suspects.append(task)
                else:
                    yield msgspec.json.decode(line, type=PointRecord)
    return suspects


def _submit(pool: ProcessPoolExecutor, task: Task) -> Future[bytes]:
    """Submit a run while SIGINT is blocked: a new process inherits that until it ignores it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(run_task, task)
    except BrokenProcessPool as error:  # a process died between two runs
        future: Future[bytes] = Future()
        future.set_exception(error)
        return future
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def pool_of(jobs: int, module: str) -> Iterator[ProcessPoolExecutor]:
    """Give processes, forked from one that has imported only a module.

    The caller may have threads and state of C libraries: a direct child of it has crashed. When the
    block fails, what is under way is killed.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin_worker)
    try:
        yield pool
    except BaseException:  # Ctrl-C, or whoever reads the records has stopped
        for process in multiprocessing.active_children():
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    """Leave Ctrl-C to the process that started this one, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - a worker has one
    parent.join()
    os._exit(1)
