# ruff: noqa: INP001 - a script that a container mounts
"""A stand-in for Slack: it takes what the monitor and Alertmanager post, and shows it on a page.

It knows the methods of the Web API that `platform_probe` calls, and incoming webhooks. It checks no
token and forgets everything when it ends. Standard library only.
"""

from __future__ import annotations

import html
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEPT = 200
"""Messages; the oldest go first."""
MAX_BODY = 1_000_000

EMOJI = {
    "large_blue_circle": "🔵", "large_orange_circle": "🟠", "red_circle": "🔴",
    "white_check_mark": "✅", "link": "🔗", "eyes": "👀", "wrench": "🔧", "mute": "🔇",
}  # fmt: skip
"""Those that the monitor's messages have."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>#unlocks</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<style>
body {{ font: 15px/1.46 system-ui, sans-serif; max-width: 46rem; margin: 1rem auto; padding: 0 1rem;
  color: #1d1c1d; background: #fff }}
article {{ border-left: 4px solid #ddd; padding: .1rem 0 .1rem .8rem; margin: 1rem 0 }}
article article {{ margin: .4rem 0 .4rem 1rem }}
h1 {{ font-size: 1.2rem }} h2 {{ font-size: 1rem; margin: .2rem 0 }}
header, footer {{ color: #616061; font-size: .85rem }}
p {{ margin: .3rem 0; white-space: pre-line }}
.danger {{ border-color: #d40e0d }} .warning {{ border-color: #e8a317 }}
.good {{ border-color: #2eb67d }}
button {{ font: bold 13px system-ui, sans-serif; color: inherit; background: #fff;
  border: 1px solid #bbb; border-radius: 4px; padding: .3rem .7rem; margin-right: .4rem }}
button.primary {{ color: #fff; background: #007a5a; border-color: #007a5a }}
</style></head><body><h1>#unlocks</h1>
<header>A stand-in for Slack, as the demo shows it. {watchdog}</header>
{messages}
</body></html>"""


@dataclass
class Message:
    """One message of the channel, or a reply in its thread."""

    ts: str
    sender: str
    at_s: float
    body: dict[str, Any]
    thread_ts: str | None = None
    edits: int = 0
    replies: list[Message] = field(default_factory=list)


class Channel:
    """All that was posted. Requests come in threads of their own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: list[Message] = []
        self._posted = 0
        self._watchdog_s: float | None = None

    def post(self, sender: str, body: dict[str, Any]) -> Message:
        """Add a message, or a reply where it names a thread that is there."""
        with self._lock:
            self._posted += 1
            now_s = time.time()
            thread = body.get("thread_ts")
            message = Message(f"{now_s:.0f}.{self._posted:06}", sender, now_s, body, thread)
            root = self._find(thread)
            if root is None:
                self._messages = [*self._messages[1 - KEPT :], message]
            else:
                root.replies.append(message)
            return message

    def update(self, body: dict[str, Any]) -> Message | None:
        """Replace what a message says; None where there is none."""
        with self._lock:
            message = self._find(body.get("ts"))
            if message is not None:
                message.body = {**message.body, **body}
                message.edits += 1
            return message

    def among(self, thread: str | None) -> list[dict[str, Any]]:
        """Return the messages of the channel, or of a thread, as the Web API lists them."""
        with self._lock:
            root = self._find(thread)
            found = self._messages if root is None else [root, *root.replies]
            return [{**each.body, "ts": each.ts} for each in reversed(found)]

    def hear_watchdog(self) -> None:
        """Note that Alertmanager's dead man's switch has called."""
        self._watchdog_s = time.time()

    def page(self) -> str:
        """Return the page, the newest message first."""
        with self._lock:
            messages = "".join(_article(each) for each in reversed(self._messages))
        since = self._watchdog_s
        watchdog = (
            "" if since is None else f"Alertmanager's watchdog last called at {_clock(since)}."
        )
        return PAGE.format(watchdog=watchdog, messages=messages or "<p>Nothing yet.</p>")

    def _find(self, ts: str | None) -> Message | None:
        return next((each for each in self._messages if ts is not None and each.ts == ts), None)


def _clock(at_s: float) -> str:
    return time.strftime("%H:%M:%S UTC", time.gmtime(at_s))


def _article(message: Message) -> str:
    edited = f", edited {message.edits} times" if message.edits else ""
    replies = "".join(_article(each) for each in message.replies)
    color = next((str(each.get("color", "")) for each in _attachments(message)), "")
    return (
        f'<article class="{html.escape(color, quote=True)}">'
        f"<header><b>{html.escape(message.sender)}</b> {_clock(message.at_s)}{edited}</header>"
        f"{''.join(_parts(message))}{replies}</article>"
    )


def _attachments(message: Message) -> list[dict[str, Any]]:
    return message.body.get("attachments") or []


def _parts(message: Message) -> Iterator[str]:
    """Yield what a message shows: its blocks, or else its text, and its attachments."""
    blocks = message.body.get("blocks") or []
    if not blocks and message.body.get("text"):
        yield f"<p>{_markup(message.body['text'])}</p>"
    for block in blocks:
        text = (block.get("text") or {}).get("text", "")
        if block.get("type") == "header":
            yield f"<h2>{_markup(html.escape(text, quote=False))}</h2>"
        elif block.get("type") == "section":
            yield f"<p>{_markup(text)}</p>"
        elif block.get("type") == "actions":
            yield f"<p>{''.join(map(_button, block.get('elements', ())))}</p>"
        elif block.get("type") == "context":
            texts = (str(each.get("text", "")) for each in block.get("elements", ()))
            yield f"<footer>{' '.join(_markup(each) for each in texts)}</footer>"
    for each in _attachments(message):
        title, link = str(each.get("title", "")), str(each.get("title_link", ""))
        yield f"<h2>{_link(link, title)}</h2><p>{_markup(str(each.get('text', '')))}</p>"


def _button(element: dict[str, Any]) -> str:
    """Return a button; nothing happens when it is pressed."""
    style = html.escape(str(element.get("style", "")), quote=True)
    label = html.escape(str((element.get("text") or {}).get("text", "")), quote=False)
    return f'<button class="{style}" disabled>{label}</button> '


def _link(url: str, text: str) -> str:
    """Return a link; what is no web address stays text."""
    shown = html.escape(html.unescape(text))
    if not url.startswith(("http://", "https://")):
        return shown
    return f'<a href="{html.escape(url, quote=True)}">{shown}</a>'


def _markup(text: str) -> str:
    """Return Slack's markup as HTML: links, dates, emoji, code, bold and italic."""
    shown = []
    for part in re.split(r"(<[^<>]*>)", text):
        if part.startswith("<!date"):
            shown.append(html.escape(html.unescape(part[1:-1].rpartition("|")[2])))
        elif part.startswith("<"):
            url, _, name = part[1:-1].partition("|")
            shown.append(_link(html.unescape(url), name or url))
        else:
            plain = html.escape(html.unescape(part), quote=False)
            plain = re.sub(r":(\w+):", lambda found: EMOJI.get(found[1], found[0]), plain)
            plain = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", plain)
            shown.append(re.sub(r"(?<!\w)_([^_\n]+)_(?!\w)", r"<i>\1</i>", plain))
    # A bold part may hold a date
    return re.sub(r"(?<!\w)\*([^*\n]+)\*(?!\w)", r"<b>\1</b>", "".join(shown))


