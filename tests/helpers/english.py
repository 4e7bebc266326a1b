"""Who says sentences in tests: in English or in French, with times of UTC."""

from __future__ import annotations

from datetime import UTC
from typing import Final

from platform_probe.texts.times import LocalSpeaker

ENGLISH: Final = LocalSpeaker("en", UTC)
FRENCH: Final = LocalSpeaker("fr", UTC)
