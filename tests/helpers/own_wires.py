"""Profiles that users might write: each has something that the shipped ones do not."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.score.incidents import TWO_TOPICS

ONE_FOR_ALL: Final = """
# One topic for all cars: the payload names the car, and MQTT 5 the command.
correlation: correlation_data
deduplicates: true
expires: true # by Message Expiry alone
command:
  topic: fleet/commands
  fields:
    vehicle_id: /car/vin
    action: { at: /car/do, values: { "1": unlock, "2": lock } }
  send: { car: { vin: "{vehicle_id}", do: "{action}" }, version: 2 }
result:
  topic: fleet/answers
  fields:
    vehicle_id: /vin
    phase: { at: /ok, values: { "true": executed, "false": refused } }
state:
  topic: fleet/states
  retain: false
  fields: { vehicle_id: /vin, is_locked: /doors/locked, voltage_v: { at: /mv, scale: 0.001 } }
"""

SIGNED: Final = """
# Signed commands with a life, under other names; ids are numbers.
signed: true
expires: true
deduplicates: true
while_busy: refuse
command:
  topic: cars/{vehicle_id}/in/{action}
  fields:
    command_id: { at: /n, number: true }
    action: { at: "{action}", values: { open: unlock, close: lock } }
    issued_at: { at: /at, unit: iso }
    expires_at: { at: /until, unit: s }
    counter: /counter
    signature: /mac
result:
  topic: cars/{vehicle_id}/out/{phase}
  fields:
    command_id: { at: /n, number: true }
    phase: { at: "{phase}", values: { got: received, done: executed, no: refused } }
    reason: /why
    since_received_s: { at: /ms, scale: 0.001 }
presence:
  topic: cars/{vehicle_id}/here
  payload: text
  retain: true
  fields: { status: { at: text, values: { "1": online, "0": offline } } }
"""

NAMELESS_311: Final = """
# MQTT 3.1.1, and no ids anywhere: not even our own commands can be told from others'.
mqtt: "3.1.1"
correlation: only_open
command:
  topic: doors/{vehicle_id}/set
  payload: text
  fields: { action: { at: text, values: { OPEN: unlock, SHUT: lock } } }
result:
  topic: doors/{vehicle_id}/done
  payload: text
  fields: { phase: { at: text, values: { ok: executed, "no *": refused } }, detail: { at: text } }
"""

ONE_TOPIC: Final = """
# All that a car says comes on one topic, and a field says what it is.
command:
  topic: v2/{vehicle_id}/down
  when: { /type: command }
  fields:
    command_id: /id
    action: { at: /op, values: { OPEN: unlock, CLOSE: lock } }
result:
  - topic: v2/{vehicle_id}/up
    when: { /type: [ack, nack] }
    fields:
      command_id: /id
      phase: { at: /type, values: { ack: executed, nack: refused } }
      reason: { at: /why, otherwise: failed }
state:
  topic: v2/{vehicle_id}/up
  when: { /type: report, /about/part: lock }
  fields: { is_locked: /about/locked }
telemetry:
  topic: v2/{vehicle_id}/up
  when: { /type: alive }
  send: { type: alive, radio: { dbm: "{signal_dbm}" } }
  fields: { signal_dbm: /radio/dbm }
"""
"""An operator with a topic each way, and a word for what a message is."""

CBOR: Final = """
# CBOR with numbers for keys, and ids that are bytes.
correlation: field
deduplicates: true
command:
  topic: c/{vehicle_id}/in
  payload: cbor
  fields:
    command_id: { at: /1, bytes: true }
    action: { at: /2, values: { "1": unlock, "2": lock } }
    issued_at: { at: /3, unit: s }
  send: { "1": "{command_id}", "2": "{action}", "3": "{issued_at}" }
result:
  topic: c/{vehicle_id}/out
  payload: cbor
  fields:
    command_id: { at: /id, bytes: true }
    phase: { at: /s, values: { "0": received, "1": executed, "2": refused } }
    reason: { at: /why, otherwise: failed }
    since_received_s: { at: /ms, scale: 0.001 }
state:
  topic: c/{vehicle_id}/state
  payload: cbor
  retain: true
  fields: { is_locked: /doors/locked, voltage_v: /v, last_command_id: { at: /by, bytes: true } }
presence:
  topic: c/{vehicle_id}/here
  payload: text
  retain: true
  fields: { status: { at: text, values: { "1": online, "0": offline } } }
