"""A console over a store in which everything has happened once, with incidents, as a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import msgspec

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import (
    Change,
    ChangeKind,
    Incident,
    IncidentKind,
    IncidentState,
    Severity,
)
from platform_probe.settings.console import ConsoleSettings
from platform_probe.web.console.application import Console
from platform_probe.web.console.tokens import token_hash
from tests.helpers.busy_store import make_busy_store
from tests.helpers.stores import BEGIN_S, put_lines
from tests.helpers.waiting import PATIENCE_S, whole_lines

OPEN: Final = "incident-1"
RESOLVED: Final = "incident-2"
SUSPICIOUS: Final = "incident-3"
TOKENS: Final = {role: f"token-of-{role}" for role in ("support", "oncall", "cto")}


def incident_of(incident_id: str = OPEN, *, revision: int = 1, **changes: Any) -> Incident:
    """Return a revision of an incident, made by hand."""
    made: dict[str, Any] = {
        "incident_id": incident_id,
        "revision": revision,
        "at": BEGIN_S + 20.0 + 10 * revision,
        "kind": IncidentKind.FAILURES,
        "severity": Severity.CRITICAL,
        "state": IncidentState.OPEN,
        "title": "Coast: boxes offline since 00:00, 2 customers",
        "since": BEGIN_S + 3.0,
        "opened_at": BEGIN_S + 25.0,
        "cause": Cause.BOX_OFFLINE,
        "mode": "no_coverage_garage",
        "mode_probability": 0.83,
        "cohort": {"region": "coast"},
        "failed": revision,
        "total": 8 * revision,
        "elsewhere_failed": 1,
        "elsewhere_total": 43,
        "expected": 0.01,
        "sure": 0.9995,
        "customers": 2,
        "cars": 1,
        "examples": ("attempt-17", "attempt-3"),
        "changes": (
            Change(at=BEGIN_S + 25.0, kind=ChangeKind.OPENED, sentence="2 of 16 failed"),
            Change(
                at=BEGIN_S + 40.0,
                kind=ChangeKind.ACKNOWLEDGED,
                sentence="acknowledged",
                by="amelie",
                reason="the operator is told",
            ),
        ),
    }
    return Incident(**{**made, **changes})


def some_incidents() -> list[Incident]:
    """Return an open one that has grown, a resolved one, and one of suspicious traffic."""
    return [
        incident_of(),
        incident_of(revision=2),
        incident_of(revision=3, acknowledged_by="amelie"),
        incident_of(
            RESOLVED,
            state=IncidentState.RESOLVED,
            severity=Severity.WARNING,
            title="API release 1.0.0: generic 500s",
            ended_at=BEGIN_S + 50.0,
            cause=Cause.API_FAILED,
            cohort={"api_release": "1.0.0"},
        ),
        incident_of(
            SUSPICIOUS,
            kind=IncidentKind.SUSPICIOUS,
            severity=Severity.NOTICE,
            title="One account tries 40 cars",
            cause=None,
            mode=None,
            cohort={},
        ),
    ]


def put_incidents(directory: Path, incidents: list[Incident]) -> None:
    """Put incidents into a store."""
    lines = [msgspec.json.encode(each) for each in incidents]
    put_lines(directory, "incidents", lines)


def make_console_store(directory: Path) -> Path:
    """Make a store for a console to show, and return its directory."""
    make_busy_store(directory)
    put_incidents(directory, some_incidents())
    return directory


def tokens_file(directory: Path) -> Path:
    """Write a file of tokens, one for each role of `TOKENS`, and return it."""
    path = directory / "tokens.txt"
    lines = [f"{role}-person {role} {token_hash(token)}\n" for role, token in TOKENS.items()]
    path.write_text("".join(["# who may look\n", *lines]))
    return path


@contextmanager
def served(store: Path, audit_file: Path, *, monitor: Any = None, **settings: Any) -> Iterator[str]:
    """Serve a console in a thread, and give its address; `monitor` writes to its store."""
    started, stop = Event(), Event()
    ports: list[int] = []
    failed: list[BaseException] = []
    complaints: list[str] = []

    async def serve() -> None:
        chosen = ConsoleSettings.model_validate({"listen": "127.0.0.1:0", **settings})
        console = Console(
            store, chosen, UTC,
            audit_file=audit_file, trouble=complaints.append, monitor=monitor,
        )  # fmt: skip
        server = console.server()
        ports.append(await server.start("127.0.0.1", chosen.port))
        started.set()
        while not stop.is_set():  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.02)
        await console.close()
        await server.stop()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - the test shall see it
            failed.append(error)
            started.set()

    thread = Thread(target=run)
    thread.start()
    assert started.wait(PATIENCE_S)
    try:
        if failed:
            raise failed[0]
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        stop.set()
        thread.join(PATIENCE_S)
    defects = [
        each for each in complaints if not each.startswith(("audit log:", "store:", "sign-in:"))
    ]
    assert defects == [], defects


class Got(NamedTuple):
    """What a visitor got."""

    status: int
    text: str
    headers: Message

    @property
    def location(self) -> str:
        """Where it leads."""
        return self.headers["Location"] or ""


class Visitor:
    """Somebody with a browser's cookies, who follows nothing by themselves."""

    def __init__(self, url: str, **headers: str) -> None:
        self._host = url.removeprefix("http://")
        self.headers = {"Accept-Language": "en", "Accept": "text/html", **_named(headers)}
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> Got:
        """Get a page."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Got:
        """Send a form."""
        return self._ask("POST", path, urlencode(fields), headers)

    def form_token(self, path: str = "/login") -> str:
        """Return what the forms of a page carry."""
        return self.get(path).text.partition('name="form_token" value="')[2].partition('"')[0]

    def log_in(self, token: str) -> Got:
        """Log in with a token."""
        return self.post("/login", {"token": token, "form_token": self.form_token(), "back": "/"})

    def _ask(self, method: str, path: str, body: str | None, more: dict[str, str]) -> Got:
        headers = {**self.headers, **_named(more)}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={each}" for name, each in self.cookies.items())
        connection = HTTPConnection(self._host, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        got = Got(answer.status, answer.read().decode(), answer.headers)
        connection.close()
        return got


def _named(headers: dict[str, str]) -> dict[str, str]:
    """Return headers that were given as keywords."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def looks_in(audit_file: Path) -> list[dict[str, Any]]:
    """Return the lines of an audit log."""
    return [msgspec.json.decode(line) for line in whole_lines(audit_file)]


def metric(visitor: Visitor, series: str) -> float:
    """Return what a console's `/metrics` says of a series, with its labels as they are written."""
    lines = visitor.get("/metrics").text.splitlines()
    (value,) = [line.rpartition(" ")[2] for line in lines if line.rpartition(" ")[0] == series]
    return float(value)
