"""The words of transcripts about cars: boxes, conditions and actions, and what a box says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import msgspec

from fleet_sim.cars import failpoints
from fleet_sim.cars.box import Box
from fleet_sim.cars.failpoints import Culprit, Failpoint
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.cars.vehicle import Door
from fleet_wire.contract.messages import (
    CarEvent,
    Presence,
    Reason,
    Result,
    Telemetry,
    VehicleState,
    WireMessage,
)
from fleet_wire.links.reconnect import ReconnectPolicy

CALLS = {
    "abort": "drops its connection",
    "connect": "connects",
    "disconnect": "says goodbye",
    "leave_behind": "leaves its connection behind",
}
"""What a box does to its link."""
BOXES: dict[str, dict[str, Any]] = {
    "asleep": {"asleep_share": 1, "sms_loss": 0, "sms_wake": 2, "modem_resume": 8},
    "dozing": {"awake_after_wake_s": 60},
    "prompt": {"reconnect.full_jitter": False, "reconnect.base_s": 1, "reconnect.jitter_s": 0},
    "steady": {
        "reconnect.full_jitter": False,
        "reconnect.base_s": 10,
        "reconnect.jitter_s": 0,
        "network_loss_s": 30,
        "network_stable": 12,
        "reboot": 40,
    },
    "timeless": {"boot": 10, "keeps_time": False, "clock_sync": 30, "clock_error": 0.5},
}
"""Words for changes of a box that stories share."""
FAILPOINTS: dict[str, Failpoint[Any, Any]] = {
    each.name: each for each in vars(failpoints).values() if isinstance(each, Failpoint)
}


# Values


def box_parameters(words: tuple[str, ...], changes: Mapping[str, Any]) -> BoxParameters:
    """Return a box that takes no time, with the changes of some words and others."""
    of_words = {key: value for word in words for key, value in BOXES[word].items()}
    return BoxParameters.model_validate(changed(NULL_BOX.model_dump(), {**of_words, **changes}))


def changed(values: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with some changes; `a.b` is a key within a key."""
    for key, value in changes.items():
        outer, _, inner = key.rpartition(".")
        (values[outer] if outer else values)[inner] = plain(value)
    return values


def plain(value: Any) -> Any:
    """Return a value, or what it says as JSON."""
    is_json = isinstance(value, str) and value.startswith(("{", "["))
    return msgspec.json.decode(value) if is_json else value


# Conditions and actions


def begin_on_car(
    box: Box, what: str, *values: Any, by: Culprit, only: object = None, **state: Any
) -> AbstractContextManager[Any]:
    """Return a context in which a condition holds, or an action is in force at a failpoint."""
    vehicle, bearer = box.vehicle, box.modem.bearer
    conditions: dict[str, Callable[[], AbstractContextManager[Any]]] = {
        "ajar": lambda: vehicle.ajar(*_doors(values), by=by),
        "attenuation": lambda: bearer.attenuated(*values, by=by),
        "cut": lambda: box.modem.downlink.cut(by=by),
        "garage": lambda: bearer.without_coverage(by=by),
        "hot": lambda: vehicle.hot(by=by),
        "immobiliser": lambda: vehicle.immobiliser_stuck(by=by),
        "load": lambda: vehicle.load(by=by),
        "off": lambda: box.power.without_power(by=by),
        "state": lambda: vehicle.being(by=by, **state),
        "stuck": lambda: vehicle.stuck(*_doors(values), by=by),
    }
    if what in conditions:
        return conditions[what]()
    action = _action(what, *values, only=only, crash=partial(box.power.reboot, by=by))
    return box.set_action(FAILPOINTS[what], action, by=by)


def _doors(values: tuple[Any, ...]) -> list[Door]:
    return [Door[value.upper()] for value in values]


def _action(
    failpoint: str, value: Any = None, *, only: object, crash: Callable[[], object]
) -> Callable[[Any, Any], Any]:
    """Return an action that returns a value, changes the usual one, or crashes the box."""

    def act(usual: Any, context: Any) -> Any:
        parts = (getattr(context, name, None) for name in ("command_id", "kind", "value"))
        if only not in (None, context, *parts):
            return usual
        if value == "crash":
            crash()
            return usual
        match failpoint, value:
            case "objection", str():
                return Reason(value)
            case "reconnect", float() | int():
                return ReconnectPolicy(full_jitter=False, base_s=value, jitter_s=0.0)
            case "suback", _:
                return ()
            case _:
                return calculated(usual, value)

    return act


def calculated(usual: Any, value: Any) -> Any:
    """Return a value, or what `usual`, `usual+2` or `usual*2` say."""
    if isinstance(value, str) and value.startswith("usual"):
        _, factor, number = value.partition("*")
        change = value.removeprefix("usual")
        return usual * float(number) if factor else usual + float(change) if change else usual
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if is_number else value


# What a box says


def said(message: WireMessage) -> str:
    """Return a message in words."""
    match message:
        case Result():
            return _said_of_command(message)
        case VehicleState():
            return _said_of_car(message)
        case Presence():
            return f"says {message.status}{_in_brackets(message.reason)}"
        case Telemetry():
            boot = None if message.boots is None else f"boot {message.boots}"
            up = None if message.uptime_s is None else f"up {message.uptime_s:g} s"
            used = None if message.data_used_bytes is None else f"{message.data_used_bytes} bytes"
            measured = f"{message.signal_dbm:g} dBm, {message.voltage_v:g} V"
            return f"heartbeat{_in_brackets(measured, boot, up, used)}"
        case CarEvent():
            boot = None if message.boots is None else f"boot {message.boots}"
            return f"event {message.event}{_in_brackets(boot, message.firmware)}"
        case _:
            return type(message).__name__


def _said_of_command(result: Result) -> str:
    tries = None if result.tries_left is None else f"{result.tries_left} tries left"
    took = {
        "CAN": result.can_wake_s,
        "motors": result.actuation_s,
        "in all": result.since_received_s,
    }
    durations = (f"{name} {took_s:.4g} s" for name, took_s in took.items() if took_s)
    more = _in_brackets(result.reason, result.detail, tries, *durations)
    return f"{result.phase} {result.command_id}{more}"


def _said_of_car(state: VehicleState) -> str:
    more = _in_brackets(
        None if state.last_command_id is None else f"by {state.last_command_id}",
        "open" if state.is_open else None,
        None if state.firmware == "1.0.0" else f"version {state.firmware}",
        *(
            f"{name.rpartition('Door.')[2]}={value}"
            for name, value in (state.signals or {}).items()
        ),
    )
    return f"says {'locked' if state.is_locked else 'unlocked'}{more}"


def _in_brackets(*parts: str | None) -> str:
    text = ", ".join(filter(None, parts))
    return f" ({text})" if text else ""
