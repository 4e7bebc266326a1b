"""Plays transcripts of profiles: what a fleet's messages say, and what is sent in its words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import cbor2
import msgspec

from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Presence,
    PresenceReason,
    PresenceStatus,
    Reason,
    Result,
    Telemetry,
    VehicleState,
    WireMessage,
)
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import ConfigError
from fleet_wire.profiles.loading import NAMES, load_profile
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Profile
from fleet_wire.profiles.protobuf import ProtobufType
from fleet_wire.profiles.samples import apply_profile, traits_in_words
from tests.helpers.messages import message_of
from tests.helpers.own_wires import DESCRIPTORS, OWN_WIRES
from tests.helpers.places import ROOT
from tests.helpers.profile_files import profile_of
from tests.helpers.transcripts import WORDS, Teller

FOLDER: Final = ROOT / "tests/fleet_wire/profiles/wires"
CAR: Final = "car-1"
COMMAND: Final = Command("c1", Action.UNLOCK, 1_767_225_600_000, 1_767_225_620_000, 7, "ab")
MESSAGES: Final[Mapping[TopicKind, WireMessage]] = {
    TopicKind.COMMAND: COMMAND,
    TopicKind.RESULT: Result("c1", Phase.EXECUTED),
    TopicKind.STATE: VehicleState(
        is_locked=True, is_open=False, voltage_v=12.5, firmware="1", hardware="t", operator="o",
        region="r",
    ),
    TopicKind.PRESENCE: Presence(PresenceStatus.ONLINE, "s-1"),
    TopicKind.TELEMETRY: Telemetry(signal_dbm=-80.0, voltage_v=12.5, position_age_s=1.0),
}  # fmt: skip
"""What is sent of each kind, where a row says nothing else."""
_WORDS: Final[Mapping[str, Callable[[str], Any]]] = {
    "action": Action,
    "phase": Phase,
    "reason": Reason,
    "status": PresenceStatus,
    "why": PresenceReason,
}


@dataclass
class ProfilePlayer(Teller):
    r"""A profile, and messages on its wire.

    `profile NAME` loads a file of `wires/`, one of `tests/helpers/own_wires.py`, or one that ships.
    `edit OLD NEW…` loads that file with texts replaced, `\n` for a new line, and tells the problems
    that are found. `heard TOPIC PAYLOAD` is a message, whose other properties may follow; a payload
    in YAML behind `cbor:`, `msgpack:` or `protobuf:` is encoded so, and `hex:ff` is a byte.
    `named UNIQUE CLIENT` gives the commands that follow an id of the fleet. `sent KIND` is what is
    published for a message of `car-1`, with some fields changed.
    """

    text: str = ""
    profile: Profile = NATIVE
    command_id: str = "c1"
    told: list[str] = field(default_factory=list)

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            "words": lambda: self.told.extend(traits_in_words(self.profile)),
        }

    def _do_profile(self, name: str) -> None:
        file = FOLDER / f"{name}.yaml"
        self.text = file.read_text("utf-8") if file.exists() else OWN_WIRES.get(name, "")
        self.profile = load_profile(name) if name in NAMES else profile_of(self.text)

    def _do_edit(self, *texts: Any) -> None:
        text = self.text
        for old, new in zip(texts[::2], texts[1::2], strict=True):
            before = _as_text(old)
            assert before in text, f"{before!r} is not in the profile"
            text = text.replace(before, _as_text(new), 1)
        try:
            self.profile = profile_of(text)
        except ConfigError as error:
            for problem in error.problems:
                its = problem[problem.find("my.yaml") :]
                self.told.append(its.replace(f"{ROOT}/", ""))

    def _do_heard(self, topic: str, payload: Any, **changes: Any) -> None:
        if "correlation_data" in changes:
            changes["correlation_data"] = changes["correlation_data"].encode("latin-1")
        message = message_of(topic, _payload(payload), **changes)
        self.told += [one.text.rstrip() for one in apply_profile(self.profile, [("", message)])]

    def _do_box(self, vehicle_id: str, topic: str, payload: Any, **changes: Any) -> None:
        """Tell what a box of this car takes a message for."""
        if "correlation_data" in changes:
            changes["correlation_data"] = changes["correlation_data"].encode("latin-1")
        message = message_of(topic, _as_text(payload).encode(), **changes)
        command = self.profile.read_command(vehicle_id, message)
        said = f"{command.action} {command.command_id}" if command else "no command of it"
        self.told.append(f"{vehicle_id}: {said}")

    def _do_named(self, unique: str, client_id: str) -> None:
        self.command_id = self.profile.command_id(CAR, unique, client_id=client_id)
        self.told.append(f"its id is {self.command_id}")

    def _do_sent(self, kind: str, **fields: Any) -> None:
        action = Action(fields.get("action", "unlock"))
        its = {name: _WORDS[name](it) if name in _WORDS else it for name, it in fields.items()}
        if "why" in its:
            its["reason"] = its.pop("why")
        message = MESSAGES[TopicKind(kind)]
        if not isinstance(message, Command):
            its.pop("action", None)
        for name in ("command_id", "last_command_id"):
            if name in message.__struct_fields__:
                its.setdefault(name, self.command_id)
        sent = msgspec.structs.replace(message, **its)
        command = msgspec.structs.replace(COMMAND, command_id=self.command_id, action=action)
        packets = self.profile.write(TopicKind(kind), CAR, sent, command)
        for topic, payload, qos, retain in packets:
            said = payload.decode("utf-8", "backslashreplace")
            self.told.append(f"{topic} {said} QoS {qos}{', retained' if retain else ''}")
        if not packets:
            self.told.append("nothing is sent")

    def _do_filters(self, *kinds: str, car: str | None = None) -> None:
        if car is None:
            found = self.profile.filters([TopicKind(kind) for kind in kinds])
        else:
            found = self.profile.car_filters(TopicKind(kinds[0]), car)
        self.told.append(" ".join(found))

    def _do_numbers(self) -> None:
        """Tell the numbers of the fleet's boxes that the profile knows."""
        numbers = self.profile.box_numbers.items()
        self.told.append(" ".join(f"{name}={value}" for name, value in numbers))


def _payload(word: Any) -> bytes:
    """Return the bytes of a payload."""
    text = _as_text(word)
    encoding, _, document = text.partition(":")
    if encoding not in _ENCODERS:
        return text.encode()
    return _ENCODERS[encoding](document)


_ENCODERS: Final[Mapping[str, Callable[[str], bytes]]] = {
    "cbor": lambda text: cbor2.dumps(msgspec.yaml.decode(text)),
    "hex": bytes.fromhex,
    "msgpack": lambda text: msgspec.msgpack.encode(msgspec.yaml.decode(text)),
    "protobuf": lambda text: ProtobufType(DESCRIPTORS, "acme.Up").encode(msgspec.yaml.decode(text)),
}


def _as_text(word: Any) -> str:
    """Return a word as it stood in its row."""
    written = {repr(value): text for text, value in WORDS.items()}.get(repr(word), str(word))
    return written.replace("\\n", "\n")
