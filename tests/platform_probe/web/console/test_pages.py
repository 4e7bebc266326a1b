"""What the pages tell, and how they are answered."""

from __future__ import annotations

import math
import re
import time
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Severity
from platform_probe.store.duck import Duck, Rows
from platform_probe.store.reading import Source
from platform_probe.web.console import incidents
from platform_probe.web.console.helping import short_number
from tests.helpers.consoles import Visitor, incident_of, looks_in, metric, put_incidents, served
from tests.helpers.stores import BEGIN_S, put_unlocks, unlock
from tests.helpers.waiting import wait_for

PATHS = (
    "/", "/search?q=car", "/unlock/attempt-33", "/unlock/attempt-3", "/unlock/attempt-12",
    "/unlock/complaint-1", "/unlock/attempt-33?part=others", "/car/car-03", "/car/car-90",
    "/car/car-91", "/customer/customer-3", "/customer/customer-9", "/customer-of/attempt-33",
    "/booking/booking-33", "/booking/booking-90", "/cause/box_offline", "/mode/generic_500",
    "/mode/unknown", "/time", "/incidents", "/incidents?state=open", "/incident/incident-1",
    "/incident/incident-2", "/fleet", "/fleet?hours=6", "/oncall", "/support", "/mobile", "/qa",
    "/qa?before=2.4.1&after=2.5.0", "/qa?before=x&after=y", "/cto", "/squad/connectivity",
    "/boards", "/board/examples/unlocks", "/board/examples/service-level", "/board/examples/none",
    "/right",
    "/nothing", "/unlock/none", "/car/none", "/booking/none", "/customer/none", "/incident/none",
    "/cause/none", "/mode/none", "/squad/none", "/customer-of/none",
)  # fmt: skip


IN_FRENCH_TOO = tuple(path for path in PATHS if "?" not in path and "none" not in path)
"""The others have the templates of these."""
FIRST_IN_FRENCH = ("/", "/unlock/attempt-33", "/incident/incident-1", "/qa")


@pytest.mark.parametrize(
    ("path", "language"),
    [
        *((path, "en") for path in PATHS),
        *((path, "fr") for path in FIRST_IN_FRENCH),
        *(
            pytest.param(path, "fr", marks=pytest.mark.long)
            for path in IN_FRENCH_TOO
            if path not in FIRST_IN_FRENCH
        ),
    ],
)
def test_every_page_is_made(open_console: str, path: str, language: str) -> None:
    """In each language, found or not; nothing on it comes from elsewhere or runs in place."""
    got = Visitor(open_console, Accept_Language=language).get(path)

    is_found = not path.endswith(("/none", "/nothing")) and path != "/search?q=car"
    assert got.status == (200 if is_found else 404)
    assert "<script>" not in got.text
    assert " style=" not in got.text
    assert " onclick" not in got.text
    assert "default-src 'self'" in got.headers["Content-Security-Policy"]
    assert got.headers["Cache-Control"] == "no-store"
    if "part=" not in path:
        assert f'<html lang="{language}"' in got.text


def test_other_methods_are_refused(open_console: str) -> None:
    """It reads, and changes nothing."""
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert Visitor(open_console)._ask(method, "/", None, {}).status == 405


@pytest.mark.parametrize(
    ("value", "told"),
    [(1.634275, "1.63"), (15.0, "15.00"), (0.0, "0.00"), (0.0001234, "0.00012"), (math.nan, "?")],
)
def test_numbers_are_short(value: float, told: str) -> None:
    """As long as they stay telling."""
    assert short_number(value) == told


