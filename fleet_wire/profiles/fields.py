"""The fields of the contract that a profile can map, and their values on a fleet's wire."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any, Final

from fleet_wire.contract.messages import (
    Action,
    Phase,
    PresenceReason,
    PresenceStatus,
    Reason,
)
from fleet_wire.contract.topics import VEHICLE_ID, TopicKind
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.profiles.form import FieldForm, Word

Read = Callable[[Any], Any]
"""Turns a value of the fleet into one of the contract; None into None. Raises `RemoteProtocolError`
for what is neither."""
Write = Callable[[Any], Any]
"""Turns a value of the contract into one of the fleet."""

MAX_NAME: Final = 128
MAX_TEXT: Final = 256
"""Longest text, as in the contract; a longer text is cut, a longer name is no name."""


class Special(Enum):
    """The values of a status besides the contract's words."""

    PROVISIONAL = "provisional"
    """Another status may follow: it ends nothing."""
    IGNORED = "ignored"
    """Nothing that matters here."""


class Type(StrEnum):
    """The type of a field."""

    NAME = "name"
    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    TIME = "time"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """A field of the contract."""

    type: Type
    words: Mapping[str, Any] | None = None
    """The words that there are, and their values."""
    is_needed: bool = False
    """Whether a message without it says nothing."""

    def value_of(self, word: Word) -> Any:
        """Return the value of a word of a profile file. Raises `KeyError` where it is none."""
        words: Mapping[Any, Any] = _FLAGS if self.type is Type.FLAG else self.words or {}
        return words[word]

    def choices(self) -> list[str]:
        """Return the words that there are, as a profile file has them."""
        return ["true", "false"] if self.type is Type.FLAG else [*(self.words or ())]


def _word_table(*kinds: type[StrEnum], special: tuple[Special, ...] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {word.value: word for kind in kinds for word in kind}
    return found | {word.value: word for word in special}


_NAME, _TEXT, _NUMBER = FieldInfo(Type.NAME), FieldInfo(Type.TEXT), FieldInfo(Type.NUMBER)
_FLAG, _TIME = FieldInfo(Type.FLAG), FieldInfo(Type.TIME)
_IGNORED, _PROVISIONAL = Special.IGNORED, Special.PROVISIONAL

FIELDS: Final[Mapping[TopicKind, Mapping[str, FieldInfo]]] = {
    TopicKind.COMMAND: {
        "vehicle_id": _NAME,
        "command_id": _NAME,
        "action": FieldInfo(Type.WORD, _word_table(Action, special=(_IGNORED,)), is_needed=True),
        "issued_at": _TIME,
        "expires_at": _TIME,
        "counter": _NUMBER,
        "signature": _TEXT,
        "booking_id": _NAME,
    },
    TopicKind.RESULT: {
        "vehicle_id": _NAME,
        "command_id": _NAME,
        "phase": FieldInfo(Type.WORD, _word_table(Phase, special=(_PROVISIONAL, _IGNORED)), True),  # noqa: FBT003
        "reason": FieldInfo(Type.WORD, _word_table(Reason)),
        "detail": _TEXT,
        "can_wake_s": _NUMBER,
        "actuation_s": _NUMBER,
        "since_received_s": _NUMBER,
        "box_time": _TIME,
        "action": FieldInfo(Type.WORD, _word_table(Action, special=(_IGNORED,))),
    },
    TopicKind.STATE: {
        "vehicle_id": _NAME,
        "is_locked": _FLAG,
        "is_open": _FLAG,
        "voltage_v": _NUMBER,
        "firmware": _NAME,
        "hardware": _NAME,
        "operator": _NAME,
        "region": _NAME,
        "last_command_id": _NAME,
        "technology": _NAME,
        "site": _NAME,
    },
    TopicKind.PRESENCE: {
        "vehicle_id": _NAME,
        "status": FieldInfo(
            Type.WORD, _word_table(PresenceStatus, special=(_IGNORED,)), is_needed=True
        ),
        "reason": FieldInfo(Type.WORD, _word_table(PresenceReason)),
        "session_id": _NAME,
    },
    TopicKind.TELEMETRY: {
        "vehicle_id": _NAME,
        "signal_dbm": _NUMBER,
        "voltage_v": _NUMBER,
        "position_age_s": _NUMBER,
        "boots": _NUMBER,
        "uptime_s": _NUMBER,
        "data_used_bytes": _NUMBER,
    },
    TopicKind.EVENT: {
        "vehicle_id": _NAME,
        "event": FieldInfo(Type.NAME, is_needed=True),
        "boots": _NUMBER,
        "firmware": _NAME,
    },
    TopicKind.WAKE: {"vehicle_id": _NAME, "request_id": _NAME, "requested_at": _TIME},
}
"""The fields of each message. The names are the contract's, times without their unit."""

ATTRIBUTES: Final[Mapping[str, str]] = {
    "issued_at": "issued_at_ms",
    "expires_at": "expires_at_ms",
    "box_time": "box_time_ms",
    "requested_at": "requested_at_ms",
}
"""How the contract's structs call fields that have a unit."""

_SECOND_MS: Final = 1000
_LARGEST_ID: Final = 2**64
_LARGEST: Final = 1e300
"""What is larger is no number of a car; Python's own have no end."""
_FLAGS: Final = {True: True, False: False}
_FLAG_TEXTS: Final = {"true": True, "false": False}
_INTEGER: Final = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)


