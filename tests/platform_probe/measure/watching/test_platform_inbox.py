"""The platform's log: everything that a line can hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.platform_log import PlatformEvent, encode_event
from platform_probe.measure.watching import platform_inbox as module
from platform_probe.outputs.dimension import MAX_LABEL_VALUES, OTHER
from tests.helpers.platform_inbox_bench import PlatformBench


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
