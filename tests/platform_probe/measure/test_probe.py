"""The probe on a fake link: connecting, sending, losing the broker, stopping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from fleet_wire.clock import Clock
from fleet_wire.contract import codec
from fleet_wire.contract.attempt import Attempt, Flag, Source, StrayAnswer
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Presence,
    PresenceReason,
    PresenceStatus,
    Result,
)
from fleet_wire.contract.signing import is_signed, vehicle_key
from fleet_wire.contract.topics import TopicKind, parse_topic
from fleet_wire.errors import ConfigError, LocalProtocolError
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.link import (
    SESSION_TAKEN_OVER,
    Disconnected,
    EndReason,
    LinkHandler,
    Message,
    OnAck,
    PublishProperties,
)
from fleet_wire.randomness import RandomStream
from fleet_wire.system_clock import SystemClock
from platform_probe.measure.attempts.gaps import BEAT_S
from platform_probe.measure.load.plan import PlannedStart
from platform_probe.measure.load.timers import LoopTimers
from platform_probe.measure.probe import Probe
from platform_probe.measure.watching import group as group_module
from platform_probe.measure.watching.group import GONE, PRESENT
from platform_probe.outputs.metrics import ProbeMetrics
from platform_probe.outputs.sinks import FanOut
from platform_probe.settings.monitor import ProbeSettings
from platform_probe.settings.otlp import OtlpSettings
from tests.helpers.fake_clock import EPOCH_S, FakeClock
from tests.helpers.hand_made_boxes import state_of
from tests.helpers.log_lines import Log
from tests.helpers.messages import message_of
from tests.helpers.records import ListSink
from tests.helpers.waiting import eventually

ASLEEP = codec.encode(Presence(PresenceStatus.OFFLINE, "s1", PresenceReason.SLEEP))
TOPIC = "probes/monitors/platform-probe"
BURST = {"kind": "burst", "count": 3, "duration_s": 0.01}


class FakeProbeLink:
    """A link whose broker the test plays."""

    def __init__(self, handler: LinkHandler) -> None:
        self.handler = handler
        self.is_connected = False
        self.is_full = False
        self.sent: list[tuple[str, bytes, PublishProperties | None, OnAck | None]] = []
        self.acknowledged: list[Message] = []

    def connect(self) -> None:
        """Wait for the test to accept or refuse."""

    def accept(self) -> None:
        """Let the broker accept."""
        self.is_connected = True
        self.handler.on_connected(session_present=False)

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

    def disconnect(self) -> None:
        """Leave."""
        self.is_connected = False

    def abort(self) -> None:
        """Never used by a probe."""

    freeze = thaw = leave_behind = abort

    def answer_all(self) -> None:
        """Take every command, and answer it as a good box does."""
        sent, self.sent = self.sent, []
        for topic, payload, _, on_ack in sent:
            kind, vehicle_id = parse_topic(topic)
            if kind is not TopicKind.COMMAND:
                continue
            if on_ack is not None:
                on_ack(0)
            command = codec.decode(kind, payload)
            assert isinstance(command, Command)
            is_locked = command.action is Action.LOCK
            state = state_of(vehicle_id, is_locked=is_locked, command_id=command.command_id)
            for answer in (
                message_of(
                    f"cars/{vehicle_id}/result",
                    codec.encode(Result(command.command_id, Phase.EXECUTED)),
                ),
                message_of(f"cars/{vehicle_id}/state", codec.encode(state)),
            ):
                self.handler.on_message(answer)


class ProbeBench:
    """A probe, its fake links, its records, and its log."""

    def __init__(self, clock: Clock | None = None, **settings: Any) -> None:
        self.links: list[FakeProbeLink] = []
        self.log = Log()
        self.registry = CollectorRegistry()
        self.metrics = ProbeMetrics(self.registry, version="test")
        sink = ListSink()
        self.records = sink.records
        self.probe = Probe(
            ProbeSettings.model_validate(settings),
            links=self.make_link,
            clock=clock or SystemClock(),
            timers=LoopTimers(asyncio.get_running_loop()),
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

    @property
    def dropped(self) -> int:
        """Starts that came too late, or were too many."""
        return int(self.probe.stats()["dropped"])

    @property
    def withheld(self) -> int:
        """Starts that were left out for their car's sake."""
        return int(self.probe.stats()["withheld"])

    def start(self, vehicle_id: str) -> None:
        """Let the load start an unlock now."""
        self.probe.synthetic._start_planned(PlannedStart(0.0, vehicle_id), time.monotonic())

    def connect(self) -> None:
        """Connect."""
        self.probe.connect()
        self.link.accept()

    async def loaded(self) -> None:
        """Be ready, and start the load of three unlocks."""
        self.connect()
        self.probe.begin_load()
        await eventually(lambda: self.probe.counts()["sent"] == 3)


