"""Drafts: the profile that comes of what is heard of a fleet, in the text file of this folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fleet_wire.errors import ConfigError
from fleet_wire.profiles.profile import Profile
from fleet_wire.profiles.samples import Sample, apply_profile
from platform_probe.learn.drafting import draft_of
from tests.helpers.profile_files import profile_of
from tests.helpers.transcripts import Teller, matching, stories_test


@dataclass
class DraftPlayer(Teller):
    """Somebody who listens to a fleet.

    `heard TOPIC PAYLOAD` is a message; a payload in braces is JSON with its quotes left out.
    `draft [PATTERN]` writes a profile, and shows the lines that match. `read` says what that makes
    of all messages, and `reads TOPIC PAYLOAD` of another one.
    """

    samples: list[Sample] = field(default_factory=list)
    text: str = ""
    told: list[str] = field(default_factory=list)

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            "read": lambda: self._say(self.samples),
            "reads": lambda topic, payload: self._say([Sample(topic, _payload(payload))]),
        }

    def _do_heard(
        self,
        topic: str,
        payload: Any,
        *,
        correlation: Any = None,
        retain: bool = False,
        times: int = 1,
    ) -> None:
        data = None if correlation is None else str(correlation)
        sample = Sample(topic, _payload(payload), correlation_data=data, retain=retain)
        self.samples += [sample] * times

    def _do_draft(self, lines: str = "", *, mqtt: Any = 5, vehicles: str = "") -> None:
        chosen = {"vehicles": vehicles.split(",")} if vehicles else {}
        self.text = draft_of(self.samples, mqtt="5" if mqtt == 5 else "3.1.1", **chosen)
        self.told += matching(self.text.splitlines(), lines)

    def _profile(self) -> Profile:
        return profile_of(self.text)

    def _do_traits(self) -> None:
        """Show how answers find their commands, or what is to be filled in."""
        try:
            self.told.append(f"correlation {self._profile().traits.correlation.value}")
        except ConfigError as error:
            self.told += [one.partition(": ")[2] for one in error.problems]

    def _say(self, samples: list[Sample]) -> None:
        """Show what the draft makes of messages, each line once."""
        messages = [("", one.as_message()) for one in samples]
        for one in apply_profile(self._profile(), messages):
            line = f"{one.reading.value}: {one.text}"
            if line not in self.told:
                self.told.append(line)


def _payload(text: Any) -> Any:
    """Return a payload: `{id: c0ffee01, locked: true}` is JSON with its quotes left out."""
    if not (isinstance(text, str) and text.startswith("{") and text.endswith("}")):
        return str(text)
    return msgspec.yaml.decode(text)


test_stories = stories_test(__file__, DraftPlayer)
