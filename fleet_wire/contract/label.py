"""The label: what a person found out about a failed unlock, for a diagnosis to be compared with.

It stands in the wire package because journal, store and console all have it. The last label of an
unlock holds.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

MAX_NAME: Final = 100
MAX_TEXT: Final = 500
_Id = Annotated[str, msgspec.Meta(max_length=500)]


class Label(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person's statement of why an unlock failed."""

    attempt_id: _Id
    """The unlock's."""
    vehicle_id: _Id
    """The car; empty where the request did not say which."""
    started_at: float
    """When the unlock began, Unix seconds: a store keeps the label as long as the unlock."""
    mode: _Id | None
    """The failure mode, `unknown` for none of the catalogue, or `nothing_wrong`; None: an earlier
    label is withdrawn."""
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
    """The person's name, from the console or from the command."""
    at: float
    """When it was said, Unix seconds."""
    text: Annotated[str, msgspec.Meta(max_length=MAX_TEXT)] | None = None
    """The finding of the person, in their words."""
