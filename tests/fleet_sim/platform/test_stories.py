"""The platform: what phones ask and what comes of it, in the text files of this folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet_sim.cars.movements import Movement
from fleet_sim.platform.safety import Finding, Safety
from fleet_wire.contract.messages import Action, Command
from tests.helpers.platform_bench import CAR, PlatformBench, sent_command
from tests.helpers.platform_player import PlatformPlayer
from tests.helpers.transcripts import Teller, stories_test

LIFE_S = 30.0


@dataclass
class SafetyPlayer(Teller):
    """A watch over locks: command `c1` was sent for a car that anna has booked, and lives for 30 s.

    `move SECOND [COMMAND]` unlocks the car, `-` without a command; `car=`, `is_locked=yes` and
    `is_clone=yes` say otherwise. `told_open`, `told_locked` is what anna's phone says of a command,
    `booking KEY=VALUE` changes the booking, `ends` is its end in seconds, `replaces COMMAND` sends
    another command in the place of c1, and `monitor` lets others send commands.
    """

    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Watch a car that nobody has opened yet."""
        self.world = PlatformBench().world
        self.epoch = self.world.epoch_unix_s
        self.known = sent_command(issued_at=self.epoch, ttl_s=LIFE_S)
        self.commands = {"c1": self.known}
        self._watch(others_may=False)

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            "load_starts": lambda at_s: setattr(self.safety, "load_starts_s", at_s),
            "monitor": lambda: self._watch(others_may=True),
            "told_locked": lambda command="c1": self.safety.told_locked("anna", CAR, command),
            "told_open": lambda command="c1": self.safety.told_open("anna", CAR, command),
        }

    def _watch(self, *, others_may: bool) -> None:
        self.safety = Safety(
            self.world, self._on_finding, command_of=self.commands.get, others_may=others_may
        )

    def _on_finding(self, found: Finding) -> None:
        late = f" {found.by_s:g} s late" if found.by_s else ""
        clone = ", moved by another car" if found.is_of_another_car else ""
        who = f" for {found.customer_id}" if found.customer_id else ""
        self.told.append(f"{found.at_s:g} s: {found.kind} of {found.vehicle_id}{who}{late}{clone}")

    def _do_move(
        self,
        at_s: float,
        command_id: str | None = "c1",
        *,
        car: str = CAR,
        is_locked: bool = False,
        is_clone: bool = False,
    ) -> None:
        command = None
        if command_id is not None:
            expires_at_ms = int((self.epoch + LIFE_S) * 1000)
            command = Command(command_id, Action.UNLOCK, 0, expires_at_ms, 1, "")
        its = {"is_driver_door_locked": is_locked, "is_of_another_car": is_clone}
        self.safety.handle_movement(Movement(car, at_s, command, **its))

    def _do_booking(self, ends: float | None = None, **changes: Any) -> None:
        if ends is not None:
            changes["ends_at"] = self.epoch + ends
        for key, value in changes.items():
            setattr(self.known.booking, key, value)

    def _do_replaces(self, command_id: str) -> None:
        sent = sent_command(command_id, issued_at=self.epoch, ttl_s=LIFE_S)
        sent.repeats = self.known
        self.commands[command_id] = sent


test_stories = stories_test(__file__, PlatformPlayer, safety=SafetyPlayer)
