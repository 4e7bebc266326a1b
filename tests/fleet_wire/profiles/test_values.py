"""Pointers into messages, and properties of commands."""

from __future__ import annotations

from bench.score.incidents import TWO_TOPICS
from fleet_wire.contract.messages import Action, Command
from fleet_wire.profiles.pointers import at, tokens_of
from tests.helpers.own_wires import ONE_FOR_ALL
from tests.helpers.profile_files import profile_of


def test_a_pointer_into_a_list_stays_in_it() -> None:
    """RFC 6901: by index; what is not there is nothing."""
    assert tokens_of("/a~1b/~01") == ("a/b", "~1")
    assert [at([1, 2], (index,)) for index in ("0", "1", "2", "x", "9999999")] == [
        1, 2, None, None, None,
    ]  # fmt: skip


def test_a_command_asks_for_its_answer() -> None:
    """By MQTT 5's properties, where the file has the answer belong by Correlation Data."""
    profile = profile_of(ONE_FOR_ALL)
    command = Command("c1", Action.UNLOCK, 0, 1, 0, "")
    properties = profile.properties("car-1", command, life_s=7, user_properties=())
    assert properties.response_topic == "fleet/answers"
    assert (properties.correlation_data, properties.expiry_s) == (b"c1", 7)
    properties = profile_of(TWO_TOPICS).properties("car-1", command, life_s=7, user_properties=())
    assert (properties.response_topic, properties.correlation_data) == (None, None)
