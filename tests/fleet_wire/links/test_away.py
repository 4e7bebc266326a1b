"""Which brokers of a list are away."""

from __future__ import annotations

from fleet_wire.links.away import Away
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.link import Disconnected, EndReason

FIVE = Brokers.parse("mqtt://b-{1..5}").addresses
END = Disconnected(EndReason.UNREACHABLE, detail="Connection refused")


def test_what_is_new_is_known_and_the_first_few_are_named() -> None:
    """Each failure to connect is told, and each broker that is there when a connection begins.

    A long list would fill a line.
    """
    away = Away()
    told = [(FIVE[0], None), (FIVE[1], END), (FIVE[1], END), (FIVE[1], None), (FIVE[1], None)]
    assert [away.record(*each) for each in told] == [False, True, False, True, False]
    for broker in FIVE:
        away.record(broker, END)
    named = [f"mqtt://b-{number}:1883 (unreachable: Connection refused)" for number in (1, 2, 3)]
    assert {*str(away).removesuffix(" and 2 more").split(", ")} == {*named}
