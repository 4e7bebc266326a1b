"""Bearer tokens of customers: an account and a proof of it, so that none has to be stored."""

from __future__ import annotations

import hmac
from functools import lru_cache

_DIGITS = 32
_PURPOSE = b"platform/token/"
MAX_TOKEN = 200
MAX_KNOWN = 10_000
"""Tokens kept at most: OpenSSL takes longer to set up a key than the rest of a request takes."""


@lru_cache(maxsize=MAX_KNOWN)
def token_of(secret: str, account_id: str) -> str:
    """Return the token of an account: its id, a dot, and 32 hexadecimal digits of HMAC-SHA256."""
    digest = hmac.digest(secret.encode(), _PURPOSE + account_id.encode(), "sha256")
    return f"{account_id}.{digest.hex()[:_DIGITS]}"


def account_of(secret: str, token: str | None) -> str | None:
    """Return whose token it is, in constant time; None where it is nobody's. Any text will do."""
    if token is None or len(token) > MAX_TOKEN or not token.isascii():
        return None
    account_id = token.rpartition(".")[0]
    if not account_id or not hmac.compare_digest(token, token_of(secret, account_id)):
        return None
    return account_id
