"""Signing in at a provider of OpenID Connect: the way there and back, and one that is away."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import pytest
from pydantic import ValidationError

from platform_probe.settings.console import ConsoleSettings
from platform_probe.web.console import provider as provider_module
from tests.helpers.console_doors import ROLES, Door, a_door, sent_back, signed_in, up
from tests.helpers.consoles import TOKENS, looks_in, metric
from tests.helpers.oidc_provider import CLIENT, Claims
from tests.helpers.waiting import wait_for

# The way in


def test_somebody_signs_in_and_goes_on_where_they_were(door: Door) -> None:
    """They are asked who they are, go to the provider, and come back to the page they wanted."""
    visitor = door.visitor()
    login = visitor.get("/booking/booking-33").location
    assert login == "/login?back=%2Fbooking%2Fbooking-33"
    page = visitor.get(login).text
    assert 'href="/login/begin?back=/booking/booking-33"' in page

    got = visitor.get(sent_back(door, visitor, "/login/begin?back=/booking/booking-33"))

    assert (got.status, got.location) == (303, "/booking/booking-33")
    assert visitor.cookies["console_signing_in"] == ""
    assert "amelie, Support" in visitor.get("/booking/booking-33").text
    line = next(line for line in reversed(looks_in(door.audit)) if line["action"] == "login")
    assert (line["user"], line["role"], line["how"], line["subject"]) == (
        "amelie", "support", "oidc", "248289761001",
    )  # fmt: skip
    look = looks_in(door.audit)[-1]
    assert (look["action"], look["user"], look["subject"]) == ("look", "amelie", "248289761001")


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


def test_its_cookies_are_for_the_browser_alone(door: Door) -> None:
    """And with an address of https they go over https alone."""
    visitor = door.visitor()
    begun = visitor.get("/login/begin").headers["Set-Cookie"]
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


def test_logging_out_says_that_the_provider_may_go_on(door: Door) -> None:
    """The session here ends; a link leads to where the provider's own is ended."""
    visitor = door.visitor()
    signed_in(door, visitor)
    got = visitor.post("/logout", {"form_token": visitor.form_token("/")})
    page = visitor.get(got.location).text

    assert visitor.get("/").status == 303
    assert f'href="{door.provider.url}/end?client_id={CLIENT}&amp;post_logout' in page
    assert "You are logged out here" in page


def test_tokens_from_the_file_go_on_beside_it(door: Door) -> None:
    """For programs, and for when the provider is away."""
    visitor = door.visitor()
    assert visitor.log_in(TOKENS["oncall"]).location == "/"
    assert "oncall-person, On call" in visitor.get("/").text


def test_a_public_client_has_no_secret(console_store: Path, tmp_path: Path) -> None:
    """PKCE proves that who has asked for the code brings it."""
    with a_door(console_store, tmp_path, oidc={"client_secret_file": None}) as door:
        door.provider.has_secret = False
        assert signed_in(door).status == 303


# Names and roles


@pytest.mark.parametrize(
    ("user", "told"),
    [
        ({"groups": ["sre", "helpdesk"]}, "amelie, Support"),
        ({"groups": "sre"}, "amelie, On call"),
        ({"groups": ["sre"], "preferred_username": None}, "u-7, On call"),
        ({"groups": ["sre"], "preferred_username": "x\u202e\n"}, "u-7, On call"),
        ({"groups": ["sre"], "preferred_username": "<script>"}, "&lt;script&gt;, On call"),
    ],
)
def test_a_claim_gives_name_and_role(door: Door, user: Claims, told: str) -> None:
    """Of several groups the first of the settings; without a usable name the provider's own."""
    door.provider.user = {"sub": "u-7", "preferred_username": "amelie", **user}
    visitor = door.visitor()
    signed_in(door, visitor)

    assert told in visitor.get("/").text


@pytest.mark.parametrize("groups", [["sales"], [], None, {"helpdesk": True}, [["helpdesk"]], 7])
def test_who_is_in_no_group_does_not_look(door: Door, groups: Any) -> None:
    """The page says who they are, so that they know whom to ask for."""
    door.provider.user = {"sub": "u-7", "preferred_username": "bruno", "groups": groups}
    visitor = door.visitor()
    got = signed_in(door, visitor)

    assert got.status == 403
    assert "You are bruno, and none of your groups may look" in got.text
    assert "to log in as somebody else" in got.text
    assert visitor.get("/").status == 303
    assert looks_in(door.audit)[-1]["name"] == "bruno"


def test_groups_may_be_within_others_and_kept_elsewhere(
    console_store: Path, tmp_path: Path
) -> None:
    """As Keycloak has roles in a claim of a claim, and others tell them at the userinfo alone."""
    with a_door(console_store, tmp_path, oidc={"groups_claim": "realm_access.roles"}) as door:
        door.provider.user = {
            "sub": "u-7", "preferred_username": "amelie", "realm_access": {"roles": ["sre"]},
        }  # fmt: skip
        assert signed_in(door).status == 303
        door.provider.userinfo_only = ("realm_access",)
        assert signed_in(door).status == 303
        door.provider.userinfo_sub = "somebody else"
        assert signed_in(door).status == 403
        assert "of another one" in door.reason()


