"""Draws incidents widely: of fleets, lengths, severities and wires that others have.

The usual draw has one fault at a time, severe and over within seven minutes. Here faults last from
a minute to six hours, in a row or alone. They are as rare as their defaults say or as severe as in
the usual draw. Fleets have 10 to 400 cars, and report every 5 s to 30 min, or never. Radio, box and
car are up to three times as fast or as slow. The platform has other habits. A mapped wire may
have presence, receipts, reasons, states and heartbeats, each or none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bench.score.incidents import CHATTY_HEARTBEAT_S, Incident, Loss
from fleet_sim.faults import FAULTS
from fleet_sim.faults.drawing import Range
from fleet_wire.randomness import RandomStream

LENGTHS_S: Final = (60.0, 21_600.0)
IN_A_ROW_S: Final = (40.0, 400.0)
"""Length of each of several faults."""
GAP_S: Final = (15.0, 90.0)
"""Between two faults in a row."""
GROUP_CARS: Final = (1.0, 50.0)
HEARTBEATS_S: Final = (5.0, 1_800.0)
NO_HEARTBEATS: Final = 0.1
SLOWER: Final = (0.3, 3.0)
MOST_MESSAGES: Final = 15_000.0
"""Heartbeats of a run, which would cost most of its CPU."""
UNLOCKS_PER_CAR: Final = 2.0
MOST_UNLOCKS: Final = 300.0
FASTEST_PER_CAR_S: Final = 60.0
"""No car is asked to open more often, on average."""
AS_BY_DEFAULT: Final = 0.4
"""Share of the parameters that are left at the fault's default."""
RARE: Final = 0.2
"""A fault that strikes a smaller share of commands strikes all cars, or it would not show."""
TALKERS_LENGTH_S: Final = 900.0
"""Longest fault of boxes that report all the time: the run would cost too much otherwise."""
AWAY_LENGTH_S: Final = 600.0
"""Longest fault that keeps all boxes connecting again and again: it would cost as much."""
_TIMES: Final = (
    ("processing", "base_s", 0.05, "spread_s", 0.15),
    ("can_wake", "base_s", 0.75, "spread_s", 0.25),
    ("actuation", "base_s", 0.4, "spread_s", 0.1),
    ("boot", "median_s", 20.0, "sigma", 0.6),
    ("modem_resume", "base_s", 6.0, "spread_s", 4.0),
    ("network_stable", "base_s", 10.0, "spread_s", 5.0),
    ("sms_wake", "median_s", 5.0, "sigma", 0.8),
    ("reboot", "base_s", 20.0, "spread_s", 40.0),
)
"""Delays of a box: each key with its two numbers, as they are by default."""
_RADIO: Final = {
    "connected_rtt": (0.075, 0.0),
    "cdrx_rtt": (0.070, 0.320),
    "idle_rtt": (0.315, 1.28),
}


def log_uniform(span: Range, stream: RandomStream) -> float:
    """Return a number of a span whose logarithm is uniform."""
    return math.exp(stream.between(math.log(span[0]), math.log(span[1])))


def lengths_s(incident: Incident, stream: RandomStream) -> list[float]:
    """Return how long each fault lasts."""
    if len(incident.faults) > 1:
        return [log_uniform(IN_A_ROW_S, stream) for _ in incident.faults]
    talks = any(FAULTS[name].drawing.needs_talkers for name in incident.faults)
    low, high = LENGTHS_S
    length_s = log_uniform((low, TALKERS_LENGTH_S if talks else high), stream)
    keeps_all_away = "broker_auth_backend_down" in incident.faults
    return [min(length_s, AWAY_LENGTH_S) if keeps_all_away else length_s]


def widen_groups(groups: list[dict[str, Any]], length_s: float, stream: RandomStream) -> None:
    """Give groups another size, and boxes other intervals and delays."""
    size = log_uniform(GROUP_CARS, stream)
    for group in groups:
        group["count"] = max(round(size * stream.between(0.5, 1.5)), 2)
    cars = sum(group["count"] for group in groups)
    heartbeat_s = log_uniform(HEARTBEATS_S, stream)
    if stream.uniform() < NO_HEARTBEATS:
        heartbeat_s = 0.0
    slower = log_uniform(SLOWER, stream)
    for group in groups:
        box = group["box"]
        is_chatty = box["heartbeat_s"] == CHATTY_HEARTBEAT_S
        if box["heartbeat_s"] and not is_chatty:
            least_s = max(heartbeat_s, cars * length_s / MOST_MESSAGES)
            box["heartbeat_s"] = round(least_s, 1) if heartbeat_s else 0
        for key, first, each, second, other in _TIMES:
            scale = 1.0 if second == "sigma" else slower
            box[key] = {first: round(each * slower, 3), second: round(other * scale, 3)}
        box.setdefault("radio", {}).update(
            {
                key: {"base_s": round(base * slower, 3), "spread_s": round(spread * slower, 3)}
                for key, (base, spread) in _RADIO.items()
                if "technology" not in box.get("radio", {})
            }
        )


