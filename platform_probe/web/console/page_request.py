"""The inputs of a page: the person, the thing, the language and the records."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any, Final

from fleet_wire.contract.incident import IncidentKind, IncidentState
from fleet_wire.errors import ConfigError
from platform_probe.boards.folder import BoardFolder
from platform_probe.settings.console import ConsoleSettings
from platform_probe.store.duck import Rows
from platform_probe.tell.support.rows import unix_s
from platform_probe.texts.catalogue import Say, has_text
from platform_probe.texts.speaking import Speaker, long_of
from platform_probe.texts.spoken_error import problems_in
from platform_probe.texts.times import DAY_S, iso_of
from platform_probe.web.console.incidents import IncidentHistory, known_in
from platform_probe.web.console.listing import number_in
from platform_probe.web.console.person import Permission, Person
from platform_probe.web.console.prometheus import SeriesQuestion
from platform_probe.web.console.snapshot import Snapshot
from platform_probe.web.console.what_if import WhatIfs

_MASK_KEY: Final = secrets.token_bytes(16)
"""The key of this process alone: nobody can find a customer by trying names."""
_PERSONAL_KEYS: Final = ("account_id", "position", "distance_m")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """One request for a page."""

    path: str
    query: Mapping[str, str]
    person: Person
    say: Say
    language: str
    theme: str
    """`light`, `dark`, or empty: what the browser prefers."""
    zone: tzinfo
    snapshot: Snapshot
    settings: ConsoleSettings
    plates: Mapping[str, str]
    """Cars by plate, without spaces and signs."""
    plate_of: Mapping[str, str]
    """Plates as they are written, by car."""
    form_token: str
    boards: BoardFolder
    what_ifs: WhatIfs
    note: Callable[..., None]
    """Writes an act into the audit log, by its name and what it acts on, before it is done."""

    @property
    def now_s(self) -> float:
        """The time of the newest record: on these pages that is now."""
        return self.snapshot.newest_s

    @property
    def speaker(self) -> Speaker:
        """Return what says sentences in the person's language, on the day of the newest record."""
        return Speaker(self.language, self.zone, day_s=self.now_s)

    def problem(self, error: ConfigError) -> str:
        """Return what an error says, in the person's language and zone."""
        return problems_in(error, self.speaker)

    def may(self, right: Permission) -> bool:
        """Return whether the person has a right."""
        return self.person.may(right)

    def known_incidents(self) -> list[IncidentHistory]:
        """Return the incidents that the person may see: suspicious traffic is not for all."""
        return [one for one in known_in(self.snapshot) if self.may_see(one)]

    def open_incidents(self) -> list[IncidentHistory]:
        """Return those of them that go on, the worst first."""
        return [one for one in self.known_incidents() if one.latest.state is IncidentState.OPEN]

    def may_see(self, known: IncidentHistory) -> bool:
        """Return whether the person may see an incident."""
        return known.latest.kind is not IncidentKind.SUSPICIOUS or self.may(Permission.SECRETS)

    @property
    def page_number(self) -> int:
        """Which page of a list is asked for."""
        return number_in(self.query)

    # Times and numbers

    def time_of(self, at: float | datetime | None) -> str:
        """Return day and time to the second, in the zone."""
        return time_of(at, self.zone)

    def day_and_clock(self, at: float | datetime) -> tuple[str, str, bool]:
        """Return day, time, and whether the day is that of the newest record."""
        day, _, clock = self.time_of(at).partition(" ")
        return day, clock, day == _day_of(self.now_s, self.zone)

    def iso(self, at: float | datetime) -> str:
        """Return a time for programs."""
        return iso_of(at if isinstance(at, float | int) else unix_s(at), self.zone)

    def exact(self, at_s: float) -> str:
        """Return a time for an address that is to find the same records again."""
        return datetime.fromtimestamp(at_s, self.zone).isoformat(timespec="microseconds")

    def long(self, seconds: float | None) -> str:
        """Return a duration, with two units at most."""
        if seconds is None:
            return ""
        if seconds < 1:
            return f"{seconds * 1_000:.0f} ms"
        if seconds < 2 * DAY_S:
            return self.written(long_of(seconds))
        return self.say("time.days", count=f"{seconds / DAY_S:.0f}")

    def decimal(self, form: str, number: float) -> str:
        """Return a number in a form of `%`, as the language writes it."""
        return self.written(form % number)

    def written(self, number: str) -> str:
        """Return a number as the language writes it: 2.5 or 2,5."""
        return number.replace(".", self.say("number.point"))

    def ago(self, at: float | datetime | None) -> str:
        """Return how long before the newest record something was."""
        if at is None:
            return ""
        ago_s = self.now_s - (at if isinstance(at, float | int) else unix_s(at))
        return self.say("time.ago", long=self.long(max(ago_s, 0.0)))

    # Words that may be missing

    def display_name(self, group: str, name: str | None) -> str:
        """Return what a name of the records is called; itself where there is no word for it."""
        if name is None:
            return ""
        key = f"{group}.{name}"
        return self.say(key) if has_text(key) else name.replace("_", " ")

    def by_button(self, text: str) -> str:
        """Return who did something, or why: as they wrote it, or as a button does for them."""
        key = f"by_button.{text}"
        return self.say(key) if has_text(key) else text

    # Customers

    def customer(self, account_id: str | None, *things: str) -> Customer | None:
        """Return a customer as the person may see them on the pages of `things`, as `unlock/ID`."""
        if account_id is None:
            return None
        sees = self.person.sees_customer_of(f"customer/{account_id}", *things)
        return Customer(account_id if sees else mask(account_id), is_masked=not sees)

    def hides(self, *things: str) -> bool:
        """Return whether customers are masked on the pages of these things."""
        return not self.person.sees_customer_of(*things)


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as a page names them."""

    name: str
    is_masked: bool


def time_of(at: float | datetime | None, zone: tzinfo) -> str:
    """Return day and time to the second; empty where there is none."""
    if at is None:
        return ""
    at_s = at if isinstance(at, float | int) else unix_s(at)
    return datetime.fromtimestamp(at_s, zone).strftime("%Y-%m-%d %H:%M:%S")


@lru_cache(maxsize=8)
def _day_of(at_s: float, zone: tzinfo) -> str:
    return time_of(at_s, zone)[:10]


def mask(name: str) -> str:
    """Return what stands for a customer: the same for the same one, until the console restarts."""
    return "•••" + hmac.new(_MASK_KEY, name.encode(), hashlib.sha256).hexdigest()[:4]


def without(text: str, names: Sequence[str]) -> str:
    """Return a text in which customers are masked."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, mask(name))
    return text


