"""What decoding takes is measured on the same messages, and told with its ratio."""

from __future__ import annotations

import pytest

from bench.decoding import MESSAGES, PROFILE_FILE, DecodingPlan, measure_decoding, render_decoding
from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.loading import load_profile
from fleet_wire.profiles.reading import Reader
from tests.helpers.messages import message_of

pytestmark = pytest.mark.long


def test_every_kind_is_measured_beside_the_contract() -> None:
    """A time and a ratio for each kind, and the goal beside them."""
    rounds = measure_decoding(DecodingPlan(rounds=2, messages=10))
    assert len(rounds) == 2
    for one in rounds:
        assert one.native_us.keys() == one.mapped_us.keys() == {kind.value for kind in MESSAGES}
    text = render_decoding(rounds)
    assert "mapped / native, a message" in text
    assert "<= 3" in text


def test_the_mapped_fleet_says_as_much_as_the_contract() -> None:
    """Every field of the contract's messages is mapped, on the way that most files take."""
    profile = load_profile(str(PROFILE_FILE))
    for kind, message in MESSAGES.items():
        if kind is not TopicKind.WAKE:
            ((topic, payload, _, _),) = profile.write(kind, "car-1", message)
            ((_, _, (reader, _)),) = profile.slots_of(message_of(topic, payload))
            assert isinstance(reader, Reader)
            assert reader._short is not None
