"""Who may look, and at what."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import msgspec
import pytest
from pydantic import ValidationError

from fleet_wire.errors import ConfigError
from platform_probe.settings.console import ConsoleSettings
from platform_probe.web.console import access, live_list
from platform_probe.web.console.tokens import token_hash, tokens_in
from tests.helpers.consoles import SUSPICIOUS, TOKENS, Visitor, looks_in, served, tokens_file

Guarded = tuple[str, Path]


def logged_in(console: Guarded, role: str) -> Visitor:
    """Return somebody with a role, logged in."""
    visitor = Visitor(console[0])
    assert visitor.log_in(TOKENS[role]).location == "/"
    return visitor


# Where it listens


def test_beyond_this_machine_it_listens_only_where_it_asks_who(tmp_path: Path) -> None:
    """Else anybody could look. Whoever has an account here may read the files anyway."""
    for listen in ("0.0.0.0:9465", "[::]:9465", "console.example:1", "10.0.0.7:1"):
        with pytest.raises(ValidationError, match="anybody could look"):
            ConsoleSettings(listen=listen)
        assert ConsoleSettings(listen=listen, tokens_file=tmp_path / "tokens").asks_who
    for listen in ("127.0.0.1:0", "localhost:9465", "[::1]:9465", "127.1.2.3:1"):
        assert not ConsoleSettings(listen=listen).asks_who


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9465", "127.0.0.1.evil.example", ""]
)
def test_a_foreign_name_for_this_machine_is_refused(open_console: str, host: str) -> None:
    """A page elsewhere could have its own name resolve to us, and read what we answer."""
    assert Visitor(open_console).get("/", Host=host).status == 421


# The tokens' file


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("amelie support", "expected a name, a role and a hash"),
        ("amelie boss " + "0" * 64, "no role 'boss'"),
        ("amelie support secret-token", "the token itself does not belong here"),
    ],
)
def test_a_wrong_line_is_told_with_its_number(tmp_path: Path, line: str, problem: str) -> None:
    """A file with a mistake lets nobody in by chance."""
    path = tmp_path / "tokens"
    path.write_text(f"# tokens\n{line}\n")

    with pytest.raises(ConfigError, match=f"{path}:2: .*{problem}"):
        tokens_in(path)


def test_the_file_is_read_again(console_store: Path, tmp_path: Path) -> None:
    """A name that is taken out is out at once, and a broken file lets nobody in."""
    path = tmp_path / "tokens"
    path.write_text(f"amelie support {token_hash('one')}\n")

    def statuses(url: str) -> list[int]:
        bearers = (f"Bearer {token}" for token in ("one", "another"))
        return [Visitor(url).get("/", Accept="", Authorization=each).status for each in bearers]

    with served(console_store, tmp_path / "audit.jsonl", tokens_file=path) as url:
        assert statuses(url) == [200, 401]
        path.write_text(f"bruno cto {token_hash('another')}\n")
        assert statuses(url) == [401, 200]
        path.write_text("broken")
        assert statuses(url) == [401, 401]


# Logging in


def test_who_is_not_known_is_asked(guarded_console: Guarded) -> None:
    """A browser is led to the form, and from there back to where it was."""
    visitor = Visitor(guarded_console[0])

    assert visitor.get("/car/car-03?x=1").location == "/login?back=%2Fcar%2Fcar-03%3Fx%3D1"
    form = visitor.get("/login?back=/car/car-03").text
    assert 'value="/car/car-03"' in form


def test_a_program_is_asked_for_its_token(guarded_console: Guarded) -> None:
    """It sends it with each request; one that is no text is as wrong as any other."""
    visitor, path = Visitor(guarded_console[0], Accept="application/json"), "/unlock/attempt-33"

    assert visitor.get(f"{path}?format=json").status == 401
    assert visitor.get(path, Authorization="Bearer \xff").status == 401
    got = visitor.get(f"{path}?format=json", Authorization=f"Bearer {TOKENS['oncall']}")
    assert (got.status, got.headers["Content-Type"]) == (200, "application/json")
    told = msgspec.json.decode(got.text)
    assert (told["diagnosis"]["mode"], told["attempt"]["booking_id"]) == (
        "generic_500", "booking-33",
    )  # fmt: skip


def test_a_token_opens_a_session_and_logging_out_ends_it(guarded_console: Guarded) -> None:
    """Its cookie is for the browser alone."""
    visitor = Visitor(guarded_console[0])
    got = visitor.log_in(TOKENS["support"])

    assert "HttpOnly; SameSite=Lax" in got.headers["Set-Cookie"]
    assert visitor.get("/").status == 200
    visitor.post("/logout", {"form_token": visitor.form_token("/")})
    assert visitor.get("/").status == 303
    assert [line["action"] for line in looks_in(guarded_console[1])[-2:]] == ["login", "logout"]


def test_a_copied_cookie_ends_with_its_session(guarded_console: Guarded) -> None:
    """Logging out ends a session for each copy of its cookie, and no other session."""
    visitor, other = logged_in(guarded_console, "oncall"), logged_in(guarded_console, "oncall")
    copy = Visitor(guarded_console[0])
    copy.cookies = dict(visitor.cookies)
    assert copy.get("/").status == 200

    ended = visitor.post("/logout", {"form_token": visitor.form_token("/")})

    cleared = [each.partition("=")[0] for each in ended.headers.get_all("Set-Cookie") or ()]
    assert cleared == ["console_session", "console_unmasked"]
    assert copy.get("/").status == 303
    assert other.get("/").status == 200


def test_logging_in_anew_ends_the_session_before(guarded_console: Guarded) -> None:
    """A browser has one session at a time."""
    visitor, copy = logged_in(guarded_console, "oncall"), Visitor(guarded_console[0])
    copy.cookies = dict(visitor.cookies)
    visitor.post("/login", {"token": TOKENS["support"], "form_token": visitor.form_token()})
    assert visitor.get("/").status == 200
    assert copy.get("/").status == 303


def test_a_session_ends_with_its_token(console_store: Path, tmp_path: Path) -> None:
    """A token that was replaced may have been stolen: its sessions end, the new one's go on."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"amelie oncall {token_hash('stolen')}\n")
    with served(console_store, tmp_path / "audit.jsonl", tokens_file=tokens) as url:
        thief, amelie = Visitor(url), Visitor(url)
        thief.log_in("stolen")
        assert thief.get("/").status == 200
        tokens.write_text(f"amelie oncall {token_hash('new token')}\n")
        assert thief.get("/").status == 303
        amelie.log_in("new token")
        assert amelie.get("/").status == 200


