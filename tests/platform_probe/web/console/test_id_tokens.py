"""ID tokens: which of them prove who somebody is, and with which keys."""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Callable
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from platform_probe.web.console import provider as provider_module
from tests.helpers.console_doors import Door, signed_in
from tests.helpers.oidc_provider import CLIENT, SECRET, Claims, Key, signed

# What is forged


def _expired(claims: Claims, _: Claims) -> None:
    claims["exp"] = int(time.time()) - 120


def _from_the_future(claims: Claims, _: Claims) -> None:
    claims["iat"] = int(time.time()) + 600


def _unsigned(claims: Claims, _: Claims) -> str:
    return jwt.encode(claims, "", "none")


def _by_another_key(claims: Claims, header: Claims) -> str:
    return signed(claims, header, Key("first"))


def _by_an_unknown_key(claims: Claims, header: Claims) -> str:
    return signed(claims, {**header, "kid": "no such key"}, Key("no such key"))


def _changed_after(claims: Claims, header: Claims) -> str:
    head, _, tail = signed(claims, header, Key("first")).split(".")
    body = base64.urlsafe_b64encode(msgspec.json.encode({**claims, "groups": ["sre"]}))
    return f"{head}.{body.decode().rstrip('=')}.{tail}"


def _with_the_secret(claims: Claims, header: Claims) -> str:
    return jwt.encode(claims, SECRET, "HS256", {"kid": header["kid"]})


def set_to(**changes: Any) -> Callable[[Claims, Claims], None]:
    """Return a forger who changes claims."""
    return lambda claims, _: claims.update(changes)


def instead(token: str) -> Callable[[Claims, Claims], str]:
    """Return a forger who sends something else."""
    return lambda _claims, _header: token


FORGED: dict[str, tuple[Callable[[Claims, Claims], str | None], str]] = {
    "expired": (_expired, "expired"),
    "not yet": (_from_the_future, "not yet valid"),
    "expires never": (set_to(exp=math.inf), "exp"),
    "expires some day": (set_to(exp="some day"), "exp"),
    "given at no time": (set_to(iat=math.nan), "iat"),
    "alg none": (_unsigned, "proves nothing"),
    "alg HS256 with the secret": (_with_the_secret, "proves nothing"),
    "another key of the same name": (_by_another_key, "not the provider's"),
    "a key that there is not": (_by_an_unknown_key, "does not have"),
    "changed after signing": (_changed_after, "not the provider's"),
    "another issuer": (set_to(iss="https://evil.example"), "issuer"),
    "for another client": (set_to(aud="another-client"), "Audience"),
    "for two, by another": (set_to(aud=[CLIENT, "other"], azp="other"), "another client"),
    "for two, by nobody": (set_to(aud=[CLIENT, "other"]), "another client"),
    "another nonce": (set_to(nonce="replayed"), "another nonce"),
    "no nonce": (set_to(nonce=None), "nonce"),
    "a nonce that is no text": (set_to(nonce=7), "another nonce"),
    "of nobody": (set_to(sub=""), "names nobody"),
    "no token": (instead("not.a.token"), "no JWT"),
    "an empty one": (instead(""), "no JWT"),
    "a huge one": (instead("x" * 70_000), "longer"),
    "a header that is none": (instead("bnVsbA.e30.AA"), "no JWT"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_token_that_proves_nothing_lets_nobody_in(door: Door, name: str) -> None:
    """The page says that it went wrong, the audit log how; there is no session."""
    forge, reason = FORGED[name]
    door.provider.forge = forge
    visitor = door.visitor()
    got = signed_in(door, visitor)

    assert got.status == 403
    assert reason in door.reason()
    assert "does not belong to this login" in got.text
    assert "console_session" not in visitor.cookies
    assert visitor.get("/").status == 303


def test_clocks_may_differ_a_little(door: Door) -> None:
    """By a minute, both ways."""
    for change in ({"exp": -30}, {"iat": 30}):
        ((name, by_s),) = change.items()
        door.provider.forge = set_to(**{name: int(time.time()) + by_s})
        assert signed_in(door).status == 303


def test_keys_may_change(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key is asked for when a token names it; then the old one is good no longer."""
    old = door.provider.keys[0]
    monkeypatch.setattr(provider_module, "KEYS_AGAIN_S", 0.0)
    door.provider.rotate()
    assert signed_in(door).status == 303

    door.provider.forge = lambda claims, header: signed(claims, {**header, "kid": old.name}, old)
    assert signed_in(door).status == 403


def test_keys_are_not_asked_for_at_every_forged_token(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends tokens of made up keys does not make us a load for the provider."""
    monkeypatch.setattr(provider_module, "ASKED_S", 3_600.0)
    monkeypatch.setattr(provider_module, "KEYS_AGAIN_S", 3_600.0)
    door.provider.forge = _by_an_unknown_key
    signed_in(door)
    before = door.provider.asked.count("/keys")
    for _ in range(3):
        signed_in(door)
    assert door.provider.asked.count("/keys") == before


def test_other_kinds_of_keys_do(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """RSA with a header that names no key, as small providers sign."""
    monkeypatch.setattr(provider_module, "KEYS_AGAIN_S", 0.0)
    private = rsa.generate_private_key(65_537, 2_048)
    public = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)

    class RsaKey(Key):
        def public(self) -> dict[str, Any]:
            return dict(public)

    kept = door.provider.keys
    door.provider.keys = [RsaKey("rsa")]
    door.provider.forge = lambda claims, _: jwt.encode(claims, private, "PS256")
    assert signed_in(door).status == 303
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
    door.provider.forge = instead(f"{head}.e30.{base64.urlsafe_b64encode(pem).decode()[:43]}")
    assert signed_in(door).status == 403
    door.provider.keys, door.provider.forge = kept, lambda _claims, _header: None
    assert signed_in(door).status == 303