# The way back


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": "another"}, "another state"),
        ({"state": ""}, "another state"),
        ({"state": "é"}, "another state"),
        ({"code": ""}, "no code"),
        ({"code": "x" * 5_000}, "no code"),
        ({"code": "made-up"}, "invalid_grant"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"error": "access_denied", "error_description": "<script>"}, "access_denied"),
    ],
)
def test_what_comes_back_must_belong_to_it(door: Door, change: dict[str, str], reason: str) -> None:
    """To the state of this browser, to this provider; nothing of it becomes HTML."""
    visitor = door.visitor()
    path, _, query = sent_back(door, visitor).partition("?")
    got = visitor.get(f"{path}?{urlencode({**dict(parse_qsl(query)), **change})}")

    assert got.status == 403
    assert reason in door.reason()
    assert "<script>" not in got.text
    assert visitor.cookies["console_signing_in"] == ""


def test_a_code_is_good_once(door: Door) -> None:
    """Whoever saw the address, and even stole the cookie, comes too late."""
    visitor, thief = door.visitor(), door.visitor()
    back = sent_back(door, visitor)
    thief.cookies.update(visitor.cookies)

    assert visitor.get(back).status == 303
    assert thief.get(back).status == 403
    assert "invalid_grant" in door.reason()
    assert "console_session" not in thief.cookies


def test_a_code_of_somebody_else_is_refused(door: Door) -> None:
    """Who is sent the address of another one's sign-in does not become that one."""
    other, victim = door.visitor(), door.visitor()
    back = sent_back(door, other)
    victim.get("/login/begin")

    assert victim.get(back).status == 403
    assert door.visitor().get(back).status == 403
    assert "not begun in this browser" in door.reason()


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/\\evil", "java:x"])
def test_nobody_is_led_elsewhere(door: Door, back: str) -> None:
    """A link to signing in leads to this console alone."""
    visitor = door.visitor()
    got = visitor.get(sent_back(door, visitor, f"/login/begin?back={quote(back, safe='')}"))

    assert (got.status, got.location) == (303, "/")


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


def test_what_costs_nobody_anything_locks_nobody_out(console_store: Path, tmp_path: Path) -> None:
    """Behind a proxy all have one address: made up answers of one must not stop the others."""
    with a_door(console_store, tmp_path) as door:
        for _ in range(12):
            assert door.visitor().get("/login/return?state=x&code=y").status == 403

        assert signed_in(door).status == 303


# A provider that is away


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


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/token", (200, "<html>")),
        ("/token", (200, {"access_token": "x"})),
        ("/token", (200, {"id_token": 7})),
        ("/token", (500, "")),
        ("/token", (429, {"error": "slow_down"})),
        ("/token", (302, "https://evil.example")),
        ("/token", (200, "x" * 1_100_000)),
        ("/userinfo", (500, "")),
        ("/userinfo", (200, "[]")),
    ],
)
def test_nonsense_of_a_provider_lets_nobody_in(
    door: Door, path: str, answer: tuple[int, str | Claims]
) -> None:
    """The page says to try again; the reason is in the audit log, and the console goes on."""
    door.provider.instead = {path: answer}
    door.provider.userinfo_only = ("groups",)
    visitor = door.visitor()

    assert signed_in(door, visitor).status == 503
    assert door.reason()
    assert "console_session" not in visitor.cookies
    door.provider.instead = {}
    assert signed_in(door, visitor).status == 303


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


def test_a_wrong_secret_is_no_fault_of_who_signs_in(console_store: Path, tmp_path: Path) -> None:
    """The page says to wait, the audit log that the provider does not know the console."""
    with a_door(console_store, tmp_path) as door:
        door.provider.has_secret = False
        assert signed_in(door).status == 503
        assert "invalid_client" in door.reason()
        assert metric(door.visitor(), 'unlockpath_console_troubles_total{what="provider"}') == 1


# Settings


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"issuer": "http://login.example"}, "begins with https"),
        ({"issuer": "login.example"}, "begins with https"),
        ({"issuer": "https://[x"}, "begins with https"),
        ({"scopes": ["profile"]}, "openid is missing"),
        ({"roles": {}}, "nobody could look"),
        ({"roles": {"a": "boss"}}, "support"),
        ({"clock_skew_s": 3_600}, "300"),
        ({"public_url": None}, "public_url"),
        ({"public_url": "http://console.example"}, "public_url"),
    ],
)
def test_settings_that_would_not_do_are_told(changes: Claims, problem: str) -> None:
    """Before anybody tries to sign in; nobody is safe who comes back to http."""
    good = {"issuer": "https://login.example", "client_id": "x", "roles": ROLES}
    whole = {"public_url": "https://c.example", "oidc": good}
    ConsoleSettings.model_validate(whole)
    its = {"oidc": good | changes} if "public_url" not in changes else changes
    with pytest.raises(ValidationError, match=problem):
        ConsoleSettings.model_validate(whole | its)
