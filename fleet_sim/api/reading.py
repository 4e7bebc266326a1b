"""Read and check the headers and the body of a phone's HTTP request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from fleet_sim.api.bodies import BodyError, LaterEnd, NewBooking, UsedBooking
from fleet_sim.api.routes import BodyDecoder, Route
from fleet_wire.contract.problems import (
    INVALID_REQUEST,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemType,
)
from fleet_wire.web.exchange import JSON

MAX_WAIT_S: Final = 60
"""A request waits no longer for a result over HTTP: proxies and phones give up then."""
AUTHORIZATION: Final = "Authorization"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
"""draft-ietf-httpapi-idempotency-key-header-07."""
APP_VERSION: Final = "App-Version"
PREFER: Final = "Prefer"
"""RFC 7240; `wait` is its section 4.3."""
CODINGS: Final = ("gzip", "deflate")
"""Supported content codings of a body (RFC 9110, section 8.4.1), independent of installed
packages."""
_NO_CODING: Final = "identity"
_BEARER: Final = re.compile(r"Bearer +([A-Za-z0-9._~+/-]{1,200}=*)", re.IGNORECASE)
"""RFC 6750, section 2.1."""
_KEY: Final = re.compile(r'"([\x20\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')
"""A string in quotes as the draft has it, or the same without, as most clients send it."""
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,31}")
_WAIT: Final = re.compile(r'(?:^|,)\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?:[,;]|$)', re.IGNORECASE)
_PLACE: Final = re.compile(r"(.*?)(?: - at `\$(.*)`)?", re.DOTALL)
_ROOM: Final = b" " * 6
"""The length of half of a surrogate pair (`\ud800`). One so near to the end msgspec takes for a
body that was cut off; with so much behind it says what it is."""
_MISSING: Final = re.compile(r"Object missing required field `(.*)`")
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


class RefusedError(Exception):
    """A request that is not handed to the platform."""

    def __init__(self, problem: ProblemType, *errors: BodyError) -> None:
        super().__init__(problem.slug)
        self.problem = problem
        self.errors = errors


def token_of(headers: Mapping[str, str]) -> str | None:
    """Return the bearer token, if there is one that could be."""
    match = _BEARER.fullmatch(headers.get(AUTHORIZATION, ""))
    return None if match is None else match[1]


def app_version_of(headers: Mapping[str, str]) -> str | None:
    """Return the app's version, if it looks like one."""
    version = headers.get(APP_VERSION)
    return version if version is not None and _VERSION.fullmatch(version) else None


def wait_of(headers: Mapping[str, str]) -> int:
    """Return for how many seconds the client would wait for the result; 0: not at all.

    A preference that cannot be read is as good as none (RFC 7240, section 2).
    """
    preferred = headers.get(PREFER)
    match = None if preferred is None else _WAIT.search(preferred)
    return 0 if match is None else min(int(match[1]), MAX_WAIT_S)


def idempotency_key_of(headers: Mapping[str, str]) -> str | None:
    """Return the key, without quotes. Raises `RefusedError`."""
    value = headers.get(IDEMPOTENCY_KEY)
    if value is None:
        return None
    match = _KEY.fullmatch(value)
    if match is None:
        detail = "expected 1 to 255 printable ASCII characters, in double quotes or without"
        raise RefusedError(INVALID_REQUEST, BodyError(detail, header=IDEMPOTENCY_KEY))
    return match[1] or match[2]


def check_coding(headers: Mapping[str, str]) -> None:
    """Raise `RefusedError` for a body in a content coding that is not read."""
    coding = headers.get("Content-Encoding", _NO_CODING)
    if coding.strip().lower() not in (*CODINGS, _NO_CODING):
        detail = f"expected {' or '.join(CODINGS)}, or no such header"
        raise RefusedError(UNSUPPORTED_MEDIA_TYPE, BodyError(detail, header="Content-Encoding"))


def fields_of(route: Route, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return what the body says, by field of `Request`. Raises `RefusedError`."""
    if route.body is None:
        return {}
    content_type = headers.get("Content-Type", "")
    is_json = content_type == JSON or content_type.partition(";")[0].strip().lower() == JSON
    if body and not is_json:
        raise RefusedError(
            UNSUPPORTED_MEDIA_TYPE, BodyError(f"expected {JSON}", header="Content-Type")
        )
    try:
        return msgspec.structs.asdict(_decoded(route.body, body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(INVALID_REQUEST, body_error(error)) from None


def _decoded(decoder: BodyDecoder, body: bytes) -> LaterEnd | NewBooking | UsedBooking:
    try:
        return decoder.decode(body)
    except msgspec.DecodeError:
        if not body.endswith(b"}"):
            raise
        return decoder.decode(body + _ROOM)


def body_error(error: Exception) -> BodyError:
    """Return what is wrong with a body, and where: a pointer as RFC 9457, section 3, has it."""
    if isinstance(error, UnicodeDecodeError):
        return BodyError("not UTF-8", pointer="#")
    if isinstance(error, RecursionError):
        return BodyError("nested too deeply", pointer="#")
    match = _PLACE.fullmatch(str(error))
    assert match is not None  # noqa: S101 - it matches anything
    detail, path = match[1], match[2] or ""
    steps = [name or index for name, index in _STEP.findall(path)]
    missing = _MISSING.fullmatch(detail)
    if missing is not None:
        steps.append(missing[1])
        detail = "missing"
    escaped = (step.replace("~", "~0").replace("/", "~1") for step in steps)
    return BodyError(detail, pointer="#" + "".join(f"/{step}" for step in escaped))
