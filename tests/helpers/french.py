"""Which failure modes are told in French."""

from __future__ import annotations

from typing import Final

from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.mode import FailureMode

TRANSLATED: Final = 60
"""Modes up to this number have French texts; a newer one is told in English until it has some."""


def in_french() -> tuple[FailureMode, ...]:
    """Return the modes of which every sentence must be in French."""
    return tuple(mode for mode in MODES.values() if mode.number <= TRANSLATED)
