"""One store, one server and one browser for all tests of the console."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.console_doors import Door, a_door
from tests.helpers.consoles import make_console_store, served, tokens_file
from tests.helpers.oidc_provider import OidcProvider


@pytest.fixture(scope="session")
def console_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store for all tests, which only read it."""
    return make_console_store(tmp_path_factory.mktemp("console") / "store")


@pytest.fixture(scope="session")
def console_audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the audit log of the open console."""
    return tmp_path_factory.mktemp("audit") / "audit.jsonl"


@pytest.fixture(scope="session")
def open_console(console_store: Path, console_audit: Path) -> Iterator[str]:
    """Serve the store to everybody on this machine, with a squad, plates and traces."""
    plates = console_audit.with_name("plates.csv")
    plates.write_text("# the fleet\ncar-03, AB-123-CD\ncar-05,<b>x</b>\n")
    settings: dict[str, Any] = {
        "sql_memory_mib": 512,
        "sql_timeout_s": 300,
        "plates_file": str(plates),
        "boards_dir": str(console_audit.with_name("boards")),
        "trace_url": "https://traces.example/trace/{trace_id}",
        "cost": {"per_call": 12, "per_lost_rental": 40},
        "squads": [
            {
                "name": "connectivity",
                "queries": [
                    {"title": "Operators", "query": "operators-compared"},
                    {"title": "By hour", "sql": "SELECT count(*) AS unlocks FROM attempts"},
                    {"title": "Broken", "sql": "SELECT nothing FROM nowhere"},
                ],
            },
        ],
    }
    with served(console_store, console_audit, **settings) as url:
        yield url


@pytest.fixture(scope="session")
def guarded_console(
    console_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """Serve the store to those with tokens; give the address and the audit log."""
    directory = tmp_path_factory.mktemp("guarded")
    audit = directory / "audit.jsonl"
    with served(console_store, audit, tokens_file=str(tokens_file(directory))) as url:
        yield url, audit


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Start a browser for a file's tests: while it runs, its thread can run no other event loop."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - few tests need it

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    assert found, "the console is tested in Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        options = [
            "--no-sandbox",
            "--disable-gpu",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ]
        browser = playwright.chromium.launch(executable_path=found, args=options)
        yield browser
        browser.close()


@contextmanager
def page_of(browser: Any, **options: Any) -> Iterator[Any]:
    """Open a page in a context of its own, with what it complains of in `page.complaints`."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda told: told.type == "error" and page.complaints.append(told.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    context.close()


@pytest.fixture(scope="module")
def shared_door(console_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """Serve one console for all tests that change nothing but their own sign-in."""
    directory = tmp_path_factory.mktemp("door")
    with a_door(console_store, directory, tokens_file=str(tokens_file(directory))) as door:
        yield door


@pytest.fixture
def door(shared_door: Door, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """Give the console, with a provider that has forgotten what the last test wanted of it."""
    monkeypatch.setattr("platform_probe.web.console.access.MAX_WRONG", 1_000)
    yield shared_door
    fresh = OidcProvider("", "")
    for name in ("user", "forge", "userinfo_only", "userinfo_sub", "answers_with", "instead"):
        setattr(shared_door.provider, name, getattr(fresh, name))
