"""The cost of a connect is measured, whatever it comes to."""

from __future__ import annotations

import pytest

from bench.connect_cost import ConnectCost, measure_connects, render_costs

pytestmark = pytest.mark.long


@pytest.mark.broker
@pytest.mark.parametrize("session_expiry_s", [0, 60])
async def test_connects_cost_the_broker_something(session_expiry_s: int) -> None:
    """Five boxes come and come back: each time it takes CPU of the broker's process."""
    cost = await measure_connects(5, session_expiry_s=session_expiry_s)
    assert cost.first_s > 0
    assert cost.again_s > 0


def test_the_table_has_medians() -> None:
    """A row for each kind, in microseconds."""
    rounds = [ConnectCost(first_s / 1e6, 60e-6) for first_s in (10, 50, 51)]
    table = render_costs({(1_000, 0): rounds, (10_000, 60): rounds})
    assert table.splitlines()[2:] == ["| 1,000 | no | 50 | 60 |", "| 10,000 | yes | 50 | 60 |"]
