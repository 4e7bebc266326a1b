"""Settings and refusals of a broker of our own, changed at run time."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Settings of the broker; None leaves the broker's own."""

    max_queued_messages: int | None = None
    """How many messages wait for a client that is away; 0: without a limit."""
    shows_bad_certificates: bool = False
    """Whether boxes may find its certificate bad, which its log then tells."""

    def mosquitto_config(self) -> str:
        """Return the lines of mosquitto.conf."""
        if self.max_queued_messages is None:
            return ""
        return f"max_queued_messages {self.max_queued_messages}\n"


def tightest(asked: Iterable[BrokerSettings]) -> BrokerSettings:
    """Return settings that give everybody what they asked for: of limits the lowest."""
    asked = [*asked]
    queues = [each.max_queued_messages for each in asked if each.max_queued_messages is not None]
    return BrokerSettings(
        max_queued_messages=min(queues, key=lambda limit: limit or math.inf, default=None),
        shows_bad_certificates=any(each.shows_bad_certificates for each in asked),
    )


class BrokerControl(ABC):
    """Turns boxes away at a broker of our own, for as long as a block lasts; blocks may overlap."""

    def __init__(self) -> None:
        self._refused: Counter[str] = Counter()
        self._denied: Counter[tuple[str, str]] = Counter()
        self._closed: Counter[str] = Counter()

    @property
    def refused(self) -> frozenset[str]:
        """Client ids of the refused boxes; connected ones stay connected."""
        return frozenset(+self._refused)

    @property
    def denied(self) -> Mapping[str, Sequence[str]]:
        """Topic filters by client id; the client receives nothing from them."""
        by_client: dict[str, list[str]] = {}
        for client_id, topic_filter in sorted(+self._denied):
            by_client.setdefault(client_id, []).append(topic_filter)
        return by_client

    @property
    def closed(self) -> Sequence[str]:
        """Filters of topics to which nobody may publish."""
        return sorted(+self._closed)

    @contextmanager
    def refusing(self, client_ids: Iterable[str]) -> Iterator[None]:
        """Refuse connections of these boxes: CONNACK says `not authorised`."""
        with self._counting(self._refused, client_ids):
            yield

    @contextmanager
    def denying(self, filters: Mapping[str, Iterable[str]]) -> Iterator[None]:
        """Give these boxes nothing of these topics; SUBACK and the publisher's PUBACK say 0."""
        pairs = [(client_id, each) for client_id, some in filters.items() for each in some]
        with self._counting(self._denied, pairs):
            yield

    @contextmanager
    def closing(self, filters: Iterable[str]) -> Iterator[None]:
        """Refuse publications to these topics: PUBACK says `not authorised`, in MQTT 3.1.1 0."""
        with self._counting(self._closed, filters):
            yield

    @contextmanager
    def _counting(self, counter: Counter[Any], keys: Iterable[Any]) -> Iterator[None]:
        keys = [*keys]
        counter.update(keys)
        self.apply()
        try:
            yield
        except GeneratorExit:  # the run has ended before the block: there is nothing to mend
            raise
        except BaseException:
            self._take_back(counter, keys)
            raise
        self._take_back(counter, keys)

    def _take_back(self, counter: Counter[Any], keys: Iterable[Any]) -> None:
        counter.subtract(keys)
        self.apply()

    @abstractmethod
    def apply(self) -> None:
        """Apply `refused`, `denied` and `closed` at the broker."""
