"""Connections with TLS are made both ways, and compared round by round."""

from __future__ import annotations

import pytest

from bench.tls import KINDS, measure_tls, tls_goals

pytestmark = pytest.mark.long


@pytest.mark.broker
@pytest.mark.parametrize("kind", KINDS)
async def test_all_connect_with_tls(kind: str) -> None:
    """Five handshakes, and five links, come to their end on a broker with a certificate."""
    line = await measure_tls(kind, 5)
    assert line.connected == 5
    assert line.seconds > 0
    rate, ratio, *_ = tls_goals({"bare": [line], "link": [line]})
    assert (rate.values, ratio.values) == ([line.connected / line.seconds], [1.0])
