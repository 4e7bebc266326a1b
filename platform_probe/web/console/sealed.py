"""Cookies that nobody but this console writes: signed with a key that is drawn when it starts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import TypeVar

import msgspec

from fleet_wire.web.exchange import HttpRequest

_T = TypeVar("_T")


class Seal:
    """Signs, and tells what it has signed. A restart of the console draws another key."""

    def __init__(self, *, is_https: bool) -> None:
        """Draw the key; with `is_https` browsers send the cookies over https alone."""
        self._key = secrets.token_bytes(32)
        self._also = "; Secure" if is_https else ""

    def sign(self, content: str) -> str:
        """Return what only this console can say of a text: 64 hexadecimal digits."""
        return hmac.new(self._key, content.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def is_signed(self, content: str, signature: str) -> bool:
        """Return whether a signature is ours."""
        given = signature.encode("utf-8", "replace")
        return hmac.compare_digest(given, self.sign(content).encode())

    def cookie(self, name: str, content: object, age_s: float) -> str:
        """Return the `Set-Cookie` that keeps something in the browser."""
        payload = base64.urlsafe_b64encode(msgspec.json.encode(content)).decode().rstrip("=")
        value = f"{payload}.{self.sign(f'{name} {payload}')}"
        return f"{name}={value}; Path=/; Max-Age={age_s:.0f}; HttpOnly; SameSite=Lax{self._also}"

    def no_cookie(self, name: str) -> str:
        """Return the `Set-Cookie` that takes it away."""
        return f"{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{self._also}"

    def read(self, request: HttpRequest, name: str, kind: type[_T]) -> _T | None:
        """Return what we have put into a cookie; None where there is none, or a forged one."""
        payload, _, signature = cookie(request, name).partition(".")
        if not self.is_signed(f"{name} {payload}", signature):
            return None
        padded = payload + "=" * (-len(payload) % 4)
        try:
            return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=kind)
        except (msgspec.MsgspecError, ValueError):
            return None


def cookie(request: HttpRequest, name: str) -> str:
    """Return the value of a cookie; empty where there is none."""
    try:
        found = SimpleCookie(request.headers.get("Cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value
