"""The probe: connects, sends, listens, and tells the tracker what happens.

Everything that decides lies in parts without I/O (`attempts`, `doors`, `watching`, `load.plan`);
this module wires them to a link, a clock and timers. These are handed in, so that the same probe
runs on an event loop and in virtual time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any, Final

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import Flag, Source
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.topics import TopicKind, topic_of
from fleet_wire.errors import BrokerRefusedError, LocalProtocolError
from fleet_wire.links.link import (
    SESSION_TAKEN_OVER,
    Disconnected,
    Ended,
    Link,
    LinkFactory,
    LinkLimits,
    Message,
    Session,
)
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.randomness import RandomStream
from platform_probe.attempts.evidence import BoxPresence, FleetEvidence
from platform_probe.attempts.gaps import BEAT_S, Gaps
from platform_probe.attempts.remembered import Remembered
from platform_probe.attempts.tracker import AttemptTracker
from platform_probe.doors.mqtt import CommandMaker
from platform_probe.load.driver import Lags, LoadDriver
from platform_probe.load.plan import LoadPlan, PlannedStart
from platform_probe.load.timers import Timer, Timers
from platform_probe.outputs.logs import Complaints, Logger
from platform_probe.outputs.metrics import ProbeMetrics
from platform_probe.outputs.sinks import Sink
from platform_probe.settings import FloorSettings, ProbeSettings
from platform_probe.watching.inbox import Inbox, subscriptions

KEEPALIVE_S: Final = 15
"""Short, so that a broker that vanished without a word is noticed within a deadline or so."""
RECONNECT: Final = ReconnectPolicy(base_s=0.5, cap_s=10.0)
STEADY_S: Final = 10.0
"""A connection that held so long was a working one: the next delay is the shortest again."""
TICK_S: Final = 0.05
"""Timeouts are noticed at most so late; they count with their deadline all the same."""
LINK_LIMITS: Final = LinkLimits(
    receive_max=65_535, max_in_flight=20_000, max_queued=20_000, acknowledge_after_s=0.01
)
"""One link carries what the whole fleet answers."""
PERMANENT_CODES: Final = frozenset({132, 133, 134, 135, 138, 140})
"""CONNACK codes that trying again does not change: version, client id, password, banned."""
_OWN: Final = (Source.PROBE, Source.CUSTOMER)


class Probe:
    """One probe; the `LinkHandler` of its links.

    Each connection gets a new link: what an old one still held must not open a car whose customer
    has been told that nobody knows.
    """

    def __init__(
        self,
        settings: ProbeSettings,
        *,
        links: LinkFactory,
        clock: Clock,
        timers: Timers,
        sink: Sink,
        metrics: ProbeMetrics,
        logger: Logger,
    ) -> None:
        self._settings = settings
        self._load = settings.tracking
        self._timers = timers
        self._links = links
        self._clock = clock
        self._metrics = metrics
        self._logger = logger
        complaints = Complaints(logger, clock)
        self._complaints = complaints
        self._gaps = Gaps(self._stood_still)
        self.evidence = FleetEvidence()
        self.tracker = AttemptTracker(
            clock=clock,
            evidence=self.evidence,
            emit=sink.emit,
            deadline_s=self._load.deadline_s,
            state_grace_s=self._load.state_grace_s,
            remembered=Remembered(window_s=self._load.late_window_s),
            gaps=self._gaps,
            is_watching=settings.watch,
        )
        self._inbox = Inbox(self.tracker, metrics, complaints)
        self._commands = CommandMaker(
            seed=settings.seed,
            client_id=settings.client_id,
            fleet_secret=settings.fleet_secret.get_secret_value(),
            ttl_s=self._load.command_life_s,
            clock=clock,
        )
        self._plan = LoadPlan(
            stages=tuple(self._load.stages),
            vehicles=self._load.vehicle_ids() if self._load.stages else (),
            seed=settings.seed,
            deadline_s=self._load.deadline_s,
            double_taps=self._load.double_taps,
            repeat=self._load.repeat,
        )
        self._load_driver = self._driver_of(iter(self._plan), self._start_planned)
        self._floor_driver = self._driver_of(_floor_plan(settings.floor), self._start_floor)
        self._reconnect_stream = RandomStream(settings.seed, "probe/reconnect")
        self._link: Link | None = None
        self._reconnect: Timer | None = None
        self._ticker: Timer | None = None
        self._heart: Timer | None = None
        self._tick_at_s = math.inf
        self._failures = 0
        self._connected_s = math.inf
        self._is_closed = False
        self._could_see = False
        """Whether there was a connection until now, since `_counted_s`."""
        self._counted_s = clock.monotonic_s()
        self.last_error = "not connected yet"
        """Why there is, or was, no connection."""
        self.refusal: BrokerRefusedError | None = None
        """The broker's word that trying again is of no use."""
        self.retained = 0
        """Messages so far that had waited at the broker."""
        self.lags = Lags()
        self.dropped = 0

    # What a link calls

    def session(self) -> Session:
        """Say who we are and what we listen to."""
        return Session(
            client_id=self._settings.client_id,
            subscriptions=subscriptions(watch=self._settings.watch),
            clean_start=True,
            keepalive_s=KEEPALIVE_S,
        )

    def on_connected(self, *, session_present: bool) -> None:
        """Note that commands can be sent and answers come."""
        self._connected_s = self._clock.monotonic_s()
        self._count_time(can_see=True)
        self._logger.info(
            "broker_connected",
            broker=str(self._settings.broker_address),
            session_present=session_present,
        )

    def on_message(self, message: Message) -> None:
        """Take a message, then acknowledge it."""
        self.retained += message.retain
        self._inbox.take(message)
        self._plan_tick()
        if self._link is not None:
            self._link.acknowledge(message)

    def on_disconnected(self, reason: Disconnected) -> None:
        """End what we have in flight, and connect again after a while."""
        self._count_time(can_see=False)
        self._metrics.count_disconnect(reason.why)
        code = f" (MQTT reason code {reason.code})" if reason.code is not None else ""
        detail = reason.detail
        if reason.code == SESSION_TAKEN_OVER:
            detail = (
                f"another client connected with our client_id '{self._settings.client_id}':"
                " give each probe its own"
            )
        self.last_error = f"{reason.why.value}{code}: {detail}".rstrip(": ")
        if reason.why is Ended.REFUSED and reason.code in PERMANENT_CODES:
            self.refusal = BrokerRefusedError(reason.code, f"the broker refused: {reason.detail}")
        self.tracker.broker_lost(self.last_error)
        if self._is_closed:
            return
        if self._clock.monotonic_s() - self._connected_s >= STEADY_S:
            self._failures = 0
        self._connected_s = math.inf
        delay_s = RECONNECT.delay_s(self._failures, self._reconnect_stream)
        self._failures += 1
        self._logger.warning(
            "broker_disconnected",
            broker=str(self._settings.broker_address),
            why=reason.why,
            code=reason.code,
            detail=detail,
            retry_in_s=round(delay_s, 3),
        )
        self._reconnect = self._timers.call_later(delay_s, self.connect)

    # The life of a probe

    def connect(self) -> None:
        """Begin to connect. A connection that ends is followed by another, until `close`."""
        self._link = self._links(self)
        self._link.connect()

    def begin_load(self) -> float:
        """Begin the load, and return the Unix time of its second 0.

        Call it when what is retained has come: presence is evidence for the first unlock.
        """
        self._warn_of_missing_facts()
        if self._settings.is_demo_elsewhere:
            self._logger.warning(
                "demo_secret",
                broker=str(self._settings.broker_address),
                explanation="commands are signed with the secret that everybody knows: set"
                " fleet_secret_file to the fleet's own",
            )
        self._warn_of_long_lives()
        now_s = self._clock.monotonic_s()
        self.tracker.load_began_s = now_s + self._load.start_delay_s
        self._load_driver.begin(self.tracker.load_began_s)
        self._floor_driver.begin(now_s)
        return self._clock.unix_s() + self._load.start_delay_s

    def watch_itself(self) -> None:
        """Notice from now on when this process stands still, and mark what it could not time."""
        self._gaps.beat(self._clock.monotonic_s())
        self._heart = self._timers.call_later(BEAT_S, self.watch_itself)

    @property
    def is_done(self) -> bool:
        """Whether every planned unlock has been started and has ended."""
        started, ended = self.tracker.started, self.tracker.ended
        return self._load_driver.is_done and started[Source.PROBE] == ended[Source.PROBE]

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight: everything that was started has ended."""
        return len(self.tracker) == 0

    def stop(self) -> None:
        """Start nothing more."""
        self._load_driver.stop()
        self._floor_driver.stop()

    def close(self) -> None:
        """End what is still in flight, and say goodbye to the broker."""
        self._is_closed = True
        self.stop()
        self.tracker.interrupt()
        for timer in (self._ticker, self._reconnect, self._heart):
            if timer is not None:
                timer.cancel()
        if self._link is not None:
            self._link.disconnect()
        self._count_time(can_see=False)

    # What others may ask

    @property
    def is_connected(self) -> bool:
        """Whether the probe is connected and subscribed."""
        return self._link is not None and self._link.is_connected

    def not_ready(self) -> str | None:
        """Return why the probe cannot do its work now, or None when it can."""
        if self.is_connected:
            return None
        return f"no connection to {self._settings.broker_address}: {self.last_error}"

    def refresh_gauges(self) -> None:
        """Bring the gauges and the time watched up to date, before they are read."""
        self._count_time(can_see=self._could_see)
        self._metrics.set_fleet(
            in_flight=len(self.tracker),
            boxes=self.evidence.by_presence,
            by_region=self.evidence.by_region,
        )
        self._metrics.note_reconnects(self.evidence.reconnects)

    def counts(self) -> dict[str, int]:
        """Return how many unlocks (other than the null box's) were started, ended and went well."""
        sent = sum(self.tracker.started[source] for source in _OWN)
        ended = sum(self.tracker.ended[source] for source in _OWN)
        return {"sent": sent, "ended": ended, "ok": self.tracker.ok, "in_flight": sent - ended}

    def stats(self) -> dict[str, Any]:
        """Return the content of `probe_stats.json`."""
        return {
            **self.counts(),
            "schedule_lag_s": self.lags.summary(),
            "dropped": self.dropped,
            "malformed": self._inbox.malformed,
            "not_followed": self.tracker.not_followed,
            "seed": self._settings.seed,
            "plan_digest": self._plan.digest(),
        }

    def complain(self, event: str, kind: str, **fields: Any) -> None:
        """Log a complaint, at a limited rate."""
        self._complaints.complain(event, kind, **fields)

    # Within

    def _count_time(self, *, can_see: bool) -> None:
        """Count the time since the last call, and note whether we can see anything from now on."""
        now_s = self._clock.monotonic_s()
        self._metrics.add_watched(now_s - self._counted_s, connected=self._could_see)
        self._counted_s, self._could_see = now_s, can_see
        self._metrics.set_connected(connected=can_see)

    def _warn_of_missing_facts(self) -> None:
        missing = self.evidence.without_presence_or_state()
        if missing:
            self._logger.warning(
                "retained_messages_missing",
                cars=missing,
                explanation="only one of presence and state is known of these cars: the broker may"
                " drop messages that wait for the probe (mosquitto: max_queued_messages)",
            )

    def _stood_still(self, gap_s: float) -> None:
        self.complain(
            "monitor_stood_still",
            "gap",
            seconds=round(gap_s, 3),
            explanation="this process was stopped, starved or too busy: what it observed meanwhile"
            " is flagged observed_late and not counted",
        )

    def _warn_of_long_lives(self) -> None:
        load = self._load
        if load.command_life_s > load.deadline_s:
            self._logger.warning(
                "commands_outlive_customers",
                command_ttl_s=load.command_life_s,
                deadline_s=load.deadline_s,
                explanation="a box that gets a command after the deadline still opens its car:"
                " leave out load.command_ttl_s",
            )

    def _driver_of(
        self, plan: Iterator[PlannedStart], start: Callable[[PlannedStart, float], None]
    ) -> LoadDriver:
        return LoadDriver(plan, clock=self._clock, timers=self._timers, start=start)

    def _tick(self) -> None:
        self._tick_at_s = math.inf
        self.tracker.tick()
        self._plan_tick()

    def _plan_tick(self) -> None:
        """See to it that the tracker is told the time when something may be overdue."""
        deadline_s = self.tracker.next_deadline_s()
        if deadline_s is None or deadline_s >= self._tick_at_s:
            return
        now_s = self._clock.monotonic_s()
        at_s = max(deadline_s, now_s + TICK_S)
        if at_s < self._tick_at_s:
            if self._ticker is not None:
                self._ticker.cancel()
            self._tick_at_s = at_s
            self._ticker = self._timers.call_later(at_s - now_s, self._tick)

    def _start_planned(self, planned: PlannedStart, intended_s: float) -> None:
        lag_s = max(self._clock.monotonic_s() - intended_s, 0.0)
        self.lags.add(lag_s)
        self._metrics.observe_start(lag_s)
        is_over = lag_s >= self._load.deadline_s  # whoever asked has gone: nobody waits for the car
        if is_over or len(self.tracker) >= self._load.max_in_flight:
            self.dropped += 1
            self._metrics.count_dropped_start()
            return
        self._unlock(planned.vehicle_id, Source.PROBE, intended_s)

    def _start_floor(self, planned: PlannedStart, _: float) -> None:
        # The floor is what the stack takes: how late we start it is measured by the load.
        self._unlock(planned.vehicle_id, Source.FLOOR, self._clock.monotonic_s())

    def _unlock(self, vehicle_id: str, source: Source, intended_s: float) -> None:
        outgoing = self._commands.unlock(vehicle_id, source=source, intended_s=intended_s)
        attempt = self.tracker.start(outgoing.start)
        self._plan_tick()
        command_id = outgoing.start.command_id
        link = self._link
        if link is None or not link.is_connected:
            self.tracker.fail(command_id, Cause.BROKER_UNREACHABLE, self.last_error)
            return
        try:
            if self._load.wake and attempt.presence_at_start is BoxPresence.ASLEEP:
                request = self._commands.wake_request(outgoing.start)
                link.publish(topic_of(TopicKind.WAKE, vehicle_id), request)
                attempt.flag(Flag.WOKEN)
            link.publish(
                outgoing.topic,
                outgoing.payload,
                properties=outgoing.properties,
                on_ack=partial(self.tracker.acknowledged, command_id),
            )
        except LocalProtocolError as error:
            self.tracker.fail(command_id, Cause.NOT_PUBLISHED, str(error))
            return
        self.tracker.published(command_id)


def _floor_plan(floor: FloorSettings | None) -> Iterator[PlannedStart]:
    """Yield unlocks of the null box at a constant rate, for ever."""
    if floor is not None:
        for number in count():
            yield PlannedStart(number / floor.rate_per_s, floor.vehicle_id)
