"""The harness of the broker model: the test body in virtual time.

What needs bytes and sockets (TLS, WebSocket, malformed packets) is no part of the body; the tests
of the real links hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fleet_sim.broker.model.broker import BrokerLimits, BrokerModel
from fleet_wire.links.link import Link, LinkHandler, LinkLimits
from fleet_wire.profiles.profile import MqttVersion
from tests.helpers.harness import LINK_DIFFERENCES, Difference, LinkKind
from tests.helpers.virtual_scheduler import VirtualScheduler


class ModelHarness:
    """The broker model and its links."""

    def __init__(self, *, max_queued_messages: int = 1_000, protocol: MqttVersion = "5") -> None:
        self._protocol: MqttVersion = protocol
        kind: LinkKind = "lean" if protocol == "5" else "lean-3.1.1"
        self.differences: frozenset[Difference] = LINK_DIFFERENCES[kind]
        self._scheduler = VirtualScheduler()
        limits = BrokerLimits(max_queued_messages=max_queued_messages)
        self._broker = BrokerModel(self._scheduler, limits=limits)

    def link(self, handler: LinkHandler, limits: LinkLimits | None = None) -> Link:
        """Return a new link to the broker."""
        return self._broker.link(handler, limits, protocol=self._protocol)

    async def until(self, predicate: Callable[[], object], message: str = "") -> None:
        """Step the scheduler."""
        self._scheduler.run_until(predicate, message)

    async def let_pass(self, duration_s: float) -> None:
        """Let virtual time pass."""
        self._scheduler.run_for(duration_s)

    def stop_reading(self) -> None:
        """Let what comes in wait."""
        self._broker.stop_reading()

    def continue_reading(self) -> None:
        """Read on."""
        self._broker.continue_reading()

    def kill_broker(self) -> None:
        """Lose connections and sessions."""
        self._broker.stop()

    def restart_broker(self) -> None:
        """Start with nothing."""
        self._broker.start()


@contextmanager
def broker_model() -> Iterator[ModelHarness]:
    """Give a harness with a broker of its own."""
    yield ModelHarness()


@contextmanager
def broker_model_311() -> Iterator[ModelHarness]:
    """Give a harness whose clients speak MQTT 3.1.1."""
    yield ModelHarness(protocol="3.1.1")
