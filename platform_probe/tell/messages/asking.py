"""Requests of people about incidents: buttons in Slack, and posts of a command.

Both are checked before they are read: a forged one is answered 401, and counted.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Final
from urllib.parse import parse_qs

import msgspec

from fleet_wire.clock import Clock
from fleet_wire.contract.incident import ActionKind, IncidentAction
from fleet_wire.contract.label import Label
from fleet_wire.contract.problems import CONTENT_TYPE as PROBLEM_JSON
from fleet_wire.contract.text import Text
from fleet_wire.errors import ConfigError
from fleet_wire.modes.catalogue import TITLES
from fleet_wire.quantities import LONGEST_S
from fleet_wire.web.bearer import has_token
from fleet_wire.web.exchange import (
    JSON,
    BodyTooLargeError,
    HttpRequest,
    HttpResponse,
    UnreadableBodyError,
)
from platform_probe.settings.messages import LABELS_PATH, WHAT_IFS_PATH
from platform_probe.tell.messages.metrics import RequestEnd
from platform_probe.tell.messages.slack_blocks import (
    ACTION_ACKNOWLEDGE,
    ACTION_MUTE,
    ACTION_UNMUTE,
    MUTE_S,
)
from platform_probe.tell.what_if import WhatIfPost
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.spoken_error import no_mode

MAX_ASKED_BYTES: Final = 262_144
"""Slack sends the whole message along, of 13,000 characters in JSON within a form."""
MAX_AGE_S: Final = 300.0
"""https://docs.slack.dev/authentication/verifying-requests-from-slack"""
EARLIER_S: Final = 5.0
"""Slack's clock may be so far behind ours when this process begins [E]. A press that is older went
to an earlier process."""
_UNSIGNED: Final = "not signed: X-Slack-Request-Timestamp or X-Slack-Signature is missing"
_KINDS: Final = {
    ACTION_ACKNOWLEDGE: ActionKind.ACKNOWLEDGE,
    ACTION_MUTE: ActionKind.MUTE,
    ACTION_UNMUTE: ActionKind.UNMUTE,
}

NOT_DONE: Final = Text(key="slack.not_done")
NO_STORE: Final = Text(key="asked.keeps_no_labels")
_WRONG_TOKEN: Final = Text(key="asked.wrong_token")
Act = Callable[[IncidentAction], bool]
"""Does it; returns whether there is such an incident, to which it can be done."""
KeepLabel = Callable[[Label], bool]
"""Keeps it; returns whether this monitor keeps labels at all."""
PostWhatIf = Callable[[WhatIfPost], Awaitable[Text | None]]
"""Tells of a what-if in the incident's thread; returns why it could not."""
Count = Callable[[RequestEnd], None]
SayTo = Callable[[str, str], Awaitable[bool]]
"""Tells who pressed, by the response URL of the press; returns whether Slack has taken it."""
Complain = Callable[..., None]
"""Logs an event with a kind and fields, at a limited rate."""


class _User(msgspec.Struct):
    id: str = ""
    username: str = ""
    name: str = ""


class _ButtonPress(msgspec.Struct):
    action_id: str = ""
    value: str = ""


class _Payload(msgspec.Struct):
    """The part of an interaction that is used.

    https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    """

    type: str = ""
    user: _User = msgspec.field(default_factory=_User)
    actions: list[_ButtonPress] = []
    response_url: str = ""


class _CommandRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A command's request."""

    incident_id: str
    kind: ActionKind
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    reason: Annotated[str, msgspec.Meta(max_length=500)] | None = None
    seconds: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_S)] | None = None
    """How long to mute."""


_Post = WhatIfPost | Label | _CommandRequest


class _Answers:
    """Handlers of requests that count how each ended."""

    def __init__(self, act: Act, count: Count, clock: Clock) -> None:
        self._act = act
        self._count = count
        self._clock = clock

    def _reply(self, end: RequestEnd, status: int, detail: str) -> HttpResponse:
        self._count(end)
        return _problem(status, detail)


