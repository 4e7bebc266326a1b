"""Failure modes and their signatures."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import ESTIMATED, Fact
from fleet_wire.modes.recipe import Recipe


class Layer(StrEnum):
    """A layer of an unlock's path, from customer to car; each mode and fault has one."""

    PHONE = "phone"
    """The phone and its app, and the customer who holds it."""
    GATEWAY = "gateway"
    """The API that phones speak to."""
    BOOKING = "booking"
    """The rights to open a car: which customer, which car, when."""
    COMMAND = "command"
    """The service that sends commands and follows them."""
    BROKER = "broker"
    """The MQTT broker."""
    NETWORK = "network"
    """Radio, the operator's network, and the way from there to the broker."""
    BOX = "box"
    """The telematics box: its power, its clock, its firmware."""
    VEHICLE = "vehicle"
    """The car behind the box: its bus and its control units."""
    ACTUATOR = "actuator"
    """The locks themselves."""
    SECURITY = "security"
    """A person without the right to the car, or one wrongly kept from it."""


class Actor(StrEnum):
    """The party that must act to end the failure, or to prevent the next one."""

    CUSTOMER = "customer"
    APP_TEAM = "app team"
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

    `needs` lists what must be seen where its source is there; of each group in `needs_one_of` one
    must be, if any can. `rules_out` lists what is not seen of it. Both are physics and protocol,
    and hold without exception; but a fact that is `ESTIMATED` only speaks against a mode.

    `hallmarks` lists what the mode shows by its nature, though drawn incidents may not: whom it
    strikes, and by which words a box, a broker or a platform names it. `may_show` adds the facts
    that drawn incidents have shown; nobody writes it by hand.
    """

    needs: frozenset[Fact] = frozenset()
    hallmarks: frozenset[Fact] = frozenset()
    needs_one_of: tuple[frozenset[Fact], ...] = ()
    rules_out: frozenset[Fact] = frozenset()
    may_show: frozenset[Fact] = frozenset()

    def unknowable(self, shown: Collection[Fact]) -> int:
        """Return how many of its needs nobody can see, be they met or not."""
        groups = (*(frozenset({fact}) for fact in self.needs), *self.needs_one_of)
        return sum(group.isdisjoint(shown) for group in groups)

    def contradicted_by(self, seen: Collection[Fact], shown: Collection[Fact]) -> list[Fact]:
        """Return the facts that contradict the mode: seen, or not seen though `shown` has them.

        `shown` are the facts that the sources at hand can show.
        """
        lacking = [*self.needs.intersection(shown).difference(seen)]
        for group in self.needs_one_of:
            if group.isdisjoint(seen):
                lacking += group.intersection(shown)
        return sorted({*(self.rules_out - ESTIMATED).intersection(seen), *lacking})


FOR: Final = 1.0
NEEDED: Final = 2.0
AGAINST: Final = -4.0
MISSED: Final = -6.0
"""The prior weight of a fact for a mode, by its list in the signature; `MISSED` is the weight of a
needed fact that was not seen."""
LEAST_AGAINST: Final = -1.0
"""The smallest weight of a fact that a signature rules out, whatever was learned."""
LIGHT: Final = 1.0
"""The most that a fact may weigh for `unknown`."""
UNEXPLAINED: Final = -2.0
"""The weight of a mark for a mode whose signature neither lists it nor rules it out, times what it
weighs for the mode that it speaks for most [E]."""
LEAST_UNEXPLAINED: Final = -3.0
MOST_UNEXPLAINED: Final = -8.0
"""The least and the most of that weight [E]."""
OF_COHORTS: Final = frozenset(
    {
        Fact.OPERATOR_FAILS, Fact.REGION_FAILS, Fact.FIRMWARE_FAILS, Fact.HARDWARE_FAILS,
        Fact.APP_VERSION_FAILS,
    }
)  # fmt: skip
"""Whom failures strike: what a signature does not list of these is not learned. That a mode struck
one operator or release in the incidents that were learned from was their drawing."""
CHOSEN: Final = OF_COHORTS | {
    Fact.TECHNOLOGY_AWAY, Fact.OPERATOR_AWAY, Fact.REGION_AWAY, Fact.FIRMWARE_AWAY,
    Fact.HARDWARE_AWAY, Fact.ALL_OF_OPERATOR_AWAY,
}  # fmt: skip
"""The same of failures and of cars that are away: whoever draws an incident chooses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureMode:
    """One way in which a car does not open."""

    slug: str
    title: str
    """The mode in a few words that support understands; no sentence."""
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
    """A sentence about what happened, for a customer."""
    ask: str | None = None
    """A sentence that asks the customer to do something; None: nothing."""
    is_seldom: bool = False
    """Whether it is rare in the field [E]: where others look the same, they come first."""
    acts: Actor
    """The party that must act to end the failure, or to prevent the next one."""
    now: str
    """The next step of support for the customer, in a sentence."""
    mend: str | None = None
    """The later step of the party that must act, in a sentence; None: nothing beyond `now`."""
    evidence: tuple[str, ...] = ()
    """Public reports of it: pages, issues, code, papers; empty: none known."""
    recipe: Recipe = field(default=Recipe(), hash=False)
    """How its fault shows it within a minute."""
    signature: Signature

    @property
    def spoken(self) -> str:
        """All that the customer hears."""
        return f"{self.customer} {self.ask}" if self.ask else self.customer

    @property
    def causes(self) -> frozenset[Cause | None]:
        """All causes that an unlock which failed in this way may have."""
        return frozenset((self.cause, *self.also))


