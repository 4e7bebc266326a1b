"""The inbox: floods, what it hands on, and what fails; `inbox.txt` has single messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.codec import encode
from fleet_wire.contract.messages import Action, Command, Phase, Reason, Result, Telemetry
from fleet_wire.contract.topics import NULL_BOXES, TopicKind
from fleet_wire.links.link import Message
from fleet_wire.profiles.loading import load_profile
from platform_probe.journal.entries import BrokerLine, CarMessage, CarRemoved, Entry
from platform_probe.journal.feed import JournalFeed
from platform_probe.measure.watching.inbox import LOOKED_THROUGH_EVERY, MAX_NAMED, subscriptions
from platform_probe.measure.watching.known_values import MOST_VALUES
from platform_probe.outputs.dimension import MAX_NEW_OF_ONE, OTHER
from tests.helpers.hand_made_boxes import OFFLINE, ONLINE, state_of
from tests.helpers.messages import message_of
from tests.helpers.other_bench import OtherBench
from tests.helpers.tracker_bench import CAR, OTHER_CAR

COMMAND = Command("k1", Action.UNLOCK, 0, 30_000, 1, "signature")


class InboxBench(OtherBench):
    """An inbox on the contract's wire, what lies behind it, and what was counted."""

    def write_journal(self, append: Callable[[Entry], None]) -> None:
        """Hand on all that is heard, stamped by the monotonic clock."""
        clock = self.behind.clock
        self.inbox.journal = JournalFeed(append, clock=clock)

    def count(self, name: str, **labels: str) -> float | None:
        """Return what a counter says."""
        return self.metrics.registry.get_sample_value(f"unlockpath_{name}_total", labels)


@pytest.mark.parametrize(("cars", "kept"), [(1, MAX_NEW_OF_ONE), (MOST_VALUES + 500, MOST_VALUES)])
def test_a_flood_of_different_values_is_bounded(cars: int, kept: int) -> None:
    """What boxes make up counts as "other": of one box soon, of all boxes later, and is counted."""
    bench = InboxBench()
    flood = MOST_VALUES + 500
    for number in range(flood):
        car = f"car-{number % cars}"
        made_up = {name: f"{name}-{number}" for name in ("firmware", "operator", "region")}
        state = msgspec.structs.replace(state_of(car, is_locked=True), **made_up)
        bench.take(f"cars/{car}/presence", ONLINE)
        bench.take(f"cars/{car}/state", encode(state))
        bench.take(f"cars/{car}/presence", OFFLINE)
        bench.take(f"cars/{car}/presence", ONLINE)
    assert len(bench.behind.evidence.reconnects) == kept + 1
    assert OTHER in bench.behind.evidence.reconnects
    for trait in ("region", "firmware", "operator"):
        assert bench.count("capped_values", trait=trait) == flood - kept


def test_a_box_that_makes_up_values_costs_others_none() -> None:
    """Another box still names a region that nobody has named."""
    bench = InboxBench()
    for number in range(MOST_VALUES):
        state = msgspec.structs.replace(state_of(CAR, is_locked=True), region=f"region-{number}")
        bench.take(f"cars/{CAR}/state", encode(state))
    bench.take(f"cars/{OTHER_CAR}/state", encode(state_of("new-1", is_locked=True)))
    assert bench.behind.evidence.state_of(OTHER_CAR).labels.region == "new"
    assert bench.behind.evidence.state_of(CAR).labels.region == OTHER


def test_flood_of_malformed_messages_logs_little() -> None:
    """All are counted; the log gets one line for each kind, and later how many there were."""
    bench = InboxBench()
    for _ in range(5_000):
        bench.take(f"cars/{CAR}/result", b"?")
        bench.take(f"cars/{CAR}/state", b"?")
    assert bench.count("malformed_messages", topic="result") == 5_000
    assert len(bench.log.lines) == 2
    bench.behind.wait(10)
    bench.take(f"cars/{CAR}/result", b"?")
    assert bench.log.lines[-1]["count"] == 5_000


