"""Who may look, and at what: tokens from a file, a reverse proxy's header, or this machine alone.

A person has a role, and a role has rights. Sessions are signed cookies: the key is drawn when the
console starts, so a restart ends them, and so does the end of a name in the tokens' file.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final, TypeVar, get_args
from urllib.parse import urlsplit

import msgspec

from fleet_wire.errors import ConfigError
from fleet_wire.web.exchange import HttpRequest
from platform_probe.console_settings import ConsoleSettings, ProxySettings, Role

SESSION_COOKIE: Final = "console_session"
UNMASKED_COOKIE: Final = "console_unmasked"
SESSION_S: Final = 12 * 3_600.0
"""A shift."""
UNMASKED_S: Final = 900.0
"""What was unmasked for a reason is masked again after a quarter of an hour."""
TOKEN_BYTES: Final = 32
MAX_WRONG: Final = 10
"""So many wrong tokens of one address within `WRONG_S`, and it is answered 429."""
WRONG_S: Final = 60.0
MAX_ADDRESSES: Final = 1_000
LOCAL: Final = "local"
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_T = TypeVar("_T")
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")


class Right(StrEnum):
    """What a role may see beside what all may."""

    PERSONAL = "personal"
    """Customers by their names; for others they are masked."""
    SECRETS = "secrets"
    """Raw records, suspicious traffic, queries of squads: what tells how the fleet is protected."""


RIGHTS: Final[Mapping[str, frozenset[Right]]] = {
    **{role: frozenset({Right.SECRETS}) for role in get_args(Role)},
    "support": frozenset({Right.PERSONAL}),
    "admin": frozenset(Right),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who looks."""

    name: str
    role: str
    how: str
    """How that is known: token, proxy or local."""
    unmasked: frozenset[str] = frozenset()
    """Things whose customer this person has had shown, as `kind/id`."""

    def may(self, right: Right) -> bool:
        """Return whether the role has a right."""
        return right in RIGHTS[self.role]

    def sees_customer_of(self, *things: str) -> bool:
        """Return whether customers are shown by name on the page of one of these things."""
        return self.may(Right.PERSONAL) or not self.unmasked.isdisjoint(things)


