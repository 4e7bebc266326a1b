"""The lean link against a broker that is played, in the text file of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import mqtt5

from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.link import LinkLimits, Message
from tests.helpers.fake_transport import FakeNetwork, FakeTransport, publish_from_broker, turn
from tests.helpers.transcripts import Player, stories_test
from tests.helpers.waiting import eventually


class LinkPlayer(Player):
    """A link without a socket. After each row the event loop finishes its iteration.

    `client TOPIC` makes a client that subscribes, with limits by name; `connect` and `accept` open
    its connection, and `connected TOPIC` is all of that. `read PACKET…` are packets of the broker
    that come in one read: `connack`, `connack:receive_max=3`, `suback:1`, `suback:1:135`,
    `puback:5`, `publish:1:TEXT` with a packet id, `publish::TEXT` with none, `pingresp`,
    `disconnect:142`, or bytes such as `0x3001`. `acknowledge 0` is of the first message.
    `fails_at_message` and `freezes_at_message` are what the client does when the next one comes.
    After `until_written` the row lasts until something is written.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._row: list[partial[object]] = []
        self._lines: list[str] = []
        self._transport: FakeTransport | None = None
        self._state = "read"
        self._known = [0, 0, 0, 0, 0]
        """How many writes, messages, acknowledgements, sessions and ends were told."""

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        own: dict[str, Callable[..., object]] = {
            "accept": self._accept,
            "acknowledge": lambda *numbers: self._link.acknowledge(
                *(self._client.messages[number] for number in numbers)
            ),
            "check": self._check,
            "client": self._make_client,
            "connected": self._connected,
            "fails_at_message": lambda: setattr(self._client, "on_message", None),
            "freezes_at_message": lambda: setattr(self._client, "on_message", self._freeze_at),
            "lose": lambda why=None: self._link.connection_lost(
                ConnectionResetError(104, why) if why else None
            ),
            "publish": self._publish,
            "read": self._read,
            "until_written": self._wait_until_written,
            "withhold": lambda: setattr(self._client, "acknowledges", False),
        }
        for name in ("connect", "freeze", "pause_writing", "resume_writing", "thaw"):
            own[name] = partial(self._of_link, name)
        return {name: partial(self._later, verb) for name, verb in own.items()}

    def close(self) -> None:
        """Close the event loop."""
        self._loop.close()

    def news(self) -> list[str]:
        """Return what was written, and what the client was told."""
        self._loop.run_until_complete(self._play_row())
        client, known = self._client, self._known
        writes = self._transport.writes if self._transport else []
        told = [*self._lines]
        told += [f"writes {', '.join(_packets(write))}" for write in writes[known[0] :]]
        told += [f"connected, {'a' if one else 'no'} session was there"
                 for one in client.sessions_present[known[3] :]]  # fmt: skip
        told += [f"message {one.payload.decode()}".rstrip() for one in client.messages[known[1] :]]
        told += [f"acknowledged {code}" for code in client.acks[known[2] :]]
        for end in client.ends[known[4] :]:
            code = "" if end.code is None else f" {end.code}"
            told.append(f"ended {end.why}{code}: {end.detail}".removesuffix(": "))
        self._known = [len(each) for each in (
            writes, client.messages, client.acks, client.sessions_present, client.ends
        )]  # fmt: skip
        state = (
            self._transport.how_closed
            or ("read no more" if self._transport.is_reading_paused else "read")
            if self._transport
            else "read"
        )
        if state != self._state:
            self._state = state
            told.append(f"the connection is {state}")
        self._lines = []
        return told

    def _later(self, verb: Callable[..., object], /, *arguments: Any, **named: Any) -> None:
        self._row.append(partial(verb, *arguments, **named))

    async def _play_row(self) -> None:
        """Do all of a row within one iteration of the event loop, and finish that."""
        row, self._row = self._row, []
        for happen in row:
            try:
                if asyncio.iscoroutine(waiting := happen()):
                    await waiting
            except LocalProtocolError as error:
                self._lines.append(f"refused: {error}")
            if happen.func == self._connected and self._transport:
                await turn()
                self._transport.writes.clear()
        await turn()

    async def _wait_until_written(self) -> None:
        transport, known = self._transport, self._known[0]
        await eventually(lambda: transport and len(transport.writes) > known)

    def _freeze_at(self, message: Message) -> None:
        self._client.messages.append(message)
        self._link.freeze()

    def _check(self, after_s: int) -> None:
        next_tick = self._link.check(self._tick + after_s)
        at = f"again at {next_tick - self._tick}" if next_tick else "no more"
        self._lines.append(f"to be checked {at}")

    def _of_link(self, name: str) -> None:
        getattr(self._link, name)()

    def _make_client(self, topic: str | None = None, **limits: Any) -> None:
        self._network = FakeNetwork(LinkLimits(**limits) if limits else None)
        self._client, self._link = self._network.client(*([topic] if topic else []))
        self._tick = self._network.wheel.tick
        self._transport = None
        self._state = "read"

    def _accept(self) -> None:
        self._transport = self._network.accept()
        self._known[0] = 0
        self._state = "read"

    def _connected(self, topic: str | None = None, **limits: Any) -> None:
        self._make_client(topic, **limits)
        self._link.connect()
        self._accept()
        self._read("connack:receive_max=20", *(["suback:1"] if topic else []))
        self._client.sessions_present.clear()

    def _read(self, *packets: str) -> None:
        self._link.data_received(b"".join(map(_of_broker, packets)))

    def _publish(self, text: str = "", *, times: int = 1, size: int = 0, **more: Any) -> None:
        for number in range(times):
            payload = bytes(size) if size else f"{text}{number if times > 1 else ''}".encode()
            self._link.publish("topic", payload, on_ack=self._client.acks.append, **more)