def test_made_up_fields_do_not_fill_the_log() -> None:
    """A firmware may say more than we know: each name is told once, up to a limit.

    A value that nobody can read harms nothing.
    """
    bench = InboxBench()
    start = b'{"signal_dbm":-85,"voltage_v":12.6,"position_age_s":3,'
    for number in range(3 * MAX_NAMED * LOOKED_THROUGH_EVERY):
        if number % LOOKED_THROUGH_EVERY == 0:
            bench.behind.wait(60)
        bench.take(f"cars/{CAR}/telemetry", start + b'"field-%d":1}' % number)
    assert len(bench.log.lines) == MAX_NAMED
    first = bench.log.lines[0]
    assert (first["event"], first["kind"]) == ("unknown_fields", "telemetry")
    assert first["fields"].startswith("{'field-")
    for _ in range(LOOKED_THROUGH_EVERY):
        bench.take(f"cars/{CAR}/telemetry", start + b'"large":1e999}')
    assert bench.inbox.malformed == 0


@given(
    kind=st.sampled_from([kind.value for kind in TopicKind]),
    payload=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(msgspec.json.encode),
    correlation=st.none() | st.binary(max_size=20),
    retain=st.booleans(),
)
def test_random_bytes_never_raise(
    *, kind: str, payload: bytes, correlation: bytes | None, retain: bool
) -> None:
    """Bytes, and JSON of any shape, on every topic: at worst they are counted."""
    bench = InboxBench()
    bench.behind.send()
    bench.take(f"cars/{CAR}/{kind}", payload, correlation_data=correlation, retain=retain)
    bench.take(f"{kind}/{CAR}", payload)
    bench.behind.wait(30)
    # By chance it may have been a box's word: it changes what is concluded, not that it is.
    assert bench.behind.only().cause is not None


def test_a_probe_listens_to_what_it_is_asked_for() -> None:
    """Watching costs a message for each command, and the broker's log comes to each monitor."""
    kinds = ("result", "presence", "state", "telemetry", "event")
    heard = tuple(f"cars/+/{kind}" for kind in kinds)
    assert subscriptions(watch=False) == heard
    assert subscriptions(watch=True) == (*heard, "cars/+/command")
    assert subscriptions(watch=False, broker_log=True) == (*heard, "$SYS/broker/log/#")
    of_profile = [{*subscriptions(load_profile("ovms"), watch=watch)} for watch in (False, True)]
    assert "ovms/demo/+/client/+/response/+" in of_profile[0]
    assert of_profile[1] - of_profile[0] == {"ovms/demo/+/client/+/command/+"}


def test_what_is_heard_goes_into_the_journal() -> None:
    """Messages, the broker's log and removals; not what breaks the contract, nor null boxes."""
    bench, heard = InboxBench(), list[Entry]()
    bench.write_journal(heard.append)
    telemetry, now_s = Telemetry(-85.0, 12.6, 3.0), bench.behind.clock.now_s
    bench.take(f"cars/{CAR}/telemetry", encode(telemetry))
    bench.take(f"cars/{CAR}/telemetry", b"nothing")
    for retain in (True, False):  # whoever's it is: another monitor may time it
        bench.take(f"cars/{NULL_BOXES}7/presence", ONLINE, retain=retain)
    bench.take("$SYS/broker/log/N", b"1: Client car-7 closed its connection.")
    bench.take(f"cars/{CAR}/state", b"", retain=True)
    message, said, removed = heard
    assert message == CarMessage(now_s, TopicKind.TELEMETRY, CAR, telemetry)
    assert isinstance(said, BrokerLine)
    assert said.event.client_id == "car-7"
    assert removed == CarRemoved(now_s, CAR)
    assert bench.behind.evidence.state_of(f"{NULL_BOXES}7").presence is not None


