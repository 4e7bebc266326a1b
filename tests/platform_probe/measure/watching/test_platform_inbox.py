"""The platform's log: everything that a line can hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.causes import Outcome
from fleet_wire.contract.platform_log import PlatformEvent, encode_event
from fleet_wire.profiles.loading import load_profile
from platform_probe.measure.watching import platform_inbox as module
from platform_probe.outputs.dimension import MAX_LABEL_VALUES, OTHER
from tests.helpers.platform_inbox_bench import PlatformBench
from tests.helpers.profile_files import profile_of
from tests.helpers.tracker_bench import CAR


def test_a_wrong_line_among_others_is_found() -> None:
    """Also where its trace is that of the line before; the others are taken."""
    lines = [
        b'{"event":"%b","at":1700000000,"request_id":"r","operation":"unlock","trace_id":"%b"%b}'
        % (step, trace, more)
        for step, trace, more in (
            (b"requested", b"a" * 32, b',"method":"POST"'),
            (b"answered", b"a" * 32, b',"method":"post"'),
            (b"published", b"A" * 32, b""),
            (b"accepted", b"a" * 32, b""),
        )
    ]
    bench = PlatformBench()
    bench.inbox.take_lines(lines)
    assert (bench.inbox.malformed, bench.inbox.taken) == (2, 2)
    assert bench.log.lines[0]["reason"] == "platform log: method is not 1 to 32 of A-Z"


@given(st.binary(max_size=300))
def test_a_line_of_any_bytes_is_taken_or_refused(line: bytes) -> None:
    """The good line behind it is taken, and what is no line is counted and logged."""
    bench = PlatformBench()
    good = encode_event(bench.behind.event("requested", request_id="good"))
    bench.inbox.take_lines([line, good])
    assert (bench.inbox.taken, bench.inbox.malformed) == (1, 1)
    assert [line["event"] for line in bench.log.lines] == ["malformed_line"]


def test_who_fails_at_a_line_stops_nobody_else() -> None:
    """Others hear it, the lines behind it are taken, and it is counted."""
    bench = PlatformBench()
    heard: list[PlatformEvent] = []
    defects: list[Exception] = []
    bench.inbox.on_defect = defects.append

    def fails(_: PlatformEvent) -> None:
        raise ZeroDivisionError

    bench.inbox.let_hear(fails)
    bench.inbox.let_hear(heard.append)
    bench.take("requested", request_id="r1")
    bench.take("requested", request_id="r2")
    assert [event.request_id for event in heard] == ["r1", "r2"]
    assert (bench.inbox.taken, len(defects)) == (2, 2)
    assert bench.value("platform_line_defects_total") == 2


@pytest.mark.parametrize("named", ["centre-1/phone/17", "phone/17", "17"])
@pytest.mark.parametrize("names_car", [True, False], ids=["car in each line", "car once"])
@pytest.mark.parametrize("log_first", [True, False])
def test_ids_that_hold_within_a_car_are_joined(
    named: str, *, names_car: bool, log_first: bool
) -> None:
    """The platform's log names the command alone, MQTT the car before it: one unlock, once."""
    bench = PlatformBench(profile=load_profile("ovms"))
    bench.take("requested")
    car = CAR if names_car else None
    if log_first:
        bench.take("published", command_id=named, vehicle_id=car)
    bench.behind.seen("centre-1/phone/17", trace_id=None)
    if not log_first:
        bench.take("published", command_id=named, vehicle_id=car)
    bench.behind.opens("centre-1/phone/17")
    bench.take("ended", command_id=named, vehicle_id=car, outcome="executed")
    bench.behind.wait(120.0)
    bench.behind.joiner.flush()
    (record,) = bench.behind.last().values()
    assert (record.outcome, record.sources_missing) == (Outcome.OK, ())
    assert record.platform


def test_an_id_within_a_car_is_no_id_of_another() -> None:
    """Two cars whose commands are both number 17 are two unlocks."""
    bench = PlatformBench(profile=profile_of(IDS_OF_CARS))
    for car in ("car-1", "car-2"):
        about = {"vehicle_id": car, "request_id": car, "trace_id": car[-1] * 32}
        bench.take("requested", **about)
        bench.take("published", command_id="17", **about)
        bench.take("ended", command_id="17", outcome="refused", **about)
    bench.behind.wait(120.0)
    bench.behind.joiner.flush()
    ids = {record.command_id for record in bench.behind.last().values()}
    assert ids == {"car-1/17", "car-2/17"}


IDS_OF_CARS = """
ids: car
command:
  topic: v1/{vehicle_id}/cmd
  fields: { command_id: /id, action: { at: /op, values: { OPEN: unlock } } }
result:
  topic: v1/{vehicle_id}/ack
  fields: { command_id: /id, phase: { at: /ok, values: { "true": executed } } }
"""


def test_what_is_known_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of long ago are forgotten, those before the present ones are not."""
    monkeypatch.setattr(module, "MAX_KNOWN", 2)
    bench = PlatformBench()
    for request_id in ("r1", "r2", "r3", "r2"):
        bench.take("requested", request_id=request_id, operation="lock")
    assert (bench.inbox.taken, bench.inbox.repeated) == (3, 1)
    for request_id in ("r4", "r5", "r1"):
        bench.take("requested", request_id=request_id, operation="lock")
    assert bench.inbox.taken == 6
    assert len(bench.inbox._known) + len(bench.inbox._known_before) <= 4
    bench = PlatformBench()
    for name, at in (("r1", 1.0), ("r2", 2.0), ("r3", 3.0), ("r1", 1.0), ("r1", 9.0), ("r1", 9.0)):
        bench.take("published", command_id=name, request_id=name, at=at)
    assert (bench.inbox.taken, bench.inbox.repeated) == (4, 2), "when each command was sent, too"


def test_routes_and_apps_are_bounded() -> None:
    """A phone may call itself what it likes; a place is given back after an hour."""
    bench = PlatformBench()
    for number in range(MAX_LABEL_VALUES + 1):
        name = {"request_id": f"r{number}", "operation": "lock"}
        bench.take("answered", status=200, endpoint="/lock", app_version=f"v{number}", **name)
    assert bench.answers("ok", "/lock", app="v0") == 1
    assert bench.answers("ok", "/lock", app=OTHER) == 1
    bench.behind.behind.clock.wall_s += 3_601
    bench.take("answered", request_id="new", status=200, endpoint="/lock", app_version="new")
    assert bench.answers("ok", "/lock", app="v0") is None
    assert bench.answers("ok", "/lock", app="new") == 1
