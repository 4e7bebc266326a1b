"""A paho-mqtt client per box, all driven by one epoll loop instead of paho's thread per client."""

from __future__ import annotations

import select
import signal
import socket
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from bench.fleets.common import (
    CONNECTS_IN_FLIGHT,
    EXECUTED,
    KEEPALIVE_S,
    FleetArguments,
    Reporter,
    source_address,
    vehicle_id_of,
)

_POLL_S = 0.1


class PahoFleet:
    """All boxes of the process, by file descriptor."""

    def __init__(self, arguments: FleetArguments) -> None:
        self._arguments = arguments
        self._reporter = Reporter()
        self._epoll = select.epoll()
        self._clients: dict[int, Client] = {}
        self._started = 0
        self._connected = 0
        self._is_stopping = False

    def run(self) -> None:
        """Connect, then answer until SIGTERM."""
        signal.signal(signal.SIGTERM, self._stop)
        for _ in range(min(CONNECTS_IN_FLIGHT, self._arguments.count)):
            self._start_next()
        while not self._is_stopping:
            for descriptor, _ in self._epoll.poll(_POLL_S):
                client = self._clients[descriptor]
                client.loop_read()
                if client.want_write():
                    client.loop_write()
        self._reporter.stopped()

    def _stop(self, *_: object) -> None:
        self._is_stopping = True

    def _start_next(self) -> None:
        if self._started == self._arguments.count:
            return
        index = self._started
        self._started += 1
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=vehicle_id_of(index),
            userdata=vehicle_id_of(index),
            protocol=MQTTv5,
        )
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.connect(
            self._arguments.host,
            self._arguments.port,
            keepalive=KEEPALIVE_S,
            bind_address=source_address(index),
        )
        connection = client.socket()
        assert isinstance(connection, socket.socket)  # noqa: S101 - neither TLS nor WebSocket here
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._clients[connection.fileno()] = client
        self._epoll.register(connection.fileno(), select.EPOLLIN)

    def _on_connect(self, client: Client, vehicle_id: str, *_: Any) -> None:
        client.subscribe(f"cars/{vehicle_id}/command", qos=1)

    def _on_subscribe(self, *_: Any) -> None:
        self._connected += 1
        self._start_next()
        if self._connected == self._arguments.count:
            self._reporter.all_connected(self._connected)

    def _on_message(self, client: Client, vehicle_id: str, _: MQTTMessage) -> None:
        client.publish(f"cars/{vehicle_id}/result", EXECUTED, qos=1)
        self._reporter.answered += 1


def run(arguments: FleetArguments) -> None:
    """Run the fleet until SIGTERM."""
    PahoFleet(arguments).run()
