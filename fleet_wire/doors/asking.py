"""Ask an HTTP API as a file describes it, and read its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from fleet_wire.contract.problems import is_error, is_refusal
from fleet_wire.contract.trace_context import TRACEPARENT
from fleet_wire.doors.form import (
    COMMAND_ID,
    LOCATION,
    AnswerForm,
    DoorForm,
    FinalMeaning,
    RequestForm,
    filled,
    filled_body,
    names_in,
    text_at,
)
from fleet_wire.web.client import HttpClient, NoAnswerError
from fleet_wire.web.exchange import JSON, HttpResponse

_SHOWN_LETTERS: Final = 200


class Reply(NamedTuple):
    """The content of one answer."""

    status: int | None
    """None: there was no answer."""
    reason: str | None
    """For the record; None where all is well."""
    command_id: str | None = None
    end: FinalMeaning | None = None
    """The meaning of its state; None: it is an error, is not final, or has no state."""
    error_class: str | None = None
    location: str | None = None

    @property
    def end_of_request(self) -> FinalMeaning | None:
        """How the request ended that it answers; None: nobody knows yet."""
        if is_refusal(self.status):
            return FinalMeaning.REFUSED
        return FinalMeaning.FAILED if is_error(self.status) else self.end


def reply_of(answer: HttpResponse, form: AnswerForm) -> Reply:
    """Return what an answer says. What is not where it should be is None."""
    try:
        body = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        body = None
    status, command_id = answer.status, text_at(body, form.command_id)
    location = answer.headers.get("Location")
    if is_error(status):
        named = (text_at(body, form.error_class) or "")[:_SHOWN_LETTERS]
        reason = f"HTTP {status} {named}".rstrip()
        return Reply(status, reason, command_id, None, named or None, location)
    state = text_at(body, form.state)
    end = form.ends.get(state or "")
    if state is None:
        reason = f"HTTP {status} without a readable state"
    else:
        reason = f"API: {state}"[:_SHOWN_LETTERS]
    return Reply(
        status, None if end is FinalMeaning.OK else reason, command_id, end, None, location
    )


class DoorApi:
    """An API that a door's form describes. Make it where the event loop runs."""

    def __init__(self, form: DoorForm) -> None:
        self._form = form
        self._client = HttpClient(form.base_url)
        poll = form.poll
        self._polled_by = () if poll is None else names_in(poll) & {COMMAND_ID, LOCATION}
        """Fields that an answer must have before the command's status can be polled."""

    async def ask(self, form: RequestForm, values: Mapping[str, str]) -> Reply:
        """Ask, and return what was answered. Raises `NoAnswerError`."""
        headers = {name: filled(value, values) for name, value in form.headers.items()}
        headers.setdefault(TRACEPARENT, values[TRACEPARENT])
        body = filled_body(form.body, values)
        if body is not None:
            headers.setdefault("Content-Type", JSON)
        path = form.path if form.path == "{location}" else filled(form.path, values, as_url=True)
        answer = await self._client.request(
            form.method,
            values[LOCATION] if path == "{location}" else path,
            timeout_s=form.timeout_s,
            headers=headers,
            body=body,
        )
        return reply_of(answer, self._form.answer)

    def can_poll(self, reply: Reply, values: dict[str, str]) -> bool:
        """Return whether the command's status can be polled, and note its address in `values`."""
        values[LOCATION] = _path_of(reply.location) or values.get(LOCATION, "")
        values[COMMAND_ID] = reply.command_id or values.get(COMMAND_ID, "")
        return self._form.poll is not None and all(values[name] for name in self._polled_by)

    async def poll(self, values: Mapping[str, str]) -> Reply:
        """Ask once for a command's status.

        An error concerns this request only: it says nothing of the command or the car.
        """
        poll = self._form.poll
        assert poll is not None  # noqa: S101 - `can_poll` has said so
        try:
            reply = await self.ask(poll, values)
        except NoAnswerError as error:
            return Reply(None, _of_asking(no_answer(error)))
        if is_error(reply.status):
            return Reply(reply.status, _of_asking(reply.reason))
        return reply

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _path_of(location: str | None) -> str | None:
    """Return the path of a Location header; of a whole URL only that: we stay with one server."""
    if location is None or location.startswith("/"):
        return location
    _, separator, rest = location.partition("://")
    return "/" + rest.partition("/")[2] if separator else f"/{location}"


def no_answer(error: NoAnswerError) -> str:
    """Return the reason of a request without an answer."""
    return f"no answer: {error}"[:_SHOWN_LETTERS]


def _of_asking(reason: str | None) -> str:
    return f"asked how far it is: {reason}"
