"""A box that gets nonsense, and how long it takes; `test_stories.py` has what it does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.cars.parameters import BoxParameters
from fleet_wire.contract.messages import Phase
from tests.helpers.fake_link import bench


@given(st.binary(max_size=300))
def test_no_payload_can_break_a_box(payload: bytes) -> None:
    """Random bytes are acknowledged and counted, and the next command is executed."""
    car = bench()
    car.deliver(car.message(payload))
    assert car.world.counts.malformed == 1
    car.deliver(car.command())
    assert car.link.results()[-1].phase is Phase.EXECUTED


def test_default_parameters_give_the_composite_latency_of_the_sources() -> None:
    """Awake box, idle radio, sleeping bus: about 2.3 s at the median, about 3.3 s at p95."""
    totals = []
    for seed in range(400):
        car = bench(BoxParameters(), seed=seed)
        car.env.run(until=60)
        sent_s = car.env.now
        car.deliver(car.command())
        while not any(r.phase is Phase.EXECUTED for r in car.link.results()):
            car.env.step()
        totals.append(car.env.now - sent_s)
    totals.sort()
    assert 1.9 < totals[200] < 2.7
    assert 2.5 < totals[380] < 3.5
