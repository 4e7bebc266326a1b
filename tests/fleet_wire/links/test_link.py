"""Where a broker is, as a user writes it."""

from __future__ import annotations

import pytest

from fleet_wire.errors import ConfigError
from fleet_wire.links.link import BrokerAddress


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"mqtt://{'h' * 70}", "is no host"),
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
