"""A provider of OpenID Connect on this machine, which refuses what the specification refuses.

It signs everybody in as `user`. `forge` changes what it puts into ID tokens, as a forger would.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.helpers.http_thread import QuietHandler, served_by

CLIENT: Final = "unlockpath-console"
SECRET: Final = "the secret of the client: 100% é"  # noqa: S105 - has to be quoted in a header
CODE_S: Final = 60.0
DISCOVERY: Final = "/.well-known/openid-configuration"

Claims = dict[str, Any]


@dataclass
class Key:
    """A key with which it signs."""

    name: str
    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def public(self) -> dict[str, Any]:
        """Return it as the key set has it."""
        made: dict[str, Any] = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**made, "kid": self.name, "use": "sig", "alg": "ES256"}


@dataclass
class Grant:
    """What somebody was given a code for."""

    redirect_uri: str
    challenge: str
    nonce: str | None
    scope: str
    until: float
    is_used: bool = False


@dataclass
class OidcProvider:
    """What it knows, and what tests want of it."""

    url: str
    redirect_uri: str
    user: Claims = field(
        default_factory=lambda: {
            "sub": "248289761001",
            "preferred_username": "amelie",
            "groups": ["everybody", "helpdesk"],
        }
    )
    forge: Callable[[Claims, Claims], str | None] = lambda _claims, _header: None
    """Changes claims and header of an ID token, or returns another token in its place."""
    userinfo_only: tuple[str, ...] = ()
    """Claims that are not in ID tokens."""
    userinfo_sub: str | None = None
    """Of whom userinfo tells; None: of who has signed in."""
    answers_with: int = 200
    """Anything else: it answers that to everything."""
    instead: dict[str, tuple[int, str | Claims]] = field(default_factory=dict)
    """Status and content that it answers to a path in place of what is right."""
    metadata: Claims = field(default_factory=dict)
    """What it says of itself beside, or in place of, what is so."""
    has_secret: bool = True
    asked: list[str] = field(default_factory=list)
    """The paths that were asked for."""
    keys: list[Key] = field(default_factory=lambda: [Key("first")])
    grants: dict[str, Grant] = field(default_factory=dict)
    access_tokens: set[str] = field(default_factory=set)

    def rotate(self) -> None:
        """Sign with another key from now on, and show that alone."""
        self.keys = [Key(f"key-{secrets.token_hex(4)}")]

    def id_token(self, nonce: str | None) -> str:
        """Return an ID token for whoever is signed in."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **self.user,
        }
        for name in self.userinfo_only:
            del claims[name]
        header: Claims = {"kid": self.keys[0].name, "alg": "ES256"}
        forged = self.forge(claims, header)
        if forged is not None:
            return forged
        return signed(claims, header, self.keys[0])

    # What it is asked

    def discovered(self) -> Claims:
        """Return what it says of itself."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?tenant=1",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/end",
            "response_types_supported": ["code"],
            **self.metadata,
        }

    def authorized(self, query: dict[str, str]) -> tuple[int, str]:
        """Return where to send a browser, or why nowhere (OpenID Connect Core 1.0, 3.1.2)."""
        if query.get("client_id") != CLIENT or query.get("redirect_uri") != self.redirect_uri:
            return 400, "unknown client, or a redirect_uri that is not registered"
        answer = {"state": query.get("state", ""), "iss": self.url}
        is_code_flow = query.get("response_type") == "code"
        is_oidc = "openid" in query.get("scope", "").split()
        is_pkce = (
            query.get("code_challenge_method") == "S256" and len(query["code_challenge"]) == 43
        )
        if not (is_code_flow and is_oidc and is_pkce):
            answer["error"] = "invalid_request"
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self.grants[answer["code"]] = Grant(
                query["redirect_uri"], query["code_challenge"], query.get("nonce"),
                query["scope"], time.time() + CODE_S,
            )  # fmt: skip
        return 302, f"{query['redirect_uri']}?{urlencode(answer)}"

    def redeemed(self, form: dict[str, str], authorization: str) -> tuple[int, Claims]:
        """Return tokens for a code, or why not (RFC 6749, 5.2; RFC 7636, 4.6)."""
        if not self._is_client(form, authorization):
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") != "authorization_code":
            return 400, {"error": "unsupported_grant_type"}
        grant = self.grants.get(form.get("code", ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if grant is None or grant.is_used or grant.until < time.time():
            return 400, {"error": "invalid_grant", "error_description": "code is used or unknown"}
        if grant.redirect_uri != form.get("redirect_uri") or proof != grant.challenge:
            return 400, {"error": "invalid_grant", "error_description": "not who has asked"}
        grant.is_used = True
        access_token = secrets.token_urlsafe(16)
        self.access_tokens.add(access_token)
        return 200, {
            "access_token": access_token, "token_type": "Bearer", "expires_in": 300,
            "id_token": self.id_token(grant.nonce),
        }  # fmt: skip

    def _is_client(self, form: dict[str, str], authorization: str) -> bool:
        if not self.has_secret:
            return form.get("client_id") == CLIENT and not authorization
        kind, _, pair = authorization.partition(" ")
        if kind != "Basic":
            return False
        name, _, secret = base64.b64decode(pair).decode().partition(":")
        return (unquote(name), unquote(secret)) == (CLIENT, SECRET)

    def answered(
        self, method: str, url: str, body: str, authorization: str
    ) -> tuple[int, str | Claims]:
        """Return status, and a page, an address or JSON."""
        parts = urlsplit(url)
        self.asked.append(parts.path)
        if self.answers_with != 200:
            return self.answers_with, "out of order"
        if parts.path in self.instead:
            return self.instead[parts.path]
        query = dict(parse_qsl(parts.query))
        pages: dict[str, Callable[[], tuple[int, str | Claims]]] = {
            DISCOVERY: lambda: (200, self.discovered()),
            "/keys": lambda: (200, {"keys": [{"kty": "weird"}, *(k.public() for k in self.keys)]}),
            "/authorize": lambda: self.authorized(query),
            "/token": lambda: self.redeemed(dict(parse_qsl(body)), authorization),
            "/userinfo": lambda: self.told(authorization),
            "/end": lambda: (200, f"<!doctype html><h1>Signed out of {query['client_id']}</h1>"),
        }
        if (method == "POST") is (parts.path == "/token") and parts.path in pages:
            return pages[parts.path]()
        return 404, "there is nothing"

    def told(self, authorization: str) -> tuple[int, Claims]:
        """Return what it says of whoever an access token is of."""
        if authorization.removeprefix("Bearer ") not in self.access_tokens:
            return 401, {"error": "invalid_token"}
        return 200, {**self.user, "sub": self.userinfo_sub or self.user["sub"]}


def signed(claims: Claims, header: Claims, key: Key) -> str:
    """Return a token as a key signs it."""
    return jwt.encode(claims, key.private, "ES256", header)


@contextmanager
def oidc_provider(redirect_uri: str) -> Iterator[OidcProvider]:
    """Serve a provider on a free port of this machine."""

    class Handler(QuietHandler):
        def _answer(self) -> None:
            authorization = self.headers.get("Authorization", "")
            status, told = provider.answered(
                self.command, self.path, self.body().decode(), authorization
            )
            self.send_response(status)
            if status == 302:
                self.send_header("Location", str(told))
            kind = "text/html" if isinstance(told, str) else "application/json"
            content = told.encode() if isinstance(told, str) else msgspec.json.encode(told)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 - http.server calls them so

    provider = OidcProvider("", redirect_uri)
    with served_by(Handler) as provider.url:
        yield provider