def load_of(**changes: Any) -> dict[str, Any]:
    """Return the settings of a load of three unlocks at once, whose cars stay open."""
    load = {"stages": [BURST], "vehicles": ["car-1"], "start_delay_s": 0, "relock": False}
    return load | changes


@pytest.fixture
async def bench() -> AsyncIterator[ProbeBench]:
    """Return a probe with a load of three unlocks."""
    bench = ProbeBench(load=load_of())
    yield bench
    bench.probe.close()


async def test_session_listens_to_all_cars(bench: ProbeBench) -> None:
    """The probe leaves no session behind: what it missed is of no use later."""
    session = bench.probe.session()
    assert session.client_id == "platform-probe"
    assert "cars/+/result" in session.subscriptions
    assert session.clean_start
    assert session.session_expiry_s == 0
    assert session.will is None


async def test_a_group_is_heard_of_before_the_fleet() -> None:
    """A broker that holds back only so much for a newcomer must not drop who else is there."""
    bench = ProbeBench(watch_group="monitors")
    assert bench.probe.session().subscriptions[0].startswith("probes/monitors/")
    bench.probe.close()


async def test_a_probe_of_a_group_says_so_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it is connected; a queue that is full just then ends nothing."""
    monkeypatch.setattr(group_module, "LOOK_S", 0.01)
    monkeypatch.setattr(group_module, "ANNOUNCED_EVERY_S", 0.01)
    bench = ProbeBench(watch_group="monitors")
    bench.probe.connect()
    bench.link.is_full = True
    bench.link.accept()
    bench.link.is_full = False
    await eventually(lambda: (TOPIC, PRESENT) in [sent[:2] for sent in bench.link.sent])
    bench.link.end()
    bench.link.sent.clear()
    await asyncio.sleep(0.05)  # five announcements: timers of one loop fire in the order of time
    assert bench.link.sent == []
    bench.link.is_connected = True
    bench.probe.close()
    assert [sent[:2] for sent in bench.link.sent] == [(TOPIC, GONE)]


async def test_a_probe_to_which_the_groups_log_does_not_come_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It counts nobody as long as lines come to another, and logs that as a warning."""
    monkeypatch.setattr(group_module, "LOOK_S", 0.01)
    monkeypatch.setattr(group_module, "ANNOUNCED_EVERY_S", 0.01)
    bench = ProbeBench(watch_group="monitors", platform={"otlp": True})
    bench.connect()
    await asyncio.sleep(0.02)
    bench.link.handler.on_message(message_of("probes/monitors/other", PRESENT + b" 0"))
    await eventually(lambda: "platform_log_elsewhere" in [one["event"] for one in bench.log.lines])
    bench.probe.close()


async def test_load_is_sent_and_ends_well(bench: ProbeBench) -> None:
    """Each planned unlock is published with its properties, and tracked to its end."""
    await bench.loaded()
    topic, _, properties, _ = bench.link.sent[0]
    assert topic == "cars/car-1/command"
    assert properties is not None
    assert properties.response_topic == "cars/car-1/result"
    bench.link.answer_all()
    assert [attempt.outcome for attempt in bench.attempts] == [Outcome.OK] * 3
    assert bench.probe.is_done
    assert bench.probe.counts() == {"sent": 3, "ended": 3, "ok": 3, "in_flight": 0}
    assert bench.probe.stats()["schedule_lag_s"]["max"] >= 0


async def test_every_message_is_acknowledged(bench: ProbeBench) -> None:
    """A malformed message must not come again for ever."""
    bench.connect()
    for payload in (b"?", ASLEEP):
        message = message_of("cars/car-1/presence", payload)
        bench.probe.on_message(message)
        assert bench.link.acknowledged[-1] == message


async def test_box_asleep_is_woken_first(bench: ProbeBench) -> None:
    """A wake request goes out before the command, and the attempt says so."""
    bench.connect()
    bench.probe.on_message(message_of("cars/car-1/presence", ASLEEP, retain=True))
    bench.probe.begin_load()
    await eventually(lambda: bench.probe.counts()["sent"] == 3)
    topics = [topic for topic, *_ in bench.link.sent]
    assert topics[:2] == ["wake/car-1", "cars/car-1/command"]
    value = bench.metrics.registry.get_sample_value
    assert value("unlockpath_battery_ampere_hours_total", {"what": "wake"}) == pytest.approx(
        3 * 0.41
    )
    bench.link.answer_all()
    assert bench.attempts[0].flags == (Flag.WOKEN,)


