"""Whether an address can be listened at."""

from __future__ import annotations

import socket

import pytest

from fleet_wire.errors import LimitError
from fleet_wire.web.listening import check_can_listen


def test_a_free_port_can_be_had_and_a_taken_one_cannot() -> None:
    """Also where a connection of before still lingers, and with a host's name."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(LimitError, match=f"port {port} on 127.0.0.1 is taken"):
            check_can_listen("127.0.0.1", port)
        client = socket.create_connection(("127.0.0.1", port))
        server.accept()[0].close()  # whoever closes first lingers
        client.close()
    check_can_listen("127.0.0.1", port)
    check_can_listen("localhost", 0)