def _of_broker(written: str) -> bytes:
    """Return the bytes of a packet of the broker."""
    name, _, rest = written.partition(":")
    number, _, text = rest.partition(":")
    makers: dict[str, Callable[[], bytes]] = {
        "connack": lambda: _connack(rest),
        "disconnect": lambda: mqtt5.DisconnectPacket(
            reason_code=mqtt5.DisconnectReasonCode(int(number))
        ).write(),
        "pingresp": lambda: mqtt5.PingRespPacket().write(),
        "puback": lambda: mqtt5.PubAckPacket(int(number)).write(),
        "publish": lambda: publish_from_broker(text.encode(), int(number) if number else None),
        "suback": lambda: mqtt5.SubAckPacket(
            int(number), [mqtt5.SubAckReasonCode(int(text or 1))]
        ).write(),
    }
    return makers[name]() if name in makers else bytes.fromhex(name.removeprefix("0x"))


def _connack(written: str) -> bytes:
    """Return the CONNACK of `receive_max=3,session_present=1`."""
    named: dict[str, Any] = {
        name: int(value)
        for name, _, value in (one.partition("=") for one in written.split(",") if one)
    }
    code = mqtt5.ConnAckReasonCode(named.pop("code", 0))
    present = bool(named.pop("session_present", 0))
    return mqtt5.ConnAckPacket(session_present=present, reason_code=code, **named).write()


def _packets(written: bytes) -> Iterator[str]:
    """Yield in words the packets of one write."""
    data = written
    while data:
        packet, size = mqtt5.read(memoryview(data))
        data = data[size:]
        name = type(packet).__name__.removesuffix("Packet").lower()
        match packet:
            case mqtt5.PublishPacket():
                text = packet.payload.decode() if len(packet.payload) < 20 else "…"
                again = " again" if packet.duplicate else ""
                yield " ".join(filter(None, [name, str(packet.packet_id or ""), text])) + again
            case mqtt5.PubAckPacket():
                yield f"{name} {packet.packet_id}"
            case mqtt5.DisconnectPacket():
                yield f"{name} {int(packet.reason_code)}"
            case _:
                yield name


test_stories = stories_test(__file__, LinkPlayer)
