"""A request and its answer for handlers, independent of the HTTP library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

TEXT: Final = "text/plain; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/json"
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class BodyTooLargeError(Exception):
    """A request's body is larger than its server takes."""


class UnreadableBodyError(Exception):
    """A request's body is not what its head says: wrong chunks, or a wrong `Content-Encoding`."""


class HttpRequest(NamedTuple):
    """One request."""

    method: str
    """In capitals, as it came."""
    target: str
    """Path and query, as they came."""
    headers: Mapping[str, str]
    """Their names are case-insensitive."""
    remote: str
    """The client's address; empty if there is none."""
    body: Callable[[], Awaitable[bytes]]
    """Returns the whole body, once. Raises `BodyTooLargeError`, `UnreadableBodyError`."""

    @property
    def path(self) -> str:
        """Return the path, decoded, without the query."""
        path = self.target.partition("?")[0]
        if not path.startswith("/"):  # a whole URL, as for a proxy
            path = urlsplit(path).path
        return unquote(path) if "%" in path else path

    @property
    def query(self) -> str:
        """Return what follows the `?`, as it came; empty where there is none."""
        return self.target.partition("?")[2]


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
