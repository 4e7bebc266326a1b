"""Keeps the judge's process beside the measuring one: starts it, again when it ends, and ends it.

Nothing here waits for the judge. Its lines are handled when they arrive.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from fleet_wire.contract.incident import IncidentAction
from fleet_wire.web.client import HttpClient, NoAnswerError
from fleet_wire.web.exchange import (
    BodyTooLargeError,
    HttpRequest,
    HttpResponse,
    UnreadableBodyError,
)
from platform_probe.judge_process.protocol import JudgeConfig, ProcessMessage
from platform_probe.outputs.judge_metrics import Family

COMMAND: Final = (sys.executable, "-P", "-m", "platform_probe.judge_process.process")
RESTART_AFTER_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits between two starts: longer for each that ended soon."""
STEADY_S: Final = 60.0
"""A process that lived so long was a working one."""
END_WITHIN_S: Final = 60.0
"""The time that the judge gets at the end for its backlog. The next one does the rest."""
KILL_AFTER_S: Final = 5.0
POST_WITHIN_S: Final = 8.0
MAX_LINE_BYTES: Final = 16 * 2**20


class JudgeChild:
    """The process. Its end never ends the measuring one.

    `on_log` gets lines of its log, `on_families` its metrics, `on_action` what a person asks for.
    `complain` logs at a limited rate.
    """

    def __init__(
        self,
        config: JudgeConfig,
        *,
        on_log: Callable[[bytes], None],
        on_families: Callable[[list[Family]], None],
        on_action: Callable[[IncidentAction], None],
        complain: Callable[..., None],
    ) -> None:
        self._config = config
        self._on_log = on_log
        self._on_families = on_families
        self._on_action = on_action
        self._complain = complain
        self._process: Process | None = None
        self._port: int | None = None
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None
        self.judged_at: float | None = None
        """Journal time up to which it has judged, as it said last; None: it has said nothing."""

    def start(self) -> None:
        """Start it. Call it in the event loop."""
        self._task = asyncio.ensure_future(self._keep())

    async def close(self, *, at_once: bool = False) -> None:
        """Wait for the judge's backlog, and end it."""
        self._is_closing = True
        if self._task is None:
            return
        process = self._process
        if process is None:
            self._task.cancel()
        elif process.stdin is not None:
            process.stdin.close()
            await asyncio.wait({self._task}, timeout=KILL_AFTER_S if at_once else END_WITHIN_S)
            if not self._task.done():
                self._complain(
                    "judge_left_behind",
                    "judge",
                    explanation="the judge had not judged everything by the end; the next one does",
                )
            with suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(self._task, return_exceptions=True)

    async def forward(self, request: HttpRequest) -> HttpResponse:
        """Answer a post of a person as the judge's process answers it."""
        if self._port is None:
            return HttpResponse(503, b"503: the judge is not there: try again in a while\n")
        try:
            body = await request.body()
        except BodyTooLargeError:
            return HttpResponse(413, b"413: too large\n")
        except UnreadableBodyError:
            return HttpResponse(400, b"400: unreadable body\n")
        client = HttpClient(f"http://127.0.0.1:{self._port}")
        try:
            answer = await client.request(
                request.method,
                request.path,
                timeout_s=POST_WITHIN_S,
                headers={
                    name: value
                    for name, value in request.headers.items()
                    if name.lower() not in _HOP_BY_HOP
                },
                body=body,
            )
        except NoAnswerError:
            return HttpResponse(503, b"503: the judge does not answer: try again in a while\n")
        finally:
            await client.close()
        kept = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() in ("allow", "retry-after", "www-authenticate")
        }
        return HttpResponse(answer.status, answer.body, answer.content_type, kept)

    async def _keep(self) -> None:
        loop, ended_soon = asyncio.get_running_loop(), 0
        while True:
            began_s = loop.time()
            reason = await self._run()
            self._process = self._port = None
            if self._is_closing:
                return
            ended_soon = 0 if loop.time() - began_s >= STEADY_S else ended_soon + 1
            wait_s = RESTART_AFTER_S[min(max(ended_soon - 1, 0), len(RESTART_AFTER_S) - 1)]
            self._complain(
                "judge_ended",
                "judge",
                reason=reason,
                restart_in_s=wait_s,
                explanation="the process that diagnoses and finds incidents ended, and is started"
                " again; measuring goes on, and what it missed is in the journal",
            )
            await asyncio.sleep(wait_s)

    async def _run(self) -> str:
        """Run the process until it ends, and return how it did."""
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *COMMAND, stdin=PIPE, stdout=PIPE, limit=MAX_LINE_BYTES, start_new_session=True
            )
        except OSError as error:
            return str(error)
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        process.stdin.write(msgspec.json.encode(self._config) + b"\n")
        async for line in process.stdout:
            with suppress(msgspec.MsgspecError):
                self._hear(msgspec.json.decode(line, type=ProcessMessage))
        return f"exit code {await process.wait()}"

    def _hear(self, word: ProcessMessage) -> None:
        if word.log is not None:
            self._on_log(word.log.encode() + b"\n")
        if word.port is not None:
            self._port = word.port
        if word.judged_at is not None:
            self.judged_at = word.judged_at
        if word.families is not None:
            self._on_families(word.families)
        if word.action is not None:
            self._on_action(word.action)


_HOP_BY_HOP: Final = frozenset(
    {"connection", "content-encoding", "content-length", "expect", "host", "keep-alive", "te",
     "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip
"""Headers of one connection (RFC 9110, 7.6.1), or that reading the body has made untrue."""
