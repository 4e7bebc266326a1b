"""Scrapes of a registry at an even interval, kept as Prometheus would, as input of `promtool`."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from prometheus_client import CollectorRegistry

from tests.helpers.shipped import EXPOSED, recording_rules

JOB = "platform-probe"
_STALE = "stale"
_KEPT = re.compile(r'(?:source|outcome|le|presence|connected|sink|topic)="[^"]*"')
"""Labels by which the rules select or group, the traits of cars apart."""


@functools.cache
def _read_by_rules() -> frozenset[str]:
    """Return the series that a rule reads: no other has a say, and each costs time."""
    return frozenset(name for rule in recording_rules() for name in EXPOSED.findall(rule["expr"]))


class Scrapes:
    """The series of every instance. Only changes are kept, so a quiet month takes little room."""

    def __init__(self, *, interval_s: float) -> None:
        self.interval_s = interval_s
        self.count = 0
        """Scrapes so far."""
        self._changes: dict[tuple[str, ...], list[tuple[int, float | str]]] = {}
        self._names: dict[tuple[str, ...], str] = {}

    def take(self, instance: str, registry: CollectorRegistry) -> None:
        """Note what a registry shows now, and that its probe is up."""
        self._note_up(instance, 1.0)
        read = _read_by_rules()
        for family in registry.restricted_registry(read).collect():
            for sample in family.samples:
                if sample.name in read:
                    key = (instance, sample.name, *sample.labels.values())
                    if key not in self._names:
                        self._names[key] = _series(instance, sample.name, sample.labels)
                    self._note(key, sample.value)

    def missed(self, instance: str) -> None:
        """Note that nobody answered: every series of that instance goes stale, and up is 0."""
        for key, changes in self._changes.items():
            if key[0] == instance and key[1] != "up" and changes[-1][1] != _STALE:
                changes.append((self.count, _STALE))
        self._note_up(instance, 0.0)

    def next(self) -> None:
        """Go to the next scrape."""
        self.count += 1

    def as_input_series(self) -> Iterator[dict[str, str]]:
        """Yield each series in the notation of promtool's unit tests.

        Of many that are always 0 and differ only in their cause or kind one is enough: the rules
        add them up.
        """
        zeros: set[tuple[str, ...]] = set()
        for key, changes in self._changes.items():
            if all(value in (0, _STALE) for _, value in changes):
                alike = self._alike(key)
                if alike in zeros:
                    continue
                zeros.add(alike)
            yield {"series": self._names[key], "values": self._values(changes)}

    def _alike(self, key: tuple[str, ...]) -> tuple[str, ...]:
        """Return what a series has in common with those that say no more than it does."""
        labels = self._names[key].partition("{")[2]
        return (*key[:2], *_KEPT.findall(labels))

    def _note_up(self, instance: str, value: float) -> None:
        key = (instance, "up")
        self._names[key] = _series(instance, "up", {})
        self._note(key, value)

    def _note(self, key: tuple[str, ...], value: float) -> None:
        changes = self._changes.setdefault(key, [])
        if not changes or changes[-1][1] != value:
            changes.append((self.count, value))

    def _values(self, changes: list[tuple[int, float | str]]) -> str:
        parts = [f"_x{changes[0][0]}"] if changes[0][0] else []
        ends = [*(at for at, _ in changes[1:]), self.count]
        for (at, value), end in zip(changes, ends, strict=True):
            times = end - at
            if value == _STALE:
                parts.append(_STALE)
                if times > 1:
                    parts.append(f"_x{times - 1}")
            else:
                parts.append(f"{value:.10g}x{times - 1}" if times > 1 else f"{value:.10g}")
        return " ".join(parts)


def _series(instance: str, name: str, labels: dict[str, str]) -> str:
    pairs = {"job": JOB, "instance": instance, **labels}
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in pairs.items()) + "}"