def on_any_wire(mode: FailureMode) -> FailureMode:
    """Return a mode with what is seen of it on a wire without receipts and reasons, or states.

    All unanswered commands look alike there, and all refusals. If locks are not reported, an answer
    that the car has opened is the only evidence of it.
    """
    signature = mode.signature
    may = signature.needs | signature.may_show
    seen = frozenset(fact for fact, instead in _SHOWN_BY.items() if not may.isdisjoint(instead))
    seen -= signature.rules_out & {Fact.OPENED_AT_LAST}
    return replace(
        mode,
        also=(*mode.also, *(cause for fact, cause in _CAUSE_THERE.items() if fact in seen)),
        signature=replace(
            signature,
            needs_one_of=tuple(_with_stand_ins(group) for group in signature.needs_one_of),
            may_show=signature.may_show | seen,
            rules_out=(signature.rules_out | _NEVER_ELSE) - seen,
        ),
    )


def _with_stand_ins(group: frozenset[Fact]) -> frozenset[Fact]:
    """Return facts with those that stand for them on a wire without receipts."""
    return group.union(
        fact for fact, instead in INSTEAD_OF.items() if not group.isdisjoint(instead)
    )


def wherever_it_stopped(mode: FailureMode) -> FailureMode:
    """Return a mode with all facts that say how far its unlocks come, by its causes.

    A box without a network has mostly not confirmed its command; but it may be lost after that, or
    be back before the customer has given up.
    """
    signature = mode.signature
    if Fact.NOT_DELIVERED not in signature.needs:
        return mode
    stopped = frozenset(HOW_FAR[cause] for cause in mode.causes & HOW_FAR.keys())
    stopped = _with_stand_ins(stopped | {Fact.NOT_DELIVERED})
    if Cause.VEHICLE_FAILED in mode.causes:
        stopped |= signature.may_show & REFUSALS
    return replace(
        mode,
        signature=replace(
            signature,
            needs=signature.needs - {Fact.NOT_DELIVERED},
            needs_one_of=(*signature.needs_one_of, stopped),
            may_show=signature.may_show | stopped,
            rules_out=signature.rules_out - stopped,
        ),
    )


def rule_out_other_reasons(mode: FailureMode) -> FailureMode:
    """Return a mode with the facts that name another reason than the mode.

    A platform or a box that says why it turns a request down has that reason, and no other.
    """
    signature = mode.signature
    its = signature.needs | signature.may_show
    rules_out = signature.rules_out | (NAMED_REASONS - its)
    return replace(mode, signature=replace(signature, rules_out=rules_out))


def facts(*listed: Fact) -> frozenset[Fact]:
    """Return facts as a set: short where signatures are written."""
    return frozenset(listed)


