"""Plays transcripts of the tracker: what is asked for, and what the car and the broker say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import UNSET

from fleet_wire.contract.attempt import Source
from fleet_wire.contract.broker_log import BrokerEvent, BrokerEventKind
from fleet_wire.contract.messages import Action, Phase, Reason, Result
from fleet_wire.contract.partial import PartialState, PartialTelemetry, ProvisionalResult
from fleet_wire.contract.topics import TopicKind
from fleet_wire.contract.trace_context import TraceContext
from fleet_wire.profiles.profile import CONTRACT, WireTraits
from platform_probe.measure.attempts.evidence import FleetEvidence
from tests.helpers.join_bench import SPAN_ID
from tests.helpers.records import TRACE_ID
from tests.helpers.told_attempts import USUAL, Accounts
from tests.helpers.tracker_bench import CAR, HEARTBEAT, BeatingBench, TrackerBench
from tests.helpers.transcripts import Teller

USUAL_HERE: dict[str, Any] = {
    **USUAL,
    "booking_id": None,
    "revision": UNSET,
    "source": Source.PROBE,
    "sources_missing": UNSET,
}
TWO_TOPICS = WireTraits(
    kinds=frozenset({TopicKind.COMMAND, TopicKind.RESULT}),
    phases=frozenset({Phase.EXECUTED, Phase.REFUSED}),
    reports_lock=False,
    names_last_command=False,
    retains_presence=False,
)
NO_RECEIPT = replace(CONTRACT, phases=TWO_TOPICS.phases)
WIRES = {
    "no_receipt": NO_RECEIPT,
    "no_receipt_no_command": replace(NO_RECEIPT, names_last_command=False),
    "parts": replace(CONTRACT, names_last_command=False),
    "presence_not_retained": replace(CONTRACT, retains_presence=False),
    "two_topics": TWO_TOPICS,
}
"""What fleets send that do not have every message: commands and final answers alone, for one."""


@dataclass
class TrackPlayer(Teller):
    """A tracker; answers are to command `c1` if they name no other.

    `pass` lets time go by of which the tracker is told later. `watching` is a tracker that sees the
    commands of others, whose answers may overtake them. `beating` is one whose event loop beats
    while time passes, unless it is made to `stand_still`.
    """

    bench: TrackerBench = field(default_factory=TrackerBench)
    accounts: Accounts = field(default_factory=lambda: Accounts(USUAL_HERE))
    told: list[str] = field(default_factory=list)
    """What else than records."""

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        bench, tracker = self.bench, self.bench.tracker
        same = (
            *("another_probe", "answer", "executed", "opened", "presence", "received"),
            *("refused", "send", "start", "wait"),
        )
        return {
            **super().verbs(),
            **{name: getattr(bench, name) for name in same},
            "acknowledged": tracker.acknowledged,
            "broker_lost": tracker.broker_lost,
            "fail": tracker.fail,
            "heartbeat": lambda: tracker.telemetry(CAR, HEARTBEAT),
            "interrupt": tracker.interrupt,
            "is_open": lambda car: self.told.append(
                f"{car} has {'an' if self.bench.tracker.has_open(car) else 'no'} open unlock"
            ),
            "published": tracker.published,
            "removed": tracker.removed,
            "provisional": lambda name, status: tracker.provisional(
                ProvisionalResult(name, status)
            ),
            "state": lambda **more: tracker.state(CAR, PartialState(**more)),
            "telemetry": lambda **more: tracker.telemetry(CAR, PartialTelemetry(**more)),
            "tick": tracker.tick,
            "unread": lambda kind, car=CAR: tracker.unread(car, TopicKind(kind)),
        }

    def news(self) -> list[str]:
        """Return the records that came since it was asked last."""
        new = self.new_of(self.bench.records)
        return super().news() + [line for record in new for line in self.accounts.of(record)]

    def _do_result(
        self, name: str, phase: Phase, reason: Reason | None = None, **more: Any
    ) -> None:
        self.bench.tracker.result(CAR, Result(name, phase, reason, **more))

    def _do_customer(
        self, command_id: str = "k1", action: Action = Action.UNLOCK, *, is_traced: bool = False
    ) -> None:
        trace = TraceContext(TRACE_ID, SPAN_ID) if is_traced else None
        self.bench.customer(command_id, action, trace)

    def _do_pass(self, seconds: float) -> None:
        self.bench.clock.now_s += seconds

    def _do_wall(self, seconds: float) -> None:
        self.bench.clock.wall_s += seconds

    def _do_beating(self) -> None:
        self.bench = BeatingBench()
        self.bench.wait(1.0)

    def _do_stand_still(self, seconds: float) -> None:
        assert isinstance(self.bench, BeatingBench)
        self.bench.stand_still(seconds)

    def _do_watching(self) -> None:
        self.bench = TrackerBench(is_watching=True)

    def _do_remembers(self, number: int) -> None:
        self.bench = TrackerBench(max_remembered=number)

    def _do_asks_early(self) -> None:
        """Ask for the record of an unlock to which a connected car says nothing."""
        self.bench.tracker.on_unanswered = lambda attempt: self.told.append(
            f"{attempt.command_id} is unanswered: {attempt.cause}"
        )

    def _do_hears_others(self) -> None:
        """Ask for the answers to commands that are not followed, and for whose cars were opened."""
        tracker = self.bench.tracker
        tracker.on_other = lambda car, answer: self.told.append(
            " ".join(filter(None, (f"{car} said", answer.phase, answer.reason)))
        )
        tracker.on_stranger = lambda car: self.told.append(f"{car} was asked by a stranger")

    def _do_ours(self, cars: str) -> None:
        """Let this monitor count one car of a group's, or `all`."""
        self.bench.tracker.is_ours = lambda car: cars in ("all", car)

    def _do_broker(self, kind: BrokerEventKind, car: str = CAR, ago_s: float = 0.0) -> None:
        at = self.bench.clock.unix_s() - ago_s
        self.bench.evidence.broker.add(BrokerEvent(at, car, kind))

    def _do_due(self) -> None:
        due_s = self.bench.tracker.next_deadline_s()
        when = "never" if due_s is None else f"in {due_s - self.bench.clock.now_s:g} s"
        self.told.append(f"due {when}")

    def _do_room(self, cars: int) -> None:
        """Remember so many cars and no more."""
        self.bench = TrackerBench(evidence=FleetEvidence(max_vehicles=cars))

    def _do_cars(self) -> None:
        """Tell how many cars are known: by region and presence, in part, and back again."""
        evidence = self.bench.evidence
        by_region = sorted(evidence.by_region.items(), key=str)
        known = [
            f"{region or 'no region'} {there}: {number}" for (region, there), number in by_region
        ]
        all_of = ", ".join(f"{number} {there}" for there, number in (+evidence.by_presence).items())
        back = ", ".join(f"{number} of {region}" for region, number in evidence.reconnects.items())
        self.told.append(
            f"{len(evidence)} cars: {all_of or 'none'}; {', '.join(known) or 'none'};"
            f" in part {evidence.without_presence_or_state()}; reconnects {back or 'none'}"
        )

    def _do_car(self, name: str) -> None:
        car = self.bench.evidence.state_of(name)
        lock = {None: "no lock", True: "locked", False: "open"}[car.is_locked]
        self.told.append(f"{name}: {car.presence}, {lock}, heard {car.heard_s or 'never'}")

    def _do_counts(self) -> None:
        tracker = self.bench.tracker
        ended = ", ".join(f"{number} of {source}" for source, number in tracker.ended.items())
        self.told.append(
            f"{tracker.started.total()} unlocks, {tracker.ok} ok, ended {ended or 'none'}"
        )

    def _do_wire(self, name: str, *, is_watching: bool = False) -> None:
        evidence = FleetEvidence(wire=WIRES[name])
        self.bench = TrackerBench(evidence=evidence, is_watching=is_watching)
