"""What is typed into the one box, and where it leads."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.helpers.consoles import Visitor, looks_in


@pytest.mark.parametrize(
    ("text", "leads_to"),
    [
        ("attempt-33", "/unlock/attempt-33"),
        ("command-33", "/unlock/attempt-33"),
        (f"{33:032x}", "/unlock/attempt-33"),
        ("booking-33", "/booking/booking-33"),
        ("booking-90", "/booking/booking-90"),
        ("customer-3", "/customer/customer-3"),
        ("customer-8", "/customer/customer-8"),
        ("car-03", "/car/car-03"),
        ("CAR-03", "/car/car-03"),
        ("AB-123-CD", "/car/car-03"),
        ("ab 123 cd", "/car/car-03"),
        ("complaint-1", "/unlock/complaint-1"),
        ("incident-1", "/incident/incident-1"),
        ("box offline", "/cause/box_offline"),
        ("box_offline", "/cause/box_offline"),
        ("boîtier hors ligne", "/cause/box_offline"),
        ("Pas de réception là où se trouve la voiture", "/mode/no_coverage_garage"),
        ("no_coverage_garage", "/mode/no_coverage_garage"),
        ("No reception where the car stands", "/mode/no_coverage_garage"),
        ("car-03 00:00:18", "/unlock/attempt-17"),
        ("00:00:05 car-03", "/unlock/attempt-3"),
        ("booking-33 this night", "/unlock/attempt-33"),
        ("operator-a", "/time?operator=operator-a"),
        ("Centre", "/time?region=centre"),
        ("2.4.1", "/time?firmware=2.4.1"),
        ("7.3.0", "/time?app_version=7.3.0"),
    ],
)
def test_an_exact_hit_jumps(open_console: str, text: str, leads_to: str) -> None:
    """Whatever the customer can name leads there at once, and that page is there."""
    got = Visitor(open_console).get(f"/search?q={quote(text)}")

    assert (got.status, got.location) == (303, leads_to)
    assert Visitor(open_console).get(leads_to).status == 200


def test_a_time_leads_to_what_failed_then(open_console: str) -> None:
    """The address has the time, so that it can be sent to somebody."""
    got = Visitor(open_console).sentence_sequence("/search?q=00:00:30")

    assert "attempt-33" in got.text
    assert got.status == 200


def test_a_trait_leads_to_what_failed_of_it(open_console: str) -> None:
    """Of that operator, region or version alone, on each page of the list."""
    coast, centre = (
        Visitor(open_console).get(f"/time?region={region}").text for region in ("coast", "centre")
    )
    assert coast.count("data-row") > 0
    assert centre.count("data-row") == 0
    assert ">coast</h1>" in coast


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("car 3", "/car/car-03"), ("CAR-3", "/car/car-03"), ("Booking-33", "/booking/booking-33"),
     ("garage", "/mode/no_coverage_garage"), ("offline", "/cause/box_offline"),
     ("hors ligne", "/cause/box_offline"),
     ("ATTEMPT-5", "/unlock/attempt-58"), ("b-123", "/car/car-03")],
)  # fmt: skip
def test_none_gives_the_nearest(open_console: str, text: str, nearest: str) -> None:
    """An id in other letters, a part of one and a word of a mode offer what was meant."""
    found = Visitor(open_console).get(f"/search?q={quote(text)}")

    assert nearest in found.text


@pytest.mark.parametrize(
    "text", ["zzzzz", "<script>alert(1)</script>", "'; DROP TABLE x", "%", "_"]
)
def test_nothing_near(open_console: str, text: str) -> None:
    """What is like nothing is answered so, and never with itself as HTML."""
    got = Visitor(open_console).get(f"/search?q={quote(text)}")

    assert got.status == 404
    assert "<script>alert" not in got.text


def test_a_time_that_does_not_exist_is_told(open_console: str) -> None:
    """A day that no month has is a mistake, not an id."""
    got = Visitor(open_console).get("/search?q=31/02")

    assert got.status == 400
    assert "does not exist" in got.text


def test_an_empty_box_leads_to_the_start(open_console: str) -> None:
    """Nothing typed is nothing looked for."""
    assert Visitor(open_console).get("/search?q=+").location == "/"


def test_what_was_searched_for_is_in_the_audit_log(open_console: str, console_audit: Path) -> None:
    """A search that lists names may tell of customers: it is written down."""
    Visitor(open_console).get("/search?q=customer-77")

    last = looks_in(console_audit)[-1]
    assert (last["action"], last["id"], last["user"]) == ("search", "customer-77", "local")
