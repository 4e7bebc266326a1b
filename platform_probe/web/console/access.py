"""Access to the console: by token, OpenID Connect, a proxy's header, or from this machine.

A person has a role, and a role has rights. A session is known here, and its cookie names it. It
ends when its person logs out, when its token is no longer in the tokens' file, and when the console
restarts.
"""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple

import msgspec

from fleet_wire.addresses import host_of
from fleet_wire.config.watched import WatchedFile
from fleet_wire.errors import ConfigError
from fleet_wire.web.bearer import bearer_of
from fleet_wire.web.exchange import HttpRequest
from platform_probe.settings.console import ConsoleSettings, ProxySettings
from platform_probe.web.console.person import LOCAL, MAX_NAME, Person
from platform_probe.web.console.sealed import Seal
from platform_probe.web.console.tokens import token_hash, tokens_in

SESSION_COOKIE: Final = "console_session"
UNMASKED_COOKIE: Final = "console_unmasked"
SESSION_S: Final = 12 * 3_600.0
"""The length of a session that begins with a token: a shift."""
UNMASKED_S: Final = 900.0
"""The time after which unmasked values are masked again: a quarter of an hour."""
MAX_SESSIONS: Final = 10_000
"""Sessions at once. Beyond that the one ends that began first [E]."""
MAX_WRONG: Final = 10
"""The number of wrong tokens of one address within `WRONG_S` that is answered 429."""
WRONG_S: Final = 60.0
MAX_ADDRESSES: Final = 1_000
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")


class _Session(NamedTuple):
    person: Person
    until: float


class _Unmasked(msgspec.Struct, frozen=True):
    name: str
    thing: str
    until: float