class Buttons(_Answers):
    """Answers presses of a message's buttons."""

    def __init__(
        self,
        *,
        secret: Callable[[], str],
        act: Act,
        count: Count,
        say_to: SayTo,
        complain: Complain,
        clock: Clock,
        speaker: Speaker,
    ) -> None:
        super().__init__(act, count, clock)
        self._not_done = speaker.say(NOT_DONE)
        self._secret = secret
        self._say_to = say_to
        self._complain = complain
        self._saying: set[asyncio.Future[None]] = set()
        self._begun_s = clock.unix_s()
        self._pressed_until: dict[str, float] = {}
        """Signatures of presses that came, and until when they could come again."""

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer one press: at once, as Slack waits for 3 s."""
        if refused := _wrong_method(request):
            return refused
        body = await _body_of(request)
        if body is None:
            return self._reply(RequestEnd.UNREADABLE, 400, "unreadable body")
        return self._refused(request, body) or self._handle_press(body)

    def _refused(self, request: HttpRequest, body: bytes) -> HttpResponse | None:
        """Return the refusal of a post that is no press or came before; None for a new press."""
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        if not timestamp or not signature:
            return self._reply(RequestEnd.FORGED, 401, _UNSIGNED)
        try:
            is_genuine = is_signed(
                self._secret(),
                body,
                timestamp=timestamp,
                signature=signature,
                unix_s=self._clock.unix_s(),
            )
        except ConfigError as error:
            return self._reply(RequestEnd.FORGED, 503, f"the signing secret: {error}")
        if not is_genuine:
            return self._reply(RequestEnd.FORGED, 401, "the signature is wrong or too old")
        if self._has_come(signature, float(timestamp)):
            return self._reply(RequestEnd.REPEATED, 401, "this press has come before")
        return None

    def _has_come(self, signature: str, pressed_s: float) -> bool:
        """Note a press; return whether it came before, to this process or an earlier one."""
        if pressed_s < self._begun_s - EARLIER_S or signature in self._pressed_until:
            return True
        now_s = self._clock.unix_s()
        until = self._pressed_until
        self._pressed_until = {name: at_s for name, at_s in until.items() if at_s >= now_s}
        self._pressed_until[signature] = pressed_s + MAX_AGE_S
        return False

    def _handle_press(self, body: bytes) -> HttpResponse:
        try:
            form = parse_qs(body.decode(), max_num_fields=10)
            payload = msgspec.json.decode(form["payload"][0], type=_Payload)
        except (UnicodeDecodeError, ValueError, KeyError, msgspec.MsgspecError):
            return self._reply(RequestEnd.UNREADABLE, 400, "no payload of Slack")
        pressed = payload.actions[0] if payload.actions else _ButtonPress()
        kind = _KINDS.get(pressed.action_id)
        if payload.type != "block_actions" or kind is None or not pressed.value:
            return HttpResponse(200, b"")  # a link button, or one of another version
        at = self._clock.unix_s()
        user = payload.user
        action = IncidentAction(
            incident_id=pressed.value,
            kind=kind,
            by=user.username or user.name or user.id or "somebody in Slack",
            at=at,
            until=at + MUTE_S if kind is ActionKind.MUTE else None,
        )
        if self._act(action):
            self._count(RequestEnd.TAKEN)
            return HttpResponse(200, b"")
        self._count(RequestEnd.UNKNOWN)
        saying = asyncio.ensure_future(self._say_not_done(action, payload.response_url))
        self._saying.add(saying)
        saying.add_done_callback(self._saying.discard)
        return HttpResponse(200, f"{self._not_done}\n".encode())

    async def _say_not_done(self, action: IncidentAction, response_url: str) -> None:
        """Report to the person who pressed that nothing was done.

        Slack ignores the text of the answer.
        https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
        """
        is_told = bool(response_url) and await self._say_to(response_url, self._not_done)
        self._complain(
            "press_in_vain",
            action.kind.value,
            incident_id=action.incident_id,
            by=action.by,
            is_told=is_told,
        )


class Actions(_Answers):
    """Answers `platform-probe incidents ack` and its like, labels of unlocks, and what-ifs."""

    def __init__(
        self,
        *,
        token: Callable[[], str],
        act: Act,
        keep_label: KeepLabel,
        post_what_if: PostWhatIf,
        count: Count,
        clock: Clock,
        speaker: Speaker,
    ) -> None:
        super().__init__(act, count, clock)
        self._say = speaker.say
        self._token = token
        self._keep_label = keep_label
        self._post_what_if = post_what_if

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        if refused := _wrong_method(request):
            return refused
        try:
            token = self._token()
        except ConfigError as error:
            return self._reply(RequestEnd.FORGED, 503, f"the token: {error}")
        if not has_token(request, token):
            return self._reply(RequestEnd.FORGED, 401, self._say(_WRONG_TOKEN))
        try:
            kind: type[_Post] = _POSTS.get(request.path, _CommandRequest)
            asked = msgspec.json.decode(await _body_of(request) or b"", type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return self._reply(RequestEnd.UNREADABLE, 400, str(error))
        return await self._handle_post(asked)

    async def _handle_post(self, asked: _Post) -> HttpResponse:
        body, problem = b"{}", None
        if isinstance(asked, WhatIfPost):
            problem = await self._post_what_if(asked)
        elif isinstance(asked, Label):
            if asked.mode is not None and asked.mode not in TITLES:
                return self._reply(RequestEnd.UNREADABLE, 400, self._say(no_mode(asked.mode)))
            is_kept = self._keep_label(msgspec.structs.replace(asked, at=self._clock.unix_s()))
            problem = None if is_kept else NO_STORE
        else:
            action = self._action_of(asked)
            if (action.until is None) is (asked.kind is ActionKind.MUTE):
                needs = "a mute needs `seconds`, nothing else does"
                return self._reply(RequestEnd.UNREADABLE, 400, needs)
            body, problem = msgspec.json.encode(action), None if self._act(action) else NOT_DONE
        if problem is not None:
            return self._reply(RequestEnd.UNKNOWN, 409, self._say(problem))
        self._count(RequestEnd.TAKEN)
        return HttpResponse(200, body, JSON)

    def _action_of(self, asked: _CommandRequest) -> IncidentAction:
        at = self._clock.unix_s()
        return IncidentAction(
            incident_id=asked.incident_id,
            kind=asked.kind,
            by=asked.by,
            at=at,
            reason=asked.reason,
            until=None if asked.seconds is None else at + asked.seconds,
        )


_POSTS: Final[dict[str, type[_Post]]] = {
    WHAT_IFS_PATH: WhatIfPost,
    LABELS_PATH: Label,
}
"""What is posted to each path; to any other an action on an incident."""


def is_signed(secret: str, body: bytes, *, timestamp: str, signature: str, unix_s: float) -> bool:
    """Return whether Slack has signed a request within the last five minutes (scheme v0)."""
    if not (timestamp.isascii() and timestamp.isdecimal()) or len(timestamp) > 12:  # noqa: PLR2004
        return False
    if abs(unix_s - int(timestamp)) > MAX_AGE_S:
        return False
    signed = f"v0:{timestamp}:".encode() + body
    expected = f"v0={hmac.digest(secret.strip().encode(), signed, 'sha256').hex()}"
    return hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))


async def _body_of(request: HttpRequest) -> bytes | None:
    try:
        return await request.body()
    except (BodyTooLargeError, UnreadableBodyError):
        return None


def _wrong_method(request: HttpRequest) -> HttpResponse | None:
    if request.method == "POST":
        return None
    return HttpResponse(405, b"405: method not allowed\n", headers={"Allow": "POST"})


def _problem(status: int, detail: str) -> HttpResponse:
    titles = {401: "Unauthorized", 409: "Cannot be done", 503: "Not set up"}
    problem = {
        "type": "about:blank", "title": titles.get(status, "Bad request"), "status": status,
        "detail": detail,
    }  # fmt: skip
    return HttpResponse(status, msgspec.json.encode(problem), PROBLEM_JSON)
