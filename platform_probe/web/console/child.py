"""Keeps the console's process beside the monitor."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from fleet_wire.child_process import ChildProcess
from platform_probe.settings.console import ConsoleSettings
from platform_probe.tell.posting import MonitorAddress
from platform_probe.web.console.console_reply import ChildConfig, ConsoleReply

END_WITHIN_S: Final = 8.0
"""Answers under way get some seconds; then it is killed."""


class ConsoleChild:
    """The process. Its end never ends the monitor."""

    def __init__(
        self,
        settings: ConsoleSettings,
        *,
        directory: Path,
        zone: str,
        audit_file: Path,
        monitor: MonitorAddress | None = None,
    ) -> None:
        config = ChildConfig(
            directory=str(directory.resolve()),
            zone=zone,
            audit_file=str(audit_file.resolve()),
            monitor=monitor,
            settings=settings.model_dump(mode="json"),
        )
        self._child = ChildProcess(
            "platform_probe.web.console.process",
            config,
            on_line=self._on_line,
            on_end=self._on_end,
        )
        self._complain: Callable[..., None]
        self._tell: Callable[[str], None]
        self._problem: str | None = None
        """The latest problem of the process, if its latest word was one."""

    def start(self, *, complain: Callable[..., None], tell: Callable[[str], None]) -> None:
        """Start it. `complain` logs at a limited rate; `tell` gets the address of the pages."""
        self._complain, self._tell = complain, tell
        self._child.start()

    async def close(self) -> None:
        """End it."""
        await self._child.close(within_s=END_WITHIN_S)

    def _on_end(self, reason: str, _wait_s: float) -> None:
        self._complain(
            "console_ended",
            "console",
            reason=self._problem or reason,
            explanation="the process that serves the pages of the console ended, and is started"
            " again in a while; the monitor itself goes on",
        )
        self._problem = None

    def _on_line(self, line: bytes) -> None:
        with suppress(msgspec.MsgspecError):
            reply = msgspec.json.decode(line, type=ConsoleReply)
            self._problem = reply.problem
            if reply.url is not None:
                self._tell(reply.url)
            elif reply.problem is not None:
                self._complain(
                    "console_troubled",
                    "console",
                    problem=reply.problem,
                    explanation="a page of the console could not be made, the console not"
                    " started, or the provider at which people sign in does not answer",
                )
