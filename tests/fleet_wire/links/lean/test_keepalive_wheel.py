"""The shared keepalive timer."""

from __future__ import annotations

import asyncio

from fleet_wire.links.lean.keepalive_wheel import KeepaliveWheel


class _Clock(asyncio.SelectorEventLoop):
    """An event loop whose time the test sets."""

    now_s = 100.0

    def time(self) -> float:
        return self.now_s

    def pass_time(self, *seconds: float) -> None:
        """Let so many seconds pass, each at once."""
        for each in seconds:
            self.now_s += each
            self.call_soon(self.stop)
            self.run_forever()


class _Link:
    def __init__(self, every: int = 0) -> None:
        self.check_tick = 0
        self.every = every
        self.checked: list[int] = []

    def check(self, tick: int) -> int:
        self.checked.append(tick)
        return tick + self.every if self.every else 0


def test_checks_come_when_asked_for_and_stop() -> None:
    """Each link at its own interval. One that connected anew is checked by its new entry only.

    After a pause of the whole process every check that fell due is made, once.
    """
    loop = _Clock()
    wheel = KeepaliveWheel(loop)
    often, once, anew = _Link(2), _Link(), _Link()
    wheel.watch(often, 2)
    wheel.watch(once, 3)
    wheel.watch(anew, 2)
    anew.check_tick = 0
    wheel.watch(anew, 4)
    loop.pass_time(*[1.0] * 9)
    assert (often.checked, once.checked, anew.checked) == ([3, 5, 7, 9], [4], [5])
    links = [_Link() for _ in range(5)]
    for after, link in enumerate(links, start=1):
        wheel.watch(link, after)
    loop.pass_time(30, 1.0)
    assert all(len(link.checked) == 1 for link in links)
    assert wheel.tick == 41
    loop.close()
