"""Runs what blocks in a thread of its own, which the end of a program does not wait for.

A resolver may take half a minute for a name that nobody answers for. The threads of an event loop,
asyncio's and uvloop's, are waited for at the end: Ctrl-C would take as long, and two minutes where
many lookups wait.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


def unwaited(name: str, work: Callable[[], ResultT]) -> asyncio.Future[ResultT]:
    """Return what `work` returns or raises; `name` is the thread's.

    When the event loop has ended, or nobody awaits the future any more, it is dropped.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[ResultT] = loop.create_future()
    threading.Thread(target=_run, args=(loop, done, work), name=name, daemon=True).start()
    return done


def _run(
    loop: asyncio.AbstractEventLoop, done: asyncio.Future[ResultT], work: Callable[[], ResultT]
) -> None:
    how: Callable[[Any], None] = done.set_result
    try:
        value: Any = work()
    except Exception as error:  # noqa: BLE001 - told to who waits
        how, value = done.set_exception, error
    with suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(_settle, done, how, value)
    del done, how, value  # an error's traceback leads here: a cycle would keep its sockets open


def _settle(done: asyncio.Future[Any], how: Callable[[Any], None], value: object) -> None:
    if not done.done():
        how(value)
