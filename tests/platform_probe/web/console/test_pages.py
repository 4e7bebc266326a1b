"""What the pages tell, and how they are answered."""

from __future__ import annotations

import math
import re
import time
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from fleet_wire.contract.attempt import PlatformSide
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import RankedMode
from fleet_wire.contract.incident import (
    Change,
    ChangeKind,
    IncidentKind,
    IncidentState,
    Severity,
)
from fleet_wire.contract.text import Text
from fleet_wire.modes.catalogue import MODES
from platform_probe.store.duck import Duck, Rows
from platform_probe.store.reading import Source
from platform_probe.tell.support.advising import advice_now
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.web.console import incidents
from platform_probe.web.console.helping import (
    incident_title,
    language_of_incident,
    short_number,
)
from platform_probe.web.console.pages.unlock import story_of
from tests.helpers.consoles import (
    OPEN,
    Visitor,
    incident_of,
    looks_in,
    metric,
    put_incidents,
    served,
)
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.english import ENGLISH, FRENCH
from tests.helpers.records import COMPLAINT
from tests.helpers.said_advice import BOOKING_ENDED, CONNECTED, MAY_BE_OVER, OVER, said
from tests.helpers.stores import (
    BEGIN_S,
    put_booking_end,
    put_lines,
    put_presence,
    put_unlocks,
    unlock,
)
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


NASTY = ("<script>alert(1)</script>", "\"'><img src=x onerror=y>", "../../etc/passwd", "a/b?c#d",
         "{{ 7*7191913 }}", "x" * 3_000, "é\u202e\u0000", "%2e%2e")  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("unlock", name) for name in NASTY),
        *((kind, NASTY[0]) for kind in ("car", "incident", "squad")),
        *((kind, name) for kind in ("board", "static") for name in (NASTY[0], *NASTY[2:4])),
    ],
)
def test_nasty_names_are_only_text(open_console: str, kind: str, name: str) -> None:
    """Nothing that an address says becomes HTML, a path or a template."""
    got = Visitor(open_console).get(f"/{kind}/{quote(name, safe='')}")

    assert got.status in (400, 404)
    assert "<script>alert" not in got.text
    assert "<img" not in got.text
    assert "50343391" not in got.text


def test_nasty_records_are_only_text(tmp_path: Path) -> None:
    """Ids, reasons and regions come from the field, and are shown as they are."""
    evil = "<img src=x onerror=alert(1)>"
    changes: dict[str, Any] = {
        "cause": Cause.BOX_OFFLINE,
        "car": evil,
        "region": evil,
        "reason": evil,
        "firmware": evil,
        "booking_id": evil,
        "attempt_id": evil,
    }
    put_unlocks(tmp_path / "store", [unlock(number, **changes) for number in range(3)])
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        for path in (
            "/",
            "/fleet",
            "/oncall",
            "/time",
            "/unlock/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E",
        ):
            got = Visitor(url).get(path)
            assert got.status == 200
            assert evil not in got.text
            assert evil in unescape(got.text)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("since=yesterday-ish", "cannot be read as a time"),
        ("since=2030-01-01&until=2020-01-01", "until"),
        ("since=2026-13-45", "months are 1 to 12"),
        ("since=9999-12-31", "years are 1900 to 9998"),
        ("since=9999999-01-01", "cannot be read as a time"),
    ],
)
def test_wrong_times_are_told(open_console: str, query: str, problem: str) -> None:
    """The page says what is wrong."""
    got = Visitor(open_console).get(f"/fleet?{query}")
    assert got.status == 400
    assert problem in unescape(got.text)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/fleet?since=bientot", "« bientot » ne se lit pas comme une heure."),
        ("/fleet?since=2026-13-01", "les mois vont de 1 à 12"),
        ("/search?q=31/02", "n'existe pas. Vérifiez le jour et le mois."),
        ("/search?q=31/12/9999", "les années vont de 1900 à 9997"),
    ],
)
def test_wrong_times_are_told_in_french(open_console: str, path: str, problem: str) -> None:
    """As all that a page says to somebody whose browser wants French."""
    got = Visitor(open_console).get(path, Accept_Language="fr")
    assert got.status == 400
    assert problem in unescape(got.text)


def test_a_state_that_no_incident_has_is_passed_over(open_console: str) -> None:
    """The page lists all of them, and the console complains of no defect."""
    got = Visitor(open_console).get("/incidents?state=none")
    assert got.status == 200
    assert "/incident/incident-1" in got.text


@pytest.mark.parametrize("hours", ["-1", "0", "nan", "inf", "1e400", "9" * 20, "many"])
def test_hours_that_make_no_sense_are_passed_over(open_console: str, hours: str) -> None:
    """The page shows what it shows without them."""
    visitor = Visitor(open_console)
    usual, got = visitor.get("/fleet"), visitor.get(f"/fleet?hours={hours}")
    assert got.status == 200
    cells, usual_cells = (re.findall("<td.*?</td>", each.text) for each in (got, usual))
    assert cells == usual_cells != []


