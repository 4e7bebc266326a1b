"""A request and its answer for handlers, independent of the HTTP library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

TEXT: Final = "text/plain; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/json"
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class BodyTooLargeError(Exception):
    """A request's body is larger than its server takes."""


class UnreadableBodyError(Exception):
    """A request's body is not what its head says: wrong chunks, or a wrong `Content-Encoding`."""


class HttpRequest(Protocol):
    """One request."""

    @property
    def method(self) -> str:
        """Return the method, in capitals as it came."""
        ...

    @property
    def path(self) -> str:
        """Return the path, decoded, without the query."""
        ...

    @property
    def query(self) -> str:
        """Return what follows the `?`, as it came; empty where there is none."""
        ...

    @property
    def remote(self) -> str:
        """Return the client's address; empty if there is none."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers; their names are case-insensitive."""
        ...

    async def body(self) -> bytes:
        """Return the whole body, once. Raises `BodyTooLargeError`, `UnreadableBodyError`."""
        ...


class HttpResponse(NamedTuple):
    """The answer to a request."""

    status: int
    body: bytes
    content_type: str = TEXT
    headers: Mapping[str, str] = _NONE
    cookies: tuple[str, ...] = ()
    """Values of `Set-Cookie`, which may come several times (RFC 6265, section 3)."""


class HttpStream(NamedTuple):
    """An answer that goes on: each chunk is sent when it is there."""

    status: int
    chunks: AsyncIterator[bytes]
    content_type: str
    headers: Mapping[str, str] = _NONE