def masked(value: Any, names: Sequence[str]) -> Any:
    """Return a record in which customers are masked, and where they were is left out."""
    if isinstance(value, Mapping):
        return {
            key: mask(str(one)) if key == "account_id" and one else masked(one, names)
            for key, one in value.items()
            if key not in _PERSONAL_KEYS[1:]
        }
    if isinstance(value, str):
        return without(value, names)
    if isinstance(value, list | tuple):
        return [masked(one, names) for one in value]
    return value


# Results of a page


@dataclass(frozen=True, slots=True)
class Page:
    """A page."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    look: tuple[str, str] | None = None
    """The viewed thing, for the audit log: kind and id."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Another page is the right one."""

    url: str


@dataclass(frozen=True, slots=True)
class Data:
    """An answer for a program."""

    value: Any
    look: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class SeriesWanted:
    """A page that needs answers of Prometheus first; no thread waits for them."""

    questions: Sequence[SeriesQuestion]
    finish: Callable[[Sequence[Rows | ConfigError]], Page]


Answer = Page | Redirect | Data | SeriesWanted


def missing(kind: str, name: str) -> Page:
    """Return that something is not there."""
    return Page("missing.html", {"kind": kind, "name": name}, 404)


def forbidden() -> Page:
    """Return that the role does not see this."""
    return Page("forbidden.html", {}, 403)
