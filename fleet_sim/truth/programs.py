"""The programs that play clients, as a user names them."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fleet_sim.truth.clients.door import NAMES
from fleet_wire.doors.form import load_door
from fleet_wire.errors import ConfigError

SHIPPED: Final = {
    "app": "fleet_sim.truth.clients.app",
    "home-assistant": "fleet_sim.truth.clients.home_assistant",
    "node-red": "fleet_sim.truth.clients.node_red",
}
"""The clients that ship, by name, and the module that is the program of each."""
_DOOR: Final = "fleet_sim.truth.clients.door"
_CLIENT: Final = re.compile(r"([a-z0-9][a-z0-9-]{0,23})(?:=(.+))?")
_FORMS: Final = "NAME=COMMAND or NAME=DOOR.yaml, with a NAME of a-z, 0-9 and -, or one of"


def programs_of(clients: Sequence[str]) -> dict[str, list[str]]:
    """Return how each client is started. Raises `ConfigError`, also for a wrong door file."""
    programs: dict[str, list[str]] = {}
    problems = []
    for text in clients:
        found = _CLIENT.fullmatch(text)
        name, command = found.groups() if found else ("", None)
        if not name or (command is None and name not in SHIPPED):
            problems.append(f"client {text!r}: expected {_FORMS} {', '.join(SHIPPED)}")
        elif name in programs:
            problems.append(f"client {name!r}: named twice")
        elif command is None:
            programs[name] = [sys.executable, "-m", SHIPPED[name]]
        elif command.endswith((".yaml", ".yml")):
            load_door(Path(command), more_names=NAMES)
            programs[name] = [sys.executable, "-m", _DOOR, command]
        else:
            programs[name] = _split_command(name, command, problems)
    if problems:
        raise ConfigError(problems)
    return programs


def _split_command(name: str, command: str, problems: list[str]) -> list[str]:
    """Return the words of a command, or note why it cannot be started."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        problems.append(f"client {name!r}: {command!r}: {error}")
        return []
    if not words or shutil.which(words[0]) is None:
        is_file = bool(words) and Path(words[0]).is_file()
        why = f"not executable: chmod +x {words[0]}" if is_file else "no such program"
        problems.append(f"client {name!r}: {command!r}: {why}")
    return words