async def test_waking_can_be_switched_off() -> None:
    """Without `wake` only the command is sent."""
    bench = ProbeBench(load=load_of(wake=False))
    bench.connect()
    bench.probe.on_message(message_of("cars/car-1/presence", ASLEEP))
    bench.probe.begin_load()
    await eventually(lambda: bench.probe.counts()["sent"] == 3)
    assert {topic for topic, *_ in bench.link.sent} == {"cars/car-1/command"}
    bench.probe.close()


async def test_too_many_in_flight_are_dropped_and_counted() -> None:
    """A start that is dropped is no attempt, but never a secret."""
    bench = ProbeBench(load=load_of(max_in_flight=2))
    bench.connect()
    bench.probe.begin_load()
    await eventually(lambda: bench.dropped)
    assert bench.probe.counts()["sent"] == 2
    name = "unlockpath_starts_dropped_total"
    assert bench.metrics.registry.get_sample_value(name) == 1
    bench.probe.close()


async def test_start_after_its_own_deadline_is_not_sent() -> None:
    """The one who asked has gone: a car that opened now would open for nobody."""
    bench = ProbeBench(load=load_of(deadline_s=1e-9))
    bench.connect()
    bench.probe.begin_load()
    await eventually(lambda: bench.dropped == 3)
    assert (bench.link.sent, bench.attempts) == ([], [])
    assert bench.metrics.registry.get_sample_value("unlockpath_starts_dropped_total") == 3
    assert bench.probe.is_done
    bench.probe.close()


async def test_cars_are_locked_again() -> None:
    """By default, with the origin mark; until then the load is not done, and the car has rest."""
    bench = ProbeBench(load=load_of(relock=True))
    await bench.loaded()
    bench.link.answer_all()
    assert [attempt.outcome for attempt in bench.attempts] == [Outcome.OK] * 3
    assert not bench.probe.is_done
    assert not bench.probe.is_idle
    await eventually(lambda: bench.link.sent)
    ((topic, payload, properties, _),) = bench.link.sent
    command = codec.decode(TopicKind.COMMAND, payload)
    assert isinstance(command, Command)
    assert (topic, command.action) == ("cars/car-1/command", Action.LOCK)
    assert properties is not None
    assert ("origin", "probe/platform-probe") in properties.user_properties
    bench.start("car-1")
    assert bench.probe.stats()["withheld"] == 1
    bench.link.answer_all()
    await eventually(lambda: bench.probe.is_done)
    assert bench.probe.is_idle
    value = bench.metrics.registry.get_sample_value
    assert value("unlockpath_relocks_total", {"end": "locked"}) == 1
    assert value("unlockpath_starts_withheld_total", {"why": "relocking"}) == 1
    charge_ah = value("unlockpath_battery_ampere_hours_total", {"what": "command"})
    assert charge_ah == pytest.approx(len(bench.attempts) * 0.001 + 0.001)
    assert value("unlockpath_battery_ampere_hours_total", {"what": "wake"}) == 0
    assert len(bench.records) == 3
    bench.probe.close()


@pytest.mark.parametrize("state", ["lost", "full"])
async def test_a_lock_that_cannot_be_sent_is_named_at_the_end(state: str) -> None:
    """The car stands open, and whoever reads the log can go and lock it."""
    bench = ProbeBench(load=load_of(relock=True))
    await bench.loaded()
    bench.link.answer_all()
    if state == "full":
        bench.link.is_full = True
    else:
        bench.link.is_connected = False
    await eventually(
        lambda: any(one.tries for one in bench.probe.synthetic._relocks._under_way.values())
    )
    (relock,) = bench.probe.synthetic._relocks._under_way.values()
    assert relock.why == ("queue is full" if state == "full" else bench.probe.last_error)
    bench.probe.close()
    line = bench.log.lines[-1]
    assert (line["event"], line["level"]) == ("not_locked_again", "error")
    assert (line["vehicle_id"], line["why"]) == ("car-1", "the probe was stopped")


