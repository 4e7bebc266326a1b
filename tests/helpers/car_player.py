"""Plays transcripts of one car: what is done to it, and all that its box does and says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

from fleet_sim.cars import failpoints
from fleet_sim.cars.box import Box
from fleet_sim.cars.failpoints import Culprit, Failpoint
from fleet_sim.cars.vehicle import Condition, Door
from fleet_wire.contract.messages import Reason, Result, Telemetry, VehicleState, WireMessage
from fleet_wire.links.link import EndReason, Message
from fleet_wire.links.reconnect import ReconnectPolicy
from tests.helpers.culprit import Seen, Suspect
from tests.helpers.fake_link import EPOCH_S
from tests.helpers.fault_player import FaultPlayer

BOXES: dict[str, dict[str, Any]] = {
    "asleep": {"asleep_share": 1, "sms_loss": 0, "sms_wake": 2, "modem_resume": 8},
    "dozing": {"awake_after_wake_s": 60},
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
COUNTS = (
    "known",
    "reachable",
    "asleep",
    "commands",
    "executed",
    "refused",
    "redelivered",
    "malformed",
)
FAILPOINTS: dict[str, Failpoint[Any, Any]] = {
    each.name: each for each in vars(failpoints).values() if isinstance(each, Failpoint)
}


@dataclass
class CarPlayer(FaultPlayer):
    """The car of a `FaultPlayer`, and what the model offers to faults and to people.

    `begin WHAT` lasts until `end WHAT`, or `end` with the `name=` that it was given. WHAT is a
    condition of the car or of its network, or a failpoint with the value that it returns;
    `usual+2` and `usual*2` change the usual one. `only=` limits an action to a command, kind,
    stage or code. `by=` names who is at fault.
    """

    lasting: dict[str, AbstractContextManager[Any]] = field(default_factory=dict)
    loads: dict[str, Condition] = field(default_factory=dict)
    suspects: dict[str, Suspect] = field(default_factory=dict)
    copied: Message | None = None
    """The last command that was not forged."""

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        box, modem, power = self.car.box, self.car.box.modem, self.car.box.power
        return {
            **super().verbs(),
            "answer_connects": self._answer_connects,
            "begin": self._begin,
            "change": box.vehicle.change,
            "clock": self._clock,
            "copy": self._copy,
            "counts": self._counts,
            "deep_sleep": lambda for_s, by="x": power.sleep_deeply(for_s, by=self._by(by)),
            "draw": lambda drop_v, name="load": box.vehicle.draw(self.loads[name], drop_v),
            "drop": lambda by="x": modem.dialler.drop_connection(by=self._by(by)),
            "end": self._end,
            "flood": self._flood,
            "key": box.lock_on_the_spot,
            "leave": modem.connection.leave,
            "nat": lambda for_s, by="x": modem.bearer.lose_nat_entry(for_s, by=self._by(by)),
            "nonsense": self._nonsense,
            "reboot": lambda by="x", **how: power.reboot(by=self._by(by), **how),
            "refuse": lambda code: self.car.link.lose(EndReason.REFUSED, code),
            "set_wall_clock": lambda by_s: setattr(self.car.world.clock_step, "by_s", by_s),
            "shut_down": modem.shut_down,
            "sms_arrives": power.receive_sms,
        }

    def _car(self, *words: str, **changes: Any) -> None:
        super()._car(**(_changes(words) | changes))

    def _street(self, *words: str, **changes: Any) -> None:
        super()._street(**(_changes(words) | changes))

    def _command(self, name: str, action: str = "unlock", **changes: Any) -> None:
        made = self._made(name, action, **changes)
        if "signature" not in changes:
            self.copied = made
        self.car.deliver(made)

    def _copy(self) -> None:
        assert self.copied is not None
        self.car.deliver(self.copied)

    def _nonsense(self) -> None:
        self.car.deliver(self.car.message(b"no command"))

    def _flood(self, count: int) -> None:
        for _ in range(count):
            self._nonsense()

    def _by(self, name: str) -> Suspect:
        return self.suspects.setdefault(name, Suspect())

    def _begin(self, what: str, *values: Any, by: str = "x", **more: Any) -> None:
        name = more.pop("name", what)
        begun = begin_on_car(self.car.box, what, *values, by=self._by(by), **more)
        self.lasting[name] = begun
        entered = begun.__enter__()
        if isinstance(entered, Condition):
            self.loads[name] = entered

    def _end(self, name: str) -> None:
        self.lasting.pop(name).__exit__(None, None, None)

    def _answer_connects(self, is_answered: bool) -> None:  # noqa: FBT001 - a word of a story
        self.car.link.connects_at_once = is_answered

    def _lose(self, code: int | None = None) -> None:
        self.car.link.lose(code=code)

    def _clock(self) -> None:
        believed_s = self.car.box.clock.believed_ms() / 1000
        off_s = believed_s - EPOCH_S - self.car.env.now
        shows = f"{off_s:+g} s" if abs(off_s) < EPOCH_S / 2 else f"1970 and {believed_s:g} s"
        self._note(f"clock shows {shows}")

    def _counts(self) -> None:
        counts = self.car.world.counts
        self._note(", ".join(f"{getattr(counts, name)} {name}" for name in COUNTS))

    def _until(self, second: float) -> None:
        self._look()
        super()._until(second)

    def _note(self, what: str) -> None:
        self._look()
        self.told.append((round(self.car.env.now, 3), what))

    def _of_car(self) -> Iterator[str]:
        yield from super()._of_car()
        yield from self._on_car()

    def _on_street(self) -> Iterator[str]:
        yield from super()._on_street()
        yield from self._on_car()

    def _on_car(self) -> Iterator[str]:
        """Yield what is seen of the car besides what it does and says."""
        connection = self.car.box.modem.connection
        given_up = "has given up" if connection.state.value == "given_up" else ""
        if given_up != self.seen.get("given_up", ""):
            yield given_up or "has not given up"
        self.seen["given_up"] = given_up
        for name, suspect in self.suspects.items():
            hits = (_hit(name, hit) for hit in self._new(f"hits by {name}", suspect.hits))
            for hit, same in groupby(hits):
                count = len(list(same))
                yield hit if count == 1 else f"{count} x {hit}"

    def _said(self, message: WireMessage) -> str:
        said = super()._said(message)
        match message:
            case Result():
                more = {
                    "CAN": message.can_wake_s,
                    "motors": message.actuation_s,
                    "in all": message.since_received_s,
                }
                return said + "".join(f", {name} {it:g} s" for name, it in more.items() if it)
            case VehicleState():
                return f"{said}{', open' if message.is_open else ''}"
            case Telemetry():
                uptime_s = message.uptime_s
                boots = "" if uptime_s is None else f", boot {message.boots}, up {uptime_s:g} s"
                return f"{said}, {message.signal_dbm:g} dBm, {message.voltage_v:g} V{boots}"
            case _:
                return said


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


def _hit(name: str, hit: Seen) -> str:
    during = "" if hit.during_s is None else " {:g}-{:g} s".format(*hit.during_s)
    by = "" if name == "x" else f" by {name}"
    return f"hit {hit.command_id or '-'}: {hit.what}{during}{by}"


def _changes(words: tuple[str, ...]) -> dict[str, Any]:
    """Return the changes that words stand for."""
    return {key: value for word in words for key, value in BOXES[word].items()}


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
        return _changed(failpoint, usual, value)

    return act


def _changed(failpoint: str, usual: Any, value: Any) -> Any:
    match failpoint, value:
        case "objection", str():
            return Reason(value)
        case "reconnect", float() | int():
            return ReconnectPolicy(full_jitter=False, base_s=value, jitter_s=0.0)
        case "suback", _:
            return ()
        case _, str():
            return _calculated(usual, value)
        case _, int() if not isinstance(value, bool):
            return float(value)
        case _:
            return value


def _calculated(usual: Any, word: str) -> Any:
    """Return the usual value, or what `usual+2` or `usual*2` make of it."""
    _, factor, number = word.partition("*")
    if factor:
        return usual * float(number)
    change = word.removeprefix("usual").removeprefix("crash")
    return usual + float(change) if change else usual
