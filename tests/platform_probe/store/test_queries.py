"""Every predefined query answers; what the important ones say is what has happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fleet_wire.contract.attempt import Attempt, PlatformSide
from fleet_wire.contract.causes import Cause
from fleet_wire.errors import ConfigError
from platform_probe.__main__ import main
from platform_probe.commands.asking import StoreQuestion
from platform_probe.commands.query import run_query
from platform_probe.store.layout import make_store
from platform_probe.store.queries import all_queries, query_named
from platform_probe.store.reading import Source, Span
from platform_probe.store.schema import ATTEMPTS
from tests.helpers.busy_store import FAILURES, make_busy_store
from tests.helpers.english import ENGLISH
from tests.helpers.stores import (
    BEGIN_S,
    KeptOpen,
    opened_late,
    put_booking_end,
    put_lines,
    put_lock,
    put_presence,
    put_unlocks,
    selected,
    unlock,
)

GIVEN = {
    "car": {"vehicle": "car-03"},
    "incident": {"incident": "inc-1"},
    "customers-of-mode": {"mode": "generic_500"},
    "releases-compared": {"before": "2.4.1", "after": "2.5.0"},
}
"""Parameters of the queries that need some."""
TRACE = "0af7651916cd43dd8448eb211c80319c"
UNTIL_S = {"customers-that-failed": 34.0, "late-unlocks": 120.0}
"""When to ask what is over at the end of that minute, or comes later."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """Give a store in which everything has happened once."""
    with closing(KeptOpen(make_busy_store(tmp_path_factory.mktemp("busy") / "store"))) as source:
        yield source


@pytest.fixture(scope="module")
def lines_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """Give the same before anything is packed."""
    directory = make_busy_store(tmp_path_factory.mktemp("lines") / "store", packed=False)
    with closing(KeptOpen(directory)) as source:
        yield source


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """Give a store that is new."""
    directory = tmp_path_factory.mktemp("empty")
    make_store(directory)
    with closing(KeptOpen(directory)) as source:
        yield source


def answer(source: Source | Path, name: str, **given: str) -> list[dict[str, Any]]:
    """Return the rows of a query over the minute in which all happened, and an hour before."""
    asked = StoreQuestion(Source(source) if isinstance(source, Path) else source, ENGLISH)
    span = Span(BEGIN_S - 3_600, BEGIN_S + UNTIL_S.get(name, 60.0))
    rows = run_query(asked, query_named(name), span, {**GIVEN.get(name, {}), **given}, 1_000)
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.rows]


def test_there_are_many() -> None:
    """At least twenty, each with a description that ends."""
    assert len(all_queries()) >= 20
    assert all(query.description.endswith((".", "?")) for query in all_queries().values())


@pytest.mark.parametrize("name", all_queries())
def test_every_query_finds_something(store: Source, lines_store: Source, name: str) -> None:
    """In a store where it has happened; in Parquet and in lines it is the same."""
    found = answer(store, name)
    assert found
    assert answer(lines_store, name) == found


@pytest.mark.parametrize("name", all_queries())
def test_every_query_runs_on_nothing(empty_store: Source, name: str) -> None:
    """A store that is new has every table, and no rows."""
    found = answer(empty_store, name)
    assert len(found) == (1 if name == "releases-compared" else 0)


def test_causes(store: Source) -> None:
    """The revision that holds counts: one that was judged anew is no failure."""
    found = {row["cause"]: row["failures"] for row in answer(store, "causes")}
    assert found == {"box_offline": 2, "api_failed": 1}


def test_cars_that_failed_twice(store: Source) -> None:
    """The one car, and no other."""
    (row,) = answer(store, "cars-that-failed")
    assert (row["vehicle_id"], row["failures"], row["mostly"]) == ("car-03", 2, "box_offline")
    assert answer(store, "cars-that-failed", failures="3") == []


def test_modes_are_those_of_the_last_revision(store: Source) -> None:
    """Also where none is known; a complaint about an unlock that nobody saw is one."""
    found = {row["mode"]: (row["unlocks"], row["mostly"]) for row in answer(store, "modes")}
    assert found == {
        "generic_500": (1, "api_failed"),
        "phone_side": (1, "opened"),
        "unknown": (1, "opened"),
    }
    (anew,) = answer(store, "diagnosed-anew")
    assert (anew["first_mode"], anew["last_mode"]) == ("app_gateway_outage", "generic_500")


def test_customers_of_a_mode(store: Source) -> None:
    """What one of them lived through; he got in later, and called nobody."""
    (row,) = answer(store, "customers-of-mode")
    assert (row["account_id"], row["status"], row["called_support"]) == ("customer-3", 504, False)
    assert row["opened_at"] > row["began_at"]
    (row,) = answer(store, "customers-of-mode", mode="phone_side")
    assert row["called_support"]


def test_generic_errors(store: Source) -> None:
    """A 500 without a type explains nothing; a typed 504 does."""
    (row,) = answer(store, "generic-errors")
    assert (row["status"], row["app_version"], row["answers"]) == (500, "7.3.0", 1)


def test_late_unlocks(store: Source) -> None:
    """With whom to call."""
    (row,) = answer(store, "late-unlocks")
    assert (row["vehicle_id"], row["after_s"], row["account_id"]) == ("car-03", 41.5, "customer-3")
    assert row["locked_at"] is None


@pytest.mark.parametrize(
    ("outcome", "status", "after_s", "is_late"),
    [
        ("executed", 202, 41.5, False),
        ("executed", 202, 60.5, True),
        ("executed", 504, 41.5, True),
        ("expired", 202, 41.5, True),
        (None, None, 41.5, True),
    ],
)
def test_who_was_told_that_the_car_is_open_is_not_to_be_called(
    tmp_path: Path, outcome: str | None, status: int | None, after_s: float, *, is_late: bool
) -> None:
    """The platform heard of it after the monitor stopped waiting, and the app while it still asked.

    What is locked stands last.
    """
    side = PlatformSide(status=status, outcome=outcome)
    late = [unlock(number, cause=Cause.EXECUTION_SILENT, platform=side) for number in (1, 2)]
    put_unlocks(tmp_path, late)
    put_lines(tmp_path, "stray_answers", [opened_late(each, after_s) for each in late])
    put_lock(tmp_path, 20.0 + after_s, late[1].vehicle_id)
    found = answer(tmp_path, "late-unlocks")
    assert [(row["attempt_id"], row["locked_at"] is None) for row in found] == (
        [("attempt-1", True), ("attempt-2", False)] if is_late else []
    )


def test_duplicates(store: Source) -> None:
    """Those within an unlock, and those after its end."""
    found = {row["attempt_id"]: row["later_answers"] for row in answer(store, "duplicates")}
    assert found == {"attempt-10": 0, "attempt-20": 1}


@pytest.mark.parametrize("statuses", [(200, None), (None, None)])
def test_a_request_that_opened_its_car_twice_is_a_duplicate(
    tmp_path: Path, statuses: tuple[int | None, ...]
) -> None:
    """Two commands of one trace, of which one was answered; with no log of the platform, none."""
    put_unlocks(tmp_path, of_one_trace(*statuses))
    found = [(row["attempt_id"], row["commands"]) for row in answer(tmp_path, "duplicates")]
    assert found == [("attempt-7", 2), ("attempt-1", 2)]


def test_presses_of_one_trace_that_were_answered_each_are_no_duplicates(tmp_path: Path) -> None:
    """Nor is one that opened for the second time the car that it had not opened for the first."""
    put_unlocks(tmp_path, of_one_trace(200, 200))
    put_unlocks(
        tmp_path, [unlock(12, cause=Cause.BOX_SILENT, trace_id="a"), unlock(19, trace_id="a")]
    )
    assert answer(tmp_path, "duplicates") == []


def of_one_trace(*statuses: int | None) -> list[Attempt]:
    """Return unlocks of one car and one trace, each answered so; None: not at all."""
    return [
        unlock(1 + 6 * number, car="car-1", trace_id=TRACE, platform=PlatformSide(status=status))
        for number, status in enumerate(statuses)
    ]


def test_booked_and_away(store: Source) -> None:
    """A car that is booked and was last heard of hours ago."""
    (row,) = answer(store, "booked-and-away")
    assert (row["vehicle_id"], row["account_id"]) == ("car-90", "customer-9")
    assert answer(store, "booked-and-away", silent_minutes="180") == []


def test_flapping_cars(store: Source) -> None:
    """Six last wills in a minute."""
    (row,) = answer(store, "flapping-cars")
    assert (row["vehicle_id"], row["losses"], row["without_goodbye"]) == ("car-03", 6, 6)


def test_judged_anew(store: Source) -> None:
    """What it was taken for first, and what it is."""
    (row,) = answer(store, "judged-anew")
    assert (row["attempt_id"], row["first_judged"]) == ("attempt-41", "result_lost")
    assert row["now_judged"] == "opened"


@pytest.mark.parametrize("trait", ["apps", "firmware", "hardware", "operators", "regions"])
def test_what_was_not_seen_counts_nowhere(tmp_path: Path, trait: str) -> None:
    """An unlock whose end the monitor did not see neither opened nor failed."""
    unlocks = [
        unlock(number, cause=cause, firmware="2.5.0", region="coast")
        for number, cause in enumerate((None, Cause.BOX_OFFLINE, Cause.NOT_OBSERVED))
    ]
    make_store(tmp_path)
    put_unlocks(tmp_path, unlocks)
    (row,) = answer(tmp_path, f"{trait}-compared")
    assert (row["unlocks"], row["not_opened"]) == (2, 1)
    assert answer(tmp_path, "within-seconds")[0]["unlocks"] == 2


def test_release_that_is_worse_is_called_so(store: Source) -> None:
    """All three that failed have the new firmware, and one of theirs that opened: 3 of 4."""
    (row,) = answer(store, "releases-compared")
    assert (row["before_unlocks"], row["after_unlocks"]) == (56, 4)
    assert (row["verdict"], row["after_percent"]) == ("worse", 75.0)
    assert 0 < row["at_least"] < row["difference"] == 75.0 < row["at_most"] <= 100.0


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("2.5.0", "2.4.1", "better"),
        ("2.4.1", "9.9.9", "one of them was not seen"),
        ("7.2.1", "7.3.0", "no difference is shown"),
    ],
)
def test_other_verdicts(store: Source, before: str, after: str, verdict: str) -> None:
    """Few unlocks that differ by chance show nothing."""
    (row,) = answer(store, "releases-compared", before=before, after=after)
    assert row["verdict"] == verdict


def test_wilson_interval(store: Source) -> None:
    """The bounds of 3 in 4 are those of the formula: 30.06 and 95.44 %."""
    rows = {row["firmware"]: row for row in answer(store, "firmware-compared")}
    assert (rows["2.5.0"]["at_least"], rows["2.5.0"]["at_most"]) == (30.06, 95.44)
    assert rows["2.4.1"]["at_least"] == 0.0


def test_hops_add_up(store: Source) -> None:
    """From the request to the command 0.249 s, and 1 s to the box."""
    found = {row["hop_to"]: row["p50_s"] for row in answer(store, "slowest-hops")}
    assert found["published"] == 0.249
    assert found["box_received"] == 1.0


@pytest.fixture(scope="module", params=["packed", "lines"])
def longer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the store, in which cars and platform are heard after the last unlock has begun."""
    directory = tmp_path_factory.mktemp("longer") / "store"
    make_busy_store(directory, packed=request.param == "packed")
    put_presence(directory, 100.5, "car-03", "offline")
    put_lines(directory, "stray_answers", [opened_late(unlock(59), 60.25)])
    put_booking_end(directory, 140.75, car="car-03", booking="booking-3")
    return directory


