"""One unlock with everything about it: looked up in a store, by whatever is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from fleet_wire.contract.causes import Cause
from fleet_wire.errors import ConfigError
from platform_probe.store.duck import Duck
from platform_probe.store.reading import Source
from platform_probe.support.nearest import nearest, same_id

Row = Mapping[str, Any]
"""A row of a table by column; times in UTC without a zone."""
NEAR_S: Final = 900.0
"""Around `--at`: a customer who calls remembers it to the quarter of an hour."""
BEFORE_S: Final = 600.0
AFTER_S: Final = 600.0
"""Told of the car before and after the unlock: so long late answers are recognised."""
OTHERS_S: Final = 900.0
"""Unlocks of others that began so near count as "now"."""
MOST_ROWS: Final = 500
LISTED: Final = 20
"""Other unlocks of the same car, booking or customer that are listed."""
DIMENSIONS: Final = ("region", "operator", "firmware", "hardware", "app_version", "endpoint")
"""What unlocks that fail together may have in common."""


_OF_CARS: Final = ("attempt_revisions", "observations", "platform_events")
"""Tables that may know a car."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is known of the unlock that is looked for."""

    vehicle: str | None = None
    attempt: str | None = None
    booking: str | None = None
    customer: str | None = None
    trace: str | None = None
    at_s: float | None = None
    since_s: float | None = None

    @property
    def ids(self) -> dict[str, str]:
        """The ids besides the car's, by the column that has them."""
        named = {
            "attempt_id": self.attempt,
            "booking_id": self.booking,
            "account_id": self.customer,
            "trace_id": self.trace,
        }
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Shared:
    """How many unlocks failed alike, of those that share a value with this one, and elsewhere."""

    dimension: str
    value: str
    alike: int
    unlocks: int
    alike_elsewhere: int
    unlocks_elsewhere: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is known of an unlock; without an attempt: of a car at a time."""

    vehicle_id: str | None
    attempt: Row | None
    at_s: float
    """When it began, or the time that was asked about, Unix seconds."""
    newest_s: float
    """Of the newest record: as late as is known."""
    events: Sequence[Row] = ()
    heard: Sequence[Row] = ()
    strays: Sequence[Row] = ()
    complaints: Sequence[Row] = ()
    diagnosis: Row | None = None
    others: Sequence[Row] = ()
    """Other unlocks that fit what was asked, the last one first."""
    alike: int = 0
    """Unlocks of other cars that failed of the same cause at the time."""
    alike_customers: int = 0
    shared: Sequence[Shared] = field(default_factory=tuple)

    @property
    def cause(self) -> Cause | None:
        """Why it failed."""
        cause = None if self.attempt is None else self.attempt["cause"]
        return None if cause is None else Cause(cause)

    @property
    def opened_later(self) -> bool:
        """Whether the car opened after its customer was told no."""
        return any(stray["is_late_unlock"] for stray in self.strays)


def unix_s(time: datetime) -> float:
    """Return the Unix time of a row's time."""
    return time.replace(tzinfo=UTC).timestamp()


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None)


def look_up(source: Source, wanted: Wanted, newest_s: float) -> Case:
    """Return the case. Raises `ConfigError` that names the nearest ids where nothing fits."""
    return source.read(lambda duck: _Lookup(source, duck, wanted, newest_s).case())


