"""An unlock looked up in a store, by whatever is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from fleet_wire.contract.causes import Cause
from platform_probe.store.duck import Duck
from platform_probe.store.reading import ALWAYS, Source, Span
from platform_probe.tell.support.case import AFTER_S, BEFORE_S, LISTED, Case
from platform_probe.tell.support.choosing import (
    Choice,
    ChoiceReason,
    Moment,
    is_call_meant,
    likely_meant,
    went_wrong,
    why_chosen,
)
from platform_probe.tell.support.cohorts import search_around, similar_failures
from platform_probe.tell.support.fitting import Fits, UnlockQuery
from platform_probe.tell.support.incident_rows import as_unlock
from platform_probe.tell.support.naming import modes_sql, with_modes
from platform_probe.tell.support.records import CALLED_S, records_of
from platform_probe.tell.support.rows import Row, as_rows, unix_s
from platform_probe.tell.support.waiting_calls import waiting_call

NEAR_S: Final = 900.0
"""Around `--at`: a customer who calls remembers it to the quarter of an hour."""


def look_up(source: Source, wanted: UnlockQuery, newest_s: float | None = None) -> Case:
    """Return the case, by default with the newest record of the source as the present.

    Raises `ConfigError` that names the nearest ids where nothing fits.
    """

    def work(duck: Duck) -> Case:
        now_s = source.newest_s(duck=duck) if newest_s is None else newest_s
        return look_up_in(duck, source, wanted, now_s)

    case = source.read(work)
    around = Span(case.at_s - BEFORE_S, case.at_s + AFTER_S)
    if source.is_away(around):
        case = source.read(work, around)
    return replace(case, is_as_of=source.as_of_s is not None)


def look_up_in(duck: Duck, source: Source, wanted: UnlockQuery, newest_s: float) -> Case:
    """Return the case from a database of this source that is open already, as `look_up` does."""
    return _Lookup(source, duck, wanted, newest_s).case()


class _Lookup:
    """The questions for one case, over one database."""

    def __init__(self, source: Source, duck: Duck, wanted: UnlockQuery, newest_s: float) -> None:
        self._source = source
        self._duck = duck
        self._records = records_of(duck)
        self._fits = Fits(source, duck, self._records, wanted)
        self._newest_s = newest_s

    @property
    def _query(self) -> UnlockQuery:
        return self._fits.wanted

    def case(self) -> Case:
        vehicle, since_s = self._fits.vehicle(), self._query.since_s
        records = self._fits.unlocks(vehicle)
        vehicle = vehicle or self._query.vehicle  # by then that of an unlock that is under way
        in_time = [
            each for each in records if since_s is None or unix_s(each["started_at"]) >= since_s
        ]
        records = in_time or records  # where none is, those before are listed
        fitting = self._as_believed(records)
        chosen = self._chosen(fitting) if in_time else None
        call = self._call(vehicle)
        if call is not None and self._is_about_call(call, chosen, fitting):
            case = self._with_others(
                self._records.case_of_call(call, self._newest_s), as_unlock(call)
            )
            return replace(case, others=fitting[:LISTED])
        if chosen is None:
            at_s, since_s = self._time_in_question()
            return Case(
                vehicle_id=vehicle,
                attempt=None,
                at_s=at_s,
                since_s=since_s,
                newest_s=self._newest_s,
                records_begin_s=(self._source.recorded() or ALWAYS).since_s,
                has_platform_log=self._fits.has_platform_log(),
                others=fitting[:LISTED],
                **(
                    self._told_of_ids(None)
                    if vehicle is None
                    else self._records.surroundings(
                        vehicle,
                        at_s if since_s is None else since_s + BEFORE_S,  # from then on
                        max(at_s, since_s or at_s),
                    )
                ),
            )
        attempt = records[fitting.index(chosen)]
        case = self._records.case_of(attempt, self._newest_s)
        if case.vehicle_id is None:
            case = replace(case, **self._told_of_ids(attempt))
        return replace(
            self._with_others(case, attempt),
            attempt=self._fits.with_account(attempt),
            others=[each for each in fitting if each is not chosen][:LISTED],
            which=self._choose(chosen, fitting),
        )

    def _with_others(self, case: Case, unlock: Row) -> Case:
        """Return a case with who else has it: of the booking, of its incidents, of its time."""
        cause, ended_s = unlock["cause"], case.booking_ended_s
        return replace(
            case,
            booked_since=self._booked_since(unlock, ended_s),
            incidents=self._records.incidents(unlock, case.believed),
            finding=None
            if cause is None
            else search_around(
                self._duck, case.at_s, similar_failures(Cause(cause), case.believed)
            ),
        )

    def _time_in_question(self) -> tuple[float, float | None]:
        """Return the time that is asked about, and since when, where that is asked alone."""
        at, since_s = self._query.at, self._query.since_s
        return (self._newest_s, since_s) if at is None else (at.at_s, None)

    def _booked_since(self, unlock: Row, ended_s: float | None) -> Row | None:
        """Return who else has booked the car since a booking ended: perhaps it is they who call."""
        at = self._query.at
        if ended_s is None or self._query.ids:
            return None
        until_s = self._newest_s if at is None else at.at_s + at.lasts_s
        return self._records.booked_by_another(unlock, ended_s, until_s)

    # Which unlock

    def _chosen(self, fitting: Sequence[Row]) -> Row | None:
        """Return the one that is meant: by time, else the last that went wrong, else the last."""
        at = self._query.at
        if at is not None:
            return at.nearest_of(each for each in fitting if at.away_s(each)[0] <= NEAR_S)
        return likely_meant(fitting)

    def _is_about_call(self, call: Row, chosen: Row | None, fitting: Sequence[Row]) -> bool:
        """Return whether a call about an unlock that nobody saw is meant, and not an unlock."""
        at = self._query.at
        if chosen is None:
            return True
        if at is None:
            return is_call_meant(call, chosen, why_chosen(chosen, fitting))
        if self._had_ended(as_unlock(call), at) and not self._had_ended(chosen, at):
            return False  # the car was another customer's by then
        return not went_wrong(chosen) or at.away_s(call, "called_at") < at.away_s(chosen)

    def _choose(self, chosen: Row, fitting: Sequence[Row]) -> Choice:
        """Return which of all that fit was chosen."""
        at, why = self._query.at, why_chosen(chosen, fitting)
        if at is not None:
            is_nearest = at.away_s(chosen) == min(map(at.away_s, fitting))
            why = ChoiceReason.NEAREST if is_nearest else ChoiceReason.NEAREST_WRONG
        return Choice(why, len(fitting) - fitting.index(chosen), len(fitting))

    def _as_believed(self, fitting: Sequence[Row]) -> Sequence[Row]:
        """Return several unlocks with the mode that each is believed to have had by now."""
        if len(fitting) < 2:  # noqa: PLR2004 - there is nothing to choose from
            return fitting
        found = self._duck.query(modes_sql("diagnoses", fitting), {}, limit=len(fitting))
        return with_modes(fitting, as_rows(found))

    # Surroundings

    def _told_of_ids(self, attempt: Row | None) -> dict[str, Any]:
        """Return the log lines of the ids that are known, where no car is."""
        ids = {
            "trace": self._query.trace if attempt is None else attempt["trace_id"],
            "booking": self._query.booking if attempt is None else attempt["booking_id"],
            "account": self._query.customer if attempt is None else None,
        }
        is_its = "trace_id = $trace OR booking_id = $booking OR account_id = $account"
        return {"events": self._records.rows("platform_events", is_its, ids, "logged_at")}

    def _call(self, car: str | None) -> Row | None:
        """Return the call about an unlock that nobody saw: the nearest to the time, else the last.

        A trace or a command belongs to an observed unlock.
        """
        wanted = self._query
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
        ended_s = self._records.booking_ended_s(unlock, unix_s(unlock["started_at"]) - CALLED_S)
        return ended_s is not None and ended_s < at.at_s