REFUSALS = frozenset(fact for fact in Fact if fact.value.startswith("refused_"))
"""All ways in which a box refuses; one that comes too late is one of them."""
INSTEAD_OF = {
    Fact.NOT_ANSWERED: frozenset(
        {Fact.NOT_DELIVERED, Fact.SILENT_AFTER_RECEIPT, Fact.STATE_WITHOUT_RESULT}
    ),
    Fact.OPENED_AT_LAST: frozenset({Fact.OPENED_LATE, Fact.REFUSED_LATE}),
}
"""The substitutes for facts on a wire without receipts. If a command has no expiry, a box that was
away opens its car on its return, and cannot refuse the command as too late."""
INSTEAD_OF_REASONS = {Fact.REFUSED_SOMEHOW: REFUSALS - {Fact.REFUSED_LATE}}
"""The same where boxes do not say why they refuse."""
INSTEAD_OF_STATE = {Fact.WENT_WELL: frozenset({Fact.RESULT_WITHOUT_STATE})}
"""The same on a wire without states."""
_NEVER_ELSE = facts(Fact.NOT_ANSWERED, Fact.REFUSED_SOMEHOW)
"""What is seen there of no other mode."""
_SHOWN_BY = {
    **INSTEAD_OF,
    **INSTEAD_OF_REASONS,
    **INSTEAD_OF_STATE,
    Fact.OPENED_AT_LAST: facts(
        Fact.OPENED_LATE,
        Fact.REFUSED_LATE,
        Fact.CONFIRMED_LATE,
        Fact.BACK_SOON,
        Fact.BACK_IN_MINUTES,
        Fact.BACK_AFTER_WILL,
        Fact.RESUMED,
    ),
}
"""Modes that show any of these show what stands for it too: whoever comes back may open at last."""
HOW_FAR: Final[dict[Cause | None, Fact]] = {
    None: Fact.WENT_WELL,
    Cause.API_REFUSED: Fact.NOTHING_PUBLISHED,
    Cause.API_FAILED: Fact.NOTHING_PUBLISHED,
    Cause.NOT_PUBLISHED: Fact.NOTHING_PUBLISHED,
    Cause.BROKER_UNREACHABLE: Fact.BROKER_UNREACHABLE,
    Cause.BROKER_DENIED: Fact.BROKER_DENIED,
    Cause.NO_SUBSCRIBER: Fact.NO_SUBSCRIBER,
    Cause.EXECUTION_SILENT: Fact.SILENT_AFTER_RECEIPT,
    Cause.RESULT_LOST: Fact.STATE_WITHOUT_RESULT,
    Cause.DOOR_UNCONFIRMED: Fact.RESULT_WITHOUT_STATE,
    Cause.BOX_SAYS_EXPIRED: Fact.REFUSED_EXPIRED,
    Cause.BOX_BUSY: Fact.REFUSED_BUSY,
}
"""The fact that says how far an unlock of each cause came."""
_CAUSE_THERE = {
    Fact.WENT_WELL: None,
    Fact.NOT_ANSWERED: Cause.UNCLASSIFIED,
    Fact.REFUSED_SOMEHOW: Cause.VEHICLE_FAILED,
}
"""All that can be concluded from them."""
ANSWERS = frozenset(
    {Fact.WENT_WELL, Fact.RESULT_WITHOUT_STATE, *REFUSALS}
    - {Fact.REFUSED_LATE, Fact.REFUSED_EXPIRED}
)
"""Facts of an unlock to which the car itself has answered in time. A command that is too old it may
refuse because it was away meanwhile."""
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
NAMED_REASONS = facts(
    Fact.SAID_MAINTENANCE,
    Fact.SAID_BOOKING,
    Fact.SAID_TOO_FAR,
    Fact.SAID_SIGNED_OUT,
    Fact.SIGNED_OUT_ALONE,
    Fact.SAID_WRONG,
    Fact.LOCKED_BY_KEY,
    Fact.WRONG_PIN,
)
"""Facts by which a platform or a box names its reason for not opening the car."""
AWAY_CAUSES: Final = (
    Cause.BOX_SILENT,
    Cause.BOX_OFFLINE,
    Cause.EXECUTION_SILENT,
    Cause.NO_SUBSCRIBER,
    Cause.BOX_SAYS_EXPIRED,  # it was back before the customer had given up
    Cause.NOT_PUBLISHED,  # a platform that knows it to be away sends nothing
)
"""Causes of unlocks of a box without a network, for any reason."""