async def test_booked_cars_are_not_touched(tmp_path: Path) -> None:
    """Neither unlocked nor locked, as soon as the file says so; each is counted."""
    path = tmp_path / "booked.txt"
    path.write_text("car-1\n")
    bench = ProbeBench(load=load_of(relock=True, booked_file=path))
    bench.connect()
    bench.probe.begin_load()
    await eventually(lambda: bench.withheld == 3)
    assert (bench.link.sent, bench.attempts) == ([], [])
    assert bench.probe.is_done
    value = bench.metrics.registry.get_sample_value
    assert value("unlockpath_starts_withheld_total", {"why": "booked"}) == 3
    path.unlink()
    bench.start("car-1")
    assert bench.withheld == 4
    assert bench.log.lines[-1]["event"] == "no_car_is_touched"
    path.write_text("")
    bench.start("car-1")
    assert len(bench.link.sent) == 1
    bench.probe.close()


async def test_commands_are_signed_with_the_keys_of_the_cars(tmp_path: Path) -> None:
    """Of those that are unlocked, the null box among them; a car without a key is told at once."""
    path = tmp_path / "keys.txt"
    keys = {name: vehicle_key("of the fleet", name) for name in ("car-1", "null-box-0")}
    path.write_text("".join(f"{name} {key.hex()}\n" for name, key in keys.items()))
    settings: dict[str, Any] = {"vehicle_keys": path, "load": load_of(), "floor": {}}
    bench = ProbeBench(**settings)
    await bench.loaded()
    await eventually(lambda: {parse_topic(topic)[1] for topic, *_ in bench.link.sent} == set(keys))
    for topic, payload, *_ in bench.link.sent:
        command = codec.decode(TopicKind.COMMAND, payload)
        assert isinstance(command, Command)
        assert is_signed(keys[parse_topic(topic)[1]], command)
    for key in keys.values():
        assert key.hex() not in str(bench.log.lines)
        assert key.hex() not in bench.probe._settings.model_dump_json()
    bench.probe.close()
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:1]))
    with pytest.raises(ConfigError, match="no key of car 'null-box-0'"):
        ProbeBench(**settings)
    assert ProbeBench(vehicle_keys=path).probe.not_ready()


async def test_cars_in_turn() -> None:
    """With `every_s` the load needs no stages, and never ends."""
    load = {"every_s": 1.0, "deadline_s": 1.0, "vehicles": ["car-1"], "start_delay_s": 0}
    bench = ProbeBench(load=load)
    bench.connect()
    bench.probe.begin_load()
    await eventually(lambda: bench.link.sent)
    assert not bench.probe.is_done
    assert bench.probe.stats()["plan_digest"]
    bench.probe.close()


async def test_full_link_is_not_published(bench: ProbeBench) -> None:
    """What the link does not take was never sent: failed, not unknown."""
    bench.connect()
    bench.link.is_full = True
    bench.probe.begin_load()
    await eventually(lambda: len(bench.attempts) == 3)
    assert {attempt.cause for attempt in bench.attempts} == {Cause.NOT_PUBLISHED}
    assert bench.attempts[0].reason == "queue is full"


async def test_lost_broker_ends_what_is_in_flight_and_a_new_link_is_made(
    bench: ProbeBench,
) -> None:
    """The old link's queue must not open a car whose customer has been told that nobody knows."""
    await bench.loaded()
    lost = bench.link
    lost.end()
    assert {attempt.cause for attempt in bench.attempts} == {Cause.BROKER_UNREACHABLE}
    assert bench.probe.not_ready() is not None
    await eventually(lambda: bench.link is not lost)
    bench.link.accept()
    assert bench.probe.not_ready() is None
    disconnects = bench.metrics.registry.get_sample_value(
        "unlockpath_broker_disconnects_total", {"why": "broker_closed"}
    )
    assert disconnects == 1


async def test_a_blink_of_the_connection_fails_no_customer(bench: ProbeBench) -> None:
    """A customer's unlock goes on while the probe reconnects; its answer counts as ever."""
    bench.connect()
    command = Command("k1", Action.UNLOCK, 0, 30_000, 1, "signature")
    bench.probe.on_message(message_of("cars/car-1/command", codec.encode(command)))
    lost = bench.link
    lost.end(EndReason.KEEPALIVE)
    assert bench.attempts == []
    await eventually(lambda: bench.link is not lost)
    bench.link.accept()
    executed = codec.encode(Result("k1", Phase.EXECUTED))
    bench.probe.on_message(message_of("cars/car-1/result", executed))
    opened = codec.encode(state_of("car-1", is_locked=False, command_id="k1"))
    bench.probe.on_message(message_of("cars/car-1/state", opened))
    assert [(one.source, one.outcome) for one in bench.attempts] == [(Source.CUSTOMER, Outcome.OK)]


