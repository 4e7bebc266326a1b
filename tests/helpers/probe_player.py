"""A probe on a link whose broker the test plays, in time that the test turns, and its player."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET
from prometheus_client import CollectorRegistry

from bench.fidelity.street import DirectLink
from fleet_wire.contract import codec
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Presence,
    PresenceReason,
    PresenceStatus,
    Result,
)
from fleet_wire.contract.topics import parse_topic
from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.link import (
    Disconnected,
    EndReason,
    LinkHandler,
    Message,
    OnAck,
    PublishProperties,
)
from platform_probe.measure.load.plan import PlannedStart
from platform_probe.measure.probe import Probe
from platform_probe.outputs.metrics import ProbeMetrics
from platform_probe.outputs.sinks import FanOut
from platform_probe.settings.monitor import ProbeSettings
from tests.helpers.clock_timers import ClockTimers
from tests.helpers.fake_clock import FakeClock
from tests.helpers.hand_made_boxes import ONLINE, state_of
from tests.helpers.log_lines import Log
from tests.helpers.messages import message_of
from tests.helpers.records import ListSink
from tests.helpers.told_attempts import USUAL, Accounts
from tests.helpers.transcripts import Teller

CAR = "car-1"
ASLEEP = codec.encode(Presence(PresenceStatus.OFFLINE, "s1", PresenceReason.SLEEP))
LOAD = {"vehicles": [CAR], "start_delay_s": 0, "relock": False}
USUAL_HERE = {
    **USUAL,
    "vehicle_id": CAR,
    "region": "car",
    "source": "probe",
    "revision": UNSET,
    "sources_missing": UNSET,
}
ID = r"\b[0-9a-f]{32}\b"
NOT_SHOWN = {"at", "at_iso", "broker", "event", "explanation", "level", "session_present"}
"""Fields of log lines."""


@dataclass
class FakeProbeLink(DirectLink):
    """A link whose broker the test plays."""

    is_full: bool = False
    sent: list[tuple[str, bytes, PublishProperties | None, OnAck | None]] = field(
        default_factory=list
    )
    acknowledged: list[Message] = field(default_factory=list)

    def connect(self) -> None:
        """Wait for the test to accept or refuse."""

    def end(self, why: EndReason = EndReason.BROKER_CLOSED, code: int | None = None) -> None:
        """Let the connection end."""
        self.is_connected = False
        self.handler.on_disconnected(Disconnected(why, code, "as the test wants"))

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False,
        properties: PublishProperties | None = None, on_ack: OnAck | None = None,
    ) -> None:  # fmt: skip
        """Keep what is sent."""
        assert (qos, retain) == (1, topic.startswith("probes/"))
        if self.is_full:
            raise LocalProtocolError("queue is full")
        self.sent.append((topic, payload, properties, on_ack))

    def acknowledge(self, *messages: Message) -> None:
        """Keep what is acknowledged."""
        self.acknowledged += messages


class ProbeBench:
    """A probe, its fake links, its records, and its log."""

    def __init__(self, **settings: Any) -> None:
        self.links: list[FakeProbeLink] = []
        self.clock = FakeClock()
        self.timers = ClockTimers(self.clock)
        self.log = Log(clock=self.clock)
        self.metrics = ProbeMetrics(CollectorRegistry(), version="test")
        sink = ListSink()
        self.records = sink.records
        self.probe = Probe(
            ProbeSettings.model_validate(settings),
            links=self.make_link,
            clock=self.clock,
            timers=self.timers,
            sink=FanOut({"jsonl": sink, "metrics": self.metrics}, on_error=self.fail),
            metrics=self.metrics,
            logger=self.log.logger,
        )

    def make_link(self, handler: LinkHandler) -> FakeProbeLink:
        """Make a link, as the factory does."""
        self.links.append(FakeProbeLink(handler))
        return self.links[-1]

    @staticmethod
    def fail(name: str, error: Exception) -> None:
        """Fail the test: no sink may fail."""
        raise AssertionError(name) from error

    @property
    def link(self) -> FakeProbeLink:
        """The latest link."""
        return self.links[-1]

    @property
    def attempts(self) -> list[Attempt]:
        """The attempts that have ended."""
        return [record for record in self.records if isinstance(record, Attempt)]

    def events(self, *names: str) -> list[dict[str, Any]]:
        """Return the lines of the log with one of these events; all where none is named."""
        return [line for line in self.log.lines if not names or line["event"] in names]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of a series."""
        return self.metrics.registry.get_sample_value(f"unlockpath_{name}", labels)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.timers.run_for(seconds)

    def start(self, vehicle_id: str = CAR, late_s: float = 0.0) -> None:
        """Let the load start an unlock now, so long after it was due."""
        due_s = self.clock.now_s - late_s
        self.probe.synthetic._start_planned(PlannedStart(0.0, vehicle_id), due_s)

    def accept(self) -> None:
        """Let the broker accept the latest link."""
        self.link.accept()

    def connect(self) -> None:
        """Connect."""
        self.probe.connection.connect()
        self.accept()

    def take(self, topic: str, payload: bytes, **changes: Any) -> None:
        """Let a message come."""
        self.probe.connection.on_message(message_of(topic, payload, **changes))


