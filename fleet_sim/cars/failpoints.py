"""Failpoints: points at which faults may change a car's behaviour, with attribution to the fault.

A failpoint is a point at which the model is about to do something. It asks the
actions in force there; each gets the intended value and returns the actual one. A failpoint action
is a function of two arguments: the value, and the context that it belongs to. The
failpoint fixes their types. Actions of several faults run one after the other, in the order in
which they came into force.

An action that returns another value has changed the behaviour. Its fault gets a hit with the car,
the failpoint and the command. So the ground truth names what was hit, not what might have been. A
car without actions pays for one comparison with None.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from fleet_wire.contract.messages import Command, Reason, Result
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import Message
from fleet_wire.links.reconnect import ReconnectPolicy

COMMANDS_REMEMBERED = 20
"""More than come to a box while it works on one."""

ValueT = TypeVar("ValueT")
ContextT = TypeVar("ContextT")


class Culprit(Protocol):
    """An actor from outside of the model that changes cars: an injected fault."""

    def hit(
        self,
        vehicle_id: str,
        what: str,
        *,
        command_id: str | None = None,
        during_s: tuple[float, float] | None = None,
        customer_id: str | None = None,
    ) -> None:
        """Record that the fault has changed something just now.

        `what` names the failpoint or the verb. `command_id` is the command that it happened to.
        With `during_s`, two simulated seconds, it happened to everything under way for the car
        between them. `customer_id` is the customer whom it happened to, if it was one.
        """
        ...


class Effect(Enum):
    """The target of a hit at a failpoint."""

    COMMAND = "command"
    """The command at the failpoint, if there is one."""
    UNDER_WAY = "under_way"
    """Everything under way for the car at that moment."""
    CONNECTION = "connection"
    """The car's connection, until it is whole again."""
    LATER = "later"
    """Nothing yet: the failpoint feeds a later decision, and that decision is the hit."""


class Failpoint(Generic[ValueT, ContextT]):
    """One point of the model where faults may change behaviour. Compared by identity."""

    __slots__ = ("effect", "name")

    def __init__(self, name: str, effect: Effect = Effect.COMMAND) -> None:
        self.name = name
        self.effect = effect


class DialStage(Enum):
    """The stages of making a connection, one round trip or more each."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    CONNECT = "connect"


class OutgoingMessage(NamedTuple):
    """A message that the box is about to send."""

    kind: TopicKind
    payload: bytes
    command_id: str | None
    """The command of an answer."""


DIAL: Failpoint[float | None, DialStage] = Failpoint("dial", Effect.CONNECTION)
"""After how many seconds a stage of connecting fails; None: it goes well."""
CONNACK: Failpoint[float | None, int] = Failpoint("connack", Effect.CONNECTION)
"""How long the firmware waits after a CONNACK with this error code; None: it never tries again."""
BAD_CERTIFICATE: Failpoint[float | None, None] = Failpoint("bad_certificate", Effect.CONNECTION)
"""How long the firmware waits after a handshake that failed; None: it never tries again."""
SUBACK: Failpoint[tuple[str, ...], None] = Failpoint("suback", Effect.CONNECTION)
"""The topic filters that the broker grants; the connection stands in any case."""
RECONNECT: Failpoint[ReconnectPolicy, None] = Failpoint("reconnect", Effect.CONNECTION)
"""The firmware's rule for connecting again."""
UPLINK: Failpoint[float | None, OutgoingMessage] = Failpoint("uplink")
"""How much later than usual a message leaves the box; None: never."""
DOWNLINK: Failpoint[float | None, Message] = Failpoint("downlink")
"""How much later than usual a message reaches the box; None: never."""
PUBACK: Failpoint[bool, Message] = Failpoint("puback")
"""Whether the box acknowledges a message that has reached it."""
SMS: Failpoint[float | None, None] = Failpoint("sms", Effect.UNDER_WAY)
"""After how many seconds an SMS reaches the box; None: never. Replaces the ordinary loss."""
RESUME: Failpoint[float, None] = Failpoint("resume", Effect.CONNECTION)
"""How long the modem takes to come back from sleep, seconds."""
BUSY: Failpoint[bool, Command] = Failpoint("busy")
"""Whether a box that works on no command is busy all the same: an update, an old request."""
DEDUPLICATION: Failpoint[bool, Command] = Failpoint("deduplication")
"""Whether the box recognises a command that it has had just before, by its id or its counter."""
CLOCK: Failpoint[float, None] = Failpoint("clock", Effect.LATER)
"""The box's belief about the time, Unix seconds. The hit is on the box's decisions by it."""
OBJECTION: Failpoint[Reason | None, Command] = Failpoint("objection")
"""Why the box does not accept a command that is signed; None: it does."""
ACCEPTANCE: Failpoint[bool, Command] = Failpoint("acceptance")
"""Whether the box goes on with a command at all; an action may crash the box meanwhile."""
CAN_WAKE: Failpoint[float | None, Command] = Failpoint("can_wake")
"""How long the CAN bus takes to answer, seconds; None: it does not wake."""
ACTUATION: Failpoint[bool, Command] = Failpoint("actuation")
"""Whether the lock moves when the box tells it to. The box reports success in any case."""
STATED: Failpoint[bool, Command] = Failpoint("stated")
"""Whether the driver's door is locked, as the state says that the box sends after a command."""
RESULT: Failpoint[Result | None, Command] = Failpoint("result")
"""The answer that the box sends; None: it sends none."""
RELOCK: Failpoint[float | None, Command] = Failpoint("relock")
"""After how many seconds the car locks itself again if no door was opened; None: never."""

