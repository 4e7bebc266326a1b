"""What a live run says of brokers, links and processes, in the text file of this folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import Final

from fleet_sim.runs.live.health import FleetHealth, Health, Pulse
from fleet_sim.runs.live.platform import BrokersOfPlatform, TakeOvers
from fleet_sim.runs.live.waiting import Waiting, why_not
from fleet_sim.runs.progress import LineProgress
from fleet_wire.errors import BrokerError
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.link import Disconnected, EndReason
from tests.helpers.transcripts import Player, stories_test

URLS: Final = {
    "plain": "mqtt://user:hush@broker.example",
    "tls": "mqtts://broker.example",
    "two": "mqtt://a,mqtt://b",
}
"""The lists of brokers that a story may be about."""


@dataclass
class LiveHealthPlayer(Player):
    """A process, brokers, and what is said of them; times are seconds.

    `brokers NAME` chooses a list of `URLS`. `end WHY [CODE] [DETAIL]` is the last end of a
    connection: `why` shows it with what helps, `wait AT` is said while no box is in, and
    `states AT` has the reason of each broker. `platform EVENT`, `beat` and `silent SECONDS` are
    what happens to a platform's links, and to another process.
    """

    told: list[str] = field(default_factory=list)
    now_s: float = 0.0
    end: Disconnected | None = None

    def __post_init__(self) -> None:
        """Begin with one broker."""
        self.pulse = Pulse("the probe", without="no unlock begins")
        Health(self.told.append).follow(self.pulse)
        self.take_overs = TakeOvers("platform", self.told.append, lambda: self.now_s)
        self._do_brokers("plain")

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            "beat": self.pulse.beat,
        }

    def news(self) -> list[str]:
        """Return what was said."""
        said = self._screen.getvalue().splitlines()
        self._screen.seek(0)
        self._screen.truncate()
        told = [*self.told, *said]
        self.told.clear()
        return told

    def _do_brokers(self, name: str) -> None:
        self._brokers = Brokers.parse(URLS[name])
        self._fleet = FleetHealth(self._brokers, self.told.append)
        self._of_platform = BrokersOfPlatform(self._brokers, self.told.append)
        self._do_patience(60.0)

    def _do_patience(self, seconds: float) -> None:
        self._screen = StringIO()
        self._waiting = Waiting(self._brokers, seconds, LineProgress(self._screen))

    def _do_end(self, why: str, code: int | None = None, detail: str = "") -> None:
        self.end = Disconnected(EndReason(why), code, detail)

    def _do_why(self, *, answered: bool = False) -> None:
        assert self.end is not None
        self.told.append(why_not(self.end, self._brokers, has_answered=answered))

    def _do_wait(self, at_s: float, car: str = "") -> None:
        try:
            self._waiting.check(self._waiting._began_s + at_s, self.end, car)
        except BrokerError as error:
            self.told.append(f"{type(error).__name__}: {error}")

    def _do_states(self, at_s: float, **reasons: str | None) -> None:
        states = {int(name[1:]): reason or "" for name, reason in reasons.items()}
        self._fleet.report_brokers(states, at_s)

    def _do_platform(self, event: str, broker: int = 0) -> None:
        refused = Disconnected(EndReason.UNREACHABLE, detail="Connection refused")
        match event:
            case "none_left":
                self._of_platform.on_none_left(refused)
            case "there":
                self._of_platform.there()
            case _:
                end = None if event == "up" else refused
                self._of_platform.changed(self._brokers.addresses[broker], end)

    def _do_silent(self, seconds: int) -> None:
        for _ in range(seconds):
            self.pulse.pass_time(1.0)

    def _do_taken_over(self, at_s: float) -> None:
        assert self.end is not None
        self.now_s = at_s
        self._of_platform.there()
        self._of_platform.on_none_left(self.end)
        self.take_overs.handle_end(self.end)


test_stories = stories_test(__file__, LiveHealthPlayer)
