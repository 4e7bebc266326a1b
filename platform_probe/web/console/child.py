"""Keeps the console's process beside the monitor: starts it, again when it ends, and ends it."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from platform_probe.settings.console import ConsoleSettings
from platform_probe.web.console.console_reply import ChildConfig, ConsoleReply

COMMAND: Final = (sys.executable, "-m", "platform_probe.web.console.process")
RESTART_AFTER_S: Final = 10.0
END_WITHIN_S: Final = 8.0
"""Answers under way get some seconds; then it is killed."""


class ConsoleChild:
    """The process. Its end never ends the monitor."""

    def __init__(
        self, settings: ConsoleSettings, *, directory: Path, zone: str, audit_file: Path
    ) -> None:
        self._config = ChildConfig(
            directory=str(directory.resolve()),
            zone=zone,
            audit_file=str(audit_file.resolve()),
            settings=settings.model_dump(mode="json"),
        )
        self._complain: Callable[..., None]
        self._tell: Callable[[str], None]
        self._process: Process | None = None
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self, *, complain: Callable[..., None], tell: Callable[[str], None]) -> None:
        """Start it. `complain` logs at a limited rate; `tell` gets the address of the pages."""
        self._complain, self._tell = complain, tell
        self._task = asyncio.ensure_future(self._keep())

    async def close(self) -> None:
        """End it."""
        self._is_closing = True
        if self._task is None:
            return
        process = self._process
        if process is None:
            self._task.cancel()
        elif process.stdin is not None:
            process.stdin.close()
            await asyncio.wait({self._task}, timeout=END_WITHIN_S)
            with suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            reason = await self._run()
            self._process = None
            if self._is_closing:
                return
            self._complain(
                "console_ended",
                "console",
                reason=reason,
                explanation="the process that serves the pages of the console ended, and is started"
                " again in a while; the monitor itself goes on",
            )
            await asyncio.sleep(RESTART_AFTER_S)

    async def _run(self) -> str:
        """Run the process until it ends, and return how it did."""
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *COMMAND, stdin=PIPE, stdout=PIPE
            )
        except OSError as error:
            return str(error)
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        process.stdin.write(msgspec.json.encode(self._config) + b"\n")
        reason = None
        async for line in process.stdout:
            with suppress(msgspec.MsgspecError):
                word = msgspec.json.decode(line, type=ConsoleReply)
                reason = word.problem
                if word.url is not None:
                    self._tell(word.url)
                elif word.problem is not None:
                    self._complain(
                        "console_troubled",
                        "console",
                        problem=word.problem,
                        explanation="a page of the console could not be made, the console not"
                        " started, or the provider at which people sign in does not answer",
                    )
        code = await process.wait()
        return reason or f"exit code {code}"