def test_a_time_that_is_not_said_ends_after_all_that_is_read(longer: Path) -> None:
    """Not with the last unlock: the end of a run would be left out."""
    asked = StoreQuestion(Source(longer), ENGLISH)
    read = {
        tuple(table.name for table in query.tables): query.tables
        for query in all_queries().values()
    }
    assert () not in read
    times = {table.name: table.time for tables in read.values() for table in tables}
    newest_s = dict(selected(longer, " UNION ALL ".join(
        f"SELECT '{name}', max(epoch({time}))"
        f" FROM {'attempt_revisions' if name == ATTEMPTS.name else name}"
        for name, time in times.items()
    )))  # fmt: skip
    for names, tables in read.items():
        until_s = asked.span(None, None, tables).until_s or 0.0
        assert until_s >= max(newest_s[name] for name in names), names


def test_what_was_answered_after_the_last_unlock_counts(longer: Path) -> None:
    """The end of a booking, say."""
    words = ["query", "api-answers", "--store", str(longer), "--format", "json"]
    told = json.loads(CliRunner().invoke(main, words).output)
    last = {row["operation"]: row["last"] for row in told}
    assert last["end"] == "2026-01-01 00:02:20+00:00"


def test_only_the_time_that_is_asked_about(store: Source) -> None:
    """Each query keeps to it."""
    asked = StoreQuestion(store, ENGLISH)
    span = Span(BEGIN_S + 30, BEGIN_S + 35)
    rows = run_query(asked, query_named("causes"), span, {}, 10)
    assert [row[:3] for row in rows.rows] == [("api_failed", "failed", 1)]
    assert rows.rows[0][-1] == datetime(2026, 1, 1, 0, 0, min(FAILURES.keys() - {3, 17}))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("late-unlock", {}, "no query 'late-unlock'; did you mean 'late-unlocks'"),
        ("causes", {"minutes": "3"}, "causes has no parameter minutes"),
        ("silent-cars", {"minutes": "many"}, "minutes: 'many' is no number"),
    ],
)
def test_mistakes_are_named(store: Source, name: str, given: dict[str, str], message: str) -> None:
    """What is wrong, and what was meant."""
    with pytest.raises(ConfigError, match=message):
        answer(store, name, **given)


def test_parameter_that_must_be_set_is_named(store: Source) -> None:
    """With what it is."""
    asked = StoreQuestion(store, ENGLISH)
    with pytest.raises(ConfigError, match=r"car needs vehicle: the car; as --set vehicle=VALUE"):
        run_query(asked, query_named("car"), Span(0, 1), {}, 1)


def test_quotes_in_a_parameter_are_text(store: Source) -> None:
    """Nothing that is given becomes SQL."""
    assert answer(store, "car", vehicle="' OR 1=1 --") == []
