"""Connections with TLS are made both ways, and compared round by round."""

from __future__ import annotations

import pytest

from bench.fleets.common import ConnectedLine
from bench.tls import KINDS, measure_tls, tls_goals

pytestmark = pytest.mark.long


@pytest.mark.broker
@pytest.mark.parametrize("kind", KINDS)
async def test_all_connect_with_tls(kind: str) -> None:
    """Five handshakes, and five links, come to their end on a broker with a certificate."""
    line = await measure_tls(kind, 5)
    assert line.connected == 5
    assert line.seconds > 0


def _line(*, seconds: float, kib: float) -> ConnectedLine:
    return ConnectedLine(
        connected=10, seconds=seconds, baseline_rss_bytes=0, rss_bytes=round(kib * 10_240), cpu_s=1
    )


def test_rate_and_memory_are_judged() -> None:
    """A link at 0.8 of the handshakes' rate misses; 54 KiB of it are few enough."""
    lines = {"bare": [_line(seconds=0.8, kib=53)], "link": [_line(seconds=1.0, kib=54)]}
    goals = {goal.title: goal for goal in tls_goals(lines)}
    assert not goals["connect rate, link / bare handshake"].holds
    assert goals["KiB, link"].values == [54.0]
    assert goals["KiB, link"].holds
