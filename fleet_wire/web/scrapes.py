"""The page of metrics, made now and then, however many ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

from fleet_wire.clock import Clock

RENDERED_EVERY_S: Final = 0.25
"""A scrape gets a page that is at most so old: Prometheus comes every few seconds."""

Render = Callable[[str], tuple[Iterator[bytes], str]]
"""Returns for a media type the page in pieces, and its content type."""


class Scrapes:
    """Gives out the page. It is rendered a piece in each turn of the event loop, between unlocks.

    Whoever asks meanwhile waits for the same page, and they are served one in each turn.
    """

    def __init__(self, render: Render, clock: Clock) -> None:
        self._render = render
        self._clock = clock
        self._pages: dict[str, tuple[float, bytes, str]] = {}
        """When it was rendered, the page and its content type, by media type."""
        self._turns = asyncio.Lock()

    async def page(self, media_type: str) -> tuple[bytes, str]:
        """Return the page of a media type (there are two, not any), and its content type."""
        async with self._turns:
            await asyncio.sleep(0)
            kept = self._pages.get(media_type)
            now_s = self._clock.monotonic_s()
            if kept is None or now_s - kept[0] >= RENDERED_EVERY_S:
                kept = (now_s, *await self._rendered(media_type))
                self._pages[media_type] = kept
        return kept[1:]

    async def _rendered(self, media_type: str) -> tuple[bytes, str]:
        pieces, content_type = self._render(media_type)
        page = bytearray()
        for piece in pieces:
            page += piece
            await asyncio.sleep(0)
        return bytes(page), content_type
