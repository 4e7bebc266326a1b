"""Faults of making a connection, in virtual time."""

from __future__ import annotations

import pytest

from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.parameters import NULL_BOX
from fleet_sim.faults import Fault
from fleet_sim.faults.connecting import DnsFailure, TlsCertExpired, TlsNotYetValidClock1970
from fleet_wire.contract.messages import PresenceStatus
from fleet_wire.links.reconnect import ReconnectPolicy
from tests.helpers.culprit import Suspect
from tests.helpers.fake_link import bench
from tests.helpers.faulty import Street, inject

QUICK = NULL_BOX.model_copy(
    update={"reconnect": ReconnectPolicy(full_jitter=False, base_s=1.0, jitter_s=0.0)}
)
AT_5_S = {"renewal": Uniform(base_s=5.0)}


@pytest.mark.parametrize("fault", [DnsFailure(**AT_5_S), TlsCertExpired(**AT_5_S)])
def test_who_must_connect_anew_cannot(fault: Fault) -> None:
    """The will is published when the connection ends; no socket is opened until the window closes.

    Then the box connects at its next attempt.
    """
    street = Street(parameters=QUICK)
    street.inject(fault, 60.0)
    street.pass_s(4.9)
    street.unlock("before")
    street.pass_s(0.05)
    assert street.executed() == ["before"]
    street.pass_s(54.0)
    assert not street.boxes[0].modem.connection.is_reachable
    said = [status for _, status in street.platform.presences]
    assert said == [PresenceStatus.ONLINE, PresenceStatus.OFFLINE]
    street.pass_s(15.0)
    assert street.boxes[0].modem.connection.is_reachable


@pytest.mark.parametrize(
    ("fault", "found_expired"),
    [
        (TlsCertExpired(**AT_5_S), {True}),
        (TlsNotYetValidClock1970(off=Uniform(base_s=1.0), sync=Uniform(base_s=600.0)), {False}),
        (DnsFailure(**AT_5_S), set()),
    ],
)
def test_the_broker_hears_why_no_handshake_succeeds(fault: Fault, found_expired: set[bool]) -> None:
    """Once for each attempt; where the name is not found it hears nothing."""
    street = Street(parameters=QUICK)
    street.inject(fault, 30.0)
    street.pass_s(25.0)
    assert set(street.bad_certificates) == found_expired
    assert len(street.bad_certificates) in ((0,) if not found_expired else range(15, 30))


def test_who_has_the_address_built_in_asks_nobody() -> None:
    """It connects anew as ever."""
    car = bench(QUICK)
    inject(DnsFailure(pinned=1.0, **AT_5_S), car, 60.0)
    car.env.run(until=6)
    car.box.modem.dialler.drop_connection(by=_Nobody())
    car.env.run(until=8)
    assert car.link.calls == ["connect", "abort", "connect"]


class _Nobody:
    """Implements `fleet_sim.cars.failpoints.Culprit`, and forgets."""

    def hit(self, vehicle_id: str, what: str, **of: object) -> None:
        """Forget it."""


def test_firmware_that_never_tries_again_needs_a_boot() -> None:
    """A new certificate is of no use to it, nor is the network, until somebody restarts it."""
    street = Street(parameters=QUICK)
    street.inject(TlsCertExpired(gives_up=1.0, **AT_5_S), 30.0)
    street.pass_s(100.0)
    (box,) = street.boxes
    assert not box.modem.connection.is_reachable
    assert "bad_certificate" in {hit.what for hit in street.hits}
    box.power.reboot(by=Suspect())
    street.pass_s(120.0)
    assert box.modem.connection.is_reachable
