"""What is watched: messages of every wire, the platform's log, and the monitors of a group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from fleet_wire.contract.codec import encode
from fleet_wire.contract.messages import Action, Command, Phase, Reason, Result, Telemetry
from fleet_wire.contract.platform_log import PlatformStep
from fleet_wire.profiles.loading import load_profile
from tests.helpers.files_player import FilesPlayer
from tests.helpers.group_player import GroupPlayer
from tests.helpers.hand_made_boxes import OFFLINE, ONLINE, state_of
from tests.helpers.join_bench import JoinBench
from tests.helpers.other_bench import OtherBench
from tests.helpers.own_wires import OWN_WIRES
from tests.helpers.platform_inbox_bench import PlatformBench
from tests.helpers.profile_files import profile_of
from tests.helpers.told_attempts import USUAL, Accounts
from tests.helpers.tracker_bench import CAR
from tests.helpers.transcripts import Teller, stories_test

_COUNTS = ("taken", "repeated", "malformed")
_GAUGES = (
    "platform_newest_line_timestamp_seconds",
    "platform_clock_ahead_seconds",
    "attempts_to_join",
)


@dataclass
class LinesPlayer(Teller):
    """An inbox for lines before a joiner. A line is named by its step, `raw` has any bytes."""

    bench: PlatformBench = field(default_factory=PlatformBench)
    accounts: Accounts = field(default_factory=Accounts)
    told: list[str] = field(default_factory=list)
    before: dict[str, float] = field(default_factory=dict)

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        bench, join = self.bench, self.bench.behind
        steps: dict[str, Callable[..., object]] = {
            step.value: partial(self._take, step.value) for step in PlatformStep
        }
        return {
            **super().verbs(),
            **steps,
            "ahead": lambda seconds: self._make(behind=JoinBench(ahead_s=seconds)),
            "earlier": lambda step: bench.inbox.restore_events([join.event(step)]),
            "opens": join.opens,
            "profile": lambda name: self._make(profile=_profile(name)),
            "raw": lambda text: bench.inbox.take_lines([str(text).encode("latin-1")]),
            "seen": join.seen,
            "wait": join.wait,
        }

    def news(self) -> list[str]:
        """Return what was counted and recorded since it was asked last."""
        value = self.bench.value
        now = {name: value("platform_lines_total", end=name) or 0 for name in _COUNTS}
        for family in self.bench.metrics.registry.collect():
            for one in family.samples if family.name.endswith("platform_answers") else ():
                now[" ".join(("answer", *one.labels.values()))] = one.value
        counted = [
            f"{name} {count:g}" for name, count in now.items() if count > self.before.get(name, 0)
        ]
        self.before = now
        lines = self.new_of(self.bench.log.lines)
        self.told += (f"{line['event']}: {line['reason']}" for line in lines)
        for record in self.new_of(self.bench.behind.records):
            self.told += self.accounts.of(record)
        return [*filter(None, [", ".join(counted)]), *super().news()]

    def _make(self, **changes: Any) -> None:
        self.bench = PlatformBench(**changes)

    def _take(self, step: str, **said: Any) -> None:
        ids = {name: str(one) for name, one in said.items() if name.endswith("_id") and one}
        self.bench.take(step, **(said | ids))

    def _do_heard(self) -> None:
        self.bench.inbox.let_hear(lambda event: self.told.append(f"heard {event.event}"))

    def _do_gauges(self) -> None:
        began_at = self.bench.behind.platform_at
        for name in _GAUGES:
            value = self.bench.value(name) or 0.0
            is_now = value == began_at
            self.told.append(f"{name} {'now' if is_now else f'{value:g}'}")


USUAL_HERE = {**USUAL, "revision": UNSET, "sources_missing": UNSET, "booking_id": None}
TELEMETRY = Telemetry(-85.0, 12.6, 3.0)
BY_HEX, REPEATED = "hex:", "x*"


@dataclass
class InboxPlayer(Teller):
    """An inbox of a monitor that watches, on the contract's wire or that of `profile`.

    Messages are of car `centre-1`, or of `car`. `take` lets any bytes come: `hex:ff` is one of
    them, `x*9` nine letters.
    """

    bench: OtherBench = field(default_factory=OtherBench)
    accounts: Accounts = field(default_factory=lambda: Accounts(USUAL_HERE))
    told: list[str] = field(default_factory=list)

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        bench = self.bench
        return {
            **super().verbs(),
            "own_command": lambda name: bench.only_open.add_own_command(CAR, name, Action.UNLOCK),
            "presence": lambda is_there=True, car=CAR: self._take(
                car, "presence", ONLINE if is_there else OFFLINE
            ),
            "profile": lambda name: setattr(self, "bench", OtherBench(_profile(name))),
            "send": bench.behind.send,
            "state": lambda name=None, *, is_locked=False, car=CAR: self._take(
                car, "state", encode(state_of(car, is_locked=is_locked, command_id=name))
            ),
            "take": lambda topic, payload="", **more: bench.take(topic, _bytes(payload), **more),
            "telemetry": lambda car=CAR: self._take(car, "telemetry", encode(TELEMETRY)),
            "wait": bench.behind.wait,
        }

    def news(self) -> list[str]:
        """Return what was logged and recorded since it was asked last."""
        for line in self.new_of(self.bench.log.lines):
            why = line.get("reason") or line.get("fields")
            self.told.append(f"{line['event']} {line['kind']}: {why}")
        for record in self.new_of(self.bench.behind.records):
            self.told += self.accounts.of(record)
        return super().news()

    def _take(self, car: str, kind: str, payload: bytes, **more: Any) -> None:
        self.bench.take(f"cars/{car}/{kind}", payload, **more)

    def _do_command(
        self, name: str = "k1", correlation: str | None = None, origin: str | None = None, *,
        car: str = CAR, form: str = "plain", retain: bool = False,
    ) -> None:  # fmt: skip
        """Let the copy of a command come, perhaps `torn` at its end, or `spaced`."""
        payload = encode(Command(name, Action.UNLOCK, 0, 30_000, 1, "signature"))
        more: dict[str, Any] = {"retain": retain}
        if correlation is not None:
            more["correlation_data"] = _bytes(correlation)
        if origin is not None:
            more["user_properties"] = [("origin", origin)]
        forms = {"plain": payload, "torn": payload[:-1], "spaced": msgspec.json.format(payload)}
        self._take(car, "command", forms[form], **more)

    def _do_result(
        self,
        name: str,
        phase: Phase = Phase.EXECUTED,
        reason: Reason | None = None,
        car: str = CAR,
    ) -> None:
        self._take(car, "result", encode(Result(name, phase, reason)))

    def _do_known(self, car: str = CAR) -> None:
        """Say what is known of a car, how many are, and how much was read."""
        bench, state = self.bench, self.bench.behind.evidence.state_of(car)
        now_s = bench.behind.clock.now_s
        heard = "never" if state.heard_s is None else f"{now_s - state.heard_s:g} s ago"
        self.told.append(
            f"{car} {state.presence}, heard {heard}, of {state.labels.region or 'no region'},"
            f" {state.labels.operator or 'no operator'}; {len(bench.behind.evidence)} cars;"
            f" {sum(bench.inbox.taken.values())} read, {bench.inbox.malformed} malformed;"
            f" {bench.behind.tracker.started.total()} unlocks"
        )


def _profile(name: str) -> Any:
    """Return a profile of this folder, one that a user might write, or one that ships."""
    file = Path(__file__).with_name(f"{name}.yaml")
    if file.exists():
        return load_profile(str(file))
    return profile_of(OWN_WIRES[name]) if name in OWN_WIRES else load_profile(name)


def _bytes(payload: object) -> bytes:
    text = str(payload)
    if text.startswith(BY_HEX):
        return bytes.fromhex(text.removeprefix(BY_HEX))
    if text.startswith(REPEATED):
        return b"x" * int(text.removeprefix(REPEATED))
    return text.encode()


test_stories = stories_test(
    __file__, InboxPlayer, group=GroupPlayer, lines=LinesPlayer, tailed_file=FilesPlayer
)
