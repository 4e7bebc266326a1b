"""Payloads that nobody can decode, in every encoding: counted, and of no other consequence."""

from __future__ import annotations

from functools import cache
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.codec import MAX_PAYLOAD_BYTES
from tests.helpers.other_bench import OtherBench
from tests.helpers.own_wires import OWN_WIRES
from tests.helpers.profile_files import profile_of
from tests.helpers.profile_player import CAR, COMMAND, MESSAGES

ENCODED: Final = ("one-topic", "cbor", "message-pack", "protobuf")
"""A wire for each encoding."""


@cache
def bench_of(wire: str) -> tuple[OtherBench, list[tuple[str, bytes]], list[Exception]]:
    """Return a monitor, a message of every kind on its wire, and the defects that it notes."""
    bench = OtherBench(profile_of(OWN_WIRES[wire]))
    packets = [
        packet[:2]
        for kind, message in MESSAGES.items()
        for packet in bench.profile.write(kind, CAR, message, COMMAND)
    ]
    defects: list[Exception] = []
    bench.inbox.on_defect = defects.append
    return bench, packets, defects


def damaged(payload: bytes) -> st.SearchStrategy[bytes]:
    """Return payloads that begin and end as a good one, with other bytes between."""
    cuts = st.integers(0, len(payload))
    return st.builds(
        lambda begin, middle, end: payload[:begin] + middle + payload[end:],
        cuts,
        st.binary(min_size=1, max_size=12),
        cuts,
    )


def hostile(wire: str) -> st.SearchStrategy[tuple[str, bytes]]:
    """Return a topic of a wire, and what may come there; nothing at all removes a car."""
    _, packets, _ = bench_of(wire)
    anything = st.one_of(
        st.binary(min_size=1, max_size=200),
        st.builds(
            lambda begin, times: begin * times,
            st.binary(min_size=1, max_size=3),
            st.integers(1, 5_000),
        ),
    )
    return st.sampled_from(packets).flatmap(
        lambda packet: st.tuples(st.just(packet[0]), damaged(packet[1]) | anything)
    )


@given(data=st.data())
@pytest.mark.parametrize("wire", ENCODED)
def test_a_payload_that_cannot_be_decoded_is_counted(wire: str, data: st.DataObject) -> None:
    """Each message is read or counted as malformed, and none is a defect of the monitor's."""
    bench, _, defects = bench_of(wire)
    topic, payload = data.draw(hostile(wire))
    inbox = bench.inbox
    malformed, read = inbox.malformed, sum(inbox.taken.values())
    bench.take(topic, payload)
    assert defects == []
    assert inbox.malformed <= malformed + 1
    assert inbox.malformed + sum(inbox.taken.values()) > malformed + read


@pytest.mark.parametrize("wire", ENCODED)
def test_a_payload_that_is_too_long_is_refused_unread(wire: str) -> None:
    """Its decoding would hold up all others."""
    bench, packets, _ = bench_of(wire)
    before = bench.inbox.malformed
    for topic, payload in packets:
        bench.take(topic, payload + bytes(MAX_PAYLOAD_BYTES))
    assert bench.inbox.malformed == before + len(packets)
