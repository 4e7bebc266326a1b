"""The faults, one small class each. Importing this package registers those of all its modules."""

from importlib import import_module
from pkgutil import iter_modules

from fleet_sim.faults.registry import FAULTS, CarFault, Claim, Fault, Hit, Injection, Need

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["FAULTS", "CarFault", "Claim", "Fault", "Hit", "Injection", "Need"]
