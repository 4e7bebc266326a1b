"""The console: where it listens, who may look, and what its pages name. A part of the settings."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from fleet_wire.addresses import is_loopback, parse_listen, valid_listen
from platform_probe.settings.section import Section
from platform_probe.store.limits import (
    DEFAULT_MEMORY_MIB,
    DEFAULT_THREADS,
    MAX_SQL_MIB,
    MIN_SQL_MIB,
)

DEFAULT_LISTEN: Final = "127.0.0.1:9465"
"""The port next to the monitor's own."""
AUDIT_FILE: Final = "console_audit.jsonl"
Role = Literal["support", "oncall", "mobile", "qa", "cto", "squad", "admin"]
_TRACE_PLACE: Final = "{trace_id}"
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
"""The name of a squad or of a board, as an address and a file have it."""
EXAMPLES: Final = "examples"
"""The squad of the boards that ship."""


class _WithRoles(Section):
    """Settings of a sign-in with groups, which give a role."""

    roles: dict[str, Role] = Field(
        {}, description="the role of each group; of several the first one that is listed here"
    )
    default_role: Role | None = Field(
        None, description="the role of who is in none of these groups; null: may not look"
    )

    def role_of(self, groups: Collection[str]) -> Role | None:
        """Return the role of a member of these groups; None: may not look."""
        first = next((role for group, role in self.roles.items() if group in groups), None)
        return first or self.default_role


class ProxySettings(_WithRoles):
    """A reverse proxy that knows who it is, and says so in a header."""

    trusted: tuple[str, ...] = Field(
        min_length=1,
        description="addresses of the proxy, or networks as 10.0.0.0/8: of others the headers are"
        " not believed",
    )
    user_header: str = Field("X-Forwarded-User", description="the header with the person's name")
    groups_header: str = Field(
        "X-Forwarded-Groups", description="the header with the groups, parted by commas"
    )

    @field_validator("trusted")
    @classmethod
    def _are_networks(cls, trusted: tuple[str, ...]) -> tuple[str, ...]:
        for text in trusted:
            try:
                ip_network(text)
            except ValueError as error:
                raise ValueError(f"{error}; as 10.1.2.3 or 10.0.0.0/8") from None
        return trusted


class OidcSettings(_WithRoles):
    """A provider of OpenID Connect, at which people sign in."""

    issuer: str = Field(
        description="its address, as its own discovery document says it:"
        " https://login.example/realms/company"
    )
    client_id: str = Field(min_length=1, description="what the provider calls this console")
    client_secret_file: Path | None = Field(
        None, description="file with the client's secret; null: a public client, PKCE alone"
    )
    scopes: tuple[str, ...] = Field(
        ("openid", "profile"), description="what is asked of the provider; some want groups too"
    )
    user_claim: str = Field("preferred_username", description="the claim with the person's name")
    groups_claim: str = Field(
        "groups", description="the claim with the groups; within others as realm_access.roles"
    )
    session_hours: float = Field(
        12, ge=0.1, le=24, description="so long a session lasts; the provider may be away meanwhile"
    )
    clock_skew_s: float = Field(
        60, ge=0, le=300, description="so much the provider's clock may differ from ours"
    )

    @field_validator("issuer")
    @classmethod
    def _is_trustworthy(cls, issuer: str) -> str:
        if not is_trustworthy(issuer):
            raise ValueError(
                "expected an address that begins with https://; http only on this machine, for"
                " trying it out"
            )
        return issuer

    @field_validator("scopes")
    @classmethod
    def _has_openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("openid is missing: without it the provider gives no ID token")
        return scopes

    @model_validator(mode="after")
    def _lets_somebody_in(self) -> Self:
        if not self.roles and self.default_role is None:
            raise ValueError("nobody could look: set roles, or default_role")
        return self


