"""The console: where it listens, who may look, and what its pages name. A part of the settings."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from fleet_wire.addresses import parse_listen, valid_listen

DEFAULT_LISTEN: Final = "127.0.0.1:9465"
"""Beside the monitor's own port."""
AUDIT_FILE: Final = "console_audit.jsonl"
Role = Literal["support", "oncall", "mobile", "qa", "cto", "squad", "admin"]
_TRACE_PLACE: Final = "{trace_id}"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProxySettings(_Part):
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
    roles: dict[str, Role] = Field(
        {}, description="the role of each group; of several the first one that is listed here"
    )
    default_role: Role | None = Field(
        None, description="the role of who is in none of these groups; null: may not look"
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


class PinnedQuery(_Part):
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


class SquadSettings(_Part):
    """A squad's own page."""

    name: str = Field(description="its name in the address of its page: letters, digits, - and _")
    queries: tuple[PinnedQuery, ...] = Field(min_length=1, description="what it shows, in order")

    @field_validator("name")
    @classmethod
    def _fits_an_address(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("expected 1 to 40 letters, digits, - or _")
        return name


class CostSettings(_Part):
    """What a failure costs: shown beside the counts, and nowhere else."""

    per_call: float = Field(0.0, ge=0, le=1e6, description="a call to support")
    per_lost_rental: float = Field(0.0, ge=0, le=1e6, description="a rental that did not begin")
    currency: str = Field("EUR", min_length=1, max_length=8, description="in which money")


class ConsoleSettings(_Part):
    """Pages for support and on-call over the store (docs/console.md)."""

    listen: Annotated[str, AfterValidator(valid_listen)] = Field(
        DEFAULT_LISTEN,
        description="HOST:PORT of the pages; beyond this machine only with tokens_file or proxy",
    )
    tokens_file: Path | None = Field(
        None, description="file of who may look: on each line a name, a role and the hash that"
        " `platform-probe console --new-token` prints",
    )  # fmt: skip
    proxy: ProxySettings | None = Field(
        None, description="a reverse proxy that says who it is; null: none is believed"
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
    objective: float = Field(
        0.99,
        gt=0,
        le=0.99999,
        description="the share of unlocks that is to open: the service level",
    )
    cost: CostSettings = Field(CostSettings(), description="what a failure costs")
    squads: tuple[SquadSettings, ...] = Field((), description="pages of squads")

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
                " tokens_file or proxy, or listen on 127.0.0.1"
            )
        return self

    @property
    def asks_who(self) -> bool:
        """Whether only those may look who are known."""
        return self.tokens_file is not None or self.proxy is not None

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
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False
