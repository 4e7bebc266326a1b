"""Plays transcripts of advice: what a store has of an unlock, and what support is to say and do."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import msgspec

from fleet_wire.contract.attempt import PlatformSide
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import FactSeen, RankedMode, Weighed
from fleet_wire.contract.incident import IncidentKind, IncidentState
from fleet_wire.contract.text import Text
from fleet_wire.modes.facts import Fact
from platform_probe.tell.support.advising import advice_now
from platform_probe.tell.support.case import Case
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.tell.support.telling import explanation
from tests.helpers import stores
from tests.helpers.consoles import incident_of, put_incidents
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.stores import BEGIN_S, ReadAnew
from tests.helpers.transcripts import DETAIL

_OF_PLATFORM: Final = frozenset(PlatformSide.__struct_fields__) - {"vehicle_id"}
_KINDS: Final = {"cause": Cause, "kind": IncidentKind, "state": IncidentState}


@dataclass
class AdvicePlayer:
    """A store, and support that asks. The car is car-1, and times are seconds of the first day.

    `unlock NUMBER` begins in that second. Its fields are those of the record and of the platform,
    and `evidence=name:value`. `believed NUMBER MODE:SHARE` diagnoses it, with facts and with what
    speaks `against`. `log` and `heard` are lines of the platform's log, and messages of the car.
    """

    directory: Path = field(default_factory=lambda: Path(mkdtemp(prefix="advice-")))
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Remove the store with the player."""
        weakref.finalize(self, shutil.rmtree, self.directory)

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            "ask": self._ask,
            "believed": self._believed,
            "booking_end": self._booking_end,
            "heard": self._heard,
            "incident": self._incident,
            "late": self._late,
            "lock": lambda at_s, **more: stores.put_lock(self.directory, at_s, "car-1", **more),
            "log": self._log,
            "presence": lambda at_s, status: stores.put_presence(
                self.directory, at_s, "car-1", status
            ),
            "unlock": self._unlock,
        }

    def news(self) -> list[str]:
        """Return what was said to those who asked."""
        told, self.told = self.told, []
        return told

    def _unlock(self, number: int, **said: Any) -> None:
        its = {name: value for name, value in said.items() if name not in _OF_PLATFORM}
        for name in ("evidence", "stages"):
            if name in its:
                its[name] = dict(_pairs(its[name]))
        if side := {name: said[name] for name in said if name in _OF_PLATFORM}:
            its["platform"] = PlatformSide(**side, vehicle_id=its.pop("opened", None))
        stores.put_unlocks(self.directory, [stores.unlock(number, **_as_fields(its, car="car-1"))])

    def _incident(self, **said: Any) -> None:
        its = {name: value for name, value in said.items() if name != "ended_s"}
        if "ended_s" in said:
            its["ended_at"] = BEGIN_S + said["ended_s"]
        its["cohort"] = dict(_pairs(its.get("cohort", "region:centre")))
        its["examples"] = tuple(filter(None, (its.get("examples") or "").split(",")))
        put_incidents(self.directory, [incident_of(**_as_fields(its))])

    def _believed(
        self, number: int, *modes: str, facts: str = "", against: str = "", **more: Any
    ) -> None:
        weighed = tuple(Weighed(Fact(one), -0.7, is_seen=False) for one in _words(against))
        made = diagnosis_of(
            *(RankedMode(mode, share, weighed) for one in modes for mode, share in _pairs(one)),
            attempt_id=f"attempt-{number}", vehicle_id="car-1",
            facts=tuple(FactSeen(Fact(one), "so it was") for one in _words(facts)),
            **_as_fields(more),
        )  # fmt: skip
        stores.put_lines(self.directory, "diagnoses", [msgspec.json.encode(made)])

    def _booking_end(
        self, at_s: float, *, number: int = 300, car: str = "car-1", **more: Any
    ) -> None:
        stores.put_booking_end(self.directory, at_s, car=car, booking=f"booking-{number}", **more)

    def _late(self, *, is_told_no: bool = True) -> None:
        late = stores.opened_late(stores.unlock(300, car="car-1"), is_told_no=is_told_no)
        stores.put_lines(self.directory, "stray_answers", [late])

    def _log(self, at_s: float, **said: Any) -> None:
        self._line("platform_events", at_s, {"request_id": "r", **said})

    def _heard(self, at_s: float, kind: str, message: str) -> None:
        self._line("observations", at_s, {"kind": kind, "message": dict(_pairs(message))})

    def _line(self, table: str, at_s: float, said: Mapping[str, Any]) -> None:
        line = {"at": BEGIN_S + at_s, "vehicle_id": "car-1", **said}
        stores.put_lines(self.directory, table, [msgspec.json.encode(line)])

    def _ask(self, at_s: float = 2_000.0, number: int = 300) -> None:
        query = UnlockQuery(attempt=f"attempt-{number}")
        self.told += _told(look_up(ReadAnew(self.directory), query, BEGIN_S + at_s))


def _told(case: Case) -> Iterator[str]:
    """Yield the keys of what is said and done, and what is known of the case."""
    advice = advice_now(case)
    yield f"say {_keys(advice.say)}"
    yield f"do {_keys(advice.do)}"
    if advice.acts or advice.mend:
        yield f"{DETAIL}acts {advice.acts}: {advice.mend and advice.mend.key}"
    known = {
        "explained": explanation(case).key,
        "opened later": case.opened_after_no,
        "opened in time": case.opened_in_time,
        "booking ended": case.booking_ended_s and f"{case.booking_ended_s - BEGIN_S:g}",
        "believed": case.believed and case.believed.first.mode,
        "incidents": " ".join(f"{one.incident_id} {one.state}" for one in case.incidents),
    }
    yield DETAIL + ", ".join(_fact(name, value) for name, value in known.items() if value)


def _fact(name: str, value: object) -> str:
    return name if value is True else f"{name} {value}"


def _keys(texts: Iterable[Text]) -> str:
    return " ".join(text.key for text in texts) or "nothing"


def _words(text: str) -> Iterable[str]:
    return filter(None, text.split(","))


def _pairs(text: str | None) -> Iterator[tuple[str, Any]]:
    """Yield names and values of `name:value,name:value`; a number is one."""
    for one in _words(text or ""):
        name, _, value = one.partition(":")
        try:
            yield name, float(value) if "." in value else int(value)
        except ValueError:
            yield name, value


def _as_fields(said: Mapping[str, Any], **usual: Any) -> dict[str, Any]:
    return usual | {
        name: _KINDS[name](value) if name in _KINDS and value else value
        for name, value in said.items()
    }