def is_trustworthy(url: str) -> bool:
    """Return whether nobody in between can change the contents of an address."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if not host or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


class PinnedQuery(Section):
    """A question that a squad asks again and again."""

    title: str = Field(min_length=1, max_length=100, description="what its page calls it")
    query: str | None = Field(
        None, description="the name of a predefined query, as `platform-probe query list` has them"
    )
    sql: str | None = Field(None, description="or one SELECT; `$since` and `$until` are the time")
    values: dict[str, str] = Field({}, description="values of the query's parameters")

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if (self.query is None) is (self.sql is None):
            raise ValueError("name a query, or write its sql")
        if self.sql is not None and self.values:
            raise ValueError("values are those of a query; sql has $since and $until only")
        return self


class SquadSettings(Section):
    """A squad's own page."""

    name: str = Field(description="its name in the address of its page: letters, digits, - and _")
    queries: tuple[PinnedQuery, ...] = Field(
        (), description="what its page shows, in order; none: it has boards alone"
    )
    members: tuple[str, ...] = Field(
        (),
        description="who changes its boards, beside admins: names as the foot of a page shows them,"
        " or `subject` as the audit log has it",
    )

    @field_validator("name")
    @classmethod
    def _fits_an_address(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("expected 1 to 40 letters, digits, - or _")
        if name == EXAMPLES:
            raise ValueError("the boards that ship are called so; choose another name")
        return name


class CostSettings(Section):
    """The cost of a failure: shown next to the counts, and nowhere else."""

    per_call: float = Field(0.0, ge=0, le=1e6, description="a call to support")
    per_lost_rental: float = Field(0.0, ge=0, le=1e6, description="a rental that did not begin")
    currency: str = Field("EUR", min_length=1, max_length=8, description="in which money")


class ConsoleSettings(Section):
    """Pages for support and on-call over the store (docs/console.md)."""

    listen: Annotated[str, AfterValidator(valid_listen)] = Field(
        DEFAULT_LISTEN,
        description="HOST:PORT of the pages; beyond this machine only with oidc, tokens_file or"
        " proxy",
    )
    tokens_file: Path | None = Field(
        None, description="file of who may look: on each line a name, a role and the hash that"
        " `platform-probe console --new-token` prints",
    )  # fmt: skip
    proxy: ProxySettings | None = Field(
        None, description="a reverse proxy that says who it is; null: none is believed"
    )
    oidc: OidcSettings | None = Field(
        None, description="a provider of OpenID Connect, at which people sign in; wants public_url"
    )
    public_url: str | None = Field(
        None, pattern=r"^https?://[^\s/]+$",
        description="the address at which people reach it, as https://console.example: forms are"
        " taken from there alone, and cookies go over https where it says so",
    )  # fmt: skip
    audit_file: Path | None = Field(
        None, description="file of every look at a customer, a JSON object a line;"
        " null: console_audit.jsonl in out_dir",
    )  # fmt: skip
    plates_file: Path | None = Field(
        None, description="file of the cars' plates: on each line a car's id, a comma and its plate"
    )
    trace_url: str | None = Field(
        None, pattern=r"^https?://",
        description="address of a trace in your tracing tool, with {trace_id} in it, as"
        " https://jaeger.example/trace/{trace_id}; null: no link",
    )  # fmt: skip
    runbook_url: str | None = Field(
        None, pattern=r"^https?://[^\s]+[^\s/]$",
        description="address of your copy of docs/runbook, as https://wiki.example/runbook: an"
        " incident links its page there, /OperatorFails.md; null: its name alone",
    )  # fmt: skip
    objective: float = Field(
        0.99,
        gt=0,
        le=0.99999,
        description="the share of unlocks that is to open: the service level",
    )
    cost: CostSettings = Field(CostSettings(), description="what a failure costs")
    squads: tuple[SquadSettings, ...] = Field((), description="pages of squads")
    boards_dir: Path | None = Field(
        None, description="directory of the boards of squads, a folder each (docs/boards.md);"
        " null: only the boards that ship",
    )  # fmt: skip
    prometheus_url: str | None = Field(
        None, pattern=r"^https?://[^\s/]+[^\s]*[^\s/]$",
        description="address of the Prometheus whose series boards show, as"
        " http://prometheus:9090; null: none are shown",
    )  # fmt: skip
    memory_mib: int = Field(
        DEFAULT_MEMORY_MIB, ge=128, le=MAX_SQL_MIB,
        description="MiB of memory for the database behind the pages; what needs more uses the"
        " disk. The process needs up to 140 MiB besides",
    )  # fmt: skip
    threads: int = Field(
        DEFAULT_THREADS, ge=1, le=64, description="threads that a query of a page may use"
    )
    sql_timeout_s: float = Field(
        20.0, ge=0.1, le=3_600, description="seconds after which a squad's SQL is ended"
    )
    sql_memory_mib: int = Field(
        1_024, ge=MIN_SQL_MIB, le=MAX_SQL_MIB,
        description="MiB of memory that a squad's SQL may use, beside the console's own",
    )  # fmt: skip

    @field_validator("trace_url")
    @classmethod
    def _has_a_place(cls, trace_url: str | None) -> str | None:
        if trace_url is not None and _TRACE_PLACE not in trace_url:
            raise ValueError(f"has no {_TRACE_PLACE} in it: every trace would be the same page")
        return trace_url

    @model_validator(mode="after")
    def _is_not_open_to_all(self) -> Self:
        if not self.is_loopback and not self.asks_who:
            raise ValueError(
                f"{self.listen} is not of this machine alone, and anybody could look: set"
                " oidc, tokens_file or proxy, or listen on 127.0.0.1"
            )
        return self

    @model_validator(mode="after")
    def _can_be_come_back_to(self) -> Self:
        if self.oidc is not None and self.public_url is None:
            raise ValueError("oidc wants public_url: the provider sends people back to it")
        if self.oidc is not None and not is_trustworthy(self.public_url or ""):
            raise ValueError("oidc wants a public_url of https; http only on this machine")
        return self

    @property
    def asks_who(self) -> bool:
        """Whether only those may look who are known."""
        return any(each is not None for each in (self.tokens_file, self.proxy, self.oidc))

    def audit_file_in(self, out_dir: Path) -> Path:
        """Return the file of the audit log, where the records go to a directory."""
        return out_dir / AUDIT_FILE if self.audit_file is None else self.audit_file

    @property
    def host(self) -> str:
        """The host to listen on."""
        return parse_listen(self.listen)[0]

    @property
    def port(self) -> int:
        """The port to listen on; 0: any free one."""
        return parse_listen(self.listen)[1]

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)
