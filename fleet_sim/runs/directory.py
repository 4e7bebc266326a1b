"""The directory of one run."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeGuard

import msgspec

from fleet_sim.results.summary import read_json
from fleet_sim.runs.limits import check_disk
from fleet_sim.runs.source_digest import versions
from fleet_wire.errors import ConfigError, LimitError
from fleet_wire.private_files import FOR_GROUP, write_whole

PACKAGES = ("unlockpath", "simpy", "mqtt5", "uvloop")
"""The packages whose versions are recorded."""

MANIFEST = "manifest.json"
LOG = "fleet.log"
"""The log of libraries."""
MAX_NAME = 80
"""Characters of a manifest's own name for its run: what is longer, nobody called it."""


@dataclass(frozen=True, slots=True)
class ScenarioSource:
    """The origin of a scenario, so that a reader can run it again."""

    file: Path
    overrides: tuple[str, ...] = ()
    own_name: str | None = None
    """The run's name, where the file's name does not tell it from others."""

    @property
    def name(self) -> str:
        """The run's name: the scenario's file, which a manifest names for its own run.

        So a run that is done again, and that again, has one name.
        """
        if self.own_name is not None:
            return self.own_name
        if self.file.suffix != ".json":
            return self.file.stem
        name = read_json(self.file).get("name")
        return name if _is_name(name) else self.file.resolve().parent.name[:MAX_NAME]

    @property
    def text(self) -> str:
        """The file as it was written, below the overrides."""
        above = "".join(f"# --set {override}\n" for override in self.overrides)
        return above + self.file.read_text(encoding="utf-8")


def _is_name(name: Any) -> TypeGuard[str]:
    """Return whether `name` can be a part of a directory's name, and leads nowhere else."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= MAX_NAME
        and name.isprintable()
        and Path(name).name == name
    )


class RunDirectory:
    """A directory and the names of the files in it."""

    def __init__(self, path: Path, *, is_ours: bool = False) -> None:
        self.path = path
        self._is_ours = is_ours
        """Whether it was not there before."""

    @classmethod
    def create(cls, out: Path | None, *, scenario_name: str, seed: int) -> RunDirectory:
        """Make the directory, `runs/<scenario>-<seed>-<time>` by default.

        Raises `ConfigError` where it cannot be made or holds another run, `LimitError` where the
        disk is full.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        path = out or Path("runs") / f"{scenario_name}-{seed}-{stamp}"
        is_ours = not path.exists()
        try:
            path.mkdir(parents=True, exist_ok=True)
            has_run = (path / MANIFEST).exists()
        except OSError as error:
            raise ConfigError([f"--out {path}: {error.strerror}"]) from None
        if has_run:
            raise ConfigError([f"--out {path}: holds another run; choose another directory"])
        directory = cls(path, is_ours=is_ours)
        with directory.none_if_refused():
            check_disk(path)
        return directory

    @contextmanager
    def none_if_refused(self) -> Iterator[None]:
        """Remove the directory of a run that is refused: its content so far is of no use."""
        try:
            yield
        except (ConfigError, LimitError):
            if self._is_ours and not (self.path / MANIFEST).exists():
                shutil.rmtree(self.path, ignore_errors=True)
            raise

    def write_manifest(
        self,
        source: ScenarioSource,
        *,
        seed: int,
        mode: str,
        broker: str,
        **more: Any,
    ) -> None:
        """Write what does the same run again; `more` has its scenario, or its command."""
        self.write_json(
            MANIFEST,
            {
                "name": source.name,
                "scenario_file": str(source.file),
                "overrides": source.overrides,
                "seed": seed,
                "mode": mode,
                "broker": broker,
                "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "code": versions(),
                "versions": {
                    "python": sys.version.split()[0],
                    **{package: version(package) for package in PACKAGES},
                },
                **more,
            },
        )

    def write_json(self, name: str, value: Any, mode: int = FOR_GROUP) -> Path:
        """Write one file of JSON, whole or not at all."""
        path = self.path / name
        text = msgspec.json.format(msgspec.json.encode(value), indent=2)
        write_whole(path, text + b"\n", mode)
        return path

    @contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """Turn a failure to write a file into a `LimitError` that names it."""
        try:
            yield
        except OSError as error:
            raise LimitError(
                f"{self.path / name}: {error.strerror}",
                f"df -h {self.path}  (shows the disk); what was gathered before is in {self.path}",
            ) from None