async def test_starts_without_a_broker_end_at_once() -> None:
    """The load goes on while the broker is away: customers do not wait for it either."""
    bench = ProbeBench(load=load_of(start_delay_s=0.1))
    bench.connect()
    bench.probe.begin_load()
    bench.link.end(EndReason.KEEPALIVE)
    await eventually(lambda: len(bench.attempts) == 3)
    assert {attempt.cause for attempt in bench.attempts} == {Cause.BROKER_UNREACHABLE}
    assert "keepalive" in (bench.attempts[0].reason or "")
    bench.probe.close()


async def test_broker_that_stays_away_is_tried_again(bench: ProbeBench) -> None:
    """Each failed connect is logged, with the time of the next, and the reason is kept."""
    bench.probe.connect()
    bench.link.end(EndReason.UNREACHABLE)
    await eventually(lambda: len(bench.links) == 2)
    bench.link.end(EndReason.UNREACHABLE)
    await eventually(lambda: len(bench.links) == 3)
    assert [line["event"] for line in bench.log.lines] == ["broker_disconnected"] * 2
    assert bench.log.lines[0]["retry_in_s"] >= 0
    assert bench.probe.last_error == "unreachable: as the test wants"
    assert bench.probe.refusal is None


async def test_a_broker_of_several_that_is_away_is_told_and_counted() -> None:
    """Each time anew, as it is when the first of them is there, and when none is."""
    bench = ProbeBench(broker="mqtt://one,mqtt://two")
    one, two = Brokers.parse("mqtt://one,mqtt://two").addresses
    away = Disconnected(EndReason.UNREACHABLE, detail="Connection refused")

    def brokers_away() -> float | None:
        return bench.registry.get_sample_value("unlockpath_brokers_away")

    assert brokers_away() == 2
    for broker, end in ((one, None), (two, away)):
        bench.probe.broker_changed(broker, end)
    bench.connect()
    assert brokers_away() == 1
    assert str(bench.probe.away) == "mqtt://two:1883 (unreachable: Connection refused)"
    bench.probe.broker_changed(two, None)
    assert (brokers_away(), str(bench.probe.away)) == (0, "")
    bench.link.end(EndReason.KEEPALIVE)
    assert brokers_away() == 2
    events = [line["event"] for line in bench.log.lines]
    assert events.count("broker_back") == 1, "one that was not away has not come back"


async def test_what_a_broker_keeps_of_cars_that_are_anothers_is_logged_once() -> None:
    """With one of the topics, and how many there were."""
    bench = ProbeBench(broker="mqtt://one,mqtt://two")
    one, _ = Brokers.parse("mqtt://one,mqtt://two").addresses
    for _ in range(3):
        bench.probe.left_over(one, message_of("cars/car-00001/presence", ASLEEP))
    (line,) = (line for line in bench.log.lines if line["event"] == "left_over")
    assert (line["broker"], line["topic"]) == ("mqtt://one:1883", "cars/car-00001/presence")


