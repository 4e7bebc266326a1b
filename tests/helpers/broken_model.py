"""`fleet-sim` with defects in its model, for the tests of what then becomes of a run.

The box of `car-00000` fails at each command, that of `car-00001` at each heartbeat, that of
`car-00002` as soon as it is started, and on `car-00003` the process of `no_coverage_garage` fails.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from fleet_sim.__main__ import main
from fleet_sim.cars.box import Box
from fleet_sim.cars.power import PowerControl
from fleet_sim.faults import FAULTS, Injection
from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.link import Message
from fleet_wire.randomness import RandomStream

_handle_message, _heartbeat, _start = Box.handle_message, Box.heartbeat, PowerControl.start


def handle_message(box: Box, message: Message) -> None:
    """Fail on one car."""
    if box.vehicle_id == "car-00000":
        raise LocalProtocolError("no way from here")
    _handle_message(box, message)


def heartbeat(box: Box) -> None:
    """Fail on another."""
    if box.vehicle_id == "car-00001":
        raise ZeroDivisionError("no heartbeat")
    _heartbeat(box)


def start(power: PowerControl) -> None:
    """Fail on a third, which is awake by then."""
    _start(power)
    if power._box.spec.vehicle_id == "car-00002":
        raise KeyError("no start")


def strike(
    _fault: Any, box: Box, injection: Injection, _stream: RandomStream
) -> Generator[simpy.Event, Any, None]:
    """Fail on a fourth."""
    yield injection.wait(0.5)
    if box.vehicle_id == "car-00003":
        raise ValueError("no fault")
    with box.modem.bearer.without_coverage(by=injection):
        yield injection.whole_window()


if __name__ == "__main__":
    setattr(Box, "handle_message", handle_message)  # noqa: B010 - a method cannot be assigned to
    setattr(Box, "heartbeat", heartbeat)  # noqa: B010
    setattr(PowerControl, "start", start)  # noqa: B010
    setattr(FAULTS["no_coverage_garage"], "strike", strike)  # noqa: B010
    main()
