"""Signing in at a provider: what `sign_in.txt` cannot show, and a provider that is away."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from platform_probe.web.console import provider as provider_module
from tests.helpers.console_doors import Door, a_door, sent_back, signed_in, up
from tests.helpers.oidc_provider import Claims
from tests.helpers.waiting import wait_for


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


def test_nobody_is_sent_to_a_provider_that_has_just_gone(
    console_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked when somebody wants to sign in, not only every minute."""
    monkeypatch.setattr(provider_module, "ASKED_S", 0.0)
    with a_door(console_store, tmp_path) as door:
        assert door.visitor().get("/login/begin").status == 303
        door.provider.answers_with = 500

        assert door.visitor().get("/login/begin").status == 503
        assert up(door) == 0


def test_a_provider_that_is_away_is_told(
    console_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the page and in a metric; who is in stays in, and who waits gets in when it is back."""
    monkeypatch.setattr(provider_module, "ASKED_S", 0.0)
    monkeypatch.setattr(provider_module, "EVERY_S", 0.02)
    with a_door(console_store, tmp_path) as door:
        early, late = door.visitor(), door.visitor()
        signed_in(door, early)
        back = sent_back(door, late, "/login/begin?back=/car/car-03")
        assert up(door) == 1
        door.provider.answers_with = 500
        wait_for(lambda: up(door) == 0)

        assert "amelie" in early.get("/car/car-03").text
        assert "has not answered since" in late.get("/login").text
        for path in ("/login/begin", back):
            got = late.get(path)
            assert got.status == 503
            assert "does not answer at present" in got.text
            assert 'href="/login/begin?back=/car/car-03"' in got.text

        door.provider.answers_with = 200
        wait_for(lambda: up(door) == 1)
        assert late.get(sent_back(door, late)).status == 303
        assert "has not answered since" not in late.get("/login").text


UNBELIEVABLE: list[tuple[str, Any]] = [
    ("metadata", {"issuer": "https://evil.example"}),
    ("metadata", {"token_endpoint": "http://evil.example/token"}),
    ("metadata", {"jwks_uri": "file:///etc/passwd"}),
    ("metadata", {"authorization_endpoint": "javascript:alert(1)"}),
    ("metadata", {"jwks_uri": None}),
    ("metadata", {"userinfo_endpoint": "http://user@127.0.0.1/x"}),
    ("instead", {"/keys": (200, "<html>")}),
    ("instead", {"/keys": (200, "{}")}),
    ("instead", {"/keys": (200, '{"keys": 7}')}),
    ("instead", {"/keys": (200, '{"keys": []}')}),
    ("instead", {"/keys": (200, '{"keys": [{"kty": "oct", "k": "eA"}]}')}),
]
"""What a provider says of itself or of its keys, under the name that the tests' own has for it."""


def test_a_provider_that_cannot_be_believed_is_away(
    console_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name must be ours, each of its addresses of https, and its keys must be keys."""
    monkeypatch.setattr(provider_module, "ASKED_S", 0.0)
    monkeypatch.setattr(provider_module, "EVERY_S", 0.02)
    with a_door(console_store, tmp_path) as door:
        for name, wrong in UNBELIEVABLE:
            right = getattr(door.provider, name)
            setattr(door.provider, name, wrong)
            wait_for(lambda: door.visitor().get("/login/begin").status == 503)
            wait_for(lambda: up(door) == 0)
            setattr(door.provider, name, right)
            wait_for(lambda: up(door) == 1)


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
