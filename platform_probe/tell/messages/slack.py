"""Slack's Web API. Each call is one request with the token as its file has it now.

A call is not tried again here: the outbox does that, and lets other channels go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec

from fleet_wire.config.secrets import read_secret
from fleet_wire.errors import ConfigError
from fleet_wire.web.client import NoAnswerError, NotSentError, post_once
from fleet_wire.web.exchange import JSON, HttpResponse
from fleet_wire.web.retry_after import retry_after_s
from platform_probe.settings.section import checked_url
from platform_probe.tell.messages.delivery import Failure, Trouble, short_detail
from platform_probe.tell.messages.slack_blocks import METADATA_EVENT, Content
from platform_probe.tell.messages.slack_calls import (
    Call,
    Deleted,
    DisplayPart,
    NotThere,
    Outcome,
    Posted,
    SlackThread,
)

FOUND_AMONG: Final = 200
"""Messages that are looked through for one that may have arrived."""
CLOCKS_DIFFER_S: Final = 600.0
"""Slack's clock and ours, at most [E]."""
OK: Final = 200
REDIRECT: Final = 300
TOO_MANY: Final = 429
RATE_WAIT_S: Final = 30.0
"""The wait after a 429 without `Retry-After`, which Slack always sends [E]."""
SERVER_ERROR: Final = 500
NEEDED_SCOPES: Final = ("chat:write",)
WANTED_SCOPES: Final = ("channels:history", "groups:history")
"""With these a post whose answer was lost is found, and not sent twice."""

_TOKEN_ERRORS: Final = frozenset({
    "not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired",
    "no_permission", "missing_scope", "not_allowed_token_type", "org_login_required",
    "ekm_access_denied", "team_access_not_granted", "access_denied", "two_factor_setup_required",
})  # fmt: skip
_CHANNEL_ERRORS: Final = frozenset({
    "channel_not_found", "not_in_channel", "is_archived", "restricted_action",
    "restricted_action_read_only_channel", "restricted_action_thread_only_channel",
    "restricted_action_non_threadable_channel", "restricted_action_thread_locked",
    "messages_tab_disabled", "is_inactive", "method_not_supported_for_channel_type",
})  # fmt: skip
_DELETED_ERRORS: Final = frozenset({
    "message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found",
    "cannot_reply_to_message",
})  # fmt: skip
_NO_SCOPE: Final = "missing_scope"
_RATE_ERRORS: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_SERVER_ERRORS: Final = frozenset({
    "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org",
})  # fmt: skip
"""Errors of Slack: https://docs.slack.dev/reference/methods/chat.postMessage#errors"""

RESPONSE_HOSTS: Final = ("hooks.slack.com", "hooks.slack-gov.com")
"""Hosts of Slack's response URLs; that of `api_url` is one too."""
MAX_ANSWER_BYTES: Final = 16 * 2**20
"""`FOUND_AMONG` messages of the largest size that Slack takes are smaller."""
_JSON: Final = f"{JSON}; charset=utf-8"
_FORM: Final = "application/x-www-form-urlencoded"


class TokenIdentity(NamedTuple):
    """The owner and the rights of a token."""

    team_url: str
    user: str
    scopes: tuple[str, ...]