# Reading the fleet's words


def reader(name: str, info: FieldInfo, form: FieldForm) -> Read:
    """Return what reads the values of a field. An empty text is none: the fleet does not know."""
    match info.type:
        case Type.WORD | Type.FLAG:
            read = _word_reader(name, info, form)
        case Type.NUMBER:
            read = _number_reader(name, form.scale)
        case Type.TIME:
            read = _time_reader(name, form.unit)
        case Type.NAME:
            read = _vehicle_reader() if name == "vehicle_id" else _name_reader(name)
        case Type.TEXT:
            read = _text_of
    return read if form.after is None else _behind(form.after, read)


def word_meanings(info: FieldInfo, form: FieldForm) -> dict[Any, Any]:
    """Return what each value of a fleet means that is not only a beginning."""
    return _tables(info, form)[0]


def _behind(mark: str, read: Read) -> Read:
    def read_behind(value: Any) -> Any:
        if not isinstance(value, str):
            return read(value)
        return read(value.partition(mark)[2] or None)

    return read_behind


def _word_reader(name: str, info: FieldInfo, form: FieldForm) -> Read:
    exact, beginnings = _tables(info, form)
    otherwise = None if form.otherwise is None else info.value_of(form.otherwise)

    def read_word(value: Any) -> Any:
        try:
            found = exact.get(value)
        except TypeError:  # a list or a mapping
            found = None
        if found is not None or value is None:
            return found
        if isinstance(value, str):
            for beginning, word in beginnings:
                if value.startswith(beginning):
                    return word
        if otherwise is not None:
            return otherwise
        if value == "":
            return None
        raise RemoteProtocolError(f"{name}: {str(value)[:80]!r} is not among its values")

    return read_word


def _tables(info: FieldInfo, form: FieldForm) -> tuple[dict[Any, Any], list[tuple[str, Any]]]:
    """Return what each value means, and each beginning; without `values` the contract's words."""
    if not form.values:
        return {**_FLAG_TEXTS, **_FLAGS} if info.type is Type.FLAG else dict(info.words or {}), []
    exact: dict[Any, Any] = {}
    beginnings = []
    for text, word in form.values.items():
        value = info.value_of(word)
        if text.endswith("*"):
            beginnings.append((text[:-1], value))
            continue
        exact[text] = value
        typed = scalar(text)
        if typed is not None:
            exact.setdefault(typed, value)
    beginnings.sort(key=lambda entry: -len(entry[0]))
    return exact, beginnings


def scalar(text: str) -> Any:
    """Return what a word of a profile file is in JSON: a number or true where it looks like one."""
    if text in _FLAG_TEXTS:
        return _FLAG_TEXTS[text]
    return int(text) if _INTEGER.fullmatch(text) else text


def _number_reader(name: str, scale: float) -> Read:
    def read_number(value: Any) -> float | None:
        if value is None or value == "":
            return None
        number = _number_in(value) if isinstance(value, str) else value
        if isinstance(number, bool) or not isinstance(number, int | float):
            number = math.nan
        if not -_LARGEST <= number <= _LARGEST:  # which is true of what is no number, too
            raise RemoteProtocolError(f"{name}: {str(value)[:80]!r} is not a number")
        return number * scale if scale != 1 else number

    return read_number