def test_other_methods_are_refused(open_console: str) -> None:
    """It reads, and changes nothing."""
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert Visitor(open_console)._ask(method, "/", None, {}).status == 405


def test_a_language_and_a_theme_are_kept(open_console: str) -> None:
    """By a cookie; a choice that there is not changes nothing."""
    visitor = Visitor(open_console)

    assert visitor.get("/preferences?language=fr&back=/fleet").location == "/fleet"
    visitor.get("/preferences?theme=dark")
    visitor.get("/preferences?theme=pink&back=//evil.example")
    page = visitor.get("/fleet").text
    assert '<html lang="fr" data-theme="dark">' in page
    assert "Flotte en direct" in page


def test_an_unlock_tells_all_of_it(open_console: str) -> None:
    """What the phone was answered, how far it got, the modes with reasons, command and trace."""
    page = unescape(Visitor(open_console).get("/unlock/attempt-33").text)

    for told in (
        "not opened", "504", "/vehicles/{vehicle_id}/unlock", "never came", "93 %",
        "Speaks for it", "the API answered 500 at 00:00:53", "Speaks against it",
        "more than half of the other unlocks at the time failed",
        "platform-probe export --attempt attempt-33",
        f"https://traces.example/trace/{33:032x}", "the one before", "the next one",
        "API release 1.0.0: generic 500s",
    ):  # fmt: skip
        assert told in page


def test_what_speaks_for_a_mode_is_told_in_french(open_console: str) -> None:
    """And against it; what an older monitor wrote in English is shown as it is."""
    page = unescape(Visitor(open_console, Accept_Language="fr").get("/unlock/attempt-33").text)

    unseen = (
        "Attendu, mais pas observé : plus de la moitié des autres ouvertures du moment ont échoué"
    )
    assert f"<li>{unseen}</li>" in page
    assert "<li>the API answered 500 at 00:00:53</li>" in page


def test_an_unlock_that_opened_later_says_so(open_console: str) -> None:
    """First of all: the car is open."""
    page = Visitor(open_console).get("/unlock/attempt-3").text

    assert "The car opened later" in page
    assert "has OPENED after all" in page


def test_an_unlock_as_json(open_console: str) -> None:
    """What `diagnose --json` prints, and how to reproduce it."""
    got = Visitor(open_console).get("/unlock/attempt-33?format=json")
    told = msgspec.json.decode(got.text)

    assert got.headers["Content-Type"] == "application/json"
    assert told["diagnosis"]["mode"] == "generic_500"
    assert told["attempt"]["booking_id"] == "booking-33"
    assert told["reproduce"].startswith("platform-probe export")


def test_a_car_has_its_history(open_console: str) -> None:
    """Presence, plate, last contact, firmware, unlocks."""
    page = Visitor(open_console).get("/car/car-03").text

    for told in ("AB-123-CD", "not connected", "Last contact", "2.4.1", "attempt-17"):
        assert told in page
    assert "11.50 V" in Visitor(open_console).get("/car/car-90").text
    assert "&lt;b&gt;x&lt;/b&gt;" in Visitor(open_console).get("/car/car-05").text


def test_a_car_that_is_back_has_no_reason_to_be_away(tmp_path: Path) -> None:
    """Why it was away before is told with its comings and goings alone."""
    store = tmp_path / "store"
    put_unlocks(
        store, [unlock(1, cause=Cause.BOX_OFFLINE, evidence={"offline_reason": "last_will"})]
    )
    car = unlock(1).vehicle_id
    put_presence(store, 60.0, car, "offline")
    put_presence(store, 90.0, car, "online")
    with served(store, tmp_path / "audit.jsonl") as url:
        page = Visitor(url).get(f"/car/{car}").text
    assert page.count("(its connection broke)") == 1
    assert "</span> connected</span>, " in page


def test_lists_name_the_mode_that_the_unlock_itself_names(tmp_path: Path) -> None:
    """As it was diagnosed last, on all pages; where that is a guess, or the car opened, none."""
    store = tmp_path / "store"
    outage = "regional_carrier_outage"
    first = unlock(1, cause=Cause.BOX_OFFLINE, booking_id="booking-1", region="coast")
    guessed = unlock(2, cause=Cause.BOX_OFFLINE, car="car-2")
    opened = unlock(3, vehicle_id="car-3")
    put_unlocks(store, [first, guessed, opened])
    said = [
        diagnosis_of(
            RankedMode(mode, probability),
            attempt_id=one.attempt_id,
            vehicle_id=one.vehicle_id,
            cause=one.cause,
            revision=revision,
            at=one.started_at + 30.0 * revision,
            after_s=30.0 * revision,
        )
        for one, revision, mode, probability in (
            (first, 1, "queue_full_drop", 0.5),
            (first, 2, outage, 0.97),
            (guessed, 1, outage, 0.25),
            (opened, 1, outage, 0.6),
        )
    ]
    put_lines(store, "diagnoses", map(msgspec.json.encode, said))
    with served(store, tmp_path / "audit.jsonl") as url:
        for path in ("/booking/booking-1", f"/car/{first.vehicle_id}", "/cause/box_offline"):
            page = Visitor(url).get(path).text
            assert f'"/mode/{outage}"' in page, path
            assert "/mode/queue_full_drop" not in page, path
        page = Visitor(url).get(f"/mode/{outage}").text
        assert Visitor(url).get("/mode/queue_full_drop").text.count("/unlock/attempt-") == 0
    assert page.count("/unlock/attempt-") == 1
    assert "<td>coast, operator-a</td>" in page
    assert "<td>2.4.1</td>" in page


