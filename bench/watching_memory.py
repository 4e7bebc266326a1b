"""The memory of unlocks under way in a monitor; prints it as JSON. Started by `bench.watching`."""

from __future__ import annotations

import gc
import sys
import time
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from fleet_sim.runs.memory import rss_bytes
from fleet_wire.contract.codec import encode
from fleet_wire.contract.messages import Action, Command
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.topics import TopicKind, topic_of
from fleet_wire.links.link import Message
from fleet_wire.system_clock import SystemClock
from platform_probe.measure.probe import Probe
from platform_probe.outputs.logs import LineWriter, make_logger
from platform_probe.outputs.metrics import ProbeMetrics
from platform_probe.outputs.sinks import FanOut
from platform_probe.settings.monitor import ProbeSettings

_MIB = 2**20
_STEPS = (
    PlatformStep.REQUESTED,
    PlatformStep.ANSWERED,
    PlatformStep.PUBLISHED,
    PlatformStep.ACCEPTED,
)


class _NoTimers:
    """No time passes."""

    def call_later(self, *_: Any) -> _NoTimers:
        """Arrange nothing."""
        return self

    call_soon = call_later

    def cancel(self) -> None:
        """Do nothing."""


def _probe() -> Probe:
    clock = SystemClock()
    writer = LineWriter(lambda _: None, on_error=lambda: None)
    return Probe(
        ProbeSettings.model_validate({"platform": {}}),
        links=lambda _: None,  # type: ignore[arg-type, return-value]
        clock=clock,
        timers=_NoTimers(),
        sink=FanOut({}, on_error=lambda *_: None),
        metrics=ProbeMetrics(CollectorRegistry(), version="bench", follows_platform=True),
        logger=make_logger("error", writer, clock),
    )


def _begin(probe: Probe, number: int) -> None:
    """Let a customer's unlock be asked for and sent, and the car say nothing."""
    name, car = f"{number:032x}", f"bench-{number:05d}"
    command = Command(name, Action.UNLOCK, 0, 2**50, 1, "s" * 64, booking_id=f"b-{number}")
    inbox = probe.platform
    assert inbox is not None  # noqa: S101 - the settings say so
    for step in _STEPS:
        event = PlatformEvent(
            step,
            time.time(),
            f"request-{name}",
            "unlock",
            trace_id=name,
            vehicle_id=car,
            booking_id=f"b-{number}",
            account_id=f"a-{number}",
            command_id=None if step is PlatformStep.REQUESTED else name,
            endpoint="/vehicles/{vehicle_id}/unlock",
            status=202 if step is PlatformStep.ANSWERED else None,
            app_version="5.12.0",
        )
        inbox.handle_event(event)
    topic = topic_of(TopicKind.COMMAND, car)
    probe.connection.on_message(
        Message(
            topic, encode(command), 1, retain=False, duplicate=False, packet_id=1,
            correlation_data=None, response_topic=None, expiry_s=None, user_properties=[],
        )
    )  # fmt: skip


def main() -> None:
    """Measure, and print."""
    count = int(sys.argv[1])
    probe = _probe()
    gc.collect()
    before_bytes = rss_bytes()
    for number in range(1, count + 1):
        _begin(probe, number)
    after_bytes = rss_bytes()
    if len(probe.tracker) != count:
        raise SystemExit(f"{len(probe.tracker)} of {count} are under way")
    found = {
        "count": count,
        "in_flight": (after_bytes - before_bytes) / _MIB,
        "process": after_bytes / _MIB,
    }
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
