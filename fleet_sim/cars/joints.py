"""Failpoints: points at which faults may change a car's behaviour, with attribution to the fault.

A failpoint (here a `Joint`) is a point at which the model is about to do something. It asks the
actions in force there; each gets the intended value and returns the actual one. A failpoint action
(a bend) is a function of two arguments: the value, and the context that it belongs to. The
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
    """The command that the joint was asked about, if there is one."""
    UNDER_WAY = "under_way"
    """Everything under way for the car at that moment."""
    CONNECTION = "connection"
    """The car's connection, until it is whole again."""
    LATER = "later"
    """Nothing yet: the joint feeds a later decision, and that decision is the hit."""


class Joint(Generic[ValueT, ContextT]):
    """One point of the model where behaviour may bend. Compared by identity."""

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


DIAL: Joint[float | None, DialStage] = Joint("dial", Effect.CONNECTION)
"""After how many seconds a stage of connecting fails; None: it goes well."""
CONNACK: Joint[float | None, int] = Joint("connack", Effect.CONNECTION)
"""How long the firmware waits after a CONNACK with this error code; None: it never tries again."""
BAD_CERTIFICATE: Joint[float | None, None] = Joint("bad_certificate", Effect.CONNECTION)
"""How long the firmware waits after a handshake that failed; None: it never tries again."""
SUBACK: Joint[tuple[str, ...], None] = Joint("suback", Effect.CONNECTION)
"""The topic filters that the broker grants; the connection stands in any case."""
RECONNECT: Joint[ReconnectPolicy, None] = Joint("reconnect", Effect.CONNECTION)
"""The firmware's rule for connecting again."""
UPLINK: Joint[float | None, OutgoingMessage] = Joint("uplink")
"""How much later than usual a message leaves the box; None: never."""
DOWNLINK: Joint[float | None, Message] = Joint("downlink")
"""How much later than usual a message reaches the box; None: never."""
PUBACK: Joint[bool, Message] = Joint("puback")
"""Whether the box acknowledges a message that has reached it."""
SMS: Joint[float | None, None] = Joint("sms", Effect.UNDER_WAY)
"""After how many seconds an SMS reaches the box; None: never. Replaces the ordinary loss."""
RESUME: Joint[float, None] = Joint("resume", Effect.CONNECTION)
"""How long the modem takes to come back from sleep, seconds."""
BUSY: Joint[bool, Command] = Joint("busy")
"""Whether a box that works on no command is busy all the same: an update, an old request."""
DEDUPLICATION: Joint[bool, Command] = Joint("deduplication")
"""Whether the box recognises a command that it has had just before, by its id or its counter."""
CLOCK: Joint[float, None] = Joint("clock", Effect.LATER)
"""The box's belief about the time, Unix seconds. The hit is on the box's decisions by it."""
OBJECTION: Joint[Reason | None, Command] = Joint("objection")
"""Why the box does not accept a command that is signed; None: it does."""
ACCEPTANCE: Joint[bool, Command] = Joint("acceptance")
"""Whether the box goes on with a command at all; a bend may crash the box meanwhile."""
CAN_WAKE: Joint[float | None, Command] = Joint("can_wake")
"""How long the CAN bus takes to answer, seconds; None: it does not wake."""
ACTUATION: Joint[bool, Command] = Joint("actuation")
"""Whether the lock moves when the box tells it to. The box reports success in any case."""
STATED: Joint[bool, Command] = Joint("stated")
"""Whether the driver's door is locked, as the state says that the box sends after a command."""
RESULT: Joint[Result | None, Command] = Joint("result")
"""The answer that the box sends; None: it sends none."""
RELOCK: Joint[float | None, Command] = Joint("relock")
"""After how many seconds the car locks itself again if no door was opened; None: never."""

_InForce = tuple[Culprit, Callable[[Any, Any], Any]]


class Connected(Protocol):
    """The modem, as the bends of its car know it."""

    def blame(self, culprit: Culprit, what: str) -> None:
        """Record a fault's effect on the connection, which lasts until that is whole again."""
        ...


