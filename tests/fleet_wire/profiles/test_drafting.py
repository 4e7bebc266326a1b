"""First drafts: from what is heard of a fleet to a file that can be loaded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Presence,
    PresenceStatus,
    Result,
    Telemetry,
    VehicleState,
    WireMessage,
)
from fleet_wire.contract.partial import PartialState
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import ConfigError
from fleet_wire.profiles.drafting import draft_of
from fleet_wire.profiles.loading import NAMES, load_profile
from fleet_wire.profiles.profile import Profile
from fleet_wire.profiles.samples import Sample
from tests.helpers.profile_files import heard, profile_of

CARS = ("car-00001", "car-00002")


def recorded(profile: Profile) -> list[Sample]:
    """Return what is heard while two cars of a fleet are opened and locked."""
    samples = []
    for number, car in enumerate(CARS):
        for action in (Action.UNLOCK, Action.LOCK):
            unique = f"{number}c0ffee{action.value == 'lock':d}00000000"
            command_id = profile.command_id(car, unique, client_id="phone-1")
            command = Command(command_id, action, 1_700_000_000_000, 1_700_000_010_000, 1, "aa")
            said: list[tuple[TopicKind, WireMessage]] = [(TopicKind.COMMAND, command)]
            said += [(TopicKind.RESULT, Result(command_id, phase)) for phase in Phase]
            is_locked = action is Action.LOCK
            state = VehicleState(is_locked, False, 12.5, "1.2", "tcu", "op", "city")  # noqa: FBT003
            said += [(TopicKind.STATE, state), (TopicKind.TELEMETRY, Telemetry(-85.0, 12.5, 3.0))]
            said += [(TopicKind.PRESENCE, Presence(PresenceStatus.ONLINE, "s-1"))]
            for kind, message in said:
                for topic, payload, _, retain in profile.write(kind, car, message, command):
                    samples.append(Sample(topic, payload.decode(), retain=retain))
    return samples


@pytest.mark.parametrize("name", [name for name in NAMES if name != "saic"])
def test_a_fleet_that_is_heard_can_be_unlocked_by_its_draft(name: str) -> None:
    """The draft of what a known profile sends finds the command's topic, and reads its answers."""
    profile = load_profile(name)
    draft = profile_of(draft_of(recorded(profile), mqtt="5"))
    for command in ("command", "result"):
        kind = TopicKind(command)
        found = draft.filters((kind,))
        expected = [one for one in profile.filters((kind,)) if "events" not in one]
        assert [one.split("/")[-1] for one in found] == [one.split("/")[-1] for one in expected]
    assert Phase.EXECUTED in draft.traits.phases


def test_the_draft_of_a_fleet_with_its_own_words() -> None:
    """Levels, pointers, words, units and the one thing that nobody could guess."""
    samples = []
    for vin in ("WVWZZZ1JZXW000001", "WVWZZZ1JZXW000002"):
        for number, status in enumerate(("OK", "ERROR")):
            cmd = {"id": f"{vin[-1]}{number}", "op": "OPEN", "ts": 1_700_000_000}
            samples.append(Sample(f"v1/{vin}/cmd", cmd))
            samples.append(Sample(f"v1/{vin}/ack", {"id": cmd["id"], "status": status}))
        samples.append(Sample(f"v1/{vin}/state", {"locked": False, "bat": {"voltage": 12.4}}))
        samples.append(Sample(f"v1/{vin}/mystery", "42"))
    text = draft_of(samples, mqtt="5")
    draft = profile_of(text)
    command = heard(draft, "v1/car-1/cmd", b'{"id":"c1","op":"OPEN","ts":1700000000}')
    assert isinstance(command, Command)
    assert (command.action, command.issued_at_ms) == (Action.UNLOCK, 1_700_000_000_000)
    assert heard(draft, "v1/car-1/ack", b'{"id":"c1","status":"OK"}') == Result(
        "c1", Phase.EXECUTED
    )
    state = heard(draft, "v1/car-1/state", b'{"locked":true,"bat":{"voltage":12}}')
    assert state == PartialState(is_locked=True, voltage_v=12.0)
    assert '"v1/{vehicle_id}/mystery"' in text.partition("# Not understood:")[2]


def test_a_name_without_a_digit_can_be_told() -> None:
    """`--vehicle` says which level is a car; without it a lone word is no id."""
    samples = [
        Sample("fleet/alice/cmd", {"id": "a1b2c3d4", "cmd": "unlock"}),
        Sample("fleet/alice/result", {"id": "a1b2c3d4", "status": "done"}),
    ]
    assert "{vehicle_id}" not in draft_of(samples, mqtt="5")
    draft = profile_of(draft_of(samples, mqtt="5", vehicles=["alice"]))
    assert draft.filters((TopicKind.COMMAND,)) == ("fleet/+/cmd",)


def test_what_is_missing_is_said() -> None:
    """Without a command there is no profile, and the draft says what it lacks."""
    text = draft_of([Sample("v1/car-00001/state", {"locked": True})], mqtt="5")
    assert "# command: nothing was heard that looks like one" in text
    with pytest.raises(ConfigError, match="command: missing"):
        profile_of(text)


@given(
    st.lists(
        st.builds(
            Sample,
            st.lists(st.text(max_size=8), min_size=1, max_size=4).map("/".join),
            st.text(max_size=30) | st.dictionaries(st.text(max_size=5), st.integers()),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_draft_of_anything_is_yaml(samples: list[Sample]) -> None:
    """Whatever letters are heard, the draft is a file that can be read."""
    problems = []
    try:
        profile_of(draft_of(samples, mqtt="5"))
    except ConfigError as error:
        problems = error.problems
    assert not any("not valid YAML" in problem for problem in problems)
