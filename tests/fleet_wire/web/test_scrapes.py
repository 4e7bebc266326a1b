"""How often the page of metrics is rendered, and what else gets its turn meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest

from fleet_wire.web import scrapes as module
from fleet_wire.web.scrapes import RENDERED_EVERY_S, Scrapes
from tests.helpers.fake_clock import FakeClock


class Renderer:
    """Makes pages of three pieces, and counts them."""

    def __init__(self) -> None:
        self.rendered: list[str] = []
        self.turns_of_others = 0
        self.turns_seen: list[int] = []

    def render(self, media_type: str) -> tuple[Iterator[bytes], str]:
        """Return a page that names its number."""
        self.rendered.append(media_type)
        return self._pieces(len(self.rendered)), f"type {media_type}"

    def _pieces(self, number: int) -> Iterator[bytes]:
        for _ in range(3):
            self.turns_seen.append(self.turns_of_others)
            yield b"%d" % number

    async def work(self) -> None:
        """Be the unlocks: take a turn of the event loop whenever there is one."""
        while True:
            self.turns_of_others += 1
            await asyncio.sleep(0)


async def test_many_scrapes_share_a_page() -> None:
    """However many ask at once, the page is made once; it is made anew when it is old."""
    renderer, clock = Renderer(), FakeClock()
    scrapes = Scrapes(renderer.render, clock)
    pages = await asyncio.gather(*(scrapes.page("text") for _ in range(200)))
    assert set(pages) == {(b"111", "type text")}
    assert await scrapes.page("other") == (b"222", "type other")
    clock.now_s += RENDERED_EVERY_S
    assert (await scrapes.page("text"))[0] == b"333"
    assert renderer.rendered == ["text", "other", "text"]


async def test_unlocks_have_their_turns_between_pieces_and_scrapes() -> None:
    """Neither the rendering nor a crowd of scrapes holds the event loop."""
    renderer = Renderer()
    scrapes = Scrapes(renderer.render, FakeClock())
    work = asyncio.ensure_future(renderer.work())
    await asyncio.gather(*(scrapes.page("text") for _ in range(200)))
    work.cancel()
    first, second, third = renderer.turns_seen
    assert first < second < third
    assert renderer.turns_of_others >= 200


async def test_a_page_that_is_slow_to_render_leaves_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A scrape gets the last page instead of a time-out, and the new one once it is there."""
    monkeypatch.setattr(module, "RENDERED_WITHIN_S", 0.0)
    is_done, clock = [True], FakeClock()

    def pieces(number: int) -> Iterator[bytes]:
        while not is_done[0]:
            yield b""
        yield b"%d" % number

    numbers = count(1)
    scrapes = Scrapes(lambda media_type: (pieces(next(numbers)), media_type), clock)
    assert await scrapes.page("text") == (b"1", "text")
    clock.now_s += RENDERED_EVERY_S
    is_done[0] = False
    assert await scrapes.page("text") == (b"1", "text")
    assert await scrapes.page("text") == (b"1", "text")
    is_done[0] = True
    while (page := await scrapes.page("text"))[0] == b"1":
        pass
    assert page == (b"2", "text")
