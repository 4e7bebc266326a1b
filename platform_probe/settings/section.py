"""The parts that sections of the settings share: their form, and URLs."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

from fleet_wire.addresses import host_problem
from fleet_wire.error_text import shortened


class Section(BaseModel):
    """A part of the settings: it does not change, and has no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def checked_url(
    url: str,
    *,
    example: str = "https://host/path",
    instead: str = "it may not hold a password",
) -> str:
    """Return a URL of HTTP. Raises `ValueError` that shows no password.

    `example` is a URL as it should be; `instead` says where a password belongs.
    """
    expected = f"expected a URL as {example}"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{expected}, not '{shortened(url)}'") from None
    if "@" in parts.netloc:
        raise ValueError(f"everybody sees a URL: {instead}")
    if parts.scheme not in ("http", "https") or not host or parts.fragment:
        raise ValueError(f"{expected}, not '{shortened(url)}'")
    if problem := host_problem(host):
        raise ValueError(problem)
    return url


Url = Annotated[str, AfterValidator(checked_url)]
"""A URL of HTTP without a password."""