async def test_delay_grows_across_short_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is lost again at once is one more failure; one that held is none."""
    clock, failures = FakeClock(), list[int]()

    class NoDelay:
        def delay_s(self, failed: int, _: RandomStream) -> float:
            failures.append(failed)
            return 0.0

    monkeypatch.setattr("platform_probe.measure.connected.RECONNECT", NoDelay())
    bench = ProbeBench(clock)
    bench.connect()
    for held_s in (1.0, 9.0, 0.0, 10.0, 1.0):
        clock.now_s += held_s
        before = bench.link
        before.end()
        await eventually(lambda before=before: bench.link is not before)  # type: ignore[misc]
        bench.link.accept()
    clock.now_s += 60
    bench.link.end(EndReason.UNREACHABLE)
    assert failures == [0, 1, 2, 0, 1, 0]
    bench.probe.close()


async def test_second_client_with_our_id_is_named(bench: ProbeBench) -> None:
    """Two that take over each other for ever look like a bad network; the reason says otherwise."""
    bench.connect()
    bench.link.end(code=SESSION_TAKEN_OVER)
    (_, line) = bench.log.lines
    for place in (line["detail"], bench.probe.not_ready() or ""):
        assert "another client connected with our client_id 'platform-probe'" in place


async def test_wrong_password_is_final(bench: ProbeBench) -> None:
    """Trying again does not make a password right; a broker that is busy may take us later."""
    bench.probe.connect()
    bench.link.end(EndReason.REFUSED, 137)
    assert bench.probe.refusal is None
    await eventually(lambda: len(bench.links) == 2)
    bench.link.end(EndReason.REFUSED, 134)
    assert bench.probe.refusal is not None
    assert bench.probe.refusal.code == 134


async def test_floor_unlocks_are_kept_apart() -> None:
    """Null box unlocks are records of source floor, and in no count of the load."""
    bench = ProbeBench(floor={"rate_per_s": 100})
    bench.connect()
    bench.probe.begin_load()
    await eventually(lambda: len(bench.link.sent) >= 3)
    bench.link.answer_all()
    assert {attempt.source for attempt in bench.attempts} == {Source.FLOOR}
    assert bench.attempts[0].vehicle_id == "null-box-0"
    assert bench.probe.counts() == {"sent": 0, "ended": 0, "ok": 0, "in_flight": 0}
    bench.probe.close()


async def test_close_ends_what_is_in_flight(bench: ProbeBench) -> None:
    """Nothing that was started stays without a record."""
    await bench.loaded()
    bench.probe.close()
    assert {attempt.cause for attempt in bench.attempts} == {Cause.NOT_OBSERVED}
    assert not bench.link.is_connected


async def test_gauges_show_the_fleet(bench: ProbeBench) -> None:
    """What is retained is known before the first unlock."""
    bench.connect()
    bench.probe.on_message(message_of("cars/car-1/presence", ASLEEP, retain=True))
    bench.probe.refresh_gauges()
    value = bench.metrics.registry.get_sample_value
    assert value("unlockpath_boxes", {"presence": "asleep"}) == 1
    assert value("unlockpath_in_flight") == 0
    assert value("unlockpath_broker_connected") == 1


async def test_time_without_a_connection_is_counted() -> None:
    """How much of the time the monitor could see anything at all can be read from its metrics."""
    clock = FakeClock()
    bench = ProbeBench(clock)
    clock.now_s += 2
    bench.connect()
    clock.now_s += 60
    bench.link.end()
    clock.now_s += 1.5
    bench.link.accept()
    clock.now_s += 30
    bench.probe.refresh_gauges()
    value = bench.metrics.registry.get_sample_value
    name = "unlockpath_watched_seconds_total"
    assert value(name, {"connected": "yes"}) == pytest.approx(90)
    assert value(name, {"connected": "no"}) == pytest.approx(3.5)
    bench.probe.close()


async def test_what_comes_in_and_how_late_the_loop_is_can_be_read() -> None:
    """At each beat: messages by kind, when the last came, commands not followed, and the lag."""
    clock = FakeClock()
    bench = ProbeBench(clock)
    value = bench.metrics.registry.get_sample_value
    bench.connect()
    bench.probe.watch_itself()
    for _ in range(3):
        bench.probe.on_message(message_of("cars/car-1/presence", ASLEEP))
    bench.probe.tracker.not_followed = 2
    clock.now_s += BEAT_S + 0.03
    clock.wall_s += 7
    bench.probe.watch_itself()
    clock.wall_s += 7
    clock.now_s += BEAT_S
    bench.probe.watch_itself()
    assert value("unlockpath_messages_total", {"topic": "presence"}) == 3
    assert value("unlockpath_messages_total", {"topic": "result"}) == 0
    name = "unlockpath_last_message_timestamp_seconds"
    assert value(name, {"topic": "presence"}) == EPOCH_S + 7
    assert value(name, {"topic": "result"}) == 0
    assert value("unlockpath_commands_not_followed_total") == 2
    assert value("unlockpath_loop_lag_seconds_count") == 3
    assert value("unlockpath_loop_lag_seconds_sum") == pytest.approx(0.03)
    bench.probe.close()


async def test_dropped_retained_messages_are_warned_of(bench: ProbeBench) -> None:
    """A broker that dropped what it retained would make causes wrong: say so at the start."""
    bench.connect()
    bench.probe.on_message(message_of("cars/car-1/presence", ASLEEP, retain=True))
    bench.probe.begin_load()
    warnings = [line for line in bench.log.lines if line["event"] == "retained_messages_missing"]
    assert [line["cars"] for line in warnings] == [1]
    assert "max_queued_messages" in warnings[0]["explanation"]


async def test_cars_that_nobody_knows_are_named() -> None:
    """At the start: else each of their unlocks says so at its deadline, one by one."""
    bench = ProbeBench(load=load_of(vehicles=["car-1", "car-2"]))
    bench.connect()
    bench.probe.on_message(message_of("cars/car-1/presence", ASLEEP, retain=True))
    bench.probe.begin_load()
    warned = [line for line in bench.log.lines if line["event"] == "unknown_cars"]
    assert [(line["cars"], line["first"]) for line in warned] == [(1, ["car-2"])]
    bench.probe.close()


def stage(kind: str, **more: Any) -> dict[str, Any]:
    """Return the settings of a load of one stage, a minute long."""
    return {"stages": [{"kind": kind, "duration_s": 60, **more}]}


OFTEN = stage("poisson", rate_per_s=0.5)


@pytest.mark.parametrize(
    ("cars", "load", "movements"),
    [
        (3, OFTEN, 6.7),
        (3, {**OFTEN, "relock": False}, None),
        (7, OFTEN, None),
        (3, {"stages": [], "every_s": 5, "deadline_s": 5}, 8.0),
        (3, {"stages": [], "every_s": 20}, None),
        (3, stage("burst", count=6), 4.0),
        (1, stage("burst", count=6, over_s=60), 4.0),
        (1, stage("times", at_s=[0, 30, 9, 19]), 6.0),
        (1, stage("ramp", from_rate_per_s=0, to_rate_per_s=0.1), 4.0),
    ],
)
async def test_unlocks_that_wear_out_the_locks_are_warned_of(
    cars: int, load: dict[str, Any], movements: float | None
) -> None:
    """Too many for the cars there are: what fails then is of the monitor's own making."""
    vehicles = [f"car-{number}" for number in range(cars)]
    bench = ProbeBench(load={"vehicles": vehicles, **load})
    bench.connect()
    bench.probe.begin_load()
    warned = [line for line in bench.log.lines if line["event"] == "locks_will_refuse"]
    assert [line["movements_a_car"] for line in warned] == (
        [] if movements is None else [movements]
    )
    bench.probe.close()


