"""An unlock looked up in a store, by whatever is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fleet_wire.contract.causes import Cause
from fleet_wire.errors import ConfigError
from platform_probe.store.duck import Duck
from platform_probe.store.reading import ALWAYS, Source, Span
from platform_probe.support.case import AFTER_S, BEFORE_S, LISTED, Case
from platform_probe.support.incident_rows import as_unlock
from platform_probe.support.naming import modes_sql, with_modes
from platform_probe.support.nearest import alike, not_found, same_id
from platform_probe.support.records import Records
from platform_probe.support.rows import Row, as_rows, unix_s
from platform_probe.support.since import CALLED_S
from platform_probe.support.waiting_calls import waiting_call
from platform_probe.support.which import (
    Moment,
    Which,
    Why,
    asked_about,
    is_call_meant,
    went_wrong,
    why_chosen,
)

NEAR_S: Final = 900.0
"""Around `--at`: a customer who calls remembers it to the quarter of an hour."""
_TOLD_OF: Final = {
    "attempt_id": (("complaints", "complaint_id"),),
    "command_id": (("platform_events", "command_id"),),
    "booking_id": (("platform_events", "booking_id"), ("complaints", "booking_id")),
    "account_id": (("platform_events", "account_id"), ("complaints", "account_id")),
    "trace_id": (("platform_events", "trace_id"),),
}
"""Where besides in the unlocks an id may stand: table and column."""
_BY_PLATFORM: Final = ("account_id", "trace_id")
_CALLED: Final = {"account_id": "customer", "vehicle_id": "car"}
"""What people call what a column identifies, where that is another word."""
_UNDER_WAY: Final = (
    ": an unlock is known when it has ended, half a minute after it began; ask by the car whether"
    " it was under way"
)
_OF_CARS: Final = ("attempt_revisions", "observations", "platform_events", "complaints")
"""Tables that may know a car."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is known of the unlock that is looked for."""

    vehicle: str | None = None
    attempt: str | None = None
    booking: str | None = None
    customer: str | None = None
    trace: str | None = None
    command: str | None = None
    at: Moment | None = None
    since_s: float | None = None

    @property
    def ids(self) -> dict[str, str]:
        """The ids besides the car's, by the column that has them."""
        named = {
            "attempt_id": self.attempt,
            "booking_id": self.booking,
            "account_id": self.customer,
            "trace_id": self.trace,
            "command_id": self.command,
        }
        return {name: value for name, value in named.items() if value is not None}


def look_up(source: Source, wanted: Wanted, newest_s: float) -> Case:
    """Return the case. Raises `ConfigError` that names the nearest ids where nothing fits."""

    def work(duck: Duck) -> Case:
        return look_up_in(duck, source, wanted, newest_s)

    case = source.read(work)
    around = Span(case.at_s - BEFORE_S, case.at_s + AFTER_S)
    if source.is_away(around):
        case = source.read(work, around)
    return replace(case, is_as_of=source.as_of_s is not None)


def look_up_in(duck: Duck, source: Source, wanted: Wanted, newest_s: float) -> Case:
    """Return the case from a database of this source that is open already, as `look_up` does."""
    return _Lookup(source, duck, wanted, newest_s).case()


