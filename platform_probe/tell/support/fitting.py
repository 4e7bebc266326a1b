"""Which unlocks of a store fit what somebody knows of one: its car, its booking, its trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fleet_wire.contract.text import Text
from platform_probe.store.duck import Duck
from platform_probe.store.reading import Source
from platform_probe.tell.support.case import LISTED
from platform_probe.tell.support.choosing import Moment
from platform_probe.tell.support.nearest import kind_of_id, nearest_texts, not_found, same_id
from platform_probe.tell.support.records import OF_CARS, Records
from platform_probe.tell.support.rows import Row, as_rows, unix_s
from platform_probe.texts.spoken_error import SpokenError, sentence_sequence, spoken_error

_TOLD_OF: Final = {
    "attempt_id": (("complaints", "complaint_id"),),
    "command_id": (("platform_events", "command_id"),),
    "booking_id": (("platform_events", "booking_id"), ("complaints", "booking_id")),
    "account_id": (("platform_events", "account_id"), ("complaints", "account_id")),
    "trace_id": (("platform_events", "trace_id"),),
}
"""Other places of an id besides the unlocks: table and column."""
_BY_PLATFORM: Final = ("account_id", "trace_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockQuery:
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


class Fits:
    """The questions for the unlocks that fit, over one database.

    `wanted` has ids as the store writes them, once they were looked for.
    """

    def __init__(self, source: Source, duck: Duck, records: Records, wanted: UnlockQuery) -> None:
        self._source = source
        self._duck = duck
        self._records = records
        self.wanted = wanted

    def vehicle(self) -> str | None:
        """Return the car that is asked for, as the store writes it. Raises `ConfigError`."""
        wanted = self.wanted.vehicle
        if wanted is None:
            return None
        if self._records.knows_car(wanted):
            return wanted
        cars = [
            row[0]
            for row in self._duck.run(
                " UNION ".join(f"SELECT vehicle_id FROM {table}" for table in OF_CARS)
                + " UNION SELECT asked_for FROM attempts"
            )
            if row[0]
        ]
        found = same_id(wanted, cars)
        if found is None and self._is_known_later("vehicle_id", wanted):
            return wanted  # nothing was known of it then, and that is told
        if found is None:
            raise SpokenError(not_found(kind_of_id("vehicle_id"), wanted, cars))
        return found

    def _is_known_later(self, name: str, value: str) -> bool:
        """Return whether something has an id that was not known yet as of the time asked about."""
        if self._source.as_of_s is None:
            return False
        tables = ("attempts", *(OF_CARS if name == "vehicle_id" else ()))
        columns = [*((table, name) for table in tables), *_TOLD_OF.get(name, ())]
        whole = Source(self._source.directory)
        return (
            whole.read(lambda duck: same_id(value, nearest_texts(value, columns, duck))) is not None
        )

    def _car_under_way(self, attempt_id: str) -> str | None:
        """Return the car of an unlock that had begun by the time asked about, and not ended."""
        begun = "SELECT vehicle_id FROM attempts WHERE lower(attempt_id) = $id"
        begun += " AND epoch(started_at) <= $as_of"
        its = {"id": attempt_id.strip().lower(), "as_of": self._source.as_of_s}
        found = Source(self._source.directory).read(lambda duck: duck.run(begun, its))
        return next((row[0] for row in found), None)

    def unlocks(self, vehicle: str | None) -> list[Row]:
        """Return the unlocks that fit, the last one first.

        None where it is under way: then its car is `wanted`. Raises `ConfigError` that names the
        nearest ids.
        """
        ids = self.wanted.ids
        if not ids:
            is_its = "vehicle_id = $car OR asked_for = $car"
            return self._records.rows("attempts", is_its, {"car": vehicle}, "started_at DESC")
        (name, value), *rest = ids.items()
        its = self._with_id(name, value)
        if name == "account_id":
            its = self._with_unnamed(its)
        also = dict(rest) if vehicle is None else {**dict(rest), "vehicle_id": vehicle}
        if "account_id" in also:
            its = [self.with_account(row) for row in its]
        fitting = [
            row for row in its if all(_has_given_id(row, key, given) for key, given in also.items())
        ]
        if its and not fitting:
            key, given = next(pair for pair in also.items() if not _has_given_id(its[0], *pair))
            theirs = its[0][key]
            raise spoken_error(
                "find.of_none" if theirs is None else "find.of_another",
                kind=kind_of_id(name),
                id=value,
                other=kind_of_id(key),
                theirs=theirs or "",
                given=given,
            )
        return fitting

    def _with_id(self, name: str, value: str) -> list[Row]:
        """Return the unlocks with an id, in whatever letters it was written.

        The result is empty if only the platform's log or a complaint has it. The id of a call, or
        of a booking that its app forgot, gives the related unlocks. Raises `ConfigError` where
        nothing has the id, with the nearest.
        """
        for written in dict.fromkeys((value, value.strip(), value.strip().lower())):
            if its := [row for row in self._find_rows(written) if row[name] == written]:
                self._set(name, written)
                return its
            if name == "command_id" and (its := self._called_by_api(written)):
                return its
            if self._has_id_elsewhere(name, written):
                self._set(name, written)
                if name == "booking_id":
                    return self._records.unlocks_of_calls(written)
                before = self._of_call() if name == "attempt_id" else None
                return [] if before is None else self._with_id(name, before)
        others = nearest_texts(value, [("attempts", name), *_TOLD_OF[name]], self._duck)
        meant = same_id(value, others)
        if meant is None and self._is_known_later(name, value):
            if name == "attempt_id" and (car := self._car_under_way(value)) is not None:
                self.wanted = replace(self.wanted, vehicle=car)
                return []
            raise spoken_error("find.not_yet", kind=kind_of_id(name), id=value)
        if meant is None:
            more = (*self._is_another(value), *self._is_told_by_none(name))
            raise SpokenError(sentence_sequence(not_found(kind_of_id(name), value, others), *more))
        self._set(name, meant)
        return [row for row in self._find_rows(meant) if row[name] == meant]

    def _with_unnamed(self, its: Sequence[Row]) -> list[Row]:
        """Return a customer's unlocks with those of their bookings that name nobody, last first.

        A request that the platform answers and forgets is in its log without an account.
        """
        account_id = self.wanted.ids["account_id"]
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

    def with_account(self, attempt: Row) -> Row:
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

    def _find_rows(self, value: str) -> list[Row]:
        return as_rows(self._source.find(self._duck, value))

    def _called_by_api(self, command_id: str) -> list[Row]:
        """Return the unlocks whose command an API calls so, the last one first.

        On the wires of some fleets its car and its client stand before it; there other cars may
        have had the same.
        """
        is_its = "ends_with(command_id, $end)"
        end = {"end": f"/{command_id}"}
        return self._records.rows("attempts", is_its, end, "started_at DESC")

    def _set(self, name: str, value: str) -> None:
        """Ask for an id as the store has it from now on."""
        field = {"attempt_id": "attempt", "booking_id": "booking", "account_id": "customer"}
        changed = {field.get(name, name.removesuffix("_id")): value}
        self.wanted = replace(self.wanted, **changed)  # type: ignore[arg-type]

    def _is_another(self, value: str) -> Iterator[Text]:
        """Yield what else has this id, where it was asked for as something that it is not."""
        found = next(iter(self._find_rows(value)), {})
        if name := next((name for name in _TOLD_OF if found.get(name) == value), None):
            option = "customer" if name == "account_id" else name.removesuffix("_id")
            yield Text(key="find.another_kind", values={"option": option})

    def _is_told_by_none(self, name: str) -> Iterator[Text]:
        """Yield that an id is nowhere, where only a log of the platform would have it."""
        if name in _BY_PLATFORM and not self.has_platform_log():
            yield Text(key="find.no_log")

    def has_platform_log(self) -> bool:
        """Return whether there is any log of the platform."""
        return bool(self._duck.run("SELECT 1 FROM platform_events LIMIT 1"))

    def _has_id_elsewhere(self, name: str, value: str) -> bool:
        """Return whether something else has an id of which there is no unlock.

        The platform's log, or a complaint, which is diagnosed under an id of its own.
        """
        return any(
            self._duck.run(f"SELECT 1 FROM {table} WHERE {column} = $id LIMIT 1", {"id": value})
            for table, column in _TOLD_OF[name]
        )

    def _of_call(self) -> str | None:
        """Return the last unlock before a call, where `--attempt` is that of the call."""
        ids = {"id": self.wanted.attempt}
        calls = self._records.rows("complaints", "complaint_id = $id", ids, "called_at")
        return next((call["attempts"][-1] for call in calls if call["attempts"]), None)


def _is_same_unlock(one: str | None, other: str) -> bool:
    return one is not None and one.lower() == other.strip().lower()


def _has_given_id(row: Row, key: str, given: str) -> bool:
    """Return whether an unlock has an id; that of a car also where another got its command.

    That of a command also as an API calls it, see `Fits`.
    """
    is_meant = key == "vehicle_id" and _is_same_unlock(row["asked_for"], given)
    if key == "command_id" and row[key] is not None:
        is_meant = _is_same_unlock(row[key].rpartition("/")[2], given)
    return is_meant or _is_same_unlock(row[key], given)
