"""The faults, one small class each.

Importing this package registers those of all its modules, and those of other packages that name a
module of theirs as an entry point of `unlockpath.faults`.
"""

from importlib import import_module
from pkgutil import iter_modules

from fleet_sim.faults.registry import (
    FAULTS,
    CarFault,
    Claim,
    Fault,
    Hit,
    Injection,
    Need,
    PlatformFault,
    Strikes,
)
from fleet_wire.entry_points import added_by_others
from fleet_wire.error_text import with_place
from fleet_wire.errors import ConfigError
from fleet_wire.modes.mode import Layer

__all__ = [
    "FAULTS",
    "CarFault",
    "Claim",
    "Fault",
    "Hit",
    "Injection",
    "Layer",
    "Need",
    "PlatformFault",
    "Strikes",
]


def _import_all() -> None:
    """Import every module. Raises `ConfigError` with the file and line of each that fails."""
    problems = []
    for module in iter_modules(__path__):
        try:
            import_module(f"{__name__}.{module.name}")
        except Exception as error:  # noqa: BLE001 - whatever is in a module that a user wrote
            problems.append(with_place(error, f"{__path__[0]}/{module.name}.py"))
    if problems:
        raise ConfigError(problems)
    for _ in added_by_others("unlockpath.faults"):
        pass  # it is registered by being imported


_import_all()
