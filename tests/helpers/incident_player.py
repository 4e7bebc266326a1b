"""Plays transcripts of incidents: what is found and what people do, and what is told of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bench.detection.town import EPOCH_S
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import ActionKind, Incident, IncidentKind
from platform_probe.judge.incidents.maintenance import MaintenanceWindow
from tests.helpers.told_incidents import Told
from tests.helpers.transcripts import DETAIL, Teller, names_in

EVERYBODY: Final = ("operator-b/north", "operator-a/south")
"""The cohorts whose cars and customers a finding in all cars hits in turn."""
USUAL: Final = {
    "title": "operator-a: boxes offline since 23:59 on 31 Dec, 10 customers",
    "": "warning failures",
    "of": "operator-a",
    "cause": "box_offline",
    "hit": "10 of 40",
    "elsewhere": "0 of 60",
    "customers": "10",
    "cars": "10",
    "since": "-60",
    "sure": "0.99",
}
"""What is left out where an incident is told of for the first time."""
OUTAGE: Final = {
    **USUAL,
    "title": (
        "operator-b, north: the mobile network is down in the region since 23:59 on 31 Dec,"
        " 10 customers"
    ),
    "": "critical failures",
    "of": "operator-b/north",
    "mode": "regional_carrier_outage",
    "hit": "10 of 20",
}
"""Another one of which no more is told: what `hit` finds where most diagnoses name this mode."""
_REGIONS: Final = frozenset({"centre", "coast", "hills", "north", "south", "valley", "west"})


@dataclass
class IncidentLines:
    """What is new in each revision of incidents, in lines; an incident has a short name."""

    ids: dict[str, str] = field(default_factory=dict)
    before: dict[str, dict[str, str]] = field(default_factory=dict)

    def of_revision(self, one: Incident) -> Iterator[str]:
        """Yield what changed, and on further lines the facts that are new."""
        name, facts, change = self.name(one.incident_id), incident_facts(one), one.changes[-1]
        is_outage = {key: value for key, value in facts.items() if value} == OUTAGE
        before = self.before.get(name, OUTAGE if is_outage else USUAL)
        self.before[name] = facts
        by = f" by {change.by}" if change.by else ""
        why = f" ({change.reason})" if change.reason else ""
        yield self.with_names(f"{name} {change.kind}{by}{why}: {change.sentence}")
        if facts["title"] != before.get("title"):
            yield f"{DETAIL}{facts['title']}"
        new = {key: value for key, value in facts.items() if value != before.get(key, "")}
        if line := _facts_line(new):
            yield self.with_names(f"{DETAIL}{line}")

    def of_last(self, one: Incident) -> str:
        """Return the state of an incident and all its facts."""
        facts = {key: value for key, value in incident_facts(one).items() if value}
        facts.pop("state", None)
        name = self.name(one.incident_id)
        return self.with_names(f"{name} is {one.state}: {_facts_line(facts)}")

    def name(self, incident_id: str) -> str:
        """Return the short name of an incident."""
        return self.ids.setdefault(incident_id, f"inc-{len(self.ids) + 1}")

    def with_names(self, text: str) -> str:
        """Return a text with short names for ids."""
        return re.sub("inc-[0-9a-f]{12}", lambda it: self.name(it[0]), text)


@dataclass
class IncidentPlayer(Teller):
    """Incidents, findings and a clock. The window must be the first event.

    `find NUMBER` takes a finding of ten of forty unlocks of operator a, of `car-0` to `car-9`.
    `hit NUMBER COHORT` takes one that hits cars and customers of this cohort alone. A cohort is
    `operator-b/north` or `firmware:2.5.0`, `all` is no cohort. Names are `car:3` for `car-0` to
    `car-2`, and `car:8-17`. Modes are `auto_relock:9`, the sum of what diagnoses give them, and
    `diagnosed` says how many there are. Times are seconds since the begin.
    """

    made: Told = field(default_factory=Told)
    told: list[str] = field(default_factory=list)
    lines: IncidentLines = field(default_factory=IncidentLines)

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            "acknowledge": lambda **more: self._act(ActionKind.ACKNOWLEDGE, **more),
            "close": lambda **more: self._act(ActionKind.CLOSE, **more),
            "mute": lambda until_s, **more: self._act(
                ActionKind.MUTE, until=EPOCH_S + until_s, **more
            ),
            "unmute": lambda: self._act(ActionKind.UNMUTE),
            "wait": self.made.wait,
        }

    def news(self) -> list[str]:
        """Return what was told since it was asked last, each with what is new of its incident."""
        new = self.new_of(self.made.revisions)
        return [line for one in new for line in self.lines.of_revision(one)] + super().news()

    def _do_find(self, number: int, **said: Any) -> None:
        self.made.take(number, **dict(_fields(said)))

    def _do_hit(
        self, number: int, cohort: str, hit: int = 10, total: int = 20, **said: Any
    ) -> None:
        whose = EVERYBODY if cohort == "all" else (_plain(cohort),)
        hits = [f"{whose[each % len(whose)]}/{each // len(whose)}" for each in range(hit)]
        usual: dict[str, Any] = {
            "cohort": cohort_of(cohort), "failed": hit, "total": total,
            "customers": frozenset(f"who-{one}" for one in hits),
            "cars": frozenset(f"car-{one}" for one in hits),
        }  # fmt: skip
        self.made.take(number, **usual | dict(_fields(said)))

    def _act(self, kind: ActionKind, **more: Any) -> None:
        if not self.made.act(kind, **more):
            self.told.append("nobody may")

    def _do_look(self) -> None:
        self.told += map(self.lines.of_last, self.made.incidents.open)

    def _do_restart(self) -> None:
        last = self.made.last
        self.made = Told()
        self.made.incidents.restore([last])

    def _do_window(self, cohort: str, *, since_s: float = 0.0, until_s: float) -> None:
        self.made = Told(
            MaintenanceWindow(
                name="new antennas",
                since=EPOCH_S + since_s,
                until=EPOCH_S + until_s,
                cohort=cohort_of(cohort),
            )
        )


def incident_facts(one: Incident) -> dict[str, str]:
    """Return what is known of an incident, in words by name; empty where there is nothing."""
    return {
        "title": one.title,
        "": f"{one.severity} {one.kind}",
        "state": "" if one.state == "open" else str(one.state),
        "of": ", ".join(map(_cohort_text, one.affected_cohorts)),
        "cause": str(one.cause or ""),
        "mode": str(one.mode or ""),
        "hit": f"{one.failed} of {one.total}",
        "elsewhere": f"{one.elsewhere_failed} of {one.elsewhere_total}",
        "customers": str(one.customers),
        "cars": str(one.cars),
        "since": f"{one.since - EPOCH_S:g}",
        "seen": _at(one.ended_at),
        "sure": f"{one.sure:g}",
        "acknowledged by": one.acknowledged_by or "",
        "muted until": _at(one.muted_until),
        "maintenance": one.maintenance or "",
        "related": " ".join(one.related),
        "joined to": one.joined_to or "",
    }


def _facts_line(facts: Mapping[str, str]) -> str:
    """Return facts in one line; what was taken back is `none`."""
    told = [f"{key} {value or 'none'}".strip() for key, value in facts.items() if key != "title"]
    return ", ".join(told)


def _at(unix_s: float | None) -> str:
    return "" if unix_s is None else f"{unix_s - EPOCH_S:g}"


def _cohort_text(cohort: Mapping[str, str]) -> str:
    return "/".join(cohort.values()) or "all"


def cohort_of(text: str) -> dict[str, str]:
    """Return the cohort of `operator-b/north`, of `firmware:2.5.0`, or of `all`."""
    return {} if text == "all" else dict(_trait(part) for part in text.split("/"))


def _trait(text: str) -> tuple[str, str]:
    name, is_named, value = text.partition(":")
    if is_named:
        return name, value
    return ("region" if text in _REGIONS else "operator"), text


def _plain(cohort: str) -> str:
    return "/".join(cohort_of(cohort).values())


def _fields(said: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a finding, of what a row says of it."""
    for name, value in said.items():
        match name:
            case "kind":
                yield name, IncidentKind(value)
            case "since_s":
                yield "since", EPOCH_S + value
            case "cohort" | "common":
                yield name, cohort_of(value)
            case "same":
                yield name, (cohort_of(value),)
            case "cars" | "customers":
                yield name, frozenset(names_in(value or ""))
            case "causes":
                yield name, {Cause(one): int(count) for one, count in _shares(value)}
            case "modes":
                yield name, dict(_shares(value))
            case _:
                yield name, value


def _shares(text: str | None) -> Iterator[tuple[str, float]]:
    for one in (text or "").split(",") if text else ():
        name, _, share = one.partition(":")
        yield name, float(share)