class Access:
    """Identifies people, and checks that a form is one of ours."""

    def __init__(self, settings: ConsoleSettings, seal: Seal) -> None:
        """Read the tokens. Raises `ConfigError` for a file that cannot be used."""
        self._settings = settings
        path = settings.tokens_file
        self._tokens = None if path is None else WatchedFile(path, tokens_in)
        self._seal = seal
        self._wrong: dict[str, list[float]] = {}
        self._sessions: dict[str, _Session] = {}
        """Those that have begun, by the name in their cookie, in that order."""

    @property
    def has_tokens(self) -> bool:
        """Whether people can log in with a token."""
        return self._tokens is not None

    def person(self, request: HttpRequest) -> Person | None:
        """Return the person who asks; None where that is not known."""
        found = self._person_of(request)
        if found is None:
            return None
        return replace(found, unmasked=frozenset(self._unmasked(request, found.name)))

    def is_our_host(self, request: HttpRequest) -> bool:
        """Return whether the request names us as a browser of this machine does.

        If nobody signs in, a foreign page could resolve its own name to this machine, and read
        through it (DNS rebinding).
        """
        if self._settings.asks_who:
            return True
        name = host_of(request.headers.get("Host", ""))
        return name in _LOOPBACK_NAMES or name == self._settings.host

    def _person_of(self, request: HttpRequest) -> Person | None:
        if not self._settings.asks_who:
            return Person(LOCAL, "admin", "local")
        proxy = self._settings.proxy
        if proxy is not None and is_within(request.remote, proxy.trusted):
            by_header = _by_header(request, proxy)
            if by_header is not None:
                return by_header
        token = bearer_of(request.headers)
        if token is not None and self.is_patient_with(request.remote):
            return self.with_token(token, request.remote)
        return self._in_session(request)

    def _in_session(self, request: HttpRequest) -> Person | None:
        session = self._session(request)
        if session is None:
            return None
        person = session.person
        has_its_token = self._owner_of(person.token_hash) == (person.name, person.role)
        return person if person.how != "token" or has_its_token else None

    def _session(self, request: HttpRequest) -> _Session | None:
        """Return the session of a request that has not ended."""
        session = self._sessions.get(self._seal.read(request, SESSION_COOKIE, str) or "")
        return None if session is None or session.until < time.time() else session

    def _owner_of(self, hashed: str) -> tuple[str, str] | None:
        """Return name and role of a token by its hash; a file that is wrong lets nobody in."""
        with suppress(ConfigError):
            return None if self._tokens is None else self._tokens.read().get(hashed)
        return None

    # Sessions

    def with_token(self, token: str, remote: str) -> Person | None:
        """Return the owner of a token; None for a wrong one, which counts against the address."""
        hashed = token_hash(token.strip())
        who = self._owner_of(hashed)
        if who is None:
            self.note_wrong(remote)
            return None
        return Person(*who, "token", token_hash=hashed)

    def session_of(self, person: Person, *, lasts_s: float = SESSION_S) -> str:
        """Return the cookie of a session that begins."""
        session_id, now = secrets.token_urlsafe(32), time.time()
        last = {name: one for name, one in self._sessions.items() if one.until >= now}
        while len(last) >= MAX_SESSIONS:
            del last[next(iter(last))]
        self._sessions = {**last, session_id: _Session(person, now + lasts_s)}
        return self._seal.cookie(SESSION_COOKIE, session_id, lasts_s)

    def end_session(self, request: HttpRequest) -> tuple[str, ...]:
        """End a request's session for every copy of its cookie; return cookies that clear it."""
        self._sessions.pop(self._seal.read(request, SESSION_COOKIE, str) or "", None)
        return tuple(map(self._seal.no_cookie, (SESSION_COOKIE, UNMASKED_COOKIE)))

    def is_patient_with(self, remote: str) -> bool:
        """Return whether an address has not failed to log in too often."""
        recent = [at for at in self._wrong.get(remote, ()) if at > time.time() - WRONG_S]
        return len(recent) < MAX_WRONG

    def note_wrong(self, remote: str) -> None:
        """Count a failed login of an address."""
        recent = [at for at in self._wrong.pop(remote, ()) if at > time.time() - WRONG_S]
        if len(self._wrong) >= MAX_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]
        self._wrong[remote] = [*recent, time.time()]

    # Unmasking

    def unmasked(self, request: HttpRequest, name: str, thing: str) -> str:
        """Return the cookie that unmasks one more thing for a person, besides the earlier ones."""
        things = [*self._unmasked(request, name)][-9:]
        until = time.time() + UNMASKED_S
        every = [_Unmasked(name, each, until) for each in [*things, thing]]
        return self._seal.cookie(UNMASKED_COOKIE, every, UNMASKED_S)

    def _unmasked(self, request: HttpRequest, name: str) -> list[str]:
        found = self._seal.read(request, UNMASKED_COOKIE, list[_Unmasked]) or []
        return [one.thing for one in found if one.name == name and one.until >= time.time()]

    # Forms

    def form_token(self, person: Person | None) -> str:
        """Return the token that a form of ours contains."""
        return self._seal.sign(_form_of(person))

    def is_our_form(self, request: HttpRequest, person: Person | None, token: str) -> bool:
        """Return whether a post comes from a form of ours."""
        if not self._seal.is_signed(_form_of(person), token):
            return False
        origin = request.headers.get("Origin")
        if origin is None:
            return request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
        if self._settings.public_url is not None:
            return origin == self._settings.public_url
        return origin.partition("://")[2] == request.headers.get("Host", "")


def _form_of(person: Person | None) -> str:
    return "form " if person is None else f"form {person.name} {person.role}"


def is_within(remote: str, networks: tuple[str, ...]) -> bool:
    """Return whether an address is in one of the networks."""
    try:
        address = ip_address(remote)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ip_network(each) for each in networks)


def _by_header(request: HttpRequest, proxy: ProxySettings) -> Person | None:
    name = request.headers.get(proxy.user_header, "").strip()
    if not name or not name.isprintable():
        return None
    groups = {each.strip() for each in request.headers.get(proxy.groups_header, "").split(",")}
    role = proxy.role_of(groups)
    return None if role is None else Person(name[:MAX_NAME], role, "proxy")
