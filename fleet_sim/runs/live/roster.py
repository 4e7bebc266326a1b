"""Which shards of a fleet are there, where each is a process on a machine of its own.

Nobody starts or counts such shards (`fleet-sim boxes --shard K/N`, a pod each) but themselves. So
each announces itself by a retained message, which its last will clears, and reads the others'
announcements. A shard that is missing, late, duplicate or differently configured is reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Final

import msgspec

from fleet_sim.results import readable
from fleet_sim.scenario.loading import Scenario
from fleet_wire.error_text import first_few, on_one_line, shortened
from fleet_wire.links.announcement_topic import GONE, AnnouncementTopic
from fleet_wire.links.brokers import Brokers

ANNOUNCED_AT: Final = "shards"
"""First level of the topics at which shards announce themselves. Those of another fleet are found
there too: a broker serves one, whose null box and SMS centres have the same names."""
MOST_NAMED: Final = 5
"""Most missing shards that a message names."""
SPARE: Final = 10
"""Spare entries besides each shard twice: anybody may publish there."""

Count = Annotated[int, msgspec.Meta(ge=1, le=10**9)]


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """A shard's announcement. All of a fleet say the same, but for number and host."""

    fleet: Annotated[str, msgspec.Meta(max_length=255)]
    """The scenario's name."""
    number: Count
    host: Annotated[str, msgspec.Meta(max_length=255)]
    total: Count
    cars: Count
    """The cars of all shards together."""
    scenario: Annotated[str, msgspec.Meta(max_length=16)]
    """Digest of it as it is played, with what `--set` changed."""
    seed: Annotated[int, msgspec.Meta(ge=0)]
    brokers: Annotated[str, msgspec.Meta(max_length=16)]
    """Digest of their list: a car's broker follows from its place there, so the order counts."""
    broker_set: Annotated[str, msgspec.Meta(max_length=16)] = ""
    """The same whatever the order."""
    broker_count: Annotated[int, msgspec.Meta(ge=0)] = 0
    is_ending: bool = False
    """Whether it says goodbye."""

    def __post_init__(self) -> None:
        if self.number > self.total:
            raise ValueError(f"shard {self.number} of {self.total}")

    @property
    def name(self) -> str:
        """The shard's name."""
        boxes = readable.boxes(boxes_of(self.number, self))
        return f"shard {self.number}/{self.total} on {on_one_line(self.host)} ({boxes})"


_DECODER: Final = msgspec.json.Decoder(Announcement)
_MUST_BE_THE_SAME: Final = (
    ("fleet", "a broker serves one; put the cars of both into one scenario, as groups"),
    ("total", "some cars are played twice or by nobody; give all the same N of --shard K/N"),
    ("cars", "some cars are played twice or by nobody; give all the same scenario and --set"),
    ("scenario", "its cars and faults are others; give all the same scenario and --set"),
    ("seed", "what is random differs; give all the same --seed"),
    ("brokers", "its cars are not where others look for them; give all the same --broker list"),
)
"""The fields that all shards must share, and the message about the first difference."""


def announcement(
    fleet: str,
    scenario: Scenario,
    *,
    shard: tuple[int, int],
    host: str,
    seed: int,
    brokers: Brokers,
) -> Announcement:
    """Return what a shard K of N has to say of itself."""
    text = scenario.model_dump_json(exclude={"seed"})
    addresses = [f"{each.host}:{each.port}" for each in brokers.addresses]
    return Announcement(
        fleet=fleet,
        number=shard[0],
        host=host,
        total=shard[1],
        cars=scenario.fleet.count,
        scenario=_digest(text),
        seed=seed,
        brokers=_digest(",".join(addresses)),
        broker_set=_digest(",".join(sorted(addresses))),
        broker_count=len(addresses),
    )


def meeting_place(brokers: Brokers) -> Brokers:
    """Return the broker of a list at which shards announce themselves.

    It is the broker whose `host:port` comes first in the alphabet. It does not depend on the order
    of the list, nor on more brokers behind it in the alphabet.
    """
    return Brokers((min(brokers.addresses, key=lambda each: f"{each.host}:{each.port}"),))


def boxes_of(number: int, shard: Announcement) -> int:
    """Return how many boxes the shard of this number has, of so many as `shard` is one of."""
    return len(range(number - 1, shard.cars, shard.total))


@dataclass(slots=True)
class _KnownShard:
    announcement: Announcement
    heard_s: float


