"""The shared keepalive timer."""

from __future__ import annotations

import asyncio

from fleet_wire.links.lean.keepalive_wheel import KeepaliveWheel


class _Clock(asyncio.SelectorEventLoop):
    """An event loop whose time the test sets."""

    now_s = 100.0

    def time(self) -> float:
        return self.now_s


class _Link:
    def __init__(self, every: int) -> None:
        self.check_tick = 0
        self.every = every
        self.checked: list[int] = []

    def check(self, tick: int) -> int:
        self.checked.append(tick)
        return tick + self.every if self.every else 0


def _pass(loop: _Clock, seconds: int) -> None:
    for _ in range(seconds):
        loop.now_s += 1.0
        loop.call_soon(loop.stop)
        loop.run_forever()


def test_checks_come_when_asked_for_and_stop() -> None:
    """Each link is checked at its own interval; one that wants no more is left alone."""
    loop = _Clock()
    wheel = KeepaliveWheel(loop)
    often, once = _Link(2), _Link(0)
    wheel.watch(often, 2)
    wheel.watch(once, 3)
    _pass(loop, 9)
    assert often.checked == [3, 5, 7, 9]
    assert once.checked == [4]
    loop.close()


def test_closed_and_watched_again_is_checked_once() -> None:
    """A link that reconnected is checked by its new entry only."""
    loop = _Clock()
    wheel = KeepaliveWheel(loop)
    link = _Link(0)
    wheel.watch(link, 2)
    link.check_tick = 0
    wheel.watch(link, 4)
    _pass(loop, 6)
    assert link.checked == [5]
    loop.close()


def test_a_late_loop_skips_nothing() -> None:
    """After a pause of the whole process every check that fell due is made."""
    loop = _Clock()
    wheel = KeepaliveWheel(loop)
    links = [_Link(0) for _ in range(5)]
    for after, link in enumerate(links, start=1):
        wheel.watch(link, after)
    loop.now_s += 30
    _pass(loop, 1)
    assert all(len(link.checked) == 1 for link in links)
    assert wheel.tick == 32
    loop.close()
