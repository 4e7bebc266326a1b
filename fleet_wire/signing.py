"""Commands are signed with HMAC-SHA256 under a key per car, derived from one fleet secret.

A box keeps only its own key, so that a stolen box opens no other car.
"""

from __future__ import annotations

import hmac

from fleet_wire.messages import Action

DEMO_SECRET = "unlockpath-demo-secret"  # noqa: S105 - of simulated cars
"""The fleet secret where nobody names one: both sides' default, so that a first run just works."""


def vehicle_key(fleet_secret: str, vehicle_id: str) -> bytes:
    """Return the 32-byte key of one car."""
    return hmac.digest(fleet_secret.encode(), vehicle_id.encode(), "sha256")


def signature_of(
    key: bytes, *, command_id: str, action: Action, expires_at_ms: int, counter: int
) -> str:
    """Return the hexadecimal signature over what a thief would want to change."""
    text = f"{command_id}|{action}|{expires_at_ms}|{counter}"
    return hmac.digest(key, text.encode(), "sha256").hex()


def is_signed(
    key: bytes, signature: str, *, command_id: str, action: Action, expires_at_ms: int, counter: int
) -> bool:
    """Return whether `signature` is right, in constant time. Any text is allowed."""
    expected = signature_of(
        key, command_id=command_id, action=action, expires_at_ms=expires_at_ms, counter=counter
    )
    return signature.isascii() and hmac.compare_digest(expected, signature)