@pytest.mark.parametrize("broker", ["mqtt://127.0.0.1", "mqtt://broker.example"])
async def test_demo_secret_on_a_foreign_broker_is_warned_of(broker: str) -> None:
    """Cars that obey it obey everybody."""
    bench = ProbeBench(broker=broker)
    bench.connect()
    bench.probe.begin_load()
    warned = "demo_secret" in {line["event"] for line in bench.log.lines}
    assert warned is (broker == "mqtt://broker.example")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_keys_of_a_backend_in_the_clear_are_warned_of(scheme: str) -> None:
    """Whoever carries them can read them."""
    otlp = OtlpSettings(endpoint=f"{scheme}://backend.example", headers_file=Path("any"))
    bench = ProbeBench(otlp=otlp)
    bench.connect()
    bench.probe.begin_load()
    warned = "otlp_keys_shown" in {line["event"] for line in bench.log.lines}
    assert warned is (scheme == "http")


@pytest.mark.parametrize(
    ("ttl_s", "life_ms", "warned"), [(None, 7_000, 0), (5, 5_000, 0), (30, 30_000, 1)]
)
async def test_a_command_that_outlives_its_customer_is_warned_of(
    ttl_s: float | None, life_ms: int, warned: int
) -> None:
    """By default a command ends with the customer's patience; a longer life is said aloud."""
    bench = ProbeBench(load=load_of(deadline_s=7, command_ttl_s=ttl_s))
    await bench.loaded()
    command = codec.decode(TopicKind.COMMAND, bench.link.sent[0][1])
    assert isinstance(command, Command)
    assert command.expires_at_ms - command.issued_at_ms == pytest.approx(life_ms, abs=1)
    events = [line["event"] for line in bench.log.lines]
    assert events.count("commands_outlive_customers") == warned
    bench.probe.close()


async def test_timeouts_are_noticed_without_other_events() -> None:
    """The tracker is told the time when a deadline comes, also one that came nearer meanwhile."""
    bench = ProbeBench(load=load_of(deadline_s=600, state_grace_s=0.1))
    await bench.loaded()
    for _, _, properties, on_ack in bench.link.sent:
        assert properties is not None
        assert properties.correlation_data is not None
        assert on_ack is not None
        on_ack(0)
        executed = Result(properties.correlation_data.decode(), Phase.EXECUTED)
        bench.probe.on_message(message_of("cars/car-1/result", codec.encode(executed)))
    await eventually(lambda: len(bench.attempts) == 3)
    assert {attempt.cause for attempt in bench.attempts} == {Cause.DOOR_UNCONFIRMED}
    assert bench.probe.is_idle
    bench.probe.close()


