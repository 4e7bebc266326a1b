"""How clients of one broker find each other: by retained messages, which their wills take back."""

from __future__ import annotations

from typing import Final

from fleet_wire.links.link import Will

GONE: Final = b""
"""An empty payload takes a retained message back."""


class Announced:
    """Who announces itself by its `name`, a level of the topic, below `begin` as others like it."""

    def __init__(self, begin: str, name: str) -> None:
        self._begin = f"{begin}/"
        self._name = name

    @property
    def topic(self) -> str:
        """Where we announce ourselves."""
        return self._begin + self._name

    @property
    def topic_filter(self) -> str:
        """Where all do."""
        return f"{self._begin}+"

    @property
    def will(self) -> Will:
        """What takes our announcement back when we are gone."""
        return Will(self.topic, GONE)
