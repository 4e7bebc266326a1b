"""Heads of HTTP/1 responses, as bytes: what many have in common is made once. No I/O."""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from fleet_wire.web.exchange import HttpResponse


def head_of(
    response: HttpResponse,
    *,
    version: tuple[int, int],
    keep_alive: bool,
    software: str,
    unix_s: int,
) -> bytes:
    r"""Return the head of a response that has a body, with the empty line at its end.

    `version` is that of the request, `keep_alive` whether its connection stays, `software` what
    answers, `unix_s` the time. Raises `ValueError` for a header with a `\n` in it, which would be
    two headers.
    """
    head = _cached_head(
        response.status, response.content_type, version, keep_alive, software, unix_s
    )  # fmt: skip
    for name, value in response.headers.items():
        head += _check_line(f"{name}: {value}") + "\r\n"
    for cookie in response.cookies:
        head += _check_line(f"Set-Cookie: {cookie}") + "\r\n"
    return f"{head}Content-Length: {len(response.body)}\r\n\r\n".encode()


@lru_cache(maxsize=64)
def _cached_head(
    status: int,
    content_type: str,
    version: tuple[int, int],
    keep_alive: bool,  # noqa: FBT001 - positional: the cache is fastest so
    software: str,
    unix_s: int,
) -> str:
    major, minor = version
    lines = [
        f"HTTP/{major}.{minor} {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {content_type}",
        f"Server: {software}",
        f"Date: {formatdate(unix_s, usegmt=True)}",  # RFC 9110, section 6.6.1
    ]
    if keep_alive is (version == (1, 0)):  # else the connection is as the version has it
        lines.append("Connection: keep-alive" if keep_alive else "Connection: close")
    return "".join(f"{_check_line(line)}\r\n" for line in lines)


def _check_line(line: str) -> str:
    if not line.isprintable():
        raise ValueError(f"a control character in a header: {line!r}")
    return line
