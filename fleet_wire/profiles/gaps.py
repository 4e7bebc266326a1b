"""What is still to be filled in: a draft says so where nobody could guess."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fleet_wire.config.file import Loc
from fleet_wire.profiles.form import ProfileForm

FILL_IN: Final = "FILL_IN"
"""Stands in place of a level of a topic, or of a word of the fleet."""


def gaps_of(form: ProfileForm) -> Iterator[tuple[Loc, str]]:
    """Yield what stands in for what nobody knew, with its place."""
    for kind, messages in form.messages().items():
        for number, message in enumerate(messages):
            at: Loc = (kind.value, number)
            if FILL_IN in message.topic.split("/"):
                yield (*at, "topic"), f"to be filled in: the topic of each {kind.value}"
            for name, field in message.fields.items():
                word = field.values.get(FILL_IN)
                if word is not None:
                    here = (*at, "fields", name, "values", FILL_IN)
                    yield here, f"to be filled in: what the fleet says for '{word}'"
