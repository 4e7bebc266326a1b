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
    lines = [
        _beginning(response.status, response.content_type, version, software),
        _date(unix_s),
        f"Content-Length: {len(response.body)}",
    ]
    if keep_alive is (version == (1, 0)):  # else the connection is as the version has it
        lines.append("Connection: keep-alive" if keep_alive else "Connection: close")
    for name, value in response.headers.items():
        lines.append(_checked(f"{name}: {value}"))
    lines.append("\r\n")
    return "\r\n".join(lines).encode()


@lru_cache(maxsize=256)
def _beginning(status: int, content_type: str, version: tuple[int, int], software: str) -> str:
    """Return what is alike in all responses of a kind."""
    major, minor = version
    lines = (
        f"HTTP/{major}.{minor} {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {content_type}",
        f"Server: {software}",
    )
    return "\r\n".join(map(_checked, lines))


@lru_cache(maxsize=1)
def _date(unix_s: int) -> str:
    """Return when a response was made (RFC 9110, section 6.6.1): the same for a second."""
    return f"Date: {formatdate(unix_s, usegmt=True)}"


def _checked(line: str) -> str:
    if not line.isprintable():
        raise ValueError(f"a control character in a header: {line!r}")
    return line
