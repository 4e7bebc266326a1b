"""The probe: connects, sends, listens, and tells the tracker what happens.

Everything that decides lies in parts without I/O (`attempts`, `doors`, `watching`, `load.plan`);
this module wires them to a link, a clock and timers. These are handed in, so that the same probe
runs on an event loop and in virtual time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import Record, Source
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.platform_log import PlatformEvent
from fleet_wire.errors import BrokerRefusedError, BrokerUnreachableError
from fleet_wire.links.announced import GONE
from fleet_wire.links.link import (
    PERMANENT_CODES,
    SESSION_TAKEN_OVER,
    BrokerAddress,
    Disconnected,
    Ended,
    Link,
    LinkFactory,
    LinkLimits,
    Message,
    Session,
)
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.links.routine import OfferingMessage, Round
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Correlation, Profile
from fleet_wire.randomness import RandomStream
from platform_probe.attempts.ended_attempt import EndedAttempt
from platform_probe.attempts.evidence import FleetEvidence
from platform_probe.attempts.gaps import BEAT_S, Gaps
from platform_probe.attempts.joiner import Joiner, JoinLimits
from platform_probe.attempts.remembered import Remembered
from platform_probe.attempts.tracker import AttemptTracker
from platform_probe.diagnosis.diagnosing import Diagnosing
from platform_probe.diagnosis.ranking import Ranking
from platform_probe.doubts import say_doubts
from platform_probe.load.timers import Timer, Timers
from platform_probe.outputs.logs import Complaints, Logger, RevisionLog
from platform_probe.outputs.metrics import ProbeMetrics
from platform_probe.outputs.sinks import Sink
from platform_probe.settings import PlatformSettings, ProbeSettings
from platform_probe.synthetic import SyntheticUnlocks
from platform_probe.watching.group import PRESENT, Group
from platform_probe.watching.inbox import Hears, Inbox, subscriptions
from platform_probe.watching.only_open import OnlyOpen
from platform_probe.watching.platform_inbox import PlatformInbox

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
_OWN: Final = (Source.PROBE, Source.CUSTOMER)


class OnConnection(Protocol):
    """Takes that there is a connection with the broker, or none."""

    def __call__(self, *, is_there: bool) -> None:
        """Take it."""
        ...


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
        profile: Profile = NATIVE,
    ) -> None:
        settings.check_fits(profile)
        self._settings = settings
        self._profile = profile
        self._load = settings.tracking
        self._timers = timers
        self._links = links
        self._clock = clock
        self._metrics = metrics
        self._logger = logger
        self._sink = sink
        complaints = Complaints(logger, clock)
        self._complaints = complaints
        self._gaps = Gaps(self._stood_still)
        self.evidence = FleetEvidence(wire=profile.traits)
        self.diagnosing: Diagnosing | None = None
        """Diagnoses what failed, on its way to the sinks."""
        self._relocks = self._load.unlocks and self._load.relock
        self.tracker = self._tracker()
        self._group: Group | None = None
        if settings.watch_group is not None:
            self._group = Group(settings.watch_group, settings.client_id)
            self.tracker.is_shared = True
        only_open = self._only_open()
        self._inbox = Inbox(
            self.tracker,
            metrics,
            complaints,
            profile=profile,
            only_open=only_open,
            unix_s=clock.unix_s if settings.broker_log else None,
        )
        self.platform = self._platform_inbox(settings.platform)
        """Takes the platform's log, where one is followed."""
        self.synthetic = self._synthetic(only_open)
        self._reconnect_stream = RandomStream.named(settings.seed, "probe/reconnect")
        self._link: Link | None = None
        self._reconnect: Timer | None = None
        self._ticker: Timer | None = None
        self._heart: Timer | None = None
        self._tick_at_s = math.inf
        self._beat_due_s = math.inf
        self._failures = 0
        self._connected_s = math.inf
        self._is_closed = False
        self.on_connection: OnConnection | None = None
        """Is told whether there is a connection, again and again."""
        self._could_see = False
        """Whether there was a connection until now, since `_counted_s`."""
        self._counted_s = clock.monotonic_s()
        self.last_error = "not connected yet"
        """Why there is, or was, no connection."""
        self.refusal: BrokerRefusedError | None = None
        """The broker's word that trying again is of no use."""
        self.retained = 0
        """Messages so far that had waited at the broker."""

    def let_hear(
        self, hearer: Hears, on_event: Callable[[PlatformEvent], None] | None = None
    ) -> None:
        """Hand on what is heard, and the events of the platform's log."""
        self._inbox.hearers += (hearer,)
        if self.platform is not None and on_event is not None:
            self.platform.also = on_event

    def diagnose(self, ranking: Ranking, tell: Callable[[Diagnosis], None]) -> None:
        """Diagnose from now on what fails: `tell` gets each diagnosis, after its record."""
        revisions = RevisionLog(self._logger)

        def revised(diagnosis: Diagnosis) -> None:
            tell(diagnosis)
            revisions.told(diagnosis)

        def settled(diagnosis: Diagnosis) -> None:
            self._metrics.count_diagnosis(diagnosis)
            revisions.settled(diagnosis)

        self.diagnosing = Diagnosing(ranking, clock=self._clock, emit=self._sink.emit, tell=revised)
        self.diagnosing.on_wait = self._plan_tick
        self.diagnosing.on_settled = settled
        self._inbox.hearers += (self.diagnosing,)

    # What a link calls

    def session(self) -> Session:
        """Say who we are and what we listen to."""
        settings, group = self._settings, self._group
        heard = subscriptions(
            self._profile,
            watch=settings.watch,
            group=settings.watch_group,
            broker_log=settings.broker_log,
        )
        return Session(
            client_id=settings.client_id,
            # The group first: a broker that drops what waits for a newcomer drops the last of it.
            subscriptions=heard if group is None else (group.topic_filter, *heard),
            clean_start=True,
            keepalive_s=KEEPALIVE_S,
            will=None if group is None else group.will,
        )

    def on_connected(self, *, session_present: bool) -> None:
        """Note that commands can be sent and answers come."""
        self._connected_s = self._clock.monotonic_s()
        self._count_time(can_see=True)
        self._announce(PRESENT)
        self._logger.info(
            "broker_connected",
            broker=str(self._settings.brokers),
            session_present=session_present,
        )

    def on_message(self, message: Message) -> None:
        """Take a message, then acknowledge it."""
        self.retained += message.retain
        if self._group is None or not self._group.take(message.topic, message.payload):
            self._inbox.take(message)
        if message.qos and self._link is not None:
            self._link.acknowledge(message)
        elif isinstance(message, OfferingMessage):
            self._inbox.take_offer(message.member)

    def on_round(self, round_: Round) -> None:
        """Take heartbeats that a model of a broker brings together."""
        self._inbox.take_round(round_, self._clock.monotonic_s())

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
            broker=str(self._settings.brokers),
            why=reason.why,
            code=reason.code,
            detail=detail,
            retry_in_s=round(delay_s, 3),
        )
        self._reconnect = self._timers.call_later(delay_s, self.connect)

    def broker_changed(self, broker: BrokerAddress, reason: Disconnected | None) -> None:
        """Take that one of several brokers is away, or back (None)."""
        if reason is None:
            self._logger.info("broker_back", broker=str(broker))
        else:
            self.complain(
                "broker_away",
                str(broker),
                broker=str(broker),
                why=reason.why,
                code=reason.code,
                detail=reason.detail,
                explanation="the cars of this broker are neither heard nor reached; the monitor"
                " goes on with the others",
            )

    # What the platform's log calls

    def take_platform_lines(self, lines: Sequence[bytes]) -> None:
        """Take lines of the platform's log, without their ends; passed over where none is followed.

        Never raises for what they hold.
        """
        if self.platform is not None:
            self.platform.take_lines(lines)

    def take_platform_event(self, event: PlatformEvent) -> None:
        """Take what a line of the platform's log says."""
        if self.platform is not None:
            self.platform.take(event)

    # The life of a probe

    def connect(self) -> None:
        """Begin to connect. A connection that ends is followed by another, until `close`."""
        self._link = self._links(self)
        self._link.connect()

    def begin_load(self) -> float:
        """Begin the load, and return the Unix time of its second 0.

        Call it when what is retained has come: presence is evidence for the first unlock.
        """
        say_doubts(self._settings, self.synthetic.cars, self.evidence, self._logger)
        self.synthetic.begin()
        return self._clock.unix_s() + self._load.start_delay_s

    def watch_itself(self) -> None:
        """Notice from now on when this process stands still or is slow, and what comes in."""
        now_s = self._clock.monotonic_s()
        self._gaps.beat(now_s)
        self._metrics.observe_loop_lag(max(now_s - self._beat_due_s, 0.0))
        self._metrics.note_traffic(
            self._inbox.taken, self.tracker.not_followed, self._clock.unix_s()
        )
        self._beat_due_s = now_s + BEAT_S
        self._heart = self._timers.call_later(BEAT_S, self.watch_itself)

    @property
    def is_done(self) -> bool:
        """Whether every planned unlock has been started and has ended, and its car is locked."""
        started, ended = self.tracker.started, self.tracker.ended
        return self.synthetic.is_done and started[Source.PROBE] == ended[Source.PROBE]

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight: all that was started has ended, and all is locked again."""
        waiting = 0 if self.joiner is None else len(self.joiner)
        return len(self.tracker) + waiting == 0 and self.synthetic.is_idle

    def stop(self) -> None:
        """Start nothing more."""
        self.synthetic.stop()

    def close(self) -> None:
        """End what is still in flight, and say goodbye to the broker."""
        self._is_closed = True
        self.stop()
        self.tracker.interrupt()
        if self.joiner is not None:
            self.joiner.flush()
        if self.diagnosing is not None:
            self.diagnosing.flush()
        self.synthetic.close()
        for timer in (self._ticker, self._reconnect, self._heart):
            if timer is not None:
                timer.cancel()
        self._announce(GONE)
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
        return f"no connection to {self._settings.brokers}: {self.last_error}"

    def refresh_gauges(self) -> None:
        """Bring the gauges and the time watched up to date, before they are read."""
        self._count_time(can_see=self._could_see)
        if self.platform is not None:
            self.platform.note()
        self._metrics.set_fleet(
            in_flight=len(self.tracker),
            boxes=self.evidence.by_presence,
            by_region=self.evidence.by_region,
        )
        self._metrics.note_reconnects(self.evidence.reconnects)

    def counts(self) -> dict[str, int]:
        """Return how many unlocks (other than the null box's) were started, ended and went well."""
        only_platform = self.joiner.only_platform if self.joiner is not None else 0
        sent = sum(self.tracker.started[source] for source in _OWN) + only_platform
        ended = sum(self.tracker.ended[source] for source in _OWN) + only_platform
        return {"sent": sent, "ended": ended, "ok": self.tracker.ok, "in_flight": sent - ended}

    def stats(self) -> dict[str, Any]:
        """Return the content of `probe_stats.json`."""
        return {
            **self.counts(),
            **self.synthetic.stats(),
            "malformed": self._inbox.malformed,
            "not_followed": self.tracker.not_followed,
            "seed": self._settings.seed,
        }

    def complain(self, event: str, kind: str, **fields: Any) -> None:
        """Log a complaint, at a limited rate."""
        self._complaints.complain(event, kind, **fields)

    # Within

    def _tracker(self) -> AttemptTracker:
        """Return what follows the unlocks."""
        load = self._load
        tracker = AttemptTracker(
            clock=self._clock,
            evidence=self.evidence,
            emit=self._ended if self._relocks else self._emit,
            deadline_s=load.deadline_s,
            state_grace_s=load.state_grace_s,
            remembered=Remembered(window_s=load.late_window_s),
            gaps=self._gaps,
            is_watching=self._settings.watch,
        )
        tracker.on_wait = self._plan_tick
        return tracker

    def _only_open(self) -> OnlyOpen | None:
        """Return what tells answers without ids apart, where the fleet's have none."""
        if self._profile.traits.correlation is not Correlation.ONLY_OPEN:
            return None
        is_v5 = self._settings.mqtt_version(self._profile) == "5"
        return OnlyOpen(
            self._clock,
            patience_s=self._load.deadline_s,
            window_s=self._load.late_window_s,
            has_copies=self._settings.watch and not is_v5,
        )

    def _synthetic(self, only_open: OnlyOpen | None) -> SyntheticUnlocks:
        """Return what unlocks cars of its own."""
        synthetic = SyntheticUnlocks(
            self._settings,
            tracker=self.tracker,
            link=self._connected_link,
            clock=self._clock,
            timers=self._timers,
            metrics=self._metrics,
            logger=self._logger,
            profile=self._profile,
        )
        if only_open is not None:
            synthetic.on_sent = only_open.sent
        return synthetic

    def _connected_link(self) -> Link:
        if self._link is None or not self._link.is_connected:
            raise BrokerUnreachableError(self.last_error)
        return self._link

    def _platform_inbox(self, chosen: PlatformSettings | None) -> PlatformInbox | None:
        """Return what takes the platform's log, and let the tracker's attempts be joined with it.

        None where no log is followed: then every attempt is written as MQTT tells of it.
        """
        self.joiner: Joiner | None = None
        if chosen is None:
            return None
        is_ours = None if self._group is None else self._group.is_ours
        self.joiner = Joiner(
            clock=self._clock,
            evidence=self.evidence,
            emit=self._emit,
            is_under_way=self.tracker.is_under_way,
            load_began_s=lambda: self.tracker.load_began_s,
            limits=JoinLimits(
                late_s=chosen.late_s,
                wait_s=chosen.wait_s,
                deadline_s=self._load.deadline_s,
                revise_s=self._load.late_window_s,
            ),
            is_ours=is_ours,
            on_complaint=self._emit,
        )
        self.joiner.on_wait = self._plan_tick
        self.tracker.to_join = self._to_join
        return PlatformInbox(self.joiner, self._metrics.platform, self._complaints, is_ours)

    def _announce(self, payload: bytes) -> None:
        """Tell those who share the customers with us that we are there, or no longer."""
        if self._group is not None and self._link is not None and self._link.is_connected:
            self._link.publish(self._group.topic, payload, retain=True)

    def _emit(self, record: Record) -> None:
        """Hand a record on: by the diagnosis, where there is one."""
        if self.diagnosing is None:
            self._sink.emit(record)
        else:
            self.diagnosing.take(record)

    def _to_join(self, attempt: EndedAttempt) -> None:
        assert self.joiner is not None  # noqa: S101 - it is the one that asks for them
        self.joiner.take_attempt(attempt)
        if self._relocks:
            self.synthetic.take(attempt.alone(self.evidence.wire))

    def _ended(self, record: Record) -> None:
        self._emit(record)
        self.synthetic.take(record)

    def _count_time(self, *, can_see: bool) -> None:
        """Count the time since the last call, and note whether we can see anything from now on."""
        now_s = self._clock.monotonic_s()
        self._metrics.add_watched(now_s - self._counted_s, connected=self._could_see)
        self._counted_s, self._could_see = now_s, can_see
        self._metrics.set_connected(connected=can_see)
        if self.on_connection is not None:
            self.on_connection(is_there=can_see)

    def _stood_still(self, gap_s: float) -> None:
        self.complain(
            "monitor_stood_still",
            "gap",
            seconds=round(gap_s, 3),
            explanation="this process was stopped, starved or too busy: what it observed meanwhile"
            " is flagged observed_late and not counted",
        )

    def _next_s(self) -> float | None:
        """Return when something may be overdue next; None: nothing waits."""
        deadline_s = self.tracker.next_deadline_s()
        join_s = self.joiner.next_s() if self.joiner is not None else None
        look_s = self.diagnosing.next_s() if self.diagnosing is not None else None
        times_s = (deadline_s, join_s, look_s)
        return min((at_s for at_s in times_s if at_s is not None), default=None)

    def _tick(self) -> None:
        self._tick_at_s = math.inf
        self.tracker.tick()
        if self.joiner is not None:
            self.joiner.tick()
        if self.diagnosing is not None:
            self.diagnosing.tick()
        self._plan_tick()

    def _plan_tick(self) -> None:
        """See to it that the tracker is told the time when something may be overdue."""
        deadline_s = self._next_s()
        if deadline_s is None or deadline_s >= self._tick_at_s:
            return
        now_s = self._clock.monotonic_s()
        at_s = max(deadline_s, now_s + TICK_S)
        if at_s < self._tick_at_s:
            if self._ticker is not None:
                self._ticker.cancel()
            self._tick_at_s = at_s
            self._ticker = self._timers.call_later(at_s - now_s, self._tick)
