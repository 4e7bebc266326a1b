"""The state of a car, merged from its messages as they come. No I/O, no clock.

Times are those of the caller's clock. A retained message says what was true before the monitor
connected, so it sets facts but no times. Unknown is a value: None.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from fleet_wire.contract.messages import (
    Presence,
    PresenceReason,
    PresenceStatus,
    Telemetry,
    VehicleState,
)
from fleet_wire.contract.partial import PartialState, PartialTelemetry

MAX_KINDS: Final = 10_000
"""Kinds of cars of which equal ones share an object; with more, sharing begins anew [E]."""


class Session(StrEnum):
    """The meaning of a presence message."""

    ONLINE = "online"
    ASLEEP = "asleep"
    WILL = "will"
    """Its last will: the connection was lost."""
    SHUTDOWN = "shutdown"
    OLD_WILL = "old_will"
    """The will of a session that was not the last one: the box is there."""


class BoxPresence(StrEnum):
    """Presence as a cause needs it: a box that said goodbye to sleep can be woken."""

    ONLINE = "online"
    ASLEEP = "asleep"
    OFFLINE = "offline"


_PRESENCES: Final = {
    Session.ONLINE: BoxPresence.ONLINE,
    Session.ASLEEP: BoxPresence.ASLEEP,
    Session.WILL: BoxPresence.OFFLINE,
    Session.SHUTDOWN: BoxPresence.OFFLINE,
}


class Labels(NamedTuple):
    """The kind of a car, by which failures are compared. Equal cars share one object."""

    region: str | None = None
    operator: str | None = None
    firmware: str | None = None
    hardware: str | None = None
    site: str | None = None
    technology: str | None = None

    def merged(self, state: VehicleState | PartialState) -> Labels:
        """Return the labels after a state: a partial one leaves what it does not say as it was.

        A whole state without a site says that the car is at none; its modem stays the same.
        """
        said = Labels(
            state.region,
            state.operator,
            state.firmware,
            state.hardware,
            state.site,
            state.technology,
        )
        if said == self:
            return self
        if isinstance(state, PartialState):
            said = Labels(*(b if a is None else a for a, b in zip(said, self, strict=True)))
        elif said.technology is None:
            said = said._replace(technology=self.technology)
        return self if said == self else _interned_labels(said)


UNKNOWN_LABELS: Final = Labels()
"""The labels of a car that has not sent its state yet."""
_LABELS: Final[dict[Labels, Labels]] = {}


def _interned_labels(labels: Labels) -> Labels:
    if len(_LABELS) >= MAX_KINDS:
        _LABELS.clear()
    return _LABELS.setdefault(labels, labels)


class CarState:
    """What is known of one car. `cars.fleet.Fleet` counts cars by it."""

    __slots__ = (
        "counted_as",
        "heard_s",
        "heartbeat_s",
        "is_connected",
        "is_locked",
        "labels",
        "offline_reason",
        "presence_changed_s",
        "session_id",
        "standing",
        "voltage_v",
    )

    def __init__(self) -> None:
        self.standing: Session | None = None
        """The latest presence; None: none was ever seen. It is never `OLD_WILL`."""
        self.session_id = ""
        self.is_connected = False
        """Whether it holds a connection by its presence: an old will ends none."""
        self.offline_reason: PresenceReason | None = None
        self.presence_changed_s: float | None = None
        self.heard_s: float | None = None
        """When the box itself last sent anything; its last will does not count."""
        self.heartbeat_s: float | None = None
        self.is_locked: bool | None = None
        self.voltage_v: float | None = None
        self.labels = UNKNOWN_LABELS
        self.counted_as: tuple[Labels, BoxPresence, bool] | None = None
        """The kind under which its fleet counts it; None: under none."""

    @property
    def presence(self) -> BoxPresence | None:
        """Whether the box is there, asleep or away; None: no presence was ever seen."""
        return None if self.standing is None else _PRESENCES[self.standing]

    def take_presence(self, presence: Presence, now_s: float, *, retained: bool) -> Session:
        """Note a presence message, and return what it means."""
        session = self._meaning_of(presence)
        if session is Session.OLD_WILL:
            self.standing = Session.WILL
        else:
            self.standing = session
            self.session_id = presence.session_id
            self.is_connected = session is Session.ONLINE
        self.offline_reason = presence.reason
        if not retained:
            self.presence_changed_s = now_s
            if not presence.is_last_will:
                self.take_sign_of_life(now_s)
        return session

    def take_telemetry(self, telemetry: Telemetry | PartialTelemetry, now_s: float) -> None:
        """Note a heartbeat: it alone reports a battery that runs down."""
        self.heard_s = self.heartbeat_s = now_s
        if telemetry.voltage_v is not None:
            self.voltage_v = telemetry.voltage_v

    def take_state(
        self, state: VehicleState | PartialState, now_s: float, *, retained: bool
    ) -> bool:
        """Note what the car is like; return whether its lock has moved."""
        if not retained:
            self.take_sign_of_life(now_s)
        if state.voltage_v is not None:
            self.voltage_v = state.voltage_v
        self.labels = self.labels.merged(state)
        has_moved = state.is_locked not in (None, self.is_locked)
        if has_moved:
            self.is_locked = state.is_locked
        return has_moved

    def take_sign_of_life(self, now_s: float) -> None:
        """Note that the box itself has sent something other than a heartbeat."""
        self.heard_s = now_s

    def _meaning_of(self, presence: Presence) -> Session:
        if presence.status is PresenceStatus.ONLINE:
            return Session.ONLINE
        if presence.reason is PresenceReason.SLEEP:
            return Session.ASLEEP
        if presence.reason is PresenceReason.SHUTDOWN:
            return Session.SHUTDOWN
        is_old = self.is_connected and presence.session_id != self.session_id
        return Session.OLD_WILL if is_old and self.session_id else Session.WILL
