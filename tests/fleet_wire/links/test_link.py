"""Where a broker is, as a user writes it."""

from __future__ import annotations

import pytest

from fleet_wire.errors import ConfigError
from fleet_wire.links.link import BrokerAddress


def test_an_address_has_the_usual_port_where_none_is_given() -> None:
    """Each scheme its own; without a scheme it is MQTT over TCP."""
    ports = {url: BrokerAddress.parse(url).port for url in ("h", "mqtts://h", "ws://h", "wss://h")}
    assert ports == {"h": 1883, "mqtts://h": 8883, "ws://h": 80, "wss://h": 443}


@pytest.mark.parametrize("url", ["mqtt", "mqtt:1883", "mqtt:secret@h", "mqtt-1:1883", "ws.local"])
def test_what_only_looks_like_a_mistyped_scheme_is_a_host_or_a_user(url: str) -> None:
    """Containers and users are called so."""
    assert BrokerAddress.parse(url) == BrokerAddress.parse(f"mqtt://{url}")


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
        ("mqtt:/127.0.0.1:1883", "is that mqtt://127.0.0.1:1883?"),
        ("mqtt//h", "is that mqtt://h?"),
        ("mqtt:h:1883", "is that mqtt://h:1883?"),
        ("mqtts:/u:secret@h", "is that mqtts://***@h?"),
    ],
)
def test_what_no_connection_can_be_opened_to(url: str, said: str) -> None:
    """Before anything tries, and without the password."""
    with pytest.raises(ConfigError) as caught:
        BrokerAddress.parse(url)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