def test_a_journal_that_fails_stops_no_measurement() -> None:
    """The tracker follows each message; it is counted, and logged once for its topic.

    Else the link would close, and a retained message come again at each connection.
    """
    bench, defects = InboxBench(), list[Exception]()
    bench.inbox.on_defect = defects.append

    def fails(_: Entry) -> None:
        raise ZeroDivisionError

    bench.write_journal(fails)
    for _ in range(3):
        bench.take(f"cars/{CAR}/presence", ONLINE, retain=True)
    bench.take(f"cars/{OTHER_CAR}/presence", ONLINE, retain=True)
    for car in (CAR, OTHER_CAR):
        assert bench.behind.evidence.state_of(car).presence is not None
    assert [type(error) for error in defects] == [ZeroDivisionError] * 4
    assert bench.count("message_defects", topic="presence") == 4
    logged = [line for line in bench.log.lines if line["event"] == "message_defect"]
    assert [line["kind"] for line in logged] == [f"cars/{car}/presence" for car in (CAR, OTHER_CAR)]
    assert "ZeroDivisionError" in logged[0]["error"]
    bench.take(f"cars/{CAR}/state", b"", retain=True)
    bench.take("$SYS/broker/log/N", b"1: Client car-7 closed its connection.")
    assert bench.behind.evidence.state_of(CAR).presence is None
    assert bench.count("message_defects", topic="other") == 2


def test_a_tracker_that_fails_at_a_message_keeps_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after it is followed."""
    bench = InboxBench()
    defects: list[Exception] = []
    bench.inbox.on_defect = defects.append

    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.behind.tracker, "state", fails)
    bench.take(f"cars/{CAR}/state", encode(state_of(CAR, is_locked=True)))
    bench.take(f"cars/{CAR}/presence", ONLINE)
    assert len(defects) == bench.count("message_defects", topic="state") == 1
    assert bench.behind.evidence.state_of(CAR).presence is not None


_PROPERTIES = [("origin", "probe/another")]
_OF_ANOTHER = msgspec.structs.replace(COMMAND, command_id="p1")
_ROW = (
    message_of(f"cars/{CAR}/presence", ONLINE),
    message_of(f"cars/{CAR}/command", encode(COMMAND)),
    message_of(f"cars/{CAR}/command", encode(COMMAND)),
    message_of(f"cars/{CAR}/result", encode(Result("k1", Phase.RECEIVED))),
    message_of(f"cars/{CAR}/state", encode(state_of(CAR, is_locked=False, command_id="k1"))),
    message_of(f"cars/{CAR}/result", encode(Result("k1", Phase.EXECUTED))),
    message_of(f"cars/{CAR}/result", encode(Result("k1", Phase.REFUSED, Reason.REPLAYED))),
    message_of(f"cars/{OTHER_CAR}/result", encode(Result("k1", Phase.EXECUTED))),
    message_of(f"cars/{OTHER_CAR}/result", encode(Result("p1", Phase.EXECUTED))),
    message_of(f"cars/{OTHER_CAR}/command", encode(_OF_ANOTHER), user_properties=_PROPERTIES),
    message_of(f"cars/{OTHER_CAR}/command", encode(COMMAND), retain=True),
    message_of(f"cars/{OTHER_CAR}/telemetry", encode(Telemetry(-85.0, 12.6, 3.0))),
    message_of(f"cars/{OTHER_CAR}/telemetry", b"nothing"),
    message_of("$SYS/broker/log/E", f"1: Client {CAR} closed its connection.".encode()),
    message_of(f"cars/{CAR}/state", b"", retain=True),
)


@given(st.permutations(_ROW))
def test_what_comes_together_gives_what_it_gives_one_by_one(row: list[Message]) -> None:
    """In whatever order: records, what is known of cars, who was told what, what was refused."""
    told: list[tuple[Any, ...]] = []
    for rows in ([[each] for each in row], [row[:6], row[6:]], [row]):
        bench, heard = InboxBench(), list[Entry]()
        bench.write_journal(heard.append)
        for messages in rows:
            bench.inbox.handle_messages(messages)
        evidence = bench.behind.evidence
        known = [evidence.state_of(car) for car in (CAR, OTHER_CAR)]
        facts = [(one.presence, one.heard_s, one.is_locked, one.voltage_v) for one in known]
        bench.behind.wait(30)
        told.append((bench.behind.records, heard, facts, bench.inbox.malformed))
    assert told[0][-1] == 2
    assert told[1:] == [told[0]] * 2