def wide_parameters(
    name: str, drawn: Mapping[str, Any], length_s: float, stream: RandomStream
) -> dict[str, Any]:
    """Return a fault's parameters: of those with a range some as by default, others in between."""
    fault = FAULTS[name]
    found = dict(drawn)
    for parameter, span in fault.drawing.ranges.items():
        default = fault.model_fields[parameter].default
        if stream.uniform() < AS_BY_DEFAULT:
            found.pop(parameter, None)
        elif not isinstance(span, Mapping):
            low, high = span
            if not isinstance(default, int | float):
                high = max(high, length_s)
            elif default > 0:
                low, high = min(low, default), max(high, default)
            if parameter in drawn and not isinstance(drawn[parameter], Mapping):
                value = log_uniform((low, high), stream) if low > 0 else stream.between(low, high)
                is_whole = fault.model_fields[parameter].annotation is int
                found[parameter] = round(value) if is_whole else round(value, 4)
    return found


def is_rare(name: str, parameters: Mapping[str, Any]) -> bool:
    """Return whether a fault strikes only few commands of the cars that it strikes."""
    fields = FAULTS[name].model_fields
    shares = [
        parameters.get(key, fields[key].default)
        for key in ("loss", "probability", "unsent")
        if key in fields
    ]
    return any(isinstance(share, int | float) and share < RARE for share in shares)


def reshaped(
    entries: list[dict[str, Any]], start_s: float, length_s: float
) -> list[dict[str, Any]]:
    """Return faults whose windows fill another span of time."""
    first_s = min(one["window"]["start_s"] for one in entries)
    last_s = max(one["window"]["end_s"] for one in entries)
    scale = length_s / (last_s - first_s)
    return [
        {
            **one,
            "window": {
                key: round(start_s + (at_s - first_s) * scale, 1)
                for key, at_s in one["window"].items()
            },
        }
        for one in entries
    ]


def wide_stages(cars: int, quiet_s: float, until_s: float, tail_s: float) -> list[dict[str, Any]]:
    """Return when unlocks start: few enough that hours cost no more than minutes."""
    most = min(max(UNLOCKS_PER_CAR * cars, 60.0), MOST_UNLOCKS)
    rate_per_s = min(most / until_s, cars / FASTEST_PER_CAR_S)
    late_per_s = min(rate_per_s / 2, most / 4 / tail_s)
    spans = ((rate_per_s, quiet_s + until_s), (late_per_s, tail_s))
    return [
        {"kind": "poisson", "rate_per_s": round(rate, 5), "duration_s": round(duration_s, 1)}
        for rate, duration_s in spans
    ]


def habits(stream: RandomStream) -> dict[str, Any]:
    """Return how a platform sends commands and learns what came of them."""
    found: dict[str, Any] = {}
    if stream.uniform() < 0.3:
        found["learns_from_state"] = False
    if stream.uniform() < 0.5:
        found["retry_after_s"] = None if stream.uniform() < 0.6 else round(stream.between(3, 20), 1)
    if stream.uniform() < 0.3:
        found["answer_grace_s"] = round(stream.between(0, 15), 1)
    if stream.uniform() < 0.2:
        found["refuses_offline"] = True
    return found


def wire_of(incident: Incident, mapped: str) -> str | None:
    """Return the profile file of an incident's wire; None: the contract's own."""
    if incident.loss is not Loss.MAPPED_WIRE:
        return None
    if not incident.is_wide:
        return mapped
    stream = RandomStream.named(incident.seed, f"score/wire/{'+'.join(incident.faults)}")
    return "".join(_wire_parts(stream))


def _wire_parts(stream: RandomStream) -> Iterator[str]:
    """Yield the parts of a mapped wire, each or none."""
    expires = stream.uniform() < 0.4
    yield f"""
expires: {str(expires).lower()}
deduplicates: {str(stream.uniform() < 0.5).lower()}
while_busy: {"wait" if stream.uniform() < 0.6 else "refuse"}
command:
  topic: w/{{vehicle_id}}/do
  fields:
    command_id: /n
    action: {{ at: /do, values: {{ OPEN: unlock, SHUT: lock }} }}
{"    expires_at: { at: /until, unit: s }" if expires else ""}
"""
    receipt = "GOT: received, " if stream.uniform() < 0.5 else ""
    reason = "/why" if stream.uniform() < 0.6 else "{ at: /is, otherwise: failed }"
    yield f"""result:
  topic: w/{{vehicle_id}}/did
  fields:
    command_id: /n
    phase: {{ at: /is, values: {{ {receipt}DONE: executed }}, otherwise: refused }}
    reason: {reason}
"""
    if stream.uniform() < 0.7:
        extra = "    firmware: /fw\n    hardware: /hw\n    operator: /sim\n    region: /area\n"
        yield f"""state:
  topic: w/{{vehicle_id}}/state
  retain: true
  fields:
    is_locked: /locked
    last_command_id: /by
    voltage_v: /u
{extra if stream.uniform() < 0.7 else ""}"""
    if stream.uniform() < 0.6:
        reason = ", reason: { value: last_will }" if stream.uniform() < 0.5 else ""
        for is_up, status, why in (("true", "online", ""), ("false", "offline", reason)):
            yield (
                ("presence:\n" if is_up == "true" else "")
                + f"""  - topic: w/{{vehicle_id}}/link
    when: {{ /up: [{is_up}] }}
    retain: true
    fields: {{ status: {{ value: {status} }}{why} }}
"""
            )
    if stream.uniform() < 0.6:
        yield """telemetry:
  topic: w/{vehicle_id}/alive
  fields: { voltage_v: /u }
"""
