"""A local server that checks what Slack checks, and answers what Slack answers.

Auth, channels, lengths, block counts, JSON, and rates: a post a second in each channel, 50 edits a
minute. `speed` makes its seconds shorter, for tests that cannot wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qs

import msgspec

from fleet_wire.web.exchange import JSON, HttpRequest, HttpResponse
from fleet_wire.web.server import HttpServer
from tests.helpers.slack_rules import (
    MAX_LETTERS,
    MAX_TEXT,
    letters_of,
    mrkdwn_mistakes,
    mrkdwn_texts,
    problems_of_blocks,
)

TOKEN = "xoxb-1-good"  # noqa: S105 - of nobody
IDS = {"#unlocks": "C0UNLOCKS", "#support": "C0SUPPORT", "#old": "C0OLD"}
EARLY = {
    "500": HttpResponse(500, b'{"ok":false,"error":"internal_error"}', JSON),
    "html": HttpResponse(502, b"<html>Bad Gateway</html>", "text/html"),
    "429": HttpResponse(429, b'{"ok":false,"error":"ratelimited"}', JSON, {"Retry-After": "2"}),
}
"""Answers to what was not taken."""


@dataclass
class Message:
    """A message as the channel has it."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread_ts: str | None
    is_broadcast: bool
    metadata: dict[str, Any]
    at_s: float
    edits: int = 0

    @property
    def whole(self) -> str:
        """All that it says, in one text."""
        return self.text + "\n" + "\n".join(mrkdwn_texts(self.blocks))