def test_two_releases_are_judged(open_console: str) -> None:
    """With the bounds of the difference."""
    page = unescape(Visitor(open_console).get("/qa?before=2.4.1&after=2.5.0").text)

    assert "B is worse than A" in page
    assert "with 95 % certainty" in page


def test_a_squad_has_its_own_questions(open_console: str) -> None:
    """A broken one says what is wrong, beside the others."""
    page = Visitor(open_console).get("/squad/connectivity").text

    assert "operator-a" in page
    assert "nowhere" in page


def test_a_squads_sql_reaches_nothing_but_the_tables(
    open_console: str, console_audit: Path
) -> None:
    """Nor does it exceed its limits; its neighbours on the page are answered."""
    page = unescape(Visitor(open_console).get("/squad/attackers").text)

    assert "root:" not in page
    assert "read_text() is not allowed here" in page
    assert "only SELECT is allowed here, not COPY" in page
    assert not console_audit.with_name("lost.csv").exists()
    assert "needs more than 512 MiB of memory" in page
    assert "honest" in page


def test_tables_are_made_to_be_read(open_console: str) -> None:
    """Numbers stand under their headings, causes are words, and what is missing is a dash."""
    page = Visitor(open_console).get("/support?hours=24").text

    assert '<th scope="col" class="number">After, s</th>' in page
    assert ' class="id"><a data-row href="/unlock/attempt-' in page
    assert "box_offline</a>" not in page
    assert 'aria-current="true">24 h</a>' in page


@pytest.mark.parametrize(
    ("value", "told"),
    [(1.634275, "1.63"), (15.0, "15.00"), (0.0, "0.00"), (0.0001234, "0.00012"), (math.nan, "?")],
)
def test_numbers_are_short(value: float, told: str) -> None:
    """As long as they stay telling."""
    assert short_number(value) == told


def test_incidents_come_with_the_worst_open_one_first(open_console: str) -> None:
    """The highest revision holds."""
    page = Visitor(open_console).get("/incidents").text

    assert page.index("Coast: boxes offline") < page.index("One account tries")
    assert page.index("One account tries") < page.index("generic 500s")
    assert "acknowledged by amelie" in page


def test_growth_is_told_in_customers_where_what_is_counted_changes(tmp_path: Path) -> None:
    """First lost cars, then unlocks that fail: it does not shrink from 400 cars to 9 unlocks."""
    lost = incident_of(kind=IncidentKind.CARS_LOST, failed=400, total=400, customers=0)
    fails = [incident_of(revision=number, failed=9, customers=10 * number) for number in (2, 3)]
    put_unlocks(tmp_path / "store", [unlock(1, cause=Cause.BOX_OFFLINE)])
    put_incidents(tmp_path / "store", [lost, *fails])
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        page = Visitor(url).get("/incident/incident-1").text

    ticks = re.findall(r'<text class="value"[^>]*>([^<]*)<', page)
    assert ticks == ["0", "10", "20", "30"]
    assert ">customers hit</text>" in page


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        ({}, True),
        ({"cause": None}, True),
        ({"cause": None, "kind": IncidentKind.SUSPICIOUS}, False),
        ({"cause": Cause.BOX_ASLEEP}, True),  # its mode has both
        ({"cause": Cause.BOX_ASLEEP, "mode": None}, False),
        ({"cohort": {"region": "north"}}, False),
        ({"cohort": {}}, True),
        ({"since": BEGIN_S + 9_999.0}, False),
    ],
)
def test_an_unlock_tells_of_its_incident(
    tmp_path: Path, changes: dict[str, Any], *, is_told: bool
) -> None:
    """By cohort, cause and time; one that has no cause of its own has those of any."""
    put_unlocks(tmp_path / "store", [unlock(1, cause=Cause.BOX_OFFLINE, region="coast")])
    made = {"cohort": {"region": "coast"}, "examples": (), **changes}
    put_incidents(tmp_path / "store", [incident_of(**made)])
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        page = Visitor(url).get("/unlock/attempt-1").text

    assert ("/incident/incident-1" in page) is is_told


