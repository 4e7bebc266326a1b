"""Plays transcripts of files that a user writes: what they hold, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from fleet_wire.addresses import parse_listen
from fleet_wire.arrivals import LoadStage
from fleet_wire.config.errors import validated_model
from fleet_wire.config.file import Document, Loc, apply_overrides, load_document
from fleet_wire.doors.form import load_door
from fleet_wire.errors import ConfigError
from fleet_wire.links.brokers import Brokers
from tests.helpers.places import ROOT
from tests.helpers.transcripts import Teller

FOLDER: Final = ROOT / "tests/fleet_wire/config/files"


class Level(StrEnum):
    """An enumeration."""

    LOW = "low"
    HIGH = "high"


class Part(BaseModel):
    """The base of the parts."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Fixed(Part):
    """One member of an undiscriminated union."""

    base_s: float = Field(ge=0)
    spread_s: float = 0.0


class Drawn(Part):
    """The other one."""

    median_s: float = Field(gt=0)
    sigma: float


def _number(value: Any) -> Any:
    return {"base_s": value} if isinstance(value, int | float) else value


Delay = Annotated[
    Fixed | Drawn, BeforeValidator(_number, json_schema_input_type=float | Fixed | Drawn)
]


class Model(Part):
    """Has one of everything that makes pydantic's places differ from the document's."""

    count: int = Field(1, ge=1, le=9)
    name: str = Field("x", min_length=1, max_length=5)
    on: bool = True
    level: Level = Level.LOW
    mode: Literal["live", "virtual"] = "live"
    delay: Delay = Fixed(base_s=1)
    limit: float | None = None
    names: str | list[str] = "x"
    stages: list[LoadStage] = []
    by_name: dict[str, Fixed] = {}
    inner: Fixed | None = None
    parts: tuple[Fixed, ...] = Field((Fixed(base_s=1),), min_length=1)
    pair: tuple[Fixed, ...] = Field((Fixed(base_s=1), Fixed(base_s=2)), min_length=2)
    ratio: float = Field(1.0, ge=0, le=9)


class ConfigPlayer(Teller):
    r"""A file, and settings that `--set` gives.

    `file TEXT` reads a file, `\n` for a new line, and `file NAME.yaml` one of `files/`.
    `set KEY=VALUE…` changes it. `show KEY` tells a value, `line KEY` where it stands, and
    `problem KEY` how an error of it begins. `model` holds the file to a model with a bit of
    everything, or a part of it. `door OLD NEW` reads the file of a door with a text replaced, and
    `broker` and `listen` read addresses.
    """

    def __init__(self) -> None:
        self._document = Document(Path("f.yaml"), {}, {})
        self.told: list[str] = []

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            "broker": lambda text: self._tell_errors(self._parse_brokers, text),
            "door": lambda *texts: self._tell_errors(self._door, *texts),
            "file": lambda text: self._tell_errors(self._read, str(text)),
            "line": lambda key="": self.told.append(f"{self._document.line_of(_loc(key))}"),
            "listen": lambda text: self._tell_errors(self._parse_listen, text),
            "model": lambda at="": self._tell_errors(self._hold_to_model, at),
            "problem": lambda key="": self._tell([self._document.problem(_loc(key), "bad")]),
            "set": lambda *words, **named: self._tell_errors(self._set, *words, **named),
        }

    def _tell_errors(self, act: Callable[..., None], *arguments: Any, **named: Any) -> None:
        with TemporaryDirectory() as directory:
            try:
                act(Path(directory), *arguments, **named)
            except ConfigError as error:
                self._tell(error.problems, directory)

    def _tell(self, problems: list[str], *directories: str) -> None:
        """Tell problems without the directories of files."""
        for directory in (str(self._document.path.parent), *directories):
            problems = [each.replace(f"{directory}/", "") for each in problems]
        self.told += problems

    def _read(self, directory: Path, text: str) -> None:
        path = FOLDER / text
        if not text.endswith(".yaml"):
            path = directory / "f.yaml"
            path.write_text(text.replace("\\n", "\n"), "utf-8")
        self._document = load_document(path)

    def _set(self, _: Path, *words: Any, **named: Any) -> None:
        overrides = [*map(str, words), *(f"{key}={value}" for key, value in named.items())]
        self._document = apply_overrides(self._document, overrides)

    def _do_show(self, key: str = "") -> None:
        value: Any = self._document.values
        for part in _loc(key):
            value = value[part]
        self.told.append(msgspec.json.encode(value).decode())

    def _hold_to_model(self, _: Path, at: str) -> None:
        if at:
            validated_model(self._document, Fixed, at=_loc(at))
        else:
            validated_model(self._document, Model)

    def _parse_brokers(self, _: Path, text: str) -> None:
        self.told.append(" ".join(map(str, Brokers.parse(text).addresses)))

    def _parse_listen(self, _: Path, text: str) -> None:
        host, port = parse_listen(text)
        self.told.append(f"{host} port {port}")

    def _door(self, directory: Path, *texts: str) -> None:
        (directory / "token.txt").write_text("s3cret\n")
        (directory / "bookings.txt").write_text("# car booking\ncar-1 b-1\n\ncar-2 b-2\n")
        text = (FOLDER / "door.yaml").read_text("utf-8")
        for old, new in zip(texts[::2], texts[1::2], strict=True):
            assert old in text
            text = text.replace(old, new)
        path = directory / "door.yaml"
        path.write_text(text, "utf-8")
        load_door(path)


def _loc(key: str) -> Loc:
    """Return the place of `load.stages.0.rate`."""
    return tuple(int(part) if part.isdigit() else part for part in key.split(".") if part)
