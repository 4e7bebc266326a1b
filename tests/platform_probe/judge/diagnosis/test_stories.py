"""What is seen of unlocks: facts, and modes where a story asks, in the files of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from fleet_wire.contract.attempt import Attempt, PlatformSide, StrayAnswer, StrayKind
from fleet_wire.contract.broker_log import BrokerEvent, BrokerEventKind
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import RankedMode
from fleet_wire.contract.messages import (
    Action,
    CarEvent,
    EventName,
    Phase,
    Reason,
    Result,
    VehicleState,
)
from fleet_wire.contract.partial import PartialState, PartialTelemetry
from fleet_wire.modes.facts import EvidenceSource, Fact
from platform_probe.journal.codec import UnsignedCommand
from platform_probe.judge.weights import shipped_ranking
from tests.helpers.records import COMPLAINT
from tests.helpers.transcripts import Teller, names_in, stories_test, with_members
from tests.helpers.watched import ASLEEP, HEARTBEAT, ONLINE, SENT, WILL, Watched

PARKED: Final = VehicleState(
    is_locked=True, is_open=False, voltage_v=12.6, firmware="1", hardware="1",
    operator="a", region="north",
)  # fmt: skip
COMMAND: Final = UnsignedCommand("c", Action.LOCK, issued_at=0, expires_at=1, counter=1)
PRESENCE: Final = {"online": ONLINE, "asleep": ASLEEP, "will": WILL}
CLASSES: Final = {0.8: "sure", 0.5: "likely", 0.1: "thinkable"}
"""What a mode is from a probability on."""
_OF_PLATFORM: Final = frozenset(PlatformSide.__struct_fields__) - {"vehicle_id"}


@dataclass
class WatchPlayer(Teller):
    """A diagnosis and a clock. Cars are `car-1,car:2-5`; a car stands locked in the north.

    `ended CAUSE` is an unlock of car-1 that has just ended after 20 s. Its fields are those of the
    record, and of what the platform says of it; `stages=sent` has no more than a command that was
    sent. `started_s` and `box_s`, a box's clock, count from the first second. `others CARS CAUSE`
    are unlocks that have the names of their cars. `modes`, `sentence` and `sources` ask about the
    last diagnosis, of an unlock that may be named, and `rank FACT…` about the shipped weights.
    """

    watched: Watched = field(default_factory=Watched)
    told: list[str] = field(default_factory=list)
    seen: dict[str, set[str]] = field(default_factory=dict)
    """The facts of each unlock, as told last."""

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            "at": self.watched.at,
        }

    def news(self) -> list[str]:
        """Return the diagnoses that came since: which facts are new, and which are gone."""
        lines = []
        for one in self.new_of(self.watched.told):
            facts = [fact.fact for fact in one.facts]
            before = self.seen.get(one.attempt_id, set())
            gone = [f"-{fact}" for fact in sorted(before.difference(facts))]
            new = [f"+{fact}" for fact in facts if fact not in before]
            self.seen[one.attempt_id] = {*facts}
            lines.append(" ".join([f"{one.attempt_id} r{one.revision}:", *new, *gone]))
        return lines + super().news()

    def _do_modes(self, attempt_id: str | None = None) -> None:
        """Tell the modes of the last diagnosis, each as sure, likely or thinkable."""
        last = [one for one in self.watched.told if attempt_id in (None, one.attempt_id)][-1]
        self._tell_modes(sorted(last.modes, key=lambda one: one.mode))

    def _do_rank(self, *facts: str, without: str = "") -> None:
        """Tell the modes of facts by the shipped weights, the likeliest first.

        All sources but those in `without` were there.
        """
        told = frozenset(EvidenceSource) - {
            EvidenceSource(one) for one in without.split(",") if one
        }
        seen = {Fact(fact): "it was seen" for fact in facts}
        self._tell_modes(shipped_ranking().rank(seen, told))

    def _tell_modes(self, modes: Iterable[RankedMode]) -> None:
        found = [(one.mode, one.probability) for one in modes]
        by_word: dict[str, list[str]] = {word: [] for word in CLASSES.values()}
        for mode, share in found:
            if words := [word for bound, word in CLASSES.items() if share >= bound]:
                by_word[words[0]].append(mode)
        told = (" ".join([word, *modes]) for word, modes in by_word.items() if modes)
        self.told.append("; ".join(told))

    def _do_sentence(self, *facts: str) -> None:
        """Tell what is said of facts of the last diagnosis."""
        said = {one.fact: one.sentence for one in self.watched.told[-1].facts}
        self.told += [f"{fact}: {said.get(fact)}" for fact in facts]

    def _do_sources(self, *names: str) -> None:
        """Tell whether the last diagnosis has looked at what these say."""
        told = self.watched.told[-1].told
        self.told += [f"{name} {'is known' if name in told else 'is not known'}" for name in names]

    def _do_presence(self, cars: str, word: str, *, retained: bool = False) -> None:
        for car in names_in(cars):
            self.watched.diagnosing.presence(car, PRESENCE[word], retained=retained)

    def _do_state(
        self, cars: str, *, retained: bool = False, signals: str = "", **said: Any
    ) -> None:
        its = {name: str(value) if name in ("firmware", "hardware") else value
               for name, value in said.items()}  # fmt: skip
        if signals:
            its["signals"] = dict.fromkeys(signals.split(","), True)
        state = msgspec.structs.replace(PARKED, **its)
        for car in names_in(cars):
            self.watched.diagnosing.state(car, state, retained=retained)

    def _do_part(self, cars: str, **said: Any) -> None:
        """Hear a message of a wire that says one thing at a time."""
        if "firmware" in said:
            said["firmware"] = str(said["firmware"])
        kind = PartialState if {*said} <= {*PartialState.__struct_fields__} else PartialTelemetry
        for car in names_in(cars):
            self.watched.diagnosing.on_message(car, kind(**said), is_retained=False)

    def _do_telemetry(self, cars: str, **said: Any) -> None:
        for car in names_in(cars):
            self.watched.diagnosing.on_message(
                car, msgspec.structs.replace(HEARTBEAT, **said), is_retained=False
            )

    def _do_command(self, cars: str) -> None:
        for car in names_in(cars):
            self.watched.diagnosing.on_message(car, COMMAND, is_retained=False)

    def _do_event(self, car: str, event: EventName, **more: Any) -> None:
        self.watched.diagnosing.event(car, CarEvent(event, **more))

    def _do_result(
        self, car: str, command_id: str, phase: Phase, reason: Reason | None = None,
        box_s: float | None = None,
    ) -> None:  # fmt: skip
        box_ms = None if box_s is None else round((self._began_s + box_s) * 1_000)
        said = Result(command_id, phase, reason, box_time_ms=box_ms)
        self.watched.diagnosing.result(car, said)

    def _do_broker(
        self, cars: str | None, kind: BrokerEventKind, detail: str | None = None, **more: Any
    ) -> None:
        for car in names_in(cars) if cars else (None,):
            event = BrokerEvent(self.watched.clock.wall_s, car, kind, detail, **more)
            self.watched.diagnosing.broker_said(event)

    def _do_handshakes(self, number: int, detail: str) -> None:
        """Have so many handshakes with the broker fail."""
        for _ in range(number):
            self._do_broker(None, BrokerEventKind.TLS_ERROR, detail)

    def _do_stray(self, kind: StrayKind, attempt_id: str, **more: Any) -> None:
        self.watched.diagnosing.handle_record(
            StrayAnswer(
                kind=kind, vehicle_id="car-1", command_id="c1", phase="executed",
                at=self.watched.clock.wall_s, attempt_id=attempt_id, **more,
            )
        )  # fmt: skip

    def _do_ended(self, cause: Cause | None, **said: Any) -> None:
        its = {name: value for name, value in said.items() if name not in _OF_PLATFORM}
        if its.get("stages") == "sent":
            its["stages"] = SENT
        elif "stages" in its:
            pairs = (one.partition(":") for one in (its["stages"] or "").split(",") if one)
            its["stages"] = {name: float(after_s) for name, _, after_s in pairs}
        if "started_s" in its:
            its["started_at"] = self._began_s + its.pop("started_s")
        if platform := {name: said[name] for name in said if name in _OF_PLATFORM}:
            its["platform"] = PlatformSide(**platform)
        self.watched.diagnosing.handle_record(
            self.watched.ended(cause, **with_members(Attempt, its))
        )

    def _do_others(self, cars: str, cause: Cause | None, **said: Any) -> None:
        for car in names_in(cars):
            self._do_ended(cause, vehicle_id=car, attempt_id=car, **said)

    def _do_call(self, **said: Any) -> None:
        self.watched.diagnosing.handle_record(
            msgspec.structs.replace(COMPLAINT, at=self.watched.clock.wall_s, **said)
        )

    @property
    def _began_s(self) -> float:
        return self.watched.clock.wall_s - self.watched.clock.now_s


test_stories = stories_test(__file__, WatchPlayer)
