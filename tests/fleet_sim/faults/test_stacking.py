"""Two faults on one car: when one ends, the other still holds."""

from __future__ import annotations

from fleet_sim.faults.box import AckLostExecuted
from fleet_wire.contract.messages import Phase
from tests.helpers.fake_link import bench
from tests.helpers.faulty import inject


def test_a_fault_draws_whatever_the_others_do() -> None:
    """For an answer that is lost already too: so its draws are its own, alone or not."""
    sometimes, always = AckLostExecuted(loss=0.5), AckLostExecuted(loss=1.0)
    left: list[list[str]] = []
    for company in ([], [always]):
        car = bench()
        for fault in company:
            inject(fault, car, 10.0, name="always")
        inject(sometimes, car, 20.0, name="sometimes")
        for number in range(40):
            car.env.run(until=number / 2 + 0.25)
            car.deliver(car.command(f"c{number}"))
        finals = [each.command_id for each in car.link.results() if each.phase is Phase.EXECUTED]
        left.append([each for each in finals if int(each[1:]) >= 20])
    assert left[0] == left[1]
    assert 0 < len(left[0]) < 20
