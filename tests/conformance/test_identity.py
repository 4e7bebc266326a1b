"""Each client is to the broker who its factory says, on either link; asked at each connect."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from fleet_wire.errors import ConfigError
from fleet_wire.links.connecting import Identity
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import EndReason, LinkHandler, Session
from tests.helpers.brokers import running_mosquitto, write_passwords
from tests.helpers.recorder import Recorder
from tests.helpers.waiting import eventually


@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_client_comes_as_itself(protocol: Literal["5", "3.1.1"], tmp_path: Path) -> None:
    """One has its own name, one a wrong password, one is nobody special, and one file is gone."""
    config = write_passwords(tmp_path / "passwords", {"own": "o"})

    def identity_of(handler: LinkHandler) -> Identity | None:
        match handler.session().client_id:
            case "itself":
                return Identity(username="own", password="o")  # noqa: S106
            case "wrong":
                return Identity(username="own", password="w")  # noqa: S106
            case "unreadable":
                raise ConfigError(["certificate.pem: No such file or directory"])
        return None

    with running_mosquitto(config) as broker:
        links = LeanLinkFactory(broker.address, protocol=protocol, identity_of=identity_of)
        names = ("itself", "wrong", "unreadable", "nobody")
        clients = {name: Recorder(links, Session(name)) for name in names}
        for client in clients.values():
            client.link.connect()
        await eventually(lambda: all(one.ends or one.sessions_present for one in clients.values()))
        ends = {name: [end.why for end in client.ends] for name, client in clients.items()}
        assert ends == {
            "itself": [],
            "wrong": [EndReason.REFUSED],
            "unreadable": [EndReason.UNREACHABLE],
            "nobody": [EndReason.REFUSED],
        }
        assert clients["unreadable"].ends[0].detail == "certificate.pem: No such file or directory"
        for client in clients.values():
            client.link.abort()
