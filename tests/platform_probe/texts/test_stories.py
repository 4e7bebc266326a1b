"""Times as people write them, and as they are told, in the text file of this folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fleet_wire.errors import ConfigError
from platform_probe.texts.speaking import long_of
from platform_probe.texts.times import iso_of, lasts_s, moment_of, zone_named
from platform_probe.web.console.when import stretch_of
from tests.helpers.transcripts import Teller, stories_test


@dataclass
class TimePlayer(Teller):
    """Somebody in Berlin who writes a time, where the newest record is of noon in June.

    `command TEXT` reads it as commands do, and `search TEXT` as the search of the console does.
    """

    told: list[str] = field(default_factory=list)
    newest_s: float = datetime(2026, 6, 17, 10, 0, tzinfo=UTC).timestamp()
    """A Wednesday."""

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        verbs = {name: self._telling(verb) for name, verb in super().verbs().items()}
        lasts = self._telling(lambda text: f"{lasts_s(str(text)):g} s")
        durations = self._telling(lambda *seconds: ", ".join(map(long_of, seconds)))
        return {**verbs, "lasts": lasts, "durations": durations}

    def _telling(self, verb: Callable[..., object]) -> Callable[..., None]:
        def tell(*words: object) -> None:
            try:
                self.told.append(str(verb(*words)))
            except ConfigError as error:
                self.told += [f"error: {one}" for one in error.problems]

        return tell

    def _do_command(self, text: object) -> str:
        zone = zone_named("Europe/Berlin")
        return iso_of(moment_of(str(text), zone, newest_s=self.newest_s), zone)

    def _do_search(self, text: object) -> str:
        zone = zone_named("Europe/Berlin")
        found = stretch_of(str(text), zone, newest_s=self.newest_s)
        if found is None:
            return "no time"
        ends = (datetime.fromtimestamp(at_s, zone) for at_s in (found.since_s, found.until_s))
        return " to ".join(f"{end:%Y-%m-%d %H:%M}" for end in ends)

    def _do_zone(self, name: object) -> str:
        return str(zone_named(str(name)))


test_stories = stories_test(__file__, TimePlayer)
