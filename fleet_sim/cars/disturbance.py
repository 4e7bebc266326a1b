"""Effects of faults on the messages of one box, besides failpoint actions."""

from __future__ import annotations

from collections.abc import Callable

from fleet_sim.cars.failpoints import Culprit
from fleet_wire.links.link import LinkLimits

BOX_LINK_LIMITS = LinkLimits(receive_max=20, max_in_flight=20, pubacks_together=3)
"""A box has little memory: it takes as much at once as clients of mosquitto do by default."""
MESSAGE_OVERHEAD_BYTES = 140
"""Around a payload: TCP and IP 40, a TLS 1.3 record 22 (RFC 8446), MQTT's header and topic about
35, and 40 for TCP's acknowledgement [E]."""


class DataMeter:
    """Counts what a modem sends and receives, and calls `on_use` each time."""

    __slots__ = ("_on_use", "used_bytes")

    def __init__(self, on_use: Callable[[], None]) -> None:
        self._on_use = on_use
        self.used_bytes = 0

    def count(self, payload: bytes) -> None:
        """Count a message with all that carries it."""
        self.used_bytes += len(payload) + MESSAGE_OVERHEAD_BYTES
        self._on_use()


class Obstacles:
    """The obstacles on the way of messages to one box."""

    __slots__ = ("cuts", "denials", "is_deaf", "withheld", "withheld_by")

    def __init__(self) -> None:
        self.denials = 0
        """Number of the broker's access rules that withhold everything from this box."""
        self.begin_connection()

    def begin_connection(self) -> None:
        """Forget what was wrong with the connection before."""
        self.withheld = 0
        """PUBACKs that this connection's window is short of."""
        self.withheld_by: dict[Culprit, str] = {}
        """The faults that hold them back, each with its failpoint."""
        self.is_deaf = False
        """Whether this connection stands without a subscription."""
        self.cuts = 0
        """How many keep all from coming on this connection, though what the box sends arrives."""

    @property
    def let_nothing_in(self) -> bool:
        """Return whether a connection that stands cannot bring a command."""
        is_cut = self.is_deaf or self.cuts > 0 or self.denials > 0
        return is_cut or self.withheld >= BOX_LINK_LIMITS.receive_max
