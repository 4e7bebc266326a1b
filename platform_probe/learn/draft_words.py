"""Words that fleets use in topics and payloads, by what they mean: what a first draft guesses by.

Words of fields are in lower case, without what parts them: `command_id` is `commandid`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from fleet_wire.contract.topics import TopicKind


def _word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


KIND_WORDS: Final[Mapping[TopicKind, frozenset[str]]] = {
    TopicKind.RESULT: _word_set(
        "result results response responses resp rsp res ack acks answer answers reply replies nack"
        " executed"
    ),
    TopicKind.COMMAND: _word_set(
        "command commands cmd cmds order orders request requests req set unlock lock rpc control"
    ),
    TopicKind.PRESENCE: _word_set(
        "presence online connected connection link lwt availability available will alive"
    ),
    TopicKind.TELEMETRY: _word_set(
        "telemetry heartbeat metrics metric ping gps position location data tele stat"
    ),
    TopicKind.EVENT: _word_set("event events notify notification alert alerts"),
    TopicKind.STATE: _word_set(
        "state states status doors door lock locked locks shadow vehicle reported"
    ),
}
"""Words of topics that tell the kind of message; the first kind of which a word is there."""
TELLING_WORDS: Final = _word_set("type kind event msgtype messagetype eventtype class category")
"""Fields that say what kind of message this is, where one topic holds several."""
_VOLTAGE: Final = _word_set(
    "voltage voltagev batteryvoltage batteryv boardvoltage volt volts v12 u ubat vbat vbatt"
)
FIELD_WORDS: Final[Mapping[TopicKind, Mapping[str, frozenset[str]]]] = {
    TopicKind.COMMAND: {
        "command_id": _word_set(
            "id commandid cmdid requestid correlationid msgid messageid uuid executionid"
        ),
        "action": _word_set("action op operation command cmd type typ name method do"),
        "issued_at": _word_set("issuedat ts timestamp time sent sentat created createdat"),
        "expires_at": _word_set("expiresat expires exp until validuntil deadline"),
        "vehicle_id": _word_set("vin vehicle vehicleid carid car deviceid device"),
    },
    TopicKind.RESULT: {
        "command_id": _word_set(
            "id commandid cmdid requestid correlationid msgid messageid uuid executionid"
        ),
        "phase": _word_set("status phase result state outcome code success ok"),
        "reason": _word_set(
            "reason reasoncode error errorcode err errcode cause failure failurereason why"
        ),
        "detail": _word_set("message detail details description errormessage msg text"),
        "box_time": _word_set("ts timestamp time at"),
        "vehicle_id": _word_set("vin vehicle vehicleid carid car deviceid device"),
    },
    TopicKind.STATE: {
        "is_locked": _word_set("locked islocked lock centrallock lockstate doorlock"),
        "is_open": _word_set("open isopen door dooropen driverdoor"),
        "voltage_v": _VOLTAGE,
        "firmware": _word_set("firmware fw version swversion firmwareversion"),
        "hardware": _word_set("hardware hw model hwversion"),
        "operator": _word_set("operator carrier provider network mno plmn sim"),
        "technology": _word_set("technology rat radiotechnology networktype"),
        "region": _word_set("region city zone area district town"),
        "site": _word_set("site station parking lot"),
        "last_command_id": _word_set("lastcommandid lastcommand"),
    },
    TopicKind.PRESENCE: {
        "status": _word_set("status online connected state presence up"),
        "session_id": _word_set("sessionid session sessionidentifier"),
        "reason": _word_set("reason reasoncode cause why"),
    },
    TopicKind.TELEMETRY: {
        "signal_dbm": _word_set("signal signaldbm rssi rsrp dbm"),
        "voltage_v": _VOLTAGE,
        "position_age_s": _word_set("positionage fixage gpsage"),
        "boots": _word_set("boots bootcount reboots restarts"),
        "uptime_s": _word_set("uptime uptimes monotonic"),
        "data_used_bytes": _word_set("dataused datausage bytesused traffic"),
    },
    TopicKind.EVENT: {
        "event": _word_set("event name type kind code"),
        "boots": _word_set("boots bootcount"),
        "firmware": _word_set("firmware fw version swversion firmwareversion"),
    },
    TopicKind.WAKE: {},
}
"""Names of fields that tell what a field holds."""
VALUE_WORDS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "action": {
        "unlock": _word_set("unlock open opened unlocked unlockdoors opendoors"),
        "lock": _word_set("lock close closed shut locked lockdoors closedoors"),
    },
    "phase": {
        "executed": _word_set(
            "ok executed success succeeded successful done completed complete true 0"
            " unlocked locked"
        ),
        "received": _word_set(
            "received rcv recv accepted ack acknowledged seen got delivered inprogress progress"
            " processing pending queued running"
        ),
        "refused": _word_set(
            "error err failed failure fail refused rejected denied nack nok nope ko false timeout"
        ),
    },
    "status": {
        "online": _word_set("online connected up yes true 1 alive"),
        "offline": _word_set("offline disconnected down no false 0 lost"),
    },
    "is_locked": {
        "true": _word_set("locked lock true yes 1 closed shut on"),
        "false": _word_set("unlocked unlock false no 0 open off"),
    },
    "reason": {
        "low_voltage": _word_set(
            "lowvoltage lowbatt lowbattery batterylow undervoltage batt battery voltage"
        ),
        "pin_locked": _word_set("pinlocked pinblocked"),
        "wrong_pin": _word_set("wrongpin badpin pin"),
        "ttl_too_long": _word_set("ttltoolong"),
        "no_reservation": _word_set("noreservation nobooking reservation booking"),
        "can_bus_no_ack": _word_set("canbusnoack canbus cantmo cantimeout cannoack"),
        "actuator_inhibited": _word_set("actuatorinhibited inhibited overheated thermal hot"),
        "wrong_vehicle_state": _word_set(
            "wrongvehiclestate vehiclestate wrongstate ignition ignitionon driving moving notparked"
            " ajar doorajar"
        ),
        "bad_signature": _word_set("badsignature signature"),
        "replayed": _word_set("replayed replay"),
        "expired": _word_set("expired stale tooold"),
        "malformed": _word_set("malformed unparsable"),
        "busy": _word_set("busy"),
        "last_will": _word_set("lastwill will lwt connectionlost"),
        "sleep": _word_set("sleep sleeping asleep"),
        "shutdown": _word_set("shutdown poweroff"),
    },
    "is_open": {
        "true": _word_set("open opened true yes 1"),
        "false": _word_set("closed close shut false no 0"),
    },
}
"""Values of fields, and what they are taken to mean."""
_OPPOSITES: Final = tuple(
    tuple(pair.split())
    for pair in (
        "open closed",
        "open shut",
        "locked unlocked",
        "lock unlock",
        "on off",
        "yes no",
        "true false",
        "1 0",
        "online offline",
        "connected disconnected",
        "up down",
    )
)
"""Values that suggest others: if one is seen, the other may come."""
ABOUT: Final[Mapping[TopicKind, str]] = {
    TopicKind.COMMAND: "action",
    TopicKind.RESULT: "phase",
    TopicKind.PRESENCE: "status",
}
"""The field that a message of a kind is about."""
WEAK_KIND_WORDS: Final = _word_set("unlock lock")
"""Words for a topic of commands that may also mean the lock's state."""
CLIENT_WORDS: Final = _word_set("client clients user users app apps phone phones sender from")
"""Words that stand before the id of a command's sender."""
_LOOSE_WORDS: Final = _word_set("true false yes no on off 0 1 locked unlocked opened closed")
"""Values that may mean much: a state of the lock says them as well as a command or an answer."""
KNOWN_WORDS: Final = frozenset(
    word
    for words in (
        *KIND_WORDS.values(),
        *(known for fields in FIELD_WORDS.values() for known in fields.values()),
        *(known for values in VALUE_WORDS.values() for known in values.values()),
    )
    for word in words
)
"""All words that mean something here, and so are no ids."""
_HEAD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_ -]*[;,|:]")
"""A word that more follows, as in `DONE;1795813434`."""
_IN_CAMEL_CASE: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BY_WEIGHT: Final = ("refused", "executed")
"""The meaning of an answer of several words, if any of them has it: `ack failed` is a refusal."""


