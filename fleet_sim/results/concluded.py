"""The monitor's conclusions on some unlocks: how many opened, and why the others did not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import Cause


@dataclass(slots=True)
class Concluded:
    """The monitor's conclusions on some unlocks."""

    ok: int = 0
    causes: Counter[Cause] = field(default_factory=Counter)

    def add(self, attempt: Attempt) -> None:
        """Count an unlock."""
        if attempt.cause is None:
            self.ok += 1
        else:
            self.causes[attempt.cause] += 1

    @property
    def counts(self) -> dict[str, int]:
        """How many there are, and how many of them opened or did not."""
        not_ok = self.causes.total()
        return {"total": self.ok + not_ok, "ok": self.ok, "not_ok": not_ok}

    def as_json(self) -> dict[str, Any]:
        """Return the counts with an entry for every cause, so that one can be expected to be 0."""
        return {**self.counts, "by_cause": {cause.value: self.causes[cause] for cause in Cause}}
