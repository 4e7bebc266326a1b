"""Who may look: what `access.txt` cannot show."""

from __future__ import annotations

from http.client import HTTPConnection
from pathlib import Path

import pytest

from platform_probe.web.console import access, live_list
from tests.helpers.consoles import TOKENS, Visitor

Guarded = tuple[str, Path]


def logged_in(console: Guarded, role: str) -> Visitor:
    """Return somebody with a role, logged in."""
    visitor = Visitor(console[0])
    assert visitor.log_in(TOKENS[role]).location == "/"
    return visitor


def test_what_fails_is_not_shown_after_the_session(
    guarded_console: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live list of a session that has ended ends too."""
    visitor = logged_in(guarded_console, "oncall")
    monkeypatch.setattr(live_list, "BEAT_S", 0.05)
    connection = HTTPConnection(guarded_console[0].removeprefix("http://"), timeout=60)
    session = f"console_session={visitor.cookies['console_session']}"
    connection.request("GET", "/live", headers={"Cookie": session})
    live = connection.getresponse()
    while live.readline() != b": still here\n":
        pass
    visitor.post("/logout", {"form_token": visitor.form_token("/")})
    live.read()  # to its end
    connection.close()


def test_of_too_many_sessions_the_first_ends(
    guarded_console: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered is bounded, and one that has ended does not begin again."""
    monkeypatch.setattr(access, "MAX_SESSIONS", 2)
    visitors = [logged_in(guarded_console, "oncall") for _ in range(3)]
    assert [visitor.get("/").status for visitor in visitors] == [303, 200, 200]


def test_a_form_that_is_too_large_is_refused(guarded_console: Guarded) -> None:
    """Nobody has to send so much."""
    visitor = logged_in(guarded_console, "oncall")
    assert visitor.post("/unmask", {"reason": "x" * 70_000}).status == 413
