"""Plays stories of links on any broker: what clients do, and what comes to each.

They are written as transcripts are, with these differences. There are no times: what a row leads to
is awaited. A line says what comes to one client, events with semicolons between. Order counts
within a topic, within PUBACKs, and within connections. `0-99` stands for so many payloads, and
`*3` for an event that comes so often. `[no_properties]` before a line asks for a `Difference` of
link or broker, `[a|b]` for one of two, and `[!a !b]` for none of both.
"""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Final

from fleet_sim.broker.control import BrokerControl
from fleet_wire.contract.broker_log import BROKER_LOG, broker_event_of
from fleet_wire.links.link import (
    Disconnected,
    LinkLimits,
    Message,
    PublishProperties,
    Will,
)
from tests.helpers.harness import Clients, Difference, Harness
from tests.helpers.recorder import Recorder
from tests.helpers.transcripts import Story, as_arguments, events_in

OF_LINK: Final = {*LinkLimits.__dataclass_fields__}
OF_PROPERTIES: Final = {*PublishProperties.__struct_fields__}
OF_LINKS: Final = ("abort", "disconnect", "freeze", "leave_behind", "thaw")
OF_BROKER: Final = ("continue_reading", "kill_broker", "restart_broker", "stop_reading")

Stream = tuple[str, ...]
"""A client, and one of its topics, its PUBACKs (`acked`), or its connections (`is`)."""


class LinkPlayer:
    """Clients of a broker, by name.

    `client NAME FILTER...` makes one, `connected` connects it too, unseen. `connect NAME` waits
    until it is connected, and `ask` does not; `back` connects it unseen. `withhold` has it
    acknowledge nothing, `heed` all that it holds and what comes, and `acknowledge` the first of all
    that came. What is published with `acked=yes` says its PUBACK. A will is
    `will='TOPIC PAYLOAD delay_s=1'`, and `size=` fills a payload up. `refuse CLIENT`, `deny CLIENT
    TOPIC` and `close TOPIC` hold until `allow`. Who subscribes to `BROKER_LOG` hears of others.
    """

    def __init__(self, harness: Harness, control: BrokerControl | None = None) -> None:
        self._harness = harness
        self._control = control
        self._denials = ExitStack()
        self._clients = Clients(harness)
        self._made: dict[str, Recorder] = {}
        self._came: dict[Stream, list[str]] = defaultdict(list)

    async def play(self, story: Story) -> None:
        """Play a story. What comes otherwise than it says fails."""
        expected: dict[Stream, list[str]] = {}
        try:
            for line in story.text.splitlines():
                if not line.startswith(("#", "=")):
                    await self._see(expected)
                    expected.clear()
                    for verb, *words in events_in(line):
                        await self._do(verb, *words)
                elif line.startswith("="):
                    for stream, event in _expected(line[1:].strip(), self._harness.differences):
                        expected.setdefault(stream, []).append(event)
            await self._see(expected)
        finally:
            self._clients.close()
            self._denials.close()

    async def _see(self, expected: dict[Stream, list[str]]) -> None:
        """Wait until all that is expected came; fail when anything else does."""

        def is_over() -> bool:
            is_wrong = any(
                not _begin_alike(came, expected.get(stream, ()))
                for stream, came in self._came.items()
            )
            return is_wrong or all(
                len(self._came[stream]) >= len(events) for stream, events in expected.items()
            )

        await self._harness.until(is_over, f"{expected}")
        for stream in {*expected, *self._came}:
            came, wanted = self._came.pop(stream, []), expected.get(stream, [])
            assert len(came) == len(wanted), (stream, came, wanted)
            assert _begin_alike(came, wanted), (stream, came, wanted)

    async def _do(self, verb: str, *words: str) -> None:
        positional, named = as_arguments(word.replace("BROKER_LOG", BROKER_LOG) for word in words)
        if verb in OF_BROKER:
            getattr(self._harness, verb)()
        elif verb == "wait":
            await self._harness.let_pass(*positional)
        elif verb in OF_LINKS:
            getattr(self._made[positional[0]].link, verb)()
        elif verb in ("client", "connected"):
            self._make(*positional, **named)
            if verb == "connected":
                await self._connect(positional[0], is_seen=False)
        elif verb in ("connect", "back"):
            await self._connect(positional[0], is_seen=verb == "connect")
        else:
            getattr(self, f"_do_{verb}")(*positional, **named)

    def _make(self, name: str, *filters: str, id: str = "", will: str = "", **more: Any) -> None:  # noqa: A002
        limits = LinkLimits(**{key: more.pop(key) for key in OF_LINK & more.keys()})
        if will:
            (topic, payload), changes = as_arguments(shlex.split(will))
            more["will"] = Will(topic, str(payload).encode(), **changes)
        tell = self._came

        class Told(Recorder):
            def on_connected(self, *, session_present: bool) -> None:
                super().on_connected(session_present=session_present)
                tell[name, "is"].append("resumes" if session_present else "connects")

            def on_message(self, message: Message) -> None:
                event = broker_event_of(message.payload, 0.0)
                if event is None and message.topic.startswith("$"):
                    pass  # the log says more than what happens to clients
                elif event is None:
                    tell[name, message.topic].append(f"gets {message.topic} {_shown(message)}")
                elif event.client_id != name:
                    tell[name, event.client_id or ""].append(
                        f"hears {event.client_id} {event.kind}"
                    )
                super().on_message(message)

            def on_disconnected(self, reason: Disconnected) -> None:
                super().on_disconnected(reason)
                code = "-" if reason.code is None else reason.code
                tell[name, "is"].append(f"ends {reason.why} {code}")

        self._made[name] = self._clients.make(
            id or name, *filters, limits=limits, kind=Told, **more
        )

    async def _connect(self, name: str, *, is_seen: bool) -> None:
        await self._clients.connect(self._made[name])
        if not is_seen:
            self._came[name, "is"].pop()

    def _do_ask(self, name: str) -> None:
        self._made[name].link.connect()

    def _do_refuse(self, client_id: str) -> None:
        assert self._control is not None
        self._denials.enter_context(self._control.refusing([client_id]))

    def _do_deny(self, client_id: str, topic: str) -> None:
        assert self._control is not None
        self._denials.enter_context(self._control.denying({client_id: [topic]}))

    def _do_close(self, topic: str) -> None:
        assert self._control is not None
        self._denials.enter_context(self._control.closing([topic]))

    def _do_allow(self) -> None:
        self._denials.close()

    def _do_withhold(self, name: str) -> None:
        self._made[name].acknowledges = False

    def _do_heed(self, name: str) -> None:
        client = self._made[name]
        client.acknowledges = True
        for message in list(client.messages):
            client.link.acknowledge(message)

    def _do_acknowledge(self, name: str) -> None:
        client = self._made[name]
        client.link.acknowledge(client.messages[0])

    def _do_publish(
        self,
        name: str,
        topic: str,
        payload: object = "",
        *,
        acked: bool = False,
        size: int = 0,
        **more: Any,
    ) -> None:
        its = {key: more.pop(key) for key in OF_PROPERTIES & more.keys()}
        properties = PublishProperties(**its) if its else None
        if acked:
            more["on_ack"] = lambda code: self._came[name, "acked"].append(f"acked {code}")
        for one in _each(str(payload)):
            content = one.encode().ljust(size)
            self._made[name].link.publish(topic, content, properties=properties, **more)


