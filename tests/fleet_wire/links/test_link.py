"""Where a broker is, as a user writes it."""

from __future__ import annotations

import pytest

from fleet_wire.errors import ConfigError
from fleet_wire.links.link import BrokerAddress


def test_an_address_has_the_usual_port_where_none_is_given() -> None:
    """Each scheme its own; without a scheme it is MQTT over TCP."""
    ports = {url: BrokerAddress.parse(url).port for url in ("h", "mqtts://h", "ws://h", "wss://h")}
    assert ports == {"h": 1883, "mqtts://h": 8883, "ws://h": 80, "wss://h": 443}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mqtt://h:0", "port 0 is nobody's"),
        ("mqtt://h:65536", "out of range"),
        (f"mqtt://{'h' * 70}", "is no host"),
        ("mqtt://u%00:secret@h", "the user holds a NUL character"),
        ("mqtt://u:secret%00@h", "the password holds a NUL character"),
        (f"mqtt://u:{'secret' * 20_000}@h", "the password is longer than the 65535 bytes"),
        ("mqtt://u:secret\udcff@h", "is not UTF-8 text"),
        ("mqtt://\udcff:secret@h", "is not UTF-8 text"),
        ("ftp://h", "expected mqtt://"),
    ],
)
def test_what_no_connection_can_be_opened_to(url: str, said: str) -> None:
    """Before anything tries, and without the password."""
    with pytest.raises(ConfigError) as caught:
        BrokerAddress.parse(url)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
