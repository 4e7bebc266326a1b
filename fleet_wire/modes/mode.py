"""What a failure mode is, with its signature."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact


class Layer(StrEnum):
    """Where on the way from the phone to the door a mode lies."""

    PHONE = "phone"
    GATEWAY = "gateway"
    BOOKING = "booking"
    COMMAND = "command"
    BROKER = "broker"
    NETWORK = "network"
    BOX = "box"
    VEHICLE = "vehicle"
    ACTUATOR = "actuator"
    SECURITY = "security"


class Actor(StrEnum):
    """Who must act so that it ends, or does not come again."""

    CUSTOMER = "customer"
    SUPPORT = "support"
    FIELD_CREW = "field crew"
    PLATFORM_TEAM = "platform team"
    BROKER_TEAM = "broker team"
    BOX_TEAM = "box and firmware team"
    NETWORK_OPERATOR = "mobile operator"
    SECURITY_TEAM = "security team"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Which facts tell a mode from others.

    `needs` lists what must be seen where its source is there: its absence speaks against the mode.
    `speaks_for` lists what may be seen. `rules_out` lists what cannot be seen of it.
    """

    needs: frozenset[Fact] = frozenset()
    speaks_for: frozenset[Fact] = frozenset()
    rules_out: frozenset[Fact] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureMode:
    """One way in which a car does not open."""

    slug: str
    title: str
    """What it is, in a few words that support understands; no sentence."""
    number: int
    """Its row in the catalogue."""
    layer: Layer
    party: Party
    """Whose fault."""
    cause: Cause | None
    """Which cause it has at the end; None: each unlock by itself went well."""
    also: tuple[Cause | None, ...] = ()
    """Causes that it shows before all is known, or where less is seen."""
    engineer: str
    """What happens, in a sentence for an engineer."""
    customer: str
    """What a customer may be told, in a sentence."""
    acts: Actor
    now: str
    """What to do now, in a sentence."""
    signature: Signature

    @property
    def causes(self) -> frozenset[Cause | None]:
        """All causes that an unlock which failed in this way may have."""
        return frozenset((self.cause, *self.also))


def facts(*listed: Fact) -> frozenset[Fact]:
    """Return facts as a set: short where signatures are written."""
    return frozenset(listed)


REFUSALS = frozenset(fact for fact in Fact if fact.value.startswith("refused_"))
"""All ways in which a box refuses; one that comes too late is one of them."""
ANSWERS = frozenset({Fact.WENT_WELL, Fact.RESULT_WITHOUT_STATE, *REFUSALS} - {Fact.REFUSED_LATE})
"""Facts of an unlock to which the car itself has answered in time."""
COHORT = frozenset(
    {
        Fact.OPERATOR_FAILS,
        Fact.REGION_FAILS,
        Fact.FIRMWARE_FAILS,
        Fact.HARDWARE_FAILS,
        Fact.MANY_FAIL,
        Fact.TECHNOLOGY_AWAY,
        Fact.OPERATOR_AWAY,
        Fact.REGION_AWAY,
        Fact.FIRMWARE_AWAY,
        Fact.HARDWARE_AWAY,
        Fact.MANY_AWAY,
    }
)
"""Facts that say that others fail alike."""
API_SAID_NO = frozenset(
    {Fact.SAID_NO, Fact.SAID_ERROR, Fact.SAID_NOTHING, Fact.SAID_MAINTENANCE, Fact.SAID_BOOKING}
)
"""Facts that say that the platform itself stood in the way."""
