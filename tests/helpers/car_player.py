"""Plays transcripts of cars: what is done to one, and all that its box does and says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from fleet_sim.cars.vehicle import Condition
from fleet_sim.faults import FAULTS
from fleet_wire.contract.messages import Action
from fleet_wire.links.link import EndReason, Message
from tests.helpers.car_words import CALLS, begin_on_car, box_parameters, plain, said
from tests.helpers.culprit import Seen, Suspect
from tests.helpers.fake_link import EPOCH_S, Bench, bench
from tests.helpers.faulty import Street, inject, inject_at
from tests.helpers.transcripts import Player, by_moment

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


@dataclass
class CarPlayer(Player):
    """A car on a fake link (`car`), or cars on the broker model (`street`).

    `inject FAULT SECONDS` opens a window now, or `at_s`; a second one on a car needs a name.
    `begin WHAT` lasts until `end WHAT`, or `end` with the `name=` that it was given. WHAT is a
    condition of the car or of its network, or a failpoint with the value that it returns; `usual+2`
    and `usual*2` change the usual one. `only=` limits an action to a command, kind, stage or code.
    `by=` names who is at fault. What the box says when it is started is left out.
    """

    car: Bench = field(default_factory=bench)
    street: Street | None = None
    told: list[tuple[float, str]] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)
    lasting: dict[str, AbstractContextManager[Any]] = field(default_factory=dict)
    loads: dict[str, Condition] = field(default_factory=dict)
    suspects: dict[str, Suspect] = field(default_factory=dict)
    copied: Message | None = None
    """The last command that was not forged."""

    def __post_init__(self) -> None:
        """Take what there is as known."""
        self.seen.clear()
        self._look()
        self.told.clear()

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        box = self.car.box
        return {
            **super().verbs(),
            **self._verbs_of_faults(),
            "change": box.vehicle.change,
            "draw": lambda drop_v, name="load": box.vehicle.draw(self.loads[name], drop_v),
            "flood": self._flood,
            "handle": box.pull_handle,
            "heartbeat": box.heartbeat,
            "key": box.lock_on_the_spot,
            "leave": box.modem.connection.leave,
            "lock_again": lambda: box.vehicle.be_left(is_locked=True),
            "lose": lambda code=None: self.car.link.lose(code=code),
            "nonsense": self._flood,
            "notice": box.notice,
            "phone_key": lambda is_good: box.unlock_by_key(is_good=is_good),
            "refuse": lambda code: self.car.link.lose(EndReason.REFUSED, code),
            "set_wall_clock": lambda by_s: setattr(self.car.world.clock_step, "by_s", by_s),
            "shut_down": box.modem.shut_down,
            "sms": box.send_sms,
            "sms_arrives": box.power.receive_sms,
            "unlock_by_hand": lambda: box.vehicle.move_lock(self.car.env.now, to_locked=False),
        }

    def _verbs_of_faults(self) -> Mapping[str, Callable[..., object]]:
        """Return the events that the model offers to faults; `by` is who does it."""
        modem, power, by = self.car.box.modem, self.car.box.power, self._by
        return {
            "deep_sleep": lambda for_s, who="x": power.sleep_deeply(for_s, by=by(who)),
            "drop": lambda who="x": modem.dialler.drop_connection(by=by(who)),
            "nat": lambda for_s, who="x": modem.bearer.lose_nat_entry(for_s, by=by(who)),
            "reboot": lambda who="x", **how: power.reboot(by=by(who), **how),
        }

    def news(self) -> list[str]:
        """Return what came since it was asked last, a line for each moment."""
        self._look()
        happened, self.told = self.told, []
        return [f"{at_s:g} s: {', '.join(_counted(whats))}" for at_s, whats in by_moment(happened)]

    # What is done

    def _do_car(self, *words: str, **changes: Any) -> None:
        self.car = bench(box_parameters(words, changes))
        self.__post_init__()

    def _do_street(
        self, *words: str, count: int = 1, max_queued_messages: int = 1_000, **changes: Any
    ) -> None:
        street = Street(
            count=count,
            parameters=box_parameters(words, changes),
            max_queued_messages=max_queued_messages,
        )
        self.street, self.car = street, Bench(street.env, street.world, street.boxes[0], [])
        hear = street.platform.on_message

        def on_message(message: Message) -> None:
            hear(message)
            self._look()

        street.platform.on_message = on_message  # type: ignore[method-assign]
        self.__post_init__()

    def _do_command(self, name: str, action: str = "unlock", **changes: Any) -> None:
        lives_s = changes.pop("lives_s", None)
        if lives_s is not None:
            changes["expires_at_ms"] = int((EPOCH_S + self.car.env.now + lives_s) * 1000)
        made = self.car.command(name, action=Action(action), **changes)
        if "signature" not in changes:
            self.copied = made
        self.car.deliver(made)

    def _do_copy(self) -> None:
        assert self.copied is not None
        self.car.deliver(self.copied)

    def _flood(self, count: int = 1) -> None:
        for _ in range(count):
            self.car.deliver(self.car.message(b"no command"))

    def _do_unlock(self, name: str, **more: Any) -> None:
        assert self.street is not None
        self.street.unlock(name, **more)

    def _do_answer_connects(self, is_answered: bool) -> None:  # noqa: FBT001 - a word of a story
        self.car.link.connects_at_once = is_answered

    def _do_inject(
        self,
        fault: str,
        duration_s: float,
        *,
        at_s: float = 0.0,
        name: str = "first",
        cars: int | None = None,
        **more: Any,
    ) -> None:
        made = FAULTS[fault].model_validate({key: plain(its) for key, its in more.items()})
        if self.street is not None:
            self.street.inject(made, duration_s, self.street.boxes[:cars])
        elif at_s:
            inject_at(at_s, made, self.car, duration_s, name=name)
        else:
            inject(made, self.car, duration_s, name=name)

    def _by(self, name: str) -> Suspect:
        return self.suspects.setdefault(name, Suspect())

    def _do_begin(self, what: str, *values: Any, by: str = "x", **more: Any) -> None:
        name = more.pop("name", what)
        begun = begin_on_car(self.car.box, what, *values, by=self._by(by), **more)
        self.lasting[name] = begun
        entered = begun.__enter__()
        if isinstance(entered, Condition):
            self.loads[name] = entered

    def _do_end(self, name: str) -> None:
        self.lasting.pop(name).__exit__(None, None, None)

    def _do_until(self, second: float) -> None:
        self._look()
        while self.car.env.peek() < second:
            self.car.env.step()
            self._look()
        self.car.env.run(until=second)

    def _do_pass(self, seconds: float) -> None:
        assert self.street is not None
        self.street.let_pass(seconds)

    # What comes of it

    def _do_clock(self) -> None:
        believed_s = self.car.box.clock.believed_ms() / 1000
        off_s = believed_s - EPOCH_S - self.car.env.now
        shows = f"{off_s:+g} s" if abs(off_s) < EPOCH_S / 2 else f"1970 and {believed_s:g} s"
        self._note(f"clock shows {shows}")

    def _do_counts(self) -> None:
        counts = self.car.world.counts
        self._note(", ".join(f"{getattr(counts, name)} {name}" for name in COUNTS))
        if self.street is not None:
            self._note(f"{sum(self.street.broker.router.dropped.values())} dropped")

    def _note(self, what: str) -> None:
        self._look()
        self.told.append((round(self.car.env.now, 3), what))

    def _look(self) -> None:
        now_s = round(self.car.env.now, 3)
        new = [*(self._on_street() if self.street else self._of_car()), *self._of_any()]
        self.told += [(now_s, what) for what in new]

    def _of_car(self) -> Iterator[str]:
        box, link = self.car.box, self.car.link
        yield from (CALLS[each] for each in self._new("calls", link.calls))
        yield from (said(each) for _, each in self._new("sent", link.sent))
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
        yield from (f"{car} {said(each)}" for car, each in self._new("heard", platform.heard))
        yield from (f"PUBACK {each}" for each in self._new("acks", platform.acks))
        for is_expired in self._new("certificates", self.street.bad_certificates):
            yield f"bad certificate ({'expired' if is_expired else 'not yet valid'})"
        for moved in self._new("moved", self.street.moved):
            if moved.is_of_another_car:
                now = "shut" if moved.is_driver_door_locked else "open"
                yield f"another car is {now} (by {moved.command.command_id})"
        for hit in self._new("hits", self.street.hits):
            during = "" if hit.until_s is None else f" {hit.at_s:g}-{hit.until_s:g} s"
            yield f"hit {hit.vehicle_id} {hit.command_id or '-'}: {hit.what}{during}"

    def _of_any(self) -> Iterator[str]:
        """Yield what is seen of any car besides what it does and says."""
        given_up = self.car.box.modem.connection.state.value == "given_up"
        if given_up is not self.seen.get("given_up", False):
            self.seen["given_up"] = given_up
            yield f"has {'' if given_up else 'not '}given up"
        for name, suspect in self.suspects.items():
            yield from (_hit(name, hit) for hit in self._new(f"hits by {name}", suspect.hits))

    def _new(self, name: str, all_of_it: list[Any]) -> list[Any]:
        known = self.seen.get(name, 0)
        self.seen[name] = len(all_of_it)
        return all_of_it[known:]


def _hit(name: str, hit: Seen) -> str:
    during = "" if hit.during_s is None else " {:g}-{:g} s".format(*hit.during_s)
    by = "" if name == "x" else f" by {name}"
    return f"hit {hit.command_id or '-'}: {hit.what}{during}{by}"


def _counted(whats: Iterable[str]) -> Iterator[str]:
    """Yield each text, and how often where it comes several times in a row."""
    for what, same in groupby(whats):
        count = len(list(same))
        yield what if count == 1 else f"{count} x {what}"