@dataclass
class ProbePlayer(Teller):
    """A probe. Commands are `c1`, `c2` and on, in the order in which they were sent.

    `load` and `platform` make a probe with such settings; a load unlocks `car-1` three times at
    once, if it says nothing else.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    accounts: Accounts = field(default_factory=lambda: Accounts(USUAL_HERE))

    def __post_init__(self) -> None:
        """Make the probe."""
        self.bench = ProbeBench(**self.settings)
        self.told: list[str] = []
        self.names: dict[str, str] = {}
        self.unanswered: list[tuple[str, Command, OnAck | None]] = []
        self.links = 1

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        bench, probe = self.bench, self.bench.probe
        return {
            **super().verbs(),
            "accept": bench.accept,
            "acknowledged": lambda: self.told.append(
                f"{len(bench.link.acknowledged)} acknowledged"
            ),
            "asleep": lambda **more: bench.take(f"cars/{CAR}/presence", ASLEEP, **more),
            "begin": probe.begin_load,
            "close": probe.close,
            "counts": lambda: self.told.append(str(probe.counts())),
            "end": lambda why, code=None: bench.link.end(EndReason(why), code),
            "full": lambda: setattr(bench.link, "is_full", True),
            "gauges": probe.refresh_gauges,
            "has_room": lambda: setattr(bench.link, "is_full", False),
            "malformed": lambda: bench.take(f"cars/{CAR}/presence", b"?"),
            "lost": lambda: setattr(bench.link, "is_connected", False),
            "platform": lambda: self._do_set(platform={}),
            "start": bench.start,
            "start_to_connect": probe.connection.connect,
            "stats": lambda name: self.told.append(f"{name} {probe.stats()[name]}"),
            "take": lambda topic, payload: bench.take(topic, payload.encode()),
            "wait": bench.wait,
        }

    def news(self) -> list[str]:
        """Return what was sent, logged, recorded and asked for since it was asked last."""
        bench, sent = self.bench, list[str]()
        for link in bench.links:
            sent += map(self._tell_sent, link.sent)
            link.sent.clear()
        if len(bench.links) > self.links:
            self.told.append(f"link {len(bench.links)}")
            self.links = len(bench.links)
        new = self.new_of(bench.records)
        records = [line for record in new for line in self.accounts.of(record)]
        lines = self.new_of(bench.log.lines)
        warnings = [_as_line(line) for line in lines if line["level"] != "info"]
        told = [*sent, *warnings, *records, *super().news()]
        return [self._named(line) for line in told]

    def _do_load(self, count: int = 3, **more: Any) -> None:
        stage = {"kind": "burst", "count": count, "duration_s": 0.01}
        self._do_set(load={**LOAD, "stages": [stage], **_read(more)})

    def _do_set(self, **settings: Any) -> None:
        self.settings |= _read(settings)
        self.__post_init__()

    def _do_connect(self) -> None:
        """Connect, and hear what is retained of a car that is online and locked."""
        self.bench.connect()
        state = codec.encode(state_of(CAR, is_locked=True))
        self.bench.take(f"cars/{CAR}/presence", ONLINE, retain=True)
        self.bench.take(f"cars/{CAR}/state", state, retain=True)

    def _tell_sent(self, sent: tuple[str, bytes, PublishProperties | None, OnAck | None]) -> str:
        topic, payload, properties, on_ack = sent
        if not topic.endswith("/command"):
            return f"sent {payload.decode() or 'nothing'} to {topic}"
        kind, vehicle_id = parse_topic(topic)
        command = codec.decode(kind, payload)
        assert isinstance(command, Command)
        name = self.names.setdefault(command.command_id, f"c{len(self.names) + 1}")
        self.unanswered.append((vehicle_id, command, on_ack))
        assert properties is not None
        assert properties.response_topic == f"cars/{vehicle_id}/result"
        assert ("origin", "probe/platform-probe") in properties.user_properties
        life_s = (command.expires_at_ms - command.issued_at_ms) / 1000
        return f"sent {command.action} {name} to {vehicle_id}, for {life_s:g} s"

    def _named(self, line: str) -> str:
        for command_id, name in self.names.items():
            line = line.replace(command_id, name)
        return re.sub(ID, "unsent", re.sub(f"; trace_id {ID}", "", line))

    def _do_answer(self, *, and_opens: bool = True) -> None:
        """Answer every command as a good box does, or say only that it is done."""
        for link in self.bench.links:
            self.told += map(self._tell_sent, link.sent)
            link.sent.clear()
        unanswered, self.unanswered[:] = self.unanswered[:], []
        for vehicle_id, command, on_ack in unanswered:
            if on_ack is not None:
                on_ack(0)
            self._do_executed(command.command_id, vehicle_id)
            if and_opens:
                self._do_opened(command.command_id, vehicle_id, command.action is Action.LOCK)

    def _do_executed(self, command_id: str, vehicle_id: str = CAR) -> None:
        result = codec.encode(Result(command_id, Phase.EXECUTED))
        self.bench.take(f"cars/{vehicle_id}/result", result)

    def _do_opened(self, command_id: str, vehicle_id: str = CAR, is_locked: bool = False) -> None:  # noqa: FBT001, FBT002
        state = state_of(vehicle_id, is_locked=is_locked, command_id=command_id)
        self.bench.take(f"cars/{vehicle_id}/state", codec.encode(state))

    def _do_command(self, command_id: str) -> None:
        command = Command(command_id, Action.UNLOCK, 0, 30_000, 1, "signature")
        self.bench.take(f"cars/{CAR}/command", codec.encode(command))

    def _do_line(self, event: str, after_s: float = 0.0, **more: Any) -> None:
        """Let a line of the platform's log come."""
        at = self.bench.clock.wall_s + after_s
        line = {"event": event, "at": at, "request_id": "r1", "operation": "unlock", **more}
        self.bench.probe.take_platform_lines([json.dumps(line).encode()])

    def _do_metric(self, name: str, **labels: str | bool) -> None:
        words = {key: _word(one) for key, one in labels.items()}
        value = self.bench.value(name, **words)
        told = "none" if value is None else f"{value:g}"
        self.told.append(" ".join((name, *words.values(), told)))

    def _do_ready(self) -> None:
        probe = self.bench.probe
        refusal = (
            f"; for good: code {probe.connection.refusal.code}" if probe.connection.refusal else ""
        )
        self.told.append(f"{probe.connection.not_ready() or 'ready'}{refusal}")

    def _do_rest(self) -> None:
        probe = self.bench.probe
        done = "done" if probe.is_done else "not done"
        self.told.append(f"{done}, {'idle' if probe.is_idle else 'busy'}")


def _read(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings; a list or a mapping is written as JSON."""
    return {
        name: json.loads(value) if isinstance(value, str) and value[0] in "{[" else value
        for name, value in settings.items()
    }


def _word(label: str | bool) -> str:  # noqa: FBT001 - as it is read
    return label if isinstance(label, str) else "yes" if label else "no"


def _as_line(line: dict[str, Any]) -> str:
    """Return a line of the log: its level, its event, and its fields but for the usual."""
    fields = (f"{name}={value}" for name, value in line.items() if name not in NOT_SHOWN)
    return " ".join((line["level"], line["event"], *fields))