def _number_in(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _time_reader(name: str, unit: str) -> Read:
    """Return what reads a time as Unix milliseconds."""
    number = _number_reader(name, 1000.0 if unit == "s" else 1.0)

    def read_time(value: Any) -> int | None:
        if unit == "iso" and isinstance(value, str) and value:
            try:
                moment = datetime.fromisoformat(value)
                if moment.tzinfo is None:
                    moment = moment.replace(tzinfo=UTC)
                return int(moment.timestamp() * 1000)
            except (ValueError, OverflowError):
                raise RemoteProtocolError(f"{name}: {value[:80]!r} is no time") from None
        found = number(value)
        return None if found is None else int(found)

    return read_time


def _name_reader(name: str) -> Read:
    def read_name(value: Any) -> str | None:
        if isinstance(value, str) and 0 < len(value) <= MAX_NAME:
            return value
        if value is None or value == "":
            return None
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if is_number and abs(value) <= _LARGEST_ID:
            return str(value)
        raise RemoteProtocolError(f"{name}: {str(value)[:80]!r} is no name")

    return read_name


def _vehicle_reader() -> Read:
    read_name = _name_reader("vehicle_id")

    def read_vehicle(value: Any) -> str | None:
        name: str | None = read_name(value)
        if name is not None and VEHICLE_ID.fullmatch(name) is None:
            raise RemoteProtocolError(f"vehicle_id: {name[:80]!r} is no id of a car")
        return name

    return read_vehicle


def _text_of(value: Any) -> str | None:
    return None if value is None else str(value)[:MAX_TEXT]


# Into the fleet's words


def writer(info: FieldInfo, form: FieldForm) -> Write:
    """Return what turns a value of the contract into the fleet's, for a field that is mapped."""
    match info.type:
        case Type.WORD | Type.FLAG:
            return sent_values(info, form).get
        case Type.NUMBER:
            scale = form.scale
            return lambda value: value / scale if scale != 1 else value
        case Type.TIME:
            return _time_writer(form.unit)
        case Type.NAME if form.number:
            return int
        case Type.NAME | Type.TEXT if form.bytes:
            return _bytes_of
        case _:
            return lambda value: f"{form.after}{value}" if form.after else value


def _bytes_of(value: str) -> bytes:
    """Return the bytes that digits stand for; those of an id that is none are its letters."""
    try:
        return bytes.fromhex(value)
    except ValueError:
        return value.encode()


def sent_values(info: FieldInfo, form: FieldForm) -> dict[Any, Any]:
    """Return what is sent for each value of the contract that the fleet can say."""
    if form.value is not None:
        return {info.value_of(form.value): None}
    said: dict[Any, Any] = {}
    if not form.values:
        words = _FLAGS if info.type is Type.FLAG else info.words or {}
        said = {value: text for text, value in words.items() if not isinstance(value, Special)}
    else:
        for text, word in form.values.items():
            value = info.value_of(word)
            if not isinstance(value, Special):
                said.setdefault(value, _sent_for(text))
    if form.otherwise is not None and not isinstance(info.value_of(form.otherwise), Special):
        said.setdefault(info.value_of(form.otherwise), form.otherwise)
    typed: Mapping[str, Word] = _FLAG_TEXTS if info.type is Type.FLAG else {}
    for word, sent in form.say.items():
        said[info.value_of(typed.get(word, word))] = sent
    return said


def _sent_for(text: str) -> Any:
    """Return what is sent for a value that is read so; the end of a beginning is what is known."""
    return f"{text[:-1]}{{detail}}" if text.endswith("*") else scalar(text)


def step_ms(form: FieldForm) -> int:
    """Return in steps of how many milliseconds a time is written."""
    return _SECOND_MS if form.unit == "s" else 1


def _time_writer(unit: str) -> Write:
    def write_time(unix_ms: int) -> Any:
        if unit == "iso":
            moment = datetime.fromtimestamp(unix_ms / 1000, tz=UTC)
            return moment.isoformat(timespec="milliseconds")
        return unix_ms // _SECOND_MS if unit == "s" else unix_ms

    return write_time