class TokenFile:
    """Names, roles and hashes of tokens; read again when the file has changed."""

    def __init__(self, path: Path) -> None:
        """Read it. Raises `ConfigError` that says what is wrong in which line."""
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._by_hash: dict[str, tuple[str, str]] = {}
        self._load()

    def who(self, token: str) -> tuple[str, str] | None:
        """Return name and role of a token; None where it is none."""
        self._load_if_changed()
        return self._by_hash.get(token_hash(token))

    def has(self, name: str, role: str) -> bool:
        """Return whether a name still has a role."""
        self._load_if_changed()
        return (name, role) in self._by_hash.values()

    def _load_if_changed(self) -> None:
        try:
            if self._stamp != self._stamp_now():
                self._load()
        except (ConfigError, OSError):
            self._by_hash = {}  # a file that cannot be read lets nobody in

    def _stamp_now(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size

    def _load(self) -> None:
        try:
            self._stamp = self._stamp_now()
            text = self._path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is no text"
            raise ConfigError([f"tokens_file {self._path}: {reason}"]) from None
        problems, by_hash = [], {}
        for number, line in enumerate(text.splitlines(), start=1):
            parts = line.partition("#")[0].split()
            if not parts:
                continue
            problem = _token_problem(parts)
            if problem is not None:
                problems.append(f"{self._path}:{number}: {problem}")
            else:
                by_hash[parts[2]] = (parts[0], parts[1])
        if problems:
            raise ConfigError(problems)
        self._by_hash = by_hash


def _token_problem(parts: list[str]) -> str | None:
    if len(parts) != 3:  # noqa: PLR2004 - name, role, hash
        return "expected a name, a role and a hash, as `platform-probe console --new-token` prints"
    if parts[1] not in RIGHTS:
        return f"no role {parts[1]!r}, expected one of {', '.join(RIGHTS)}"
    if not _HASH.fullmatch(parts[2]):
        return "the hash is not 64 hexadecimal digits; the token itself does not belong here"
    return None


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """Return the hash of a token. Tokens are long and random: no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


class _Session(msgspec.Struct, frozen=True):
    name: str
    role: str
    until: float


class _Unmasked(msgspec.Struct, frozen=True):
    name: str
    thing: str
    until: float


class Access:
    """Tells who asks, and whether a form is one of ours."""

    def __init__(self, settings: ConsoleSettings, now: Callable[[], float] = time.time) -> None:
        """Read the tokens. Raises `ConfigError` for a file that cannot be used."""
        self._settings = settings
        self._tokens = None if settings.tokens_file is None else TokenFile(settings.tokens_file)
        self._key = secrets.token_bytes(32)
        self._now = now
        self._wrong: dict[str, list[float]] = {}

    @property
    def has_tokens(self) -> bool:
        """Whether there is a form to log in with."""
        return self._tokens is not None

    def person(self, request: HttpRequest) -> Person | None:
        """Return who asks; None where that is not known."""
        found = self._found(request)
        if found is None:
            return None
        things = frozenset(self._unmasked(request, found.name))
        return Person(found.name, found.role, found.how, things)

    def is_our_host(self, request: HttpRequest) -> bool:
        """Return whether the request names us as a browser of this machine does.

        Where nobody is asked who they are, a foreign page could have its own name resolve to this
        machine, and read through it (DNS rebinding).
        """
        if self._settings.asks_who:
            return True
        host = request.headers.get("Host", "")
        name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
        return name in _LOOPBACK_NAMES or name.strip("[]") == self._settings.host

    def _found(self, request: HttpRequest) -> Person | None:
        if not self._settings.asks_who:
            return Person(LOCAL, "admin", "local")
        proxy = self._settings.proxy
        if proxy is not None and is_within(request.remote, proxy.trusted):
            by_header = _by_header(request, proxy)
            if by_header is not None:
                return by_header
        return None if self._tokens is None else self._by_token(request, self._tokens)

    def _by_token(self, request: HttpRequest, tokens: TokenFile) -> Person | None:
        """Return who asks with a token, or in a session that began with one."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_patient_with(request.remote):
            who = tokens.who(token.strip())
            if who is None:
                self._note_wrong(request.remote)
                return None
            return Person(*who, "token")
        session = self._read(cookie(request, SESSION_COOKIE), _Session)
        if session is None or session.until < self._now():
            return None
        is_still = tokens.has(session.name, session.role)
        return Person(session.name, session.role, "token") if is_still else None

    # Logging in

    def log_in(self, token: str, remote: str) -> tuple[Person, str] | None:
        """Return who has a token, and the cookie of the session; None where it is none."""
        who = None if self._tokens is None else self._tokens.who(token.strip())
        if who is None:
            self._note_wrong(remote)
            return None
        session = _Session(*who, self._now() + SESSION_S)
        return Person(*who, "token"), self._cookie(SESSION_COOKIE, session, SESSION_S)

    def logged_out(self) -> str:
        """Return the cookie that ends a session."""
        return f"{SESSION_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"

    def is_patient_with(self, remote: str) -> bool:
        """Return whether an address has not tried too many tokens."""
        recent = [at for at in self._wrong.get(remote, ()) if at > self._now() - WRONG_S]
        return len(recent) < MAX_WRONG

    def _note_wrong(self, remote: str) -> None:
        recent = [at for at in self._wrong.pop(remote, ()) if at > self._now() - WRONG_S]
        if len(self._wrong) >= MAX_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]
        self._wrong[remote] = [*recent, self._now()]

    # Unmasking

    def unmasked(self, request: HttpRequest, name: str, thing: str) -> str:
        """Return the cookie with which a person sees whose a thing is, beside those before."""
        things = [*self._unmasked(request, name)][-9:]
        until = self._now() + UNMASKED_S
        every = [_Unmasked(name, each, until) for each in [*things, thing]]
        return self._cookie(UNMASKED_COOKIE, every, UNMASKED_S)

    def _unmasked(self, request: HttpRequest, name: str) -> list[str]:
        found = self._read(cookie(request, UNMASKED_COOKIE), list[_Unmasked]) or []
        return [one.thing for one in found if one.name == name and one.until >= self._now()]

    # Forms

    def form_token(self, person: Person | None) -> str:
        """Return what a form of ours carries."""
        name = "" if person is None else f"{person.name} {person.role}"
        return self._sign(b"form " + name.encode())

    def is_our_form(self, request: HttpRequest, person: Person | None, token: str) -> bool:
        """Return whether a post comes from a form of ours."""
        given = token.encode("utf-8", "replace")
        if not hmac.compare_digest(given, self.form_token(person).encode()):
            return False
        origin = request.headers.get("Origin")
        if origin is None:
            return request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
        if self._settings.public_url is not None:
            return origin == self._settings.public_url
        return urlsplit(origin).netloc == request.headers.get("Host", "")

    # Cookies

    def _cookie(self, name: str, content: object, age_s: float) -> str:
        payload = base64.urlsafe_b64encode(msgspec.json.encode(content)).decode().rstrip("=")
        is_safe = (self._settings.public_url or "").startswith("https://")
        return (
            f"{name}={payload}.{self._sign(payload.encode())}; Path=/; Max-Age={age_s:.0f};"
            f" HttpOnly; SameSite=Lax{'; Secure' if is_safe else ''}"
        )

    def _read(self, text: str, kind: type[_T]) -> _T | None:
        payload, _, signature = text.partition(".")
        given = signature.encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._sign(payload.encode()).encode()):
            return None
        padded = payload + "=" * (-len(payload) % 4)
        try:
            return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=kind)
        except (msgspec.MsgspecError, ValueError):
            return None

    def _sign(self, content: bytes) -> str:
        return hmac.new(self._key, content, hashlib.sha256).hexdigest()


def cookie(request: HttpRequest, name: str) -> str:
    """Return the value of a cookie; empty where there is none."""
    try:
        found = SimpleCookie(request.headers.get("Cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value


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
    role = next((role for group, role in proxy.roles.items() if group in groups), None)
    role = role or proxy.default_role
    return None if role is None else Person(name[:100], role, "proxy")