def test_history_and_who_else_are_told_in_french(tmp_path: Path) -> None:
    """A reader of screens is told so too; what is not known in French stays as it is."""
    values: dict[str, Any] = {"failed": 20, "total": 40, "share": 0.5, "expected": 0.02}
    whom, numbers = (
        Text(key="whom.customers", values={"count": 20}),
        Text(key="numbers.hit", values=values),
    )
    grew = Text(key="event.grew", values={"whom": whom, "numbers": numbers})
    changes = [
        Change(at=BEGIN_S + 20.0, kind=ChangeKind.GREW, sentence="20 customers by now", text=grew),
        Change(at=BEGIN_S + 20.0, kind=ChangeKind.GREW, sentence="something new"),
    ]
    put_unlocks(tmp_path / "store", [unlock(1, cause=Cause.BOX_OFFLINE)])
    put_incidents(tmp_path / "store", [incident_of(changes=tuple(changes))])
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        french = Visitor(url, Accept_Language="fr")
        page = unescape(french.get("/incident/incident-1").text)
        others = unescape(french.get("/unlock/attempt-1?part=others").text)

    said = "20 clients à présent, 20 sur 40 touchés (50 %), 2,0 % attendus"
    assert f'<span lang="fr">{said}</span>' in page
    assert '<span lang="en">something new</span>' in page
    assert "<p>1 tentatives sur 1 depuis 00:00 ont échoué de cette façon" in others


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        (
            {"runbook_url": "https://wiki.example/runbook"},
            'href="https://wiki.example/runbook/OperatorFails.md"',
        ),
        ({}, "<code>docs/runbook/OperatorFails.md</code>"),
    ],
)
def test_an_incident_leads_to_its_runbook(
    tmp_path: Path, settings: dict[str, Any], shown: str
) -> None:
    """By a link where its copy is known, else by the name of the page."""
    put_unlocks(tmp_path / "store", [unlock(1, cause=Cause.BOX_OFFLINE)])
    put_incidents(tmp_path / "store", [incident_of(cohort={"operator": "a", "region": "north"})])
    with served(tmp_path / "store", tmp_path / "audit.jsonl", **settings) as url:
        assert shown in Visitor(url).get("/incident/incident-1").text


def test_an_incident_that_goes_on_is_a_known_problem(tmp_path: Path) -> None:
    """The page of the unlock says who has it, and that customers may hear of it; booking's too."""
    rows = [unlock(1, cause=Cause.BOX_OFFLINE, region="coast", booking_id="booking-1")]
    put_unlocks(tmp_path / "store", rows)
    put_incidents(tmp_path / "store", [incident_of(acknowledged_by=None, examples=())])
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        for path in ("/unlock/attempt-1", "/booking/booking-1"):
            page = Visitor(url).get(path).text
            assert page.index("Known problem:") < page.index("What happened")
            assert page.index("What happened") < page.index("What to say")
            assert "nobody has acknowledged it yet. You need not report it." in page
            assert "We know of the problem and are working on it." in page
        told = msgspec.json.decode(Visitor(url).get("/unlock/attempt-1?format=json").text)
        assert [one["incident_id"] for one in told["incidents"]] == ["incident-1"]

        told_of_it = Change(
            at=BEGIN_S + 50.0,
            kind=ChangeKind.MUTED,
            sentence="it is muted",
            by="jo & co",
            reason="a 'known' one",
        )
        quiet = incident_of(muted_until=BEGIN_S + 3_600.0, changes=(told_of_it,), revision=2)
        put_incidents(tmp_path / "store", [quiet])
        Visitor(url).get("/unlock/none")  # what is not known is looked for anew
        page = unescape(Visitor(url).get("/booking/booking-1").text)
        assert "jo & co knows of it, and has muted its messages until" in page
        assert "(<q>a 'known' one</q>)." in page
        assert "nobody has acknowledged it yet" not in page
        page = unescape(Visitor(url, Accept_Language="fr").get("/booking/booking-1").text)
        assert "jo & co est au courant et a mis ses messages en sourdine jusqu'à" in page

        put_incidents(tmp_path / "store", [incident_of(revision=3, acknowledged_by="amelie")])
        Visitor(url).get("/unlock/none")  # what is not known is looked for anew
        assert "amelie is handling it." in Visitor(url).get("/unlock/attempt-1").text


def test_what_to_say_is_of_now(tmp_path: Path) -> None:
    """While nothing has changed, when the car is connected again, and when the incident is over."""
    store = tmp_path / "store"
    rows = [unlock(1, cause=Cause.BOX_OFFLINE, region="coast", booking_id="booking-1")]
    put_unlocks(store, rows)
    put_incidents(store, [incident_of(examples=())])
    with served(store, tmp_path / "audit.jsonl") as url:
        paths = ("/unlock/attempt-1", "/booking/booking-1", f"/incident/{OPEN}")

        def pages() -> list[str]:
            Visitor(url).get("/unlock/none")  # what is not known is looked for anew
            return [Visitor(url).get(path).text for path in paths]

        assert not any("press unlock once more" in page for page in pages())
        put_presence(store, 60.0, rows[0].vehicle_id, "online")
        unlocked, booking, _ = pages()
        for page in (unlocked, booking):
            assert CONNECTED[0] in page
            assert "We know of the problem" not in page
        put_presence(store, 70.0, rows[0].vehicle_id, "offline")
        put_incidents(store, [incident_of(revision=2, examples=(), ended_at=BEGIN_S + 60.0)])
        for page in pages():
            assert MAY_BE_OVER[0] in page
            assert "Last seen at" in page
            assert "We know of the problem" not in page
        ended = incident_of(
            revision=3, examples=(), state=IncidentState.RESOLVED, ended_at=BEGIN_S + 60.0
        )
        put_incidents(store, [ended])
        assert all(OVER[0] in page for page in pages())


