"""Finds a profile by its name or file, and loads it.

Every error names file, line and key.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from fleet_wire.config.errors import checked
from fleet_wire.config.file import load_document, suggestion
from fleet_wire.errors import ConfigError
from fleet_wire.profiles.checking import problems_of
from fleet_wire.profiles.form import ProfileForm
from fleet_wire.profiles.mapped import MappedProfile
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Profile

SHIPPED: Final = ("ovms", "saic", "aws-iot")
"""Mapped profiles that come with us, each a file in `shipped/`."""
NAMES: Final = (NATIVE.name, *SHIPPED)


def load_profile(name_or_file: str, *, box: type[BaseModel] | None = None) -> Profile:
    """Return the profile of a name in `NAMES`, or in a YAML file.

    `box` is what the file's `box` has to be, for those who simulate boxes. Raises `ConfigError`
    with file, line and key for everything that is wrong.
    """
    if name_or_file == NATIVE.name:
        return NATIVE
    if name_or_file in SHIPPED:
        return load_mapped(shipped_file(name_or_file), name=name_or_file, box=box)
    path = Path(name_or_file)
    if not path.suffix and not path.exists():
        known = suggestion(path.name, NAMES)
        problem = f"profile '{path.name}': neither a file nor a profile of ours{known}"
        raise ConfigError([problem])
    return load_mapped(path, name=path.stem, box=box)


def load_mapped(path: Path, *, name: str, box: type[BaseModel] | None = None) -> MappedProfile:
    """Return the mapped profile in a file, whose `box` is one. Raises `ConfigError`."""
    document = load_document(path)
    form = checked(document, ProfileForm)
    if box is not None and form.box:
        checked(document, box, at=("box",))
    found = []
    for loc, message in problems_of(form):
        # One topic may stand for a list of one: then the file has no number there.
        place = loc if isinstance(document.values.get(str(loc[0])), list) else (loc[0], *loc[2:])
        found.append((document.line_of(place) or 0, document.problem(place, message)))
    if found:
        found.sort(key=lambda problem: problem[0])
        raise ConfigError(list(dict.fromkeys(problem for _, problem in found)))
    return MappedProfile(form, name=name)


def shipped_file(name: str) -> Path:
    """Return the file of a profile that comes with us."""
    return Path(str(files("fleet_wire.profiles") / "shipped" / f"{name}.yaml"))


def profile_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a profile file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ProfileForm.model_json_schema(),
    }
