"""How clients of one broker find each other: by retained messages, which their wills take back."""

from __future__ import annotations

from typing import Final

from fleet_wire.links.link import Will

GONE: Final = b""
"""An empty payload takes a retained message back."""


class AnnouncementTopic:
    """A client's announcement: a retained topic of its `name` below `begin`, as its peers use."""

    def __init__(self, begin: str, name: str) -> None:
        self._begin = f"{begin}/"
        self._name = name

    @property
    def topic(self) -> str:
        """Return the topic of our announcement."""
        return self._begin + self._name

    @property
    def topic_filter(self) -> str:
        """Return the topic filter for all announcements."""
        return f"{self._begin}+"

    @property
    def will(self) -> Will:
        """Return the will that clears our announcement when the connection is lost."""
        return Will(self.topic, GONE)