@dataclass
class SlackServer:
    """What has come so far, and what goes wrong."""

    speed: float = 1.0
    url: str = ""
    token: str = TOKEN
    scopes: str = "chat:write,channels:history,groups:history"
    archived: set[str] = field(default_factory=set)
    uninvited: set[str] = field(default_factory=set)
    mishaps: list[str] = field(default_factory=list)
    """What happens to the next posts and edits: "500", "html", "half", "hang up", "lost", "429"."""
    messages: list[Message] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    limited: int = 0
    """Answers of 429 because the client was too fast."""
    mistakes: list[str] = field(default_factory=list)
    """What Slack takes, and shows garbled."""
    said_to: list[dict[str, Any]] = field(default_factory=list)
    """What came to the response URL of a press."""
    posted_s: dict[str, float] = field(default_factory=dict)
    edited_s: list[float] = field(default_factory=list)
    METHODS: ClassVar = {
        "auth.test": "_auth", "chat.postMessage": "_post", "chat.update": "_update",
        "conversations.history": "_history", "conversations.replies": "_replies",
    }  # fmt: skip

    @property
    def roots(self) -> list[Message]:
        """The messages that are no replies."""
        return [one for one in self.messages if one.thread_ts is None]

    @property
    def seen(self) -> list[Message]:
        """What the channels show: replies in threads alone left out."""
        return [one for one in self.messages if one.thread_ts is None or one.is_broadcast]

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        body = await request.body()
        if request.path == "/response":
            self.said_to.append(msgspec.json.decode(body))
            return HttpResponse(200, b"ok")
        method = request.path.removeprefix("/api/")
        self.calls.append(method)
        if refused := self._refused(method, request):
            return refused
        if request.headers.get("Content-Type", "").startswith("application/json"):
            asked = msgspec.json.decode(body)
        else:  # methods that only read take their arguments in the URL, or as a form
            fields = parse_qs(f"{body.decode()}&{request.query}")
            asked = {name: values[0] for name, values in fields.items()}
        mishap = self.mishaps.pop(0) if method.startswith("chat.") and self.mishaps else ""
        if mishap in EARLY:
            return EARLY[mishap]
        if mishap == "hang up":
            return await _hung_up(request)
        answer: HttpResponse = getattr(self, self.METHODS[method])(asked)
        if mishap == "lost":
            return await _hung_up(request)
        return answer._replace(body=answer.body[:20]) if mishap == "half" else answer

    def _refused(self, method: str, request: HttpRequest) -> HttpResponse | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if method not in self.METHODS:
            return self._no("unknown_method")
        if token != self.token:
            return self._no("invalid_auth" if token else "not_authed")
        return None

    def _yes(self, **values: Any) -> HttpResponse:
        body = msgspec.json.encode({"ok": True, **values})
        return HttpResponse(200, body, JSON, {"x-oauth-scopes": self.scopes})

    def _no(self, error: str, **more: Any) -> HttpResponse:
        body = msgspec.json.encode({"ok": False, "error": error, **more})
        return HttpResponse(200, body, JSON, {"x-oauth-scopes": self.scopes})

    def _limited(self) -> HttpResponse:
        self.limited += 1
        body = b'{"ok":false,"error":"ratelimited"}'
        return HttpResponse(429, body, JSON, {"Retry-After": "1"})

    def _auth(self, _: dict[str, Any]) -> HttpResponse:
        return self._yes(url="https://fleet.slack.com/", team="Fleet", user="unlockpath")

    def _channel(self, asked: dict[str, Any]) -> tuple[str, HttpResponse | None]:
        channel = IDS.get(asked.get("channel", ""), asked.get("channel", ""))
        if channel not in IDS.values():
            return "", self._no("channel_not_found")
        if channel in self.archived:
            return "", self._no("is_archived")
        return channel, self._no("not_in_channel") if channel in self.uninvited else None

    def _content(self, asked: dict[str, Any]) -> HttpResponse | None:
        text, blocks = asked.get("text", ""), asked.get("blocks", [])
        if not text and not blocks:
            return self._no("no_text")
        if len(text) > MAX_TEXT:
            return self._no("msg_too_long")
        if problems := problems_of_blocks(blocks):
            return self._no("invalid_blocks", response_metadata={"messages": problems})
        if letters_of(blocks) > MAX_LETTERS:
            return self._no("msg_blocks_too_long")
        for each in (text, *mrkdwn_texts(blocks)):
            self.mistakes += mrkdwn_mistakes(each)
        return None

    def _reply(self, asked: dict[str, Any]) -> HttpResponse | None:
        thread, metadata = asked.get("thread_ts"), asked.get("metadata", {})
        if "chat:write" not in self.scopes:
            return self._no("missing_scope", needed="chat:write", provided=self.scopes)
        if thread is not None and thread not in [one.ts for one in self.roots]:
            return self._no("thread_not_found")
        if asked.get("reply_broadcast") and thread is None:
            return self._no("invalid_arguments")
        if metadata and not (
            isinstance(metadata.get("event_type"), str)
            and isinstance(metadata.get("event_payload"), dict)
        ):
            return self._no("invalid_metadata_schema")
        return None

    def _post(self, asked: dict[str, Any]) -> HttpResponse:
        channel, refused = self._channel(asked)
        if refused := refused or self._content(asked) or self._reply(asked):
            return refused
        thread, metadata = asked.get("thread_ts"), asked.get("metadata", {})
        now_s = time.monotonic()
        if now_s - self.posted_s.get(channel, -9e9) < 1.0 / self.speed:
            return self._limited()
        self.posted_s[channel] = now_s
        message = Message(
            channel, f"{time.time():.0f}.{len(self.messages):06}", asked.get("text", ""),
            asked.get("blocks", []), thread, bool(asked.get("reply_broadcast")), metadata, now_s,
        )  # fmt: skip
        self.messages.append(message)
        return self._yes(channel=channel, ts=message.ts, message={"text": message.text})

    def _update(self, asked: dict[str, Any]) -> HttpResponse:
        channel, refused = self._channel(asked)
        if refused := refused or self._content(asked):
            return refused
        found = [m for m in self.messages if (m.channel, m.ts) == (channel, asked.get("ts"))]
        if not found:
            return self._no("message_not_found")
        now_s = time.monotonic()
        self.edited_s = [at_s for at_s in self.edited_s if now_s - at_s < 60.0 / self.speed]
        if len(self.edited_s) >= 50:
            return self._limited()
        self.edited_s.append(now_s)
        found[0].text, found[0].blocks = asked.get("text", ""), asked.get("blocks", [])
        found[0].edits += 1
        return self._yes(channel=channel, ts=found[0].ts, text=found[0].text)

    def _history(self, asked: dict[str, Any]) -> HttpResponse:
        return self._found(asked, self.seen)

    def _replies(self, asked: dict[str, Any]) -> HttpResponse:
        if asked.get("ts") not in [one.ts for one in self.roots]:
            return self._no("thread_not_found")
        thread = asked["ts"]
        return self._found(asked, [m for m in self.messages if thread in (m.ts, m.thread_ts)])

    def _found(self, asked: dict[str, Any], among: list[Message]) -> HttpResponse:
        if "channels:history" not in self.scopes:
            return self._no("missing_scope", needed="channels:history", provided=self.scopes)
        if asked.get("channel") not in IDS.values():  # a name will not do here
            return self._no("channel_not_found")
        if asked.get("include_all_metadata") not in ("1", "true"):
            among = []
        oldest, limit = float(asked.get("oldest", 0)), int(asked.get("limit", 100))
        found = [
            {"ts": m.ts, "text": m.text, "metadata": m.metadata}
            for m in reversed(among)
            if m.channel == asked["channel"] and float(m.ts) > oldest
        ]
        return self._yes(messages=found[:limit])


@asynccontextmanager
async def slack_server(speed: float = 1.0) -> AsyncIterator[SlackServer]:
    """Serve on a free port of this machine."""
    slack = SlackServer(speed=speed)
    server = HttpServer(slack.answer, connection_s=30, max_body_bytes=1_000_000)
    port = await server.start("127.0.0.1", 0)
    slack.url = f"http://127.0.0.1:{port}/api/"
    try:
        yield slack
    finally:
        await server.stop()


async def _hung_up(request: HttpRequest) -> HttpResponse:
    request.body.args[0].transport.abort()  # type: ignore[attr-defined] # aiohttp's request
    await asyncio.sleep(0.01)
    return HttpResponse(200, b"")
