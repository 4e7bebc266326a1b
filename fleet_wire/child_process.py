"""A process beside this one: started, started again when it ends, and ended; and its own side.

The parent writes a configuration into the first line of the child's input, and closes that to end
the child. The child answers in lines.

Every child ends with its input. The kernel ends that too when the parent is killed.

`python -P -m fleet_wire.child_process MODULE ARGUMENTS` runs a module that reads no input in this
way.
"""

from __future__ import annotations

import asyncio
import os
import runpy
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Final, TypeVar

import msgspec

COMMAND: Final = (sys.executable, "-P", "-m")
BOUND_COMMAND: Final = (*COMMAND, "fleet_wire.child_process")
"""The command that starts the module behind it as a child. The child ends with its input."""
RESTART_AFTER_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits between two starts: longer for each that ended soon."""
STEADY_S: Final = 60.0
"""A process that lived so long was a working one."""
MAX_LINE_BYTES: Final = 16 * 2**20
NICENESS: Final = 10
ConfigT = TypeVar("ConfigT", bound=msgspec.Struct)


class ChildProcess:
    """A Python module that runs as a process of its own. Its end never ends this one.

    It reads `config` as the first line of its input, and ends when its input does. `on_line` gets
    each line that it prints. `on_end` gets the reason and the wait before the next start.
    """

    def __init__(
        self,
        module: str,
        config: msgspec.Struct,
        *,
        on_line: Callable[[bytes], None],
        on_end: Callable[[str, float], None],
    ) -> None:
        self._module = module
        self._config = config
        self._on_line = on_line
        self._on_end = on_end
        self._is_closing = False
        self.was_started = asyncio.Event()
        """Whether there was a process, or none could be started."""
        self._task: asyncio.Task[None] | None = None
        self.process: Process | None = None
        """The present one, if there is one."""

    def start(self) -> None:
        """Start it. Call it in the event loop."""
        self._task = asyncio.ensure_future(self._keep())

    async def close(self, *, within_s: float) -> bool:
        """End it; return whether that needed no kill after `within_s`."""
        self._is_closing = True
        if self._task is None:
            return True
        ends_itself, process = True, self.process
        if process is None:
            self._task.cancel()
        elif process.stdin is not None:
            process.stdin.close()
            await asyncio.wait({self._task}, timeout=within_s)
            ends_itself = self._task.done()
            with suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(self._task, return_exceptions=True)
        return ends_itself

    async def _keep(self) -> None:
        loop, ended_soon = asyncio.get_running_loop(), 0
        while True:
            began_s = loop.time()
            reason = await self._run()
            self.process = None
            if self._is_closing:
                return
            ended_soon = 0 if loop.time() - began_s >= STEADY_S else ended_soon + 1
            wait_s = RESTART_AFTER_S[min(max(ended_soon - 1, 0), len(RESTART_AFTER_S) - 1)]
            self._on_end(reason, wait_s)
            await asyncio.sleep(wait_s)

    async def _run(self) -> str:
        """Run the process until it ends, and return how it did."""
        try:
            self.process = process = await asyncio.create_subprocess_exec(
                *COMMAND,
                self._module,
                stdin=PIPE,
                stdout=PIPE,
                limit=MAX_LINE_BYTES,
                start_new_session=True,
            )
        except OSError as error:
            return str(error)
        finally:
            self.was_started.set()
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        process.stdin.write(msgspec.json.encode(self._config) + b"\n")
        async for line in process.stdout:
            self._on_line(line)
        return f"exit code {await process.wait()}"


@contextmanager
def open_input() -> Iterator[int]:
    """Yield an input for children of the block. It is empty, and ends when this process does."""
    reader, writer = os.pipe()
    try:
        yield reader
    finally:
        os.close(reader)
        os.close(writer)


# The child's side


def end_with_input() -> None:
    """End this process at once, without its cleanup, when its input ends."""

    def wait_for_end() -> None:
        while os.read(0, 4_096):
            pass
        os._exit(1)

    Thread(target=wait_for_end, daemon=True).start()


def be_nice() -> None:
    """Let the process that started this one go first, as far as that is allowed."""
    with suppress(OSError):
        os.nice(NICENESS)


def config_from_parent(kind: type[ConfigT]) -> ConfigT:
    """Return the configuration that the parent has written, and leave signals to the parent.

    Nothing beyond that line is read.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # whoever ends all of us: the parent ends first
    with os.fdopen(os.dup(0), "rb", buffering=0) as source:
        return msgspec.json.decode(source.readline(), type=kind)


def input_end() -> asyncio.Event:
    """Return what is set when the parent closes the input. Call it in the event loop."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def read() -> None:
        if not os.read(0, 4_096):
            loop.remove_reader(0)
            ended.set()

    loop.add_reader(0, read)
    return ended


def tell_parent(word: msgspec.Struct) -> None:
    """Write a line for the parent; one that is gone must not stop this process."""
    line = msgspec.json.encode(word) + b"\n"
    with suppress(OSError):
        while line:
            line = line[os.write(1, line) :]


if __name__ == "__main__":
    end_with_input()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