async def test_the_platforms_log_is_joined() -> None:
    """What the API refused is an attempt; where no log is followed, lines are passed over."""
    line = b'{"event":"%b","at":%d.%d,"request_id":"r1","operation":"unlock","status":403}'
    now = int(time.time())
    refused = [line % (b"requested", now, 5), line % (b"answered", now, 75)]
    joining, other = ProbeBench(platform={}), ProbeBench()
    for line in refused:
        joining.probe.take_platform_lines([line])
        other.probe.take_platform_lines([line])
    (attempt,) = joining.attempts
    assert (attempt.cause, attempt.total_s) == (Cause.API_REFUSED, 0.25)
    assert joining.probe.counts()["sent"] == 1
    assert other.records == []


async def test_what_went_well_by_the_log_alone_is_counted_so() -> None:
    """As the metrics do, where nothing was heard of it on MQTT, or no more than the command."""
    bench = ProbeBench(platform={}, load=load_of())
    bench.connect()
    command = Command("k2", Action.UNLOCK, 0, 30_000, 1, "signature")
    bench.probe.on_message(message_of("cars/car-1/command", codec.encode(command)))
    now = int(time.time())
    line = (
        b'{"event":"%b","at":%d,"request_id":"%b","operation":"unlock","vehicle_id":"car-1",'
        b'"command_id":"%b","status":200,"outcome":"executed"}'
    )
    for number in (b"1", b"2"):
        for step in (b"requested", b"answered", b"published", b"ended"):
            words = (step, now, b"r" + number, b"k" + number)
            bench.probe.take_platform_lines([line % words])
    bench.probe.close()
    assert {attempt.outcome for attempt in bench.attempts} == {Outcome.OK}
    assert bench.probe.counts() == {"sent": 2, "ended": 2, "ok": 2, "in_flight": 0}


@pytest.mark.parametrize(("status", "is_late"), [(200, False), (504, True)])
async def test_a_late_answer_is_written_when_the_log_has_said_what_its_customer_was_told(
    status: int, *, is_late: bool
) -> None:
    """Who was told yes was not told no, and nobody is woken for them."""
    bench = ProbeBench(platform={}, load=load_of(deadline_s=0.1, command_ttl_s=0.1))
    bench.connect()
    command = Command("k1", Action.UNLOCK, 0, 30_000, 1, "signature")
    bench.probe.on_message(message_of("cars/car-1/command", codec.encode(command)))
    await eventually(lambda: not len(bench.probe.tracker))
    executed = codec.encode(Result("k1", Phase.EXECUTED))
    bench.probe.on_message(message_of("cars/car-1/result", executed))
    assert bench.records == []
    line = (
        b'{"event":"%b","at":%d,"request_id":"r1","operation":"unlock","vehicle_id":"car-1",'
        b'"command_id":"k1","status":%d,"outcome":"executed"}'
    )
    for step in (b"requested", b"published", b"ended", b"answered"):
        bench.probe.take_platform_lines([line % (step, int(time.time()), status)])
    (stray,) = (one for one in bench.records if isinstance(one, StrayAnswer))
    assert stray.is_late_unlock is is_late
    late = bench.registry.get_sample_value("unlockpath_late_unlocks_total", {"source": "customer"})
    assert late == is_late
    bench.probe.close()


async def test_a_customer_is_written_when_the_log_has_told_of_it() -> None:
    """The attempt waits for the platform's side, at the end no longer."""
    bench = ProbeBench(platform={}, load=load_of())
    bench.connect()
    command = Command("k1", Action.UNLOCK, 0, 30_000, 1, "signature")
    bench.probe.on_message(message_of("cars/car-1/command", codec.encode(command)))
    bench.probe.on_message(
        message_of("cars/car-1/result", codec.encode(Result("k1", Phase.EXECUTED)))
    )
    state = state_of("car-1", is_locked=False, command_id="k1")
    bench.probe.on_message(message_of("cars/car-1/state", codec.encode(state)))
    assert bench.attempts == []
    assert not bench.probe.is_idle
    bench.probe.close()
    (attempt,) = bench.attempts
    assert (attempt.outcome, attempt.revision) == (Outcome.OK, 1)
    assert bench.probe.is_idle
