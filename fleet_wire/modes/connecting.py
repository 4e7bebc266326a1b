"""Modes of the way to a connection: DNS, TLS, the clock."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import (
    ANSWERS,
    AWAY_CAUSES,
    Actor,
    FailureMode,
    Layer,
    Signature,
    facts,
)
from fleet_wire.modes.network import NOT_AWAY
from fleet_wire.modes.recipe import Recipe

MODES: Final = (
    FailureMode(
        slug="dns_failure",
        title="the car cannot find the server's address",
        number=25,
        layer=Layer.NETWORK,
        party=Party.NETWORK,
        cause=Cause.BOX_OFFLINE,
        also=AWAY_CAUSES,
        engineer=(
            "Looking up our servers' address (DNS) fails, at the mobile operator or with us. "
            "Connected cars stay connected, but others cannot find us; often it differs by "
            "operator."
        ),
        customer="The car cannot find our servers at the moment.",
        is_seldom=True,
        acts=Actor.NETWORK_OPERATOR,
        now="Give the customer a car of another operator, or ask them to open by Bluetooth or"
        " card.",
        mend="Fix the lookup of the broker's name in your network. If our record is wrong, we"
        " change it.",
        evidence=(
            "CUP-obc changelog 0.108.0: DNS of the SIM cards failed, Vodafone",
            "AWS us-east-1, 2025-10-20: 15 hours",
        ),
        recipe=Recipe(parameters={"renewal": {"base_s": 0, "spread_s": 10}}),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            hallmarks=facts(Fact.OPERATOR_AWAY, Fact.OPERATOR_FAILS),
            rules_out=NOT_AWAY
            | facts(Fact.VOLTAGE_FELL, Fact.WAS_ASLEEP, Fact.DENIED_AT_BROKER)
            | facts(Fact.TOLD_LOW_VOLTAGE, Fact.WILLS_AT_ONCE, Fact.KEEPALIVE_EXCEEDED)
            | facts(Fact.OPENED_LATE),
        ),
    ),
    FailureMode(
        slug="tls_cert_expired",
        title="a certificate has expired",
        number=26,
        layer=Layer.BROKER,
        party=Party.BROKER,
        cause=Cause.BOX_OFFLINE,
        also=(*AWAY_CAUSES, Cause.BROKER_UNREACHABLE),
        engineer=(
            "A certificate has expired, or the box does not know who issued it (its root). From "
            "one moment on, no box of a kind can connect again."
        ),
        customer="The car's secure connection to us fails at the moment.",
        acts=Actor.BROKER_TEAM,
        now="Give the customer another car: this one does not come back by itself.",
        mend="Renew the certificate; look at its end and at the roots of each firmware.",
        evidence=(
            "Ericsson and O2, 2018-12-06: an expired certificate",
            "chirpstack-gateway-bridge#210: it never tries again",
        ),
        recipe=Recipe(parameters={"renewal": {"base_s": 0, "spread_s": 10}}),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED, Fact.TLS_FAILED),
            hallmarks=facts(Fact.FIRMWARE_AWAY, Fact.FIRMWARE_FAILS),
            rules_out=ANSWERS
            | facts(Fact.REPORTED_AFTER, Fact.VOLTAGE_FELL, Fact.WAS_ASLEEP)
            | facts(Fact.DENIED_AT_BROKER)
            | facts(Fact.KEEPALIVE_EXCEEDED, Fact.DROPPED_AT_BROKER, Fact.OPENED_LATE),
        ),
    ),
    FailureMode(
        slug="tls_not_yet_valid_clock1970",
        title="the box has lost the time",
        number=27,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_OFFLINE,
        also=AWAY_CAUSES,
        engineer=(
            "The box lost power, and its clock begins in 1970. Certificates are not yet valid for "
            "it until the network tells it the time."
        ),
        customer="The car's electronics have restarted and are not connected again yet.",
        is_seldom=True,
        acts=Actor.BOX_TEAM,
        now="Ask the customer to press again in some minutes. If that fails, give them another"
        " car.",
        mend="Wait for the box to get the time, or restart it; give boxes a battery for the clock.",
        evidence=("Tasmota#9757", "ArduinoIoTCloud#160", "azure-iot-sdk-c#84"),
        recipe=Recipe(
            box={"boot": {"base_s": 3, "spread_s": 2}},
            parameters={"off": 3, "sync": {"base_s": 20, "spread_s": 15}},
            causes={
                Cause.BOX_SAYS_EXPIRED: Recipe(parameters={"sync": {"base_s": 1, "spread_s": 5}})
            },
        ),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED, Fact.TLS_FAILED),
            hallmarks=facts(Fact.CLOCK_WRONG),
            rules_out=facts(Fact.BACK_WITHOUT_BOOT, Fact.CONNECTION_CLOSED, Fact.DROPPED_AT_BROKER)
            | ANSWERS
            | facts(Fact.REPORTED_AFTER, Fact.DENIED_AT_BROKER, Fact.OPENED_LATE)
            | facts(Fact.TLS_EXPIRED),  # to a box in 1970 nothing is over yet
        ),
    ),
)