class _Lookup:
    """The questions for one case, over one database."""

    def __init__(self, source: Source, duck: Duck, wanted: Wanted, newest_s: float) -> None:
        self._source = source
        self._duck = duck
        self._wanted = wanted
        self._newest_s = newest_s

    def case(self) -> Case:
        vehicle = self._vehicle()
        fitting = self._fitting(vehicle)
        attempt = self._chosen(fitting)
        if attempt is None:
            at_s = self._newest_s if self._wanted.at_s is None else self._wanted.at_s
            return Case(
                vehicle_id=vehicle,
                attempt=None,
                at_s=at_s,
                newest_s=self._newest_s,
                others=fitting[:LISTED],
                **self._around(vehicle, at_s, at_s),
            )
        at_s = unix_s(attempt["started_at"])
        car = attempt["vehicle_id"] or None
        return Case(
            vehicle_id=car,
            attempt=attempt,
            at_s=at_s,
            newest_s=self._newest_s,
            strays=self._rows(
                "stray_answers", "attempt_id = $id", {"id": attempt["attempt_id"]}, "came_at"
            ),
            complaints=self._complaints(attempt),
            diagnosis=self._diagnosis(attempt),
            others=[each for each in fitting if each is not attempt][:LISTED],
            **self._around(car, at_s, at_s + attempt["total_s"], attempt),
            **self._alike(attempt, at_s),
        )

    # Which unlock

    def _vehicle(self) -> str | None:
        wanted = self._wanted.vehicle
        if wanted is None:
            return None
        is_known = " UNION ALL ".join(
            f"(SELECT 1 FROM {table} WHERE vehicle_id = $car LIMIT 1)" for table in _OF_CARS
        )
        if self._duck.run(is_known, {"car": wanted}):  # quickly, as files are sorted by car
            return wanted
        cars = [
            row[0]
            for row in self._duck.run(
                " UNION ".join(f"SELECT vehicle_id FROM {table}" for table in _OF_CARS)
            )
            if row[0]
        ]
        found = same_id(wanted, cars)
        if found is None:
            raise ConfigError([_not_found("car", wanted, nearest(wanted, cars))])
        return found

    def _fitting(self, vehicle: str | None) -> list[Row]:
        """Return the unlocks that fit, the last one first."""
        ids = self._wanted.ids
        if not ids:
            return self._rows("attempts", "vehicle_id = $car", {"car": vehicle}, "started_at DESC")
        (name, value), *rest = ids.items()
        found = self._source.find(self._duck, value)
        rows: list[Row] = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        its = [row for row in rows if row[name] == value]
        also = dict(rest) if vehicle is None else {**dict(rest), "vehicle_id": vehicle}
        fitting = [row for row in its if all(row[key] == given for key, given in also.items())]
        if its and not fitting:
            key, given = next((key, given) for key, given in also.items() if its[0][key] != given)
            problem = f"{_what(name)} {value!r} is of {_what(key)} {its[0][key]!r}, not {given!r}"
            raise ConfigError([problem])
        if not its and not self._is_told_of(name, value):
            similar = self._duck.run(
                f"SELECT DISTINCT {name} FROM attempts WHERE {name} ILIKE $like LIMIT 5",
                {"like": f"{_plain_like(value)}%"},
            )
            raise ConfigError([_not_found(_what(name), value, [row[0] for row in similar])])
        return fitting

    def _is_told_of(self, name: str, value: str) -> bool:
        """Return whether the platform's log has an id of which there is no unlock."""
        if name == "attempt_id":
            return False
        sql = f"SELECT 1 FROM platform_events WHERE {name} = $id LIMIT 1"
        return bool(self._duck.run(sql, {"id": value}))

    def _chosen(self, fitting: Sequence[Row]) -> Row | None:
        """Return the one that is meant: by the time, else the last that failed, else the last."""
        at_s, since_s = self._wanted.at_s, self._wanted.since_s
        if since_s is not None:
            fitting = [each for each in fitting if unix_s(each["started_at"]) >= since_s]
        if at_s is not None:
            near = [each for each in fitting if _distance_s(each, at_s) <= NEAR_S]
            return min(
                near,
                key=lambda each: (each["cause"] is None, _distance_s(each, at_s)),
                default=None,
            )
        failed = [each for each in fitting if each["cause"] is not None]
        return next(iter([*failed, *fitting]), None)

    # What else there is

    def _around(
        self, car: str | None, from_s: float, until_s: float, attempt: Row | None = None
    ) -> dict[str, Any]:
        times = {"since": _time(from_s - BEFORE_S), "until": _time(until_s + AFTER_S)}
        if car is None:
            trace = self._wanted.trace if attempt is None else attempt["trace_id"]
            booking = self._wanted.booking if attempt is None else attempt["booking_id"]
            account = self._wanted.customer if attempt is None else None
            is_its = "trace_id = $trace OR booking_id = $booking OR account_id = $account"
            ids = {"trace": trace, "booking": booking, "account": account}
            return {"events": self._rows("platform_events", is_its, ids, "logged_at")}
        is_its = "vehicle_id = $car AND {time} BETWEEN $since AND $until"
        values = {"car": car, **times}
        heard = is_its.format(time="heard_at")
        return {
            "events": self._rows(
                "platform_events", is_its.format(time="logged_at"), values, "logged_at"
            ),
            "heard": [
                *self._last_heartbeat(car, times["since"], _time(from_s)),
                *self._rows("observations", f"{heard} AND kind <> 'telemetry'", values, "heard_at"),
            ],
        }

    def _last_heartbeat(self, car: str, since: datetime, until: datetime) -> list[Row]:
        is_its = "vehicle_id = $car AND kind = 'telemetry' AND heard_at BETWEEN $since AND $until"
        values = {"car": car, "since": since, "until": until}
        return self._rows("observations", is_its, values, "heard_at DESC", limit=1)

    def _complaints(self, attempt: Row) -> list[Row]:
        is_its = "list_contains(attempts, $id) OR booking_id = $booking"
        ids = {"id": attempt["attempt_id"], "booking": attempt["booking_id"]}
        return self._rows("complaints", is_its, ids, "called_at")

    def _diagnosis(self, attempt: Row) -> Row | None:
        ids = {"id": attempt["attempt_id"]}
        found = self._rows("diagnoses", "attempt_id = $id", ids, "revision DESC", limit=1)
        return found[0] if found else None

    def _alike(self, attempt: Row, at_s: float) -> dict[str, Any]:
        if attempt["cause"] is None:
            return {}
        values = {
            "cause": attempt["cause"],
            "since": _time(at_s - OTHERS_S),
            "until": _time(at_s + OTHERS_S),
            "car": attempt["vehicle_id"],
        }
        others = "FROM attempts WHERE started_at BETWEEN $since AND $until AND vehicle_id <> $car"
        sums = ", ".join(
            f"count(*) FILTER ({name} = $v{place}), count(*) FILTER ({name} = $v{place} AND hit)"
            for place, name in enumerate(DIMENSIONS)
        )
        its = {f"v{place}": attempt[name] for place, name in enumerate(DIMENSIONS)}
        ((total, hits, customers, *counts),) = self._duck.run(
            "SELECT count(*), count(*) FILTER (hit), count(DISTINCT account_id) FILTER (hit),"
            f" {sums} FROM (SELECT *, cause IS NOT DISTINCT FROM $cause AS hit {others})",
            {**values, **its},
        )
        shared = [
            Shared(name, attempt[name], alike, unlocks, hits - alike, total - unlocks)
            for name, unlocks, alike in zip(DIMENSIONS, counts[::2], counts[1::2], strict=True)
            if attempt[name] is not None and alike
        ]
        return {"alike": hits, "alike_customers": customers, "shared": shared}

    def _rows(
        self, table: str, where: str, values: Mapping[str, Any], order: str, limit: int = MOST_ROWS
    ) -> list[Row]:
        sql = f"SELECT * FROM {table} WHERE {where} ORDER BY {order}"
        found = self._duck.query(sql, values, limit=limit)
        return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def _distance_s(attempt: Row, at_s: float) -> float:
    return abs(unix_s(attempt["started_at"]) - at_s)


def _what(column: str) -> str:
    """Return what people call what a column identifies."""
    names = {"account_id": "customer", "vehicle_id": "car"}
    return names.get(column, column.removesuffix("_id"))


def _plain_like(text: str) -> str:
    """Return text in which no letter is a sign of LIKE."""
    return text.replace("\\", "").replace("%", "").replace("_", "")


def _not_found(what: str, text: str, near: Sequence[str]) -> str:
    meant = f"; nearest: {', '.join(near)}" if near else ""
    return f"no {what} {text!r} in this store{meant}"


def evidence_of(attempt: Row) -> dict[str, Any]:
    """Return what the cause was concluded from."""
    text = attempt["evidence"]
    return {} if text is None else msgspec.json.decode(text, type=dict[str, Any])
