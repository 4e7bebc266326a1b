"""Boxes without a model on the project's own lean link: what a full box is compared with.

`bare` says CONNECT and SUBSCRIBE, and answers each command with one message, as the boxes of the
other stacks do. `bare3` sends what a full box sends, of the same sizes: CONNECT with a will, the
retained state and presence once it is connected; then `received`, `executed` and the state.
"""

from __future__ import annotations

import asyncio

import uvloop

from bench.fleets.common import (
    EXECUTED,
    KEEPALIVE_S,
    FleetArguments,
    Reporter,
    stop_event,
    vehicle_id_of,
)
from fleet_sim.cars.disturbance import BOX_LINK_LIMITS
from fleet_sim.cars.parameters import NULL_BOX
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import (
    BrokerAddress,
    Disconnected,
    Link,
    LinkFactory,
    Message,
    Session,
    Will,
)
from fleet_wire.links.tls import tls_context

_ID_AT = len(b'{"command_id":"')
_RECEIVED_END = b'","phase":"received","since_received_s":0.0,"box_time":1700000000000}'
_EXECUTED_END = (
    b'","phase":"executed","can_wake_s":0.0,"actuation_s":0.0,"since_received_s":0.0,'
    b'"box_time":1700000000000}'
)
_STATE_START = (
    b'{"Vehicle.Cabin.Door.Row1.DriverSide.IsLocked":false,'
    b'"Vehicle.Cabin.Door.Row1.DriverSide.IsOpen":false,'
    b'"Vehicle.LowVoltageBattery.CurrentVoltage":12.6,"firmware":"2.4.1","hardware":"tcu-1",'
    b'"operator":"operator-a","region":"default","technology":"lte"'
)
_STATE_END = b"}"
_COMMAND_START, _COMMAND_END = b',"last_command_id":"', b'"}'
_ONLINE = b'{"status":"online","session_id":"bench-00000-1"}'
_LAST_WILL = b'{"status":"offline","session_id":"bench-00000-1","reason":"last_will"}'


class _Fleet:
    """Counts the boxes that are connected and the commands that are answered."""

    def __init__(self, arguments: FleetArguments) -> None:
        self.reporter = Reporter()
        self._missing = arguments.count
        self._count = arguments.count

    def one_connected(self) -> None:
        self._missing -= 1
        if self._missing == 0:
            self.reporter.all_connected(self._count)


class _BareBox:
    """Implements `fleet_wire.links.link.LinkHandler`."""

    __slots__ = ("_fleet", "_index", "_link")

    def __init__(self, fleet: _Fleet, index: int, link_factory: LinkFactory) -> None:
        self._fleet = fleet
        self._index = index
        self._link: Link = link_factory(self)
        self._link.connect()

    def session(self) -> Session:
        vehicle_id = vehicle_id_of(self._index)
        return Session(
            client_id=vehicle_id,
            subscriptions=(f"cars/{vehicle_id}/command",),
            clean_start=True,
            keepalive_s=KEEPALIVE_S,
        )

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002 - LinkHandler's form
        self._fleet.one_connected()

    def on_disconnected(self, reason: Disconnected) -> None:
        raise ConnectionError(f"the broker has gone: {reason}")

    def on_message(self, message: Message) -> None:
        self._link.acknowledge(message)
        self._answer(message)
        self._fleet.reporter.answered += 1

    def _answer(self, message: Message) -> None:  # noqa: ARG002 - the other kind looks into it
        self._link.publish(f"cars/{vehicle_id_of(self._index)}/result", EXECUTED)


class _Bare3Box(_BareBox):
    __slots__ = ()

    def session(self) -> Session:
        vehicle_id = vehicle_id_of(self._index)
        return Session(
            client_id=vehicle_id,
            subscriptions=(f"cars/{vehicle_id}/command",),
            clean_start=False,
            session_expiry_s=NULL_BOX.session_expiry_s,
            keepalive_s=NULL_BOX.keepalive_s,
            will=Will(f"cars/{vehicle_id}/presence", _LAST_WILL),
        )

    def on_connected(self, *, session_present: bool) -> None:
        publish, vehicle_id = self._link.publish, vehicle_id_of(self._index)
        publish(f"cars/{vehicle_id}/state", _STATE_START + _STATE_END, retain=True)
        publish(f"cars/{vehicle_id}/presence", _ONLINE, retain=True)
        super().on_connected(session_present=session_present)

    def _answer(self, message: Message) -> None:
        command_id = message.payload[_ID_AT : message.payload.index(b'"', _ID_AT)]
        start = b'{"command_id":"' + command_id
        publish, vehicle_id = self._link.publish, vehicle_id_of(self._index)
        publish(f"cars/{vehicle_id}/result", start + _RECEIVED_END)
        publish(f"cars/{vehicle_id}/result", start + _EXECUTED_END)
        state = _STATE_START + _COMMAND_START + command_id + _COMMAND_END
        publish(f"cars/{vehicle_id}/state", state, retain=True)


def run(arguments: FleetArguments) -> None:
    """Run the fleet until SIGTERM."""
    uvloop.run(_run(arguments))


async def _run(arguments: FleetArguments) -> None:
    stop = stop_event()
    ca_file = arguments.ca_file
    link_factory = LeanLinkFactory(
        BrokerAddress("mqtt" if ca_file is None else "mqtts", arguments.host, arguments.port),
        loop=asyncio.get_running_loop(),
        tls=None if ca_file is None else tls_context(ca_file=ca_file),
        limits=BOX_LINK_LIMITS,
    )
    kind = _Bare3Box if arguments.kind == "bare3" else _BareBox
    fleet = _Fleet(arguments)
    boxes = [kind(fleet, index, link_factory) for index in range(arguments.count)]
    await stop.wait()
    fleet.reporter.stopped()
    del boxes
