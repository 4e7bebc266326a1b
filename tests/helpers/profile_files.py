"""Profiles from texts, and messages as a profile reads them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from fleet_wire.profiles.loading import load_profile
from fleet_wire.profiles.profile import MessageContent, Profile, contents_of
from tests.helpers.messages import message_of


def profile_of(text: str) -> Profile:
    """Return the profile that a text describes. Raises `ConfigError` as for a file my.yaml."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "my.yaml"
        file.write_text(text, "utf-8")
        return load_profile(str(file))


def read(
    profile: Profile, topic: str, payload: bytes, **changes: Any
) -> tuple[str, MessageContent | None]:
    """Return the car and what a message says."""
    message = message_of(topic, payload, **changes)
    return next(contents_of(profile, message))


def heard(profile: Profile, topic: str, payload: bytes, **changes: Any) -> MessageContent | None:
    """Return what a message says."""
    return read(profile, topic, payload, **changes)[1]
