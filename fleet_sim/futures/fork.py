"""Work in a fork of this process: it goes on from the state that this process is in."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def in_fork(work: Callable[[], Result]) -> Result:
    """Return the result of `work`, done in a fork of this process. Raises what `work` raises.

    Only the thread that calls goes on there, so `work` may wait for no other.
    """
    read_fd, write_fd = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads that wait are no danger
        process_id = os.fork()
    if not process_id:
        _work_and_end(work, write_fd)
    os.close(write_fd)
    with os.fdopen(read_fd, "rb") as pipe:
        said = pipe.read()
    os.waitpid(process_id, 0)
    if not said:
        raise ChildProcessError("the process of a future was killed; is there too little memory?")
    is_done, result = pickle.loads(said)  # noqa: S301 - it comes from ourselves
    if not is_done:
        raise result
    return result  # type: ignore[no-any-return] # it is what `work` returned


def _work_and_end(work: Callable[[], object], write_fd: int) -> None:
    """Do the work, write what came of it, and end without what a process does at its end."""
    try:
        said = pickle.dumps((True, work()))
    except BaseException as error:  # noqa: BLE001 - it is raised in the other process
        said = pickle.dumps((False, error))
    try:
        with os.fdopen(write_fd, "wb") as pipe:
            pipe.write(said)
    finally:
        os._exit(0)
