"""Slack's API as a hostile server, or a hostile press, would have it used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fleet_wire.web.exchange import JSON, HttpRequest, HttpResponse
from fleet_wire.web.server import HttpServer
from platform_probe.tell.messages import slack as module
from platform_probe.tell.messages.delivery import FIRST_RETRY_S, Failure, Trouble, pause_after
from platform_probe.tell.messages.slack import RATE_WAIT_S, SlackApi
from platform_probe.tell.messages.to_urls import failure_of


class Recorder:
    """A server that gives one answer to everything, and notes what it was asked."""

    def __init__(self, answer: HttpResponse) -> None:
        self.given = answer
        self.asked: list[str] = []
        self.url = ""

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Note a request."""
        self.asked.append(f"{request.path} {request.headers.get('Authorization', '')}".strip())
        return self.given


@asynccontextmanager
async def recorder(answer: HttpResponse) -> AsyncIterator[Recorder]:
    """Serve until the block ends."""
    recorder = Recorder(answer)
    server = HttpServer(recorder.answer, connection_s=30, max_body_bytes=1_000_000)
    recorder.url = f"http://127.0.0.1:{await server.start('127.0.0.1', 0)}"
    yield recorder
    await server.stop()


def api_at(tmp_path: Path, url: str) -> SlackApi:
    """Return Slack's API at a URL."""
    token_file = tmp_path / "token"
    token_file.write_text("xoxb-1\n")
    return SlackApi(token_file=token_file, api_url=f"{url}/api/", timeout_s=30)


async def test_a_redirect_gets_no_token(tmp_path: Path) -> None:
    """Neither a method nor a response URL is followed elsewhere."""
    async with recorder(HttpResponse(200, b'{"ok":true}', JSON)) as elsewhere:
        away = HttpResponse(307, b"", headers={"Location": f"{elsewhere.url}/x"})
        async with recorder(away) as slack:
            api = api_at(tmp_path, slack.url)
            checked = await api.check()
            assert isinstance(checked, Failure)
            assert checked.trouble is Trouble.BROKEN
            assert not await api.say_to(f"{slack.url}/response", "hello")
        assert slack.asked == ["/api/auth.test Bearer xoxb-1", "/response"]
        assert elsewhere.asked == []


async def test_an_answer_without_end_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Slack says takes a bounded part of the memory."""
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 1_000)
    async with recorder(
        HttpResponse(200, b'{"ok":true,"x":"' + b"x" * 2_000 + b'"}', JSON)
    ) as slack:
        checked = await api_at(tmp_path, slack.url).check()
    assert isinstance(checked, Failure)
    assert (checked.trouble, "1000 bytes" in checked.detail) == (Trouble.BROKEN, True)


async def test_who_pressed_is_told_at_slack_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A press names any URL: the monitor posts to none but Slack's, or what stands in for it."""
    posted: list[str] = []

    async def post(to: str, *_: object, **__: object) -> HttpResponse:
        posted.append(to)
        return HttpResponse(200, b"")

    monkeypatch.setattr(module, "post_once", post)
    api = api_at(tmp_path, "https://slack.com")
    for url in FOREIGN:
        assert not await api.say_to(url, "hello"), url
    for url in OURS:
        assert await api.say_to(url, "hello"), url
    stand_in = "http://127.0.0.1:9/response"
    assert await api_at(tmp_path, "http://127.0.0.1:9").say_to(stand_in, "hi")
    assert posted == [*OURS, stand_in]


FOREIGN = (
    "http://127.0.0.1:1/x",
    "http://hooks.slack.com/actions/x",
    "https://hooks.slack.com.evil.example/x",
    "https://hooks.slack.com@127.0.0.1:1/x",
    "https://evil.example/hooks.slack.com",
    "https://hooks.slack.com:8443/x",
    "file:///etc/passwd",
    "http://[::1",
    "",
)
OURS = ("https://hooks.slack.com/actions/T/1", "https://hooks.slack-gov.com/actions/T/1")


@pytest.mark.parametrize("asked", ["nan", "inf", "-inf", "-1", "0", "1e-9", "soon", ""])
@pytest.mark.parametrize("status", [429, 503])
async def test_no_wait_that_a_server_asks_for_is_none(
    tmp_path: Path, asked: str, status: int
) -> None:
    """The next call comes a second later at least, and an hour later at most."""
    answer = HttpResponse(status, b'{"ok":false}', JSON, {"Retry-After": asked})
    async with recorder(answer) as slack:
        of_slack = await api_at(tmp_path, slack.url).check()
    of_webhook = failure_of(answer)
    assert isinstance(of_slack, Failure)
    assert of_webhook is not None
    for failure in (of_slack, of_webhook):
        assert FIRST_RETRY_S <= pause_after(failure, 1) <= RATE_WAIT_S