@pytest.mark.parametrize(
    ("changes", "heading", "over"),
    [
        ({"kind": IncidentKind.SUSPICIOUS}, "Suspicious traffic:", False),
        ({"state": IncidentState.CLOSED}, "Known problem:", False),
        ({"state": IncidentState.RESOLVED, "ended_at": BEGIN_S + 60.0}, "Known problem:", True),
    ],
)
def test_what_no_customer_is_to_hear_of_is_not_said_to_go_on(
    tmp_path: Path, changes: dict[str, Any], heading: str, *, over: bool
) -> None:
    """Suspicious traffic, and what is over: that it was so then is said all the same."""
    put_unlocks(tmp_path / "store", [unlock(1, cause=Cause.BOX_OFFLINE)])
    put_incidents(tmp_path / "store", [incident_of(examples=("attempt-1",), **changes)])
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        page = Visitor(url).get("/unlock/attempt-1").text

    assert heading in page
    assert "We know of the problem" not in page
    said = re.sub(r"<[^>]+>", "", page)
    assert over is ("It affected you then. It ended at 2026-01-01 00:01:00." in said)


def test_a_call_about_nothing_says_so_on_the_page_of_its_booking(open_console: str) -> None:
    """Nothing reached us: that is what happened; where nobody pressed, that no unlock did."""
    page = Visitor(open_console).get("/customer/customer-8").text
    assert "Nothing that the customer did has reached" in page

    page = Visitor(open_console).get("/booking/booking-90").text
    assert "No unlock of it has reached us." in page


def test_a_call_after_which_the_booking_ended_is_told_with_when(tmp_path: Path) -> None:
    """On the pages of booking and customer too, though the car had been opened before."""
    whose = {"booking_id": "b", "platform": PlatformSide(account_id="customer-1")}
    put_unlocks(tmp_path / "store", [unlock(1, car="car-1", **whose)])
    call = msgspec.structs.replace(
        COMPLAINT, complaint_id="call", at=BEGIN_S + 60.0, booking_id="b", account_id="customer-1"
    )
    put_lines(tmp_path / "store", "complaints", [msgspec.json.encode(call)])
    put_booking_end(tmp_path / "store", 70.0, car="car-1", booking="b")
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        pages = [Visitor(url).get(f"/{path}").text for path in ("booking/b", "customer/customer-1")]
        alone = Visitor(url).get("/unlock/call").text

    assert all("The last call about an unlock that nobody saw:" in page for page in pages)
    for page in (*pages, alone):
        said = re.sub(r"<[^>]+>", "", page)
        assert "Its booking has ended: 2026-01-01 00:01:10." in said
        assert BOOKING_ENDED[0] in unescape(page)


def test_a_percentage_says_of_what_it_is(open_console: str) -> None:
    """How likely a mode is, and no more."""
    for language, told in (("en", "93 % likely"), ("fr", "probable à 93 %")):
        page = Visitor(open_console, Accept_Language=language).get("/unlock/attempt-33").text
        assert f'<span class="percent">{told}</span>' in page


def test_who_must_act_is_a_name_and_what_they_do_a_sentence(open_console: str) -> None:
    """One colon is enough."""
    page = re.sub(r"<[^>]+>", "", Visitor(open_console).get("/mode/stale_online_cache").text)
    assert "Who must act:the platform team. Make the platform trust presence" in page


def test_an_incident_says_how_to_acknowledge_it(open_console: str) -> None:
    """With the settings, which the command needs, until somebody has; and when it is over."""
    command = 'platform-probe incidents ack incident-3 --reason "…" --config probe.yaml'
    assert command in unescape(Visitor(open_console).get("/incident/incident-3").text)
    page = Visitor(open_console).get("/incident/incident-1").text
    assert "incidents ack" not in page
    assert "after 15 minutes" in page
    assert "What to say" in page


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


def test_what_somebody_did_is_said_once(tmp_path: Path) -> None:
    """The sentence has the name and the reason already."""
    why = "asked for in Slack"
    said = f"jo is handling it: {why}"
    change = Change(at=BEGIN_S, kind=ChangeKind.ACKNOWLEDGED, sentence=said, by="jo", reason=why)
    put_unlocks(tmp_path / "store", [unlock(1)])
    put_incidents(tmp_path / "store", [incident_of(changes=(change,))])
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        page = Visitor(url).get("/incident/incident-1").text
    assert page.count(why) == 1
    assert len(re.findall(r"\bjo\b", page)) == 1


