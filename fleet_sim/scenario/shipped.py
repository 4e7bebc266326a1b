"""The files that ship with the programs: scenarios, and what deploys a monitor.

In a clone they are at its top, in an installation within the package `fleet_sim`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path, PurePath
from typing import Final

from fleet_wire.errors import ConfigError

SCENARIOS: Final = "scenarios"
DEPLOY: Final = "deploy"
_SUFFIX: Final = ".yaml"
_DESCRIPTION: Final = re.compile(r"^description: (.+)$", re.MULTILINE)


def shipped(folder: str) -> Path:
    """Return where a folder of shipped files is: `SCENARIOS` or `DEPLOY`."""
    package = Path(str(files("fleet_sim")))
    installed = package / "shipped" / folder
    return installed if installed.is_dir() else package.parent / folder


def scenario_names() -> list[str]:
    """Return the names of the shipped scenarios, such as `first_rentals` and `long/many_cars`."""
    folder = shipped(SCENARIOS)
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in _files(folder))


def shipped_place(text: str) -> Path | None:
    """Return the shipped file or folder that `text` names; None where there is none.

    `first_rentals` and `scenarios/first_rentals.yaml` name the same file, `scenarios` all of them.
    """
    parts = PurePath(text).parts
    if parts[:1] == (SCENARIOS,):
        parts = parts[1:]
    if ".." in parts or PurePath(text).is_absolute():
        return None
    place = shipped(SCENARIOS).joinpath(*parts)
    if place.is_dir():
        return place
    file = place.with_name(place.name.removesuffix(_SUFFIX) + _SUFFIX)
    return file if file.is_file() else None


def described_scenarios() -> Iterator[tuple[str, str]]:
    """Yield name and description of each shipped scenario; to parse all would last seconds."""
    for name in scenario_names():
        text = (shipped(SCENARIOS) / f"{name}{_SUFFIX}").read_text(encoding="utf-8")
        found = _DESCRIPTION.search(text)
        yield name, found[1] if found else ""


def copy_start(scenario: Path, directory: Path) -> list[Path]:
    """Copy a scenario and the files that deploy a monitor; return the files that are new.

    Raises `ConfigError` where the directory has something in it already.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigError([f"{directory}: is there already; name a new directory"])
    deploy = shipped(DEPLOY)
    sources = [
        path
        for path in sorted(deploy.rglob("*"))
        if path.is_file() and path.parent.name != "tests"  # those are of the rules
    ]
    targets = [directory / DEPLOY / path.relative_to(deploy) for path in sources]
    return _copied([scenario, *sources], [directory / scenario.name, *targets])


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob(f"*{_SUFFIX}") if path.is_file())


def _copied(sources: Sequence[Path], targets: Sequence[Path]) -> list[Path]:
    for source, target in zip(sources, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    return [*targets]