class Roster(AnnouncementTopic):
    """The known shards of this fleet, always with ourselves. Times are monotonic."""

    def __init__(self, own: Announcement, instance: str, *, life_s: float) -> None:
        super().__init__(ANNOUNCED_AT, instance)
        self._own = own
        self._life_s = life_s
        self._most = 2 * own.total + SPARE
        self._others: dict[str, _KnownShard] = {}
        self._cut_off: set[str] = set()
        """Shards that are gone but may return unchanged, for example because their broker
        stopped."""
        self.malformed = 0
        """Messages that are no shard's."""
        self.served_s: float | None = None
        """Since when our boxes serve; None: they still connect."""

    def payload(self, *, is_ending: bool = False) -> bytes:
        """Return what we announce."""
        return msgspec.json.encode(msgspec.structs.replace(self._own, is_ending=is_ending))

    def handle(self, topic: str, payload: bytes, now_s: float) -> Sequence[str]:
        """Handle a shard's announcement or its removal; return the messages about it."""
        instance = topic.removeprefix(self._begin)
        if instance == self._name:
            return ()
        if payload == GONE:
            return self._forget(instance, "gone without a goodbye: killed, or cut off")
        try:
            other = _DECODER.decode(payload)
        except msgspec.DecodeError as error:
            return self._malformed(topic, str(error))
        if other.is_ending:
            return self._forget(instance, "gone: it was told to end")
        return tuple(self._remember(instance, other, now_s))

    def expire(self, now_s: float) -> Sequence[str]:
        """Forget shards that were silent for a life; return the messages about them."""
        silent = [
            instance
            for instance, seen in self._others.items()
            if now_s - seen.heard_s > self._life_s
        ]
        return [said for each in silent for said in self._forget(each, "silent: is it cut off?")]

    def state(self) -> str:
        """Return in words how many shards are there, and what is wrong with that."""
        own = self._own
        fitting = [own, *self._fitting()]
        times = Counter(each.number for each in fitting)
        missing = [number for number in range(1, own.total + 1) if number not in times]
        twice = sorted(number for number, count in times.items() if count > 1)
        unfit = len(self._others) + 1 - len(fitting)
        text = f"{len(times)} of {own.total} shards"
        if missing:
            boxes = readable.boxes(sum(boxes_of(number, own) for number in missing))
            text += f", {boxes} missing with shard {_named(missing)}"
        if twice:
            text += f", twice shard {_named(twice)}"
        return f"{text}, {unfit} that do not fit" if unfit else text

    def _fitting(self) -> Iterator[Announcement]:
        """Yield the others that have been told the same as we."""
        for seen in self._others.values():
            if _difference(self._own, seen.announcement) is None:
                yield seen.announcement

    def _remember(self, instance: str, other: Announcement, now_s: float) -> Iterator[str]:
        """Remember a shard that is there; yield the messages about it."""
        is_new = instance not in self._others
        if is_new and len(self._others) >= self._most:
            return
        self._others[instance] = _KnownShard(other, now_s)
        if is_new:
            yield from self._describe(instance, other, now_s)

    def _describe(self, instance: str, other: Announcement, now_s: float) -> Iterator[str]:
        own = self._own
        difference = _difference(own, other)
        if difference is not None:
            yield f"{other.name} does not fit {own.name}, this one: {difference}"
            return
        same = [
            seen.announcement.name
            for name, seen in self._others.items()
            if name != instance and seen.announcement.number == other.number
        ]
        if other.number == own.number:
            same.append(f"{own.name}, this one")
        if instance in self._cut_off:
            self._cut_off.discard(instance)
            yield f"{other.name} is there again"
        elif same:
            yield f"{other.name} is played by {same[-1]} too: each throws the other's boxes out"
        elif self.served_s is not None:
            late = readable.duration(now_s - self.served_s)
            yield f"{other.name} has come {late} after this one served: its faults come later"

    def _forget(self, instance: str, why: str) -> Sequence[str]:
        seen = self._others.pop(instance, None)
        if seen is None:
            return ()
        if len(self._cut_off) < self._most:
            self._cut_off.add(instance)
        return (f"{seen.announcement.name} is {why}",)

    def _malformed(self, topic: str, why: str) -> Sequence[str]:
        """Report only the first malformed message: anybody may publish there, and often."""
        self.malformed += 1
        text = on_one_line(shortened(f"{topic}: {why}"))
        return (f"what is no shard's was published at {text}",) if self.malformed == 1 else ()


def _difference(ours: Announcement, other: Announcement) -> str | None:
    """Return the first thing that two have been told differently, and what follows from it."""
    return next(
        (
            f"{_in_words(field, ours, other)}: {so}"
            for field, so in _MUST_BE_THE_SAME
            if getattr(other, field) != getattr(ours, field)
        ),
        None,
    )


def _in_words(field: str, ours: Announcement, other: Announcement) -> str:
    """Return how two differ in a field; what is a digest says nothing to people."""
    if field == "scenario":
        return "its scenario is another"
    if field != "brokers":
        theirs = on_one_line(shortened(str(getattr(other, field))))
        return f"{field} {theirs} is not {getattr(ours, field)}"
    if other.broker_set == ours.broker_set:
        return "its --broker list has the same brokers in another order"
    if other.broker_count != ours.broker_count:
        return f"its --broker list has {other.broker_count} brokers, not {ours.broker_count}"
    return "its --broker list has others than this one's"


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _named(numbers: Sequence[int]) -> str:
    return first_few(map(str, numbers), len(numbers), MOST_NAMED)
