"""Heads of HTTP responses: what stands in them, and what may not."""

from __future__ import annotations

import http.client
import io

import pytest

from fleet_wire.web.exchange import JSON, HttpResponse
from fleet_wire.web.heads import head_of


def head(
    response: HttpResponse,
    *,
    version: tuple[int, int] = (1, 1),
    keep_alive: bool = True,
    unix_s: int = 784_111_777,
) -> bytes:
    """Return the head of a response to a usual request."""
    return head_of(
        response, version=version, keep_alive=keep_alive, software="tests", unix_s=unix_s
    )


def test_a_head_says_what_follows() -> None:
    """Status, type, length, time and headers, as the standard library reads them."""
    response = HttpResponse(202, b"{}", JSON, {"Location": "/commands/1"})
    lines = io.BytesIO(head(response).partition(b"\r\n")[2])
    assert head(response).startswith(b"HTTP/1.1 202 Accepted\r\n")
    assert dict(http.client.parse_headers(lines)) == {
        "Content-Type": JSON,
        "Server": "tests",
        "Date": "Sun, 06 Nov 1994 08:49:37 GMT",  # the example of RFC 9110, section 5.6.7
        "Location": "/commands/1",
        "Content-Length": "2",
    }
    assert lines.read() == b""


def test_heads_of_one_second_differ_in_what_differs() -> None:
    """What is kept of one is not given to another."""
    one, other = HttpResponse(200, b"a"), HttpResponse(200, b"bb")
    assert b"Content-Length: 1\r\n" in head(one)
    assert b"Content-Length: 2\r\n" in head(other)
    assert b"08:49:38 GMT" in head(one, unix_s=784_111_778)


@pytest.mark.parametrize(
    ("version", "keep_alive", "said"),
    [
        ((1, 1), True, b""),
        ((1, 1), False, b"Connection: close\r\n"),
        ((1, 0), True, b"Connection: keep-alive\r\n"),
        ((1, 0), False, b""),
    ],
)
def test_the_connection_is_spoken_of_where_it_is_not_as_usual(
    *, version: tuple[int, int], keep_alive: bool, said: bytes
) -> None:
    """HTTP/1.1 stays by itself, HTTP/1.0 ends by itself (RFC 9112, section 9.3)."""
    whole = head(HttpResponse(200, b""), version=version, keep_alive=keep_alive)
    lines = [line + b"\r\n" for line in whole.split(b"\r\n") if line.startswith(b"Connection")]
    assert b"".join(lines) == said


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(200, b"", "text/plain\r\nSet-Cookie: a=b"),
        HttpResponse(303, b"", headers={"Location": "/a\nSet-Cookie: a=b"}),
        HttpResponse(303, b"", headers={"X\r\nY": "z"}),
    ],
)
def test_nobody_smuggles_a_header_in(response: HttpResponse) -> None:
    """A value with the end of a line in it would be two headers."""
    with pytest.raises(ValueError, match="control character"):
        head(response)