def plain(text: str) -> str:
    """Return a word in the form of the lists."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def words_in(text: str) -> frozenset[str]:
    """Return the words of a text, and the text as one word."""
    return frozenset((plain(text), *re.split(r"[^a-z0-9]+", text.lower()))) - {""}


def meaning(name: str, text: str, *, strictly: bool = False) -> str | None:
    """Return the meaning of a field's value, by the whole value or by a word in it.

    With `strictly`, ambiguous words do not count.
    """
    known = VALUE_WORDS.get(name, {})
    order = [*(one for one in _BY_WEIGHT if one in known), *known]
    parted = _IN_CAMEL_CASE.sub(" ", text)
    words = {plain(text)}, re.split(r"[^a-z0-9]+", text.lower()), parted.lower().split()
    for several in words:
        said = set(several) - (_LOOSE_WORDS if strictly else set())
        for one in order:
            if said & known[one]:
                return one
    return None


def beginnings(name: str, texts: Iterable[str]) -> list[str]:
    """Return the texts; several with one beginning and one meaning become a pattern: `DONE;*`."""
    by_head: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        match = _HEAD.match(text)
        by_head.setdefault(text if match is None else match[0], []).append(text)
    found: list[str] = []
    for head, several in by_head.items():
        is_said = len(several) > 1 and {meaning(name, one) for one in several} == {
            meaning(name, head)
        }
        found += [f"{head}*"] if is_said else several
    return found


def opposite(text: str) -> str | None:
    """Return the opposite of a word, in the same case; None if it is not known."""
    for one, other in _OPPOSITES:
        for said, unsaid in ((one, other), (other, one)):
            if text.lower() == said:
                return (
                    unsaid.upper()
                    if text.isupper()
                    else unsaid.title()
                    if text.istitle()
                    else unsaid
                )
    return None
