"""Keeps the judge's process beside the measuring one.

Nothing here waits for the judge. Its lines are handled when they arrive.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from fleet_wire.child_process import ChildProcess
from fleet_wire.contract.incident import IncidentAction
from fleet_wire.contract.label import Label
from fleet_wire.web.client import HttpClient, NoAnswerError
from fleet_wire.web.exchange import (
    BodyTooLargeError,
    HttpRequest,
    HttpResponse,
    UnreadableBodyError,
)
from platform_probe.judge_process.protocol import JudgeConfig, ProcessMessage
from platform_probe.outputs.families import Family

END_WITHIN_S: Final = 60.0
"""The time that the judge gets at the end for its backlog. The next one does the rest."""
KILL_AFTER_S: Final = 5.0
POST_WITHIN_S: Final = 8.0


class JudgeChild:
    """The process. Its end never ends the measuring one.

    `on_log` gets lines of its log, `on_families` its metrics, `on_action` what a person asks for,
    `on_label` what a person says of an unlock. `complain` logs at a limited rate.
    """

    def __init__(
        self,
        config: JudgeConfig,
        *,
        on_log: Callable[[bytes], None],
        on_families: Callable[[list[Family]], None],
        on_action: Callable[[IncidentAction], None],
        on_label: Callable[[Label], None],
        complain: Callable[..., None],
    ) -> None:
        self._child = ChildProcess(
            "platform_probe.judge_process.process",
            config,
            on_line=self._on_line,
            on_end=self._on_end,
        )
        self._on_log = on_log
        self._on_families = on_families
        self._on_action = on_action
        self._on_label = on_label
        self._complain = complain
        self._port: int | None = None
        self.judged_at: float | None = None
        """Journal time up to which it has judged, as it said last; None: it has said nothing."""

    def start(self) -> None:
        """Start it. Call it in the event loop."""
        self._child.start()

    async def close(self, *, at_once: bool = False) -> None:
        """Wait for the judge's backlog, and end it."""
        ended_itself = await self._child.close(within_s=KILL_AFTER_S if at_once else END_WITHIN_S)
        if not ended_itself:
            self._complain(
                "judge_left_behind",
                "judge",
                explanation="the judge had not judged everything by the end; the next one does",
            )

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

    def _on_end(self, reason: str, wait_s: float) -> None:
        self._port = None
        self._complain(
            "judge_ended",
            "judge",
            reason=reason,
            restart_in_s=wait_s,
            explanation="the process that diagnoses and finds incidents ended, and is started"
            " again; measuring goes on, and what it missed is in the journal",
        )

    def _on_line(self, line: bytes) -> None:
        with suppress(msgspec.MsgspecError):
            self._on_message(msgspec.json.decode(line, type=ProcessMessage))

    def _on_message(self, message: ProcessMessage) -> None:
        if message.log is not None:
            self._on_log(message.log.encode() + b"\n")
        if message.port is not None:
            self._port = message.port
        if message.judged_at is not None:
            self.judged_at = message.judged_at
        if message.families is not None:
            self._on_families(message.families)
        if message.action is not None:
            self._on_action(message.action)
        if message.label is not None:
            self._on_label(message.label)


_HOP_BY_HOP: Final = frozenset(
    {"connection", "content-encoding", "content-length", "expect", "host", "keep-alive", "te",
     "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip
"""Headers of one connection (RFC 9110, 7.6.1), or that reading the body has made untrue."""
