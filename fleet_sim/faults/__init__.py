"""The faults, one small class each. Importing this package registers them all."""

from fleet_sim.faults import network
from fleet_sim.faults.registry import FAULTS, Fault, Injection

__all__ = ["FAULTS", "Fault", "Injection", "network"]
