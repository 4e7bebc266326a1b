"""Groups of monitors on a broker that loses nothing, and the player of their transcripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from platform_probe.measure.watching.group import GONE, LISTENING, PRESENT, Group
from tests.helpers.fake_clock import FakeClock
from tests.helpers.transcripts import Player

LISTENS_S = 20.0
CARS = [f"car-{number}" for number in range(64)]


class GroupBench:
    """Groups of one name on a broker that loses nothing."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.groups: dict[str, Group] = {}

    def join(self, name: str, *, reads_log: bool = False) -> Group:
        """Let a monitor connect, which hears at once what is retained."""
        joining = Group(
            "monitors", name, clock=self.clock, listens_s=LISTENS_S, reads_log=reads_log
        )
        joining.begin_anew()
        for other in self.groups.values():
            joining.handle_message(other.topic, PRESENT if other.counts else LISTENING)
        self.groups[name] = joining
        self.announce()
        return joining

    def announce(self, but: str = "") -> None:
        """Let all, or all but one, announce themselves to all."""
        for name, one in self.groups.items():
            if name != but:
                word = one.announcement()
                assert all(other.handle_message(one.topic, word) for other in self.groups.values())

    def wait(self, seconds: float, but: str = "") -> None:
        """Let time pass in which all, or all but one, announce themselves each second."""
        for _ in range(round(seconds)):
            self.clock.now_s += 1.0
            self.announce(but=but)

    def owners(self) -> list[tuple[str, ...]]:
        """Return for each car the names of those who count it."""
        return [
            tuple(name for name, one in self.groups.items() if one.is_ours(car)) for car in CARS
        ]


@dataclass
class GroupPlayer(Player):
    """A group of monitors, who announce themselves each second of a `wait`.

    `lost` takes the connection from monitors, or from all, and `back` gives it to one. `gone` lets
    one hear that another is gone, `line` lets lines of the platform's log come to monitors.
    `silence` is time in which nobody says anything.
    """

    bench: GroupBench = field(default_factory=GroupBench)
    earlier: list[list[tuple[str, ...]]] = field(default_factory=list)
    """Whose each car was when it was told."""

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        bench, groups = self.bench, self.bench.groups
        return {
            **super().verbs(),
            "announce": bench.announce,
            "announces": lambda name: groups[name].announcement(),
            "back": lambda name: groups[name].begin_anew(),
            "gone": lambda name, to: groups[to].handle_message(groups[name].topic, GONE),
            "join": bench.join,
            "wait": bench.wait,
        }

    def news(self) -> list[str]:
        """Return who counts the cars, who stands by, and whether each is whose it has been."""
        owners = self.bench.owners()
        parts = sorted({" and ".join(names) or "nobody" for names in owners})
        told = f"cars of {', others of '.join(parts)}" if len(parts) > 1 else f"all of {parts[0]}"
        standing = [name for name, one in self.bench.groups.items() if one.stands_by]
        if standing:
            told += f"; {', '.join(standing)} stands by"
        if owners in self.earlier:
            told += "; each as before"
        self.earlier.append(owners)
        return [told]

    def _do_line(self, *names: str) -> None:
        for name in names:
            self.bench.groups[name].line_came()

    def _do_lost(self, *names: str) -> None:
        for name in names or self.bench.groups:
            self.bench.groups[name].on_connection_lost()

    def _do_silence(self, seconds: float) -> None:
        self.bench.clock.now_s += seconds
