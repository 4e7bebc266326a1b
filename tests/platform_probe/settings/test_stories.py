"""Settings: what is made of files, variables and flags, and what a wrong one is told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from click.testing import CliRunner

from fleet_wire.config.file import Loc
from fleet_wire.contract.incident import Incident
from fleet_wire.contract.signing import vehicle_key
from fleet_wire.errors import ConfigError
from platform_probe.__main__ import main
from platform_probe.settings.car_files import read_cars, read_keys
from platform_probe.settings.monitor import ENV_PREFIX, load_settings
from platform_probe.settings.otlp import read_headers
from platform_probe.web.console.tokens import tokens_in
from tests.helpers.made_incidents import made_incident
from tests.helpers.transcripts import Player, stories_test, with_members

LOAD = ("every_s", "repeat", "stages", "vehicles", "vehicles_file")


@dataclass
class SettingsPlayer(Player):
    r"""Settings of a monitor; each row begins without any.

    `file` has the text of probe.yaml, `\n` between its lines, and `env` and `flag` a setting. They
    are loaded at the end of the row, and what `show` names is told, or `fine`. `cars`, `headers`,
    `tokens` and `keys` read such a file. `type` runs the command with these words, which may name
    probe.yaml and a list of cars, cars.txt.
    """

    text: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    flags: dict[Loc, tuple[Any, str]] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            "cars": lambda text: self._read(read_cars, text, "latin-1"),
            "headers": lambda text: self._read(read_headers, text, "utf-8"),
            "tokens": lambda text: self._read(tokens_in, text, "utf-8"),
            "show": lambda *keys: self.shown.extend(keys),
        }

    def news(self) -> list[str]:
        """Load what was set, and return what comes of it or is told."""
        if self.text is not None or self.variables or self.flags or self.shown:
            with self._directory() as directory:
                self.told += self._load(directory)
        told, self.told, self.text = self.told, [], None
        for each in (self.variables, self.flags, self.shown, self.incidents):
            each.clear()
        return told

    @contextmanager
    def _directory(self) -> Iterator[Path]:
        """Give a directory with a file of cars, whose name is told nowhere."""
        with TemporaryDirectory() as name:
            (Path(name) / "cars.txt").write_text("car-1\ncar-2\n")
            yield Path(name)
            self.told[:] = [line.replace(f"{name}/", "") for line in self.told]

    def _do_file(self, text: str) -> None:
        self.text = text.replace(r"\n", "\n")

    def _do_env(self, name: str, value: object) -> None:
        self.variables[ENV_PREFIX + name] = str(value)

    def _do_flag(self, name: str, value: Any) -> None:
        self.flags[tuple(name.split("."))] = (value, f"--{name}")

    def _do_channels(self, **changes: Any) -> None:
        """Show the channels of Slack that an incident goes to."""
        self.incidents.append(made_incident(**with_members(Incident, changes)))

    def _load(self, directory: Path) -> list[str]:
        path = None
        if self.text is not None:
            path = directory / "probe.yaml"
            path.write_text(self.text, encoding="utf-8", errors="surrogateescape")
        try:
            with mock.patch.dict(os.environ, self.variables):
                settings = load_settings(path, self.flags)
        except ConfigError as error:
            return error.problems
        told = [f"{key} {_shown(settings, key)}" for key in self.shown]
        slack = settings.messages and settings.messages.slack
        told += [", ".join(slack.channels_of(one)) for one in self.incidents if slack]
        return told or ["fine"]

    def _read(self, read: Callable[[Path], object], text: str, encoding: str) -> None:
        with self._directory() as directory:
            path = directory / "file.txt"
            path.write_text(text.replace(r"\n", "\n"), encoding=encoding)
            try:
                self.told.append(str(read(path)))
            except ConfigError as error:
                self.told += error.problems

    def _do_keys(self, text: str) -> None:
        """Read the keys of car-1 and car-2; `KEY1` stands for the key of car-1."""
        names = {f"KEY{number}": vehicle_key("secret", f"car-{number}") for number in (1, 2, 3)}
        for name, key in names.items():
            text = text.replace(name, key.hex())
        self._read(lambda path: read_keys(path, ["car-2", "car-1", "car-2"]), text, "utf-8")
        for name, key in names.items():
            self.told = [one.replace(str(key), name).replace(key.hex(), name) for one in self.told]

    def _do_type(self, *words: object) -> None:
        """Run `platform-probe`; of settings that it prints only the load is told."""
        with self._directory() as directory:
            if self.text is not None:
                (directory / "probe.yaml").write_text(self.text)
                self.text = None
            files = {name: str(directory / name) for name in ("cars.txt", "probe.yaml")}
            given = [files.get(str(word), str(word)) for word in words]
            result = CliRunner().invoke(main, given, env={"COLUMNS": "100"})
            if result.exit_code:
                self.told += f"{result.stderr.rstrip()} (exit code {result.exit_code})".splitlines()
                return
            load = json.loads(result.stdout)["load"]
            said = (f"{name} {load[name]}" for name in LOAD)
            self.told.append(", ".join(said))


def _shown(settings: Any, key: str) -> object:
    """Return a setting by its place; None where a part of it is left out."""
    if key == "otlp.urls":
        return " ".join(settings.otlp.url_of(signal) for signal in settings.otlp.signals)
    return reduce(lambda part, name: getattr(part, name, None), key.split("."), settings)


test_stories = stories_test(__file__, SettingsPlayer)
