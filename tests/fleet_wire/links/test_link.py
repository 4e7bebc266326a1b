"""Where a broker is, as a user writes it."""

from __future__ import annotations

import pytest

from fleet_wire.errors import ConfigError
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.link import BrokerAddress


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"mqtt://u:{'secret' * 20_000}@h", "the password is longer than the 65535 bytes"),
        ("mqtt://u:secret\udcff@h", "is not UTF-8 text"),
        ("mqtt://\udcff:secret@h", "is not UTF-8 text"),
    ],
)
def test_what_no_connection_can_be_opened_to(url: str, said: str) -> None:
    """Before anything tries, and without the password."""
    with pytest.raises(ConfigError) as caught:
        BrokerAddress.parse(url)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_query_is_part_of_an_address_and_is_not_shown() -> None:
    """AWS IoT's presigned URLs carry their signature there. A bare slash is no path."""
    query = "X-Amz-Credential=AK%2Fiot&X-Amz-Signature=secret"
    (address,) = Brokers.parse(f"wss://h.example/mqtt?{query}").addresses
    assert (address.path, address.query) == ("/mqtt", query)
    assert str(address) == "wss://h.example:443/mqtt"
    assert BrokerAddress.parse("mqtt://h/") == BrokerAddress("mqtt", "h", 1883, path="/")


def test_a_client_that_is_to_connect_gets_the_whole_address() -> None:
    """User, password and query come back from it as they were; another reader gets neither."""
    brokers = Brokers.parse("mqtt://u:p%40%2Fs@h:1,ws://[::1]/a?sig=s%2B,ws://:pw@h")
    assert Brokers.parse(brokers.urls_with_secrets()) == brokers
    assert brokers.urls() == "mqtt://u@h:1,ws://[::1]:80/a,ws://h:80/mqtt"
