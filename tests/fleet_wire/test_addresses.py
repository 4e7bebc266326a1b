"""Hosts and ports that a user names."""

from __future__ import annotations

import pytest

from fleet_wire.addresses import host_problem, parse_listen
from fleet_wire.errors import ConfigError


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "bücher.example", "h" * 63])
def test_hosts(host: str) -> None:
    """Names, in any language, and addresses. At others the resolver raises what nobody expects."""
    assert host_problem(host) is None
    for other in ("h" * 64, "a..b", "a\0b", "\udcff"):
        assert host_problem(other) is not None


@pytest.mark.parametrize("text", ["h:" + "9" * 5_000, f"{'h' * 70}:1"])
def test_what_cannot_be_listened_on(text: str) -> None:
    """One short line."""
    with pytest.raises(ConfigError) as caught:
        parse_listen(text)
    assert len(str(caught.value)) < 200