def _shown(message: Message) -> str:
    """Return the payload of a message, and what is unusual of it."""
    size = len(message.payload)
    marks = [
        *(["retained"] if message.retain else []),
        *(["again"] if message.duplicate else []),
        *([f"qos {message.qos}"] if message.qos != 1 else []),
        *([f"{size} bytes"] if size > 1_000 else []),
    ]
    shown = message.payload.decode().strip() or "-"
    return f"{shown} ({', '.join(marks)})" if marks else shown


def _each(payload: str) -> Iterator[str]:
    """Yield the payloads of `0-99`; any other text is one."""
    first, is_range, last = payload.partition("-")
    if is_range and first.isdigit() and last.isdigit():
        yield from map(str, range(int(first), int(last) + 1))
    else:
        yield payload


def _expected(line: str, differences: frozenset[Difference]) -> Iterator[tuple[Stream, str]]:
    """Yield what a line expects, each event with its stream; nothing where it is for others."""
    names = {one.name.lower() for one in differences}
    if guard := re.match(r"\[(.*?)\] ", line):
        for term in guard[1].split():
            others = {*term.removeprefix("!").split("|")}
            assert all(one.upper() in Difference.__members__ for one in others), term
            if names.isdisjoint(others) is not term.startswith("!"):
                return
        line = line[guard.end() :]
    client, _, events = line.partition(" ")
    for event in events.split("; "):
        once, _, times = event.partition(" *")
        for said, topic in _gets(once) if once.startswith("gets ") else [(once, "")]:
            verb, *words = said.split()
            stream = topic or {"acked": "acked", "hears": " ".join(words[:1])}.get(verb, "is")
            for _ in range(int(times or 1)):
                yield (client, stream), said


def _gets(event: str) -> Iterator[tuple[str, str]]:
    """Yield each message of `gets TOPIC 0-99 (retained)`, and its topic."""
    found = re.fullmatch(r"gets (\S+) (.*?)( \(.*\))?", event)
    assert found, event
    topic, payload, marks = found.groups("")
    for one in _each(payload):
        yield f"gets {topic} {one}{marks}", topic


def _begin_alike(came: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether what came is how that begins which is wanted; codes may be left out there."""
    pairs = zip(came, wanted, strict=False)
    return len(came) <= len(wanted) and all(
        one == other or (not one.startswith("gets") and one.startswith(f"{other} "))
        for one, other in pairs
    )
