"""The probe: connects, sends, listens, and tells the tracker what happens.

Everything that decides lies in parts without I/O (`attempts`, `doors`, `watching`, `load.plan`);
this module wires them to a link, a clock and timers. These are handed in, so that the same probe
runs on an event loop and in virtual time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import Attempt, Record, Source, StrayAnswer
from fleet_wire.links.link import (
    LinkFactory,
    Message,
)
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Correlation, Profile
from platform_probe.journal.feed import TICK_EVERY_S, JournalFeed
from platform_probe.measure.attempts.ended_attempt import EndedAttempt
from platform_probe.measure.attempts.evidence import FleetEvidence
from platform_probe.measure.attempts.gaps import BEAT_S, Gaps
from platform_probe.measure.attempts.joiner import Joiner, JoinLimits
from platform_probe.measure.attempts.judging import JudgedCounts
from platform_probe.measure.attempts.past_commands import PastCommands
from platform_probe.measure.attempts.tracker import AttemptTracker
from platform_probe.measure.connection import Connection
from platform_probe.measure.doubts import say_doubts
from platform_probe.measure.load.timers import Timer, Timers
from platform_probe.measure.synthetic import SyntheticUnlocks
from platform_probe.measure.watching.inbox import Inbox
from platform_probe.measure.watching.known_values import KnownValues
from platform_probe.measure.watching.only_open import OnlyOpen
from platform_probe.measure.watching.platform_inbox import PlatformInbox
from platform_probe.outputs.logs import Complaints, Logger
from platform_probe.outputs.metrics import ProbeMetrics
from platform_probe.outputs.sinks import Sink
from platform_probe.settings.monitor import PlatformSettings, ProbeSettings

TICK_S: Final = 0.05
"""Timeouts are noticed at most so late; they count with their deadline all the same."""
_OWN: Final = (Source.PROBE, Source.CUSTOMER)


class Probe:
    """One probe."""

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
        self._clock = clock
        self._timers = timers
        self._metrics = metrics
        self._logger = logger
        self._complaints = Complaints(logger, clock)
        self.connection = Connection(
            settings,
            profile,
            self,
            links=links,
            clock=clock,
            timers=timers,
            metrics=metrics,
            logger=logger,
        )
        group = self.connection.group
        self._is_ours = None if group is None else group.is_ours
        """Whether the customer of a request is ours to count; None: every one is."""
        self._load = settings.tracking
        self._sink = sink
        self._gaps = Gaps(self._stood_still)
        self.evidence = FleetEvidence(wire=profile.traits)
        self._journal: JournalFeed | None = None
        """Gets all that is measured and heard."""
        self._relocks = self._load.unlocks and self._load.relock
        self.tracker = self._tracker()
        self.tracker.is_ours = self._is_ours
        only_open = self._only_open()
        self._values = KnownValues(clock, metrics.capped_values)
        self._inbox = Inbox(
            self.tracker,
            metrics,
            self._complaints,
            profile=profile,
            only_open=only_open,
            unix_s=clock.unix_s if settings.broker_log else None,
            values=self._values,
        )
        self.platform = self._platform_inbox(settings.platform)
        """Takes the platform's log, where one is followed."""
        self.synthetic = self._synthetic(only_open)
        self._ticker: Timer | None = None
        self._heart: Timer | None = None
        self._journal_ticker: Timer | None = None
        self._tick_at_s = math.inf
        self._beat_due_s = math.inf
        self.has_begun = False
        """Whether what was retained has come, so that cars are known."""

    def on_defect(self, tell: Callable[[Exception], None]) -> None:
        """Report each message or line at which our own code failed, besides metric and log."""
        self._inbox.on_defect = tell
        if self.platform is not None:
            self.platform.on_defect = tell

    def write_journal(self, journal: JournalFeed) -> None:
        """Write from now on all that is measured and heard to a journal."""
        self._journal = journal
        self._inbox.journal = journal
        if self.platform is not None:
            self.platform.let_hear(journal.platform_said)
        self.tracker.on_unanswered = self._unanswered
        journal.start()
        self._tick_journal()

    def restore(self, records: Sequence[Attempt], calls: Sequence[str]) -> None:
        """Restore what an earlier process has written last: unlocks, and the ids of calls."""
        if self.joiner is not None:
            self.joiner.take_up(records, calls)

    # Called by the connection

    def handle_messages(self, messages: Sequence[Message]) -> None:
        """Handle messages of cars, and lines of the broker's log, that arrived together."""
        self._inbox.handle_messages(messages)

    def connection_lost(self, why: str) -> None:
        """End what is in flight: its answers are not heard."""
        self.tracker.broker_lost(why)

    def note_connection(self, *, is_there: bool) -> None:
        """Write to the journal whether there is a connection."""
        if self._journal is not None:
            self._journal.connection(is_there=is_there)

    # Called by the reader of the platform's log

    def take_platform_lines(self, lines: Sequence[bytes]) -> None:
        """Handle lines of the platform's log, without their ends, if one is followed.

        Never raises for what they hold.
        """
        if self.platform is not None:
            self.platform.take_lines(lines)

    def catch_up(self) -> None:
        """Read the platform's log from where an earlier process had stopped, until `caught_up`."""
        if self.joiner is not None:
            self.joiner.is_catching_up = True

    def caught_up(self) -> None:
        """Follow the platform's log live: its end is reached."""
        if self.joiner is not None:
            self.joiner.caught_up()
            self._plan_tick()

    # The life of a probe

    def begin_load(self) -> float:
        """Begin the load, and return the Unix time of its second 0.

        Call it when what is retained has come: presence is evidence for the first unlock.
        """
        say_doubts(self._settings, self.synthetic.cars, self.evidence, self._logger)
        self.synthetic.start_load()
        self.has_begun = True
        return self._clock.unix_s() + self._load.start_delay_s

    def watch_itself(self) -> None:
        """Notice from now on stalls and slowness of this process, and its input."""
        now_s = self._clock.monotonic_s()
        self._gaps.beat(now_s)
        self._metrics.loop_lag.observe(max(now_s - self._beat_due_s, 0.0))
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
        self.stop()
        self.tracker.interrupt()
        if self.joiner is not None:
            self.joiner.flush()
        self.synthetic.close()
        for timer in (self._ticker, self._heart, self._journal_ticker):
            if timer is not None:
                timer.cancel()
        self.connection.leave()
        if self._journal is not None:
            self._journal.stop()
            self._journal = None

    # Called by others

    def refresh_gauges(self) -> None:
        """Bring the gauges and the time watched up to date, before they are read."""
        self.connection.count_time()
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
        joiner = self.joiner
        judged = JudgedCounts() if joiner is None else joiner.counts
        sent = sum(self.tracker.started[source] for source in _OWN) + judged.only_platform
        ended = sum(self.tracker.ended[source] for source in _OWN) + judged.only_platform
        ok = self.tracker.ok + judged.ok_by_log
        return {"sent": sent, "ended": ended, "ok": ok, "in_flight": sent - ended}

    def stats(self) -> dict[str, Any]:
        """Return the content of `probe_stats.json`."""
        return {
            **self.counts(),
            **self.synthetic.stats(),
            "malformed": self._inbox.malformed,
            "not_followed": self.tracker.not_followed,
            "stood_still_s": round(self._gaps.total_s, 3),
            "seed": self._settings.seed,
        }

    # Within

    def _tracker(self) -> AttemptTracker:
        """Return what follows the unlocks."""
        load = self._load
        tracker = AttemptTracker(
            clock=self._clock,
            evidence=self.evidence,
            emit=self._on_record if self._relocks else self._emit,
            deadline_s=load.deadline_s,
            state_grace_s=load.state_grace_s,
            remembered=PastCommands(window_s=load.late_window_s),
            gaps=self._gaps,
            is_watching=self._settings.watch,
        )
        tracker.on_wait = self._plan_tick
        return tracker

    def _only_open(self) -> OnlyOpen | None:
        """Return what tells answers without ids apart, where the fleet's have none."""
        if self._profile.traits.correlation not in (Correlation.ONLY_OPEN, Correlation.STATE):
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
            link=self.connection.connected_link,
            clock=self._clock,
            timers=self._timers,
            metrics=self._metrics,
            logger=self._logger,
            profile=self._profile,
        )
        if only_open is not None:
            synthetic.on_sent = only_open.add_own_command
        return synthetic

    def _platform_inbox(self, chosen: PlatformSettings | None) -> PlatformInbox | None:
        """Return what takes the platform's log, and let the tracker's attempts be joined with it.

        None if no log is followed: then every attempt is written as MQTT shows it.
        """
        self.joiner: Joiner | None = None
        if chosen is None:
            return None
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
            is_ours=self._is_ours,
            on_complaint=self._emit,
        )
        self.joiner.on_wait = self._plan_tick
        self.joiner.on_late = self._write
        self.tracker.to_join = self._to_join
        inbox = PlatformInbox(
            self.joiner,
            self._metrics.platform,
            self._complaints,
            self._is_ours,
            values=self._values,
            profile=self._profile,
        )
        group = self.connection.group
        if group is not None:
            inbox.let_hear(lambda _: group.line_came())
        return inbox

    def _emit(self, record: Record) -> None:
        """Hand a record on; that of a late unlock once its customer's answer is known."""
        joiner = self.joiner
        if joiner is not None and isinstance(record, StrayAnswer) and record.is_late_unlock:
            joiner.take_late(record)
        else:
            self._write(record)

    def _write(self, record: Record) -> None:
        """Write a record to the journal, and hand it to the sinks."""
        if self._journal is not None:
            self._journal.emit(record)
        self._sink.emit(record)

    def _unanswered(self, attempt: EndedAttempt) -> None:
        """Note an unlock to which a connected car says nothing, as its record would be now."""
        if self._journal is not None:
            joiner, wire = self.joiner, self.evidence.wire
            self._journal.unanswered(
                attempt.record_without_log(wire) if joiner is None else joiner.as_it_is(attempt)
            )

    def _tick_journal(self) -> None:
        if self._journal is not None:
            self._journal.tick()
            self._journal_ticker = self._timers.call_later(TICK_EVERY_S, self._tick_journal)

    def _to_join(self, attempt: EndedAttempt) -> None:
        assert self.joiner is not None  # noqa: S101 - it is the one that asks for them
        self.joiner.take_attempt(attempt)
        if self._relocks:
            self.synthetic.handle_record(attempt.record_without_log(self.evidence.wire))

    def _on_record(self, record: Record) -> None:
        self._emit(record)
        self.synthetic.handle_record(record)

    def _stood_still(self, gap_s: float) -> None:
        self._complaints.complain(
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
        return min((at_s for at_s in (deadline_s, join_s) if at_s is not None), default=None)

    def _tick(self) -> None:
        self._tick_at_s = math.inf
        self.tracker.tick()
        if self.joiner is not None:
            self.joiner.tick()
        self._plan_tick()

    def _plan_tick(self) -> None:
        """Schedule the tracker's next tick for when something may be overdue."""
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
