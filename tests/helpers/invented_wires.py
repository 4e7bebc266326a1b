"""Wires that nobody has thought of: what is heard on them while cars are opened and locked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from fleet_wire.contract.messages import Action, Phase
from fleet_wire.profiles.samples import Sample

ACTIONS = (Action.UNLOCK, Action.LOCK)
ACTION_WORDS = (("OPEN", "SHUT"), ("unlock", "lock"), ("Open doors", "Close doors"))
PHASE_WORDS = (("seen", "done"), ("ACK", "OK"), ("accepted", "executed"), ("queued", "success"))
PHASES = (Phase.RECEIVED, Phase.EXECUTED)
LOCK_WORDS = (("0", "1"), ("unlocked", "locked"), ("off", "on"), (False, True))
CAR_IDS = ("few-{:05}", "WVWZZZ1JZXW{:06}", "car{:04}", "{:07}")


class Meant(NamedTuple):
    """A message, and what it means."""

    sample: Sample
    car: str
    said: Action | Phase | None = None
    """Of a command or an answer, where its word is known."""


@dataclass(frozen=True)
class Wire:
    """How a fleet speaks."""

    prefix: tuple[str, ...]
    order: tuple[str, ...]
    """In which order the levels stand: car, word, id and phase, as far as they are levels."""
    words: tuple[str, str]
    """Of commands and answers."""
    cars: tuple[str, ...]
    is_json: bool
    is_car_in_payload: bool
    client: str
    """Who asks, in a level before the id; empty where nothing says so."""
    id_at: str
    """Where the id of a command is: `topic`, `payload`, or `nowhere`."""
    has_phase_level: bool
    are_short_ids: bool
    """Whether each car's commands are numbered from 1."""
    action_words: tuple[str, str]
    phase_words: tuple[str, str]
    lock_words: tuple[Any, Any]
    odd_words: tuple[str, ...]
    """Phases that nobody knows, of one car each."""
    rounds: int
    """How often each car is opened and locked."""

    def topic(self, word: str, car: str, command_id: str | None = None, phase: str = "") -> str:
        """Return a topic, with the levels that it has."""
        levels = {"word": word} if self.is_car_in_payload else {"car": car, "word": word}
        if command_id is not None and self.id_at == "topic":
            levels["id"] = f"by/{self.client}/{command_id}" if self.client else command_id
        if phase and self.has_phase_level:
            levels["phase"] = phase
        return "/".join((*self.prefix, *(levels[name] for name in self.order if name in levels)))

    def command_id(self, car: str, number: int) -> str:
        """Return the id of a car's command."""
        unique = hashlib.sha256(f"{car}{number}".encode()).hexdigest()[:32]
        return str(number) if self.are_short_ids else unique

    def heard(self) -> Iterator[Meant]:
        """Yield all that is heard: kept states first, then commands with their answers."""
        for car in self.cars:
            yield Meant(self._state("lock", car, "locked", self.lock_words[1], retain=True), car)
            yield Meant(self._state("link", car, "status", "UP", retain=True), car)
        for turn in range(self.rounds):
            for car in self.cars:
                for at, action in enumerate(ACTIONS):
                    yield from self._exchange(car, 1 + 2 * turn + at, action)
        for odd, car in zip(self.odd_words, self.cars, strict=False):
            command_id = self.command_id(car, 99)
            asked = self._message(0, car, command_id, "op", self.action_words[0])
            yield Meant(asked, car, Action.UNLOCK)
            yield Meant(self._message(1, car, command_id, "status", odd), car)

    def _exchange(self, car: str, number: int, action: Action) -> Iterator[Meant]:
        is_lock, command_id = action is Action.LOCK, self.command_id(car, number)
        asked = self._message(0, car, command_id, "op", self.action_words[is_lock])
        yield Meant(asked, car, action)
        for word, phase in zip(self.phase_words, PHASES, strict=True):
            yield Meant(self._message(1, car, command_id, "status", word), car, phase)
        locked = self.lock_words[is_lock]
        yield Meant(self._state("lock", car, "locked", locked, retain=False), car)

    def _message(self, which: int, car: str, command_id: str, field: str, said: str) -> Sample:
        phase = said if which else ""
        topic = self.topic(self.words[which], car, command_id, phase)
        if not self.is_json:
            return Sample(topic, "" if phase and self.has_phase_level else said)
        document = {} if phase and self.has_phase_level else {field: said}
        if self.id_at == "payload":
            document["ref"] = command_id
        return Sample(topic, document | self._car(car))

    def _state(self, word: str, car: str, field: str, said: Any, *, retain: bool) -> Sample:
        text = said if isinstance(said, str) else msgspec.json.encode(said).decode()
        payload = {field: said} | self._car(car) if self.is_json else text
        return Sample(self.topic(word, car), payload, retain=retain)

    def _car(self, car: str) -> dict[str, str]:
        return {"vin": car} if self.is_car_in_payload else {}


@st.composite
def wires(draw: st.DrawFn) -> Wire:
    """Return wires that speak with words that are known, however they put them."""
    is_json = draw(st.booleans())
    count = draw(st.sampled_from((1, 2, 3, 12)))
    pattern = draw(st.sampled_from(CAR_IDS))
    id_at = draw(st.sampled_from(("topic", "payload", "nowhere") if is_json else ("topic",)))
    return Wire(
        prefix=draw(st.sampled_from(((), ("v1",), ("kc", "acme"), ("fleet2", "prod")))),
        order=tuple(draw(st.permutations(("car", "word", "id", "phase")))),
        words=draw(st.sampled_from((("cmd", "ack"), ("order", "reply"), ("request", "response")))),
        cars=tuple(pattern.format(17 * number + 3) for number in range(count)),
        is_json=is_json,
        is_car_in_payload=is_json and draw(st.booleans()),
        client=draw(st.sampled_from(("", "phone-17", "platform"))),
        id_at=id_at,
        has_phase_level=draw(st.booleans()),
        are_short_ids=draw(st.booleans()),
        action_words=draw(st.sampled_from(ACTION_WORDS)),
        phase_words=draw(st.sampled_from(PHASE_WORDS)),
        lock_words=draw(st.sampled_from(LOCK_WORDS)),
        odd_words=tuple(draw(st.sets(st.sampled_from(("hold", "nope!", "banana", "limbo"))))),
        rounds=draw(st.integers(1, 3)),
    )
