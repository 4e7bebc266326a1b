"""Bearer tokens in the header `Authorization`, for any bytes in it. No I/O."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from fleet_wire.web.exchange import HttpRequest

AUTHORIZATION = "Authorization"


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """Return the token of a request; None where there is none. Its bytes may be no UTF-8."""
    scheme, _, token = headers.get(AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def as_bytes(token: str) -> bytes:
    """Return a token as bytes; also one that was no UTF-8, which `str.encode` refuses."""
    return token.encode(errors="surrogatepass")


def has_token(request: HttpRequest, expected: str) -> bool:
    """Return whether a request bears the expected token."""
    given = bearer_of(request.headers)
    return given is not None and hmac.compare_digest(as_bytes(given), as_bytes(expected.strip()))
