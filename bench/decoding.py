"""What it takes to decode a message of a mapped fleet, beside the same message of the contract.

The mapped profile has a field for every field of the contract, each at a place and in words of its
own, so that both do the same work for a monitor. Rounds take turns message by message kind.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from bench.results import Goal, aligned, goals_table
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
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import Message
from fleet_wire.profiles.loading import load_profile
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Profile

PROFILE_FILE: Final = Path(__file__).parent / "mapped_fleet.yaml"
LIMIT: Final = 3.0
CAR: Final = "car-00001"
_ID: Final = "0123456789abcdef0123456789abcdef"
_SENT_MS: Final = 1_767_225_600_000
MESSAGES: Final[Mapping[TopicKind, WireMessage]] = {
    TopicKind.COMMAND: Command(
        _ID, Action.UNLOCK, _SENT_MS, _SENT_MS + 20_000, _SENT_MS * 1000, "a" * 64
    ),
    TopicKind.RESULT: Result(
        _ID, Phase.EXECUTED, None, 0.75, 0.43, since_received_s=1.31, box_time_ms=_SENT_MS
    ),
    TopicKind.STATE: VehicleState(
        False, False, 12.5, "2.4.1", "tcu-1", "operator-a", "city", _ID  # noqa: FBT003
    ),
    TopicKind.PRESENCE: Presence(PresenceStatus.ONLINE, f"{CAR}-1"),
    TopicKind.TELEMETRY: Telemetry(signal_dbm=-85.0, voltage_v=12.6, position_age_s=3.0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DecodingPlan:
    """How much is measured."""

    rounds: int = 9
    messages: int = 20_000
    """Of each kind and profile, in each round."""


QUICK: Final = DecodingPlan(rounds=3, messages=2_000)


class Decoding(msgspec.Struct, frozen=True):
    """What one round came to: CPU microseconds a message, by kind."""

    native_us: dict[str, float]
    mapped_us: dict[str, float]

    def ratio(self, kind: str) -> float:
        """Return how much more a mapped message takes."""
        return self.mapped_us[kind] / self.native_us[kind]

    @property
    def ratio_of_all(self) -> float:
        """How much more one message of each kind takes."""
        return sum(self.mapped_us.values()) / sum(self.native_us.values())


def measure_decoding(plan: DecodingPlan) -> list[Decoding]:
    """Return the rounds."""
    mapped = load_profile(str(PROFILE_FILE))
    pairs = {
        kind.value: tuple(_message(profile, kind, message) for profile in (NATIVE, mapped))
        for kind, message in MESSAGES.items()
    }
    rounds = []
    for _ in range(plan.rounds):
        took: tuple[dict[str, float], dict[str, float]] = ({}, {})
        for kind, messages in pairs.items():
            profiles: tuple[Profile, ...] = (NATIVE, mapped)
            for place, profile in enumerate(profiles):
                took[place][kind] = _took_us(profile, messages[place], plan.messages)
        rounds.append(Decoding(*took))
    return rounds


def _message(profile: Profile, kind: TopicKind, message: WireMessage) -> Message:
    ((topic, payload, qos, _),) = profile.write(kind, CAR, message)
    return Message(topic, payload, qos, False, False, 1, None, None, None, [])  # noqa: FBT003


def _took_us(profile: Profile, message: Message, count: int) -> float:
    """Return the CPU time of a message, from its topic to the contract's terms."""
    slots, read = profile.slots_of, profile.read
    began_s = time.process_time()
    for _ in range(count):
        for slot in slots(message):
            read(slot, message)
    return (time.process_time() - began_s) / count * 1e6


def render_decoding(rounds: Sequence[Decoding]) -> str:
    """Return medians by kind, and the ratio beside its goal."""
    rows = [["decoding, CPU µs a message", "native", "mapped", "ratio"]]
    for kind in rounds[0].native_us:
        native = median(one.native_us[kind] for one in rounds)
        mapped = median(one.mapped_us[kind] for one in rounds)
        ratio = median(one.ratio(kind) for one in rounds)
        rows.append([kind, f"{native:.2f}", f"{mapped:.2f}", f"{ratio:.2f}"])
    goals = [Goal("mapped / native, a message", [one.ratio_of_all for one in rounds], LIMIT)]
    goals += [
        Goal(f"mapped / native, {kind}", [one.ratio(kind) for one in rounds], LIMIT)
        for kind in rounds[0].native_us
    ]
    return f"{aligned(rows)}\n\n{goals_table(goals, of='decoding')}"