class Handler(BaseHTTPRequestHandler):
    """Answers Slack's clients, and shows the page to people."""

    channel: Channel

    def do_GET(self) -> None:
        """Show the page; /healthz says that it serves."""
        path = urlsplit(self.path).path
        if path.startswith("/api/"):
            self._call(path.removeprefix("/api/"), {})
        elif path in ("/", "/healthz"):
            text = self.channel.page() if path == "/" else "ok"
            self._answer(200, text, "text/html; charset=utf-8")
        else:
            self._answer(404, "there is only /", "text/plain")

    def do_POST(self) -> None:
        """Take a call of the Web API, or a webhook."""
        path = urlsplit(self.path).path
        try:
            body = self._body()
        except ValueError as error:
            self._answer(400, f"not JSON: {error}", "text/plain")
            return
        if path.startswith("/api/"):
            self._call(path.removeprefix("/api/"), body)
            return
        if path == "/hooks/alertmanager":
            self.channel.post("Alertmanager", body)
        elif path == "/hooks/dead-man":
            self.channel.hear_watchdog()
        self._answer(200, "ok", "text/plain")

    def _body(self) -> dict[str, Any]:
        length = min(int(self.headers.get("Content-Length") or 0), MAX_BODY)
        data = self.rfile.read(length)
        if self.headers.get("Content-Type", "").startswith("application/json"):
            body = json.loads(data)
            return body if isinstance(body, dict) else {}
        return {name: values[0] for name, values in parse_qs(data.decode()).items()}

    def _call(self, method: str, body: dict[str, Any]) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        asked.update(body)
        answer: dict[str, Any] = {"ok": True, "channel": "C0UNLOCKS"}
        if method == "chat.postMessage":
            answer["ts"] = self.channel.post("unlockpath", asked).ts
        elif method == "chat.update":
            changed = self.channel.update(asked)
            answer = {**answer, "ts": asked["ts"]} if changed else _no("message_not_found")
        elif method in ("conversations.history", "conversations.replies"):
            answer["messages"] = self.channel.among(asked.get("ts"))
        elif method == "auth.test":
            answer.update(url="http://localhost/", team="Demo", user="unlockpath")
        else:
            answer = _no("unknown_method")
        self._answer(200, json.dumps(answer), "application/json")

    def _answer(self, status: int, text: str, kind: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-OAuth-Scopes", "chat:write,channels:history,groups:history")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is overridden
        """Say nothing of each request."""


def _no(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}


def main() -> None:
    """Serve at HOST:PORT of the command line until the process is ended."""
    host, _, port = sys.argv[1].rpartition(":")
    Handler.channel = Channel()
    ThreadingHTTPServer((host, int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
