"""The states of a box and of its car, as tables: the code, the test and the diagram come from here.

`docs/box-states.md` holds the diagram that `mermaid()` draws; a test keeps the two the same.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

from fleet_wire.errors import LocalProtocolError


class _Name(Enum):
    """A state or an event.

    Hashed by identity: `Enum`'s own hash is Python code, and tables need it for every step.
    """

    __hash__ = object.__hash__


class Power(_Name):
    """Whether the box computes. Names after Teltonika's and OVMS's sleep modes."""

    OFF = "off"
    BOOTING = "booting"
    AWAKE = "awake"
    ASLEEP = "asleep"
    """Online deep sleep: no connection, but an SMS wakes it."""
    DEEP_ASLEEP = "deep_asleep"
    """Modem off: only its own timer wakes the box."""
    WAKING = "waking"


class PowerEvent(_Name):
    """Events that change `Power`."""

    SWITCH_ON = "switch_on"
    BOOTED = "booted"
    FALL_ASLEEP = "fall_asleep"
    SMS = "sms"
    NEEDED = "needed"
    """A command or an SMS comes while the box still says goodbye, or its connection is lost."""
    FALL_DEEPLY_ASLEEP = "fall_deeply_asleep"
    TIMER = "timer"
    RESUMED = "resumed"
    SWITCH_OFF = "switch_off"


class ConnectionState(_Name):
    """Whether the box holds an MQTT connection, as the box sees it."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    GIVEN_UP = "given_up"
    """Firmware that takes a refusal for final: it connects no more until it boots."""


class ConnectionEvent(_Name):
    """Events that change `ConnectionState`."""

    CONNECT = "connect"
    ACCEPTED = "accepted"
    LOST = "lost"
    CLOSE = "close"
    GIVE_UP = "give_up"
    BOOT = "boot"


class Socket(_Name):
    """The box's TCP connection, as the network carries it; `ConnectionState` is the box's view."""

    CLOSED = "closed"
    OPEN = "open"
    FROZEN = "frozen"
    """There is no coverage: nothing passes, and all goes on when it returns soon."""
    LEFT_BEHIND = "left_behind"
    """Nothing will ever pass again, but the broker still believes in it. So may the box."""


class SocketEvent(_Name):
    """Events that change `Socket`."""

    DIAL = "dial"
    FREEZE = "freeze"
    THAW = "thaw"
    LEAVE_BEHIND = "leave_behind"
    CLOSE = "close"


class Work(_Name):
    """The box's work on a command."""

    IDLE = "idle"
    CHECKING = "checking"
    WAKING_CAN = "waking_can"
    ACTUATING = "actuating"


class WorkEvent(_Name):
    """Events that change `Work`."""

    COMMAND = "command"
    ACCEPT = "accept"
    REFUSE = "refuse"
    CAN_AWAKE = "can_awake"
    MOVED = "moved"
    RESET = "reset"


_OFF = {PowerEvent.SWITCH_OFF: Power.OFF}

POWER: dict[Power, dict[PowerEvent, Power]] = {
    Power.OFF: {PowerEvent.SWITCH_ON: Power.BOOTING},
    Power.BOOTING: {PowerEvent.BOOTED: Power.AWAKE, **_OFF},
    Power.AWAKE: {
        PowerEvent.FALL_ASLEEP: Power.ASLEEP,
        PowerEvent.FALL_DEEPLY_ASLEEP: Power.DEEP_ASLEEP,
        **_OFF,
    },
    Power.ASLEEP: {PowerEvent.SMS: Power.WAKING, PowerEvent.NEEDED: Power.AWAKE, **_OFF},
    Power.DEEP_ASLEEP: {PowerEvent.TIMER: Power.WAKING, **_OFF},
    Power.WAKING: {PowerEvent.RESUMED: Power.AWAKE, **_OFF},
}

CONNECTION: dict[ConnectionState, dict[ConnectionEvent, ConnectionState]] = {
    ConnectionState.DISCONNECTED: {
        ConnectionEvent.CONNECT: ConnectionState.CONNECTING,
        ConnectionEvent.GIVE_UP: ConnectionState.GIVEN_UP,
    },
    ConnectionState.CONNECTING: {
        ConnectionEvent.ACCEPTED: ConnectionState.CONNECTED,
        ConnectionEvent.LOST: ConnectionState.DISCONNECTED,
        ConnectionEvent.CLOSE: ConnectionState.DISCONNECTED,
    },
    ConnectionState.CONNECTED: {
        ConnectionEvent.LOST: ConnectionState.DISCONNECTED,
        ConnectionEvent.CLOSE: ConnectionState.DISCONNECTED,
    },
    ConnectionState.GIVEN_UP: {ConnectionEvent.BOOT: ConnectionState.DISCONNECTED},
}

SOCKET: dict[Socket, dict[SocketEvent, Socket]] = {
    Socket.CLOSED: {SocketEvent.DIAL: Socket.OPEN},
    Socket.OPEN: {
        SocketEvent.FREEZE: Socket.FROZEN,
        SocketEvent.LEAVE_BEHIND: Socket.LEFT_BEHIND,
        SocketEvent.CLOSE: Socket.CLOSED,
    },
    Socket.FROZEN: {
        SocketEvent.THAW: Socket.OPEN,
        SocketEvent.LEAVE_BEHIND: Socket.LEFT_BEHIND,
        SocketEvent.CLOSE: Socket.CLOSED,
    },
    Socket.LEFT_BEHIND: {SocketEvent.DIAL: Socket.OPEN, SocketEvent.CLOSE: Socket.CLOSED},
}

_RESET = {WorkEvent.RESET: Work.IDLE}

WORK: dict[Work, dict[WorkEvent, Work]] = {
    Work.IDLE: {WorkEvent.COMMAND: Work.CHECKING, **_RESET},
    Work.CHECKING: {WorkEvent.ACCEPT: Work.WAKING_CAN, WorkEvent.REFUSE: Work.IDLE, **_RESET},
    Work.WAKING_CAN: {
        WorkEvent.CAN_AWAKE: Work.ACTUATING,
        WorkEvent.REFUSE: Work.IDLE,
        **_RESET,
    },
    Work.ACTUATING: {WorkEvent.MOVED: Work.IDLE, **_RESET},
}

StateT = TypeVar("StateT", bound=Enum)
EventT = TypeVar("EventT", bound=Enum)


def next_state(table: dict[StateT, dict[EventT, StateT]], state: StateT, event: EventT) -> StateT:
    """Return the state after `event`. Raises `LocalProtocolError` where the table has no way."""
    try:
        return table[state][event]
    except KeyError:
        raise LocalProtocolError(
            f"{type(state).__name__}: no transition from {state.value!r} on {event.value!r}"
        ) from None


def mermaid(table: dict[StateT, dict[EventT, StateT]]) -> str:
    """Return the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(table)).value}"]
    lines += [
        f"    {state.value} --> {target.value}: {event.value}"
        for state, row in table.items()
        for event, target in row.items()
    ]
    return "\n".join(lines)