"""

MESSAGE_PACK: Final = """
# MessagePack, and one topic for all that a car says.
command:
  topic: m/{vehicle_id}/down
  payload: msgpack
  fields: { command_id: /id, action: { at: /op, values: { OPEN: unlock, CLOSE: lock } } }
result:
  topic: m/{vehicle_id}/up
  payload: msgpack
  when: { /kind: [1, 2] }
  fields:
    command_id: /id
    phase: { at: /kind, values: { "1": executed, "2": refused } }
    reason: { at: /why, otherwise: failed }
state:
  topic: m/{vehicle_id}/up
  payload: msgpack
  when: { /kind: 3 }
  fields: { is_locked: /lock/locked }
telemetry:
  topic: m/{vehicle_id}/up
  payload: msgpack
  when: { /kind: 4 }
  fields: { signal_dbm: /radio/dbm, uptime_s: /up }
"""

ALL_IN_ONE: Final = """
# A car says everything in one message, and its answers are told apart by a part that others lack.
command:
  topic: a/{vehicle_id}/to
  fields: { command_id: /id, action: { at: /op, values: { OPEN: unlock, CLOSE: lock } } }
result:
  topic: a/{vehicle_id}/from
  when: { /answer: "*" }
  fields:
    command_id: /answer/id
    phase: { at: /answer/ok, values: { "true": executed, "false": refused } }
    reason: { at: /answer/why, otherwise: failed }
state:
  topic: a/{vehicle_id}/from
  when: { /answer: null }
  fields: { is_locked: /locked, voltage_v: /battery }
telemetry:
  topic: a/{vehicle_id}/from
  when: { /answer: null }
  fields: { signal_dbm: /dbm, voltage_v: /battery, uptime_s: /up }
"""

TWIN: Final = """
# The platform says what it desires, and the car what it has become.
correlation: state
command:
  topic: twin/{vehicle_id}/desired
  fields: { action: { at: /lock, values: { open: unlock, shut: lock } } }
result:
  topic: twin/{vehicle_id}/reported
  when: { /lock: [open, shut] }
  fields:
    phase: { value: executed }
    action: { at: /lock, values: { open: unlock, shut: lock } }
state:
  topic: twin/{vehicle_id}/reported
  when: { /lock: "*" }
  fields: { is_locked: { at: /lock, values: { open: false, shut: true } } }
"""

DESCRIPTORS: Final = Path(__file__).parent / "protobuf" / "fleet.binpb"
PROTOBUF: Final = f"""
# Protobuf: an envelope of alternatives, ids that are bytes, and words that are enumerated.
descriptors: {DESCRIPTORS}
expires: true
deduplicates: true
command:
  topic: p/{{vehicle_id}}/down
  payload: protobuf
  type: acme.Request
  fields:
    command_id: {{ at: /id, bytes: true }}
    action: {{ at: /action, values: {{ OPEN: unlock, CLOSE: lock }} }}
    expires_at: /expires_at
result:
  topic: p/{{vehicle_id}}/up
  payload: protobuf
  type: acme.Up
  when: {{ /body: answer }}
  fields:
    command_id: {{ at: /answer/id, bytes: true }}
    phase: {{ at: /answer/status, values: {{ SEEN: received, DONE: executed, REFUSED: refused }} }}
    reason: {{ at: /answer/why, otherwise: failed }}
    since_received_s: /answer/seconds
state:
  topic: p/{{vehicle_id}}/up
  payload: protobuf
  type: acme.Up
  when: {{ /body: report }}
  fields:
    is_locked: /report/locks/0/locked
    voltage_v: /report/volts
    firmware: /report/build/firmware
    last_command_id: {{ at: /report/moved_by, bytes: true }}
telemetry:
  topic: p/{{vehicle_id}}/up
  payload: protobuf
  type: acme.Up
  when: {{ /report/dbm: "*" }}
  fields: {{ signal_dbm: /report/dbm, voltage_v: /report/volts }}
presence:
  topic: p/{{vehicle_id}}/here
  retain: true
  fields: {{ status: /is, reason: /because, session_id: /session }}
"""

OWN_WIRES: Final = {
    "two-topics": TWO_TOPICS,
    "one-for-all": ONE_FOR_ALL,
    "signed": SIGNED,
    "nameless-311": NAMELESS_311,
    "one-topic": ONE_TOPIC,
    "all-in-one": ALL_IN_ONE,
    "twin": TWIN,
    "cbor": CBOR,
    "message-pack": MESSAGE_PACK,
    "protobuf": PROTOBUF,
}
"""By the name of their file."""