def test_the_examples_of_an_incident_are_found_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one question of its time; one of another time by its id."""
    store = tmp_path / "store"
    put_unlocks(store, [unlock(number, cause=Cause.BOX_OFFLINE) for number in range(1, 9)])
    put_unlocks(store, [unlock(90_000, cause=Cause.BOX_OFFLINE)])
    examples = tuple(f"attempt-{number}" for number in (*range(8, 0, -1), 90_000))
    put_incidents(store, [incident_of(examples=examples)])
    by_id = list[str]()
    find = Source.find

    def noted(source: Source, duck: Duck, any_id: str, **more: Any) -> Rows:
        by_id.append(any_id)
        return find(source, duck, any_id, **more)

    monkeypatch.setattr(Source, "find", noted)
    with served(store, tmp_path / "audit.jsonl") as url:
        page = Visitor(url).get("/incident/incident-1").text
    assert tuple(re.findall(r'data-row href="/unlock/([^"]+)"', page)) == examples
    assert by_id == ["attempt-90000"]


def test_tables_of_roles_can_be_shown_whole(tmp_path: Path) -> None:
    """The first 25 rows, or up to 500."""
    rows = [
        msgspec.structs.replace(
            unlock(number, cause=Cause.BOX_OFFLINE), vehicle_id=f"car-{number // 2}"
        )
        for number in range(60)
    ]
    put_unlocks(tmp_path / "store", rows)
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        page = unescape(Visitor(url).get("/oncall").text)
        whole = Visitor(url).get("/oncall" + re.findall(r'href="(\?[^"]*rows=all)"', page)[0]).text
    assert '"/car/car-0"' not in page
    assert '"/car/car-0"' in whole


def test_very_many_incidents_at_once(tmp_path: Path) -> None:
    """Pages stay short, say that there are more, and what is critical is not crowded out."""
    critical = incident_of("the-worst", opened_at=BEGIN_S - 9_999.0, title="The worst")
    many = [
        incident_of(f"i-{number}", severity=Severity.NOTICE, title="<script>one</script>")
        for number in range(incidents.MOST + 1)
    ]
    put_unlocks(tmp_path / "store", [unlock(1, cause=Cause.BOX_OFFLINE)])
    put_incidents(tmp_path / "store", [critical, *many])
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        for path in ("/", "/oncall", "/incidents"):
            page = Visitor(url).get(path).text
            assert page.index("The worst") < page.index("&lt;script&gt;one")
            assert len(page) < 100_000
        assert "Only some incidents are searched" in Visitor(url).get("/incidents").text
        assert Visitor(url).get(f"/incident/i-{incidents.MOST}").status == 200


@pytest.mark.parametrize(
    ("starts", "told"),
    [((0.0, 86_400.0), "a clock has jumped"), ((86_400.0,), "one of the two clocks is wrong")],
)
def test_a_clock_that_jumps_is_told(tmp_path: Path, starts: tuple[float, ...], told: str) -> None:
    """On each page and in a metric; now is the newest record that is not ahead, if there is one."""
    rows = [
        msgspec.structs.replace(
            unlock(number, cause=Cause.BOX_OFFLINE), started_at=time.time() + at
        )
        for number, at in enumerate(starts)
    ]
    put_unlocks(tmp_path / "store", rows)
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        visitor = Visitor(url)
        for path in ("/", "/unlock/attempt-0", "/fleet"):
            assert told in visitor.get(path).text
        assert "attempt-0" in visitor.get("/time").text
        assert metric(visitor, "unlockpath_console_records_ahead_seconds") > 80_000


def test_records_that_go_away_come_back(tmp_path: Path) -> None:
    """Without its file no unlock is found; the console lives on, and finds what comes later."""
    store = tmp_path / "records"
    store.mkdir()
    (store / "attempts.jsonl").write_bytes(msgspec.json.encode(unlock(1)) + b"\n")
    with served(store, tmp_path / "audit.jsonl") as url:
        assert Visitor(url).get("/unlock/attempt-1").status == 200
        (store / "attempts.jsonl").unlink()
        assert Visitor(url).get("/unlock/attempt-9").status == 404
        wait_for(lambda: Visitor(url).get("/unlock/attempt-1").status == 404)
        assert Visitor(url).get("/incidents").status == 200
        (store / "attempts.jsonl").write_bytes(msgspec.json.encode(unlock(2)) + b"\n")
        assert Visitor(url).get("/unlock/attempt-2").status == 200
    assert looks_in(tmp_path / "audit.jsonl")
