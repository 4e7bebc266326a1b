"""What is known of a car on each wire: whether it is there, how often it reports, what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from fleet_wire.contract.messages import (
    Presence,
    PresenceReason,
    PresenceStatus,
    Telemetry,
    VehicleState,
    WireMessage,
)
from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.loading import load_profile
from fleet_wire.profiles.profile import Profile, contents_of
from platform_probe.cars.state import Session
from platform_probe.judge.diagnosis.census import is_lost_at
from tests.helpers.messages import message_of
from tests.helpers.own_wires import OWN_WIRES
from tests.helpers.profile_files import profile_of
from tests.helpers.watched import Watched

SHORT_WORDS: Final = Path(__file__).with_name("short-words.yaml").read_text("utf-8")
WITH_REASON: Final = SHORT_WORDS.replace(
    "false: offline } } }",
    "false: offline } }, reason: { at: /why, values: { gone: last_will, nap: sleep } } }",
)
WIRES: Final = ("native", "aws-iot", "ovms", "saic", *OWN_WIRES, "short words", "with reason")
STATE: Final = VehicleState(
    is_locked=True, is_open=False, voltage_v=12.6, firmware="2.4", hardware="tcu", operator="a",
    region="north",
)  # fmt: skip
ONLINE: Final = Presence(PresenceStatus.ONLINE, "s1")
WILL: Final = Presence(PresenceStatus.OFFLINE, "s1", PresenceReason.LAST_WILL)
MINUTES: Final = 12


def wire(name: str) -> Profile:
    """Return a profile by its name here."""
    texts = {**OWN_WIRES, "short words": SHORT_WORDS, "with reason": WITH_REASON}
    return profile_of(texts[name]) if name in texts else load_profile(name)


def say(watched: Watched, profile: Profile, kind: TopicKind, said: WireMessage) -> None:
    """Let a car say something on its wire, in as many messages as that takes."""
    if kind not in profile.traits.kinds:
        return
    for topic, payload, *_ in profile.write(kind, "car-1", said):
        message = message_of(topic, payload)
        for vehicle_id, heard in contents_of(profile, message):
            assert vehicle_id == "car-1"
            watched.diagnosing.on_message("car-1", heard, is_retained=False)


@pytest.mark.parametrize("name", WIRES)
def test_a_healthy_car_is_there_and_a_lost_one_is_not(name: str) -> None:
    """It reports each minute, one value a message or all in one; one report comes late."""
    watched, profile = Watched(), wire(name)
    watched.at(1.0)
    say(watched, profile, TopicKind.STATE, STATE)
    say(watched, profile, TopicKind.PRESENCE, ONLINE)
    for minute in range(1, MINUTES):
        late_s = 50.0 if minute == MINUTES // 2 else 0.0
        watched.at(60.0 * minute + late_s)
        beat = Telemetry(-80.0, 12.6, 1.0, boots=3, uptime_s=60.0 * minute)
        say(watched, profile, TopicKind.TELEMETRY, beat)
    car = watched.diagnosing.cars.get("car-1")
    if car is None:  # this wire says nothing but answers
        assert profile.traits.kinds == {TopicKind.COMMAND, TopicKind.RESULT}
        return
    now_s = 60.0 * MINUTES - 10.0
    has_beats = TopicKind.TELEMETRY in profile.traits.kinds
    has_presence = TopicKind.PRESENCE in profile.traits.kinds
    assert not is_lost_at(car, now_s)
    assert car.interval_s == (pytest.approx(60.0) if has_beats else None)
    assert is_lost_at(car, now_s + 300.0) is (has_beats and has_presence)
    last_s = car.last_heard_before(now_s)
    watched.at(now_s)
    say(watched, profile, TopicKind.PRESENCE, WILL)
    assert car.last_heard_before(now_s + 1.0) == last_s
    assert (car.standing is Session.WILL) is is_lost_at(car, now_s) is has_presence


@pytest.mark.parametrize("name", WIRES)
def test_what_a_car_is_stays_known(name: str) -> None:
    """Each label that the wire has, after reports that leave it out."""
    watched, profile = Watched(), wire(name)
    watched.at(1.0)
    say(watched, profile, TopicKind.STATE, STATE)
    car = watched.diagnosing.cars.get("car-1")
    before = () if car is None else car.shared_traits
    beat = Telemetry(-80.0, 12.6, 1.0)
    say(watched, profile, TopicKind.TELEMETRY, beat)
    say(watched, profile, TopicKind.STATE, STATE)
    if car is not None:
        assert car.shared_traits == before
        assert set(before) <= {
            ("region", "north"), ("operator", "a"), ("firmware", "2.4"), ("hardware", "tcu"),
        }  # fmt: skip
        assert car.firmware_changed_s is None
