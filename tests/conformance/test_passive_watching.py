"""A monitor that only watches fleets with other wires: its records agree with what happened.

A stranger's platform asks, boxes obey, refuse or are away, and nobody tells the monitor which.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from typing import NamedTuple

import pytest

from fleet_sim.cars.box import Box
from fleet_sim.cars.failpoints import OBJECTION
from fleet_sim.cars.parameters import NULL_BOX
from fleet_wire.contract.attempt import Attempt, Source
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.messages import Action, Command, Reason
from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.loading import load_profile
from fleet_wire.profiles.profile import Profile
from tests.helpers.culprit import Suspect
from tests.helpers.fleet_places import CARS, DEADLINE_S, VirtualPlace, attempts_of
from tests.helpers.own_wires import OWN_WIRES
from tests.helpers.profile_files import profile_of

UNLOCKS = 60
BOX = NULL_BOX.model_copy(update={"keepalive_s": 20})
NOTICED_S = 60.0
"""A broker has noticed by its keepalive that a box is away."""


class Truth(NamedTuple):
    """What happened to one unlock."""

    vehicle_id: str
    outcome: Outcome
    cause: Cause | None


class Stranger:
    """The platform of somebody else: it has the fleet's profile, and nothing else of ours."""

    def __init__(self, place: VirtualPlace) -> None:
        self._place = place
        self._link = place.client().link
        self._numbers = count(1)

    def ask(self, vehicle_id: str, action: Action) -> None:
        """Publish a command."""
        command_id = f"{next(self._numbers):032x}"
        now_ms = int(self._place.fleet.world.unix_s_at(self._place.env.now) * 1000)
        command = Command(command_id, action, now_ms, now_ms + 20_000, 0, "")
        packets = self._place.profile.write(TopicKind.COMMAND, vehicle_id, command)
        for topic, payload, qos, retain in packets:
            self._link.publish(topic, payload, qos=qos, retain=retain)


def circumstances(box: Box, number: int) -> tuple[AbstractContextManager[None], Truth]:
    """Return what an unlock meets, and how it ends: mostly well."""
    by = Suspect()
    match number % 10:
        case 3:
            low = box.set_action(OBJECTION, lambda _none, _command: Reason.LOW_VOLTAGE, by=by)
            return low, Truth("", Outcome.FAILED, Cause.VEHICLE_FAILED)
        case 6:
            away = box.modem.bearer.without_coverage(by=by)
            return away, Truth("", Outcome.UNKNOWN, Cause.BOX_OFFLINE)
        case 8:
            inhibited = Reason.ACTUATOR_INHIBITED
            frozen = box.set_action(OBJECTION, lambda _none, _command: inhibited, by=by)
            return frozen, Truth("", Outcome.FAILED, Cause.VEHICLE_FAILED)
        case _:
            return nullcontext(), Truth("", Outcome.OK, None)


def unlocks_of(place: VirtualPlace) -> Iterator[Truth]:
    """Open the cars one after the other, lock them again, and yield what happened."""
    stranger = Stranger(place)
    place.let_pass(5.0)
    for number in range(UNLOCKS):
        vehicle_id = CARS[number % len(CARS)]
        meets, truth = circumstances(place.fleet.boxes[vehicle_id], number)
        with meets:
            place.let_pass(NOTICED_S)
            stranger.ask(vehicle_id, Action.UNLOCK)
            place.let_pass(2 * DEADLINE_S)
        place.let_pass(NOTICED_S)
        stranger.ask(vehicle_id, Action.LOCK)
        place.let_pass(2 * DEADLINE_S)
        yield truth._replace(vehicle_id=vehicle_id)


@pytest.fixture(params=["protobuf", "aws-shadow", "cbor"])
def profile(request: pytest.FixtureRequest) -> Profile:
    """Give each wire."""
    name: str = request.param
    return profile_of(OWN_WIRES[name]) if name in OWN_WIRES else load_profile(name)


def test_records_agree_with_what_happened(profile: Profile) -> None:
    """No unlock is missed or counted twice, every outcome is right, and 95 % of the causes."""
    place = VirtualPlace(profile, BOX, only_watches=True)
    place.probe.connection.connect()
    truths = list(unlocks_of(place))
    attempts: list[Attempt] = [
        attempt for attempt in attempts_of(place) if attempt.source is Source.CUSTOMER
    ]
    assert [attempt.vehicle_id for attempt in attempts] == [one.vehicle_id for one in truths]
    assert [attempt.outcome for attempt in attempts] == [one.outcome for one in truths]
    pairs = list(zip(truths, attempts, strict=True))
    right = sum(attempt.cause is truth.cause for truth, attempt in pairs)
    assert right >= 0.95 * len(truths), [
        (truth.cause, each.cause) for truth, each in pairs if truth.cause is not each.cause
    ]
    assert place.probe.stats()["malformed"] == 0
