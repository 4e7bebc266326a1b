"""The console runs `platform-probe what-if` as a process, one at a time.

The simulator is no part of the monitor, so it is a command here. Its progress comes on stderr, and
its result as JSON.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from asyncio.subprocess import PIPE
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec

from fleet_wire.child_process import BOUND_COMMAND
from fleet_wire.contract.label import MAX_NAME
from fleet_wire.errors import ConfigError
from platform_probe.settings.messages import WHAT_IFS_PATH
from platform_probe.tell.posting import MonitorAddress, post
from platform_probe.tell.what_if import WhatIfPost, WhatIfResult

COMMAND: Final = (*BOUND_COMMAND, "platform_probe", "what-if")
SEEDS: Final = 10
MOST_KEPT: Final = 50
"""Incidents whose result is kept."""
MOST_LETTERS: Final = 2_000
"""Length of an error that is shown."""
_PROGRESS: Final = re.compile(rb"([\d,]+) of ([\d,]+) run")


@dataclass(slots=True)
class WhatIf:
    """One what-if: under way, done or failed."""

    done: int = 0
    total: int = 0
    result: WhatIfResult | None = None
    problem: str | None = None
    is_posted: bool = False
    """Whether it stands in the incident's thread in Slack."""
    why_not_posted: ConfigError | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether its futures are still played."""
        return self.result is None and self.problem is None


class WhatIfs:
    """Runs what-ifs about incidents of a directory, and keeps their results."""

    def __init__(self, directory: Path, monitor: MonitorAddress | None = None) -> None:
        """`monitor` posts results into threads in Slack."""
        self._directory = directory
        self._monitor = monitor
        self._known: dict[str, WhatIf] = {}
        self._running: Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._lock = Lock()
        self._ended = asyncio.Event()
        self._ended.set()

    def of(self, incident_id: str) -> WhatIf | None:
        """Return the what-if of an incident; None: nobody has asked for one."""
        return self._known.get(incident_id)

    def start(self, incident_id: str) -> bool:
        """Start one, from any thread. Returns whether it is under way: another one may be."""
        with self._lock:
            known = self._known.get(incident_id)
            if known is not None and known.is_under_way:
                return True
            if self._running is not None and not self._running.done():
                return False
            if len(self._known) >= MOST_KEPT:
                del self._known[next(iter(self._known))]
            self._known[incident_id] = started = WhatIf()
            work = self._run(incident_id, started)
            self._running = asyncio.run_coroutine_threadsafe(work, self._loop)
            return True

    @property
    def can_post(self) -> bool:
        """Whether there is a monitor that may post results."""
        return self._monitor is not None

    def post(self, incident_id: str, *, by: str) -> None:
        """Have a result posted into the incident's thread, from any thread; note how it ended."""
        known = self._known.get(incident_id)
        if known is None or known.result is None or self._monitor is None:
            return
        asked = WhatIfPost(incident_id, by[:MAX_NAME], known.result)
        posting = post(self._monitor, WHAT_IFS_PATH, asked)
        try:
            asyncio.run_coroutine_threadsafe(posting, self._loop).result()
            known.is_posted, known.why_not_posted = True, None
        except ConfigError as error:
            known.why_not_posted = error

    async def close(self) -> None:
        """End the process that is running."""
        running = self._running
        if running is not None and not running.done():
            running.cancel()
            await self._ended.wait()

    async def _run(self, incident_id: str, what_if: WhatIf) -> None:
        self._ended.clear()
        try:
            what_if.result = await self._played(incident_id, what_if)
        except (OSError, RuntimeError, msgspec.MsgspecError) as error:
            what_if.problem = str(error)[-MOST_LETTERS:]
        finally:
            self._ended.set()

    async def _played(self, incident_id: str, what_if: WhatIf) -> WhatIfResult:
        """Return the result of the command. Raises `RuntimeError` with what it complained about."""
        options = ("--store", str(self._directory), "--json", "--seeds", str(SEEDS))
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            incident_id,
            *options,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        printed = asyncio.create_task(process.stdout.read())
        try:
            complaints = await _follow(process.stderr, what_if)
            stdout = await printed
            if await process.wait() != 0:
                raise RuntimeError(complaints.decode("utf-8", "replace").strip())
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # the simulator too
            await process.wait()
            await asyncio.gather(printed, return_exceptions=True)
        return msgspec.json.decode(stdout, type=WhatIfResult)


async def _follow(stderr: asyncio.StreamReader, what_if: WhatIf) -> bytes:
    """Note the progress until the end, and return the other lines."""
    others = b""
    async for line in stderr:
        found = _PROGRESS.match(line)
        if found is None:
            others = (others + line)[-MOST_LETTERS:]
            continue
        what_if.done, what_if.total = (int(each.replace(b",", b"")) for each in found.groups())
    return others
