"""What fails, as it comes: who begins to watch misses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from platform_probe.tell.support.rows import Row
from platform_probe.web.console.live_list import AGAIN, Live


def test_who_begins_to_watch_is_sent_the_latest_first() -> None:
    """What failed since the page was made: the oldest of these before, each once."""
    failures: list[Row] = [{"attempt_id": f"attempt-{number}"} for number in range(AGAIN + 5)]

    async def latest() -> Sequence[Row]:
        return failures

    async def told() -> list[bytes]:
        live = Live(latest)
        events = live.events(lambda row: row)
        found = [await anext(events) for _ in range(AGAIN + 1)]
        await live.close()
        return [*found, *[each async for each in events]]

    began, *sent = asyncio.run(told())
    assert began.startswith(b"retry")
    assert [each.split(b'"')[-2].decode() for each in sent] == [
        f"attempt-{number}" for number in reversed(range(AGAIN))
    ]