class SlackApi:
    """Asks Slack for one thing at a time."""

    def __init__(self, *, token_file: Path, api_url: str, timeout_s: float) -> None:
        self._token_file = token_file
        self._api_url = api_url
        self._timeout_s = timeout_s

    async def check(self) -> TokenIdentity | Failure:
        """Return whose token it is."""
        answer = await self._call_method("auth.test", {}, is_form=True)
        if isinstance(answer, Failure):
            return answer
        if isinstance(answer, Deleted):
            return Failure(Trouble.BROKEN, "an answer of another method")
        scopes = answer.headers.get("x-oauth-scopes", "")
        listed = tuple(scope.strip() for scope in scopes.split(",") if scope.strip())
        return TokenIdentity(answer.data.get("url", ""), answer.data.get("user", ""), listed)

    async def reply(self, place: SlackThread, text: str) -> Outcome:
        """Post a reply that only the thread shows; it is not tried again."""
        arguments = {
            "channel": place.channel_id,
            "thread_ts": place.ts,
            "text": text,
            "unfurl_links": False,
            "unfurl_media": False,
        }
        return _posted(await self._call_method("chat.postMessage", arguments))

    async def post(self, call: Call, content: Content) -> Outcome:
        """Post a message, or a reply to one."""
        place = call.place
        is_reply = bool(place.ts)
        arguments = {
            "channel": place.channel_id or place.channel,
            "text": content.text,
            "blocks": content.blocks,
            "thread_ts": place.ts or None,
            "reply_broadcast": True if is_reply and call.part is not DisplayPart.HISTORY else None,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {
                "event_type": METADATA_EVENT,
                "event_payload": {"incident_id": place.incident_id, "post": call.marker},
            },
        }
        return _posted(await self._call_method("chat.postMessage", arguments))

    async def edit(self, call: Call, content: Content) -> Outcome:
        """Bring a message up to date."""
        place = call.place
        arguments = {
            "channel": place.channel_id,
            "ts": place.ts,
            "text": content.text,
            "blocks": content.blocks if content.blocks is not None else [],
        }
        return _posted(await self._call_method("chat.update", arguments))

    async def find(self, call: Call) -> Outcome:
        """Look for a post that may have arrived."""
        place = call.place
        begun = place.begun
        assert begun is not None  # noqa: S101 - that is what is looked for
        channel = place.channel_id or place.channel
        arguments: dict[str, Any] = {
            "channel": channel,
            "oldest": f"{begun.unix_s - CLOCKS_DIFFER_S:.6f}",
            "limit": FOUND_AMONG,
            "include_all_metadata": "true",
            "ts": place.ts or None,
        }
        method = "conversations.replies" if place.ts else "conversations.history"
        answer = await self._call_method(method, arguments, is_form=True)
        if isinstance(answer, Failure):
            may_not_look = answer.trouble is Trouble.CHANNEL or answer.detail.startswith(_NO_SCOPE)
            return NotThere(is_certain=False) if may_not_look else answer
        if isinstance(answer, Deleted):
            return NotThere()
        for one in answer.data.get("messages", ()):
            metadata = one.get("metadata") or {}
            if (metadata.get("event_payload") or {}).get("post") == call.marker:
                return Posted(channel, one["ts"])
        return NotThere()

    async def say_to(self, response_url: str, text: str) -> bool:
        """Send the person who pressed a button a message that only they see.

        Returns whether Slack has taken it; it is not tried again.
        """
        if not self._is_response_url(response_url):
            return False
        told = {"text": text, "response_type": "ephemeral", "replace_original": False}
        try:
            answer = await post_once(
                response_url,
                msgspec.json.encode(told),
                timeout_s=self._timeout_s,
                headers={"Content-Type": _JSON},
            )
        except NoAnswerError:
            return False
        return answer.status < REDIRECT

    def _is_response_url(self, url: str) -> bool:
        """Return whether a URL is Slack's: anybody with the signing secret could name any."""
        try:
            parts = urlsplit(checked_url(url))
        except ValueError:
            return False
        if parts[:2] == urlsplit(self._api_url)[:2]:
            return True
        return parts.scheme == "https" and parts.netloc in RESPONSE_HOSTS

    async def _call_method(
        self, method: str, arguments: Mapping[str, Any], *, is_form: bool = False
    ) -> _Answer | Deleted | Failure:
        """Return what Slack answers to a method. Those that only read take a form."""
        given = {name: value for name, value in arguments.items() if value is not None}
        body = urlencode(given).encode() if is_form else msgspec.json.encode(given)
        try:
            token = read_secret(self._token_file, name="token_file").strip()
            answer = await post_once(
                f"{self._api_url.rstrip('/')}/{method}",
                body,
                timeout_s=self._timeout_s,
                headers={
                    "Authorization": f"Bearer {token}",
                    "Content-Type": _FORM if is_form else _JSON,
                },
                max_answer_bytes=MAX_ANSWER_BYTES,
            )
        except ConfigError as error:
            return Failure(Trouble.TOKEN, str(error))
        except NotSentError as error:
            return Failure(Trouble.UNREACHABLE, short_detail(error))
        except NoAnswerError as error:
            return Failure(Trouble.BROKEN, short_detail(error))
        return _read(answer)


class _Answer(NamedTuple):
    """The answer of Slack to a successful call."""

    data: Mapping[str, Any]
    headers: Mapping[str, str]


def _posted(answer: _Answer | Deleted | Failure) -> Outcome:
    if isinstance(answer, Failure | Deleted):
        return answer
    if not answer.data.get("ts") or not answer.data.get("channel"):
        return Failure(Trouble.BROKEN, "an answer without ts")
    return Posted(answer.data["channel"], answer.data["ts"])


def _read(answer: HttpResponse) -> _Answer | Deleted | Failure:
    """Return what an answer says."""
    try:
        data = msgspec.json.decode(answer.body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        data = {}
    if answer.status == OK and data.get("ok") is True:
        return _Answer(data, answer.headers)
    return _said_no(answer.status, answer.headers, data)


def _said_no(  # noqa: PLR0911 - a table
    status: int, headers: Mapping[str, str], data: Mapping[str, Any]
) -> Failure | Deleted:
    """Return what an answer means that is no yes."""
    said = str(data.get("error") or f"HTTP {status}")
    detail = _detail_of(said, data)
    if status == TOO_MANY or said in _RATE_ERRORS:
        wait_s = retry_after_s(headers)
        return Failure(Trouble.RATE, detail, RATE_WAIT_S if wait_s is None else wait_s)
    if said in _TOKEN_ERRORS:
        return Failure(Trouble.TOKEN, detail)
    if said in _CHANNEL_ERRORS:
        return Failure(Trouble.CHANNEL, detail)
    if said in _DELETED_ERRORS:
        return Deleted()
    if status >= SERVER_ERROR or said in _SERVER_ERRORS:
        return Failure(Trouble.SERVER, detail, retry_after_s(headers))
    if not data:
        return Failure(Trouble.BROKEN, f"{detail}, no JSON")
    return Failure(Trouble.CONTENT, detail)


def _detail_of(said: str, data: Mapping[str, Any]) -> str:
    more = [str(data[name]) for name in ("needed", "provided") if data.get(name)]
    messages = (data.get("response_metadata") or {}).get("messages") or []
    more += [str(each) for each in messages]
    return short_detail(": ".join([said, *more]))