class InForce:
    """Bends in force on one thing, by joint."""

    __slots__ = ("_by_joint", "joints")

    def __init__(self) -> None:
        self._by_joint: dict[Joint[Any, Any], tuple[_InForce, ...]] = {}
        self.joints: Collection[Joint[Any, Any]] = self._by_joint.keys()
        """Those at which bends are, or have been, in force."""

    def fold(
        self, joint: Joint[ValueT, ContextT], context: ContextT, *, usual: ValueT
    ) -> tuple[ValueT, list[Culprit]]:
        """Return what happens where the usual would, and who changed it, in order."""
        value, changed_by = usual, []
        for culprit, bend in self._by_joint.get(joint, ()):
            bent = bend(value, context)
            if bent is not value and bent != value:
                value = bent
                changed_by.append(culprit)
        return value, changed_by

    def at_work_on(self, joint: Joint[Any, Any]) -> list[Culprit]:
        """Return whose bends are in force at a joint."""
        return [culprit for culprit, _ in self._by_joint.get(joint, ())]

    @contextmanager
    def in_force(
        self,
        joint: Joint[ValueT, ContextT],
        bend: Callable[[ValueT, ContextT], ValueT],
        culprit: Culprit,
    ) -> Iterator[None]:
        """Keep the action `bend` in force at `joint` while the block lasts."""
        entry = (culprit, bend)
        self._by_joint[joint] = (*self._by_joint.get(joint, ()), entry)
        with undone_by(self._remove, joint, entry):
            yield

    def _remove(self, joint: Joint[Any, Any], entry: _InForce) -> None:
        left = list(self._by_joint[joint])
        left.remove(entry)
        self._by_joint[joint] = tuple(left)


class Bends(InForce):
    """The bends in force on one car."""

    __slots__ = ("_hit_by", "_modem", "_now_s", "_vehicle_id")

    def __init__(self, vehicle_id: str, modem: Connected, now_s: Callable[[], float]) -> None:
        super().__init__()
        self._vehicle_id = vehicle_id
        self._modem = modem
        self._now_s = now_s
        self._hit_by: dict[str, dict[Culprit, None]] = {}
        """The faults that have hit the latest commands, by command id."""

    def at(
        self,
        joint: Joint[ValueT, ContextT],
        context: ContextT,
        *,
        usual: ValueT,
        command_id: str | None = None,
    ) -> ValueT:
        """Return what happens where the usual would, and tell those who changed it."""
        value, changed_by = self.fold(joint, context, usual=usual)
        if joint.effect is not Effect.LATER:
            for culprit in changed_by:
                self.report_hit(culprit, joint, command_id)
        return value

    def report_hit(self, culprit: Culprit, joint: Joint[Any, Any], command_id: str | None) -> None:
        """Report to a fault that it has changed the behaviour at a failpoint."""
        now_s = self._now_s()
        during_s = (now_s, now_s) if joint.effect is Effect.UNDER_WAY else None
        culprit.hit(self._vehicle_id, joint.name, command_id=command_id, during_s=during_s)
        if joint.effect is Effect.CONNECTION:
            self._modem.blame(culprit, joint.name)
        if command_id is not None:
            self._hit_by.setdefault(command_id, {})[culprit] = None
            if len(self._hit_by) > COMMANDS_REMEMBERED:
                del self._hit_by[next(iter(self._hit_by))]

    def pass_on(self, hit_id: str, joint: Joint[Any, Any], command_id: str) -> None:
        """Attribute `command_id` to the faults that delayed the command before it, `hit_id`."""
        for culprit in self._hit_by.get(hit_id, ()):
            culprit.hit(self._vehicle_id, joint.name, command_id=command_id)


@contextmanager
def undone_by(undo: Callable[..., None], *arguments: Any) -> Iterator[None]:
    """Call `undo` when the block ends, but not when the run ends before it.

    A process that never gets to its end is thrown away with its world: there is nothing to mend.
    """
    try:
        yield
    except GeneratorExit:
        raise
    except BaseException:
        undo(*arguments)
        raise
    undo(*arguments)
