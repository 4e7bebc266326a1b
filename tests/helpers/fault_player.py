"""Plays transcripts of faults: what strikes a car, and all that its box does and says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.faults import FAULTS, Fault
from fleet_wire.contract.messages import (
    Action,
    CarEvent,
    Presence,
    Result,
    Telemetry,
    VehicleState,
    WireMessage,
)
from fleet_wire.links.link import Message
from tests.helpers.fake_link import EPOCH_S, Bench, bench
from tests.helpers.faulty import Street, inject, inject_at

CALLS = {
    "abort": "drops its connection",
    "connect": "connects",
    "disconnect": "says goodbye",
    "leave_behind": "leaves its connection behind",
}


@dataclass
class FaultPlayer:
    """A car on a fake link (`car`), or cars on the broker model (`street`).

    `inject FAULT SECONDS` opens a window now, or `at_s`; a second one on a car needs a name. What
    the box says when it is started is left out.
    """

    car: Bench = field(default_factory=bench)
    street: Street | None = None
    told: list[tuple[float, str]] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take what there is as known."""
        self._look()
        self.told.clear()

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        box = self.car.box
        return {
            "car": self._car,
            "command": self._command,
            "heartbeat": box.heartbeat,
            "inject": self._inject,
            "lose": self._lose,
            "pass": self._pass,
            "sms": box.send_sms,
            "street": self._street,
            "unlock": self._unlock,
            "until": self._until,
        }

    def news(self) -> list[str]:
        """Return what came since it was asked last, a line for each moment."""
        self._look()
        moments: dict[float, list[str]] = {}
        for at_s, what in self.told:
            moments.setdefault(at_s, []).append(what)
        self.told.clear()
        return [f"{at_s:g} s: {', '.join(whats)}" for at_s, whats in moments.items()]

    def _car(self, **changes: Any) -> None:
        self.car = bench(box_parameters(changes))
        self.seen.clear()
        self.__post_init__()

    def _command(self, name: str, action: str = "unlock", **changes: Any) -> None:
        self.car.deliver(self._made(name, action, **changes))

    def _made(
        self, name: str, action: str, *, lives_s: float | None = None, **changes: Any
    ) -> Message:
        """Return a command; `changes` spoil it."""
        if lives_s is not None:
            changes["expires_at_ms"] = int((EPOCH_S + self.car.env.now + lives_s) * 1000)
        return self.car.command(name, action=Action(action), **changes)

    def _lose(self) -> None:
        self.car.link.lose()

    def _inject(
        self, fault: str, duration_s: float, *, at_s: float = 0.0, name: str = "first", **more: Any
    ) -> None:
        made = _fault(fault, more)
        if self.street is not None:
            self.street.inject(made, duration_s)
        elif at_s:
            inject_at(at_s, made, self.car, duration_s, name=name)
        else:
            inject(made, self.car, duration_s, name=name)

    def _until(self, second: float) -> None:
        while self.car.env.peek() < second:
            self.car.env.step()
            self._look()
        self.car.env.run(until=second)

    def _street(self, *, count: int = 1, max_queued_messages: int = 1_000, **more: Any) -> None:
        street = Street(
            count=count, parameters=box_parameters(more), max_queued_messages=max_queued_messages
        )
        self.street, self.car = street, Bench(street.env, street.world, street.boxes[0], [])
        hear = street.platform.on_message

        def on_message(message: Any) -> None:
            hear(message)
            self._look()

        street.platform.on_message = on_message  # type: ignore[method-assign]
        self.seen.clear()
        self.__post_init__()

    def _pass(self, seconds: float) -> None:
        assert self.street is not None
        self.street.pass_s(seconds)

    def _unlock(self, name: str, **more: Any) -> None:
        assert self.street is not None
        self.street.unlock(name, **more)

    def _look(self) -> None:
        now_s = round(self.car.env.now, 3)
        self.told += [
            (now_s, what) for what in (self._on_street() if self.street else self._of_car())
        ]

    def _of_car(self) -> Iterator[str]:
        box, link = self.car.box, self.car.link
        yield from (CALLS[each] for each in self._new("calls", link.calls))
        yield from (self._said(each) for _, each in self._new("sent", link.sent))
        for name, value in (
            ("power", f"is {self.car.power().value}"),
            ("lock", "is shut" if box.vehicle.is_locked else "is open"),
            ("coverage", f"has {'' if box.modem.connection.has_coverage else 'no '}coverage"),
            ("reach", f"can{'' if box.modem.connection.is_reachable else 'not'} be reached"),
        ):
            if self.seen.get(name) != value:
                self.seen[name] = value
                yield value

    def _on_street(self) -> Iterator[str]:
        assert self.street is not None
        platform = self.street.platform
        yield from (
            f"{car} {self._said(each)}" for car, each in self._new("results", platform.results)
        )
        yield from (
            f"{car} {each.value}" for car, each in self._new("presences", platform.presences)
        )
        yield from (f"PUBACK {each}" for each in self._new("acks", platform.acks))
        for hit in self._new("hits", self.street.hits):
            yield f"hit {hit.vehicle_id} {hit.command_id or '-'}: {hit.what}"

    def _new(self, name: str, all_of_it: list[Any]) -> list[Any]:
        known = self.seen.get(name, 0)
        self.seen[name] = len(all_of_it)
        return all_of_it[known:]

    def _said(self, message: WireMessage) -> str:
        match message:
            case Result():
                more = [
                    *([str(message.reason)] if message.reason else []),
                    *([message.detail] if message.detail else []),
                    *(
                        [f"{message.tries_left} tries left"]
                        if message.tries_left is not None
                        else []
                    ),
                ]
                return f"{message.phase} {message.command_id}{_in_brackets(more)}"
            case VehicleState():
                signals = message.signals or {}
                more = [
                    *([f"by {message.last_command_id}"] if message.last_command_id else []),
                    *([f"version {message.firmware}"] if message.firmware != "1.0.0" else []),
                    *(f"{name.rpartition('Door.')[2]}={value}" for name, value in signals.items()),
                ]
                return f"says {'locked' if message.is_locked else 'unlocked'}{_in_brackets(more)}"
            case Presence():
                return f"says {message.status}{_in_brackets([str(message.reason or '')])}"
            case Telemetry():
                used = message.data_used_bytes
                return f"heartbeat{'' if used is None else f' ({used} bytes)'}"
            case CarEvent():
                boots = "" if message.boots is None else f"boot {message.boots}"
                return f"event {message.event}{_in_brackets([boots, message.firmware or ''])}"
            case _:
                return type(message).__name__


def _in_brackets(parts: list[str]) -> str:
    said = ", ".join(filter(None, parts))
    return f" ({said})" if said else ""


def _fault(name: str, parameters: Mapping[str, Any]) -> Fault:
    return FAULTS[name].model_validate({key: _plain(its) for key, its in parameters.items()})


def box_parameters(changes: Mapping[str, Any]) -> BoxParameters:
    """Return a box that takes no time, with some changes; `a.b` is a key within a key."""
    values = NULL_BOX.model_dump()
    for key, value in changes.items():
        outer, _, inner = key.rpartition(".")
        (values[outer] if outer else values)[inner] = _plain(value)
    return BoxParameters.model_validate(values)


def _plain(value: Any) -> Any:
    """Return a value, or what it says as JSON."""
    is_json = isinstance(value, str) and value.startswith(("{", "["))
    return msgspec.json.decode(value) if is_json else value