_InForce = tuple[Culprit, Callable[[Any, Any], Any]]


class Failpoints:
    """The failpoint actions on one thing, by failpoint."""

    __slots__ = ("_by_failpoint", "armed")

    def __init__(self) -> None:
        self._by_failpoint: dict[Failpoint[Any, Any], tuple[_InForce, ...]] = {}
        self.armed: Collection[Failpoint[Any, Any]] = self._by_failpoint.keys()
        """The failpoints at which actions are, or were, in force."""

    def fold(
        self, failpoint: Failpoint[ValueT, ContextT], context: ContextT, *, usual: ValueT
    ) -> tuple[ValueT, list[Culprit]]:
        """Return what happens where the usual would, and who changed it, in order."""
        value, changed_by = usual, []
        for culprit, action in self._by_failpoint.get(failpoint, ()):
            changed = action(value, context)
            if changed is not value and changed != value:
                value = changed
                changed_by.append(culprit)
        return value, changed_by

    def at_work_on(self, failpoint: Failpoint[Any, Any]) -> list[Culprit]:
        """Return the faults whose actions are in force at a failpoint."""
        return [culprit for culprit, _ in self._by_failpoint.get(failpoint, ())]

    @contextmanager
    def in_force(
        self,
        failpoint: Failpoint[ValueT, ContextT],
        action: Callable[[ValueT, ContextT], ValueT],
        culprit: Culprit,
    ) -> Iterator[None]:
        """Keep `action` in force at `failpoint` while the block lasts."""
        entry = (culprit, action)
        self._by_failpoint[failpoint] = (*self._by_failpoint.get(failpoint, ()), entry)
        with undone_by(self._remove, failpoint, entry):
            yield

    def _remove(self, failpoint: Failpoint[Any, Any], entry: _InForce) -> None:
        left = list(self._by_failpoint[failpoint])
        left.remove(entry)
        self._by_failpoint[failpoint] = tuple(left)


class CarFailpoints(Failpoints):
    """The failpoint actions on one car."""

    __slots__ = ("_blame", "_hit_by", "_now_s", "_vehicle_id")

    def __init__(
        self,
        vehicle_id: str,
        *,
        blame: Callable[[Culprit, str], None],
        now_s: Callable[[], float],
    ) -> None:
        """`blame` records an effect on the connection, which lasts until that is whole again."""
        super().__init__()
        self._vehicle_id = vehicle_id
        self._blame = blame
        self._now_s = now_s
        self._hit_by: dict[str, dict[Culprit, None]] = {}
        """The faults that have hit the latest commands, by command id."""

    def at(
        self,
        failpoint: Failpoint[ValueT, ContextT],
        context: ContextT,
        *,
        usual: ValueT,
        command_id: str | None = None,
    ) -> ValueT:
        """Return the value that replaces `usual`, and report a hit to each fault behind it."""
        value, changed_by = self.fold(failpoint, context, usual=usual)
        if failpoint.effect is not Effect.LATER:
            for culprit in changed_by:
                self.report_hit(culprit, failpoint, command_id)
        return value

    def report_hit(
        self, culprit: Culprit, failpoint: Failpoint[Any, Any], command_id: str | None
    ) -> None:
        """Report to a fault that it has changed the behaviour at a failpoint."""
        now_s = self._now_s()
        during_s = (now_s, now_s) if failpoint.effect is Effect.UNDER_WAY else None
        culprit.hit(self._vehicle_id, failpoint.name, command_id=command_id, during_s=during_s)
        if failpoint.effect is Effect.CONNECTION:
            self._blame(culprit, failpoint.name)
        if command_id is not None:
            self._hit_by.setdefault(command_id, {})[culprit] = None
            if len(self._hit_by) > COMMANDS_REMEMBERED:
                del self._hit_by[next(iter(self._hit_by))]

    def pass_on(self, hit_id: str, failpoint: Failpoint[Any, Any], command_id: str) -> None:
        """Attribute `command_id` to the faults that delayed the command before it, `hit_id`."""
        for culprit in self._hit_by.get(hit_id, ()):
            culprit.hit(self._vehicle_id, failpoint.name, command_id=command_id)


@contextmanager
def undone_by(undo: Callable[..., None], *arguments: Any) -> Iterator[None]:
    """Call `undo` when the block ends, but not when the run ends before it.

    A process that never ends is thrown away with its world: nothing needs a repair.
    """
    try:
        yield
    except GeneratorExit:
        raise
    except BaseException:
        undo(*arguments)
        raise
    undo(*arguments)
