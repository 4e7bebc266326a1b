"""The facts that the platform's log has shown of one unlock, in any order of its lines."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from fleet_wire.contract.attempt import Attempt, Stage
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.problems import is_error

_TIME_OF: Final = {
    PlatformStep.REQUESTED: "requested_at",
    PlatformStep.HUNG_UP: "hung_up_at",
    PlatformStep.WOKEN: "woken_at",
    PlatformStep.PUBLISHED: "published_at",
    PlatformStep.ACCEPTED: "accepted_at",
}


_OF_STAGE: Final = {
    Stage.REQUESTED: "requested_at",
    Stage.API_ANSWERED: "answered_at",
    Stage.PUBLISHED: "published_at",
    Stage.BROKER_ACCEPTED: "accepted_at",
}
_OF_RECORD: Final = (
    "account_id", "distance_m", "position", "status", "problem", "endpoint", "method",
    "app_version", "api_release",
)  # fmt: skip


MAX_TOLD_OF: Final = 100
"""More requests for one unlock are no news by themselves [E]: a phone that asks without end must
not make a record each time."""


class ApiAnswer(NamedTuple):
    """An answer of the API: nobody hears it if the client has left."""

    at: float
    status: int | None
    problem: str | None
    reason: str | None


class PlatformSide(msgspec.Struct, gc=False):
    """One unlock as the platform saw it. Times are Unix seconds on the platform's clock.

    The same lines give the same, in any order and however often each comes.
    """

    request_ids: tuple[str, ...] = ()
    """One, and one more for each time that the phone tried again."""
    command_id: str | None = None
    trace_id: str | None = None
    key_digest: str | None = None
    vehicle_id: str | None = None
    booking_id: str | None = None
    account_id: str | None = None
    distance_m: float | None = None
    position: tuple[float, float] | None = None
    requested_at: float | None = None
    answered_at: float | None = None
    hung_up_at: float | None = None
    """When a client has first gone before it was answered."""
    hung_up: tuple[str, ...] = ()
    """The requests whose client has."""
    unheard: ApiAnswer | None = None
    """The answer that came too late for a client that had gone."""
    woken_at: float | None = None
    published_at: float | None = None
    sent_at: tuple[float, ...] = ()
    """Each time that the command was sent: the platform may send one again."""
    accepted_at: float | None = None
    ended_at: float | None = None
    status: int | None = None
    problem: str | None = None
    endpoint: str | None = None
    method: str | None = None
    app_version: str | None = None
    api_release: str | None = None
    outcome: str | None = None
    answer_reason: str | None = None
    end_reason: str | None = None

    def add_event(self, event: PlatformEvent) -> bool:
        """Add a line; return whether it adds anything new.

        That the phone has tried again is new, though nothing else of the unlock is.
        """
        is_tried_again = False
        if event.request_id not in self.request_ids:
            is_tried_again = 0 < len(self.request_ids) < MAX_TOLD_OF
            self.request_ids = tuple(sorted((*self.request_ids, event.request_id)))
        return self._add_event(event) or is_tried_again

    def _add_event(self, event: PlatformEvent) -> bool:
        self._take_names(event)
        step = event.event
        if step is PlatformStep.ANSWERED:
            return self._add_api_answer(event)
        if step is PlatformStep.ENDED:
            return self._add_command_end(event)
        if step is PlatformStep.UNHEARD:
            return self._unheard(ApiAnswer(event.at, event.status, event.problem, event.reason))
        if step is PlatformStep.SUPPORT_CALLED:
            return False  # it is no unlock: see `support_calls`
        name, at = _TIME_OF[step], event.at
        known = getattr(self, name)
        is_sent_again = step is PlatformStep.PUBLISHED and self._add_command_sent(event)
        is_left_now = step is PlatformStep.HUNG_UP and self._left(event)
        if known is not None and known <= at:
            return is_sent_again or is_left_now  # when a step was says the first line of it
        setattr(self, name, at)
        return True

    def merge(self, other: PlatformSide) -> None:
        """Add all facts of another: both proved to be one unlock."""
        self.request_ids = tuple(sorted({*self.request_ids, *other.request_ids}))
        self.hung_up = tuple(sorted({*self.hung_up, *other.hung_up}))
        for name in _NAMES:
            if getattr(self, name) is None:
                setattr(self, name, getattr(other, name))
        if other.command_id == self.command_id:
            self.sent_at = tuple(sorted({*self.sent_at, *other.sent_at}))
        for name in _TIME_OF.values():
            at = getattr(other, name)
            if at is not None:
                setattr(self, name, _first(getattr(self, name), at))
        if other.answered_at is not None and self._is_better(other.status, other.answered_at):
            self._set_answer(other.answered_at, other.status, other.problem, other.answer_reason)
        if other.unheard is not None:
            self._unheard(other.unheard)
        if other.ended_at is not None and other.ended_at == _first(self.ended_at, other.ended_at):
            self.ended_at = other.ended_at
            self.outcome, self.end_reason = other.outcome, other.end_reason

    @property
    def reason(self) -> str | None:
        """The error text of the box, the broker or an exception."""
        return self.end_reason or self.answer_reason

    @property
    def is_command_sent(self) -> bool:
        """Whether a command was made for it."""
        return self.command_id is not None or self.published_at is not None

    @property
    def api_answer(self) -> ApiAnswer | None:
        """The API's answer, or its likely one if it made no command and nobody learned why.

        Among several requests for one unlock, the answered one wins.
        """
        if self.answered_at is not None or self.status is not None:
            at = self.last_at if self.answered_at is None else self.answered_at
            return ApiAnswer(at, self.status, self.problem, self.answer_reason)
        return self.unheard if self.is_turned_down else None

    @property
    def is_turned_down(self) -> bool:
        """Whether the API refused or failed and made no command, even if nobody heard that."""
        status = self.status
        if status is None and self.unheard is not None:
            status = self.unheard.status
        return is_error(status) and not self.is_command_sent

    @property
    def is_left(self) -> bool:
        """Whether all clients that asked for it have hung up, so that none gets an answer."""
        return self.hung_up_at is not None and self.hung_up == self.request_ids

    @property
    def first_at(self) -> float:
        """The earliest of its times."""
        return min(self._times())

    @property
    def last_at(self) -> float:
        """The latest of its times."""
        return max(self._times())

    def _times(self) -> list[float]:
        times = (
            self.requested_at, self.answered_at, self.hung_up_at, self.woken_at,
            self.published_at, self.accepted_at, self.ended_at,
        )  # fmt: skip
        known = [at for at in times if at is not None]
        return known if self.unheard is None else [*known, self.unheard.at]

    def _take_names(self, event: PlatformEvent) -> None:  # noqa: C901
        # Written out: this runs for each line, and a loop over names takes four times as long.
        if self.command_id is None:
            self.command_id = event.command_id
        if self.trace_id is None:
            self.trace_id = event.trace_id
        if self.key_digest is None:
            self.key_digest = event.key_digest
        if self.vehicle_id is None:
            self.vehicle_id = event.vehicle_id
        if self.booking_id is None:
            self.booking_id = event.booking_id
        if self.account_id is None:
            self.account_id = event.account_id
        if self.endpoint is None:
            self.endpoint = event.endpoint
        if self.method is None:
            self.method = event.method
        if self.api_release is None:
            self.api_release = event.api_release
        if self.app_version is None:
            self.app_version = event.app_version
        if self.distance_m is None:
            self.distance_m = event.distance_m
        if self.position is None:
            self.position = event.position

    def _add_command_sent(self, event: PlatformEvent) -> bool:
        """Note when the command was sent; return whether that is new."""
        if event.at in self.sent_at or event.command_id != self.command_id:
            return False
        self.sent_at = tuple(sorted((*self.sent_at, event.at)))
        return True

    def _left(self, event: PlatformEvent) -> bool:
        """Note that a client hung up; return whether its answer was still awaited."""
        if event.request_id in self.hung_up:
            return False
        self.hung_up = tuple(sorted((*self.hung_up, event.request_id)))
        return self.answered_at is None

    def _add_api_answer(self, event: PlatformEvent) -> bool:
        if not self._is_better(event.status, event.at):
            return False
        self._set_answer(event.at, event.status, event.problem, event.reason)
        return True

    def _is_better(self, status: int | None, at: float) -> bool:
        """Return whether an answer ranks before the known one: a success first, then the earlier.

        A phone that asks again, because the first answer was lost or an error, goes by the last.
        """
        if self.answered_at is None:
            return True
        return _rank(status, at) < _rank(self.status, self.answered_at)

    def _set_answer(
        self, at: float, status: int | None, problem: str | None, reason: str | None
    ) -> None:
        self.answered_at, self.status, self.problem = at, status, problem
        self.answer_reason = reason

    def _unheard(self, said: ApiAnswer) -> bool:
        """Note an answer that nobody heard; return whether it is news: not after a command."""
        known = self.unheard
        if known is not None and _rank(known.status, known.at) <= _rank(said.status, said.at):
            return False
        self.unheard = said
        return not self.is_command_sent

    def _add_command_end(self, event: PlatformEvent) -> bool:
        if self.ended_at is not None and self.ended_at <= event.at:
            return False
        self.ended_at, self.outcome, self.end_reason = event.at, event.outcome, event.reason
        return True


def side_in(record: Attempt) -> PlatformSide:
    """Return what a record says of the platform's side of an unlock; its requests have no ids."""
    known = record.platform or None
    began_at = record.started_at + (known.clock_ahead_s or 0.0 if known else 0.0)
    side = PlatformSide(
        command_id=record.command_id,
        trace_id=record.trace_id,
        vehicle_id=(known and known.vehicle_id) or record.vehicle_id or None,
        booking_id=record.booking_id,
        requested_at=began_at,
    )
    for stage, name in _OF_STAGE.items():
        if stage in record.stages:
            setattr(side, name, began_at + record.stages[stage])
    for name in _OF_RECORD if known else ():
        setattr(side, name, getattr(known, name))
    if known and known.hung_up_s is not None:
        side.hung_up_at = began_at + known.hung_up_s
    return side


_NAMES: Final = (
    "command_id", "trace_id", "key_digest", "vehicle_id", "booking_id", "account_id",
    "endpoint", "method", "app_version", "api_release",
)  # fmt: skip


def agree(one: str | None, other: str | None) -> bool:
    """Return whether two ids may be the same; an unknown one may be any."""
    return one is None or other is None or one == other


def _first(known: float | None, at: float) -> float:
    return at if known is None or at < known else known


def _rank(status: int | None, at: float) -> tuple[bool, float]:
    """Return the rank of an answer to an unlock: successes come first, then earlier answers."""
    return is_error(status), at