def test_titles_of_incidents_in_french() -> None:
    """Where their record has what they are made of; else in English, and said to be."""
    old = incident_of()
    wrong = Text(key="wrong.box_offline")
    coast = Text(key="whom.trait_region", values={"value": "Coast"})
    whom = Text(key="whom.one", values={"first": (coast,)})
    new = incident_of(subject=Text(key="subject.of", values={"whom": whom, "what": wrong}))

    assert incident_title(FRENCH, old) == incident_title(ENGLISH, old) == old.title
    assert incident_title(ENGLISH, new) == new.title
    french = incident_title(FRENCH, new).replace("\u00a0", " ")
    assert french == "Coast : boîtiers hors ligne depuis 00:00, 2 clients"
    assert [language_of_incident("fr", one) for one in (old, new)] == ["en", "fr"]


def test_what_was_asked_is_told_in_french(open_console: str) -> None:
    """On the page of a booking, and in the tables of roles."""
    visitor = Visitor(open_console, Accept_Language="fr")
    assert "<td>réserver</td>" in visitor.get("/booking/booking-90").text
    assert ">ouvrir<" in re.sub(r"\s*\n\s*", "", visitor.get("/mobile").text)


def test_numbers_are_written_as_in_french(open_console: str) -> None:
    """With a comma: shares, times, volts; a version keeps its points."""
    page = Visitor(open_console, Accept_Language="fr").get("/fleet").text

    assert "5,00 %" in page
    assert "1,6 s" in page
    assert "2.4.1" in page


def test_a_long_list_has_pages(tmp_path: Path) -> None:
    """Each failure of a minute once, though more come meanwhile; by address alone."""
    rows = [
        msgspec.structs.replace(
            unlock(number, cause=Cause.BOX_OFFLINE), started_at=BEGIN_S + number % 7
        )
        for number in range(120)
    ]
    put_unlocks(tmp_path / "store", rows)
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        for first in ("/time", "/cause/box_offline"):
            seen, path, pages = [], first, 0
            while path:
                page = unescape(Visitor(url).get(path).text)
                seen += re.findall(r'data-row href="/unlock/([^"]+)"', page)
                found = re.search(r'rel="next" href="([^"]+)"', page)
                path = first + found[1] if found else ""
                pages += 1
            assert (pages, len(seen), len(set(seen))) == (3, 120, 120)
        assert "Unlocks that failed (120)" in Visitor(url).get("/time").text
        assert "51 to 100" in Visitor(url).get("/time?page=2").text
        for odd in ("0", "-1", "x", "٣", "9" * 30):
            assert Visitor(url).get(f"/time?page={quote(odd)}").status == 200
        assert Visitor(url).get("/time?page=99").text.count("data-row") == 0


def test_who_has_opened_a_car_since_is_not_to_be_called(tmp_path: Path) -> None:
    """Support calls those who still stand before a closed car; what opened is said in French."""
    store = tmp_path / "store"
    failed = {number: unlock(number, cause=Cause.BOX_SILENT) for number in (3, 8, 4, 9)}
    again = PlatformSide(status=200, account_id="customer-3", requests=2)
    put_unlocks(store, [*failed.values(), unlock(13, platform=again)])
    with served(store, tmp_path / "audit.jsonl") as url:
        page = Visitor(url).get("/support").text
        french = Visitor(url, Accept_Language="fr").get("/mobile").text
    assert "/customer/customer-4" in page
    assert "/customer/customer-3" not in page
    assert "ouverte" in french
    assert not re.search(r">\s*opened\s*<", french)


def test_the_console_and_the_command_are_asked_about_the_same_unlock(tmp_path: Path) -> None:
    """Of a booking the last that went wrong, though its car has opened since, which both know."""
    store = tmp_path / "store"
    names: dict[str, Any] = {"booking_id": "b", "car": "car-1"}
    account = PlatformSide(status=200, account_id="customer-1")
    failed = [
        unlock(number, cause=Cause.BOX_OFFLINE, evidence={}, platform=account, **names)
        for number in (1, 20)
    ]
    put_unlocks(store, [*failed, unlock(60, platform=account, **names)])
    case = look_up(Source(store), UnlockQuery(booking="b"), BEGIN_S + 60.0)
    assert case.attempt is not None
    assert case.attempt["attempt_id"] == "attempt-20"
    with served(store, tmp_path / "audit.jsonl") as url:
        for path in ("/booking/b", "/customer/customer-1"):
            page = unescape(Visitor(url).get(path).text)
            about = page.partition("The last unlock that went wrong:")[2].partition("</p>")[0]
            assert '"/unlock/attempt-20"' in about
            assert "Another unlock has opened the car since" in page
            assert said(advice_now(case)).say in page


