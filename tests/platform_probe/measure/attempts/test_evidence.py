"""What is known about each car, and the counts that gauges show."""

from __future__ import annotations

from dataclasses import replace

from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus
from fleet_wire.profiles.profile import CONTRACT
from platform_probe.cars.state import BoxPresence
from platform_probe.measure.attempts.evidence import FleetEvidence
from tests.helpers.hand_made_boxes import state_of
from tests.helpers.tracker_bench import HEARTBEAT

ONLINE = Presence(PresenceStatus.ONLINE, "s1")
ASLEEP = Presence(PresenceStatus.OFFLINE, "s1", PresenceReason.SLEEP)
WILL = Presence(PresenceStatus.OFFLINE, "s1", PresenceReason.LAST_WILL)


def test_retained_messages_set_facts_but_no_times() -> None:
    """What waited at the broker is no sign of life."""
    evidence = FleetEvidence()
    evidence.presence("a-1", ONLINE, 5.0, retained=True)
    evidence.state("a-1", state_of("a-1", is_locked=True), 5.0, retained=True)
    vehicle = evidence.state_of("a-1")
    assert (vehicle.presence, vehicle.is_locked) == (BoxPresence.ONLINE, True)
    assert vehicle.heard_s is vehicle.presence_changed_s is None


def test_counts_follow_presence_and_region() -> None:
    """Each box counts once, in its present state and region, until it is out of service."""
    evidence = FleetEvidence()
    for vehicle_id in ("a-1", "a-2", "b-1"):
        evidence.presence(vehicle_id, ONLINE, 1.0, retained=False)
    assert evidence.by_region == {(None, "online"): 3}
    for vehicle_id in ("a-1", "a-2", "b-1"):
        evidence.state(vehicle_id, state_of(vehicle_id, is_locked=True), 2.0, retained=False)
    assert evidence.by_region == {("a", "online"): 2, ("b", "online"): 1}
    evidence.presence("a-2", ASLEEP, 3.0, retained=False)
    evidence.presence("b-1", WILL, 3.0, retained=False)
    assert evidence.by_region == {("a", "online"): 1, ("a", "asleep"): 1, ("b", "offline"): 1}
    assert +evidence.by_presence == {"online": 1, "asleep": 1, "offline": 1}
    for vehicle_id in ("a-1", "b-1", "b-1", "never-heard-of"):
        evidence.forget(vehicle_id)
    assert len(evidence) == 1
    assert evidence.state_of("a-1").presence is evidence.state_of("b-1").presence is None
    assert evidence.by_region == {("a", "asleep"): 1}
    assert +evidence.by_presence == {"asleep": 1}


def test_only_a_box_that_did_not_say_goodbye_has_reconnected() -> None:
    """After a last will, or while it was believed to be there; not from sleep, not at first."""
    evidence = FleetEvidence()
    evidence.presence("a-1", ONLINE, 1.0, retained=True)
    evidence.state("a-1", state_of("a-1", is_locked=True), 1.0, retained=True)
    counts = []
    for at_s, said in enumerate((WILL, ONLINE, ONLINE, ASLEEP, ONLINE), start=2):
        evidence.presence("a-1", said, at_s, retained=False)
        counts.append(evidence.reconnects["a"])
    assert counts == [0, 1, 2, 2, 2]
    evidence.presence("a-2", ONLINE, 7.0, retained=False)
    assert evidence.reconnects == {"a": 2}


def test_memory_is_bounded() -> None:
    """A flood of made-up ids pushes out the oldest, and counts stay right."""
    evidence = FleetEvidence(max_vehicles=3)
    for number in range(10):
        evidence.presence(f"a-{number}", ONLINE, 1.0, retained=False)
    assert len(evidence) == 3
    assert evidence.by_presence["online"] == 3
    assert evidence.state_of("a-0").presence is None
    assert evidence.state_of("a-9").presence is BoxPresence.ONLINE


def test_cars_known_in_part_are_counted() -> None:
    """A broker that drops retained messages shows in cars of which only one is known."""
    evidence = FleetEvidence()
    for vehicle_id in ("a-1", "b-1", "b-2"):
        evidence.presence(vehicle_id, ONLINE, 1.0, retained=True)
    for vehicle_id in ("b-1", "b-2", "c-1"):
        evidence.state(vehicle_id, state_of(vehicle_id, is_locked=True), 1.0, retained=True)
    evidence.telemetry("d-1", HEARTBEAT, 1.0)
    assert evidence.without_presence_or_state() == 2


def test_where_states_name_no_command_no_car_is_known_in_part() -> None:
    """Such a fleet says a part of a state at a time, so a part is no loss."""
    evidence = FleetEvidence(wire=replace(CONTRACT, names_last_command=False))
    evidence.presence("a-1", ONLINE, 1.0, retained=True)
    assert evidence.without_presence_or_state() == 0
