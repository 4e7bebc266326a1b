"""Who says sentences in tests: in English or in French, with times of UTC."""

from __future__ import annotations

from typing import Final

from platform_probe.texts.speaking import Speaker

ENGLISH: Final = Speaker("en")
FRENCH: Final = Speaker("fr")
