"""Finds a profile by its name or file, and loads it.

Every error names file, line and key.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from fleet_wire.config.errors import validated_model
from fleet_wire.config.file import Document, Loc, load_document
from fleet_wire.entry_points import added_by_others, names_of_others
from fleet_wire.error_text import suggestion
from fleet_wire.errors import ConfigError
from fleet_wire.profiles.checking import problems_of
from fleet_wire.profiles.form import ProfileForm
from fleet_wire.profiles.gaps import gaps_of
from fleet_wire.profiles.mapped import MappedProfile
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Profile

SHIPPED: Final = ("ovms", "saic", "aws-iot", "aws-shadow")
"""Mapped profiles that come with us, each a file in `shipped/`."""
NAMES: Final = (NATIVE.name, *SHIPPED, *names_of_others("unlockpath.profiles"))
"""Profiles that have a name, those of other packages among them."""


def load_profile(name_or_file: str, *, box: type[BaseModel] | None = None) -> Profile:
    """Return the profile of a name in `NAMES`, or in a YAML file.

    `box` is the form of the file's `box`, for simulators of boxes. Raises `ConfigError` with file,
    line and key for everything that is wrong, or still to be filled in.
    """
    profile, gaps = load_draft(name_or_file, box=box)
    if gaps:
        raise ConfigError(gaps)
    return profile


def load_draft(
    name_or_file: str, *, box: type[BaseModel] | None = None
) -> tuple[Profile, list[str]]:
    """Return a profile, and what is still to be filled in, each with file, line and key.

    Raises `ConfigError` as `load_profile` does for what is wrong.
    """
    if name_or_file == NATIVE.name:
        return NATIVE, []
    if name_or_file in SHIPPED:
        return _loaded(shipped_file(name_or_file), name=name_or_file, box=box)
    if name_or_file in NAMES:
        added = dict(added_by_others("unlockpath.profiles"))
        return _loaded(Path(added[name_or_file]), name=name_or_file, box=box)
    path = Path(name_or_file)
    if not path.suffix and not path.exists():
        known = suggestion(path.name, NAMES)
        problem = f"profile '{path.name}': neither a file nor a profile of ours{known}"
        raise ConfigError([problem])
    return _loaded(path, name=path.stem, box=box)


def _loaded(
    path: Path, *, name: str, box: type[BaseModel] | None = None
) -> tuple[MappedProfile, list[str]]:
    document = load_document(path)
    form = validated_model(document, ProfileForm).located(path.parent)
    if box is not None and form.box:
        validated_model(document, box, at=("box",))
    found = _in_order(document, problems_of(form))
    if found:
        raise ConfigError(found)
    return MappedProfile(form, name=name), _in_order(document, gaps_of(form))


def _in_order(document: Document, problems: Iterable[tuple[Loc, str]]) -> list[str]:
    """Return problems with their file, line and key, in the order of the file."""
    found = []
    for loc, message in problems:
        # One topic may stand for a list of one: then the file has no number there.
        place = loc if isinstance(document.values.get(str(loc[0])), list) else (loc[0], *loc[2:])
        found.append((document.line_of(place) or 0, document.problem(place, message)))
    found.sort(key=lambda problem: problem[0])
    return list(dict.fromkeys(problem for _, problem in found))


def shipped_file(name: str) -> Path:
    """Return the file of a profile that comes with us."""
    return Path(str(files("fleet_wire.profiles") / "shipped" / f"{name}.yaml"))


def profile_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a profile file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ProfileForm.model_json_schema(),
    }
