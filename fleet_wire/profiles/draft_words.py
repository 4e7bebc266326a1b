"""Words that fleets use in topics and payloads, by what they mean: what a first draft guesses by.

Words of fields are in lower case, without what parts them: `command_id` is `commandid`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fleet_wire.contract.topics import TopicKind


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KIND_WORDS: Final[Mapping[TopicKind, frozenset[str]]] = {
    TopicKind.RESULT: _words(
        "result results response responses ack acks answer reply replies executed"
    ),
    TopicKind.COMMAND: _words(
        "command commands cmd cmds request requests set unlock lock rpc control"
    ),
    TopicKind.PRESENCE: _words(
        "presence online connected connection lwt availability available will alive"
    ),
    TopicKind.TELEMETRY: _words(
        "telemetry heartbeat metrics metric ping gps position location data tele stat"
    ),
    TopicKind.EVENT: _words("event events notify notification alert alerts"),
    TopicKind.STATE: _words(
        "state states status doors door lock locked locks shadow vehicle reported"
    ),
}
"""Words of topics that tell the kind of message; the first kind of which a word is there."""
TELLING_WORDS: Final = _words("type kind event msgtype messagetype eventtype class category")
"""Fields that say what kind of message this is, where one topic holds several."""
FIELD_WORDS: Final[Mapping[TopicKind, Mapping[str, frozenset[str]]]] = {
    TopicKind.COMMAND: {
        "command_id": _words(
            "id commandid cmdid requestid correlationid msgid messageid uuid executionid"
        ),
        "action": _words("action op operation command cmd type name method do"),
        "issued_at": _words("issuedat ts timestamp time sent sentat created createdat"),
        "expires_at": _words("expiresat expires exp until validuntil deadline"),
        "vehicle_id": _words("vin vehicle vehicleid carid car deviceid device"),
    },
    TopicKind.RESULT: {
        "command_id": _words(
            "id commandid cmdid requestid correlationid msgid messageid uuid executionid"
        ),
        "phase": _words("status phase result state outcome code success ok"),
        "reason": _words("reason reasoncode error errorcode cause"),
        "detail": _words("message detail details description errormessage msg text"),
        "box_time": _words("ts timestamp time at"),
        "vehicle_id": _words("vin vehicle vehicleid carid car deviceid device"),
    },
    TopicKind.STATE: {
        "is_locked": _words("locked islocked lock centrallock lockstate doorlock"),
        "is_open": _words("open isopen door dooropen driverdoor"),
        "voltage_v": _words("voltage voltagev batteryvoltage boardvoltage volt v12"),
        "firmware": _words("firmware fw version swversion firmwareversion"),
        "hardware": _words("hardware hw model hwversion"),
        "operator": _words("operator carrier provider network"),
        "technology": _words("technology rat radiotechnology networktype"),
        "region": _words("region city zone"),
        "site": _words("site station parking lot"),
        "last_command_id": _words("lastcommandid lastcommand"),
    },
    TopicKind.PRESENCE: {
        "status": _words("status online connected state presence up"),
        "session_id": _words("sessionid session sessionidentifier"),
    },
    TopicKind.TELEMETRY: {
        "signal_dbm": _words("signal signaldbm rssi rsrp dbm"),
        "voltage_v": _words("voltage voltagev batteryvoltage boardvoltage volt v12"),
        "position_age_s": _words("positionage fixage gpsage"),
        "boots": _words("boots bootcount reboots restarts"),
        "uptime_s": _words("uptime uptimes monotonic"),
        "data_used_bytes": _words("dataused datausage bytesused traffic"),
    },
    TopicKind.EVENT: {
        "event": _words("event name type kind code"),
        "boots": _words("boots bootcount"),
        "firmware": _words("firmware fw version swversion firmwareversion"),
    },
    TopicKind.WAKE: {},
}
"""Names of fields that tell what a field holds."""
VALUE_WORDS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "action": {
        "unlock": _words("unlock open opened unlocked unlockdoors opendoors"),
        "lock": _words("lock close closed locked lockdoors closedoors"),
    },
    "phase": {
        "executed": _words(
            "ok executed success succeeded successful done completed complete true 0"
            " unlocked locked"
        ),
        "received": _words(
            "received accepted ack acknowledged inprogress progress pending queued running"
        ),
        "refused": _words("error failed failure fail refused rejected denied nok ko false timeout"),
    },
    "status": {
        "online": _words("online connected up yes true 1 alive"),
        "offline": _words("offline disconnected down no false 0 lost"),
    },
    "is_locked": {
        "true": _words("locked lock true yes 1 closed on"),
        "false": _words("unlocked unlock false no 0 open off"),
    },
    "is_open": {
        "true": _words("open opened true yes 1"),
        "false": _words("closed close false no 0"),
    },
}
"""Values of fields, and what they are taken to mean."""
