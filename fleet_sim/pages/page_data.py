"""Data for the macros in `templates/parts.html`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["pass", "fail", "none"]
"""How a part stands out: a class of the style."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A verdict in a word or two."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Tile:
    """One big number, with what it is above and a note below."""

    label: str
    figure: str
    note: str
    tone: Tone = "none"
