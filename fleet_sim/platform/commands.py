"""One command as the platform knows it, from the request to its end, and what is remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from fleet_sim.platform.bookings import Booking
from fleet_wire.contract.messages import Action, Command
from fleet_wire.contract.trace_context import TraceContext

MAX_REMEMBERED = 100_000
"""Commands whose status can be asked for, at most; the oldest go first."""


class CommandState(StrEnum):
    """How far a command is, as far as the platform knows."""

    QUEUED = "queued"
    """It waits for its turn, or for a connection: one command to a car after the other."""
    WAKING = "waking"
    """Its car sleeps and was sent an SMS."""
    PUBLISHED = "published"
    ACCEPTED = "accepted"
    """The broker has it."""
    RECEIVED = "received"
    """The car has it."""
    EXECUTED = "executed"
    REFUSED = "refused"
    EXPIRED = "expired"
    """It was published, and nothing in its life said how it ended: it may have been executed."""
    NOT_PUBLISHED = "not_published"


class NotPublished(StrEnum):
    """Why a command was never published."""

    BOOKING_ENDED = "booking_ended"
    ASLEEP = "asleep"
    """The car did not wake in the command's life."""
    WAITED_TOO_LONG = "waited_too_long"
    """Its turn did not come in its life: the car was busy with an earlier one."""
    NO_CONNECTION = "no_connection"
    """There was no connection with the broker in its life, or the broker took no more."""
    DENIED = "denied"
    """The broker refused it."""
    NO_SUBSCRIBER = "no_subscriber"
    """The broker knows no box of that car."""


class PlatformCommand:
    """One command: lives from the request until it is forgotten. Times are the platform's Unix s.

    Its life is fixed when it is asked for: the parameter's, or until its booking ends.
    """

    __slots__ = (
        "action", "answered", "booking", "box_id", "command_id", "expires_at", "is_acked",
        "is_final", "issued_at", "late", "parent", "publishes", "reason", "repeats", "request_id",
        "signed", "state", "vehicle_id", "waiting", "why_not_published", "wire_id",
    )  # fmt: skip

    def __init__(
        self,
        wire_id: str,
        action: Action,
        booking: Booking,
        *,
        request_id: str,
        parent: TraceContext,
        issued_at: float,
        ttl_s: float,
    ) -> None:
        self.wire_id = wire_id
        """The id on the fleet's wire and in the monitor: some fleets have ids of their own."""
        self.command_id = wire_id.rpartition("/")[2]
        """The id in the API: the wire's id without car and client."""
        self.action = action
        self.booking = booking
        self.vehicle_id = booking.vehicle_id
        self.box_id = booking.vehicle_id
        """The box that gets the command: the car's, as far as the platform knows."""
        self.repeats: PlatformCommand | None = None
        """The command that it was sent anew for, where it was."""
        self.request_id = request_id
        self.parent = parent
        """Trace, and the platform's own span in it."""
        self.issued_at = issued_at
        self.expires_at = min(issued_at + ttl_s, booking.ends_at)
        self.state = CommandState.QUEUED
        self.is_final = False
        """Whether the platform has ended it, see `end`."""
        self.reason: str | None = None
        """The car's reason, or why the command was not published."""
        self.why_not_published: NotPublished | None = None
        self.signed: Command | None = None
        """What is published, each time the same; None until its turn has come."""
        self.publishes = 0
        self.is_acked = False
        """Whether the broker has the latest publish."""
        self.answered = False
        """Whether the car has said anything about it."""
        self.late = False
        """Whether the platform had given it up before it knew how it ended."""
        self.waiting: list[Callable[[], None]] | tuple[()] = ()
        """Called when it ends."""

    def finish(self, state: CommandState) -> None:
        """Note how it has ended: `EXECUTED`, `REFUSED`, `EXPIRED` or `NOT_PUBLISHED`.

        Only `EXPIRED` may change: a late answer tells the real end.
        """
        self.state, self.is_final = state, True

    def body(self) -> dict[str, Any]:
        """Return the command's form in the API."""
        body: dict[str, Any] = {
            "command_id": self.command_id,
            "vehicle_id": self.vehicle_id,
            "booking_id": self.booking.booking_id,
            "action": str(self.action),
            "state": str(self.state),
            "is_final": self.is_final,
            "issued_at": self.issued_at,
            "expires_at": self.expires_at,
            "trace_id": self.parent.trace_id,
        }
        if self.reason is not None:
            body["reason"] = self.reason
        return body


class RememberedCommands:
    """The commands of the last while, by both their ids."""

    def __init__(self, *, remember_s: float) -> None:
        self._remember_s = remember_s
        self._by_id: OrderedDict[str, PlatformCommand] = OrderedDict()
        self._by_wire_id: dict[str, PlatformCommand] = {}

    def add(self, command: PlatformCommand) -> None:
        """Keep one, and forget those that are too old or too many."""
        by_id = self._by_id
        by_id[command.command_id] = self._by_wire_id[command.wire_id] = command
        while True:
            oldest = next(iter(by_id.values()))
            is_old = oldest.issued_at < command.issued_at - self._remember_s
            if not (oldest.is_final and (is_old or len(by_id) > MAX_REMEMBERED)):
                return
            del by_id[oldest.command_id], self._by_wire_id[oldest.wire_id]

    def get(self, command_id: str | None) -> PlatformCommand | None:
        """Return a command that is still known, by what the API calls it."""
        return None if command_id is None else self._by_id.get(command_id)

    def on_wire(self, wire_id: str | None) -> PlatformCommand | None:
        """Return a command that is still known, by what the fleet's wire calls it."""
        return None if wire_id is None else self._by_wire_id.get(wire_id)
