"""Slack's Web API. No other module knows slack-sdk.

The SDK's own retries are off: its handlers sleep within a call, while the outbox lets other
channels go on. Each call is one request with the token as its file has it now.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from fleet_wire.config.secrets import read_secret
from fleet_wire.contract.problems import FIRST_ERROR_STATUS
from fleet_wire.errors import ConfigError
from fleet_wire.shown import on_one_line, shortened
from fleet_wire.web.retry_after import retry_after_s
from platform_probe.outputs.messages.delivery import Failure, Trouble
from platform_probe.outputs.messages.slack_blocks import METADATA_EVENT, Content
from platform_probe.outputs.messages.slack_calls import (
    Call,
    Deleted,
    NotThere,
    Outcome,
    Part,
    Posted,
)

FOUND_AMONG: Final = 200
"""Messages that are looked through for one that may have arrived."""
CLOCKS_DIFFER_S: Final = 600.0
"""Slack's clock and ours, at most [E]."""
MAX_DETAIL: Final = 200
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
"""What Slack says: https://docs.slack.dev/reference/methods/chat.postMessage#errors"""

_SENT_NOTHING: Final = ("ClientConnectorError", "ClientConnectorDNSError", "ConnectionTimeoutError",
                        "ClientConnectorCertificateError", "ClientConnectorSSLError",
                        "ClientProxyConnectionError")  # fmt: skip
"""aiohttp's errors of a request that never left."""


class Checked(NamedTuple):
    """Who a token belongs to, and what it may."""

    team_url: str
    user: str
    scopes: tuple[str, ...]


class SlackApi:
    """Asks Slack for one thing at a time."""

    def __init__(self, *, token_file: Path, api_url: str, timeout_s: float) -> None:
        self._token_file = token_file
        self._api_url = api_url
        self._timeout_s = timeout_s
        logger = logging.getLogger("slack_sdk")
        logger.setLevel(logging.ERROR)  # what goes wrong is told by the outcome
        self._logger = logger
        self._client = self._new_client(None)

    async def check(self) -> Checked | Failure:
        """Return whose token it is."""
        answer = await self._asked(lambda client: client.auth_test())
        if isinstance(answer, Failure):
            return answer
        scopes = answer.headers.get("x-oauth-scopes", answer.headers.get("X-OAuth-Scopes", ""))
        listed = tuple(scope.strip() for scope in scopes.split(",") if scope.strip())
        return Checked(answer.data.get("url", ""), answer.data.get("user", ""), listed)

    async def post(self, call: Call, content: Content) -> Outcome:
        """Post a message, or a reply to one."""
        place = call.place
        is_reply = bool(place.ts)
        answer = await self._asked(
            lambda client: client.chat_postMessage(
                channel=place.channel_id or place.channel,
                text=content.text,
                blocks=content.blocks,
                thread_ts=place.ts or None,
                reply_broadcast=True if is_reply and call.part is not Part.HISTORY else None,
                unfurl_links=False,
                unfurl_media=False,
                metadata={
                    "event_type": METADATA_EVENT,
                    "event_payload": {"incident_id": place.incident_id, "post": call.marker},
                },
            )
        )
        return _posted(answer)

    async def edit(self, call: Call, content: Content) -> Outcome:
        """Bring a message up to date."""
        place = call.place
        answer = await self._asked(
            lambda client: client.chat_update(
                channel=place.channel_id,
                ts=place.ts,
                text=content.text,
                blocks=content.blocks if content.blocks is not None else [],
            )
        )
        return _posted(answer)

    async def find(self, call: Call) -> Outcome:
        """Look for a post that may have arrived."""
        place = call.place
        begun = place.begun
        assert begun is not None  # noqa: S101 - that is what is looked for
        channel = place.channel_id or place.channel
        common: dict[str, Any] = {
            "channel": channel,
            "oldest": f"{begun.unix_s - CLOCKS_DIFFER_S:.6f}",
            "limit": FOUND_AMONG,
            "include_all_metadata": True,
        }
        answer = await self._asked(
            lambda client: (
                client.conversations_replies(ts=place.ts, **common)
                if place.ts
                else client.conversations_history(**common)
            )
        )
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
        """Tell the person who pressed a button something that only they see.

        Returns whether Slack has taken it; it is not tried again.
        """
        client = AsyncWebhookClient(
            response_url, timeout=max(1, round(self._timeout_s)), retry_handlers=[],
            logger=self._logger,
        )  # fmt: skip
        with suppress(Exception):  # what aiohttp raises is aiohttp's
            answer = await client.send(text=text, response_type="ephemeral", replace_original=False)
            return answer.status_code < FIRST_ERROR_STATUS
        return False

    async def _asked(self, request: Callable[[AsyncWebClient], Awaitable[Any]]) -> Any:
        """Return Slack's answer, `Deleted`, or a `Failure`."""
        try:
            self._client.token = read_secret(self._token_file, name="token_file").strip()
            return await request(self._client)
        except ConfigError as error:
            return Failure(Trouble.TOKEN, str(error))
        except SlackApiError as error:
            return _said_no(error)
        except (json.JSONDecodeError, UnicodeDecodeError, TimeoutError) as error:
            return Failure(Trouble.BROKEN, _detail(error))
        except Exception as error:  # noqa: BLE001 - what aiohttp raises is aiohttp's
            name = type(error).__name__
            trouble = Trouble.UNREACHABLE if name in _SENT_NOTHING else Trouble.BROKEN
            return Failure(trouble, _detail(error))

    def _new_client(self, token: str | None) -> AsyncWebClient:
        return AsyncWebClient(
            token=token,
            base_url=self._api_url,
            timeout=max(1, round(self._timeout_s)),
            retry_handlers=[],
            logger=self._logger,
        )


def _posted(answer: Any) -> Outcome:
    if isinstance(answer, Failure | Deleted):
        return answer
    data = answer.data if isinstance(answer.data, dict) else {}
    if not data.get("ts") or not data.get("channel"):
        return Failure(Trouble.BROKEN, "an answer without ts")
    return Posted(data["channel"], data["ts"])


def _said_no(error: SlackApiError) -> Failure | Deleted:  # noqa: PLR0911 - a table
    """Return what an answer means that is no yes."""
    response = error.response
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    headers: Mapping[str, str] = getattr(response, "headers", None) or {}
    data = getattr(response, "data", None)
    data = data if isinstance(data, dict) else {}
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
    return shortened(on_one_line(": ".join([said, *more])), MAX_DETAIL)


def _detail(error: BaseException) -> str:
    return shortened(on_one_line(f"{type(error).__name__}: {error}"), MAX_DETAIL)
