"""A sentence by its key and its values: readers say it in their language, with times of their zone.

It stands in the wire package because records keep it beside its English words.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Text(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sentence by its key, with values for the template of that key."""

    key: str
    """Which template of the catalogue of texts it is."""
    values: dict[str, str | int | float | Text | tuple[Text, ...]] = {}
    """Its values by name: moments as Unix seconds, shares of 1, durations in seconds, names as they
    are, other sentences, or several of them."""


Value: TypeAlias = str | int | float | Text | tuple[Text, ...]
"""A value of a sentence."""
