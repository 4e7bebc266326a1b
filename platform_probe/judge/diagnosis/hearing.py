"""Notes each message of a car in the history of that car, and in counts of all. No I/O."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from typing import Any, Final

from fleet_wire.clock import Clock
from fleet_wire.contract.broker_log import BrokerEvent, BrokerEventKind
from fleet_wire.contract.messages import (
    CarEvent,
    Command,
    Phase,
    Presence,
    PresenceStatus,
    Reason,
    Result,
    Telemetry,
    VehicleState,
)
from fleet_wire.contract.partial import NO_END_MS, PartialState, PartialTelemetry
from fleet_wire.latest import remember
from platform_probe.cars.fleet import Fleet
from platform_probe.cars.state import Session
from platform_probe.journal.codec import UnsignedCommand
from platform_probe.judge.diagnosis.car_history import CarHistory
from platform_probe.judge.diagnosis.case import MAX_TLS_ERRORS, TlsError
from platform_probe.judge.diagnosis.census import Census
from platform_probe.judge.diagnosis.entries import BrokerWord
from platform_probe.judge.diagnosis.neighbours import Neighbours
from platform_probe.judge.diagnosis.pings import return_of

MAX_REFUSALS: Final = 2_000
"""Refused commands of which the reason is remembered."""
WILL_AGAIN_S: Final = 120.0
"""A box that is lost again so soon is no other box."""
_SESSIONS: Final = {
    BrokerEventKind.CONNECTED: Session.ONLINE,
    BrokerEventKind.CLOSED: Session.WILL,
    BrokerEventKind.TIMED_OUT: Session.WILL,
    BrokerEventKind.SOCKET_ERROR: Session.WILL,
    BrokerEventKind.LEFT: Session.ASLEEP,
}
"""The presence that a broker's connection event means if a wire has no presence: a client that
closes it well means to sleep.
"""


class Hearing(ABC):
    """Handles messages, and keeps the history of each car and counts of all."""

    def __init__(self, *, clock: Clock, max_cars: int) -> None:
        self._clock = clock
        self._max_cars = max_cars
        self.cars = Fleet(CarHistory, most=max_cars)
        self._strangers: OrderedDict[str, CarHistory] = OrderedDict()
        """Clients of the broker that no topic has shown to be cars."""
        self._neighbours = Neighbours()
        self._census = Census(self.cars)
        self._refusals: OrderedDict[str, str] = OrderedDict()
        self._tls_errors: deque[TlsError] = deque(maxlen=MAX_TLS_ERRORS)
        self._hears_broker = False
        self._hears_presence = False
        self._hears_state = False
        self._hears_whole_state = False
        """Whether states have all that our contract has: mapped ones mostly lack something."""
        self._hears_doors = False
        """Whether states say if a door is open."""
        self._hears_events = False
        self._hears_reasons = False
        self._commands_expire = True
        """Whether commands say until when they count, as far as one was heard."""
        self._has_receipts: bool | None = None
        """Whether boxes confirm commands on this wire; None: no answer has come yet."""

    @abstractmethod
    def _look_soon(self, vehicle_id: str, now_s: float) -> None:
        """Schedule another look at the open unlocks of a car."""

    def on_message(self, vehicle_id: str, message: Any, *, is_retained: bool) -> None:
        """Handle a message of a car; messages without meaning for it are skipped."""
        kind = type(message)  # of a closed set; `match` asks three ways of each
        if kind is Telemetry or kind is PartialTelemetry:  # first: nearly all are heartbeats
            if not is_retained:  # else nobody knows when it was sent
                self._car(vehicle_id).take_telemetry(message, self._clock.monotonic_s())
        elif kind is Result:
            self.result(vehicle_id, message)
        elif kind is VehicleState or kind is PartialState:
            self.state(vehicle_id, message, retained=is_retained)
        elif kind is Presence:
            self.presence(vehicle_id, message, retained=is_retained)
        elif kind is CarEvent:
            self.event(vehicle_id, message)
        elif kind is UnsignedCommand:
            self._command(vehicle_id, expires=message.expires_at != NO_END_MS)
        elif kind is Command:
            self._command(vehicle_id, expires=message.expires_at_ms != NO_END_MS)

    def presence(self, vehicle_id: str, presence: Presence, *, retained: bool) -> None:
        """Handle a presence message, or a last will."""
        self._hears_presence = True
        now_s, car = self._clock.monotonic_s(), self._car(vehicle_id)
        earlier = [change.at_s for change in car.changes if change.session is Session.WILL]
        is_known = car.standing is not None
        if presence.status is PresenceStatus.ONLINE and not retained:
            self._note_return(car, now_s)
        session = self.cars.take_presence(vehicle_id, presence, now_s, retained=retained)
        if retained:
            return
        if session is Session.ONLINE and is_known:  # else it is new, and not back
            self._neighbours.online(now_s)
        elif session is Session.WILL and not (earlier and now_s - earlier[-1] < WILL_AGAIN_S):
            self._neighbours.will(now_s, after_command=car.is_after_command(now_s))
        self._look_soon(vehicle_id, now_s)

    def state(self, vehicle_id: str, state: VehicleState | PartialState, *, retained: bool) -> None:
        """Handle a car's state."""
        now_s = self._clock.monotonic_s()
        self._hears_state = True
        self._hears_whole_state |= type(state) is VehicleState
        self._hears_doors |= state.is_open is not None
        self._car(vehicle_id)
        has_moved = self.cars.take_state(vehicle_id, state, now_s, retained=retained)
        if has_moved and not retained:
            self._look_soon(vehicle_id, now_s)

    def result(self, vehicle_id: str, result: Result) -> None:
        """Handle a box's answer."""
        now_s, car = self._clock.monotonic_s(), self._car(vehicle_id)
        car.take_answer(result, now_s, self._clock.unix_s())
        if car.standing is None and self._hears_broker and not self._hears_presence:
            car.standing = car.stood = Session.ONLINE  # who answers is connected
        if result.reason not in (None, Reason.FAILED):
            self._hears_reasons = True
        if result.phase is Phase.RECEIVED:
            self._has_receipts = True
        elif self._has_receipts is None:
            self._has_receipts = car.has_answered(result.command_id, Phase.RECEIVED)
        if result.phase is Phase.REFUSED and result.reason is not None:
            remember(self._refusals, result.command_id, result.reason.value, MAX_REFUSALS)

    def event(self, vehicle_id: str, event: CarEvent) -> None:
        """Handle an event of a car or its box."""
        now_s = self._clock.monotonic_s()
        self._hears_events = True
        self._car(vehicle_id).take_event(event, now_s)
        self._look_soon(vehicle_id, now_s)

    def broker_said(self, event: BrokerEvent) -> None:
        """Handle a broker log event of a client: a car's id is its client's."""
        self._hears_broker = True
        if event.client_id is None:
            if event.is_over_certificate:
                error = TlsError(self._clock.monotonic_s(), event.is_over_expired)
                self._tls_errors.append(error)
            return
        now_s = self._clock.monotonic_s()
        if event.kind is BrokerEventKind.TIMED_OUT:
            self._neighbours.timed_out(now_s)
        if not self._hears_presence:
            self._session(event, now_s)
        if event.keepalive_s is not None:
            self._client(event.client_id).keepalive_s = event.keepalive_s
        car = self._car_of_client(event.client_id)
        if car is not None and event.kind is not BrokerEventKind.CONNECTED:
            car.take_broker_word(BrokerWord(now_s, event.kind.value))
            if event.kind is not BrokerEventKind.LEFT:
                self._look_soon(event.client_id, now_s)

    def _command(self, vehicle_id: str, *, expires: bool) -> None:
        """Handle a command to a car, whether or not it is an unlock; none makes a car known."""
        self._commands_expire = expires
        car = self.cars.get(vehicle_id)
        if car is not None:
            car.take_command(self._clock.monotonic_s())

    def _session(self, event: BrokerEvent, now_s: float) -> None:
        """Handle a broker log event as presence, of a car or of a client that may prove one."""
        session = _SESSIONS.get(event.kind)
        if session is None or event.client_id is None:
            return
        car = self._client(event.client_id)
        if session is Session.ONLINE:
            self._note_return(car, now_s)
            self._neighbours.online(now_s)
        elif session is Session.WILL:
            self._neighbours.will(now_s, after_command=car.is_after_command(now_s))
        car.take_session(session, now_s)
        self._look_soon(event.client_id, now_s)

    def _note_return(self, car: CarHistory, now_s: float) -> None:
        """Count a box that connects after a silence, before the car's history notes it."""
        back = return_of(car, now_s)
        if back is not None:
            self._neighbours.came_back(back.lost_s, is_overdue=back.is_overdue)

    def _client(self, client_id: str) -> CarHistory:
        """Return the history of a client of the broker, which may turn out to be a car."""
        car = self._car_of_client(client_id)
        if car is None:
            car = CarHistory()
            remember(self._strangers, client_id, car, self._max_cars)
        return car

    def _car_of_client(self, client_id: str) -> CarHistory | None:
        """Return the history of a known client, be it a car or not; None if it is not known."""
        return self.cars.get(client_id) or self._strangers.get(client_id)

    def removed(self, vehicle_id: str) -> None:
        """Forget a car: it was taken out of service."""
        self.cars.remove(vehicle_id)

    # Within

    def _car(self, vehicle_id: str) -> CarHistory:
        car = self.cars.get(vehicle_id)
        if car is None:
            car = self._strangers.pop(vehicle_id, None) or CarHistory()
            self.cars.add(vehicle_id, car)
        return car