def test_the_press_that_opened_and_went_wrong_is_told_before_the_next(tmp_path: Path) -> None:
    """By its diagnosis, which came after its record, else as its customer pressed again."""
    account = PlatformSide(status=200, account_id="customer-1")
    presses = [
        unlock(number, car="car-1", booking_id="b", platform=account, evidence={})
        for number in (20, 38)
    ]
    store = tmp_path / "store"
    put_unlocks(store, presses)
    with served(store, tmp_path / "audit.jsonl") as url:
        page = unescape(Visitor(url).get("/booking/b").text)
        about = page.partition("after which the customer pressed again:")[2].partition("</p>")[0]
        assert '"/unlock/attempt-20"' in about
        assert "(1 of 2)" in about
        assert "The same customer pressed again 18.0 s later." in page
    relocked = diagnosis_of(
        RankedMode("auto_relock", 0.9),
        attempt_id="attempt-20", vehicle_id="car-1", cause=None, at=BEGIN_S + 60.0,
    )  # fmt: skip
    put_lines(store, "diagnoses", [msgspec.json.encode(relocked)])
    with served(store, tmp_path / "audit.jsonl") as url:
        page = unescape(Visitor(url, Accept_Language="fr").get("/customer/customer-1").text)
        about = page.partition("Dernière ouverture qui s'est mal passée")[2].partition("</p>")[0]
        assert '"/unlock/attempt-20"' in about
        assert "(1 sur 2)" in about
        assert "Le même client a appuyé à nouveau 18,0 s plus tard." in page


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


def test_a_phone_that_asked_several_times(tmp_path: Path) -> None:
    """Its requests are counted."""
    asked = PlatformSide(status=500, endpoint="/unlock", requests=3)
    row = unlock(1, cause=Cause.API_FAILED, platform=asked)
    put_unlocks(tmp_path / "store", [row])
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        assert ", 3 times" in Visitor(url).get("/unlock/attempt-1").text


def test_what_came_again_and_again_is_one_line() -> None:
    """A phone that asks every second does not push the rest off the page."""
    asks = {"who": "phone", "what": "asks", "is_poll": False}
    opens = {"who": "car", "what": "opens", "is_poll": False}
    waits = {"who": "platform", "what": "answers command status 200", "is_poll": True}
    timeline: list[dict[str, Any]] = [
        {**asks, "after_s": 1},
        {**asks, "after_s": 2},
        {**waits, "after_s": 2.5},
        opens,
        {**asks, "after_s": 3},
        {**waits, "after_s": 4},
        {**waits, "after_s": 5},
    ]

    story = story_of(timeline)
    assert [(each.first["what"], each.times) for each in story] == [
        ("asks", 2), ("answers command status 200", 3), ("opens", 1), ("asks", 1),
    ]  # fmt: skip
    assert (story[1].first["after_s"], story[1].last["after_s"]) == (2.5, 5)


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


def test_what_came_after_the_start_is_found(tmp_path: Path) -> None:
    """An id that is not known is looked for in what has been written meanwhile."""
    store = tmp_path / "store"
    put_unlocks(store, [unlock(1)])
    with served(store, tmp_path / "audit.jsonl") as url:
        assert Visitor(url).get("/unlock/attempt-1").status == 200
        assert Visitor(url).get("/unlock/attempt-2").status == 404
        put_unlocks(store, [unlock(2)])

        assert Visitor(url).get("/unlock/attempt-2").status == 200
        assert Visitor(url).get("/search?q=attempt-2").location == "/unlock/attempt-2"


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


def test_a_share_is_not_told_before_those_that_fail_have_ended(tmp_path: Path) -> None:
    """Failures take 40 s: of the last minute only those have ended that opened."""
    store = tmp_path / "store"
    put_unlocks(store, [unlock(n, cause=Cause.BOX_OFFLINE, total_s=40.0) for n in (1, 2, 18, 19)])
    put_unlocks(store, [unlock(n) for n in (61, 62, 63)])
    put_incidents(store, [incident_of(cohort={"region": "centre"}, since=BEGIN_S + 1.0)])
    with served(store, tmp_path / "audit.jsonl") as url:
        page = Visitor(url).get(f"/incident/{OPEN}").text
    curve = page[page.index("Share of its unlocks that failed") :]
    shares = re.findall(r'<td class="number">(.*?)</td>', curve[: curve.index("</table>")])
    assert shares == ["100", "100", '- <span class="soft">not ended yet</span>']


def test_an_incident_says_percentages_as_its_message_does(tmp_path: Path) -> None:
    """Only all is 100 %; how often chance shows as much is no percentage."""
    goes_on: dict[str, Any] = {}
    ended: dict[str, Any] = {"state": IncidentState.RESOLVED, "ended_at": BEGIN_S + 60.0}
    pages = []
    for part, changes in ((0.997, goes_on), (1.0, ended)):
        store = tmp_path / f"store-{part}"
        put_unlocks(store, [unlock(1)])
        put_incidents(store, [incident_of(mode_probability=part, sure=0.574, **changes)])
        with served(store, tmp_path / "audit.jsonl") as url:
            pages.append(Visitor(url).get(f"/incident/{OPEN}").text)
    assert "99 % of its diagnoses" in pages[0]
    assert "once in 1 month<" in pages[0]
    assert "100 % of its diagnoses" in pages[1]
    assert "57.4" not in "".join(pages)


