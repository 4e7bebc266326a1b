"""Plays transcripts of the detection: unlocks, connections of cars, and incidents of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any, Final

import msgspec
from msgspec import UNSET

from fleet_wire.contract.attempt import Attempt, PlatformSide, Source, StrayAnswer, StrayKind
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import Diagnosis, RankedMode
from fleet_wire.contract.incident import ActionKind, ChangeKind, IncidentAction
from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus, VehicleState
from fleet_wire.contract.partial import PartialState
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.findings import Watched
from tests.helpers.incident_player import IncidentLines, cohort_of
from tests.helpers.transcripts import Teller, names_in, with_members

PRESENCE: Final = {
    "asleep": Presence(PresenceStatus.OFFLINE, "s1", PresenceReason.SLEEP),
    "online": Presence(PresenceStatus.ONLINE, "s1"),
    "back": Presence(PresenceStatus.ONLINE, "s2"),
    "offline": Presence(PresenceStatus.OFFLINE, "s1"),
    "will": Presence(PresenceStatus.OFFLINE, "s1", PresenceReason.LAST_WILL),
}
PARKED: Final = VehicleState(
    is_locked=True, is_open=False, voltage_v=12.6, firmware="2.4.1", hardware="tcu-3",
    operator="operator-a", region="north",
)  # fmt: skip
UNKNOWN: Final = dict.fromkeys(("region", "operator", "firmware", "hardware"))
_OF_PLATFORM: Final = frozenset(PlatformSide.__struct_fields__)


@dataclass
class DetectionPlayer(Teller):
    """Alerting in virtual time, with unlocks of a fleet.

    `unlocks 40 KIND KIND…` are forty unlocks, one every second, of the kinds in turn. A kind is a
    cause, or `-` of an unlock that opens. `box_offline@operator-a/south` is of a cohort, and
    `@unknown` of a car of which nothing is known. `#garage:12` is of `garage-0` to `garage-11` in
    turn, and `>auto_relock` is diagnosed as that mode at once; `>auto_relock/ghost_gps` is likely
    the first of the two. `platform=no` has no side of the platform. `usual` are unlocks of which
    one in a hundred fails. What merely grew is left out; `look` has the numbers of all incidents.
    """

    watched: Watched = field(default_factory=Watched)
    lines: IncidentLines = field(default_factory=IncidentLines)
    told: list[str] = field(default_factory=list)
    diagnoses: list[Diagnosis] = field(default_factory=list)
    turns: Counter[str] = field(default_factory=Counter)
    """How many unlocks each group of cars had."""

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        alerting = self.watched.alerting
        return {
            **super().verbs(),
            "close": lambda: self._act(ActionKind.CLOSE),
            "connected": lambda: alerting.connection(is_there=True),
            "disconnected": lambda: alerting.connection(is_there=False),
            "mute": lambda: self._act(ActionKind.MUTE),
            "restart": lambda: self.watched.restart(self.diagnoses),
            "unmute": lambda: self._act(ActionKind.UNMUTE),
            "usual": self.watched.usual,
            "wait": self.watched.wait,
        }

    def news(self) -> list[str]:
        """Return what became of incidents since, and what was looked at."""
        new = self.new_of(self.watched.told)
        told = [one for one in new if one.changes[-1].kind is not ChangeKind.GREW]
        return [line for one in told for line in self.lines.of_revision(one)] + super().news()

    def _do_unlocks(
        self, number: int, *kinds: str | None, every_s: float = 1.0, **said: Any
    ) -> None:
        for kind in islice(cycle(kinds), number):
            self.watched.wait(every_s)
            self._unlock(kind or "-", **said)

    def _unlock(self, kind: str, **said: Any) -> Attempt:
        kind, _, mode = kind.partition(">")
        kind, _, group = kind.partition("#")
        cause, _, cohort = kind.partition("@")
        side = {name: said.pop(name) for name in _OF_PLATFORM & {*said}}
        fields: dict[str, Any] = {
            **said,
            **(UNKNOWN if cohort == "unknown" else cohort_of(cohort or "all")),
        }
        if group:
            names = [*names_in(group)]
            fields["vehicle_id"] = names[self.turns[group] % len(names)]
            self.turns[group] += 1
        if side:
            fields["platform"] = PlatformSide(**side)
        if not fields.get("platform", True):
            fields["platform"] = UNSET
        if "answered_s" in fields:
            fields["hops_s"] = {"api_answered": fields.pop("answered_s")}
        if "began_before_s" in fields:
            fields["started_at"] = self.watched.time.unix_s() - fields.pop("began_before_s")
        fields["cause"] = None if cause == "-" else cause
        attempt = self.watched.unlock(**with_members(Attempt, fields))
        if mode:
            self._diagnose(attempt.attempt_id, attempt.vehicle_id, mode, attempt.cause)
        return attempt

    def _do_late(self, number: int) -> None:
        """Cars open half a minute after their unlocks have failed."""
        for _ in range(number):
            attempt = self._unlock("box_silent")
            self.watched.wait(30.0)
            self.watched.alerting.record(
                StrayAnswer(
                    kind=StrayKind.LATE, vehicle_id=attempt.vehicle_id, command_id="c",
                    phase="executed", at=self.watched.time.unix_s(),
                    attempt_id=attempt.attempt_id, after_s=50.0, source=Source.CUSTOMER,
                    is_late_unlock=True,
                )
            )  # fmt: skip

    def _do_diagnosed(self, attempts: str, mode: str, cars: str = "car:1") -> None:
        """Diagnose unlocks by their ids, of these cars."""
        for attempt_id, car in zip(names_in(attempts), cycle(names_in(cars)), strict=False):
            self._diagnose(attempt_id, car, mode, Cause.BOX_OFFLINE)

    def _diagnose(self, attempt_id: str, vehicle_id: str, mode: str, cause: Cause | None) -> None:
        first, *second = mode.split("/")
        ranked = [
            RankedMode(first, 0.7 if second else 0.9),
            *(RankedMode(one, 0.3) for one in second),
        ]
        self.diagnoses.append(
            diagnosis_of(
                *ranked, attempt_id=attempt_id, vehicle_id=vehicle_id, after_s=1.0,
                at=self.watched.time.unix_s(), cause=cause,
            )
        )  # fmt: skip
        self.watched.alerting.diagnosis(self.diagnoses[-1])

    def _do_cars(self, cars: str, cohort: str = "all", presence: str = "online") -> None:
        """Hear the retained state and presence of cars, as a monitor does that starts."""
        state = msgspec.structs.replace(PARKED, **cohort_of(cohort))
        for car in names_in(cars):
            self.watched.hear(car, state, is_retained=True)
            self.watched.hear(car, PRESENCE[presence], is_retained=True)

    def _do_presence(self, cars: str, word: str, *, every_s: float = 0.0) -> None:
        for car in names_in(cars):
            self.watched.hear(car, PRESENCE[word], is_retained=False)
            self.watched.wait(every_s)

    def _do_report(self, cars: str, **said: Any) -> None:
        """Hear a part of the state of cars."""
        for car in names_in(cars):
            self.watched.hear(car, PartialState(**said), is_retained=False)

    def _act(self, kind: ActionKind) -> None:
        self.watched.alerting.act(
            IncidentAction(
                incident_id=self.watched.last[-1].incident_id,
                kind=kind, by="Ada", at=self.watched.time.unix_s(),
            )
        )  # fmt: skip

    def _do_look(self) -> None:
        """Tell all facts of each incident."""
        for one in self.watched.last:
            examples = f"; {len(one.examples)} examples" if one.examples else ""
            self.told.append(f"{self.lines.of_last(one)}{examples}")