def test_what_fails_is_not_shown_after_the_session(
    guarded_console: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live list of a session that has ended ends too."""
    visitor = logged_in(guarded_console, "oncall")
    monkeypatch.setattr(live_list, "BEAT_S", 0.05)
    connection = HTTPConnection(guarded_console[0].removeprefix("http://"), timeout=60)
    session = f"console_session={visitor.cookies['console_session']}"
    connection.request("GET", "/live", headers={"Cookie": session})
    live = connection.getresponse()
    while live.readline() != b": still here\n":
        pass
    visitor.post("/logout", {"form_token": visitor.form_token("/")})
    live.read()  # to its end
    connection.close()


def test_of_too_many_sessions_the_first_ends(
    guarded_console: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered is bounded, and one that has ended does not begin again."""
    monkeypatch.setattr(access, "MAX_SESSIONS", 2)
    visitors = [logged_in(guarded_console, "oncall") for _ in range(3)]
    assert [visitor.get("/").status for visitor in visitors] == [303, 200, 200]


def test_a_wrong_token_is_told_and_written_down(guarded_console: Guarded) -> None:
    """The page says so, the audit log too, and neither says the token."""
    got = Visitor(guarded_console[0]).log_in("guess")

    assert got.status == 403
    assert "This token is not valid" in got.text
    assert looks_in(guarded_console[1])[-1]["action"] == "login_failed"
    assert "guess" not in guarded_console[1].read_text()


def test_who_guesses_is_stopped(console_store: Path, tmp_path: Path) -> None:
    """After ten wrong tokens within a minute even the right one has to wait."""
    settings = {"tokens_file": str(tokens_file(tmp_path))}
    with served(console_store, tmp_path / "audit.jsonl", **settings) as url:
        visitor = Visitor(url)
        for _ in range(10):
            visitor.log_in("guess")

        assert visitor.log_in(TOKENS["support"]).status == 429


@pytest.mark.parametrize(
    "cookie", ["", "x", "e30.0", "eyJuYW1lIjoieCJ9." + "0" * 64, "é", "." * 9, '"\\'],
)  # fmt: skip
def test_a_forged_session_is_none(guarded_console: Guarded, cookie: str) -> None:
    """Nobody signs but us."""
    visitor = Visitor(guarded_console[0])

    got = visitor.get("/", Cookie=f"console_session={cookie}".encode().decode("latin-1"))
    assert got.status == 303


def test_after_logging_in_nobody_is_led_elsewhere(guarded_console: Guarded) -> None:
    """A link to the form cannot lead to a page that only looks like ours."""
    for back in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:x"):
        visitor = Visitor(guarded_console[0])
        fields = {
            "token": TOKENS["support"], "form_token": visitor.form_token(), "back": back,
        }  # fmt: skip
        assert visitor.post("/login", fields).location == "/"


# A reverse proxy

SRE: dict[str, str] = {"X_Forwarded_User": "a", "X_Forwarded_Groups": "all, sre, help"}


@pytest.mark.parametrize(
    ("trusted", "headers", "told"),
    [
        ("127.0.0.1", SRE, "a, Support"),
        ("10.0.0.0/8", SRE, None),
        ("127.0.0.1", {**SRE, "X_Forwarded_Groups": "sales"}, None),
        ("127.0.0.1", {"X_Forwarded_Groups": "sre"}, None),
    ],
)
def test_a_trusted_proxy_says_who_it_is(
    console_store: Path, tmp_path: Path, trusted: str, headers: dict[str, str], told: str | None
) -> None:
    """The first group of the settings gives the role; another address is not believed.

    Who has no name, or no group with a role, does not look.
    """
    proxy = {"trusted": [trusted], "roles": {"help": "support", "sre": "oncall"}}
    with served(console_store, tmp_path / "audit.jsonl", proxy=proxy) as url:
        got = Visitor(url).get("/", **headers)
    assert got.status == (200 if told else 403)
    assert told is None or told in got.text


# Forms


@pytest.mark.parametrize(
    "change",
    [
        lambda fields, _: fields.update(form_token=""),
        lambda fields, _: fields.update(form_token="é"),  # noqa: S106
        lambda _, headers: headers.update(Origin="https://evil.example"),
        lambda _, headers: headers.update(Sec_Fetch_Site="cross-site"),
    ],
)
def test_a_foreign_form_is_refused(
    guarded_console: Guarded, change: Callable[[dict[str, str], dict[str, str]], None]
) -> None:
    """It has not our token, or comes from elsewhere; the audit log tells of it."""
    visitor = logged_in(guarded_console, "oncall")
    fields = {"thing": "unlock/attempt-33", "reason": "x", "form_token": visitor.form_token("/")}
    headers: dict[str, str] = {}
    change(fields, headers)

    assert visitor.post("/unmask", fields, **headers).status == 403
    assert looks_in(guarded_console[1])[-1]["action"] == "refused"


def test_a_form_that_is_too_large_is_refused(guarded_console: Guarded) -> None:
    """Nobody has to send so much."""
    visitor = logged_in(guarded_console, "oncall")

    assert visitor.post("/unmask", {"reason": "x" * 70_000}).status == 413


# What roles see


def test_support_sees_customers_and_no_secrets(guarded_console: Guarded) -> None:
    """Neither raw records, nor suspicious traffic, nor what the lead sees."""
    visitor = logged_in(guarded_console, "support")
    page = visitor.get("/unlock/attempt-33").text

    assert 'href="/customer/customer-3">customer-3' in page
    assert "evidence" not in page
    for path in ("/unlock/attempt-33?format=json", f"/incident/{SUSPICIOUS}", "/cto"):
        assert visitor.get(path).status == 403
    assert "One account tries" not in visitor.get("/incidents").text + visitor.get("/").text


PAGES_WITH_CUSTOMERS = (
    "/unlock/attempt-33", "/unlock/attempt-33?format=json", "/booking/booking-33",
    "/customer-of/attempt-33", "/support", "/search?q=attempt-3", "/unlock/attempt-3?format=json",
    "/customer-of/attempt-3", "/time",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES_WITH_CUSTOMERS)
def test_for_others_customers_are_masked(guarded_console: Guarded, path: str) -> None:
    """No page names one, not in a link either."""
    got = logged_in(guarded_console, "oncall").get(path)

    assert got.status == (303 if path.startswith("/search") else 200)
    assert "customer-3" not in got.text + got.location
    assert "customer-2" not in got.text


def test_unmasking_takes_a_reason_which_is_kept(guarded_console: Guarded) -> None:
    """Then this unlock names its customer, and no other one does."""
    visitor = logged_in(guarded_console, "oncall")
    token = visitor.form_token("/unlock/attempt-33")
    fields = {"thing": "unlock/attempt-33", "form_token": token, "back": "/unlock/attempt-33"}

    assert visitor.post("/unmask", {**fields, "reason": " "}).status == 400
    got = visitor.post("/unmask", {**fields, "reason": "ticket 17"})
    assert got.location == "/unlock/attempt-33"
    line = looks_in(guarded_console[1])[-1]
    assert (line["user"], line["action"], line["id"], line["reason"]) == (
        "oncall-person", "unmask", "attempt-33", "ticket 17",
    )  # fmt: skip
    assert "customer-3" in visitor.get("/unlock/attempt-33").text
    assert "customer-3" not in visitor.get("/unlock/attempt-3").text


# The audit log


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/unlock/attempt-33", "unlock"), ("/customer/customer-3", "customer"),
     ("/booking/booking-33", "booking"), ("/car/car-03", "car")],
)  # fmt: skip
def test_each_look_is_written_down(guarded_console: Guarded, path: str, kind: str) -> None:
    """Who, in which role, at what, from where."""
    logged_in(guarded_console, "support").get(path)

    line = looks_in(guarded_console[1])[-1]
    assert (line["action"], line["user"], line["role"], line["kind"], line["remote"]) == (
        "look", "support-person", "support", kind, "127.0.0.1",
    )  # fmt: skip
    assert line["id"] == path.rpartition("/")[2]


def test_a_search_is_written_down(open_console: str, console_audit: Path) -> None:
    """One that lists names may tell of customers."""
    Visitor(open_console).get("/search?q=customer-77")

    last = looks_in(console_audit)[-1]
    assert (last["action"], last["id"], last["user"]) == ("search", "customer-77", "local")


def test_what_cannot_be_written_down_is_not_shown(console_store: Path, tmp_path: Path) -> None:
    """A full disk, or a directory without leave: the page says so, and shows nothing."""
    (tmp_path / "file").write_text("")
    with served(console_store, tmp_path / "file" / "audit.jsonl") as url:
        got = Visitor(url).get("/customer/customer-3")

        assert got.status == 503
        assert "customer-3" not in got.text
        assert Visitor(url).get("/incidents").status == 200
