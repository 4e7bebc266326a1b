"""What holds of each profile that ships. Its own messages stand in `shipped.txt`."""

from __future__ import annotations

import pytest

from fleet_wire.contract.messages import Action, Command, Phase, Reason, Result, VehicleState
from fleet_wire.contract.partial import UNNAMED
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.profiles.loading import NAMES, load_profile
from tests.helpers.messages import message_of
from tests.helpers.profile_files import read


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_again(name: str) -> None:
    """A box and a monitor with the same profile understand each other, as far as it goes."""
    profile = load_profile(name)
    command_id = profile.command_id("car-00001", "0123456789abcdef", client_id="probe")
    command = Command(command_id, Action.UNLOCK, 1_000, 21_000, 7, "f" * 64)
    packets = [*profile.write(TopicKind.COMMAND, "car-00001", command)]
    for phase in profile.traits.phases:
        result = Result(command_id, phase, Reason.BUSY if phase is Phase.REFUSED else None)
        packets += profile.write(TopicKind.RESULT, "car-00001", result, command)
    state = VehicleState(False, True, 12.5, "1.0", "tcu-1", "op", "region", command_id)  # noqa: FBT003
    packets += profile.write(TopicKind.STATE, "car-00001", state)
    for topic, payload, _, _ in packets:
        # A shadow's update comes back as the part of it that AWS has accepted: all of it.
        heard_on = f"{topic}/accepted" if topic.endswith("shadow/update") else topic
        vehicle_id, said = read(profile, heard_on, payload)
        assert vehicle_id == "car-00001"
        assert said is not None
        if isinstance(said, Command | Result):
            assert said.command_id in (command_id, UNNAMED)


@pytest.mark.parametrize("name", NAMES)
def test_topics_of_others_are_nobodys(name: str) -> None:
    """What is on no topic of the profile is refused, and counted by who asked."""
    with pytest.raises(RemoteProtocolError):
        load_profile(name).slots_of(message_of("somewhere/else/entirely", b""))