def test_cars_that_are_lost_are_no_unlocks(tmp_path: Path) -> None:
    """Their incident counts cars, is never entirely sure, and has no rest that was not counted."""
    store = tmp_path / "store"
    put_unlocks(store, [unlock(1)])
    lost = incident_of(
        kind=IncidentKind.CARS_LOST, failed=23, total=45, elsewhere_total=0, sure=1.0, examples=()
    )
    put_incidents(store, [lost])
    with served(store, tmp_path / "audit.jsonl") as url:
        assert "23 of 45 cars lost" in Visitor(url).get("/incidents").text
        page = Visitor(url).get(f"/incident/{OPEN}").text
        assert "once in more than 1000 months" in page
        assert "everything else" not in page


@pytest.mark.parametrize(
    ("cohort", "is_said"), [({"operator": "a"}, True), ({"firmware": "2.5.0"}, False)]
)
def test_an_incident_that_is_of_no_release_stands_beside_the_comparison_of_two(
    tmp_path: Path, cohort: dict[str, str], *, is_said: bool
) -> None:
    """An operator's outage makes the firmware look worse that its cars have."""
    store = tmp_path / "store"
    put_unlocks(store, [unlock(1), unlock(60, cause=Cause.BOX_OFFLINE)])
    put_incidents(store, [incident_of(cohort=cohort)])
    with served(store, tmp_path / "audit.jsonl") as url:
        page = Visitor(url).get("/qa?before=2.4.1&after=2.5.0").text
        assert "In this time there were incidents of other" not in Visitor(url).get("/qa").text
    assert ("they may explain the difference" in page) is is_said


@pytest.mark.parametrize("mode", [None, "regional_carrier_outage"])
def test_lost_cars_have_advice_before_one_of_their_unlocks_has_failed(
    tmp_path: Path, mode: str | None
) -> None:
    """By their mode, else by what an unlock of them would fail of; no list stands there empty."""
    store = tmp_path / "store"
    put_unlocks(store, [unlock(1)])
    lost: dict[str, Any] = {
        "kind": IncidentKind.CARS_LOST,
        "cause": None,
        "examples": (),
        "customers": 0,
    }
    put_incidents(store, [incident_of(mode=mode, **lost)])
    with served(store, tmp_path / "audit.jsonl") as url:
        page = unescape(Visitor(url).get(f"/incident/{OPEN}").text)
    told = MODES[mode].now if mode else "Ask the customer to open by Bluetooth or card"
    assert told in page
    assert "No example yet: none of the unlocks hit has ended." in page
    assert "Nothing in this time." not in page


def test_what_a_broker_retains_of_a_car_is_no_contact(tmp_path: Path) -> None:
    """It stands connected since before; nor is the last will of its box a word of it."""
    store = tmp_path / "store"
    row = unlock(1)
    put_unlocks(store, [row])
    retained = {"session_id": "s", "status": "online"}
    line = {"at": BEGIN_S + 60.0, "kind": "presence", "vehicle_id": row.vehicle_id}
    encoded = msgspec.json.encode({**line, "message": retained, "is_retained": True})
    put_lines(store, "observations", [encoded])
    with served(store, tmp_path / "audit.jsonl") as url:
        page = Visitor(url).get(f"/car/{row.vehicle_id}").text
        assert "connected</span></dd>" in page
        assert "Last contact" not in page
    put_presence(store, 90.0, row.vehicle_id, "offline")
    with served(store, tmp_path / "audit.jsonl") as url:
        page = Visitor(url).get(f"/car/{row.vehicle_id}").text
        assert "Last contact" not in page


def test_what_was_not_seen_is_neither_opened_nor_failed(tmp_path: Path) -> None:
    """A monitor that was stopped counts no unlock of that time: in no share, and as no failure."""
    put_unlocks(
        tmp_path / "store",
        [
            unlock(0, cause=None, region="north"),
            unlock(1, cause=Cause.BOX_OFFLINE, region="north"),
            *(unlock(number, cause=Cause.NOT_OBSERVED, region="south") for number in (2, 3)),
        ],
    )
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        visitor = Visitor(url)
        fleet, cto, oncall = (visitor.get(path).text for path in ("/fleet", "/cto", "/oncall"))
    assert "50" in re.sub(r"<[^>]+>", " ", fleet)
    assert "south" not in fleet
    assert "/unlock/attempt-1" in oncall
    assert "/unlock/attempt-2" not in oncall
    cells = [unescape(cell).strip() for cell in re.findall(r"<td[^>]*>([^<]*)</td>", cto)]
    assert "2" in cells
    assert "4" not in cells
