"""A provider of OpenID Connect over HTTP: what it says of itself, its keys, codes for tokens.

Its metadata is requested every minute. So its state is known before anybody wants to sign in, and
changed keys are known when they are used.
"""

from __future__ import annotations

import asyncio
import math
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from fleet_wire.config.secrets import read_secret
from fleet_wire.web.client import HttpClient, NoAnswerError
from fleet_wire.web.exchange import HttpResponse
from platform_probe.settings.console import OidcSettings, is_trustworthy
from platform_probe.web.console.id_tokens import (
    Claims,
    Keys,
    UnknownKeyError,
    WrongKeysError,
    WrongTokenError,
    claim_at,
    claims_of,
)

EVERY_S: Final = 60.0
"""The interval of requests, also while nobody signs in."""
ASKED_S: Final = 2.0
"""The life of an answer, or of a failure: many who want to sign in ask once."""
TIMEOUT_S: Final = 5.0
KEYS_AGAIN_S: Final = 10.0
"""Keys that are younger are not asked for again, whatever a token names."""
OK: Final = 200
BAD_REQUEST: Final = 400
MAX_SAID: Final = 200
_OF_CLIENT: Final = ("invalid_client", "unauthorized_client")
"""Errors that mean wrong settings, and no wrong code."""
DISCOVERY: Final = "/.well-known/openid-configuration"
_T = TypeVar("_T")


class ProviderDownError(Exception):
    """The provider cannot be reached, or answers what it should not; says what."""


class CodeRefusedError(Exception):
    """The provider gives nothing for this code; says why."""


