"""Incidents of others: CSV files of counts, and the cohorts that their operators named.

The folder (or zip file) holds `labels.json` and a CSV for each of its entries. A label has `data`
(the file's name without ".csv"), `timestamp` (the minute at fault, Unix seconds) and `cause`
(traits and their values, or a list of such where any of them is right). A CSV has a row for each
minute (`min`) and combination of traits: `cnt` attempts, of which `value` failed; all other columns
are traits. The incidents of a public data set look like this: "RS" in
https://github.com/shaido987/riskloc, which names where it comes from.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from platform_probe.judge.diagnosis.cohorts.counts import Count

LABELS: Final = "labels.json"
_NO_TRAITS: Final = ("min", "value", "cnt")


class Label(msgspec.Struct, frozen=True):
    """What was at fault in a file, and when."""

    data: str
    timestamp: int
    cause: dict[str, str | int] | list[dict[str, str | int]]

    @property
    def cohorts(self) -> tuple[frozenset[tuple[str, str]], ...]:
        """The cohorts that are right."""
        causes = self.cause if isinstance(self.cause, list) else [self.cause]
        return tuple(
            frozenset((name, str(value)) for name, value in cause.items()) for cause in causes
        )


@dataclass(frozen=True, slots=True)
class Outside:
    """One of these incidents."""

    name: str
    trait_names: Sequence[str]
    counts: Sequence[Count]
    """Until the minute at fault, and with it."""
    since: float
    cohorts: tuple[frozenset[tuple[str, str]], ...]


def read_outside(source: Path) -> list[Outside]:
    """Return the incidents of a folder or zip file, in the order of its labels.

    Raises OSError, KeyError or msgspec.DecodeError where it is not made like that.
    """
    texts = _texts(source)
    labels = msgspec.json.decode(texts[LABELS], type=list[Label])
    return [_incident(label, texts[f"{label.data}.csv"]) for label in labels]


def _texts(source: Path) -> Mapping[str, str]:
    if source.is_dir():
        return {file.name: file.read_text(encoding="utf-8-sig") for file in source.iterdir()}
    with zipfile.ZipFile(source) as archive:
        return {
            Path(name).name: archive.read(name).decode("utf-8-sig")
            for name in archive.namelist()
            if not name.endswith("/")
        }


def _incident(label: Label, text: str) -> Outside:
    rows = list(csv.DictReader(io.StringIO(text)))
    trait_names = [name for name in rows[0] if name not in _NO_TRAITS]
    counts = []
    for row in rows:
        minute, attempts, failures = int(row["min"]), _number(row["cnt"]), _number(row["value"])
        if minute <= label.timestamp and attempts:
            counts.append(
                Count(
                    at=float(minute),
                    values=tuple(row[name] for name in trait_names),
                    attempts=attempts,
                    failures=min(attempts, failures),
                )
            )
    return Outside(label.data, trait_names, counts, float(label.timestamp), label.cohorts)


def _number(text: str) -> int:
    return round(float(text))
