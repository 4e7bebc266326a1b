"""Signing in at a provider: what `sign_in.txt` cannot show."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from platform_probe.web.console import provider as provider_module
from tests.helpers.console_doors import Door, a_door, sent_back, signed_in
from tests.helpers.oidc_provider import Claims


def test_what_it_asks_of_the_provider(door: Door) -> None:
    """Code flow with PKCE, state and nonce; none of them twice, and no secret in the cookie."""
    asked = []
    for _ in range(2):
        visitor = door.visitor()
        query = dict(parse_qsl(urlsplit(visitor.get("/login/begin").location).query))
        asked.append(query)
        payload = visitor.cookies["console_signing_in"].partition(".")[0]
        kept = base64.urlsafe_b64decode(payload + "==").decode()
        assert query["state"] in kept
        assert query["nonce"] not in kept
    first, second = asked
    assert first["tenant"] == "1"
    assert (first["response_type"], first["code_challenge_method"]) == ("code", "S256")
    assert first["scope"] == "openid profile"
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]


def test_cookies_are_for_the_browser_alone(door: Door) -> None:
    """And with an address of https they go over https alone."""
    begun = door.visitor().get("/login/begin").headers["Set-Cookie"]
    session = signed_in(door).headers["Set-Cookie"]
    for told in (begun, session):
        assert "; HttpOnly; SameSite=Lax" in told
    assert "Max-Age=43200" in session


def test_over_https_cookies_are_secure(console_store: Path, tmp_path: Path) -> None:
    """The public address says so."""
    with a_door(console_store, tmp_path, public_url="https://console.example") as door:
        begun = door.visitor().get("/login/begin")
        assert "; Secure" in begun.headers["Set-Cookie"]
        asked = parse_qs(urlsplit(begun.location).query)
        assert asked["redirect_uri"] == ["https://console.example/login/return"]


def test_who_tries_again_and_again_is_stopped(
    console_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times within a minute; the provider is asked nothing more."""
    monkeypatch.setattr(provider_module, "ASKED_S", 3_600.0)
    with a_door(console_store, tmp_path) as door:
        door.provider.forge = lambda claims, _: claims.update(nonce="x")
        for _ in range(10):
            signed_in(door)
        asked = len(door.provider.asked)
        visitor = door.visitor()
        back = sent_back(door, visitor)

        assert visitor.get(back).status == 429
        assert door.provider.asked[asked:] == ["/authorize"]


def test_keys_of_odd_kinds_beside_the_right_one_are_passed_over(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a key, one of a kind that is not known, one of the same name that does not fit."""
    monkeypatch.setattr(provider_module, "KEYS_AGAIN_S", 0.0)
    door.provider.rotate()
    right = door.provider.keys[0].public()
    odd: list[Claims] = [
        {"kty": "RSA", "n": "x", "kid": right["kid"]},
        {"kty": "EC", "crv": "P-999", "kid": right["kid"]},
        {"kid": right["kid"], "kty": 7},
        {**right, "x": "AA"},
    ]
    door.provider.instead = {"/keys": (200, {"keys": [*odd, right]})}
    assert signed_in(door).status == 303
