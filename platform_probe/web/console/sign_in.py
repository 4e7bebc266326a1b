"""Signing in at a provider of OpenID Connect: the authorization code flow with PKCE.

A person leaves with a state, and returns with it and a code. A cookie binds the state to the
browser; verifier and nonce follow from it by the console's own key, so the cookie holds no secret.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from fleet_wire.web.exchange import HttpRequest
from platform_probe.settings.console import OidcSettings, Role
from platform_probe.texts.times import HOUR_S
from platform_probe.web.console.id_tokens import Claims, WrongTokenError, claim_at
from platform_probe.web.console.person import MAX_NAME, Person
from platform_probe.web.console.provider import CodeRefusedError, Provider
from platform_probe.web.console.sealed import Seal

COOKIE: Final = "console_signing_in"
LASTS_S: Final = 600.0
"""The time at the provider after which a sign-in begins again."""
RETURN_PATH: Final = "/login/return"
MAX_CODE: Final = 4_000
MAX_SAID: Final = 200


class _PendingSignIn(msgspec.Struct, frozen=True):
    state: str
    back: str
    until: float


class NotSignedInError(Exception):
    """The returning person is refused.

    `key` is the text about it for the page, and `reason` the audit log's. `name` and `subject`
    identify the person, the latter as the provider does, if known; `asked_provider`: whether the
    provider had to be asked.
    """

    def __init__(
        self,
        key: str,
        reason: str,
        *,
        name: str | None = None,
        subject: str | None = None,
        asked_provider: bool = False,
    ) -> None:
        super().__init__(reason)
        self.key, self.reason, self.name, self.subject = key, reason, name, subject
        self.asked_provider = asked_provider


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The admitted person, and their destination."""

    person: Person
    back: str


class SignIn:
    """Sends people to the provider, and takes those who come back."""

    def __init__(
        self,
        settings: OidcSettings,
        provider: Provider,
        seal: Seal,
        *,
        public_url: str,
    ) -> None:
        self._settings = settings
        self.provider = provider
        self.session_s = settings.session_hours * HOUR_S
        """How long a session lasts that begins here."""
        self._seal = seal
        self._public_url = public_url

    async def start(self, back: str) -> tuple[str, str]:
        """Return where to send somebody, and the cookie they take along.

        Raises `ProviderDownError`.
        """
        metadata = await self.provider.metadata()
        state = secrets.token_urlsafe(32)
        challenge = hashlib.sha256(self._verifier(state).encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._public_url + RETURN_PATH,
            "scope": " ".join(self._settings.scopes),
            "state": state,
            "nonce": self._nonce(state),
            "code_challenge": urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        begun = _PendingSignIn(state, back, time.time() + LASTS_S)
        endpoint = metadata.authorization_endpoint
        url = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"
        return url, self._seal.cookie(COOKIE, begun, LASTS_S)

    async def finish(self, request: HttpRequest, answer: Mapping[str, str]) -> SignedIn:
        """Return the person who returns; `answer` is what the provider sent along.

        Raises `NotSignedInError`, `ProviderDownError`.
        """
        begun = self._pending_of(request, answer)
        try:
            claims = await self.provider.claims_for(
                answer["code"],
                verifier=self._verifier(begun.state),
                redirect_uri=self._public_url + RETURN_PATH,
                nonce=self._nonce(begun.state),
            )
        except CodeRefusedError as error:
            said = f"code refused: {error}"
            raise NotSignedInError("signin.refused", said, asked_provider=True) from None
        except WrongTokenError as error:
            said = f"wrong ID token: {error}"
            raise NotSignedInError("signin.wrong", said, asked_provider=True) from None
        return SignedIn(self._person(claims), begun.back)

    def back_of(self, request: HttpRequest) -> str | None:
        """Return the destination of a sign-in that began in this browser."""
        begun = self._seal.read(request, COOKIE, _PendingSignIn)
        return None if begun is None else begun.back

    def sign_out_url(self) -> str | None:
        """Return where the provider's own session is ended; None where it does not say.

        https://openid.net/specs/openid-connect-rpinitiated-1_0.html
        """
        endpoint = self.provider.end_session_endpoint
        if endpoint is None:
            return None
        asked = {
            "client_id": self._settings.client_id,
            "post_logout_redirect_uri": f"{self._public_url}/login",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def no_cookie(self) -> str:
        """Return the cookie that ends a signing in: whatever came of it, it is not used again."""
        return self._seal.no_cookie(COOKIE)

    def _verifier(self, state: str) -> str:
        return self._seal.sign(f"verifier {state}")

    def _nonce(self, state: str) -> str:
        return self._seal.sign(f"nonce {state}")

    def _pending_of(self, request: HttpRequest, answer: Mapping[str, str]) -> _PendingSignIn:
        """Return what was begun in this browser, where the answer belongs to it."""
        begun = self._seal.read(request, COOKIE, _PendingSignIn)
        if begun is None or begun.until < time.time():
            raise NotSignedInError("signin.old", "not begun in this browser, or too long ago")
        given = answer.get("state", "").encode("utf-8", "replace")
        if not secrets.compare_digest(given, begun.state.encode()):
            raise NotSignedInError("signin.old", "another state")
        if answer.get("iss", self._settings.issuer) != self._settings.issuer:  # RFC 9207
            raise NotSignedInError("signin.wrong", "of another issuer")
        if "error" in answer:
            said = f"{answer['error']} {answer.get('error_description', '')}".strip()
            raise NotSignedInError("signin.refused", said[:MAX_SAID])
        if not 0 < len(answer.get("code", "")) <= MAX_CODE:
            raise NotSignedInError("signin.wrong", "no code")
        return begun

    def _person(self, claims: Claims) -> Person:
        named = claim_at(claims, self._settings.user_claim)
        is_name = isinstance(named, str) and named.strip() and named.isprintable()
        subject = str(claims["sub"])
        name = (named if is_name else subject).strip()[:MAX_NAME]
        role = self._role(claim_at(claims, self._settings.groups_claim))
        if role is None:
            raise NotSignedInError(
                "signin.no_role", "in no group that may look", name=name, subject=subject
            )
        return Person(name, role, "oidc", subject)

    def _role(self, groups: Any) -> Role | None:
        told = [groups] if isinstance(groups, str) else groups
        mine = {each for each in told if isinstance(each, str)} if isinstance(told, list) else ()
        return self._settings.role_of(mine)
