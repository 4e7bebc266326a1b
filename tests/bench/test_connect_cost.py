"""The cost of a connect is measured, whatever it comes to."""

from __future__ import annotations

import pytest

from bench.connect_cost import measure_connects, render_costs

pytestmark = pytest.mark.long


@pytest.mark.broker
@pytest.mark.parametrize("session_expiry_s", [0, 60])
async def test_connects_cost_the_broker_something(session_expiry_s: int) -> None:
    """Five boxes come and come back: each time it takes CPU of the broker, and is told."""
    cost = await measure_connects(5, session_expiry_s=session_expiry_s)
    assert cost.first_s > 0
    assert cost.again_s > 0
    kept = "yes" if session_expiry_s else "no"
    assert f"| 5 | {kept} |" in render_costs({(5, session_expiry_s): [cost]})