class Metadata(msgspec.Struct, frozen=True):
    """The metadata of a provider (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str | None = None


class Provider:
    """The provider. Make it where the event loop runs.

    `on_change` gets the reason when it goes away, and None when it returns.
    """

    def __init__(self, settings: OidcSettings, on_change: Callable[[str | None], None]) -> None:
        """Read the client's secret. Raises `ConfigError` where that cannot be read."""
        self._settings = settings
        self._on_change = on_change
        path = settings.client_secret_file
        self._secret = (
            None if path is None else read_secret(path, name="console.oidc.client_secret_file")
        )
        self._clients: dict[str, HttpClient] = {}
        self._metadata: Metadata | None = None
        self._keys: Keys | None = None
        self._keys_at_s = 0.0
        self.problem: str | None = "not asked yet"
        """Why nobody can sign in; None where they can."""
        self.down_since: float | None = time.time()
        """Since when, Unix seconds."""
        self._asking = asyncio.Lock()
        self._asked_at_s = -math.inf

    async def keep(self) -> None:
        """Ask again and again, until cancelled."""
        while True:
            await self.ask()
            await asyncio.sleep(EVERY_S)

    async def ask(self) -> None:
        """Ask what it says of itself, and for its keys; whether it answers is in `problem`."""
        async with self._asking:
            if time.monotonic() - self._asked_at_s < ASKED_S:
                return
            try:
                self._metadata = await self._discovered()
                await self._get_keys(self._metadata)
            except ProviderDownError as error:
                self._note(str(error))
            except Exception as error:  # noqa: BLE001 - whatever it says, it is asked again
                self._note(f"says what nobody thought of: {type(error).__name__}: {error}")
            else:
                self._note(None)
            self._asked_at_s = time.monotonic()

    async def metadata(self) -> Metadata:
        """Return what it says of itself now: nobody is sent to one that is away.

        Raises `ProviderDownError`.
        """
        await self.ask()
        if self.problem is not None or self._metadata is None:
            raise ProviderDownError(self.problem or "")
        return self._metadata

    @property
    def end_session_endpoint(self) -> str | None:
        """The URL that ends its own session, if it has one."""
        return None if self._metadata is None else self._metadata.end_session_endpoint

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.close()

    async def claims_for(
        self, code: str, *, verifier: str, redirect_uri: str, nonce: str
    ) -> Claims:
        """Return the provider's claims for a code.

        Raises `ProviderDownError`, `CodeRefusedError`, `WrongTokenError`.
        """
        known = self._metadata if self.problem is None else None
        metadata = known or await self.metadata()
        tokens = await self._redeemed(metadata, code, verifier, redirect_uri)
        claims = await self._verified(metadata, tokens.id_token, nonce)
        wanted = (self._settings.user_claim, self._settings.groups_claim)
        has_all = all(claim_at(claims, name) is not None for name in wanted)
        if has_all or metadata.userinfo_endpoint is None or tokens.access_token is None:
            return claims
        return await self._with_more(metadata.userinfo_endpoint, tokens.access_token, claims)

    # Metadata

    async def _discovered(self) -> Metadata:
        issuer = self._settings.issuer
        found = _decoded(await self._get(issuer.rstrip("/") + DISCOVERY), Metadata)
        if found.issuer != issuer:
            raise ProviderDownError(f"calls itself {found.issuer[:MAX_SAID]}, expected {issuer}")
        for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri,
                    found.userinfo_endpoint, found.end_session_endpoint):  # fmt: skip
            if url is not None and not is_trustworthy(url):
                raise ProviderDownError(f"names an address that is not https: {url[:MAX_SAID]}")
        return found

    async def _get_keys(self, metadata: Metadata) -> Keys:
        document = (await self._get(metadata.jwks_uri)).body
        try:
            self._keys = Keys(document)
        except WrongKeysError as error:
            raise ProviderDownError(f"its keys: {error}") from None
        self._keys_at_s = time.monotonic()
        return self._keys

    def _note(self, problem: str | None) -> None:
        was, self.problem = self.problem, problem
        if problem is None:
            self.down_since = None
        elif self.down_since is None:
            self.down_since = time.time()
        if was != problem:
            self._on_change(problem)

    # Codes and tokens

    async def _redeemed(
        self, metadata: Metadata, code: str, verifier: str, redirect_uri: str
    ) -> _Tokens:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        client_id = self._settings.client_id
        if self._secret is None:
            fields["client_id"] = client_id
        elif "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            pair = f"{quote(client_id, safe='')}:{quote(self._secret, safe='')}"  # RFC 6749, 2.3.1
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            fields |= {"client_id": client_id, "client_secret": self._secret}
        answer = await self._send("POST", metadata.token_endpoint, headers, urlencode(fields))
        said = "" if answer.status == OK else _refusal_text(answer)
        if answer.status == BAD_REQUEST and not said.startswith(_OF_CLIENT):
            raise CodeRefusedError(said)
        if answer.status != OK:
            raise ProviderDownError(f"gives this console no tokens: {said}")
        return _decoded(answer, _Tokens)

    async def _verified(self, metadata: Metadata, token: str, nonce: str) -> Claims:
        keys = self._keys or await self._get_keys(metadata)
        try:
            return self._claims(token, keys, nonce)
        except UnknownKeyError:
            pass
        if time.monotonic() - self._keys_at_s >= KEYS_AGAIN_S:
            keys = await self._get_keys(metadata)
        try:
            return self._claims(token, keys, nonce)
        except UnknownKeyError:
            raise WrongTokenError("signed with a key that the provider does not have") from None

    def _claims(self, token: str, keys: Keys, nonce: str) -> Claims:
        settings = self._settings
        return claims_of(
            token,
            keys,
            issuer=settings.issuer,
            client_id=settings.client_id,
            nonce=nonce,
            skew_s=settings.clock_skew_s,
        )

    async def _with_more(self, url: str, access_token: str, claims: Claims) -> Claims:
        """Return claims with what the provider says elsewhere: some keep groups for that place."""
        more = _decoded(await self._get(url, Authorization=f"Bearer {access_token}"), dict)
        if more.get("sub") != claims["sub"]:
            raise WrongTokenError("what the provider says of the person is of another one")
        return {**more, **claims}

    # HTTP

    async def _get(self, url: str, **headers: str) -> HttpResponse:
        answer = await self._send("GET", url, headers)
        if answer.status != OK:
            raise ProviderDownError(f"answers {answer.status} at {url[:MAX_SAID]}")
        return answer

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None = None
    ) -> HttpResponse:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._clients:
            self._clients[origin] = HttpClient(origin)
        try:
            return await self._clients[origin].request(
                method,
                parts._replace(scheme="", netloc="", fragment="").geturl(),
                timeout_s=TIMEOUT_S,
                headers={"Accept": "application/json", **headers},
                body=None if body is None else body.encode(),
            )
        except NoAnswerError as error:
            raise ProviderDownError(f"does not answer at {url[:MAX_SAID]}: {error}") from None


def _decoded(answer: HttpResponse, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.MsgspecError as error:
        raise ProviderDownError(f"answers something else than it should: {error}") from None


class _Refusal(msgspec.Struct):
    error: str
    error_description: str = ""


def _refusal_text(answer: HttpResponse) -> str:
    """Return why a provider gives no tokens (RFC 6749, section 5.2)."""
    try:
        refusal = msgspec.json.decode(answer.body, type=_Refusal)
    except msgspec.MsgspecError:
        return f"answers {answer.status}"
    return f"{refusal.error} {refusal.error_description}".strip()[:MAX_SAID]
