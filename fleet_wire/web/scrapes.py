"""The page of metrics, made now and then, however many ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

from fleet_wire.clock import Clock

RENDERED_EVERY_S: Final = 0.25
"""A scrape gets a page that is at most so old: Prometheus comes every few seconds."""
RENDERED_WITHIN_S: Final = 1.0
"""After that a scrape gets the page before, if there is one: an old one is better than none."""

Render = Callable[[str], tuple[Iterator[bytes], str]]
"""Returns for a media type the page in pieces, and its content type."""


class Scrapes:
    """Gives out the page. It is rendered a piece in each turn of the event loop, between unlocks.

    All who ask meanwhile wait for the same page, and they are served one in each turn.
    """

    def __init__(self, render: Render, clock: Clock) -> None:
        self._render = render
        self._clock = clock
        self._pages: dict[str, tuple[float, bytes, str]] = {}
        """When it was rendered, the page and its content type, by media type."""
        self._rendering: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Lock()

    async def page(self, media_type: str) -> tuple[bytes, str]:
        """Return the page of a media type (there are two, not any), and its content type."""
        kept = self._pages.get(media_type)
        if kept is None or self._clock.monotonic_s() - kept[0] >= RENDERED_EVERY_S:
            rendering = self._rendering_of(media_type)
            await asyncio.wait({rendering}, timeout=None if kept is None else RENDERED_WITHIN_S)
            if rendering.done():
                rendering.result()  # raises what went wrong
        async with self._turns:
            await asyncio.sleep(0)
        return self._pages[media_type][1:]

    def _rendering_of(self, media_type: str) -> asyncio.Task[None]:
        """Return the task that renders the page, a new one where none is under way."""
        under_way = self._rendering.get(media_type)
        if under_way is None or under_way.done():
            under_way = asyncio.create_task(self._rendered(media_type))
            self._rendering[media_type] = under_way
        return under_way

    async def _rendered(self, media_type: str) -> None:
        began_s = self._clock.monotonic_s()
        pieces, content_type = self._render(media_type)
        page = bytearray()
        for piece in pieces:
            page += piece
            await asyncio.sleep(0)
        self._pages[media_type] = began_s, bytes(page), content_type
