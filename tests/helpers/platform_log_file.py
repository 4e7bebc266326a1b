"""A platform that writes its log to a file, and sends what it does not refuse."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from fleet_wire.contract.codec import encode
from fleet_wire.contract.messages import Action, Command
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep, encode_event
from fleet_wire.links.link import PublishProperties
from tests.helpers.hand_made_boxes import AnyClient


class PlatformLogFile:
    """The file, and customers whose unlocks stand in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self._numbers = count(1)

    def write(self, step: str, **fields: Any) -> None:
        """Append a line that is written now."""
        event = PlatformEvent(PlatformStep(step), time.time(), operation="unlock", **fields)
        with self.path.open("ab") as file:
            file.write(encode_event(event) + b"\n")

    def play(
        self, platform: AnyClient, cars: Sequence[str], *, customers: int
    ) -> tuple[list[str], list[str]]:
        """Let so many customers open cars, and as many be refused.

        Return the ids of the commands, and the traces of what was refused.
        """
        commands, refused = [], []
        for number in range(customers):
            commands.append(self.unlock(platform, cars[number % len(cars)]))
            refused.append(self.refuse(cars[number % len(cars)]))
        return commands, refused

    def unlock(self, platform: AnyClient, car: str) -> str:
        """Let a customer open a car, with every line; return the command's id."""
        number = next(self._numbers)
        name = {"request_id": f"r{number}", "trace_id": f"{number:032x}", "vehicle_id": car}
        command_id = f"k{number}"
        self.write("requested", **name)
        self.write("published", command_id=command_id, **name)
        command = Command(command_id, Action.UNLOCK, 0, 2**50, 1, "unsigned")
        traceparent = f"00-{name['trace_id']}-00f067aa0ba902b7-01"
        properties = PublishProperties(user_properties=(("traceparent", traceparent),))
        platform.send(f"cars/{car}/command", encode(command), properties)
        self.write("accepted", command_id=command_id, **name)
        self.write("answered", status=202, command_id=command_id, **name)
        self.write("ended", outcome="executed", command_id=command_id, **name)
        return command_id

    def refuse(self, car: str) -> str:
        """Let the API refuse a customer; return the trace."""
        number = next(self._numbers)
        name = {"request_id": f"r{number}", "trace_id": f"{number:032x}", "vehicle_id": car}
        self.write("requested", **name)
        self.write("answered", status=403, problem="booking-of-another", **name)
        return name["trace_id"]
