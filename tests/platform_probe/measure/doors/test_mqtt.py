"""The door over MQTT: commands as the platform sends them."""

from __future__ import annotations

from functools import partial

from fleet_wire.contract import codec
from fleet_wire.contract.attempt import Source, Stage
from fleet_wire.contract.messages import Action, Command, WakeRequest
from fleet_wire.contract.signing import is_signed, vehicle_key
from fleet_wire.contract.topics import TopicKind
from fleet_wire.contract.trace_context import TraceContext, parse_traceparent, span_id_of
from platform_probe.measure.doors.mqtt import CommandMaker, OutgoingCommand, is_of_a_probe
from tests.helpers.fake_clock import EPOCH_S, FakeClock

SECRET = "fleet-secret-of-the-test"  # noqa: S105 - of the test's own fleet


def maker_of(clock: FakeClock | None = None, seed: int = 1) -> CommandMaker:
    """Return a maker with commands that live 29.5 s."""
    return CommandMaker(
        seed=seed,
        client_id="probe-7",
        key_of=partial(vehicle_key, SECRET),
        ttl_s=29.5,
        clock=clock or FakeClock(),
    )


def made(maker: CommandMaker) -> OutgoingCommand:
    """Return a new command."""
    return maker.unlock("car-1", source=Source.PROBE, intended_s=5.0)


def command_of(outgoing: OutgoingCommand) -> Command:
    """Return the command as a box reads it."""
    command = codec.decode(TopicKind.COMMAND, outgoing.payload)
    assert isinstance(command, Command)
    return command


def test_commands_are_what_a_box_accepts() -> None:
    """Signed for this car and for what they do, with a life, addressed, and clearly synthetic.

    MQTT 5 properties say where to answer, to what, until when, in which trace, and who asks.
    """
    maker = maker_of()
    outgoing = [made(maker), maker.lock("car-1")]
    unlock, lock = map(command_of, outgoing)
    assert (unlock.action, lock.action) == (Action.UNLOCK, Action.LOCK)
    assert lock.counter > unlock.counter
    assert lock.command_id != unlock.command_id
    for each, command in zip(outgoing, (unlock, lock), strict=True):
        assert each.topic == "cars/car-1/command"
        assert command.issued_at_ms == EPOCH_S * 1000
        assert command.expires_at_ms == EPOCH_S * 1000 + 29_500
        assert is_signed(vehicle_key(SECRET, "car-1"), command)
        assert is_of_a_probe(each.properties.user_properties)
    properties, start = outgoing[0].properties, outgoing[0].start
    assert properties.response_topic == "cars/car-1/result"
    assert properties.correlation_data == start.command_id.encode()
    assert properties.expiry_s == 30
    (name, value), origin = properties.user_properties
    assert (name, origin) == ("traceparent", ("origin", "probe/probe-7"))
    sends = TraceContext(start.trace_id, span_id_of(start.attempt_id, Stage.PUBLISHED), "01")
    assert parse_traceparent(value) == sends


def test_counter_grows_even_when_the_clock_goes_back() -> None:
    """A box refuses a counter that does not grow: the wall clock must not decide alone."""
    clock = FakeClock()
    maker = maker_of(clock)
    counters = []
    for wall_s in (EPOCH_S, EPOCH_S, EPOCH_S - 3600, EPOCH_S + 1):
        clock.wall_s = wall_s
        counters.append(command_of(made(maker)).counter)
    assert counters == sorted(set(counters))
    assert counters[-1] == (EPOCH_S + 1) * 1e6


def test_identifiers_depend_on_seed_and_start_alone() -> None:
    """A virtual clock gives the same again; a later run of the same seed gives none of them."""
    first = [made(maker).start for maker in [maker_of()] for _ in range(3)]
    again = [made(maker).start for maker in [maker_of()] for _ in range(3)]
    assert first == again
    other_runs = [made(maker_of(seed=2)).start, made(maker_of(FakeClock(wall_s=EPOCH_S + 1))).start]
    ids = [
        name
        for start in (*first, *other_runs)
        for name in (start.attempt_id, start.command_id, start.trace_id)
    ]
    assert len(set(ids)) == len(ids)


def test_wake_request_names_its_attempt() -> None:
    """The SMS centre can be asked which attempt a wake belongs to."""
    maker = maker_of()
    start = made(maker).start
    request = codec.decode(TopicKind.WAKE, maker.wake_request(start)[0][1])
    assert request == WakeRequest(start.attempt_id, int(EPOCH_S * 1000))


def test_synthetic_commands_are_told_from_customers() -> None:
    """Whatever does not say that it comes from a probe may be a customer's."""
    assert is_of_a_probe([("traceparent", "?"), ("origin", "probe/")])
    for customers in ([("origin", "app")], [("from", "probe/another")], []):
        assert not is_of_a_probe(customers)
