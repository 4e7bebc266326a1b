"""The faults, one small class each. Importing this package registers them all."""

from fleet_sim.faults import box, broker, network, vehicle
from fleet_sim.faults.registry import FAULTS, BrokerLimits, Fault, Injection

__all__ = [
    "FAULTS",
    "BrokerLimits",
    "Fault",
    "Injection",
    "box",
    "broker",
    "network",
    "vehicle",
]