class _Lookup:
    """The questions for one case, over one database."""

    def __init__(self, source: Source, duck: Duck, wanted: Wanted, newest_s: float) -> None:
        self._source = source
        self._duck = duck
        self._records = Records(duck)
        self._wanted = wanted
        self._newest_s = newest_s

    def case(self) -> Case:
        vehicle, since_s = self._vehicle(), self._wanted.since_s
        records = self._fitting(vehicle)
        in_time = [
            each for each in records if since_s is None or unix_s(each["started_at"]) >= since_s
        ]
        records = in_time or records  # where none is, those before are listed
        fitting = self._as_believed(records)
        chosen = self._chosen(fitting) if in_time else None
        call = self._call(vehicle)
        if call is not None and self._is_about_call(call, chosen, fitting):
            return self._case_of_call(call, fitting)
        if chosen is None:
            at_s, since_s = self._asked_about()
            return Case(
                vehicle_id=vehicle,
                attempt=None,
                at_s=at_s,
                since_s=since_s,
                newest_s=self._newest_s,
                records_begin_s=(self._source.recorded() or ALWAYS).since_s,
                has_platform_log=self._has_platform_log(),
                others=fitting[:LISTED],
                **self._around(
                    vehicle,
                    at_s if since_s is None else since_s + BEFORE_S,  # from then on
                    max(at_s, since_s or at_s),
                ),
            )
        attempt = records[fitting.index(chosen)]
        at_s = unix_s(attempt["started_at"])
        car = attempt["vehicle_id"] or None
        revisions = self._records.revisions(attempt["attempt_id"], attempt["account_id"])
        complaints = self._records.complaints(attempt)
        ended_s = self._records.since.booking_ended_s(attempt, at_s, complaints)
        return Case(
            vehicle_id=car,
            attempt=self._with_account(attempt),
            at_s=at_s,
            newest_s=self._newest_s,
            strays=self._records.rows(
                "stray_answers", "attempt_id = $id", {"id": attempt["attempt_id"]}, "came_at"
            ),
            complaints=complaints,
            revisions=revisions,
            others=[each for each in fitting if each is not chosen][:LISTED],
            which=self._which(chosen, fitting),
            finding=self._records.who_else(attempt["cause"], revisions, at_s),
            connected_s=self._records.since.connected_s(car, at_s + attempt["total_s"]),
            booking_ended_s=ended_s,
            booked_since=self._booked_since(attempt, ended_s),
            locked_s=self._records.since.locked_s(car, at_s),
            incidents=self._records.incidents(attempt, revisions),
            **self._around(car, at_s, at_s + attempt["total_s"], attempt),
        )

    def _asked_about(self) -> tuple[float, float | None]:
        """Return the time that is asked about, and since when, where that is asked alone."""
        at, since_s = self._wanted.at, self._wanted.since_s
        return (self._newest_s, since_s) if at is None else (at.at_s, None)

    def _case_of_call(self, complaint: Row, fitting: Sequence[Row]) -> Case:
        """Return the case of a call about an unlock that nobody saw."""
        at_s, car = unix_s(complaint["called_at"]), complaint["vehicle_id"]
        call_id = complaint["complaint_id"]
        revisions = self._records.revisions(call_id, complaint["account_id"])
        unlock = as_unlock(complaint)
        ended_s = self._records.since.booking_ended_s(unlock, at_s - CALLED_S)
        return Case(
            vehicle_id=car,
            attempt=None,
            at_s=at_s,
            newest_s=self._newest_s,
            others=fitting[:LISTED],
            complaint_id=call_id,
            revisions=revisions,
            complaints=[complaint],
            finding=self._records.who_else(Cause.NOT_OBSERVED, revisions, at_s),
            booking_ended_s=ended_s,
            booked_since=self._booked_since(unlock, ended_s),
            locked_s=self._records.since.locked_s(car, at_s - CALLED_S),
            incidents=self._records.incidents(unlock, revisions),
            **self._around(car, at_s, at_s),
        )

    def _booked_since(self, unlock: Row, ended_s: float | None) -> Row | None:
        """Return who else has booked the car since a booking ended: perhaps it is they who call."""
        at = self._wanted.at
        if ended_s is None or self._wanted.ids:
            return None
        until_s = self._newest_s if at is None else at.at_s + at.lasts_s
        return self._records.since.booked_by_another(unlock, ended_s, until_s)

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
                + " UNION SELECT asked_for FROM attempts"
            )
            if row[0]
        ]
        found = same_id(wanted, cars)
        if found is None and self._is_known_later("vehicle_id", wanted):
            return wanted  # nothing was known of it then, and that is told
        if found is None:
            raise ConfigError([not_found("car", wanted, cars)])
        return found

    def _is_known_later(self, name: str, value: str) -> bool:
        """Return whether something has an id that was not known yet as of the time asked about."""
        if self._source.as_of_s is None:
            return False
        tables = ("attempts", *(_OF_CARS if name == "vehicle_id" else ()))
        columns = [*((table, name) for table in tables), *_TOLD_OF.get(name, ())]
        whole = Source(self._source.directory)
        return whole.read(lambda duck: same_id(value, alike(value, columns, duck))) is not None

    def _fitting(self, vehicle: str | None) -> list[Row]:
        """Return the unlocks that fit, the last one first."""
        ids = self._wanted.ids
        if not ids:
            is_its = "vehicle_id = $car OR asked_for = $car"
            return self._records.rows("attempts", is_its, {"car": vehicle}, "started_at DESC")
        (name, value), *rest = ids.items()
        its = self._with_id(name, value)
        if name == "account_id":
            its = self._with_unnamed(its)
        also = dict(rest) if vehicle is None else {**dict(rest), "vehicle_id": vehicle}
        if "account_id" in also:
            its = [self._with_account(row) for row in its]
        fitting = [
            row for row in its if all(_is_given(row, key, given) for key, given in also.items())
        ]
        if its and not fitting:
            key, given = next(
                pair for pair in also.items() if not _is_same(its[0][pair[0]], pair[1])
            )
            theirs = its[0][key]
            whose = f"of no {_what(key)}" if theirs is None else f"of {_what(key)} {theirs!r}"
            raise ConfigError([f"{_what(name)} {value!r} is {whose}, not {given!r}"])
        return fitting

    def _with_id(self, name: str, value: str) -> list[Row]:
        """Return the unlocks with an id, in whatever letters it was written.

        None of them where only the platform's log or a complaint has it; of a call about unlocks,
        or of a booking that its app forgot, those. Raises `ConfigError` where nothing has the id,
        with the nearest.
        """
        for written in dict.fromkeys((value, value.strip(), value.strip().lower())):
            if its := [row for row in self._found(written) if row[name] == written]:
                self._set(name, written)
                return its
            if self._is_told_of(name, written):
                self._set(name, written)
                if name == "booking_id":
                    return self._records.called_about(written)
                before = self._of_call() if name == "attempt_id" else None
                return [] if before is None else self._with_id(name, before)
        others = alike(value, [("attempts", name), *_TOLD_OF[name]], self._duck)
        meant = same_id(value, others)
        if meant is None and self._is_known_later(name, value):
            until = _UNDER_WAY if name == "attempt_id" else ""
            raise ConfigError([f"{_what(name)} {value!r} was not known yet at that time{until}"])
        if meant is None:
            problem = not_found(_what(name), value, others) + self._is_another(value)
            raise ConfigError([problem + self._is_told_by_none(name)])
        self._set(name, meant)
        return [row for row in self._found(meant) if row[name] == meant]

    def _with_unnamed(self, its: Sequence[Row]) -> list[Row]:
        """Return a customer's unlocks with those of their bookings that name nobody, last first.

        A request that the platform answers and forgets is in its log without an account.
        """
        account_id = self._wanted.ids["account_id"]
        booked = its or self._records.rows(
            "platform_events", "account_id = $id", {"id": account_id}, "logged_at DESC"
        )
        values = {
            "cars": list(dict.fromkeys(row["vehicle_id"] for row in booked))[:LISTED],
            "bookings": list(dict.fromkeys(row["booking_id"] for row in booked)),
        }
        is_its = "list_contains($cars, vehicle_id) AND list_contains($bookings, booking_id)"
        unnamed = self._records.rows(
            "attempts", f"{is_its} AND account_id IS NULL", values, "started_at DESC"
        )
        found = [*its, *({**row, "account_id": account_id} for row in unnamed)]
        return sorted(found, key=lambda row: unix_s(row["started_at"]), reverse=True)

    def _with_account(self, attempt: Row) -> Row:
        """Return an unlock with whose booking it names, where it does not say so itself.

        Other unlocks of the booking tell, and the platform's log.
        """
        if attempt["account_id"] or attempt["booking_id"] is None:
            return attempt
        values = {"car": attempt["vehicle_id"], "booking": attempt["booking_id"]}
        is_its = "vehicle_id = $car AND booking_id = $booking AND account_id IS NOT NULL"
        told = " UNION ALL ".join(
            f"(SELECT account_id FROM {table} WHERE {is_its} LIMIT 1)"
            for table in ("attempt_revisions", "platform_events")
        )
        account_id = next((row[0] for row in self._duck.run(told, values)), None)
        return {**attempt, "account_id": account_id}

    def _found(self, value: str) -> list[Row]:
        return as_rows(self._source.find(self._duck, value))

    def _set(self, name: str, value: str) -> None:
        """Ask for an id as the store has it from now on."""
        field = {"attempt_id": "attempt", "booking_id": "booking", "account_id": "customer"}
        changed = {field.get(name, name.removesuffix("_id")): value}
        self._wanted = replace(self._wanted, **changed)  # type: ignore[arg-type]

    def _is_another(self, value: str) -> str:
        """Return what else has this id, where it was asked for as something that it is not."""
        found = next(iter(self._found(value)), {})
        names = [name for name in _TOLD_OF if found.get(name) == value]
        return f"; it is an id of another kind: ask by --{_what(names[0])}" if names else ""

    def _is_told_by_none(self, name: str) -> str:
        """Return that an id is nowhere, where only a log of the platform would have it."""
        if name not in _BY_PLATFORM or self._has_platform_log():
            return ""
        return "; without a log of the platform nobody knows it: ask by the car or the booking"

    def _has_platform_log(self) -> bool:
        return bool(self._duck.run("SELECT 1 FROM platform_events LIMIT 1"))

    def _is_told_of(self, name: str, value: str) -> bool:
        """Return whether something else has an id of which there is no unlock.

        The platform's log, or a complaint, which is diagnosed under an id of its own.
        """
        return any(
            self._duck.run(f"SELECT 1 FROM {table} WHERE {column} = $id LIMIT 1", {"id": value})
            for table, column in _TOLD_OF[name]
        )

    def _chosen(self, fitting: Sequence[Row]) -> Row | None:
        """Return the one that is meant: by time, else the last that went wrong, else the last."""
        at = self._wanted.at
        if at is not None:
            return at.nearest_of(each for each in fitting if at.away_s(each)[0] <= NEAR_S)
        return asked_about(fitting)

    def _is_about_call(self, call: Row, chosen: Row | None, fitting: Sequence[Row]) -> bool:
        """Return whether a call about an unlock that nobody saw is meant, and not an unlock."""
        at = self._wanted.at
        if chosen is None:
            return True
        if at is None:
            return is_call_meant(call, chosen, why_chosen(chosen, fitting))
        if self._had_ended(as_unlock(call), at) and not self._had_ended(chosen, at):
            return False  # the car was another customer's by then
        return not went_wrong(chosen) or at.away_s(call, "called_at") < at.away_s(chosen)

    def _which(self, chosen: Row, fitting: Sequence[Row]) -> Which:
        """Return which of all that fit was chosen."""
        at, why = self._wanted.at, why_chosen(chosen, fitting)
        if at is not None:
            is_nearest = at.away_s(chosen) == min(map(at.away_s, fitting))
            why = Why.NEAREST if is_nearest else Why.NEAREST_WRONG
        return Which(why, len(fitting) - fitting.index(chosen), len(fitting))

    def _as_believed(self, fitting: Sequence[Row]) -> Sequence[Row]:
        """Return several unlocks with the mode that each is believed to have had by now."""
        if len(fitting) < 2:  # noqa: PLR2004 - there is nothing to choose from
            return fitting
        found = self._duck.query(modes_sql("diagnoses", fitting), {}, limit=len(fitting))
        return with_modes(fitting, as_rows(found))

    # What else there is

    def _around(
        self, car: str | None, from_s: float, until_s: float, attempt: Row | None = None
    ) -> dict[str, Any]:
        """Return what was logged and heard around a time; without a car, by what else is known."""
        if car is not None:
            return self._records.around(car, from_s, until_s, attempt)
        ids = {
            "trace": self._wanted.trace if attempt is None else attempt["trace_id"],
            "booking": self._wanted.booking if attempt is None else attempt["booking_id"],
            "account": self._wanted.customer if attempt is None else None,
        }
        is_its = "trace_id = $trace OR booking_id = $booking OR account_id = $account"
        return {"events": self._records.rows("platform_events", is_its, ids, "logged_at")}

    def _of_call(self) -> str | None:
        """Return the last unlock before a call, where `--attempt` is that of the call."""
        ids = {"id": self._wanted.attempt}
        calls = self._records.rows("complaints", "complaint_id = $id", ids, "called_at")
        return next((call["attempts"][-1] for call in calls if call["attempts"]), None)

    def _call(self, car: str | None) -> Row | None:
        """Return the call about an unlock that nobody saw: the nearest to the time, else the last.

        Of a trace or a command something was seen.
        """
        wanted = self._wanted
        ids = {
            "complaint_id": wanted.attempt,
            "booking_id": wanted.booking,
            "account_id": wanted.customer,
            "vehicle_id": car,
        }
        given = {name: value for name, value in ids.items() if value is not None}
        if wanted.trace or wanted.command:
            return None
        is_its = " AND ".join(f"{name} = ${name}" for name in given)
        calls = self._records.rows("complaints", is_its, given, "called_at DESC")
        since_s, at = wanted.since_s or 0.0, wanted.at
        unseen = [
            call for call in calls if not call["attempts"] and unix_s(call["called_at"]) >= since_s
        ]
        waiting = waiting_call(self._records.query, given, self._newest_s)
        if waiting is not None:
            unseen.insert(0, waiting)
        if at is None:
            return next(iter(unseen), None)
        near = [call for call in unseen if at.away_s(call, "called_at")[0] <= NEAR_S]
        return min(
            near,
            key=lambda call: (self._had_ended(as_unlock(call), at), at.away_s(call, "called_at")),
            default=None,
        )

    def _had_ended(self, unlock: Row, at: Moment) -> bool:
        """Return whether the booking of an unlock, or a call, had ended before a time."""
        ended_s = self._records.since.booking_ended_s(
            unlock, unix_s(unlock["started_at"]) - CALLED_S
        )
        return ended_s is not None and ended_s < at.at_s


def _what(column: str) -> str:
    """Return what people call what a column identifies."""
    return _CALLED.get(column, column.removesuffix("_id"))


def _is_same(one: str | None, other: str) -> bool:
    return one is not None and one.lower() == other.strip().lower()


def _is_given(row: Row, key: str, given: str) -> bool:
    """Return whether an unlock has an id; that of a car also where another got its command."""
    is_meant = key == "vehicle_id" and _is_same(row["asked_for"], given)
    return is_meant or _is_same(row[key], given)
