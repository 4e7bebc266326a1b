"""Verify that a post comes from the monitor."""

import base64
import hmac
import time


def is_genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Return whether the monitor has sent this within the last five minutes."""
    sent_at = headers["webhook-timestamp"]
    key = secret.encode()
    if secret.startswith("whsec_"):
        key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.digest(key, f"{headers['webhook-id']}.{sent_at}.".encode() + body, "sha256")
    expected = f"v1,{base64.b64encode(signed).decode()}"
    is_fresh = abs(time.time() - int(sent_at)) < 300
    return is_fresh and hmac.compare_digest(expected, headers["webhook-signature"])
